//! Causal self-attention (Vaswani et al. 2017, §3.2) of one sequence and head, forward and backward.
//!
//! Queries are taken in blocks of [`BLOCK`] rows, of which each sees the keys up to its end, so half of
//! the score matrix is never computed. Nothing but its input and output is kept for the way back: the
//! probabilities are computed again, to the bit.

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
    /// softmax(Q Kᵀ / √d_head) V -> `out` `[seq_len, d_head]`.
    pub fn forward<E: Engine>(
        self,
        input: HeadInput<'_>,
        mut out: RowsMut<'_>,
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
            self.probabilities(input.query, start, end, memory, scratch);
            E::multiply(
                out.at(start, 0),
                Write::Replace,
                memory.probabilities.view().at(start, 0),
                &memory.values,
                seq_len,
                Shape {
                    rows: end - start,
                    inner: end,
                    columns: d_head,
                },
                scratch,
            );
        }
    }

    /// From `d_out` `[seq_len, d_head]`: the gradients of query, key and value, which lie `d_model`
    /// columns apart from the first column of `d_input`.
    pub fn backward<E: Engine>(
        self,
        input: HeadInput<'_>,
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
            self.probabilities(input.query, start, end, memory, scratch);
            E::multiply(
                memory.gradients.view_mut().at(start, 0),
                Write::Replace,
                d_out.at(start, 0),
                &memory.values,
                d_head,
                Shape {
                    rows: end - start,
                    inner: d_head,
                    columns: end,
                },
                scratch,
            );
            self.score_gradients::<E>(start, end, memory);
        }
        // The keys are packed the other way round now: they are what the score gradients multiply.
        E::pack(Source::Inner(input.key), seq_len, d_head, &mut memory.keys);
        for (start, end) in self.blocks() {
            let rows = end - start;
            let later = Shape {
                rows,
                inner: seq_len - start,
                columns: d_head,
            };
            let d_scores = memory.gradients.view();
            E::multiply(
                d_input.at(start, 0),
                Write::Replace,
                d_scores.at(start, 0),
                &memory.keys,
                seq_len,
                Shape {
                    rows,
                    inner: end,
                    columns: d_head,
                },
                scratch,
            );
            E::outer(
                d_input.at(start, d_model),
                Write::Replace,
                d_scores.at(start, start),
                input.query.at(start, 0),
                later,
                scratch,
            );
            E::outer(
                d_input.at(start, 2 * d_model),
                Write::Replace,
                memory.probabilities.view().at(start, start),
                d_out.at(start, 0),
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

    /// Rows `start..end` of the probabilities: zero for keys after the query, up to the block's end.
    fn probabilities<E: Engine>(
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
        let mut probabilities = probabilities.view_mut();
        E::multiply(
            probabilities.at(start, 0),
            Write::Replace,
            query.at(start, 0),
            keys,
            self.d_head,
            Shape {
                rows: end - start,
                inner: self.d_head,
                columns: end,
            },
            scratch,
        );
        let scale = self.scale();
        let padded = end.next_multiple_of(LANES);
        E::Lanes::enter(
            #[inline(always)]
            || {
                for row in start..end {
                    softmax::<E::Lanes>(probabilities.row(row, padded), row + 1, scale);
                }
            },
        );
    }

    /// Rows `start..end` of `gradients`, from dP to dS = P · (dP − Σ P dP) / √d_head.
    fn score_gradients<E: Engine>(
        self,
        start: usize,
        end: usize,
        memory: &mut AttentionScratch<E>,
    ) {
        let padded = end.next_multiple_of(LANES);
        let p = memory.probabilities.view();
        let mut ds = memory.gradients.view_mut();
        let scale = self.scale();
        E::Lanes::enter(
            #[inline(always)]
            || {
                for row in start..end {
                    let (p, ds) = (p.row(row, padded), ds.row(row, padded));
                    ds[end..].fill(0.0);
                    unsafe {
                        let mut sum = E::Lanes::splat(0.0);
                        for j in (0..padded).step_by(LANES) {
                            let p = E::Lanes::load(p.as_ptr().add(j));
                            sum = p.mul_add(E::Lanes::load(ds.as_ptr().add(j)), sum);
                        }
                        let mean = E::Lanes::splat(sum.sum());
                        let scale = E::Lanes::splat(scale);
                        for j in (0..padded).step_by(LANES) {
                            let p = E::Lanes::load(p.as_ptr().add(j)).mul(scale);
                            let d = E::Lanes::load(ds.as_ptr().add(j)).sub(mean);
                            p.mul(d).store(ds.as_mut_ptr().add(j));
                        }
                    }
                }
            },
        );
    }

    fn scale(self) -> f32 {
        (1.0 / (self.d_head as f64).sqrt()) as f32
    }
}

/// The softmax of `scale` times the first `valid` elements; the rest becomes 0. `row` is a whole number
/// of vectors.
#[inline(always)]
pub(crate) fn softmax<V: Lanes>(row: &mut [f32], valid: usize, scale: f32) {
    row[valid..].fill(f32::NEG_INFINITY);
    unsafe {
        let mut highest = V::splat(f32::NEG_INFINITY);
        for j in (0..row.len()).step_by(LANES) {
            highest = highest.max(V::load(row.as_ptr().add(j)));
        }
        let highest = V::splat(highest.maximum());
        let scale = V::splat(scale);
        let mut sum = V::splat(0.0);
        for j in (0..row.len()).step_by(LANES) {
            let power = V::load(row.as_ptr().add(j)).sub(highest).mul(scale).exp();
            sum = sum.add(power);
            power.store(row.as_mut_ptr().add(j));
        }
        let factor = V::splat(1.0 / sum.sum());
        for j in (0..row.len()).step_by(LANES) {
            V::load(row.as_ptr().add(j))
                .mul(factor)
                .store(row.as_mut_ptr().add(j));
        }
    }
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
        head.forward(
            input,
            RowsMut::new(&mut out, 1),
            &mut memory,
            &mut Scratch::new(),
        );
        assert!(
            (out[0] - 4.0).abs() < 1e-6 && (out[1] - 7.0).abs() < 1e-5,
            "{out:?}"
        );
    }
}
