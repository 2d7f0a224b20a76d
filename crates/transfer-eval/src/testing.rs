//! Probes small enough to be read whole, for the tests of this crate.

use corpus::tables::ProbeRow;
use corpus::{Condition, Language, ProbeSet, ProbeStage};

/// A row that each of the makers below changes.
fn row(probe: u32, phenomenon: &str) -> ProbeRow {
    ProbeRow {
        probe,
        stage: ProbeStage::Grammar,
        phenomenon: phenomenon.to_owned(),
        condition: Condition::Masked,
        language: Language::Minority,
        concept: None,
        r#type: None,
        template: "test".to_owned(),
        calibration_group: None,
        candidates: Vec::new(),
        forms: None,
        gold: 0,
        crossed_with: None,
        set: ProbeSet::Pair,
        chance: 0.5,
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A single item whose first sentence is right.
pub fn pair_row(probe: u32, phenomenon: &str, sentences: [&str; 2]) -> ProbeRow {
    ProbeRow {
        candidates: strings(&sentences),
        ..row(probe, phenomenon)
    }
}

/// A crossed item, two rows from probe `first` on: sentences (x,u), (x,v), (y,u), (y,v); right are (x,u) and (y,v).
pub fn crossed_rows(first: u32, phenomenon: &str, sentences: [&str; 4]) -> Vec<ProbeRow> {
    let half = |probe: u32, gold: u16, other: u32, texts: &[&str]| ProbeRow {
        stage: ProbeStage::Type,
        candidates: strings(texts),
        gold,
        crossed_with: Some(other),
        ..row(probe, phenomenon)
    };
    vec![
        half(first, 0, first + 1, &sentences[..2]),
        half(first + 1, 1, first, &sentences[2..]),
    ]
}

/// A primary cloze: `frame` with `{}` where each of `forms` stands; the gold's index is also its concept.
pub fn cloze_row(probe: u32, group: &str, frame: &str, forms: &[&str], gold: u16) -> ProbeRow {
    ProbeRow {
        stage: ProbeStage::Lexical,
        concept: Some(u32::from(gold)),
        r#type: Some("animal".to_owned()),
        calibration_group: Some(group.to_owned()),
        candidates: forms.iter().map(|form| frame.replace("{}", form)).collect(),
        forms: Some(strings(forms)),
        gold,
        set: ProbeSet::Primary,
        chance: 1.0 / forms.len() as f32,
        ..row(probe, "subject")
    }
}

/// A ladder item: normal, type-violating, unseen pair.
pub fn ladder_row(probe: u32, sentences: [&str; 3]) -> ProbeRow {
    ProbeRow {
        stage: ProbeStage::Ladder,
        candidates: strings(&sentences),
        set: ProbeSet::Ladder,
        condition: Condition::Minority,
        ..row(probe, "ladder")
    }
}

/// A word-level tokenizer of these words (ids from 3 on, in order), as tok-train spells one.
pub fn word_tokenizer(directory: &std::path::Path, words: &[&str]) -> lm::Tokenizer {
    let marked: Vec<String> = words.iter().map(|word| format!("▁{word}")).collect();
    let tokens: Vec<&str> = marked.iter().map(String::as_str).collect();
    token_tokenizer(directory, &tokens)
}

/// The same of these tokens, those that start words with their mark.
pub fn token_tokenizer(directory: &std::path::Path, tokens: &[&str]) -> lm::Tokenizer {
    let special = lm::tokenizer::SPECIAL_TOKENS;
    let vocab: serde_json::Map<String, serde_json::Value> = special
        .iter()
        .chain(tokens)
        .zip(0..)
        .map(|(token, id)| ((*token).to_owned(), serde_json::Value::from(id)))
        .collect();
    let added: Vec<_> = special
        .iter()
        .enumerate()
        .map(|(id, token)| {
            serde_json::json!({"id": id, "content": token, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let mark = serde_json::json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": mark, "post_processor": null, "decoder": mark,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    });
    let path = directory.join("tokenizer.json");
    std::fs::write(&path, json.to_string()).unwrap();
    lm::Tokenizer::load(&path).unwrap()
}
