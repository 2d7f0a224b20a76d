//! Who says what comes next, and the drawing of it.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::models::llama::{Cache, Config, Llama};
use cpu_step::{EngineKind, Generation, Scorer};
use lm::{Checkpoint, ModelConfig, SEP};
use rayon::prelude::*;

use super::reading::{Reader, ends_text};
use super::{Job, Until};
use crate::engine::Place;
use crate::score::checkpoint::scorer;

/// A checkpoint that goes on with texts.
pub struct Generator {
    model: Model,
    /// Positions of a text at most: tables of angles and memory for keys and values end there.
    positions: usize,
    batch: usize,
}

enum Model {
    Llama(Box<Llama>, Config, Device),
    Engine(Box<Scorer>),
}

/// Texts of one length under way, with their keys and values.
enum Growing<'a> {
    Llama {
        llama: &'a Llama,
        device: &'a Device,
        cache: Cache,
        position: usize,
    },
    Engine {
        scorer: &'a Scorer,
        generation: Generation,
    },
}

impl Generator {
    /// The checkpoint for texts of up to `positions` tokens, where the evaluation was told to compute.
    pub fn new(
        checkpoint: &Checkpoint,
        place: &Place,
        batch: usize,
        positions: usize,
    ) -> Result<Generator> {
        match place.generation {
            Some(engine) => Generator::on_engine(checkpoint, engine, batch, positions),
            None => Generator::on_llama(checkpoint, &place.device, batch, positions),
        }
    }

    /// As candle-transformers' Llama. Names and shapes were checked by [`Checkpoint::read`]: the library panics on a
    /// missing one.
    pub fn on_llama(
        checkpoint: &Checkpoint,
        device: &Device,
        batch: usize,
        positions: usize,
    ) -> Result<Generator> {
        let mut config = llama_config(&checkpoint.config)?;
        config.max_position_embeddings = config.max_position_embeddings.max(positions);
        let tensors: HashMap<String, Tensor> =
            checkpoint.weights.to_tensors(device)?.into_iter().collect();
        let tensors = VarBuilder::from_tensors(tensors, DType::F32, device);
        let llama = Llama::load(tensors, &config)?;
        let positions = config.max_position_embeddings;
        Ok(Generator {
            model: Model::Llama(Box::new(llama), config, device.clone()),
            positions,
            batch,
        })
    }

    /// On a hand-written engine.
    pub fn on_engine(
        checkpoint: &Checkpoint,
        engine: EngineKind,
        batch: usize,
        positions: usize,
    ) -> Result<Generator> {
        let scorer = scorer(checkpoint, engine, positions)?;
        Ok(Generator {
            positions: scorer.dimensions().seq_len,
            model: Model::Engine(Box::new(scorer)),
            batch,
        })
    }

    /// Logits of the token after `ids`, one for each token of the vocabulary: for comparison with the other decoders.
    #[cfg(test)]
    pub(crate) fn last_logits(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let logits = self.begin(1)?.append(ids, 1)?;
        logits.into_iter().next().context("one text has one row")
    }

    fn begin(&self, texts: usize) -> Result<Growing<'_>> {
        Ok(match &self.model {
            Model::Llama(llama, config, device) => Growing::Llama {
                llama,
                device,
                cache: Cache::new(true, DType::F32, config, device)?,
                position: 0,
            },
            Model::Engine(scorer) => Growing::Engine {
                generation: scorer.generation(texts),
                scorer,
            },
        })
    }

    /// Generates every job, those with prompts of one length together. Ids of the prompts are not repeated.
    pub(super) fn generate(
        &self,
        jobs: &[Job<'_>],
        reader: &Reader<'_>,
        temperature: f64,
    ) -> Result<Vec<Vec<u32>>> {
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, job) in jobs.iter().enumerate() {
            by_length.entry(job.ids.len()).or_default().push(at);
        }
        let batches: Vec<&[usize]> = by_length
            .values()
            .flat_map(|places| places.chunks(self.batch))
            .collect();
        // A batch is computed the same on whichever thread; its results go to places of their own.
        let texts: Vec<Vec<Vec<u32>>> = batches
            .par_iter()
            .map(|places| {
                let chosen: Vec<&Job<'_>> = places.iter().map(|&at| &jobs[at]).collect();
                self.generate_batch(&chosen, reader, temperature)
            })
            .collect::<Result<_>>()?;
        let mut generated = vec![Vec::new(); jobs.len()];
        for (places, texts) in batches.iter().zip(texts) {
            for (&at, ids) in places.iter().zip(texts) {
                generated[at] = ids;
            }
        }
        Ok(generated)
    }

    /// Jobs whose prompts have one length.
    fn generate_batch(
        &self,
        jobs: &[&Job<'_>],
        reader: &Reader<'_>,
        temperature: f64,
    ) -> Result<Vec<Vec<u32>>> {
        let sampling = Sampling::All { temperature };
        let mut processors: Vec<LogitsProcessor> = jobs
            .iter()
            .map(|job| LogitsProcessor::from_sampling(job.seed, sampling.clone()))
            .collect();
        let mut growing = self.begin(jobs.len())?;
        let mut texts: Vec<Vec<u32>> = vec![Vec::new(); jobs.len()];
        let mut done = vec![false; jobs.len()];
        let mut next: Vec<u32> = jobs
            .iter()
            .flat_map(|job| job.ids.iter().copied())
            .collect();
        let mut position = 0;
        loop {
            command::check_interrupt()?;
            let logits = growing.append(&next, jobs.len())?;
            position += next.len() / jobs.len();
            next = vec![SEP; jobs.len()];
            for (at, job) in jobs.iter().enumerate() {
                if done[at] {
                    continue;
                }
                let text = &mut texts[at];
                let logits = logits[at].as_slice();
                let token = processors[at]
                    .sample_f(&Tensor::new(logits, &Device::Cpu)?, |probabilities| {
                        softmax(logits, temperature, probabilities);
                        if job.until == Until::Sentence && text.is_empty() {
                            probabilities[SEP as usize] = 0.0;
                        }
                    })
                    .context("logits are not finite")?;
                let next_begins =
                    job.until == Until::Word && !text.is_empty() && reader.ends_word(token);
                if ends_text(token) || next_begins {
                    done[at] = true;
                    continue;
                }
                text.push(token);
                next[at] = token;
                let stopped = job.until == Until::Sentence && reader.has_full_stop(text);
                done[at] = stopped || text.len() >= job.limit;
            }
            if done.iter().all(|&done| done) || position >= self.positions {
                return Ok(texts);
            }
        }
    }
}

