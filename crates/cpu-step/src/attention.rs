//! Causal self-attention (Vaswani et al. 2017, §3.2) of one sequence and head, forward and backward.
//!
//! Queries are taken in blocks of [`BLOCK`] rows, of which each sees the keys up to its end, so half of
//! the score matrix is never computed. For the way back each row keeps two numbers of its softmax, and
//! the probabilities are computed again from the scores, together with their gradient (Dao et al. 2022,
//! appendix B.4).

use crate::buffer::{Activations, Buffer, PANEL, Rows, RowsMut};
use crate::gemm::{Engine, Scratch, Shape, Source, Write};
use crate::lanes::{LANES, Lanes};

/// Queries (and keys) of one block.
const BLOCK: usize = PANEL;

/// Memory for one head of one sequence.
pub(crate) struct AttentionScratch<E: Engine> {
    probabilities: Activations,
    gradients: Activations,
    keys: Buffer<E::Packed>,
    values: Buffer<E::Packed>,
}

/// The sizes of one head.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub seq_len: usize,
    pub d_head: usize,
}

/// One head's query, key and value, `[seq_len, d_head]` each.
#[derive(Clone, Copy)]
pub(crate) struct HeadInput<'a> {
    pub query: Rows<'a>,
    pub key: Rows<'a>,
    pub value: Rows<'a>,
}

/// One row's softmax: p = e^(scale · (score − highest)) · share.
#[derive(Clone, Copy, Default)]
pub(crate) struct Softmax {
    highest: f32,
    share: f32,
}

impl<E: Engine> AttentionScratch<E> {
    pub fn new(head: Head) -> Self {
        let Head { seq_len, d_head } = head;
        let packed = E::packed_len(d_head, seq_len).max(E::packed_len(seq_len, d_head));
        AttentionScratch {
            probabilities: Activations::new(seq_len, seq_len),
            gradients: Activations::new(seq_len, seq_len),
            keys: Buffer::new(packed),
            values: Buffer::new(packed),
        }
    }
}

impl Head {
    /// softmax(Q Kᵀ / √d_head) V -> `out` `[seq_len, d_head]`; each row's softmax is kept in `kept`.
    pub fn forward<E: Engine>(
        self,
        input: HeadInput<'_>,
        mut out: RowsMut<'_>,
        kept: &mut [Softmax],
        memory: &mut AttentionScratch<E>,
        scratch: &mut Scratch<E::Packed>,
    ) {
        let Head { seq_len, d_head } = self;
        E::pack(Source::Outer(input.key), d_head, seq_len, &mut memory.keys);
        E::pack(
            Source::Inner(input.value),
            seq_len,
            d_head,
            &mut memory.values,
        );
        for (start, end) in self.blocks() {
            self.scores(input.query, start, end, memory, scratch);
            let mut powers = memory.probabilities.view_mut();
            let (scale, padded) = (self.scale(), end.next_multiple_of(LANES));
            E::Lanes::enter(
                #[inline(always)]
                || {
                    for (row, kept) in (start..end).zip(&mut kept[start..end]) {
                        *kept = exponentials::<E::Lanes>(powers.row(row, padded), row + 1, scale);
                    }
                },
            );
            let shape = Shape {
                rows: end - start,
                inner: end,
                columns: d_head,
            };
            let (powers, values) = (powers.view().at(start, 0), &memory.values);
            E::multiply(
                out.at(start, 0),
                Write::Replace,
                powers,
                values,
                seq_len,
                shape,
                scratch,
            );
            // Dividing the few columns of the output by the sum is cheaper than dividing the powers.
            E::Lanes::enter(
                #[inline(always)]
                || {
                    for (row, kept) in (start..end).zip(&kept[start..end]) {
                        multiply_row::<E::Lanes>(out.row(row, d_head), kept.share);
                    }
                },
            );
        }
    }

