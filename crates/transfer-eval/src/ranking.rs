//! Where the gold candidate stands among its rivals, ties taking their expectation.
//!
//! A tie is broken at random in principle and by arithmetic in practice: every outcome below is its
//! mean over all orders of the tied candidates, so a model that cannot tell candidates apart scores
//! exactly chance.

use std::cmp::Ordering;

/// How many candidates score above the gold one, and how many others share its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Candidates with a higher score than the gold one.
    pub above: usize,
    /// Candidates other than the gold one with the same score.
    pub tied: usize,
}

impl Standing {
    /// The standing of `scores[gold]`, or `None` if any score is not finite or `gold` is no candidate.
    pub fn of(scores: &[f64], gold: usize) -> Option<Standing> {
        let own = *scores.get(gold)?;
        if scores.iter().any(|score| !score.is_finite()) {
            return None;
        }
        let mut standing = Standing { above: 0, tied: 0 };
        for (candidate, score) in scores.iter().enumerate() {
            match score.total_cmp(&own) {
                Ordering::Greater => standing.above += 1,
                Ordering::Equal if candidate != gold => standing.tied += 1,
                _ => {}
            }
        }
        Some(standing)
    }

    /// Expected 1/rank: the mean of 1/r over the ranks `above + 1 ..= above + 1 + tied`.
    pub fn reciprocal_rank(self) -> f64 {
        let ranks = self.above + 1..=self.above + 1 + self.tied;
        ranks.map(|rank| 1.0 / rank as f64).sum::<f64>() / (self.tied + 1) as f64
    }

    /// Expected share of orders in which the gold candidate comes first.
    pub fn hit_at_1(self) -> f64 {
        self.within_top(1)
    }

    /// Expected share of orders in which the gold candidate is among the first `k`.
    pub fn within_top(self, k: usize) -> f64 {
        let room = k.saturating_sub(self.above).min(self.tied + 1);
        room as f64 / (self.tied + 1) as f64
    }

    /// Expected rank, 1 the best.
    pub fn rank(self) -> f64 {
        1.0 + self.above as f64 + self.tied as f64 / 2.0
    }
}

/// The n-th harmonic number H_n = 1 + 1/2 + … + 1/n.
pub fn harmonic(n: usize) -> f64 {
    (1..=n).map(|k| 1.0 / k as f64).sum()
}

/// Expected reciprocal rank of a gold candidate placed at random among `n`: H_n / n.
pub fn chance_reciprocal_rank(n: usize) -> f64 {
    harmonic(n) / n as f64
}

/// 1 if the first score is higher, 0 if the second is, ½ on a tie; `None` if either is not finite.
pub fn preference(better: f64, worse: f64) -> Option<f64> {
    if !better.is_finite() || !worse.is_finite() {
        return None;
    }
    Some(match better.total_cmp(&worse) {
        Ordering::Greater => 1.0,
        Ordering::Equal => 0.5,
        Ordering::Less => 0.0,
    })
}

/// Area under the ROC curve: the share of (positive, negative) pairs in which the positive scores
/// higher, ties ½ (Mann–Whitney). `None` if either side is empty or a score is not finite.
pub fn auc(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let mut won = 0.0;
    for &positive in positives {
        for &negative in negatives {
            won += preference(positive, negative)?;
        }
    }
    Some(won / (positives.len() * negatives.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn standing_counts_those_above_and_those_tied() {
        // scores 3, 1, 2, 1; gold is the second: two above, one tied
        let standing = Standing::of(&[3.0, 1.0, 2.0, 1.0], 1).unwrap();
        assert_eq!(standing, Standing { above: 2, tied: 1 });
        // ranks 3 or 4, each half the time: (1/3 + 1/4) / 2 = 7/24
        assert!(close(standing.reciprocal_rank(), 7.0 / 24.0));
        assert!(close(standing.hit_at_1(), 0.0));
        assert!(close(standing.rank(), 3.5));
        // among the first three in one of the two orders
        assert!(close(standing.within_top(3), 0.5));
        assert!(close(standing.within_top(4), 1.0));
    }

    #[test]
    fn all_tied_is_exactly_chance() {
        for n in 1..=9 {
            let standing = Standing::of(&vec![-7.25; n], n - 1).unwrap();
            assert!(close(standing.reciprocal_rank(), chance_reciprocal_rank(n)));
            assert!(close(standing.hit_at_1(), 1.0 / n as f64));
        }
        // H_4 / 4 = (1 + 1/2 + 1/3 + 1/4) / 4 = 25/48
        assert!(close(chance_reciprocal_rank(4), 25.0 / 48.0));
    }

    #[test]
    fn scores_that_are_not_finite_are_never_ranked() {
        assert_eq!(Standing::of(&[f64::NAN, 1.0], 1), None);
        assert_eq!(Standing::of(&[f64::NEG_INFINITY, 1.0], 1), None);
        assert_eq!(Standing::of(&[1.0], 1), None);
        assert_eq!(preference(f64::NAN, 0.0), None);
        assert_eq!(auc(&[f64::NAN], &[0.0]), None);
    }

    #[test]
    fn auc_is_the_share_of_pairs_won() {
        // pairs (3,2) won, (3,1) won, (1,2) lost, (1,1) tied: 2.5 / 4
        assert!(close(auc(&[3.0, 1.0], &[2.0, 1.0]).unwrap(), 0.625));
        assert_eq!(auc(&[], &[1.0]), None);
    }
}
