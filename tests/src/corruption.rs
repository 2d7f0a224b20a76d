//! Damaged files between stages. Each file is damaged in hundreds of ways, as it is (its checksum tells) and with every
//! checksum made to fit again (so that parsers see it), and given to the stage that reads it, with 2 GiB of address
//! space. A stage then ends with one line that names the file and exit code 1, or with the result of the clean file.
//! With fitting checksums a file may also say something else that is well-formed: then the result is another.

mod cases;
mod prepare;
mod seal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seed::Seed;

use crate::directory::{Tree, copy, remove, tree};
use crate::mutation::{Content, Damage, mutate};
use crate::process::{Ended, Program, words};
use cases::{CASES, Case};
use seal::Seal;

/// Address space of a process: nothing may ask for more.
const MEMORY_KIB: u64 = 2 << 20;
/// No command of these takes a second; one that takes this long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(30);

/// What is to be done.
pub struct Torture<'a> {
    /// The directory of the lab's binaries.
    pub binaries: &'a Path,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Parts of file names; none: every file.
    pub only: &'a [String],
    /// Mutations of each file for each reader and mode.
    pub number: u64,
    /// Seed of every mutation.
    pub seed: Seed,
    /// Commands at once.
    pub workers: usize,
}

/// What came of one file and one reader.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The file.
    pub file: String,
    /// The command that read it.
    pub reader: String,
    /// `as is` or `checksums fit`.
    pub mode: &'static str,
    /// Mutations tried.
    pub mutations: u64,
    /// Ended with exit code 1 and a line that names the file.
    pub refused: u64,
    /// Ended well, with the result of the clean file.
    pub same: u64,
    /// Ended well with another result.
    pub other: u64,
    /// What must not be.
    pub findings: Vec<String>,
}

impl Torture<'_> {
    /// Damages every file; one outcome for each file, reader and mode.
    ///
    /// # Errors
    /// Where the clean files already make trouble.
    pub fn run(&self) -> Result<Vec<Outcome>> {
        let wanted = |case: &&Case| {
            let name = format!("{} {}", case.file, case.reader);
            self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
        };
        let jobs: Vec<(&Case, bool)> = CASES
            .iter()
            .filter(wanted)
            .flat_map(|case| case.modes().iter().map(move |fits| (case, *fits)))
            .collect();
        ensure!(
            !jobs.is_empty(),
            "--stage: no file's name contains {}",
            self.only.join(", ")
        );
        let pristine = self.scratch.join("pristine");
        prepare::prepare(&self.program(&pristine), jobs.iter().map(|(case, _)| *case))?;
        let progress =
            command::Progress::new("damaging", self.number * jobs.len() as u64, "mutations");
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| -> Result<()> {
            let work = |worker: usize| -> Result<()> {
                let place = self.scratch.join(format!("worker-{worker}"));
                copy(&pristine, &place)?;
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((case, fits)) = jobs.get(at) else {
                        return Ok(());
                    };
                    let outcome = self
                        .one(case, *fits, &pristine, &place, &progress)
                        .with_context(|| format!("{} read by {}", case.file, case.reader))?;
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes.insert(at, outcome);
                }
            };
            let workers: Vec<_> = (0..self.workers.max(1))
                .map(|worker| scope.spawn(move || work(worker)))
                .collect();
            for worker in workers {
                worker
                    .join()
                    .map_err(|_| anyhow::anyhow!("a worker panicked"))??;
            }
            Ok(())
        })?;
        progress.finish();
        let outcomes = outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(outcomes.into_values().collect())
    }

    fn program(&self, directory: &Path) -> Program {
        let mut program = Program::new(self.binaries, directory);
        program.memory_kib = Some(MEMORY_KIB);
        program.limit = HANGS_AFTER;
        program
    }

    fn one(
        &self,
        case: &Case,
        fits: bool,
        pristine: &Path,
        place: &Path,
        progress: &command::Progress,
    ) -> Result<Outcome> {
        let program = self.program(place);
        let reader = Reader {
            case,
            program,
            pristine,
            place,
        };
        reader.restore()?;
        let clean = reader.run()?;
        let (ended, result) = &clean;
        ensure!(
            ended.code == Some(0),
            "the clean file: {}: {}",
            ended.how(),
            ended.stderr
        );
        let result = result.clone();
        reader.restore()?;
        let name = reader.name()?;
        let path = place.join(&name);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let mut outcome = Outcome {
            file: case.file.into(),
            reader: case.reader.into(),
            mode: if fits { "checksums fit" } else { "as is" },
            ..Outcome::default()
        };
        for index in 0..self.number {
            command::check_interrupt()?;
            reader.restore()?;
            let mut stream = self.seed.stream_at(&format!("damage/{}", case.file), index);
            let (what, damage) = mutate(Content::of(case.file), &bytes, &mut stream);
            remove(&path)?;
            match &damage {
                Damage::Bytes(changed) => std::fs::write(&path, changed)?,
                Damage::Directory => std::fs::create_dir(&path)?,
                Damage::Missing => {}
            }
            if fits {
                case.seal.mend(place, &name)?;
            }
            let (ended, found) = reader.run()?;
            outcome.mutations += 1;
            progress.inc(1);
            let verdict = judge(case, fits, &ended, found == result);
            match verdict {
                Ok(Verdict::Refused) => outcome.refused += 1,
                Ok(Verdict::Same) => outcome.same += 1,
                Ok(Verdict::Other) => outcome.other += 1,
                Err(problem) => {
                    let kept = keep(case, fits, index, &damage)?;
                    outcome.findings.push(format!(
                        "{} ({}, {what}, mutation {index}{kept}): {}: {problem}",
                        case.file, outcome.mode, case.reader
                    ));
                }
            }
        }
        reader.restore()?;
        Ok(outcome)
    }
}

