//! What the machine can do, for the examples that compare themselves with it.

use std::sync::OnceLock;
use std::time::Instant;

use cpu_step::EngineKind;

/// Processor time of all threads of this process so far (Linux); the clock elsewhere.
pub fn processor_seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return elapsed;
    };
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() * 1e-9
}

/// Floating-point operations of the calling thread in a second of `clock`, from fused multiply-adds that wait for nothing.
pub fn peak_flops(clock: impl Fn() -> f64) -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx512f")]
        fn wide(rounds: usize) -> f32 {
            let x = std::hint::black_box(_mm512_set1_ps(0.5));
            let mut sums = [_mm512_setzero_ps(); 16];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = _mm512_fmadd_ps(x, x, *sum);
                }
            }
            sums.iter().map(|sum| _mm512_reduce_add_ps(*sum)).sum()
        }
        #[target_feature(enable = "avx2,fma")]
        fn narrow(rounds: usize) -> f32 {
            let x = std::hint::black_box(_mm256_set1_ps(0.5));
            let mut sums = [_mm256_setzero_ps(); 12];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = _mm256_fmadd_ps(x, x, *sum);
                }
            }
            sums.iter().map(|sum| _mm256_cvtss_f32(*sum)).sum()
        }
        const ROUNDS: usize = 4_000_000;
        let timed = |work: &dyn Fn() -> f32, flops: usize| {
            let best = (0..3).map(|_| {
                let begin = clock();
                std::hint::black_box(work());
                (ROUNDS * flops) as f64 / (clock() - begin)
            });
            best.fold(0.0, f64::max)
        };
        if EngineKind::Avx512F32.is_available() {
            return timed(&|| unsafe { wide(ROUNDS) }, 16 * 32);
        }
        if EngineKind::Avx2F32.is_available() {
            return timed(&|| unsafe { narrow(ROUNDS) }, 12 * 16);
        }
    }
    // Elsewhere nothing is measured.
    let _ = clock;
    f64::NAN
}
