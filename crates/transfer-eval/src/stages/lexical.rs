//! Stage 4, lexical forms: does a context call up the one noun that its clues determine?
//!
//! `mrr`, `hit1` and `reachability` use calibrated scores, log P(f in x) minus the form's mean over the calibration group,
//! which cancels how likely a form is anywhere; `_raw` beside them does not. The primary candidates are equally often
//! gold, so no prior over forms helps. Reachability averages a concept's scores over its contexts before ranking.
//! `same_type` (a masked form against another of its type, crossed) is one of the three tests whose onsets claim 4
//! compares.
//!
//! The null permutes gold within a candidate set; frequency and oracle references stand in [`references`].

pub mod generated;
mod reachability;
pub mod references;

use anyhow::Result;
use corpus::tables::{BridgeRow, ContinuationRow};
use corpus::{Condition, ProbeSet, ProbeStage};
use seed::Seed;

use crate::items::{Cloze, Items};
use crate::lexicon::Nouns;
use crate::measure::{Measure, Observation};
use crate::ranking::{self, Standing, chance_reciprocal_rank};
use crate::scores::{Scoring, StepScores};

use super::alternatives::accuracies;

/// What the stage reads beside scores.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The world's nouns.
    pub nouns: &'a Nouns,
    /// Rows of bridges.parquet: oracle references; empty where none are known.
    pub bridges: &'a [BridgeRow],
    /// This step's rows of continuations.parquet.
    pub continuations: &'a [ContinuationRow],
    /// Words generated a context: N of 1 − (1 − p)^N.
    pub draws: u32,
    /// For the null's permutations.
    pub seed: Seed,
}

/// Every measure of the stage.
pub fn measures(items: &Items, scores: &StepScores, beside: Beside<'_>) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for &condition in Condition::ALL {
        measures.extend(primary(items, scores, condition));
        measures.extend(reachability::measures(items, scores, beside, condition)?);
        measures.extend(references::measures(items, beside, condition)?);
        measures.extend(generated::measures(items, scores, beside, condition));
        measures.extend(type_valid(items, scores, beside.nouns, condition)?);
        measures.extend(type_reachability(items, scores, condition));
    }
    let none_pooled = |_: &str| false;
    let pairs = accuracies(
        "lexical",
        ProbeStage::Lexical,
        items,
        scores,
        none_pooled,
        &["same_type"],
    );
    // same_type has nothing to be pooled with
    measures.extend(
        pairs
            .into_iter()
            .filter(|measure| measure.phenomenon.is_some()),
    );
    Ok(measures)
}

/// MRR and hit@1 in the primary set, pooled and by where the noun stands.
fn primary(items: &Items, scores: &StepScores, condition: Condition) -> Vec<Measure> {
    let mut phenomena: Vec<&str> = items
        .clozes
        .iter()
        .map(|cloze| items.probe(cloze).phenomenon.as_str())
        .collect();
    phenomena.sort_unstable();
    phenomena.dedup();
    let mut measures = Vec::new();
    for phenomenon in std::iter::once(None).chain(phenomena.into_iter().map(Some)) {
        let chosen: Vec<&Cloze> = items
            .clozes_of(ProbeSet::Primary, condition)
            .filter(|cloze| phenomenon.is_none_or(|name| items.probe(cloze).phenomenon == name))
            .collect();
        measures.extend(ranked(items, scores, condition, phenomenon, &chosen, ""));
    }
    measures
}

