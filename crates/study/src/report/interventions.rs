//! Bridges made and unmade on purpose: runs that differ in one knob alone, compared pair by pair.
//!
//! A correlation across runs does not show a cause: whatever makes bridges strong may be what helps. Here the vocabulary,
//! the corpus and all else are the same on both sides of a pair, and one knob cuts the bridges or makes some:
//!
//! | with | without | what it does |
//! |---|---|---|
//! | ids split by language | ids split at random per document | B takes ids of its own; segmentation and the number of ids are the same |
//! | disjoint script | shared script | no letter of B is one of A |
//! | BPE dropout | none | words that are atoms are cut into fragments now and then; the tokenizer's bridge does not see it |
//!
//! Runs are known by their knobs, whatever their label. The difference of each pair is averaged within a world seed, then
//! over seeds, with a t interval.

use std::collections::BTreeMap;

use corpus::tables::InterventionRow;

use super::data::{Data, OUTCOME, RunRecord, names};
use super::statistics::{mean, spearman, t_interval};
use super::summary::{NO_SPLIT, SPLIT_IDS, main_runs};

/// A knob that makes bridges or cuts them.
struct Intervention {
    knob: &'static str,
    /// The knob's value where it stands in no study file.
    absent: &'static str,
    /// The value compared; `None`: any but the one it is compared with, each for itself.
    with: Option<&'static str>,
    /// The value it is compared with.
    without: &'static str,
    name: &'static str,
}

const INTERVENTIONS: [Intervention; 3] = [
    Intervention {
        knob: SPLIT_IDS,
        absent: NO_SPLIT,
        with: Some("language"),
        without: "document",
        name: "ids split by language − by document",
    },
    Intervention {
        knob: "lang.script",
        absent: "shared",
        with: Some("disjoint"),
        without: "shared",
        name: "disjoint script − shared",
    },
    Intervention {
        knob: "model.bpe_dropout",
        absent: "0",
        with: None,
        without: "0",
        name: "BPE dropout − none",
    },
];

/// A value with the intervention and without it.
type Both = [f64; 2];

/// One pair of runs, or of means over runs that differ in nothing.
struct Pair {
    world_seed: String,
    outcome: Both,
    bridge: Option<Both>,
}

/// Every intervention of which the data has pairs, by vocabulary.
pub fn interventions(data: &Data) -> Vec<InterventionRow> {
    let mut rows = Vec::new();
    for intervention in &INTERVENTIONS {
        let mut groups: BTreeMap<Group, Vec<Pair>> = BTreeMap::new();
        for (group, pair) in pairs(data, intervention) {
            groups.entry(group).or_default().push(pair);
        }
        for (group, pairs) in groups {
            let name = match intervention.with {
                Some(_) => intervention.name.to_owned(),
                None => format!("{} (at {})", intervention.name, group.with),
            };
            rows.push(row(data, name, group.vocabulary, &pairs));
        }
    }
    rows
}

/// Pairs of one value of the knob at one vocabulary, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    with: String,
    /// The size asked for; the two ends, which have none, come last.
    size: u64,
    vocabulary: String,
}

fn pairs(data: &Data, intervention: &Intervention) -> Vec<(Group, Pair)> {
    // By all other knobs: the runs of each value of this one.
    let mut alike: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
    for (index, run) in data.finished() {
        let value = run.knob(intervention.knob);
        alike
            .entry(run.knobs_but(&[intervention.knob]))
            .or_default()
            .entry(value.unwrap_or_else(|| intervention.absent.to_owned()))
            .or_default()
            .push(index);
    }
    let mut pairs = Vec::new();
    for by_value in alike.values() {
        let Some(without) = by_value.get(intervention.without) else {
            continue;
        };
        for (value, with) in by_value {
            let wanted = match intervention.with {
                Some(wanted) => value == wanted,
                None => value != intervention.without,
            };
            let outcomes =
                over(with, |run| outcome(data, run)).zip(over(without, |run| outcome(data, run)));
            if let (true, Some((with_it, without_it))) = (wanted, outcomes) {
                let bridge = |runs: &[usize]| over(runs, |run| data.runs[run].value(names::BRIDGE));
                let run: &RunRecord = &data.runs[with[0]];
                let vocabulary = run.vocabulary();
                let group = Group {
                    with: value.clone(),
                    size: vocabulary.parse().unwrap_or(u64::MAX),
                    vocabulary,
                };
                let pair = Pair {
                    world_seed: run.world_seed(),
                    outcome: [with_it, without_it],
                    bridge: bridge(with).zip(bridge(without)).map(<[f64; 2]>::from),
                };
                pairs.push((group, pair));
            }
        }
    }
    pairs
}

