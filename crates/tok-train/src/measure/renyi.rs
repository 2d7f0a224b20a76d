//! `renyi_efficiency`: how evenly a text uses the vocabulary.

/// The order that Zouhar et al. (2023) found to predict translation quality best.
pub const ALPHA: f64 = 2.5;

/// Rényi efficiency H_α(p) / ln V with H_α(p) = ln(Σ_t p(t)^α) / (1 − α), α = 2.5 (Zouhar et al.
/// 2023, §3): 1 where all V tokens are used equally, near 0 where few carry the text.
/// `vocab_size`: V, the tokens that could be used (special ones left out). `None` for an empty
/// text or V < 2.
pub fn renyi_efficiency(occurrences: &[u64], vocab_size: usize) -> Option<f64> {
    let total: u64 = occurrences.iter().sum();
    if total == 0 || vocab_size < 2 {
        return None;
    }
    let sum: f64 = occurrences
        .iter()
        .filter(|n| **n > 0)
        .map(|n| libm::pow(*n as f64 / total as f64, ALPHA))
        .sum();
    let entropy = libm::log(sum) / (1.0 - ALPHA);
    Some(entropy / libm::log(vocab_size as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_for_uniform_use() {
        // Σ = 4 · 4^−2.5 = 4^−1.5, H = 1.5 ln 4 / 1.5 = ln 4.
        assert!((renyi_efficiency(&[7, 7, 7, 7], 4).unwrap() - 1.0).abs() < 1e-12);
        // Of 16 tokens only 4 are used: ln 4 / ln 16 = 1/2.
        assert!((renyi_efficiency(&[7, 7, 7, 7], 16).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn falls_with_skew() {
        // p = (3/4, 1/4): Σ = 0.487139 + 0.03125 = 0.518389, −ln Σ / 1.5 = 0.437989,
        // / ln 2 = 0.631884.
        let value = renyi_efficiency(&[3, 1], 2).unwrap();
        assert!((value - 0.631_88).abs() < 1e-4, "{value}");
        assert_eq!(renyi_efficiency(&[0, 0], 2), None);
    }
}
