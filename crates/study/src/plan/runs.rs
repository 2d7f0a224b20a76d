//! `runs.parquet` of a plan: one row per run, every knob a column.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use corpus::tables::{Values, WideColumn, read_wide, write_wide};

use crate::artifact::Stage;
use crate::grid::Run;
use crate::knobs::Setting;

/// Who writes a plan's runs, named where they cannot be read.
const TOOL: &str = "study plan";

/// The knob that names a run's world file as resolved, with the hash of its content: runs of other worlds are no runs of
/// one study, whatever the path says.
pub const WORLD: &str = "lang.world";

/// A run as a plan's `runs.parquet` tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRun {
    /// `main`, or the control's name.
    pub label: String,
    /// Every knob that has a value, as `stage.knob`.
    pub knobs: BTreeMap<String, Setting>,
    /// Its artifact of each stage.
    pub artifacts: BTreeMap<Stage, String>,
}

impl PlannedRun {
    /// The name of what it ends with, by which people know it.
    pub fn last_artifact(&self) -> String {
        self.artifacts.values().last().cloned().unwrap_or_default()
    }
}

/// Writes one row per run; `worlds` are the names of the runs' resolved world files.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(
    path: &Path,
    study: &str,
    runs: &[Run],
    worlds: &[String],
    artifacts: &[BTreeMap<Stage, String>],
) -> Result<()> {
    let mut columns = vec![
        text(
            "study",
            "the study file's name",
            runs.iter().map(|_| Some(study.to_owned())),
        ),
        text(
            "label",
            "main, or the control's name",
            runs.iter().map(|run| Some(run.label.clone())),
        ),
    ];
    let named = runs.iter().map(Run::settings_by_name).zip(worlds);
    let settings: Vec<BTreeMap<String, Setting>> = named
        .map(|(mut settings, world)| {
            settings.insert(WORLD.to_owned(), Setting::Text(world.clone()));
            settings
        })
        .collect();
    let names: BTreeSet<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    for name in names {
        let values = settings.iter().map(|settings| settings.get(name).cloned());
        columns.push(WideColumn {
            name: name.clone(),
            description: format!("the knob {name}"),
            values: column(values.collect()),
        });
    }
    for stage in Stage::ALL {
        let names = artifacts.iter().map(|names| names.get(&stage).cloned());
        columns.push(text(stage.name(), "directory under artifacts/", names));
    }
    write_wide(path, &columns)?;
    Ok(())
}

fn text(name: &str, description: &str, values: impl Iterator<Item = Option<String>>) -> WideColumn {
    WideColumn {
        name: name.into(),
        description: description.into(),
        values: Values::Text(values.collect()),
    }
}

/// Settings of one knob as a column of their kind.
pub fn column(settings: Vec<Option<Setting>>) -> Values {
    let all = |is: fn(&Setting) -> bool| settings.iter().flatten().all(is);
    // A column of whole numbers has no sign; negative ones are real numbers.
    if all(|setting| {
        matches!(
            setting,
            Setting::Integer(_) | Setting::Toml(toml::Value::Integer(_))
        ) && setting.to_string().parse::<u64>().is_ok()
    }) {
        Values::Integer(
            settings
                .iter()
                .map(|setting| {
                    setting
                        .as_ref()
                        .and_then(|setting| setting.to_string().parse().ok())
                })
                .collect(),
        )
    } else if all(|setting| {
        !matches!(setting, Setting::Text(_) | Setting::Switch(_))
            && setting.to_string().parse::<f64>().is_ok()
    }) {
        Values::Real(
            settings
                .iter()
                .map(|setting| {
                    setting
                        .as_ref()
                        .and_then(|setting| setting.to_string().parse().ok())
                })
                .collect(),
        )
    } else if all(|setting| {
        matches!(
            setting,
            Setting::Switch(_) | Setting::Toml(toml::Value::Boolean(_))
        )
    }) {
        Values::Flag(
            settings
                .iter()
                .map(|setting| {
                    setting
                        .as_ref()
                        .map(|setting| setting.to_string() == "true")
                })
                .collect(),
        )
    } else {
        Values::Text(
            settings
                .iter()
                .map(|setting| setting.as_ref().map(ToString::to_string))
                .collect(),
        )
    }
}

/// The value of one row, as a setting.
pub fn setting(values: &Values, row: usize) -> Option<Setting> {
    match values {
        Values::Text(values) => values.get(row)?.clone().map(Setting::Text),
        Values::Integer(values) => (*values.get(row)?)
            .and_then(|n| i64::try_from(n).ok())
            .map(Setting::Integer),
        Values::Real(values) => (*values.get(row)?).map(Setting::Number),
        Values::Flag(values) => (*values.get(row)?).map(Setting::Switch),
    }
}

/// Reads the runs of the plan in `directory`; `None` where there is no plan.
///
/// # Errors
/// Where `runs.parquet` is there and cannot be read.
pub fn read(directory: &Path) -> Result<Option<Vec<PlannedRun>>> {
    let path: PathBuf = directory.join("runs.parquet");
    if !path.exists() || !directory.join("Makefile").exists() {
        return Ok(None);
    }
    let columns = read_wide(&path, TOOL)?;
    let rows = columns.first().map_or(0, |column| column.values.len());
    let find = |name: &str| columns.iter().find(|column| column.name == name);
    let label = find("label").with_context(|| {
        format!(
            "{}: no column \"label\"; was it written by {TOOL}?",
            path.display()
        )
    })?;
    let runs = (0..rows).map(|row| PlannedRun {
        label: setting(&label.values, row).map_or_else(String::new, |label| label.to_string()),
        knobs: columns
            .iter()
            .filter(|column| column.name.contains('.'))
            .filter_map(|column| Some((column.name.clone(), setting(&column.values, row)?)))
            .collect(),
        artifacts: Stage::ALL
            .into_iter()
            .filter_map(|stage| {
                Some((
                    stage,
                    setting(&find(stage.name())?.values, row)?.to_string(),
                ))
            })
            .collect(),
    });
    Ok(Some(runs.collect()))
}

/// The study's name in the plan's runs.
///
/// # Errors
/// Where `runs.parquet` cannot be read.
pub fn study_name(directory: &Path) -> Result<Option<String>> {
    let columns = read_wide(&directory.join("runs.parquet"), TOOL)?;
    let study = columns.iter().find(|column| column.name == "study");
    Ok(study
        .and_then(|column| setting(&column.values, 0))
        .map(|name| name.to_string()))
}
