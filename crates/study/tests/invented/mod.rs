//! Studies whose artifacts hold invented numbers: a test of the report, no result.

mod evaluation;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::tables::{BridgeRow, ProbeRow, SegmentationRow, SummaryRow};
use corpus::{
    Category, Condition, DocumentRef, DocumentWriter, Fingerprint, Language, Output, ProbeSet,
    ProbeStage, Request, write_rows,
};
use serde_json::json;
use study::artifact::Stage;
use study::plan;
use study::plan::runs::{PlannedRun, read};

const WORLD: &str = "name = \"invented\"\ngrammar = \"g.grammar\"\n[divergence]\ndistance = 0.2\n";

/// Plans a study in a directory of its own.
pub fn planned(name: &str, study: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("w.toml"), WORLD).unwrap();
    std::fs::write(root.join("g.grammar"), "rule x").unwrap();
    std::fs::write(root.join("invented.toml"), study).unwrap();
    let out = root.join("plan");
    plan::plan(
        &root.join("invented.toml"),
        &out,
        Path::new("bin"),
        true,
        false,
    )
    .unwrap();
    out
}

/// Publishes one artifact with `files` written by `write`, unless it is there.
fn publish(
    study: &Path,
    stage: Stage,
    run: &PlannedRun,
    measured: serde_json::Value,
    write: impl FnOnce(&Output),
) {
    let out = study.join("artifacts").join(&run.artifacts[&stage]);
    if out.exists() {
        return;
    }
    let input = |role: Stage| {
        let path = study
            .join("artifacts")
            .join(&run.artifacts[&role])
            .join("manifest.json");
        (
            role.name().to_owned(),
            Fingerprint::of(&std::fs::read(path).unwrap()),
        )
    };
    let inputs: BTreeMap<String, Fingerprint> = Stage::ALL
        .into_iter()
        .filter(|role| *role < stage)
        .map(input)
        .collect();
    let split_ids = run.knobs.get("tok.split_ids").map(ToString::to_string);
    let configuration = json!({ "invented": true, "split_ids": split_ids, "seen_at_least": 20 });
    let request = Request {
        out: &out,
        force: false,
        resume: false,
        kind: stage.kind(),
        tool: "test",
        configuration: &configuration,
        seeds: BTreeMap::new(),
        inputs,
    };
    let output = Output::begin(request).unwrap().into_output().unwrap();
    write(&output);
    output.publish(measured).unwrap();
}

