//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use command::StageFlags;
use cpu_step::{EngineChoice, EngineKind, Precision};
use lm::DeviceChoice;

/// Evaluate every checkpoint of a run: grammar, types, knowledge, masked lexical forms
///
/// Writes scores.parquet (one row per checkpoint, probe and candidate), metrics.parquet (value, chance and interval),
/// samples.parquet and what they rest on. Every scored sequence is <sep> tokens <sep>; the first separator is context,
/// the last one is scored.
#[derive(Debug, Parser)]
#[command(
    name = "transfer-eval",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  transfer-eval --lang out/lang --tok out/tok --model out/model --out out/eval\n  \
                  transfer-eval show out/eval\n  \
                  duckdb -c \"select * from 'out/eval/metrics.parquet' where metric = 'mrr'\""
)]
pub struct Cli {
    /// Anything but an evaluation
    #[command(subcommand)]
    pub command: Option<Command>,
    /// An evaluation
    #[command(flatten)]
    pub evaluate: Option<Evaluate>,
    /// Threads, progress, log
    #[command(flatten)]
    pub stage: StageFlags,
}

const AFTER_AGGREGATE: &str = "\
Example:
  transfer-eval aggregate out/eval
  transfer-eval aggregate out/eval --bootstrap 5000 --out out/metrics-5000.parquet";

const AFTER_SHOW: &str = "\
Example:
  transfer-eval show out/eval --steps 4
  transfer-eval show out/eval 12

The column onset is the step of the first checkpoint at which the metric is at least half-way from
chance to 1, chance + ½ (1 − chance), and is so at the next checkpoint too. Checkpoints count whether
or not they are among the columns.
  censored  there are no two such checkpoints up to the last
  –         the metric has no onset: accuracy, held_out_accuracy, mrr, hit1 and reachability have";

/// What the tool does beside evaluating
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compute the metrics of an EVAL directory again from its files, and compare or write them
    #[command(after_help = AFTER_AGGREGATE)]
    Aggregate(Aggregate),
    /// Print how stages and conditions went over the steps, with onsets, or how single concepts did
    #[command(after_help = AFTER_SHOW)]
    Show(Show),
}

/// An evaluation
#[derive(Debug, Args)]
pub struct Evaluate {
    /// Directory that lang-gen wrote
    #[arg(long, value_name = "LANG")]
    pub lang: PathBuf,
    /// Directory that tok-train wrote
    #[arg(long, value_name = "TOK")]
    pub tok: PathBuf,
    /// Directory that model-train wrote
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Directory to write
    #[arg(long, value_name = "EVAL")]
    pub out: PathBuf,
    /// cpu, cuda, cuda:N or metal. On a GPU every sequence is computed from its beginning, padded to its batch's longest:
    /// only the CPU's hand-written engines compute a shared beginning once
    #[arg(long, default_value_t = DeviceChoice::Cpu)]
    pub device: DeviceChoice,
    /// auto: the fastest f32 engine scores, candle-transformers generates. reference: candle does both. A named one does
    /// both; portable-f32 gives the same bytes on every CPU. The bf16 engines are for training
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = engines())]
    pub engine: EngineChoice,
    /// Seed of samples, shuffles and resamples
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Go on from the checkpoints already evaluated; exit 0 where EVAL is whole with the same configuration
    #[arg(long)]
    pub resume: bool,
    /// Replace an existing EVAL, once the new one is whole
    #[arg(long)]
    pub force: bool,
    /// Sentences to sample in each language and checkpoint
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub samples: u32,
    /// Next words to sample after each cloze's context: a form of probability p is expected among N of them with
    /// probability 1 − (1 − p)^N
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub draws: u32,
    /// Divides logits before sampling: below 1 samples are more likely, above 1 more varied
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    pub temperature: f64,
    /// Bootstrap resamples of every interval. 0: only the intervals that need none, which are the range of permutations
    /// (mrr_null, reachability_null) and the jackknife of cka
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub bootstrap: usize,
    /// Validation pairs to score: each is one document told in both languages; at most as many as LANG has
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub validation_pairs: usize,
    /// Samples to grow at once, and on a GPU sequences to score at once; hand-written engines score in prefix trees of
    /// their own size. Changes speed and memory, and no more than last digits where candle computes
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub batch: usize,
}

/// Metrics again
#[derive(Debug, Args)]
pub struct Aggregate {
    /// Directory that transfer-eval wrote
    pub eval: PathBuf,
    /// Directory that lang-gen wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<PathBuf>,
    /// Directory that tok-train wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "TOK")]
    pub tok: Option<PathBuf>,
    /// Bootstrap resamples [default: as in EVAL, the only number that can be compared without --out]
    #[arg(long, value_name = "N")]
    pub bootstrap: Option<usize>,
    /// File to write [default: compare with EVAL's metrics.parquet]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace an existing FILE
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// A look
#[derive(Debug, Args)]
pub struct Show {
    /// Directory that transfer-eval wrote
    pub eval: PathBuf,
    /// Concepts to show instead of the table, by number or by one of their forms
    #[arg(value_name = "CONCEPT")]
    pub concepts: Vec<String>,
    /// Steps to show at most
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub steps: usize,
    /// Directory that lang-gen wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<PathBuf>,
    /// Directory that tok-train wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "TOK")]
    pub tok: Option<PathBuf>,
}

/// The engines that evaluate: `auto`, `reference` and those of f32, by their short names too. The others only train.
fn engines() -> impl TypedValueParser<Value = EngineChoice> {
    let hand = EngineKind::ALL
        .into_iter()
        .filter(|kind| kind.precision() == Precision::F32)
        .map(EngineKind::name)
        .map(|name| PossibleValue::new(name).aliases(name.strip_suffix("-f32")));
    let names = ["auto", "reference"].map(PossibleValue::new);
    let all: Vec<PossibleValue> = names.into_iter().chain(hand).collect();
    PossibleValuesParser::new(all).try_map(|name| name.parse::<EngineChoice>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn only_engines_that_evaluate_are_taken_and_listed() {
        let parse = |engine: &str| {
            let paths = ["--lang", "l", "--tok", "t", "--model", "m", "--out", "o"];
            let arguments = ["transfer-eval"].into_iter().chain(paths);
            let cli = Cli::try_parse_from(arguments.chain(["--engine", engine]))?;
            Ok::<_, clap::Error>(cli.evaluate.map(|evaluate| evaluate.engine))
        };
        let portable = EngineChoice::Hand(EngineKind::PortableF32);
        assert_eq!(parse("portable").unwrap(), Some(portable));
        assert_eq!(parse("portable-f32").unwrap(), Some(portable));
        assert_eq!(parse("reference").unwrap(), Some(EngineChoice::Reference));
        for engine in ["foo", "amx", "amx-bf16", "avx512-bf16"] {
            let error = parse(engine).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let said = error.to_string();
            let listed = "[possible values: auto, reference, portable-f32, avx2-f32, avx512-f32]";
            assert!(said.contains(listed), "{said}");
        }
    }

    #[test]
    fn every_help_has_an_example_and_onsets_are_explained() {
        Cli::command().debug_assert();
        let mut cli = Cli::command();
        assert!(cli.render_long_help().to_string().contains("Example:"));
        for name in ["aggregate", "show"] {
            let command = cli.find_subcommand_mut(name).unwrap();
            let help = command.render_long_help().to_string();
            assert!(
                help.contains(&format!("transfer-eval {name} out/eval")),
                "{help}"
            );
            assert_eq!(help.contains("censored"), name == "show", "{help}");
        }
    }
}
