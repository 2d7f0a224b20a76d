//! Sixteen `f32` lanes: the vocabulary in which every loop that is not a `bf16` product is written.
//!
//! One source gives the portable, AVX2 and AVX-512 code. A loop is an `#[inline(always)]` function
//! generic in [`Lanes`], run inside [`Lanes::enter`], which is where the instructions are switched on.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;

/// Number of lanes.
pub(crate) const LANES: usize = 16;

/// Below this, [`Lanes::exp`] is 0: e^x would be no normal number.
pub(crate) const EXP_LOWEST: f32 = -87.0;

/// Sixteen `f32` and their arithmetic.
///
/// Invariant: an implementation is named only where its instructions were found on the CPU
/// ([`crate::EngineKind::require`]); its methods are called inside its own `enter`.
pub(crate) trait Lanes: Copy + Send + Sync + 'static {
    /// Rows of the largest register tile of a product.
    const TILE_ROWS: usize;
    /// Vectors (of 16 columns) of the register tile, 1 or 2.
    const TILE_VECTORS: usize;

    /// Runs `work` compiled for these lanes.
    fn enter<R>(work: impl FnOnce() -> R) -> R;

    fn splat(value: f32) -> Self;
    /// # Safety
    /// 16 elements can be read.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count` (at most 16) elements, then zeros.
    /// # Safety
    /// `count` elements can be read.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;
    /// # Safety
    /// 16 elements can be written.
    unsafe fn store(self, to: *mut f32);
    /// # Safety
    /// `count` elements can be written.
    unsafe fn store_first(self, to: *mut f32, count: usize);

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self · factor + summand`, rounded once where the lanes are fused and twice where portable.
    fn mul_add(self, factor: Self, summand: Self) -> Self;
    /// e^x within 2 units in the last place; 0 below [`EXP_LOWEST`], finite above 88, and NaN of NaN: a model that went
    /// wrong must not look as if it had an answer.
    fn exp(self) -> Self;
    /// Sum over the lanes, always in the order of [`fold`].
    fn sum(self) -> f32;
    fn maximum(self) -> f32;
}

/// Folds upper half onto lower half until one is left: the order in which every kind of lanes sums.
pub(crate) fn fold(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// The constants of e^x = 2^n · e^f with n = round(x / ln 2) (Cephes `expf`).
pub(crate) mod exponential {
    pub const HIGHEST: f32 = 88.0;
    pub const LOG2_E: f32 = std::f32::consts::LOG2_E;
    /// ln 2 in two parts, the first with few bits so that n · `LN2_HIGH` is exact.
    pub const LN2_HIGH: f32 = 355.0 / 512.0;
    pub const LN2_LOW: f32 = -2.121_944_4e-4;
    /// (e^f − 1 − f) / f², highest power first.
    pub const COEFFICIENTS: [f32; 6] = [
        1.987_569_1e-4,
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        5.0e-1,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_arithmetic<V: Lanes>() {
        let input: Vec<f32> = (0..16).map(|i| (i as f32 - 8.0) * 10.7).collect();
        let mut output = vec![0.0f32; 16];
        let (sum, highest) = V::enter(
            #[inline(always)]
            || unsafe {
                let lanes = V::load(input.as_ptr());
                lanes.exp().store(output.as_mut_ptr());
                (lanes.sum(), lanes.maximum())
            },
        );
        for (x, y) in input.iter().zip(&output) {
            let exact = if *x < EXP_LOWEST {
                0.0
            } else {
                (*x as f64).exp()
            };
            assert!(
                (*y as f64 - exact).abs() <= 2.5e-7 * exact,
                "exp({x}) = {y}, not {exact}"
            );
        }
        let mut powers = [0.0f32, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        V::enter(
            #[inline(always)]
            || unsafe {
                let lanes = V::load_first(powers.as_ptr(), 4).exp();
                lanes.store_first(powers.as_mut_ptr(), 4);
            },
        );
        assert_eq!((powers[0], powers[3]), (1.0, 0.0));
        assert!(powers[1].is_nan() && powers[2].is_finite(), "{powers:?}");
        assert_eq!(highest, 7.0 * 10.7);
        assert!((sum - -85.6).abs() < 1e-3);
        let mut partial = vec![9.0f32; 16];
        V::enter(
            #[inline(always)]
            || unsafe { V::load_first(input.as_ptr(), 3).store_first(partial.as_mut_ptr(), 5) },
        );
        assert_eq!(partial[..6], [input[0], input[1], input[2], 0.0, 0.0, 9.0]);
    }

    #[test]
    fn arithmetic_of_every_kind_of_lanes() {
        check_arithmetic::<portable::Portable>();
        #[cfg(target_arch = "x86_64")]
        {
            if crate::EngineKind::Avx2F32.is_available() {
                check_arithmetic::<avx2::Avx2>();
            }
            if crate::EngineKind::Avx512F32.is_available() {
                check_arithmetic::<avx512::Avx512>();
            }
        }
    }
}
