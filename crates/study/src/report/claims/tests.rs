//! The five claims on invented runs that are small enough to compute by hand.

use corpus::{Condition, Verdict};

use super::*;
use crate::artifact::Stage;
use crate::knobs::Setting;
use crate::report::data::{Concept, Measure, Metric, OUTCOME, RunRecord, names};

use Verdict::{Fails, Holds, Undecided};

/// An invented run.
#[derive(Clone)]
struct Made {
    seed: usize,
    vocab: i64,
    regime: &'static str,
    values: Vec<(&'static str, f64)>,
    mrr: Option<f64>,
    /// Bridge, MRR, atom, trained; chance is ½.
    concepts: Vec<(f64, f64, bool, bool)>,
    /// Steps at which the staged tests are passed, of 5; `None`: no such tests.
    onsets: Option<[Option<u64>; 3]>,
    missing: Option<&'static str>,
    tokenizer: Option<&'static str>,
}

fn made(seed: usize, vocab: i64, mrr: f64) -> Made {
    Made {
        seed,
        vocab,
        regime: "balanced",
        values: vec![(names::VOCAB_SIZE, vocab as f64)],
        mrr: Some(mrr),
        concepts: Vec::new(),
        onsets: None,
        missing: None,
        tokenizer: None,
    }
}

fn metric(run: usize, step: u64, measure: Measure, value: Option<f64>) -> Metric {
    Metric {
        run,
        step,
        stage: measure.stage.to_owned(),
        metric: measure.metric.to_owned(),
        condition: Condition::Masked,
        phenomenon: measure.phenomenon.map(str::to_owned),
        value,
        n_items: 1,
        n_concepts: 1,
        chance: None,
        low: None,
        high: None,
    }
}

fn judged(runs: &[Made]) -> Claims {
    let mut data = Data::default();
    for (run, made) in runs.iter().enumerate() {
        let seed = Setting::Integer(made.seed as i64);
        data.runs.push(RunRecord {
            run: format!("eval-{run}"),
            label: "main".to_owned(),
            missing: made.missing.map(str::to_owned),
            knobs: BTreeMap::from([
                ("lang.world_seed".to_owned(), seed),
                ("tok.vocab_size".to_owned(), Setting::Integer(made.vocab)),
                (
                    "tok.regime".to_owned(),
                    Setting::Text(made.regime.to_owned()),
                ),
            ]),
            fingerprints: BTreeMap::from([(Stage::Lang, made.seed.to_string())]),
            tokenizer: made.tokenizer.map(str::to_owned),
            values: made
                .values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            ..RunRecord::default()
        });
        if made.missing.is_some() {
            continue;
        }
        data.metrics.push(metric(run, 5, OUTCOME, made.mrr));
        for (test, onset) in made.onsets.into_iter().flatten().enumerate() {
            for step in 1..=5 {
                let passed = onset.is_some_and(|onset| step >= onset);
                let value = if passed { 0.9 } else { 0.5 };
                data.metrics
                    .push(metric(run, step, STAGED[test].1, Some(value)));
            }
        }
        for (concept, (bridge, mrr, atom, trained)) in made.concepts.iter().enumerate() {
            data.concepts.push(Concept {
                run,
                concept: concept as u32,
                bridge: *bridge,
                ldn: 0.2,
                atom: *atom,
                trained: Some(*trained),
                mrr: Some(*mrr),
                chance: Some(0.5),
            });
        }
    }
    data.sort();
    claims(&data)
}

/// The runs that `of_seed` makes of each of six world seeds.
fn six(of_seed: impl Fn(usize) -> Vec<Made>) -> Vec<Made> {
    (1..=6).flat_map(of_seed).collect()
}

fn row<'a>(claims: &'a Claims, statistic: &str) -> &'a ClaimRow {
    claims
        .rows
        .iter()
        .find(|row| row.statistic == statistic)
        .unwrap()
}

fn verdict_of(claims: &Claims, statistic: &str) -> Verdict {
    row(claims, statistic).verdict.unwrap()
}

fn near(value: Option<f64>, hand: f64) {
    let value = value.unwrap();
    assert!((value - hand).abs() < 5e-4, "{value} {hand}");
}

