//! Running the lab's commands under limits: time, memory, signals.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
    /// How long it ran.
    pub elapsed: Duration,
    /// It had to be killed for its time.
    pub timed_out: bool,
}

impl Ended {
    /// `exit code 1` or `signal 9`, for messages.
    pub fn how(&self) -> String {
        match (self.timed_out, self.code, self.signal) {
            (true, ..) => format!("hung ({:.0} s)", self.elapsed.as_secs_f64()),
            (_, Some(code), _) => format!("exit code {code}"),
            (_, _, signal) => format!("signal {}", signal.unwrap_or(0)),
        }
    }

    /// The lines of stderr that are not empty.
    pub fn lines(&self) -> Vec<&str> {
        self.stderr
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect()
    }

    /// The one line of an error, or what is wrong with it.
    ///
    /// # Errors
    /// Where stderr is not exactly one line `error: …`, or speaks of a panic.
    pub fn error_line(&self) -> Result<&str> {
        match self.lines()[..] {
            [line] if line.starts_with("error: ") && !line.contains("panicked") => Ok(line),
            _ => anyhow::bail!(
                "{}: expected one line `error: …`, found: {}",
                self.how(),
                self.stderr
            ),
        }
    }
}

/// One of the lab's binaries, to be run in a directory.
#[derive(Debug, Clone)]
pub struct Program {
    /// The directory of the binaries.
    pub binaries: PathBuf,
    /// Where commands run; relative paths are inside it.
    pub directory: PathBuf,
    /// The most address space of a process, KiB; none: no limit.
    pub memory_kib: Option<u64>,
    /// The most time of a process.
    pub limit: Duration,
    /// Environment beside the usual.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// Commands that run in `directory`, with their cache inside it.
    pub fn new(binaries: &Path, directory: &Path) -> Program {
        let cache = directory.join("cache").display().to_string();
        Program {
            binaries: binaries.into(),
            directory: directory.into(),
            memory_kib: None,
            limit: Duration::from_secs(60),
            environment: vec![("XDG_CACHE_HOME".into(), cache)],
        }
    }

    /// The same with one more variable.
    pub fn with(mut self, name: &str, value: &str) -> Program {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A command of words: the first is one of the lab's binaries, or `make`.
    fn command(&self, words: &[String]) -> Command {
        let program = match words[0].as_str() {
            "make" => PathBuf::from("make"),
            name => self.binaries.join(name),
        };
        let mut command = match self.memory_kib {
            None => Command::new(program),
            Some(kib) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", &format!("ulimit -v {kib}; exec \"$0\" \"$@\"")])
                    .arg(program);
                shell
            }
        };
        command
            .args(&words[1..])
            .current_dir(&self.directory)
            .env_remove("RUST_LOG")
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .env_remove("RUST_BACKTRACE")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    /// Starts a command in a process group of its own.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(&self, words: &[String]) -> Result<Running> {
        let out = tempfile::NamedTempFile::new()?;
        let err = tempfile::NamedTempFile::new()?;
        let mut command = self.command(words);
        command.stdout(out.reopen()?).stderr(err.reopen()?);
        let child = command
            .spawn()
            .with_context(|| format!("{}: cannot be started", words[0]))?;
        Ok(Running {
            child,
            out,
            err,
            started: Instant::now(),
            limit: self.limit,
        })
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run(&self, words: &[String]) -> Result<Ended> {
        self.start(words)?.wait()
    }

    /// Runs a command that must succeed.
    ///
    /// # Errors
    /// Where it does not, with what it said.
    pub fn ok(&self, words: &[String]) -> Result<Ended> {
        let ended = self.run(words)?;
        anyhow::ensure!(
            ended.code == Some(0),
            "{}: {}: {}",
            words.join(" "),
            ended.how(),
            ended.stderr.trim()
        );
        Ok(ended)
    }
}

/// Words of a command line without spaces in its arguments.
pub fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// What ends a command from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: at once, with no last word.
    Kill,
    /// SIGINT: as Ctrl-C.
    Interrupt,
}

impl Signal {
    /// `kill` or `interrupt`.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Kill => "kill",
            Signal::Interrupt => "interrupt",
        }
    }
}

/// A command under way; killed with its children when dropped.
pub struct Running {
    child: Child,
    out: tempfile::NamedTempFile,
    err: tempfile::NamedTempFile,
    /// When it was started.
    pub started: Instant,
    limit: Duration,
}

impl Running {
    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to the whole process group. Where there are no such signals the process itself is killed.
    pub fn signal(&mut self, signal: Signal) {
        #[cfg(unix)]
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let signal = match signal {
                Signal::Kill => rustix::process::Signal::KILL,
                Signal::Interrupt => rustix::process::Signal::INT,
            };
            // It may have ended meanwhile.
            rustix::process::kill_process_group(group, signal).ok();
        }
        if signal == Signal::Kill || cfg!(not(unix)) {
            self.child.kill().ok();
        }
    }

    /// Waits for its end, at most as long as its limit.
    ///
    /// # Errors
    /// Where its output cannot be read.
    pub fn wait(mut self) -> Result<Ended> {
        let mut timed_out = false;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if self.started.elapsed() > self.limit && !timed_out {
                timed_out = true;
                self.signal(Signal::Kill);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        };
        let elapsed = self.started.elapsed();
        let read = |file: &tempfile::NamedTempFile| -> Result<String> {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut File::open(file.path())?, &mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal = None;
        Ok(Ended {
            code: status.code(),
            signal,
            stdout: read(&self.out)?,
            stderr: read(&self.err)?,
            elapsed,
            timed_out,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over() {
            self.signal(Signal::Kill);
            self.child.wait().ok();
        }
    }
}
