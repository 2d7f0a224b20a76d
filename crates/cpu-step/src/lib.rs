//! The training step of a Llama-style decoder by hand, on the CPU.
//!
//! The decoder: pre-norm RMSNorm, rotary positions, causal multi-head attention, SwiGLU, tied
//! embeddings, no biases, no dropout; the architecture and tensor names of Hugging Face
//! `LlamaForCausalLM`. Parameters, gradients and AdamW moments are flat `f32` buffers in the order of
//! [`Layout`], which the caller owns. Nothing here knows files, tokenizers or candle.
//!
//! - [`Dimensions`], [`Layout`]: the sizes, and where each named tensor lies.
//! - [`EngineKind`], [`Precision`]: the instructions, chosen at run time; [`EngineChoice`], as asked for on a command line.
//! - [`Batch`], [`AdamW`], [`Moments`], [`Trainer`]: loss, gradients and steps.
//! - [`Forest`], [`Scorer`]: log-probabilities of many sequences that share beginnings, hidden states,
//!   and next-token logits for generation.
//!
//! Underneath, in reading order: `pass` (the decoder forward and back over a chunk of sequences),
//! `attention`, `norm`, `rope`, `swiglu`, `loss`, `adamw`; `step` (threads and buckets);
//! `workspace` (a thread's memory); `weights`
//! and `gemm` (packed matrices and their products, per engine); `lanes` (the vectors all loops are
//! written in); `buffer`; `decode` (forward only,
//! for the scorer).
//!
//! Invariants: results are the same to the byte for any number of threads; the portable engines give the
//! same bytes on every CPU, and `avx2-f32` the bytes of `avx512-f32`; a sequence's scores do not depend
//! on what is scored beside it.

mod adamw;
mod attention;
mod batch;
mod buffer;
mod decode;
mod dimensions;
mod engine;
mod forest;
mod gemm;
mod lanes;
mod loss;
mod norm;
mod pass;
mod rope;
mod scorer;
mod step;
mod swiglu;
mod trainer;
mod weights;
mod workspace;

pub use adamw::{AdamW, Moments};
pub use batch::{Batch, BatchError, IGNORE};
pub use dimensions::{DimensionError, Dimensions, Layout, Tensor};
pub use engine::{EngineChoice, EngineError, EngineKind, Precision};
pub use forest::{Forest, Node};
pub use scorer::{Generation, HiddenStates, ScoreError, Scorer, Scores};
pub use step::BUCKETS;
pub use trainer::{StepError, StepReport, Trainer};
