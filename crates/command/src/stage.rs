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
        // Their warnings are about what we then refuse or put right ourselves.
        (true, _) => ("error", "warn"),
        (false, 0) => ("error", "info"),
        (false, 1) => ("warn", "debug"),
        (false, _) => ("debug", "trace"),
    };
    let ours = OURS.map(|name| format!("{name}={ours}"));
    format!("{libraries},{}", ours.join(","))
}

/// Letters of a cause that are told; damaged files can make libraries quote them at any length.
const MOST_TOLD: usize = 1000;

/// An error and its causes as one line: joined by `: `, line breaks flattened, a cause that the text before it already
/// ends with left out, and the middle of one that is very long.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = shortened(text.split_whitespace().collect::<Vec<_>>().join(" "));
        if line.is_empty() {
            line = text;
        } else if !text.is_empty() && !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
    }
    line
}

/// The text, or its beginning and end.
fn shortened(text: String) -> String {
    let half = MOST_TOLD / 2;
    let start = text.char_indices().nth(half).map(|(at, _)| at);
    let end = text.char_indices().nth_back(half - 1).map(|(at, _)| at);
    match (start, end) {
        (Some(start), Some(end)) if start < end => format!("{} … {}", &text[..start], &text[end..]),
        _ => text,
    }
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

    /// 1,000 letters are told, of 1,001 the first and the last 500.
    #[test]
    fn a_long_cause_keeps_its_beginning_and_end() {
        let whole = format!("{}{}", "†".repeat(500), "b".repeat(500));
        assert_eq!(one_line(&anyhow::anyhow!(whole.clone())), whole);
        let longer = whole.replacen('b', "cb", 1);
        let told = format!("{} … {}", "†".repeat(500), "b".repeat(500));
        assert_eq!(one_line(&anyhow::anyhow!(longer)), told);
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
        assert!(default_filter(&flags(true, 2)).starts_with("error,command=warn"));
        assert!(default_filter(&flags(false, 0)).starts_with("error,command=info"));
        assert!(default_filter(&flags(false, 1)).contains("lang_gen=debug"));
        assert!(default_filter(&flags(false, 3)).starts_with("debug,command=trace"));
        for quiet in [true, false] {
            assert!(EnvFilter::try_new(default_filter(&flags(quiet, 1))).is_ok());
        }
    }
}
