//! Onset: when a metric first stands half-way between chance and perfect, and stays there for one more checkpoint.

use std::collections::BTreeMap;

use corpus::Condition;
use corpus::tables::MetricRow;

/// The metrics that have an onset.
pub const METRICS: [&str; 5] = [
    "accuracy",
    "held_out_accuracy",
    "mrr",
    "hit1",
    "reachability",
];
/// What an onset's metric is called: `accuracy_onset_step`.
pub const SUFFIX: &str = "_onset_step";

/// Level to reach: chance + ½ (1 − chance).
pub fn threshold(chance: f64) -> f64 {
    chance + 0.5 * (1.0 - chance)
}

/// The first of two consecutive checkpoints at or above the threshold; `None` if there is none (censored).
///
/// curve: (step, value, chance) in order of steps; a missing value is not above anything.
pub fn onset(curve: &[(u64, Option<f64>, Option<f64>)]) -> Option<u64> {
    let reached = |&(_, value, chance): &(u64, Option<f64>, Option<f64>)| {
        value
            .zip(chance)
            .is_some_and(|(value, chance)| value >= threshold(chance))
    };
    curve
        .windows(2)
        .find(|pair| pair.iter().all(reached))
        .map(|pair| pair[0].0)
}

/// One row for each curve of [`METRICS`], at the last step: the onset's step as value, or null with a reason.
pub fn rows(metrics: &[MetricRow]) -> Vec<MetricRow> {
    type Key<'a> = (&'a str, &'a str, Condition, Option<&'a str>);
    let mut curves: BTreeMap<Key<'_>, Vec<&MetricRow>> = BTreeMap::new();
    for row in metrics
        .iter()
        .filter(|row| METRICS.contains(&row.metric.as_str()))
    {
        let key = (
            row.stage.as_str(),
            row.metric.as_str(),
            row.condition,
            row.phenomenon.as_deref(),
        );
        curves.entry(key).or_default().push(row);
    }
    let row = |curve: Vec<&MetricRow>| {
        let last = *curve.last()?;
        let points: Vec<_> = curve
            .iter()
            .map(|row| (row.step, row.value, row.chance))
            .collect();
        let found = onset(&points);
        let reason = match (found, curve.iter().all(|row| row.value.is_none())) {
            (Some(_), _) => None,
            (None, true) => last.reason.clone(),
            (None, false) => Some(format!("not reached by step {} (censored)", last.step)),
        };
        Some(MetricRow {
            metric: format!("{}{SUFFIX}", last.metric),
            value: found.map(|step| step as f64),
            chance: None,
            low: None,
            high: None,
            reason,
            ..last.clone()
        })
    };
    curves.into_values().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64]) -> Vec<(u64, Option<f64>, Option<f64>)> {
        (0..)
            .zip(values)
            .map(|(i, &value)| (10 * i, Some(value), Some(0.5)))
            .collect()
    }

    #[test]
    fn two_consecutive_checkpoints_are_needed() {
        // chance ½: the threshold is ¾. Step 10 alone does not count, 30 and 40 do
        assert_eq!(onset(&curve(&[0.5, 0.8, 0.7, 0.75, 0.9, 0.2])), Some(30));
        assert_eq!(onset(&curve(&[0.5, 0.8, 0.7, 0.74])), None);
        // above at the last checkpoint only: not confirmed
        assert_eq!(onset(&curve(&[0.5, 0.9])), None);
        let mut broken = curve(&[0.9, 0.9, 0.9]);
        broken[1].1 = None;
        assert_eq!(onset(&broken), None);
    }
}
