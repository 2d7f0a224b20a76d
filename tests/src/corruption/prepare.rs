//! The directories whose files are damaged.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cases::{Case, MODEL_TRAIN, RESUME_EVAL, RESUME_MODEL};
use crate::directory::{copy, remove};
use crate::process::{Program, Signal, words};

/// A study whose plan is damaged.
const STUDY: &str = r#"
description = "small"

[base.lang]
world = "worlds/world.toml"
lexical_distance = 0.3

[base.model]
max_steps = 6
learning_rate = 0.01

[grid.tok]
vocab_size = [64, 128]
regime = ["balanced", "alpha=0.3"]

[[control]]
name = "char"
tok.algorithm = "char"
tok.regime = "proportional"
"#;

/// Puts the samples at the program's directory, and beside them what they do not hold: a report, a plan, runs begun.
pub fn prepare<'a>(program: &Program, cases: impl Iterator<Item = &'a Case>) -> Result<()> {
    let root = &program.directory;
    let samples = crate::samples();
    for name in ["lang", "tok", "model", "eval"] {
        copy(&samples.join(name), &root.join(name))?;
    }
    let project = crate::project();
    // The samples' run.json is of no machine; here it says where LANG and TOK are.
    let run = root.join("eval/run.json");
    let mut said: serde_json::Value = serde_json::from_slice(&std::fs::read(&run)?)?;
    said["lang"] = "lang".into();
    said["tok"] = "tok".into();
    std::fs::write(&run, corpus::canonical_json(&said))?;
    std::fs::create_dir_all(root.join("input/worlds"))?;
    std::fs::create_dir_all(root.join("input/grammars"))?;
    let world = std::fs::read_to_string(project.join("tests/samples/world.toml"))?;
    let world = world.replace("../../data/grammars", "../grammars");
    std::fs::write(root.join("input/worlds/world.toml"), world)?;
    std::fs::copy(
        project.join("data/grammars/core.grammar"),
        root.join("input/grammars/core.grammar"),
    )?;
    std::fs::write(root.join("input/study.toml"), STUDY)?;
    let files: Vec<&str> = cases.map(|case| case.file).collect();
    let any = |start: &str| files.iter().any(|file| file.starts_with(start));
    if any("report/") {
        program.ok(&words("study report eval --out report --quiet"))?;
    }
    if any("plan/") {
        program.ok(&words("study plan input/study.toml --out plan --quiet"))?;
        // A report needs one finished run: the sample's directories under the first run's names.
        finish_one_run(root)?;
    }
    if any("cache/") {
        program.ok(&words(MODEL_TRAIN))?;
        remove(&root.join("out"))?;
    }
    if any("begun-model") {
        begin(program, RESUME_MODEL, "begun-model", "resume/state")?;
    }
    if any("begun-eval") {
        begin(program, RESUME_EVAL, "begun-eval", "resume/step-000000")?;
    }
    Ok(())
}

fn finish_one_run(root: &Path) -> Result<()> {
    let makefile = std::fs::read_to_string(root.join("plan/Makefile"))?;
    let line = makefile
        .lines()
        .find(|line| line.starts_with("artifacts/eval-") && line.contains('|'))
        .context("plan/Makefile: no evaluation")?;
    for target in line.split_whitespace() {
        let Some(name) = target
            .trim_end_matches(':')
            .strip_prefix("artifacts/")
            .and_then(|rest| rest.strip_suffix("/manifest.json"))
        else {
            continue;
        };
        let role = name.split('-').next().unwrap_or(name);
        copy(&root.join(role), &root.join("plan/artifacts").join(name))?;
    }
    Ok(())
}

/// Starts a run and kills it once it has left something to go on from.
fn begin(program: &Program, command: &str, out: &str, sign: &str) -> Result<()> {
    for _ in 0..50 {
        let partial = program.directory.join(format!("{out}.partial"));
        let sign = partial.join(sign);
        let mut running = program.start(&words(command))?;
        while !sign.exists() && !running.is_over() {
            std::thread::sleep(Duration::from_micros(100));
        }
        running.signal(Signal::Kill);
        running.wait()?;
        if sign.exists() && !partial.join("manifest.json").exists() {
            return Ok(());
        }
        remove(&program.directory.join(out))?;
        remove(&partial)?;
    }
    bail!("{out}: could not be killed half-way")
}
