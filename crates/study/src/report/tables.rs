//! REPORT's tables: `runs.parquet`, `metrics.parquet`, `concepts.parquet`, `statistics.parquet`, and back.
//!
//! They hold everything that a report shows, so `study report REPORT --out NEW` draws it again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use corpus::Input;
use corpus::tables::{Values, WideColumn, read_wide, write_wide};

use super::claims::PerSeed;
use super::data::{Concept, Data, Measure, Metric, RunRecord};
use crate::artifact::Stage;
use crate::knobs::Setting;
use crate::plan::runs::{column as settings_column, setting};

fn column(name: impl Into<String>, description: impl Into<String>, values: Values) -> WideColumn {
    WideColumn {
        name: name.into(),
        description: description.into(),
        values,
    }
}

fn text<T>(rows: &[T], value: impl Fn(&T) -> Option<String>) -> Values {
    Values::Text(rows.iter().map(value).collect())
}

fn real<T>(rows: &[T], value: impl Fn(&T) -> Option<f64>) -> Values {
    Values::Real(rows.iter().map(value).collect())
}

fn integer<T>(rows: &[T], value: impl Fn(&T) -> Option<u64>) -> Values {
    Values::Integer(rows.iter().map(value).collect())
}

/// Which row of `runs.parquet` a row belongs to. Two runs may end with one artifact, so its name does not tell.
const RUN_ROW: &str = "run_row";

fn run_row<T>(rows: &[T], run: impl Fn(&T) -> usize) -> WideColumn {
    let numbers = integer(rows, |row| Some(run(row) as u64));
    column(RUN_ROW, "row of the run in runs.parquet, from 0", numbers)
}

/// Writes `runs.parquet`: one row per planned run; knobs, artifacts, fingerprints, realised values and final metrics.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_runs(path: &Path, data: &Data) -> Result<()> {
    let runs = &data.runs;
    let mut columns = vec![
        column(
            "study",
            "the study's name",
            text(runs, |_| Some(data.study.clone())),
        ),
        column(
            "run",
            "name of the run's last artifact",
            text(runs, |run| Some(run.run.clone())),
        ),
        column(
            "label",
            "main, or the control's name",
            text(runs, |run| Some(run.label.clone())),
        ),
        column(
            "missing",
            "why the run is not finished; null where it is",
            text(runs, |run| run.missing.clone()),
        ),
    ];
    let knobs: BTreeSet<&String> = runs.iter().flat_map(|run| run.knobs.keys()).collect();
    for knob in knobs {
        let values = runs
            .iter()
            .map(|run| run.knobs.get(knob).cloned())
            .collect();
        columns.push(column(
            format!("knob.{knob}"),
            format!("the knob {knob}"),
            settings_column(values),
        ));
    }
    for stage in Stage::ALL {
        columns.push(column(
            format!("artifact.{}", stage.name()),
            "name of the directory",
            text(runs, |run| run.artifacts.get(&stage).cloned()),
        ));
        let fingerprints = text(runs, |run| run.fingerprints.get(&stage).cloned());
        columns.push(column(
            format!("fingerprint.{}", stage.name()),
            "BLAKE3 of its manifest",
            fingerprints,
        ));
    }
    columns.push(column(
        "tokenizer_blake3",
        "BLAKE3 of tokenizer.json",
        text(runs, |run| run.tokenizer.clone()),
    ));
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.values.keys()).collect();
    for name in names {
        columns.push(column(
            format!("value.{name}"),
            describe(name),
            real(runs, |run| run.value(name)),
        ));
    }
    columns.extend(final_metrics(data));
    write_wide(path, &columns)?;
    Ok(())
}

fn describe(name: &str) -> String {
    match name.split('.').next() {
        Some("tok") => {
            format!("summary.parquet of the tokenizer: {name} (language, condition, measure)")
        }
        Some("bridge") => {
            format!("mean over concepts of bridges.parquet: {name} (condition, measure)")
        }
        Some("measured") => format!("{name}, as the stage's manifest states it"),
        _ => format!("{name}, as the report computes with it"),
    }
}

/// Each curve's value at the last checkpoint, its items and its chance.
fn final_metrics(data: &Data) -> Vec<WideColumn> {
    let mut addresses: BTreeSet<(String, String, corpus::Condition, Option<String>)> =
        BTreeSet::new();
    for metric in &data.metrics {
        addresses.insert((
            metric.stage.clone(),
            metric.metric.clone(),
            metric.condition,
            metric.phenomenon.clone(),
        ));
    }
    let indices: Vec<usize> = (0..data.runs.len()).collect();
    let mut columns = Vec::new();
    for (stage, metric, condition, phenomenon) in &addresses {
        let measure = Measure {
            stage,
            metric,
            condition: *condition,
            phenomenon: phenomenon.as_deref(),
        };
        let last: Vec<Option<&Metric>> =
            indices.iter().map(|run| data.last(*run, measure)).collect();
        if last.iter().flatten().all(|metric| metric.value.is_none()) {
            continue;
        }
        let tail = phenomenon
            .as_ref()
            .map(|phenomenon| format!(".{phenomenon}"))
            .unwrap_or_default();
        let name = format!("{stage}.{metric}.{condition}{tail}");
        columns.push(column(
            format!("final.{name}"),
            format!("{name} at the last checkpoint"),
            real(&last, |last| last.as_ref()?.value),
        ));
        columns.push(column(
            format!("n_items.{name}"),
            "items behind it",
            integer(&last, |last| last.as_ref().map(|last| last.n_items)),
        ));
        columns.push(column(
            format!("chance.{name}"),
            "what guessing has",
            real(&last, |last| last.as_ref()?.chance),
        ));
    }
    columns
}

