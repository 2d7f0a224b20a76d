//! Worlds at the edges, and grammars that probes cannot be made of.

use corpus::{Condition, ProbeSet, ProbeStage};
use world::WorldConfig;

use crate::probes::probes;
use crate::probes::testing::{CORPUS_SEED, case, grammar, tiny};

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
