//! Stage 1, grammar: sentences against what is provably none.
//!
//! - `order`, `displaced`: the same words in another order; `position`: the noun changes places with a verb,
//!   adposition or adjective, so that it stands where no noun can (the first test of claim 4);
//! - `agreement`: crossed, singular and plural subjects with both forms of copula or verb;
//! - `missing_word`: one word less, secondary, since length alone tells.
//!
//! All good sentences are true; whatever is bad is parsed and found to be no sentence.

use corpus::ProbeStage;
use seed::Stream;
use world::grammar::Number;
use world::ontology::NounId;

use super::alternatives::{Change, Contrast, Item, Phenomenon, Sentences};
use super::context::Template;
use super::material::{Family, Material, any_number, pick};

/// The stage's phenomena.
pub const PHENOMENA: [Phenomenon; 5] = [
    Phenomenon {
        stage: ProbeStage::Grammar,
        name: "order",
        draw: order,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Grammar,
        name: "displaced",
        draw: displaced,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Grammar,
        name: "agreement",
        draw: agreement,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Grammar,
        name: "position",
        draw: position,
        paired: false,
    },
    Phenomenon {
        stage: ProbeStage::Grammar,
        name: "missing_word",
        draw: missing_word,
        paired: false,
    },
];

fn changed(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    change: Change,
    rng: &mut Stream,
) -> Option<Item> {
    let template = *pick(rng, &Template::ALL)?;
    let number = any_number(rng);
    let statement = material.sentence(template, family, (noun, number), rng)?;
    Some(Item {
        template: template.name().to_owned(),
        nouns: [noun, noun],
        sentences: Sentences::Changed(statement, change),
    })
}

fn order(material: &Material<'_>, family: Family, noun: NounId, rng: &mut Stream) -> Option<Item> {
    changed(material, family, noun, Change::Exchange, rng)
}

fn displaced(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    changed(material, family, noun, Change::Displace, rng)
}

fn position(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    changed(material, family, noun, Change::Misplace, rng)
}

fn missing_word(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    changed(material, family, noun, Change::Omit, rng)
}

/// Patterns whose subject is the noun and whose predicate has one agreeing word.
const AGREEING: [Template; 7] = [
    Template::Adjectives,
    Template::Relative,
    Template::Subject,
    Template::ObjectRelative,
    Template::Place,
    Template::Denial,
    Template::DeniedRelation,
];

/// x: the singular noun, y: the plural one; u, v: the singular and plural form of copula or verb.
fn agreement(
    material: &Material<'_>,
    family: Family,
    noun: NounId,
    rng: &mut Stream,
) -> Option<Item> {
    let template = *pick(rng, &AGREEING)?;
    let singular = material.sentence(template, family, (noun, Number::Singular), rng)?;
    let mut plural = singular.clone();
    plural.subject.number = Number::Plural;
    let sentences =
        [&singular, &plural].map(|statement| Number::ALL.map(|n| statement.with_agreement(n)));
    Some(Item {
        template: template.name().to_owned(),
        nouns: [noun, noun],
        sentences: Sentences::Crossed(Box::new(sentences), Contrast::Agreement),
    })
}

#[cfg(test)]
mod tests {
    use corpus::Condition;
    use world::concept::Concept;
    use world::form::Inflection;

    use super::*;
    use crate::probes::testing::{Case, DEMO, TINY};
    use crate::tables::side;

    fn check(case: &Case) {
        let reader = case.reader();
        for phenomenon in ["order", "displaced", "position", "missing_word"] {
            for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
                let rows = case.of(ProbeStage::Grammar, phenomenon, condition);
                assert_eq!(rows.len(), case.world.config.probes.items as usize / 2);
                for row in rows {
                    assert_eq!((row.gold, row.crossed_with), (0, None));
                    let good = reader.meaning(row.language, &row.candidates[0]).unwrap();
                    assert!(reader.is_true(&good) && good.types_broken == 0, "{row:?}");
                    assert!(good.nouns.contains(&row.concept.unwrap()));
                    assert_eq!(
                        reader.meaning(row.language, &row.candidates[1]),
                        None,
                        "{row:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn good_sentences_are_true_and_bad_ones_are_none() {
        check(&TINY);
        check(&DEMO);
    }

    /// `displaced` moves one function word; `position` exchanges the noun and a word of another open class.
    #[test]
    fn what_is_changed_is_what_the_name_says() {
        let world = &TINY.world;
        for row in TINY.of(ProbeStage::Grammar, "position", Condition::Masked) {
            let by_form = world.lexicon(side(row.language)).by_form();
            let [good, bad] = [0, 1].map(|at| row.candidates[at].split(' ').collect::<Vec<_>>());
            let moved: Vec<Concept> = good
                .iter()
                .zip(&bad)
                .filter(|(one, other)| one != other)
                .map(|(word, _)| world.concepts.concept(by_form[word].concept).unwrap())
                .collect();
            assert_eq!(moved.len(), 2, "{row:?}");
            assert!(moved.contains(&Concept::Noun(row.concept.unwrap())));
            assert!(
                moved
                    .iter()
                    .any(|concept| matches!(concept, Concept::Value(_) | Concept::Relation(_)))
            );
        }
        for row in TINY.of(ProbeStage::Grammar, "displaced", Condition::Minority) {
            let by_form = world.lexicon(side(row.language)).by_form();
            let [good, bad] = [0, 1].map(|at| row.candidates[at].split(' ').collect::<Vec<_>>());
            let without =
                |words: &[&str], at: usize| [&words[..at], &words[at + 1..]].concat().join(" ");
            let is_function = |word: &str| {
                by_form.get(word).is_some_and(|entry| {
                    matches!(
                        world.concepts.concept(entry.concept),
                        Some(Concept::Function(_))
                    )
                })
            };
            let moved = (0..good.len()).any(|from| {
                is_function(good[from])
                    && (0..bad.len()).any(|to| {
                        bad[to] == good[from] && without(&good, from) == without(&bad, to)
                    })
            });
            assert!(moved, "{row:?}");
        }
    }

    /// [[dog is, dog are], [dogs is, dogs are]]: the diagonal is grammatical, the rest is not.
    #[test]
    fn agreement_is_crossed() {
        let world = &TINY.world;
        let reader = TINY.reader();
        for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
            let items = TINY.crossed(ProbeStage::Grammar, "agreement", condition);
            assert_eq!(items.len(), 20);
            for [x, y] in items {
                for (row, gold) in [(x, 0), (y, 1)] {
                    assert_eq!(row.gold, gold);
                    for (at, sentence) in row.candidates.iter().enumerate() {
                        let grammatical = reader.meaning(row.language, sentence).is_some();
                        assert_eq!(grammatical, at == usize::from(gold), "{sentence}");
                    }
                }
                assert_eq!(x.concept, y.concept);
                let by_form = world.lexicon(side(x.language)).by_form();
                let forms = x.forms.as_ref().unwrap();
                let [singular, plural] = [0, 1].map(|at| by_form[forms[at].as_str()]);
                assert_eq!(singular.concept, plural.concept);
                assert_eq!(plural.inflection, Inflection::Plural);
                assert_ne!(singular.inflection, Inflection::Plural);
            }
        }
    }
}
