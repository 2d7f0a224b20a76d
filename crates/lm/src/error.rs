//! What can be wrong with a model's files, each error naming the file.

use std::path::{Path, PathBuf};

use crate::device::DeviceChoice;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was read but holds something else than expected; `problem` says what, and the cure where one is known.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Expected, found, cure.
        problem: String,
    },
    /// Dimensions that no model can have.
    #[error("model dimensions: {0}")]
    Dimensions(String),
    /// A text that the tokenizer refused.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A device that cannot be used.
    #[error("--device {device}: {problem}")]
    Device {
        /// The device asked for.
        device: DeviceChoice,
        /// Why not.
        problem: String,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `problem` with the file at `path`.
    pub fn file(path: &Path, problem: impl Into<String>) -> Error {
        Error::File {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Adds the path to a system error.
pub(crate) fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })
}
