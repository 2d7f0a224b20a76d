//! Products of `f32`, for any lanes; and those of `bf16` where no instruction has them.
//!
//! C is computed tile by tile: up to `TILE_ROWS` rows by `TILE_VECTORS · 16` columns stay in registers
//! while the sum runs over the inner index. `multiply` broadcasts elements of A straight from the
//! activations, along their rows; `outer`, which needs them across the rows, packs both factors first.
//!
//! In `bf16` both factors are rounded and stay `f32`: the product of two of 8 bits is exact, and the sums are `f32` as
//! those of `vdpbf16ps` and AMX are. So the numbers are theirs but for the order of the sums.

use std::marker::PhantomData;

use super::{Engine, Scratch, Shape, Source, Write};
use crate::buffer::{Buffer, PANEL, Rows, RowsMut};
use crate::lanes::{LANES, Lanes};

/// Inner indices of one pass: a panel of B of that height (32 KiB) stays in the first cache.
const INNER_BLOCK: usize = 256;

/// The engine on lanes `V`, of `f32` or, where `BF16`, of factors rounded to `bf16`.
pub(crate) struct Float<V, const BF16: bool = false>(PhantomData<V>);

impl<V: Lanes, const BF16: bool> Engine for Float<V, BF16> {
    type Lanes = V;
    type Packed = f32;

    fn packed_len(inner: usize, columns: usize) -> usize {
        inner * columns.next_multiple_of(PANEL)
    }

    fn pack(source: Source<'_>, inner: usize, columns: usize, packed: &mut [f32]) {
        let panels = packed[..Self::packed_len(inner, columns)].chunks_exact_mut(inner * PANEL);
        V::enter(
            #[inline(always)]
            || {
                for (panel, packed) in panels.enumerate() {
                    let start = panel * PANEL;
                    let width = PANEL.min(columns - start);
                    match source {
                        Source::Inner(b) => copy::<V>(b, start, width, packed),
                        Source::Outer(b) => transpose(b.at(start, 0), width, inner, packed),
                    }
                    if BF16 {
                        round(packed);
                    }
                }
            },
        );
    }

    fn multiply(
        c: RowsMut<'_>,
        write: Write,
        a: Rows<'_>,
        b: &[f32],
        packed_inner: usize,
        shape: Shape,
        scratch: &mut Scratch<f32>,
    ) {
        let Shape {
            rows,
            inner,
            columns,
        } = shape;
        assert!(a.holds(rows, inner) && c.holds(rows, columns) && inner <= packed_inner);
        assert!(b.len() >= Self::packed_len(packed_inner, columns));
        let a = if BF16 {
            rounded(a, rows, inner, &mut scratch.a)
        } else {
            a
        };
        let b = Operand {
            at: b.as_ptr(),
            panel: packed_inner * PANEL,
            row: PANEL,
        };
        unsafe { product::<V, false>(c, write, a, b, shape) }
    }

    fn outer(
        c: RowsMut<'_>,
        write: Write,
        a: Rows<'_>,
        b: Rows<'_>,
        shape: Shape,
        scratch: &mut Scratch<f32>,
    ) {
        let Shape {
            rows,
            inner,
            columns,
        } = shape;
        assert!(a.holds(inner, rows) && b.holds(inner, columns) && c.holds(rows, columns));
        let packed_b = scratch.b.reserve(Self::packed_len(inner, columns));
        Self::pack(Source::Inner(b), inner, columns, packed_b);
        let bands = rows.div_ceil(V::TILE_ROWS);
        let packed_a = scratch.a.reserve(bands * inner * LANES);
        pack_bands::<V>(a, rows, inner, packed_a);
        if BF16 {
            round(packed_a);
        }
        let b = Operand {
            at: packed_b.as_ptr(),
            panel: inner * PANEL,
            row: PANEL,
        };
        unsafe { product::<V, true>(c, write, Rows::new(packed_a, 0), b, shape) }
    }
}

/// To the nearest `bf16`, ties to even; what is no number stays none.
fn round(values: &mut [f32]) {
    for value in values.iter_mut().filter(|value| !value.is_nan()) {
        let bits = value.to_bits();
        *value = f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000);
    }
}

/// A copy of `[rows, inner]`, rounded.
fn rounded<'a>(a: Rows<'_>, rows: usize, inner: usize, memory: &'a mut Buffer<f32>) -> Rows<'a> {
    let copy = &mut memory.reserve(rows * inner)[..rows * inner];
    for (row, copy) in copy.chunks_exact_mut(inner).enumerate() {
        copy.copy_from_slice(a.row(row, inner));
    }
    round(copy);
    Rows::new(copy, inner)
}

