//! Which lexemes a world needs forms for, and how frequent each is in running text.

use rustc_hash::FxHashMap;
use seed::Seed;

use crate::concept::{Concept, ConceptIds};
use crate::derivation::{Label, Node};
use crate::form::{Category, Inflection, Lexeme};
use crate::grammar::{Grammar, Number, Symbol, WordClass};
use crate::mask::Mask;
use crate::ontology::Ontology;
use crate::sample::{Draft, Sampler};

/// Sentences sampled to estimate how frequent each word is.
const FREQUENCY_SENTENCES: u32 = 4000;

/// Everything that needs a form, with its expected frequency in running text. `None` where the grammar makes no true
/// sentence of the ontology.
pub(crate) fn lexemes(
    grammar: &Grammar,
    ontology: &Ontology,
    mask: &Mask,
    concepts: &ConceptIds,
    max_depth: u8,
    seed: Seed,
) -> Option<Vec<Lexeme>> {
    let counts = word_counts(grammar, ontology, concepts, max_depth, seed)?;
    let mut lexemes = Vec::new();
    for id in 0..concepts.len() {
        let Some(concept) = concepts.concept(id) else {
            continue;
        };
        let mut add = |category, inflection, leaf_type, masked, inflects, plural_of| {
            lexemes.push(Lexeme {
                concept: id,
                category,
                inflection,
                leaf_type,
                masked,
                frequency_rank: 0,
                // Never zero, so that a rare word still weighs something.
                tokens: f64::from(counts.get(&(id, inflection)).copied().unwrap_or(0)) + 0.5,
                inflects,
                plural_of,
            });
        };
        match concept {
            Concept::Noun(noun) => {
                let leaf = ontology.types[usize::from(ontology.nouns[noun as usize].kind)].leaf;
                add(
                    Category::Noun,
                    Inflection::Base,
                    leaf,
                    mask.masked[noun as usize],
                    true,
                    None,
                );
            }
            Concept::Value(_) => add(
                Category::Adjective,
                Inflection::Base,
                None,
                false,
                false,
                None,
            ),
            Concept::Relation(relation) if ontology.class_of(relation) == WordClass::Verb => {
                add(Category::Verb, Inflection::Base, None, false, true, None);
            }
            Concept::Relation(_) => add(
                Category::Function,
                Inflection::Base,
                None,
                false,
                false,
                None,
            ),
            Concept::Function(function) if grammar.functions[usize::from(function)].agrees => {
                add(
                    Category::Function,
                    Inflection::Singular,
                    None,
                    false,
                    false,
                    None,
                );
                add(
                    Category::Function,
                    Inflection::Plural,
                    None,
                    false,
                    false,
                    None,
                );
            }
            Concept::Function(_) => add(
                Category::Function,
                Inflection::Base,
                None,
                false,
                false,
                None,
            ),
            Concept::Attribute(_) => {}
            Concept::Affix(affix) => {
                let category = if affix == 0 {
                    Category::Noun
                } else {
                    Category::Verb
                };
                add(
                    Category::Affix,
                    Inflection::Plural,
                    None,
                    false,
                    false,
                    Some(category),
                );
            }
        }
    }
    for category in Category::ALL {
        let mut of_category: Vec<&mut Lexeme> = lexemes
            .iter_mut()
            .filter(|lexeme| lexeme.category == category)
            .collect();
        // Nouns have their frequency by the world's law; other words by how often they were told.
        of_category.sort_by_key(|lexeme| match concepts.concept(lexeme.concept) {
            Some(Concept::Noun(noun)) => u64::from(ontology.nouns[noun as usize].rank),
            _ => u64::MAX - (2.0 * lexeme.tokens) as u64,
        });
        for (rank, lexeme) in of_category.into_iter().enumerate() {
            lexeme.frequency_rank = rank as u32;
        }
    }
    Some(lexemes)
}

/// How often each word is told in a sample of unbarred derivations.
fn word_counts(
    grammar: &Grammar,
    ontology: &Ontology,
    concepts: &ConceptIds,
    max_depth: u8,
    seed: Seed,
) -> Option<FxHashMap<(u32, Inflection), u32>> {
    let sampler = Sampler::new(grammar, ontology, max_depth);
    let mut rng = seed.stream("word frequencies");
    let mut draft = Draft::default();
    let mut counts = FxHashMap::default();
    for _ in 0..FREQUENCY_SENTENCES {
        if !sampler.sentence(&mut rng, &mut draft) {
            return None;
        }
        for node in sampler.nodes(&draft) {
            count_node(node, grammar, concepts, &mut counts);
        }
    }
    Some(counts)
}

fn count_node(
    node: Node,
    grammar: &Grammar,
    concepts: &ConceptIds,
    counts: &mut FxHashMap<(u32, Inflection), u32>,
) {
    match node.label() {
        Label::Word(concept) => *counts.entry((concept, Inflection::Base)).or_default() += 1,
        Label::Rule(rule) => {
            for term in &grammar.rules[rule].constituents {
                if let Symbol::Function(function) = term.symbol {
                    let id = concepts.id(Concept::Function(function));
                    let inflection = match node.numbers().of(term.number) {
                        _ if !grammar.functions[usize::from(function)].agrees => Inflection::Base,
                        Number::Singular => Inflection::Singular,
                        Number::Plural => Inflection::Plural,
                    };
                    *counts.entry((id, inflection)).or_default() += 1;
                }
            }
        }
    }
}
