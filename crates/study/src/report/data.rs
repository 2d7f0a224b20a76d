//! What a report is drawn from: runs, their metrics over training, their masked concepts.
//!
//! [`super::gather`] fills it from EVAL directories, [`super::tables`] writes it into REPORT and reads it back, so that a
//! report can be drawn again from a report.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use corpus::Condition;

use crate::artifact::Stage;
use crate::knobs::Setting;
use crate::thresholds::Thresholds;

/// Everything a report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data {
    /// The study's name.
    pub study: String,
    /// What it asks.
    pub description: String,
    /// Thresholds of the claims' table.
    pub thresholds: Thresholds,
    /// Every planned run, finished or not.
    pub runs: Vec<RunRecord>,
    /// Metrics of the finished runs, by run, then step.
    pub metrics: Vec<Metric>,
    /// Masked concepts of the finished runs.
    pub concepts: Vec<Concept>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunRecord {
    /// Name of its last artifact.
    pub run: String,
    /// `main`, or the control's name.
    pub label: String,
    /// Why it is not finished; `None` where it is.
    pub missing: Option<String>,
    /// Every knob that has a value, as `stage.knob`.
    pub knobs: BTreeMap<String, Setting>,
    /// Its artifact of each stage.
    pub artifacts: BTreeMap<Stage, String>,
    /// Their fingerprints, hex.
    pub fingerprints: BTreeMap<Stage, String>,
    /// BLAKE3 of `tokenizer.json`: equal tokenizers count once.
    pub tokenizer: Option<String>,
    /// Realised values and tokenizer figures by name (see [`names`]).
    pub values: BTreeMap<String, f64>,
}

/// Names in [`RunRecord::values`] that the report computes with.
pub mod names {
    /// Tokens in the vocabulary as trained.
    pub const VOCAB_SIZE: &str = "realised.vocab_size";
    /// Mean LDN over masked concepts.
    pub const LDN: &str = "realised.ldn_masked";
    /// B's share of the training text's characters.
    pub const SHARE: &str = "realised.minority_share";
    /// B's share of the tokenizer's training characters.
    pub const TOKENIZER_SHARE: &str = "realised.tokenizer_minority_share";
    /// How many masked concepts there are.
    pub const MASKED_CONCEPTS: &str = "bridge.masked.concepts";
    /// Mean primary bridge over masked concepts.
    pub const BRIDGE: &str = "bridge.masked.shared_mass_corrected";
    /// Share of the A-forms of masked concepts, in all inflections, that are one token.
    pub const ATOM_SHARE: &str = "tok.majority.masked.form_atom_share";
}

/// One row of a run's `metrics.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Index of the run.
    pub run: usize,
    /// Optimiser steps of the checkpoint.
    pub step: u64,
    /// Stage of transfer, or what else is measured.
    pub stage: String,
    /// Name of the metric.
    pub metric: String,
    /// Whose forms.
    pub condition: Condition,
    /// Phenomenon; `None` for all.
    pub phenomenon: Option<String>,
    /// Its value; `None` with a reason in the EVAL.
    pub value: Option<f64>,
    /// Items behind it.
    pub n_items: u64,
    /// Concepts behind it.
    pub n_concepts: u64,
    /// Value that guessing has.
    pub chance: Option<f64>,
    /// Lower end of the within-run interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// One masked concept of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Concept {
    /// Index of the run.
    pub run: usize,
    /// Concept id.
    pub concept: u32,
    /// Its primary bridge.
    pub bridge: f64,
    /// LDN of its two forms.
    pub ldn: f64,
    /// Whether all its A-forms are one token each (see [`super::atoms`]).
    pub atom: bool,
    /// Whether all tokens of its B-forms occur often enough in the model's training text; `None` where that is not known.
    pub trained: Option<bool>,
    /// Mean calibrated reciprocal rank over its contexts at the last checkpoint, primary set; `None` without an EVAL.
    pub mrr: Option<f64>,
    /// What guessing has.
    pub chance: Option<f64>,
}

/// The address of a curve: stage, metric, condition, phenomenon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure<'a> {
    /// Stage of transfer.
    pub stage: &'a str,
    /// Name of the metric.
    pub metric: &'a str,
    /// Whose forms.
    pub condition: Condition,
    /// Phenomenon; `None` for all.
    pub phenomenon: Option<&'a str>,
}

