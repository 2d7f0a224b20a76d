//! The stages of transfer, from scores to measures: grammar, then types, then knowledge, then masked lexical forms.
//!
//! [`alternatives`] scores items with two candidates for all four; each stage says which phenomena it has and what
//! stands beside them. Every stage reports all four conditions: one that has no items is null with a reason.

pub mod alternatives;
pub mod grammar;
pub mod knowledge;
pub mod lexical;
pub mod types;
