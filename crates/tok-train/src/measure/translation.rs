//! `learnable`: what a regular correspondence between the languages' tokens gives away, read off
//! a translation table that is estimated on unmasked pairs only. For unmasked concepts it is thus an
//! upper bound (their own pair is among them); for masked ones it is what the others teach.

use rustc_hash::FxHashMap;

use super::Form;

/// Rounds of expectation maximization.
const ROUNDS: usize = 10;
/// Share of the probability spread evenly over the vocabulary, so that a token never seen in
/// training costs much but not everything.
const SMOOTHING: f64 = 0.01;

/// t(b | a): IBM Model 1 (Brown et al. 1993, §4.1) over tokens, with the empty source token.
#[derive(Clone, Debug)]
pub struct TranslationTable {
    /// Probability of a B-token given an A-token (`None`: the empty token).
    table: FxHashMap<(Option<u32>, u32), f64>,
    vocab_size: usize,
}

impl TranslationTable {
    /// Estimates the table from pairs (A-form, B-form) by expectation maximization, from a uniform
    /// start. Sums run in the order of the pairs. `vocab_size`: number of tokens, for smoothing.
    pub fn train(pairs: &[(&Form, &Form)], vocab_size: usize) -> Self {
        Self::after_rounds(ROUNDS, pairs, vocab_size)
    }

    fn after_rounds(rounds: usize, pairs: &[(&Form, &Form)], vocab_size: usize) -> Self {
        let mut table: FxHashMap<(Option<u32>, u32), f64> = FxHashMap::default();
        for round in 0..rounds {
            let mut counts: FxHashMap<(Option<u32>, u32), f64> = FxHashMap::default();
            let mut totals: FxHashMap<Option<u32>, f64> = FxHashMap::default();
            for (a, b) in pairs {
                for target in b.ids() {
                    let given = |source| {
                        if round == 0 {
                            1.0
                        } else {
                            table.get(&(source, *target)).copied().unwrap_or(0.0)
                        }
                    };
                    let sum: f64 = sources(a).map(given).sum();
                    if sum <= 0.0 {
                        continue;
                    }
                    for source in sources(a) {
                        let share = given(source) / sum;
                        *counts.entry((source, *target)).or_default() += share;
                        *totals.entry(source).or_default() += share;
                    }
                }
            }
            for ((source, _), count) in &mut counts {
                *count /= totals[source];
            }
            table = counts;
        }
        TranslationTable { table, vocab_size }
    }

    /// t(target | source), unsmoothed.
    pub fn probability(&self, source: Option<u32>, target: u32) -> f64 {
        self.table.get(&(source, target)).copied().unwrap_or(0.0)
    }

    /// Mean over b's tokens of ln p(token | a), where p(t | a) is the mean of t(t | s) over a's
    /// tokens and the empty one, smoothed: (1 − 0.01) p + 0.01 / vocab_size. The mean (not the
    /// sum) so that candidates of different lengths compare. Nats, at most 0; equal for forms with
    /// the same tokens in any order.
    pub fn score(&self, a: &Form, b: &Form) -> f64 {
        let floor = SMOOTHING / self.vocab_size.max(1) as f64;
        let sum: f64 = b
            .sorted()
            .iter()
            .map(|target| {
                let given: f64 = sources(a).map(|s| self.probability(s, *target)).sum();
                let mean = given / (a.ids().len() + 1) as f64;
                libm::log((1.0 - SMOOTHING) * mean + floor)
            })
            .sum();
        sum / b.sorted().len().max(1) as f64
    }
}

