//! Cross-entropy over the vocabulary, fused with its gradient.

use crate::buffer::RowsMut;
use crate::lanes::{LANES, Lanes};

/// The lane-padded row's log of the sum of exponentials. What lies after the last column becomes −∞;
/// where `REPLACE`, each logit is replaced by e^(logit − highest), and the highest and the sum are
/// what to divide it by.
#[inline(always)]
fn exponentials<V: Lanes, const REPLACE: bool>(row: &mut [f32], columns: usize) -> (f32, f32) {
    let padded = row.len();
    row[columns..].fill(f32::NEG_INFINITY);
    unsafe {
        let mut highest = V::splat(f32::NEG_INFINITY);
        for j in (0..padded).step_by(LANES) {
            highest = highest.max(V::load(row.as_ptr().add(j)));
        }
        let highest = highest.maximum();
        let shift = V::splat(highest);
        let mut sum = V::splat(0.0);
        for j in (0..padded).step_by(LANES) {
            let power = V::load(row.as_ptr().add(j)).sub(shift).exp();
            sum = sum.add(power);
            if REPLACE {
                power.store(row.as_mut_ptr().add(j));
            }
        }
        (highest, sum.sum())
    }
}

/// Log of the sum of exponentials of a row of `columns` logits, in a slice padded to whole vectors.
#[inline(always)]
pub(crate) fn log_sum_exp<V: Lanes>(row: &mut [f32], columns: usize) -> f64 {
    let (highest, sum) = exponentials::<V, false>(row, columns);
    f64::from(highest) + libm::log(f64::from(sum))
}

/// Sum over the rows with a target of −log P(target), in nats. Where `GRADIENT`, the logits are
/// replaced by the gradient `share · (P − 1[target])`; rows of [`crate::IGNORE`] get zeros.
pub(crate) fn cross_entropy<V: Lanes, const GRADIENT: bool>(
    logits: &mut RowsMut<'_>,
    targets: impl Iterator<Item = u32>,
    vocab_size: usize,
    share: f32,
) -> f64 {
    let padded = vocab_size.next_multiple_of(LANES);
    V::enter(
        #[inline(always)]
        || {
            let mut total = 0.0;
            for (row, target) in targets.enumerate() {
                let logits = logits.row(row, padded);
                if target == crate::IGNORE {
                    logits.fill(0.0);
                    continue;
                }
                let logit = logits[target as usize];
                let (highest, sum) = exponentials::<V, GRADIENT>(logits, vocab_size);
                total += f64::from(highest) + libm::log(f64::from(sum)) - f64::from(logit);
                if GRADIENT {
                    let factor = V::splat(share / sum);
                    for j in (0..padded).step_by(LANES) {
                        unsafe {
                            let p = V::load(logits.as_ptr().add(j)).mul(factor);
                            p.store(logits.as_mut_ptr().add(j));
                        }
                    }
                    logits[target as usize] -= share;
                }
            }
            total
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::portable::Portable;

    /// Logits (0, ln 3): P = (¼, ¾); −log P(0) = ln 4; gradient at share 2 = (2 · (¼ − 1), 2 · ¾).
    #[test]
    fn worked_example() {
        let mut row = vec![0.0f32; 16];
        row[1] = 3f32.ln();
        let mut logits = RowsMut::new(&mut row, 16);
        let loss = cross_entropy::<Portable, false>(&mut logits, [0].into_iter(), 2, 2.0);
        assert!((loss - 4f64.ln()).abs() < 1e-6);
        let loss = cross_entropy::<Portable, true>(&mut logits, [0].into_iter(), 2, 2.0);
        assert!((loss - 4f64.ln()).abs() < 1e-6);
        assert!((row[0] + 1.5).abs() < 1e-6 && (row[1] - 1.5).abs() < 1e-6);
        assert_eq!(row[2..], [0.0; 14]);
    }
}