impl Growing<'_> {
    /// Appends equally many of `ids` to each of `texts` texts, those of one text side by side. The logits of what
    /// follows each: [texts, vocab_size].
    fn append(&mut self, ids: &[u32], texts: usize) -> Result<Vec<Vec<f32>>> {
        let length = ids.len() / texts;
        match self {
            Growing::Llama {
                llama,
                device,
                cache,
                position,
            } => {
                let ids = Tensor::from_slice(ids, (texts, length), device)?;
                let logits = llama.forward(&ids, *position, cache)?;
                *position += length;
                Ok(logits.to_vec2()?)
            }
            Growing::Engine { scorer, generation } => {
                let vocab_size = scorer.dimensions().vocab_size;
                let mut last = Vec::new();
                for place in 0..length {
                    let tokens = ids.iter().copied().skip(place).step_by(length);
                    let tokens: Vec<(usize, u32)> = tokens.enumerate().collect();
                    let logits = scorer.append(generation, &tokens)?;
                    last = logits
                        .chunks_exact(vocab_size)
                        .map(<[f32]>::to_vec)
                        .collect();
                }
                Ok(last)
            }
        }
    }
}

/// softmax(`logits` / `temperature`), sums in 64 bits. `LogitsProcessor` has its own, by the C library's exp, whose last
/// bits differ between processors; this is the same everywhere.
fn softmax(logits: &[f32], temperature: f64, probabilities: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let power = |&x: &f32| libm::exp((f64::from(x) - f64::from(largest)) / temperature);
    let sum: f64 = logits.iter().map(power).sum();
    for (probability, x) in probabilities.iter_mut().zip(logits) {
        *probability = (power(x) / sum) as f32;
    }
}

/// Our dimensions in the library's words. It computes head widths from d_model, so they must agree.
fn llama_config(config: &ModelConfig) -> Result<Config> {
    ensure!(
        config.d_model == config.n_heads * config.d_head,
        "generation needs d_model = n_heads · d_head, found {} and {} · {}; evaluate with --samples 0 --draws 0",
        config.d_model,
        config.n_heads,
        config.d_head
    );
    Ok(Config {
        hidden_size: config.d_model,
        intermediate_size: config.d_ff,
        vocab_size: config.vocab_size,
        num_hidden_layers: config.n_layers,
        num_attention_heads: config.n_heads,
        num_key_value_heads: config.n_heads,
        use_flash_attn: false,
        rms_norm_eps: config.rms_norm_eps,
        rope_theta: config.rope_theta as f32,
        bos_token_id: Some(SEP),
        eos_token_id: None,
        rope_scaling: None,
        max_position_embeddings: config.seq_len,
        tie_word_embeddings: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At temperature ½ logits 0, ln 2 and ln 3 are doubled: 1 : 4 : 9.
    #[test]
    fn softmax_of_a_worked_example() {
        let logits = [0.0, 2f32.ln(), 3f32.ln()];
        let mut found = [9.0; 3];
        softmax(&logits, 0.5, &mut found);
        for (found, expected) in found.into_iter().zip([1.0 / 14.0, 4.0 / 14.0, 9.0 / 14.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // one that is no number makes all of them none, which no drawing accepts
        softmax(&[0.0, f32::NAN], 1.0, &mut found[..2]);
        assert!(found[..2].iter().all(|p| p.is_nan()));
    }
}
