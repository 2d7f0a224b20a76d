//! The command line, and the configuration that it resolves to.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, Parser};
use cpu_step::{AdamW, EngineChoice, Precision};
use lm::{DeviceChoice, ModelConfig, Size};
use serde::Serialize;

use crate::batches::{BudgetMode, StepSize};
use crate::schedule::checkpoint_steps;

/// Characters that a token is taken to have when --batch-size and --seq-len are turned into characters: about what BPE
/// has at some hundred tokens. A constant, not measured, so that it is the same for every tokenizer.
pub const REFERENCE_CHARS_PER_TOKEN: u64 = 3;

/// Steps where no budget is given.
const DEFAULT_STEPS: u64 = 2000;

/// The peak where none is given: near the best of 0.5, 1, 2, 4 and 8 thousandths at width 64, and of 1.4, 2.8 and 5.6 at 128,
/// after 250 to 300 steps on the demo world. Rounded, so that it reads well.
fn default_learning_rate(d_model: usize) -> f64 {
    let rate = 4e-3 * libm::sqrt(64.0 / d_model as f64);
    (rate * 1e5).round() / 1e5
}

/// Train a small decoder on the text of LANG, tokenised by TOK.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "model-train",
    version,
    after_help = "Example:
  model-train --lang out/lang --tok out/tok --out out/model --size tiny --max-steps 1000

The model is a Llama-style decoder. MODEL/checkpoints/step-000123 loads in transformers with
AutoModelForCausalLM.from_pretrained; MODEL/train_log.parquet has a row for every step.

Each step covers the same text with any tokenizer (--budget-mode equal-text): batch-size × seq-len
× 3 characters, as many rows as they need. So steps, schedule and text agree between vocabularies.
A killed training goes on with --resume and ends with the same bytes.

--stack RUNS.toml trains many equal models at once on a GPU, whose time a small model leaves idle:
  [[run]]
  lang = \"out/lang-1\"
  tok = \"out/tok-1\"
  out = \"out/model-1\"
  seed = 1
Paths are as on the command line; each run writes its own MODEL as if alone."
)]
pub struct Options {
    /// The language directory, written by lang-gen
    #[arg(long, value_name = "LANG", required_unless_present = "stack")]
    pub lang: Option<PathBuf>,
    /// The tokenizer directory, written by tok-train from that LANG
    #[arg(long, value_name = "TOK", required_unless_present = "stack")]
    pub tok: Option<PathBuf>,
    /// The directory to write
    #[arg(long, value_name = "MODEL", required_unless_present = "stack")]
    pub out: Option<PathBuf>,
    /// Seed of initial weights, order of the text and BPE dropout [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Train the runs of this file together, each with its own lang, tok, out and seed; all else must be equal
    #[arg(long, value_name = "RUNS.toml", conflicts_with_all = ["lang", "tok", "out", "seed"])]
    pub stack: Option<PathBuf>,
    /// Go on where an earlier run of the same configuration stopped
    #[arg(long)]
    pub resume: bool,
    /// Replace an existing MODEL, once the new one is whole
    #[arg(long)]
    pub force: bool,
    /// What the model looks like.
    #[command(flatten)]
    pub model: ModelOptions,
    /// How long it is trained.
    #[command(flatten)]
    pub budget: BudgetOptions,
    /// How it is trained.
    #[command(flatten)]
    pub training: TrainingOptions,
    /// Where it is trained.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// The flags of every stage.
    #[command(flatten)]
    pub stage: command::StageFlags,
}

/// The model's dimensions.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// tiny (2 layers, d_model 64, 2 heads), small (4, 128, 4), base (4, 256, 8) or large (8, 256, 8)
    #[arg(long, default_value = "small")]
    pub size: Size,
    /// Width of the residual stream [default: of the size]
    #[arg(long, value_name = "N")]
    pub d_model: Option<usize>,
    /// Number of layers [default: of the size]
    #[arg(long, value_name = "N")]
    pub n_layers: Option<usize>,
    /// Attention heads a layer [default: of the size]
    #[arg(long, value_name = "N")]
    pub n_heads: Option<usize>,
    /// Width of a head; other than d_model / n_heads only with the reference engine [default: d_model / n_heads]
    #[arg(long, value_name = "N")]
    pub d_head: Option<usize>,
    /// Width of the feed-forward layer [default: 8/3 of d_model, up to a multiple of 32]
    #[arg(long, value_name = "N")]
    pub d_ff: Option<usize>,
    /// Tokens of context
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub seq_len: usize,
    /// Base of the rotary positions
    #[arg(long, value_name = "X", default_value_t = 10_000.0)]
    pub rope_theta: f64,
    /// Added to the mean square in RMSNorm
    #[arg(long, value_name = "X", default_value_t = 1e-5)]
    pub rms_norm_eps: f64,
}

