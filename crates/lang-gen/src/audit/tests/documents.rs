//! Rows of text.

use corpus::Condition;
use corpus::tables::{DocumentRow, Language, ProbeSet, read_rows, write_rows};
use seed::Seed;
use world::Side;
use world::form::Inflection;

use super::{DEMO, TINY, case, replaced};
use crate::audit::{Auditor, Counts};
use crate::corpus_files::write_validation;

/// A masked B-form is a leak in A's text as well, but not where it is an A-form too.
#[test]
fn documents_of_both_languages() {
    let world = &DEMO.world;
    let auditor = Auditor::new(world);
    let told = |language, text: &str| {
        let mut counts = Counts {
            rows: 7,
            ..Counts::default()
        };
        let error = auditor.document(language, text, "train", &mut counts);
        error.err().map(|error| error.to_string())
    };
    let of_majority = world.lexicon(Side::Majority).by_form();
    let entries = world.lexicon(Side::Minority).entries().iter();
    let masked = entries
        .filter(|entry| DEMO.is_masked(entry) == Some(true))
        .find(|entry| !of_majority.contains_key(entry.form.as_str()));
    let form = &masked.unwrap().form;
    for language in [Language::Majority, Language::Minority] {
        assert_eq!(
            told(language, &format!("{form} .")),
            Some(format!("leak: train row 7: {form}"))
        );
    }
    let gold = |condition| DEMO.of("order", condition, ProbeSet::Pair)[0].candidates[0].clone();
    let (a, b) = (gold(Condition::Majority), gold(Condition::Minority));
    assert_eq!(told(Language::Majority, &a), None);
    assert_eq!(told(Language::Minority, &b), None);
    assert_eq!(told(Language::Minority, &format!("{b} {b}")), None);
    assert!(told(Language::Minority, &a).unwrap().contains("row 7: "));
    // Held-out cells, true or false.
    for phenomenon in ["held_out_attribute", "held_out_relation"] {
        for row in DEMO.of(phenomenon, Condition::Minority, ProbeSet::Pair) {
            for text in &row.candidates {
                let error = told(Language::Minority, text).unwrap();
                assert!(error.starts_with("leak: train row 7: noun"), "{error}");
            }
        }
    }
}

/// One row of validation.parquet changed in B, in A or in what is true, and the rows are read from the file again.
#[test]
fn a_changed_validation_row_is_named() {
    let case = case(TINY, |_| ());
    let auditor = Auditor::new(&case.world);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("validation.parquet");
    write_validation(&case.world, Seed(5), &path).unwrap();
    let clean: Vec<DocumentRow> = read_rows(&path).unwrap();
    let audit = |rows: &[DocumentRow]| {
        write_rows(&path, rows).unwrap();
        let audited = auditor.documents(&path, "validation.parquet");
        audited.map_err(|error| error.to_string())
    };
    let counts = audit(&clean).unwrap();
    assert_eq!(counts.rows, clean.len() as u64);
    assert!(counts.facts.iter().all(|&n| n > 0));

    let of_majority = case.world.lexicon(Side::Majority).by_form();
    let by_form = case.world.lexicon(Side::Minority).by_form();
    let seen_noun = |text: &str, inflection: Inflection| {
        let is_noun = |word: &&str| {
            let entry = by_form.get(word);
            entry.is_some_and(|entry| {
                entry.inflection == inflection && case.is_masked(entry) == Some(false)
            })
        };
        text.split(' ').find(is_noun).map(str::to_owned)
    };
    for inflection in [Inflection::Base, Inflection::Plural] {
        let entries = case.world.lexicon(Side::Minority).entries();
        let masked = entries.iter().find(|entry| {
            entry.inflection == inflection
                && case.is_masked(entry) == Some(true)
                && !of_majority.contains_key(entry.form.as_str())
        });
        let form = &masked.unwrap().form;
        let minority = |row: &&(usize, DocumentRow)| row.1.language == Language::Minority;
        let rows: Vec<(usize, DocumentRow)> = clean.iter().cloned().enumerate().collect();
        let (index, noun) = rows
            .iter()
            .filter(minority)
            .find_map(|(index, row)| Some((*index, seen_noun(&row.text, inflection)?)))
            .unwrap();
        // The columns beside the text say nothing of it, and nothing is read from them.
        let mut spoilt = clean.clone();
        spoilt[index].text = replaced(&spoilt[index].text, &noun, form);
        let leak = format!("leak: validation.parquet row {}: {form}", index + 1);
        assert_eq!(audit(&spoilt).unwrap_err(), leak);
        // In A it is no word, and a leak all the same.
        let mut spoilt = clean.clone();
        spoilt[0].text = format!("{form} .");
        let leak = format!("leak: validation.parquet row 1: {form}");
        assert_eq!(audit(&spoilt).unwrap_err(), leak);
    }
    // A told as B, and words in no order.
    let mut spoilt = clean.clone();
    spoilt[1].text.clone_from(&clean[0].text);
    let error = audit(&spoilt).unwrap_err();
    assert!(error.contains("validation.parquet row 2: "), "{error}");
    let mut spoilt = clean.clone();
    let mut words: Vec<&str> = clean[0].text.split(' ').collect();
    words.swap(0, 1);
    spoilt[0].text = words.join(" ");
    let error = audit(&spoilt).unwrap_err();
    assert!(
        error.starts_with("validation.parquet row 1: not a sentence of the majority language"),
        "{error}"
    );
}
