//! Generation: would the model say the form itself, given its clues, within N attempts?
//!
//! Only primary clozes whose noun stands last take part: every clue stands before it. p is the raw probability that the
//! whole next word is the gold form in the tokens that the tokenizer cuts it into: these, then the start of another word
//! or the separator. `generated_expected` is 1 − (1 − p)^N.
//!
//! `generated` is whether one of N sampled next words reads as the form. A model may also spell the form in other
//! tokens, so where the temperature is 1 `generated` is expected at `generated_expected` or above, and the two differ by
//! what is spelled otherwise in as many tokens as a continuation may have. What goes on with the context's last word, or
//! was cut off, is no form (`##` in continuations.parquet). Guessing has no level here: the model may say any word.

use std::collections::HashMap;

use corpus::{Condition, ProbeSet};

use crate::items::{Cloze, Items};
use crate::measure::{Measure, Observation};
use crate::scores::StepScores;

use super::Beside;

/// 1 − (1 − p)^n for p = exp(`nats`), accurate for small p.
///
/// p = 0.01, n = 100: 1 − 0.99^100 = 0.633968.
pub fn within_attempts(nats: f64, n: u32) -> f64 {
    let p = libm::exp(nats).min(1.0);
    -libm::expm1(f64::from(n) * libm::log1p(-p))
}

/// Clozes that generation continues.
pub fn continued(items: &Items, condition: Condition) -> impl Iterator<Item = &Cloze> {
    items
        .clozes_of(ProbeSet::Primary, condition)
        .filter(|cloze| cloze.is_final)
}

/// The gold form of a cloze.
pub fn gold_form<'a>(items: &'a Items, cloze: &Cloze) -> &'a str {
    let forms = items.probe(cloze).forms.as_deref().unwrap_or_default();
    forms.get(cloze.gold).map_or("", String::as_str)
}

/// Both measures of one condition.
pub fn measures(
    items: &Items,
    scores: &StepScores,
    beside: Beside<'_>,
    condition: Condition,
) -> Vec<Measure> {
    let mut words: HashMap<u32, Vec<&str>> = HashMap::new();
    for row in beside.continuations {
        words.entry(row.probe).or_default().push(&row.word);
    }
    let observation = |cloze: &Cloze, value: f64| Observation {
        concept: items.probe(cloze).concept,
        value,
        weight: 1.0,
        chance: None,
    };
    let (mut expected, mut sampled) = (Vec::new(), Vec::new());
    for cloze in continued(items, condition) {
        if let Some(nats) = scores.next_word(cloze.row) {
            // a probability of zero is finite: the form is never said
            let value = (!nats.is_nan()).then(|| within_attempts(nats, beside.draws));
            expected.push(value.map(|value| observation(cloze, value)));
        }
        if let Some(words) = words.get(&items.probe(cloze).probe) {
            let said = words.contains(&gold_form(items, cloze));
            sampled.push(Some(observation(cloze, f64::from(u8::from(said)))));
        }
    }
    let absent = format!("no {condition} clozes were continued");
    let measure = |metric: &str, observations| {
        Measure::from_items("lexical", metric, condition, None, observations, &absent)
    };
    vec![
        measure("generated_expected", expected),
        measure("generated", sampled),
    ]
}

#[cfg(test)]
mod tests {
    use corpus::tables::{ContinuationRow, ScoreRow};
    use seed::Seed;

    use super::*;
    use crate::lexicon::Nouns;
    use crate::testing::cloze_row;

    /// The gold form is kata. Behind "red", `ka` `ta` make redkata; cut off, `▁ka` `ta` may become kataka.
    #[test]
    fn a_word_must_be_said_whole_and_apart() {
        let row = cloze_row(0, "g", "red {} .", &["kata", "lo"], 0);
        let items = Items::new(vec![row]).unwrap();
        let score = |candidate: u16| ScoreRow {
            step: 7,
            probe: 0,
            candidate,
            log_probability_nats: -1.0,
            calibrated_nats: Some(0.0),
            n_tokens: 4,
            next_word_nats: (candidate == 0).then_some(-1.0),
        };
        let scores = StepScores::new(&items, 7, &[score(0), score(1)]).unwrap();
        let nouns = Nouns::new(&[]);
        let generated = |words: &[&str]| {
            let said = |(sample, word): (u32, &&str)| ContinuationRow {
                step: 7,
                probe: 0,
                sample,
                word: (*word).to_owned(),
            };
            let continuations: Vec<ContinuationRow> = (0..).zip(words).map(said).collect();
            let beside = Beside {
                nouns: &nouns,
                bridges: &[],
                continuations: &continuations,
                draws: 2,
                seed: Seed(1),
            };
            measures(&items, &scores, beside, Condition::Masked)[1]
                .value()
                .unwrap()
        };
        assert!((generated(&["lo", "kata"]) - 1.0).abs() < 1e-12);
        assert!(generated(&["red##kata", "kata##"]).abs() < 1e-12);
        assert!(generated(&["", "redkata"]).abs() < 1e-12);
    }

    #[test]
    fn attempts_add_up() {
        assert!((within_attempts(0.01f64.ln(), 100) - 0.633_967_658_7).abs() < 1e-9);
        assert!((within_attempts(0.5f64.ln(), 2) - 0.75).abs() < 1e-12);
        // so small a p that 1 − p rounds to 1: still n·p
        assert!((within_attempts(1e-20f64.ln(), 10) / 1e-19 - 1.0).abs() < 1e-6);
        assert!(within_attempts(f64::NEG_INFINITY, 10).abs() < 1e-300);
        assert!((within_attempts(0.0, 1) - 1.0).abs() < 1e-12);
    }
}
