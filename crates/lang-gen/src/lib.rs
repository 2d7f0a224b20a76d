//! lang-gen: two languages over one world, as text, with the material to evaluate on.
//!
//! In reading order: [`world_file`] (text to knobs), [`options`] (flags over them), [`stream`] (which derivation is
//! document i), [`words`] (what it is drawn from), [`interleave`] (in which order documents stand), [`corpus_files`]
//! (writing them), [`tables`] (lexicon and facts), [`probes`] (evaluation items), [`generate`] (all of it into LANG),
//! [`audit`] (the mask proved by parsing), [`show`] (for people), [`export`] (for other people's scorers).

pub mod audit;
pub mod corpus_files;
pub mod export;
pub mod generate;
pub mod interleave;
pub mod options;
pub mod probes;
pub mod show;
pub mod stream;
pub mod tables;
pub mod words;
pub mod world_file;
