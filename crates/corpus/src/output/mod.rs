//! Writing a stage's directory: worked on in `OUT.partial` under a lock, published by a rename.
//!
//! What lies where, and what a kill leaves:
//!
//! | path | while | after a kill |
//! |---|---|---|
//! | `OUT.partial/lock` | a process holds its lock | no lock: the system released it |
//! | `OUT.partial/configuration.json` | what the partial output belongs to | compared by `--resume` |
//! | `OUT.partial/resume/` | the stage's own state | found by `--resume`, dropped when published |
//! | `OUT.partial/manifest.json` | written last, all files synced | `--resume` publishes what is whole |
//! | `OUT.replaced` | the old OUT during the swap of `--force` | the next run completes or undoes the swap |

mod partial;
mod publish;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::manifest::first_difference;
use crate::seal::{check_seal_at, seal_at};
use crate::{Error, Fingerprint, Input, Manifest, Result, Stage, durable};

/// The stage's own state, kept for `--resume`, never published.
const RESUME: &str = "resume";
const LOCK: &str = "lock";
const CONFIGURATION: &str = "configuration.json";
/// Clock, host and paths of the run; not in the manifest.
const RUN: &str = "run.json";
/// A run record larger than this says nothing (a long command line has some hundred kilobytes).
const RUN_LIMIT_BYTES: u64 = 1 << 20;
/// Measured speeds; not in the manifest.
const TIMING: &str = "timing.parquet";

/// What a stage is about to write.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The output directory.
    pub out: &'a Path,
    /// `--force`: replace an existing output of the same kind, once the new one is whole.
    pub force: bool,
    /// `--resume`: go on with the partial output of the same configuration.
    pub resume: bool,
    /// What is written.
    pub kind: Stage,
    /// The command, as in the manifest.
    pub tool: &'a str,
    /// The whole resolved configuration, without paths and thread count.
    pub configuration: &'a Value,
    /// Seeds by name.
    pub seeds: BTreeMap<String, u64>,
    /// Fingerprints of the inputs by role.
    pub inputs: BTreeMap<String, Fingerprint>,
}

/// How an output begins.
#[derive(Debug)]
pub enum Begin {
    /// With nothing.
    Fresh(Output),
    /// With what an earlier run of the same configuration left, its `resume/` included.
    Resumed(Output),
    /// OUT is whole with the same configuration; only under `--resume`.
    AlreadyDone,
}

impl Begin {
    /// The output to work on; `None` where it is already done.
    pub fn into_output(self) -> Option<Output> {
        match self {
            Begin::Fresh(output) | Begin::Resumed(output) => Some(output),
            Begin::AlreadyDone => None,
        }
    }
}

/// A stage's output while it is written. Dropped without [`Output::publish`], it leaves `OUT.partial` for `--resume`
/// where there is work in it, and releases the lock.
#[derive(Debug)]
pub struct Output {
    places: Places,
    /// The manifest to be, still without results.
    manifest: Manifest,
    force: bool,
    resumed: bool,
    started: SystemTime,
    notes: Map<String, Value>,
    /// Before the lock: dropped while that is held.
    leftover: partial::Leftover,
    lock: File,
}

impl Output {
    /// Begins to write `request.out`: takes the lock, mends what a killed run left, and decides between a fresh start
    /// and going on.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process writes it; [`Error::Exists`] where OUT is there and neither `force` nor,
    /// with the same configuration, `resume` is given; [`Error::NotReplaceable`] where `force` would delete something
    /// that is no output of this kind; [`Error::Io`].
    pub fn begin(request: Request) -> Result<Begin> {
        let places = Places::of(request.out)?;
        let manifest = Manifest {
            kind: request.kind,
            format: request.kind.format(),
            tool: request.tool.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            configuration: request.configuration.clone(),
            seeds: request.seeds,
            inputs: request.inputs,
            outputs: BTreeMap::new(),
            measured: Value::Null,
        };
        partial::begin(&places, manifest, request.force, request.resume)
    }

    /// Path of an output file or directory, inside `OUT.partial`; nothing is created.
    pub fn path(&self, name: &str) -> PathBuf {
        self.places.partial.join(name)
    }

