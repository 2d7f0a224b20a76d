//! Tokenizer controls through the real chain: ids split after training, and a tokenizer that saw B†.

use std::collections::{BTreeMap, BTreeSet};

use corpus::tables::{
    BridgeRow, DocumentRow, LexiconRow, MetricRow, ProbeRow, SegmentationRow, read_rows,
};
use corpus::{Category, Condition, Input, Language, ProbeSet, Stage};
use end_to_end::{LANG, Lab};
use lm::Tokenizer;
use serde_json::Value;

/// Trains a small model with a tokenizer and evaluates it: `model-TOK` and `eval-TOK`.
fn train_and_evaluate(lab: &Lab, tok: &str) {
    lab.ok(
        "model-train",
        &format!(
            "--lang lang --tok {tok} --out model-{tok} --size tiny --max-steps 4 --batch-size 4 --seq-len 64 \
             --checkpoints 2 --quiet"
        ),
    );
    lab.ok(
        "transfer-eval",
        &format!(
            "--lang lang --tok {tok} --model model-{tok} --out eval-{tok} --samples 2 --draws 2 --bootstrap 20 \
             --validation-pairs 4 --quiet"
        ),
    );
}

fn open(lab: &Lab, name: &str, kind: Stage) -> Input {
    let input = Input::open(&lab.path(name), kind).unwrap();
    input.check_all().unwrap();
    input
}

fn metric(lab: &Lab, tok: &str, name: &str) -> MetricRow {
    let rows: Vec<MetricRow> =
        read_rows(&lab.path(&format!("eval-{tok}/metrics.parquet"))).unwrap();
    let found = rows.into_iter().find(|row| {
        row.step == 4
            && row.metric == name
            && row.condition == Condition::Masked
            && row.phenomenon.is_none()
    });
    found.unwrap_or_else(|| panic!("eval-{tok}: no {name}"))
}

/// Both copies of the ids reach the model and the evaluation; split by language, nothing is shared.
#[test]
fn split_ids_go_through_the_chain() {
    let lab = Lab::new();
    lab.ok("lang-gen", &format!("{LANG} --out lang"));
    let mut sizes = BTreeSet::new();
    let mut shared = BTreeMap::new();
    for split in ["language", "document"] {
        lab.ok(
            "tok-train",
            &format!("--lang lang --vocab-size 96 --split-ids {split} --out {split} --quiet"),
        );
        train_and_evaluate(&lab, split);

        let tok = open(&lab, split, Stage::Tok);
        assert_eq!(tok.manifest().configuration["split_ids"], split);
        let measured = &tok.manifest().measured;
        let trained = measured["trained_vocab_size"].as_u64().unwrap();
        let ids = measured["vocab_size"].as_u64().unwrap();
        assert_eq!(ids, 2 * trained - 3, "a twin for all but 3 special tokens");
        sizes.insert(ids);

        let model = open(&lab, &format!("model-{split}"), Stage::Model);
        assert_eq!(model.manifest().inputs["tok"], *tok.fingerprint());
        assert_eq!(model.manifest().configuration["model"]["vocab_size"], ids);
        let config = std::fs::read_to_string(lab.path(&format!(
            "model-{split}/checkpoints/step-000004/config.json"
        )));
        let config: Value = serde_json::from_str(&config.unwrap()).unwrap();
        assert_eq!(config["vocab_size"], ids);

        let eval = open(&lab, &format!("eval-{split}"), Stage::Eval);
        assert_eq!(eval.manifest().inputs["tok"], *tok.fingerprint());
        assert_eq!(eval.manifest().inputs["model"], *model.fingerprint());
        assert!(metric(&lab, split, "mrr").value.is_some());
        let bridges: Vec<BridgeRow> =
            read_rows(&lab.path(&format!("{split}/bridges.parquet"))).unwrap();
        let sum: f64 = bridges.iter().map(|row| row.shared_mass).sum();
        shared.insert(split, sum);
    }
    assert_eq!(sizes.len(), 1, "as many ids either way: {sizes:?}");
    assert!(
        shared["language"] < 1e-9 && shared["document"] > 1.0,
        "{shared:?}"
    );
}

