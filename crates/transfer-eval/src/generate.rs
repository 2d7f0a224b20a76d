//! Generation: sampled sentences of each language, and sampled next words of clozes.
//!
//! candle-transformers' Llama generates: its forward keeps keys and values of what came before and gives the last
//! position's logits. Prompts of one length run as one batch, with one seeded `LogitsProcessor` for each, so a sample
//! depends on its own seed and prompt alone.
//!
//! - A *sentence* continues the first sentence of a validation document in the language asked for, and is the
//!   sentence after it. (Where no document has two sentences, the first word is the prompt and part of the sample.)
//!   Its first token is never the separator; it ends with its full stop, a separator, or at the token limit.
//! - A *continuation* follows a cloze's words before the noun, and ends where a second word would begin, with a
//!   separator, or at the token limit.
//!
//! [`sentence`] numbers the sentences by their prompts; `reading` turns ids into text as it stands behind the prompt,
//! where what begins within a word is no word of its own. Where ids are split, prompts take the copy that the same text
//! has when it is scored; what comes out is read as text, whichever copy its ids are of.

mod reading;
pub mod sentence;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::models::llama::{Cache, Config, Llama};
use corpus::tables::{ContinuationRow, SampleRow};
use corpus::{Condition, Language};
use lm::{Checkpoint, Encoder, ModelConfig, SEP};
use rayon::prelude::*;
use seed::Seed;
use world::{Recogniser, Side, World};

use crate::items::Items;
use crate::score::suite::{Text, context, copy_of};
use crate::stages::lexical::generated::continued;
use reading::{Reader, ends_text};
use sentence::{SentencePrompt, sentence_prompts};

/// What is generated on every checkpoint.
pub struct Prompts<'a> {
    sentences: Vec<SentencePrompt>,
    words: Vec<WordPrompt>,
    majority: Recogniser<'a>,
    minority: Recogniser<'a>,
    reader: Reader<'a>,
    /// Tokens that a word may have: one more than any candidate form.
    word_limit: usize,
    temperature: f64,
    seed: Seed,
}

struct WordPrompt {
    probe: u32,
    sample: u32,
    ids: Vec<u32>,
}

/// How much is generated.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Sentences a language.
    pub samples: u32,
    /// Next words a cloze.
    pub draws: u32,
    /// Divides logits; 1 samples from the model's own distribution.
    pub temperature: f64,
}

