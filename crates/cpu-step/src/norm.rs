//! RMSNorm (Zhang & Sennrich 2019): y = w · x / √(mean(x²) + ε), forward and backward.
//!
//! Rows are read in whole vectors: what lies between the last column and the next multiple of 16 must
//! be zero, in activations and in the weight, and stays so.

use crate::buffer::{Rows, RowsMut};
use crate::lanes::{LANES, Lanes};

/// Size and constant of a norm.
#[derive(Clone, Copy)]
pub(crate) struct Norm {
    pub rows: usize,
    pub columns: usize,
    pub eps: f32,
}

impl Norm {
    /// x: `[rows, columns]` -> `out` of the same shape; `scales[row]` becomes 1 / √(mean(x²) + ε).
    pub fn forward<V: Lanes>(
        self,
        x: Rows<'_>,
        weight: &[f32],
        out: &mut RowsMut<'_>,
        scales: &mut [f32],
    ) {
        let padded = self.padded();
        V::enter(
            #[inline(always)]
            || {
                for (row, scale) in scales[..self.rows].iter_mut().enumerate() {
                    let x = x.row(row, padded);
                    let out = out.row(row, padded);
                    let weight = &weight[..padded];
                    unsafe {
                        let mut squares = V::splat(0.0);
                        for j in (0..padded).step_by(LANES) {
                            let x = V::load(x.as_ptr().add(j));
                            squares = x.mul_add(x, squares);
                        }
                        *scale = 1.0 / (squares.sum() / self.columns as f32 + self.eps).sqrt();
                        let scale = V::splat(*scale);
                        for j in (0..padded).step_by(LANES) {
                            let x = V::load(x.as_ptr().add(j)).mul(scale);
                            V::load(weight.as_ptr().add(j))
                                .mul(x)
                                .store(out.as_mut_ptr().add(j));
                        }
                    }
                }
            },
        );
    }

    /// `out` again from the scales of [`Norm::forward`], to the bit.
    pub fn repeat<V: Lanes>(
        self,
        x: Rows<'_>,
        weight: &[f32],
        out: &mut RowsMut<'_>,
        scales: &[f32],
    ) {
        let padded = self.padded();
        V::enter(
            #[inline(always)]
            || {
                for (row, scale) in scales[..self.rows].iter().enumerate() {
                    let x = x.row(row, padded);
                    let out = out.row(row, padded);
                    let weight = &weight[..padded];
                    let scale = V::splat(*scale);
                    for j in (0..padded).step_by(LANES) {
                        unsafe {
                            let x = V::load(x.as_ptr().add(j)).mul(scale);
                            V::load(weight.as_ptr().add(j))
                                .mul(x)
                                .store(out.as_mut_ptr().add(j));
                        }
                    }
                }
            },
        );
    }

    /// Adds to `dx` and to `dweight` (padded like the weight) what `dy` gives.
    ///
    /// With r the scale and t = w · dy: dx += r t − x r³ Σ(t x) / columns, dw += dy x r.
    pub fn backward<V: Lanes>(
        self,
        x: Rows<'_>,
        weight: &[f32],
        scales: &[f32],
        dy: Rows<'_>,
        dx: &mut RowsMut<'_>,
        dweight: &mut [f32],
    ) {
        let padded = self.padded();
        V::enter(
            #[inline(always)]
            || {
                for (row, scale) in scales[..self.rows].iter().enumerate() {
                    let x = x.row(row, padded);
                    let dy = dy.row(row, padded);
                    let dx = dx.row(row, padded);
                    let weight = &weight[..padded];
                    let dweight = &mut dweight[..padded];
                    unsafe {
                        let mut product = V::splat(0.0);
                        for j in (0..padded).step_by(LANES) {
                            let t =
                                V::load(weight.as_ptr().add(j)).mul(V::load(dy.as_ptr().add(j)));
                            product = t.mul_add(V::load(x.as_ptr().add(j)), product);
                        }
                        let pull = product.sum() * scale * scale * scale / self.columns as f32;
                        let (scale, pull) = (V::splat(*scale), V::splat(-pull));
                        for j in (0..padded).step_by(LANES) {
                            let x = V::load(x.as_ptr().add(j));
                            let dy = V::load(dy.as_ptr().add(j)).mul(scale);
                            let dw = V::load(dweight.as_ptr().add(j));
                            dy.mul_add(x, dw).store(dweight.as_mut_ptr().add(j));
                            let old = V::load(dx.as_ptr().add(j));
                            let t = V::load(weight.as_ptr().add(j)).mul_add(dy, old);
                            x.mul_add(pull, t).store(dx.as_mut_ptr().add(j));
                        }
                    }
                }
            },
        );
    }

    fn padded(self) -> usize {
        self.columns.next_multiple_of(LANES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::portable::Portable;

    /// x = (3, 4): mean square 12.5, r = 1/√12.5 = 0.2828427; w = (1, 2): y = (0.8485281, 2.2627417).
    #[test]
    fn worked_example() {
        let norm = Norm {
            rows: 1,
            columns: 2,
            eps: 0.0,
        };
        let pad = |a: f32, b: f32| {
            let mut row = vec![0.0; 16];
            (row[0], row[1]) = (a, b);
            row
        };
        let (x, weight) = (pad(3.0, 4.0), pad(1.0, 2.0));
        let (mut y, mut again, mut scales) = (pad(0.0, 0.0), pad(0.0, 0.0), [0.0]);
        norm.forward::<Portable>(
            Rows::new(&x, 16),
            &weight,
            &mut RowsMut::new(&mut y, 16),
            &mut scales,
        );
        assert!((y[0] - 0.848_528_1).abs() < 1e-6 && (y[1] - 2.262_741_7).abs() < 1e-6);
        norm.repeat::<Portable>(
            Rows::new(&x, 16),
            &weight,
            &mut RowsMut::new(&mut again, 16),
            &scales,
        );
        assert_eq!(y, again);
        // dy = (1, 1): t = (1, 2), Σ t x = 11, pull = 11 r³ / 2 = 0.1244508;
        // dx = r t − x pull = (0.2828427 − 0.3733524, 0.5656854 − 0.4978032); dw = x r.
        let (dy, mut dx, mut dw) = (pad(1.0, 1.0), pad(0.0, 0.0), pad(0.0, 0.0));
        norm.backward::<Portable>(
            Rows::new(&x, 16),
            &weight,
            &scales,
            Rows::new(&dy, 16),
            &mut RowsMut::new(&mut dx, 16),
            &mut dw,
        );
        assert!((dx[0] + 0.090_509_7).abs() < 1e-6 && (dx[1] - 0.067_882_2).abs() < 1e-6);
        assert!((dw[0] - 0.848_528_1).abs() < 1e-6 && (dw[1] - 1.131_370_8).abs() < 1e-6);
    }
}
