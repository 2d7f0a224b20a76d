//! Alignment: do the hidden states of a noun's A-form and B-form lie near each other, layer by layer?
//!
//! A form is read alone, after the separator, as it stands in running text; its state is the mean over its tokens.
//! Each language's states are centred on their mean over all nouns, so that a constant offset between languages does
//! not hide a shared arrangement.
//! - `retrieval`: precision at 1 by cosine of the right A-form among the A-forms of all nouns, given the B-form
//!   (chance 1/n);
//! - `cka`: linear centred kernel alignment (Kornblith et al. 2019) of the two sets of states within a condition. Its
//!   chance is its exact expectation under a random pairing, which is far from 0 where n is small against d.

use command::Interrupted;
use corpus::Condition;
use corpus::tables::AlignmentRow;
use rayon::prelude::*;

use crate::bootstrap::Interval;
use crate::lexicon::FormPair;
use crate::measure::{Measure, Observation, Outcome};
use crate::ranking::Standing;

/// Name of the share of forms retrieved, in alignment.parquet and metrics.parquet.
pub const RETRIEVAL: &str = "retrieval";
/// Name of linear CKA.
pub const CKA: &str = "cka";

/// One vector a form: [forms, d].
pub type States = Vec<Vec<f32>>;

/// Rows of alignment.parquet for one layer. `majority[i]` and `minority[i]` are the states of `pairs[i]`'s forms.
pub fn rows(
    step: u64,
    layer: u16,
    pairs: &[FormPair],
    majority: &States,
    minority: &States,
) -> Result<Vec<AlignmentRow>, Interrupted> {
    let (majority, minority) = (centred(majority), centred(minority));
    let n = pairs.len();
    let mut rows = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        command::check_interrupt()?;
        let cosines: Vec<f64> = majority
            .iter()
            .map(|state| cosine(state, &minority[index]))
            .collect();
        let value = Standing::of(&cosines, index).map_or(f64::NAN, Standing::hit_at_1);
        rows.push(AlignmentRow {
            step,
            layer,
            condition: pair.condition,
            measure: RETRIEVAL.to_owned(),
            concept: Some(pair.concept),
            value,
            chance: 1.0 / n as f64,
            n_pairs: n as u32,
            low: None,
            high: None,
        });
    }
    for &condition in Condition::ALL {
        let chosen: Vec<usize> = (0..n)
            .filter(|&index| pairs[index].condition == condition)
            .collect();
        if chosen.len() < 3 {
            continue;
        }
        let of = |states: &[Vec<f64>]| Kernel::linear(&chosen, states);
        let (x, y) = (of(&majority), of(&minority));
        let interval = jackknife(&x, &y)?;
        rows.push(AlignmentRow {
            step,
            layer,
            condition,
            measure: CKA.to_owned(),
            concept: None,
            value: x.alignment(&y),
            chance: x.chance_alignment(&y),
            n_pairs: chosen.len() as u32,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        });
    }
    Ok(rows)
}

/// Measures of one step's rows, layer by layer.
pub fn measures(rows: &[AlignmentRow]) -> Vec<Measure> {
    let mut layers: Vec<u16> = rows.iter().map(|row| row.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    let mut measures = Vec::new();
    for layer in layers {
        let phenomenon = format!("layer_{layer}");
        for &condition in Condition::ALL {
            let here = |measure: &'static str| {
                rows.iter().filter(move |row| {
                    row.layer == layer && row.condition == condition && row.measure == measure
                })
            };
            let absent = match condition {
                Condition::Majority => {
                    "alignment leads from minority forms to majority forms".to_owned()
                }
                _ => format!("too few {condition} nouns"),
            };
            let observe = |row: &AlignmentRow| {
                row.value.is_finite().then_some(Observation {
                    concept: row.concept,
                    value: row.value,
                    weight: 1.0,
                    chance: Some(row.chance),
                })
            };
            let observations = here(RETRIEVAL).map(observe).collect();
            measures.push(Measure::from_items(
                "alignment",
                RETRIEVAL,
                condition,
                Some(&phenomenon),
                observations,
                &absent,
            ));
            let outcome = match here(CKA).next() {
                Some(row) if row.value.is_finite() => Outcome::Given {
                    value: row.value,
                    chance: Some(row.chance),
                    interval: row
                        .low
                        .zip(row.high)
                        .map(|(low, high)| Interval { low, high }),
                    n_items: u64::from(row.n_pairs),
                    n_concepts: u64::from(row.n_pairs),
                },
                Some(row) => Outcome::Absent {
                    reason: "hidden states are not finite or all alike".to_owned(),
                    n_items: u64::from(row.n_pairs),
                },
                None => Outcome::Absent {
                    reason: absent,
                    n_items: 0,
                },
            };
            measures.push(Measure {
                stage: "alignment",
                metric: CKA.to_owned(),
                condition,
                phenomenon: Some(phenomenon.clone()),
                outcome,
            });
        }
    }
    measures
}

