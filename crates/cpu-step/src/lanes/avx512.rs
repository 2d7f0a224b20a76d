//! Lanes of one 512-bit register.

use std::arch::x86_64::*;

use super::{EXP_LOWEST, Lanes, exponential};

#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

#[inline(always)]
fn first(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}

// Every intrinsic below is safe where AVX-512 F and DQ were found, which `Lanes` demands.
impl Lanes for Avx512 {
    const TILE_ROWS: usize = 14;
    const TILE_VECTORS: usize = 2;

    #[inline(always)]
    fn enter<R>(work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        unsafe fn inside<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        unsafe { inside(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { Avx512(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Avx512(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        unsafe { Avx512(_mm512_maskz_loadu_ps(first(count), from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_mul_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_div_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_max_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        unsafe { Avx512(_mm512_sqrt_ps(self.0)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        unsafe { Avx512(_mm512_fmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    fn exp(self) -> Self {
        use exponential::*;
        unsafe {
            // Of a pair with NaN the minimum is the second, and NaN is not less: what is no number stays none.
            let x = _mm512_min_ps(_mm512_set1_ps(HIGHEST), self.0);
            let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x, _mm512_set1_ps(EXP_LOWEST));
            let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
                _mm512_mul_ps(x, _mm512_set1_ps(LOG2_E)),
            );
            let f = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_HIGH), x);
            let f = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_LOW), f);
            let mut p = _mm512_set1_ps(COEFFICIENTS[0]);
            for c in &COEFFICIENTS[1..] {
                p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(*c));
            }
            let y = _mm512_fmadd_ps(p, _mm512_mul_ps(f, f), f);
            let y = _mm512_add_ps(y, _mm512_set1_ps(1.0));
            let power = _mm512_slli_epi32::<23>(_mm512_cvtps_epi32(n));
            let scaled = _mm512_add_epi32(_mm512_castps_si512(y), power);
            Avx512(_mm512_maskz_mov_ps(kept, _mm512_castsi512_ps(scaled)))
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe {
            let upper = _mm512_extractf32x8_ps::<1>(self.0);
            super::avx2::sum8(_mm256_add_ps(_mm512_castps512_ps256(self.0), upper))
        }
    }

    #[inline(always)]
    fn maximum(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
}
