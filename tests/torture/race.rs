//! Two processes that write the same output: one wins, the other says so.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use command::Table;
use end_to_end::directory::{require_nothing_beside, require_one_of};
use seed::{Seed, Stream};

use crate::subject::{Bench, Subject, below};

#[derive(Default)]
struct Tally {
    locked: u64,
    exists: u64,
    done: u64,
}

/// `number / 5` pairs a stage.
pub fn torture(bench: &Bench, number: u64, seed: Seed) -> Result<Table> {
    let pairs = number.div_ceil(5);
    let mut table = Table::new(&[
        "stage",
        "pairs",
        "one won",
        "other: being written",
        "other: exists",
        "other: found it done",
        "same bytes",
    ]);
    for subject in &bench.subjects {
        let mut stream = seed.stream(&format!("race/{}", subject.name));
        let mut tally = Tally::default();
        for turn in 0..pairs {
            pair(bench, subject, &mut stream, &mut tally)
                .with_context(|| format!("race {}, pair {turn}", subject.name))?;
        }
        table.row(vec![
            subject.name.into(),
            pairs.to_string(),
            pairs.to_string(),
            tally.locked.to_string(),
            tally.exists.to_string(),
            tally.done.to_string(),
            format!("{pairs} of {pairs}"),
        ]);
    }
    Ok(table)
}

fn pair(bench: &Bench, subject: &Subject, stream: &mut Stream, tally: &mut Tally) -> Result<()> {
    command::check_interrupt()?;
    let out = bench.fresh(subject.name)?;
    let first = bench.program.start(&subject.command(&out, &[]))?;
    // Half start together, the others somewhere within the first one's run.
    let delay = subject.usual.as_micros() as u64 * below(stream, 2);
    std::thread::sleep(Duration::from_micros(below(stream, delay + 1)));
    let second = bench.program.start(&subject.command(&out, &[]))?;
    let ended = [first.wait()?, second.wait()?];
    let loser = match ended.each_ref().map(|ended| ended.code) {
        [Some(0), Some(1)] => Some(&ended[1]),
        [Some(1), Some(0)] => Some(&ended[0]),
        // As every stage does with --resume.
        [Some(0), Some(0)] if !subject.resumes => None,
        _ => bail!(
            "{} and {}: {}{}",
            ended[0].how(),
            ended[1].how(),
            ended[0].stderr,
            ended[1].stderr
        ),
    };
    match loser.map(|loser| loser.error_line()).transpose()? {
        None => tally.done += 1,
        Some(line) if line.contains("another process is writing it") => tally.locked += 1,
        Some(line) => {
            ensure!(line.contains("expected nothing there"), "{line}");
            tally.exists += 1;
        }
    }
    require_one_of(&out, subject.kind, &[&subject.reference])?;
    require_nothing_beside(&out)
}
