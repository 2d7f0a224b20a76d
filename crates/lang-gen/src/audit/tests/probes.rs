//! Rows of probes.

use std::collections::BTreeSet;

use corpus::tables::{Language, ProbeRow, ProbeSet, write_rows};
use corpus::{Condition, ProbeStage};
use world::{Side, WorldConfig};

use super::{Case, DEMO, TINY, case, has, replaced};
use crate::audit::Auditor;
use crate::audit::probes::Fault;

fn fault(auditor: &Auditor<'_>, row: &ProbeRow) -> Option<Fault> {
    auditor.probe(row).err()
}

fn is_leak(fault: &Option<Fault>) -> bool {
    matches!(fault, Some(Fault::Leak(_)))
}

fn is_wrong(fault: &Option<Fault>) -> bool {
    matches!(fault, Some(Fault::Wrong(_)))
}

#[test]
fn what_is_generated_passes() {
    type Edit = fn(&mut WorldConfig);
    let edits: [(&str, Edit); 8] = [
        ("tiny", |_| ()),
        ("equal forms", |config| config.divergence.distance = 0.0),
        ("no inflection", |config| config.form.inflection = false),
        ("mostly masked", |config| config.mask.share = 0.75),
        ("nothing masked", |config| {
            config.mask.share = 0.0;
            config.mask.held_out_share = 0.0;
        }),
        ("much held out", |config| config.mask.held_out_share = 0.4),
        ("another order", |config| {
            let reversed = ["subject", "object", "adjective", "relative", "copula"];
            config.order.minority = reversed.map(str::to_owned).to_vec();
        }),
        ("another script", |config| {
            config.divergence.script = world::form::Script::Disjoint
        }),
    ];
    let check = |name: &str, case: &Case| {
        let auditor = Auditor::new(&case.world);
        for (index, row) in case.rows.iter().enumerate() {
            assert_eq!(fault(&auditor, row), None, "{name}, row {index}: {row:?}");
        }
    };
    for (name, edit) in edits {
        check(name, &case(TINY, edit));
    }
    check("demo", &DEMO);
}

/// In every kind of row, in the gold, in the others and in all candidates.
#[test]
fn a_masked_clue_is_a_leak_in_every_kind_of_row() {
    let auditor = Auditor::new(&DEMO.world);
    let mut kinds = BTreeSet::new();
    let rows = DEMO.rows.iter();
    for row in rows.filter(|row| row.language == Language::Minority) {
        let kind = (row.stage, &row.phenomenon, row.condition, row.set);
        if kinds.contains(&kind) {
            continue;
        }
        let gold = usize::from(row.gold);
        let spoilt = [
            DEMO.with_masked_clue(row, |index| index == gold),
            DEMO.with_masked_clue(row, |index| index != gold),
            DEMO.with_masked_clue(row, |_| true),
        ];
        for (row, form) in spoilt.into_iter().flatten() {
            kinds.insert(kind);
            assert_eq!(fault(&auditor, &row), Some(Fault::Leak(form)), "{row:?}");
        }
    }
    // Sentences about attributes alone have no noun as a clue.
    let found = |stage, condition, set| {
        let of = |kind: &&(ProbeStage, &String, Condition, ProbeSet)| {
            (kind.0, kind.2, kind.3) == (stage, condition, set)
        };
        kinds.iter().filter(of).count()
    };
    for condition in [Condition::Minority, Condition::Masked] {
        assert_eq!(found(ProbeStage::Grammar, condition, ProbeSet::Pair), 5);
        assert!(found(ProbeStage::Type, condition, ProbeSet::Pair) >= 2);
        assert!(found(ProbeStage::Knowledge, condition, ProbeSet::Pair) >= 1);
        assert_eq!(found(ProbeStage::Lexical, condition, ProbeSet::Pair), 1);
        assert!(found(ProbeStage::Lexical, condition, ProbeSet::Primary) >= 2);
        assert!(found(ProbeStage::Lexical, condition, ProbeSet::TypeValid) >= 2);
    }
    assert_eq!(
        found(ProbeStage::Ladder, Condition::Minority, ProbeSet::Ladder),
        1
    );
}

/// Beside a seen gold a masked noun is offered where all nouns of the type are, and nowhere else.
#[test]
fn a_masked_candidate_beside_a_seen_gold() {
    let auditor = Auditor::new(&DEMO.world);
    let by_form = DEMO.world.lexicon(Side::Minority).by_form();
    let mut row = DEMO.of("noun_first", Condition::Minority, ProbeSet::Primary)[0].clone();
    // Any but the gold one.
    let other = 1 - usize::from(row.gold.min(1));
    let mut forms = row.forms.clone().unwrap();
    let seen = by_form[forms[other].as_str()];
    let nouns = &DEMO.world.ontology.nouns;
    let entries = DEMO.world.lexicon(Side::Minority).entries();
    let of_type = entries.iter().find(|entry| {
        DEMO.is_masked(entry) == Some(true)
            && entry.inflection == seen.inflection
            && nouns[entry.concept as usize].kind == nouns[seen.concept as usize].kind
    });
    let form = of_type.unwrap().form.clone();
    row.candidates[other] = replaced(&row.candidates[other], &forms[other], &form);
    forms[other].clone_from(&form);
    row.forms = Some(forms);
    assert_eq!(fault(&auditor, &row), Some(Fault::Leak(form)));
    row.set = ProbeSet::TypeValid;
    assert_eq!(fault(&auditor, &row), None);
    row.forms = None;
    assert_eq!(fault(&auditor, &row), None);
    row.forms = DEMO.rows.iter().find_map(|other| other.forms.clone());
    assert!(is_wrong(&fault(&auditor, &row)));
}

