//! Our side of `scripts/bench_train.py`: writes what all contenders begin with, and takes steps when told to.
//!
//! - `train_speed prepare SIZE BATCHES DIR` writes `config.json`, `parameters.json` (name and shape, in order),
//!   `weights.f32` (initial values in that order) and `tokens.u32` (BATCHES · 32 rows of seq_len + 1 tokens) into DIR.
//! - `train_speed peak THREADS` prints the speed of independent fused multiply-adds, in operations a second.
//! - `train_speed run DIR [--engine NAME] [--precision f32|bf16] [--device NAME] [--threads N]` prints its engine's name,
//!   then for each line `N` on stdin takes N steps and prints their seconds and losses as JSON.
//!
//! SIZE is S (4 layers, d 128, vocabulary 512), M (6, 256, 2048) or large (8, 256, 2048).

#[path = "../../cpu-step/examples/machine/mod.rs"]
#[allow(dead_code, reason = "its other user needs the rest")]
mod machine;

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use cpu_step::{AdamW, EngineChoice, Precision};
use lm::{DeviceChoice, ModelConfig, Size, Weights};
use model_train::batches::Rows;
use model_train::engine::{Engine, Flat};
use rand::Rng;
use seed::Seed;
use serde_json::json;

const ROWS: usize = 32;
const SEQ_LEN: usize = 128;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["prepare", size, batches, directory] => {
            prepare(size, batches.parse()?, Path::new(directory))
        }
        ["peak", threads] => {
            let threads: usize = threads.parse()?;
            let begin = Instant::now();
            let clock = || begin.elapsed().as_secs_f64();
            let flops = std::thread::scope(|scope| {
                let runs: Vec<_> = (0..threads)
                    .map(|_| scope.spawn(|| machine::peak_flops(clock)))
                    .collect();
                runs.into_iter()
                    .map(|run| run.join().unwrap_or(f64::NAN))
                    .sum::<f64>()
            });
            println!("{flops:e}");
            Ok(())
        }
        ["run", directory, ref flags @ ..] => run(Path::new(directory), flags),
        _ => bail!("expected prepare, peak or run; see the head of this file"),
    }
}

fn config(size: &str) -> Result<ModelConfig> {
    Ok(match size {
        "S" => ModelConfig::of_size(Size::Small, 512, SEQ_LEN),
        "M" => ModelConfig {
            n_layers: 6,
            ..ModelConfig::of_size(Size::Base, 2048, SEQ_LEN)
        },
        "large" => ModelConfig::of_size(Size::Large, 2048, SEQ_LEN),
        _ => bail!("expected S, M or large, found {size:?}"),
    })
}

fn prepare(size: &str, batches: usize, directory: &Path) -> Result<()> {
    let config = config(size)?;
    std::fs::create_dir_all(directory)?;
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(directory.join(name), bytes);
    write("config.json", config.to_hugging_face().into())?;
    write("parameters.json", serde_json::to_vec(&config.parameters())?)?;
    let weights = Flat::initial(&Weights::initial(&config, Seed(1))).parameters;
    write(
        "weights.f32",
        weights.iter().flat_map(|x| x.to_le_bytes()).collect(),
    )?;
    // A text in which each token decides the next but for one in eight, so that there is something to learn.
    let mut stream = Seed(1).stream("bench text");
    let mut token = 0;
    let tokens = (0..batches * ROWS * (SEQ_LEN + 1)).flat_map(|_| {
        let draw = stream.next_u32();
        let surprise = if draw.is_multiple_of(8) { draw >> 8 } else { 0 };
        token = (token * 7 + 1 + surprise) % config.vocab_size as u32;
        token.to_le_bytes()
    });
    write("tokens.u32", tokens.collect())?;
    Ok(())
}

/// Little-endian words of four bytes.
fn words(path: &Path) -> Result<Vec<[u8; 4]>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let (words, rest) = bytes.as_chunks::<4>();
    ensure!(rest.is_empty(), "{}: no whole words", path.display());
    Ok(words.to_vec())
}

fn run(directory: &Path, flags: &[&str]) -> Result<()> {
    let mut engine = EngineChoice::Auto;
    let mut precision = None;
    let mut device = DeviceChoice::Cpu;
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    for flag in flags.chunks(2) {
        match *flag {
            ["--engine", name] => engine = name.parse().map_err(anyhow::Error::msg)?,
            ["--precision", "f32"] => precision = Some(Precision::F32),
            ["--precision", "bf16"] => precision = Some(Precision::Bf16),
            ["--device", name] => device = name.parse().map_err(anyhow::Error::msg)?,
            ["--threads", count] => threads = count.parse()?,
            _ => bail!("unknown flag {flag:?}"),
        }
    }
    let path = directory.join("config.json");
    let config = ModelConfig::from_hugging_face(&path, &std::fs::read_to_string(&path)?)?;
    let weights = words(&directory.join("weights.f32"))?;
    let parameters: Vec<f32> = weights.into_iter().map(f32::from_le_bytes).collect();
    let state = Flat {
        first: vec![0.0; parameters.len()],
        second: vec![0.0; parameters.len()],
        parameters,
        steps: 0,
    };
    let batches = words(&directory.join("tokens.u32"))?;
    let batches: Vec<[Rows; 1]> = batches
        .chunks(ROWS * (SEQ_LEN + 1))
        .map(|words| [rows(words)])
        .collect();
    let mut engine = Engine::new(engine, precision, device, &config, &[state], threads)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!(engine.name()))?;
    let mut next = batches.iter().cycle();
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.parse()?;
        let begin = Instant::now();
        let losses: Vec<f64> = next
            .by_ref()
            .take(count)
            .map(|rows| match &engine.step(rows, &AdamW::default())?[..] {
                [Ok(report)] => Ok(report.loss_nats),
                other => bail!("no step: {other:?}"),
            })
            .collect::<Result<_>>()?;
        let seconds = begin.elapsed().as_secs_f64();
        writeln!(out, "{}", json!({ "seconds": seconds, "losses": losses }))?;
        out.flush()?;
    }
    Ok(())
}

/// Rows of seq_len + 1 tokens as inputs and targets.
fn rows(words: &[[u8; 4]]) -> Rows {
    let part = |from: usize| -> Vec<u32> {
        let rows = words.chunks(SEQ_LEN + 1);
        let row = |row: &[[u8; 4]]| row[from..from + SEQ_LEN].to_vec();
        rows.flat_map(row).map(u32::from_le_bytes).collect()
    };
    Rows {
        inputs: part(0),
        targets: part(1),
        rows: ROWS,
        tokens: (ROWS * SEQ_LEN) as u64,
    }
}