/// Runs of one seed at 64, 512 and 2048 tokens with these outcomes.
fn three(seed: usize, outcomes: [f64; 3]) -> Vec<Made> {
    let sizes = [64, 512, 2048];
    let runs = sizes.into_iter().zip(outcomes);
    runs.map(|(vocab, mrr)| made(seed, vocab, mrr)).collect()
}

const FALLING: [f64; 3] = [0.6, 0.5, 0.4];
const RISING: [f64; 3] = [0.4, 0.5, 0.6];

#[test]
fn claim_1_outcome_falls_with_vocabulary() {
    const NAME: &str = "vocabulary_outcome_spearman";
    // Five seeds have −1, held at −0.999, z = −3.8002; one has ranks 2 3 1, hence 1 − 6·6/24 = −0.5, z = −0.5493.
    // Mean z −3.2584, s = 1.3272, standard error 0.5418, t(5; 0.975) = 2.5706: [−4.6512, −1.8656].
    let claims = judged(&six(|seed| match seed {
        1 => three(seed, [0.5, 0.6, 0.4]),
        _ => three(seed, FALLING),
    }));
    let found = row(&claims, NAME);
    near(found.estimate, -0.9970);
    near(found.high, -0.9532);
    assert_eq!(
        (found.verdict, found.claim_verdict, found.n_world_seeds),
        (Some(Holds), Holds, 6)
    );
    assert_eq!((found.threshold, found.confidence), (Some(0.0), Some(0.95)));

    let rising = judged(&six(|seed| three(seed, RISING)));
    assert_eq!(verdict_of(&rising, NAME), Fails);
    assert_eq!(row(&rising, NAME).claim_verdict, Fails);
    let mixed = judged(&six(|seed| three(seed, [FALLING, RISING][seed % 2])));
    assert_eq!(verdict_of(&mixed, NAME), Undecided);
    assert_eq!(row(&mixed, NAME).missing, None);
}

#[test]
fn few_seeds_and_missing_runs_decide_nothing() {
    const NAME: &str = "vocabulary_outcome_spearman";
    let reason = |runs: &[Made]| {
        let claims = judged(runs);
        assert!(claims.rows.iter().all(|row| row.verdict != Some(Holds)));
        assert!(claims.rows.iter().all(|row| row.claim_verdict == Undecided));
        row(&claims, NAME).missing.clone().unwrap()
    };
    let all = six(|seed| three(seed, FALLING));
    assert_eq!(reason(&all[..15]), "5 of at least 6 world seeds");
    let mut lacking = all.clone();
    let more = made(6, 128, 0.5);
    lacking.push(Made {
        missing: Some("eval-18 not built"),
        ..more.clone()
    });
    assert_eq!(reason(&lacking), "1 of 19 runs: eval-18 not built");
    // Seeds of which nothing is there, by their numbers.
    let not_built = |seed| Made {
        missing: Some("eval-n not built"),
        ..made(seed, 128, 0.5)
    };
    let parts = [
        lacking.clone(),
        vec![not_built(7), not_built(8), not_built(8)],
    ]
    .concat();
    assert_eq!(
        reason(&parts),
        "4 of 22 runs: all of world seeds 7, 8; eval-18 not built"
    );
    // Finished, with masked concepts, but not measured.
    lacking[18] = Made {
        mrr: None,
        concepts: vec![(0.1, 0.5, false, true)],
        ..more.clone()
    };
    assert_eq!(
        reason(&lacking),
        "1 of 19 runs: eval-18 has no masked MRR at its last checkpoint"
    );
    // Without masked concepts there is nothing to measure.
    lacking[18] = Made { mrr: None, ..more };
    assert_eq!(verdict_of(&judged(&lacking), NAME), Holds);
}

