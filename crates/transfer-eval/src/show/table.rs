//! The stage × condition table, of one checkpoint or over steps with onsets.

use std::collections::BTreeMap;

use command::Table;
use corpus::Condition;
use corpus::tables::MetricRow;

use crate::onset;

use super::number;

/// The metrics that a person reads first, in the order of the stages: (stage, metric, phenomenon).
const LINES: [(&str, &str, Option<&str>); 23] = [
    ("grammar", "sentences_parsed", None),
    ("grammar", "accuracy", None),
    ("grammar", "accuracy", Some("position")),
    ("type", "types_satisfied", None),
    ("type", "accuracy", None),
    ("type", "accuracy", Some("other_type")),
    ("knowledge", "accuracy", None),
    ("knowledge", "held_out_accuracy", None),
    ("lexical", "accuracy", Some("same_type")),
    ("lexical", "mrr", None),
    ("lexical", "mrr_raw", None),
    ("lexical", "mrr_null", None),
    ("lexical", "frequency_mrr", None),
    ("lexical", "oracle_identifiability", None),
    ("lexical", "oracle_learnable", None),
    ("lexical", "hit1", None),
    ("lexical", "reachability", None),
    ("lexical", "type_reachability", None),
    ("lexical", "generated", None),
    ("text", "bits_per_character", None),
    ("ladder", "preferred", Some("token_shuffled")),
    ("ladder", "preferred", Some("type_violating")),
    ("ladder", "preferred", Some("unseen_pair")),
];

/// The lines of these metrics: [`LINES`], then the alignment of the last layer.
fn lines(metrics: &[MetricRow]) -> Vec<Line<'_>> {
    let number = |layer: &&str| layer.trim_start_matches("layer_").parse::<u32>().ok();
    let layers = metrics.iter().filter(|row| row.stage == "alignment");
    let last = layers
        .filter_map(|row| row.phenomenon.as_deref())
        .max_by_key(number);
    let alignment =
        ["retrieval", "cka"].map(|metric| last.map(|layer| ("alignment", metric, Some(layer))));
    LINES
        .into_iter()
        .chain(alignment.into_iter().flatten())
        .collect()
}

type Line<'a> = (&'a str, &'a str, Option<&'a str>);

fn line(row: &MetricRow) -> Line<'_> {
    (&row.stage, &row.metric, row.phenomenon.as_deref())
}

fn name((_, metric, phenomenon): Line<'_>) -> String {
    phenomenon.map_or(metric.to_owned(), |phenomenon| {
        format!("{metric} {phenomenon}")
    })
}

/// Every line with a value somewhere: estimate and interval by condition, and chance.
///
/// `metrics`: the rows of one checkpoint.
pub fn of_checkpoint(metrics: &[MetricRow]) -> Table {
    let mut table = Table::new(&[
        "stage",
        "metric",
        "chance",
        "majority",
        "minority",
        "masked",
        "identical",
    ]);
    for wanted in lines(metrics) {
        let rows: Vec<&MetricRow> = metrics.iter().filter(|row| line(row) == wanted).collect();
        if rows.iter().all(|row| row.value.is_none()) {
            continue;
        }
        let cell = |&condition: &Condition| {
            let row = rows.iter().find(|row| row.condition == condition);
            row.map_or("–".to_owned(), |row| estimate(row))
        };
        let mut cells = vec![wanted.0.to_owned(), name(wanted), chance(&rows)];
        cells.extend(Condition::ALL.iter().map(cell));
        table.row(cells);
    }
    table
}

/// `0.61 [0.52, 0.70]`, without the interval where there is none.
fn estimate(row: &MetricRow) -> String {
    match (row.value, row.low, row.high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.2} [{low:.2}, {high:.2}]"),
        (value, ..) => number(value),
    }
}

/// The chance of all conditions, or its range where their candidate sets differ in size.
fn chance(rows: &[&MetricRow]) -> String {
    let mut chances: Vec<String> = rows
        .iter()
        .filter_map(|row| row.chance)
        .map(|chance| format!("{chance:.2}"))
        .collect();
    chances.sort();
    chances.dedup();
    match (chances.first(), chances.last()) {
        (Some(low), Some(high)) if low != high => format!("{low}–{high}"),
        (Some(chance), _) => chance.clone(),
        _ => "–".to_owned(),
    }
}

