//! Rotary position embedding (Su et al. 2021) in the convention of Hugging Face Llama: element i of a
//! head's first half is paired with element i of its second half, and the pair is turned by
//! `position / theta^(2i / d_head)`.

use crate::buffer::RowsMut;
use crate::lanes::{LANES, Lanes};

/// Cosines and sines of every position.
pub(crate) struct Rope {
    half: usize,
    /// `[positions, half]` each.
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// Whether vectors are turned by their position or turned back, as their gradient is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Forward,
    Back,
}

impl Rope {
    /// Frequencies and angles are rounded to `f32` where transformers rounds them.
    pub fn new(d_head: usize, positions: usize, theta: f64) -> Rope {
        let half = d_head / 2;
        let frequencies: Vec<f32> = (0..half)
            .map(|i| (1.0 / libm::pow(theta, (2 * i) as f64 / d_head as f64)) as f32)
            .collect();
        let angles = (0..positions).flat_map(|position| {
            frequencies
                .iter()
                .map(move |f| f64::from(position as f32 * f))
        });
        let (cos, sin) = angles
            .map(|angle| (libm::cos(angle) as f32, libm::sin(angle) as f32))
            .unzip();
        Rope { half, cos, sin }
    }

    /// Turns `heads` vectors that lie side by side in each row, in place.
    pub fn turn<V: Lanes>(
        &self,
        vectors: &mut RowsMut<'_>,
        heads: usize,
        turn: Turn,
        positions: impl Iterator<Item = usize>,
    ) {
        let half = self.half;
        let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
        V::enter(
            #[inline(always)]
            || {
                for (row, position) in positions.enumerate() {
                    let cos = &self.cos[position * half..][..half];
                    let sin = &self.sin[position * half..][..half];
                    for vector in vectors
                        .row(row, 2 * half * heads)
                        .chunks_exact_mut(2 * half)
                    {
                        let (first, second) = vector.split_at_mut(half);
                        for start in (0..half).step_by(LANES) {
                            let valid = LANES.min(half - start);
                            unsafe {
                                let cos = V::load_first(cos.as_ptr().add(start), valid);
                                let sin = V::load_first(sin.as_ptr().add(start), valid);
                                let sin = sin.mul(V::splat(sign));
                                let x = V::load_first(first.as_ptr().add(start), valid);
                                let y = V::load_first(second.as_ptr().add(start), valid);
                                let turned = x.mul(cos).sub(y.mul(sin));
                                turned.store_first(first.as_mut_ptr().add(start), valid);
                                let turned = y.mul(cos).add(x.mul(sin));
                                turned.store_first(second.as_mut_ptr().add(start), valid);
                            }
                        }
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::portable::Portable;

    /// d_head 4, theta 100: frequencies 1 and 1/10. At position 2 the pair (x0, x2) is turned by 2 and
    /// (x1, x3) by 0.2: (1, 0) -> (cos 2, sin 2), (0, 1) -> (−sin 0.2, cos 0.2).
    #[test]
    fn worked_example() {
        let rope = Rope::new(4, 3, 100.0);
        let mut vector = [1.0f32, 0.0, 0.0, 1.0];
        let at_two = || std::iter::once(2);
        rope.turn::<Portable>(
            &mut RowsMut::new(&mut vector, 4),
            1,
            Turn::Forward,
            at_two(),
        );
        let expect = [2f32.cos(), -0.2f32.sin(), 2f32.sin(), 0.2f32.cos()];
        for (got, expect) in vector.iter().zip(expect) {
            assert!((got - expect).abs() < 1e-6);
        }
        rope.turn::<Portable>(&mut RowsMut::new(&mut vector, 4), 1, Turn::Back, at_two());
        for (got, expect) in vector.iter().zip([1.0, 0.0, 0.0, 1.0]) {
            assert!((got - expect).abs() < 1e-6);
        }
    }
}
