//! The statistics of the claims, each a pure function.
//!
//! Distributions come from statrs; ranks, correlations and their intervals stand here because no kept library has the
//! partial rank correlation that claim 3 needs. A report's bytes should not depend on the machine: logarithms and their
//! kin come from libm, and what statrs computes with the C library's is rounded. Samples are slices of finite numbers; where a statistic is undefined
//! (too few values, no variance) the result is `None`, never a number.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, StudentsT};

/// An estimate over units with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Units behind it.
    pub n: usize,
}

/// Ranks from 1, ties sharing their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..]
            .iter()
            .take_while(|&&i| values[i].total_cmp(&values[order[start]]).is_eq())
            .count();
        // Ranks start + 1 ..= start + tied have this mean.
        let mean = start as f64 + (tied as f64 + 1.0) / 2.0;
        for &i in &order[start..start + tied] {
            ranks[i] = mean;
        }
        start += tied;
    }
    ranks
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = mean(values);
    values.iter().map(|value| value - mean).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Pearson's correlation of equally many values; `None` with fewer than 3 or where one side has no variance.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "both sides have one value per unit");
    if x.len() < 3 {
        return None;
    }
    let (x, y) = (centred(x), centred(y));
    let scale = (dot(&x, &x) * dot(&y, &y)).sqrt();
    (scale > f64::EPSILON).then(|| (dot(&x, &y) / scale).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation: Pearson's of the ranks (ties at their mean rank).
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x), &ranks(y))
}

/// A partial correlation and what the covariates left of `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partial {
    /// Correlation of the residuals.
    pub correlation: f64,
    /// Share of x's rank variance that the covariates do not explain.
    pub variance_left: f64,
}

/// Partial Spearman correlation of x and y given covariates: the correlation of the residuals of their ranks after
/// least squares on the covariates' ranks and a constant. A covariate without variance, or one that others determine,
/// explains nothing more.
///
/// `None` with fewer than 3 values beyond the covariates used, or where nothing of x or y is left.
pub fn partial_spearman(x: &[f64], y: &[f64], covariates: &[Vec<f64>]) -> Option<Partial> {
    const NOTHING_LEFT: f64 = 1e-9;
    // Gram–Schmidt: an orthogonal basis of the centred covariate ranks.
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for covariate in covariates {
        assert_eq!(
            covariate.len(),
            x.len(),
            "covariates have one value per unit"
        );
        let column = centred(&ranks(covariate));
        let before = dot(&column, &column);
        let rest = residual(&column, &basis);
        if before > 0.0 && dot(&rest, &rest) > NOTHING_LEFT * before {
            basis.push(rest);
        }
    }
    if x.len() < basis.len() + 3 {
        return None;
    }
    let (rank_x, rank_y) = (centred(&ranks(x)), centred(&ranks(y)));
    let (rest_x, rest_y) = (residual(&rank_x, &basis), residual(&rank_y, &basis));
    let (left_x, left_y) = (dot(&rest_x, &rest_x), dot(&rest_y, &rest_y));
    if left_x <= NOTHING_LEFT * dot(&rank_x, &rank_x)
        || left_y <= NOTHING_LEFT * dot(&rank_y, &rank_y)
    {
        return None;
    }
    let correlation = dot(&rest_x, &rest_y) / (left_x * left_y).sqrt();
    Some(Partial {
        correlation: correlation.clamp(-1.0, 1.0),
        variance_left: left_x / dot(&rank_x, &rank_x),
    })
}

/// `column` less its projections on an orthogonal basis.
fn residual(column: &[f64], basis: &[Vec<f64>]) -> Vec<f64> {
    let mut rest = column.to_vec();
    for direction in basis {
        let factor = dot(&rest, direction) / dot(direction, direction);
        rest.iter_mut()
            .zip(direction)
            .for_each(|(value, direction)| *value -= factor * direction);
    }
    rest
}

/// Mean and t interval: mean ± t(n − 1) · s / √n. `None` with fewer than 2 values.
pub fn t_interval(values: &[f64], confidence: f64) -> Option<Estimate> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let rest = centred(values);
    let standard_error = (dot(&rest, &rest) / (n - 1) as f64 / n as f64).sqrt();
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
    let half = rounded(t.inverse_cdf(0.5 + confidence / 2.0)) * standard_error;
    let value = mean(values);
    Some(Estimate {
        value,
        low: value - half,
        high: value + half,
        n,
    })
}

