//! The directories that the jobs read: each is opened, checked and prepared once, however many runs share it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
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

/// Validation documents by tokenizer directory, and by seed where that decides which copy of the ids a document takes.
pub type Validations = BTreeMap<(PathBuf, Option<u64>), Validation>;

/// By what a job's validation documents are told from another's.
fn validation_key(job: &Job, split: SplitIds) -> (PathBuf, Option<u64>) {
    let seed = (split == SplitIds::Document).then_some(job.seed);
    (job.tok.clone(), seed)
}

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
        for job in jobs {
            require_outside(&cache, [&job.lang, &job.tok])?;
        }
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

    /// The validation documents of all jobs, each once.
    ///
    /// # Errors
    /// A file that cannot be read; an interrupt.
    pub fn validations(&self, jobs: &[Job], configuration: &Configuration) -> Result<Validations> {
        let mut validations = BTreeMap::new();
        for job in jobs {
            command::check_interrupt()?;
            let key = validation_key(job, self.tok(job)?.split);
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
        let validation = validations.get(&validation_key(job, tok.split));
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

/// Refuses a cache inside a directory that is only read: what its manifest does not list has no place there.
///
/// # Errors
/// Names the two directories.
fn require_outside(cache: &Path, read: [&PathBuf; 2]) -> Result<()> {
    let place = real(cache);
    for directory in read {
        if place.starts_with(real(directory)) {
            bail!(
                "{}: expected a cache outside {}, which a training only reads; give --cache another directory",
                cache.display(),
                directory.display()
            );
        }
    }
    Ok(())
}

/// A path without links, as far as it exists; the rest as it was given.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|ancestor| {
        let rest = absolute.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    existing.unwrap_or(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_differ_by_seed_alone_share_their_validation_documents() {
        let keys = |split| {
            [1, 2].map(|seed| {
                let job = Job {
                    lang: "lang".into(),
                    tok: "tok".into(),
                    out: "out".into(),
                    seed,
                };
                validation_key(&job, split)
            })
        };
        for split in [SplitIds::None, SplitIds::Language] {
            let [a, b] = keys(split);
            assert_eq!(a, b);
        }
        // Where chance decides document by document, the seed decides which copy that is.
        let [a, b] = keys(SplitIds::Document);
        assert_ne!(a, b);
    }

    #[test]
    fn a_cache_inside_what_is_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (lang, tok) = (at("lang"), at("tok"));
        for directory in [&lang, &tok] {
            std::fs::create_dir(directory).unwrap();
        }
        let outside = |cache: &str| require_outside(&at(cache), [&lang, &tok]);
        for cache in ["cache", "lang-cache", "lang/../cache", "new/deep/cache"] {
            outside(cache).unwrap();
        }
        for (cache, inside) in [
            ("lang", &lang),
            ("lang/cache", &lang),
            ("tok/new/deep", &tok),
            ("lang/../tok/cache", &tok),
        ] {
            let error = outside(cache).unwrap_err().to_string();
            let expected = format!("expected a cache outside {}", inside.display());
            assert!(error.contains(&expected), "{error}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&lang, at("link")).unwrap();
            assert!(outside("link/cache").is_err());
        }
    }
}
