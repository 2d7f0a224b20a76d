//! World files: any text is a world's knobs or an error; knobs make a world or an error that says which cannot be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seed::Seed;
use world::WorldConfig;
use world::{Side, World};

const GRAMMAR: &str = include_str!("../../data/grammars/core.grammar");

fuzz_target!(|text: &str| {
    let Ok(config) = toml::from_str::<WorldConfig>(text) else {
        return;
    };
    // Large worlds are legal and slow; what is looked for is small ones that break.
    let ontology = &config.ontology;
    let types = ontology
        .branching
        .iter()
        .fold(1_u64, |types, &n| types.saturating_mul(n.into()));
    let attributes: u64 = ontology
        .attributes
        .iter()
        .map(|a| u64::from(a.count) * u64::from(a.values))
        .sum();
    let relations: u64 = ontology.relations.iter().map(|r| u64::from(r.count)).sum();
    if types > 8
        || ontology.nouns_per_type > 24
        || attributes > 64
        || relations > 16
        || ontology.branching.len() > 4
    {
        return;
    }
    if let Ok(world) = World::build(config, GRAMMAR, Seed(1)) {
        let text = world.to_json().expect("a world is written");
        World::from_json(&text).expect("a written world is read");
    }
});
