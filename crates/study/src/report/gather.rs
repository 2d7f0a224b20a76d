//! From directories to [`Data`]: planned studies and earlier REPORTs of one study, or single EVAL or TOK directories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use corpus::tables::MetricRow;
use corpus::{Fingerprint, Input, read_rows};
use rayon::prelude::*;
use serde_json::Value;

use super::data::{Data, Metric, RunRecord, names};
use super::merge::{Part, merge};
use super::summary::SPLIT_IDS;
use super::{artifacts, tables};
use crate::artifact::Stage;
use crate::directory::Found;
use crate::grid::Study;
use crate::knobs::{KNOBS, Setting};
use crate::plan::runs::{self, PlannedRun};
use crate::stage::{Attempt, Outcome};

/// A run and where its artifacts are.
struct Located {
    planned: PlannedRun,
    directories: BTreeMap<Stage, PathBuf>,
    /// Why it is not finished.
    missing: Option<String>,
}

/// Reads everything at `paths`: planned studies and earlier reports, all of one study, or any EVAL and TOK directories. The
/// claims are about the runs of one study, so other studies and single directories are not mixed in.
///
/// # Errors
/// Where a path is none of the kinds, single directories stand beside a study, or studies are no parts of one (see
/// [`merge`]); where a finished directory is damaged, or its table cannot be read. Directories that are not finished are no
/// error: their runs are listed as missing.
pub fn gather(paths: &[PathBuf]) -> Result<Data> {
    let mut parts: Vec<Part> = Vec::new();
    let mut single: BTreeMap<String, Located> = BTreeMap::new();
    for path in paths {
        if let Some(planned) = runs::read(path)? {
            parts.push((path.clone(), of_study(path, planned)?));
            continue;
        }
        let located = match Found::at(path)? {
            Found::Output(corpus::Stage::Report) => {
                parts.push((path.clone(), tables::read(path)?));
                continue;
            }
            Found::Output(corpus::Stage::Eval) => beside(path, Stage::Eval)?,
            Found::Output(corpus::Stage::Tok) => beside(path, Stage::Tok)?,
            found => return Err(no_input(path, &found)),
        };
        // By content: a directory that is given twice is one run, and where it lies is not told.
        single.insert(located.planned.last_artifact(), located);
    }
    if let Some((part, _)) = parts.first() {
        if let Some(located) = single.values().next() {
            bail!(
                "{}: expected planned studies and reports alone, found {} beside them; report on it by itself",
                part.display(),
                located.planned.last_artifact()
            );
        }
        return merge(parts);
    }
    let study = match single.keys().next() {
        Some(first) if single.len() > 1 => format!("{first} and {} more", single.len() - 1),
        Some(first) => first.clone(),
        None => String::new(),
    };
    let data = Data {
        study,
        ..Data::default()
    };
    let mut data = read(&single.into_values().collect::<Vec<_>>(), data)?;
    data.arrange();
    Ok(data)
}

fn of_study(path: &Path, planned: Vec<PlannedRun>) -> Result<Data> {
    let study = Study::open(&path.join("study.toml"))?;
    let data = Data {
        study: runs::study_name(path)?.unwrap_or(study.name),
        description: study.description,
        thresholds: study.thresholds,
        ..Data::default()
    };
    let located: Vec<Located> = planned.into_iter().map(|run| locate(path, run)).collect();
    read(&located, data)
}

/// Says what is there instead of anything a report is made from.
fn no_input(path: &Path, found: &Found) -> anyhow::Error {
    const EXPECTED: &str =
        "expected a planned study, a report, an evaluation or a tokenizer directory";
    let shown = path.display();
    let manifest = path.join("manifest.json");
    match found {
        Found::Nothing => anyhow!("{shown}: no such directory, {EXPECTED}"),
        Found::Other(_) if manifest.exists() => {
            anyhow!("{}: expected a manifest of the lab", manifest.display())
        }
        Found::Plan { .. } => anyhow!("{shown}: {EXPECTED}, found {found}; plan it again"),
        _ => anyhow!("{shown}: {EXPECTED}, found {found}"),
    }
}

/// A planned run: which of its artifacts are there, and why the rest is not.
fn locate(study: &Path, planned: PlannedRun) -> Located {
    let mut directories = BTreeMap::new();
    let mut missing = None;
    for (stage, name) in &planned.artifacts {
        let directory = study.join("artifacts").join(name);
        if directory.join("manifest.json").exists() {
            directories.insert(*stage, directory);
        } else if missing.is_none() {
            let failed =
                Attempt::read(study, name).filter(|attempt| attempt.outcome == Outcome::Failed);
            let why = failed.map_or("not built".to_owned(), |attempt| {
                format!("failed: {}", attempt.message.unwrap_or_default())
            });
            missing = Some(format!("{name} {why}"));
        }
    }
    Located {
        planned,
        directories,
        missing,
    }
}

