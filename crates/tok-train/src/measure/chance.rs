//! Correction for chance: unrelated forms overlap too.

use rayon::prelude::*;

/// (m − m̄) / (1 − m̄), m̄ being what unrelated pairs have: 1 stays 1, m̄ becomes 0 (the form of
/// Cohen's κ, 1960; DESIGN, "The tokenizer"). Where unrelated pairs have 1 too, 0: the measure
/// tells nothing there.
pub fn corrected(value: f64, mean_of_unrelated: f64) -> f64 {
    let room = 1.0 - mean_of_unrelated;
    if room <= f64::EPSILON {
        0.0
    } else {
        (value - mean_of_unrelated) / room
    }
}

/// For each concept c the mean over the other concepts c' of `measure(c', c)` (the A-form of c'
/// against the B-form of c); 0 where there is no other. All n² pairs, in parallel over c; each
/// mean is summed in the order of the concepts, whatever the threads.
pub fn means_over_others(
    concepts: usize,
    measure: impl Fn(usize, usize) -> f64 + Sync,
) -> Vec<f64> {
    if concepts < 2 {
        return vec![0.0; concepts];
    }
    (0..concepts)
        .into_par_iter()
        .map(|b| {
            let sum: f64 = (0..concepts)
                .filter(|a| *a != b)
                .map(|a| measure(a, b))
                .sum();
            sum / (concepts - 1) as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescales_between_chance_and_one() {
        // m = 0.6 where unrelated pairs have 0.2: 0.4 / 0.8.
        assert!((corrected(0.6, 0.2) - 0.5).abs() < 1e-12);
        assert!((corrected(1.0, 0.2) - 1.0).abs() < 1e-12);
        assert!((corrected(0.1, 0.2) + 0.125).abs() < 1e-12);
        assert!(corrected(1.0, 1.0).abs() < 1e-12);
    }

    #[test]
    fn averages_the_other_concepts_only() {
        // measure(a, b) = 10a + b over 3 concepts; for b = 1: (1 + 21) / 2 = 11.
        let means = means_over_others(3, |a, b| (10 * a + b) as f64);
        assert_eq!(means.len(), 3);
        assert!((means[1] - 11.0).abs() < 1e-12);
        // b = 0: (10 + 20) / 2; b = 2: (2 + 12) / 2.
        assert!((means[0] - 15.0).abs() < 1e-12);
        assert!((means[2] - 7.0).abs() < 1e-12);
    }
}
