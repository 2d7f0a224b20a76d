//! Plan, status and report over directories that these tests write with invented numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::tables::{BridgeRow, MetricRow, ProbeRow, ScoreRow, SummaryRow};
use corpus::{
    Condition, Fingerprint, Input, Language, Output, ProbeSet, ProbeStage, Request, Verdict,
    write_rows,
};
use serde_json::json;
use study::artifact::Stage;
use study::knobs::Setting;
use study::plan::runs::{PlannedRun, read};
use study::report::data::names;
use study::report::gather::gather;
use study::report::summary::{main_runs, shown_value};
use study::{plan, report, status};

const WORLD: &str = "name = \"invented\"\ngrammar = \"g.grammar\"\n[divergence]\ndistance = 0.2\n";

fn planned(name: &str, study: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("w.toml"), WORLD).unwrap();
    std::fs::write(root.join("g.grammar"), "rule x").unwrap();
    std::fs::write(root.join("invented.toml"), study).unwrap();
    let out = root.join("plan");
    plan::plan(&root.join("invented.toml"), &out, Path::new("bin"), true).unwrap();
    out
}

fn report_on(input: &Path, out: &Path, force: bool) -> anyhow::Result<String> {
    report::report(&[input.to_owned()], out, force)
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
    let configuration = json!({ "invented": true, "split_ids": split_ids });
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
const STEPS: [u64; 9] = [0, 10, 20, 50, 100, 200, 500, 1000, 2000];

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
        },
    );
}

fn tok(study: &Path, run: &PlannedRun) {
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
            seen_coverage_all: if concept.is_multiple_of(3) { 0.7 } else { 1.0 },
            fertility_majority: if f64::from(concept) / f64::from(CONCEPTS) > small {
                1.0
            } else {
                3.0
            },
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
        write_rows(&output.path("summary.parquet"), &summary).unwrap();
    });
}

fn eval(study: &Path, run: &PlannedRun) {
    publish(study, Stage::Model, run, json!({}), |output| {
        std::fs::write(output.path("x"), "x").unwrap()
    });
    let Knobs {
        seed,
        vocab,
        regime,
        distance,
        ..
    } = knobs(run);
    let distance = (100.0 * distance) as u64;
    let mean_bridge = (0..CONCEPTS)
        .map(|concept| bridge_of(run, concept))
        .sum::<f64>()
        / f64::from(CONCEPTS);
    publish(study, Stage::Eval, run, json!({}), |output| {
        let mut metrics = Vec::new();
        for (at, step) in STEPS.into_iter().enumerate() {
            let learned = |from: f64, chance: f64, most: f64| {
                chance + (most - chance) / (1.0 + (from - at as f64).exp())
            };
            let mut push = |stage: &str,
                            metric: &str,
                            condition: Condition,
                            phenomenon: Option<&str>,
                            chance: f64,
                            value: f64| {
                let value = (value
                    + 0.1 * noise(&[seed, step, vocab as u64, condition as u64, regime, distance]))
                .min(1.0);
                metrics.push(MetricRow {
                    step,
                    stage: stage.into(),
                    metric: metric.into(),
                    condition,
                    phenomenon: phenomenon.map(Into::into),
                    value: Some(value),
                    n_items: 500,
                    n_concepts: u64::from(CONCEPTS),
                    chance: Some(chance),
                    low: Some((value - 0.04).max(0.0)),
                    high: Some((value + 0.03).min(1.0)),
                    reason: None,
                });
            };
            for (condition, late, most) in [
                (Condition::Majority, 0.0, 0.99),
                (Condition::Minority, 1.0, 0.95),
                (Condition::Masked, 2.0, 0.5 + 0.5 * mean_bridge),
            ] {
                push(
                    "grammar",
                    "accuracy",
                    condition,
                    None,
                    0.5,
                    learned(2.0 + late, 0.5, 0.97),
                );
                push(
                    "type",
                    "accuracy",
                    condition,
                    None,
                    0.5,
                    learned(3.0 + late, 0.5, 0.95),
                );
                push(
                    "knowledge",
                    "accuracy",
                    condition,
                    None,
                    0.5,
                    learned(4.0 + late, 0.5, most),
                );
                let mrr = 0.34;
                push(
                    "lexical",
                    "mrr",
                    condition,
                    None,
                    mrr,
                    learned(5.0 + late, mrr, most),
                );
                push(
                    "lexical",
                    "reachability",
                    condition,
                    None,
                    0.125,
                    learned(5.0 + late, 0.125, most),
                );
            }
            push(
                "knowledge",
                "held_out_accuracy",
                Condition::Minority,
                None,
                0.5,
                learned(5.0, 0.5, 0.8),
            );
            push(
                "grammar",
                "accuracy",
                Condition::Masked,
                Some("position"),
                0.5,
                learned(3.0, 0.5, 0.99),
            );
            push(
                "type",
                "accuracy",
                Condition::Masked,
                Some("other_type"),
                0.5,
                learned(4.0 + noise(&[seed]), 0.5, 0.95),
            );
            push(
                "lexical",
                "accuracy",
                Condition::Masked,
                Some("same_type"),
                0.5,
                learned(5.5, 0.5, 0.5 + 0.5 * mean_bridge),
            );
        }
        write_rows(&output.path("metrics.parquet"), &metrics).unwrap();
        let mut scores = Vec::new();
        for probe in 0..4 * CONCEPTS {
            let gold = (probe % u32::from(CANDIDATES)) as u16;
            for candidate in 0..CANDIDATES {
                let draw = noise(&[seed, u64::from(probe), u64::from(candidate), vocab as u64]);
                let nats = if candidate == gold {
                    draw + 0.8 * bridge_of(run, probe / 4)
                } else {
                    draw
                };
                scores.push(ScoreRow {
                    step: 2000,
                    probe,
                    candidate,
                    log_probability_nats: nats as f32 - 20.0,
                    calibrated_nats: Some(nats as f32),
                    next_word_nats: None,
                    n_tokens: 9,
                });
            }
        }
        write_rows(&output.path("scores.parquet"), &scores).unwrap();
    });
}

