//! The studies that are shipped: each is read and planned.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use study::artifact::Stage;
use study::plan;
use study::plan::runs::{PlannedRun, read};

fn studies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/studies")
}

/// Plans a study and reads its runs.
fn planned(name: &str) -> Vec<PlannedRun> {
    let directory = tempfile::tempdir().unwrap();
    let file = studies().join(format!("{name}.toml"));
    plan::plan(&file, directory.path(), Path::new("bin"), true, false).unwrap();
    read(directory.path()).unwrap().unwrap()
}

fn main_runs(runs: &[PlannedRun]) -> Vec<&PlannedRun> {
    runs.iter().filter(|run| run.label == "main").collect()
}

fn knob(run: &PlannedRun, name: &str) -> String {
    run.knobs[name].to_string()
}

/// How many main runs each value of a knob has.
fn counts(runs: &[&PlannedRun], name: &str) -> Vec<usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for run in runs {
        *counts.entry(knob(run, name)).or_default() += 1;
    }
    counts.into_values().collect()
}

#[test]
fn every_shipped_study_can_be_planned() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(studies()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    for expected in ["claims", "controls", "demo", "paper", "tokenizers"] {
        assert!(names.iter().any(|name| name == expected), "no {expected}");
    }
    for name in names {
        let runs = planned(&name);
        assert!(!main_runs(&runs).is_empty(), "{name}");
        let tokenizers = runs
            .iter()
            .all(|run| run.artifacts.contains_key(&Stage::Tok));
        assert!(tokenizers, "{name}");
    }
}

#[test]
fn claims_are_180_runs() {
    let runs = planned("claims");
    let main = main_runs(&runs);
    assert_eq!((runs.len(), main.len()), (180, 180));
    assert_eq!(counts(&main, "lang.world_seed"), [30; 6]);
    assert_eq!(counts(&main, "lang.lexical_distance"), [90; 2]);
    assert_eq!(counts(&main, "tok.vocab_size"), [36; 5]);
    assert_eq!(counts(&main, "tok.regime"), [60; 3]);
    let artifacts: BTreeSet<&String> = runs
        .iter()
        .map(|run| &run.artifacts[&Stage::Eval])
        .collect();
    assert_eq!(artifacts.len(), 180);
    let languages: BTreeSet<&String> = runs
        .iter()
        .map(|run| &run.artifacts[&Stage::Lang])
        .collect();
    assert_eq!(languages.len(), 12, "6 seeds of 2 distances");
}

#[test]
fn the_papers_grid_is_700_runs_with_a_balanced_seed() {
    let runs = planned("paper");
    let main = main_runs(&runs);
    assert_eq!((runs.len(), main.len()), (700, 700));
    assert_eq!(counts(&main, "lang.world_seed"), [70; 10]);
    assert_eq!(counts(&main, "lang.lexical_distance"), [140; 5]);
    assert_eq!(counts(&main, "lang.minority_share"), [175; 4]);
    assert_eq!(counts(&main, "tok.regime"), [140; 5]);
    assert_eq!(counts(&main, "tok.vocab_size"), [100; 7]);
    // Along the vocabulary the seed stays: one seed for each of the 100 other combinations.
    let cells: BTreeSet<[String; 4]> = main
        .iter()
        .map(|run| {
            [
                "lang.lexical_distance",
                "lang.minority_share",
                "tok.regime",
                "lang.world_seed",
            ]
            .map(|name| knob(run, name))
        })
        .collect();
    assert_eq!(cells.len(), 100);
}

/// What B alone gives away is learned from the documents and the text of B that the main runs have, and no more.
#[test]
fn one_language_alone_has_its_part_of_the_main_runs() {
    let runs = planned("controls");
    let number = |label: &str, name: &str| -> f64 {
        let run = runs.iter().find(|run| run.label == label).unwrap();
        knob(run, name).parse().unwrap()
    };
    let documents = number("main", "lang.documents");
    let share = number("main", "lang.minority_share");
    let budget = number("main", "model.max_chars");
    assert_eq!(
        number("b-only", "lang.documents"),
        (documents * share).round()
    );
    assert_eq!(
        number("a-only", "lang.documents"),
        (documents * (1.0 - share)).round()
    );
    let text = number("b-only", "model.max_chars") + number("a-only", "model.max_chars");
    assert_eq!(text, budget);
    let part = number("b-only", "model.max_chars") / budget;
    assert!(
        (part / share - 1.0).abs() < 0.2,
        "B's part of the text is {part}"
    );
}
