//! `tok-train`: from a LANG directory to a TOK directory.
//!
//! In reading order: [`options`] (the flags), [`train`] (the stage: load, train, write),
//! [`word_counts`] (one pass over the text), [`lexicon`] and [`masked_forms`] (what may be seen of
//! B†), [`mixture`] (how much of each language), [`algorithm`] (from counts to `tokenizer.json`),
//! [`segmentation`] (forms and texts as tokens), [`measure`] (every measure, alone), [`candidates`]
//! (what LANG's clozes offer), [`bridges`] and [`summary`] (the tables), [`show`] and [`encode`] (looking at a TOK).
//!
//! Architecture invariants: the tokenizer depends on word counts alone, never on the order of
//! documents or on threads; what it is trained on and what its figures describe are two counts
//! (weighted and as the model sees the text); text is read once.

pub mod algorithm;
pub mod bridges;
pub mod candidates;
pub mod encode;
pub mod lexicon;
pub mod masked_forms;
pub mod measure;
pub mod mixture;
pub mod options;
pub mod segmentation;
pub mod show;
pub mod summary;
pub mod train;
pub mod word_counts;
