//! Stage 3, knowledge: are true statements preferred to false ones of the right type?
//!
//! Items are crossed. Held-out facts, about which B states nothing in any construction, have a pooled metric of their
//! own: transfer of knowledge over words that B knows, the step before masked forms.

use corpus::{Condition, ProbeStage};

use crate::items::Items;
use crate::measure::Measure;
use crate::scores::StepScores;

use super::alternatives::{accuracies, outcome};

const HELD_OUT: &str = "held_out_";

/// Every measure of the stage.
pub fn measures(items: &Items, scores: &StepScores) -> Vec<Measure> {
    let stated = |phenomenon: &str| !phenomenon.starts_with(HELD_OUT);
    let always = [
        "attribute",
        "relation",
        "held_out_attribute",
        "held_out_relation",
    ];
    let mut measures = accuracies(
        "knowledge",
        ProbeStage::Knowledge,
        items,
        scores,
        stated,
        &always,
    );
    for &condition in Condition::ALL {
        let held_out = items.alternatives.iter().filter(|item| {
            item.stage == ProbeStage::Knowledge
                && item.condition == condition
                && !stated(&item.phenomenon)
        });
        let observe = |item: &crate::items::Alternative| {
            let value = outcome(item, items, scores)?;
            Some(crate::measure::Observation::item(item.concept, value, 0.5))
        };
        let observations = held_out.map(observe).collect();
        let absent = format!("no {} items of held-out facts", condition);
        measures.push(Measure::from_items(
            "knowledge",
            "held_out_accuracy",
            condition,
            None,
            observations,
            &absent,
        ));
    }
    measures
}
