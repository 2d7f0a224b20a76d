//! `tok-train`: from a LANG directory to a TOK directory.

pub mod algorithm;
pub mod measure;
pub mod mixture;
pub mod word_counts;
