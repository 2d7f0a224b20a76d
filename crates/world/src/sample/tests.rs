use seed::Seed;

use super::*;
use crate::config::WorldConfig;
use crate::derivation::Label;
use crate::grammar::Action;

const TINY: &str = include_str!("../../../../data/worlds/tiny.toml");
const CORE: &str = include_str!("../../../../data/grammars/core.grammar");

/// How deeply relations stand in the noun phrases of others: 1 for `the x sees the y`, 2 for `the x sees the y that sees
/// the z`, 1 for `the x that sees the y sees the z`.
fn nesting(nodes: &[Node], grammar: &Grammar) -> usize {
    let mut ends: Vec<usize> = Vec::new();
    let mut deepest = 0;
    for (place, node) in nodes.iter().enumerate() {
        ends.retain(|&end| place < end);
        let Label::Rule(rule) = node.label() else {
            continue;
        };
        if matches!(
            grammar.rules[rule].meaning,
            Action::Relate(..) | Action::Deny(..) | Action::Inverse(..)
        ) {
            ends.push(place + node.length());
            deepest = deepest.max(ends.len());
        }
    }
    deepest
}

/// The limit is kept, and reached.
#[test]
fn noun_phrases_nest_as_deeply_as_the_limit_and_no_deeper() {
    let grammar = Grammar::parse(CORE).unwrap();
    let config: WorldConfig = toml::from_str(TINY).unwrap();
    let ontology = Ontology::draw(&config.ontology, Seed(1)).unwrap();
    let mut draft = Draft::default();
    for limit in 0..=3 {
        let sampler = Sampler::new(&grammar, &ontology, limit);
        let mut rng = Seed(1).stream("test depth");
        let mut by_depth = [0_u32; 4];
        for _ in 0..20_000 {
            sampler.sentence(&mut rng, &mut draft);
            let nesting = nesting(&sampler.nodes(&draft), &grammar);
            assert!(nesting <= usize::from(limit), "{nesting} beyond {limit}");
            by_depth[nesting] += 1;
            assert!(draft.facts.iter().all(|fact| fact.is_true(&ontology)));
        }
        assert!(
            by_depth[..=usize::from(limit)].iter().all(|&n| n > 0),
            "{limit}: {by_depth:?}"
        );
        // Deeper is rarer.
        assert!(
            by_depth[1..].is_sorted_by(|a, b| a >= b),
            "{limit}: {by_depth:?}"
        );
    }
}

/// With a mask an attempt succeeds where the same one without names no masked noun, and tells the same.
#[test]
fn attempts_name_no_masked_noun() {
    let grammar = Grammar::parse(CORE).unwrap();
    let config: WorldConfig = toml::from_str(TINY).unwrap();
    let ontology = Ontology::draw(&config.ontology, Seed(1)).unwrap();
    let sampler = Sampler::new(&grammar, &ontology, 2);
    let masked: Vec<bool> = (0..ontology.nouns.len())
        .map(|noun| noun % 2 == 0)
        .collect();
    let names_masked = |draft: &Draft| {
        let nodes = sampler.nodes(draft);
        nodes.iter().any(|node| match node.label() {
            // Nouns are the first concepts.
            Label::Word(concept) => masked.get(concept as usize) == Some(&true),
            Label::Rule(_) => false,
        })
    };
    let (mut open, mut barred) = (Draft::default(), Draft::default());
    let mut n_told = [0, 0];
    for index in 0..4000 {
        let rng = || Seed(1).stream_at("test attempts", index);
        let drawn = sampler.attempt(&mut rng(), &mut open, &[]);
        let told = sampler.attempt(&mut rng(), &mut barred, &masked);
        assert_eq!(told, drawn && !names_masked(&open));
        if told {
            assert_eq!((&barred.steps, &barred.facts), (&open.steps, &open.facts));
        }
        n_told[usize::from(told)] += 1;
    }
    assert!(n_told[0] > 100 && n_told[1] > 100, "{n_told:?}");
}
