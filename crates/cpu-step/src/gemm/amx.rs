//! `bf16` products by AMX: tiles of 16 × 16 sums, 8,192 multiplications an instruction.
//!
//! C is computed in blocks of 32 × 32: four tiles of sums, two of A, two of B, all eight that there are.
//! The instructions stand behind [`Tiles`], so that the same loops run on emulated tiles in tests on
//! CPUs without AMX. Source: Intel SDM, volume 2, TDPBF16PS; Linux, Documentation/arch/x86/xstate.rst.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::bfloat::{Bfloat, INNER, Kernel, Product, TILE};
use crate::buffer::PANEL;
use crate::lanes::LANES;

/// AMX in hardware.
pub(crate) type AmxBf16 = Bfloat<Amx<Hardware>>;

/// Bytes from one row of a packed tile to the next.
const TILE_ROW: usize = 64;

/// Inner indices of one pass over C.
const INNER_BLOCK: usize = 256;

/// Panels times inner indices of the part of B (32 KiB) that stays in the first cache while all rows of
/// A go by, so that A comes from the second cache once a group of panels, not once a panel.
const GROUP: usize = 512;

/// Whether the CPU has AMX-BF16 and the kernel lets this process use it. Asks the kernel once.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && ask_kernel())
}

fn has_instructions() -> bool {
    /// Bits 17 and 18 of XCR0: the operating system saves tile configuration and tile data.
    const TILE_STATE: u64 = 0b11 << 17;
    #[target_feature(enable = "xsave")]
    unsafe fn enabled() -> u64 {
        unsafe { _xgetbv(0) }
    }
    // Leaf 7: AMX-BF16 is bit 22 of edx, AMX-TILE bit 24.
    let features = __cpuid_count(7, 0).edx;
    let cpu = features >> 22 & 1 == 1 && features >> 24 & 1 == 1;
    // XGETBV is there where AVX-512, which the operating system enables through it, was found.
    cpu && is_x86_feature_detected!("avx512f") && unsafe { enabled() } & TILE_STATE == TILE_STATE
}

/// Since Linux 5.16 a process has to ask for tile data before its first tile.
#[cfg(target_os = "linux")]
fn ask_kernel() -> bool {
    const ARCH_REQ_XCOMP_PERM: i32 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        ) == 0
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_kernel() -> bool {
    false
}

/// The eight tile registers of a thread, each 16 rows of 64 bytes.
pub(crate) trait Tiles: Send + Sync + 'static {
    /// Gives all eight tiles their full size.
    fn begin_thread();
    fn end_thread();
    /// # Safety
    /// After `begin_thread`, on a CPU with AMX-BF16; likewise all below.
    unsafe fn zero<const T: u8>();
    /// # Safety
    /// 16 rows of 64 bytes, `stride` bytes apart, can be read.
    unsafe fn load<const T: u8>(at: *const u8, stride: usize);
    /// # Safety
    /// 16 rows of 64 bytes, `stride` bytes apart, can be written.
    unsafe fn store<const T: u8>(at: *mut u8, stride: usize);
    /// C[m, n] += Σ A[m, 2k] B[k, 2n] + A[m, 2k + 1] B[k, 2n + 1].
    /// # Safety
    /// As above.
    unsafe fn dot<const C: u8, const A: u8, const B: u8>();
}

pub(crate) struct Hardware;

