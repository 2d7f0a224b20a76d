//! One run of a stage: set up, run, report, exit code.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::flags::{StageFlags, threads};
use crate::interrupt::{self, EXIT_INTERRUPTED, Interrupted};
use crate::progress;

/// The crates whose logs `-v` raises.
const OURS: [&str; 10] = [
    "command",
    "corpus",
    "cpu_step",
    "lm",
    "world",
    "lang_gen",
    "tok_train",
    "model_train",
    "transfer_eval",
    "study",
];

/// Runs a stage: logging to stderr, a thread pool of [`threads`], signals, then `stage`. An error is printed as
/// exactly one line on stderr, `error: FILE: expected …`.
///
/// Exit codes: 0 done, 1 error, 130 interrupted by SIGINT or SIGTERM (2, wrong usage, is clap's).
pub fn run(flags: &StageFlags, stage: impl FnOnce() -> Result<()>) -> ExitCode {
    match set_up(flags).and_then(|()| stage()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            if error.chain().any(|cause| cause.is::<Interrupted>()) {
                ExitCode::from(EXIT_INTERRUPTED)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Prints an error on stderr as one line.
pub(crate) fn report(error: &anyhow::Error) {
    let line = format!("error: {}\n", one_line(error));
    // A closed stderr leaves nobody to tell; the exit code still says it.
    progress::suspended(|| std::io::stderr().lock().write_all(line.as_bytes()).ok());
}

fn set_up(flags: &StageFlags) -> Result<()> {
    progress::set_quiet(flags.quiet);
    tracing_subscriber::fmt()
        .with_env_filter(filter(flags)?)
        .with_writer(progress::LogWriter::default)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(flags.verbose > 1)
        .without_time()
        .try_init()
        .map_err(|error| anyhow::anyhow!("log: cannot be set up: {error}"))?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads(flags))
        .build_global()
        .context("--threads: cannot start the thread pool")?;
    interrupt::install()
}

/// What is wrong at a place in a file's text, as one line: `PATH: line N: MESSAGE`. `at`: byte of the text; none: its
/// beginning.
pub fn error_at(
    path: &Path,
    text: &str,
    at: Option<usize>,
    message: impl std::fmt::Display,
) -> anyhow::Error {
    let line = line_at(text, at.unwrap_or(0));
    let message = message.to_string();
    let message = message.lines().collect::<Vec<_>>().join(" ");
    anyhow::anyhow!("{}: line {line}: {message}", path.display())
}

/// The line, counted from 1, in which byte `at` of a text stands; `at` may lie within a letter or beyond the end.
fn line_at(text: &str, at: usize) -> usize {
    1 + text
        .bytes()
        .take(at)
        .filter(|&letter| letter == b'\n')
        .count()
}

fn filter(flags: &StageFlags) -> Result<EnvFilter> {
    match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).with_context(|| {
            format!("RUST_LOG={text}: expected a filter like \"info,corpus=debug\"")
        }),
        _ => Ok(EnvFilter::new(default_filter(flags))),
    }
}

fn default_filter(flags: &StageFlags) -> String {
    let (libraries, ours) = match (flags.quiet, flags.verbose) {
        (true, _) => ("warn", "warn"),
        (false, 0) => ("warn", "info"),
        (false, 1) => ("warn", "debug"),
        (false, _) => ("debug", "trace"),
    };
    let ours = OURS.map(|name| format!("{name}={ours}"));
    format!("{libraries},{}", ours.join(","))
}

/// An error and its causes as one line: joined by `: `, line breaks flattened, a cause that the text before it already
/// ends with left out.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !text.is_empty() && !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_within_letters_and_beyond_the_end() {
        // † is three bytes; the newline is byte 3.
        let lines = [0, 1, 3, 4, 99].map(|at| line_at("†\nb", at));
        assert_eq!(lines, [1, 1, 1, 2, 2]);
        let error = error_at(Path::new("a.toml"), "†\nb", Some(4), "no\nsuch key");
        assert_eq!(error.to_string(), "a.toml: line 2: no such key");
    }

    #[test]
    fn an_error_chain_is_one_line() {
        let error =
            anyhow::anyhow!("line one\n  line two").context("lang/world.json: cannot parse");
        assert_eq!(
            one_line(&error),
            "lang/world.json: cannot parse: line one line two"
        );
        // A typed error that prints its source is not said twice.
        let error = anyhow::anyhow!("no space left").context("out: no space left");
        assert_eq!(one_line(&error), "out: no space left");
    }

    #[test]
    fn quiet_wins_over_verbose() {
        let flags = |quiet, verbose| StageFlags {
            quiet,
            verbose,
            ..StageFlags::default()
        };
        assert!(default_filter(&flags(true, 2)).starts_with("warn,command=warn"));
        assert!(default_filter(&flags(false, 0)).starts_with("warn,command=info"));
        assert!(default_filter(&flags(false, 1)).contains("lang_gen=debug"));
        assert!(default_filter(&flags(false, 3)).starts_with("debug,command=trace"));
        for quiet in [true, false] {
            assert!(EnvFilter::try_new(default_filter(&flags(quiet, 1))).is_ok());
        }
    }
}
