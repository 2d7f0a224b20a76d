//! Stage 4, lexical forms: clozes whose clues determine one noun among all nouns of the world, and crossed
//! pairs of nouns of one type.
//!
//! A leaf type has two sets of golds: its masked nouns, and as many seen (unmasked) ones, one from each stratum
//! of frequency. Every noun of both sets stands in the same slots (pattern and number), in contexts that B may
//! tell: unmasked clue nouns, no held-out cell. So each candidate is gold equally often, and a calibration group
//! is one slot's contexts of one set. The seen set's contexts are told in A too (`majority`).
//!
//! Sets of candidates: `primary`, the golds of the set; `type_valid`, all nouns of the type (B only). A masked
//! noun whose forms are equal stays a candidate; its own clozes are `identical`.

use anyhow::Result;
use corpus::tables::ProbeRow;
use corpus::{ProbeSet, ProbeStage};
use rand::RngExt;
use rayon::prelude::*;
use seed::Stream;
use world::concept::Concept;
use world::grammar::Number;
use world::ontology::{NounId, TypeId};
use world::{Side, World};

use super::alternatives::{Contrast, Item, Phenomenon};
use super::context::Template;
use super::material::{Family, Material};
use super::statement::Statement;
use super::types::determined;
use crate::tables::language;

/// Two nouns of one type in contexts that determine them (the third test of claim 4); crossed.
pub const SAME_TYPE: Phenomenon = Phenomenon {
    stage: ProbeStage::Lexical,
    name: "same_type",
    draw: same_type,
    paired: false,
};

fn same_type(material: &Material<'_>, family: Family, u: NounId, rng: &mut Stream) -> Option<Item> {
    let own = material.kind(u);
    let v = material.partner(family, u, rng, |kind| kind == own)?;
    determined(material, family, (u, v), Contrast::Truth, rng)
}

/// A pattern and the noun's number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    template: Template,
    number: Number,
}

/// The clozes of one leaf type.
struct Clozes {
    kind: TypeId,
    slots: Vec<Slot>,
    /// Masked nouns, and the seen ones that stand beside them.
    golds: [Vec<Gold>; 2],
}

/// A noun with a context for each slot.
struct Gold {
    noun: NounId,
    contexts: Vec<Statement>,
}