impl Tiles for Hardware {
    fn begin_thread() {
        /// The 64 bytes that LDTILECFG reads: palette 1, and for each tile its bytes a row and rows.
        #[repr(C, align(64))]
        struct Configuration {
            palette: u8,
            start_row: u8,
            reserved: [u8; 14],
            row_bytes: [u16; 16],
            rows: [u8; 16],
        }
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(TILE_ROW as u16);
        rows[..8].fill(LANES as u8);
        let configuration = Configuration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes,
            rows,
        };
        unsafe {
            asm!("ldtilecfg [{at}]", at = in(reg) &configuration, options(nostack, readonly));
        }
    }

    fn end_thread() {
        unsafe { asm!("tilerelease", options(nostack, nomem)) }
    }

    #[inline(always)]
    unsafe fn zero<const T: u8>() {
        unsafe { asm!("tilezero tmm{t}", t = const T, options(nostack, nomem, preserves_flags)) }
    }

    #[inline(always)]
    unsafe fn load<const T: u8>(at: *const u8, stride: usize) {
        unsafe {
            asm!("tileloadd tmm{t}, [{at} + {stride}]", t = const T, at = in(reg) at,
                stride = in(reg) stride, options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn store<const T: u8>(at: *mut u8, stride: usize) {
        unsafe {
            asm!("tilestored [{at} + {stride}], tmm{t}", t = const T, at = in(reg) at,
                stride = in(reg) stride, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn dot<const C: u8, const A: u8, const B: u8>() {
        unsafe {
            asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                options(nostack, nomem, preserves_flags));
        }
    }
}

/// The kernel on some tiles.
pub(crate) struct Amx<T>(PhantomData<T>);

impl<T: Tiles> Kernel for Amx<T> {
    fn begin_thread() {
        T::begin_thread();
    }

    fn end_thread() {
        T::end_thread();
    }

    unsafe fn compute(product: Product) {
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
        let mut edge = [0.0f32; PANEL * PANEL];
        for start in (0..shape.inner).step_by(INNER_BLOCK) {
            let inner = INNER_BLOCK.min(shape.inner - start);
            let add = add || start > 0;
            let group = GROUP / inner * PANEL;
            for first in (0..shape.columns).step_by(group) {
                let columns = shape.columns.min(first + group);
                for row in (0..shape.rows).step_by(PANEL) {
                    let height = PANEL.min(shape.rows - row);
                    for column in (first..columns).step_by(PANEL) {
                        let width = PANEL.min(shape.columns - column);
                        unsafe {
                            let a = a.add(row * a_stride + start);
                            let b = b.add(column / LANES * panel + start * LANES);
                            let c = c.add(row * c_stride + column);
                            let operands = Operands {
                                a,
                                a_stride,
                                b,
                                panel,
                                inner,
                            };
                            if height == PANEL && width == PANEL {
                                block::<T>(operands, c, c_stride, add);
                                continue;
                            }
                            block::<T>(operands, edge.as_mut_ptr(), PANEL, false);
                            for (i, sums) in edge.chunks_exact(PANEL).take(height).enumerate() {
                                for (j, sum) in sums.iter().take(width).enumerate() {
                                    let place = c.add(i * c_stride + j);
                                    *place = if add { *place + sum } else { *sum };
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A and B from the first row and column of a block.
#[derive(Clone, Copy)]
struct Operands {
    a: *const u16,
    a_stride: usize,
    b: *const u16,
    panel: usize,
    inner: usize,
}

/// One block of 32 × 32: sums in tiles 0 to 3 (row by row), A in 4 and 5, B in 6 and 7.
///
/// # Safety
/// A has 32 rows, B two panels, and C can hold the block.
#[inline(always)]
unsafe fn block<T: Tiles>(operands: Operands, c: *mut f32, c_stride: usize, add: bool) {
    let Operands {
        a,
        a_stride,
        b,
        panel,
        inner,
    } = operands;
    let a_bytes = 2 * a_stride;
    let c_bytes = 4 * c_stride;
    unsafe {
        let c = [
            c.cast::<u8>(),
            c.add(LANES).cast(),
            c.add(LANES * c_stride).cast(),
            c.add(LANES * c_stride + LANES).cast(),
        ];
        if add {
            T::load::<0>(c[0], c_bytes);
            T::load::<1>(c[1], c_bytes);
            T::load::<2>(c[2], c_bytes);
            T::load::<3>(c[3], c_bytes);
        } else {
            T::zero::<0>();
            T::zero::<1>();
            T::zero::<2>();
            T::zero::<3>();
        }
        let upper = a.cast::<u8>();
        let lower = a.add(LANES * a_stride).cast::<u8>();
        let left = b.cast::<u8>();
        let right = b.add(panel).cast::<u8>();
        for part in 0..inner / INNER {
            let (across, along) = (part * 2 * INNER, part * 2 * TILE);
            T::load::<4>(upper.add(across), a_bytes);
            T::load::<6>(left.add(along), TILE_ROW);
            T::dot::<0, 4, 6>();
            T::load::<7>(right.add(along), TILE_ROW);
            T::dot::<1, 4, 7>();
            T::load::<5>(lower.add(across), a_bytes);
            T::dot::<2, 5, 6>();
            T::dot::<3, 5, 7>();
        }
        T::store::<0>(c[0], c_bytes);
        T::store::<1>(c[1], c_bytes);
        T::store::<2>(c[2], c_bytes);
        T::store::<3>(c[3], c_bytes);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::EngineKind;
    use crate::gemm::bfloat::tests::check_products;

    thread_local! {
        /// Tile registers, row by row; `None` before the configuration is loaded.
        static REGISTERS: RefCell<Option<[[u8; 1024]; 8]>> = const { RefCell::new(None) };
    }

    /// Tiles in memory, with the meaning that the manual gives the instructions.
    pub(crate) struct Emulated;

    fn with<R>(work: impl FnOnce(&mut [[u8; 1024]; 8]) -> R) -> R {
        REGISTERS.with_borrow_mut(|tiles| match tiles {
            Some(tiles) => work(tiles),
            None => panic!("a tile was used before its configuration was loaded"),
        })
    }

    fn widen(tile: &[u8; 1024], row: usize, place: usize) -> f32 {
        let at = row * TILE_ROW + 2 * place;
        f32::from_bits(u32::from(u16::from_le_bytes([tile[at], tile[at + 1]])) << 16)
    }

    impl Tiles for Emulated {
        fn begin_thread() {
            REGISTERS.set(Some([[0xff; 1024]; 8]));
        }

        fn end_thread() {
            REGISTERS.set(None);
        }

        unsafe fn zero<const T: u8>() {
            with(|tiles| tiles[T as usize].fill(0));
        }

        unsafe fn load<const T: u8>(at: *const u8, stride: usize) {
            with(|tiles| {
                for (i, row) in tiles[T as usize].chunks_exact_mut(TILE_ROW).enumerate() {
                    let from = unsafe { std::slice::from_raw_parts(at.add(i * stride), TILE_ROW) };
                    row.copy_from_slice(from);
                }
            });
        }

        unsafe fn store<const T: u8>(at: *mut u8, stride: usize) {
            with(|tiles| {
                for (i, row) in tiles[T as usize].chunks_exact(TILE_ROW).enumerate() {
                    let to =
                        unsafe { std::slice::from_raw_parts_mut(at.add(i * stride), TILE_ROW) };
                    to.copy_from_slice(row);
                }
            });
        }

        unsafe fn dot<const C: u8, const A: u8, const B: u8>() {
            with(|tiles| {
                let (a, b) = (tiles[A as usize], tiles[B as usize]);
                for (place, sum) in tiles[C as usize].chunks_exact_mut(4).enumerate() {
                    let (m, n) = (place / 16, place % 16);
                    let mut total = f32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]);
                    for k in 0..16 {
                        total += widen(&a, m, 2 * k) * widen(&b, k, 2 * n);
                        total += widen(&a, m, 2 * k + 1) * widen(&b, k, 2 * n + 1);
                    }
                    sum.copy_from_slice(&total.to_le_bytes());
                }
            });
        }
    }

    #[test]
    fn products_on_emulated_tiles_agree() {
        if EngineKind::Avx512Bf16.is_available() {
            check_products::<Bfloat<Amx<Emulated>>>();
        } else {
            println!("skipped: this CPU has no AVX-512 BF16, which converts the factors");
        }
    }

    #[test]
    fn products_on_hardware_tiles_agree() {
        if EngineKind::AmxBf16.is_available() {
            check_products::<AmxBf16>();
        } else {
            println!("skipped: this CPU does not run {}", EngineKind::AmxBf16);
        }
    }
}