/// A run known by its last directory alone: its inputs are looked for among the directories beside it, by fingerprint.
/// Each is called by its stage and the first 12 digits of its fingerprint, since two directories may bear one name.
fn beside(path: &Path, last: Stage) -> Result<Located> {
    let input = Input::open(path, last.kind())?;
    let wanted = &input.manifest().inputs;
    let mut directories = BTreeMap::from([(last, path.to_owned())]);
    let absolute =
        std::path::absolute(path).with_context(|| format!("{}: no directory", path.display()))?;
    let siblings = absolute
        .parent()
        .map(std::fs::read_dir)
        .into_iter()
        .flatten()
        .flatten()
        .flatten();
    for sibling in siblings.map(|entry| entry.path()) {
        let Ok(bytes) = std::fs::read(sibling.join("manifest.json")) else {
            continue;
        };
        let fingerprint = Fingerprint::of(&bytes);
        for stage in Stage::ALL {
            if wanted.get(stage.name()) == Some(&fingerprint) {
                directories.insert(stage, sibling.clone());
            }
        }
    }
    let mut knobs = BTreeMap::new();
    let mut artifacts = BTreeMap::new();
    for (stage, directory) in &directories {
        let input = Input::open(directory, stage.kind())?;
        knobs.extend(knobs_of(*stage, input.manifest()));
        let fingerprint = input.fingerprint().to_string();
        artifacts.insert(*stage, format!("{}-{:.12}", stage.name(), fingerprint));
    }
    Ok(Located {
        planned: PlannedRun {
            label: "main".into(),
            knobs,
            artifacts,
        },
        directories,
        missing: None,
    })
}

/// The study's knobs as a manifest states them: those of its configuration and seeds that bear a knob's name, wherever
/// they stand in it.
fn knobs_of(stage: Stage, manifest: &corpus::Manifest) -> BTreeMap<String, Setting> {
    let mut knobs = BTreeMap::new();
    for knob in KNOBS
        .iter()
        .filter(|knob| knob.scope.name() == stage.name())
    {
        let name = match knob.key {
            "lexical_distance" => "distance",
            "divergence" => "kind",
            "world_seed" => "world",
            "corpus_seed" => "corpus",
            "b_unmasked" => "stated",
            key => key,
        };
        let seed = manifest
            .seeds
            .get(name)
            .map(|seed| Setting::Integer(i64::try_from(*seed).unwrap_or(i64::MAX)));
        let setting = seed.or_else(|| match find(&manifest.configuration, &[name])? {
            Value::String(text) => Some(Setting::Text(text.clone())),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Some(Setting::Integer(whole)),
                None => number.as_f64().map(Setting::Number),
            },
            Value::Bool(on) => Some(Setting::Switch(*on)),
            _ => None,
        });
        if let Some(setting) = setting {
            knobs.insert(format!("{}.{}", stage.name(), knob.key), setting);
        }
    }
    knobs
}

/// The value under the last keys of a path, wherever in the tree they stand.
pub fn find<'a>(tree: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    let object = tree.as_object()?;
    let here = keys.iter().try_fold(tree, |value, key| value.get(key));
    here.or_else(|| object.values().find_map(|value| find(value, keys)))
}

