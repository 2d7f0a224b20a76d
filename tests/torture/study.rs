//! A planned study under make: killed, interrupted, and made twice at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use command::Table;
use corpus::Stage;
use end_to_end::directory::{Tree, remove, require_one_of, tree};
use end_to_end::process::{Ended, Program, Signal, words};
use seed::{Seed, Stream};

use crate::kill::{STOPS_WITHIN, Tally};
use crate::subject::{Moment, below};

const STUDY: &str = r#"
[base.lang]
world = "WORLDS/tiny.toml"
documents = 300

[base.model]
size = "tiny"
max_steps = 6
batch_size = 4
seq_len = 64
checkpoints = 3

[base.eval]
samples = 2
draws = 2
bootstrap = 5
validation_pairs = 4

[grid.tok]
vocab_size = [96, 128]
"#;

/// A small study in a directory, planned afresh for each turn.
struct Study {
    program: Program,
    directory: PathBuf,
}

/// Artifacts by name.
type Built = BTreeMap<String, Tree>;

impl Study {
    fn new(binaries: &Path, directory: &Path) -> Result<Study> {
        std::fs::create_dir_all(directory)?;
        let worlds = end_to_end::project().join("data/worlds");
        let text = STUDY.replace("WORLDS", &worlds.to_string_lossy());
        std::fs::write(directory.join("study.toml"), text)?;
        Ok(Study {
            program: Program::new(binaries, directory),
            directory: directory.into(),
        })
    }

    fn plan(&self) -> Result<()> {
        remove(&self.directory.join("plan"))?;
        self.program
            .ok(&words("study plan study.toml --out plan --quiet"))?;
        Ok(())
    }

    fn make() -> Vec<String> {
        words("make --no-print-directory -C plan -j2 QUIET=--quiet")
    }

    /// Every artifact that looks finished, checked to be whole.
    fn built(&self) -> Result<Built> {
        let mut built = Built::new();
        let Ok(entries) = std::fs::read_dir(self.directory.join("plan/artifacts")) else {
            return Ok(built);
        };
        for entry in entries {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !path.join("manifest.json").exists() {
                continue;
            }
            let kind = Stage::ALL
                .into_iter()
                .find(|kind| name.starts_with(kind.name()))
                .with_context(|| format!("{name}: no artifact"))?;
            let mut found = tree(&path)?;
            if name.contains('.') {
                corpus::Input::open(&path, kind)?
                    .check_all()
                    .context("looks finished and is not")?;
                continue;
            }
            // Between the rename and its end, a published output still holds its lock file.
            found.remove("lock");
            require_one_of_or_lock(&path, kind, &found)?;
            built.insert(name, found);
        }
        Ok(built)
    }

    /// Makes what is left; the artifacts are those of the reference, and a second make starts nothing.
    fn finish(&self, reference: &Built) -> Result<()> {
        self.program.ok(&Study::make())?;
        let built = self.built()?;
        ensure!(built == *reference, "the study came out otherwise");
        let beside = std::fs::read_dir(self.directory.join("plan/artifacts"))?.count();
        ensure!(
            beside == reference.len(),
            "something is left beside the artifacts"
        );
        let attempts = self.attempts()?;
        self.program.ok(&Study::make())?;
        ensure!(
            self.attempts()? == attempts,
            "a finished study started a stage"
        );
        Ok(())
    }

    /// How often each stage was started, by the logs.
    fn attempts(&self) -> Result<usize> {
        let mut attempts = 0;
        for entry in std::fs::read_dir(self.directory.join("plan/logs"))? {
            let text = std::fs::read_to_string(entry?.path())?;
            attempts += text.lines().filter(|line| line.starts_with("$ ")).count();
        }
        Ok(attempts)
    }

    /// An undisturbed make.
    fn reference(&self) -> Result<(Built, Duration)> {
        self.plan()?;
        let ended = self.program.ok(&Study::make())?;
        Ok((self.built()?, ended.elapsed))
    }
}

fn require_one_of_or_lock(path: &Path, kind: Stage, found: &Tree) -> Result<()> {
    if path.join("lock").exists() {
        return Ok(corpus::Input::open(path, kind)?.check_all()?);
    }
    require_one_of(path, kind, &[found]).map(drop)
}

/// Sends `number` signals to make and all below it.
pub fn torture(
    binaries: &Path,
    directory: &Path,
    signal: Signal,
    number: u64,
    seed: Seed,
) -> Result<(Duration, Tally)> {
    let study = Study::new(binaries, directory)?;
    let (reference, usual) = study.reference()?;
    let kind = signal.name();
    let mut stream = seed.stream(&format!("{kind}/make"));
    let mut tally = Tally::default();
    while tally.hit < number && tally.sent < 5 * number {
        let turn = tally.sent;
        one_study(
            &study,
            signal,
            number,
            usual,
            &reference,
            &mut stream,
            &mut tally,
        )
        .with_context(|| format!("{kind} make, signal {turn} and after"))?;
    }
    tally
        .require(number)
        .with_context(|| format!("{kind} make"))?;
    Ok((usual, tally))
}

fn one_study(
    study: &Study,
    signal: Signal,
    number: u64,
    usual: Duration,
    reference: &Built,
    stream: &mut Stream,
    tally: &mut Tally,
) -> Result<()> {
    study.plan()?;
    for _ in 0..=below(stream, 4) {
        if tally.hit == number {
            break;
        }
        let mut running = study.program.start(&Study::make())?;
        let micros = usual.as_micros() as u64;
        Moment::After(Duration::from_micros(below(stream, micros))).wait(&mut running)?;
        tally.sent += 1;
        let before = running.started.elapsed();
        running.signal(signal);
        let ended = running.wait()?;
        let built = study.built()?;
        tally.left[if built.is_empty() { 0 } else { 2 }] += 1;
        for (name, found) in &built {
            ensure!(reference.get(name) == Some(found), "{name}: other bytes");
        }
        if ended.code == Some(0) {
            continue;
        }
        tally.hit += 1;
        if signal == Signal::Interrupt {
            tally.slowest = tally.slowest.max(judge_interrupt(&ended, before)?);
        }
    }
    study.finish(reference)?;
    tally.finished += 1;
    Ok(())
}

/// How long make and the stages below it went on.
fn judge_interrupt(ended: &Ended, before: Duration) -> Result<Duration> {
    let took = ended.elapsed.saturating_sub(before);
    ensure!(
        took < STOPS_WITHIN,
        "SIGINT: make went on for {:.2} s",
        took.as_secs_f64()
    );
    ensure!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    Ok(took)
}

/// Two makes of one study at once, `number` times: both end well, and every artifact is built once.
pub fn race(binaries: &Path, directory: &Path, number: u64, table: &mut Table) -> Result<()> {
    let study = Study::new(binaries, directory)?;
    let (reference, _) = study.reference()?;
    for turn in 0..number {
        study.plan()?;
        let first = study.program.start(&Study::make())?;
        let second = study.program.start(&Study::make())?;
        for ended in [first.wait()?, second.wait()?] {
            ensure!(
                ended.code == Some(0),
                "turn {turn}: {}: {}",
                ended.how(),
                ended.stderr
            );
        }
        ensure!(
            study.built()? == reference,
            "turn {turn}: the study came out otherwise"
        );
        ensure!(
            study.attempts()? == reference.len(),
            "turn {turn}: an artifact was built twice"
        );
    }
    table.row(vec![
        "make".into(),
        number.to_string(),
        format!("{} ended well", 2 * number),
        String::new(),
        String::new(),
        format!("{number} of {number}"),
    ]);
    Ok(())
}
