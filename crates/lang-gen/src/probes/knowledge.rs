//! Stage 3, knowledge: true against false of the right type, crossed, so that only truth differs.
//!
//! - `attribute`: two nouns of one leaf type with different values of one attribute, after a copula or before
//!   the noun;
//! - `relation`: two nouns of one leaf type, each with its own object of one leaf type;
//! - `held_out_attribute`, `held_out_relation`: the same where all cells are held out of B; in `majority` the
//!   same items, which A states.

use corpus::ProbeStage;
use rand::RngExt;
use rand::seq::SliceRandom;
use seed::Stream;
use world::grammar::WordClass;
use world::ontology::{NounId, ValueId};

use super::alternatives::{Contrast, Item, Phenomenon, Sentences};
use super::material::{Family, Material, any_number, pick};
use super::statement::{Phrase, Property, Statement};
use super::types::cross;

/// The stage's phenomena.
pub const PHENOMENA: [Phenomenon; 4] = [
    Phenomenon {
        stage: ProbeStage::Knowledge,
        name: "attribute",
        draw: attribute,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Knowledge,
        name: "relation",
        draw: relation,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Knowledge,
        name: "held_out_attribute",
        draw: held_out_attribute,
        paired: true,
    },
    Phenomenon {
        stage: ProbeStage::Knowledge,
        name: "held_out_relation",
        draw: held_out_relation,
        paired: true,
    },
];

/// Two contexts that differ in the value of one attribute: `the _ is A`, or `the A _ is B` where B (or its
/// denial) is true of both nouns.
fn contexts(
    material: &Material<'_>,
    family: Family,
    nouns: [NounId; 2],
    values: [ValueId; 2],
    rng: &mut Stream,
) -> Option<(&'static str, [Statement; 2])> {
    let ontology = &material.world.ontology;
    let number = any_number(rng);
    if rng.random::<bool>() {
        let context = |at: usize| {
            Statement::new(
                Phrase::plain(nouns[at], number),
                Property::value(values[at]),
            )
        };
        return Some(("the _ is A", [context(0), context(1)]));
    }
    let asked = ontology.attribute_of(values[0]);
    let mut own = material.values(family, nouns[0]);
    own.retain(|&value| ontology.attribute_of(value) != asked);
    own.shuffle(rng);
    let others = material.values(family, nouns[1]);
    let common = own.iter().copied().find(|value| others.contains(value));
    let (template, property) = match common {
        Some(value) => ("the A _ is B", Property::value(value)),
        None => {
            let own = *own.first()?;
            let attribute = ontology.attribute_of(own);
            if family != Family::Majority && material.world.mask.holds_out(nouns[1], attribute) {
                return None;
            }
            let other = ontology.value(nouns[1], attribute)?;
            let value = material
                .other_value(own, rng)
                .filter(|&value| value != other)?;
            (
                "the A _ is not B",
                Property::Value {
                    value,
                    positive: false,
                },
            )
        }
    };
    let context = |at: usize| {
        let phrase = Phrase::plain(nouns[at], number).with_adjectives(vec![values[at]]);
        Statement::new(phrase, property.clone())
    };
    Some((template, [context(0), context(1)]))
}

fn attribute(material: &Material<'_>, family: Family, u: NounId, rng: &mut Stream) -> Option<Item> {
    let ontology = &material.world.ontology;
    let own = material.kind(u);
    let v = material.partner(family, u, rng, |kind| kind == own)?;
    let first = *pick(rng, &material.values(family, u))?;
    let second = ontology.value(v, ontology.attribute_of(first))?;
    if first == second {
        return None;
    }
    let (template, [x, y]) = contexts(material, family, [u, v], [first, second], rng)?;
    cross(material, family, template, (u, x), (v, y), Contrast::Truth)
}

/// `the _ V the o`, with the nouns' own objects.
fn relation_contexts(
    material: &Material<'_>,
    relation: u16,
    pairs: [(NounId, NounId); 2],
    rng: &mut Stream,
) -> (&'static str, [Statement; 2]) {
    let (number, object_number) = (any_number(rng), any_number(rng));
    let template = match material.world.class_of(relation) {
        WordClass::Verb => "the _ V the N",
        _ => "the _ is P the N",
    };
    let contexts = pairs.map(|(subject, object)| {
        let object = Phrase::plain(object, object_number);
        Statement::new(
            Phrase::plain(subject, number),
            Property::relation(relation, object),
        )
    });
    (template, contexts)
}

fn relation(material: &Material<'_>, family: Family, u: NounId, rng: &mut Stream) -> Option<Item> {
    let own = material.kind(u);
    let &(relation, first) = pick(rng, &material.as_subject[u as usize])?;
    let v = material.partner(family, u, rng, |kind| kind == own)?;
    let ontology = &material.world.ontology;
    let second: Vec<NounId> = material.as_subject[v as usize]
        .iter()
        .filter(|&&(other, object)| {
            other == relation
                && material.kind(object) == material.kind(first)
                && !ontology.holds(usize::from(relation), u, object)
        })
        .map(|&(_, object)| object)
        .collect();
    let second = *pick(rng, &second)?;
    if ontology.holds(usize::from(relation), v, first)
        || [first, second].iter().any(|o| [u, v].contains(o))
    {
        return None;
    }
    let (template, [x, y]) = relation_contexts(material, relation, [(u, first), (v, second)], rng);
    cross(material, family, template, (u, x), (v, y), Contrast::Truth)
}