/// Writes `metrics.parquet`: the metrics of every run's EVAL at every checkpoint, also those without a value, since a
/// checkpoint that was not measured is no onset.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_metrics(path: &Path, data: &Data) -> Result<()> {
    let rows = &data.metrics;
    let columns = [
        run_row(rows, |row| row.run),
        column(
            "run",
            "name of the run's last artifact",
            text(rows, |row| Some(data.runs[row.run].run.clone())),
        ),
        column(
            "step",
            "optimiser steps of the checkpoint",
            integer(rows, |row| Some(row.step)),
        ),
        column(
            "stage",
            "stage of transfer, or what else is measured",
            text(rows, |row| Some(row.stage.clone())),
        ),
        column(
            "metric",
            "name of the metric",
            text(rows, |row| Some(row.metric.clone())),
        ),
        column(
            "condition",
            "whose forms",
            text(rows, |row| Some(row.condition.to_string())),
        ),
        column(
            "phenomenon",
            "phenomenon; null for all",
            text(rows, |row| row.phenomenon.clone()),
        ),
        column(
            "value",
            "its value; null where it could not be measured",
            real(rows, |row| row.value),
        ),
        column(
            "n_items",
            "items behind it",
            integer(rows, |row| Some(row.n_items)),
        ),
        column(
            "n_concepts",
            "concepts behind it",
            integer(rows, |row| Some(row.n_concepts)),
        ),
        column("chance", "what guessing has", real(rows, |row| row.chance)),
        column(
            "low",
            "lower end of the within-run 95 % interval",
            real(rows, |row| row.low),
        ),
        column("high", "upper end", real(rows, |row| row.high)),
    ];
    write_wide(path, &columns)?;
    Ok(())
}

/// Writes `concepts.parquet`: one row per run × masked concept.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_concepts(path: &Path, data: &Data) -> Result<()> {
    let rows = &data.concepts;
    let columns = [
        run_row(rows, |row| row.run),
        column(
            "run",
            "name of the run's last artifact",
            text(rows, |row| Some(data.runs[row.run].run.clone())),
        ),
        column(
            "concept",
            "concept id",
            integer(rows, |row| Some(u64::from(row.concept))),
        ),
        column(
            "bridge",
            "shared_mass_corrected: the primary bridge",
            real(rows, |row| Some(row.bridge)),
        ),
        column(
            "ldn",
            "normalised Levenshtein distance of its two forms",
            real(rows, |row| Some(row.ldn)),
        ),
        column(
            "atom",
            "whether each of its majority forms, in all inflections, is one token",
            Values::Flag(rows.iter().map(|row| Some(row.atom)).collect()),
        ),
        column(
            "trained",
            "whether all tokens of its minority forms occur often enough in training text; null where that is not known",
            Values::Flag(rows.iter().map(|row| row.trained).collect()),
        ),
        column(
            "mrr",
            "mean calibrated reciprocal rank over its contexts at the last checkpoint",
            real(rows, |row| row.mrr),
        ),
        column("chance", "what guessing has", real(rows, |row| row.chance)),
    ];
    write_wide(path, &columns)?;
    Ok(())
}

/// Writes `statistics.parquet`: each statistic of each world seed, behind the claims' estimates.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_statistics(path: &Path, rows: &[PerSeed]) -> Result<()> {
    let columns = [
        column(
            "claim",
            "number of the claim",
            integer(rows, |row| Some(u64::from(row.claim))),
        ),
        column(
            "statistic",
            "name of the statistic",
            text(rows, |row| Some(row.statistic.clone())),
        ),
        column(
            "world_seed",
            "the unit",
            text(rows, |row| Some(row.world_seed.clone())),
        ),
        column(
            "value",
            "its value; null where it is undefined",
            real(rows, |row| row.value),
        ),
        column(
            "n",
            "runs or concepts behind it",
            integer(rows, |row| Some(row.n as u64)),
        ),
    ];
    write_wide(path, &columns)?;
    Ok(())
}

/// A wide table by column name.
struct Columns(BTreeMap<String, Values>, String);

