//! The gated activation of the feed-forward layer (Shazeer 2020): silu(gate) · up, with
//! silu(g) = g σ(g).

use crate::buffer::{Rows, RowsMut};
use crate::lanes::{LANES, Lanes};

/// σ(g) = 1 / (1 + e^−g)
#[inline(always)]
fn sigmoid<V: Lanes>(gate: V) -> V {
    let one = V::splat(1.0);
    one.div(one.add(V::splat(0.0).sub(gate).exp()))
}

/// gate and up side by side, `[rows, 2 d_ff]` -> `out` `[rows, d_ff]`, zero up to the next panel.
pub(crate) fn forward<V: Lanes>(
    gate_up: Rows<'_>,
    out: &mut RowsMut<'_>,
    rows: usize,
    d_ff: usize,
) {
    V::enter(
        #[inline(always)]
        || {
            for row in 0..rows {
                let (gate, up) = gate_up.row(row, 2 * d_ff).split_at(d_ff);
                let out = out.row(row, d_ff.next_multiple_of(LANES));
                for start in (0..d_ff).step_by(LANES) {
                    let valid = LANES.min(d_ff - start);
                    unsafe {
                        let gate = V::load_first(gate.as_ptr().add(start), valid);
                        let up = V::load_first(up.as_ptr().add(start), valid);
                        gate.mul(sigmoid(gate))
                            .mul(up)
                            .store(out.as_mut_ptr().add(start));
                    }
                }
            }
        },
    );
}

/// From `d_out` `[rows, d_ff]`: the gradients of gate and up replace gate and up, and `out` is computed
/// again, because the gradient of the next matrix needs it.
pub(crate) fn backward<V: Lanes>(
    gate_up: &mut RowsMut<'_>,
    d_out: Rows<'_>,
    out: &mut RowsMut<'_>,
    rows: usize,
    d_ff: usize,
) {
    V::enter(
        #[inline(always)]
        || {
            let one = V::splat(1.0);
            for row in 0..rows {
                let padded = d_ff.next_multiple_of(LANES);
                let (gates, ups) = gate_up.row(row, 2 * d_ff).split_at_mut(d_ff);
                let (d_out, out) = (d_out.row(row, padded), out.row(row, padded));
                for start in (0..d_ff).step_by(LANES) {
                    let valid = LANES.min(d_ff - start);
                    unsafe {
                        let gate = V::load_first(gates.as_ptr().add(start), valid);
                        let up = V::load_first(ups.as_ptr().add(start), valid);
                        let d_out = V::load(d_out.as_ptr().add(start));
                        let sigmoid = sigmoid(gate);
                        let silu = gate.mul(sigmoid);
                        silu.mul(up).store(out.as_mut_ptr().add(start));
                        d_out
                            .mul(silu)
                            .store_first(ups.as_mut_ptr().add(start), valid);
                        // silu'(g) = σ (1 + g (1 − σ)) = σ + silu (1 − σ)
                        let slope = silu.mul_add(one.sub(sigmoid), sigmoid);
                        let d_gate = d_out.mul(up).mul(slope);
                        d_gate.store_first(gates.as_mut_ptr().add(start), valid);
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::portable::Portable;

    /// gate 0, up 3: silu 0, slope ½, so out 0, d_gate = 3 · ½, d_up 0.
    /// gate 1, up 2: σ = 0.7310586, out 1.4621172, slope = σ + σ(1 − σ) = 0.9276705.
    #[test]
    fn worked_example() {
        let mut gate_up = vec![0.0f32, 1.0, 3.0, 2.0];
        let mut out = vec![0.0f32; 16];
        forward::<Portable>(
            Rows::new(&gate_up, 4),
            &mut RowsMut::new(&mut out, 16),
            1,
            2,
        );
        assert!(out[0].abs() < 1e-7 && (out[1] - 1.462_117_2).abs() < 1e-6);
        let mut d_out = vec![0.0f32; 16];
        (d_out[0], d_out[1]) = (1.0, 1.0);
        let mut again = vec![0.0f32; 16];
        backward::<Portable>(
            &mut RowsMut::new(&mut gate_up, 4),
            Rows::new(&d_out, 16),
            &mut RowsMut::new(&mut again, 16),
            1,
            2,
        );
        assert_eq!(out, again);
        let expect = [1.5, 2.0 * 0.927_670_5, 0.0, 0.731_058_6];
        for (got, expect) in gate_up.iter().zip(expect) {
            assert!((got - expect).abs() < 1e-6);
        }
    }
}