fn outcome(data: &Data, run: usize) -> Option<f64> {
    data.last(run, OUTCOME)?.value
}

/// Mean over some runs; `None` where one has no value.
fn over(runs: &[usize], value: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = runs.iter().map(|run| value(*run)).collect();
    values.map(|values| mean(&values))
}

fn row(data: &Data, intervention: String, vocabulary: String, pairs: &[Pair]) -> InterventionRow {
    let mut seeds: BTreeMap<&str, Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        seeds.entry(&pair.world_seed).or_default().push(pair);
    }
    let seed_means = |value: &dyn Fn(&Pair) -> Option<f64>| -> Option<Vec<f64>> {
        let of_seed = |pairs: &Vec<&Pair>| {
            let values: Option<Vec<f64>> = pairs.iter().map(|pair| value(pair)).collect();
            values.map(|values| mean(&values))
        };
        seeds.values().map(of_seed).collect()
    };
    let outcome = |side: usize| {
        let means = seed_means(&|pair| Some(pair.outcome[side]));
        means.map_or(f64::NAN, |means| mean(&means))
    };
    let bridge = |side: usize| {
        seed_means(&|pair| pair.bridge.map(|both| both[side])).map(|means| mean(&means))
    };
    let differences =
        seed_means(&|pair| Some(pair.outcome[0] - pair.outcome[1])).unwrap_or_default();
    let confidence = data.thresholds.confidence;
    let interval = t_interval(&differences, confidence);
    InterventionRow {
        intervention,
        vocabulary,
        n_pairs: pairs.len() as u32,
        n_world_seeds: seeds.len() as u32,
        outcome_with: outcome(0),
        outcome_without: outcome(1),
        difference: mean(&differences),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        confidence,
        bridge_with: bridge(0),
        bridge_without: bridge(1),
    }
}

/// The correlation that interventions are shown beside: Spearman of bridge and outcome over the main runs, and how many
/// runs.
pub fn correlation(data: &Data) -> Option<(f64, usize)> {
    let place = |run: usize| Some((data.runs[run].value(names::BRIDGE)?, outcome(data, run)?));
    let (bridges, outcomes): (Vec<f64>, Vec<f64>) =
        main_runs(data).into_iter().filter_map(place).unzip();
    Some((spearman(&bridges, &outcomes)?, bridges.len()))
}

#[cfg(test)]
mod tests {
    use corpus::Condition;

    use super::*;
    use crate::knobs::Setting;
    use crate::report::data::Metric;

