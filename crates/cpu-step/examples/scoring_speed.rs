//! Tokens per second of scoring: `scoring_speed [SIZE] [ENGINE]`, sizes as in `speed`.
//!
//! Two loads: different sentences of 8 to 24 tokens that share their first token, and cloze contexts of
//! 15 tokens that share 8 before the 40 candidates of each. The second counts tokens as if nothing were
//! shared.

use std::time::Instant;

use cpu_step::{Dimensions, EngineKind, Forest, Layout, Precision, ScoreError, Scorer};
use rand::RngExt;
use seed::{Seed, Stream};

fn main() -> Result<(), ScoreError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let engine = match arguments.get(1) {
        Some(name) => name.parse::<EngineKind>()?,
        None => EngineKind::fastest_of(Precision::F32)?,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for (name, sizes) in [("S", [4, 128, 4, 512, 352]), ("M", [6, 256, 8, 2048, 704])] {
        if arguments.first().is_none_or(|wanted| wanted == name) {
            let [n_layers, d_model, n_heads, vocab_size, d_ff] = sizes;
            let (seq_len, rope_theta, rms_norm_eps) = (128, 10_000.0, 1e-5);
            let dimensions = Dimensions {
                vocab_size,
                d_model,
                n_layers,
                n_heads,
                d_ff,
                seq_len,
                rope_theta,
                rms_norm_eps,
            };
            measure(name, dimensions, engine, threads)?;
        }
    }
    Ok(())
}

fn measure(
    name: &str,
    dimensions: Dimensions,
    engine: EngineKind,
    threads: usize,
) -> Result<(), ScoreError> {
    let stream = &mut Seed(1).stream("score speed");
    let vocab_size = dimensions.vocab_size as u32;
    let tokens = |count: usize, stream: &mut Stream| -> Vec<u32> {
        (0..count)
            .map(|_| stream.random_range(3..vocab_size))
            .collect()
    };
    let parameters: Vec<f32> = (0..Layout::new(&dimensions).len())
        .map(|_| stream.random_range(-0.03..0.03))
        .collect();
    let mut scorer = Scorer::new(dimensions, engine, threads)?;
    scorer.load(&parameters)?;
    let mut sentences = Vec::new();
    for _ in 0..600 {
        let count = stream.random_range(8..=24);
        sentences.push([vec![0], tokens(count, stream)].concat());
    }
    let mut clozes = Vec::new();
    for _ in 0..20 {
        let (before, after) = (tokens(7, stream), tokens(6, stream));
        for _ in 0..40 {
            let candidate = tokens(2, stream);
            clozes.push([vec![0], before.clone(), candidate, after.clone()].concat());
        }
    }
    for (load, sequences) in [("sentences", &sentences), ("clozes", &clozes)] {
        let mut best = f64::INFINITY;
        let mut nodes = 0;
        for _ in 0..5 {
            let start = Instant::now();
            let mut forest = Forest::new();
            for sequence in sequences {
                forest.insert(sequence);
            }
            let scores = scorer.score(&forest)?;
            std::hint::black_box(scores);
            nodes = forest.len();
            best = best.min(start.elapsed().as_secs_f64());
        }
        let tokens: usize = sequences.iter().map(Vec::len).sum();
        println!(
            "{name} {engine} {load:<9} {:>8.0} tokens/s, {:>8.0} nodes/s ({tokens} tokens, {nodes} nodes)",
            tokens as f64 / best,
            nodes as f64 / best
        );
    }
    Ok(())
}
