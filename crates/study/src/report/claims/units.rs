//! The runs as the claims see them, by world seed, and statistics of each seed.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::OfSeed;
use crate::report::data::{Data, OUTCOME, RunRecord, names};
use crate::report::statistics::{mean, spearman};
use crate::report::summary::tokenizer_and_knobs;

/// One run as the claims see it.
pub(super) struct Unit {
    pub run: usize,
    /// All knobs but the vocabulary's size.
    pub cell: String,
    /// Distance and share.
    pub distance_share: String,
    pub log_vocab: Option<f64>,
    pub outcome: Option<f64>,
    pub atom_share: Option<f64>,
    pub bridge: Option<f64>,
    pub ldn: Option<f64>,
    pub share: Option<f64>,
    pub balance: Option<f64>,
}

/// The main runs that are not finished, or finished without the outcome although they have masked concepts, in words;
/// `None` where there are none.
pub(super) fn missing(data: &Data) -> Option<String> {
    let main = || {
        data.runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.label == "main")
    };
    let why = |(index, run): (usize, &RunRecord)| -> Option<String> {
        if let Some(missing) = &run.missing {
            return Some(missing.clone());
        }
        let outcome = data.last(index, OUTCOME).and_then(|metric| metric.value);
        let lacks = outcome.is_none() && !data.concepts_of(index).is_empty();
        lacks.then(|| format!("{} has no masked MRR at its last checkpoint", run.run))
    };
    // A seed of which no run is there is named by itself, whatever the names of its runs.
    let mut begun: BTreeMap<String, bool> = BTreeMap::new();
    for (_, run) in main() {
        *begun.entry(run.world_seed()).or_default() |= run.missing.is_none();
    }
    let is_begun = |run: &RunRecord| begun.get(&run.world_seed()) != Some(&false);
    let n_missing = main().filter(|&run| why(run).is_some()).count();
    if n_missing == 0 {
        return None;
    }
    let mut named: Vec<String> = main()
        .filter(|(_, run)| is_begun(run))
        .filter_map(why)
        .collect();
    const SHOWN: usize = 5;
    if named.len() > SHOWN {
        let more = format!("{} more", named.len() - SHOWN);
        named.truncate(SHOWN);
        named.push(more);
    }
    let absent: Vec<&str> = begun
        .iter()
        .filter_map(|(seed, &begun)| (!begun).then_some(seed.as_str()))
        .collect();
    if !absent.is_empty() {
        let plural = if absent.len() > 1 { "s" } else { "" };
        named.insert(
            0,
            format!("all of world seed{plural} {}", absent.join(", ")),
        );
    }
    Some(format!(
        "{n_missing} of {} runs: {}",
        main().count(),
        named.join("; ")
    ))
}

/// What leads to a tokenizer: where these differ and the tokenizer is the same, two runs are one.
const TOKENIZER: [&str; 3] = ["tok.vocab_size", "tok.regime", "tok.algorithm"];

/// The finished main runs by world seed, equal tokenizers once: the first run of each.
pub(super) fn units(data: &Data) -> BTreeMap<String, Vec<Unit>> {
    let mut seen = BTreeSet::new();
    let mut seeds: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
    for (index, run) in data.finished().filter(|(_, run)| run.label == "main") {
        if let Some(tokenizer) = tokenizer_and_knobs(run, &TOKENIZER)
            && !seen.insert(tokenizer)
        {
            continue;
        }
        let knob = |name: &str| run.knob(name).unwrap_or_default();
        seeds.entry(run.world_seed()).or_default().push(Unit {
            run: index,
            cell: run.knobs_but(&["tok.vocab_size"]),
            distance_share: format!(
                "{} {}",
                knob("lang.lexical_distance"),
                knob("lang.minority_share")
            ),
            log_vocab: run
                .value(names::VOCAB_SIZE)
                .filter(|size| *size > 0.0)
                .map(libm::log),
            outcome: data.last(index, OUTCOME).and_then(|metric| metric.value),
            atom_share: run.value(names::ATOM_SHARE),
            bridge: run.value(names::BRIDGE),
            ldn: run.value(names::LDN),
            share: run.value(names::SHARE),
            balance: run
                .value(names::TOKENIZER_SHARE)
                .map(|share| -(share - 0.5).abs()),
        });
    }
    seeds
}

/// Mean over groups of the Spearman correlation of two values within each; `None` where no group has 3 different x.
pub(super) fn within(
    units: &[Unit],
    group: fn(&Unit) -> &str,
    x: fn(&Unit) -> Option<f64>,
    y: fn(&Unit) -> Option<f64>,
) -> (Option<f64>, usize) {
    let mut groups: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for unit in units {
        if let (Some(x), Some(y)) = (x(unit), y(unit)) {
            groups.entry(group(unit)).or_default().push((x, y));
        }
    }
    let mut n = 0;
    let mut correlations = Vec::new();
    for pairs in groups.values() {
        let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        if let Some(correlation) = spearman(&xs, &ys) {
            correlations.push(correlation);
            n += pairs.len();
        }
    }
    ((!correlations.is_empty()).then(|| mean(&correlations)), n)
}

/// A statistic of every world seed.
pub(super) fn by_seed(
    seeds: &BTreeMap<String, Vec<Unit>>,
    statistic: impl Fn(&[Unit]) -> (Option<f64>, usize),
) -> Vec<OfSeed> {
    seeds
        .iter()
        .map(|(seed, units)| (seed.clone(), statistic(units)))
        .map(|(seed, (value, n))| (seed, value, n))
        .collect()
}
