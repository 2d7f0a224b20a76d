//! Tokens per second of the training step: `speed [SIZE] [ENGINE] [SECONDS] [THREADS]`.
//!
//! SIZE is `S` (4 layers, d 128, vocabulary 512) or `M` (6 layers, d 256, vocabulary 2048); without it
//! both are measured, and without ENGINE every engine of this CPU. `per core` is tokens per second of
//! processor time times the threads: what an idle machine would give, where others use this one too. The
//! share is of the speed of independent fused multiply-adds, both by processor time.

mod machine;

use std::time::Instant;

use cpu_step::{AdamW, Batch, Dimensions, EngineKind, Layout, Moments, StepError, Trainer};
use machine::{peak_flops, processor_seconds};
use rand::RngExt;
use seed::Seed;

const ROWS: usize = 32;
const SEQ_LEN: usize = 128;

fn main() -> Result<(), StepError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).filter(|text| *text != "all");
    let seconds = argument(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(4.0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = argument(3)
        .and_then(|text| text.parse().ok())
        .unwrap_or(cores);
    let engines = match argument(1) {
        Some(name) => vec![name.parse::<EngineKind>()?.require()?],
        None => EngineKind::ALL
            .into_iter()
            .filter(|kind| kind.is_available())
            .collect(),
    };
    let peak = peak_flops(processor_seconds) * threads.min(cores) as f64;
    println!(
        "peak of f32 on {threads} threads: {:.0} GFLOP/s",
        peak * 1e-9
    );
    for (name, dimensions) in [
        ("S", size(4, 128, 4, 512, 352)),
        ("M", size(6, 256, 8, 2048, 704)),
    ] {
        if argument(0).is_none_or(|wanted| wanted == name) {
            for engine in &engines {
                measure(name, dimensions, *engine, threads, seconds, peak)?;
            }
        }
    }
    Ok(())
}

fn size(
    n_layers: usize,
    d_model: usize,
    n_heads: usize,
    vocab_size: usize,
    d_ff: usize,
) -> Dimensions {
    let (seq_len, rope_theta, rms_norm_eps) = (SEQ_LEN, 10_000.0, 1e-5);
    Dimensions {
        vocab_size,
        d_model,
        n_layers,
        n_heads,
        d_ff,
        seq_len,
        rope_theta,
        rms_norm_eps,
    }
}

fn measure(
    name: &str,
    dimensions: Dimensions,
    engine: EngineKind,
    threads: usize,
    seconds: f64,
    peak: f64,
) -> Result<(), StepError> {
    let mut stream = Seed(1).stream("speed");
    let mut parameters = vec![1.0f32; dimensions.parameter_count()];
    for tensor in Layout::new(&dimensions)
        .tensors()
        .iter()
        .filter(|tensor| tensor.is_matrix())
    {
        for value in &mut parameters[tensor.range.clone()] {
            *value = stream.random_range(-0.03..0.03);
        }
    }
    let tokens: Vec<u32> = (0..ROWS * (SEQ_LEN + 1))
        .map(|_| stream.random_range(0..dimensions.vocab_size as u32))
        .collect();
    let batch = Batch::from_windows(&tokens, ROWS)?;
    let mut trainer = Trainer::new(dimensions, engine, threads)?;
    let mut moments = Moments::new(parameters.len());
    let (mut times, mut costs) = (Vec::new(), Vec::new());
    let start = Instant::now();
    let mut loss = 0.0;
    while times.len() < 4 || start.elapsed().as_secs_f64() < seconds {
        let (step, spent) = (Instant::now(), processor_seconds());
        let report = trainer.step(&mut parameters, &mut moments, &batch, &AdamW::default())?;
        times.push(step.elapsed().as_secs_f64());
        costs.push(processor_seconds() - spent);
        loss = report.loss_nats;
    }
    let steps = times.len();
    for measured in [&mut times, &mut costs] {
        measured.remove(0);
        measured.sort_by(f64::total_cmp);
    }
    let (median, best) = (times[times.len() / 2], times[0]);
    let cost = costs[costs.len() / 2] / threads as f64;
    let tokens = (ROWS * SEQ_LEN) as f64;
    let flops = tokens * dimensions.training_flops_per_token(SEQ_LEN);
    println!(
        "{name} {engine:<13} {:>7.0} tokens/s median, {:>7.0} best, {:>7.0} per core; {:>4.0} GFLOP/s, \
         {:>3.0} % of peak; {:.1} ms a step, loss {loss:.4} after {steps} steps",
        tokens / median,
        tokens / best,
        tokens / cost,
        flops / cost * 1e-9,
        100.0 * flops / cost / peak,
        median * 1e3
    );
    Ok(())
}
