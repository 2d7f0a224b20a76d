//! The knobs' limits held against the stages themselves, run on the committed samples: what a plan refuses the stage
//! refuses, and what it lets pass the stage takes. `make test` builds the stages first.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::process::Command;

use study::artifact::Stage;
use study::grid::SIZES;
use study::knobs::{self, KNOBS, Kind, Knob, Scope};

/// The stages' binaries, beside the running test.
struct Stages {
    binaries: PathBuf,
    scratch: tempfile::TempDir,
}

impl Stages {
    fn new() -> Stages {
        let test = std::env::current_exe().unwrap();
        Stages {
            binaries: test.ancestors().nth(2).unwrap().to_owned(),
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    /// What a stage writes to stderr where it refuses these arguments; `None` where it takes them.
    fn refusal(&self, stage: Stage, arguments: &[String]) -> Option<String> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = self.command(stage);
        match stage {
            Stage::Lang => {
                command
                    .arg("--world")
                    .arg(project.join("data/worlds/tiny.toml"));
            }
            _ => {
                let inputs = Stage::ALL.into_iter().filter(|input| *input < stage);
                for input in inputs.map(Stage::name) {
                    let sample = project.join("tests/samples/format-1").join(input);
                    command.arg(format!("--{input}")).arg(sample);
                }
            }
        }
        command
            .arg("--out")
            .arg(self.scratch.path().join(stage.name()))
            .args(["--force", "--quiet"])
            .args(arguments);
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("unexpected argument"), "{error}");
        (!output.status.success()).then_some(error)
    }

    fn command(&self, stage: Stage) -> Command {
        let binary = self.binaries.join(stage.binary());
        assert!(
            binary.is_file(),
            "{} is not built: run make build first",
            binary.display()
        );
        let mut command = Command::new(binary);
        command
            .env_remove("RUST_LOG")
            .env("XDG_CACHE_HOME", self.scratch.path());
        command
    }
}

fn knobs_of(stage: Stage) -> impl Iterator<Item = &'static Knob> {
    KNOBS
        .iter()
        .filter(move |knob| knob.scope.name() == stage.name())
}

fn every_knob() -> impl Iterator<Item = (Stage, &'static Knob)> {
    let of = |stage| knobs_of(stage).map(move |knob| (stage, knob));
    Stage::ALL.into_iter().flat_map(of)
}

/// `--mask-share=-0.5`
fn given(knob: &Knob, value: &str) -> String {
    format!("{}={value}", knob.flag())
}

/// The values next to those of a knob.
fn outside(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Integer(least, most) => {
            let above = most.checked_add(1);
            let ends = [Some(least - 1), above].into_iter().flatten();
            ends.map(|n| n.to_string()).collect()
        }
        Kind::Number(low, high) => {
            let next = |end: Bound<f64>, step: f64| match end {
                Bound::Included(x) => Some(x + step),
                Bound::Excluded(x) => Some(x),
                Bound::Unbounded => None,
            };
            let ends = [next(low, -0.5), next(high, 0.5), Some(f64::NAN)];
            ends.into_iter().flatten().map(|x| x.to_string()).collect()
        }
        Kind::Word(_) => vec!["foo".to_owned()],
        Kind::Switch => Vec::new(),
    }
}

/// The last values of a knob.
fn ends(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Integer(least, most) => vec![least.to_string(), most.to_string()],
        Kind::Number(low, high) => {
            let end = |end: Bound<f64>| match end {
                Bound::Included(x) => Some(x.to_string()),
                _ => None,
            };
            [low, high].into_iter().filter_map(end).collect()
        }
        Kind::Word(_) | Kind::Switch => Vec::new(),
    }
}

#[test]
fn every_knob_is_an_option() {
    let stages = Stages::new();
    for stage in Stage::ALL {
        let output = stages.command(stage).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let options: BTreeSet<&str> = help.split([' ', '\n', ',']).collect();
        for knob in knobs_of(stage) {
            let flag = knob.flag();
            assert!(options.contains(flag.as_str()), "{flag} of {stage:?}");
        }
    }
}