#[test]
fn equal_tokenizers_count_once() {
    let count = |tokenizers: [Option<&'static str>; 4]| {
        let regimes = ["balanced", "balanced", "balanced", "proportional"];
        let runs = six(|seed| {
            let sizes = [64, 512, 2048, 2048];
            (0..4)
                .map(|run| Made {
                    regime: regimes[run],
                    tokenizer: tokenizers[run],
                    values: vec![
                        (names::VOCAB_SIZE, sizes[run] as f64),
                        (names::BRIDGE, 0.1 * run as f64),
                    ],
                    ..made(seed, sizes[run], 0.5 + 0.1 * run as f64)
                })
                .collect()
        });
        let claims = judged(&runs);
        let of_seed = claims
            .per_seed
            .iter()
            .find(|row| row.statistic == "bridge_outcome_spearman");
        of_seed.unwrap().n
    };
    assert_eq!(count([Some("a"), Some("b"), Some("c"), Some("d")]), 4);
    assert_eq!(count([Some("a"), Some("b"), Some("c"), Some("c")]), 3);
    assert_eq!(
        count([Some("a"), Some("b"), None, None]),
        4,
        "not known to be equal"
    );
}

#[test]
fn claim_2_atoms_stay_at_chance() {
    let claims = |shares: [f64; 3], gains: [f64; 2], untrained: f64| {
        judged(&six(|seed| {
            let mut runs = three(seed, FALLING);
            for (run, share) in runs.iter_mut().zip(shares) {
                run.values.push((names::ATOM_SHARE, share));
            }
            // Chance ½: a gain g is MRR ½ + g/2. What is no atom does not count.
            let mrr = |gain: f64| 0.5 + gain / 2.0;
            runs[2].concepts = vec![
                (0.0, mrr(gains[seed % 2]), true, true),
                (0.0, mrr(untrained), true, false),
                (0.9, 1.0, false, true),
            ];
            runs
        }))
    };
    let verdicts = |claims: &Claims| {
        [
            "vocabulary_atom_share_spearman",
            "atom_gain_over_chance",
            "atom_gain_over_chance_trained",
        ]
        .map(|statistic| verdict_of(claims, statistic))
    };
    // The mean over both atoms is 0.02 in each seed, over the trained one too.
    let holds = claims([0.0, 0.3, 0.9], [0.02, 0.02], 0.02);
    assert_eq!(verdicts(&holds), [Holds, Holds, Holds]);
    near(row(&holds, "atom_gain_over_chance").estimate, 0.02);
    assert_eq!(row(&holds, "atom_gain_over_chance").confidence, Some(0.90));
    assert_eq!(row(&holds, "atom_gain_over_chance").claim_verdict, Holds);
    // The trained atoms are reached, the others pull the mean of both to (0.1 − 0.1) / 2 = 0.
    let trained = claims([0.0, 0.3, 0.9], [0.1, 0.1], -0.1);
    assert_eq!(verdicts(&trained), [Holds, Holds, Fails]);
    near(row(&trained, "atom_gain_over_chance").estimate, 0.0);
    near(row(&trained, "atom_gain_over_chance_trained").estimate, 0.1);
    assert_eq!(row(&trained, "atom_gain_over_chance").claim_verdict, Fails);
    // Three seeds 0, three 0.1: mean 0.05, the margin itself; over both atoms 0.025 and 0.075.
    let unclear = claims([0.9, 0.3, 0.0], [0.0, 0.1], 0.05);
    assert_eq!(verdicts(&unclear), [Fails, Undecided, Undecided]);
    // No atoms at all: no seed has a value.
    let none = judged(&six(|seed| three(seed, FALLING)));
    let found = row(&none, "atom_gain_over_chance");
    assert_eq!((found.verdict, found.estimate), (Some(Undecided), None));
    assert_eq!(
        found.missing.as_deref(),
        Some("0 of at least 6 world seeds")
    );
}

/// Sixteen runs of one seed: every combination of four factors of ±1. The outcome's rank, 1 to 16, is
/// 8.5 + 4·(first) + 2·(second) + (third) + ½·(fourth); the second factor is nothing that we measure.
fn factorial(seed: usize, order: [&'static str; 3]) -> Vec<Made> {
    (0..16)
        .map(|index: usize| {
            let sign = |bit: usize| if (index >> bit) & 1 == 1 { 1.0 } else { -1.0 };
            let mut values = vec![(names::VOCAB_SIZE, 512.0), (names::SHARE, 0.3)];
            // balance = −|share − ½|: −0.2 and −0.1.
            let measured = |name: &'static str, sign: f64| match name {
                names::TOKENIZER_SHARE => (name, 0.35 + 0.05 * sign),
                _ => (name, 0.5 + 0.1 * sign),
            };
            for (name, bit) in order.into_iter().zip([3, 1, 0]) {
                values.push(measured(name, sign(bit)));
            }
            Made {
                values,
                ..made(seed, 512, index as f64 / 16.0)
            }
        })
        .collect()
}

