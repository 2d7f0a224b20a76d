//! The real binary over small directories: what it writes, what it refuses, and how it goes on.

mod directories;
mod engines;

use std::path::Path;
use std::process::{Command, Output};

use corpus::tables::{MetricRow, ScoreRow};
use corpus::{Condition, Input, Stage, read_rows};
use directories::{Directories, STEPS, masked_forms, tiny};
use serde_json::{Value, json};
use world::Side;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transfer-eval"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Evaluates with few samples, and further flags.
fn evaluate(directories: &Directories, model: &str, out: &str, more: &[&str]) -> Output {
    let paths = ["lang", "tok", model, out]
        .map(|name| directories.path(name).to_string_lossy().into_owned());
    let mut arguments = vec![
        "--lang",
        &paths[0],
        "--tok",
        &paths[1],
        "--model",
        &paths[2],
        "--out",
        &paths[3],
        "--quiet",
        "--samples",
        "5",
        "--draws",
        "3",
        "--bootstrap",
        "100",
    ];
    arguments.extend(more);
    run(&arguments)
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn fails(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

fn manifest(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("manifest.json")).unwrap()
}

#[test]
fn a_run_writes_what_it_says_and_repeats() {
    let directories = Directories::new();
    let printed = succeeds(&evaluate(
        &directories,
        "model",
        "eval",
        &["--threads", "1"],
    ));
    let out = directories.path("eval");
    assert_eq!(printed.lines().last(), Some(out.to_str().unwrap()));
    assert!(printed.contains("reachability"), "{printed}");

    // one row per checkpoint × probe × candidate: 12 pairs, 2 · 6 clozes of 6 forms, 4 ladders of 3 + 1 rungs
    let scores: Vec<ScoreRow> = read_rows(&out.join("scores.parquet")).unwrap();
    assert_eq!(scores.len(), STEPS.len() * (12 * 2 + 2 * 6 * 6 + 4 * 4));
    let metrics: Vec<MetricRow> = read_rows(&out.join("metrics.parquet")).unwrap();
    assert!(
        metrics
            .iter()
            .all(|row| row.value.is_some() != row.reason.is_some())
    );
    let masked = |metric: &str| {
        let row = metrics.iter().find(|row| {
            row.metric == metric
                && row.condition == Condition::Masked
                && row.step == 10
                && row.phenomenon.is_none()
        });
        row.unwrap_or_else(|| panic!("no {metric}")).clone()
    };
    assert_eq!((masked("mrr").n_items, masked("mrr").n_concepts), (12, 6));
    let oracle = masked("oracle_learnable");
    assert_eq!((oracle.value, oracle.n_concepts), (Some(0.25), 6));
    // H₆/6 = 2.45/6
    assert!((oracle.chance.unwrap() - 2.45 / 6.0).abs() < 1e-12);
    // untrained: the gold word is one of about 200
    assert!(masked("generated_expected").value.unwrap() < 0.2);
    assert_eq!(masked("mrr_onset_step").value, None);

    // other threads, the same bytes; and the metrics follow from the files
    succeeds(&evaluate(
        &directories,
        "model",
        "again",
        &["--threads", "3"],
    ));
    assert_eq!(manifest(&out), manifest(&directories.path("again")));
    let eval = out.to_string_lossy();
    let printed = succeeds(&run(&["aggregate", &eval]));
    assert!(printed.contains("the same computed again"), "{printed}");

    // where nothing is to be done, --resume says so; without it the directory is refused
    succeeds(&evaluate(&directories, "model", "eval", &["--resume"]));
    assert!(fails(&evaluate(&directories, "model", "eval", &[])).contains("--force"));

    let printed = succeeds(&run(&["show", &eval, "--steps", "2"]));
    assert!(
        printed.contains("onset") && printed.contains("step 10") && !printed.contains("step 5"),
        "{printed}"
    );
    let scored = scores
        .iter()
        .find(|row| row.calibrated_nats.is_some())
        .unwrap();
    assert!(scored.next_word_nats.is_some() || scored.candidate > 0);
    let world = tiny();
    let entries = world.lexicon(Side::Majority).entries();
    let named: Vec<u32> = entries.iter().map(|entry| entry.concept).collect();
    let last = named.last().unwrap();
    let expected = format!("expected a number from 0 to {last}, or a form of lexicon.parquet");
    for name in ["nosuchform", "999"] {
        let error = fails(&run(&["show", &eval, name]));
        assert_eq!(
            error.trim_end(),
            format!("error: concept {name}: {expected}")
        );
    }
    let wordless = (0..*last).find(|concept| !named.contains(concept)).unwrap();
    let error = fails(&run(&["show", &eval, &wordless.to_string()]));
    assert!(error.contains("found one that no word names"), "{error}");
    let error = fails(&run(&["show", &eval, "--steps", "0"]));
    assert!(error.contains("--steps 0: expected at least 1"), "{error}");
}

/// Cells of the line that begins with these, by white space.
#[track_caller]
fn line<'a>(printed: &'a str, beginning: &[&str]) -> Vec<&'a str> {
    let mut lines = printed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<&str>>());
    let found = lines.find(|cells| cells.starts_with(beginning));
    found.unwrap_or_else(|| panic!("no line {beginning:?} in:\n{printed}"))
}

