//! The report as one page that needs nothing beside it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use corpus::tables::{ClaimRow, InterventionRow};
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use super::claims::{CLAIMS, Claims};
use super::data::Data;
use super::draw::colour;
use super::figures::Figure;
use super::interventions::correlation;
use super::summary::number;
use super::table::StageTable;

/// Rows of the page's table of runs; all are in `runs.parquet`.
const MOST_RUNS: usize = 200;

/// The claim whose correlations stand beside the interventions.
const BRIDGE_CLAIM: u8 = 5;

/// What the template is given.
#[derive(Serialize)]
struct PageView<'a> {
    study: &'a str,
    description: &'a str,
    state: String,
    svg_style: String,
    confidence: String,
    atom_confidence: String,
    min_world_seeds: usize,
    claims: Vec<ClaimView>,
    /// Why rows are not decided, each reason once.
    reasons: Vec<&'a str>,
    beside: Vec<SeedView>,
    interventions: Vec<InterventionView>,
    correlation: Option<String>,
    correlations: Vec<RowView>,
    table: Option<Vec<Vec<CellView>>>,
    table_header: Option<Vec<String>>,
    table_note: Option<String>,
    figures: Vec<FigureView>,
    runs_header: Vec<String>,
    runs: Vec<Vec<String>>,
    more_runs: usize,
    constant: Vec<String>,
    tool: String,
}

#[derive(Serialize)]
struct ClaimView {
    number: u8,
    text: &'static str,
    verdict: String,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct RowView {
    statistic: String,
    estimate: String,
    interval: String,
    threshold: String,
    seeds: u32,
    verdict: String,
    /// Number of the reason why it is not decided, from 1.
    reason: Option<usize>,
}

#[derive(Serialize)]
struct SeedView {
    claim: u8,
    statistic: String,
    seed: String,
    value: String,
    n: usize,
}

#[derive(Serialize)]
struct InterventionView {
    intervention: String,
    vocabulary: String,
    seeds: u32,
    pairs: u32,
    bridges: String,
    outcomes: String,
    difference: String,
    interval: String,
}

#[derive(Serialize)]
struct FigureView {
    id: String,
    title: String,
    caption: String,
    svg: String,
}

#[derive(Serialize)]
struct CellView {
    text: String,
    interval: Option<String>,
    origin: String,
}

/// The page's text.
///
/// # Errors
/// Where the template and what it is given do not fit (a bug).
pub fn page(
    data: &Data,
    claims: &Claims,
    interventions: &[InterventionRow],
    table: Option<&StageTable>,
    figures: &[Figure],
) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .build()
            .context("the report's template")?,
    );
    environment
        .add_template("page.html", include_str!("page.html"))
        .context("the report's template")?;
    let template = environment
        .get_template("page.html")
        .context("the report's template")?;
    let (runs_header, runs, constant) = runs(data);
    let figures: Vec<FigureView> = figures
        .iter()
        .map(|figure| FigureView {
            id: figure.id.clone(),
            title: figure.title.clone(),
            caption: figure.caption.clone(),
            svg: figure.svg.element(&figure.title),
        })
        .collect();
    let cells = |table: &StageTable| -> Vec<Vec<CellView>> {
        let cell = |(text, origin): &(String, String)| {
            let (value, interval) = match text.split_once(" [") {
                Some((value, interval)) => (value, Some(format!("[{interval}"))),
                None => (text.as_str(), None),
            };
            CellView {
                text: value.to_owned(),
                interval,
                origin: origin.clone(),
            }
        };
        table
            .rows
            .iter()
            .map(|row| row.iter().map(cell).collect())
            .collect()
    };
    let view = PageView {
        study: &data.study,
        description: &data.description,
        state: state(data),
        svg_style: colour::style(),
        confidence: format!("{:.0}", 100.0 * data.thresholds.confidence),
        atom_confidence: format!("{:.0}", 100.0 * data.thresholds.atom_confidence),
        min_world_seeds: data.thresholds.min_world_seeds,
        claims: claim_views(claims),
        reasons: reasons(claims),
        beside: seed_views(claims),
        interventions: interventions.iter().map(intervention_view).collect(),
        correlation: correlation(data)
            .map(|(rho, runs)| format!("{} over {runs} main runs", precise(rho))),
        correlations: row_views(claims, BRIDGE_CLAIM),
        table: table.map(cells),
        table_header: table.map(|table| table.header.clone()),
        table_note: table.map(|table| table.note.clone()),
        figures,
        runs_header,
        more_runs: data.runs.len().saturating_sub(MOST_RUNS),
        runs,
        constant,
        tool: format!("study {}", env!("CARGO_PKG_VERSION")),
    };
    template
        .render(Serde(view))
        .context("the report's template")
}

