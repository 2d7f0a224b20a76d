//! From rows to metrics, without a model: what `transfer-eval` ends with and what `transfer-eval aggregate` repeats.
//!
//! Metrics read files alone: probes, lexicon and (for oracle references) bridges; scores, validation scores, samples,
//! continuations and alignment. So they can be computed again, with other resamples or by other hands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use corpus::tables::{
    AlignmentRow, BridgeRow, ContinuationRow, MetricRow, SampleRow, ScoreRow, ValidationScoreRow,
};
use corpus::{Table, TableReader};
use rayon::prelude::*;

use crate::items::Items;
use crate::lexicon::Nouns;
use crate::measure::{Bootstrap, Measure};
use crate::scores::StepScores;
use crate::stages::lexical::Beside;
use crate::stages::{grammar, knowledge, lexical, types};
use crate::{alignment, ladder, onset, text};

/// What metrics are read against: the same for every checkpoint.
#[derive(Debug)]
pub struct Evidence {
    /// Probes as items.
    pub items: Items,
    /// Nouns of both languages.
    pub nouns: Nouns,
    /// Oracle references; empty where no tokenizer was given.
    pub bridges: Vec<BridgeRow>,
    /// Where the tokenizer saw B†: masked concepts that are left out of all these, since no model is trained on some of
    /// their tokens.
    pub untrained: Option<BTreeSet<u32>>,
    /// Words generated a cloze.
    pub draws: u32,
    /// Seed and number of resamples.
    pub bootstrap: Bootstrap,
}

/// Everything that was recorded of one checkpoint.
#[derive(Debug, Default)]
pub struct StepRows {
    /// Rows of scores.parquet.
    pub scores: Vec<ScoreRow>,
    /// Rows of validation_scores.parquet.
    pub documents: Vec<ValidationScoreRow>,
    /// Rows of samples.parquet.
    pub samples: Vec<SampleRow>,
    /// Rows of continuations.parquet.
    pub continuations: Vec<ContinuationRow>,
    /// Rows of alignment.parquet.
    pub alignment: Vec<AlignmentRow>,
}

impl Evidence {
    /// Every metric of one checkpoint, onsets excepted.
    pub fn metrics(&self, step: u64, rows: &StepRows) -> Result<Vec<MetricRow>> {
        let scores = StepScores::new(&self.items, step, &rows.scores)?;
        let not_finite = scores.not_finite();
        if not_finite > 0 {
            tracing::warn!(
                "step {step}: {not_finite} of {} log-probabilities are not finite; metrics that need them are null",
                rows.scores.len()
            );
        }
        let measures = self.measures(&scores, rows)?;
        let row = |measure| {
            command::check_interrupt()?;
            Ok(self.bootstrap.row(step, measure))
        };
        measures.par_iter().map(row).collect()
    }

    fn measures(&self, scores: &StepScores, rows: &StepRows) -> Result<Vec<Measure>> {
        let items = &self.items;
        let mut measures = grammar::measures(items, scores, &rows.samples);
        measures.extend(types::measures(items, scores, &rows.samples));
        measures.extend(knowledge::measures(items, scores));
        let beside = Beside {
            nouns: &self.nouns,
            bridges: &self.bridges,
            continuations: &rows.continuations,
            draws: self.draws,
            seed: self.bootstrap.seed,
        };
        measures.extend(lexical::measures(items, scores, beside)?);
        measures.extend(text::measures(&rows.documents));
        measures.extend(ladder::measures(items, scores));
        measures.extend(alignment::measures(&rows.alignment));
        Ok(measures)
    }
}