    /// From `d_out` `[seq_len, d_head]`: the gradients of query, key and value, which lie `d_model`
    /// columns apart from the first column of `d_input`. `out` and `kept` are those of
    /// [`Head::forward`].
    #[expect(clippy::too_many_arguments)]
    pub fn backward<E: Engine>(
        self,
        input: HeadInput<'_>,
        out: Rows<'_>,
        kept: &[Softmax],
        d_out: Rows<'_>,
        d_input: &mut RowsMut<'_>,
        d_model: usize,
        memory: &mut AttentionScratch<E>,
        scratch: &mut Scratch<E::Packed>,
    ) {
        let Head { seq_len, d_head } = self;
        E::pack(Source::Outer(input.key), d_head, seq_len, &mut memory.keys);
        E::pack(
            Source::Outer(input.value),
            d_head,
            seq_len,
            &mut memory.values,
        );
        for (start, end) in self.blocks() {
            self.scores(input.query, start, end, memory, scratch);
            let shape = Shape {
                rows: end - start,
                inner: d_head,
                columns: end,
            };
            let (d_out_block, values) = (d_out.at(start, 0), &memory.values);
            let mut gradients = memory.gradients.view_mut();
            let place = gradients.at(start, 0);
            E::multiply(
                place,
                Write::Replace,
                d_out_block,
                values,
                d_head,
                shape,
                scratch,
            );
            let mut scores = memory.probabilities.view_mut();
            let (scale, padded) = (self.scale(), end.next_multiple_of(LANES));
            E::Lanes::enter(
                #[inline(always)]
                || {
                    for (row, kept) in (start..end).zip(&kept[start..end]) {
                        let (out, d_out) = (out.row(row, d_head), d_out.row(row, d_head));
                        let mean = dot::<E::Lanes>(out, d_out);
                        let (p, ds) = (scores.row(row, padded), gradients.row(row, padded));
                        score_gradients::<E::Lanes>(p, ds, row + 1, *kept, mean, scale);
                    }
                },
            );
        }
        // The keys are packed the other way round now: they are what the score gradients multiply.
        E::pack(Source::Inner(input.key), seq_len, d_head, &mut memory.keys);
        let (p, ds) = (memory.probabilities.view(), memory.gradients.view());
        for (start, end) in self.blocks() {
            let rows = end - start;
            let earlier = Shape {
                rows,
                inner: end,
                columns: d_head,
            };
            let later = Shape {
                rows,
                inner: seq_len - start,
                columns: d_head,
            };
            let (place, keys) = (d_input.at(start, 0), &memory.keys);
            E::multiply(
                place,
                Write::Replace,
                ds.at(start, 0),
                keys,
                seq_len,
                earlier,
                scratch,
            );
            let (place, query) = (d_input.at(start, d_model), input.query.at(start, 0));
            E::outer(
                place,
                Write::Replace,
                ds.at(start, start),
                query,
                later,
                scratch,
            );
            let (place, d_out) = (d_input.at(start, 2 * d_model), d_out.at(start, 0));
            E::outer(
                place,
                Write::Replace,
                p.at(start, start),
                d_out,
                later,
                scratch,
            );
        }
    }

    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.seq_len)
            .step_by(BLOCK)
            .map(move |start| (start, self.seq_len.min(start + BLOCK)))
    }

    /// Rows `start..end` of Q Kᵀ, up to the block's last key, to `memory.probabilities`.
    fn scores<E: Engine>(
        self,
        query: Rows<'_>,
        start: usize,
        end: usize,
        memory: &mut AttentionScratch<E>,
        scratch: &mut Scratch<E::Packed>,
    ) {
        let AttentionScratch {
            probabilities,
            keys,
            ..
        } = memory;
        let shape = Shape {
            rows: end - start,
            inner: self.d_head,
            columns: end,
        };
        let mut probabilities = probabilities.view_mut();
        let (place, query) = (probabilities.at(start, 0), query.at(start, 0));
        E::multiply(
            place,
            Write::Replace,
            query,
            keys,
            self.d_head,
            shape,
            scratch,
        );
    }

    fn scale(self) -> f32 {
        (1.0 / (self.d_head as f64).sqrt()) as f32
    }
}