/// Vectors less their mean.
fn centred(states: &States) -> Vec<Vec<f64>> {
    let d = states.first().map_or(0, Vec::len);
    let mut mean = vec![0.0; d];
    for state in states {
        for (mean, &x) in mean.iter_mut().zip(state) {
            *mean += f64::from(x) / states.len() as f64;
        }
    }
    let centre = |state: &Vec<f32>| {
        state
            .iter()
            .zip(&mean)
            .map(|(&x, mean)| f64::from(x) - mean)
            .collect()
    };
    states.iter().map(centre).collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

/// Cosine of the angle; 0 with a zero vector.
fn cosine(left: &[f64], right: &[f64]) -> f64 {
    let norms = (dot(left, left) * dot(right, right)).sqrt();
    if norms > 0.0 {
        dot(left, right) / norms
    } else {
        norms
    }
}

/// Dot products of n vectors, not yet centred: [n, n].
struct Kernel {
    n: usize,
    values: Vec<f64>,
}

impl Kernel {
    fn linear(chosen: &[usize], states: &[Vec<f64>]) -> Kernel {
        let row = |&i: &usize| chosen.iter().map(move |&j| dot(&states[i], &states[j]));
        Kernel {
            n: chosen.len(),
            values: chosen.iter().flat_map(row).collect(),
        }
    }

    /// The kernel of the vectors without number `left_out`, centred: H K H with H = I − 1/n.
    fn centred(&self, left_out: Option<usize>) -> Kernel {
        let kept: Vec<usize> = (0..self.n).filter(|&i| Some(i) != left_out).collect();
        let n = kept.len();
        let row = |&i: &usize| kept.iter().map(move |&j| self.values[i * self.n + j]);
        let mut values: Vec<f64> = kept.iter().flat_map(row).collect();
        let means: Vec<f64> = values
            .chunks_exact(n)
            .map(|row| row.iter().sum::<f64>() / n as f64)
            .collect();
        let mean = means.iter().sum::<f64>() / n as f64;
        for (i, row) in values.chunks_exact_mut(n).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value += mean - means[i] - means[j];
            }
        }
        Kernel { n, values }
    }

    fn trace(&self) -> f64 {
        (0..self.n).map(|i| self.values[i * self.n + i]).sum()
    }

    fn norm(&self) -> f64 {
        dot(&self.values, &self.values).sqrt()
    }

    /// Linear CKA: ⟨K, L⟩ / (‖K‖ ‖L‖) of the centred kernels.
    fn alignment(&self, other: &Kernel) -> f64 {
        self.alignment_without(other, None)
    }

    fn alignment_without(&self, other: &Kernel, left_out: Option<usize>) -> f64 {
        let (k, l) = (self.centred(left_out), other.centred(left_out));
        dot(&k.values, &l.values) / (k.norm() * l.norm())
    }

    /// Mean of CKA over all pairings: for centred kernels the mean of Σᵢⱼ Kᵢⱼ Lπ(i)π(j) over permutations π is
    /// tr K tr L / (n − 1), since the off-diagonal entries of each sum to minus its trace.
    fn chance_alignment(&self, other: &Kernel) -> f64 {
        let (k, l) = (self.centred(None), other.centred(None));
        k.trace() * l.trace() / ((self.n - 1) as f64 * k.norm() * l.norm())
    }
}

