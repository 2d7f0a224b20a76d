//! One artifact's command as make and Slurm run it: under a lock, with a log and with marks that `study status` reads.
//!
//! | file (in the study directory) | meaning |
//! |---|---|
//! | `logs/NAME.log` | everything the command wrote, one attempt after the other |
//! | `state/NAME.lock` | locked while the command runs; a killed process lets go of it |
//! | `state/NAME.json` | when the last attempt started, how long it took, how it ended |

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// A terminal's SIGINT reaches the command as well as us; one that came to us alone is passed on after this long.
const PATIENCE: Duration = Duration::from_secs(2);

/// How an attempt at an artifact ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The command runs, or was killed with its wrapper.
    Started,
    /// The artifact is there.
    Done,
    /// The command failed; its log says why.
    Failed,
    /// A signal stopped it; the next attempt goes on.
    Interrupted,
}

/// The last attempt at an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it started, seconds since 1970.
    pub started: u64,
    /// How long it took; null while it runs.
    pub seconds: Option<f64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, in the command's words.
    pub message: Option<String>,
}

impl Attempt {
    /// The last attempt at `name`; `None` where there was none.
    pub fn read(study: &Path, name: &str) -> Option<Attempt> {
        let text = std::fs::read_to_string(study.join(format!("state/{name}.json"))).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn write(&self, name: &str) -> Result<()> {
        let path = format!("state/{name}.json");
        let beside = format!("state/.{name}.json");
        std::fs::write(&beside, serde_json::to_string(self)?)
            .and_then(|()| std::fs::rename(&beside, &path))
            .with_context(|| format!("{path}: cannot write"))
    }
}

/// Whether some process is at work on `name` now.
pub fn is_running(study: &Path, name: &str) -> bool {
    let lock = File::open(study.join(format!("state/{name}.lock")));
    lock.is_ok_and(|file| {
        matches!(
            file.try_lock_shared(),
            Err(std::fs::TryLockError::WouldBlock)
        )
    })
}

/// Runs `command` for the artifact `name` in the current directory, unless the artifact is there.
///
/// Two processes asked for the same artifact: the second waits, then finds it done.
///
/// # Errors
/// Where the command fails (its reason is in the message) or is interrupted.
pub fn run(name: &str, command: &[String], quiet: bool) -> Result<()> {
    let manifest = format!("artifacts/{name}/manifest.json");
    for directory in ["logs", "state", "artifacts"] {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("{directory}: cannot make the directory"))?;
    }
    let lock_path = format!("state/{name}.lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path);
    let lock = lock.with_context(|| format!("{lock_path}: cannot open"))?;
    while let Err(error) = lock.try_lock() {
        match error {
            std::fs::TryLockError::WouldBlock => {
                command::check_interrupt()?;
                std::thread::sleep(Duration::from_millis(200));
            }
            std::fs::TryLockError::Error(error) => {
                return Err(error).with_context(|| format!("{lock_path}: cannot lock"));
            }
        }
    }
    if Path::new(&manifest).exists() {
        return Ok(());
    }
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs());
    let clock = Instant::now();
    let mut attempt = Attempt {
        started,
        seconds: None,
        outcome: Outcome::Started,
        message: None,
    };
    attempt.write(name)?;
    let ended = watched(name, command, quiet);
    attempt.seconds = Some(clock.elapsed().as_secs_f64());
    let result = match ended {
        Ok((status, _)) if status.success() && Path::new(&manifest).exists() => {
            attempt.outcome = Outcome::Done;
            Ok(())
        }
        Ok(_) if command::check_interrupt().is_err() => {
            attempt.outcome = Outcome::Interrupted;
            Err(command::Interrupted.into())
        }
        Ok((status, reason)) => {
            attempt.outcome = Outcome::Failed;
            attempt.message = Some(reason.clone());
            let how = if status.success() {
                "wrote no manifest".into()
            } else {
                format!("ended with {status}")
            };
            Err(anyhow::anyhow!(
                "{name}: {how}; see logs/{name}.log: {reason}"
            ))
        }
        Err(error) => {
            attempt.outcome = Outcome::Failed;
            attempt.message = Some(format!("{error:#}"));
            Err(error)
        }
    };
    attempt.write(name)?;
    result
}

