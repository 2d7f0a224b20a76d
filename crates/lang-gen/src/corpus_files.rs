//! Writing the text: training shards in parallel, each document made where it stands; validation pairs.

use std::path::Path;
use std::sync::Mutex;

use anyhow::Result;
use command::Progress;
use corpus::tables::{DocumentRef, DocumentWriter, Language};
use rayon::prelude::*;
use seed::Seed;
use serde::Serialize;
use world::{Side, World};

use crate::interleave::Permutation;
use crate::stream::{Documents, Stream, Told};
use crate::tables::language;

/// Documents whose places are looked up together.
const SLOTS: u64 = 1024;

/// What was written of one language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Documents.
    pub documents: u64,
    /// Sentences.
    pub sentences: u64,
    /// Characters, spaces included.
    pub characters: u64,
}

/// What was written of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Language A.
    pub majority: Count,
    /// Language B.
    pub minority: Count,
}

impl Counts {
    /// One language's count.
    pub fn of(&mut self, language: Language) -> &mut Count {
        match language {
            Language::Majority => &mut self.majority,
            Language::Minority => &mut self.minority,
        }
    }

    fn add(&mut self, other: &Counts) {
        for language in Language::ALL {
            let from = *other.clone().of(*language);
            let to = self.of(*language);
            to.documents += from.documents;
            to.sentences += from.sentences;
            to.characters += from.characters;
        }
    }
}

/// How many of `documents` are B's at a share: rounded to the nearest.
pub fn minority_documents(documents: u64, share: f64) -> u64 {
    ((documents as f64 * share).round() as u64).min(documents)
}

/// File name of a training shard.
pub fn shard_name(shard: u64, n_shards: u64) -> String {
    format!("train-{shard:05}-of-{n_shards:05}.parquet")
}

/// Writes all training shards into `path_of(name)`. Peak memory is one row group a thread.
///
/// # Errors
/// A file that cannot be written, or a world of which B may say nothing.
pub fn write_train(
    world: &World,
    corpus_seed: Seed,
    path_of: impl Fn(&str) -> std::path::PathBuf + Sync,
) -> Result<Counts> {
    let config = &world.config.corpus;
    let documents = Documents::new(world, corpus_seed);
    let n_minority = minority_documents(config.documents, config.minority_share);
    let n_majority = config.documents - n_minority;
    let order = Permutation::new(config.documents, corpus_seed);
    let n_shards = config.documents.div_ceil(config.shard_documents);
    let progress = Progress::new("writing", config.documents, "documents");
    let total = Mutex::new(Counts::default());
    (0..n_shards)
        .into_par_iter()
        .try_for_each(|shard| -> Result<()> {
            let mut writer = DocumentWriter::create(&path_of(&shard_name(shard, n_shards)))?;
            let mut told = documents.told();
            let mut counts = Counts::default();
            let start = shard * config.shard_documents;
            let end = (start + config.shard_documents).min(config.documents);
            let (mut slots, mut outside) = (Vec::new(), Vec::new());
            for first in (start..end).step_by(SLOTS as usize) {
                command::check_interrupt()?;
                order.at_each(first..end.min(first + SLOTS), &mut slots, &mut outside);
                for &slot in &slots {
                    let (stream, index, side) = if slot < n_majority {
                        (Stream::Majority, slot, Side::Majority)
                    } else {
                        (Stream::Minority, slot - n_majority, Side::Minority)
                    };
                    documents.tell(stream, index, &[side], &mut told)?;
                    push(&mut writer, index, side, &told, &mut counts)?;
                }
                progress.inc(slots.len() as u64);
            }
            writer.finish()?;
            match total.lock() {
                Ok(mut total) => total.add(&counts),
                Err(poisoned) => poisoned.into_inner().add(&counts),
            }
            Ok(())
        })?;
    progress.finish();
    Ok(total
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Writes the validation documents, each told in A and then in B.
///
/// # Errors
/// As [`write_train`].
pub fn write_validation(world: &World, corpus_seed: Seed, path: &Path) -> Result<Counts> {
    let documents = Documents::new(world, corpus_seed);
    let mut writer = DocumentWriter::create(path)?;
    let mut told = documents.told();
    let mut counts = Counts::default();
    for index in 0..world.config.corpus.validation_documents {
        documents.tell(Stream::Validation, index, &Side::ALL, &mut told)?;
        for side in Side::ALL {
            push(&mut writer, index, side, &told, &mut counts)?;
        }
    }
    writer.finish()?;
    Ok(counts)
}

fn push(
    writer: &mut DocumentWriter,
    index: u64,
    side: Side,
    told: &Told,
    counts: &mut Counts,
) -> Result<()> {
    let text = told.text(side);
    let characters = if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    };
    writer.push(DocumentRef {
        document: index,
        language: language(side),
        text,
        derivation: told.derivation(),
        characters: characters as u32,
        sentences: told.sentences,
    })?;
    let count = counts.of(language(side));
    count.documents += 1;
    count.sentences += u64::from(told.sentences);
    count.characters += characters as u64;
    Ok(())
}
