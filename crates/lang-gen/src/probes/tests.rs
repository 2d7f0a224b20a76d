//! What holds for all rows together.

use std::collections::{BTreeMap, BTreeSet};

use corpus::tables::ProbeRow;
use corpus::{Condition, Language, ProbeSet, ProbeStage};
use world::WorldConfig;
use world::form::{DivergenceKind, Inflection};

use super::probes;
use super::testing::{CORPUS_SEED, Case, DEMO, TINY, build, case, grammar, tiny};

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

fn n_items(
    case: &Case,
    stage: ProbeStage,
    phenomenon: Option<&str>,
    condition: Condition,
) -> usize {
    let counted = |row: &&ProbeRow| {
        row.stage == stage
            && row.set == ProbeSet::Pair
            && phenomenon.is_none_or(|name| row.phenomenon == name)
            && row.condition == condition
            && row.crossed_with.is_none_or(|other| other > row.probe)
    };
    case.rows.iter().filter(counted).count()
}

#[test]
fn the_demo_has_500_items_of_each_stage_and_condition() {
    for stage in [
        ProbeStage::Grammar,
        ProbeStage::Type,
        ProbeStage::Knowledge,
        ProbeStage::Lexical,
    ] {
        for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
            let n = n_items(&DEMO, stage, None, condition);
            assert!(n >= 500, "{stage} {condition}: {n}");
        }
    }
    let every = [
        (
            ProbeStage::Grammar,
            &[
                "order",
                "displaced",
                "agreement",
                "position",
                "missing_word",
            ][..],
        ),
        (
            ProbeStage::Type,
            &[
                "attribute",
                "relation_subject",
                "relation_object",
                "other_type",
            ],
        ),
        (ProbeStage::Knowledge, &["attribute", "relation"]),
        (ProbeStage::Lexical, &["same_type"]),
    ];
    for (stage, phenomena) in every {
        for phenomenon in phenomena {
            for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
                let n = n_items(&DEMO, stage, Some(phenomenon), condition);
                let expected = if stage == ProbeStage::Lexical {
                    500
                } else {
                    250
                };
                assert_eq!(n, expected, "{stage} {phenomenon} {condition}");
            }
        }
    }
}

