//! Products of `bf16` with `f32` accumulation: conversion and packing, shared by `vdpbf16ps` and AMX.
//!
//! Both take their numbers in pairs along the inner index. A is `[rows, inner]`, row-major. B is panels
//! of 16 columns, each `[inner / 2, 16 columns, 2]`, so a vector holds one pair of inner indices of 16
//! columns, and 16 such vectors (1 KiB) are an AMX tile. The inner index is padded with zeros to a
//! multiple of [`INNER`], columns to a multiple of 32.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Engine, Scratch, Shape, Source, Write};
use crate::buffer::{PANEL, Rows, RowsMut};
use crate::lanes::LANES;
use crate::lanes::avx512::Avx512;

/// Inner indices of one tile.
pub(crate) const INNER: usize = 32;

/// Elements of one tile of B, and of one vector of it.
pub(crate) const TILE: usize = 512;
pub(crate) const PAIRS: usize = 32;

/// Rows that A's memory is padded to.
const ROWS: usize = 32;

/// A product in `bf16`: sizes, then pointers.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    /// `inner` is a multiple of [`INNER`] here.
    pub shape: Shape,
    pub add: bool,
    /// Row-major, `a_stride` elements a row, memory for rows up to a multiple of 32.
    pub a: *const u16,
    pub a_stride: usize,
    /// Packed; `panel` elements from one panel of 16 columns to the next.
    pub b: *const u16,
    pub panel: usize,
    pub c: *mut f32,
    pub c_stride: usize,
}

/// The instructions that multiply what is packed.
pub(crate) trait Kernel: Send + Sync + 'static {
    fn begin_thread() {}
    fn end_thread() {}
    /// # Safety
    /// The CPU has the instructions, and the memory is as [`Product`] says.
    unsafe fn compute(product: Product);
}

/// The `bf16` engine on some kernel. Needs AVX-512 F, BW, DQ, VL and BF16 for conversion.
pub(crate) struct Bfloat<K>(PhantomData<K>);

/// `vdpbf16ps`.
pub(crate) type Avx512Bf16 = Bfloat<super::dot::Dot>;

impl<K: Kernel> Engine for Bfloat<K> {
    type Lanes = Avx512;
    type Packed = u16;

    fn begin_thread() {
        K::begin_thread();
    }

    fn end_thread() {
        K::end_thread();
    }

    fn packed_len(inner: usize, columns: usize) -> usize {
        inner.next_multiple_of(INNER) * columns.next_multiple_of(PANEL)
    }

    fn pack(source: Source<'_>, inner: usize, columns: usize, packed: &mut [u16]) {
        let len = Self::packed_len(inner, columns);
        let packed = &mut packed[..len];
        let panel = inner.next_multiple_of(INNER) * LANES;
        let columns_padded = columns.next_multiple_of(PANEL);
        let to = Places {
            at: packed.as_mut_ptr(),
            line: PAIRS,
            across: panel,
            along: TILE,
        };
        match source {
            Source::Inner(b) => {
                assert!(b.holds(inner, columns));
                unsafe { convert::<false, false>(b, columns, columns_padded, inner, to) }
            }
            Source::Outer(b) => {
                assert!(b.holds(columns, inner));
                unsafe { convert::<true, true>(b, columns, columns_padded, inner, to) }
            }
        }
    }

    fn multiply(
        c: RowsMut<'_>,
        write: Write,
        a: Rows<'_>,
        b: &[u16],
        packed_inner: usize,
        shape: Shape,
        scratch: &mut Scratch<u16>,
    ) {
        let Shape {
            rows,
            inner,
            columns,
        } = shape;
        assert!(a.holds(rows, inner) && c.holds(rows, columns) && inner <= packed_inner);
        assert!(b.len() >= Self::packed_len(packed_inner, columns));
        let (memory, a_stride) = left(scratch, rows, inner);
        let to = Places {
            at: memory.as_mut_ptr(),
            line: a_stride,
            across: LANES * a_stride,
            along: INNER,
        };
        unsafe { convert::<true, false>(a, rows, rows.next_multiple_of(LANES), inner, to) };
        let panel = packed_inner.next_multiple_of(INNER) * LANES;
        unsafe { Self::run(c, write, shape, a_stride, b.as_ptr(), panel, scratch) }
    }