    /// Creates a directory inside `OUT.partial`, with those above it, and returns its path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::create_dir_all(&path).map_err(Error::io(&path, "create it"))?;
        Ok(path)
    }

    /// The folder for the stage's own resume state, created where missing. What lies in it is dropped when the output is
    /// published; write there with [`crate::write_file`], which never leaves half a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resume_directory(&self) -> Result<PathBuf> {
        self.directory(RESUME)
    }

    /// Notes the hashes of a finished directory of the output (files alone in it) in the resume state, not in the
    /// directory itself, so that a later run that goes on can tell whether it was damaged.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Interrupted`].
    pub fn seal(&self, name: &str) -> Result<()> {
        self.resume_directory()?;
        seal_at(&self.path(name), &self.seal_of(name))
    }

    /// Checks that a directory of the output is as [`Output::seal`] found it.
    ///
    /// # Errors
    /// [`Error::BrokenSeal`] where a file differs, is missing or is new, or where it never was sealed; [`Error::Io`];
    /// [`Error::Interrupted`].
    pub fn check_seal(&self, name: &str) -> Result<()> {
        check_seal_at(&self.path(name), &self.seal_of(name))
    }

    /// `a/b` → `OUT.partial/resume/a-b.seal.json`.
    fn seal_of(&self, name: &str) -> PathBuf {
        let file = format!("{}.seal.json", name.replace('/', "-"));
        self.path(RESUME).join(file)
    }

    /// Where the output will be.
    pub fn out(&self) -> &Path {
        &self.places.out
    }

    /// Notes something about this run (a device, a speed) in `run.json`, which is neither fingerprinted nor compared.
    pub fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.notes.insert(key.to_owned(), value.into());
    }

    /// Publishes the output: hashes and syncs every file, writes `run.json` and then `manifest.json`, drops `resume/`,
    /// and renames `OUT.partial` to OUT. Returns the fingerprint. `measured` goes to the manifest: nothing in it may
    /// depend on clock, host, path or threads.
    ///
    /// # Errors
    /// [`Error::Io`], e.g. where the disk is full; `OUT.partial` and any older OUT stay as they are.
    pub fn publish(self, measured: Value) -> Result<Fingerprint> {
        publish::publish(self, measured)
    }
}

/// The paths of one output.
#[derive(Debug, Clone)]
struct Places {
    out: PathBuf,
    partial: PathBuf,
    replaced: PathBuf,
}

impl Places {
    fn of(out: &Path) -> Result<Places> {
        let Some(name) = out.file_name() else {
            return Err(Error::BadPath {
                path: out.into(),
                found: "no name at its end".into(),
            });
        };
        let beside = |ending: &str| {
            let mut name = name.to_owned();
            name.push(ending);
            out.with_file_name(name)
        };
        // `file_name` drops a slash at the end; so does this.
        Ok(Places {
            out: out.with_file_name(name),
            partial: beside(".partial"),
            replaced: beside(".replaced"),
        })
    }

    fn lock(&self) -> PathBuf {
        self.partial.join(LOCK)
    }
}

/// The fingerprint that a directory's `run.json` states; `None` where that file is gone, too large or says none.
pub(crate) fn recorded_fingerprint(directory: &Path) -> Option<Fingerprint> {
    let file = File::open(directory.join(RUN)).ok()?;
    let mut bytes = Vec::new();
    let mut start = file.take(RUN_LIMIT_BYTES + 1);
    start.read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > RUN_LIMIT_BYTES {
        return None;
    }
    let run: Value = serde_json::from_slice(&bytes).ok()?;
    run.get("fingerprint")?.as_str()?.parse().ok()
}

/// Why an input directory may be missing, judged by what lies beside it.
pub(crate) fn absence_hint(path: &Path) -> &'static str {
    let there = |path: &Path| durable::exists(path).unwrap_or(false);
    match Places::of(path) {
        Ok(places) if there(&places.replaced) => {
            " again (an interrupted --force left the old one beside it, as .replaced)"
        }
        Ok(places) if there(&places.partial) => {
            " again (an unfinished run left .partial beside it)"
        }
        _ => "",
    }
}

/// Whether `directory` is whole and says the same of itself as `wanted`; `Err` says in words what it is instead.
/// `deep` hashes every file, else only lengths are compared.
fn is_same(directory: &Path, wanted: &Manifest, deep: bool) -> Result<(), String> {
    let input = Input::open(directory, wanted.kind).map_err(|error| match error {
        Error::WrongKind { found, .. } => found.description().to_owned(),
        Error::NoManifest { found, .. } => found,
        other => format!("a directory that cannot be used ({other})"),
    })?;
    let checked = if deep {
        input.check_all()
    } else {
        input.check_lengths()
    };
    checked.map_err(|error| format!("a damaged output ({error})"))?;
    // The version of the tool is no part of the configuration: an update alone makes no output stale.
    let mut there = input.manifest().clone();
    there.tool_version.clone_from(&wanted.tool_version);
    match first_difference(&there.identity(), &wanted.identity()) {
        None => Ok(()),
        Some(difference) => Err(format!(
            "the output of another configuration ({difference})"
        )),
    }
}

#[cfg(test)]
mod run_record {
    use super::*;

    #[test]
    fn a_run_record_is_read_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let fingerprint = Fingerprint::of(b"");
        let recorded = |bytes: usize| {
            let mut text = format!("{{\"fingerprint\": \"{fingerprint}\"}}");
            text.push_str(&" ".repeat(bytes - text.len()));
            std::fs::write(directory.path().join(RUN), text).unwrap();
            recorded_fingerprint(directory.path())
        };
        assert_eq!(recorded(200), Some(fingerprint));
        assert_eq!(recorded(1 << 20), Some(fingerprint));
        assert_eq!(recorded((1 << 20) + 1), None);
        std::fs::remove_file(directory.path().join(RUN)).unwrap();
        std::fs::create_dir(directory.path().join(RUN)).unwrap();
        assert_eq!(recorded_fingerprint(directory.path()), None);
    }
}
