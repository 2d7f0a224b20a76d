//! A study of tokenizers alone: planned, made and reported by the real binaries, and no model is trained.

use std::collections::BTreeMap;

use corpus::tables::{BridgeRow, Values, read_rows, read_wide};
use corpus::{Condition, Input, Stage};
use end_to_end::process::{Program, words};
use end_to_end::{Lab, project};

const STUDY: &str = r#"
description = "Bridges by vocabulary, distance and regime"
last_stage = "tok"

[base.lang]
world = "WORLDS/tiny.toml"
documents = 300

[grid.lang]
lexical_distance = [0.1, 0.6]

[grid.tok]
regime = ["balanced", "proportional"]
vocab_size = [96, 192]

[[control]]
name = "char"
tok.algorithm = "char"
tok.regime = "proportional"
"#;

/// A table's columns by name.
type Columns = BTreeMap<String, Values>;

fn columns(lab: &Lab, file: &str) -> Columns {
    let columns = read_wide(&lab.path(file), "study report").unwrap();
    let named = columns
        .into_iter()
        .map(|column| (column.name, column.values));
    named.collect()
}

fn texts(columns: &Columns, name: &str) -> Vec<String> {
    match &columns[name] {
        Values::Text(values) => values.iter().flatten().cloned().collect(),
        _ => panic!("{name} is no text"),
    }
}

fn numbers(columns: &Columns, name: &str) -> Vec<f64> {
    match &columns[name] {
        Values::Real(values) => values.iter().flatten().copied().collect(),
        _ => panic!("{name} is no number"),
    }
}

#[test]
fn tokenizers_are_studied_without_a_model() {
    let lab = Lab::new();
    let worlds = project().join("data/worlds");
    let study = STUDY.replace("WORLDS", &worlds.to_string_lossy());
    std::fs::write(lab.path("study.toml"), study).unwrap();
    lab.ok("study", "plan study.toml --out plan --quiet");
    let program = Program::new(lab.binaries(), &lab.path(""));
    let make = words("make --no-print-directory -C plan -j2 QUIET=--quiet");
    program.ok(&make).unwrap();

    // 2 distances, each with 2 regimes × 2 sizes and the control.
    let mut built: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(lab.path("plan/artifacts")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kind = [Stage::Lang, Stage::Tok]
            .into_iter()
            .find(|kind| name.starts_with(kind.name()))
            .unwrap_or_else(|| panic!("{name}: no language and no tokenizer"));
        Input::open(&path, kind).unwrap().check_all().unwrap();
        *built.entry(kind.name()).or_default() += 1;
    }
    assert_eq!(built, BTreeMap::from([("lang", 2), ("tok", 10)]));

    let printed = lab.ok("study", "report plan --out report --quiet");
    assert!(printed.contains("bridge"), "{printed}");
    Input::open(&lab.path("report"), Stage::Report)
        .unwrap()
        .check_all()
        .unwrap();
    let figure = |name: &str| lab.path(&format!("report/figures/{name}.svg")).exists();
    assert!(figure("tokenizers") && figure("bridge-heat") && !figure("stages"));

    // The report's numbers are those of the tables.
    let runs = columns(&lab, "report/runs.parquet");
    let toks = texts(&runs, "artifact.tok");
    let distances = numbers(&runs, "knob.lang.lexical_distance");
    let reported = numbers(&runs, "value.bridge.masked.shared_mass_corrected");
    assert_eq!((toks.len(), distances.len(), reported.len()), (10, 10, 10));
    let mut by_distance = [Vec::new(), Vec::new()];
    for ((tok, distance), reported) in toks.iter().zip(distances).zip(reported) {
        let path = lab.path(&format!("plan/artifacts/{tok}/bridges.parquet"));
        let rows: Vec<BridgeRow> = read_rows(&path).unwrap();
        let masked: Vec<f64> = rows
            .iter()
            .filter(|row| row.condition == Condition::Masked)
            .map(|row| row.shared_mass_corrected)
            .collect();
        let mean = masked.iter().sum::<f64>() / masked.len() as f64;
        assert!((mean - reported).abs() < 1e-9, "{tok}: {mean} {reported}");
        by_distance[usize::from(distance > 0.3)].push(reported);
    }
    let [near, far] = by_distance.map(|values| values.iter().sum::<f64>() / values.len() as f64);
    assert!(near > far, "bridges fall with distance: {near} {far}");
}
