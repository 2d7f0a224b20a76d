//! Bootstrap intervals: bias-corrected and accelerated (Efron 1987; Efron & Tibshirani 1993, ch. 14).
//!
//! What is drawn again is the cluster: a concept with all its items, a prompt with all its samples, or an item where items
//! share neither. Every statistic here is a ratio of sums over clusters (a mean is Σ value / Σ 1), which a replicate
//! computes from the clusters' sums alone.

use rand::Rng;

/// One cluster's share of the statistic Σ sum / Σ weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// Sum of the values of the cluster's items.
    pub sum: f64,
    /// Sum of the weights of the cluster's items: their number, for a mean.
    pub weight: f64,
}

/// A two-sided interval of the level asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Share of replicates that the interval holds.
pub const LEVEL: f64 = 0.95;

/// Σ sum / Σ weight over clusters.
pub fn ratio(clusters: &[Cluster]) -> f64 {
    let (sum, weight) = clusters.iter().fold((0.0, 0.0), |(sum, weight), cluster| {
        (sum + cluster.sum, weight + cluster.weight)
    });
    sum / weight
}

/// The BCa interval of [`ratio`] at [`LEVEL`] from `replicates` resamples of the clusters.
///
/// `None` with fewer than two clusters or fewer than two replicates: nothing varies there. Where all clusters have the
/// same ratio the interval is that one point, which says nothing of what other items would show.
pub fn interval(clusters: &[Cluster], replicates: usize, rng: &mut impl Rng) -> Option<Interval> {
    let n = clusters.len();
    if n < 2 || replicates < 2 {
        return None;
    }
    let mut resampled: Vec<f64> = (0..replicates)
        .map(|_| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for _ in 0..n {
                // multiply-shift: an index in 0..n from 32 random bits
                let drawn = clusters[((u64::from(rng.next_u32()) * n as u64) >> 32) as usize];
                sum += drawn.sum;
                weight += drawn.weight;
            }
            sum / weight
        })
        .collect();
    resampled.sort_by(f64::total_cmp);
    let correction = Correction {
        bias: bias(&resampled, ratio(clusters)),
        acceleration: acceleration(clusters),
    };
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Interval {
        low: quantile(&resampled, correction.level(tail)),
        high: quantile(&resampled, correction.level(1.0 - tail)),
    })
}

/// The two constants of BCa.
struct Correction {
    /// z₀: how far the replicates' median lies from the estimate, in normal deviates.
    bias: f64,
    /// a: how fast the standard error changes with the value.
    acceleration: f64,
}

impl Correction {
    /// The percentile to read off the replicates for nominal level `alpha`:
    /// Φ(z₀ + (z₀ + z_α) / (1 − a (z₀ + z_α))).
    fn level(&self, alpha: f64) -> f64 {
        let shifted = self.bias + normal_quantile(alpha);
        normal_share(self.bias + shifted / (1.0 - self.acceleration * shifted))
    }
}

/// z₀ = Φ⁻¹(share of replicates below the estimate, those equal counted half).
/// A share of 0 or 1 is moved in by half a replicate, so that z₀ stays finite.
fn bias(sorted: &[f64], estimate: f64) -> f64 {
    let below = sorted.partition_point(|value| *value < estimate) as f64;
    let not_above = sorted.partition_point(|value| *value <= estimate) as f64;
    let n = sorted.len() as f64;
    let share = ((below + not_above) / 2.0).clamp(0.5, n - 0.5) / n;
    normal_quantile(share)
}