fn sources(a: &Form) -> impl Iterator<Item = Option<u32>> + '_ {
    std::iter::once(None).chain(a.sorted().iter().map(|id| Some(*id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(ids: &[u32]) -> Form {
        Form::new(ids.to_vec(), &[1; 20])
    }

    /// Pairs: 1 2 → 11 12, and 1 → 11.
    ///
    /// Round one, from a uniform start: each target of pair one is split over {∅, 1, 2}, a third each; 11 of pair two
    /// over {∅, 1}, a half each. Counts of (11, 12): ∅ and 1 have (1/3 + 1/2, 1/3) = (5/6, 2/6), 2 has (1/3, 1/3).
    /// Hence t(11|∅) = t(11|1) = 5/7, t(12|∅) = t(12|1) = 2/7, t(11|2) = t(12|2) = 1/2.
    ///
    /// Round two: 11 of pair one is split as 5/7 : 5/7 : 1/2 = 10 : 10 : 7 of 27, 12 as 2/7 : 2/7 : 1/2 = 4 : 4 : 7 of
    /// 15; 11 of pair two in halves. ∅ and 1 have (10/27 + 1/2, 4/15) = (235, 72)/270, 2 has (7/27, 7/15) = (35, 63)/135.
    /// Hence t(11|1) = 235/307, t(12|1) = 72/307, t(11|2) = 35/98 = 5/14, t(12|2) = 9/14.
    #[test]
    fn two_rounds_by_hand() {
        let pairs = [(form(&[1, 2]), form(&[11, 12])), (form(&[1]), form(&[11]))];
        let pairs: Vec<(&Form, &Form)> = pairs.iter().map(|(a, b)| (a, b)).collect();
        for (rounds, of_one, of_two) in [
            (1, [5.0 / 7.0, 2.0 / 7.0], [0.5, 0.5]),
            (2, [235.0 / 307.0, 72.0 / 307.0], [5.0 / 14.0, 9.0 / 14.0]),
        ] {
            let table = TranslationTable::after_rounds(rounds, &pairs, 20);
            for (source, hand) in [(None, of_one), (Some(1), of_one), (Some(2), of_two)] {
                for (target, hand) in [11, 12].into_iter().zip(hand) {
                    let found = table.probability(source, target);
                    assert!(
                        (found - hand).abs() < 1e-12,
                        "round {rounds}: t({target}|{source:?}) = {found}, by hand {hand}"
                    );
                }
            }
        }
        // Later rounds go on: the second pair explains 11 by 1 (or ∅), so 2 is left with 12.
        let table = TranslationTable::train(&pairs, 20);
        assert!(table.probability(Some(1), 11) > 235.0 / 307.0);
        assert!(table.probability(Some(2), 12) > 9.0 / 14.0);
    }

    #[test]
    fn one_pair_of_one_token_each_is_certain() {
        // ∅ and 1 both see 11 alone: t = 1 for both, p = (1 + 1) / 2 = 1.
        let (a, b) = (form(&[1]), form(&[11]));
        let table = TranslationTable::train(&[(&a, &b)], 20);
        assert!((table.probability(Some(1), 11) - 1.0).abs() < 1e-12);
        // ln(0.99 · 1 + 0.01 / 20) = ln 0.9905.
        assert!((table.score(&a, &b) - libm::log(0.9905)).abs() < 1e-12);
        // A token never seen: ln(0.01 / 20) = ln 0.0005; with the known one the mean of both.
        let mixed = table.score(&a, &form(&[11, 12]));
        assert!((mixed - (libm::log(0.9905) + libm::log(0.0005)) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_regular_correspondence_is_found() {
        // Token i of A is always token i + 10 of B; pairs of two tokens each.
        let a: Vec<Form> = (1..6)
            .flat_map(|i| (1..6).map(move |j| form(&[i, j])))
            .collect();
        let b: Vec<Form> = (1..6)
            .flat_map(|i| (1..6).map(move |j| form(&[i + 10, j + 10])))
            .collect();
        let pairs: Vec<(&Form, &Form)> = a.iter().zip(&b).collect();
        let table = TranslationTable::train(&pairs, 20);
        let gold = table.score(&form(&[2, 4]), &form(&[12, 14]));
        let other = table.score(&form(&[2, 4]), &form(&[13, 15]));
        assert!(gold > other + 1.0, "{gold} {other}");
    }
}
