//! What the lexical outcomes are read against: the frequency baseline and the oracle references.
//!
//! - `frequency_mrr`, `frequency_hit1`: a judge that always prefers the more frequent lexeme. Where every candidate is
//!   gold equally often it is exactly at chance; anything else says that the probes are not balanced.
//! - `oracle_identifiability`, `oracle_learnable`: reciprocal rank of a concept's B-form among the primary candidates
//!   when the A-form is given (bridges.parquet): what the tokens give away to a reader who is told the concept. The
//!   candidates are those that the concept's clozes offer a model, in their base inflection; chance is H_n/n.

use std::collections::BTreeMap;

use anyhow::Result;
use corpus::tables::BridgeRow;
use corpus::{Condition, ProbeSet};

use crate::items::Items;
use crate::measure::{Measure, Observation};
use crate::ranking::{Standing, chance_reciprocal_rank};

use super::Beside;

/// Every reference of one condition.
pub fn measures(items: &Items, beside: Beside<'_>, condition: Condition) -> Result<Vec<Measure>> {
    let (mut reciprocal, mut first) = (Vec::new(), Vec::new());
    for cloze in items.clozes_of(ProbeSet::Primary, condition) {
        let probe = items.probe(cloze);
        let mut scores = Vec::with_capacity(probe.candidates.len());
        for form in probe.forms.iter().flatten() {
            scores.push(-f64::from(
                beside.nouns.get(probe.language, form)?.frequency_rank,
            ));
        }
        let n = scores.len();
        let standing = Standing::of(&scores, cloze.gold);
        let observe = |outcome: fn(Standing) -> f64, chance: f64| {
            standing.map(|standing| Observation::item(probe.concept, outcome(standing), chance))
        };
        reciprocal.push(observe(
            Standing::reciprocal_rank,
            chance_reciprocal_rank(n),
        ));
        first.push(observe(Standing::hit_at_1, 1.0 / n as f64));
    }
    let absent = format!("no {condition} clozes");
    let mut measures = Vec::new();
    for (metric, observations) in [("frequency_mrr", reciprocal), ("frequency_hit1", first)] {
        measures.push(Measure::from_items(
            "lexical",
            metric,
            condition,
            None,
            observations,
            &absent,
        ));
    }
    measures.extend(oracles(items, beside.bridges, condition));
    Ok(measures)
}

/// Both oracle references, over the concepts that primary clozes of the condition ask for: each is ranked among the
/// candidates of its clozes, so that its chance is theirs, H_n/n.
fn oracles(items: &Items, bridges: &[BridgeRow], condition: Condition) -> Vec<Measure> {
    let mut candidates: BTreeMap<u32, usize> = BTreeMap::new();
    for cloze in items.clozes_of(ProbeSet::Primary, condition) {
        let probe = items.probe(cloze);
        if let Some(concept) = probe.concept {
            candidates.entry(concept).or_insert(probe.candidates.len());
        }
    }
    let absent = match condition {
        Condition::Majority => "bridges lead from majority forms to minority forms".to_owned(),
        _ if bridges.is_empty() => "no bridges.parquet was given".to_owned(),
        _ => format!("bridges.parquet ranks no concept of {condition} clozes"),
    };
    let oracle = |metric: &str, rank: fn(&BridgeRow) -> Option<f64>| {
        let observe = |bridge: &BridgeRow| {
            let n = *candidates.get(&bridge.concept)?;
            let chance = chance_reciprocal_rank(n);
            Some(Observation::item(
                Some(bridge.concept),
                rank(bridge)?,
                chance,
            ))
        };
        let of_condition = bridges
            .iter()
            .filter(|bridge| bridge.condition == condition);
        let observations = of_condition.filter_map(observe).map(Some).collect();
        Measure::from_items("lexical", metric, condition, None, observations, &absent)
    };
    vec![
        oracle("oracle_identifiability", |bridge| bridge.identifiability),
        oracle("oracle_learnable", |bridge| bridge.learnable),
    ]
}