    fn outer(
        c: RowsMut<'_>,
        write: Write,
        a: Rows<'_>,
        b: Rows<'_>,
        shape: Shape,
        scratch: &mut Scratch<u16>,
    ) {
        let Shape {
            rows,
            inner,
            columns,
        } = shape;
        assert!(a.holds(inner, rows) && b.holds(inner, columns) && c.holds(rows, columns));
        let (memory, a_stride) = left(scratch, rows, inner);
        let to = Places {
            at: memory.as_mut_ptr(),
            line: a_stride,
            across: LANES * a_stride,
            along: INNER,
        };
        unsafe { convert::<false, true>(a, rows, rows.next_multiple_of(LANES), inner, to) };
        let packed = scratch.b.reserve(Self::packed_len(inner, columns));
        Self::pack(Source::Inner(b), inner, columns, packed);
        let panel = inner.next_multiple_of(INNER) * LANES;
        let b = packed.as_ptr();
        unsafe { Self::run(c, write, shape, a_stride, b, panel, scratch) }
    }
}

impl<K: Kernel> Bfloat<K> {
    /// C (+)= scratch.a · B.
    unsafe fn run(
        c: RowsMut<'_>,
        write: Write,
        shape: Shape,
        a_stride: usize,
        b: *const u16,
        panel: usize,
        scratch: &Scratch<u16>,
    ) {
        let shape = Shape {
            inner: shape.inner.next_multiple_of(INNER),
            ..shape
        };
        let (add, a, c_stride) = (write == Write::Add, scratch.a.as_ptr(), c.stride);
        let c = c.data.as_mut_ptr();
        unsafe {
            K::compute(Product {
                shape,
                add,
                a,
                a_stride,
                b,
                panel,
                c,
                c_stride,
            })
        }
    }
}

/// Memory for A and the distance of its rows: an odd number of cache lines.
fn left(scratch: &mut Scratch<u16>, rows: usize, inner: usize) -> (&mut [u16], usize) {
    let lines = inner.div_ceil(INNER);
    let stride = (lines + 1 - lines % 2) * INNER;
    (
        scratch.a.reserve(rows.next_multiple_of(ROWS) * stride),
        stride,
    )
}

/// Where blocks of 16 indices by 32 inner indices go: `across` elements from one block of 16 to the
/// next, `along` from one block of 32 inner indices to the next, `line` from one vector to the next.
#[derive(Clone, Copy)]
struct Places {
    at: *mut u16,
    line: usize,
    across: usize,
    along: usize,
}

