//! Stage 2, types: u fits only context x, v only context y; crossed.
//!
//! - `attribute`: adjectives that apply to one noun's type and not to the other's, after a copula or before
//!   the noun;
//! - `relation_subject`, `relation_object`: verbs or adpositions whose signature takes one type and not the
//!   other;
//! - `other_type`: contexts whose clues determine a noun, with a noun of another type in its place (the second
//!   test of claim 4).
//!
//! All four sentences are grammatical. The good two are true (a true sentence breaks no type), the bad two
//! break at least one constraint. In `masked`, u and v are both masked.

use corpus::ProbeStage;
use rand::RngExt;
use seed::Stream;
use world::ontology::{NounId, TypeId, ValueId};

use super::alternatives::{Contrast, Item, Phenomenon, Sentences};
use super::context::Template;
use super::material::{Family, Material, any_number, pick};
use super::statement::{Phrase, Property, Statement};

/// The stage's phenomena.
pub const PHENOMENA: [Phenomenon; 4] = [
    Phenomenon {
        stage: ProbeStage::Type,
        name: "attribute",
        draw: attribute,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Type,
        name: "relation_subject",
        draw: relation_subject,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Type,
        name: "relation_object",
        draw: relation_object,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Type,
        name: "other_type",
        draw: other_type,
        paired: false,
    },
];

/// Crosses two contexts with their nouns; `None` where a context names the other's noun or the family may not
/// say one of the four.
pub fn cross(
    material: &Material<'_>,
    family: Family,
    template: &str,
    (u, x): (NounId, Statement),
    (v, y): (NounId, Statement),
    contrast: Contrast,
) -> Option<Item> {
    if u == v || x.names(v) || y.names(u) {
        return None;
    }
    let sentences = [
        [x.clone(), x.with_noun(u, v)],
        [y.with_noun(v, u), y.clone()],
    ];
    let allowed = |statement: &Statement| material.allows(family, statement, &[u, v]);
    sentences.iter().flatten().all(allowed).then(|| Item {
        template: template.to_owned(),
        nouns: [u, v],
        sentences: Sentences::Crossed(Box::new(sentences), contrast),
    })
}

/// The noun's value on a drawn attribute that applies to it and whose domain fits.
fn value(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    rng: &mut Stream,
    fits: impl Fn(TypeId) -> bool,
) -> Option<ValueId> {
    let ontology = &material.world.ontology;
    let mut values = material.values(family, noun);
    values.retain(|&value| fits(ontology.attributes[ontology.attribute_of(value)].domain));
    pick(rng, &values).copied()
}

fn attribute(material: &Material<'_>, family: Family, u: NounId, rng: &mut Stream) -> Option<Item> {
    let ontology = &material.world.ontology;
    let own = material.kind(u);
    let v = material.partner(family, u, rng, |kind| kind != own)?;
    let other = material.kind(v);
    let telling = value(material, family, u, rng, |domain| {
        !ontology.is_a(other, domain)
    })?;
    let crossing = value(material, family, v, rng, |domain| {
        !ontology.is_a(own, domain)
    })?;
    let number = any_number(rng);
    let attributive = rng.random::<bool>();
    let context = |noun: NounId, telling: ValueId, rng: &mut Stream| {
        let phrase = Phrase::plain(noun, number);
        if !attributive {
            return Some(Statement::new(phrase, Property::value(telling)));
        }
        // The predicate's attribute applies to both, so that only the adjective tells.
        let both = |domain| ontology.is_a(own, domain) && ontology.is_a(other, domain);
        let shared = value(material, family, noun, rng, both)?;
        let phrase = phrase.with_adjectives(vec![telling]);
        Some(Statement::new(phrase, Property::value(shared)))
    };
    let x = context(u, telling, rng)?;
    let y = context(v, crossing, rng)?;
    let template = if attributive {
        "the A _ is B"
    } else {
        "the _ is A"
    };
    cross(material, family, template, (u, x), (v, y), Contrast::Types)
}

/// A relation's true pair with the noun at one end.
type Pairs<'m> = &'m [Vec<(u16, NounId)>];

