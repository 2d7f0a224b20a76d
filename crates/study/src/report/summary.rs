//! Numbers as figures and tables show them: one run's own value and interval, or a mean over runs with a t interval over
//! world seeds. Each carries where it comes from.

use std::collections::BTreeMap;

use corpus::Condition;

use super::data::{Data, Measure, Metric, names};
use super::statistics::{mean, t_interval};

/// A number with its interval, chance and origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The value, or the mean over world seeds.
    pub value: f64,
    /// The run's own 95 % interval, or the t interval over world seeds; `None` where there is neither.
    pub interval: Option<[f64; 2]>,
    /// What guessing has.
    pub chance: Option<f64>,
    /// Runs behind it.
    pub runs: usize,
    /// Items behind it, of all runs.
    pub items: u64,
    /// Where it comes from, for tooltips and tables.
    pub origin: String,
}

/// What the report's tables and bars show of each stage.
#[derive(Debug, Clone, Copy)]
pub struct Headline {
    /// For people.
    pub name: &'static str,
    /// Stage in the metrics.
    pub stage: &'static str,
    /// Metric.
    pub metric: &'static str,
}

/// The stages in the order in which transfer is expected.
pub const HEADLINES: [Headline; 6] = [
    Headline {
        name: "grammar",
        stage: "grammar",
        metric: "accuracy",
    },
    Headline {
        name: "types",
        stage: "type",
        metric: "accuracy",
    },
    Headline {
        name: "knowledge",
        stage: "knowledge",
        metric: "accuracy",
    },
    Headline {
        name: "held-out facts",
        stage: "knowledge",
        metric: "held_out_accuracy",
    },
    Headline {
        name: "lexical MRR",
        stage: "lexical",
        metric: "mrr",
    },
    Headline {
        name: "reachability",
        stage: "lexical",
        metric: "reachability",
    },
];

impl Headline {
    /// Its curve in one condition.
    pub fn of(self, condition: Condition) -> Measure<'static> {
        Measure {
            stage: self.stage,
            metric: self.metric,
            condition,
            phenomenon: None,
        }
    }
}

/// A measure at the last checkpoint over some runs.
pub fn shown(data: &Data, runs: &[usize], measure: Measure) -> Option<Shown> {
    let rows: Vec<&Metric> = runs
        .iter()
        .filter_map(|run| data.last(*run, measure).filter(|row| row.value.is_some()))
        .collect();
    let what = format!("{}/{}/{}", measure.stage, measure.metric, measure.condition);
    let chances: Vec<f64> = rows.iter().filter_map(|row| row.chance).collect();
    let chance = (!chances.is_empty()).then(|| mean(&chances));
    let items = rows.iter().map(|row| row.n_items).sum();
    if let [row] = rows[..] {
        let origin = format!(
            "{}: {what} at step {}, {} items, {} concepts",
            data.runs[row.run].run, row.step, row.n_items, row.n_concepts
        );
        return Some(Shown {
            value: row.value?,
            interval: row.low.zip(row.high).map(|(low, high)| [low, high]),
            chance,
            runs: 1,
            items,
            origin,
        });
    }
    let values = rows
        .iter()
        .filter_map(|row| Some((data.runs[row.run].world_seed(), row.value?)));
    let (value, interval, seeds) = over_seeds(data, values)?;
    let origin = format!(
        "{what}: mean over {} runs of {seeds} world seeds, {items} items",
        rows.len()
    );
    Some(Shown {
        value,
        interval,
        chance,
        runs: rows.len(),
        items,
        origin,
    })
}

/// A value of the tokenizer over some runs.
pub fn shown_value(data: &Data, runs: &[usize], name: &str) -> Option<Shown> {
    let mut seen = std::collections::BTreeSet::new();
    let own = runs.iter().filter(|run| {
        data.runs[**run]
            .artifacts
            .get(&crate::artifact::Stage::Tok)
            .is_none_or(|tok| seen.insert(tok.clone()))
    });
    let values: Vec<(String, f64)> = own
        .filter_map(|run| Some((data.runs[*run].world_seed(), data.runs[*run].value(name)?)))
        .collect();
    let count = values.len();
    let (value, interval, seeds) = over_seeds(data, values.into_iter())?;
    let origin = format!("{name}: mean over {count} tokenizers of {seeds} world seeds");
    Some(Shown {
        value,
        interval,
        chance: None,
        runs: count,
        items: 0,
        origin,
    })
}

/// Mean of the world seeds' means, its t interval, and how many seeds.
fn over_seeds(
    data: &Data,
    values: impl Iterator<Item = (String, f64)>,
) -> Option<(f64, Option<[f64; 2]>, usize)> {
    let mut seeds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (seed, value) in values {
        seeds.entry(seed).or_default().push(value);
    }
    let means: Vec<f64> = seeds.values().map(|values| mean(values)).collect();
    if means.is_empty() {
        return None;
    }
    let interval = t_interval(&means, data.thresholds.confidence)
        .map(|estimate| [estimate.low, estimate.high]);
    Some((mean(&means), interval, means.len()))
}

/// One vocabulary of the study: what was asked for and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// As asked for: a size, `char` or `word`.
    pub asked: String,
    /// Mean realised size.
    pub realised: f64,
    /// Its label: the size asked for, and the realised one where it differs.
    pub label: String,
    /// Finished runs that have it.
    pub runs: Vec<usize>,
}

/// The vocabularies of some runs, by realised size.
pub fn vocabularies(data: &Data, runs: &[usize]) -> Vec<Vocabulary> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for run in runs {
        by_name
            .entry(data.runs[*run].vocabulary())
            .or_default()
            .push(*run);
    }
    let mut all: Vec<Vocabulary> = by_name
        .into_iter()
        .map(|(asked, runs)| {
            let sizes: Vec<f64> = runs
                .iter()
                .filter_map(|run| data.runs[*run].value(names::VOCAB_SIZE))
                .collect();
            let realised = if sizes.is_empty() {
                asked.parse().unwrap_or(0.0)
            } else {
                mean(&sizes)
            };
            let same = asked
                .parse::<f64>()
                .is_ok_and(|size| (size - realised).abs() < 0.5);
            let label = if same || realised <= 0.0 {
                asked.clone()
            } else {
                format!("{asked} ({realised:.0})")
            };
            Vocabulary {
                asked,
                realised,
                label,
                runs,
            }
        })
        .collect();
    all.sort_by(|a, b| a.realised.total_cmp(&b.realised));
    all
}

/// The main runs that are finished.
pub fn main_runs(data: &Data) -> Vec<usize> {
    data.finished()
        .filter(|(_, run)| run.label == "main")
        .map(|(index, _)| index)
        .collect()
}

/// The values that a knob takes over some runs, in their order; numbers by size.
pub fn levels(data: &Data, runs: &[usize], knob: &str) -> Vec<(String, Vec<usize>)> {
    let mut by_value: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for run in runs {
        by_value
            .entry(data.runs[*run].knob(knob).unwrap_or_else(|| "–".into()))
            .or_default()
            .push(*run);
    }
    let mut all: Vec<(String, Vec<usize>)> = by_value.into_iter().collect();
    all.sort_by(
        |(a, _), (b, _)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        },
    );
    all
}

/// `0.53`, `12 300`: as many digits as a reader can use.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}").replace("-0.00", "0.00"),
    }
}

/// `0.53 [0.48, 0.58]`.
pub fn with_interval(shown: &Shown) -> String {
    match shown.interval {
        Some([low, high]) => format!(
            "{} [{}, {}]",
            number(shown.value),
            number(low),
            number(high)
        ),
        None => number(shown.value),
    }
}
