//! `study status`: how far a planned study is, and how long it still takes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::artifact::Stage;
use crate::plan::runs;
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

/// A study's state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// By stage, in their order.
    pub stages: Vec<(Stage, StageStatus)>,
    /// Name and last line of each failed artifact.
    pub failed: Vec<(String, String)>,
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
    let runs = runs::read(directory)?
        .with_context(|| format!("{}: expected a planned study (Makefile and runs.parquet); run `study plan STUDY.toml --out {0}`", directory.display()))?;
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
                (Fate::Failed, Some(attempt)) => status
                    .failed
                    .push((name, attempt.message.clone().unwrap_or_default())),
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
    for (name, message) in &status.failed {
        text += &format!(
            "failed: {name}: {message} ({})\n",
            directory.join(format!("logs/{name}.log")).display()
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

    #[test]
    fn durations_read_well() {
        assert_eq!(
            [duration(5.2), duration(600.0), duration(9000.0)],
            ["5 s", "10 min", "2.5 h"]
        );
    }
}
