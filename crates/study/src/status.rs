//! `study status`: how far a planned study is, and how long it still takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::artifact::Stage;
use crate::directory::Found;
use crate::plan::runs::{self, PlannedRun};
use crate::stage::{Attempt, Outcome, is_running};

/// What became of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Its manifest is there.
    Done,
    /// A process is at work on it.
    Running,
    /// The last attempt failed.
    Failed,
    /// Not tried, or interrupted.
    Left,
}

/// One stage's artifacts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageStatus {
    /// Artifacts by fate: done, running, failed, left.
    pub counts: [usize; 4],
    /// Mean seconds of those built here; `None` before the first.
    pub mean_seconds: Option<f64>,
}

/// An artifact whose last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub artifact: String,
    /// Whose it is, in short; empty where the study has no other runs.
    pub runs: String,
    /// Why, in its command's words.
    pub reason: String,
}

/// A study's state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// By stage, in their order.
    pub stages: Vec<(Stage, StageStatus)>,
    /// What failed.
    pub failed: Vec<Failure>,
    /// Seconds left at the present number of processes; `None` where a stage has no time yet.
    pub seconds_left: Option<f64>,
    /// Processes at work now.
    pub running: usize,
}

/// Looks at the study planned in `directory`.
///
/// # Errors
/// Where there is no plan or its runs cannot be read.
pub fn status(directory: &Path) -> Result<Status> {
    let Some(runs) = runs::read(directory)? else {
        return not_planned(directory);
    };
    let varied = varied(&runs);
    let mut names: BTreeMap<Stage, Vec<String>> = BTreeMap::new();
    for run in &runs {
        for (stage, name) in &run.artifacts {
            let of_stage = names.entry(*stage).or_default();
            if !of_stage.contains(name) {
                of_stage.push(name.clone());
            }
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs());
    let mut status = Status::default();
    let mut work = Some(0.0);
    for (stage, names) in names {
        let mut of_stage = StageStatus::default();
        let (mut seconds, mut timed, mut elapsed) = (0.0, 0usize, Vec::new());
        for name in names {
            let attempt = Attempt::read(directory, &name);
            let fate = fate(directory, &name, attempt.as_ref());
            of_stage.counts[fate as usize] += 1;
            match (fate, &attempt) {
                (
                    Fate::Done,
                    Some(Attempt {
                        seconds: Some(took),
                        outcome: Outcome::Done,
                        ..
                    }),
                ) => {
                    seconds += took;
                    timed += 1;
                }
                (Fate::Running, Some(attempt)) => {
                    elapsed.push(now.saturating_sub(attempt.started) as f64)
                }
                (Fate::Failed, Some(attempt)) => status.failed.push(Failure {
                    runs: whose(&runs, &varied, stage, &name),
                    artifact: name,
                    reason: attempt.message.clone().unwrap_or_default(),
                }),
                _ => {}
            }
        }
        status.running += of_stage.counts[Fate::Running as usize];
        of_stage.mean_seconds = (timed > 0).then(|| seconds / timed as f64);
        let left = of_stage.counts[Fate::Left as usize] as f64;
        let rest = |mean: f64| {
            left * mean
                + elapsed
                    .iter()
                    .map(|elapsed| (mean - elapsed).max(0.0))
                    .sum::<f64>()
        };
        if left > 0.0 || !elapsed.is_empty() {
            work = work.and_then(|work: f64| Some(work + rest(of_stage.mean_seconds?)));
        }
        status.stages.push((stage, of_stage));
    }
    status.seconds_left = work.map(|work| work / status.running.max(1) as f64);
    Ok(status)
}

/// Says what is there instead of a plan.
fn not_planned<T>(directory: &Path) -> Result<T> {
    let shown = directory.display();
    match Found::at(directory)? {
        Found::Nothing => {
            bail!("{shown}: no such directory, expected a planned study (the --out of study plan)")
        }
        Found::File => bail!("{shown}: expected a planned study (a directory), found a file"),
        found => {
            let cure = match found {
                Found::Plan { .. } => "plan it again",
                _ => "give the --out of study plan",
            };
            bail!(
                "{shown}: expected a planned study (Makefile and runs.parquet), found {found}; {cure}"
            )
        }
    }
}

/// The knobs that tell the runs of each label apart.
fn varied(runs: &[PlannedRun]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut first: BTreeMap<&str, &PlannedRun> = BTreeMap::new();
    let mut varied: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for run in runs {
        let first = first.entry(&run.label).or_insert(run);
        let differing = first
            .knobs
            .keys()
            .chain(run.knobs.keys())
            .filter(|name| first.knobs.get(*name) != run.knobs.get(*name));
        let of_label = varied.entry(&run.label).or_default();
        of_label.extend(differing.map(String::as_str));
    }
    varied
}

/// Whose artifact it is, in short: how many runs, the control, and the varied knobs that those runs have in common.
fn whose(
    runs: &[PlannedRun],
    varied: &BTreeMap<&str, BTreeSet<&str>>,
    stage: Stage,
    name: &str,
) -> String {
    let is_own = |run: &&PlannedRun| run.artifacts.get(&stage).is_some_and(|own| own == name);
    let own: Vec<&PlannedRun> = runs.iter().filter(is_own).collect();
    let Some(first) = own.first() else {
        return String::new();
    };
    let mut parts = Vec::new();
    if own.len() > 1 {
        parts.push(format!("{} runs", own.len()));
    }
    if own.iter().all(|run| run.label == first.label) {
        if first.label != "main" {
            parts.push(format!("control \"{}\"", first.label));
        }
        for knob in varied.get(first.label.as_str()).into_iter().flatten() {
            let value = first.knobs.get(*knob);
            if let Some(value) = value
                && own.iter().all(|run| run.knobs.get(*knob) == Some(value))
            {
                parts.push(format!("{knob} = {value}"));
            }
        }
    }
    parts.join(", ")
}

fn fate(directory: &Path, name: &str, attempt: Option<&Attempt>) -> Fate {
    if directory
        .join("artifacts")
        .join(name)
        .join("manifest.json")
        .exists()
    {
        Fate::Done
    } else if is_running(directory, name) {
        Fate::Running
    } else if attempt.is_some_and(|attempt| attempt.outcome == Outcome::Failed) {
        Fate::Failed
    } else {
        Fate::Left
    }
}

/// `90 s`, `12 min`, `3.5 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// The state for a person: a table, the failed artifacts with their logs, the time left.
pub fn print(directory: &Path, status: &Status) -> String {
    let mut table =
        command::Table::new(&["stage", "done", "running", "failed", "left", "each takes"]);
    for (stage, of_stage) in &status.stages {
        let mut row = vec![stage.name().to_owned()];
        row.extend(of_stage.counts.iter().map(ToString::to_string));
        row.push(of_stage.mean_seconds.map_or("–".into(), duration));
        table.row(row);
    }
    let mut text = format!("{table}\n");
    for Failure {
        artifact,
        runs,
        reason,
    } in &status.failed
    {
        let runs = match runs.as_str() {
            "" => String::new(),
            runs => format!(" ({runs})"),
        };
        let log = directory.join(format!("logs/{artifact}.log"));
        text += &format!(
            "failed: {artifact}{runs}: {reason}; see {}\n",
            log.display()
        );
    }
    let open: usize = status
        .stages
        .iter()
        .map(|(_, s)| s.counts[Fate::Left as usize] + s.counts[Fate::Running as usize])
        .sum();
    text += &match (open, status.seconds_left) {
        (0, _) if status.failed.is_empty() => "everything is built".to_owned(),
        (0, _) => format!(
            "nothing left but what failed: make -C {} tries it again",
            directory.display()
        ),
        (_, None) => "time left: not known before each stage has run once".to_owned(),
        (_, Some(seconds)) => format!(
            "time left: about {} with {} at once",
            duration(seconds),
            status.running.max(1)
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs::Setting;

    #[test]
    fn a_failure_says_whose_it_is() {
        let run = |label: &str, seed, size, lang: &str, tok: &str| PlannedRun {
            label: label.to_owned(),
            knobs: BTreeMap::from([
                ("lang.world_seed".to_owned(), Setting::Integer(seed)),
                ("tok.vocab_size".to_owned(), Setting::Integer(size)),
                ("model.seed".to_owned(), Setting::Integer(1)),
            ]),
            artifacts: BTreeMap::from([
                (Stage::Lang, lang.to_owned()),
                (Stage::Tok, tok.to_owned()),
            ]),
        };
        let runs = [
            run("main", 1, 64, "lang-1", "tok-1"),
            run("main", 1, 512, "lang-1", "tok-2"),
            run("main", 2, 64, "lang-2", "tok-3"),
            run("main", 2, 512, "lang-2", "tok-4"),
            run("char", 1, 64, "lang-1", "tok-5"),
            run("char", 2, 64, "lang-2", "tok-6"),
            run("short", 1, 64, "lang-3", "tok-7"),
        ];
        let whose = |runs: &[PlannedRun], stage, name| whose(runs, &varied(runs), stage, name);
        let cases = [
            (Stage::Lang, "lang-1", "3 runs"),
            (
                Stage::Tok,
                "tok-2",
                "lang.world_seed = 1, tok.vocab_size = 512",
            ),
            (Stage::Tok, "tok-6", "control \"char\", lang.world_seed = 2"),
            (Stage::Lang, "lang-3", "control \"short\""),
        ];
        for (stage, name, expected) in cases {
            assert_eq!(whose(&runs, stage, name), expected, "{name}");
        }
        let main = &runs[..4];
        assert_eq!(
            whose(main, Stage::Lang, "lang-2"),
            "2 runs, lang.world_seed = 2"
        );
        assert_eq!(whose(&runs[..1], Stage::Lang, "lang-1"), "");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(
            [duration(5.2), duration(600.0), duration(9000.0)],
            ["5 s", "10 min", "2.5 h"]
        );
    }
}