fn build(study: &Path, wanted: impl Fn(usize, &PlannedRun) -> bool) {
    for (index, run) in read(study).unwrap().unwrap().iter().enumerate() {
        if wanted(index, run) {
            lang(study, run);
            tok(study, run);
            if run.artifacts.contains_key(&Stage::Eval) {
                eval(study, run);
            }
        }
    }
}

const GRID: &str = r#"
description = "Invented numbers: a test of the report, no result."
[base.lang]
world = "w.toml"
[grid.lang]
world_seed = [1, 2, 3, 4, 5, 6]
lexical_distance = [0.2, 0.4]
[grid.tok]
regime = ["balanced", "proportional"]
vocab_size = [64, 512, 2048]
[[control]]
name = "char"
tok.algorithm = "char"
tok.regime = "balanced"
[claims]
min_world_seeds = 6
"#;

#[test]
fn a_whole_study_becomes_a_report_that_draws_itself_again() {
    let study = planned("whole", GRID);
    build(&study, |_, _| true);
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.trim_end().ends_with("index.html"), "{text}");
    assert!(text.contains("2048 (1391)"), "{text}");
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    for outside in ["<script", "src=", "url(", "@import", "<link"] {
        assert!(
            !page.contains(outside),
            "the page is self-contained, but has {outside}"
        );
    }
    for figure in [
        "stages",
        "reachability",
        "bridge-heat",
        "curves",
        "stage-order",
        "bridge-runs",
        "bridge-concepts",
        "importance",
        "controls",
        "tokenizers",
    ] {
        assert!(
            out.join(format!("figures/{figure}.svg")).exists(),
            "no {figure}"
        );
        assert!(
            page.contains(&format!("id=\"{figure}\"")),
            "{figure} is not on the page"
        );
    }
    let rows: Vec<corpus::tables::ClaimRow> =
        corpus::read_rows(&out.join("claims.parquet")).unwrap();
    let verdict = |statistic: &str| {
        rows.iter()
            .find(|row| row.statistic == statistic)
            .unwrap()
            .verdict
    };
    // The invented outcome falls with vocabulary and rises with the bridge; positions come first.
    assert_eq!(verdict("vocabulary_outcome_spearman"), Verdict::Holds);
    assert_eq!(verdict("vocabulary_atom_share_spearman"), Verdict::Holds);
    assert_eq!(verdict("bridge_outcome_spearman"), Verdict::Holds);
    assert_eq!(verdict("position_before_other_type_p"), Verdict::Holds);
    assert!(rows.iter().all(|row| row.n_world_seeds == 6), "{rows:?}");

    let before = std::fs::read(out.join("manifest.json")).unwrap();
    assert_eq!(
        report_on(&study, &out, true).unwrap(),
        text,
        "the same runs: nothing is written"
    );
    assert_eq!(std::fs::read(out.join("manifest.json")).unwrap(), before);
    let again = study.join("again");
    report_on(&out, &again, false).unwrap();
    for file in [
        "index.html",
        "claims.parquet",
        "runs.parquet",
        "metrics.parquet",
        "concepts.parquet",
    ] {
        assert_eq!(
            std::fs::read(out.join(file)).unwrap(),
            std::fs::read(again.join(file)).unwrap(),
            "{file} differs when drawn again"
        );
    }
}