#[test]
fn a_concept_is_shown_with_forms_bridge_and_ranks() {
    let directories = Directories::new();
    succeeds(&evaluate(&directories, "model", "eval", &[]));
    let eval = directories.path("eval").to_string_lossy().into_owned();
    let world = tiny();
    let of = |side| masked_forms(&world, side);
    let (majority, minority) = (of(Side::Majority), of(Side::Minority));
    let differs = |at: &usize| majority[*at].1 != minority[*at].1;
    let at = (0..minority.len()).find(differs).unwrap();
    assert_eq!(majority[at].0, minority[at].0);
    let concept = minority[at].0.to_string();
    let (a, b) = (majority[at].1.as_str(), minority[at].1.as_str());

    // by number and by form
    let printed = succeeds(&run(&["show", &eval, &concept]));
    assert_eq!(printed, succeeds(&run(&["show", &eval, a])));
    assert_eq!(line(&printed, &["concept"]), ["concept", concept.as_str()]);
    // every word is one token
    let token = |form: &str| format!("▁{form}");
    assert_eq!(
        line(&printed, &["majority", "base"]),
        ["majority", "base", a, "majority", "–", token(a).as_str()]
    );
    assert_eq!(
        line(&printed, &["minority", "base"]),
        ["minority", "base", b, "masked", "–", token(b).as_str()]
    );
    // what the bridge's row says
    for (bridge, value) in [
        ("shared_mass", "0.25"),
        ("identifiability", "0.50"),
        ("learnable", "0.25"),
        ("seen_coverage_all", "0.00"),
    ] {
        assert_eq!(line(&printed, &[bridge, value]), [bridge, value]);
    }
    // In each calibration group one sentence is asked for all six nouns, so calibrated scores are all 0: a tie of six
    // has the mean rank 3.5, and each is first in one of six orders.
    for step in STEPS {
        let step = step.to_string();
        assert_eq!(
            line(&printed, &[step.as_str(), "minority"]),
            [step.as_str(), "minority", "3.50", "6.0", "0.17", "2"]
        );
    }
    // a noun that no cloze asks for
    let is_asked = |concept: u32| minority.iter().any(|(asked, _)| *asked == concept);
    let entries = world.lexicon(Side::Minority).entries();
    let other = entries.iter().find(|entry| !is_asked(entry.concept));
    let printed = succeeds(&run(&["show", &eval, &other.unwrap().concept.to_string()]));
    assert!(printed.contains("no cloze asks for it"), "{printed}");
}

#[test]
fn the_manifest_says_how_sequences_are_scored() {
    let directories = Directories::new();
    succeeds(&evaluate(&directories, "model", "eval", &[]));
    let manifest: Value = serde_json::from_str(&manifest(&directories.path("eval"))).unwrap();
    let configuration = &manifest["configuration"];
    assert_eq!(
        configuration["scoring"],
        json!({
            "start": "<sep>", "start_id": 0, "end": "<sep>", "end_id": 0,
            "scored": "every token after the start, the end among them",
            "reduction": "sum", "unit": "nats",
        })
    );
    assert_eq!(
        (&configuration["draws"], &configuration["bootstrap"]),
        (&json!(3), &json!(100))
    );
}

