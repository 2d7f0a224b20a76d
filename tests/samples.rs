//! The committed samples of each format are read: as this version reads them, so must later ones.

use std::path::Path;

use corpus::tables::{
    AlignmentRow, BridgeRow, ContinuationRow, FactRow, LexiconRow, MetricRow, ProbeRow, SampleRow,
    ScoreRow, SegmentationRow, SummaryRow, TrainLogRow, ValidationScoreRow, read_rows,
};
use corpus::{Input, Stage, Table, scan_documents, scan_text};
use end_to_end::{Lab, project, samples};

fn rows<R: Table>(directory: &Path) -> Vec<R> {
    read_rows(&directory.join(R::FILE)).unwrap()
}

#[test]
fn every_directory_is_whole_and_of_its_format() {
    for format in 1..=1 {
        let root = project().join(format!("tests/samples/format-{format}"));
        for kind in [Stage::Lang, Stage::Tok, Stage::Model, Stage::Eval] {
            let input = Input::open(&root.join(kind.name()), kind).unwrap();
            input.check_all().unwrap();
            assert_eq!(input.manifest().format, format);
        }
    }
}

#[test]
fn lang_is_read() {
    let lang = samples().join("lang");
    let text = std::fs::read_to_string(lang.join("world.json")).unwrap();
    let world = world::World::from_json(&text).unwrap();
    assert_eq!(
        (world.config.name.as_str(), world.config.corpus.documents),
        ("sample", 200)
    );

    let lexicon: Vec<LexiconRow> = rows(&lang);
    // Each of the 32 nouns in two numbers and two languages.
    let nouns = lexicon
        .iter()
        .filter(|row| row.category == corpus::Category::Noun);
    assert_eq!(nouns.clone().count(), 32 * 2 * 2);
    assert_eq!(nouns.filter(|row| row.masked).count(), 16 * 2 * 2);
    // 32 nouns on 1 + 2 attributes; 4 relations on 16 subjects of 2 objects.
    let facts: Vec<FactRow> = rows(&lang);
    let attributes = facts
        .iter()
        .filter(|row| row.kind == corpus::FactKind::Attribute);
    assert_eq!(attributes.count(), 32 * 3);

    let (mut documents, mut minority) = (0, 0);
    for shard in [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ] {
        scan_text(&lang.join(shard), |language, text, characters| {
            documents += 1;
            minority += u32::from(language == corpus::Language::Minority);
            assert_eq!(text.chars().count(), characters as usize);
            assert!(text.ends_with(" ."));
            Ok(())
        })
        .unwrap();
    }
    assert_eq!((documents, minority), (200, 60));
    let mut told = Vec::new();
    scan_documents(&lang.join("validation.parquet"), |document| {
        told.push((document.document, document.derivation.to_owned()));
        Ok(())
    })
    .unwrap();
    assert_eq!(told.len(), 16);
    assert!(
        told.chunks(2).all(|pair| pair[0] == pair[1]),
        "one derivation, two languages"
    );

    let probes: Vec<ProbeRow> = rows(&lang);
    assert!(
        probes
            .iter()
            .all(|probe| usize::from(probe.gold) < probe.candidates.len())
    );
    assert!(
        probes
            .iter()
            .any(|probe| probe.stage == corpus::ProbeStage::Lexical)
    );
}

#[test]
fn tok_is_read() {
    let tok = samples().join("tok");
    let tokenizer = lm::Tokenizer::load(&tok.join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer.vocab_size(), 64);
    let segmentation: Vec<SegmentationRow> = rows(&tok);
    for row in &segmentation {
        assert_eq!(
            tokenizer.encode(&row.form).unwrap(),
            row.ids,
            "{}",
            row.form
        );
    }
    let bridges: Vec<BridgeRow> = rows(&tok);
    assert_eq!(bridges.len(), 32);
    assert!(
        bridges
            .iter()
            .all(|row| (0.0..=1.0).contains(&row.shared_mass))
    );
    let summary: Vec<SummaryRow> = rows(&tok);
    assert!(summary.iter().any(|row| row.measure == "fertility"));
}

#[test]
fn model_is_read() {
    let model = samples().join("model");
    let log: Vec<TrainLogRow> = rows(&model);
    let steps: Vec<u64> = log.iter().map(|row| row.step).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4]);
    for step in ["step-000000", "step-000004"] {
        let directory = model.join("checkpoints").join(step);
        let checkpoint = lm::Checkpoint::read(&directory).unwrap();
        assert_eq!(
            (checkpoint.config.d_model, checkpoint.config.vocab_size),
            (16, 64)
        );
        checkpoint.read_tokenizer(&directory).unwrap();
    }
}

