//! How far a stage is: a bar on a terminal, sparse plain lines in a log file, nothing with `--quiet`.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Plain lines come at most this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

static QUIET: AtomicBool = AtomicBool::new(false);

/// All bars of the process, so that log lines can be written above them.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));

pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Runs `write` with the bars out of the way.
pub(crate) fn suspended<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// Where the log goes: one event at a time to stderr, above any bar.
#[derive(Default)]
pub(crate) struct LogWriter(Vec<u8>);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return Ok(());
        }
        suspended(|| std::io::stderr().lock().write_all(&bytes))
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // A closed stderr leaves nobody to tell.
        self.flush().ok();
    }
}

/// Progress of one piece of work, shared by reference between threads. Dropped before [`Progress::finish`], it says
/// nothing more.
pub struct Progress {
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Plain(Plain),
    Nothing,
}

impl Progress {
    /// Begins `label` ("training"), of `total` units ("documents", "tokens"); shown at once on a terminal, after 10 s
    /// otherwise.
    pub fn new(label: &str, total: u64, unit: &'static str) -> Progress {
        let shown = if QUIET.load(Ordering::Relaxed) {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Bar(bar(label, total, unit))
        } else {
            Shown::Plain(Plain::new(label, total, unit, Instant::now()))
        };
        Progress { shown }
    }

    /// `n` more units are done.
    pub fn inc(&self, n: u64) {
        match &self.shown {
            Shown::Bar(bar) => bar.inc(n),
            Shown::Plain(plain) => {
                plain.position.fetch_add(n, Ordering::Relaxed);
                plain.tick(Instant::now());
            }
            Shown::Nothing => {}
        }
    }

    /// `n` units are done in all.
    pub fn set_position(&self, n: u64) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_position(n),
            Shown::Plain(plain) => {
                plain.position.store(n, Ordering::Relaxed);
                plain.tick(Instant::now());
            }
            Shown::Nothing => {}
        }
    }

    /// `n` units were done by an earlier run: they count as done, not for the rate. Call it before any other.
    pub fn resume_at(&self, n: u64) {
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_position(n);
                bar.reset_eta();
            }
            Shown::Plain(plain) => {
                plain.start.store(n, Ordering::Relaxed);
                plain.position.store(n, Ordering::Relaxed);
            }
            Shown::Nothing => {}
        }
    }

    /// A short text behind the numbers, such as `loss 2.31 nats`.
    pub fn message(&self, text: impl Into<String>) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_message(format!("· {}", text.into())),
            Shown::Plain(plain) => plain.state().message = text.into(),
            Shown::Nothing => {}
        }
    }

    /// The work is done: the bar stays as it is, a log gets its closing line.
    pub fn finish(&self) {
        match &self.shown {
            Shown::Bar(bar) => bar.finish(),
            Shown::Plain(plain) => emit(&plain.closing_line(Instant::now())),
            Shown::Nothing => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown
            && !bar.is_finished()
        {
            bar.abandon();
        }
    }
}