/// CKA ± 1.96 jackknife standard errors within 0 to 1. Not the bootstrap: a concept drawn twice is aligned with itself,
/// which pulls every replicate up.
fn jackknife(x: &Kernel, y: &Kernel) -> Result<Option<Interval>, Interrupted> {
    if x.n < 4 {
        return Ok(None);
    }
    let without = |i: usize| {
        command::check_interrupt()?;
        Ok(x.alignment_without(y, Some(i)))
    };
    let left_out: Vec<f64> = (0..x.n)
        .into_par_iter()
        .map(without)
        .collect::<Result<_, Interrupted>>()?;
    let n = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / n;
    let squares: f64 = left_out.iter().map(|value| (value - mean).powi(2)).sum();
    let half = 1.959_963_984_540_054 * ((n - 1.0) / n * squares).sqrt();
    let value = x.alignment(y);
    let interval = Interval {
        low: (value - half).max(0.0),
        high: (value + half).min(1.0),
    };
    Ok(value.is_finite().then_some(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(n: u32) -> Vec<FormPair> {
        let pair = |concept: u32| FormPair {
            concept,
            condition: Condition::Minority,
            majority: format!("a{concept}"),
            minority: format!("b{concept}"),
        };
        (0..n).map(pair).collect()
    }

    fn kernel(states: &[[f64; 2]]) -> Kernel {
        let states: Vec<Vec<f64>> = states.iter().map(|state| state.to_vec()).collect();
        Kernel::linear(&(0..states.len()).collect::<Vec<_>>(), &states)
    }

    #[test]
    fn a_rotation_is_aligned_and_retrieves_by_angle() {
        let majority = vec![
            vec![1.0, 0.0],
            vec![0.0, 1.0],
            vec![-1.0, -1.0],
            vec![3.0, 3.0],
        ];
        // shifted by (10, 10), which centring undoes
        let shifted = majority
            .iter()
            .map(|state| state.iter().map(|x| x + 10.0).collect())
            .collect();
        let rows = rows(7, 2, &pairs(4), &majority, &shifted).unwrap();
        let retrieved: Vec<f64> = rows
            .iter()
            .filter(|row| row.measure == RETRIEVAL)
            .map(|row| row.value)
            .collect();
        assert_eq!(retrieved, [1.0, 1.0, 1.0, 1.0]);
        let cka = rows.iter().find(|row| row.measure == CKA).unwrap();
        assert!((cka.value - 1.0).abs() < 1e-12);
        assert_eq!((cka.step, cka.layer, cka.n_pairs), (7, 2, 4));
        // quarter turn: (x, y) → (−y, x)
        let x = kernel(&[[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [3.0, 3.0]]);
        let y = kernel(&[[0.0, 1.0], [-1.0, 0.0], [1.0, -1.0], [-3.0, 3.0]]);
        assert!((x.alignment(&y) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn cka_and_its_chance_on_a_worked_example() {
        // one dimension: x = −1, 0, 1 and y = 1, −2, 1, both centred. CKA = r² = (x·y)²/(x·x y·y) = 0
        let x = kernel(&[[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
        let y = kernel(&[[1.0, 0.0], [-2.0, 0.0], [1.0, 0.0]]);
        assert!(x.alignment(&y).abs() < 1e-12);
        // pairings of x with y's values: −2 beside 0 → 0; beside −1 or 1 → x·y = ±3, r² = 9/(2·6) = ¾
        // mean over the six permutations: (2·0 + 4·¾)/6 = ½; by the formula 2·6/(2·2·6) = ½
        assert!((x.chance_alignment(&y) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn states_all_alike_are_at_chance() {
        let alike: States = vec![vec![0.5, 0.5]; 4];
        let rows = rows(0, 0, &pairs(4), &alike, &alike).unwrap();
        assert!((rows[0].value - 0.25).abs() < 1e-12);
        let measures = measures(&rows);
        let cka = measures
            .iter()
            .find(|one| one.metric == CKA && one.condition == Condition::Minority)
            .unwrap();
        assert_eq!(cka.value(), None);
    }
}