#[test]
fn stages_refuse_what_a_plan_refuses() {
    let stages = Stages::new();
    for (stage, knob) in every_knob() {
        let word = knob.key.rsplit('_').next().unwrap();
        for value in outside(knob.kind) {
            let error = stages.refusal(stage, &[given(knob, &value)]);
            let error = error.unwrap_or_else(|| panic!("{stage:?} takes {} {value}", knob.key));
            assert!(error.contains(word), "{} {value}: {error}", knob.key);
        }
    }
}

/// An argument that the stage refuses after it has looked at the others, so that nothing is made.
fn stopper(stage: Stage) -> &'static str {
    match stage {
        // Looked at first, so that a language is made: of one document.
        Stage::Lang => "--documents=1",
        Stage::Tok => "--vocab-size=4",
        Stage::Model => "--warmup-steps=1000000",
        Stage::Eval => "--batch=0",
    }
}

#[test]
fn stages_take_what_a_plan_takes() {
    let stages = Stages::new();
    for (stage, knob) in every_knob() {
        // The stoppers themselves; sizes that need data; dimensions that need each other, which have a test below.
        let apart = [
            "documents",
            "vocab_size",
            "warmup_steps",
            "d_model",
            "n_heads",
        ];
        if apart.contains(&knob.key) {
            continue;
        }
        for value in ends(knob.kind) {
            let arguments = [given(knob, &value), stopper(stage).to_owned()];
            let error = stages.refusal(stage, &arguments).unwrap_or_default();
            let told = error.contains(&knob.flag()) || error.contains(&format!("{} is", knob.key));
            assert!(!told, "{} {value}: {error}", knob.key);
            assert!(stage != Stage::Lang || error.is_empty(), "{error}");
        }
    }
}

/// The words that an error offers in place of a wrong one.
fn offered(error: &str) -> BTreeSet<&str> {
    let (_, list) = error
        .split_once("possible values: ")
        .or_else(|| error.split_once("expected "))
        .unwrap_or_else(|| panic!("{error}"));
    let end = list.find([']', '\n']).unwrap_or(list.len());
    let list = list[..end].split(", found").next().unwrap();
    list.split(", ")
        .flat_map(|part| part.split(" or "))
        .filter_map(|part| part.split_whitespace().next())
        .collect()
}

#[test]
fn words_are_the_stages_own() {
    let stages = Stages::new();
    for (stage, knob) in every_knob() {
        let Kind::Word(words) = knob.kind else {
            continue;
        };
        let error = stages.refusal(stage, &[given(knob, "foo")]).unwrap();
        let words: BTreeSet<&str> = words.iter().copied().collect();
        assert_eq!(words, offered(&error), "{}", knob.key);
    }
}

#[test]
fn sizes_have_their_dimensions() {
    let Kind::Word(words) = knobs::find(Scope::Model, "size").unwrap().kind else {
        panic!("a size is a word");
    };
    assert_eq!(words, SIZES.map(|(name, ..)| name));
    let stages = Stages::new();
    for (size, d_model, n_heads) in SIZES {
        let reaches_the_stopper = |dimension: String| {
            let arguments = [
                format!("--size={size}"),
                dimension,
                stopper(Stage::Model).to_owned(),
            ];
            let error = stages.refusal(Stage::Model, &arguments).unwrap();
            error.contains("--warmup-steps")
        };
        // Heads of width 2 are the narrowest.
        assert!(
            reaches_the_stopper(format!("--n-heads={}", d_model / 2)),
            "{size}"
        );
        assert!(
            !reaches_the_stopper(format!("--n-heads={d_model}")),
            "{size}"
        );
        assert!(
            reaches_the_stopper(format!("--d-model={}", 2 * n_heads)),
            "{size}"
        );
        assert!(
            !reaches_the_stopper(format!("--d-model={n_heads}")),
            "{size}"
        );
    }
}