/// MRR and hit@1, calibrated and raw, of some clozes; `suffix` names a candidate set other than the primary one.
fn ranked(
    items: &Items,
    scores: &StepScores,
    condition: Condition,
    phenomenon: Option<&str>,
    clozes: &[&Cloze],
    suffix: &str,
) -> Vec<Measure> {
    let absent = format!("no {condition} clozes");
    let mut measures = Vec::new();
    for (scoring, tail) in [(Scoring::Calibrated, ""), (Scoring::Raw, "_raw")] {
        let standing = |cloze: &Cloze| Standing::of(scores.of(cloze.row, scoring), cloze.gold);
        let observe = |cloze: &&Cloze, outcome: fn(Standing) -> f64, chance: fn(usize) -> f64| {
            let probe = items.probe(cloze);
            let chance = chance(probe.candidates.len());
            standing(cloze)
                .map(|standing| Observation::item(probe.concept, outcome(standing), chance))
        };
        let reciprocal = clozes
            .iter()
            .map(|cloze| observe(cloze, Standing::reciprocal_rank, chance_reciprocal_rank));
        let first = clozes
            .iter()
            .map(|cloze| observe(cloze, Standing::hit_at_1, |n| 1.0 / n as f64));
        for (metric, observations) in [("mrr", reciprocal.collect()), ("hit1", first.collect())] {
            let metric = format!("{metric}{suffix}{tail}");
            measures.push(Measure::from_items(
                "lexical",
                metric,
                condition,
                phenomenon,
                observations,
                &absent,
            ));
        }
    }
    measures
}

/// Among all forms of the type: MRR and hit@1, and whether masked forms score like seen ones at all.
fn type_valid(
    items: &Items,
    scores: &StepScores,
    nouns: &Nouns,
    condition: Condition,
) -> Result<Vec<Measure>> {
    let clozes: Vec<&Cloze> = items.clozes_of(ProbeSet::TypeValid, condition).collect();
    let mut measures = ranked(items, scores, condition, None, &clozes, "_type_valid");
    for (scoring, metric) in [
        (Scoring::Raw, "auc_masked_over_seen_raw"),
        (Scoring::Calibrated, "auc_masked_over_seen"),
    ] {
        let mut areas = Vec::new();
        for cloze in &clozes {
            let probe = items.probe(cloze);
            let (mut masked, mut seen) = (Vec::new(), Vec::new());
            let nats = scores.of(cloze.row, scoring);
            for (form, &nats) in probe.forms.iter().flatten().zip(nats) {
                match nouns.get(probe.language, form)?.condition {
                    Condition::Masked => masked.push(nats),
                    Condition::Minority => seen.push(nats),
                    Condition::Majority | Condition::Identical => {}
                }
            }
            if !masked.is_empty() && !seen.is_empty() {
                let area = ranking::auc(&masked, &seen);
                areas.push(area.map(|area| Observation::item(probe.concept, area, 0.5)));
            }
        }
        let absent = format!("no {condition} clozes with masked and seen candidates");
        measures.push(Measure::from_items(
            "lexical", metric, condition, None, areas, &absent,
        ));
    }
    Ok(measures)
}

/// `type_reachability` (after Lubana et al. 2024): is the gold form within the first K of all nouns of the lexicon, where
/// K of them are of its type? Chance K/N. Asked where the noun stands last, so that every clue stands before it.
fn type_reachability(items: &Items, scores: &StepScores, condition: Condition) -> Vec<Measure> {
    let clozes = || {
        let offered = items.clozes_of(ProbeSet::TypeValid, condition);
        offered.filter(|cloze| items.beyond.contains_key(&cloze.row))
    };
    let of = |(scoring, metric): (Scoring, &str)| {
        let observe = |cloze: &Cloze| {
            let probe = items.probe(cloze);
            let all = scores.all(cloze.row, scoring);
            let valid = probe.candidates.len();
            let value = Standing::of(all, cloze.gold)?.within_top(valid);
            Some(Observation::item(
                probe.concept,
                value,
                valid as f64 / all.len() as f64,
            ))
        };
        let observations = clozes().map(observe).collect();
        let absent = format!("no {condition} clozes offer the whole lexicon");
        Measure::from_items("lexical", metric, condition, None, observations, &absent)
    };
    let metrics = [
        (Scoring::Calibrated, "type_reachability"),
        (Scoring::Raw, "type_reachability_raw"),
    ];
    metrics.map(of).to_vec()
}
