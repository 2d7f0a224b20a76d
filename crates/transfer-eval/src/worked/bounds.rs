//! What bounds every metric: perfect knowledge scores 1, ignorance chance, and NaN nothing.

use super::*;

/// n nouns, each gold in one context of its own, and a crossed item for each neighbouring two.
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
        let first = 1000 + 2 * u32::from(i);
        probes.extend(crossed_rows(
            first,
            "other_type",
            [&texts[0], &texts[1], &texts[2], &texts[3]],
        ));
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

fn evaluate_larger(n: u16, judge: impl Fn(&[u32]) -> f64) -> Vec<MetricRow> {
    let (probes, words) = larger(n);
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = word_tokenizer(
        directory.path(),
        &words.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let items = Items::new(probes).unwrap();
    let suite = Suite::new(&items, &[], &Encoder::plain(&tokenizer), 64, Seed(1)).unwrap();
    let rows = StepRows {
        scores: score(&Judge(judge), &suite, &items, 7).unwrap(),
        ..StepRows::default()
    };
    let noun = |i: u32| LexiconRow {
        concept: i,
        form: format!("n{i}"),
        ..lexicon()[1].clone()
    };
    let lexicon: Vec<LexiconRow> = (0..u32::from(n)).map(noun).collect();
    let bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 500,
    };
    let evidence = Evidence {
        items,
        nouns: Nouns::new(&lexicon),
        bridges: Vec::new(),
        draws: 2,
        bootstrap,
    };
    evidence.metrics(7, &rows).unwrap()
}

const OUTCOMES: [(&str, &str, Option<&str>); 6] = [
    ("type", "accuracy", None),
    ("lexical", "mrr", None),
    ("lexical", "mrr_raw", None),
    ("lexical", "hit1", None),
    ("lexical", "reachability", None),
    ("lexical", "reachability_raw", None),
];

#[test]
fn a_model_that_knows_everything_scores_one() {
    // the sentence is ci nj: ids of nouns are 3 + j, of contexts 3 + n + i
    let knows = |ids: &[u32]| {
        if ids.len() > 2 && ids[1] == ids[2] + 12 {
            -1.0
        } else {
            -9.0
        }
    };
    let rows = evaluate_larger(12, knows);
    for (stage, metric, what) in OUTCOMES {
        close(masked(&rows, stage, metric, what), 1.0);
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
    let mut held = [0; 3];
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
        let find = |stage, metric| row(&rows, stage, metric, Condition::Masked, None);
        let range = |row: &MetricRow| row.low.unwrap()..=row.high.unwrap();
        let (accuracy, mrr, null) = (
            find("type", "accuracy"),
            find("lexical", "mrr"),
            find("lexical", "mrr_null"),
        );
        held[0] += u32::from(range(accuracy).contains(&accuracy.chance.unwrap()));
        held[1] += u32::from(range(mrr).contains(&mrr.chance.unwrap()));
        held[2] += u32::from(range(null).contains(&mrr.value.unwrap()));
        // H₄₀/40 = 0.10696
        assert!((null.value.unwrap() - 0.106_96).abs() < 0.004);
    }
    assert!(held.iter().all(|&count| count >= 16), "{held:?}");
}

#[test]
fn nan_is_reported_and_never_ranked() {
    let rows = evaluate_larger(12, |ids| {
        if ids.get(2) == Some(&3) {
            f64::NAN
        } else {
            -1.0
        }
    });
    for (stage, metric, what) in OUTCOMES {
        let row = row(&rows, stage, metric, Condition::Masked, what);
        assert_eq!(row.value, None, "{metric}");
        let reason = row.reason.as_deref().unwrap();
        assert!(
            reason.starts_with("log-probabilities are not finite in "),
            "{reason}"
        );
    }
}
