//! Reachability: the share of concepts whose own form ranks first with scores averaged over the concept's contexts,
//! and the null that permutes gold among the concepts of a candidate set.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use corpus::{Condition, ProbeSet};
use rand::Rng;
use seed::Stream;

use crate::bootstrap::{Interval, quantile};
use crate::items::{Cloze, Items};
use crate::measure::{Measure, Observation, Outcome};
use crate::ranking::Standing;
use crate::scores::{Scoring, StepScores};

use super::Beside;

/// Permutations behind the null's mean and quantiles.
const PERMUTATIONS: usize = 1000;

/// The clozes that offer one set of concepts, their candidates brought into the concepts' order.
struct CandidateSet<'a> {
    /// Concepts offered, ascending.
    concepts: Vec<u32>,
    /// Its clozes: the gold's place among `concepts`, and for each of `concepts` the candidate that names it.
    clozes: Vec<(&'a Cloze, usize, Vec<usize>)>,
}

impl CandidateSet<'_> {
    /// Scores of one cloze in the order of `concepts`.
    fn scores(&self, index: usize, scores: &StepScores, scoring: Scoring) -> Vec<f64> {
        let (cloze, _, order) = &self.clozes[index];
        let nats = scores.of(cloze.row, scoring);
        order.iter().map(|&candidate| nats[candidate]).collect()
    }

    /// For each gold concept its mean scores over its clozes: gold's place → scores in the order of `concepts`.
    fn averaged(&self, scores: &StepScores, scoring: Scoring) -> BTreeMap<usize, Vec<f64>> {
        let mut sums: BTreeMap<usize, (usize, Vec<f64>)> = BTreeMap::new();
        for (index, (_, gold, _)) in self.clozes.iter().enumerate() {
            let (count, sum) = sums
                .entry(*gold)
                .or_insert_with(|| (0, vec![0.0; self.concepts.len()]));
            *count += 1;
            for (sum, nats) in sum.iter_mut().zip(self.scores(index, scores, scoring)) {
                *sum += nats;
            }
        }
        let mean =
            |(count, sum): (usize, Vec<f64>)| sum.iter().map(|sum| sum / count as f64).collect();
        sums.into_iter()
            .map(|(gold, sums)| (gold, mean(sums)))
            .collect()
    }
}

/// `reachability`, `reachability_raw`, `mrr_null` and `reachability_null` of one condition.
pub fn measures(
    items: &Items,
    scores: &StepScores,
    beside: Beside<'_>,
    condition: Condition,
) -> Result<Vec<Measure>> {
    let sets = candidate_sets(items, beside, condition)?;
    let absent = format!("no {condition} clozes");
    let mut measures = Vec::new();
    for (scoring, metric) in [
        (Scoring::Calibrated, "reachability"),
        (Scoring::Raw, "reachability_raw"),
    ] {
        let observations = reachability(&sets, scores, scoring);
        measures.push(Measure::from_items(
            "lexical",
            metric,
            condition,
            None,
            observations,
            &absent,
        ));
    }
    let draw = || beside.seed.stream(&format!("null/{condition}"));
    for (metric, table) in [
        ("mrr_null", reciprocal_ranks(&sets, scores)),
        ("reachability_null", hits(&sets, scores)),
    ] {
        let outcome = null(&sets, table, &mut draw(), &absent);
        measures.push(Measure {
            stage: "lexical",
            metric: metric.to_owned(),
            condition,
            phenomenon: None,
            outcome,
        });
    }
    Ok(measures)
}

/// Primary clozes by the concepts they offer.
fn candidate_sets<'a>(
    items: &'a Items,
    beside: Beside<'_>,
    condition: Condition,
) -> Result<Vec<CandidateSet<'a>>> {
    let mut sets: BTreeMap<Vec<u32>, CandidateSet<'a>> = BTreeMap::new();
    for cloze in items.clozes_of(ProbeSet::Primary, condition) {
        let probe = items.probe(cloze);
        let mut named = Vec::with_capacity(probe.candidates.len());
        for (candidate, form) in probe.forms.iter().flatten().enumerate() {
            named.push((beside.nouns.get(probe.language, form)?.concept, candidate));
        }
        let own = named[cloze.gold].0;
        named.sort_unstable();
        let concepts: Vec<u32> = named.iter().map(|&(concept, _)| concept).collect();
        ensure!(
            concepts.windows(2).all(|pair| pair[0] < pair[1]),
            "probes.parquet, lexicon.parquet: probe {}: two of its candidates are forms of one noun",
            probe.probe
        );
        let gold = concepts
            .binary_search(&own)
            .ok()
            .context("the gold concept is a candidate")?;
        let order = named.into_iter().map(|(_, candidate)| candidate).collect();
        let set = sets
            .entry(concepts.clone())
            .or_insert_with(|| CandidateSet {
                concepts,
                clozes: Vec::new(),
            });
        set.clozes.push((cloze, gold, order));
    }
    Ok(sets.into_values().collect())
}