/// `3 of 3 runs finished · world seeds 1 · 2 runs of controls`.
fn state(data: &Data) -> String {
    let main: Vec<_> = data.runs.iter().filter(|run| run.label == "main").collect();
    let finished = main.iter().filter(|run| run.missing.is_none()).count();
    let seeds: BTreeSet<String> = main
        .iter()
        .filter(|run| run.missing.is_none())
        .map(|run| run.world_seed())
        .collect();
    let mut parts = vec![format!("{finished} of {} runs finished", main.len())];
    if !seeds.is_empty() {
        parts.push(format!(
            "world seeds {}",
            seeds.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    let controls = data.runs.len() - main.len();
    if controls > 0 {
        let done = data
            .runs
            .iter()
            .filter(|run| run.label != "main" && run.missing.is_none())
            .count();
        parts.push(format!("{done} of {controls} runs of controls"));
    }
    parts.join(" · ")
}

fn claim_views(claims: &Claims) -> Vec<ClaimView> {
    let view = |(index, text): (usize, &&'static str)| {
        let number_of_claim = index as u8 + 1;
        let mut of_claim = claims
            .rows
            .iter()
            .filter(|row| row.claim == number_of_claim);
        Some(ClaimView {
            number: number_of_claim,
            text,
            verdict: of_claim.next()?.claim_verdict.to_string(),
            rows: row_views(claims, number_of_claim),
        })
    };
    CLAIMS.iter().enumerate().filter_map(view).collect()
}

/// The distinct reasons for which rows are not decided, in the rows' order.
fn reasons(claims: &Claims) -> Vec<&str> {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in claims.rows.iter().filter_map(|row| row.missing.as_deref()) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

fn row_views(claims: &Claims, claim: u8) -> Vec<RowView> {
    let of_claim = claims.rows.iter().filter(|row| row.claim == claim);
    let reasons = reasons(claims);
    let number_of = |missing: &str| reasons.iter().position(|&reason| reason == missing);
    let view = |row: &ClaimRow| RowView {
        statistic: row.statistic.clone(),
        estimate: row.estimate.map_or("–".into(), precise),
        interval: interval(row.low, row.high),
        threshold: row.threshold.map_or("–".into(), number),
        seeds: row.n_world_seeds,
        verdict: row
            .verdict
            .map_or("beside".into(), |verdict| verdict.to_string()),
        reason: row.missing.as_deref().and_then(number_of).map(|n| n + 1),
    };
    of_claim.map(view).collect()
}

fn intervention_view(row: &InterventionRow) -> InterventionView {
    let both = |with: f64, without: f64| format!("{} − {}", number(with), number(without));
    let bridges = row.bridge_with.zip(row.bridge_without);
    InterventionView {
        intervention: row.intervention.clone(),
        vocabulary: row.vocabulary.clone(),
        seeds: row.n_world_seeds,
        pairs: row.n_pairs,
        bridges: bridges.map_or("–".into(), |(with, without)| both(with, without)),
        outcomes: both(row.outcome_with, row.outcome_without),
        difference: precise(row.difference),
        interval: interval(row.low, row.high),
    }
}

fn precise(value: f64) -> String {
    format!("{value:.3}").replace("-0.000", "0.000")
}

fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("[{}, {}]", precise(low), precise(high)),
        _ => "–".into(),
    }
}

fn seed_views(claims: &Claims) -> Vec<SeedView> {
    let view = |row: &super::claims::PerSeed| SeedView {
        claim: row.claim,
        statistic: row.statistic.clone(),
        seed: row.world_seed.clone(),
        value: row.value.map_or("–".into(), precise),
        n: row.n,
    };
    claims.per_seed.iter().map(view).collect()
}

/// Header and rows of the runs' table, with the knobs that differ, and those that are the same in all.
fn runs(data: &Data) -> (Vec<String>, Vec<Vec<String>>, Vec<String>) {
    let mut values: BTreeMap<&String, BTreeSet<Option<String>>> = BTreeMap::new();
    let names: BTreeSet<&String> = data.runs.iter().flat_map(|run| run.knobs.keys()).collect();
    for name in names {
        values.insert(name, data.runs.iter().map(|run| run.knob(name)).collect());
    }
    let varied: Vec<&String> = values
        .iter()
        .filter(|(_, values)| values.len() > 1)
        .map(|(name, _)| *name)
        .collect();
    let constant = values
        .iter()
        .filter(|(_, values)| values.len() == 1)
        .filter_map(|(name, values)| Some(format!("{name} = {}", values.first()?.as_ref()?)))
        .collect();
    let mut header: Vec<String> = vec!["condition".into()];
    header.extend(varied.iter().map(|name| (*name).clone()));
    header.extend(["run".into(), "fingerprint".into(), "state".into()]);
    let row = |run: &super::data::RunRecord| {
        let mut row = vec![run.label.clone()];
        row.extend(
            varied
                .iter()
                .map(|name| run.knob(name).unwrap_or_else(|| "–".into())),
        );
        let fingerprint = run
            .fingerprints
            .values()
            .last()
            .map_or("–".to_owned(), |print| print.chars().take(12).collect());
        row.extend([
            run.run.clone(),
            fingerprint,
            run.missing
                .clone()
                .map_or("finished".into(), |why| format!("missing: {why}")),
        ]);
        row
    };
    (
        header,
        data.runs.iter().take(MOST_RUNS).map(row).collect(),
        constant,
    )
}