enum Verdict {
    Refused,
    Same,
    Other,
}

/// What a run is worth, or why it must not be.
fn judge(case: &Case, fits: bool, ended: &Ended, same: bool) -> Result<Verdict> {
    match ended.code {
        Some(0) if same => Ok(Verdict::Same),
        Some(0) => {
            ensure!(
                fits || case.seal == Seal::None,
                "read something else, and nobody noticed"
            );
            Ok(Verdict::Other)
        }
        Some(1) => {
            let line = error_beside_warnings(ended)?;
            ensure!(
                line.len() < 2000,
                "an error of {} bytes: {}…",
                line.len(),
                &line[..200]
            );
            let named = case.names().any(|name| line.contains(name));
            ensure!(named, "the error does not name the file: {line}");
            Ok(Verdict::Refused)
        }
        _ => anyhow::bail!("{}: {}", ended.how(), first_lines(&ended.stderr)),
    }
}

/// The one line of an error; what was read up to there may have been warned of.
fn error_beside_warnings(ended: &Ended) -> Result<String> {
    let lines = ended.lines().into_iter();
    let stderr = lines.filter(|line| !line.starts_with(" WARN "));
    let stderr = stderr.collect::<Vec<_>>().join("\n");
    let ended = Ended {
        stderr,
        ..ended.clone()
    };
    Ok(ended.error_line()?.to_owned())
}

fn first_lines(text: &str) -> String {
    text.lines()
        .filter(|line| !line.is_empty())
        .take(3)
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Keeps what made trouble, to look at.
fn keep(case: &Case, fits: bool, index: u64, damage: &Damage) -> Result<String> {
    let Damage::Bytes(bytes) = damage else {
        return Ok(String::new());
    };
    let directory = std::env::temp_dir().join("torture-findings");
    std::fs::create_dir_all(&directory)?;
    let mode = if fits { "fits" } else { "asis" };
    let name = format!(
        "{}-{mode}-{index}-{}",
        case.reader.replace(' ', "_"),
        case.file.replace('/', "_")
    );
    let path = directory.join(name);
    std::fs::write(&path, bytes)?;
    Ok(format!(", kept as {}", path.display()))
}

/// What a command printed and wrote, without manifests (which name their inputs).
type Product = (String, Tree);

/// A command on files that are restored before each run.
struct Reader<'a> {
    case: &'a Case,
    program: Program,
    pristine: &'a Path,
    place: &'a Path,
}

impl Reader<'_> {
    /// The file's path below the root; a `*` stands for what cannot be known before.
    fn name(&self) -> Result<String> {
        let Some((before, after)) = self.case.file.split_once('*') else {
            return Ok(self.case.file.into());
        };
        let directory = Path::new(before).parent().unwrap_or(Path::new(""));
        for entry in std::fs::read_dir(self.place.join(directory))? {
            let name = entry?.file_name();
            let name = directory.join(name).to_string_lossy().into_owned();
            if name.starts_with(before) && name.ends_with(after) {
                return Ok(name);
            }
        }
        anyhow::bail!("{}: no such file", self.case.file)
    }

    fn restore(&self) -> Result<()> {
        for name in self.case.touched {
            let (from, to) = (self.pristine.join(name), self.place.join(name));
            remove(&to)?;
            if from.is_dir() {
                copy(&from, &to)?;
            } else if from.exists() {
                std::fs::copy(&from, &to)?;
            }
        }
        Ok(())
    }

    fn run(&self) -> Result<(Ended, Product)> {
        let ended = self.program.run(&words(self.case.command))?;
        let mut product = Tree::new();
        for name in self.case.touched {
            let path: PathBuf = self.place.join(name);
            if self.case.writes == Some(*name) && path.is_dir() {
                product = tree(&path)?;
                product.remove("manifest.json");
                // Left by a refused run; judged by its exit code.
                product.remove("lock");
            }
        }
        Ok((ended.clone(), (ended.stdout, product)))
    }
}