/// How long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Budget")]
pub struct BudgetOptions {
    /// Train for this many steps [default: 2000, if no other budget is given]
    #[arg(long, value_name = "N", group = "budget")]
    pub max_steps: Option<u64>,
    /// Train on about this many tokens, in whole steps
    #[arg(long, value_name = "N", group = "budget")]
    pub max_tokens: Option<u64>,
    /// Train on about this many characters, in whole steps
    #[arg(long, value_name = "N", group = "budget")]
    pub max_chars: Option<u64>,
    /// Rows a step: exactly under equal-tokens; under equal-text they say how much text a step covers
    #[arg(long, value_name = "ROWS", default_value_t = 32)]
    pub batch_size: usize,
    /// Characters a step under equal-text [default: batch-size × seq-len × 3]
    #[arg(long, value_name = "N")]
    pub batch_chars: Option<u64>,
    /// equal-text: each step covers the same characters; equal-tokens: the same number of tokens
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        default_value = "equal-text",
        hide_possible_values = true
    )]
    pub budget_mode: BudgetMode,
}

/// How.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingOptions {
    /// Peak learning rate of AdamW; it falls to a tenth along a cosine [default: 0.004 · √(64 / d_model)]
    #[arg(long, value_name = "X")]
    pub learning_rate: Option<f64>,
    /// Steps of linear warm-up [default: a twentieth of the steps, at most 200]
    #[arg(long, value_name = "N")]
    pub warmup_steps: Option<u64>,
    /// Decay of matrices by AdamW
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub weight_decay: f64,
    /// Checkpoints, at log-spaced steps from 0 to the last; fewer where there are fewer steps
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub checkpoints: usize,
    /// Measure validation loss every N steps, and at first and last [default: at every checkpoint]
    #[arg(long, value_name = "N")]
    pub validation_every: Option<u64>,
    /// Validation documents of each language, at most as many as LANG has
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub validation_documents: usize,
    /// Skip each merge of a BPE tokenizer with this probability, anew every time a word is seen [default: 0]
    #[arg(long, value_name = "P")]
    pub bpe_dropout: Option<f64>,
}

/// Where.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineOptions {
    /// cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
    /// f32 or bf16 in matrix products; a CPU without instructions for bf16 rounds to it and multiplies in f32, which is
    /// no faster [default: what the engine is fastest in]
    #[arg(long, value_name = "f32|bf16", value_parser = precision)]
    pub precision: Option<Precision>,
    /// auto (the fastest of --device), reference (candle; the only one on a GPU), or one of the CPU: portable-f32,
    /// portable-bf16, avx2-f32, avx2-bf16, avx512-f32, avx512-bf16, amx-bf16. portable-f32 gives the same bytes on
    /// every CPU
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: EngineChoice,
    /// Directory for prepared text [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Write TensorBoard's event files; into MODEL-tensorboard if no DIR is given
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub tensorboard: Option<Option<PathBuf>>,
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "bf16" => Ok(Precision::Bf16),
        _ => Err("expected f32 or bf16".into()),
    }
}

/// Everything that decides what comes out, but the seed and the inputs; the manifest's `configuration`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Configuration {
    /// Dimensions.
    pub model: ModelConfig,
    /// Name of the size that the dimensions began with.
    pub size: Size,
    /// What is equal between tokenizers.
    pub budget_mode: BudgetMode,
    /// Optimiser steps.
    pub steps: u64,
    /// Characters a step under equal text.
    pub batch_chars: u64,
    /// Rows asked for.
    pub batch_size: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of warm-up.
    pub warmup_steps: u64,
    /// Decay of matrices.
    pub weight_decay: f64,
    /// AdamW's β₁.
    pub beta1: f64,
    /// AdamW's β₂.
    pub beta2: f64,
    /// AdamW's ε.
    pub adam_eps: f64,
    /// Norm to which gradients are clipped.
    pub gradient_clip: f64,
    /// Steps at which checkpoints are written.
    pub checkpoints: Vec<u64>,
    /// Steps between validations; none: at checkpoints.
    pub validation_every: Option<u64>,
    /// Validation documents of each language.
    pub validation_documents: usize,
    /// Probability of skipping a merge.
    pub bpe_dropout: Option<f64>,
    /// `cpu`, `cuda` or `metal`.
    pub device: String,
    /// Precision asked for, `auto` if none was.
    pub precision: String,
    /// Engine asked for; `measured.engines` says which it was.
    pub engine: String,
}

