//! The rows of lexicon.parquet and facts.parquet.

use corpus::tables::{Category, FactKind, FactRow, Language, LexiconRow};
use world::concept::Concept;
use world::form::{self, distance::ldn_str};
use world::meaning::{Fact, Predicate};
use world::{Side, World};

/// One row per concept × language × inflection, sorted by concept, language, inflection.
pub fn lexicon(world: &World) -> Vec<LexiconRow> {
    let mut rows = Vec::new();
    for side in Side::ALL {
        for entry in world.lexicon(side).entries() {
            let noun = match world.concepts.concept(entry.concept) {
                Some(Concept::Noun(noun)) => Some(noun),
                _ => None,
            };
            let majority = world
                .lexicons
                .majority
                .form(entry.concept, entry.inflection)
                .unwrap_or_default();
            let minority = world
                .lexicons
                .minority
                .form(entry.concept, entry.inflection)
                .unwrap_or_default();
            rows.push(LexiconRow {
                concept: entry.concept,
                category: category(entry.category),
                r#type: noun.map(|noun| type_name(world, noun)),
                inflection: entry.inflection.name().to_owned(),
                language: language(side),
                form: entry.form.clone(),
                masked: noun.is_some_and(|noun| world.mask.masked[noun as usize]),
                identical: majority == minority,
                ldn: (side == Side::Minority).then(|| ldn_str(majority, minority) as f32),
                frequency_rank: world.frequency_ranks[entry.concept as usize],
            });
        }
    }
    rows.sort_by(|a, b| {
        (a.concept, a.language, &a.inflection).cmp(&(b.concept, b.language, &b.inflection))
    });
    rows
}

/// The name of a noun's type.
pub fn type_name(world: &World, noun: u32) -> String {
    world.ontology.types[usize::from(world.ontology.nouns[noun as usize].kind)]
        .name
        .clone()
}

fn category(category: form::Category) -> Category {
    match category {
        form::Category::Noun => Category::Noun,
        form::Category::Adjective => Category::Adjective,
        form::Category::Verb => Category::Verb,
        form::Category::Function => Category::Function,
        form::Category::Affix => Category::Affix,
    }
}

/// One row per true fact cell and per false one that is held out, sorted.
pub fn facts(world: &World) -> Vec<FactRow> {
    let ids = &world.concepts;
    let noun = |noun| ids.id(Concept::Noun(noun));
    let mut rows = Vec::new();
    for (subject, entry) in world.ontology.nouns.iter().enumerate() {
        for &value in &entry.values {
            let attribute = world.ontology.attribute_of(value);
            rows.push(FactRow {
                subject: noun(subject as u32),
                relation: ids.id(Concept::Attribute(attribute as u16)),
                object: ids.id(Concept::Value(value)),
                kind: FactKind::Attribute,
                held_out: world.mask.holds_out(subject as u32, attribute),
                holds: true,
            });
        }
    }
    for (relation, entry) in world.ontology.relations.iter().enumerate() {
        let relation = relation as u16;
        let held_out = world
            .mask
            .relation_cells
            .iter()
            .filter(|cell| cell.0 == relation)
            .map(|cell| (cell.1, cell.2));
        let mut pairs: Vec<(u32, u32)> = entry.pairs.iter().copied().chain(held_out).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (subject, object) in pairs {
            let fact = Fact {
                subject,
                predicate: Predicate::Relation(relation, object),
                positive: true,
            };
            rows.push(FactRow {
                subject: noun(subject),
                relation: ids.id(Concept::Relation(relation)),
                object: noun(object),
                kind: FactKind::Relation,
                held_out: world
                    .mask
                    .relation_cells
                    .binary_search(&(relation, subject, object))
                    .is_ok(),
                holds: fact.is_true(&world.ontology),
            });
        }
    }
    rows
}

/// The language of the files for a side of the world.
pub fn language(side: Side) -> Language {
    match side {
        Side::Majority => Language::Majority,
        Side::Minority => Language::Minority,
    }
}

/// The side of the world for a language of the files.
pub fn side(language: Language) -> Side {
    match language {
        Language::Majority => Side::Majority,
        Language::Minority => Side::Minority,
    }
}