/// Every metric of an EVAL directory, or of one that is being written: checkpoint by checkpoint, then onsets.
///
/// `locate` gives the path of a file by its name.
pub fn metrics(
    evidence: &Evidence,
    locate: impl Fn(&str) -> Result<PathBuf>,
) -> Result<Vec<MetricRow>> {
    let mut scores = Steps::<ScoreRow>::open(&locate(ScoreRow::FILE)?, |row| row.step)?;
    let mut documents =
        Steps::<ValidationScoreRow>::open(&locate(ValidationScoreRow::FILE)?, |row| row.step)?;
    let mut samples = Steps::<SampleRow>::open(&locate(SampleRow::FILE)?, |row| row.step)?;
    let mut continuations =
        Steps::<ContinuationRow>::open(&locate(ContinuationRow::FILE)?, |row| row.step)?;
    let mut alignment = Steps::<AlignmentRow>::open(&locate(AlignmentRow::FILE)?, |row| row.step)?;
    let mut metrics = Vec::new();
    while let Some(step) = scores.next_step()? {
        command::check_interrupt()?;
        let rows = StepRows {
            scores: scores.take(step)?,
            documents: documents.take(step)?,
            samples: samples.take(step)?,
            continuations: continuations.take(step)?,
            alignment: alignment.take(step)?,
        };
        metrics.extend(evidence.metrics(step, &rows)?);
    }
    documents.require_end()?;
    samples.require_end()?;
    continuations.require_end()?;
    alignment.require_end()?;
    let onsets = onset::rows(&metrics);
    metrics.extend(onsets);
    Ok(metrics)
}

/// What metrics are computed from, beside LANG and TOK.
const SOURCES: &str = "scores.parquet, validation_scores.parquet, samples.parquet, continuations.parquet and alignment.parquet";

/// Checks that metrics computed again are those of the file, to the last bit; returns how many there are.
pub fn compare(again: &[MetricRow], file: &[MetricRow]) -> Result<usize> {
    let (found, expected) = (again.len(), file.len());
    if found != expected {
        bail!(
            "metrics.parquet: has {expected} rows, computed again from {SOURCES} there are {found}"
        );
    }
    match again.iter().zip(file).find(|(again, file)| again != file) {
        Some((again, file)) => {
            let MetricRow {
                step,
                stage,
                metric,
                condition,
                ..
            } = file;
            let said =
                |value: Option<f64>| value.map_or("null".to_owned(), |value| value.to_string());
            let (now, then) = (said(again.value), said(file.value));
            bail!(
                "metrics.parquet: step {step} {stage} {metric} {condition}: has {then}, computed again from {SOURCES} {now}"
            )
        }
        None => Ok(found),
    }
}

/// Reads a table that is sorted by step, one step at a time.
struct Steps<R: Table> {
    reader: TableReader<R>,
    waiting: std::vec::IntoIter<R>,
    step: fn(&R) -> u64,
    path: PathBuf,
}

impl<R: Table> Steps<R> {
    fn open(path: &Path, step: fn(&R) -> u64) -> Result<Steps<R>> {
        let reader = TableReader::open(path)?;
        Ok(Steps {
            reader,
            waiting: Vec::new().into_iter(),
            step,
            path: path.to_owned(),
        })
    }

    /// The step of the next row.
    fn next_step(&mut self) -> Result<Option<u64>> {
        while self.waiting.as_slice().is_empty() {
            match self.reader.next() {
                Some(rows) => self.waiting = rows?.into_iter(),
                None => return Ok(None),
            }
        }
        Ok(self.waiting.as_slice().first().map(self.step))
    }

    /// Refuses rows of a step that has no scores.
    fn require_end(&mut self) -> Result<()> {
        match self.next_step()? {
            None => Ok(()),
            Some(step) => bail!(
                "{}: has rows of step {step}, of which {} has none",
                self.path.display(),
                ScoreRow::FILE
            ),
        }
    }

    /// The next rows as long as they are of this step.
    fn take(&mut self, step: u64) -> Result<Vec<R>> {
        let mut rows = Vec::new();
        while let Some(next) = self.next_step()? {
            if next < step {
                bail!(
                    "{}: step {next} comes after step {step}; expected rows by step",
                    self.path.display()
                );
            }
            if next > step {
                break;
            }
            let row = self.waiting.next().context("a row waits")?;
            rows.push(row);
        }
        Ok(rows)
    }
}
