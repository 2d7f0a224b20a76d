//! The state from which a killed run goes on and ends with the same bytes as an undisturbed one.
//!
//! Beside it in `resume/` lie the seals of the checkpoints written so far (see [`crate::run`]).
//!
//! One file, `resume/state`, written beside and renamed: magic, the length of a JSON header, the header (place in the
//! text, counts), log rows, then parameters and moments as f32 in sorted order of names, and the BLAKE3 of it all.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use corpus::tables::{TimingRow, TrainLogRow};
use lm::{ModelConfig, SEP};
use seed::Seed;
use serde::{Deserialize, Serialize};

use crate::batches::{Batches, BudgetMode, Cursor, StepSize};
use crate::engine::Flat;
use crate::log::Log;
use crate::options::Configuration;
use crate::run::{Source, most_nats};
use crate::tensorboard::Mark;

const MAGIC: &[u8; 8] = b"ivresum1";

/// Everything that the steps to come depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Place in the text; none at its beginning.
    pub cursor: Option<Cursor>,
    /// Engines that computed steps so far.
    pub engines: Vec<String>,
    /// Running mean of the loss, by which an explosion is told.
    pub mean_loss: Option<f64>,
    /// Parameters and moments; `flat.steps` steps are done.
    pub flat: Flat,
    /// The log so far.
    pub log: Log,
    /// Where TensorBoard's event file ended; none without one.
    pub events: Option<Mark>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    cursor: Option<Cursor>,
    engines: Vec<String>,
    /// As bits: JSON may round.
    mean_loss: Option<u64>,
    steps: u64,
    parameters: usize,
    log_rows: usize,
    timing_rows: usize,
    #[serde(default)]
    events: Option<Mark>,
}

const LOG_COLUMNS: usize = 10;

impl State {
    /// Bytes of the file after so many steps, near enough to plan with (at most 4 KiB too many).
    pub fn disk_bytes(config: &ModelConfig, steps: u64) -> u64 {
        let log = 8 * LOG_COLUMNS as u64 * (steps + 1) + 24 * steps;
        12 * config.n_parameters() as u64 + log + 4096
    }