/// Every cloze, by language and set of golds, then candidates, type, slot and noun.
///
/// # Errors
/// A sentence that is not read as it was meant, or an interrupt.
pub fn clozes(material: &Material<'_>) -> Result<Vec<ProbeRow>> {
    let n_contexts = material.world.config.probes.contexts as usize;
    let all: Vec<Clozes> = (0..material.leaves.len())
        .into_par_iter()
        .map(|leaf| {
            command::check_interrupt()?;
            Ok(draw(material, leaf, n_contexts))
        })
        .collect::<Result<_>>()?;
    let mut parts = Vec::new();
    for (family, golds, sets) in [
        (
            Family::Masked,
            0,
            &[ProbeSet::Primary, ProbeSet::TypeValid][..],
        ),
        (
            Family::Minority,
            1,
            &[ProbeSet::Primary, ProbeSet::TypeValid],
        ),
        (Family::Majority, 1, &[ProbeSet::Primary]),
    ] {
        for &set in sets {
            parts.extend(all.iter().map(|clozes| (family, golds, set, clozes)));
        }
    }
    let rows: Vec<Vec<ProbeRow>> = parts
        .into_par_iter()
        .map(|(family, golds, set, clozes)| tell(material, clozes, family, golds, set))
        .collect::<Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// Slots in the order of preference: all patterns in turn, each in the other number in the next round.
fn slots() -> impl Iterator<Item = Slot> {
    const ROUNDS: usize = 8;
    (0..ROUNDS).flat_map(|round| {
        Template::CLUES
            .iter()
            .enumerate()
            .map(move |(place, &template)| Slot {
                template,
                number: Number::ALL[(round + place) % 2],
            })
    })
}

/// The clozes of a leaf type: as many seen golds as masked ones where slots can be had for so many, else fewer
/// seen ones rather than no clozes.
fn draw(material: &Material<'_>, leaf: usize, wanted: usize) -> Clozes {
    let (_, nouns) = &material.leaves[leaf];
    let n_masked = nouns.iter().filter(|&&noun| material.masked(noun)).count();
    // Without masks: as many as the usual quarter would be.
    let n_seen = match n_masked {
        0 => (nouns.len() / 4).max(2),
        n => n.min(nouns.len() - n),
    };
    let mut best = fill(material, leaf, wanted, n_seen);
    // One candidate would be no choice.
    let fewer = [3 * n_seen / 4, n_seen / 2, n_seen / 4, 0];
    for n_seen in fewer.into_iter().filter(|&n| n != 1) {
        if best.slots.len() == wanted {
            break;
        }
        let other = fill(material, leaf, wanted, n_seen);
        if other.slots.len() > best.slots.len() {
            best = other;
        }
    }
    best
}

/// Takes slots that every masked noun and at least `n_seen` unmasked ones can fill, until there are `wanted`.
fn fill(material: &Material<'_>, leaf: usize, wanted: usize, n_seen: usize) -> Clozes {
    let (kind, nouns) = &material.leaves[leaf];
    let (masked, unmasked): (Vec<NounId>, Vec<NounId>) =
        nouns.iter().partition(|&&noun| material.masked(noun));
    let gold = |&noun: &NounId| Gold {
        noun,
        contexts: Vec::new(),
    };
    let mut clozes = Clozes {
        kind: *kind,
        slots: Vec::new(),
        golds: [
            masked.iter().map(gold).collect(),
            unmasked.iter().map(gold).collect(),
        ],
    };
    for slot in slots() {
        if clozes.slots.len() == wanted {
            break;
        }
        let [masked, unmasked] = &clozes.golds;
        let context = |gold: &Gold| {
            let turn = clozes.slots.len() as u64;
            let index = turn * material.world.ontology.nouns.len() as u64 + u64::from(gold.noun);
            let mut rng = material
                .seed
                .stream_at(&format!("probes cloze {}", slot.template.name()), index);
            let noun = (gold.noun, slot.number);
            // In B's terms for all: what is told in A is what B could say.
            material.determining(
                slot.template,
                Family::Masked,
                noun,
                &gold.contexts,
                &mut rng,
            )
        };
        let Some(of_masked) = masked
            .iter()
            .map(context)
            .collect::<Option<Vec<Statement>>>()
        else {
            continue;
        };
        let of_unmasked: Vec<Option<Statement>> = unmasked.iter().map(context).collect();
        if of_unmasked.iter().flatten().count() < n_seen {
            continue;
        }
        clozes.slots.push(slot);
        let filled = of_masked.into_iter().map(Some).collect::<Vec<_>>();
        for (golds, filled) in clozes.golds.iter_mut().zip([filled, of_unmasked]) {
            let pairs = std::mem::take(golds).into_iter().zip(filled);
            golds.extend(pairs.filter_map(|(mut gold, context)| {
                gold.contexts.push(context?);
                Some(gold)
            }));
        }
    }
    clozes.golds[1] = stratified(material, leaf, std::mem::take(&mut clozes.golds[1]), n_seen);
    clozes
}

/// One noun of each of `n` strata of frequency, in order of ids.
fn stratified(material: &Material<'_>, leaf: usize, mut golds: Vec<Gold>, n: usize) -> Vec<Gold> {
    let rank = |gold: &Gold| material.world.ontology.nouns[gold.noun as usize].rank;
    golds.sort_by_key(rank);
    let mut rng = material.seed.stream_at("probes seen nouns", leaf as u64);
    let mut kept = vec![false; golds.len()];
    for stratum in 0..n {
        let start = (stratum * golds.len() / n) as u32;
        let end = ((stratum + 1) * golds.len() / n) as u32;
        kept[rng.random_range(start..end) as usize] = true;
    }
    let mut kept = kept.into_iter();
    golds.retain(|_| kept.next().unwrap_or(false));
    golds.sort_by_key(|gold| gold.noun);
    golds
}

/// How the lexicon calls the noun's inflection.
fn inflection(world: &World, number: Number) -> &'static str {
    match number {
        Number::Plural if world.config.form.inflection => "plural",
        _ => "base",
    }
}

