//! A measure: what one metric observed in one condition, before it becomes a row of metrics.parquet.
//!
//! Stages turn scores into measures; [`Bootstrap::row`] turns a measure into value, chance and interval.
//! A measure that could observe nothing says why; it never carries a number.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use corpus::Condition;
use corpus::tables::MetricRow;
use seed::Seed;

use crate::bootstrap::{self, Cluster, Interval};

/// One item's outcome. The metric is Σ value / Σ weight over its observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What the item is about: items of one concept are drawn together by the bootstrap.
    pub concept: Option<u32>,
    /// The outcome, times its weight.
    pub value: f64,
    /// 1 for a mean over items.
    pub weight: f64,
    /// What guessing would observe here, where that is known.
    pub chance: Option<f64>,
}

impl Observation {
    /// An item of weight 1.
    pub fn item(concept: Option<u32>, value: f64, chance: f64) -> Observation {
        Observation {
            concept,
            value,
            weight: 1.0,
            chance: Some(chance),
        }
    }

    /// A ratio's part without a chance level, such as satisfied over checked constraints.
    pub fn part(value: f64, weight: f64) -> Observation {
        Observation {
            concept: None,
            value,
            weight,
            chance: None,
        }
    }
}

/// What a metric observed.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// At least one observation; the interval comes from the bootstrap.
    Observed(Vec<Observation>),
    /// A value that brings its own interval, such as a null distribution's mean and quantiles.
    Given {
        /// The estimate.
        value: f64,
        /// What guessing would observe.
        chance: Option<f64>,
        /// Its interval.
        interval: Option<Interval>,
        /// Items behind it.
        n_items: u64,
        /// Concepts behind it.
        n_concepts: u64,
    },
    /// Nothing to report, and why.
    Absent {
        /// For a person to read.
        reason: String,
        /// Items that would have been used.
        n_items: u64,
    },
}

/// One metric in one condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The evaluation's stage: grammar, type, knowledge, lexical, text, ladder, alignment.
    pub stage: &'static str,
    /// The metric's name, one spelling in files, tables and documentation.
    pub metric: String,
    /// Whose forms.
    pub condition: Condition,
    /// Construction, rung or layer; `None` for all of them together.
    pub phenomenon: Option<String>,
    /// What was observed.
    pub outcome: Outcome,
}

impl Measure {
    /// A measure from items of which some may have had scores that are not finite (`None`).
    ///
    /// One such item makes the whole measure absent: a model that gives NaN somewhere is not ranked elsewhere.
    pub fn from_items(
        stage: &'static str,
        metric: impl Into<String>,
        condition: Condition,
        phenomenon: Option<&str>,
        items: Vec<Option<Observation>>,
        absent: &str,
    ) -> Measure {
        let total = items.len();
        let finite: Vec<Observation> = items.into_iter().flatten().collect();
        let outcome = if total == 0 {
            Outcome::Absent {
                reason: absent.to_owned(),
                n_items: 0,
            }
        } else if finite.len() < total {
            let broken = total - finite.len();
            let reason = format!("log-probabilities are not finite in {broken} of {total} items");
            Outcome::Absent {
                reason,
                n_items: total as u64,
            }
        } else {
            Outcome::Observed(finite)
        };
        Measure {
            stage,
            metric: metric.into(),
            condition,
            phenomenon: phenomenon.map(str::to_owned),
            outcome,
        }
    }

    /// The estimate, if there is one.
    pub fn value(&self) -> Option<f64> {
        match &self.outcome {
            Outcome::Observed(observations) => Some(bootstrap::ratio(&clusters(observations))),
            Outcome::Given { value, .. } => Some(*value),
            Outcome::Absent { .. } => None,
        }
    }
}

/// How intervals are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// The stage's seed; each measure draws from a stream named after it.
    pub seed: Seed,
    /// Resamples a measure; 0 for no intervals but those that measures bring.
    pub replicates: usize,
}

/// Resamples at most: their ends are then placed to a thousandth of the interval.
const MOST_REPLICATES: usize = 1_000_000;

impl Bootstrap {
    /// Refuses more resamples than could be held.
    pub fn check(self) -> Result<()> {
        ensure!(
            self.replicates <= MOST_REPLICATES,
            "bootstrap: expected at most {MOST_REPLICATES} resamples, found {}",
            self.replicates
        );
        Ok(())
    }

