//! `bf16` products by `vdpbf16ps`: 16 sums of two products at once.

use std::arch::x86_64::*;

use super::bfloat::{Kernel, PAIRS, Product};
use crate::buffer::PANEL;
use crate::lanes::LANES;

/// Rows of the largest register tile; it has two vectors of columns.
const ROWS: usize = 14;

pub(crate) struct Dot;

impl Kernel for Dot {
    unsafe fn compute(product: Product) {
        unsafe { compute(product) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn compute(product: Product) {
    let bands = product.shape.rows.div_ceil(ROWS);
    for column in (0..product.shape.columns).step_by(PANEL) {
        let mut row = 0;
        for band in 0..bands {
            let next = (band + 1) * product.shape.rows / bands;
            macro_rules! pick {
                ($($rows:literal)*) => {
                    match next - row {
                        $($rows => unsafe { registers::<$rows>(product, row, column) },)*
                        _ => unreachable!("a band has at most {ROWS} rows"),
                    }
                };
            }
            pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            row = next;
        }
    }
}

/// Rows from `row` by 32 columns from `column`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn registers<const ROWS: usize>(product: Product, row: usize, column: usize) {
    let Product {
        shape,
        add,
        a,
        a_stride,
        b,
        panel,
        c,
        c_stride,
    } = product;
    let valid = (shape.columns - column).min(PANEL);
    let all = ((1u64 << valid) - 1) as u32;
    let masks = [all as u16, (all >> LANES) as u16];
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    unsafe {
        let a = a.add(row * a_stride);
        let b = b.add(column / LANES * panel);
        let c = c.add(row * c_stride + column);
        if add {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    let at = c.wrapping_add(i * c_stride + j * LANES);
                    *sum = _mm512_maskz_loadu_ps(masks[j], at);
                }
            }
        }
        for pair in 0..shape.inner / 2 {
            let load =
                |at: *const u16| -> __m512bh { std::mem::transmute(_mm512_loadu_si512(at.cast())) };
            let factors = [load(b.add(pair * PAIRS)), load(b.add(panel + pair * PAIRS))];
            for (i, sums) in sums.iter_mut().enumerate() {
                let both = a
                    .add(i * a_stride + 2 * pair)
                    .cast::<i32>()
                    .read_unaligned();
                let both: __m512bh = std::mem::transmute(_mm512_set1_epi32(both));
                for (sum, factor) in sums.iter_mut().zip(factors) {
                    *sum = _mm512_dpbf16_ps(*sum, both, factor);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let at = c.wrapping_add(i * c_stride + j * LANES);
                _mm512_mask_storeu_ps(at, masks[j], *sum);
            }
        }
    }
}