#[test]
fn missing_runs_leave_claims_undecided_and_are_listed() {
    let study = planned("missing", GRID);
    build(&study, |index, _| index != 3);
    let state = status::status(&study).unwrap();
    assert_eq!(
        state.stages.last().unwrap().1.counts[3],
        1,
        "one evaluation is left: {state:?}"
    );
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.contains("1 of 84 runs are missing"), "{text}");
    let rows: Vec<corpus::tables::ClaimRow> =
        corpus::read_rows(&out.join("claims.parquet")).unwrap();
    assert!(rows.iter().all(|row| {
        row.verdict == Verdict::Undecided
            && row
                .missing
                .as_deref()
                .is_some_and(|text| text.contains("1 of 72 runs"))
    }));
    // More runs: the report is another one, which --force writes.
    build(&study, |_, _| true);
    assert!(report_on(&study, &out, false).is_err());
    report_on(&study, &out, true).unwrap();
}

#[test]
fn one_seed_and_single_evaluations_are_reported() {
    let study = planned(
        "demo",
        "[base.lang]\nworld = \"w.toml\"\n[grid.tok]\nvocab_size = [64, 512, 2048]\n",
    );
    build(&study, |_, _| true);
    let text = report_on(&study, &study.join("report"), false).unwrap();
    assert!(
        text.contains("lexical MRR") && text.contains("minority, masked"),
        "{text}"
    );
    let run = &read(&study).unwrap().unwrap()[0];
    let eval = study.join("artifacts").join(&run.artifacts[&Stage::Eval]);
    report_on(&eval, &study.join("single"), false).unwrap();
    let input = Input::open(&study.join("single"), corpus::Stage::Report).unwrap();
    assert_eq!(input.manifest().measured["finished"], 1);
}

#[test]
fn tokenizers_alone_are_reported() {
    let text = "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n[grid.lang]\nlexical_distance = [0.2, 0.4]\n[grid.tok]\nvocab_size = [64, 512, 2048]\n";
    let study = planned("tokenizers", text);
    build(&study, |_, _| true);
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.contains("bridge"), "{text}");
    assert!(
        out.join("figures/tokenizers.svg").exists() && out.join("figures/bridge-heat.svg").exists()
    );
    assert!(!out.join("figures/stages.svg").exists());
}

/// 2 distances × (64, and 2048 and 4096 which the text does not fill): 4 tokenizers.
#[test]
fn sizes_that_lead_to_one_tokenizer_count_once() {
    let text = "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n[grid.lang]\nlexical_distance = [0.2, 0.4]\n[grid.tok]\nvocab_size = [4096, 2048, 64]\n";
    let study = planned("unfilled", text);
    build(&study, |_, _| true);
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.contains("2048–4096 (1391)"), "{text}");
    assert!(!text.contains("2048 (1391)"), "{text}");
    let figure = std::fs::read_to_string(out.join("figures/tokenizers.svg")).unwrap();
    assert!(figure.contains("vocabulary 2048–4096 (1391)"));
    assert!(!figure.contains("vocabulary 4096"));
    // The study and its report say the same.
    for input in [&study, &out] {
        let data = gather(std::slice::from_ref(input)).unwrap();
        let runs = main_runs(&data);
        let bridge = shown_value(&data, &runs, names::BRIDGE).unwrap();
        assert_eq!((runs.len(), bridge.runs), (6, 4));
    }
}

/// The same tokenizer.json three times, its ids split by language, by document, and by document again.
#[test]
fn tokenizers_whose_ids_are_split_otherwise_count_each() {
    let text = "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n";
    let study = planned("split", text);
    build(&study, |_, _| true);
    let planned = read(&study).unwrap().unwrap().remove(0);
    let toks = ["language", "document", "document"];
    let paths: Vec<PathBuf> = toks
        .into_iter()
        .enumerate()
        .map(|(index, by)| {
            let mut run = planned.clone();
            let name = format!("tok-{index}");
            run.knobs
                .insert("tok.split_ids".into(), Setting::Text(by.into()));
            run.artifacts.insert(Stage::Tok, name.clone());
            tok(&study, &run);
            study.join("artifacts").join(name)
        })
        .collect();
    let data = gather(&paths).unwrap();
    assert_eq!(data.runs[0].tokenizer, data.runs[1].tokenizer);
    let bridge = shown_value(&data, &main_runs(&data), names::BRIDGE).unwrap();
    assert_eq!(bridge.runs, 2);
}

#[test]
fn bad_input_is_one_clear_line() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let error = |path: &Path| {
        format!(
            "{:#}",
            report::report(&[path.to_owned()], &root.join("never"), false).unwrap_err()
        )
    };
    assert!(error(&root.join("nowhere")).contains("expected a planned study"));
    let study = planned("empty", GRID);
    assert!(error(&study).contains("no run has finished (84 planned)"));
    let error = plan::plan(
        Path::new("nowhere.toml"),
        &root.join("never"),
        Path::new("bin"),
        false,
    )
    .unwrap_err();
    assert!(format!("{error:#}").starts_with("nowhere.toml: cannot read the study"));
}
