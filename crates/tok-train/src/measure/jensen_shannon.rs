//! `jensen_shannon`: how differently two texts use the vocabulary.

/// Jensen–Shannon divergence in bits (Lin 1991; as overlap of vocabularies in Limisiewicz et al.
/// 2023): ½ KL(p‖m) + ½ KL(q‖m), m = ½(p + q). 0 for equal, 1 for disjoint distributions. `None`
/// where a text is empty. Both slices are indexed by token id.
pub fn jensen_shannon(left: &[u64], right: &[u64]) -> Option<f64> {
    let (left_total, right_total): (u64, u64) = (left.iter().sum(), right.iter().sum());
    if left_total == 0 || right_total == 0 {
        return None;
    }
    let term = |p: f64, m: f64| if p > 0.0 { p * libm::log2(p / m) } else { 0.0 };
    let sum: f64 = left
        .iter()
        .zip(right)
        .map(|(a, b)| {
            let p = *a as f64 / left_total as f64;
            let q = *b as f64 / right_total as f64;
            let m = 0.5 * (p + q);
            term(p, m) + term(q, m)
        })
        .sum();
    Some((0.5 * sum).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_from_equal_to_disjoint() {
        assert!(jensen_shannon(&[2, 1], &[4, 2]).unwrap().abs() < 1e-12);
        assert!((jensen_shannon(&[2, 0], &[0, 3]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(jensen_shannon(&[0], &[1]), None);
    }

    #[test]
    fn half_overlap_by_hand() {
        // p = (1/2, 1/2, 0), q = (0, 1/2, 1/2), m = (1/4, 1/2, 1/4).
        // KL(p‖m) = ½ log2 2 + ½ log2 1 = ½, the same for q: ½.
        let value = jensen_shannon(&[1, 1, 0], &[0, 1, 1]).unwrap();
        assert!((value - 0.5).abs() < 1e-12);
    }
}
