//! Training: loss, gradients and whole steps over the flat parameter buffer.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::adamw::{AdamW, Moments, Update};
use crate::batch::{Batch, BatchError};
use crate::dimensions::{DimensionError, Dimensions, Layout};
use crate::engine::{EngineError, EngineKind};
use crate::gemm::float::Float;
use crate::lanes::portable::Portable;
use crate::step::{Run, Step};

/// What a step saw before it changed the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean of −log P(target) over the targets that count, in nats.
    pub loss_nats: f64,
    /// Euclidean norm of the whole gradient before clipping.
    pub gradient_norm: f64,
    /// Targets that counted.
    pub target_count: usize,
}

/// Why a trainer could not be made or a step not be taken. Parameters and moments are as before.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StepError {
    /// The model's dimensions are impossible.
    #[error(transparent)]
    Dimensions(#[from] DimensionError),
    /// The CPU lacks the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The batch does not fit the model.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A buffer is not as long as the layout.
    #[error("{name} has {found} elements, expected {expected}")]
    Length {
        /// Which buffer.
        name: &'static str,
        /// Its length.
        found: usize,
        /// The layout's length.
        expected: usize,
    },
    /// Loss or gradient is infinite or no number.
    #[error("loss {loss_nats} nats and gradient norm {gradient_norm}{}, expected finite numbers",
        .tensor.as_ref().map_or(String::new(), |name| format!(" (first in {name})")))]
    NotFinite {
        /// Mean loss of the batch.
        loss_nats: f64,
        /// Norm of the gradient.
        gradient_norm: f64,
        /// The first tensor in the layout whose gradient is not finite.
        tensor: Option<String>,
    },
    /// The operating system gave no threads.
    #[error("no threads for the step: {0}")]
    Threads(String),
}

/// The training step of one model on one engine: buffers and threads, but no parameters, which the
/// caller keeps flat in the order of [`Layout`].
///
/// Everything it computes is the same to the byte for any number of threads. Nothing is allocated in a
/// step after the first of that batch shape, but for the small jobs of the thread pool.
pub struct Trainer {
    dimensions: Dimensions,
    layout: Layout,
    engine: EngineKind,
    pool: ThreadPool,
    step: Box<dyn Run>,
}

impl Trainer {
    /// A trainer on `threads` threads (at least 1; more than [`crate::BUCKETS`] are of no use).
    ///
    /// # Errors
    /// Impossible dimensions, an engine that this CPU lacks, or no threads to be had.
    pub fn new(
        dimensions: Dimensions,
        engine: EngineKind,
        threads: usize,
    ) -> Result<Trainer, StepError> {
        dimensions.check()?;
        let engine = engine.require()?;
        let pool = thread_pool(threads)?;
        let threads = pool.current_num_threads();
        let step: Box<dyn Run> = match engine {
            EngineKind::PortableF32 => Box::new(Step::<Float<Portable>>::new(dimensions, threads)),
            EngineKind::PortableBf16 => {
                Box::new(Step::<Float<Portable, true>>::new(dimensions, threads))
            }
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx2F32 => Box::new(Step::<Float<crate::lanes::avx2::Avx2>>::new(
                dimensions, threads,
            )),
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx2Bf16 => Box::new(Step::<Float<crate::lanes::avx2::Avx2, true>>::new(
                dimensions, threads,
            )),
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx512F32 => Box::new(Step::<Float<crate::lanes::avx512::Avx512>>::new(
                dimensions, threads,
            )),
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx512Bf16 => Box::new(Step::<crate::gemm::bfloat::Avx512Bf16>::new(
                dimensions, threads,
            )),
            #[cfg(target_arch = "x86_64")]
            EngineKind::AmxBf16 => {
                Box::new(Step::<crate::gemm::amx::AmxBf16>::new(dimensions, threads))
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("require() refuses what is not available"),
        };
        Ok(Trainer {
            layout: Layout::new(&dimensions),
            dimensions,
            engine,
            pool,
            step,
        })
    }

    /// The engine, whose name belongs in the log.
    pub fn engine(&self) -> EngineKind {
        self.engine
    }

    /// The model's dimensions.
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// Where each tensor lies in parameters and gradient.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Mean of −log P(target) over the targets that count, in nats, by the engine's products.
    ///
    /// # Errors
    /// A batch that does not fit the model, or parameters of another length. A loss that is not finite
    /// is returned.
    pub fn loss(&mut self, parameters: &[f32], batch: &Batch<'_>) -> Result<f64, StepError> {
        self.check(parameters, batch)?;
        let sum = self.step.loss(&self.pool, parameters, batch);
        Ok(sum / batch.target_count() as f64)
    }

    /// The mean loss in nats and its gradient, flat in the order of the layout.
    ///
    /// # Errors
    /// Like [`Trainer::loss`]. Numbers that are not finite are returned.
    pub fn gradients(
        &mut self,
        parameters: &[f32],
        batch: &Batch<'_>,
    ) -> Result<(f64, &[f32]), StepError> {
        self.check(parameters, batch)?;
        let sum = self.step.compute_gradient(&self.pool, parameters, batch);
        Ok((sum / batch.target_count() as f64, self.step.gradient()))
    }

    /// One step of training: gradient of the mean loss, clipping by its norm, AdamW.
    ///
    /// # Errors
    /// Like [`Trainer::loss`], and [`StepError::NotFinite`]. Parameters and moments are untouched then.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        moments: &mut Moments,
        batch: &Batch<'_>,
        adamw: &AdamW,
    ) -> Result<StepReport, StepError> {
        self.check_len("first moment", moments.first.len())?;
        self.check_len("second moment", moments.second.len())?;
        let target_count = batch.target_count();
        let (loss_nats, _) = self.gradients(parameters, batch)?;
        let gradient_norm = self.step.square_sum(&self.pool).sqrt();
        if !(loss_nats.is_finite() && gradient_norm.is_finite()) {
            let gradient = self.step.gradient();
            let place = gradient.iter().position(|value| !value.is_finite());
            let tensor = place.and_then(|place| self.layout.tensor_at(place));
            let tensor = tensor.map(|tensor| tensor.name.clone());
            return Err(StepError::NotFinite {
                loss_nats,
                gradient_norm,
                tensor,
            });
        }
        let update = Update::new(adamw, moments.steps + 1, gradient_norm);
        self.step.update(&self.pool, parameters, moments, &update);
        moments.steps += 1;
        Ok(StepReport {
            loss_nats,
            gradient_norm,
            target_count,
        })
    }

    fn check(&self, parameters: &[f32], batch: &Batch<'_>) -> Result<(), StepError> {
        self.check_len("parameters", parameters.len())?;
        Ok(batch.check(self.dimensions.vocab_size, self.dimensions.seq_len)?)
    }

    fn check_len(&self, name: &'static str, found: usize) -> Result<(), StepError> {
        let expected = self.layout.len();
        if found == expected {
            Ok(())
        } else {
            Err(StepError::Length {
                name,
                found,
                expected,
            })
        }
    }
}

/// A pool of its own, so that the number of threads is the caller's.
pub(crate) fn thread_pool(threads: usize) -> Result<ThreadPool, StepError> {
    ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|index| format!("cpu-step-{index}"))
        .build()
        .map_err(|error| StepError::Threads(error.to_string()))
}