#[test]
fn eval_is_read() {
    let eval = samples().join("eval");
    let probes: Vec<ProbeRow> = rows(&samples().join("lang"));
    let candidates: usize = probes.iter().map(|probe| probe.candidates.len()).sum();
    let ladders = probes
        .iter()
        .filter(|probe| probe.stage == corpus::ProbeStage::Ladder);
    // Two checkpoints; a ladder has one rung more, its tokens shuffled.
    let sentences = candidates + ladders.count();
    assert_eq!(rows::<ScoreRow>(&eval).len(), 2 * sentences);
    assert_eq!(rows::<ValidationScoreRow>(&eval).len(), 2 * 2 * 4);
    // Two sentences in each language.
    assert_eq!(rows::<SampleRow>(&eval).len(), 2 * 2 * 2);
    let metrics: Vec<MetricRow> = rows(&eval);
    assert!(
        metrics
            .iter()
            .all(|row| row.value.is_some() != row.reason.is_some())
    );
    assert!(!rows::<AlignmentRow>(&eval).is_empty());
    rows::<ContinuationRow>(&eval);
}

/// Training and evaluating as `regenerate.sh` does gives the sample's bytes: the portable engine computes the same
/// everywhere, whatever the threads, the place, the language and the time zone, and what is computed does not change
/// unnoticed.
#[test]
fn the_samples_are_computed_again_to_their_bytes() {
    for (binary, role, inputs) in [
        ("model-train", "model", &["lang", "tok"][..]),
        ("transfer-eval", "eval", &["lang", "tok", "model"]),
    ] {
        let arguments = regenerating(binary);
        assert!(arguments.contains("--engine portable-f32"), "{arguments}");
        let manifest = std::fs::read(samples().join(role).join("manifest.json")).unwrap();
        let mut expected: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        // The sample keeps the version that wrote it; it is no part of what was computed.
        expected["tool_version"] = env!("CARGO_PKG_VERSION").into();
        let expected = corpus::canonical_json(&expected);
        for (variable, value, threads) in [
            ("LC_ALL", "C", ""),
            ("LC_ALL", "tr_TR.UTF-8", "--threads 1"),
            ("TZ", "Asia/Kathmandu", "--threads 2"),
        ] {
            let lab = Lab::new();
            for input in inputs {
                end_to_end::directory::copy(&samples().join(input), &lab.path(input)).unwrap();
            }
            let output = lab.run_with(variable, value, binary, &format!("{arguments} {threads}"));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{binary}: {said}");
            let found = std::fs::read_to_string(lab.path(role).join("manifest.json")).unwrap();
            assert_eq!(found, expected, "{binary} {variable}={value} {threads}");
        }
    }
}

/// The arguments with which `regenerate.sh` runs a command.
fn regenerating(binary: &str) -> String {
    let path = project().join("tests/samples/regenerate.sh");
    let script = std::fs::read_to_string(path).unwrap();
    let script = script.replace("\\\n", " ");
    let command = script
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{binary} ")));
    command
        .unwrap_or_else(|| panic!("regenerate.sh runs {binary}"))
        .replace("$out/", "")
        .replace("$cache", "cache")
        .replace('"', "")
}

/// The commands take the samples as they take today's directories.
#[test]
fn every_command_takes_the_samples() {
    let lab = Lab::new();
    for role in ["lang", "tok", "model", "eval"] {
        end_to_end::directory::copy(&samples().join(role), &lab.path(role)).unwrap();
    }
    assert!(lab.ok("lang-gen", "audit lang --quiet").contains("no leak"));
    lab.ok("lang-gen", "show lang");
    lab.ok("lang-gen", "export-blimp lang");
    lab.ok(
        "tok-train",
        "--lang lang --vocab-size 64 --out tok2 --quiet",
    );
    lab.ok("tok-train", "show tok");
    lab.ok(
        "model-train",
        "--lang lang --tok tok --max-steps 2 --batch-size 2 --out model2 --quiet",
    );
    let evaluate =
        "--lang lang --tok tok --model model --samples 2 --bootstrap 5 --out eval2 --quiet";
    lab.ok("transfer-eval", evaluate);
    assert!(
        lab.ok("transfer-eval", "aggregate eval --lang lang --tok tok")
            .contains("computed again")
    );
    lab.ok("study", "report eval --out report --quiet");
}
