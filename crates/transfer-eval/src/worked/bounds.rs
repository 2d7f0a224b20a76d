//! What bounds every metric: perfect knowledge scores 1, ignorance chance, and NaN nothing.

use candle_core::Device;
use cpu_step::{EngineKind, Precision};
use lm::{Checkpoint, ModelConfig, Size, Weights};

use super::*;
use crate::score::checkpoint::CheckpointModel;

/// n nouns (n even): noun i belongs to context i, in which it is gold. Of each there are a cloze, grammar items and a
/// ladder, of each neighbouring two crossed items.
fn larger(n: u16) -> (Vec<ProbeRow>, Vec<String>) {
    let forms: Vec<String> = (0..n).map(|i| format!("n{i}")).collect();
    let forms_ref: Vec<&str> = forms.iter().map(String::as_str).collect();
    let mut probes: Vec<ProbeRow> = (0..n)
        .map(|i| cloze_row(u32::from(i), "g", &format!("c{i} {{}} ."), &forms_ref, i))
        .collect();
    for i in 0..n / 2 {
        let (one, other) = (2 * i, 2 * i + 1);
        let sentence = |context: u16, noun: u16| format!("c{context} n{noun} .");
        let texts =
            [(one, one), (one, other), (other, one), (other, other)].map(|(c, f)| sentence(c, f));
        for (stage, what) in CROSSED {
            let crossed = crossed_rows(
                probes.len() as u32,
                what,
                [&texts[0], &texts[1], &texts[2], &texts[3]],
            );
            probes.extend(crossed.into_iter().map(|row| ProbeRow { stage, ..row }));
        }
    }
    for i in 0..n {
        let good = format!("c{i} n{i} .");
        let concept = Some(u32::from(i));
        for (what, bad) in [
            ("order", format!("n{i} c{i} .")),
            ("displaced", format!("c{i} . n{i}")),
            ("position", format!(". c{i} n{i}")),
        ] {
            let row = pair_row(probes.len() as u32, what, [&good, &bad]);
            probes.push(ProbeRow { concept, ..row });
        }
        let next = (i + 1) % n;
        let (other_noun, other_context) = (format!("c{i} n{next} ."), format!("c{next} n{i} ."));
        let row = ladder_row(probes.len() as u32, [&good, &other_noun, &other_context]);
        probes.push(ProbeRow {
            condition: Condition::Masked,
            concept,
            ..row
        });
    }
    let contexts = (0..n).map(|i| format!("c{i}"));
    (
        probes,
        forms
            .into_iter()
            .chain(contexts)
            .chain([".".to_owned()])
            .collect(),
    )
}

/// What is crossed in [`larger`].
const CROSSED: [(ProbeStage, &str); 7] = [
    (ProbeStage::Type, "other_type"),
    (ProbeStage::Grammar, "agreement"),
    (ProbeStage::Knowledge, "attribute"),
    (ProbeStage::Knowledge, "relation"),
    (ProbeStage::Knowledge, "held_out_attribute"),
    (ProbeStage::Knowledge, "held_out_relation"),
    (ProbeStage::Lexical, "same_type"),
];

fn evaluate_larger(n: u16, judge: impl Fn(&[u32]) -> f64) -> Vec<MetricRow> {
    evaluate_model(n, &Judge(judge))
}

fn evaluate_model(n: u16, model: &impl LanguageModel) -> Vec<MetricRow> {
    let (probes, words) = larger(n);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let noun = |i: u32| LexiconRow {
        concept: i,
        form: format!("n{i}"),
        ..lexicon()[1].clone()
    };
    let lexicon: Vec<LexiconRow> = (0..u32::from(n)).map(noun).collect();
    evaluate_probes(model, &words, probes, &lexicon, Vec::new())
}

const OUTCOMES: [(&str, &str, Option<&str>); 22] = [
    ("grammar", "accuracy", None),
    ("grammar", "accuracy", Some("order")),
    ("grammar", "accuracy", Some("displaced")),
    ("grammar", "accuracy", Some("position")),
    ("grammar", "accuracy", Some("agreement")),
    ("type", "accuracy", None),
    ("type", "accuracy", Some("other_type")),
    ("knowledge", "accuracy", None),
    ("knowledge", "accuracy", Some("attribute")),
    ("knowledge", "accuracy", Some("relation")),
    ("knowledge", "held_out_accuracy", None),
    ("knowledge", "accuracy", Some("held_out_attribute")),
    ("knowledge", "accuracy", Some("held_out_relation")),
    ("lexical", "accuracy", Some("same_type")),
    ("lexical", "mrr", None),
    ("lexical", "mrr_raw", None),
    ("lexical", "hit1", None),
    ("lexical", "reachability", None),
    ("lexical", "reachability_raw", None),
    ("ladder", "preferred", Some("token_shuffled")),
    ("ladder", "preferred", Some("type_violating")),
    ("ladder", "preferred", Some("unseen_pair")),
];

