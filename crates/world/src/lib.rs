//! The world: meaning (ontology, typed grammar, true statements) and form (two lexicons, word order).
//! No input or output happens here; callers bring text and take text.
//!
//! In reading order:
//! - [`config`]: the knobs; [`concept`]: the numbering of everything that has a word or a fact;
//! - meaning: [`ontology`] (what is), [`grammar`] (what can be said), [`derivation`] (one sentence's abstract
//!   syntax), [`meaning`] (what it states), [`sample`] (true sentences), [`mask`] (what B never states);
//! - form: [`form`] (the words of both languages), [`linearize`] (derivation to words), [`recognise`] (words
//!   to derivation); [`pieces`] (text out of short strings, fast);
//! - [`world`]: all of it together.

pub mod concept;
pub mod config;
pub mod derivation;
pub mod form;
pub mod grammar;
mod lexemes;
pub mod linearize;
pub mod mask;
pub mod meaning;
pub mod ontology;
pub mod pieces;
pub mod recognise;
pub mod sample;
pub mod world;

pub use config::WorldConfig;
pub use recognise::{Recogniser, Verdict};
pub use world::{Side, World, WorldError};