impl Columns {
    fn open(path: &Path) -> Result<Columns> {
        let columns = read_wide(path, corpus::Stage::Report.tool())?
            .into_iter()
            .map(|column| (column.name, column.values))
            .collect();
        Ok(Columns(columns, path.display().to_string()))
    }

    fn rows(&self) -> usize {
        self.0.values().next().map_or(0, Values::len)
    }

    fn get(&self, name: &str, row: usize) -> Option<Setting> {
        setting(self.0.get(name)?, row)
    }

    fn text(&self, name: &str, row: usize) -> Option<String> {
        self.get(name, row).map(|value| value.to_string())
    }

    fn number(&self, name: &str, row: usize) -> Option<f64> {
        match self.get(name, row)? {
            Setting::Integer(whole) => Some(whole as f64),
            Setting::Number(number) => Some(number),
            _ => None,
        }
    }

    fn need<T>(&self, name: &str, row: usize, value: Option<T>) -> Result<T> {
        value.with_context(|| {
            format!(
                "{}: row {row} has no \"{name}\"; was it written by study report?",
                self.1
            )
        })
    }

    /// `prefix.NAME` columns of one row.
    fn under<'a>(
        &'a self,
        prefix: &'a str,
        row: usize,
    ) -> impl Iterator<Item = (String, Setting)> + 'a {
        self.0.iter().filter_map(move |(name, values)| {
            let name = name.strip_prefix(prefix)?.strip_prefix('.')?;
            Some((name.to_owned(), setting(values, row)?))
        })
    }
}

/// Reads the data behind an earlier report.
///
/// # Errors
/// Where the report is damaged or a table cannot be read.
pub fn read(report: &Path) -> Result<Data> {
    let input = Input::open(report, corpus::Stage::Report)?;
    let configuration = &input.manifest().configuration;
    let mut data = Data {
        description: configuration["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        thresholds: serde_json::from_value(configuration["thresholds"].clone())
            .with_context(|| format!("{}: its manifest has no thresholds", report.display()))?,
        study: configuration["study"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        ..Data::default()
    };
    let runs = Columns::open(&input.file("runs.parquet")?)?;
    for row in 0..runs.rows() {
        let by_stage = |prefix: &str| {
            let named = |stage: Stage| {
                Some((
                    stage,
                    runs.text(&format!("{prefix}.{}", stage.name()), row)?,
                ))
            };
            Stage::ALL.into_iter().filter_map(named).collect()
        };
        let values = runs
            .under("value", row)
            .filter_map(|(name, value)| Some((name, value.to_string().parse().ok()?)));
        data.runs.push(RunRecord {
            run: runs.need("run", row, runs.text("run", row))?,
            label: runs.need("label", row, runs.text("label", row))?,
            missing: runs.text("missing", row),
            knobs: runs.under("knob", row).collect(),
            artifacts: by_stage("artifact"),
            fingerprints: by_stage("fingerprint"),
            tokenizer: runs.text("tokenizer_blake3", row),
            values: values.collect(),
        });
    }
    let count = data.runs.len();
    let run_of = |table: &Columns, row: usize| {
        let run = table.number(RUN_ROW, row).map(|run| run as usize);
        table.need(RUN_ROW, row, run.filter(|run| *run < count))
    };
    let metrics = Columns::open(&input.file("metrics.parquet")?)?;
    for row in 0..metrics.rows() {
        let whole = |name: &str| metrics.number(name, row).map(|number| number as u64);
        let word = |name: &str| metrics.need(name, row, metrics.text(name, row));
        data.metrics.push(Metric {
            run: run_of(&metrics, row)?,
            step: metrics.need("step", row, whole("step"))?,
            stage: word("stage")?,
            metric: word("metric")?,
            condition: word("condition")?
                .parse()
                .with_context(|| format!("{}: row {row}", metrics.1))?,
            phenomenon: metrics.text("phenomenon", row),
            value: metrics.number("value", row),
            n_items: whole("n_items").unwrap_or(0),
            n_concepts: whole("n_concepts").unwrap_or(0),
            chance: metrics.number("chance", row),
            low: metrics.number("low", row),
            high: metrics.number("high", row),
        });
    }
    let concepts = Columns::open(&input.file("concepts.parquet")?)?;
    for row in 0..concepts.rows() {
        let number = |name: &str| concepts.need(name, row, concepts.number(name, row));
        let flag = |name: &str| match concepts.get(name, row) {
            Some(Setting::Switch(on)) => Some(on),
            _ => None,
        };
        data.concepts.push(Concept {
            run: run_of(&concepts, row)?,
            concept: number("concept")? as u32,
            bridge: number("bridge")?,
            ldn: number("ldn")?,
            atom: concepts.need("atom", row, flag("atom"))?,
            trained: flag("trained"),
            mrr: concepts.number("mrr", row),
            chance: concepts.number("chance", row),
        });
    }
    data.sort();
    Ok(data)
}