impl<'a> Prompts<'a> {
    /// Encodes every prompt. `texts`: validation documents.
    pub fn new(
        world: &'a World,
        items: &Items,
        texts: &[Text],
        encoder: &'a Encoder<'a>,
        amount: Amount,
        seed: Seed,
    ) -> Result<Prompts<'a>> {
        let tokenizer = encoder.tokenizer();
        let mut prompts = Prompts {
            sentences: Vec::new(),
            words: Vec::new(),
            majority: Recogniser::new(world, Side::Majority),
            minority: Recogniser::new(world, Side::Minority),
            reader: Reader::new(encoder)?,
            word_limit: 0,
            temperature: amount.temperature,
            seed,
        };
        for &language in Language::ALL {
            prompts
                .sentences
                .extend(sentence_prompts(language, texts, encoder, amount.samples)?);
        }
        for &condition in Condition::ALL {
            for cloze in continued(items, condition) {
                let mut ids = vec![SEP];
                let copy = copy_of(items, cloze.row, encoder);
                ids.extend(encoder.encode(&context(items, cloze), copy)?);
                let probe = items.probe(cloze).probe;
                for form in items.probe(cloze).forms.iter().flatten() {
                    let tokens = tokenizer.encode(form)?.len();
                    prompts.word_limit = prompts.word_limit.max(tokens + 1);
                }
                let draw = |sample| WordPrompt {
                    probe,
                    sample,
                    ids: ids.clone(),
                };
                prompts.words.extend((0..amount.draws).map(draw));
            }
        }
        Ok(prompts)
    }

    /// Rows of samples.parquet for one checkpoint.
    pub fn samples(&self, model: &Generator, step: u64) -> Result<Vec<SampleRow>> {
        let mut jobs = Vec::with_capacity(self.sentences.len());
        for prompt in &self.sentences {
            let name = format!("sample/{step}/{}/{}", prompt.language, prompt.sample);
            jobs.push(Job {
                ids: &prompt.ids,
                seed: self.seed.derive(&name).0,
                limit: prompt.limit,
                until: Until::Sentence,
            });
        }
        let generated = self.generate(model, &jobs)?;
        let row = |(prompt, ids): (&SentencePrompt, Vec<u32>)| {
            let text = match prompt.is_opening {
                true => self.reader.whole(&prompt.ids, &ids)?,
                false => self.reader.sentence(&prompt.ids, &ids)?,
            };
            let recogniser = match prompt.language {
                Language::Majority => &self.majority,
                Language::Minority => &self.minority,
            };
            let verdict = recogniser.judge(&text);
            Ok(SampleRow {
                step,
                language: prompt.language,
                sample: prompt.sample,
                text,
                grammatical: verdict.grammatical,
                types_satisfied: verdict.types_satisfied,
                types_broken: verdict.types_broken,
            })
        };
        self.sentences.iter().zip(generated).map(row).collect()
    }

    /// Rows of continuations.parquet for one checkpoint.
    pub fn continuations(&self, model: &Generator, step: u64) -> Result<Vec<ContinuationRow>> {
        let mut jobs = Vec::with_capacity(self.words.len());
        for prompt in &self.words {
            let name = format!("continuation/{step}/{}/{}", prompt.probe, prompt.sample);
            let seed = self.seed.derive(&name).0;
            jobs.push(Job {
                ids: &prompt.ids,
                seed,
                limit: self.word_limit,
                until: Until::Word,
            });
        }
        let generated = self.generate(model, &jobs)?;
        let row = |(prompt, ids): (&WordPrompt, Vec<u32>)| {
            let is_over = ids.len() < self.word_limit;
            let word = self.reader.word(&prompt.ids, &ids, is_over)?;
            Ok(ContinuationRow {
                step,
                probe: prompt.probe,
                sample: prompt.sample,
                word,
            })
        };
        self.words.iter().zip(generated).map(row).collect()
    }

    /// Whether nothing is to be generated.
    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty() && self.words.is_empty()
    }

    /// Positions that the longest text takes.
    pub fn positions(&self) -> usize {
        let sentences = self
            .sentences
            .iter()
            .map(|prompt| prompt.ids.len() + prompt.limit);
        let words = self
            .words
            .iter()
            .map(|prompt| prompt.ids.len() + self.word_limit);
        sentences.chain(words).max().unwrap_or(0)
    }

    fn generate(&self, model: &Generator, jobs: &[Job<'_>]) -> Result<Vec<Vec<u32>>> {
        model.generate(jobs, &self.reader, self.temperature)
    }
}

/// One text to generate.
struct Job<'a> {
    ids: &'a [u32],
    seed: u64,
    limit: usize,
    until: Until,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Sentence,
    Word,
}

/// A checkpoint as candle-transformers' Llama.
pub struct Generator {
    llama: Llama,
    config: Config,
    device: Device,
    batch: usize,
}

impl Generator {
    /// Loads the model for texts of up to `positions` tokens. Its names and shapes were checked by
    /// [`Checkpoint::read`]: the library panics on a missing one.
    pub fn new(
        checkpoint: &Checkpoint,
        device: &Device,
        batch: usize,
        positions: usize,
    ) -> Result<Generator> {
        let mut config = llama_config(&checkpoint.config)?;
        config.max_position_embeddings = config.max_position_embeddings.max(positions);
        let tensors: HashMap<String, Tensor> =
            checkpoint.weights.to_tensors(device)?.into_iter().collect();
        let llama = Llama::load(
            VarBuilder::from_tensors(tensors, DType::F32, device),
            &config,
        )?;
        Ok(Generator {
            llama,
            config,
            device: device.clone(),
            batch,
        })
    }

    /// Logits of the token after `ids`, one for each token of the vocabulary: for comparison with the other decoders.
    pub fn last_logits(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let mut cache = Cache::new(false, DType::F32, &self.config, &self.device)?;
        let ids = Tensor::new(ids, &self.device)?.unsqueeze(0)?;
        Ok(self.llama.forward(&ids, 0, &mut cache)?.i(0)?.to_vec1()?)
    }

