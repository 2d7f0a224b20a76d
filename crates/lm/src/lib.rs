//! The language model: a Llama-style decoder, its weights, its tokenizer and its directory on disk.
//!
//! Modules in reading order:
//! - [`config`]: the model's dimensions, to and from Hugging Face's `config.json`;
//! - [`weights`]: one f32 array a parameter under Hugging Face's names, and their initial values;
//! - [`decoder`]: the reference forward pass on candle's differentiable operations, also what runs on GPUs;
//! - `lookup`: rows of the embedding, with a gradient that suits GPUs;
//! - [`tokenizer`]: `tokenizer.json` and the lab's three special tokens;
//! - [`split_ids`]: two copies of every token's id, the control that cuts bridges at equal segmentation;
//! - [`score`]: log-probabilities of whole sequences, padded into batches;
//! - [`checkpoint`]: the directory that `transformers`' `from_pretrained` loads;
//! - [`device`]: where a model runs;
//! - [`error`]: what can be wrong with a file.
//!
//! Invariant: this crate knows no Parquet, no manifest and no training; values are random only through `seed`.

pub mod checkpoint;
pub mod config;
pub mod decoder;
pub mod device;
pub mod error;
mod lookup;
pub mod score;
pub mod split_ids;
pub mod tokenizer;
pub mod weights;

pub use checkpoint::Checkpoint;
pub use config::{ModelConfig, Size};
pub use decoder::Decoder;
pub use device::DeviceChoice;
pub use error::Error;
pub use split_ids::{Encoder, IdCopy, SplitIds, TextKind};
pub use tokenizer::{PAD, SEP, Tokenizer, UNK};
pub use weights::{Parameter, Weights};