/// `packed[band, k, i] = a[k, first row of the band + i]`, a band of rows being those of one tile.
fn pack_bands<V: Lanes>(a: Rows<'_>, rows: usize, inner: usize, packed: &mut [f32]) {
    let bands = rows.div_ceil(V::TILE_ROWS);
    V::enter(
        #[inline(always)]
        || {
            for (band, packed) in packed
                .chunks_exact_mut(inner * LANES)
                .take(bands)
                .enumerate()
            {
                let (row, next) = (band * rows / bands, (band + 1) * rows / bands);
                for (k, packed) in packed.chunks_exact_mut(LANES).enumerate() {
                    let from = &a.at(k, row).data[..next - row];
                    unsafe {
                        V::load_first(from.as_ptr(), from.len()).store(packed.as_mut_ptr());
                    }
                }
            }
        },
    );
}

/// `packed[k, n] = b[k, start + n]` for `n < width`, zero for the other columns of the panel.
#[inline(always)]
fn copy<V: Lanes>(b: Rows<'_>, start: usize, width: usize, packed: &mut [f32]) {
    for (k, packed) in packed.chunks_exact_mut(PANEL).enumerate() {
        let row = b.at(k, start).row(0, width);
        let (first, second) = row.split_at(width.min(LANES));
        unsafe {
            V::load_first(first.as_ptr(), first.len()).store(packed.as_mut_ptr());
            let second = V::load_first(second.as_ptr(), second.len());
            second.store(packed.as_mut_ptr().add(LANES));
        }
    }
}

/// `packed[k, n] = b[n, k]` for `n < width`, zero for the other columns of the panel.
#[inline(always)]
fn transpose(b: Rows<'_>, width: usize, inner: usize, packed: &mut [f32]) {
    if width < PANEL {
        packed.fill(0.0);
    }
    // Sixteen source elements (a cache line) at a time, so that each line is read whole.
    for start in (0..inner).step_by(LANES) {
        let height = LANES.min(inner - start);
        for n in 0..width {
            let row = b.at(n, start).row(0, height);
            for (k, value) in row.iter().enumerate() {
                packed[(start + k) * PANEL + n] = *value;
            }
        }
    }
}

/// B: element (k, n) of panel p lies at `at + p · panel + k · row + n`.
#[derive(Clone, Copy)]
struct Operand {
    at: *const f32,
    panel: usize,
    row: usize,
}

/// A part of a product of which C fits the registers.
#[derive(Clone, Copy)]
struct Tile {
    inner: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    /// Columns of C that exist, counted from the tile's first.
    columns: usize,
    add: bool,
}

/// C (+)= A · B; where `OUTER`, A is what [`pack_bands`] gives.
///
/// # Safety
/// A, B (to whole panels) and C hold the shape.
unsafe fn product<V: Lanes, const OUTER: bool>(
    c: RowsMut<'_>,
    write: Write,
    a: Rows<'_>,
    b: Operand,
    Shape {
        rows,
        inner,
        columns,
    }: Shape,
) {
    let blocks = inner.div_ceil(INNER_BLOCK).max(1);
    let height = inner.div_ceil(blocks);
    let width = V::TILE_VECTORS * LANES;
    let bands = rows.div_ceil(V::TILE_ROWS);
    let (a, a_stride) = (a.data.as_ptr(), if OUTER { LANES } else { a.stride });
    let (c_stride, c) = (c.stride, c.data.as_mut_ptr());
    V::enter(
        #[inline(always)]
        || unsafe {
            for block in 0..blocks {
                let start = block * height;
                let end = inner.min(start + height);
                for column in (0..columns).step_by(width) {
                    let b_at = column / PANEL * b.panel + column % PANEL + start * b.row;
                    let mut row = 0;
                    // Bands of nearly equal height leave no thin tile at the end.
                    for band in 0..bands {
                        let next = (band + 1) * rows / bands;
                        let a_at = if OUTER {
                            (band * inner + start) * LANES
                        } else {
                            row * a_stride + start
                        };
                        let tile = Tile {
                            inner: end - start,
                            a: a.add(a_at),
                            a_stride,
                            b: b.at.add(b_at),
                            b_stride: b.row,
                            c: c.add(row * c_stride + column),
                            c_stride,
                            columns: columns - column,
                            add: block > 0 || write == Write::Add,
                        };
                        compute::<V, OUTER>(next - row, tile);
                        row = next;
                    }
                }
            }
        },
    );
}

