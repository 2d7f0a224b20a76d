//! Errors of the files between stages: each says the path, what was expected, what was found, and the cure.

use std::io;
use std::path::PathBuf;

use crate::Stage;

/// What can be wrong with a directory or file between stages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused: no permission, disk full, not found.
    #[error("{path}: cannot {action}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, e.g. `write`.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// An input directory is not there.
    #[error("{path}: no such directory, expected the output of {}; run `{}`{hint}", .kind.tool(), .kind.cure(.path))]
    MissingDirectory {
        /// The directory.
        path: PathBuf,
        /// What it should hold.
        kind: Stage,
        /// What lies beside it, where that explains its absence.
        hint: &'static str,
    },
    /// An input is not a directory, or one that no stage wrote.
    #[error("{path}: expected a directory written by {} (with manifest.json), found {found}; give the directory that was its --out", .kind.tool())]
    NoManifest {
        /// The directory.
        path: PathBuf,
        /// What it should hold.
        kind: Stage,
        /// What is there.
        found: String,
    },
    /// The manifest cannot be understood.
    #[error(
        "{path}: expected a manifest of the lab, found {found}; write the directory again with `{tool}`"
    )]
    BadManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
        /// Who writes it.
        tool: &'static str,
    },
    /// A directory of another stage.
    #[error("{path}: expected {} (written by {}), found {} (written by {}); were two directories swapped?",
        .expected.description(), .expected.tool(), .found.description(), .found.tool())]
    WrongKind {
        /// The directory.
        path: PathBuf,
        /// The kind asked for.
        expected: Stage,
        /// The kind found.
        found: Stage,
    },
    /// Written by a newer version of the lab.
    #[error("{path}: format {found} of {} is newer than this tool reads (up to {expected}); update the lab, or run `{}` with this version",
        .kind.description(), .kind.cure(.path))]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// Its kind.
        kind: Stage,
        /// The newest format version this build reads.
        expected: u32,
        /// The version found.
        found: u64,
    },
    /// A file that the manifest does not list.
    #[error("{path}: manifest.json lists no \"{name}\" (found {found}); was it written by {tool}?")]
    Unlisted {
        /// The directory.
        path: PathBuf,
        /// The file asked for.
        name: String,
        /// Files it does list.
        found: String,
        /// Who writes it.
        tool: &'static str,
    },
    /// A file that differs from what the manifest says.
    #[error(
        "{path}: expected {expected} as in manifest.json, found {found}; the file was damaged or changed: run `{cure}` again with --force"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Length or BLAKE3 in the manifest.
        expected: String,
        /// Length or BLAKE3 found.
        found: String,
        /// The command that writes the directory.
        cure: String,
    },
    /// A manifest that is not the one that was published.
    #[error(
        "{path}: expected BLAKE3 {expected} as in run.json, found BLAKE3 {found}; the file was damaged or changed: run `{cure}` again with --force"
    )]
    DamagedManifest {
        /// The manifest.
        path: PathBuf,
        /// The fingerprint in run.json.
        expected: Box<str>,
        /// The fingerprint found.
        found: Box<str>,
        /// The command that writes the directory.
        cure: String,
    },
    /// Two directories that do not belong together.
    #[error("{path}: expected inputs that belong together: it was made from {role} {expected}, but {other} is {found}; give the directory it was made from, or run `{}` again with --force", .kind.cure(.path))]
    Mismatch {
        /// The directory whose input differs.
        path: PathBuf,
        /// Its kind.
        kind: Stage,
        /// Which input: `lang`, `tok`, `model`.
        role: Box<str>,
        /// Fingerprint of that input in its manifest.
        expected: Box<str>,
        /// The directory given for it.
        other: PathBuf,
        /// That directory's fingerprint.
        found: Box<str>,
    },
    /// The output exists.
    #[error("{path}: expected nothing there, found {found}; {}choose another --out",
        if *.replaceable { "pass --force to replace it once the new one is whole, or " } else { "" })]
    Exists {
        /// The output directory.
        path: PathBuf,
        /// What is there.
        found: String,
        /// Whether `--force` would replace it.
        replaceable: bool,
    },
    /// The output exists and is nothing that `--force` may delete.
    #[error("{path}: expected {} written by {} to replace, found {found}; --force deletes nothing else: choose another --out", .kind.description(), .kind.tool())]
    NotReplaceable {
        /// The output directory.
        path: PathBuf,
        /// What the stage writes.
        kind: Stage,
        /// What is there.
        found: String,
    },
    /// Another process holds the lock.
    #[error(
        "{path}: another process is writing it (lock held on {lock}); wait for it, or choose another --out"
    )]
    Locked {
        /// The output directory.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// A path that cannot name an output directory.
    #[error("{path}: expected the path of a directory to write, found {found}")]
    BadPath {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Working files that are not those left by the run that is to go on.
    #[error("{path}: expected the files that were sealed, found {found}")]
    BrokenSeal {
        /// The seal.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A signal came while files were hashed.
    #[error("interrupted")]
    Interrupted(#[source] command::Interrupted),
    /// A table that cannot be read as what it should be.
    #[error("{path}: {problem}; was it written by {tool}?")]
    BadTable {
        /// The Parquet file.
        path: PathBuf,
        /// What was expected and found.
        problem: String,
        /// Who writes such a table.
        tool: &'static str,
    },
}

impl Error {
    /// Wraps a system error with the path and the action, for `map_err`.
    pub(crate) fn io(
        path: impl Into<PathBuf>,
        action: &'static str,
    ) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io {
            path,
            action,
            source,
        }
    }
}