fn bar(label: &str, total: u64, unit: &'static str) -> ProgressBar {
    let template = format!(
        "{{prefix}} {{bar:24}} {{human_pos}}/{{human_len}} {unit} · {{per_sec:.dim}} · {{eta}} left {{msg}}"
    );
    // The template is ours; were it wrong, the library's own bar is shown.
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
    let bar = BARS.add(
        ProgressBar::new(total)
            .with_style(style)
            .with_prefix(label.to_owned()),
    );
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn emit(line: &str) {
    // A closed stderr leaves nobody to tell.
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// Progress as plain lines.
struct Plain {
    label: String,
    unit: &'static str,
    total: u64,
    position: AtomicU64,
    start: AtomicU64,
    began: Instant,
    state: Mutex<PlainState>,
}

struct PlainState {
    last_line: Instant,
    message: String,
}

impl Plain {
    fn new(label: &str, total: u64, unit: &'static str, now: Instant) -> Plain {
        Plain {
            label: label.to_owned(),
            unit,
            total,
            position: AtomicU64::new(0),
            start: AtomicU64::new(0),
            began: now,
            state: Mutex::new(PlainState {
                last_line: now,
                message: String::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, PlainState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self, now: Instant) {
        // Another thread that holds the state is printing, or about to: nothing to add.
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        if now.duration_since(state.last_line) >= PLAIN_INTERVAL {
            state.last_line = now;
            emit(&self.line(&state.message, now));
        }
    }

    /// Units per second since this run began.
    fn rate(&self, now: Instant) -> f64 {
        let done = self
            .position
            .load(Ordering::Relaxed)
            .saturating_sub(self.start.load(Ordering::Relaxed));
        done as f64 / now.duration_since(self.began).as_secs_f64().max(1e-9)
    }

    fn line(&self, message: &str, now: Instant) -> String {
        let Plain {
            label, unit, total, ..
        } = self;
        let position = self.position.load(Ordering::Relaxed);
        let percent = 100 * position / (*total).max(1);
        let rate = self.rate(now);
        let mut line = format!(
            "{label}: {}/{} {unit} ({percent} %), {} {unit}/s",
            grouped(position),
            grouped(*total),
            human_rate(rate)
        );
        if rate > 0.0 {
            let left_seconds = total.saturating_sub(position) as f64 / rate;
            line.push_str(&format!(", {} left", human_seconds(left_seconds)));
        }
        if !message.is_empty() {
            line.push_str(", ");
            line.push_str(message);
        }
        line
    }

    fn closing_line(&self, now: Instant) -> String {
        let Plain { label, unit, .. } = self;
        let position = self.position.load(Ordering::Relaxed);
        let took = human_seconds(now.duration_since(self.began).as_secs_f64());
        let mut line = format!(
            "{label}: {} {unit} in {took} ({} {unit}/s)",
            grouped(position),
            human_rate(self.rate(now))
        );
        let state = self.state();
        if !state.message.is_empty() {
            line.push_str(", ");
            line.push_str(&state.message);
        }
        line
    }
}

fn human_rate(rate: f64) -> String {
    if rate >= 100.0 {
        grouped(rate.round() as u64)
    } else {
        format!("{rate:.1}")
    }
}

fn human_seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// 1234567 as 1,234,567.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_carry_rate_and_time_left() {
        let began = Instant::now();
        let plain = Plain::new("documents", 50_000, "documents", began);
        plain.position.store(20_000, Ordering::Relaxed);
        // 20,000 in 10 s = 2,000/s; 30,000 left take 15 s
        let now = began + Duration::from_secs(10);
        assert_eq!(
            plain.line("loss 2.31", now),
            "documents: 20,000/50,000 documents (40 %), 2,000 documents/s, 15 s left, loss 2.31"
        );
        plain.position.store(50_000, Ordering::Relaxed);
        let now = began + Duration::from_secs(100);
        assert_eq!(
            plain.closing_line(now),
            "documents: 50,000 documents in 1 min 40 s (500 documents/s)"
        );
    }

    #[test]
    fn resumed_work_does_not_count_for_the_rate() {
        let began = Instant::now();
        let plain = Plain::new("training", 1000, "steps", began);
        plain.start.store(900, Ordering::Relaxed);
        plain.position.store(950, Ordering::Relaxed);
        // 50 steps in 10 s = 5/s; 50 left take 10 s
        let line = plain.line("", began + Duration::from_secs(10));
        assert_eq!(
            line,
            "training: 950/1,000 steps (95 %), 5.0 steps/s, 10 s left"
        );
    }

    #[test]
    fn nothing_done_and_nothing_to_do_divide_by_nothing() {
        let began = Instant::now();
        let plain = Plain::new("x", 0, "rows", began);
        assert_eq!(plain.line("", began), "x: 0/0 rows (0 %), 0.0 rows/s");
    }

    #[test]
    fn thousands_and_durations() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(human_seconds(0.25), "0.2 s");
        assert_eq!(human_seconds(59.4), "59 s");
        assert_eq!(human_seconds(3725.0), "1 h 2 min");
    }
}
