//! Metrics of every step, and scores of the last.

use std::path::Path;

use corpus::tables::{MetricRow, ScoreRow};
use corpus::{Condition, write_rows};
use serde_json::json;
use study::artifact::Stage;
use study::plan::runs::PlannedRun;

use super::{CANDIDATES, CONCEPTS, Knobs, bridge_of, knobs, noise, publish};

const STEPS: [u64; 9] = [0, 10, 20, 50, 100, 200, 500, 1000, 2000];

/// A model without content, and its evaluation.
pub fn eval(study: &Path, run: &PlannedRun) {
    publish(study, Stage::Model, run, json!({}), |output| {
        std::fs::write(output.path("x"), "x").unwrap()
    });
    let Knobs {
        seed,
        vocab,
        regime,
        distance,
        ..
    } = knobs(run);
    let distance = (100.0 * distance) as u64;
    let mean_bridge = (0..CONCEPTS)
        .map(|concept| bridge_of(run, concept))
        .sum::<f64>()
        / f64::from(CONCEPTS);
    publish(study, Stage::Eval, run, json!({}), |output| {
        let mut metrics = Vec::new();
        for (at, step) in STEPS.into_iter().enumerate() {
            let learned = |from: f64, chance: f64, most: f64| {
                chance + (most - chance) / (1.0 + (from - at as f64).exp())
            };
            let mut push = |stage: &str,
                            metric: &str,
                            condition: Condition,
                            phenomenon: Option<&str>,
                            chance: f64,
                            value: f64| {
                let value = (value
                    + 0.1 * noise(&[seed, step, vocab as u64, condition as u64, regime, distance]))
                .min(1.0);
                metrics.push(MetricRow {
                    step,
                    stage: stage.into(),
                    metric: metric.into(),
                    condition,
                    phenomenon: phenomenon.map(Into::into),
                    value: Some(value),
                    n_items: 500,
                    n_concepts: u64::from(CONCEPTS),
                    chance: Some(chance),
                    low: Some((value - 0.04).max(0.0)),
                    high: Some((value + 0.03).min(1.0)),
                    reason: None,
                });
            };
            for (condition, late, most) in [
                (Condition::Majority, 0.0, 0.99),
                (Condition::Minority, 1.0, 0.95),
                (Condition::Masked, 2.0, 0.5 + 0.5 * mean_bridge),
            ] {
                push(
                    "grammar",
                    "accuracy",
                    condition,
                    None,
                    0.5,
                    learned(2.0 + late, 0.5, 0.97),
                );
                push(
                    "type",
                    "accuracy",
                    condition,
                    None,
                    0.5,
                    learned(3.0 + late, 0.5, 0.95),
                );
                push(
                    "knowledge",
                    "accuracy",
                    condition,
                    None,
                    0.5,
                    learned(4.0 + late, 0.5, most),
                );
                let mrr = 0.34;
                push(
                    "lexical",
                    "mrr",
                    condition,
                    None,
                    mrr,
                    learned(5.0 + late, mrr, most),
                );
                push(
                    "lexical",
                    "reachability",
                    condition,
                    None,
                    0.125,
                    learned(5.0 + late, 0.125, most),
                );
            }
            push(
                "lexical",
                "frequency_mrr",
                Condition::Masked,
                None,
                0.34,
                0.34,
            );
            push(
                "knowledge",
                "held_out_accuracy",
                Condition::Minority,
                None,
                0.5,
                learned(5.0, 0.5, 0.8),
            );
            push(
                "grammar",
                "accuracy",
                Condition::Masked,
                Some("position"),
                0.5,
                learned(3.0, 0.5, 0.99),
            );
            push(
                "type",
                "accuracy",
                Condition::Masked,
                Some("other_type"),
                0.5,
                learned(4.0 + noise(&[seed]), 0.5, 0.95),
            );
            push(
                "lexical",
                "accuracy",
                Condition::Masked,
                Some("same_type"),
                0.5,
                learned(5.5, 0.5, 0.5 + 0.5 * mean_bridge),
            );
        }
        write_rows(&output.path("metrics.parquet"), &metrics).unwrap();
        let mut scores = Vec::new();
        for probe in 0..4 * CONCEPTS {
            let gold = (probe % u32::from(CANDIDATES)) as u16;
            for candidate in 0..CANDIDATES {
                let draw = noise(&[seed, u64::from(probe), u64::from(candidate), vocab as u64]);
                let nats = if candidate == gold {
                    draw + 0.8 * bridge_of(run, probe / 4)
                } else {
                    draw
                };
                scores.push(ScoreRow {
                    step: 2000,
                    probe,
                    candidate,
                    log_probability_nats: nats as f32 - 20.0,
                    calibrated_nats: Some(nats as f32),
                    next_word_nats: None,
                    n_tokens: 9,
                });
            }
        }
        write_rows(&output.path("scores.parquet"), &scores).unwrap();
    });
}