    /// Generates every job, those with prompts of one length together. Ids of the prompts are not repeated.
    fn generate(
        &self,
        jobs: &[Job<'_>],
        reader: &Reader<'_>,
        temperature: f64,
    ) -> Result<Vec<Vec<u32>>> {
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, job) in jobs.iter().enumerate() {
            by_length.entry(job.ids.len()).or_default().push(at);
        }
        let batches: Vec<(usize, &[usize])> = by_length
            .iter()
            .flat_map(|(&length, places)| {
                places
                    .chunks(self.batch)
                    .map(move |places| (length, places))
            })
            .collect();
        // A batch is computed the same on whichever thread; its results go to places of their own.
        let texts: Vec<Vec<Vec<u32>>> = batches
            .par_iter()
            .map(|&(length, places)| {
                command::check_interrupt()?;
                let chosen: Vec<&Job<'_>> = places.iter().map(|&at| &jobs[at]).collect();
                self.generate_batch(&chosen, length, reader, temperature)
            })
            .collect::<Result<_>>()?;
        let mut generated = vec![Vec::new(); jobs.len()];
        for ((_, places), texts) in batches.iter().zip(texts) {
            for (&at, ids) in places.iter().zip(texts) {
                generated[at] = ids;
            }
        }
        Ok(generated)
    }

    fn generate_batch(
        &self,
        jobs: &[&Job<'_>],
        length: usize,
        reader: &Reader<'_>,
        temperature: f64,
    ) -> Result<Vec<Vec<u32>>> {
        let sampling = Sampling::All { temperature };
        let mut processors: Vec<LogitsProcessor> = jobs
            .iter()
            .map(|job| LogitsProcessor::from_sampling(job.seed, sampling.clone()))
            .collect();
        let mut cache = Cache::new(true, DType::F32, &self.config, &self.device)?;
        let mut texts: Vec<Vec<u32>> = vec![Vec::new(); jobs.len()];
        let mut done = vec![false; jobs.len()];
        let prompts: Vec<u32> = jobs
            .iter()
            .flat_map(|job| job.ids.iter().copied())
            .collect();
        let mut input = Tensor::from_vec(prompts, (jobs.len(), length), &self.device)?;
        let mut position = 0;
        loop {
            let logits = self
                .llama
                .forward(&input, position, &mut cache)?
                .to_device(&Device::Cpu)?;
            position += input.dim(1)?;
            let mut next = vec![SEP; jobs.len()];
            for (at, job) in jobs
                .iter()
                .enumerate()
                .filter(|(at, _)| !done[*at])
                .collect::<Vec<_>>()
            {
                let row = logits.i(at)?;
                let text = &mut texts[at];
                let token = processors[at]
                    .sample_f(&row, |probabilities| {
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
            // the library's tables of angles end there
            if done.iter().all(|&done| done) || position >= self.config.max_position_embeddings {
                return Ok(texts);
            }
            input = Tensor::from_vec(next, (jobs.len(), 1), &self.device)?;
        }
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
    use lm::{Size, Weights};

    /// An untrained model says anything: words end where another begins or the text is over, never before.
    #[test]
    fn a_continuation_is_at_most_one_word() {
        let directory = tempfile::tempdir().unwrap();
        let tokenizer = reading::tests::tokenizer(directory.path());
        let encoder = Encoder::plain(&tokenizer);
        let reader = Reader::new(&encoder).unwrap();
        let config = ModelConfig::of_size(Size::Tiny, tokenizer.vocab_size(), 16);
        let weights = Weights::initial(&config, Seed(3));
        let checkpoint = Checkpoint { config, weights };
        let generator = Generator::new(&checkpoint, &Device::Cpu, 32, 16).unwrap();
        let job = |seed| Job {
            ids: &[SEP, 3],
            seed,
            limit: 4,
            until: Until::Word,
        };
        let jobs: Vec<Job<'_>> = (0..200).map(job).collect();
        let texts = generator.generate(&jobs, &reader, 1.0).unwrap();
        assert_eq!(texts.len(), 200);
        for ids in &texts {
            assert!(ids.len() <= 4 && !ids.iter().any(|&id| ends_text(id)));
            assert!(
                !ids.iter().skip(1).any(|&id| reader.ends_word(id)),
                "{ids:?}"
            );
        }
        let goes_on = |ids: &&Vec<u32>| ids.first().is_some_and(|&id| !reader.ends_word(id));
        let joined = texts.iter().filter(goes_on).count();
        // two of ten tokens start no word
        assert!((10..100).contains(&joined), "{joined}");
    }
}