/// The outcome of every claim: calibrated masked MRR in the primary set.
pub const OUTCOME: Measure = Measure {
    stage: "lexical",
    metric: "mrr",
    condition: Condition::Masked,
    phenomenon: None,
};

/// Masked reachability: the share of masked concepts ranked first, scores averaged over their contexts.
pub const REACHABILITY: Measure = Measure {
    stage: "lexical",
    metric: "reachability",
    condition: Condition::Masked,
    phenomenon: None,
};

impl Data {
    /// The finished runs, with their indices.
    pub fn finished(&self) -> impl Iterator<Item = (usize, &RunRecord)> {
        self.runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.missing.is_none())
    }

    /// Metrics of one run.
    pub fn metrics_of(&self, run: usize) -> &[Metric] {
        let start = self.metrics.partition_point(|metric| metric.run < run);
        let end = self.metrics.partition_point(|metric| metric.run <= run);
        &self.metrics[start..end]
    }

    /// Masked concepts of one run.
    pub fn concepts_of(&self, run: usize) -> &[Concept] {
        let start = self.concepts.partition_point(|concept| concept.run < run);
        let end = self.concepts.partition_point(|concept| concept.run <= run);
        &self.concepts[start..end]
    }

    /// One curve of one run, by step.
    pub fn curve<'a>(
        &'a self,
        run: usize,
        measure: Measure<'a>,
    ) -> impl Iterator<Item = &'a Metric> {
        self.metrics_of(run).iter().filter(move |metric| {
            metric.stage == measure.stage
                && metric.metric == measure.metric
                && metric.condition == measure.condition
                && metric.phenomenon.as_deref() == measure.phenomenon
        })
    }

    /// A curve's row at the run's last checkpoint.
    pub fn last<'a>(&'a self, run: usize, measure: Measure<'a>) -> Option<&'a Metric> {
        let last_step = self.metrics_of(run).last()?.step;
        self.curve(run, measure)
            .last()
            .filter(|metric| metric.step == last_step)
    }

    /// Puts runs into an order that is their own, whatever input they came from: main runs first, then by label, world
    /// seed and the other knobs.
    pub fn arrange(&mut self) {
        let settings: Vec<Vec<(&String, String)>> = self
            .runs
            .iter()
            .map(|run| {
                let knobs = run.knobs.iter();
                knobs
                    .map(|(name, value)| (name, value.to_string()))
                    .collect()
            })
            .collect();
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by(|&a, &b| {
            let (run, other) = (&self.runs[a], &self.runs[b]);
            let label = |run: &RunRecord| (run.label != "main", run.label.clone());
            let differing = settings[a]
                .iter()
                .zip(&settings[b])
                .map(|((name, x), (other, y))| name.cmp(other).then_with(|| natural(x, y)))
                .find(|ordering| ordering.is_ne());
            label(run)
                .cmp(&label(other))
                .then_with(|| natural(&run.world_seed(), &other.world_seed()))
                .then(differing.unwrap_or(settings[a].len().cmp(&settings[b].len())))
                .then_with(|| run.artifacts.cmp(&other.artifacts))
        });
        self.pick(&order);
    }

    /// Keeps the runs of these numbers, in this order, with their rows.
    pub fn pick(&mut self, order: &[usize]) {
        let mut numbers: Vec<Option<usize>> = vec![None; self.runs.len()];
        for (new, old) in order.iter().enumerate() {
            numbers[*old] = Some(new);
        }
        self.runs = order.iter().map(|run| self.runs[*run].clone()).collect();
        let renumber = |run: &mut usize| match numbers[*run] {
            Some(new) => {
                *run = new;
                true
            }
            None => false,
        };
        self.metrics.retain_mut(|metric| renumber(&mut metric.run));
        self.concepts
            .retain_mut(|concept| renumber(&mut concept.run));
        self.sort();
    }

    /// Puts rows into the order that the look-ups rely on.
    pub fn sort(&mut self) {
        self.metrics.sort_by(|a, b| {
            let key = |m: &Metric| {
                (
                    m.run,
                    m.step,
                    m.stage.clone(),
                    m.metric.clone(),
                    m.condition,
                    m.phenomenon.clone(),
                )
            };
            (a.run, a.step)
                .cmp(&(b.run, b.step))
                .then_with(|| key(a).cmp(&key(b)))
        });
        self.concepts
            .sort_by_key(|concept| (concept.run, concept.concept));
    }
}