#[test]
fn claim_3_bridge_matters_most() {
    // Given the others, what is left of the outcome's ranks is 4 b + 2 e: correlation 4/√20 with b, z = 1.4436; 2 e + l:
    // 1/√5, z = 0.4812; 2 e + ½ w: ½/√4.25, z = 0.2475.
    let order = [names::BRIDGE, names::LDN, names::TOKENIZER_SHARE];
    let holds = judged(&six(|seed| factorial(seed, order)));
    near(row(&holds, "bridge_partial_spearman").estimate, 0.8944);
    near(row(&holds, "ldn_partial_spearman").estimate, 0.4472);
    near(row(&holds, "balance_partial_spearman").estimate, 0.2425);
    near(row(&holds, "bridge_over_ldn_z").estimate, 1.4436 - 0.4812);
    near(
        row(&holds, "bridge_over_balance_z").estimate,
        1.4436 - 0.2475,
    );
    assert_eq!(verdict_of(&holds, "bridge_over_ldn_z"), Holds);
    assert_eq!(verdict_of(&holds, "bridge_over_balance_z"), Holds);
    let beside = row(&holds, "ldn_partial_spearman");
    assert_eq!((beside.verdict, beside.threshold), (None, None));
    assert_eq!(beside.claim_verdict, Holds);

    let order = [names::LDN, names::BRIDGE, names::TOKENIZER_SHARE];
    let fails = judged(&six(|seed| factorial(seed, order)));
    assert_eq!(verdict_of(&fails, "bridge_over_ldn_z"), Fails);
    assert_eq!(verdict_of(&fails, "bridge_over_balance_z"), Holds);
    assert_eq!(row(&fails, "bridge_over_balance_z").claim_verdict, Fails);

    // A bridge that follows the vocabulary but for two neighbours: d² = 2, ρ = 1 − 12/(16·255) = 0.99706, so that at most
    // 1 − ρ² = 0.6 % of its rank variance is left.
    let order = [names::BRIDGE, names::LDN, names::TOKENIZER_SHARE];
    let bound = judged(&six(|seed| {
        let mut runs = factorial(seed, order);
        for (index, run) in runs.iter_mut().enumerate() {
            let place = 5 * index % 16;
            let swapped = match place {
                7 => 8,
                8 => 7,
                place => place,
            };
            run.values[0].1 = 100.0 + place as f64;
            run.values[2].1 = swapped as f64;
        }
        runs
    }));
    let found = row(&bound, "bridge_over_ldn_z");
    assert_eq!(found.verdict, Some(Undecided));
    let reason = found.missing.as_deref().unwrap();
    assert!(
        reason.contains("of the bridge's rank variance, 10 % are needed"),
        "{reason}"
    );
}