/// How often each id occurs in the text that models are trained on.
fn occurrences(lab: &Lab, tokenizer: &Tokenizer) -> Vec<u64> {
    let documents: Vec<DocumentRow> =
        read_rows(&lab.path("lang/train-00000-of-00001.parquet")).unwrap();
    let mut occurrences = vec![0; tokenizer.vocab_size()];
    for document in documents {
        for id in tokenizer.encode(&document.text).unwrap() {
            occurrences[id as usize] += 1;
        }
    }
    occurrences
}

/// Concepts with a B† form of which some token occurs fewer than 20 times there, counted again from LANG and TOK.
fn untrained(lab: &Lab, tok: &str) -> BTreeSet<u32> {
    let tokenizer = Tokenizer::load(&lab.path(tok).join("tokenizer.json")).unwrap();
    let occurrences = occurrences(lab, &tokenizer);
    let lexicon: Vec<LexiconRow> = read_rows(&lab.path("lang/lexicon.parquet")).unwrap();
    let masked: BTreeSet<u32> = lexicon
        .iter()
        .filter(|row| row.masked)
        .map(|row| row.concept)
        .collect();
    let forms: Vec<SegmentationRow> =
        read_rows(&lab.path(&format!("{tok}/segmentation.parquet"))).unwrap();
    forms
        .into_iter()
        .filter(|row| row.language == Language::Minority && row.category == Category::Noun)
        .filter(|row| masked.contains(&row.concept))
        .filter(|row| row.ids.iter().any(|id| occurrences[*id as usize] < 20))
        .map(|row| row.concept)
        .collect()
}

/// A tokenizer that saw B† is read where every token of a form is trained: none of `word`, which has each as
/// one token.
#[test]
fn what_a_tokenizer_alone_saw_is_left_out() {
    let lab = Lab::new();
    lab.ok("lang-gen", &format!("{LANG} --out lang"));
    let probes: Vec<ProbeRow> = read_rows(&lab.path("lang/probes.parquet")).unwrap();
    let asked: BTreeSet<u32> = probes
        .iter()
        .filter(|row| row.set == ProbeSet::Primary && row.condition == Condition::Masked)
        .filter_map(|row| row.concept)
        .collect();
    for (tok, flags) in [("bpe", "--vocab-size 128"), ("word", "--algorithm word")] {
        lab.ok(
            "tok-train",
            &format!("--lang lang {flags} --show-masked-forms --out {tok} --quiet"),
        );
        train_and_evaluate(&lab, tok);
        let untrained = untrained(&lab, tok);
        let named: Vec<u32> = untrained.iter().copied().collect();
        let tok_manifest = open(&lab, tok, Stage::Tok).manifest().clone();
        let masked = &tok_manifest.measured["masked_forms"];
        assert_eq!(masked["untrained_concepts"], serde_json::json!(named));
        let eval = open(&lab, &format!("eval-{tok}"), Stage::Eval);
        assert_eq!(
            eval.manifest().measured["untrained_concepts_left_out"],
            serde_json::json!(named)
        );
        let left = asked.difference(&untrained).count() as u64;
        for name in ["mrr", "reachability"] {
            let row = metric(&lab, tok, name);
            assert_eq!(row.n_concepts, left, "{tok} {name}");
            assert_eq!(row.value.is_some(), left > 0, "{tok} {name}");
        }
        if tok == "word" {
            assert_eq!(left, 0, "every B† form is one token that no text holds");
        }
        // `aggregate` leaves out the same.
        let again = lab.ok("transfer-eval", &format!("aggregate eval-{tok}"));
        assert!(again.contains("the same computed again"), "{again}");
    }
}
