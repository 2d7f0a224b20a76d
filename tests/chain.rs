//! The real binaries, chained on the tiny world.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::tables::{MetricRow, SegmentationRow, TrainLogRow, read_rows};
use corpus::{Input, Stage};
use end_to_end::{EVAL, LANG, Lab, MODEL, TOK, chain};

/// Fingerprint of each stage's directory.
fn fingerprints(lab: &Lab, suffix: &str) -> BTreeMap<&'static str, String> {
    [
        ("lang", Stage::Lang),
        ("tok", Stage::Tok),
        ("model", Stage::Model),
        ("eval", Stage::Eval),
    ]
    .map(|(name, kind)| {
        let input = Input::open(&lab.path(&format!("{name}{suffix}")), kind).unwrap();
        input.check_all().unwrap();
        (name, input.fingerprint().to_string())
    })
    .into()
}

#[test]
fn the_tiny_chain_runs_and_repeats_to_the_same_bytes() {
    let lab = Lab::new();
    chain(&lab);
    let first = fingerprints(&lab, "");

    // Metrics stand on real scores: every stage is there, and values are shares or have a reason to be absent.
    let metrics: Vec<MetricRow> = read_rows(&lab.path("eval/metrics.parquet")).unwrap();
    for stage in ["grammar", "type", "knowledge", "lexical"] {
        assert!(
            metrics
                .iter()
                .any(|row| row.stage == stage && row.value.is_some()),
            "{stage}"
        );
    }
    assert!(
        metrics
            .iter()
            .all(|row| row.value.is_some() != row.reason.is_some())
    );
    let log: Vec<TrainLogRow> = read_rows(&lab.path("model/train_log.parquet")).unwrap();
    assert!(log.last().unwrap().loss_nats < log[0].loss_nats);
    let segmentation: Vec<SegmentationRow> =
        read_rows(&lab.path("tok/segmentation.parquet")).unwrap();
    assert!(
        segmentation
            .iter()
            .all(|row| usize::from(row.n_tokens) == row.tokens.len())
    );
    let checkpoints: Vec<String> = std::fs::read_dir(lab.path("model/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        checkpoints.contains(&"step-000012".to_owned()),
        "{checkpoints:?}"
    );

    // Once more, with one thread.
    for (binary, arguments, out) in [
        ("lang-gen", LANG, "lang-again"),
        ("tok-train", TOK, "tok-again"),
        ("model-train", MODEL, "model-again"),
        ("transfer-eval", EVAL, "eval-again"),
    ] {
        lab.ok(binary, &format!("{arguments} --threads 1 --out {out}"));
    }
    assert_eq!(fingerprints(&lab, "-again"), first);

    // People can look into each.
    assert!(lab.ok("lang-gen", "audit lang --quiet").contains("no leak"));
    assert!(lab.ok("lang-gen", "show lang").contains("Lexicon"));
    lab.ok("tok-train", "show tok");
    lab.ok("transfer-eval", "show eval");
    assert!(lab.ok("lang-gen", "export-blimp lang").lines().count() > 100);
    lab.ok("study", "report eval --out report --quiet");
    let page = std::fs::read_to_string(lab.path("report/index.html")).unwrap();
    assert!(page.contains("<svg"), "the report has figures");
    assert!(!page.contains("src=\"http"), "the report is self-contained");
}

#[test]
fn a_leak_in_one_row_is_found() {
    use corpus::tables::{
        DocumentRef, DocumentRow, DocumentWriter, Language, LexiconRow, scan_documents,
    };
    let lab = Lab::new();
    lab.ok("lang-gen", &format!("{LANG} --out lang"));
    lab.ok("lang-gen", "audit lang --quiet");
    let lexicon: Vec<LexiconRow> = read_rows(&lab.path("lang/lexicon.parquet")).unwrap();
    let form = |masked: bool| {
        let row = lexicon.iter().find(|row| {
            row.language == Language::Minority
                && row.inflection == "base"
                && row.r#type.is_some()
                && row.masked == masked
        });
        row.unwrap().form.clone()
    };
    let (masked, seen) = (form(true), form(false));
    let shard = lab.path("lang/train-00000-of-00001.parquet");
    let rows: Vec<DocumentRow> = read_rows(&shard).unwrap();
    let (index, spoilt) = rows
        .iter()
        .enumerate()
        .find(|(_, row)| {
            row.language == Language::Minority && row.text.split(' ').any(|word| word == seen)
        })
        .unwrap();
    let text = spoilt
        .text
        .replacen(&format!(" {seen} "), &format!(" {masked} "), 1);
    let changed = lab.path("changed.parquet");
    let mut writer = DocumentWriter::create(&changed).unwrap();
    let mut at = 0;
    scan_documents(&shard, |row| {
        let row = DocumentRef {
            text: if at == index { &text } else { row.text },
            ..row
        };
        at += 1;
        Ok(writer.push(row)?)
    })
    .unwrap();
    writer.finish().unwrap();
    std::fs::rename(&changed, &shard).unwrap();
    let error = lab.refused("lang-gen", "audit lang --quiet");
    assert_eq!(
        error,
        format!(
            "error: leak: train-00000-of-00001.parquet row {}: {masked}",
            index + 1
        )
    );
    // Everyone else refuses the changed file for its bytes.
    let error = lab.refused("tok-train", &format!("{TOK} --out tok"));
    assert!(error.contains("train-00000-of-00001.parquet"), "{error}");
    assert!(!Path::exists(&lab.path("tok")));
}

/// The tiny and the demo world accept 200 documents at every distance.
#[test]
fn two_hundred_documents_at_every_distance() {
    let lab = Lab::new();
    for world in ["tiny", "demo"] {
        for tenth in 0..=10 {
            for divergence in ["substitution", "correspondence", "replacement"] {
                let distance = f64::from(tenth) / 10.0;
                lab.ok(
                    "lang-gen",
                    &format!(
                        "--world WORLDS/{world}.toml --documents 200 --lexical-distance {distance} \
                         --divergence {divergence} --out lang --force --quiet"
                    ),
                );
            }
        }
    }
}
