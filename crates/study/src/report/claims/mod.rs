//! The five claims: each statistic computed per world seed, then mean and t interval over seeds; the verdict computed,
//! never written by hand.
//!
//! The unit is the world seed. Runs of controls take no part. Equal tokenizers within a world seed, language and model
//! count once. With missing runs, or fewer world seeds than the study's file asks for, a verdict is undecided.
//!
//! | claim | statistic | holds where |
//! |---|---|---|
//! | 1 | Spearman of log realised vocabulary and outcome, mean over cells (all other knobs equal) | the interval is below its threshold |
//! | 2 | the same for the atom share of A-forms of masked concepts; (MRR − chance) / (1 − chance) over atom concepts, and over those whose B-tokens were trained | above 0; the 90 % interval within the margin |
//! | 3 | Fisher z of the bridge's partial Spearman with outcome less that of LDN, of balance, in absolute value | above 0 |
//! | 4 | exact sign test of the onsets' order over world seeds | p below its level, in the claimed order |
//! | 5 | Spearman of bridge and outcome over runs; its mean within distance × share | above the threshold; above 0 |

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use corpus::tables::ClaimRow;
use corpus::{Condition, Verdict};

pub use judge::{Claims, PerSeed};
use judge::{Judge, Judged, OfSeed, Side};

use super::data::{Data, Measure, OUTCOME, names};
use super::statistics::{Point, fisher_z, mean, onset, partial_spearman, sign_test, spearman};

/// What each claim says, by number.
pub const CLAIMS: [&str; 5] = [
    "Small vocabularies help masked transfer",
    "Large vocabularies turn forms into language-specific atoms",
    "Reusable substructure matters more than lexical similarity or tokenizer balance",
    "Transfer is staged: grammar, then types, then lexical forms",
    "Bridge strength goes with masked reachability",
];