/// A value to 10 significant digits: what a distribution's last bits are depends on the platform's logarithm.
fn rounded(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}

/// Correlations at ± 1 have an infinite z; they are taken as this.
pub const MOST_CORRELATION: f64 = 0.999;

/// Fisher's z of a correlation, artanh r, after |r| is held at [`MOST_CORRELATION`].
pub fn fisher_z(correlation: f64) -> f64 {
    libm::atanh(correlation.clamp(-MOST_CORRELATION, MOST_CORRELATION))
}

/// Mean and t interval of correlations on Fisher's scale, told as correlations. `None` with fewer than 2.
pub fn fisher_interval(correlations: &[f64], confidence: f64) -> Option<Estimate> {
    let z: Vec<f64> = correlations.iter().copied().map(fisher_z).collect();
    let Estimate {
        value,
        low,
        high,
        n,
    } = t_interval(&z, confidence)?;
    Some(Estimate {
        value: libm::tanh(value),
        low: libm::tanh(low),
        high: libm::tanh(high),
        n,
    })
}

/// Two-sided exact sign test: how likely a split at least this uneven is where both signs are equally likely. 1 with no
/// signs at all.
pub fn sign_test(positive: u64, negative: u64) -> f64 {
    let n = positive + negative;
    match Binomial::new(0.5, n) {
        Ok(binomial) if n > 0 => rounded(2.0 * binomial.cdf(positive.min(negative))).min(1.0),
        _ => 1.0,
    }
}

/// Expected reciprocal rank at chance among n candidates: H_n / n.
pub fn chance_reciprocal_rank(n: usize) -> f64 {
    (1..=n).map(|k| 1.0 / k as f64).sum::<f64>() / n as f64
}

/// Expected reciprocal rank of `scores[gold]`, ties taking their mean over all orders. `None` where a score is not
/// finite or gold is no candidate.
pub fn reciprocal_rank(scores: &[f64], gold: usize) -> Option<f64> {
    let own = *scores.get(gold)?;
    if scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let above = scores
        .iter()
        .filter(|score| score.total_cmp(&own).is_gt())
        .count();
    let tied = scores
        .iter()
        .filter(|score| score.total_cmp(&own).is_eq())
        .count();
    Some(
        (above + 1..=above + tied)
            .map(|rank| 1.0 / rank as f64)
            .sum::<f64>()
            / tied as f64,
    )
}

/// One point of a learning curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Training step.
    pub step: u64,
    /// The measure; `None` where the evaluation had none.
    pub value: Option<f64>,
}

