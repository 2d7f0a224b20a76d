//! The engines of training and evaluation: the portable one computes the same bytes everywhere, each the same bytes with
//! any number of threads, AVX2 those of AVX-512; and how far the others are from the portable one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use command::Table;
use corpus::Stage;
use corpus::tables::{ScoreRow, TrainLogRow, read_rows};
use end_to_end::directory::{Tree, remove, require_one_of, tree};
use end_to_end::process::{Program, words};

use crate::matrix::PLAIN_LIBRARY;
use crate::subject::{Bench, Subject};

/// After 30 steps the losses of f32 engines agree within this, and the scores of one checkpoint.
const TOLERANCE_NATS: f64 = 1e-3;
/// And every weight within this.
const WEIGHT_TOLERANCE: f32 = 2e-3;
/// Losses of bf16 engines, whose products keep 8 bits, are within this of the portable one's.
const BF16_TOLERANCE_NATS: f64 = 0.05;

const F32: [&str; 2] = ["avx2-f32", "avx512-f32"];
const BF16: [&str; 2] = ["avx512-bf16", "amx-bf16"];

/// Adds a row an engine to the table, which has a column for each stage after the first.
pub fn torture(bench: &Bench, table: &mut Table) -> Result<()> {
    let columns = || bench.subjects.iter();
    let has_engines = |subject: &&Subject| matches!(subject.kind, Stage::Model | Stage::Eval);
    if columns().find(has_engines).is_none() {
        return Ok(());
    }
    let mut add = |way: &str, cell: &dyn Fn(&Subject) -> Result<String>| -> Result<()> {
        let mut row = vec![way.to_owned()];
        for subject in columns() {
            row.push(match has_engines(&subject) {
                true => cell(subject).with_context(|| format!("{way}: {}", subject.name))?,
                false => String::new(),
            });
        }
        table.row(row);
        Ok(())
    };
    add("portable-f32: threads, C library without FMA", &|subject| {
        portable(bench, subject)
    })?;
    for engine in F32.iter().chain(&BF16) {
        add(&format!("{engine}: threads; from portable"), &|subject| {
            one(bench, subject, engine)
        })?;
    }
    add("avx2-f32 and avx512-f32", &|subject| same(bench, subject))
}

/// Runs a stage with an engine; none where this processor lacks it.
fn run(
    program: &Program,
    subject: &Subject,
    out: &Path,
    engine: &str,
    threads: u32,
) -> Result<Option<Tree>> {
    command::check_interrupt()?;
    remove(out)?;
    let flags = words(&format!("--engine {engine} --threads {threads}"));
    let ended = program.run(&[subject.command(out, &[]), flags].concat())?;
    match ended.code {
        Some(0) => Ok(Some(tree(out)?)),
        Some(1) if ended.error_line()?.contains("which this CPU lacks") => Ok(None),
        _ => bail!("--engine {engine}: {}: {}", ended.how(), ended.stderr),
    }
}

/// Where the output of an engine lies.
fn place(bench: &Bench, subject: &Subject, engine: &str) -> PathBuf {
    bench.work.join(format!("{}-{engine}", subject.name))
}

fn portable(bench: &Bench, subject: &Subject) -> Result<String> {
    let out = place(bench, subject, "portable-f32");
    let reference = run(&bench.program, subject, &out, "portable-f32", 2)?;
    let reference = reference.context("the portable engine does not run")?;
    let plain = bench.program.clone().with("GLIBC_TUNABLES", PLAIN_LIBRARY);
    let again = place(bench, subject, "again");
    run(&plain, subject, &again, "portable-f32", 1)?.context("the portable engine does not run")?;
    require_one_of(&again, subject.kind, &[&reference])?;
    Ok("yes".into())
}