fn tell(
    material: &Material<'_>,
    clozes: &Clozes,
    family: Family,
    golds: usize,
    set: ProbeSet,
) -> Result<Vec<ProbeRow>> {
    command::check_interrupt()?;
    let side = family.side();
    let ontology = &material.world.ontology;
    let golds = &clozes.golds[golds];
    let candidates: Vec<NounId> = match set {
        ProbeSet::TypeValid => ontology.nouns_of(clozes.kind).collect(),
        _ => golds.iter().map(|gold| gold.noun).collect(),
    };
    let kind = &ontology.types[usize::from(clozes.kind)].name;
    let golds_name = match family {
        Family::Masked => "masked",
        Family::Majority | Family::Minority => "seen",
    };
    let mut rows = Vec::new();
    for (index, slot) in clozes.slots.iter().enumerate() {
        let forms: Vec<String> = candidates
            .iter()
            .map(|&noun| material.form(side, noun, slot.number).to_owned())
            .collect();
        let group = format!(
            "{} | {kind} | {} | {} | {golds_name} | {set}",
            slot.template.name(),
            inflection(material.world, slot.number),
            language(side),
        );
        for gold in golds {
            let context = &gold.contexts[index];
            let Some(place) = candidates.iter().position(|&noun| noun == gold.noun) else {
                continue;
            };
            let (text, _) = material.tell_checked("lexical", side, context)?;
            rows.push(ProbeRow {
                probe: rows.len() as u32,
                stage: ProbeStage::Lexical,
                phenomenon: standing(material, side, &text, gold.noun).to_owned(),
                condition: material.condition(family, gold.noun),
                language: language(side),
                concept: Some(material.world.concepts.id(Concept::Noun(gold.noun))),
                r#type: Some(kind.clone()),
                template: slot.template.name().to_owned(),
                calibration_group: Some(group.clone()),
                candidates: candidates
                    .iter()
                    .map(|&noun| material.tell(side, &context.with_noun(gold.noun, noun)))
                    .collect(),
                forms: Some(forms.clone()),
                gold: place as u16,
                crossed_with: None,
                set,
                chance: 1.0 / candidates.len() as f32,
            });
        }
    }
    Ok(rows)
}

