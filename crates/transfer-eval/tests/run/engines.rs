//! What the engine, the batch and a model that went wrong do to what is written.

use corpus::tables::SampleRow;

use super::*;

fn rows<R: corpus::Table>(directories: &Directories, eval: &str) -> Vec<R> {
    read_rows(&directories.path(eval).join(R::FILE)).unwrap()
}

/// The last batch of a length is seldom full, so another `--batch` puts other sequences beside each.
#[test]
fn the_batch_changes_no_byte() {
    let directories = Directories::new();
    for engine in ["auto", "portable"] {
        for batch in ["64", "3"] {
            let out = format!("{engine}-{batch}");
            let flags = ["--engine", engine, "--batch", batch, "--threads", "2"];
            succeeds(&evaluate(&directories, "model", &out, &flags));
        }
        let of = |batch: &str| manifest(&directories.path(&format!("{engine}-{batch}")));
        assert_eq!(of("64"), of("3"), "{engine}");
    }
}

#[test]
fn engines_differ_in_last_digits_and_are_named() {
    let directories = Directories::new();
    succeeds(&evaluate(&directories, "model", "auto", &[]));
    let auto: Vec<ScoreRow> = rows(&directories, "auto");
    for engine in ["portable-f32", "reference"] {
        succeeds(&evaluate(
            &directories,
            "model",
            engine,
            &["--engine", engine],
        ));
        let scores: Vec<ScoreRow> = rows(&directories, engine);
        assert_eq!(scores.len(), auto.len());
        for (one, other) in scores.iter().zip(&auto) {
            let difference = one.log_probability_nats - other.log_probability_nats;
            assert!(difference.abs() < 1e-3, "{engine}: {one:?} {other:?}");
        }
        let samples: Vec<SampleRow> = rows(&directories, engine);
        assert_eq!(samples.len(), STEPS.len() * 2 * 5);
        let manifest: Value = serde_json::from_str(&manifest(&directories.path(engine))).unwrap();
        assert_eq!(manifest["configuration"]["engine"], json!(engine));
        let eval = directories.path(engine).to_string_lossy().into_owned();
        let printed = succeeds(&run(&["aggregate", &eval]));
        assert!(printed.contains("the same computed again"), "{printed}");
    }
    // What is of the machine is not in the manifest.
    let auto: Value = serde_json::from_str(&manifest(&directories.path("auto"))).unwrap();
    assert_eq!(auto["configuration"]["engine"], Value::Null);

    let refused = evaluate(&directories, "model", "eval", &["--engine", "amx-bf16"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!directories.path("eval.partial").exists());
}

/// Weights of 1e30 are finite, and what they make of a sentence is not: inf − inf in the softmax.
#[test]
fn a_model_that_went_wrong_is_reported_and_never_ranked() {
    let directories = Directories::new();
    directories.write_model_with("wrong", "tok", 1, |name, value| {
        let explodes = name.contains("q_proj") || name.contains("k_proj");
        if explodes { 1e30 } else { value }
    });
    for engine in ["auto", "portable", "reference"] {
        let out = format!("eval-{engine}");
        let output = evaluate(&directories, "wrong", &out, &["--engine", engine]);
        succeeds(&output);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("log-probabilities are not finite"), "{said}");
        let scores: Vec<ScoreRow> = rows(&directories, &out);
        assert!(scores.iter().all(|row| row.log_probability_nats.is_nan()));
        let metrics: Vec<MetricRow> = rows(&directories, &out);
        for metric in ["mrr", "hit1", "reachability", "generated_expected"] {
            let row = metrics.iter().find(|row| {
                row.metric == metric
                    && row.condition == Condition::Masked
                    && row.phenomenon.is_none()
            });
            let row = row.unwrap_or_else(|| panic!("no {metric}"));
            assert_eq!((row.value, row.low, row.high), (None, None, None));
            let reason = row.reason.as_deref().unwrap_or_default();
            assert!(reason.contains("not finite"), "{metric}: {reason}");
        }
        assert!(rows::<SampleRow>(&directories, &out).is_empty());
    }
}

/// A weight that is no number comes from no training that model-train finished: the file is refused by name.
#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    let directories = Directories::new();
    directories.write_model_with("nan", "tok", 1, |name, value| {
        if name == "model.norm.weight" {
            f32::NAN
        } else {
            value
        }
    });
    let error = fails(&evaluate(&directories, "nan", "eval", &[]));
    let expected = "step-000000/model.safetensors: model.norm.weight: value 0 is NaN";
    assert!(error.contains(expected), "{error}");
}