/// 250 items over 144 unmasked nouns: 1 or 2 each where every draw succeeds (lexical ones 3 or 4). Types have their nouns' share:
/// in `masked` they can have different numbers, since some masked nouns are `identical`.
#[test]
fn items_are_balanced_over_concepts_and_so_over_types() {
    for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
        for (stage, phenomenon) in [
            (ProbeStage::Grammar, "order"),
            (ProbeStage::Grammar, "position"),
            (ProbeStage::Type, "other_type"),
            (ProbeStage::Knowledge, "attribute"),
            (ProbeStage::Lexical, "same_type"),
        ] {
            let mut concepts: BTreeMap<u32, usize> = BTreeMap::new();
            let mut types: BTreeMap<u16, usize> = BTreeMap::new();
            for row in DEMO.of(stage, phenomenon, condition) {
                if row.gold == 0 {
                    let concept = row.concept.unwrap();
                    *concepts.entry(concept).or_default() += 1;
                    *types
                        .entry(DEMO.world.ontology.nouns[concept as usize].kind)
                        .or_default() += 1;
                }
            }
            let name = format!("{stage} {phenomenon} {condition}");
            assert_eq!(types.len(), 6, "{name}");
            let [fewest, most] = [
                concepts.values().min().unwrap(),
                concepts.values().max().unwrap(),
            ];
            assert!(most - fewest <= 2, "{name}: {concepts:?}");
            if condition != Condition::Masked {
                let [fewest, most] = [types.values().min().unwrap(), types.values().max().unwrap()];
                assert!(most - fewest <= 4, "{name}: {types:?}");
            }
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

/// A row without its forms: what was drawn.
type Drawn = (
    ProbeStage,
    String,
    Condition,
    String,
    Option<u32>,
    u16,
    Vec<Vec<(u32, Inflection)>>,
);

fn drawn(case: &Case, candidates: impl Fn(&ProbeRow) -> Vec<String>) -> Vec<Drawn> {
    let reader = case.reader();
    case.rows
        .iter()
        .map(|row| {
            let words = candidates(row)
                .iter()
                .map(|sentence| reader.abstract_words(row.language, sentence))
                .collect();
            let phenomenon = if row.stage == ProbeStage::Lexical {
                String::new()
            } else {
                row.phenomenon.clone()
            };
            (
                row.stage,
                phenomenon,
                row.condition,
                row.template.clone(),
                row.concept,
                row.gold,
                words,
            )
        })
        .collect()
}

fn n_identical(case: &Case) -> usize {
    case.rows
        .iter()
        .filter(|row| row.condition == Condition::Identical)
        .count()
}

#[test]
fn items_are_the_same_at_every_distance_divergence_and_script() {
    let mut config = tiny();
    config.divergence.kind = DivergenceKind::Substitution;
    config.divergence.distance = 0.8;
    let base = case(config.clone(), grammar());
    assert_eq!(
        n_identical(&base),
        0,
        "a distance at which no noun stays the same"
    );
    config.divergence.distance = 0.5;
    config.divergence.script = world::form::Script::Disjoint;
    let disjoint = case(config.clone(), grammar());
    config.divergence.kind = DivergenceKind::Replacement;
    config.divergence.distance = 1.0;
    config.divergence.shuffled_pairing = true;
    let replaced = case(config, grammar());
    let whole = |row: &ProbeRow| row.candidates.clone();
    for other in [disjoint, replaced] {
        assert_eq!(n_identical(&other), 0);
        assert_eq!(drawn(&base, whole), drawn(&other, whole));
    }
}

/// Other orders tell the same sentences; what is done to their words depends on the order.
#[test]
fn items_are_the_same_in_every_order() {
    let mut config = tiny();
    config.order.minority = vec![
        "object".to_owned(),
        "adjective".to_owned(),
        "relative".to_owned(),
    ];
    let reordered = case(config, grammar());
    let good = |row: &ProbeRow| {
        let mut words: Vec<&str> = row.candidates[usize::from(row.gold)].split(' ').collect();
        words.sort_unstable();
        vec![words.join(" ")]
    };
    let [one, other] = [&*TINY, &reordered].map(|case| drawn(case, good));
    let same = one
        .iter()
        .zip(&other)
        .filter(|(one, other)| one == other)
        .count();
    assert_eq!((one.len(), same), (other.len(), one.len()));
    let texts = |case: &Case| {
        case.rows
            .iter()
            .map(|row| row.candidates[0].clone())
            .collect::<Vec<_>>()
    };
    assert_ne!(texts(&TINY), texts(&reordered));
}

#[test]
fn masks_that_take_nothing_leave_no_masked_rows() {
    let mut config = tiny();
    config.mask.share = 0.0;
    config.mask.held_out_share = 0.0;
    let open = case(config, grammar());
    assert!(
        open.rows
            .iter()
            .all(|row| !matches!(row.condition, Condition::Masked | Condition::Identical))
    );
    assert!(
        open.rows
            .iter()
            .all(|row| !row.phenomenon.starts_with("held_out_"))
    );
    let seen = open
        .rows
        .iter()
        .filter(|row| row.set == ProbeSet::Primary && row.condition == Condition::Minority);
    assert_eq!(seen.count(), 4 * 4 * 4, "4 types, 16 / 4 nouns, 4 contexts");
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

#[test]
fn a_grammar_without_a_rule_is_refused_by_its_name() {
    let renamed = grammar().replace("rule object-relative ", "rule whom-relative ");
    let world = world::World::build(tiny(), &renamed, seed::Seed(3)).unwrap();
    let error = probes(&world, CORPUS_SEED).unwrap_err().to_string();
    assert!(error.contains("\"object-relative\""), "{error}");
}

/// Worlds at the edges: rows are made or left out, never wrong (each is read back as it is made), and clozes
/// still determine their noun.
#[test]
fn unusual_worlds_are_probed_as_far_as_they_can_be() {
    type Edit = fn(&mut WorldConfig);
    let edits: [(&str, Edit); 8] = [
        ("no inflection", |config| config.form.inflection = false),
        ("one leaf type", |config| {
            config.ontology.branching = vec![1, 1]
        }),
        ("attributes of the root only", |config| {
            config.ontology.attributes.truncate(1);
            config.ontology.attributes[0].count = 3;
        }),
        ("no adpositions", |config| {
            config.ontology.relations.truncate(1);
        }),
        ("no verbs", |config| {
            config.ontology.relations.remove(0);
        }),
        ("mostly masked", |config| config.mask.share = 0.75),
        ("everything reversed in both", |config| {
            let all = [
                "subject",
                "determiner",
                "relative",
                "adjective",
                "relativizer",
                "copula",
                "object",
                "adposition",
            ];
            config.order.majority = all.map(str::to_owned).to_vec();
            config.order.minority = config.order.majority.clone();
        }),
        ("equal forms", |config| config.divergence.distance = 0.0),
    ];
    for (name, edit) in edits {
        let mut config = tiny();
        edit(&mut config);
        let case = case(config, grammar());
        let reader = case.reader();
        let n_pairs = case
            .rows
            .iter()
            .filter(|row| row.set == ProbeSet::Pair)
            .count();
        assert!(n_pairs > 500, "{name}: {n_pairs}");
        let mut n_clozes = 0;
        for row in case.rows.iter().filter(|row| row.set == ProbeSet::Primary) {
            let gold = row.concept.unwrap();
            let meaning = reader
                .meaning(row.language, &row.candidates[usize::from(row.gold)])
                .unwrap();
            assert_eq!(reader.answers(&meaning, gold), [gold], "{name}: {row:?}");
            n_clozes += 1;
        }
        println!("{name}: {n_pairs} rows of pairs, {n_clozes} primary clozes");
        match name {
            "no verbs" => assert!(n_clozes > 0),
            "one leaf type" => assert_eq!(
                case.rows
                    .iter()
                    .filter(|row| row.stage == ProbeStage::Type)
                    .count(),
                0
            ),
            "equal forms" => assert!(
                case.rows
                    .iter()
                    .all(|row| row.condition != Condition::Masked)
            ),
            _ => {}
        }
    }
}

/// More contexts are more slots: each concept has as many as are asked for, and all of a group are gold
/// equally often.
#[test]
fn more_contexts_can_be_had() {
    let mut config: WorldConfig =
        toml::from_str(include_str!("../../../../data/worlds/demo.toml")).unwrap();
    config.probes.items = 1;
    config.probes.contexts = 13;
    let case = case(config, grammar());
    let mut contexts: BTreeMap<(bool, u32), BTreeSet<&String>> = BTreeMap::new();
    let mut groups: BTreeMap<&String, BTreeMap<u32, usize>> = BTreeMap::new();
    for row in case.rows.iter().filter(|row| row.set == ProbeSet::Primary) {
        let gold = &row.candidates[usize::from(row.gold)];
        let language = row.language == Language::Minority;
        contexts
            .entry((language, row.concept.unwrap()))
            .or_default()
            .insert(gold);
        let group = groups
            .entry(row.calibration_group.as_ref().unwrap())
            .or_default();
        *group.entry(row.concept.unwrap()).or_default() += 1;
    }
    assert!(
        contexts.values().all(|contexts| contexts.len() == 13),
        "{contexts:?}"
    );
    for (group, golds) in groups {
        assert_eq!(golds.len(), 8, "{group}");
        assert_eq!(golds.values().collect::<BTreeSet<_>>().len(), 1, "{group}");
    }
}
