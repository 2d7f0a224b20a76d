//! What crossed over: the stages of transfer, measured on every checkpoint of a run.
//!
//! In reading order:
//! - [`items`] (what the probes ask), [`lexicon`] (whose forms), [`ranking`] (where the gold one stands);
//! - [`score`] (from a model to log-probabilities), [`scores`] (one checkpoint's, calibrated), [`generate`] (sampled
//!   text), [`engine`] (who computes them);
//! - [`stages`]: grammar, types, knowledge, lexical forms; [`text`], [`ladder`] and [`alignment`] beside them;
//! - [`measure`] and [`bootstrap`] (from outcomes to value, chance and interval), [`onset`];
//! - [`inputs`], [`evaluate`] (one run over every checkpoint), [`aggregate`] (metrics from files alone), [`destination`]
//!   (where they may be written), [`show`].
//!
//! Architecture invariant: metrics are computed from the files of EVAL, never from values that only memory held; so
//! they can be computed again without a model. Models are seen through [`score::LanguageModel`] alone.

pub mod aggregate;
pub mod alignment;
pub mod bootstrap;
pub mod destination;
pub mod engine;
pub mod evaluate;
pub mod generate;
pub mod inputs;
pub mod items;
pub mod ladder;
pub mod lexicon;
pub mod measure;
pub mod onset;
pub mod ranking;
pub mod score;
pub mod scores;
pub mod show;
pub mod stages;
#[cfg(test)]
mod testing;
pub mod text;
#[cfg(test)]
mod worked;
