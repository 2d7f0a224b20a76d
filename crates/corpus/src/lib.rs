//! The files between stages: what a stage's directory holds, how it is published, how the next one checks it.
//!
//! In reading order: [`Stage`] (kinds of directories and their format versions), [`Fingerprint`] and [`Manifest`]
//! (what a directory says of itself), [`Input`] (reading one, checked before it is parsed), [`Output`] (writing one, so
//! that a killed run never leaves something that looks finished), [`tables`] (every Parquet table, one row struct
//! each).
//!
//! Architecture invariant: no other crate touches arrow or parquet, and this one knows nothing of worlds, tokenizers or
//! models; it moves columns and bytes.

mod durable;
mod error;
mod fingerprint;
mod input;
mod manifest;
mod output;
mod seal;
mod stage;
pub mod tables;

pub use durable::write_file;
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use input::Input;
pub use manifest::{FileEntry, Manifest, canonical_json};
pub use output::{Begin, Output, Request};
pub use seal::{check_seal, seal};
pub use stage::Stage;
pub use tables::{
    Category, Condition, DocumentBatch, DocumentRef, DocumentWriter, FactKind, Language, ProbeSet,
    ProbeStage, Table, TableReader, TableWriter, Verdict, read_rows, scan_documents, scan_text,
    write_rows,
};

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