/// Picks the code for the tile's number of rows.
#[inline(always)]
unsafe fn compute<V: Lanes, const OUTER: bool>(rows: usize, tile: Tile) {
    macro_rules! pick {
        ($($rows:literal)*) => {
            match rows {
                $($rows if $rows <= V::TILE_ROWS => unsafe {
                    if V::TILE_VECTORS == 2 {
                        registers::<V, $rows, 2, OUTER>(tile)
                    } else {
                        registers::<V, $rows, 1, OUTER>(tile)
                    }
                },)*
                _ => unreachable!("a band has at most TILE_ROWS rows"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// One tile: `ROWS` by `VECTORS` accumulators.
#[inline(always)]
unsafe fn registers<V: Lanes, const ROWS: usize, const VECTORS: usize, const OUTER: bool>(
    tile: Tile,
) {
    let Tile {
        inner,
        a,
        a_stride,
        b,
        b_stride,
        c,
        c_stride,
        columns,
        add,
    } = tile;
    let (a_row, a_inner) = if OUTER { (1, a_stride) } else { (a_stride, 1) };
    let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
    unsafe {
        if add {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    let valid = columns.saturating_sub(j * LANES);
                    *sum = V::load_first(c.wrapping_add(i * c_stride + j * LANES), valid);
                }
            }
        }
        let (mut a, mut b) = (a, b);
        for _ in 0..inner {
            let mut factors = [V::splat(0.0); VECTORS];
            for (j, factor) in factors.iter_mut().enumerate() {
                *factor = V::load(b.add(j * LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let broadcast = V::splat(*a.add(i * a_row));
                for (sum, factor) in sums.iter_mut().zip(factors) {
                    *sum = broadcast.mul_add(factor, *sum);
                }
            }
            a = a.wrapping_add(a_inner);
            b = b.wrapping_add(b_stride);
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let valid = columns.saturating_sub(j * LANES);
                sum.store_first(c.wrapping_add(i * c_stride + j * LANES), valid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::portable::Portable;

    /// Between 1 and 2 a bf16 has steps of 2⁻⁷. 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷, of which 1 is even; 1 + 3 · 2⁻⁸
    /// between 1 + 2⁻⁷ and 1 + 2 · 2⁻⁷, of which the latter is.
    #[test]
    fn rounds_to_the_nearest_and_ties_to_even() {
        let step = 0.007_812_5;
        let mut values = [
            1.0,
            1.0 + 0.5 * step,
            1.0 + 0.5 * step + f32::EPSILON,
            -1.0 - 1.5 * step,
            f32::MAX,
            f32::NEG_INFINITY,
            0.0,
            f32::NAN,
        ];
        round(&mut values);
        let expected = [
            1.0,
            1.0,
            1.0 + step,
            -1.0 - 2.0 * step,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
        ];
        assert_eq!(values[..7], expected);
        assert!(values[7].is_nan());
    }

    const STRIDE: usize = 48;
    const SHAPE: Shape = Shape {
        rows: 19,
        inner: 23,
        columns: 37,
    };

    fn both<const BF16: bool>(a: &[f32], b: &[f32]) -> [Vec<f32>; 2] {
        type Products<const BF16: bool> = Float<Portable, BF16>;
        let (a, b) = (Rows::new(a, STRIDE), Rows::new(b, STRIDE));
        let Shape { inner, columns, .. } = SHAPE;
        let mut scratch = Scratch::new();
        let mut packed = vec![0.0; Products::<BF16>::packed_len(inner, columns)];
        Products::<BF16>::pack(Source::Inner(b), inner, columns, &mut packed);
        let [mut multiplied, mut outer] = [(); 2].map(|()| vec![0.0; 64 * STRIDE]);
        let c = RowsMut::new(&mut multiplied, STRIDE);
        Products::<BF16>::multiply(c, Write::Replace, a, &packed, inner, SHAPE, &mut scratch);
        let c = RowsMut::new(&mut outer, STRIDE);
        Products::<BF16>::outer(c, Write::Replace, a, b, SHAPE, &mut scratch);
        [multiplied, outer]
    }

    /// Products of numbers that are no bf16, against f32 products of the same numbers rounded beforehand, to the bit.
    #[test]
    fn products_are_those_of_rounded_factors() {
        let numbers = |salt: usize| -> Vec<f32> {
            let number = |i: usize| ((i * salt) % 101) as f32 * 0.37 - 17.0;
            (0..64 * STRIDE).map(number).collect()
        };
        let nearest = |numbers: &[f32]| {
            let mut rounded = numbers.to_vec();
            round(&mut rounded);
            rounded
        };
        let (a, b) = (numbers(31), numbers(57));
        let found = both::<true>(&a, &b);
        assert!(found == both::<false>(&nearest(&a), &nearest(&b)));
        assert!(found != both::<false>(&a, &b));
    }
}