    /// A run: knobs, bridge, outcome.
    type Made<'a> = (&'a [(&'a str, &'a str)], f64, f64);

    fn data_of(runs: &[Made]) -> Data {
        let mut data = Data::default();
        for (run, (knobs, bridge, mrr)) in runs.iter().enumerate() {
            let text = |(name, value): &(&str, &str)| {
                ((*name).to_owned(), Setting::Text((*value).to_owned()))
            };
            data.runs.push(RunRecord {
                run: run.to_string(),
                label: "main".to_owned(),
                knobs: knobs.iter().map(text).collect(),
                values: BTreeMap::from([(names::BRIDGE.to_owned(), *bridge)]),
                ..RunRecord::default()
            });
            data.metrics.push(Metric {
                run,
                step: 9,
                stage: OUTCOME.stage.to_owned(),
                metric: OUTCOME.metric.to_owned(),
                condition: Condition::Masked,
                phenomenon: None,
                value: Some(*mrr),
                n_items: 1,
                n_concepts: 1,
                chance: None,
                low: None,
                high: None,
            });
        }
        data
    }

    const SEED: &str = "lang.world_seed";
    const SIZE: &str = "tok.vocab_size";

    #[test]
    fn pairs_differ_in_one_knob() {
        let split = |seed, by| [(SEED, seed), (SIZE, "64"), (SPLIT_IDS, by)];
        let data = data_of(&[
            (&split("1", "language"), 0.0, 0.30),
            (&split("1", "document"), 0.4, 0.50),
            (&split("2", "language"), 0.0, 0.25),
            (&split("2", "document"), 0.6, 0.55),
            // No partner of this seed, and ids that are not split at all.
            (&split("3", "language"), 0.0, 0.9),
            (&[(SEED, "1"), (SIZE, "64")], 0.4, 0.8),
        ]);
        let rows = interventions(&data);
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(row.intervention, "ids split by language − by document");
        assert_eq!((row.n_pairs, row.n_world_seeds), (2, 2));
        // Differences −0.2 and −0.3: mean −0.25, s = 0.1/√2, standard error 0.05, t(1; 0.975) = 12.7062.
        let near = |value: f64, hand: f64| assert!((value - hand).abs() < 1e-4, "{value} {hand}");
        near(row.difference, -0.25);
        near(row.low.unwrap(), -0.25 - 12.7062 * 0.05);
        near(row.high.unwrap(), -0.25 + 12.7062 * 0.05);
        near(row.outcome_with, 0.275);
        near(row.outcome_without, 0.525);
        near(row.bridge_with.unwrap(), 0.0);
        near(row.bridge_without.unwrap(), 0.5);
    }

    #[test]
    fn what_no_file_states_is_the_default_and_vocabularies_are_apart() {
        let data = data_of(&[
            (&[(SEED, "1"), (SIZE, "512")], 0.1, 0.2),
            (
                &[(SEED, "1"), (SIZE, "512"), ("model.bpe_dropout", "0.1")],
                0.1,
                0.35,
            ),
            (&[(SEED, "1"), (SIZE, "64")], 0.5, 0.6),
            (
                &[(SEED, "1"), (SIZE, "64"), ("model.bpe_dropout", "0.1")],
                0.5,
                0.5,
            ),
            (
                &[(SEED, "1"), (SIZE, "64"), ("lang.script", "disjoint")],
                0.0,
                0.2,
            ),
        ]);
        let rows = interventions(&data);
        let shown: Vec<(&str, &str)> = rows
            .iter()
            .map(|row| (row.intervention.as_str(), row.vocabulary.as_str()))
            .collect();
        let expected = [
            ("disjoint script − shared", "64"),
            ("BPE dropout − none (at 0.1)", "64"),
            ("BPE dropout − none (at 0.1)", "512"),
        ];
        assert_eq!(shown, expected);
        let differences = [0.2 - 0.6, 0.5 - 0.6, 0.35 - 0.2];
        for (row, difference) in rows.iter().zip(differences) {
            assert!((row.difference - difference).abs() < 1e-12);
            assert_eq!(
                (row.low, row.n_world_seeds),
                (None, 1),
                "one seed has no interval"
            );
        }
    }

    #[test]
    fn seeds_weigh_the_same_however_many_pairs_they_have() {
        let run = |seed, model: &'static str, dropout| {
            [
                (SEED, seed),
                ("model.seed", model),
                ("model.bpe_dropout", dropout),
            ]
        };
        let data = data_of(&[
            (&run("1", "1", "0.1"), 0.0, 0.5),
            (&run("1", "1", "0"), 0.0, 0.1),
            (&run("1", "2", "0.1"), 0.0, 0.5),
            (&run("1", "2", "0"), 0.0, 0.3),
            (&run("2", "1", "0.1"), 0.0, 0.4),
            (&run("2", "1", "0"), 0.0, 0.3),
        ]);
        let rows = interventions(&data);
        // Seed 1: (0.4 + 0.2) / 2 = 0.3; seed 2: 0.1; mean 0.2.
        assert!((rows[0].difference - 0.2).abs() < 1e-12);
        assert_eq!((rows[0].n_pairs, rows[0].n_world_seeds), (3, 2));
    }
}
