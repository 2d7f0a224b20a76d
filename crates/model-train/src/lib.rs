//! model-train: LANG and TOK to MODEL, a small decoder trained on the languages' text.
//!
//! Modules in reading order:
//! - [`options`]: the command line and the resolved configuration;
//! - [`jobs`]: the one training of the command line, or those of `--stack RUNS.toml`;
//! - [`schedule`]: learning rate and checkpoint steps;
//! - [`text`]: the training text as word numbers, prepared once a LANG and cached;
//! - [`words`]: each distinct word's tokens under one tokenizer, and BPE dropout;
//! - [`batches`]: which words each step covers, packed into rows;
//! - [`engine`]: forward, backward and update of one or several models, by the reference or the hand-written step;
//! - [`validation`]: loss per language on held-out derivations;
//! - [`log`]: `train_log.parquet`, `timing.parquet`, TensorBoard events;
//! - [`resume`]: the state from which a killed run goes on;
//! - [`inputs`]: the directories that the runs read, each once;
//! - [`run`]: one training under way, all but its engine;
//! - [`train`]: the loop over one training or a stack of them.
//!
//! Invariant: which words a step covers depends on LANG, seed and budget alone, not on tokenizer, engine or threads.

pub mod batches;
pub mod engine;
pub mod inputs;
pub mod jobs;
pub mod log;
pub mod options;
pub mod resume;
pub mod run;
pub mod schedule;
pub mod tensorboard;
pub mod text;
pub mod train;
pub mod validation;
pub mod words;
