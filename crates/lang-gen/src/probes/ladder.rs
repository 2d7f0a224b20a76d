//! The likelihood ladder: a true sentence, the same with a type broken, the same with a pair that no text states.
//!
//! One word is replaced, the adjective of the predicate or the object: by one whose type does not fit, and by
//! one of the right type of which the statement is false. The token-shuffled rung is made where the tokens are.

use anyhow::Result;
use corpus::tables::ProbeRow;
use corpus::{Condition, ProbeSet, ProbeStage};
use rustc_hash::FxHashSet;
use seed::Stream;
use world::concept::Concept;
use world::ontology::{NounId, TypeId, ValueId};

use super::alternatives::turns;
use super::context::Template;
use super::material::{Family, Material, any_number, pick};
use super::statement::{Property, Statement};
use crate::tables::language;

/// Draws for one noun before its turn is over.
const TRIES: u64 = 12;

/// Patterns whose subject is the noun and whose predicate has one word to replace.
const TEMPLATES: [Template; 4] = [
    Template::Adjectives,
    Template::Subject,
    Template::Place,
    Template::Relative,
];

/// Up to `n` rows of a language's own condition.
///
/// # Errors
/// A sentence that is not read as it was meant, or an interrupt.
pub fn rows(material: &Material<'_>, condition: Condition, n: usize) -> Result<Vec<ProbeRow>> {
    let family = Family::of(condition);
    let side = family.side();
    let order = turns(material, family, condition, "ladder");
    let name = format!("probes ladder {}", family.name());
    let mut seen: FxHashSet<[Statement; 3]> = FxHashSet::default();
    let mut rows = Vec::new();
    // Rounds enough for every noun's share and some bad luck.
    let rounds = (4 * n / order.len().max(1) + 4) as u64;
    for (round, &noun) in (0..rounds).flat_map(|round| order.iter().map(move |noun| (round, noun)))
    {
        if rows.len() == n {
            break;
        }
        command::check_interrupt()?;
        let drawn = (0..TRIES).find_map(|attempt| {
            let turn = round * material.world.ontology.nouns.len() as u64 + u64::from(noun);
            let mut rng = material.seed.stream_at(&name, turn * TRIES + attempt);
            draw(material, family, noun, &mut rng).filter(|(_, rungs)| !seen.contains(rungs))
        });
        let Some((template, rungs)) = drawn else {
            continue;
        };
        let mut candidates = Vec::new();
        for statement in &rungs {
            candidates.push(material.tell_checked("ladder", side, statement)?.0);
        }
        rows.push(ProbeRow {
            probe: rows.len() as u32,
            stage: ProbeStage::Ladder,
            phenomenon: "ladder".to_owned(),
            condition,
            language: language(side),
            concept: Some(material.world.concepts.id(Concept::Noun(noun))),
            r#type: Some(material.type_name(noun)),
            template: template.name().to_owned(),
            calibration_group: None,
            candidates,
            forms: None,
            gold: 0,
            crossed_with: None,
            set: ProbeSet::Ladder,
            chance: 1.0 / 3.0,
        });
        seen.insert(rungs);
    }
    Ok(rows)
}

/// Normal, type-violating, unseen pair.
fn draw(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    rng: &mut Stream,
) -> Option<(Template, [Statement; 3])> {
    let ontology = &material.world.ontology;
    let template = *pick(rng, &TEMPLATES)?;
    let number = any_number(rng);
    let normal = material.sentence(template, family, (noun, number), rng)?;
    let own = material.kind(noun);
    let replacements = match normal.properties.first()? {
        Property::Value { value, .. } => {
            let foreign: Vec<ValueId> = (0..ontology.n_values())
                .filter(|&value| {
                    !ontology.is_a(
                        own,
                        ontology.attributes[ontology.attribute_of(value)].domain,
                    )
                })
                .collect();
            [*pick(rng, &foreign)?, material.other_value(*value, rng)?].map(Property::value)
        }
        Property::Relation {
            relation, object, ..
        } => {
            let wanted = ontology.relations[usize::from(*relation)].object;
            let noun_of = |fits: &dyn Fn(TypeId) -> bool, rng: &mut Stream| {
                let kinds: Vec<&Vec<NounId>> = material
                    .leaves
                    .iter()
                    .filter(|(kind, _)| fits(*kind))
                    .map(|(_, nouns)| nouns)
                    .collect();
                let nouns = pick(rng, &kinds)?;
                pick(rng, nouns)
                    .copied()
                    .filter(|&other| material.is_clue(family, other) && !normal.names(other))
            };
            let foreign = noun_of(&|kind| !ontology.is_a(kind, wanted), rng)?;
            let strange = noun_of(&|kind| ontology.is_a(kind, wanted), rng)?;
            [foreign, strange].map(|noun| {
                let mut object = object.clone();
                object.noun = noun;
                Property::relation(*relation, object)
            })
        }
    };
    let [violating, unseen] = replacements.map(|property| Statement {
        properties: vec![property],
        ..normal.clone()
    });
    let as_meant = material.meaning(&violating).types_broken > 0
        && material.meaning(&unseen).types_broken == 0
        && !material.is_true(&unseen)
        && [&violating, &unseen]
            .iter()
            .all(|statement| material.allows(family, statement, &[noun]));
    as_meant.then_some((template, [normal, violating, unseen]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::testing::{DEMO, TINY};

    #[test]
    fn rungs_differ_in_one_word_and_break_what_they_say() {
        for case in [&*TINY, &*DEMO] {
            let reader = case.reader();
            for condition in [Condition::Majority, Condition::Minority] {
                let rows = case.of(ProbeStage::Ladder, "ladder", condition);
                assert_eq!(rows.len(), case.world.config.probes.ladder as usize);
                for row in rows {
                    let [normal, violating, unseen] = [0, 1, 2].map(|rung| {
                        reader
                            .meaning(row.language, &row.candidates[rung])
                            .expect("all are grammatical")
                    });
                    assert!(normal.types_broken == 0 && reader.is_true(&normal));
                    assert!(violating.types_broken > 0);
                    assert!(unseen.types_broken == 0 && !reader.is_true(&unseen));
                    for other in &row.candidates[1..] {
                        let pairs = row.candidates[0].split(' ').zip(other.split(' '));
                        assert_eq!(
                            pairs.filter(|(one, other)| one != other).count(),
                            1,
                            "{row:?}"
                        );
                    }
                }
            }
            assert!(
                case.of(ProbeStage::Ladder, "ladder", Condition::Masked)
                    .is_empty()
            );
        }
    }
}