/// The first of two consecutive checkpoints at or above chance + ½ (1 − chance); `None`: never reached (censored).
pub fn onset(curve: &[Point], chance: f64) -> Option<u64> {
    let threshold = chance + 0.5 * (1.0 - chance);
    let reached = |point: &Point| point.value.is_some_and(|value| value >= threshold);
    curve
        .windows(2)
        .find(|pair| reached(&pair[0]) && reached(&pair[1]))
        .map(|pair| pair[0].step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn tied_values_share_their_mean_rank() {
        // 10 < 20 = 20 < 30: ranks 1, (2 + 3) / 2, 4
        assert_eq!(ranks(&[20.0, 10.0, 30.0, 20.0]), [2.5, 1.0, 4.0, 2.5]);
        assert!(ranks(&[]).is_empty());
    }

    #[test]
    fn spearman_of_a_textbook_example() {
        // Differences of ranks 1 2 3 4 5 and 2 1 4 3 5: 1, 1, 1, 1, 0 → ρ = 1 − 6·4 / (5·24) = 0.8
        let rho = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[20.0, 10.0, 40.0, 30.0, 50.0]);
        assert!(close(rho.unwrap(), 0.8));
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn partial_spearman_is_the_formula_with_one_covariate() {
        // Ranks x = 1 2 3 4 5, y = 2 1 4 3 5, z = 1 3 2 5 4.
        // ρ_xy = 0.8 (above); ρ_xz: d = 0 1 1 1 1 → 0.8; ρ_yz: d = 1 2 2 2 1 → 1 − 6·14/120 = 0.3.
        // ρ_xy·z = (0.8 − 0.8·0.3) / √((1 − 0.64)(1 − 0.09)) = 0.56 / √0.3276 = 0.978397…
        let (x, y, z) = (
            [1.0, 2.0, 3.0, 4.0, 5.0],
            [2.0, 1.0, 4.0, 3.0, 5.0],
            vec![1.0, 3.0, 2.0, 5.0, 4.0],
        );
        let partial = partial_spearman(&x, &y, std::slice::from_ref(&z)).unwrap();
        assert!(close(partial.correlation, 0.56 / 0.3276f64.sqrt()));
        // 1 − ρ_xz² of x's rank variance is left.
        assert!(close(partial.variance_left, 0.36));
        // A covariate without variance, and the same one twice, change nothing.
        let more = partial_spearman(&x, &y, &[vec![7.0; 5], z.clone(), z]).unwrap();
        assert!(close(more.correlation, partial.correlation));
        assert_eq!(
            partial_spearman(&x, &y, &[x.to_vec()]),
            None,
            "nothing of x is left"
        );
    }

    #[test]
    fn t_interval_of_three_values() {
        // Mean 2, s² = (1 + 0 + 1) / 2 = 1, standard error 1/√3; t(2; 0.975) = 4.302652730
        let estimate = t_interval(&[1.0, 2.0, 3.0], 0.95).unwrap();
        assert!(close(estimate.value, 2.0));
        assert!((estimate.high - (2.0 + 4.302_652_730 / 3f64.sqrt())).abs() < 1e-6);
        assert!(close(
            estimate.high - estimate.value,
            estimate.value - estimate.low
        ));
        assert_eq!(t_interval(&[1.0], 0.95), None);
    }

    #[test]
    fn correlations_are_averaged_on_fishers_scale() {
        // artanh 0.6 = 0.693147…, artanh 0 = 0: mean z = 0.346574, tanh = 1/3 (since e^{2·0.346574} = 2: (2−1)/(2+1))
        let estimate = fisher_interval(&[0.6, 0.0], 0.95).unwrap();
        assert!(close(estimate.value, 1.0 / 3.0));
        assert!(fisher_interval(&[1.0, 1.0], 0.95).unwrap().high < 1.0);
    }

    #[test]
    fn rounding_keeps_ten_digits() {
        assert_eq!(rounded(2.570_581_835_636_314), 2.570_581_836);
        assert_eq!(rounded(0.031_25), 0.031_25);
        assert_eq!(rounded(-1.0e-7 / 3.0), -3.333_333_333e-8);
        assert!(rounded(f64::INFINITY).is_infinite());
    }

    #[test]
    fn sign_test_counts_the_tails() {
        // 6 of 6: 2 · (1/2)^6 = 0.03125; 5 of 6: 2 · (1 + 6) / 64 = 0.21875; 3 of 6: more than 1, hence 1
        assert!(close(sign_test(6, 0), 0.03125));
        assert!(close(sign_test(1, 5), 0.21875));
        assert!(close(sign_test(3, 3), 1.0));
        assert!(close(sign_test(0, 0), 1.0));
    }

    #[test]
    fn ranks_of_tied_scores_take_their_expectation() {
        // Gold is second behind one and tied with one: ranks 2 and 3, (1/2 + 1/3) / 2 = 5/12
        assert!(close(
            reciprocal_rank(&[1.0, 3.0, 1.0], 0).unwrap(),
            5.0 / 12.0
        ));
        assert!(close(
            reciprocal_rank(&[0.0; 4], 2).unwrap(),
            chance_reciprocal_rank(4)
        ));
        assert_eq!(reciprocal_rank(&[f64::NAN, 1.0], 1), None);
    }

    #[test]
    fn onset_needs_two_checkpoints() {
        let curve = |values: &[f64]| -> Vec<Point> {
            values
                .iter()
                .enumerate()
                .map(|(step, value)| Point {
                    step: step as u64,
                    value: Some(*value),
                })
                .collect()
        };
        // chance ½: threshold ¾
        assert_eq!(onset(&curve(&[0.5, 0.8, 0.6, 0.75, 0.9]), 0.5), Some(3));
        assert_eq!(onset(&curve(&[0.5, 0.6, 0.9]), 0.5), None);
        assert_eq!(onset(&[], 0.5), None);
    }
}
