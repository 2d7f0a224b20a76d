//! What is tortured: each stage with a command line that takes a second or less, what it writes undisturbed, and an
//! older output that it may replace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use corpus::Stage;
use end_to_end::directory::{Tree, copy, remove, tree};
use end_to_end::process::{Program, words};
use seed::Stream;

/// A stage and its command lines, without `--out`.
struct Recipe {
    kind: Stage,
    command: &'static str,
    /// Another configuration, whose output is replaced by force.
    older: &'static str,
    /// As in [`Subject`].
    resumes: bool,
}

const RECIPES: [Recipe; 5] = [
    Recipe {
        kind: Stage::Lang,
        command: "lang-gen --world WORLDS/tiny.toml --documents 3000",
        older: "lang-gen --world WORLDS/tiny.toml --documents 300 --seed 2",
        resumes: true,
    },
    Recipe {
        kind: Stage::Tok,
        command: "tok-train --lang lang --algorithm unigram --vocab-size 128",
        older: "tok-train --lang lang --vocab-size 96",
        resumes: true,
    },
    Recipe {
        kind: Stage::Model,
        command: "model-train --lang lang --tok tok --size tiny --max-steps 30 --batch-size 8 --seq-len 64 --checkpoints 6",
        older: "model-train --lang lang --tok tok --size tiny --max-steps 3 --batch-size 8 --seq-len 64 --checkpoints 2 --seed 2",
        resumes: true,
    },
    Recipe {
        kind: Stage::Eval,
        command: "transfer-eval --lang lang --tok tok --model model --samples 8 --draws 2 --validation-pairs 8 --bootstrap 20",
        older: "transfer-eval --lang lang --tok tok --model older/model --samples 2 --draws 2 --validation-pairs 2 --bootstrap 5",
        resumes: true,
    },
    Recipe {
        kind: Stage::Report,
        command: "study report eval",
        older: "study report tok",
        resumes: false,
    },
];

/// A stage with what it writes undisturbed.
pub struct Subject {
    /// What it writes.
    pub kind: Stage,
    /// Its name on the command line of torture.
    pub name: &'static str,
    arguments: Vec<String>,
    /// `--resume` is a flag of it; else it takes a finished output for done without one.
    pub resumes: bool,
    /// Hashes of an undisturbed output.
    pub reference: Tree,
    /// Hashes of the older output.
    pub older: Tree,
    older_at: PathBuf,
    /// How long an undisturbed run took.
    pub usual: Duration,
}

/// Names by which stages are chosen.
pub fn name(kind: Stage) -> &'static str {
    match kind {
        Stage::Report => "report",
        other => other.tool(),
    }
}

impl Subject {
    /// The command that writes `out`.
    pub fn command(&self, out: &Path, flags: &[&str]) -> Vec<String> {
        let mut words = self.arguments.clone();
        words.extend(["--out".into(), out.display().to_string(), "--quiet".into()]);
        let flags = flags
            .iter()
            .filter(|flag| self.resumes || **flag != "--resume");
        words.extend(flags.map(|flag| (*flag).to_owned()));
        words
    }

    /// Puts the older output at `out`.
    pub fn place_older(&self, out: &Path) -> Result<()> {
        copy(&self.older_at, out)
    }
}

/// A directory with the whole chain, in which stages are tortured.
pub struct Bench {
    /// How commands are run in it.
    pub program: Program,
    /// The stages chosen.
    pub subjects: Vec<Subject>,
    /// Where outputs under torture go.
    pub work: PathBuf,
}

impl Bench {
    /// Runs the chain undisturbed in `scratch`, and the older outputs of the stages named in `only` (none: all).
    pub fn prepare(binaries: &Path, scratch: &Path, only: &[String]) -> Result<Bench> {
        let program = Program::new(binaries, scratch);
        std::fs::create_dir_all(scratch.join("older"))?;
        let work = scratch.join("work");
        std::fs::create_dir_all(&work)?;
        let last = RECIPES.iter().rposition(|recipe| chosen(recipe.kind, only));
        let mut subjects = Vec::new();
        for recipe in &RECIPES[..last.map_or(0, |last| last + 1)] {
            let worlds = end_to_end::project().join("data/worlds");
            let arguments = |line: &str| words(&line.replace("WORLDS", &worlds.to_string_lossy()));
            let at = |name: &str, arguments: Vec<String>| {
                let out = ["--out".into(), name.into(), "--quiet".into()];
                [arguments, out.into()].concat()
            };
            let role = recipe.kind.name();
            let ran = program.ok(&at(role, arguments(recipe.command)))?;
            let older = format!("older/{role}");
            program.ok(&at(&older, arguments(recipe.older)))?;
            if chosen(recipe.kind, only) {
                subjects.push(Subject {
                    kind: recipe.kind,
                    name: name(recipe.kind),
                    arguments: arguments(recipe.command),
                    resumes: recipe.resumes,
                    reference: tree(&scratch.join(role))?,
                    older: tree(&scratch.join(&older))?,
                    older_at: scratch.join(&older),
                    usual: ran.elapsed,
                });
            }
        }
        Ok(Bench {
            program,
            subjects,
            work,
        })
    }

    /// A path under torture, with nothing at it or beside it.
    pub fn fresh(&self, name: &str) -> Result<PathBuf> {
        let out = self.work.join(name);
        for ending in ["", ".partial", ".replaced"] {
            remove(&PathBuf::from(format!("{}{ending}", out.display())))?;
        }
        Ok(out)
    }
}

/// Whether a stage is among those named; none named means all.
fn chosen(kind: Stage, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|wanted| wanted == name(kind))
}

/// A number below `bound`.
pub fn below(stream: &mut Stream, bound: u64) -> u64 {
    use rand::RngExt;
    stream.random_range(0..bound.max(1))
}

/// A moment of a run: a share of its usual time, or a little after some file appears.
pub enum Moment {
    /// This long after the start.
    After(Duration),
    /// This long after this path is there.
    Seen(PathBuf, Duration),
}

impl Moment {
    /// Two of three lie anywhere in the run; the others where publishing is at work.
    pub fn draw(stream: &mut Stream, out: &Path, usual: Duration) -> Moment {
        const DELICATE: [&str; 7] = [
            ".partial/configuration.json",
            ".partial/run.json",
            ".partial/manifest.json.tmp",
            ".partial/manifest.json",
            ".partial/resume",
            ".replaced",
            ".partial/lock",
        ];
        if below(stream, 3) < 2 {
            let micros = usual.as_micros() as u64 * 21 / 20;
            return Moment::After(Duration::from_micros(below(stream, micros)));
        }
        let ending = DELICATE[below(stream, DELICATE.len() as u64) as usize];
        let path = PathBuf::from(format!("{}{ending}", out.display()));
        Moment::Seen(path, Duration::from_micros(below(stream, 3000)))
    }

    /// Waits for it, or for the end of the command.
    pub fn wait(&self, running: &mut end_to_end::process::Running) -> Result<()> {
        command::check_interrupt().context("torture")?;
        match self {
            Moment::After(delay) => {
                while running.started.elapsed() < *delay && !running.is_over() {
                    std::thread::sleep(Duration::from_micros(100));
                }
            }
            Moment::Seen(path, delay) => {
                while !path.exists() && !running.is_over() {
                    std::thread::yield_now();
                }
                let seen = std::time::Instant::now();
                while seen.elapsed() < *delay && !running.is_over() {
                    std::thread::yield_now();
                }
            }
        }
        Ok(())
    }
}
