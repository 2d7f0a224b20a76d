//! Items with two alternatives: single (gold against other) and crossed (two contexts, two forms). Chance is ½.

use std::collections::BTreeSet;

use corpus::{Condition, ProbeStage};

use crate::items::{Alternative, AlternativeRows, Items};
use crate::measure::{Measure, Observation};
use crate::ranking::preference;
use crate::scores::{Scoring, StepScores};

/// 1 if the item is answered right, ½ on a tie, 0 otherwise; `None` if a score is not finite.
pub fn outcome(item: &Alternative, items: &Items, scores: &StepScores) -> Option<f64> {
    match item.rows {
        AlternativeRows::Single(row) => {
            let gold = usize::from(items.probes[row].gold);
            let nats = scores.of(row, Scoring::Raw);
            preference(nats[gold], nats[1 - gold])
        }
        AlternativeRows::Crossed(first, second) => {
            let (one, other) = (
                scores.of(first, Scoring::Raw),
                scores.of(second, Scoring::Raw),
            );
            let gold = usize::from(items.probes[first].gold);
            preference(one[gold] + other[1 - gold], one[1 - gold] + other[gold])
        }
    }
}

/// `accuracy` in every condition: of the phenomena in `pooled` taken together, then of each phenomenon that `stage`'s
/// items have, `always` among them even where no item is.
pub fn accuracies(
    name: &'static str,
    stage: ProbeStage,
    items: &Items,
    scores: &StepScores,
    pooled: impl Fn(&str) -> bool,
    always: &[&str],
) -> Vec<Measure> {
    let of_stage = || {
        items
            .alternatives
            .iter()
            .filter(move |item| item.stage == stage)
    };
    let mut phenomena: BTreeSet<&str> = always.iter().copied().collect();
    phenomena.extend(of_stage().map(|item| item.phenomenon.as_str()));
    let observe = |item: &Alternative| {
        outcome(item, items, scores).map(|value| Observation::item(item.concept, value, 0.5))
    };
    let mut measures = Vec::new();
    for &condition in Condition::ALL {
        let here = || of_stage().filter(move |item| item.condition == condition);
        let absent = |what: &str| format!("no {} items of {what}", condition);
        if !always.is_empty() {
            let outcomes = here()
                .filter(|item| pooled(&item.phenomenon))
                .map(observe)
                .collect();
            measures.push(Measure::from_items(
                name,
                "accuracy",
                condition,
                None,
                outcomes,
                &absent(name),
            ));
        }
        for &phenomenon in &phenomena {
            let outcomes = here()
                .filter(|item| item.phenomenon == phenomenon)
                .map(observe)
                .collect();
            let absent = absent(phenomenon);
            measures.push(Measure::from_items(
                name,
                "accuracy",
                condition,
                Some(phenomenon),
                outcomes,
                &absent,
            ));
        }
    }
    measures
}
