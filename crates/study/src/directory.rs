//! What lies at a path that somebody gave, in the lab's words.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::make;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// No directory.
    File,
    /// A directory with nothing in it.
    Empty,
    /// What a stage or a report wrote, by its manifest.
    Output(corpus::Stage),
    /// What `study plan` wrote, by its Makefile.
    Plan {
        /// The study's name.
        study: String,
        /// Whether its runs are there; else it was killed on the way.
        whole: bool,
    },
    /// A directory of somebody else, with these in it.
    Other(Vec<String>),
}

impl Found {
    /// Looks at `path`.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub fn at(path: &Path) -> Result<Found> {
        let refused = || format!("{}: cannot look at it", path.display());
        let metadata = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            metadata => metadata.with_context(refused)?,
        };
        if !metadata.is_dir() {
            return Ok(Found::File);
        }
        if let Some(kind) = corpus::Stage::stated_in(path) {
            return Ok(Found::Output(kind));
        }
        if let Some(study) = planned_study(path) {
            let whole = path.join("runs.parquet").exists();
            return Ok(Found::Plan { study, whole });
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).with_context(refused)? {
            let name = entry.with_context(refused)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.sort();
        Ok(match names.is_empty() {
            true => Found::Empty,
            false => Found::Other(names),
        })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        match self {
            Found::Nothing => f.write_str("nothing"),
            Found::File => f.write_str("a file"),
            Found::Empty => f.write_str("an empty directory"),
            Found::Output(kind) => f.write_str(kind.description()),
            Found::Plan { study, whole: true } => write!(f, "the plan of study \"{study}\""),
            Found::Plan { study, .. } => {
                write!(f, "half a plan of study \"{study}\" (no runs.parquet)")
            }
            Found::Other(names) => {
                let shown = names.iter().take(SHOWN).map(|name| format!("\"{name}\""));
                let shown = shown.collect::<Vec<_>>().join(", ");
                write!(f, "a directory with {shown}")?;
                match names.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

/// The study that a directory's Makefile was planned for.
fn planned_study(directory: &Path) -> Option<String> {
    /// A file's name and the words around it are shorter.
    const FIRST_LINE: u64 = 4096;
    let makefile = File::open(directory.join("Makefile")).ok()?;
    let mut start = Vec::new();
    makefile.take(FIRST_LINE).read_to_end(&mut start).ok()?;
    make::study_of(&String::from_utf8_lossy(&start)).map(str::to_owned)
}