/// Of 12 nouns: ids 3 to 14 are nouns, 15 to 26 contexts, in order. Knows that ci is followed by ni.
fn knows(ids: &[u32]) -> f64 {
    let is_noun = ids.get(2).is_some_and(|id| (3..15).contains(id));
    if is_noun && ids[1] == ids[2] + 12 {
        -1.0
    } else {
        -9.0
    }
}

#[test]
fn a_model_that_knows_everything_scores_one() {
    let rows = evaluate_larger(12, knows);
    for (stage, metric, what) in OUTCOMES {
        let row = row(&rows, stage, metric, Condition::Masked, what);
        close(row.value.unwrap(), 1.0);
        // nothing varies: the interval is that point
        close(row.low.unwrap(), 1.0);
        close(row.high.unwrap(), 1.0);
    }
}

/// And one that knows the opposite of everything none: no metric answers for the model.
#[test]
fn a_model_that_is_always_wrong_scores_zero() {
    let rows = evaluate_larger(12, |ids| -knows(ids));
    for (stage, metric, what) in OUTCOMES {
        let expected = match metric {
            // last of 12
            "mrr" | "mrr_raw" => 1.0 / 12.0,
            _ => 0.0,
        };
        close(masked(&rows, stage, metric, what), expected);
    }
}

#[test]
fn a_uniform_model_is_exactly_at_chance() {
    let rows = evaluate_larger(12, |ids| -(ids.len() as f64 - 1.0) * 40f64.ln());
    for (stage, metric, what) in OUTCOMES {
        let row = row(&rows, stage, metric, Condition::Masked, what);
        close(row.value.unwrap(), row.chance.unwrap());
        assert!(
            row.low.unwrap() <= row.chance.unwrap() + 1e-9
                && row.high.unwrap() >= row.chance.unwrap() - 1e-9
        );
    }
}

/// Models that answer at random lie at chance within their intervals, and within the null, about as often as 95 %
/// intervals promise: of 20 models at least 16.
#[test]
fn random_models_are_at_chance_within_their_intervals() {
    use rand::Rng;
    let mut held = [0; 6];
    for seed in 0..20 {
        let random = |ids: &[u32]| {
            let name = ids
                .iter()
                .map(|id| id.to_string())
                .collect::<Vec<_>>()
                .join(" ");
            -f64::from(Seed(seed).stream(&name).next_u32()) / f64::from(u32::MAX)
        };
        let rows = evaluate_larger(40, random);
        let find = |stage, metric, what| row(&rows, stage, metric, Condition::Masked, what);
        let range = |row: &MetricRow| row.low.unwrap()..=row.high.unwrap();
        let mrr = find("lexical", "mrr", None);
        let at_chance = [
            mrr,
            find("grammar", "accuracy", Some("order")),
            find("type", "accuracy", None),
            find("knowledge", "accuracy", Some("attribute")),
            find("ladder", "preferred", Some("type_violating")),
        ];
        for (held, row) in held.iter_mut().zip(at_chance) {
            *held += u32::from(range(row).contains(&row.chance.unwrap()));
        }
        let null = find("lexical", "mrr_null", None);
        held[5] += u32::from(range(null).contains(&mrr.value.unwrap()));
        // H₄₀/40 = 0.10696
        assert!((null.value.unwrap() - 0.106_96).abs() < 0.004);
    }
    assert!(held.iter().all(|&count| count >= 16), "{held:?}");
}

#[track_caller]
fn nothing_is_ranked(rows: &[MetricRow]) {
    for (stage, metric, what) in OUTCOMES {
        let row = row(rows, stage, metric, Condition::Masked, what);
        assert_eq!(row.value, None, "{metric}");
        let reason = row.reason.as_deref().unwrap();
        assert!(
            reason.starts_with("log-probabilities are not finite in "),
            "{reason}"
        );
    }
}

#[test]
fn nan_is_reported_and_never_ranked() {
    nothing_is_ranked(&evaluate_larger(12, |ids| {
        if ids.get(2) == Some(&3) {
            f64::NAN
        } else {
            -1.0
        }
    }));
}

/// One NaN among the queries' weights, through each engine that scores checkpoints: the softmax of attention must not
/// turn it into a number.
#[test]
fn a_checkpoint_with_nan_is_not_ranked_by_any_engine() {
    // 12 nouns, 12 contexts, the full stop and the special tokens
    let config = ModelConfig::of_size(Size::Tiny, 25 + SPECIAL as usize, 16);
    let mut weights = Weights::initial(&config, Seed(1));
    let query = weights.get_mut("model.layers.0.self_attn.q_proj.weight");
    query.unwrap().values[0] = f32::NAN;
    let checkpoint = Checkpoint { config, weights };
    let candle = CheckpointModel::on_candle(&checkpoint, &Device::Cpu, 8).unwrap();
    nothing_is_ranked(&evaluate_model(12, &candle));
    let engines = EngineKind::ALL
        .into_iter()
        .filter(|engine| engine.is_available() && engine.precision() == Precision::F32);
    for engine in engines {
        let model = CheckpointModel::on_engine(&checkpoint, engine, 16).unwrap();
        nothing_is_ranked(&evaluate_model(12, &model));
    }
}
