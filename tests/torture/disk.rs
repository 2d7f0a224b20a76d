//! Disks that fill up: small file systems in memory (Linux, as root). One clear line, exit 1, the older output untouched,
//! and once there is room the run goes on to the same bytes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use command::Table;
use end_to_end::directory::{require_nothing_beside, require_one_of};
use end_to_end::process::{Ended, Program, words};

use crate::subject::{Bench, Subject};

/// A file system of a size, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Result<Disk> {
        std::fs::create_dir_all(at)?;
        system(
            "mount",
            &["-t", "tmpfs", "-o", options, "tmpfs", &at.to_string_lossy()],
        )?;
        Ok(Disk(at.into()))
    }

    fn grow(&self) -> Result<()> {
        let options = "remount,size=256m,nr_inodes=10000";
        system("mount", &["-o", options, &self.0.to_string_lossy()])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        system("umount", &["-l", &self.0.to_string_lossy()]).ok();
    }
}

fn system(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("{program}: cannot be started"))?;
    ensure!(
        status.success(),
        "{program} {}: {status}",
        arguments.join(" ")
    );
    Ok(())
}

/// `number / 3` sizes a stage, from next to nothing to enough.
pub fn torture(bench: &Bench, number: u64) -> Result<Table> {
    let mut table = Table::new(&[
        "stage",
        "disks",
        "too small",
        "few files",
        "large enough",
        "went on to the same bytes",
    ]);
    let place = bench.program.directory.join("disk");
    if let Err(error) = Disk::mount(&place, "size=64k") {
        command::print(format!(
            "no small disks: {error:#}; run it as root on Linux"
        ))?;
        return Ok(table);
    }
    let sizes = number.div_ceil(3);
    for subject in &bench.subjects {
        let mut refused = 0;
        let mut enough = 0;
        let directory = &bench.program.directory;
        let older = size_on_disk(&directory.join("older").join(subject.kind.name()))?;
        let new = size_on_disk(&directory.join(subject.kind.name()))?;
        for turn in 0..sizes {
            let kib = (older + PAGE + 2 * new * turn / sizes) / 1024;
            let full = one_disk(
                bench,
                subject,
                &place,
                &format!("size={kib}k"),
                turn % 2 == 1,
            )
            .with_context(|| format!("disk {}, {kib} KiB", subject.name))?;
            if full { refused += 1 } else { enough += 1 }
        }
        let mut few = 0;
        for files in [3, 6, 10] {
            let older_files = subject.older.len() as u64 + 6;
            let inodes = older_files + files;
            let full = one_disk(
                bench,
                subject,
                &place,
                &format!("size=256m,nr_inodes={inodes}"),
                false,
            )
            .with_context(|| format!("disk {}, {inodes} files", subject.name))?;
            few += u64::from(full);
        }
        table.row(vec![
            subject.name.into(),
            (sizes + 3).to_string(),
            refused.to_string(),
            few.to_string(),
            (enough + 3 - few).to_string(),
            format!("{} of {0}", sizes + 3),
        ]);
    }
    let count = full_stdout(&bench.program)?;
    table.row(vec![
        "standard output".into(),
        count.to_string(),
        count.to_string(),
    ]);
    Ok(table)
}

/// What a file takes on such a disk is a multiple of this.
const PAGE: u64 = 4096;

/// Bytes that the files of a directory take on such a disk.
fn size_on_disk(directory: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() {
            size_on_disk(&entry.path())?
        } else {
            metadata.len().next_multiple_of(PAGE)
        };
    }
    Ok(size)
}

/// One run on one disk; whether it was too small.
fn one_disk(
    bench: &Bench,
    subject: &Subject,
    place: &Path,
    options: &str,
    cache_inside: bool,
) -> Result<bool> {
    command::check_interrupt()?;
    let disk = Disk::mount(place, options)?;
    let out = place.join("out");
    subject.place_older(&out)?;
    let mut program = bench.program.clone();
    if cache_inside {
        program = program.with("XDG_CACHE_HOME", &place.join("cache").to_string_lossy());
    }
    let ended = program.run(&subject.command(&out, &["--force"]))?;
    let full = match ended.code {
        Some(0) => false,
        Some(1) => {
            let line = ended.error_line()?;
            ensure!(line.contains("No space left on device"), "{line}");
            require_one_of(&out, subject.kind, &[&subject.older]).context("the older output")?;
            disk.grow()?;
            program.ok(&subject.command(&out, &["--force", "--resume"]))?;
            true
        }
        _ => bail!("{}: {}", ended.how(), ended.stderr),
    };
    require_one_of(&out, subject.kind, &[&subject.reference])?;
    require_nothing_beside(&out)?;
    Ok(full)
}

/// Results printed to a full disk: one line, exit 1.
fn full_stdout(program: &Program) -> Result<u64> {
    let mut count = 0;
    for line in [
        "lang-gen show lang",
        "lang-gen --man",
        "study --completions bash",
        "tok-train show tok",
        "transfer-eval show eval",
        "lang-gen export-blimp lang",
    ] {
        let role = line.rsplit(' ').next().unwrap_or_default();
        let is_input = ["lang", "tok", "eval"].contains(&role);
        if is_input && !program.directory.join(role).exists() {
            continue;
        }
        let [name, rest @ ..] = &words(line)[..] else {
            continue;
        };
        let output = Command::new(program.binaries.join(name))
            .args(rest)
            .current_dir(&program.directory)
            .stdout(std::fs::File::options().write(true).open("/dev/full")?)
            .output()?;
        let ended = Ended {
            code: output.status.code(),
            signal: None,
            stdout: String::new(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            elapsed: Default::default(),
            timed_out: false,
        };
        ensure!(ended.code == Some(1), "{line} >/dev/full: {}", ended.how());
        let said = ended.error_line()?;
        ensure!(
            said.contains("standard output") && said.contains("No space left on device"),
            "{line} >/dev/full: {said}"
        );
        count += 1;
    }
    Ok(count)
}