/// Φ: the share of the standard normal law below z. By `libm`, so that intervals are the same on every machine.
fn normal_share(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// Φ⁻¹ of a share between 0 and 1, by halving: 64 halvings of 80 leave less than two neighbouring numbers differ by.
fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if normal_share(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// a = Σ (θ̄ − θ₍ᵢ₎)³ / (6 (Σ (θ̄ − θ₍ᵢ₎)²)^{3/2}) over the leave-one-out values θ₍ᵢ₎.
fn acceleration(clusters: &[Cluster]) -> f64 {
    let (sum, weight) = clusters.iter().fold((0.0, 0.0), |(sum, weight), cluster| {
        (sum + cluster.sum, weight + cluster.weight)
    });
    let left_out: Vec<f64> = clusters
        .iter()
        .map(|cluster| (sum - cluster.sum) / (weight - cluster.weight))
        .collect();
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let (squares, cubes) = left_out.iter().fold((0.0, 0.0), |(squares, cubes), value| {
        let deviation = mean - value;
        (
            squares + deviation * deviation,
            cubes + deviation * deviation * deviation,
        )
    });
    if squares <= f64::MIN_POSITIVE {
        0.0
    } else {
        cubes / (6.0 * squares * squares.sqrt())
    }
}

/// The `level` quantile of sorted values, linear between order statistics (type 7 of Hyndman & Fan 1996).
pub fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Seed;

    fn items(values: &[f64]) -> Vec<Cluster> {
        values
            .iter()
            .map(|&sum| Cluster { sum, weight: 1.0 })
            .collect()
    }

    #[test]
    fn a_ratio_weighs_clusters_by_their_items() {
        // one concept with 1 of 1, another with 1 of 3: 2 / 4
        let clusters = [
            Cluster {
                sum: 1.0,
                weight: 1.0,
            },
            Cluster {
                sum: 1.0,
                weight: 3.0,
            },
        ];
        assert!((ratio(&clusters) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn quantiles_interpolate() {
        // 0, 10, 20, 30: the 0.5 quantile lies between 10 and 20
        assert!((quantile(&[0.0, 10.0, 20.0, 30.0], 0.5) - 15.0).abs() < 1e-12);
        assert!((quantile(&[0.0, 10.0, 20.0, 30.0], 1.0) - 30.0).abs() < 1e-12);
    }

    #[test]
    fn acceleration_of_a_worked_example() {
        // values 0, 0, 3: leave-one-out means 1.5, 1.5, 0; their mean 1; deviations −0.5, −0.5, 1
        // squares ¼ + ¼ + 1 = 1.5; cubes −⅛ − ⅛ + 1 = 0.75
        // a = 0.75 / (6 · 1.5^1.5) = 0.75 / 11.022704 = 0.0680414
        assert!((acceleration(&items(&[0.0, 0.0, 3.0])) - 0.068_041_4).abs() < 1e-6);
    }

    #[test]
    fn levels_of_a_worked_example() {
        // z0 = 0 and a = 0 give the percentile interval
        let plain = Correction {
            bias: 0.0,
            acceleration: 0.0,
        };
        assert!((plain.level(0.025) - 0.025).abs() < 1e-9);
        // z0 = 0.1, a = 0.05, α = 0.025: z = −1.959964; z0 + z = −1.859964
        // −1.859964 / (1 + 0.0929982) = −1.701708; + 0.1 = −1.601708; Φ = 0.054611
        let corrected = Correction {
            bias: 0.1,
            acceleration: 0.05,
        };
        assert!((corrected.level(0.025) - 0.054_611).abs() < 1e-5);
    }

    /// Φ(1.959964) = 0.975, Φ(−1.644854) = 0.05, Φ(−6) = 9.865876e-10.
    #[test]
    fn the_normal_law_and_its_inverse() {
        for (z, share) in [(0.0, 0.5), (1.959_963_985, 0.975), (-1.644_853_627, 0.05)] {
            assert!((normal_share(z) - share).abs() < 1e-9, "{z}");
            assert!((normal_quantile(share) - z).abs() < 1e-8, "{share}");
        }
        assert!((normal_share(-6.0) / 9.865_876_450e-10 - 1.0).abs() < 1e-8);
        assert!((normal_quantile(normal_share(-6.0)) + 6.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_varies_where_all_are_equal() {
        let got = interval(&items(&[1.0; 20]), 200, &mut Seed(1).stream("test")).unwrap();
        assert!((got.low - 1.0).abs() < 1e-12 && (got.high - 1.0).abs() < 1e-12);
        assert_eq!(
            interval(&items(&[1.0]), 200, &mut Seed(1).stream("test")),
            None
        );
    }

    /// On a symmetric statistic BCa comes near mean ± 1.96 · standard error.
    #[test]
    fn close_to_the_normal_interval_on_a_large_sample() {
        // 200 zeros and 200 ones: mean ½, standard error ½/√400 = 0.025, half-width 0.049
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let got = interval(&items(&values), 4000, &mut Seed(7).stream("test")).unwrap();
        assert!((got.low - 0.451).abs() < 0.004, "{got:?}");
        assert!((got.high - 0.549).abs() < 0.004, "{got:?}");
    }

    /// R's `boot` on a skewed sample, as SciPy's own tests quote it (scipy/stats/tests/test_resampling.py,
    /// `test_bootstrap_against_R`):
    ///
    ///     library(boot)
    ///     stat <- function (x, a) { mean(x[a]) }
    ///     x <- c(10, 12, 12.5, 12.5, 13.9, 15, 21, 22, 23, 34, 50, 81, 89, 121, 134, 213)
    ///     boot.ci(boot(x, stat, 1000000))
    ///
    /// prints BCa (32.31, 91.43); the percentile interval is (28.86, 84.21), the basic one (23.77, 79.12).
    #[test]
    fn agrees_with_r_on_a_skewed_sample() {
        let values = [
            10.0, 12.0, 12.5, 12.5, 13.9, 15.0, 21.0, 22.0, 23.0, 34.0, 50.0, 81.0, 89.0, 121.0,
            134.0, 213.0,
        ];
        let got = interval(&items(&values), 200_000, &mut Seed(5).stream("test")).unwrap();
        // 200 000 resamples place the ends to about ± 0.1 and ± 0.2
        assert!((got.low - 32.31).abs() < 0.4, "{got:?}");
        assert!((got.high - 91.43).abs() < 0.9, "{got:?}");
        // twice each value over a weight of 2: the same ratio, and the same interval
        let doubled = values.map(|value| Cluster {
            sum: 2.0 * value,
            weight: 2.0,
        });
        let again = interval(&doubled, 200_000, &mut Seed(5).stream("test")).unwrap();
        assert!((got.low - again.low).abs() < 1e-9 && (got.high - again.high).abs() < 1e-9);
    }

    /// Of 400 samples from a skewed law with a known mean, about 95 % of the intervals hold it.
    #[test]
    fn covers_what_it_promises() {
        let mut rng = Seed(3).stream("coverage");
        let mut held = 0;
        for _ in 0..400 {
            let values: Vec<f64> = (0..40)
                .map(|_| {
                    // exponential with mean 1
                    let unit = (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
                    -unit.ln()
                })
                .collect();
            let got = interval(&items(&values), 400, &mut rng).unwrap();
            held += u32::from(got.low <= 1.0 && 1.0 <= got.high);
        }
        let share = f64::from(held) / 400.0;
        assert!((0.90..=0.98).contains(&share), "{share}");
    }
}