    /// The row of metrics.parquet for `measure` at `step`.
    pub fn row(self, step: u64, measure: &Measure) -> MetricRow {
        let mut row = MetricRow {
            step,
            stage: measure.stage.to_owned(),
            metric: measure.metric.clone(),
            condition: measure.condition,
            phenomenon: measure.phenomenon.clone(),
            value: None,
            n_items: 0,
            n_concepts: 0,
            chance: None,
            low: None,
            high: None,
            reason: None,
        };
        match &measure.outcome {
            Outcome::Observed(observations) => {
                let clusters = clusters(observations);
                row.value = Some(bootstrap::ratio(&clusters));
                row.chance = chance(observations);
                row.n_items = observations.len() as u64;
                row.n_concepts = concepts(observations);
                let mut stream = self.seed.stream(&stream_name(measure));
                if let Some(interval) = bootstrap::interval(&clusters, self.replicates, &mut stream)
                {
                    row.low = Some(interval.low);
                    row.high = Some(interval.high);
                }
            }
            Outcome::Given {
                value,
                chance,
                interval,
                n_items,
                n_concepts,
            } => {
                row.value = Some(*value);
                row.chance = *chance;
                row.low = interval.map(|interval| interval.low);
                row.high = interval.map(|interval| interval.high);
                row.n_items = *n_items;
                row.n_concepts = *n_concepts;
            }
            Outcome::Absent { reason, n_items } => {
                row.reason = Some(reason.clone());
                row.n_items = *n_items;
            }
        }
        row
    }
}

/// The same at every step, so that the intervals of one curve share their resamples.
fn stream_name(measure: &Measure) -> String {
    let phenomenon = measure.phenomenon.as_deref().unwrap_or("all");
    format!(
        "bootstrap/{}/{}/{}/{phenomenon}",
        measure.stage, measure.metric, measure.condition
    )
}

/// One cluster a concept, in order of concept, then one for each observation without a concept.
fn clusters(observations: &[Observation]) -> Vec<Cluster> {
    let mut shared: BTreeMap<u32, Cluster> = BTreeMap::new();
    let mut own = Vec::new();
    for observation in observations {
        match observation.concept {
            Some(concept) => {
                let cluster = shared.entry(concept).or_insert(Cluster {
                    sum: 0.0,
                    weight: 0.0,
                });
                cluster.sum += observation.value;
                cluster.weight += observation.weight;
            }
            None => own.push(Cluster {
                sum: observation.value,
                weight: observation.weight,
            }),
        }
    }
    let mut clusters: Vec<Cluster> = shared.into_values().collect();
    clusters.append(&mut own);
    clusters
}

/// The weighted mean of the items' chances; `None` unless every item has one.
fn chance(observations: &[Observation]) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for observation in observations {
        sum += observation.chance? * observation.weight;
        weight += observation.weight;
    }
    Some(sum / weight)
}

fn concepts(observations: &[Observation]) -> u64 {
    let mut concepts: Vec<u32> = observations.iter().filter_map(|one| one.concept).collect();
    concepts.sort_unstable();
    concepts.dedup();
    concepts.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 200,
    };

    fn measure(items: Vec<Option<Observation>>) -> Measure {
        Measure::from_items(
            "type",
            "accuracy",
            Condition::Masked,
            None,
            items,
            "no masked items",
        )
    }

    #[test]
    fn a_row_counts_items_and_concepts() {
        // concept 4: 1 and 0; concept 9: 1 → 2 of 3
        let items = [(4, 1.0), (4, 0.0), (9, 1.0)];
        let items =
            items.map(|(concept, value)| Some(Observation::item(Some(concept), value, 0.5)));
        let row = BOOTSTRAP.row(12, &measure(items.to_vec()));
        assert!((row.value.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((row.step, row.n_items, row.n_concepts), (12, 3, 2));
        assert!((row.chance.unwrap() - 0.5).abs() < 1e-12);
        assert!(row.low.unwrap() <= row.value.unwrap() && row.value.unwrap() <= row.high.unwrap());
        assert_eq!(row.reason, None);
    }

    #[test]
    fn an_absent_class_is_null_with_a_reason() {
        let row = BOOTSTRAP.row(0, &measure(Vec::new()));
        assert_eq!((row.value, row.low, row.chance), (None, None, None));
        assert_eq!(row.reason.as_deref(), Some("no masked items"));
    }

    #[test]
    fn one_item_that_is_not_finite_voids_the_measure() {
        let row = BOOTSTRAP.row(
            0,
            &measure(vec![Some(Observation::item(None, 1.0, 0.5)), None]),
        );
        assert_eq!(row.value, None);
        assert_eq!(row.n_items, 2);
        assert_eq!(
            row.reason.as_deref(),
            Some("log-probabilities are not finite in 1 of 2 items")
        );
    }
}
