//! `torture`: tries to break every stage, and says what happened. `make torture` runs all of it.

mod disk;
mod engines;
mod kill;
mod matrix;
mod race;
mod study;
mod subject;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use command::Table;
use end_to_end::corruption;
use end_to_end::process::Signal;
use seed::Seed;

use subject::Bench;

/// Try to break every stage of the lab: signals, full disks, damaged files, other threads and places, races
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  torture                                     everything (long)
  torture kill --stage model-train            50 SIGKILLs to model-train
  torture corruption --number 20 --stage tok  20 mutations of each kind of file whose name contains \"tok\""
)]
struct Cli {
    /// What to try; all of it where nothing is named
    kinds: Vec<Kind>,
    /// Only these: lang-gen, tok-train, model-train, transfer-eval, report, study; for corruption, parts of file names
    #[arg(long, value_delimiter = ',')]
    stage: Vec<String>,
    /// Signals of each sort and stage, sizes of a disk, pairs of a race; mutations of each file are four times as many
    #[arg(long, default_value_t = 50)]
    number: u64,
    /// Seed of every moment and mutation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Directory to work in, deleted afterwards [default: the system's for temporary files]
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// Directory of the lab's binaries [default: beside this one]
    #[arg(long)]
    binaries: Option<PathBuf>,
    #[command(flatten)]
    flags: command::StageFlags,
}

/// A way to torture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// SIGKILL at random moments
    Kill,
    /// SIGINT at random moments
    Interrupt,
    /// File systems that fill up (as root on Linux)
    Disk,
    /// Damaged files between stages
    Corruption,
    /// The same bytes whatever the threads, places, languages and processors
    Matrix,
    /// Two processes at once
    Race,
}

fn main() -> ExitCode {
    let cli: Cli = command::parse();
    command::run(&cli.flags, || run(&cli))
}

fn run(cli: &Cli) -> Result<()> {
    let here = std::env::current_exe().context("torture: cannot tell where it is")?;
    let beside = here.parent().unwrap_or(Path::new("."));
    let binaries = cli.binaries.clone().unwrap_or_else(|| beside.to_owned());
    let binaries = std::path::absolute(binaries)?;
    let kinds = match &cli.kinds[..] {
        [] => Kind::value_variants(),
        some => some,
    };
    for kind in kinds {
        let scratch = match &cli.scratch {
            Some(place) => {
                std::fs::create_dir_all(place)?;
                tempfile::tempdir_in(place)
            }
            None => tempfile::tempdir(),
        }?;
        let began = Instant::now();
        let table = torture(*kind, cli, &binaries, scratch.path())?;
        let name = kind
            .to_possible_value()
            .map_or(String::new(), |value| value.get_name().to_owned());
        command::print(format!(
            "{name} ({:.0} s)\n\n{table}\n",
            began.elapsed().as_secs_f64()
        ))?;
    }
    Ok(())
}

fn torture(kind: Kind, cli: &Cli, binaries: &Path, scratch: &Path) -> Result<Table> {
    let seed = Seed(cli.seed);
    if kind == Kind::Corruption {
        return corrupt(cli, binaries, scratch);
    }
    ensure!(
        cfg!(unix) || kind != Kind::Interrupt,
        "interrupt: needs a system with SIGINT"
    );
    let with_study = cli.stage.is_empty() || cli.stage.iter().any(|stage| stage == "study");
    let bench = Bench::prepare(binaries, scratch, &cli.stage)?;
    match kind {
        Kind::Kill | Kind::Interrupt => {
            let signal = if kind == Kind::Kill {
                Signal::Kill
            } else {
                Signal::Interrupt
            };
            let mut table = Table::new(&[
                "stage",
                "one run",
                "signals",
                "hit",
                "left nothing",
                "left older",
                "left new",
                "slowest end",
                "same bytes at last",
            ]);
            let mut row = |name: &str, usual: std::time::Duration, tally: kill::Tally| {
                let mut cells = vec![name.to_owned(), format!("{:.2} s", usual.as_secs_f64())];
                cells.extend([tally.sent, tally.hit].map(|count| count.to_string()));
                cells.extend(tally.left.map(|count| count.to_string()));
                cells.push(format!("{:.2} s", tally.slowest.as_secs_f64()));
                cells.push(format!("{} of {0}", tally.finished));
                table.row(cells);
            };
            for subject in &bench.subjects {
                let tally = kill::torture(&bench, subject, signal, cli.number, seed)?;
                row(subject.name, subject.usual, tally);
            }
            if with_study {
                let (usual, tally) =
                    study::torture(binaries, &scratch.join("study"), signal, cli.number, seed)?;
                row("make", usual, tally);
            }
            Ok(table)
        }
        Kind::Disk => disk::torture(&bench, cli.number),
        Kind::Matrix => matrix::torture(&bench),
        Kind::Race => {
            let mut table = race::torture(&bench, cli.number, seed)?;
            if with_study {
                study::race(
                    binaries,
                    &scratch.join("study"),
                    cli.number.div_ceil(10),
                    &mut table,
                )?;
            }
            Ok(table)
        }
        Kind::Corruption => unreachable!("done above"),
    }
}

fn corrupt(cli: &Cli, binaries: &Path, scratch: &Path) -> Result<Table> {
    let torture = corruption::Torture {
        binaries,
        scratch,
        only: &cli.stage,
        number: 4 * cli.number,
        seed: Seed(cli.seed),
        workers: command::threads(&cli.flags),
    };
    let outcomes = torture.run()?;
    let mut table = Table::new(&[
        "file",
        "reader",
        "mode",
        "mutations",
        "refused",
        "same result",
        "other result",
    ]);
    for outcome in &outcomes {
        table.row(vec![
            outcome.file.clone(),
            outcome.reader.clone(),
            outcome.mode.into(),
            outcome.mutations.to_string(),
            outcome.refused.to_string(),
            outcome.same.to_string(),
            outcome.other.to_string(),
        ]);
    }
    let findings: Vec<&String> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.findings)
        .collect();
    if !findings.is_empty() {
        command::print(&table)?;
        for finding in &findings {
            command::print(format!("finding: {finding}"))?;
        }
        anyhow::bail!("corruption: {} findings", findings.len());
    }
    Ok(table)
}