/// The three tests whose onsets claim 4 compares: chance ½, the same masked nouns.
pub const STAGED: [(&str, Measure<'static>); 3] = [
    (
        "position",
        Measure {
            stage: "grammar",
            metric: "accuracy",
            condition: Condition::Masked,
            phenomenon: Some("position"),
        },
    ),
    (
        "other type",
        Measure {
            stage: "type",
            metric: "accuracy",
            condition: Condition::Masked,
            phenomenon: Some("other_type"),
        },
    ),
    (
        "same type",
        Measure {
            stage: "lexical",
            metric: "accuracy",
            condition: Condition::Masked,
            phenomenon: Some("same_type"),
        },
    ),
];

/// One run as the claims see it.
struct Unit {
    run: usize,
    /// All knobs but the vocabulary's size.
    cell: String,
    /// Distance and share.
    distance_share: String,
    log_vocab: Option<f64>,
    outcome: Option<f64>,
    atom_share: Option<f64>,
    bridge: Option<f64>,
    ldn: Option<f64>,
    share: Option<f64>,
    balance: Option<f64>,
}

/// Judges the five claims.
pub fn claims(data: &Data) -> Claims {
    let seeds = units(data);
    let mut judge = Judge::new(&data.thresholds, missing(data));
    vocabulary(&seeds, &mut judge);
    atoms(data, &seeds, &mut judge);
    bridge_against_others(&seeds, &mut judge);
    stages(data, &seeds, &mut judge);
    bridge(data, &seeds, &mut judge);
    judge.into_claims()
}

/// The claim's verdict: holds where all its statistics hold, fails where one fails, else undecided.
pub fn verdict(rows: &[ClaimRow], claim: u8) -> Verdict {
    let of_claim: Vec<Verdict> = rows
        .iter()
        .filter(|row| row.claim == claim)
        .map(|row| row.verdict)
        .collect();
    if of_claim.contains(&Verdict::Fails) {
        Verdict::Fails
    } else if !of_claim.is_empty() && of_claim.iter().all(|verdict| *verdict == Verdict::Holds) {
        Verdict::Holds
    } else {
        Verdict::Undecided
    }
}

/// The main runs that are not finished, in words; `None` where all are.
fn missing(data: &Data) -> Option<String> {
    let missing: Vec<&str> = data
        .runs
        .iter()
        .filter(|run| run.label == "main")
        .filter_map(|run| run.missing.as_deref())
        .collect();
    let planned = data.runs.iter().filter(|run| run.label == "main").count();
    if missing.is_empty() {
        return None;
    }
    const SHOWN: usize = 5;
    let more = if missing.len() > SHOWN {
        format!(" and {} more", missing.len() - SHOWN)
    } else {
        String::new()
    };
    Some(format!(
        "{} of {planned} runs: {}{more}",
        missing.len(),
        missing[..missing.len().min(SHOWN)].join("; ")
    ))
}

/// The finished main runs by world seed, equal tokenizers once.
fn units(data: &Data) -> BTreeMap<String, Vec<Unit>> {
    let mut seen = BTreeSet::new();
    let mut seeds: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
    for (index, run) in data.finished().filter(|(_, run)| run.label == "main") {
        let rest = |dropped: &[&str]| -> String {
            let kept = run
                .knobs
                .iter()
                .filter(|(name, _)| !dropped.contains(&name.as_str()));
            kept.map(|(name, value)| format!("{name}={value} "))
                .collect()
        };
        let same = rest(&["tok.vocab_size", "tok.regime", "tok.algorithm"]);
        if let Some(tokenizer) = &run.tokenizer
            && !seen.insert(format!("{tokenizer} {same}"))
        {
            continue;
        }
        let knob = |name: &str| run.knob(name).unwrap_or_default();
        seeds.entry(run.world_seed()).or_default().push(Unit {
            run: index,
            cell: rest(&["tok.vocab_size"]),
            distance_share: format!(
                "{} {}",
                knob("lang.lexical_distance"),
                knob("lang.minority_share")
            ),
            log_vocab: run
                .value(names::VOCAB_SIZE)
                .filter(|size| *size > 0.0)
                .map(f64::ln),
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
fn within(
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
fn by_seed(
    seeds: &BTreeMap<String, Vec<Unit>>,
    statistic: impl Fn(&[Unit]) -> (Option<f64>, usize),
) -> Vec<OfSeed> {
    seeds
        .iter()
        .map(|(seed, units)| (seed.clone(), statistic(units)))
        .map(|(seed, (value, n))| (seed, value, n))
        .collect()
}

fn vocabulary(seeds: &BTreeMap<String, Vec<Unit>>, judge: &mut Judge) {
    let side = Side::Below(judge.thresholds.vocabulary_spearman_below);
    let per_seed = by_seed(seeds, |units| {
        within(
            units,
            |unit| &unit.cell,
            |unit| unit.log_vocab,
            |unit| unit.outcome,
        )
    });
    judge.correlation(
        Judged {
            claim: 1,
            name: "vocabulary_outcome_spearman",
            side,
        },
        per_seed,
    );
}

fn atoms(data: &Data, seeds: &BTreeMap<String, Vec<Unit>>, judge: &mut Judge) {
    let shares = by_seed(seeds, |units| {
        within(
            units,
            |unit| &unit.cell,
            |unit| unit.log_vocab,
            |unit| unit.atom_share,
        )
    });
    judge.correlation(
        Judged {
            claim: 2,
            name: "vocabulary_atom_share_spearman",
            side: Side::Above(0.0),
        },
        shares,
    );
    let margin = Side::Within(judge.thresholds.atom_margin);
    for (statistic, trained_only) in [
        ("atom_gain_over_chance", false),
        ("atom_gain_over_chance_trained", true),
    ] {
        let gains = by_seed(seeds, |units| {
            let runs: BTreeSet<usize> = units.iter().map(|unit| unit.run).collect();
            let atoms = data.concepts.iter().filter(|concept| {
                runs.contains(&concept.run) && concept.atom && (concept.trained || !trained_only)
            });
            let gains: Vec<f64> = atoms
                .filter_map(|concept| {
                    Some((concept.mrr? - concept.chance?) / (1.0 - concept.chance?))
                })
                .collect();
            ((!gains.is_empty()).then(|| mean(&gains)), gains.len())
        });
        let judged = Judged {
            claim: 2,
            name: statistic,
            side: margin,
        };
        judge.mean(judged, gains, judge.thresholds.atom_confidence, None);
    }
}

/// Partial Spearman of one covariate with the outcome given the four others, and what they leave of its rank variance.
fn partial(units: &[Unit], which: usize) -> Option<super::statistics::Partial> {
    let complete = units.iter().filter_map(|unit| {
        Some((
            [
                unit.bridge?,
                unit.ldn?,
                unit.balance?,
                unit.log_vocab?,
                unit.share?,
            ],
            unit.outcome?,
        ))
    });
    let (covariates, outcomes): (Vec<[f64; 5]>, Vec<f64>) = complete.unzip();
    let column = |index: usize| {
        covariates
            .iter()
            .map(|row| row[index])
            .collect::<Vec<f64>>()
    };
    let others: Vec<Vec<f64>> = (0..5).filter(|index| *index != which).map(column).collect();
    partial_spearman(&column(which), &outcomes, &others)
}

fn bridge_against_others(seeds: &BTreeMap<String, Vec<Unit>>, judge: &mut Judge) {
    let correlations = |which: usize| {
        by_seed(seeds, |units| {
            (
                partial(units, which).map(|partial| partial.correlation),
                units.len(),
            )
        })
    };
    let names = [
        "bridge_partial_spearman",
        "ldn_partial_spearman",
        "balance_partial_spearman",
    ];
    for (which, name) in names.into_iter().enumerate() {
        judge.keep(3, name, correlations(which));
    }
    let left = by_seed(seeds, |units| {
        (
            partial(units, 0).map(|partial| partial.variance_left),
            units.len(),
        )
    });
    let left = judge.keep(3, "bridge_rank_variance_left", left);
    let needed = judge.thresholds.bridge_variance_left;
    let doubt = (!left.is_empty() && mean(&left) < needed).then(|| {
        format!(
            "the covariates leave {:.1} % of the bridge's rank variance, {:.0} % are needed",
            100.0 * mean(&left),
            100.0 * needed
        )
    });
    for (which, statistic) in [(1, "bridge_over_ldn_z"), (2, "bridge_over_balance_z")] {
        let differences = by_seed(seeds, |units| {
            let size = |which: usize| {
                partial(units, which).map(|partial| fisher_z(partial.correlation).abs())
            };
            (
                size(0)
                    .zip(size(which))
                    .map(|(bridge, other)| bridge - other),
                units.len(),
            )
        });
        let judged = Judged {
            claim: 3,
            name: statistic,
            side: Side::Above(0.0),
        };
        judge.mean(
            judged,
            differences,
            judge.thresholds.confidence,
            doubt.clone(),
        );
    }
}

/// When a run passes one of the staged tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StagedOnset {
    /// The evaluation has no such test.
    NotMeasured,
    /// Not within the training (censored).
    Never,
    /// At this step.
    At(u64),
}

/// A run's onset of one of the staged tests.
pub fn staged_onset(data: &Data, run: usize, test: Measure) -> StagedOnset {
    let curve: Vec<Point> = data
        .curve(run, test)
        .map(|metric| Point {
            step: metric.step,
            value: metric.value,
        })
        .collect();
    if curve.iter().all(|point| point.value.is_none()) {
        return StagedOnset::NotMeasured;
    }
    match onset(&curve, 0.5) {
        Some(step) => StagedOnset::At(step),
        None => StagedOnset::Never,
    }
}

fn stages(data: &Data, seeds: &BTreeMap<String, Vec<Unit>>, judge: &mut Judge) {
    for (first, second, statistic) in [
        (0, 1, "position_before_other_type_p"),
        (1, 2, "other_type_before_same_type_p"),
    ] {
        let (mut ties, mut unreached) = (0, 0);
        let mut signs: Vec<OfSeed> = Vec::new();
        for (seed, units) in seeds {
            let (mut earlier, mut later) = (0i64, 0i64);
            for unit in units {
                let onsets =
                    [first, second].map(|test| staged_onset(data, unit.run, STAGED[test].1));
                match onsets {
                    [StagedOnset::Never, StagedOnset::Never] => unreached += 1,
                    [StagedOnset::At(_), StagedOnset::Never] => earlier += 1,
                    [StagedOnset::Never, StagedOnset::At(_)] => later += 1,
                    [StagedOnset::At(a), StagedOnset::At(b)] if a < b => earlier += 1,
                    [StagedOnset::At(a), StagedOnset::At(b)] if a > b => later += 1,
                    [StagedOnset::At(_), StagedOnset::At(_)] => ties += 1,
                    _ => {}
                }
            }
            let runs = (earlier + later) as usize;
            signs.push((
                seed.clone(),
                (earlier != later).then(|| (earlier - later).signum() as f64),
                runs,
            ));
        }
        let values = judge.keep(4, statistic, signs);
        let positive = values.iter().filter(|sign| **sign > 0.0).count();
        let negative = values.len() - positive;
        let p = (!values.is_empty()).then(|| sign_test(positive as u64, negative as u64));
        let found = if positive > negative {
            Verdict::Holds
        } else {
            Verdict::Fails
        };
        let note = (ties + unreached > 0).then(|| {
            format!("{ties} runs with equal onsets and {unreached} that reach neither are left out")
        });
        let side = Side::Below(judge.thresholds.sign_level);
        judge.p_value(
            Judged {
                claim: 4,
                name: statistic,
                side,
            },
            p,
            found,
            values.len(),
            note,
        );
    }
}

fn bridge(data: &Data, seeds: &BTreeMap<String, Vec<Unit>>, judge: &mut Judge) {
    let threshold = Side::Above(judge.thresholds.bridge_spearman_above);
    let over_runs = by_seed(seeds, |units| {
        within(units, |_| "", |unit| unit.bridge, |unit| unit.outcome)
    });
    judge.correlation(
        Judged {
            claim: 5,
            name: "bridge_outcome_spearman",
            side: threshold,
        },
        over_runs,
    );
    let in_cells = by_seed(seeds, |units| {
        within(
            units,
            |unit| &unit.distance_share,
            |unit| unit.bridge,
            |unit| unit.outcome,
        )
    });
    judge.correlation(
        Judged {
            claim: 5,
            name: "bridge_outcome_spearman_within_distance_share",
            side: Side::Above(0.0),
        },
        in_cells,
    );
    let over_concepts = by_seed(seeds, |units| {
        let of_runs: Vec<f64> = units
            .iter()
            .filter_map(|unit| concept_correlation(data, unit.run))
            .collect();
        ((!of_runs.is_empty()).then(|| mean(&of_runs)), of_runs.len())
    });
    judge.keep(5, "bridge_outcome_spearman_over_concepts", over_concepts);
}

/// Spearman of bridge and outcome over one run's masked concepts.
pub fn concept_correlation(data: &Data, run: usize) -> Option<f64> {
    let pairs = data
        .concepts
        .iter()
        .filter(|concept| concept.run == run)
        .filter_map(|concept| Some((concept.bridge, concept.mrr?)));
    let (bridges, outcomes): (Vec<f64>, Vec<f64>) = pairs.unzip();
    spearman(&bridges, &outcomes)
}
