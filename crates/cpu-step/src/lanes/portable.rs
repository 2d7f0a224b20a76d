//! Lanes without intrinsics: the same bytes on every CPU.

use super::{EXP_LOWEST, LANES, Lanes, exponential::HIGHEST, fold};

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        Portable(std::array::from_fn(|lane| {
            combine(self.0[lane], other.0[lane])
        }))
    }
}

impl Lanes for Portable {
    const TILE_ROWS: usize = 2;
    const TILE_VECTORS: usize = 1;

    #[inline(always)]
    fn enter<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Portable([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Portable(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; LANES];
        for (lane, value) in lanes.iter_mut().take(count).enumerate() {
            *value = unsafe { *from.add(lane) };
        }
        Portable(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        for (lane, value) in self.0.iter().take(count).enumerate() {
            unsafe { *to.add(lane) = *value };
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Portable(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        self.mul(factor).add(summand)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        Portable(self.0.map(|x| {
            if x < EXP_LOWEST {
                0.0
            } else {
                libm::expf(if x > HIGHEST { HIGHEST } else { x })
            }
        }))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        fold(self.0, |a, b| a + b)
    }

    #[inline(always)]
    fn maximum(self) -> f32 {
        fold(self.0, |a, b| if a > b { a } else { b })
    }
}
