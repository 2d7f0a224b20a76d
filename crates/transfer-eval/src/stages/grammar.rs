//! Stage 1, grammar: do sentences parse, and are grammatical ones preferred?
//!
//! Order and displaced items have the same words in both sentences; agreement items are crossed. `missing_word` is
//! secondary, its sentences differ in length; beside it stands what length alone would answer. `position` (a masked
//! noun in a noun's place against another place) is one of the three tests whose onsets claim 4 compares.
//!
//! Sampled sentences that continue one prompt are alike, so the bootstrap draws them together: what counts as concepts
//! of `sentences_parsed` and of `types_satisfied` are prompts.

use corpus::tables::SampleRow;
use corpus::{Condition, Language, ProbeStage};

use crate::generate::sentence::prompt_of;
use crate::items::{AlternativeRows, Items};
use crate::measure::{Measure, Observation};
use crate::ranking::preference;
use crate::scores::StepScores;

use super::alternatives::accuracies;

const MISSING_WORD: &str = "missing_word";
const ALWAYS: [&str; 5] = ["order", "displaced", "agreement", MISSING_WORD, "position"];

/// Every measure of the stage.
pub fn measures(items: &Items, scores: &StepScores, samples: &[SampleRow]) -> Vec<Measure> {
    let mut measures = sentences_parsed(samples);
    measures.extend(accuracies(
        "grammar",
        ProbeStage::Grammar,
        items,
        scores,
        |phenomenon| phenomenon != MISSING_WORD,
        &ALWAYS,
    ));
    measures.extend(
        Condition::ALL
            .iter()
            .map(|&condition| length_baseline(items, scores, condition)),
    );
    measures
}

/// The language whose sentences a condition samples: sentences are sampled in a language, not about a concept.
pub(super) fn sampled_language(condition: Condition) -> Option<Language> {
    match condition {
        Condition::Majority => Some(Language::Majority),
        Condition::Minority => Some(Language::Minority),
        Condition::Masked | Condition::Identical => None,
    }
}

/// The sampled sentences of a condition.
pub(super) fn sentences(
    samples: &[SampleRow],
    condition: Condition,
) -> impl Iterator<Item = &SampleRow> {
    let language = sampled_language(condition);
    samples
        .iter()
        .filter(move |sample| Some(sample.language) == language)
}

/// `value` of `weight` parts of a sampled sentence, without a chance level.
pub(super) fn of_sample(sample: &SampleRow, value: f64, weight: f64) -> Observation {
    Observation {
        concept: Some(prompt_of(sample.sample)),
        ..Observation::part(value, weight)
    }
}

/// Why a condition has no sampled sentences.
pub(super) fn no_samples(condition: Condition) -> String {
    match sampled_language(condition) {
        Some(_) => {
            "no sentences were sampled (--samples 0, or logits that are not finite)".to_owned()
        }
        None => format!(
            "sentences are sampled by language, not for {} forms",
            condition
        ),
    }
}

/// Share of sampled sentences that the language's grammar accepts.
fn sentences_parsed(samples: &[SampleRow]) -> Vec<Measure> {
    let measure = |condition| {
        let verdict = |sample: &SampleRow| {
            let value = f64::from(u8::from(sample.grammatical));
            Some(of_sample(sample, value, 1.0))
        };
        let observations = sentences(samples, condition).map(verdict).collect();
        Measure::from_items(
            "grammar",
            "sentences_parsed",
            condition,
            None,
            observations,
            &no_samples(condition),
        )
    };
    Condition::ALL.iter().copied().map(measure).collect()
}

/// Accuracy on missing-word items of a judge that prefers the sentence with fewer tokens.
fn length_baseline(items: &Items, scores: &StepScores, condition: Condition) -> Measure {
    let answers = items
        .alternatives
        .iter()
        .filter_map(|item| match item.rows {
            AlternativeRows::Single(row)
                if item.phenomenon == MISSING_WORD && item.condition == condition =>
            {
                let gold = usize::from(items.probes[row].gold);
                let shortness: Vec<f64> =
                    scores.tokens(row).iter().map(|&n| -f64::from(n)).collect();
                let right = preference(shortness[gold], shortness[1 - gold]);
                Some(right.map(|value| Observation::item(item.concept, value, 0.5)))
            }
            _ => None,
        });
    let absent = format!("no {} items of {MISSING_WORD}", condition);
    let answers = answers.collect();
    Measure::from_items(
        "grammar",
        "length_baseline",
        condition,
        Some(MISSING_WORD),
        answers,
        &absent,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Bootstrap, Outcome};
    use seed::Seed;

    /// Samples 0, 1 and 2 continue prompts of their own, sample 21 that of sample 1.
    #[test]
    fn samples_of_one_prompt_are_drawn_together() {
        let sample = |(sample, grammatical)| SampleRow {
            step: 7,
            language: Language::Minority,
            sample,
            text: String::new(),
            grammatical,
            types_satisfied: 0,
            types_broken: 0,
        };
        let samples = [(0, true), (1, false), (2, true), (21, false)].map(sample);
        let measures = sentences_parsed(&samples);
        let minority = measures.iter().find(|one| one.value().is_some()).unwrap();
        assert_eq!(minority.condition, Condition::Minority);
        let Outcome::Observed(observed) = &minority.outcome else {
            panic!("{minority:?}")
        };
        let prompts: Vec<Option<u32>> = observed.iter().map(|one| one.concept).collect();
        assert_eq!(prompts, [Some(0), Some(1), Some(2), Some(1)]);
        let bootstrap = Bootstrap {
            seed: Seed(1),
            replicates: 0,
        };
        let row = bootstrap.row(7, minority);
        assert_eq!((row.n_items, row.n_concepts), (4, 3));
        assert!((row.value.unwrap() - 0.5).abs() < 1e-12);
    }
}
