//! `study plan`: a study's runs as a directory that make or Slurm builds.
//!
//! | file | holds |
//! |---|---|
//! | `Makefile` | one target per artifact |
//! | `runs.parquet` | one row per run: label, every knob, the artifact of each stage |
//! | `study.toml` | the study as planned |
//! | `worlds/` | world files and grammars as resolved |
//! | `artifacts/`, `logs/`, `state/` | what the stages write |
//!
//! The Makefile is written first: by its first line a later plan knows the directory for its own, also where this one was
//! killed on the way. Nothing is written into a directory that is somebody else's.

pub mod make;
pub mod runs;
pub mod slurm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::artifact::{Artifacts, Stage};
use crate::directory::Found;
use crate::grid::{Run, Study};
use crate::knobs::Scope;
use crate::world_file::WorldFiles;

/// What a plan holds, for printing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Runs of the grid.
    pub runs: usize,
    /// Runs of each control that are not runs of the grid.
    pub controls: usize,
    /// For each stage: artifacts, and how many are built.
    pub stages: Vec<(Stage, usize, usize)>,
    /// Artifacts in the directory that the plan no longer wants.
    pub unused: Vec<String>,
}

/// Plans the study at `study_path` into `out`, for binaries in `binaries`; writes only what changed. `slurm`: job arrays as
/// well; `force`: also over the plan of another study.
///
/// # Errors
/// Where the study or its worlds cannot be read, or `out` cannot be written or is no directory to plan into.
pub fn plan(
    study_path: &Path,
    out: &Path,
    binaries: &Path,
    slurm: bool,
    force: bool,
) -> Result<Summary> {
    let study = Study::open(study_path)?;
    check_out(out, &study.name, force)?;
    let mut runs = study.runs()?;
    let mut worlds = WorldFiles::default();
    let mut world_names = Vec::new();
    for run in &mut runs {
        let world = worlds
            .resolve(&run.world, run.of(Scope::World))
            .with_context(|| study_path.display().to_string())?;
        world_names.push(world.file_name.clone());
        for (key, setting) in world.knobs() {
            run.settings
                .entry((Scope::Lang, key.to_owned()))
                .or_insert(setting);
        }
    }
    let artifacts = Artifacts::of(&runs, study.last_stage, &mut worlds)?;
    let text = std::fs::read(study_path)
        .with_context(|| format!("{}: cannot read the study", study_path.display()))?;
    let binaries = std::path::absolute(binaries)
        .with_context(|| format!("{}: no directory", binaries.display()))?;
    let makefile = make::makefile(
        &study.name,
        &artifacts.list,
        &goals(&runs, &artifacts.of_run),
        &binaries.to_string_lossy(),
    );
    make_directory(out)?;
    write_if_changed(&out.join("Makefile"), makefile.as_bytes())?;
    make_directory(&out.join("worlds"))?;
    for (name, text) in worlds.files() {
        write_if_changed(&out.join("worlds").join(name), text.as_bytes())?;
    }
    write_if_changed(&out.join("study.toml"), &text)?;
    let beside = out.join(".runs.parquet");
    runs::write(&beside, &study.name, &runs, &world_names, &artifacts.of_run)?;
    let bytes =
        std::fs::read(&beside).with_context(|| format!("{}: cannot read", beside.display()))?;
    write_if_changed(&out.join("runs.parquet"), &bytes)?;
    std::fs::remove_file(&beside)
        .with_context(|| format!("{}: cannot remove", beside.display()))?;
    if slurm {
        slurm::write(out, &artifacts.list)?;
    }
    let built = |name: &str| {
        out.join("artifacts")
            .join(name)
            .join("manifest.json")
            .exists()
    };
    let stages = Stage::ALL.into_iter().filter_map(|stage| {
        let names: Vec<&str> = artifacts
            .list
            .iter()
            .filter(|artifact| artifact.stage == stage)
            .map(|artifact| artifact.name.as_str())
            .collect();
        (!names.is_empty()).then(|| {
            (
                stage,
                names.len(),
                names.iter().filter(|name| built(name)).count(),
            )
        })
    });
    let planned: BTreeSet<&str> = artifacts
        .list
        .iter()
        .map(|artifact| artifact.name.as_str())
        .collect();
    let there = std::fs::read_dir(out.join("artifacts"))
        .into_iter()
        .flatten()
        .flatten();
    let mut unused: Vec<String> = there
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            Stage::ALL
                .iter()
                .any(|stage| name.starts_with(stage.name()))
                && !name.contains('.')
                && !planned.contains(name.as_str())
        })
        .collect();
    unused.sort();
    Ok(Summary {
        runs: runs.iter().filter(|run| run.label == "main").count(),
        controls: runs.iter().filter(|run| run.label != "main").count(),
        stages: stages.collect(),
        unused,
    })
}

/// The last artifact of each run, once, by world seed.
fn goals(runs: &[Run], artifacts: &[BTreeMap<Stage, String>]) -> Vec<make::Goal> {
    let mut goals: Vec<make::Goal> = Vec::new();
    let mut seen = BTreeSet::new();
    for (run, artifacts) in runs.iter().zip(artifacts) {
        let Some(last) = artifacts.values().last().filter(|&name| seen.insert(name)) else {
            continue;
        };
        let seed = run.settings.get(&(Scope::Lang, "world_seed".to_owned()));
        let target = seed.map(|seed| format!("seed-{seed}"));
        let goal = match goals.iter_mut().find(|goal| goal.target == target) {
            Some(goal) => goal,
            None => goals.push_mut(make::Goal {
                target,
                ..Default::default()
            }),
        };
        goal.artifacts.push(last.clone());
    }
    goals
}

/// Refuses an `out` that is neither new nor an earlier plan of this study.
fn check_out(out: &Path, study: &str, force: bool) -> Result<()> {
    let found = Found::at(out)?;
    let cure = match &found {
        Found::Nothing | Found::Empty => return Ok(()),
        Found::Plan { study: there, .. } if there == study || force => return Ok(()),
        // A plan was killed before its Makefile was whole.
        Found::Other(names) if *names == ["Makefile.tmp"] => return Ok(()),
        Found::Plan { .. } => "choose another --out, or pass --force to plan over it",
        _ => "choose another --out",
    };
    bail!(
        "{}: expected nothing there or an earlier plan of this study, found {found}; {cure}",
        out.display()
    );
}

fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("{}: cannot make the directory", path.display()))
}

/// Writes `bytes` unless the file holds them, so that planning again changes no file's time.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    Ok(corpus::write_file(path, bytes)?)
}
