//! The same bytes whatever the threads, the run, the place, the language, the time zone and the C library's choice of
//! code for the processor; then the engines.

use anyhow::{Context, Result};
use command::Table;
use end_to_end::directory::{copy, remove, require_one_of};
use end_to_end::process::{Program, words};

use crate::engines;
use crate::subject::Bench;

/// Code that the C library may then not use: its exp, log and the like differ with and without FMA.
pub const PLAIN_LIBRARY: &str =
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX2,-FMA,-FMA4,-AVX,-SSE4_2,-ERMS";

/// Runs every stage in every way.
pub fn torture(bench: &Bench) -> Result<Table> {
    let here = &bench.program;
    let moved_to = here.directory.join("an other—place, ü");
    for role in ["lang", "tok", "model", "eval", "older"] {
        let from = here.directory.join(role);
        if from.exists() {
            copy(&from, &moved_to.join(role))?;
        }
    }
    let moved = Program::new(&here.binaries, &moved_to);
    let with = |name: &str, value: &str| here.clone().with(name, value);
    let ways: [(&str, Program, &str); 9] = [
        ("1 thread", here.clone(), "--threads 1"),
        ("2 threads", here.clone(), "--threads 2"),
        ("5 threads", here.clone(), "--threads 5"),
        ("another run", here.clone(), ""),
        ("another directory", moved, ""),
        ("LC_ALL=tr_TR.UTF-8", with("LC_ALL", "tr_TR.UTF-8"), ""),
        ("LC_ALL=C", with("LC_ALL", "C"), ""),
        ("TZ=Asia/Kathmandu", with("TZ", "Asia/Kathmandu"), ""),
        (
            "C library without FMA",
            with("GLIBC_TUNABLES", PLAIN_LIBRARY),
            "",
        ),
    ];
    let names: Vec<&str> = bench.subjects.iter().map(|subject| subject.name).collect();
    let mut table = Table::new(&[&["identical bytes"], &names[..]].concat());
    for (way, program, flags) in &ways {
        let mut row = vec![(*way).to_owned()];
        for subject in &bench.subjects {
            command::check_interrupt()?;
            let out = program.directory.join("matrix");
            remove(&out)?;
            let command = [subject.command(&out, &[]), words(flags)].concat();
            program
                .ok(&command)
                .with_context(|| format!("{way}: {}", subject.name))?;
            require_one_of(&out, subject.kind, &[&subject.reference])
                .with_context(|| format!("{way}: {}", subject.name))?;
            row.push("yes".into());
        }
        table.row(row);
    }
    engines::torture(bench, &mut table)?;
    Ok(table)
}