    /// Writes the state into `directory`.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let header = serde_json::to_vec(&Header {
            cursor: self.cursor.clone(),
            engines: self.engines.clone(),
            mean_loss: self.mean_loss.map(f64::to_bits),
            steps: self.flat.steps,
            parameters: self.flat.parameters.len(),
            log_rows: self.log.rows.len(),
            timing_rows: self.log.timing.len(),
            events: self.events.clone(),
        })?;
        let numbers = 3 * self.flat.parameters.len();
        let mut bytes =
            Vec::with_capacity(4 * numbers + 8 * LOG_COLUMNS * self.log.rows.len() + 4096);
        bytes.extend_from_slice(MAGIC);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        let log = self.log.rows.iter().flat_map(log_words);
        let timing = self.log.timing.iter().flat_map(|row| {
            [
                row.step,
                row.tokens_per_second.to_bits(),
                row.seconds.to_bits(),
            ]
        });
        bytes.extend(log.chain(timing).flat_map(u64::to_le_bytes));
        for values in [&self.flat.parameters, &self.flat.first, &self.flat.second] {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        Ok(corpus::write_file(&path(directory), &bytes)?)
    }

    /// The state in `directory`, if there is one.
    ///
    /// # Errors
    /// A damaged file.
    pub fn read(directory: &Path) -> Result<Option<State>> {
        let path = path(directory);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let state = parse(&bytes).with_context(|| damaged(&path))?;
        Ok(Some(state))
    }

    /// Checks that the training passes through such a state, as far as that can be told without repeating it: a fitting
    /// checksum says only that the file is as someone wrote it. `directory` is where it was read.
    ///
    /// # Errors
    /// A state of another model, step or place in the text.
    pub fn check(
        &self,
        directory: &Path,
        configuration: &Configuration,
        source: &Source<'_>,
        seed: Seed,
    ) -> Result<()> {
        self.check_numbers(configuration)
            .and_then(|()| self.check_log())
            .and_then(|()| match &self.cursor {
                Some(cursor) => self.check_cursor(cursor, configuration, source, seed),
                None => {
                    ensure!(self.flat.steps == 0, "no place in the text");
                    Ok(())
                }
            })
            .with_context(|| damaged(&path(directory)))
    }

    /// Parameters that are no finite numbers are none of this: a training that explodes has them, and its next step says
    /// so.
    fn check_numbers(&self, configuration: &Configuration) -> Result<()> {
        let Flat {
            parameters,
            first,
            second,
            steps,
        } = &self.flat;
        ensure!(
            *steps <= configuration.steps,
            "step {steps} of {}",
            configuration.steps
        );
        let expected = configuration.model.n_parameters();
        for found in [parameters, first, second].map(Vec::len) {
            ensure!(
                found == expected,
                "{found} numbers for a model of {expected} parameters"
            );
        }
        ensure!(
            first.iter().all(|x| x.is_finite()),
            "running means of the gradient that are no finite numbers"
        );
        ensure!(
            second.iter().all(|x| x.is_finite() && *x >= 0.0),
            "running means of the squared gradient that are none"
        );
        let most = most_nats(configuration.model.vocab_size);
        let is_mean = match self.mean_loss {
            Some(mean) => *steps > 0 && mean.is_finite() && mean <= most,
            None => *steps == 0,
        };
        ensure!(is_mean, "a mean loss of {:?} nats", self.mean_loss);
        Ok(())
    }

    /// One row before the first step, then one a step.
    fn check_log(&self) -> Result<()> {
        let steps = self.flat.steps;
        let rows = &self.log.rows;
        let expected = if steps == 0 { 0 } else { steps + 1 };
        ensure!(
            rows.len() as u64 == expected,
            "{} rows of the log after {steps} steps",
            rows.len()
        );
        ensure!(
            rows.iter().zip(0..).all(|(row, step)| row.step == step)
                && rows.iter().all(|row| row.loss_nats.is_finite()),
            "rows of the log that are none"
        );
        ensure!(
            rows.is_sorted_by_key(|row| row.chars_seen)
                && rows.is_sorted_by_key(|row| row.tokens_seen),
            "a log that goes back in the text"
        );
        Ok(())
    }

    fn check_cursor(
        &self,
        cursor: &Cursor,
        configuration: &Configuration,
        source: &Source<'_>,
        seed: Seed,
    ) -> Result<()> {
        let Cursor {
            epoch,
            document,
            word,
            ref pending,
            before,
            chars_seen,
            tokens_seen,
        } = *cursor;
        let last = self.log.rows.last();
        let logged = last.map_or((0, 0), |row| (row.chars_seen, row.tokens_seen));
        ensure!(
            logged == (chars_seen, tokens_seen),
            "another place in the text than the log's"
        );
        ensure!(
            chars_seen.max(tokens_seen) < MOST_SEEN,
            "{chars_seen} characters and {tokens_seen} tokens seen"
        );
        let characters = source.text.characters();
        let earlier = epoch.checked_mul(characters);
        let of_epoch = earlier.and_then(|earlier| chars_seen.checked_sub(earlier));
        ensure!(
            of_epoch.is_some_and(|seen| seen < characters),
            "epoch {epoch} after {chars_seen} characters of a text of {characters}"
        );
        let steps = self.flat.steps;
        let size = configuration.step_size();
        let is_due = match size.mode {
            // A word is left out that reaches further beyond the end than its first half before it.
            BudgetMode::EqualText => {
                let words = source.text.words().iter();
                let longest = words.map(|word| u64::from(word.characters) + 1).max();
                let most = chars_seen + longest.unwrap_or(0);
                let due = steps.checked_mul(size.batch_chars);
                pending.is_empty() && due.is_some_and(|due| due <= most)
            }
            BudgetMode::EqualTokens => steps.checked_mul(size.batch_tokens) == Some(tokens_seen),
        };
        ensure!(
            is_due,
            "{chars_seen} characters and {tokens_seen} tokens seen in {steps} steps"
        );
        let vocab_size = configuration.model.vocab_size;
        ensure!(
            pending
                .iter()
                .chain([&before])
                .all(|id| (*id as usize) < vocab_size),
            "a token that is none of {vocab_size}"
        );
        let documents = source.text.documents();
        ensure!(
            document < documents,
            "document {document} of {documents} (counted from 0)"
        );
        ensure!(
            has_word(cursor, source, seed),
            "word {word} (counted from 0) of a document that has fewer"
        );
        Ok(())
    }
}

/// Characters or tokens that no training sees.
const MOST_SEEN: u64 = 1 << 62;

