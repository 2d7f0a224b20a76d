//! Every text of a LANG goes through every tokenizer and comes back: nothing is unknown, nothing is lost.

use std::collections::BTreeSet;

use corpus::Category;
use corpus::tables::{DocumentRow, Language, LexiconRow, ProbeRow, read_rows};
use end_to_end::{LANG, Lab};
use lm::Tokenizer;
use lm::tokenizer::UNK;

const ALGORITHMS: [&str; 6] = ["bpe", "byte-bpe", "unigram", "wordpiece", "char", "word"];

/// Every document, every candidate of a probe (masked forms are among them) and every word of the lexicon.
fn texts(lab: &Lab, lang: &str) -> BTreeSet<String> {
    let path = |file: &str| lab.path(&format!("{lang}/{file}"));
    let mut texts = BTreeSet::new();
    for file in ["train-00000-of-00001.parquet", "validation.parquet"] {
        let documents: Vec<DocumentRow> = read_rows(&path(file)).unwrap();
        for language in [Language::Majority, Language::Minority] {
            assert!(documents.iter().any(|row| row.language == language));
        }
        texts.extend(documents.into_iter().map(|row| row.text));
    }
    let probes: Vec<ProbeRow> = read_rows(&path("probes.parquet")).unwrap();
    texts.extend(probes.into_iter().flat_map(|row| row.candidates));
    let lexicon: Vec<LexiconRow> = read_rows(&path("lexicon.parquet")).unwrap();
    let words = lexicon
        .into_iter()
        .filter(|row| row.category != Category::Affix);
    texts.extend(words.map(|row| row.form));
    texts
}

/// Trained on both languages, and on A alone, so that B's letters are known from its lexicon only.
#[test]
fn every_text_comes_back_from_its_tokens() {
    let lab = Lab::new();
    for script in ["shared", "disjoint"] {
        let lang = format!("lang-{script}");
        lab.ok(
            "lang-gen",
            &format!("{LANG} --script {script} --out {lang}"),
        );
        let texts = texts(&lab, &lang);
        for algorithm in ALGORITHMS {
            for regime in ["proportional", "majority"] {
                let tok = format!("tok-{script}-{algorithm}-{regime}");
                let arguments = format!(
                    "--lang {lang} --algorithm {algorithm} --regime {regime} --vocab-size 300 --quiet --out {tok}"
                );
                if (script, algorithm) == ("disjoint", "byte-bpe") {
                    let error = lab.refused("tok-train", &arguments);
                    assert!(error.contains("disjoint script"), "{error}");
                    continue;
                }
                lab.ok("tok-train", &arguments);
                let tokenizer = Tokenizer::load(&lab.path(&tok).join("tokenizer.json")).unwrap();
                for text in &texts {
                    let ids = tokenizer.encode(text).unwrap();
                    assert!(!ids.contains(&UNK), "{tok}: {text:?} is {ids:?}");
                    assert_eq!(tokenizer.decode(&ids).unwrap(), *text, "{tok}");
                }
            }
        }
    }
}
