//! `study report`: from whatever has finished to tables, figures and a page.
//!
//! In reading order: [`data`] (what a report is drawn from), [`gather`], [`artifacts`] and [`atoms`] (read from
//! directories), [`merge`] (parts of one study made one), [`statistics`], [`claims`], [`interventions`], [`bounds`],
//! [`summary`] (numbers as shown), [`table`], [`draw`] and [`figures`], [`page`], [`tables`] (written, and read back to
//! draw a report again).

pub mod artifacts;
pub mod atoms;
pub mod bounds;
pub mod claims;
pub mod data;
pub mod draw;
pub mod figures;
pub mod gather;
pub mod interventions;
pub mod merge;
pub mod page;
pub mod statistics;
pub mod summary;
pub mod table;
pub mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use corpus::{Begin, Output, Request, write_rows};
use serde_json::json;

use data::Data;
use table::StageTable;

use crate::directory::Found;

/// Reports on `inputs` into `out`; returns what to print. Where `out` holds the report of the same finished runs, nothing
/// is written.
///
/// # Errors
/// Where an input is no study, report, evaluation or tokenizer, is damaged, or is of another study than the rest; where
/// `out` is something else than a report, holds an input, or holds another report and `force` is not given; where it cannot
/// be written.
pub fn report(inputs: &[PathBuf], out: &Path, force: bool) -> Result<String> {
    check_out(out, inputs)?;
    let data = gather::gather(inputs)?;
    ensure!(
        data.finished().next().is_some(),
        "{}: no run has finished ({} planned); build them with make, then report again",
        inputs
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(", "),
        data.runs.len()
    );
    let table = StageTable::of(&data);
    let configuration = json!({
        "study": data.study,
        "description": data.description,
        "thresholds": data.thresholds,
        // Another version may draw otherwise.
        "version": env!("CARGO_PKG_VERSION"),
        "runs": data.runs.iter().map(|run| {
            let fingerprints: BTreeMap<&str, &String> = run.fingerprints.iter().map(|(stage, print)| (stage.name(), print)).collect();
            json!({ "run": run.run, "label": run.label, "missing": run.missing, "fingerprints": fingerprints })
        }).collect::<Vec<_>>(),
    });
    let request = Request {
        out,
        force,
        resume: out.exists(),
        kind: corpus::Stage::Report,
        tool: corpus::Stage::Report.tool(),
        configuration: &configuration,
        seeds: BTreeMap::new(),
        // The runs' fingerprints say what it is made of; by way of which studies and reports they came does not matter.
        inputs: BTreeMap::new(),
    };
    match Output::begin(request)? {
        Begin::AlreadyDone => {}
        Begin::Fresh(output) | Begin::Resumed(output) => write(&data, table.as_ref(), output)?,
    }
    let mut text = String::new();
    if let Some(table) = &table {
        text = format!("{}\n\n", table.print());
    }
    let missing = data.runs.iter().filter(|run| run.missing.is_some()).count();
    if missing > 0 {
        text += &format!(
            "{missing} of {} runs are missing; the report lists them\n",
            data.runs.len()
        );
    }
    Ok(text + &out.join("index.html").display().to_string())
}

/// Refuses an `out` that no report could be written to, before the runs are read. Whether an earlier report there is
/// another one and needs `--force`, only they tell.
fn check_out(out: &Path, inputs: &[PathBuf]) -> Result<()> {
    match Found::at(out)? {
        Found::Nothing => return Ok(()),
        Found::Output(corpus::Stage::Report) => {}
        found => bail!(
            "{}: expected nothing there or an earlier report, found {found}; choose another --out",
            out.display()
        ),
    }
    // The earlier report is deleted, and with it whatever lies inside.
    let place = |path: &Path| {
        path.canonicalize()
            .with_context(|| format!("{}: cannot look at it", path.display()))
    };
    let replaced = place(out)?;
    for input in inputs.iter().filter(|input| input.exists()) {
        if place(input)?.starts_with(&replaced) {
            bail!(
                "{}: expected another directory than those read, found the input {}; choose another --out",
                out.display(),
                input.display()
            );
        }
    }
    Ok(())
}

fn write(data: &Data, table: Option<&StageTable>, output: Output) -> Result<()> {
    let evaluated = !data.metrics.is_empty();
    let claims = if evaluated {
        claims::claims(data)
    } else {
        claims::Claims::default()
    };
    tables::write_runs(&output.path("runs.parquet"), data)?;
    tables::write_metrics(&output.path("metrics.parquet"), data)?;
    tables::write_concepts(&output.path("concepts.parquet"), data)?;
    tables::write_statistics(&output.path("statistics.parquet"), &claims.per_seed)?;
    write_rows(&output.path("claims.parquet"), &claims.rows)?;
    let interventions = interventions::interventions(data);
    write_rows(&output.path("interventions.parquet"), &interventions)?;
    let figures = figures::figures(data);
    output.directory("figures")?;
    for figure in &figures {
        let path = output.path(&format!("figures/{}.svg", figure.id));
        std::fs::write(&path, figure.svg.file(&figure.title))
            .with_context(|| format!("{}: cannot write", path.display()))?;
    }
    let path = output.path("index.html");
    let page = page::page(data, &claims, &interventions, table, &figures)?;
    std::fs::write(&path, page).with_context(|| format!("{}: cannot write", path.display()))?;
    let finished = data.finished().count();
    output.publish(json!({ "finished": finished, "missing": data.runs.len() - finished, "figures": figures.len() }))?;
    Ok(())
}
