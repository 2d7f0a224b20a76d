//! `average_rank`: how deep into the vocabulary a text reaches.

/// Σ_t p(t) · rank(t), the rank of a token by its frequency in the text, 1 for the most frequent,
/// p(t) its share of the text's tokens (Limisiewicz, Balhar and Mareček 2023, §3.1). Tokens of
/// equal frequency share the mean of their ranks; tokens that do not occur have none. `None` for
/// an empty text.
pub fn average_rank(occurrences: &[u64]) -> Option<f64> {
    let mut counts: Vec<u64> = occurrences.iter().copied().filter(|n| *n > 0).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let mut sum = 0.0;
    let mut first = 0;
    while first < counts.len() {
        let tied = counts[first..]
            .iter()
            .take_while(|n| **n == counts[first])
            .count();
        // Ranks first + 1 ..= first + tied.
        let rank = first as f64 + (tied as f64 + 1.0) / 2.0;
        sum += rank * (counts[first] as f64) * tied as f64;
        first += tied;
    }
    Some(sum / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_ranks_by_frequency() {
        // Counts 5, 2, 2, 1: ranks 1, 2.5, 2.5, 4: (5·1 + 2·2.5 + 2·2.5 + 1·4) / 10 = 1.9.
        let value = average_rank(&[2, 0, 5, 1, 2]).unwrap();
        assert!((value - 1.9).abs() < 1e-12);
        assert_eq!(average_rank(&[0, 0]), None);
    }
}
