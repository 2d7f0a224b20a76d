//! Generation: sampled sentences of each language, and sampled next words of clozes.
//!
//! candle-transformers' Llama generates: its forward keeps keys and values of what came before and gives the last
//! position's logits. Prompts of one length run as one batch, with one seeded `LogitsProcessor` for each, so a sample
//! depends on its own seed and prompt alone.
//!
//! - A *sentence* continues the first sentence of a validation document in the language asked for, and is the
//!   sentence after it. (Where no document has two sentences, the first word is the prompt and part of the sample.)
//!   Its first token is never the separator; it ends with its full stop, a separator, or at the token limit.
//! - A *continuation* follows a cloze's words before the noun, and ends where a second word would begin.
//!
//! Where ids are split, prompts take the copy that the same text has when it is scored; what comes out is read as text,
//! whichever copy its ids are of.

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
use crate::score::suite::{Text, context, copy_of, copy_of_text, ends_word, sentences};
use crate::stages::lexical::generated::continued;

/// What is generated on every checkpoint.
pub struct Prompts<'a> {
    sentences: Vec<SentencePrompt>,
    words: Vec<WordPrompt>,
    majority: Recogniser<'a>,
    minority: Recogniser<'a>,
    encoder: &'a Encoder<'a>,
    ends: Ends,
    /// Tokens that a word may have: one more than any candidate form.
    word_limit: usize,
    temperature: f64,
    seed: Seed,
}

/// Where generated texts end.
struct Ends {
    /// The full stop's tokens, in the first copy of the ids.
    full_stop: Vec<u32>,
    /// By token: whether the word before it is over.
    words: Vec<bool>,
    /// By token: its id in the first copy.
    first: Vec<u32>,
}

struct SentencePrompt {
    language: Language,
    sample: u32,
    /// `<sep>` and the prompt's tokens.
    ids: Vec<u32>,
    /// Words of the prompt that belong to the sample.
    opening: Option<String>,
    /// Tokens that the sample may have.
    limit: usize,
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
        let ids = 0..tokenizer.vocab_size() as u32;
        let mut prompts = Prompts {
            sentences: Vec::new(),
            words: Vec::new(),
            majority: Recogniser::new(world, Side::Majority),
            minority: Recogniser::new(world, Side::Minority),
            encoder,
            ends: Ends {
                full_stop: tokenizer.encode(".")?,
                words: ends_word(tokenizer),
                first: ids.map(|id| encoder.first(id)).collect(),
            },
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
            let continued = self.encoder.decode(&ids)?;
            let text = match &prompt.opening {
                Some(opening) => format!("{opening} {}", continued.trim()),
                None => continued.trim().to_owned(),
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
            let word = self.encoder.decode(&ids)?.trim().to_owned();
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
        model.generate(jobs, &self.ends, self.temperature)
    }
}

impl Ends {
    fn with_full_stop(&self, ids: &[u32]) -> bool {
        let Some(before) = ids.len().checked_sub(self.full_stop.len()) else {
            return false;
        };
        let last = ids[before..].iter().map(|&id| self.first[id as usize]);
        last.eq(self.full_stop.iter().copied())
    }
}

/// Documents that samples of a language continue, over and over: prompts of one length run as one batch, so few
/// different prompts make few batches.
const PROMPTS: usize = 20;

/// Prompts in one language: sample i continues document i modulo [`PROMPTS`].
fn sentence_prompts(
    language: Language,
    texts: &[Text],
    encoder: &Encoder<'_>,
    samples: u32,
) -> Result<Vec<SentencePrompt>> {
    let tokenizer = encoder.tokenizer();
    let own = || texts.iter().filter(|text| text.language == language);
    let mut longest = 0;
    for sentence in own().flat_map(|text| sentences(&text.text)) {
        longest = longest.max(tokenizer.encode(sentence)?.len());
    }
    let of_two: Vec<&Text> = own()
        .filter(|text| sentences(&text.text).count() > 1)
        .collect();
    let all: Vec<&Text> = own().collect();
    let documents = if of_two.is_empty() { &all } else { &of_two };
    let mut prompts = Vec::new();
    for sample in (0..samples).take_while(|_| !documents.is_empty()) {
        let text = documents[sample as usize % documents.len().min(PROMPTS)];
        let first = sentences(&text.text).next().unwrap_or_default();
        let opening = match of_two.is_empty() {
            true => first.split(' ').next().map(str::to_owned),
            false => None,
        };
        let mut ids = vec![SEP];
        let prompt = opening.as_deref().unwrap_or(first);
        ids.extend(encoder.encode(prompt, copy_of_text(text, encoder))?);
        prompts.push(SentencePrompt {
            language,
            sample,
            ids,
            opening,
            limit: longest + longest / 4,
        });
    }
    Ok(prompts)
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
    fn generate(&self, jobs: &[Job<'_>], ends: &Ends, temperature: f64) -> Result<Vec<Vec<u32>>> {
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
                self.generate_batch(&chosen, length, ends, temperature)
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
        ends: &Ends,
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
                let ends_word = ends.words.get(token as usize).copied().unwrap_or(true);
                let over = match job.until {
                    Until::Word => token == SEP || ends_word && !text.is_empty(),
                    Until::Sentence => token == SEP,
                };
                if over {
                    done[at] = true;
                    continue;
                }
                text.push(token);
                next[at] = token;
                let stopped = job.until == Until::Sentence && ends.with_full_stop(text);
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
