//! Signals at random moments: SIGKILL and SIGINT. What is left never looks finished while it is not, and the next run
//! ends with the bytes of an undisturbed one.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use corpus::Input;
use end_to_end::directory::{require_nothing_beside, require_one_of};
use end_to_end::process::{Ended, Signal};
use seed::{Seed, Stream};

use crate::subject::{Bench, Moment, Subject, below};

/// A stage must stop within this after SIGINT.
pub const STOPS_WITHIN: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 9;
const SIGINT: i32 = 2;

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Signals sent.
    pub sent: u64,
    /// Those that came before the command had ended.
    pub hit: u64,
    /// After the signal: nothing at OUT, the older output, the new one.
    pub left: [u64; 3],
    /// Longest from SIGINT to the end.
    pub slowest: Duration,
    /// Runs to the end, each with the bytes of an undisturbed run.
    pub finished: u64,
}

/// Sends `number` signals to runs of a stage.
pub fn torture(
    bench: &Bench,
    subject: &Subject,
    signal: Signal,
    number: u64,
    seed: Seed,
) -> Result<Tally> {
    let kind = signal.name();
    let mut stream = seed.stream(&format!("{kind}/{}", subject.name));
    let mut tally = Tally::default();
    // Those that come too late do not count: to a stage of a few milliseconds on a busy machine, most of them.
    while tally.hit < number && tally.sent < 40 * number {
        let turn = tally.sent;
        one_output(bench, subject, signal, number, &mut stream, &mut tally)
            .with_context(|| format!("{kind} {}, signal {turn} and after", subject.name))?;
    }
    tally
        .require(number)
        .with_context(|| format!("{kind} {}", subject.name))?;
    Ok(tally)
}

impl Tally {
    /// Checks that as many signals came in time as were asked for.
    pub fn require(&self, number: u64) -> Result<()> {
        let Tally { hit, sent, .. } = self;
        ensure!(
            *hit == number,
            "expected {number} signals before the end of a run, found {hit} of {sent}"
        );
        Ok(())
    }
}

/// One output, from nothing or over an older one, with one to three signals on the way.
fn one_output(
    bench: &Bench,
    subject: &Subject,
    signal: Signal,
    number: u64,
    stream: &mut Stream,
    tally: &mut Tally,
) -> Result<()> {
    let out = bench.fresh(subject.name)?;
    let over_older = below(stream, 2) == 1;
    if over_older {
        subject.place_older(&out)?;
    }
    let force: &[&str] = if over_older { &["--force"] } else { &[] };
    let resume = [force, &["--resume"]].concat();
    for attempt in 0..=below(stream, 3) {
        if tally.hit == number {
            break;
        }
        // Now and then someone starts again without --resume.
        let afresh = attempt == 0 || below(stream, 4) == 0;
        if afresh && !over_older && out.exists() {
            break;
        }
        let flags = if afresh { force } else { &resume };
        let mut running = bench.program.start(&subject.command(&out, flags))?;
        Moment::draw(stream, &out, subject.usual).wait(&mut running)?;
        tally.sent += 1;
        let before = running.started.elapsed();
        running.signal(signal);
        let ended = running.wait()?;
        judge_end(&ended, signal, before, tally)?;
        judge_left(subject, &out, over_older, tally)?;
    }
    bench.program.ok(&subject.command(&out, &resume))?;
    require_one_of(&out, subject.kind, &[&subject.reference])?;
    require_nothing_beside(&out)?;
    tally.finished += 1;
    Ok(())
}

/// The command was stopped by the signal in time, or had ended well.
fn judge_end(ended: &Ended, signal: Signal, before: Duration, tally: &mut Tally) -> Result<()> {
    if ended.code == Some(0) {
        return Ok(());
    }
    tally.hit += 1;
    if signal == Signal::Kill {
        ensure!(
            ended.signal == Some(SIGKILL),
            "{}: {}",
            ended.how(),
            ended.stderr
        );
        return Ok(());
    }
    let took = ended.elapsed.saturating_sub(before);
    tally.slowest = tally.slowest.max(took);
    ensure!(
        took < STOPS_WITHIN,
        "SIGINT: went on for {:.2} s",
        took.as_secs_f64()
    );
    // Before its handler stands, the system ends the process; shells call that 130 as well.
    if ended.signal == Some(SIGINT) {
        return Ok(());
    }
    ensure!(
        ended.code == Some(130),
        "SIGINT: {}: {}",
        ended.how(),
        ended.stderr
    );
    let line = ended.error_line()?;
    ensure!(line.contains("interrupted"), "SIGINT: {line}");
    Ok(())
}

/// OUT is absent, the older output or the new one; what lies in OUT.partial has a manifest only when it is whole.
fn judge_left(subject: &Subject, out: &Path, over_older: bool, tally: &mut Tally) -> Result<()> {
    let beside = |ending: &str| std::path::PathBuf::from(format!("{}.{ending}", out.display()));
    let partial = beside("partial");
    if partial.join("manifest.json").exists() {
        Input::open(&partial, subject.kind)?
            .check_all()
            .context("looks finished and is not")?;
    }
    if out.exists() {
        let place = require_one_of(out, subject.kind, &[&subject.older, &subject.reference])
            .or_else(|error| with_lock_only(subject, out, error))?;
        ensure!(over_older || place == 1, "an older output from nowhere");
        tally.left[place + 1] += 1;
        return Ok(());
    }
    tally.left[0] += 1;
    if over_older {
        // Between the two renames of a swap the older output is beside.
        require_one_of(&beside("replaced"), subject.kind, &[&subject.older])
            .context("the older output is gone")?;
    }
    Ok(())
}

/// Between the rename and its end, a published output still holds its lock file.
fn with_lock_only(subject: &Subject, out: &Path, error: anyhow::Error) -> Result<usize> {
    let mut found = end_to_end::directory::tree(out)?;
    if found.remove("lock").is_some() && found == subject.reference {
        return Ok(1);
    }
    Err(error)
}
