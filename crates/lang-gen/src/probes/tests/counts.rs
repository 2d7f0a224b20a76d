//! How many items there are, and how evenly they are spread.

use std::collections::{BTreeMap, BTreeSet};

use corpus::tables::ProbeRow;
use corpus::{Condition, Language, ProbeSet, ProbeStage};
use world::WorldConfig;

use crate::probes::testing::{Case, DEMO, case, grammar};

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

/// 250 items over 64 unmasked nouns: 3 or 4 each where every draw succeeds (lexical ones 7 or 8). Types have their nouns' share:
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
            assert_eq!(types.len(), 4, "{name}");
            let most = concepts.values().max().unwrap();
            // Few facts determine a noun of which B may not state them all: some draws of a same_type item fail.
            let few = concepts.values().filter(|&&n| n + 2 < *most).count();
            let allowed = match stage {
                ProbeStage::Lexical => concepts.len() / 16,
                _ => 0,
            };
            assert!(few <= allowed, "{name}: {concepts:?}");
            if condition != Condition::Masked {
                let [fewest, most] = [types.values().min().unwrap(), types.values().max().unwrap()];
                let allowed = if stage == ProbeStage::Lexical {
                    most / 8
                } else {
                    4
                };
                assert!(most - fewest <= allowed, "{name}: {types:?}");
            }
        }
    }
}

/// More contexts are more slots: each concept has as many as are asked for, and all of a group are gold
/// equally often.
#[test]
fn more_contexts_can_be_had() {
    let mut config: WorldConfig =
        toml::from_str(include_str!("../../../../../data/worlds/demo.toml")).unwrap();
    config.probes.items = 1;
    config.probes.contexts = 13;
    // Slots need facts to tell.
    config.ontology.branching = vec![2, 3];
    config.ontology.nouns_per_type = 32;
    config.mask.share = 0.25;
    for (relation, (count, objects)) in config.ontology.relations.iter_mut().zip([(12, 3), (4, 2)])
    {
        relation.count = count;
        relation.objects_per_subject = objects;
    }
    for attribute in &mut config.ontology.attributes {
        attribute.values = 6;
    }
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
