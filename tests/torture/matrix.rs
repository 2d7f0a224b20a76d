//! The same bytes whatever the threads, the run, the place, the language, the time zone and the C library's choice of
//! code for the processor; and how far the engines differ.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use command::Table;
use corpus::Stage;
use corpus::tables::{TrainLogRow, read_rows};
use end_to_end::directory::{copy, remove, require_one_of};
use end_to_end::process::{Program, words};

use crate::subject::Bench;

/// Code that the C library may then not use: its exp, log and the like differ with and without FMA.
const PLAIN_LIBRARY: &str =
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX2,-FMA,-FMA4,-AVX,-SSE4_2,-ERMS";

/// After 30 steps the engines' losses agree within this.
const LOSS_TOLERANCE_NATS: f64 = 1e-3;
/// And every weight within this.
const WEIGHT_TOLERANCE: f32 = 2e-3;

/// Runs every stage in every way.
pub fn torture(bench: &Bench) -> Result<Table> {
    let here = &bench.program;
    let moved_to = here.directory.join("an other—place, ü");
    for role in ["lang", "tok", "model", "eval", "older"] {
        let from = here.directory.join(role);
        if from.exists() {
            copy(&from, &moved_to.join(role))?;
        }
    }
    let moved = Program::new(&here.binaries, &moved_to);
    let with = |name: &str, value: &str| here.clone().with(name, value);
    let ways: [(&str, Program, &str); 9] = [
        ("1 thread", here.clone(), "--threads 1"),
        ("2 threads", here.clone(), "--threads 2"),
        ("5 threads", here.clone(), "--threads 5"),
        ("another run", here.clone(), ""),
        ("another directory", moved, ""),
        ("LC_ALL=tr_TR.UTF-8", with("LC_ALL", "tr_TR.UTF-8"), ""),
        ("LC_ALL=C", with("LC_ALL", "C"), ""),
        ("TZ=Asia/Kathmandu", with("TZ", "Asia/Kathmandu"), ""),
        (
            "C library without FMA",
            with("GLIBC_TUNABLES", PLAIN_LIBRARY),
            "",
        ),
    ];
    let names: Vec<&str> = bench.subjects.iter().map(|subject| subject.name).collect();
    let mut table = Table::new(&[&["identical bytes"], &names[..]].concat());
    for (way, program, flags) in &ways {
        let mut row = vec![(*way).to_owned()];
        for subject in &bench.subjects {
            command::check_interrupt()?;
            let out = program.directory.join("matrix");
            remove(&out)?;
            let command = [subject.command(&out, &[]), words(flags)].concat();
            program
                .ok(&command)
                .with_context(|| format!("{way}: {}", subject.name))?;
            require_one_of(&out, subject.kind, &[&subject.reference])
                .with_context(|| format!("{way}: {}", subject.name))?;
            row.push("yes".into());
        }
        table.row(row);
    }
    if bench
        .subjects
        .iter()
        .any(|subject| subject.kind == Stage::Model)
    {
        engines(bench, &mut table)?;
    }
    Ok(table)
}

/// Trains with each f32 engine that this processor has, and compares them with the portable one.
fn engines(bench: &Bench, table: &mut Table) -> Result<()> {
    let Some(subject) = bench
        .subjects
        .iter()
        .find(|subject| subject.kind == Stage::Model)
    else {
        return Ok(());
    };
    let place = bench
        .subjects
        .iter()
        .position(|other| other.kind == Stage::Model)
        .unwrap_or(0);
    let cell = |text: String| {
        let mut row = vec![String::new(); place + 1];
        row.push(text);
        row
    };
    let train = |program: &Program, engine: &str, out: &Path, threads: &str| -> Result<bool> {
        remove(out)?;
        let flags = format!("--engine {engine} --threads {threads}");
        let ended = program.run(&[subject.command(out, &[]), words(&flags)].concat())?;
        // A processor without the instructions is no failure.
        Ok(ended.code == Some(0))
    };
    let portable = bench.work.join("portable");
    ensure!(
        train(&bench.program, "portable-f32", &portable, "2")?,
        "the portable engine does not run"
    );
    let reference = end_to_end::directory::tree(&portable)?;
    let plain = bench.program.clone().with("GLIBC_TUNABLES", PLAIN_LIBRARY);
    let again = bench.work.join("portable-again");
    ensure!(
        train(&plain, "portable-f32", &again, "1")?,
        "the portable engine does not run"
    );
    require_one_of(&again, Stage::Model, &[&reference])
        .context("portable, C library without FMA")?;
    let mut row = cell("yes".into());
    row[0] = "portable, 1 thread, C library without FMA".into();
    table.row(row);
    for engine in ["avx2-f32", "avx512-f32"] {
        let out = bench.work.join(engine);
        let said = if train(&bench.program, engine, &out, "2")? {
            let (nats, weight) = distance(&portable, &out)?;
            ensure!(
                nats <= LOSS_TOLERANCE_NATS,
                "{engine}: losses differ by {nats} nats"
            );
            ensure!(
                weight <= WEIGHT_TOLERANCE,
                "{engine}: weights differ by {weight}"
            );
            format!("within {nats:.1e} nats, weights {weight:.1e}")
        } else {
            "not on this processor".into()
        };
        let mut row = cell(said);
        row[0] = format!("{engine} against portable");
        table.row(row);
    }
    Ok(())
}

/// The largest difference of losses over all steps, and of weights in the last checkpoint.
fn distance(one: &Path, other: &Path) -> Result<(f64, f32)> {
    let log = |path: &Path| read_rows::<TrainLogRow>(&path.join("train_log.parquet"));
    let (a, b) = (log(one)?, log(other)?);
    ensure!(a.len() == b.len(), "logs of different lengths");
    let nats = a
        .iter()
        .zip(&b)
        .map(|(a, b)| (a.loss_nats - b.loss_nats).abs());
    let last = format!(
        "checkpoints/step-{:06}/model.safetensors",
        a.last().map_or(0, |row| row.step)
    );
    let (a, b) = (weights(&one.join(&last))?, weights(&other.join(&last))?);
    ensure!(a.len() == b.len(), "weights of different sizes");
    let weight = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
    Ok((nats.fold(0.0, f64::max), weight.fold(0.0, f32::max)))
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
