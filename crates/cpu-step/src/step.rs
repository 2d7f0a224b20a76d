//! The step over all threads: buckets of sequences, their gradients' sum, its norm, the update.
//!
//! The rows of a batch are dealt to [`BUCKETS`] buckets, whatever the number of threads. Each bucket
//! adds up its sequences in order, and the buckets are added up in order, so the bytes never depend on
//! which thread did what.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;

use crate::adamw::{Moments, Update};
use crate::batch::Batch;
use crate::dimensions::{Dimensions, Layout};
use crate::gemm::{Engine, Write};
use crate::lanes::{LANES, Lanes};
use crate::weights::{Purpose, Weights};
use crate::workspace::{Model, Workspace};

/// Gradient buckets of a batch: the most threads that a step can use.
pub const BUCKETS: usize = 8;

/// Tokens that one thread takes through the model at once, if a sequence is no longer. More of them
/// would read and write the gradient less often, but leave less of the activations in the cache.
const CHUNK_TOKENS: usize = 256;

/// Elements of one piece of the reduction and of the update.
const PIECE: usize = 1 << 14;

/// One bucket's sum over its sequences.
#[derive(Default)]
struct Bucket {
    loss: f64,
    /// Flat like the parameters; empty until gradients are asked for.
    gradient: Vec<f32>,
}

/// The step of one engine.
pub(crate) struct Step<E: Engine> {
    model: Model,
    weights: Weights<E>,
    /// The whole flat buffer in pieces, in order.
    pieces: Vec<Piece>,
    workspaces: Vec<Mutex<Option<Workspace<E>>>>,
    buckets: Vec<Mutex<Bucket>>,
}

/// A part of one tensor.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    len: usize,
    decays: bool,
}

/// [`Step`] of whichever engine.
pub(crate) trait Run: Send {
    /// Sum of the losses over all targets.
    fn loss(&mut self, pool: &ThreadPool, parameters: &[f32], batch: &Batch<'_>) -> f64;
    /// The same; the gradient of the mean loss lies in [`Run::gradient`] then.
    fn compute_gradient(&mut self, pool: &ThreadPool, parameters: &[f32], batch: &Batch<'_>)
    -> f64;
    fn gradient(&mut self) -> &[f32];
    /// Sum of the squares of the gradient.
    fn square_sum(&mut self, pool: &ThreadPool) -> f64;
    fn update(
        &mut self,
        pool: &ThreadPool,
        parameters: &mut [f32],
        moments: &mut Moments,
        update: &Update,
    );
}

impl<E: Engine> Step<E> {
    pub fn new(dimensions: Dimensions, threads: usize) -> Self {
        let mut pieces = Vec::new();
        for tensor in Layout::new(&dimensions).tensors() {
            for start in tensor.range.clone().step_by(PIECE) {
                let len = PIECE.min(tensor.range.end - start);
                pieces.push(Piece {
                    start,
                    len,
                    decays: tensor.is_matrix(),
                });
            }
        }
        Step {
            weights: Weights::new(&dimensions, Purpose::Training),
            model: Model::new(dimensions),
            pieces,
            workspaces: (0..threads).map(|_| Mutex::new(None)).collect(),
            buckets: (0..BUCKETS)
                .map(|_| Mutex::new(Bucket::default()))
                .collect(),
        }
    }

    /// Runs every bucket; `share` is what a target's loss counts in the gradient, if there is to be one.
    fn run(
        &mut self,
        pool: &ThreadPool,
        parameters: &[f32],
        batch: &Batch<'_>,
        share: Option<f32>,
    ) -> f64 {
        let Step {
            model,
            weights,
            workspaces,
            buckets,
            ..
        } = self;
        let dimensions = model.dimensions;
        pool.install(|| weights.pack(parameters, dimensions.d_model));
        let used = buckets.len().min(batch.rows());
        let chunk = (CHUNK_TOKENS / batch.seq_len()).clamp(1, batch.rows());
        let next = AtomicUsize::new(0);
        pool.broadcast(|context| {
            E::begin_thread();
            let mut slot = lock(&workspaces[context.index()]);
            let rows = chunk * batch.seq_len();
            if slot
                .as_ref()
                .is_none_or(|workspace| !workspace.fits(rows, batch.seq_len()))
            {
                *slot = Some(Workspace::new(&dimensions, rows, batch.seq_len()));
            }
            let Some(workspace) = slot.as_mut() else {
                return;
            };
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= used {
                    break;
                }
                let mut bucket = lock(&buckets[index]);
                let Bucket { loss, gradient } = &mut *bucket;
                if share.is_some() && gradient.is_empty() {
                    *gradient = vec![0.0; parameters.len()];
                }
                *loss = 0.0;
                let (first, end) = (
                    index * batch.rows() / used,
                    (index + 1) * batch.rows() / used,
                );
                for start in (first..end).step_by(chunk) {
                    let rows = start..end.min(start + chunk);
                    *loss += match share {
                        None => workspace.loss(model, parameters, weights, batch, rows),
                        Some(share) => {
                            let write = if start == first {
                                Write::Replace
                            } else {
                                Write::Add
                            };
                            workspace.gradient(
                                model, parameters, weights, batch, rows, share, gradient, write,
                            )
                        }
                    };
                }
            }
            E::end_thread();
        });
        let mut sum = 0.0;
        for bucket in &mut buckets[..used] {
            sum += unlocked(bucket).loss;
        }
        sum
    }
}

impl<E: Engine> Run for Step<E> {
    fn loss(&mut self, pool: &ThreadPool, parameters: &[f32], batch: &Batch<'_>) -> f64 {
        self.run(pool, parameters, batch, None)
    }

