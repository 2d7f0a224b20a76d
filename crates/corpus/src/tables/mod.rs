//! Every Parquet table between the stages: one row struct each, whose fields are the columns.
//!
//! In reading order: `schema` (what a column is, and the macro that makes a table of a row struct), `choice` (columns
//! with few values), the tables of each directory (`lang`, `tok`, `model`, `eval`, `report`), `write` and `read` (rows
//! to files and back), `guard` (a damaged file never panics), `documents` (the hot path: text without a copy), `wide`
//! (columns named at run time).
//!
//! Files hold plain standard types, without Arrow's own schema, so that every reader sees the same: unsigned integers,
//! floats, booleans, strings, lists. Columns with few values are dictionary-encoded inside Parquet and plain strings
//! outside (Hugging Face `datasets` loads no Arrow dictionaries). Each column's description stands in the file's
//! key-value metadata under `column.NAME`.
//!
//! The same rows give the same bytes: fixed `created_by`, no clock, row groups and batches by row count.

mod cell;
mod choice;
mod documents;
mod eval;
mod lang;
mod model;
mod read;
mod report;
mod schema;
#[cfg(test)]
mod tests;
mod tok;
mod wide;
mod write;

pub use choice::{
    Category, Condition, FactKind, Language, ParseChoiceError, ProbeSet, ProbeStage, Verdict,
};
pub use documents::{DocumentBatch, DocumentRef, DocumentWriter, scan_documents, scan_text};
pub use eval::{AlignmentRow, ContinuationRow, MetricRow, SampleRow, ScoreRow, ValidationScoreRow};
pub use lang::{DocumentRow, FactRow, LexiconRow, ProbeRow, conditions};
pub use model::{TimingRow, TrainLogRow};
pub use read::{TableReader, read_rows};
pub use report::{ClaimRow, InterventionRow};
pub use schema::{Column, Kind, Table};
pub use tok::{BridgeRow, SegmentationRow, SummaryRow};
pub use wide::{Values, WideColumn, read_wide, write_wide};
pub use write::{TableWriter, write_rows};