/// Whether the cursor's document has a word at its place. Which document that is, the epoch's order says; so the batches
/// themselves go there, in steps of one word.
fn has_word(cursor: &Cursor, source: &Source<'_>, seed: Seed) -> bool {
    let a_word = StepSize {
        mode: BudgetMode::EqualText,
        batch_chars: 0,
        batch_tokens: 0,
        seq_len: 1,
    };
    let start = Cursor {
        epoch: cursor.epoch,
        document: cursor.document,
        word: 0,
        pending: Vec::new(),
        before: SEP,
        chars_seen: 0,
        tokens_seen: 0,
    };
    let Source {
        text,
        words,
        encoder,
        ..
    } = *source;
    let mut batches = Batches::new(text, words, encoder, a_word, seed, Some(start));
    while batches.cursor().word < cursor.word {
        batches.step(0);
        // behind the last word begins the next document
        if batches.cursor().word == 0 {
            return false;
        }
    }
    true
}

fn path(directory: &Path) -> PathBuf {
    directory.join("state")
}

fn damaged(path: &Path) -> String {
    format!(
        "{}: damaged; start again with --force, without --resume",
        path.display()
    )
}

fn parse(bytes: &[u8]) -> Result<State> {
    let (content, checksum) = bytes.split_last_chunk::<32>().context("too short")?;
    ensure!(
        blake3::hash(content).as_bytes() == checksum,
        "another checksum than when it was written"
    );
    let rest = content.strip_prefix(MAGIC).context("another format")?;
    let (length, rest) = rest.split_first_chunk::<8>().context("too short")?;
    let (header, rest) = rest
        .split_at_checked(u64::from_le_bytes(*length) as usize)
        .context("too short")?;
    let header: Header = serde_json::from_slice(header)?;
    // Lest the products below wrap.
    let counts = [header.log_rows, header.timing_rows, header.parameters];
    ensure!(
        counts.iter().all(|count| *count <= rest.len()),
        "another length"
    );
    let log_bytes = 8 * (LOG_COLUMNS * header.log_rows + 3 * header.timing_rows);
    ensure!(
        rest.len() == log_bytes + 12 * header.parameters,
        "another length"
    );

    let (log_part, numbers) = rest.split_at(log_bytes);
    let (words, _) = log_part.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (log, timing) = words.split_at(LOG_COLUMNS * header.log_rows);
    let (numbers, _) = numbers.as_chunks::<4>();
    let part = |index: usize| {
        let part = &numbers[index * header.parameters..][..header.parameters];
        part.iter()
            .map(|number| f32::from_le_bytes(*number))
            .collect()
    };
    Ok(State {
        cursor: header.cursor,
        engines: header.engines,
        mean_loss: header.mean_loss.map(f64::from_bits),
        flat: Flat {
            parameters: part(0),
            first: part(1),
            second: part(2),
            steps: header.steps,
        },
        log: Log {
            rows: log.chunks_exact(LOG_COLUMNS).map(log_row).collect(),
            timing: timing
                .chunks_exact(3)
                .map(|words| TimingRow {
                    step: words[0],
                    tokens_per_second: f64::from_bits(words[1]),
                    seconds: f64::from_bits(words[2]),
                })
                .collect(),
        },
        events: header.events,
    })
}

/// NaN, in no log otherwise, stands for null.
fn log_words(row: &TrainLogRow) -> [u64; LOG_COLUMNS] {
    let optional = |value: Option<f64>| value.unwrap_or(f64::NAN).to_bits();
    [
        row.step,
        row.tokens_seen,
        row.chars_seen,
        row.loss_nats.to_bits(),
        row.lr.to_bits(),
        row.gradient_norm.to_bits(),
        optional(row.validation_nats_majority),
        optional(row.validation_nats_minority),
        optional(row.validation_bits_per_char_majority),
        optional(row.validation_bits_per_char_minority),
    ]
}

fn log_row(words: &[u64]) -> TrainLogRow {
    let optional = |at: usize| Some(f64::from_bits(words[at])).filter(|value| !value.is_nan());
    TrainLogRow {
        step: words[0],
        tokens_seen: words[1],
        chars_seen: words[2],
        loss_nats: f64::from_bits(words[3]),
        lr: f64::from_bits(words[4]),
        gradient_norm: f64::from_bits(words[5]),
        validation_nats_majority: optional(6),
        validation_nats_minority: optional(7),
        validation_bits_per_char_majority: optional(8),
        validation_bits_per_char_minority: optional(9),
    }
}

#[cfg(test)]
mod tests;