/// Every line and condition with a value somewhere, over at most `columns` steps (the last among them), with its onset.
pub fn over_steps(metrics: &[MetricRow], columns: usize) -> Table {
    let mut steps: Vec<u64> = metrics.iter().map(|row| row.step).collect();
    steps.sort_unstable();
    steps.dedup();
    let shown = spread(&steps, columns);
    let mut header = vec![
        "stage".to_owned(),
        "metric".to_owned(),
        "condition".to_owned(),
        "chance".to_owned(),
    ];
    header.extend(shown.iter().map(|step| format!("step {step}")));
    header.push("onset".to_owned());
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());

    let mut curves: BTreeMap<(Line<'_>, Condition), BTreeMap<u64, &MetricRow>> = BTreeMap::new();
    for row in metrics {
        curves
            .entry((line(row), row.condition))
            .or_default()
            .insert(row.step, row);
    }
    for wanted in lines(metrics) {
        for &condition in Condition::ALL {
            let Some(curve) = curves.get(&(wanted, condition)) else {
                continue;
            };
            if curve.values().all(|row| row.value.is_none()) {
                continue;
            }
            let last: Vec<&MetricRow> = curve.values().next_back().copied().into_iter().collect();
            let mut cells = vec![
                wanted.0.to_owned(),
                name(wanted),
                condition.to_string(),
                chance(&last),
            ];
            cells.extend(
                shown
                    .iter()
                    .map(|step| number(curve.get(step).and_then(|row| row.value))),
            );
            cells.push(onset_cell(metrics, wanted, condition));
            table.row(cells);
        }
    }
    table
}

/// The onset's step; `censored` where it was not reached; a dash where the metric has none.
fn onset_cell(
    metrics: &[MetricRow],
    (stage, metric, phenomenon): Line<'_>,
    condition: Condition,
) -> String {
    let metric = format!("{metric}{}", onset::SUFFIX);
    let row = metrics.iter().find(|row| {
        line(row) == (stage, metric.as_str(), phenomenon) && row.condition == condition
    });
    match row.map(|row| row.value) {
        Some(Some(step)) => format!("{step}"),
        Some(None) => "censored".to_owned(),
        None => "–".to_owned(),
    }
}

/// At most `count` of `steps`, evenly spread by place, first and last among them.
fn spread(steps: &[u64], count: usize) -> Vec<u64> {
    if steps.len() <= count || count < 2 {
        return steps
            .iter()
            .copied()
            .rev()
            .take(count.max(1))
            .rev()
            .collect();
    }
    (0..count)
        .map(|i| steps[(i * (steps.len() - 1) + (count - 1) / 2) / (count - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64, metric: &str, condition: Condition, value: Option<f64>) -> MetricRow {
        MetricRow {
            step,
            stage: "lexical".to_owned(),
            metric: metric.to_owned(),
            condition,
            phenomenon: None,
            value,
            n_items: 4,
            n_concepts: 2,
            chance: Some(0.25),
            low: value.map(|value| value - 0.1),
            high: value.map(|value| value + 0.1),
            reason: None,
        }
    }

    #[test]
    fn one_checkpoint_has_conditions_side_by_side() {
        let rows = [
            row(9, "hit1", Condition::Masked, Some(0.5)),
            row(9, "mrr", Condition::Masked, None),
        ];
        let text = of_checkpoint(&rows).to_string();
        let expected = "lexical  hit1      0.25         –         –  0.50 [0.40, 0.60]          –";
        assert_eq!(text.lines().last(), Some(expected));
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn steps_stand_side_by_side_with_the_onset() {
        let mut rows: Vec<MetricRow> = [(1, 0.2), (2, 0.7), (3, 0.8)]
            .map(|(step, v)| row(step, "hit1", Condition::Masked, Some(v)))
            .to_vec();
        rows.extend(onset::rows(&rows));
        let text = over_steps(&rows, 2).to_string();
        let cells: Vec<&str> = text
            .lines()
            .last()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        assert_eq!(
            cells,
            ["lexical", "hit1", "masked", "0.25", "0.20", "0.80", "2"]
        );
    }

    #[test]
    fn steps_are_spread() {
        assert_eq!(spread(&[1, 2, 3], 8), [1, 2, 3]);
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5, 6], 4), [0, 2, 4, 6]);
    }
}