/// A number from 0 to 1 that depends on all parts: a small hash.
fn noise(parts: &[u64]) -> f64 {
    let mixed = parts.iter().fold(0x9e37_79b9_7f4a_7c15u64, |state, part| {
        let state = (state ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^ (state >> 29)
    });
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

const CONCEPTS: u32 = 24;
const CANDIDATES: u16 = 8;

struct Knobs {
    seed: u64,
    distance: f64,
    vocab: f64,
    regime: u64,
    /// How decomposable words are, 1 down to 0.
    small: f64,
}

fn knobs(run: &PlannedRun) -> Knobs {
    let number = |name: &str| {
        run.knobs
            .get(name)
            .and_then(|value| value.to_string().parse::<f64>().ok())
    };
    // The text does not fill 2048: a larger size leads to the same tokenizer.
    let vocab = number("tok.vocab_size").unwrap_or(30.0).min(2048.0);
    Knobs {
        seed: number("lang.world_seed").unwrap() as u64,
        distance: number("lang.lexical_distance").unwrap_or(0.3),
        vocab,
        regime: u64::from(run.knobs["tok.regime"].to_string() == "balanced"),
        small: 1.0 - (vocab / 32.0).ln().max(0.0) / 5.0,
    }
}

fn bridge_of(run: &PlannedRun, concept: u32) -> f64 {
    let Knobs {
        seed,
        distance,
        small,
        vocab,
        regime,
    } = knobs(run);
    let place = [seed, vocab as u64, regime, (100.0 * distance) as u64];
    let own = 0.6 + 0.3 * noise(&[place[0], place[1], place[2], place[3], u64::from(concept)]);
    (small * (1.0 - distance) * (own + 0.3 * noise(&place))).clamp(-0.05, 1.0)
}

fn lang(study: &Path, run: &PlannedRun) {
    publish(
        study,
        Stage::Lang,
        run,
        json!({ "minority_share": { "realised_characters": 0.3 } }),
        |output| {
            let probe = |index: u32| ProbeRow {
                probe: index,
                stage: ProbeStage::Lexical,
                phenomenon: "subject".into(),
                condition: Condition::Masked,
                language: Language::Minority,
                concept: Some(index / 4),
                r#type: Some("t".into()),
                template: "x".into(),
                calibration_group: Some("g".into()),
                candidates: (0..CANDIDATES)
                    .map(|candidate| format!("f{candidate} ."))
                    .collect(),
                forms: Some(
                    (0..CANDIDATES)
                        .map(|candidate| format!("f{candidate}"))
                        .collect(),
                ),
                gold: (index % u32::from(CANDIDATES)) as u16,
                crossed_with: None,
                set: ProbeSet::Primary,
                chance: 0.125,
            };
            let probes: Vec<ProbeRow> = (0..4 * CONCEPTS).map(probe).collect();
            write_rows(&output.path("probes.parquet"), &probes).unwrap();
            // The token of `often` is trained, that of `seldom` is not.
            let path = output.path("train-00000-of-00001.parquet");
            let mut writer = DocumentWriter::create(&path).unwrap();
            for document in 0..20 {
                let text = if document == 0 {
                    "often seldom ."
                } else {
                    "often ."
                };
                writer
                    .push(DocumentRef {
                        document,
                        language: Language::Minority,
                        text,
                        derivation: "invented",
                        characters: text.len() as u32,
                        sentences: 1,
                    })
                    .unwrap();
            }
            writer.finish().unwrap();
        },
    );
}

/// Whether a concept's A-forms are one token: more of them the less decomposable words are.
fn is_atom(concept: u32, small: f64) -> bool {
    f64::from(concept) / f64::from(CONCEPTS) > small
}

/// Whether a concept's B-forms are made of a token that training text has 20 times.
fn is_trained(concept: u32) -> bool {
    !concept.is_multiple_of(3)
}

/// Base form and plural of each concept in both languages, and two words of the text.
fn segmentation(small: f64) -> Vec<SegmentationRow> {
    let row = |concept, category, inflection: &str, language, form: String, ids: Vec<u32>| {
        SegmentationRow {
            concept,
            category,
            r#type: None,
            inflection: inflection.to_owned(),
            language,
            condition: Condition::Masked,
            form,
            tokens: ids.iter().map(ToString::to_string).collect(),
            n_tokens: ids.len() as u16,
            is_atom: ids.len() == 1,
            ids,
        }
    };
    const OFTEN: u32 = 1;
    const SELDOM: u32 = 2;
    let mut rows = vec![
        row(
            900,
            Category::Verb,
            "base",
            Language::Minority,
            "often".into(),
            vec![OFTEN],
        ),
        row(
            901,
            Category::Verb,
            "base",
            Language::Minority,
            "seldom".into(),
            vec![SELDOM],
        ),
    ];
    for concept in 0..CONCEPTS {
        for inflection in ["base", "plural"] {
            let a = if is_atom(concept, small) {
                vec![3]
            } else {
                vec![4, 5]
            };
            let b = if is_trained(concept) { OFTEN } else { SELDOM };
            let forms = [
                (Language::Majority, "a", a),
                (Language::Minority, "b", vec![OFTEN, b]),
            ];
            for (language, letter, ids) in forms {
                let form = format!("{letter}{concept}{inflection}");
                rows.push(row(
                    concept,
                    Category::Noun,
                    inflection,
                    language,
                    form,
                    ids,
                ));
            }
        }
    }
    rows
}

/// Writes a run's TOK.
pub fn tok(study: &Path, run: &PlannedRun) {
    let Knobs {
        seed, vocab, small, ..
    } = knobs(run);
    let realised = vocab.min(1391.0);
    let balance = if run.knobs["tok.regime"].to_string() == "balanced" {
        0.5
    } else {
        0.3
    };
    let measured = json!({ "vocab_size": realised as u64, "mix": { "minority": { "realised_share": balance } } });
    publish(study, Stage::Tok, run, measured, |output| {
        let lang = &run.artifacts[&Stage::Lang];
        let tokenizer = json!({ "lang": lang, "balance": balance, "tokens": realised });
        std::fs::write(output.path("tokenizer.json"), tokenizer.to_string()).unwrap();
        let row = |concept: u32| BridgeRow {
            concept,
            condition: Condition::Masked,
            r#type: "t".into(),
            form_majority: format!("a{concept}"),
            form_minority: format!("b{concept}"),
            ldn: knobs(run).distance + 0.02 * noise(&[seed, u64::from(concept)]),
            shared_mass: 0.3,
            shared_mass_multichar: 0.1,
            shared_mass_corrected: bridge_of(run, concept),
            ordered: 0.2,
            ordered_corrected: 0.1,
            specificity: 0.2,
            identifiability: Some(bridge_of(run, concept).max(0.1)),
            learnable: Some(0.4),
            seen_coverage_minority: 0.9,
            seen_coverage_all: if is_trained(concept) { 1.0 } else { 0.7 },
            fertility_majority: if is_atom(concept, small) { 1.0 } else { 3.0 },
            fertility_minority: 1.0 + 4.0 * small,
        };
        let rows: Vec<BridgeRow> = (0..CONCEPTS).map(row).collect();
        write_rows(&output.path("bridges.parquet"), &rows).unwrap();
        let mut summary = Vec::new();
        for condition in [Condition::Majority, Condition::Minority, Condition::Masked] {
            let language = if condition == Condition::Majority {
                Language::Majority
            } else {
                Language::Minority
            };
            for (measure, value) in [
                ("form_fertility", 1.0 + 4.0 * small),
                ("form_atom_share", 1.0 - small),
                ("renyi_efficiency", 0.5 + 0.2 * small),
            ] {
                summary.push(SummaryRow {
                    language,
                    condition,
                    measure: measure.into(),
                    value,
                    n: 100,
                });
            }
        }
        summary.push(SummaryRow {
            language: Language::Majority,
            condition: Condition::Masked,
            measure: "form_atom_share".into(),
            value: 1.0 - small,
            n: u64::from(2 * CONCEPTS),
        });
        write_rows(&output.path("summary.parquet"), &summary).unwrap();
        write_rows(&output.path("segmentation.parquet"), &segmentation(small)).unwrap();
    });
}

/// Writes the artifacts of the runs that are wanted.
pub fn build(study: &Path, wanted: impl Fn(usize, &PlannedRun) -> bool) {
    for (index, run) in read(study).unwrap().unwrap().iter().enumerate() {
        if wanted(index, run) {
            lang(study, run);
            tok(study, run);
            if run.artifacts.contains_key(&Stage::Eval) {
                evaluation::eval(study, run);
            }
        }
    }
}