    fn compute_gradient(
        &mut self,
        pool: &ThreadPool,
        parameters: &[f32],
        batch: &Batch<'_>,
    ) -> f64 {
        let share = (1.0 / batch.target_count() as f64) as f32;
        let loss = self.run(pool, parameters, batch, Some(share));
        let used = self.buckets.len().min(batch.rows());
        let Some((first, rest)) = self.buckets[..used].split_first_mut() else {
            return loss;
        };
        let rest: Vec<&[f32]> = rest
            .iter_mut()
            .map(|bucket| &*unlocked(bucket).gradient)
            .collect();
        let (pieces, sum) = (&self.pieces, &mut unlocked(first).gradient);
        pool.install(|| {
            each_piece(pieces, [sum], &|piece, [sum]: [&mut [f32]; 1]| {
                for other in &rest {
                    add::<E::Lanes>(sum, &other[piece.start..piece.start + piece.len]);
                }
            })
        });
        loss
    }

    fn gradient(&mut self) -> &[f32] {
        &unlocked(&mut self.buckets[0]).gradient
    }

    fn square_sum(&mut self, pool: &ThreadPool) -> f64 {
        let gradient = &unlocked(&mut self.buckets[0]).gradient;
        let pieces = &self.pieces;
        fn sum<V: Lanes>(pieces: &[Piece], gradient: &[f32]) -> f64 {
            match pieces {
                [] => 0.0,
                [piece] => square_sum::<V>(&gradient[piece.start..][..piece.len]),
                _ => {
                    let (left, right) = pieces.split_at(pieces.len() / 2);
                    let (left, right) =
                        rayon::join(|| sum::<V>(left, gradient), || sum::<V>(right, gradient));
                    left + right
                }
            }
        }
        pool.install(|| sum::<E::Lanes>(pieces, gradient))
    }

    fn update(
        &mut self,
        pool: &ThreadPool,
        parameters: &mut [f32],
        moments: &mut Moments,
        update: &Update,
    ) {
        let gradient = &unlocked(&mut self.buckets[0]).gradient;
        let pieces = &self.pieces;
        let Moments { first, second, .. } = moments;
        pool.install(|| {
            each_piece(pieces, [parameters, first, second], &|piece,
                                                              [
                parameters,
                first,
                second,
            ]| {
                let gradient = &gradient[piece.start..][..piece.len];
                update.apply::<E::Lanes>(parameters, first, second, gradient, piece.decays);
            })
        });
    }
}

/// Calls `work` with each piece and its part of every slice, in parallel. The pieces have no gaps, and
/// the slices start where the first piece does.
fn each_piece<const N: usize>(
    pieces: &[Piece],
    slices: [&mut [f32]; N],
    work: &(impl Fn(&Piece, [&mut [f32]; N]) + Sync),
) {
    match pieces {
        [] => {}
        [piece] => work(piece, slices),
        [first, ..] => {
            let (left, right) = pieces.split_at(pieces.len() / 2);
            let middle = right[0].start - first.start;
            let mut rest = [const { None }; N];
            let mut place = rest.iter_mut();
            let start = slices.map(|slice| {
                let (start, end) = slice.split_at_mut(middle);
                if let Some(place) = place.next() {
                    *place = Some(end);
                }
                start
            });
            let end = rest.map(Option::unwrap_or_default);
            rayon::join(
                || each_piece(left, start, work),
                || each_piece(right, end, work),
            );
        }
    }
}

fn add<V: Lanes>(sum: &mut [f32], other: &[f32]) {
    V::enter(
        #[inline(always)]
        || {
            let len = sum.len().min(other.len());
            for start in (0..len).step_by(LANES) {
                let valid = LANES.min(len - start);
                unsafe {
                    let more = V::load_first(other.as_ptr().add(start), valid);
                    let total = V::load_first(sum.as_ptr().add(start), valid).add(more);
                    total.store_first(sum.as_mut_ptr().add(start), valid);
                }
            }
        },
    );
}

fn square_sum<V: Lanes>(values: &[f32]) -> f64 {
    V::enter(
        #[inline(always)]
        || {
            let mut total = 0.0;
            for values in values.chunks(64 * LANES) {
                let mut squares = V::splat(0.0);
                for part in values.chunks(LANES) {
                    let part = unsafe { V::load_first(part.as_ptr(), part.len()) };
                    squares = part.mul_add(part, squares);
                }
                total += f64::from(squares.sum());
            }
            total
        },
    )
}

/// A bucket or workspace is used by one thread at a time; a panic elsewhere does not spoil it, because
/// every step writes it anew.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn unlocked<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex
        .get_mut()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
