//! Evaluation items: every row of `probes.parquet`.
//!
//! Items are drawn on concepts from named streams of the corpus seed, and told last: worlds that differ in
//! distance, divergence, script, pairing or order ask the same things. Every sentence is parsed back before it
//! becomes a row.
//!
//! In reading order: [`statement`] (what is said), [`build`] (as a derivation), [`material`] (the world, indexed; telling and
//! judging), [`context`] (sentences about a noun), [`alternatives`] (items of two alternatives, drawn evenly),
//! the stages [`grammar`], [`types`], [`knowledge`], [`lexical`], the [`ladder`], [`realised`] (what the clozes lack), and
//! [`mod@blimp`] (for other people's scorers).
//!
//! Conditions: `majority`, A about any noun; `minority`, B about unmasked nouns; `masked`, B about masked nouns
//! among unmasked ones; `identical`, the same where some B-form of the lemma equals its A-form. No B sentence
//! names another masked noun or states a held-out cell (but `held_out_*`, which are about those). A class that
//! a world cannot fill has no rows.

pub mod alternatives;
pub mod blimp;
pub mod build;
pub mod context;
pub mod grammar;
pub mod knowledge;
pub mod ladder;
pub mod lexical;
pub mod material;
pub mod realised;
pub mod statement;
pub mod types;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use anyhow::Result;
use corpus::tables::ProbeRow;
use corpus::{Condition, ProbeStage};
use rayon::prelude::*;
use seed::Seed;
use world::World;
use world::config::ProbeConfig;

use alternatives::Phenomenon;
use material::Material;

pub use blimp::blimp;

/// One class of rows, drawn on its own thread.
#[derive(Clone, Copy)]
enum Class {
    Alternatives(Phenomenon, Condition),
    Clozes,
    Ladder(Condition),
}

/// Items of a phenomenon in each condition: every stage but the lexical one has at least two phenomena of them.
fn items(sizes: &ProbeConfig, phenomenon: Phenomenon) -> usize {
    let all = sizes.items as usize;
    match phenomenon.stage {
        ProbeStage::Lexical => all,
        _ => all.div_ceil(2),
    }
}

/// Every row of `probes.parquet`, in the order of the stages, then phenomena, conditions and items; `probe`
/// counts rows from 0. The same world and corpus seed give the same rows on any number of threads.
///
/// # Errors
/// A grammar without the rules that probes are built with, a sentence that is not read as it was meant, an
/// interrupt.
pub fn probes(world: &World, corpus_seed: Seed) -> Result<Vec<ProbeRow>> {
    let material = Material::new(world, corpus_seed)?;
    let sizes = &world.config.probes;
    let stages = grammar::PHENOMENA
        .iter()
        .chain(&types::PHENOMENA)
        .chain(&knowledge::PHENOMENA);
    let of = |&phenomenon: &Phenomenon| {
        let class = move |&condition| Class::Alternatives(phenomenon, condition);
        Condition::ALL.iter().map(class)
    };
    let mut classes: Vec<Class> = stages.flat_map(of).collect();
    classes.push(Class::Clozes);
    classes.extend(of(&lexical::SAME_TYPE));
    classes.extend([Condition::Majority, Condition::Minority].map(Class::Ladder));
    let told: Vec<Vec<ProbeRow>> = classes
        .into_par_iter()
        .map(|class| match class {
            Class::Alternatives(phenomenon, condition) => {
                alternatives::rows(&material, phenomenon, condition, items(sizes, phenomenon))
            }
            Class::Clozes => lexical::clozes(&material),
            Class::Ladder(condition) => ladder::rows(&material, condition, sizes.ladder as usize),
        })
        .collect::<Result<_>>()?;
    let mut rows: Vec<ProbeRow> = Vec::with_capacity(told.iter().map(Vec::len).sum());
    for class in told {
        let first = rows.len() as u32;
        rows.extend((first..).zip(class).map(|(probe, row)| ProbeRow {
            probe,
            crossed_with: row.crossed_with.map(|other| first + other),
            ..row
        }));
    }
    Ok(rows)
}
