//! Generation: sampled sentences of each language, and sampled next words of clozes.
//!
//! A [`Generator`] keeps keys and values of what came before and gives the last position's logits: candle-transformers'
//! Llama, or the hand-written engine where one was asked for by name. Prompts of one length run as one batch, with one
//! seeded `LogitsProcessor` for each, so a sample depends on its own seed and prompt alone.
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

mod generator;
mod reading;
pub mod sentence;

use anyhow::Result;
use corpus::tables::{ContinuationRow, SampleRow};
use corpus::{Condition, Language};
use lm::{Encoder, SEP};
use seed::Seed;
use world::{Recogniser, Side, World};

use crate::items::Items;
use crate::score::suite::{Text, context, copy_of};
use crate::stages::lexical::generated::continued;
pub use generator::Generator;
use reading::Reader;
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

#[cfg(test)]
mod tests {
    use super::reading::ends_text;
    use super::*;
    use candle_core::Device;
    use cpu_step::EngineKind;
    use lm::{Checkpoint, ModelConfig, Size, Weights};

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
        let engine = EngineKind::PortableF32;
        let generators = [
            Generator::on_llama(&checkpoint, &Device::Cpu, 32, 16).unwrap(),
            Generator::on_engine(&checkpoint, engine, 32, 16).unwrap(),
        ];
        let job = |seed| Job {
            ids: &[SEP, 3],
            seed,
            limit: 4,
            until: Until::Word,
        };
        let jobs: Vec<Job<'_>> = (0..200).map(job).collect();
        let goes_on = |ids: &&Vec<u32>| ids.first().is_some_and(|&id| !reader.ends_word(id));
        for generator in &generators {
            let texts = generator.generate(&jobs, &reader, 1.0).unwrap();
            assert_eq!(texts.len(), 200);
            for ids in &texts {
                assert!(ids.len() <= 4 && !ids.iter().any(|&id| ends_text(id)));
                assert!(
                    !ids.iter().skip(1).any(|&id| reader.ends_word(id)),
                    "{ids:?}"
                );
            }
            let joined = texts.iter().filter(goes_on).count();
            // two of ten tokens start no word
            assert!((10..100).contains(&joined), "{joined}");
        }
        // A text is its seed's and its prompt's, whatever is computed beside it.
        let texts = generators[1].generate(&jobs, &reader, 1.0).unwrap();
        let one_by_one = Generator::on_engine(&checkpoint, engine, 1, 16).unwrap();
        assert_eq!(one_by_one.generate(&jobs, &reader, 1.0).unwrap(), texts);
    }
}