fn relation(
    material: &Material<'_>,
    family: Family,
    u: NounId,
    rng: &mut Stream,
    pairs: Pairs<'_>,
    as_subject: bool,
) -> Option<Item> {
    let ontology = &material.world.ontology;
    let end = |relation: u16| {
        let relation = &ontology.relations[usize::from(relation)];
        if as_subject {
            relation.subject
        } else {
            relation.object
        }
    };
    let own = material.kind(u);
    let &(telling, partner) = pick(rng, &pairs[u as usize])?;
    let v = material.partner(family, u, rng, |kind| !ontology.is_a(kind, end(telling)))?;
    let class = material.world.class_of(telling);
    let others: Vec<(u16, NounId)> = pairs[v as usize]
        .iter()
        .copied()
        .filter(|&(relation, _)| {
            material.world.class_of(relation) == class && !ontology.is_a(own, end(relation))
        })
        .collect();
    let &(crossing, other) = pick(rng, &others)?;
    let number = any_number(rng);
    let partner_number = any_number(rng);
    let context = |noun: NounId, relation: u16, partner: NounId| {
        let noun = Phrase::plain(noun, number);
        let partner = Phrase::plain(partner, partner_number);
        let (subject, object) = if as_subject {
            (noun, partner)
        } else {
            (partner, noun)
        };
        Statement::new(subject, Property::relation(relation, object))
    };
    let verb = class == world::grammar::WordClass::Verb;
    let template = match (as_subject, verb) {
        (true, true) => "the _ V the N",
        (true, false) => "the _ is P the N",
        (false, true) => "the N V the _",
        (false, false) => "the N is P the _",
    };
    let x = context(u, telling, partner);
    let y = context(v, crossing, other);
    if partner == u || other == v {
        return None;
    }
    cross(material, family, template, (u, x), (v, y), Contrast::Types)
}

fn relation_subject(
    material: &Material<'_>,
    family: Family,
    u: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    relation(material, family, u, rng, &material.as_subject, true)
}

fn relation_object(
    material: &Material<'_>,
    family: Family,
    u: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    relation(material, family, u, rng, &material.as_object, false)
}

/// Contexts of one pattern that determine u and v.
pub fn determined(
    material: &Material<'_>,
    family: Family,
    (u, v): (NounId, NounId),
    contrast: Contrast,
    rng: &mut Stream,
) -> Option<Item> {
    let template = *pick(rng, &Template::CLUES)?;
    let number = any_number(rng);
    let x = material.determining(template, family, (u, number), &[], rng)?;
    let y = material.determining(template, family, (v, number), &[], rng)?;
    cross(material, family, template.name(), (u, x), (v, y), contrast)
}

fn other_type(
    material: &Material<'_>,
    family: Family,
    u: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    let own = material.kind(u);
    let v = material.partner(family, u, rng, |kind| kind != own)?;
    determined(material, family, (u, v), Contrast::Types, rng)
}

#[cfg(test)]
mod tests {
    use corpus::Condition;

    use super::*;
    use crate::probes::testing::{Case, DEMO, TINY};

    /// u fits only x, v only y, and the good sentences are true.
    fn check(case: &Case, phenomenon: &str, condition: Condition) {
        let reader = case.reader();
        let items = case.crossed(ProbeStage::Type, phenomenon, condition);
        let mut n_masked = 0;
        assert_eq!(
            items.len(),
            case.world.config.probes.items as usize / 2,
            "{phenomenon} {condition}"
        );
        for [x, y] in items {
            for (row, gold) in [(x, 0_usize), (y, 1)] {
                let [good, bad] = [gold, 1 - gold].map(|at| {
                    reader
                        .meaning(row.language, &row.candidates[at])
                        .expect("all four are grammatical")
                });
                assert!(good.types_broken == 0 && reader.is_true(&good), "{row:?}");
                assert!(bad.types_broken > 0, "{row:?}");
                assert!(good.nouns.contains(&row.concept.unwrap()));
            }
            assert_ne!(x.r#type, y.r#type);
            let masked = |row: &corpus::tables::ProbeRow| {
                case.world.mask.masked[row.concept.unwrap() as usize]
            };
            match condition {
                Condition::Masked | Condition::Identical => assert!(masked(x) && masked(y)),
                Condition::Minority => assert!(!masked(x) && !masked(y)),
                // A speaks of any noun.
                Condition::Majority => n_masked += usize::from(masked(x)),
            }
        }
        assert_eq!(n_masked > 0, condition == Condition::Majority);
    }

    #[test]
    fn each_noun_fits_only_its_own_context() {
        for phenomenon in [
            "attribute",
            "relation_subject",
            "relation_object",
            "other_type",
        ] {
            for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
                check(&DEMO, phenomenon, condition);
            }
        }
        check(&TINY, "attribute", Condition::Masked);
    }

    /// Copular items: `the _ is A` with A of an attribute that one type has and the other lacks.
    #[test]
    fn an_attribute_item_is_about_attributes_of_one_type() {
        use world::meaning::Predicate;
        let ontology = &TINY.world.ontology;
        let reader = TINY.reader();
        for [x, y] in TINY.crossed(ProbeStage::Type, "attribute", Condition::Majority) {
            if x.template != "the _ is A" {
                continue;
            }
            let [u, v] = [x.concept.unwrap(), y.concept.unwrap()];
            let meaning = reader.meaning(x.language, &x.candidates[0]).unwrap();
            let [fact] = meaning.facts[..] else {
                panic!("one fact: {meaning:?}")
            };
            let Predicate::Value(value) = fact.predicate else {
                panic!("a value: {fact:?}")
            };
            assert_eq!(fact.subject, u);
            let attribute = ontology.attribute_of(value);
            assert_eq!(ontology.value(u, attribute), Some(value));
            assert_eq!(ontology.value(v, attribute), None);
        }
    }
}
