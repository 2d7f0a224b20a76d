//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use command::StageFlags;
use cpu_step::EngineChoice;
use lm::DeviceChoice;

/// Evaluate every checkpoint of a run: grammar, types, knowledge, masked lexical forms
///
/// Writes scores.parquet (one row per checkpoint, probe and candidate), metrics.parquet (value, chance and interval),
/// samples.parquet and what they rest on. Every scored sequence is <sep> tokens <sep>; the first separator is context,
/// the last one is scored.
#[derive(Debug, Parser)]
#[command(
    name = "transfer-eval",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  transfer-eval --lang out/lang --tok out/tok --model out/model --out out/eval\n  \
                  transfer-eval show out/eval\n  \
                  duckdb -c \"select * from 'out/eval/metrics.parquet' where metric = 'mrr'\""
)]
pub struct Cli {
    /// Anything but an evaluation
    #[command(subcommand)]
    pub command: Option<Command>,
    /// An evaluation
    #[command(flatten)]
    pub evaluate: Option<Evaluate>,
    /// Threads, progress, log
    #[command(flatten)]
    pub stage: StageFlags,
}

/// What the tool does beside evaluating
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compute the metrics of an EVAL directory again from its files, and compare or write them
    Aggregate(Aggregate),
    /// Print how stages and conditions went over the steps, with onsets, or how single concepts did
    Show(Show),
}

/// An evaluation
#[derive(Debug, Args)]
pub struct Evaluate {
    /// Directory that lang-gen wrote
    #[arg(long, value_name = "LANG")]
    pub lang: PathBuf,
    /// Directory that tok-train wrote
    #[arg(long, value_name = "TOK")]
    pub tok: PathBuf,
    /// Directory that model-train wrote
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Directory to write
    #[arg(long, value_name = "EVAL")]
    pub out: PathBuf,
    /// cpu, cuda, cuda:N or metal. On a GPU every sequence is computed from its beginning, padded to its batch's longest:
    /// only the CPU's hand-written engines compute a shared beginning once
    #[arg(long, default_value_t = DeviceChoice::Cpu)]
    pub device: DeviceChoice,
    /// auto (the fastest f32 engine scores, candle-transformers generates), portable-f32, avx2-f32, avx512-f32 (score and
    /// generate) or reference (candle does both). portable-f32 gives the same bytes on every CPU
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: EngineChoice,
    /// Seed of samples, shuffles and resamples
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Go on from the checkpoints already evaluated; exit 0 where EVAL is whole with the same configuration
    #[arg(long)]
    pub resume: bool,
    /// Sentences to sample in each language and checkpoint
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub samples: u32,
    /// Next words to sample after each cloze's context: a form of probability p is expected among N of them with
    /// probability 1 − (1 − p)^N
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub draws: u32,
    /// Divides logits before sampling: below 1 samples are more likely, above 1 more varied
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    pub temperature: f64,
    /// Bootstrap resamples of every interval (0: no intervals)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub bootstrap: usize,
    /// Validation documents to score in each language
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub validation_pairs: usize,
    /// Samples to grow at once, and on a GPU sequences to score at once; hand-written engines score in tries of their own
    /// size. Changes speed and memory, and no more than last digits where candle computes
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub batch: usize,
}

/// Metrics again
#[derive(Debug, Args)]
pub struct Aggregate {
    /// Directory that transfer-eval wrote
    pub eval: PathBuf,
    /// Directory that lang-gen wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<PathBuf>,
    /// Directory that tok-train wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "TOK")]
    pub tok: Option<PathBuf>,
    /// Bootstrap resamples [default: as in EVAL]
    #[arg(long, value_name = "N")]
    pub bootstrap: Option<usize>,
    /// File to write [default: compare with EVAL's metrics.parquet]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A look
#[derive(Debug, Args)]
pub struct Show {
    /// Directory that transfer-eval wrote
    pub eval: PathBuf,
    /// Concepts to show instead of the table, by number or by one of their forms
    #[arg(value_name = "CONCEPT")]
    pub concepts: Vec<String>,
    /// Steps to show at most
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub steps: usize,
    /// Directory that lang-gen wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<PathBuf>,
    /// Directory that tok-train wrote [default: where it was when EVAL was written]
    #[arg(long, value_name = "TOK")]
    pub tok: Option<PathBuf>,
}
