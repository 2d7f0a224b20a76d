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
    for (again, file) in again.iter().zip(file) {
        let Some((column, now, then)) = difference(again, file) else {
            continue;
        };
        let MetricRow {
            step,
            stage,
            metric,
            condition,
            ..
        } = file;
        let phenomenon = file.phenomenon.as_ref();
        let phenomenon = phenomenon.map_or(String::new(), |name| format!(" {name}"));
        bail!(
            "metrics.parquet: step {step} {stage} {metric}{phenomenon} {condition}: has {column} {then}, computed again from {SOURCES} it is {now}"
        );
    }
    Ok(found)
}

/// The first column in which two rows differ, and what it says in each.
fn difference(again: &MetricRow, file: &MetricRow) -> Option<(&'static str, String, String)> {
    if again == file {
        return None;
    }
    let both = cells(again).into_iter().zip(cells(file));
    both.map(|((column, now), (_, then))| (column, now, then))
        .find(|(_, now, then)| now != then)
}

/// A row as text; numbers with as many digits as tell them from every other.
fn cells(row: &MetricRow) -> [(&'static str, String); 12] {
    let text = |cell: &Option<String>| cell.clone().unwrap_or("null".to_owned());
    let number = |cell: Option<f64>| cell.map_or("null".to_owned(), |value| value.to_string());
    [
        ("step", row.step.to_string()),
        ("stage", row.stage.clone()),
        ("metric", row.metric.clone()),
        ("condition", row.condition.to_string()),
        ("phenomenon", text(&row.phenomenon)),
        ("value", number(row.value)),
        ("n_items", row.n_items.to_string()),
        ("n_concepts", row.n_concepts.to_string()),
        ("chance", number(row.chance)),
        ("low", number(row.low)),
        ("high", number(row.high)),
        ("reason", text(&row.reason)),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::Condition;

    #[test]
    fn what_differs_is_named_and_never_two_equal_numbers() {
        let row = MetricRow {
            step: 4,
            stage: "type".to_owned(),
            metric: "accuracy".to_owned(),
            condition: Condition::Masked,
            phenomenon: Some("other_type".to_owned()),
            value: Some(0.525),
            n_items: 4,
            n_concepts: 2,
            chance: Some(0.5),
            low: Some(0.25),
            high: Some(0.75),
            reason: None,
        };
        let with = |change: fn(&mut MetricRow)| {
            let mut changed = row.clone();
            change(&mut changed);
            let error = compare(&[changed], std::slice::from_ref(&row)).unwrap_err();
            error.to_string().replace(SOURCES, "SOURCES")
        };
        let of = "metrics.parquet: step 4 type accuracy other_type masked: has";
        assert_eq!(
            with(|row| row.low = Some(0.125)),
            format!("{of} low 0.25, computed again from SOURCES it is 0.125")
        );
        assert_eq!(
            with(|row| row.high = None),
            format!("{of} high 0.75, computed again from SOURCES it is null")
        );
        assert_eq!(
            with(|row| row.value = Some(0.525_000_000_000_000_1)),
            format!("{of} value 0.525, computed again from SOURCES it is 0.5250000000000001")
        );
        assert_eq!(
            with(|row| row.metric = "mrr".to_owned()),
            format!("{of} metric accuracy, computed again from SOURCES it is mrr")
        );
        let same = std::slice::from_ref(&row);
        assert_eq!(compare(same, same).unwrap(), 1);
    }
}