/// Where the noun stands among its clues, in this language's order.
fn standing(material: &Material<'_>, side: Side, text: &str, noun: NounId) -> &'static str {
    let concept = |word: &str| {
        let id = material.recogniser(side).concept(word)?;
        material.world.concepts.concept(id)
    };
    let content: Vec<Concept> = text
        .split(' ')
        .filter_map(concept)
        .filter(|concept| !matches!(concept, Concept::Function(_)))
        .collect();
    let own = content
        .iter()
        .position(|&concept| concept == Concept::Noun(noun));
    match own {
        Some(0) => "noun_first",
        Some(place) if place + 1 == content.len() => "noun_last",
        _ => "noun_between",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use corpus::Condition;

    use super::*;
    use crate::probes::testing::{Case, DEMO, TINY};

    fn clozes(case: &Case) -> impl Iterator<Item = &ProbeRow> {
        case.rows
            .iter()
            .filter(|row| matches!(row.set, ProbeSet::Primary | ProbeSet::TypeValid))
    }

    /// Read off the words alone: among all nouns, only the gold makes the sentence true.
    #[test]
    fn clues_determine_the_noun() {
        for case in [&*TINY, &*DEMO] {
            let reader = case.reader();
            let mut n = 0;
            for row in clozes(case) {
                let gold = row.concept.unwrap();
                let meaning = reader
                    .meaning(row.language, &row.candidates[usize::from(row.gold)])
                    .unwrap();
                assert_eq!(
                    meaning.nouns.iter().filter(|&&noun| noun == gold).count(),
                    1
                );
                assert_eq!(reader.answers(&meaning, gold), [gold], "{row:?}");
                assert_eq!(meaning.types_broken, 0);
                n += 1;
            }
            assert!(n > 0);
        }
    }

    /// Demo: 8 masked nouns of each of 4 types, 8 seen ones, 4 contexts each.
    #[test]
    fn every_concept_has_its_contexts_and_every_candidate_is_gold_equally_often() {
        for (case, n_types) in [(&*TINY, 4), (&*DEMO, 4)] {
            let mut contexts: BTreeMap<(Condition, ProbeSet, u32), usize> = BTreeMap::new();
            let mut golds: BTreeMap<&str, BTreeMap<u16, usize>> = BTreeMap::new();
            for row in clozes(case) {
                *contexts
                    .entry((row.condition, row.set, row.concept.unwrap()))
                    .or_default() += 1;
                if row.set == ProbeSet::Primary {
                    let group = golds
                        .entry(row.calibration_group.as_ref().unwrap())
                        .or_default();
                    *group.entry(row.gold).or_default() += 1;
                    assert_eq!(row.candidates.len(), 8);
                    assert!(row.chance.total_cmp(&0.125).is_eq());
                }
            }
            assert!(contexts.values().all(|&n| n == 4), "{contexts:?}");
            let n_concepts = |wanted: &[Condition]| {
                let of = |key: &&(Condition, ProbeSet, u32)| {
                    wanted.contains(&key.0) && key.1 == ProbeSet::Primary
                };
                contexts.keys().filter(of).count()
            };
            assert_eq!(
                n_concepts(&[Condition::Masked, Condition::Identical]),
                8 * n_types
            );
            assert_eq!(n_concepts(&[Condition::Minority]), 8 * n_types);
            assert_eq!(n_concepts(&[Condition::Majority]), 8 * n_types);
            for (group, golds) in golds {
                assert_eq!(golds.len(), 8, "{group}");
                assert_eq!(golds.values().collect::<BTreeSet<_>>().len(), 1, "{group}");
            }
        }
    }

    #[test]
    fn a_calibration_group_has_one_list_of_forms() {
        let mut groups: BTreeMap<&str, &ProbeRow> = BTreeMap::new();
        for row in clozes(&DEMO) {
            let first = groups
                .entry(row.calibration_group.as_ref().unwrap())
                .or_insert(row);
            assert_eq!(first.forms, row.forms);
            assert_eq!(
                (first.set, first.language, &first.template, &first.r#type),
                (row.set, row.language, &row.template, &row.r#type)
            );
        }
    }

    /// Candidates are the gold sentence with each form in the gold's place.
    #[test]
    fn candidates_are_one_sentence_with_each_form() {
        for row in clozes(&DEMO) {
            let forms = row.forms.as_ref().unwrap();
            let gold = &row.candidates[usize::from(row.gold)];
            let words: Vec<&str> = gold.split(' ').collect();
            let place = words
                .iter()
                .position(|word| *word == forms[usize::from(row.gold)])
                .unwrap();
            for (form, candidate) in forms.iter().zip(&row.candidates) {
                let mut expected = words.clone();
                expected[place] = form;
                assert_eq!(*candidate, expected.join(" "));
            }
        }
    }

    /// The golds: masked forms for masked nouns; in the seen set unmasked ones, the same in both languages.
    #[test]
    fn sets_hold_what_they_say() {
        let by_form = DEMO.world.lexicon(Side::Minority).by_form();
        let masked =
            |form: &String| DEMO.world.mask.masked[by_form[form.as_str()].concept as usize];
        let mut seen: [BTreeSet<u32>; 2] = Default::default();
        for row in clozes(&DEMO) {
            let forms = row.forms.as_ref().unwrap();
            match (row.condition, row.set) {
                (Condition::Masked | Condition::Identical, ProbeSet::Primary) => {
                    assert!(forms.iter().all(masked))
                }
                (Condition::Minority, ProbeSet::Primary) => {
                    assert!(!forms.iter().any(masked));
                    seen[0].extend(row.concept);
                }
                (Condition::Majority, _) => {
                    assert_eq!(row.set, ProbeSet::Primary);
                    seen[1].extend(row.concept);
                }
                _ => {
                    assert_eq!(forms.len(), 24);
                    assert_eq!(forms.iter().filter(|form| masked(form)).count(), 8);
                }
            }
        }
        assert_eq!(seen[0], seen[1]);
    }

    #[test]
    fn nouns_stand_in_different_places_and_numbers() {
        for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
            let rows: Vec<&ProbeRow> = clozes(&DEMO)
                .filter(|row| row.condition == condition)
                .collect();
            let places: BTreeSet<&str> = rows.iter().map(|row| row.phenomenon.as_str()).collect();
            assert_eq!(
                places.into_iter().collect::<Vec<_>>(),
                ["noun_between", "noun_first", "noun_last"]
            );
            for inflection in [" base ", " plural "] {
                assert!(
                    rows.iter().any(|row| row
                        .calibration_group
                        .as_ref()
                        .unwrap()
                        .contains(inflection))
                );
            }
        }
    }

    /// Another noun of the type makes each context false, and nothing but truth differs.
    #[test]
    fn same_type_items_cross_two_nouns_of_a_type() {
        let reader = DEMO.reader();
        for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
            let items = DEMO.crossed(ProbeStage::Lexical, "same_type", condition);
            assert_eq!(items.len(), 500);
            for [x, y] in items {
                assert_eq!((&x.r#type, &x.template), (&y.r#type, &y.template));
                assert_ne!(x.concept, y.concept);
                for (row, gold) in [(x, 0_usize), (y, 1)] {
                    let [good, bad] = [gold, 1 - gold]
                        .map(|at| reader.meaning(row.language, &row.candidates[at]).unwrap());
                    assert_eq!(
                        reader.answers(&good, row.concept.unwrap()),
                        [row.concept.unwrap()]
                    );
                    assert!(bad.types_broken == 0 && !reader.is_true(&bad));
                }
            }
        }
    }
}