/// What a command said last, for the reason where it fails.
#[derive(Debug, Default)]
struct Said {
    line: String,
    error: Option<String>,
}

impl Said {
    fn hear(&mut self, line: String) {
        let error = line.strip_prefix("error:").map(str::trim);
        if let Some(error) = error.filter(|error| !error.is_empty()) {
            self.error = Some(error.to_owned());
        }
        if !line.trim().is_empty() {
            self.line = line;
        }
    }

    /// Its last error without the word before it, since advice may follow; where it called nothing so, its last line.
    fn reason(&self) -> &str {
        self.error.as_deref().unwrap_or(&self.line)
    }
}

/// The command's end, and its reason should it have failed; every line goes to the log and, unless quiet, to stderr behind
/// the name.
fn watched(name: &str, command: &[String], quiet: bool) -> Result<(ExitStatus, String)> {
    let [program, arguments @ ..] = command else {
        bail!("{name}: no command given")
    };
    let log_path = format!("logs/{name}.log");
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)
        .with_context(|| format!("{log_path}: cannot open"))?;
    let shown: Vec<String> = command
        .iter()
        .map(|word| crate::plan::make::quote(word).replace("$$", "$"))
        .collect();
    writeln!(log, "$ {}", shown.join(" ")).with_context(|| format!("{log_path}: cannot write"))?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.with_context(|| {
        format!("{program}: cannot start; the five tools must lie in one directory (make BIN=DIR)")
    })?;
    let sink = Arc::new(Mutex::new((log, Said::default())));
    let copy = |stream: Option<Box<dyn Read + Send>>| {
        let (sink, name) = (Arc::clone(&sink), name.to_owned());
        std::thread::spawn(move || {
            for line in stream
                .into_iter()
                .flat_map(|stream| BufReader::new(stream).split(b'\n'))
                .map_while(Result::ok)
            {
                let line = String::from_utf8_lossy(&line).into_owned();
                let Ok(mut sink) = sink.lock() else { return };
                // A full disk or a closed terminal must not stop the command.
                let _ = writeln!(sink.0, "{line}");
                if !quiet {
                    let _ = writeln!(std::io::stderr(), "{name}  {line}");
                }
                sink.1.hear(line);
            }
        })
    };
    let copies = [
        copy(child.stdout.take().map(|stream| Box::new(stream) as _)),
        copy(child.stderr.take().map(|stream| Box::new(stream) as _)),
    ];
    let mut asked: Option<Instant> = None;
    let mut told = false;
    let status = loop {
        if let Some(status) = child
            .try_wait()
            .with_context(|| format!("{program}: cannot wait for it"))?
        {
            break status;
        }
        if command::check_interrupt().is_err() {
            let asked = *asked.get_or_insert_with(Instant::now);
            if !told && asked.elapsed() > PATIENCE {
                told = true;
                terminate(&mut child);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    for copy in copies {
        let _ = copy.join();
    }
    let reason = sink.lock().map(|sink| sink.1.reason().to_owned());
    Ok((status, reason.unwrap_or_default()))
}

/// Asks the child to stop as we were asked.
#[cfg(unix)]
fn terminate(child: &mut std::process::Child) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut std::process::Child) {
    let _ = child.kill();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_error_else_the_last_line() {
        let reason = |lines: &[&str]| {
            let mut said = Said::default();
            for line in lines {
                said.hear((*line).to_owned());
            }
            said.reason().to_owned()
        };
        let clap = [
            "error: invalid value 'huge' for '--size <SIZE>': expected tiny",
            "",
            "For more information, try '--help'.",
        ];
        assert_eq!(reason(&clap), clap[0][7..]);
        assert_eq!(reason(&["error: one", "error: two"]), "two");
        assert_eq!(reason(&["begun", "Killed", " "]), "Killed");
        assert_eq!(reason(&["error:", "", "no error: here"]), "no error: here");
    }
}