impl Options {
    /// Resolves every default. `tokens_per_char` of the training text turns a budget in tokens into steps.
    ///
    /// # Errors
    /// Values that make no training.
    pub fn resolve(&self, vocab_size: usize, tokens_per_char: f64) -> Result<Configuration> {
        let Options {
            model,
            budget,
            training,
            machine,
            ..
        } = self;
        let (n_layers, d_model, n_heads) = model.size.dimensions();
        let d_model = model.d_model.unwrap_or(d_model);
        let n_heads = model.n_heads.unwrap_or(n_heads);
        let config = ModelConfig {
            vocab_size,
            d_model,
            n_layers: model.n_layers.unwrap_or(n_layers),
            n_heads,
            d_head: model.d_head.unwrap_or(d_model / n_heads.max(1)),
            d_ff: model.d_ff.unwrap_or(lm::config::swiglu_width(d_model)),
            seq_len: model.seq_len,
            rope_theta: model.rope_theta,
            rms_norm_eps: model.rms_norm_eps,
        };
        ensure!(
            model.d_head.is_some() || n_heads == 0 || d_model.is_multiple_of(2 * n_heads),
            "--d-model {d_model} with --n-heads {n_heads}: expected a multiple of {}, since heads have an even width; or give --d-head",
            2 * n_heads
        );
        config.check()?;
        ensure!(
            (1..=1 << 20).contains(&budget.batch_size),
            "--batch-size {}: expected 1 to 2^20",
            budget.batch_size
        );
        ensure!(
            training.checkpoints >= 2,
            "--checkpoints {}: expected at least 2, before the first step and after the last",
            training.checkpoints
        );
        ensure!(
            training.validation_every != Some(0),
            "--validation-every 0: expected at least 1"
        );
        ensure!(
            training.validation_documents > 0,
            "--validation-documents 0: expected at least 1"
        );
        let learning_rate = training
            .learning_rate
            .unwrap_or_else(|| default_learning_rate(d_model));
        for (flag, value) in [
            ("--learning-rate", learning_rate),
            ("--weight-decay", training.weight_decay),
        ] {
            ensure!(
                value.is_finite() && value >= 0.0,
                "{flag} {value}: expected 0 or more"
            );
        }
        if let Some(p) = training.bpe_dropout {
            ensure!(
                (0.0..1.0).contains(&p),
                "--bpe-dropout {p}: expected 0 to below 1"
            );
        }

        for (flag, amount) in [
            ("--max-steps", budget.max_steps),
            ("--max-tokens", budget.max_tokens),
            ("--max-chars", budget.max_chars),
        ] {
            ensure!(amount != Some(0), "{flag} 0: expected at least 1");
        }
        ensure!(
            budget.batch_chars.is_none() || budget.budget_mode == BudgetMode::EqualText,
            "--batch-chars: only under --budget-mode equal-text; under equal-tokens a step has --batch-size rows"
        );
        let batch_tokens = (budget.batch_size * model.seq_len) as u64;
        let batch_chars = budget
            .batch_chars
            .unwrap_or(batch_tokens * REFERENCE_CHARS_PER_TOKEN);
        ensure!(
            (1..=1 << 40).contains(&batch_chars),
            "{batch_chars} characters a step (--batch-chars): expected 1 to 2^40"
        );
        let (step_chars, step_tokens) = match budget.budget_mode {
            BudgetMode::EqualText => (batch_chars as f64, batch_chars as f64 * tokens_per_char),
            BudgetMode::EqualTokens => (batch_tokens as f64 / tokens_per_char, batch_tokens as f64),
        };
        let whole = |amount: u64, a_step: f64| (amount as f64 / a_step).round().max(1.0) as u64;
        let steps = match (budget.max_steps, budget.max_tokens, budget.max_chars) {
            (Some(steps), _, _) => steps,
            (_, Some(tokens), _) => whole(tokens, step_tokens),
            (_, _, Some(chars)) => whole(chars, step_chars),
            _ => DEFAULT_STEPS,
        };
        ensure!(
            (1..=999_999).contains(&steps),
            "{steps} steps: expected 1 to 999,999; change the budget or --batch-size"
        );
        let warmup_steps = training.warmup_steps.unwrap_or((steps / 20).clamp(1, 200));
        ensure!(
            warmup_steps <= steps,
            "--warmup-steps {warmup_steps}: expected at most the {steps} steps of the budget"
        );

        let AdamW {
            beta1,
            beta2,
            eps,
            clip,
            ..
        } = AdamW::default();
        Ok(Configuration {
            model: config,
            size: model.size,
            budget_mode: budget.budget_mode,
            steps,
            batch_chars,
            batch_size: budget.batch_size,
            learning_rate,
            warmup_steps,
            weight_decay: training.weight_decay,
            beta1,
            beta2,
            adam_eps: eps,
            gradient_clip: clip,
            checkpoints: checkpoint_steps(training.checkpoints, steps),
            validation_every: training.validation_every,
            validation_documents: training.validation_documents,
            bpe_dropout: training.bpe_dropout,
            device: match machine.device {
                DeviceChoice::Cpu => "cpu",
                DeviceChoice::Cuda(_) => "cuda",
                DeviceChoice::Metal => "metal",
            }
            .into(),
            precision: machine
                .precision
                .map_or("auto".into(), |precision| precision.to_string()),
            engine: machine.engine.to_string(),
        })
    }
}