impl RunRecord {
    /// A knob as text.
    pub fn knob(&self, name: &str) -> Option<String> {
        self.knobs.get(name).map(ToString::to_string)
    }

    /// Every knob but `dropped`, as text: runs of which it is the same differ in those alone.
    pub fn knobs_but(&self, dropped: &[&str]) -> String {
        self.knobs
            .iter()
            .filter(|(name, _)| !dropped.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}={value} "))
            .collect()
    }

    /// The unit of the claims.
    pub fn world_seed(&self) -> String {
        self.knob("lang.world_seed").unwrap_or_else(|| "–".into())
    }

    /// A value, where it is known and finite.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values
            .get(name)
            .copied()
            .filter(|value| value.is_finite())
    }

    /// The requested vocabulary as a person names it: its size, or `char` and `word`, which have none.
    pub fn vocabulary(&self) -> String {
        match self.knob("tok.algorithm").as_deref() {
            Some(end @ ("char" | "word")) => end.to_owned(),
            _ => self.knob("tok.vocab_size").unwrap_or_else(|| "–".into()),
        }
    }
}

/// The order of two values of a knob: numbers by size, then words.
pub fn natural(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_checkpoint_is_the_run_s_not_the_curve_s() {
        let metric = |run, step, metric: &str| Metric {
            run,
            step,
            stage: "lexical".into(),
            metric: metric.into(),
            condition: Condition::Masked,
            phenomenon: None,
            value: Some(step as f64),
            n_items: 1,
            n_concepts: 1,
            chance: None,
            low: None,
            high: None,
        };
        let mut data = Data {
            metrics: vec![
                metric(1, 20, "mrr"),
                metric(0, 10, "mrr"),
                metric(1, 10, "mrr"),
                metric(0, 20, "hit1"),
            ],
            ..Data::default()
        };
        data.sort();
        assert_eq!(
            data.last(1, OUTCOME).and_then(|metric| metric.value),
            Some(20.0)
        );
        assert_eq!(
            data.last(0, OUTCOME),
            None,
            "run 0 has no mrr at its last checkpoint"
        );
        assert_eq!(data.curve(1, OUTCOME).count(), 2);
    }

    #[test]
    fn runs_have_an_order_of_their_own_and_take_their_rows_along() {
        let run = |label: &str, seed, size| RunRecord {
            run: format!("{label} {seed} {size}"),
            label: label.to_owned(),
            knobs: BTreeMap::from([
                ("lang.world_seed".to_owned(), Setting::Integer(seed)),
                ("tok.vocab_size".to_owned(), Setting::Integer(size)),
            ]),
            ..RunRecord::default()
        };
        let runs = vec![
            run("char", 1, 64),
            run("main", 10, 64),
            run("main", 9, 512),
            run("main", 9, 64),
        ];
        let concept = |run| Concept {
            run,
            concept: run as u32,
            bridge: 0.0,
            ldn: 0.0,
            atom: false,
            trained: None,
            mrr: None,
            chance: None,
        };
        let mut data = Data {
            runs,
            concepts: (0..4).map(concept).collect(),
            ..Data::default()
        };
        data.arrange();
        let found: Vec<(&str, u32)> = data
            .runs
            .iter()
            .enumerate()
            .map(|(index, run)| (run.run.as_str(), data.concepts_of(index)[0].concept))
            .collect();
        let expected = [
            ("main 9 64", 3),
            ("main 9 512", 2),
            ("main 10 64", 1),
            ("char 1 64", 0),
        ];
        assert_eq!(found, expected);
        data.pick(&[2]);
        assert_eq!((data.runs.len(), data.concepts.len()), (1, 1));
        assert_eq!(data.concepts_of(0)[0].concept, 1);
    }

    #[test]
    fn numbers_stand_before_words_and_by_their_size() {
        let mut values = ["word", "10", "9", "char", "0.5"];
        values.sort_by(|a, b| natural(a, b));
        assert_eq!(values, ["0.5", "9", "10", "char", "word"]);
    }
}
