//! What holds of every row.

use std::collections::BTreeSet;

use corpus::{Condition, Language, ProbeSet, ProbeStage};
use world::form::Inflection;

use crate::probes::probes;
use crate::probes::testing::{CORPUS_SEED, DEMO, TINY, build, tiny};

#[test]
fn rows_are_numbered_and_crossed_in_pairs() {
    for case in [&*TINY, &*DEMO] {
        for (index, row) in case.rows.iter().enumerate() {
            assert_eq!(row.probe as usize, index);
            assert!(usize::from(row.gold) < row.candidates.len());
            if let Some(other) = row.crossed_with {
                let other = &case.rows[other as usize];
                assert_eq!(other.crossed_with, Some(row.probe));
                assert_eq!(
                    (other.stage, &other.phenomenon, other.condition),
                    (row.stage, &row.phenomenon, row.condition)
                );
                assert_eq!(row.gold + other.gold, 1);
                assert_eq!(other.forms, row.forms);
            }
        }
    }
}

/// Every sentence differs from its fellows, and no item of two alternatives stands twice.
#[test]
fn items_are_distinct() {
    let mut seen = BTreeSet::new();
    for row in &DEMO.rows {
        let candidates: BTreeSet<&String> = row.candidates.iter().collect();
        assert_eq!(
            candidates.len(),
            row.candidates.len(),
            "{:?}",
            row.candidates
        );
        if row.crossed_with.is_none() {
            let key = (
                row.stage,
                &row.phenomenon,
                row.condition,
                row.set,
                &row.calibration_group,
                &row.candidates,
                row.gold,
            );
            assert!(seen.insert(key), "{row:?}");
        }
    }
}

#[test]
fn two_alternatives_have_the_same_number_of_words_but_where_one_is_missing() {
    for row in DEMO.rows.iter().filter(|row| row.set == ProbeSet::Pair) {
        let words = |text: &String| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        let [good, bad] = [
            &row.candidates[usize::from(row.gold)],
            &row.candidates[1 - usize::from(row.gold)],
        ];
        match row.phenomenon.as_str() {
            "missing_word" => assert_eq!(words(good).len(), words(bad).len() + 1),
            "order" | "displaced" | "position" => assert_eq!(words(good), words(bad)),
            _ => assert_eq!(words(good).len(), words(bad).len()),
        }
        assert!(row.chance.total_cmp(&0.5).is_eq());
    }
}

/// In B's good sentences: unmasked nouns but for the golds, and no held-out cell but in `held_out_*`.
#[test]
fn minority_sentences_leak_nothing() {
    for case in [&*TINY, &*DEMO] {
        let reader = case.reader();
        for row in case
            .rows
            .iter()
            .filter(|row| row.language == Language::Minority)
        {
            let focus: Vec<u32> = [
                Some(row.concept),
                row.crossed_with
                    .map(|other| case.rows[other as usize].concept),
            ]
            .into_iter()
            .flatten()
            .flatten()
            .collect();
            // A cloze's other candidates stand in its context whatever their own cells.
            let told: Vec<&String> = match row.set {
                ProbeSet::Pair | ProbeSet::Ladder => row.candidates.iter().collect(),
                _ => vec![&row.candidates[usize::from(row.gold)]],
            };
            for sentence in told {
                let Some(meaning) = reader.meaning(row.language, sentence) else {
                    assert_eq!(row.stage, ProbeStage::Grammar);
                    continue;
                };
                for noun in &meaning.nouns {
                    let masked = case.world.mask.masked[*noun as usize];
                    assert!(!masked || focus.contains(noun), "{row:?}");
                    let is_masked =
                        matches!(row.condition, Condition::Masked | Condition::Identical);
                    assert!(!masked || is_masked, "{row:?}");
                }
                if row.phenomenon.starts_with("held_out_") {
                    continue;
                }
                assert!(
                    !meaning.facts.iter().any(|fact| reader.holds_out(fact)),
                    "{row:?}"
                );
            }
        }
    }
}

/// Masked and identical rows are about masked nouns, told in B with the forms that their condition says.
#[test]
fn conditions_are_those_of_the_forms() {
    for row in &DEMO.rows {
        let concept = row.concept.unwrap();
        let masked = DEMO.world.mask.masked[concept as usize];
        let form = |side, inflection| DEMO.world.lexicon(side).form(concept, inflection).unwrap();
        let identical = [Inflection::Base, Inflection::Plural]
            .iter()
            .any(|&i| form(world::Side::Majority, i) == form(world::Side::Minority, i));
        match row.condition {
            Condition::Majority => assert_eq!(row.language, Language::Majority),
            Condition::Minority => assert!(!masked),
            Condition::Masked => assert!(masked && !identical),
            Condition::Identical => assert!(masked && identical),
        }
        assert_eq!(
            row.language == Language::Majority,
            row.condition == Condition::Majority
        );
    }
}

#[test]
fn rows_do_not_depend_on_threads() {
    let world = build(tiny());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| probes(&world, CORPUS_SEED).unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(3));
    assert_eq!(one, TINY.rows);
}