#[test]
fn a_held_out_cell_is_stated_where_it_is_asked() {
    let auditor = Auditor::new(&DEMO.world);
    for phenomenon in ["held_out_attribute", "held_out_relation"] {
        for row in DEMO.of(phenomenon, Condition::Minority, ProbeSet::Pair) {
            let told_as = |phenomenon: &str, set| {
                let phenomenon = phenomenon.to_owned();
                let row = ProbeRow {
                    phenomenon,
                    set,
                    ..row.clone()
                };
                fault(&auditor, &row)
            };
            assert_eq!(told_as(phenomenon, ProbeSet::Pair), None);
            for (other, set) in [
                ("attribute", ProbeSet::Pair),
                ("relation", ProbeSet::Pair),
                ("noun_first", ProbeSet::Primary),
                ("noun_first", ProbeSet::TypeValid),
                ("ladder", ProbeSet::Ladder),
                (phenomenon, ProbeSet::Primary),
            ] {
                let told = told_as(other, set);
                assert!(is_leak(&told), "{other} {set}: {row:?}: {told:?}");
            }
            let crossed = match phenomenon {
                "held_out_attribute" => "held_out_relation",
                _ => "held_out_attribute",
            };
            assert!(is_leak(&told_as(crossed, ProbeSet::Pair)), "{row:?}");
        }
    }
    // What states no such cell asks for none.
    let mut row = DEMO.of("relation", Condition::Minority, ProbeSet::Pair)[0].clone();
    row.phenomenon = "held_out_relation".to_owned();
    assert!(is_wrong(&fault(&auditor, &row)));
}

/// Columns are believed only where the sentences say the same.
#[test]
fn columns_are_held_against_the_sentences() {
    let auditor = Auditor::new(&DEMO.world);
    let masked = DEMO.of("order", Condition::Masked, ProbeSet::Pair)[0].clone();
    let seen = DEMO.of("order", Condition::Minority, ProbeSet::Pair)[0].clone();
    let change = |row: &ProbeRow, edit: &dyn Fn(&mut ProbeRow)| {
        let mut row = row.clone();
        edit(&mut row);
        fault(&auditor, &row)
    };
    assert_eq!(change(&masked, &|_| ()), None);
    assert!(is_leak(&change(&masked, &|row| {
        row.condition = Condition::Minority;
    })));
    assert!(is_leak(&change(&masked, &|row| row.concept = None)));
    assert!(is_leak(&change(&masked, &|row| row.concept = seen.concept)));
    assert!(is_wrong(&change(&masked, &|row| {
        row.condition = Condition::Identical;
    })));
    assert!(is_wrong(&change(&seen, &|row| {
        row.condition = Condition::Masked;
    })));
    assert!(is_wrong(&change(&seen, &|row| row.concept = masked.concept)));
    assert!(is_wrong(&change(&seen, &|row| row.gold = 9)));
    // The bad order as the good one.
    assert!(is_wrong(&change(&seen, &|row| row.gold = 1)));
    // A word that the good sentence does not have.
    assert!(is_wrong(&change(&seen, &|row| {
        let strange = DEMO.world.lexicon(Side::Minority).entries().iter();
        let mut strange = strange.filter(|entry| DEMO.is_masked(entry) == Some(false));
        let strange = strange.find(|entry| !has(&row.candidates[1], &entry.form));
        let text = format!("{} {}", strange.unwrap().form, row.candidates[1]);
        row.candidates[1] = text;
    })));
    // B's sentences among A's.
    let as_majority = change(&masked, &|row| {
        row.language = Language::Majority;
        row.condition = Condition::Majority;
    });
    assert!(as_majority.is_some());
}

/// One row of probes.parquet changed, and the rows are read from the file again: each is named by its place.
#[test]
fn a_changed_probe_row_is_named() {
    let case = case(TINY, |_| ());
    let auditor = Auditor::new(&case.world);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probes.parquet");
    let audit = |rows: &[ProbeRow]| {
        write_rows(&path, rows).unwrap();
        auditor.probes(&path).map_err(|error| error.to_string())
    };
    assert_eq!(audit(&case.rows).unwrap().rows, case.rows.len() as u64);
    // The last of each set whose gold names a seen noun as a clue, with a masked one for it.
    for set in [
        ProbeSet::Pair,
        ProbeSet::Primary,
        ProbeSet::TypeValid,
        ProbeSet::Ladder,
    ] {
        let of_set = case.rows.iter().enumerate().rev();
        let of_set = of_set.filter(|(_, row)| row.set == set && row.language == Language::Minority);
        let found = of_set.into_iter().find_map(|(index, row)| {
            let (row, form) = case.with_masked_clue(row, |at| at == usize::from(row.gold))?;
            Some((index, row, form))
        });
        let (index, row, form) = found.unwrap();
        let mut rows = case.rows.clone();
        rows[index] = row;
        let leak = format!("leak: probes.parquet row {}: {form}", index + 1);
        assert_eq!(audit(&rows).unwrap_err(), leak);
    }
    // Two faults: the first in the file is told.
    let mut rows = case.rows.clone();
    rows[7].gold = 9;
    rows[3].candidates[0].push_str(" extra");
    let error = audit(&rows).unwrap_err();
    assert!(
        error.starts_with("probes.parquet row 4: no full stop at the end"),
        "{error}"
    );
}
