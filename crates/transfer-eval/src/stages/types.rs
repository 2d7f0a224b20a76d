//! Stage 2, types: do words keep the company that their types allow?
//!
//! Items are crossed: u fits only context x, v only y; in `masked`, u and v are both masked forms. `other_type` (a
//! masked form against a masked form of another type) is one of the three tests whose onsets claim 4 compares.

use corpus::tables::SampleRow;
use corpus::{Condition, ProbeStage};

use crate::items::Items;
use crate::measure::Measure;
use crate::scores::StepScores;

use super::alternatives::accuracies;
use super::grammar::{no_samples, of_sample, sampled_language, sentences};

/// Every measure of the stage.
pub fn measures(items: &Items, scores: &StepScores, samples: &[SampleRow]) -> Vec<Measure> {
    let mut measures = types_satisfied(samples);
    let always = ["attribute", "relation_object", "other_type"];
    measures.extend(accuracies(
        "type",
        ProbeStage::Type,
        items,
        scores,
        |_| true,
        &always,
    ));
    measures
}

/// Share of type constraints satisfied in sampled sentences that parse: satisfied / (satisfied + broken).
fn types_satisfied(samples: &[SampleRow]) -> Vec<Measure> {
    let measure = |condition| {
        let checked = sentences(samples, condition).filter(|sample| sample.grammatical);
        let parts: Vec<_> = checked
            .filter(|sample| sample.types_satisfied + sample.types_broken > 0)
            .map(|sample| {
                let satisfied = f64::from(sample.types_satisfied);
                let checked = satisfied + f64::from(sample.types_broken);
                Some(of_sample(sample, satisfied, checked))
            })
            .collect();
        let absent = match sampled_language(condition) {
            Some(_) if sentences(samples, condition).next().is_some() => {
                "no sampled sentence parses and has a type constraint".to_owned()
            }
            _ => no_samples(condition),
        };
        Measure::from_items("type", "types_satisfied", condition, None, parts, &absent)
    };
    Condition::ALL.iter().copied().map(measure).collect()
}
