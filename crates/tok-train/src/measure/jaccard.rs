//! `jaccard`: how much of the used vocabulary two texts share.

/// |U ∩ V| / |U ∪ V|, U and V being the tokens that occur in each text (Jaccard 1912). `None`
/// where neither has any. Both slices are indexed by token id.
pub fn jaccard(left: &[u64], right: &[u64]) -> Option<f64> {
    let both = left
        .iter()
        .zip(right)
        .filter(|(a, b)| **a > 0 && **b > 0)
        .count();
    let either = left
        .iter()
        .zip(right)
        .filter(|(a, b)| **a > 0 || **b > 0)
        .count();
    (either > 0).then(|| both as f64 / either as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_sets_of_used_tokens() {
        // {0, 1, 3} and {1, 2, 3}: 2 of 4.
        assert!((jaccard(&[9, 1, 0, 2], &[0, 5, 1, 1]).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(jaccard(&[0], &[0]), None);
    }
}
