//! Lanes of two 256-bit registers: the arithmetic of [`super::avx512`] to the bit.

use std::arch::x86_64::*;

use super::{EXP_LOWEST, LANES, Lanes, exponential, fold};

#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256, __m256);

impl Avx2 {
    #[inline(always)]
    fn zip(self, other: Self, combine: impl Fn(__m256, __m256) -> __m256) -> Self {
        Avx2(combine(self.0, other.0), combine(self.1, other.1))
    }
}

/// Masks of the first `count` lanes, by comparison with the lanes' numbers.
#[inline(always)]
unsafe fn first(count: usize) -> (__m256i, __m256i) {
    unsafe {
        let count = _mm256_set1_epi32(count.min(LANES) as i32);
        let lower = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let upper = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
        (
            _mm256_cmpgt_epi32(count, lower),
            _mm256_cmpgt_epi32(count, upper),
        )
    }
}

/// Sum of eight lanes, halves folded onto each other.
#[inline(always)]
pub(super) unsafe fn sum8(lanes: __m256) -> f32 {
    unsafe {
        let four = _mm_add_ps(
            _mm256_castps256_ps128(lanes),
            _mm256_extractf128_ps::<1>(lanes),
        );
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

#[inline(always)]
unsafe fn exp8(x: __m256) -> __m256 {
    use exponential::*;
    unsafe {
        // Of a pair with NaN the minimum is the second, and NaN is not less: what is no number stays none.
        let x = _mm256_min_ps(_mm256_set1_ps(HIGHEST), x);
        let kept = _mm256_cmp_ps::<_CMP_NLT_UQ>(x, _mm256_set1_ps(EXP_LOWEST));
        let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
            _mm256_mul_ps(x, _mm256_set1_ps(LOG2_E)),
        );
        let f = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN2_HIGH), x);
        let f = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN2_LOW), f);
        let mut p = _mm256_set1_ps(COEFFICIENTS[0]);
        for c in &COEFFICIENTS[1..] {
            p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(*c));
        }
        let y = _mm256_fmadd_ps(p, _mm256_mul_ps(f, f), f);
        let y = _mm256_add_ps(y, _mm256_set1_ps(1.0));
        let power = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n));
        let scaled = _mm256_add_epi32(_mm256_castps_si256(y), power);
        _mm256_and_ps(kept, _mm256_castsi256_ps(scaled))
    }
}

// Every intrinsic below is safe where AVX2 and FMA were found, which `Lanes` demands.
impl Lanes for Avx2 {
    const TILE_ROWS: usize = 6;
    const TILE_VECTORS: usize = 1;

    #[inline(always)]
    fn enter<R>(work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn inside<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        unsafe { inside(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { Avx2(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        unsafe {
            let (lower, upper) = first(count);
            let upper = _mm256_maskload_ps(from.wrapping_add(8), upper);
            Avx2(_mm256_maskload_ps(from, lower), upper)
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe {
            let (lower, upper) = first(count);
            _mm256_maskstore_ps(to, lower, self.0);
            _mm256_maskstore_ps(to.wrapping_add(8), upper, self.1);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| unsafe { _mm256_add_ps(a, b) },
        )
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| unsafe { _mm256_sub_ps(a, b) },
        )
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| unsafe { _mm256_mul_ps(a, b) },
        )
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| unsafe { _mm256_div_ps(a, b) },
        )
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| unsafe { _mm256_max_ps(a, b) },
        )
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        unsafe { Avx2(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        unsafe {
            let upper = _mm256_fmadd_ps(self.1, factor.1, summand.1);
            Avx2(_mm256_fmadd_ps(self.0, factor.0, summand.0), upper)
        }
    }

    #[inline(always)]
    fn exp(self) -> Self {
        unsafe { Avx2(exp8(self.0), exp8(self.1)) }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe { sum8(_mm256_add_ps(self.0, self.1)) }
    }

    #[inline(always)]
    fn maximum(self) -> f32 {
        let mut lanes = [0.0; LANES];
        unsafe { self.store(lanes.as_mut_ptr()) };
        fold(lanes, |a, b| if a > b { a } else { b })
    }
}
