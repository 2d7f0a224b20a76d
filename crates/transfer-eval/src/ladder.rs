//! The likelihood ladder: does probability fall as text departs from the language, rung by rung?
//!
//! Rungs: normal, token-shuffled (the same tokens in a seeded random order), type-violating, and a pairing of known
//! words that training never showed. `log_probability_nats` is a rung's mean; `preferred` the share of items in which
//! the normal sentence is likelier than the rung (chance ½).

use corpus::Condition;
use rand::Rng;
use seed::Seed;

use crate::items::Items;
use crate::measure::{Measure, Observation};
use crate::ranking::preference;
use crate::scores::{Scoring, StepScores};

/// A ladder's candidates in the order of scores.parquet; the last is made here, not by lang-gen.
pub const RUNGS: [&str; 4] = ["normal", "type_violating", "unseen_pair", "token_shuffled"];

/// Every measure of the ladder.
pub fn measures(items: &Items, scores: &StepScores) -> Vec<Measure> {
    let mut measures = Vec::new();
    for &condition in Condition::ALL {
        let rows = || {
            items
                .ladders
                .iter()
                .copied()
                .filter(|&row| items.probes[row].condition == condition)
        };
        let absent = format!("no {condition} ladders");
        for (rung, &name) in RUNGS.iter().enumerate() {
            let nats = |row: usize| {
                let value = scores.all(row, Scoring::Raw)[rung];
                let concept = items.probes[row].concept;
                value.is_finite().then_some(Observation {
                    concept,
                    value,
                    weight: 1.0,
                    chance: None,
                })
            };
            let observations = rows().map(nats).collect();
            let metric = "log_probability_nats";
            measures.push(Measure::from_items(
                "ladder",
                metric,
                condition,
                Some(name),
                observations,
                &absent,
            ));
        }
        for (rung, &name) in RUNGS.iter().enumerate().skip(1) {
            let preferred = |row: usize| {
                let nats = scores.all(row, Scoring::Raw);
                let value = preference(nats[0], nats[rung])?;
                Some(Observation::item(items.probes[row].concept, value, 0.5))
            };
            let observations = rows().map(preferred).collect();
            measures.push(Measure::from_items(
                "ladder",
                "preferred",
                condition,
                Some(name),
                observations,
                &absent,
            ));
        }
    }
    measures
}

/// A sentence's tokens in a random order, separators left where they are. ids: `<sep>` tokens `<sep>`.
///
/// The order is drawn again, at most 20 times, while it is the original one; a sentence of one token stays.
pub fn shuffled(ids: &[u32], seed: Seed, probe: u32) -> Vec<u32> {
    let mut stream = seed.stream_at("ladder/token_shuffled", u64::from(probe));
    let mut order = ids.to_vec();
    let end = ids.len().saturating_sub(1);
    for _ in 0..20 {
        for last in (2..end).rev() {
            // Fisher & Yates over places 1 ..= last
            let other = 1 + ((u64::from(stream.next_u32()) * last as u64) >> 32) as usize;
            order.swap(last, other);
        }
        if order != ids {
            break;
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_tokens_and_separators() {
        let ids = [0, 5, 6, 7, 8, 9, 0];
        let got = shuffled(&ids, Seed(1), 3);
        assert_ne!(got, ids);
        assert_eq!((got[0], got[6]), (0, 0));
        let mut sorted = got.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 0, 5, 6, 7, 8, 9]);
        assert_eq!(got, shuffled(&ids, Seed(1), 3));
        assert_ne!(got, shuffled(&ids, Seed(1), 4));
        assert_eq!(shuffled(&[0, 5, 0], Seed(1), 3), [0, 5, 0]);
        assert_eq!(shuffled(&[0, 5, 6, 0], Seed(1), 3), [0, 6, 5, 0]);
    }
}
