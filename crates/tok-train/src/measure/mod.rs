//! Measures, each a pure function with its formula, its source and a hand-computed test.
//!
//! Bridges (per pair of forms): [`shared_mass`], [`ordered`], [`specificity`], [`seen_coverage`],
//! what corrects them for chance ([`chance`]), and what ranks candidates by them
//! ([`reciprocal_rank`], [`translation`]). Texts: [`text`], [`average_rank`], [`renyi`],
//! [`jaccard`], [`jensen_shannon`].

pub mod average_rank;
pub mod chance;
pub mod jaccard;
pub mod jensen_shannon;
pub mod ordered;
pub mod reciprocal_rank;
pub mod renyi;
pub mod seen_coverage;
pub mod shared_mass;
pub mod specificity;
pub mod text;
pub mod translation;

mod form;
pub use form::Form;