/// Converts a matrix of `count` indices by `inner`, whose rows run along the inner index where `ROWS`
/// and across it otherwise. Written are vectors of 32 inner indices of one index, or, if that is not
/// how it lies (`TURN`), the other kind: vectors of one pair of inner indices of 16 indices. Indices
/// from `count` to `padded` and inner indices up to a multiple of 32 become zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn convert<const ROWS: bool, const TURN: bool>(
    from: Rows<'_>,
    count: usize,
    padded: usize,
    inner: usize,
    to: Places,
) {
    let mut interleaved = [0u16; PAIRS];
    for lane in 0..LANES {
        interleaved[2 * lane] = lane as u16;
        interleaved[2 * lane + 1] = (LANES + lane) as u16;
    }
    unsafe {
        let interleave = _mm512_loadu_si512(interleaved.as_ptr().cast());
        let (data, stride) = (from.data.as_ptr(), from.stride);
        for (block, first) in (0..padded).step_by(LANES).enumerate() {
            let valid = count.saturating_sub(first).min(LANES);
            for (part, start) in (0..inner).step_by(INNER).enumerate() {
                let depth = INNER.min(inner - start);
                let mut vectors = [_mm512_setzero_si512(); LANES];
                if ROWS {
                    for (i, vector) in vectors.iter_mut().enumerate().take(valid) {
                        let row = data.add((first + i) * stride + start);
                        let low = _mm512_maskz_loadu_ps(mask(depth), row);
                        let rest = mask(depth.saturating_sub(LANES));
                        let high = _mm512_maskz_loadu_ps(rest, row.wrapping_add(LANES));
                        *vector = bits(_mm512_cvtne2ps_pbh(high, low));
                    }
                } else {
                    let mask = mask(valid);
                    for (pair, vector) in vectors.iter_mut().enumerate().take(depth.div_ceil(2)) {
                        let row = data.wrapping_add((start + 2 * pair) * stride + first);
                        let even = _mm512_maskz_loadu_ps(mask, row);
                        let odd = if 2 * pair + 1 < depth { mask } else { 0 };
                        let odd = _mm512_maskz_loadu_ps(odd, row.wrapping_add(stride));
                        let both = bits(_mm512_cvtne2ps_pbh(odd, even));
                        *vector = _mm512_permutexvar_epi16(interleave, both);
                    }
                }
                if TURN {
                    transpose(&mut vectors);
                }
                let at = to.at.add(block * to.across + part * to.along);
                for (i, vector) in vectors.iter().enumerate() {
                    _mm512_storeu_si512(at.add(i * to.line).cast(), *vector);
                }
            }
        }
    }
}

#[inline(always)]
fn mask(count: usize) -> __mmask16 {
    if count >= LANES { !0 } else { (1 << count) - 1 }
}

#[inline(always)]
unsafe fn bits(vector: __m512bh) -> __m512i {
    // Both are 512 bits without structure.
    unsafe { std::mem::transmute(vector) }
}

