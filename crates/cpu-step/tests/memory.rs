//! A step allocates nothing after the first, but for the thread pool's small jobs.

mod cases;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use cases::{dimensions, parameters, stream, tokens};
use cpu_step::{AdamW, Batch, EngineKind, Moments, StepError, Trainer};

static ALLOCATED_BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// Only counts; the system allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steps_after_the_first_allocate_nothing_that_grows_with_the_model() -> Result<(), StepError> {
    let dimensions = dimensions([200, 64, 2, 2, 96, 32]);
    for engine in EngineKind::ALL
        .into_iter()
        .filter(|kind| kind.is_available())
    {
        let stream = &mut stream("memory", 0);
        let mut weights = parameters(&dimensions, stream);
        let mut moments = Moments::new(weights.len());
        let (inputs, targets) = tokens(&dimensions, 16, 32, stream);
        let batch = Batch::new(&inputs, &targets, 16)?;
        let mut trainer = Trainer::new(dimensions, engine, 1)?;
        let mut step = || -> Result<usize, StepError> {
            let before = ALLOCATED_BYTES.load(Ordering::Relaxed);
            trainer.step(&mut weights, &mut moments, &batch, &AdamW::default())?;
            Ok(ALLOCATED_BYTES.load(Ordering::Relaxed) - before)
        };
        assert!(step()? > 100_000);
        let later = step()?;
        assert!(later < 4096, "{engine}: {later} bytes");
    }
    Ok(())
}