/// One observation a concept (and candidate set, where a concept has several: they share its weight of 1).
fn reachability(
    sets: &[CandidateSet<'_>],
    scores: &StepScores,
    scoring: Scoring,
) -> Vec<Option<Observation>> {
    let mut found: Vec<(u32, Option<f64>, f64)> = Vec::new();
    for set in sets {
        for (gold, mean) in set.averaged(scores, scoring) {
            let hit = Standing::of(&mean, gold).map(Standing::hit_at_1);
            found.push((set.concepts[gold], hit, 1.0 / set.concepts.len() as f64));
        }
    }
    let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
    for (concept, _, _) in &found {
        *shares.entry(*concept).or_default() += 1.0;
    }
    let observe = |(concept, hit, chance): (u32, Option<f64>, f64)| {
        let weight = 1.0 / shares[&concept];
        hit.map(|hit| Observation {
            concept: Some(concept),
            value: hit * weight,
            weight,
            chance: Some(chance),
        })
    };
    found.into_iter().map(observe).collect()
}

/// What the null permutes: for each set, rows of (gold's place, outcome if the concept at each place were gold).
type Table = Vec<Vec<(usize, Vec<Option<f64>>)>>;

fn outcomes(scores: &[f64], outcome: fn(Standing) -> f64) -> Vec<Option<f64>> {
    (0..scores.len())
        .map(|gold| Standing::of(scores, gold).map(outcome))
        .collect()
}

fn reciprocal_ranks(sets: &[CandidateSet<'_>], scores: &StepScores) -> Table {
    let of_set = |set: &CandidateSet<'_>| {
        let row = |(index, cloze): (usize, &(&Cloze, usize, Vec<usize>))| {
            let nats = set.scores(index, scores, Scoring::Calibrated);
            (cloze.1, outcomes(&nats, Standing::reciprocal_rank))
        };
        set.clozes.iter().enumerate().map(row).collect()
    };
    sets.iter().map(of_set).collect()
}

fn hits(sets: &[CandidateSet<'_>], scores: &StepScores) -> Table {
    let of_set = |set: &CandidateSet<'_>| {
        let averaged = set.averaged(scores, Scoring::Calibrated).into_iter();
        averaged
            .map(|(gold, mean)| (gold, outcomes(&mean, Standing::hit_at_1)))
            .collect()
    };
    sets.iter().map(of_set).collect()
}

/// Mean and 95 % range of the mean outcome when gold is permuted among the concepts of each set.
/// Its expectation is chance; its range is what a model without lexical knowledge would show on these probes.
fn null(sets: &[CandidateSet<'_>], table: Table, stream: &mut Stream, absent: &str) -> Outcome {
    let n_items: usize = table.iter().map(Vec::len).sum();
    let concepts = sets
        .iter()
        .flat_map(|set| set.clozes.iter().map(|(_, gold, _)| set.concepts[*gold]));
    let n_concepts = concepts.collect::<std::collections::BTreeSet<u32>>().len();
    if n_items == 0 {
        return Outcome::Absent {
            reason: absent.to_owned(),
            n_items: 0,
        };
    }
    if table
        .iter()
        .flatten()
        .flat_map(|(_, outcomes)| outcomes)
        .any(Option::is_none)
    {
        let reason = "log-probabilities are not finite".to_owned();
        return Outcome::Absent {
            reason,
            n_items: n_items as u64,
        };
    }
    let mut values = Vec::with_capacity(PERMUTATIONS);
    for _ in 0..PERMUTATIONS {
        let mut sum = 0.0;
        for (set, rows) in sets.iter().zip(&table) {
            let permutation = permutation(set.concepts.len(), stream);
            sum += rows
                .iter()
                .filter_map(|(gold, outcomes)| outcomes[permutation[*gold]])
                .sum::<f64>();
        }
        values.push(sum / n_items as f64);
    }
    values.sort_by(f64::total_cmp);
    Outcome::Given {
        value: values.iter().sum::<f64>() / values.len() as f64,
        chance: None,
        interval: Some(Interval {
            low: quantile(&values, 0.025),
            high: quantile(&values, 0.975),
        }),
        n_items: n_items as u64,
        n_concepts: n_concepts as u64,
    }
}

/// A uniform permutation of 0..n (Fisher & Yates; an index in 0..k from 32 random bits by multiply-shift).
fn permutation(n: usize, stream: &mut Stream) -> Vec<usize> {
    let mut places: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let other = ((u64::from(stream.next_u32()) * (last as u64 + 1)) >> 32) as usize;
        places.swap(last, other);
    }
    places
}