/// Replaces the first `valid` scores x by e^(scale · (x − highest)), the rest by 0. `row` is a whole
/// number of vectors.
#[inline(always)]
fn exponentials<V: Lanes>(row: &mut [f32], valid: usize, scale: f32) -> Softmax {
    row[valid..].fill(f32::NEG_INFINITY);
    unsafe {
        let mut highest = V::splat(f32::NEG_INFINITY);
        for j in (0..row.len()).step_by(LANES) {
            highest = highest.max(V::load(row.as_ptr().add(j)));
        }
        let highest = highest.maximum();
        let (shift, scale) = (V::splat(highest), V::splat(scale));
        let mut sum = V::splat(0.0);
        for j in (0..row.len()).step_by(LANES) {
            let power = V::load(row.as_ptr().add(j)).sub(shift).mul(scale).exp();
            sum = sum.add(power);
            power.store(row.as_mut_ptr().add(j));
        }
        Softmax {
            highest,
            share: 1.0 / sum.sum(),
        }
    }
}

/// The softmax of `scale` times the first `valid` elements; the rest becomes 0. `row` is a whole number
/// of vectors.
#[inline(always)]
pub(crate) fn softmax<V: Lanes>(row: &mut [f32], valid: usize, scale: f32) {
    let Softmax { share, .. } = exponentials::<V>(row, valid, scale);
    multiply_row::<V>(row, share);
}

#[inline(always)]
fn multiply_row<V: Lanes>(row: &mut [f32], factor: f32) {
    for part in row.chunks_mut(LANES) {
        unsafe {
            let product = V::load_first(part.as_ptr(), part.len()).mul(V::splat(factor));
            product.store_first(part.as_mut_ptr(), part.len());
        }
    }
}

/// One row: scores to probabilities P, and dP to dS = P · (dP − Σ P dP) · scale, where Σ P dP is
/// `mean`, the product of output and its gradient.
#[inline(always)]
fn score_gradients<V: Lanes>(
    scores: &mut [f32],
    gradients: &mut [f32],
    valid: usize,
    kept: Softmax,
    mean: f32,
    scale: f32,
) {
    scores[valid..].fill(f32::NEG_INFINITY);
    gradients[valid..].fill(0.0);
    let (highest, share) = (V::splat(kept.highest), V::splat(kept.share));
    let (mean, scale) = (V::splat(mean), V::splat(scale));
    for (scores, gradients) in scores
        .chunks_exact_mut(LANES)
        .zip(gradients.chunks_exact_mut(LANES))
    {
        unsafe {
            let score = V::load(scores.as_ptr()).sub(highest).mul(scale);
            let p = score.exp().mul(share);
            p.store(scores.as_mut_ptr());
            let ds = V::load(gradients.as_ptr()).sub(mean).mul(scale);
            p.mul(ds).store(gradients.as_mut_ptr());
        }
    }
}

/// Σ a b, over whole vectors and then the lanes.
#[inline(always)]
pub(crate) fn dot<V: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = V::splat(0.0);
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        let valid = a.len().min(b.len());
        unsafe {
            let a = V::load_first(a.as_ptr(), valid);
            sum = a.mul_add(V::load_first(b.as_ptr(), valid), sum);
        }
    }
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::float::Float;
    use crate::lanes::portable::Portable;

    /// d_head 1, two tokens: token 0 sees itself; token 1's scores are q·k = 1·0 and 1·ln 3, so
    /// P = (¼, ¾) and out = ¼ · 4 + ¾ · 8 = 7.
    #[test]
    fn worked_example() {
        let head = Head {
            seq_len: 2,
            d_head: 1,
        };
        let (query, key, value) = ([1.0f32, 1.0], [0.0f32, 3f32.ln()], [4.0f32, 8.0]);
        let rows = |data| Rows::new(data, 1);
        let input = HeadInput {
            query: rows(&query),
            key: rows(&key),
            value: rows(&value),
        };
        let mut out = [0.0f32; 2];
        let mut memory = AttentionScratch::<Float<Portable>>::new(head);
        let mut kept = [Softmax::default(); 2];
        let place = RowsMut::new(&mut out, 1);
        head.forward(input, place, &mut kept, &mut memory, &mut Scratch::new());
        assert!(
            (out[0] - 4.0).abs() < 1e-6 && (out[1] - 7.0).abs() < 1e-5,
            "{out:?}"
        );
    }
}
