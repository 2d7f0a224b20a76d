//! Artifacts: what a stage writes for one configuration, named by that configuration's content.
//!
//! A name is `STAGE-` and the first 12 hex digits of the BLAKE3 of stage, format version, resolved configuration and
//! input names. Equal configurations have equal names, so runs share what they have in common, and a name never
//! depends on paths, clocks or binaries.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::json;

use crate::grid::{LastStage, Run};
use crate::knobs::{self, Scope, Setting};
use crate::world_file::WorldFiles;

/// The four stages that a plan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Two languages.
    Lang,
    /// A tokenizer.
    Tok,
    /// A trained model.
    Model,
    /// Its evaluation.
    Eval,
}

impl Stage {
    /// In the order they run.
    pub const ALL: [Stage; 4] = [Stage::Lang, Stage::Tok, Stage::Model, Stage::Eval];

    /// The first part of its artifacts' names, and its role as another stage's input.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Lang => "lang",
            Stage::Tok => "tok",
            Stage::Model => "model",
            Stage::Eval => "eval",
        }
    }

    /// Its binary.
    pub fn binary(self) -> &'static str {
        match self {
            Stage::Lang => "lang-gen",
            Stage::Tok => "tok-train",
            Stage::Model => "model-train",
            Stage::Eval => "transfer-eval",
        }
    }

    /// The kind of directory it writes.
    pub fn kind(self) -> corpus::Stage {
        match self {
            Stage::Lang => corpus::Stage::Lang,
            Stage::Tok => corpus::Stage::Tok,
            Stage::Model => corpus::Stage::Model,
            Stage::Eval => corpus::Stage::Eval,
        }
    }

    fn scope(self) -> Scope {
        match self {
            Stage::Lang => Scope::Lang,
            Stage::Tok => Scope::Tok,
            Stage::Model => Scope::Model,
            Stage::Eval => Scope::Eval,
        }
    }

    /// Whether its command line takes `--device`.
    pub fn has_device(self) -> bool {
        matches!(self, Stage::Model | Stage::Eval)
    }
}

/// One directory that a plan wants, and how to make it.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// Which stage writes it.
    pub stage: Stage,
    /// `STAGE-` and 12 hex digits.
    pub name: String,
    /// Names of the artifacts it reads, in the order of the stages.
    pub inputs: Vec<String>,
    /// Its binary's arguments, without `--threads` and `--device`; paths relative to the study directory.
    pub arguments: Vec<String>,
}

/// A study's artifacts, each once, inputs before what reads them, and the names of each run's.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    /// Every artifact.
    pub list: Vec<Artifact>,
    /// For each run, its artifact of each stage that the study runs.
    pub of_run: Vec<BTreeMap<Stage, String>>,
}

impl Artifacts {
    /// The artifacts of `runs`. World files are read through `worlds`, which keeps their resolved content.
    ///
    /// # Errors
    /// Where a world file or its grammar cannot be read.
    pub fn of(runs: &[Run], last_stage: LastStage, worlds: &mut WorldFiles) -> Result<Artifacts> {
        let mut artifacts = Artifacts::default();
        let mut known: BTreeSet<String> = BTreeSet::new();
        for run in runs {
            let mut names: BTreeMap<Stage, String> = BTreeMap::new();
            for stage in Stage::ALL {
                if stage as usize > last_stage as usize {
                    break;
                }
                let artifact = artifact(run, stage, &names, worlds)?;
                names.insert(stage, artifact.name.clone());
                if known.insert(artifact.name.clone()) {
                    artifacts.list.push(artifact);
                }
            }
            artifacts.of_run.push(names);
        }
        Ok(artifacts)
    }
}

fn artifact(
    run: &Run,
    stage: Stage,
    names: &BTreeMap<Stage, String>,
    worlds: &mut WorldFiles,
) -> Result<Artifact> {
    let mut configuration = serde_json::Map::new();
    let mut arguments: Vec<String> = Vec::new();
    if stage == Stage::Lang {
        let world = worlds.resolve(&run.world, run.of(Scope::World))?;
        arguments.extend(["--world".into(), format!("worlds/{}", world.file_name)]);
        configuration.insert("world".into(), world.content.clone());
        configuration.insert("grammar".into(), json!(world.grammar_blake3));
    }
    for (role, name) in names {
        arguments.extend([format!("--{}", role.name()), format!("artifacts/{name}")]);
    }
    for (key, setting) in run.of(stage.scope()) {
        configuration.insert(key.to_owned(), serde_json::to_value(setting)?);
        let Some(knob) = knobs::find(stage.scope(), key) else {
            continue;
        };
        match setting {
            Setting::Switch(true) => arguments.push(knob.flag()),
            Setting::Switch(false) => {}
            value => arguments.extend([knob.flag(), value.to_string()]),
        }
    }
    let inputs: Vec<String> = names.values().cloned().collect();
    let resolved = json!({
        "stage": stage.name(),
        "format": stage.kind().format(),
        "configuration": configuration,
        "inputs": inputs,
    });
    let hash = blake3::hash(corpus::canonical_json(&resolved).as_bytes()).to_hex();
    let name = format!("{}-{}", stage.name(), &hash[..12]);
    arguments.extend([
        "--out".into(),
        format!("artifacts/{name}"),
        "--resume".into(),
    ]);
    Ok(Artifact {
        stage,
        name,
        inputs,
        arguments,
    })
}
