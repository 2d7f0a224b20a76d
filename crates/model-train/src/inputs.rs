//! The directories that the jobs read: each is opened, checked and prepared once, however many runs share it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use corpus::{Input, Stage};
use lm::{Encoder, SplitIds, Tokenizer};
use seed::Seed;

use crate::jobs::Job;
use crate::options::{Configuration, Options};
use crate::run::Source;
use crate::text::{Text, default_cache};
use crate::validation::Validation;
use crate::words::WordTokens;

/// What the jobs read, each directory once.
#[derive(Default)]
pub struct Inputs {
    langs: BTreeMap<PathBuf, Lang>,
    toks: BTreeMap<PathBuf, Tok>,
}

struct Lang {
    input: Input,
    text: Text,
}

struct Tok {
    input: Input,
    tokenizer: Tokenizer,
    split: SplitIds,
    words: WordTokens,
}

/// Validation documents by tokenizer directory and seed.
pub type Validations = BTreeMap<(PathBuf, u64), Validation>;

impl Inputs {
    /// Opens, checks and prepares them.
    ///
    /// # Errors
    /// Directories that cannot be read or do not belong together; an interrupt.
    pub fn open(jobs: &[Job], options: &Options) -> Result<Inputs> {
        let cache = match &options.machine.cache {
            Some(cache) => cache.clone(),
            None => default_cache()?,
        };
        let mut inputs = Inputs::default();
        for job in jobs {
            command::check_interrupt()?;
            if !inputs.langs.contains_key(&job.lang) {
                let input = Input::open(&job.lang, Stage::Lang)?;
                // Before the text is prepared: a tokenizer of another language is refused at once.
                Input::open(&job.tok, Stage::Tok)?.require_input("lang", &input)?;
                let text = Text::open(&input, &cache)?;
                inputs.langs.insert(job.lang.clone(), Lang { input, text });
            }
            let lang = inputs.lang(job)?;
            if let Some(tok) = inputs.toks.get(&job.tok) {
                tok.input.require_input("lang", &lang.input)?;
                continue;
            }
            let input = Input::open(&job.tok, Stage::Tok)?;
            input.require_input("lang", &lang.input)?;
            let tokenizer = Tokenizer::load(&input.file("tokenizer.json")?)?;
            let words = WordTokens::new(&lang.text, &tokenizer, options.training.bpe_dropout)?;
            let split = SplitIds::of_configuration(&input.manifest().configuration)
                .with_context(|| job.tok.display().to_string())?;
            let tok = Tok {
                input,
                tokenizer,
                split,
                words,
            };
            inputs.toks.insert(job.tok.clone(), tok);
        }
        Ok(inputs)
    }

    fn lang(&self, job: &Job) -> Result<&Lang> {
        let found = self.langs.get(&job.lang);
        found.ok_or_else(|| anyhow!("{}: was not opened", job.lang.display()))
    }

    fn tok(&self, job: &Job) -> Result<&Tok> {
        let found = self.toks.get(&job.tok);
        found.ok_or_else(|| anyhow!("{}: was not opened", job.tok.display()))
    }

    /// The configuration of a job.
    ///
    /// # Errors
    /// Values that make no training.
    pub fn resolve(&self, job: &Job, options: &Options) -> Result<Configuration> {
        let (Lang { text, .. }, tok) = (self.lang(job)?, self.tok(job)?);
        let tokens_per_char = tok.words.count(text) as f64 / text.characters() as f64;
        options.resolve(tok.tokenizer.vocab_size(), tokens_per_char)
    }

    /// The validation documents for each tokenizer directory and seed.
    ///
    /// # Errors
    /// A file that cannot be read; an interrupt.
    pub fn validations(&self, jobs: &[Job], configuration: &Configuration) -> Result<Validations> {
        let mut validations = BTreeMap::new();
        for job in jobs {
            command::check_interrupt()?;
            let key = (job.tok.clone(), job.seed);
            if let Entry::Vacant(vacant) = validations.entry(key) {
                let validation = Validation::new(
                    &self.lang(job)?.input,
                    &self.encoder(job)?,
                    configuration.model.seq_len,
                    configuration.validation_documents,
                )?;
                vacant.insert(validation);
            }
        }
        Ok(validations)
    }

    /// A job's tokenizer, and which copy of its ids each text takes.
    fn encoder(&self, job: &Job) -> Result<Encoder<'_>> {
        let tok = self.tok(job)?;
        Ok(Encoder::new(&tok.tokenizer, tok.split, Seed(job.seed))?)
    }

    /// What a job reads.
    ///
    /// # Errors
    /// A job that was not opened.
    pub fn source<'a>(&'a self, job: &Job, validations: &'a Validations) -> Result<Source<'a>> {
        let (lang, tok) = (self.lang(job)?, self.tok(job)?);
        let validation = validations.get(&(job.tok.clone(), job.seed));
        Ok(Source {
            lang: &lang.input,
            text: &lang.text,
            tok: &tok.input,
            encoder: self.encoder(job)?,
            words: &tok.words,
            validation: validation
                .ok_or_else(|| anyhow!("{}: was not opened", job.tok.display()))?,
        })
    }
}