/// Reads each distinct directory once and puts the runs into `data`.
fn read(located: &[Located], mut data: Data) -> Result<Data> {
    let distinct = |stage: Stage| -> Vec<PathBuf> {
        let all: BTreeSet<&PathBuf> = located
            .iter()
            .filter_map(|run| run.directories.get(&stage))
            .collect();
        all.into_iter().cloned().collect()
    };
    let langs: BTreeMap<PathBuf, artifacts::Lang> = distinct(Stage::Lang)
        .into_par_iter()
        .map(|path| Ok((path.clone(), artifacts::Lang::read(&path)?)))
        .collect::<Result<_>>()?;
    let both = |run: &Located| {
        let directory = |stage: Stage| run.directories.get(&stage).cloned();
        Some((directory(Stage::Tok)?, directory(Stage::Lang)?))
    };
    let lang_of: BTreeMap<PathBuf, PathBuf> = located.iter().filter_map(both).collect();
    let toks: BTreeMap<PathBuf, artifacts::Tok> = distinct(Stage::Tok)
        .into_par_iter()
        .map(|path| {
            let lang = lang_of.get(&path).and_then(|lang| langs.get(lang));
            Ok((path.clone(), artifacts::Tok::read(&path, lang)?))
        })
        .collect::<Result<_>>()?;
    let evals: BTreeMap<PathBuf, Vec<MetricRow>> = distinct(Stage::Eval)
        .into_par_iter()
        .map(|path| {
            Ok((
                path.clone(),
                read_rows(&Input::open(&path, corpus::Stage::Eval)?.file("metrics.parquet")?)?,
            ))
        })
        .collect::<Result<_>>()?;
    let progress = command::Progress::new("runs", located.len() as u64, "runs");
    let parts: Vec<(RunRecord, Vec<Metric>, Vec<super::data::Concept>)> = located
        .par_iter()
        .enumerate()
        .map(|(index, run)| {
            command::check_interrupt()?;
            let directory = |stage: Stage| run.directories.get(&stage);
            let lang = directory(Stage::Lang).and_then(|path| langs.get(path));
            let tok = directory(Stage::Tok).and_then(|path| toks.get(path));
            let rows = directory(Stage::Eval)
                .and_then(|path| evals.get(path))
                .map_or(&[][..], Vec::as_slice);
            let record = record(run, lang, tok)?;
            let last_step = rows.iter().map(|row| row.step).max();
            let ranks = match (directory(Stage::Eval), lang, last_step) {
                (Some(eval), Some(lang), Some(step)) => lang.reciprocal_ranks(eval, step)?,
                _ => BTreeMap::new(),
            };
            let concepts = tok
                .map(|tok| tok.concepts(index, &ranks))
                .unwrap_or_default();
            progress.inc(1);
            Ok((
                record,
                rows.iter().map(|row| metric(index, row)).collect(),
                concepts,
            ))
        })
        .collect::<Result<_>>()?;
    progress.finish();
    for (record, metrics, concepts) in parts {
        data.runs.push(record);
        data.metrics.extend(metrics);
        data.concepts.extend(concepts);
    }
    data.sort();
    Ok(data)
}

fn record(
    run: &Located,
    lang: Option<&artifacts::Lang>,
    tok: Option<&artifacts::Tok>,
) -> Result<RunRecord> {
    let mut values = BTreeMap::new();
    if let Some(lang) = lang {
        values.extend(lang.values.clone());
    }
    if let Some(tok) = tok {
        values.extend(tok.values.clone());
    }
    if let Some(model) = run.directories.get(&Stage::Model) {
        let input = Input::open(model, corpus::Stage::Model)?;
        values.extend(artifacts::numbers(
            "measured.model",
            &input.manifest().measured,
        ));
    }
    if let Some(share) = run
        .planned
        .knobs
        .get("lang.minority_share")
        .and_then(|share| share.to_string().parse().ok())
    {
        values.entry(names::SHARE.to_owned()).or_insert(share);
    }
    // What cannot be shown is not known; the report's own tables would not have it.
    values.retain(|_, value: &mut f64| value.is_finite());
    let mut fingerprints = BTreeMap::new();
    for (stage, directory) in &run.directories {
        fingerprints.insert(
            *stage,
            Input::open(directory, stage.kind())?
                .fingerprint()
                .to_string(),
        );
    }
    let mut knobs = run.planned.knobs.clone();
    // What tells tokenizers apart, where neither a plan nor a directory beside this one says it.
    if let Some(split) = tok.and_then(|tok| tok.split_ids.clone()) {
        knobs
            .entry(SPLIT_IDS.to_owned())
            .or_insert(Setting::Text(split));
    }
    if let Some(lang) = tok.and_then(|tok| tok.lang.clone()) {
        fingerprints.entry(Stage::Lang).or_insert(lang);
    }
    Ok(RunRecord {
        run: run.planned.last_artifact(),
        label: run.planned.label.clone(),
        missing: run.missing.clone(),
        knobs,
        artifacts: run.planned.artifacts.clone(),
        fingerprints,
        tokenizer: tok.and_then(|tok| tok.blake3.clone()),
        values,
    })
}

fn metric(run: usize, row: &MetricRow) -> Metric {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    Metric {
        run,
        step: row.step,
        stage: row.stage.clone(),
        metric: row.metric.clone(),
        condition: row.condition,
        phenomenon: row.phenomenon.clone(),
        value: finite(row.value),
        n_items: row.n_items,
        n_concepts: row.n_concepts,
        chance: finite(row.chance),
        low: finite(row.low),
        high: finite(row.high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_wherever_they_stand() {
        let tree =
            serde_json::json!({ "a": { "mix": { "minority": { "share": 0.3 } } }, "kind": "x" });
        assert_eq!(
            find(&tree, &["mix", "minority", "share"]),
            Some(&serde_json::json!(0.3))
        );
        assert_eq!(find(&tree, &["kind"]), Some(&serde_json::json!("x")));
        assert_eq!(find(&tree, &["minority", "x"]), None);
    }
}