/// A crossed item over held-out cells; the same in both languages, and none about masked nouns.
fn held_out(template: &str, nouns: [NounId; 2], [x, y]: [Statement; 2]) -> Option<Item> {
    let [u, v] = nouns;
    let crossed = u != v && !x.names(v) && !y.names(u);
    crossed.then(|| Item {
        template: template.to_owned(),
        nouns,
        sentences: Sentences::Crossed(
            Box::new([[x.clone(), x.with_noun(u, v)], [y.with_noun(v, u), y]]),
            Contrast::Truth,
        ),
    })
}

fn held_out_attribute(
    material: &Material<'_>,
    _: Family,
    u: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    let world = material.world;
    let cells = &world.mask.attribute_cells;
    let own: Vec<u16> = cells
        .iter()
        .filter(|(noun, _)| *noun == u)
        .map(|&(_, attribute)| attribute)
        .collect();
    let attribute = *pick(rng, &own)?;
    let others: Vec<NounId> = cells
        .iter()
        .filter(|&&(noun, other)| {
            other == attribute && noun != u && material.kind(noun) == material.kind(u)
        })
        .map(|&(noun, _)| noun)
        .collect();
    let v = *pick(rng, &others)?;
    let value = |noun| world.ontology.value(noun, usize::from(attribute));
    let values = [value(u)?, value(v)?];
    if values[0] == values[1] {
        return None;
    }
    // The predicate beside it is one that B may state.
    let (template, contexts) = contexts(material, Family::Minority, [u, v], values, rng)?;
    held_out(template, [u, v], contexts)
}

fn held_out_relation(
    material: &Material<'_>,
    _: Family,
    u: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    let world = material.world;
    let cells = &world.mask.relation_cells;
    let holds = |&&(relation, subject, object): &&(u16, NounId, NounId)| {
        world.ontology.holds(usize::from(relation), subject, object)
    };
    let own: Vec<(u16, NounId, NounId)> = cells
        .iter()
        .filter(|(_, subject, _)| *subject == u)
        .filter(holds)
        .copied()
        .collect();
    let &(relation, _, first) = pick(rng, &own)?;
    let is_cell = |subject, object| cells.binary_search(&(relation, subject, object)).is_ok();
    let others: Vec<(NounId, NounId)> = cells
        .iter()
        .filter(holds)
        .filter(|&&(other, subject, object)| {
            let crossed_false = [(u, object), (subject, first)]
                .iter()
                .all(|&(subject, object)| {
                    is_cell(subject, object)
                        && !world.ontology.holds(usize::from(relation), subject, object)
                });
            other == relation
                && subject != u
                && crossed_false
                && material.kind(subject) == material.kind(u)
                && material.kind(object) == material.kind(first)
        })
        .map(|&(_, subject, object)| (subject, object))
        .collect();
    let &(v, second) = pick(rng, &others)?;
    let (template, contexts) =
        relation_contexts(material, relation, [(u, first), (v, second)], rng);
    held_out(template, [u, v], contexts)
}

#[cfg(test)]
mod tests {
    use corpus::Condition;

    use super::*;
    use crate::probes::testing::{Case, DEMO, TINY};

    /// True on the diagonal, false and well typed off it; golds of one type.
    fn check(case: &Case, phenomenon: &str, condition: Condition, at_least: usize) {
        let reader = case.reader();
        let items = case.crossed(ProbeStage::Knowledge, phenomenon, condition);
        assert!(
            items.len() >= at_least,
            "{phenomenon} {condition}: {}",
            items.len()
        );
        for [x, y] in items {
            let mut cells = 0;
            for (row, gold) in [(x, 0_usize), (y, 1)] {
                for (at, sentence) in row.candidates.iter().enumerate() {
                    let meaning = reader
                        .meaning(row.language, sentence)
                        .expect("all four are grammatical");
                    assert_eq!(meaning.types_broken, 0, "{sentence}");
                    assert_eq!(reader.is_true(&meaning), at == gold, "{sentence}");
                    cells += meaning
                        .facts
                        .iter()
                        .filter(|fact| reader.holds_out(fact))
                        .count();
                }
            }
            assert_eq!(x.r#type, y.r#type);
            match phenomenon.strip_prefix("held_out_") {
                Some(_) => assert_eq!(cells, 4, "each of the four states one held-out cell"),
                None if condition == Condition::Majority => {}
                None => assert_eq!(cells, 0),
            }
        }
    }

    #[test]
    fn truth_is_crossed() {
        for phenomenon in ["attribute", "relation"] {
            for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
                check(&DEMO, phenomenon, condition, 250);
            }
            check(&TINY, phenomenon, Condition::Masked, 20);
        }
    }

    #[test]
    fn held_out_cells_are_crossed_and_the_same_in_both_languages() {
        for phenomenon in ["held_out_attribute", "held_out_relation"] {
            for condition in [Condition::Majority, Condition::Minority] {
                check(&DEMO, phenomenon, condition, 40);
            }
            let concepts = |condition| -> Vec<_> {
                DEMO.of(ProbeStage::Knowledge, phenomenon, condition)
                    .iter()
                    .map(|row| (row.concept, row.template.clone(), row.gold))
                    .collect()
            };
            assert_eq!(concepts(Condition::Majority), concepts(Condition::Minority));
            assert!(
                DEMO.of(ProbeStage::Knowledge, phenomenon, Condition::Masked)
                    .is_empty()
            );
        }
    }
}