#[test]
fn metrics_computed_again_are_written_where_asked() {
    let directories = Directories::new();
    succeeds(&evaluate(&directories, "model", "eval", &[]));
    let [eval, out, fewer] = ["eval", "again.parquet", "fewer.parquet"].map(|name| {
        let path = directories.path(name);
        path.to_string_lossy().into_owned()
    });
    let printed = succeeds(&run(&["aggregate", &eval, "--out", &out]));
    assert_eq!(printed.trim_end(), out);
    let metrics: Vec<MetricRow> =
        read_rows(&directories.path("eval").join("metrics.parquet")).unwrap();
    let again: Vec<MetricRow> = read_rows(Path::new(&out)).unwrap();
    assert_eq!(again, metrics);

    // what is there stays there unless --force is given, and what is in a directory of the lab even then
    let again = |arguments: &[&str]| run(&[&["aggregate", eval.as_str()], arguments].concat());
    std::fs::write(&out, "precious").unwrap();
    let error = fails(&again(&["--out", &out]));
    assert!(error.contains("found a file; pass --force"), "{error}");
    let own = format!("{eval}/metrics.parquet");
    let error = fails(&again(&["--out", &own, "--force"]));
    assert!(error.contains("outside a directory of the lab"), "{error}");
    let lang = directories.path("lang").to_string_lossy().into_owned();
    let error = fails(&again(&["--out", &lang, "--force"]));
    assert!(error.contains("found a directory"), "{error}");
    assert!(!directories.path("lang.tmp").exists());
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    succeeds(&again(&["--out", &out, "--force"]));
    let replaced: Vec<MetricRow> = read_rows(Path::new(&out)).unwrap();
    assert_eq!(replaced, metrics);

    // intervals of other resamples differ, so there is nothing to compare
    let error = fails(&again(&["--bootstrap", "20"]));
    let expected = "--bootstrap 20: EVAL has 100 resamples, so its intervals cannot be compared; leave it out, or write \
                    with --out FILE";
    assert_eq!(error.trim_end(), format!("error: {expected}"));
    succeeds(&again(&["--bootstrap", "100"]));

    // without resamples: the same values, and intervals only where they are no bootstrap's
    succeeds(&run(&[
        "aggregate",
        &eval,
        "--bootstrap",
        "0",
        "--out",
        &fewer,
    ]));
    let fewer: Vec<MetricRow> = read_rows(Path::new(&fewer)).unwrap();
    assert_eq!(fewer.len(), metrics.len());
    for (fewer, row) in fewer.iter().zip(&metrics) {
        assert_eq!((fewer.value, fewer.n_items), (row.value, row.n_items));
        let own = row.metric.ends_with("_null") || row.metric == "cka";
        assert!(own || fewer.low.is_none(), "{fewer:?}");
    }
}

#[test]
fn damage_is_refused_by_name_and_resume_goes_on() {
    let directories = Directories::new();
    succeeds(&evaluate(&directories, "model", "whole", &[]));
    let file = directories
        .path("model")
        .join("checkpoints/step-000005/model.safetensors");
    let intact = std::fs::read(&file).unwrap();
    let mut damaged = intact.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let error = fails(&evaluate(&directories, "model", "eval", &[]));
    assert!(error.contains("step-000005/model.safetensors"), "{error}");
    // the first checkpoint was recorded; with the file mended the run goes on to the same result
    let partial = directories.path("eval.partial").join("resume");
    assert!(partial.join("step-000000").is_dir() && !partial.join("step-000005").exists());
    std::fs::write(&file, intact).unwrap();
    succeeds(&evaluate(&directories, "model", "eval", &["--resume"]));
    assert_eq!(
        manifest(&directories.path("eval")),
        manifest(&directories.path("whole"))
    );
}

/// The length tells at once; only what has its length waits for its hash.
#[test]
fn a_checkpoint_cut_short_is_refused_before_any_is_evaluated() {
    let directories = Directories::new();
    let name = "checkpoints/step-000010/model.safetensors";
    let file = directories.path("model").join(name);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let error = fails(&evaluate(&directories, "model", "eval", &[]));
    let expected = format!("{name}: expected {} bytes", whole.len());
    assert!(error.contains(&expected), "{error}");
    let recorded = directories.path("eval.partial/resume/step-000000");
    assert!(!recorded.exists());
}

#[test]
fn what_does_not_belong_is_refused() {
    let directories = Directories::new();
    let world = tiny();
    directories.write_tok(&world, "tok-other", 2);
    directories.write_model("model-other", "tok-other", 1);
    let error = fails(&evaluate(&directories, "model-other", "eval", &[]));
    let tok = Input::open(&directories.path("tok"), Stage::Tok).unwrap();
    assert!(error.contains(&tok.fingerprint().to_string()), "{error}");
    assert!(fails(&evaluate(&directories, "tok", "eval", &[])).starts_with("error: "));
    assert!(fails(&evaluate(&directories, "nowhere", "eval", &[])).contains("nowhere"));
    let error = fails(&evaluate(
        &directories,
        "model",
        "eval",
        &["--temperature", "0"],
    ));
    assert!(error.contains("--temperature 0"), "{error}");
    assert!(!directories.path("eval").exists());
}
