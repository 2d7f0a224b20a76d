//! B†: unseen, shown on request, or stated by a LANG that was made to.

use std::process::Command;

use corpus::tables::SegmentationRow;
use corpus::{Condition, Language, read_rows};

use super::lang::Oddity;
use super::{Place, stderr};

#[test]
fn masked_forms_are_seen_only_when_asked_for() {
    let place = Place::new(Oddity::default());
    let words = |out: &str, flags: &[&str]| {
        place.trained(out, &[&["--algorithm", "word"], flags].concat());
        let forms: Vec<SegmentationRow> =
            read_rows(&place.path(out).join("segmentation.parquet")).unwrap();
        let masked: Vec<bool> = forms
            .iter()
            .filter(|row| row.condition == Condition::Masked)
            .map(|row| row.is_atom)
            .collect();
        assert_eq!(masked.len(), 15);
        masked.iter().filter(|atom| **atom).count()
    };
    assert_eq!(words("hidden", &[]), 0);
    assert_eq!(words("shown", &["--show-masked-forms"]), 15);
    let manifest = place.manifest("shown");
    assert_eq!(manifest["configuration"]["show_masked_forms"], true);
    assert_eq!(
        manifest["measured"]["masked_forms"]["shown_to_tokenizer"],
        true
    );
    let said = stderr(&place.train("loud", &["--show-masked-forms", "--quiet"]));
    assert!(said.contains("the tokenizer sees B† forms"), "{said}");
    let error = place.refused(&["--show-masked-forms", "--regime", "majority"]);
    assert!(error.contains("weight 0"), "{error}");
}

/// A LANG that says so may state B†: the tokenizer sees it as any other word of the text.
#[test]
fn a_language_made_to_state_masked_forms_is_taken_and_said_so() {
    let place = Place::new(Oddity {
        leak: true,
        stated: true,
        ..Oddity::default()
    });
    let output = place.train("tok", &["--algorithm", "word", "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("lang: B's training text states B† forms"));
    let masked_forms = &place.manifest("tok")["measured"]["masked_forms"];
    assert_eq!(masked_forms["stated_by_minority"], true);
    assert_eq!(masked_forms["shown_to_tokenizer"], false);
    // 16 masked nouns, of which one is written as in A; each once.
    assert_eq!(masked_forms["in_minority_text"], 15);
    let forms: Vec<SegmentationRow> = read_rows(&place.path("tok/segmentation.parquet")).unwrap();
    let mut masked = forms
        .iter()
        .filter(|row| row.condition == Condition::Masked && row.language == Language::Minority);
    assert!(masked.all(|row| row.is_atom), "words of the text are atoms");
    let mut show = Command::new(env!("CARGO_BIN_EXE_tok-train"));
    let shown = show
        .args(["show", "tok"])
        .current_dir(place.0.path())
        .output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    assert!(
        shown.contains("B'S TEXT STATES B† FORMS, 15 words"),
        "{shown}"
    );
    let error = place.refused(&["--show-masked-forms"]);
    assert!(error.contains("states them already"), "{error}");

    let plain = Place::new(Oddity::default()).trained("tok", &[]);
    let masked_forms = plain["measured"]["masked_forms"].as_object().unwrap();
    assert!(!masked_forms.contains_key("stated_by_minority"));
}

#[test]
fn a_leaking_language_is_refused() {
    let place = Place::new(Oddity {
        leak: true,
        ..Oddity::default()
    });
    let error = place.refused(&[]);
    assert!(
        error.starts_with(
            "error: lang: expected no masked form of lexicon.parquet in minority training text"
        ),
        "{error}"
    );
}
