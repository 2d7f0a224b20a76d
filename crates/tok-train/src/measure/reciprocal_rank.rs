//! Expected reciprocal rank with ties (`identifiability`, `learnable`).

/// E[1/rank] of one candidate among all, scores descending, ties broken at random: with g scores
/// above it and t equal to it (itself included), (1/t) Σ_{j=1..t} 1/(g + j) (McSherry and Najork
/// 2008, §3). `scores` holds the candidate itself at `gold`. In (0, 1].
pub fn expected_reciprocal_rank(scores: &[f64], gold: usize) -> f64 {
    let own = scores[gold];
    let greater = scores.iter().filter(|s| s.total_cmp(&own).is_gt()).count();
    let equal = scores.iter().filter(|s| s.total_cmp(&own).is_eq()).count();
    let sum: f64 = (1..=equal).map(|j| 1.0 / (greater + j) as f64).sum();
    sum / equal as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_with_ties_in_expectation() {
        // 0.9 first; two 0.5 share ranks 2 and 3: (1/2 + 1/3) / 2 = 5/12.
        let scores = [0.5, 0.9, 0.5, 0.1];
        assert!((expected_reciprocal_rank(&scores, 1) - 1.0).abs() < 1e-12);
        assert!((expected_reciprocal_rank(&scores, 0) - 5.0 / 12.0).abs() < 1e-12);
        assert!((expected_reciprocal_rank(&scores, 3) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn all_tied_is_chance() {
        // H_4 / 4 = (1 + 1/2 + 1/3 + 1/4) / 4.
        let chance = (1.0 + 0.5 + 1.0 / 3.0 + 0.25) / 4.0;
        assert!((expected_reciprocal_rank(&[0.0; 4], 2) - chance).abs() < 1e-12);
    }
}