#[test]
fn claim_4_stages_follow_each_other() {
    const FIRST: &str = "position_before_other_type_p";
    const SECOND: &str = "other_type_before_same_type_p";
    let run = |seed: usize, onsets: [Option<u64>; 3]| Made {
        onsets: Some(onsets),
        ..made(seed, 64, 0.5)
    };
    let in_order = [Some(1), Some(2), None];
    let reverse = [Some(3), Some(2), Some(1)];
    // 6 of 6: 2/64.
    let holds = judged(&six(|seed| vec![run(seed, in_order)]));
    near(row(&holds, FIRST).estimate, 0.03125);
    assert_eq!(
        (verdict_of(&holds, FIRST), verdict_of(&holds, SECOND)),
        (Holds, Holds)
    );
    assert_eq!(row(&holds, FIRST).claim_verdict, Holds);
    assert_eq!(row(&holds, FIRST).missing, None);
    let fails = judged(&six(|seed| vec![run(seed, reverse)]));
    assert_eq!(
        (verdict_of(&fails, FIRST), verdict_of(&fails, SECOND)),
        (Fails, Fails)
    );
    // 5 of 6: 14/64.
    let unclear = judged(&six(|seed| {
        vec![run(seed, if seed == 1 { reverse } else { in_order })]
    }));
    near(row(&unclear, FIRST).estimate, 0.21875);
    assert_eq!(verdict_of(&unclear, FIRST), Undecided);
    // A seed's sign is its majority; ties, runs that reach neither and runs without the tests are counted and left out.
    let others = judged(&six(|seed| {
        vec![
            run(seed, in_order),
            run(seed, in_order),
            run(seed, reverse),
            run(seed, [Some(2), Some(2), Some(3)]),
            run(seed, [None, None, None]),
            made(seed, 64, 0.5),
        ]
    }));
    let found = row(&others, FIRST);
    assert_eq!((found.verdict, found.n_world_seeds), (Some(Holds), 6));
    assert_eq!(
        found.missing.as_deref(),
        Some("runs left out: 6 with equal onsets, 6 that reach neither, 6 without both tests")
    );
    let n = others.per_seed.iter().find(|row| row.statistic == FIRST);
    assert_eq!(n.unwrap().n, 3);
    // A seed whose runs tie has no sign.
    let five = judged(&six(|seed| {
        vec![run(seed, if seed == 1 { [Some(2); 3] } else { in_order })]
    }));
    assert_eq!(verdict_of(&five, FIRST), Undecided);
    assert_eq!(
        row(&five, FIRST).missing.as_deref(),
        Some("5 of at least 6 world seeds; runs left out: 1 with equal onsets")
    );
}

#[test]
fn claim_5_bridge_goes_with_the_outcome() {
    const OVER_RUNS: &str = "bridge_outcome_spearman";
    const WITHIN: &str = "bridge_outcome_spearman_within_distance_share";
    // Four runs of a seed by bridge; their outcomes have these ranks.
    let seed_runs = |seed: usize, ranks: [u32; 4]| -> Vec<Made> {
        (0..4)
            .map(|run| Made {
                values: vec![(names::VOCAB_SIZE, 64.0), (names::BRIDGE, 0.1 * run as f64)],
                concepts: vec![
                    (0.1, 0.3, false, true),
                    (0.2, 0.4, false, true),
                    (0.3, 0.5, false, true),
                ],
                ..made(seed, 64, 0.1 * f64::from(ranks[run]))
            })
            .collect()
    };
    let strong = [2, 1, 3, 4]; // d² = 2: 1 − 12/60 = 0.8
    let weak = [1, 4, 2, 3]; // d² = 6: 0.4
    let holds = judged(&six(|seed| seed_runs(seed, strong)));
    near(row(&holds, OVER_RUNS).estimate, 0.8);
    assert_eq!(
        (verdict_of(&holds, OVER_RUNS), verdict_of(&holds, WITHIN)),
        (Holds, Holds)
    );
    let fails = judged(&six(|seed| seed_runs(seed, weak)));
    assert_eq!(
        (verdict_of(&fails, OVER_RUNS), verdict_of(&fails, WITHIN)),
        (Fails, Holds)
    );
    assert_eq!(row(&fails, WITHIN).claim_verdict, Fails);
    // z 1.0986 and 0.4236, three seeds each: mean 0.7611, s = 0.3697, half-width 2.5706 · 0.1509 = 0.3880.
    let unclear = judged(&six(|seed| seed_runs(seed, [strong, weak][seed % 2])));
    let found = row(&unclear, OVER_RUNS);
    near(found.estimate, 0.6417);
    near(found.low, 0.3567);
    near(found.high, 0.8174);
    assert_eq!(found.verdict, Some(Undecided));
    // Over concepts the bridge orders the outcome in each run: 1, held at 0.999; shown and not judged.
    let beside = row(&unclear, "bridge_outcome_spearman_over_concepts");
    near(beside.estimate, 0.999);
    assert_eq!((beside.verdict, beside.n_world_seeds), (None, 6));
}