/// The same bytes with 1 and 2 threads, near those of the portable engine.
fn one(bench: &Bench, subject: &Subject, engine: &str) -> Result<String> {
    if subject.kind == Stage::Eval && BF16.contains(&engine) {
        return Ok("for training alone".into());
    }
    let out = place(bench, subject, engine);
    let Some(found) = run(&bench.program, subject, &out, engine, 2)? else {
        return Ok("not on this processor".into());
    };
    let again = place(bench, subject, "again");
    run(&bench.program, subject, &again, engine, 1)?;
    require_one_of(&again, subject.kind, &[&found])?;
    let portable = place(bench, subject, "portable-f32");
    if subject.kind == Stage::Eval {
        let nats = scores_apart(&portable, &out)?;
        require_at_most(nats, TOLERANCE_NATS, "scores")?;
        return Ok(format!("yes; within {nats:.1e} nats"));
    }
    let nats = losses_apart(&portable, &out)?;
    if BF16.contains(&engine) {
        require_at_most(nats, BF16_TOLERANCE_NATS, "losses")?;
        return Ok(format!("yes; within {nats:.1e} nats"));
    }
    require_at_most(nats, TOLERANCE_NATS, "losses")?;
    let weight = weights_apart(&portable, &out)?;
    require_at_most(weight, WEIGHT_TOLERANCE.into(), "weights")?;
    Ok(format!("yes; within {nats:.1e} nats, weights {weight:.1e}"))
}

/// Every file but the manifest, which names the engine, has the same bytes from both.
fn same(bench: &Bench, subject: &Subject) -> Result<String> {
    let mut found = Vec::new();
    for engine in F32 {
        let out = place(bench, subject, engine);
        if !out.exists() {
            return Ok("not on this processor".into());
        }
        let mut tree = tree(&out)?;
        tree.remove("manifest.json");
        found.push(tree);
    }
    let differs = end_to_end::directory::first_difference(&found[0], &found[1]);
    ensure!(found[0] == found[1], "other bytes: {differs}");
    Ok("yes".into())
}

fn require_at_most(found: f64, most: f64, what: &str) -> Result<()> {
    // One that is no number is not at most anything.
    ensure!(
        found <= most,
        "{what} differ by {found}, expected at most {most}"
    );
    Ok(())
}

/// The largest of differences; NaN where one is.
fn largest(differences: impl Iterator<Item = f64>) -> f64 {
    differences.fold(0.0, |largest, next| {
        if largest.is_nan() || next <= largest {
            largest
        } else {
            next
        }
    })
}

/// Log-probabilities of every candidate.
fn scores_apart(one: &Path, other: &Path) -> Result<f64> {
    let read = |path: &Path| read_rows::<ScoreRow>(&path.join("scores.parquet"));
    let (a, b) = (read(one)?, read(other)?);
    ensure!(
        a.len() == b.len(),
        "scores of different numbers of candidates"
    );
    let nats = |row: &ScoreRow| f64::from(row.log_probability_nats);
    Ok(largest(
        a.iter().zip(&b).map(|(a, b)| (nats(a) - nats(b)).abs()),
    ))
}

/// Losses of every step.
fn losses_apart(one: &Path, other: &Path) -> Result<f64> {
    let (a, b) = (log(one)?, log(other)?);
    ensure!(a.len() == b.len(), "logs of different lengths");
    let differences = a.iter().zip(&b);
    Ok(largest(
        differences.map(|(a, b)| (a.loss_nats - b.loss_nats).abs()),
    ))
}

/// Weights of the last checkpoint.
fn weights_apart(one: &Path, other: &Path) -> Result<f64> {
    let last = log(one)?.last().map_or(0, |row| row.step);
    let file = format!("checkpoints/step-{last:06}/model.safetensors");
    let (a, b) = (weights(&one.join(&file))?, weights(&other.join(&file))?);
    ensure!(a.len() == b.len(), "weights of different sizes");
    Ok(largest(
        a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())),
    ))
}

fn log(path: &Path) -> Result<Vec<TrainLogRow>> {
    Ok(read_rows(&path.join("train_log.parquet"))?)
}

/// The numbers of a safetensors file of f32, behind its header.
fn weights(path: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let (length, rest) = bytes.split_first_chunk::<8>().context("too short")?;
    let numbers = rest
        .get(u64::from_le_bytes(*length) as usize..)
        .context("too short")?;
    let (numbers, _) = numbers.as_chunks::<4>();
    Ok(numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect())
}
