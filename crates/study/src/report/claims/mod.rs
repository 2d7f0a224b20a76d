//! The five claims: each statistic computed per world seed, then mean and t interval over seeds; the verdict computed,
//! never written by hand.
//!
//! The unit is the world seed. Runs of controls take no part. Runs of equal tokenizers that differ in nothing else count
//! once. With missing runs, or fewer world seeds than the study's file asks for, a verdict is undecided. Correlations that
//! are shown beside and not judged have neither threshold nor verdict.
//!
//! | claim | statistic | holds where |
//! |---|---|---|
//! | 1 | Spearman of log realised vocabulary and outcome, mean over cells (all other knobs equal) | the interval is below its threshold |
//! | 2 | the same for the atom share of A-forms of masked concepts; (MRR − chance) / (1 − chance) over atom concepts, and over those that were trained ([`super::atoms`]) | above 0; the 90 % interval within the margin |
//! | 3 | Fisher z of the bridge's partial Spearman with outcome less that of LDN, of balance, in absolute value | above 0 |
//! | 4 | exact sign test of the onsets' order over world seeds | p below its level, in the claimed order |
//! | 5 | Spearman of bridge and outcome over runs; its mean within distance × share | above the threshold; above 0 |

mod judge;
mod stages;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;

use corpus::Verdict;
use corpus::tables::ClaimRow;

pub use judge::{Claims, PerSeed};
use judge::{Judge, Judged, Side};
pub use stages::{STAGED, StagedOnset, staged_onset};
use units::{Unit, by_seed, missing, units, within};

use super::data::Data;
use super::statistics::{Partial, fisher_z, mean, partial_spearman, spearman};

/// What each claim says, by number.
pub const CLAIMS: [&str; 5] = [
    "Small vocabularies help masked transfer",
    "Large vocabularies turn forms into language-specific atoms",
    "Reusable substructure matters more than lexical similarity or tokenizer balance",
    "Transfer is staged: grammar, then types, then lexical forms",
    "Bridge strength goes with masked reachability",
];

/// Judges the five claims.
pub fn claims(data: &Data) -> Claims {
    let seeds = units(data);
    let mut judge = Judge::new(&data.thresholds, missing(data));
    vocabulary(&seeds, &mut judge);
    atoms(data, &seeds, &mut judge);
    bridge_against_others(&seeds, &mut judge);
    stages::stages(data, &seeds, &mut judge);
    bridge(data, &seeds, &mut judge);
    judge.into_claims()
}

/// The claim's verdict: holds where all its judged statistics hold, fails where one fails, else undecided.
pub fn verdict(rows: &[ClaimRow], claim: u8) -> Verdict {
    let of_claim: Vec<Verdict> = rows
        .iter()
        .filter(|row| row.claim == claim)
        .filter_map(|row| row.verdict)
        .collect();
    if of_claim.contains(&Verdict::Fails) {
        Verdict::Fails
    } else if !of_claim.is_empty() && of_claim.iter().all(|verdict| *verdict == Verdict::Holds) {
        Verdict::Holds
    } else {
        Verdict::Undecided
    }
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
            let concepts = units.iter().flat_map(|unit| data.concepts_of(unit.run));
            let atoms = concepts
                .filter(|concept| concept.atom && (concept.trained == Some(true) || !trained_only));
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
fn partial(units: &[Unit], which: usize) -> Option<Partial> {
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
        judge.beside(3, name, correlations(which));
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
    judge.beside(5, "bridge_outcome_spearman_over_concepts", over_concepts);
}

/// Spearman of bridge and outcome over one run's masked concepts.
pub fn concept_correlation(data: &Data, run: usize) -> Option<f64> {
    let pairs = data
        .concepts_of(run)
        .iter()
        .filter_map(|concept| Some((concept.bridge, concept.mrr?)));
    let (bridges, outcomes): (Vec<f64>, Vec<f64>) = pairs.unzip();
    spearman(&bridges, &outcomes)
}