/// Transposes a 16 × 16 matrix of 32-bit elements (here pairs of `bf16`), in four rounds of pairing.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
fn transpose(rows: &mut [__m512i; LANES]) {
    let mut other = [_mm512_setzero_si512(); LANES];
    for i in 0..8 {
        other[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        other[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    for i in (0..LANES).step_by(4) {
        rows[i] = _mm512_unpacklo_epi64(other[i], other[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(other[i], other[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(other[i + 1], other[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(other[i + 1], other[i + 3]);
    }
    // 0x88 takes the even 128-bit quarters of both, 0xdd the odd ones.
    for i in 0..4 {
        other[i] = _mm512_shuffle_i32x4::<0x88>(rows[i], rows[i + 4]);
        other[i + 4] = _mm512_shuffle_i32x4::<0xdd>(rows[i], rows[i + 4]);
        other[i + 8] = _mm512_shuffle_i32x4::<0x88>(rows[i + 8], rows[i + 12]);
        other[i + 12] = _mm512_shuffle_i32x4::<0xdd>(rows[i + 8], rows[i + 12]);
    }
    for i in 0..4 {
        rows[i] = _mm512_shuffle_i32x4::<0x88>(other[i], other[i + 8]);
        rows[i + 8] = _mm512_shuffle_i32x4::<0xdd>(other[i], other[i + 8]);
        rows[i + 4] = _mm512_shuffle_i32x4::<0x88>(other[i + 4], other[i + 12]);
        rows[i + 12] = _mm512_shuffle_i32x4::<0xdd>(other[i + 4], other[i + 12]);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::EngineKind;
    use crate::gemm::float::Float;
    use crate::lanes::portable::Portable;

    /// Both products of an engine on sizes at and beside the edges of tiles, against `f32` products of
    /// the same numbers, which are small integers and so the same in `bf16`, to the bit.
    pub(crate) fn check_products<E: Engine>() {
        let sizes = [1, 2, 15, 16, 17, 31, 32, 33, 63, 65, 100];
        for (case, rows) in sizes.into_iter().enumerate() {
            for inner in sizes {
                let columns = sizes[(case * 7 + inner) % sizes.len()];
                let shape = Shape {
                    rows,
                    inner,
                    columns,
                };
                check::<E>(shape);
            }
        }
        // More inner indices than one pass takes.
        check::<E>(Shape {
            rows: 33,
            inner: 300,
            columns: 130,
        });
        check::<E>(Shape {
            rows: 64,
            inner: 520,
            columns: 64,
        });
    }

    fn check<E: Engine>(shape: Shape) {
        let Shape {
            rows,
            inner,
            columns,
        } = shape;
        E::begin_thread();
        let found = both::<E>(shape, 1.0);
        E::end_thread();
        assert!(
            found == both::<Float<Portable>>(shape, 1.0),
            "{rows} {inner} {columns}"
        );
    }

    /// Products of numbers that are no `bf16`, against those of the portable engine, which rounds as it should: sums of 65
    /// products up to 9, so that another order moves them by at most some 2⁻²⁴ · 65 · 600 = 0.002, and one bit less in the
    /// factors by 2⁻⁸ · 9 a product.
    pub(crate) fn check_rounding<E: Engine>() {
        let shape = Shape {
            rows: 33,
            inner: 65,
            columns: 31,
        };
        E::begin_thread();
        let found = both::<E>(shape, 0.37);
        E::end_thread();
        let expected = both::<Float<Portable, true>>(shape, 0.37);
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 5e-3, "{found} {expected}");
        }
    }

    /// Both products of small integers times `unit`.
    fn both<E: Engine>(shape: Shape, unit: f32) -> Vec<Vec<f32>> {
        let Shape {
            rows,
            inner,
            columns,
        } = shape;
        let stride = inner.max(130) + 10;
        let fill = |height: usize, salt: usize| -> Vec<f32> {
            let number = |i: usize| (((i * 31 + i / 7 * salt) % 17) as f32 - 8.0) * unit;
            (0..height * stride + PANEL).map(number).collect()
        };
        let (a, at) = (fill(rows, 3), fill(inner, 5));
        let (b, bt, c) = (fill(inner, 11), fill(columns, 13), fill(rows, 2));
        let view = |data| Rows::new(data, stride);
        let mut scratch = Scratch::new();
        let mut packed = vec![E::Packed::default(); E::packed_len(inner, columns)];
        let mut results = Vec::new();
        for source in [Source::Inner(view(&b)), Source::Outer(view(&bt))] {
            for write in [Write::Replace, Write::Add] {
                let mut c = c.clone();
                E::pack(source, inner, columns, &mut packed);
                let place = RowsMut::new(&mut c, stride);
                E::multiply(place, write, view(&a), &packed, inner, shape, &mut scratch);
                results.push(c);
            }
        }
        for write in [Write::Replace, Write::Add] {
            let mut c = c.clone();
            let place = RowsMut::new(&mut c, stride);
            E::outer(place, write, view(&at), view(&b), shape, &mut scratch);
            results.push(c);
        }
        results
    }

    #[test]
    fn products_on_lanes_agree() {
        check_products::<Float<Portable, true>>();
        if EngineKind::Avx2F32.is_available() {
            check_products::<Float<crate::lanes::avx2::Avx2>>();
            check_rounding::<Float<crate::lanes::avx2::Avx2, true>>();
        }
        if EngineKind::Avx512F32.is_available() {
            check_products::<Float<Avx512>>();
        }
    }

    #[test]
    fn dot_products_agree() {
        if EngineKind::Avx512Bf16.is_available() {
            check_products::<Avx512Bf16>();
            check_rounding::<Avx512Bf16>();
        } else {
            println!("skipped: this CPU does not run {}", EngineKind::Avx512Bf16);
        }
    }
}