impl Configuration {
    /// How much a step covers.
    pub fn step_size(&self) -> StepSize {
        StepSize {
            mode: self.budget_mode,
            batch_chars: self.batch_chars,
            batch_tokens: (self.batch_size * self.model.seq_len) as u64,
            seq_len: self.model.seq_len,
        }
    }

    /// The optimizer at a learning rate.
    pub fn adamw(&self, lr: f64) -> AdamW {
        AdamW {
            lr,
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.adam_eps,
            weight_decay: self.weight_decay,
            clip: self.gradient_clip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(flags: &str) -> Options {
        let fixed = "model-train --lang L --tok T --out M ";
        Options::try_parse_from((fixed.to_owned() + flags).split_whitespace()).unwrap()
    }

    #[test]
    fn budgets_become_steps() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        let steps = |flags: &str| options(flags).resolve(64, 0.5).unwrap().steps;
        assert_eq!(steps(""), 2000);
        assert_eq!(steps("--max-steps 7"), 7);
        // a step: 4 · 10 · 3 = 120 characters, at half a token each 60 tokens
        let small = "--batch-size 4 --seq-len 10";
        assert_eq!(steps(&format!("{small} --max-chars 1200")), 10);
        assert_eq!(steps(&format!("{small} --max-tokens 1200")), 20);
        // equal tokens: a step has 40 tokens, 80 characters
        let tokens = format!("{small} --budget-mode equal-tokens");
        assert_eq!(steps(&format!("{tokens} --max-chars 1200")), 15);
        assert_eq!(steps(&format!("{tokens} --max-tokens 1200")), 30);
        assert!(
            Options::try_parse_from(
                "model-train --lang L --tok T --out M --max-steps 1 --max-chars 1".split(' ')
            )
            .is_err()
        );
    }

    #[test]
    fn every_dimension_is_a_flag() {
        let resolved = options(
            "--size tiny --d-model 96 --n-heads 3 --n-layers 5 --d-ff 100 --seq-len 77 --rope-theta 500",
        );
        let model = resolved.resolve(300, 0.5).unwrap().model;
        assert_eq!(
            (model.d_model, model.n_heads, model.d_head, model.n_layers),
            (96, 3, 32, 5)
        );
        assert_eq!(
            (model.d_ff, model.seq_len, model.vocab_size),
            (100, 77, 300)
        );
        let refusal = |flags: &str| options(flags).resolve(64, 0.5).unwrap_err().to_string();
        assert!(refusal("--n-heads 3").contains("with --n-heads 3: expected a multiple of 6"));
        assert!(refusal("--d-model 66 --n-heads 2").contains("expected a multiple of 4"));
        assert!(refusal("--d-model 0").contains("d_model is 0"));
        assert!(refusal("--n-heads 0").contains("n_heads is 0"));
        for budget in ["steps", "tokens", "chars"] {
            let refused = refusal(&format!("--max-{budget} 0"));
            assert_eq!(refused, format!("--max-{budget} 0: expected at least 1"));
        }
        assert!(
            refusal("--batch-chars 10 --budget-mode equal-tokens").starts_with("--batch-chars")
        );
        assert!(refusal("--max-steps 5 --warmup-steps 6").contains("at most the 5 steps"));
        assert!(refusal("--learning-rate nan").contains("--learning-rate"));
    }
}
