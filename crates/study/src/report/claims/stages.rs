//! Claim 4: in which order three tests on the same masked nouns are passed.

use std::collections::BTreeMap;

use corpus::{Condition, Verdict};

use super::judge::{Judge, Judged, OfSeed, Side};
use super::units::Unit;
use crate::report::data::{Data, Measure};
use crate::report::statistics::{Point, onset, sign_test};

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

pub(super) fn stages(data: &Data, seeds: &BTreeMap<String, Vec<Unit>>, judge: &mut Judge) {
    for (first, second, statistic) in [
        (0, 1, "position_before_other_type_p"),
        (1, 2, "other_type_before_same_type_p"),
    ] {
        let (mut ties, mut unreached, mut unmeasured) = (0, 0, 0);
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
                    [StagedOnset::NotMeasured, _] | [_, StagedOnset::NotMeasured] => {
                        unmeasured += 1
                    }
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
        let left_out: Vec<String> = [
            (ties, "with equal onsets"),
            (unreached, "that reach neither"),
            (unmeasured, "without both tests"),
        ]
        .into_iter()
        .filter(|(runs, _)| *runs > 0)
        .map(|(runs, why)| format!("{runs} {why}"))
        .collect();
        let note =
            (!left_out.is_empty()).then(|| format!("runs left out: {}", left_out.join(", ")));
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
