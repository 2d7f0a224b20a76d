//! Scales: values to places, and the ticks between.

/// How values become places along an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// Equal steps are equal lengths.
    Linear {
        /// Value at the axis's beginning.
        from: f64,
        /// Value at its end.
        to: f64,
    },
    /// Equal factors are equal lengths; values are positive.
    Log {
        /// Value at the axis's beginning.
        from: f64,
        /// Value at its end.
        to: f64,
    },
    /// Named places side by side.
    Bands(Vec<String>),
}

impl Scale {
    /// A linear scale over the values with ends at round numbers; 0..1 where there are none.
    pub fn around(values: impl Iterator<Item = f64>) -> Scale {
        let (low, high) = ends(values);
        let step = round_step((high - low).max(1e-9) / 4.0);
        let (from, to) = ((low / step).floor() * step, (high / step).ceil() * step);
        if from < to {
            Scale::Linear { from, to }
        } else {
            Scale::Linear {
                from: from - step,
                to: to + step,
            }
        }
    }

    /// A log scale over the positive values; 1..10 where there are none.
    pub fn log_around(values: impl Iterator<Item = f64>) -> Scale {
        let (low, high) = ends(values.filter(|value| *value > 0.0));
        if low <= 0.0 {
            return Scale::Log {
                from: 1.0,
                to: 10.0,
            };
        }
        Scale::Log {
            from: low / 1.15,
            to: high.max(low * 1.5) * 1.15,
        }
    }

    /// 0 to 1, as shares are drawn.
    pub const UNIT: Scale = Scale::Linear { from: 0.0, to: 1.0 };

    /// Where a value lies, 0 the axis's beginning, 1 its end; held to the axis.
    pub fn place(&self, value: f64) -> f64 {
        let share = match self {
            Scale::Linear { from, to } => (value - from) / (to - from),
            Scale::Log { from, to } => libm::log(value / from) / libm::log(to / from),
            Scale::Bands(names) => (value + 0.5) / names.len().max(1) as f64,
        };
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Values and labels of the ticks, at most about `most`.
    pub fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        match self {
            Scale::Linear { from, to } => {
                let step = round_step((to - from) / most.max(1) as f64);
                let decimals = (-libm::log10(step).floor()).max(0.0) as usize;
                let first = (from / step - 1e-9).ceil() as i64;
                let last = (to / step + 1e-9).floor() as i64;
                (first..=last)
                    .map(|k| {
                        (
                            k as f64 * step,
                            format!("{:.decimals$}", k as f64 * step + 0.0),
                        )
                    })
                    .collect()
            }
            Scale::Log { from, to } => log_ticks(*from, *to, most),
            Scale::Bands(names) => names
                .iter()
                .enumerate()
                .map(|(i, name)| (i as f64, name.clone()))
                .collect(),
        }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends =
        values
            .filter(|value| value.is_finite())
            .fold(None, |ends: Option<(f64, f64)>, value| {
                Some(ends.map_or((value, value), |(low, high)| {
                    (low.min(value), high.max(value))
                }))
            });
    ends.unwrap_or((0.0, 1.0))
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::log10(least).floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Powers of ten, with 2 and 5 between where few are wanted more.
fn log_ticks(from: f64, to: f64, most: usize) -> Vec<(f64, String)> {
    let candidates = |factors: &[f64]| -> Vec<f64> {
        let (low, high) = (
            libm::log10(from).floor() as i32,
            libm::log10(to).ceil() as i32,
        );
        let all = (low..=high).flat_map(|power| {
            let power = libm::pow(10.0, f64::from(power));
            factors.iter().map(move |factor| factor * power)
        });
        all.filter(|value| (from..=to).contains(value)).collect()
    };
    let sets: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let chosen = sets
        .iter()
        .map(|factors| candidates(factors))
        .find(|ticks| ticks.len() <= most);
    let mut ticks = chosen.unwrap_or_else(|| candidates(&[1.0]));
    while ticks.len() > most.max(2) {
        ticks = ticks.into_iter().step_by(2).collect();
    }
    ticks
        .into_iter()
        .map(|value| (value, compact(value)))
        .collect()
}

/// `20`, `3k`, `1.5M`.
pub fn compact(value: f64) -> String {
    let plain = |value: f64| {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value.abs() {
        size if size >= 1e6 => format!("{}M", plain(value / 1e6)),
        size if size >= 1e4 => format!("{}k", plain(value / 1e3)),
        _ => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale, most: usize) -> Vec<String> {
        scale
            .ticks(most)
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            labels(&Scale::UNIT, 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(
                &Scale::Linear {
                    from: -0.2,
                    to: 0.2
                },
                4
            ),
            ["-0.2", "-0.1", "0.0", "0.1", "0.2"]
        );
        assert_eq!(
            labels(
                &Scale::Log {
                    from: 8.0,
                    to: 1200.0
                },
                4
            ),
            ["10", "100", "1000"]
        );
        assert_eq!(
            labels(
                &Scale::Log {
                    from: 8.0,
                    to: 1200.0
                },
                9
            ),
            ["10", "20", "50", "100", "200", "500", "1000"]
        );
        assert_eq!(
            labels(&Scale::Bands(vec!["a".into(), "b".into()]), 9),
            ["a", "b"]
        );
    }

    #[test]
    fn places_run_from_0_to_1() {
        let log = Scale::Log {
            from: 1.0,
            to: 100.0,
        };
        assert!((log.place(10.0) - 0.5).abs() < 1e-12);
        assert_eq!((log.place(0.0), log.place(1e9)), (0.0, 1.0));
        let bands = Scale::Bands(vec!["a".into(), "b".into()]);
        assert!((bands.place(1.0) - 0.75).abs() < 1e-12);
        assert_eq!(
            Scale::around([0.13, 0.92].into_iter()),
            Scale::Linear { from: 0.0, to: 1.0 }
        );
        assert_eq!(
            Scale::around(std::iter::empty()),
            Scale::Linear { from: 0.0, to: 1.0 }
        );
    }
}
