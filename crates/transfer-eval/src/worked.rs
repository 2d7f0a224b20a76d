//! Worked examples: whole evaluations of models whose probabilities are known, through the code that scores checkpoints.

use std::collections::HashMap;

use anyhow::Result;
use corpus::tables::{ContinuationRow, LexiconRow, MetricRow, ProbeRow, SampleRow};
use corpus::{Category, Condition, Language, ProbeSet};
use seed::Seed;

use crate::aggregate::{Evidence, StepRows};
use crate::items::Items;
use crate::lexicon::Nouns;
use crate::measure::Bootstrap;
use crate::score::suite::{Suite, Text};
use crate::score::{LanguageModel, score, score_documents};
use crate::testing::{cloze_row, crossed_rows, ladder_row, pair_row, word_tokenizer};

const WORDS: [&str; 5] = ["x", "y", "u", "v", "."];
/// `<sep>`, `<pad>`, `<unk>`, then the words.
const VOCAB_SIZE: usize = 8;

/// P(next | previous), zero where not named.
struct Bigram(HashMap<(u32, u32), f64>);

impl Bigram {
    /// From words, `#` for the separator.
    fn new(table: &[(&str, &str, f64)]) -> Bigram {
        let id = |word: &str| {
            WORDS
                .iter()
                .position(|&known| known == word)
                .map_or(0, |place| place as u32 + 3)
        };
        Bigram(
            table
                .iter()
                .map(|&(before, after, p)| ((id(before), id(after)), p))
                .collect(),
        )
    }

    fn nats(&self, before: u32, after: u32) -> f64 {
        self.0.get(&(before, after)).copied().unwrap_or(0.0).ln()
    }
}

impl LanguageModel for Bigram {
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>> {
        let nats = |ids: &&[u32]| ids.windows(2).map(|pair| self.nats(pair[0], pair[1])).sum();
        Ok(sequences.iter().map(nats).collect())
    }

    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let next = |ids: &&[u32]| {
            let last = ids[ids.len() - 1];
            (0..VOCAB_SIZE as u32)
                .map(|after| self.nats(last, after) as f32)
                .collect()
        };
        Ok(sequences.iter().map(next).collect())
    }
}

/// Any function of the sequence.
struct Judge<F: Fn(&[u32]) -> f64>(F);

impl<F: Fn(&[u32]) -> f64> LanguageModel for Judge<F> {
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>> {
        Ok(sequences.iter().map(|ids| (self.0)(ids)).collect())
    }

    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        Ok(vec![
            vec![-(VOCAB_SIZE as f32).ln(); VOCAB_SIZE];
            sequences.len()
        ])
    }
}

/// The two nouns u (concept 0, more frequent) and v (concept 1), masked in B.
fn lexicon() -> Vec<LexiconRow> {
    let row = |concept: u32, language, form: &str| LexiconRow {
        concept,
        category: Category::Noun,
        r#type: Some("animal".to_owned()),
        inflection: "base".to_owned(),
        language,
        form: form.to_owned(),
        masked: true,
        identical: false,
        ldn: None,
        frequency_rank: concept,
    };
    vec![
        row(0, Language::Majority, "a"),
        row(0, Language::Minority, "u"),
        row(1, Language::Majority, "b"),
        row(1, Language::Minority, "v"),
    ]
}

/// One probe of each kind.
fn probes() -> Vec<ProbeRow> {
    let mut probes = vec![pair_row(0, "order", ["x u .", "x . u"])];
    probes.extend(crossed_rows(
        1,
        "other_type",
        ["x u .", "x v .", "y u .", "y v ."],
    ));
    probes.push(cloze_row(3, "g", "x {} .", &["u", "v"], 0));
    probes.push(cloze_row(4, "g", "y {} .", &["u", "v"], 1));
    probes.push(ladder_row(5, ["x u .", "x v .", "y v ."]));
    probes.push(pair_row(6, "missing_word", ["x u .", "x ."]));
    probes
}

fn evaluate(model: &impl LanguageModel, probes: Vec<ProbeRow>, more: StepRows) -> Vec<MetricRow> {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = word_tokenizer(directory.path(), &WORDS);
    let items = Items::new(probes).unwrap();
    let text = |language| Text {
        document: 0,
        language,
        text: "x u . y v .".to_owned(),
    };
    let texts = [text(Language::Majority), text(Language::Minority)];
    let suite = Suite::new(&items, &texts, &tokenizer, 64, Seed(1)).unwrap();
    let rows = StepRows {
        scores: score(model, &suite, &items, 7).unwrap(),
        documents: score_documents(model, &suite, 7).unwrap(),
        ..more
    };
    let bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 200,
    };
    let evidence = Evidence {
        items,
        nouns: Nouns::new(&lexicon()),
        bridges: Vec::new(),
        draws: 2,
        bootstrap,
    };
    evidence.metrics(7, &rows).unwrap()
}

fn row<'a>(
    rows: &'a [MetricRow],
    stage: &str,
    metric: &str,
    condition: Condition,
    what: Option<&str>,
) -> &'a MetricRow {
    let matches = |row: &&MetricRow| {
        (
            row.stage.as_str(),
            row.metric.as_str(),
            row.condition,
            row.phenomenon.as_deref(),
        ) == (stage, metric, condition, what)
    };
    rows.iter()
        .find(matches)
        .unwrap_or_else(|| panic!("no {stage} {metric} {what:?}"))
}

fn masked(rows: &[MetricRow], stage: &str, metric: &str, what: Option<&str>) -> f64 {
    row(rows, stage, metric, Condition::Masked, what)
        .value
        .unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6,
        "found {found}, expected {expected}"
    );
}

/// P(u|x) = .6, P(v|x) = .2, P(u|y) = .5, P(v|y) = .4, P(.|x) = .2; the rest of a sentence is certain or nearly so.
fn bigram() -> Bigram {
    Bigram::new(&[
        ("#", "x", 0.5),
        ("#", "y", 0.5),
        ("x", "u", 0.6),
        ("x", "v", 0.2),
        ("x", ".", 0.2),
        ("y", "u", 0.5),
        ("y", "v", 0.4),
        ("y", ".", 0.1),
        ("u", ".", 0.9),
        ("u", "#", 0.1),
        ("v", ".", 0.9),
        ("v", "#", 0.1),
        (".", "#", 0.8),
        (".", "u", 0.1),
        (".", "y", 0.1),
        ("u", "x", 1e-3),
        (".", "x", 1e-3),
    ])
}

#[test]
fn a_bigram_model_scores_as_by_hand() {
    let said = |probe, sample, word: &str| ContinuationRow {
        step: 7,
        probe,
        sample,
        word: word.to_owned(),
    };
    let sampled = |sample, grammatical, types_satisfied, types_broken| SampleRow {
        step: 7,
        language: Language::Minority,
        sample,
        text: String::new(),
        grammatical,
        types_satisfied,
        types_broken,
    };
    let more = StepRows {
        continuations: vec![
            said(3, 0, "v"),
            said(3, 1, "u"),
            said(4, 0, "u"),
            said(4, 1, "u"),
        ],
        samples: vec![
            sampled(0, true, 2, 1),
            sampled(1, true, 1, 0),
            sampled(2, false, 0, 0),
        ],
        ..StepRows::default()
    };
    let rows = evaluate(&bigram(), probes(), more);

    // order: x u . → .5·.6·.9·.8 = .216; x . u → .5·.2·.1·.1 = .001: right
    close(masked(&rows, "grammar", "accuracy", Some("order")), 1.0);
    // missing word: x u . .216 against x . → .5·.2·.8 = .08: right; by length alone the shorter wins: wrong
    close(
        masked(&rows, "grammar", "accuracy", Some("missing_word")),
        1.0,
    );
    close(
        masked(&rows, "grammar", "length_baseline", Some("missing_word")),
        0.0,
    );
    // pooled: order alone, for missing_word is secondary
    close(masked(&rows, "grammar", "accuracy", None), 1.0);
    assert_eq!(
        row(&rows, "grammar", "accuracy", Condition::Masked, None).n_items,
        1
    );
    // crossed: P(x,u) P(y,v) ∝ .6·.4 = .24 > P(x,v) P(y,u) ∝ .2·.5 = .10: right, though u is likelier in both contexts
    close(masked(&rows, "type", "accuracy", Some("other_type")), 1.0);

    // raw cloze: u ranks first after x (gold), second is v after y (gold): (1 + ½)/2
    close(masked(&rows, "lexical", "mrr_raw", None), 0.75);
    close(masked(&rows, "lexical", "hit1_raw", None), 0.5);
    close(masked(&rows, "lexical", "reachability_raw", None), 0.5);
    // calibrated after y: u ½ ln(.5/.6) = −.091, v ½ ln(.4/.2) = +.347: v ranks first
    close(masked(&rows, "lexical", "mrr", None), 1.0);
    close(masked(&rows, "lexical", "reachability", None), 1.0);
    let mrr = row(&rows, "lexical", "mrr", Condition::Masked, None);
    // chance H₂/2 = ¾; two items, two concepts
    close(mrr.chance.unwrap(), 0.75);
    assert_eq!((mrr.n_items, mrr.n_concepts), (2, 2));
    close(
        row(&rows, "lexical", "reachability", Condition::Masked, None)
            .chance
            .unwrap(),
        0.5,
    );
    // always the more frequent noun u: first once, second once
    close(masked(&rows, "lexical", "frequency_mrr", None), 0.75);
    // the null swaps both golds or neither: mean of 1 and ½
    assert!((masked(&rows, "lexical", "mrr_null", None) - 0.75).abs() < 0.02);

    // next word: p(u|x) = .6 · (1 − 0 within words) → end: P(.|u) + P(#|u) + P(x|u) = 1.001; two attempts
    let p = [0.6 * 1.001, 0.4 * 1.0];
    let expected = p.map(|p: f64| 1.0 - (1.0 - p).powi(2)).iter().sum::<f64>() / 2.0;
    close(
        masked(&rows, "lexical", "generated_expected", None),
        expected,
    );
    // said: u among the draws after x, v not among those after y
    close(masked(&rows, "lexical", "generated", None), 0.5);

    // "x u . y v .": .5·.6·.9·.1 · .4·.9·.8 = .027 · .288 = .007776 over 11 characters
    let bits = row(
        &rows,
        "text",
        "bits_per_character",
        Condition::Minority,
        None,
    );
    close(bits.value.unwrap(), -(0.007_776f64.log2()) / 11.0);
    // ladder: x u . .216 > x v . .072; against y v . = .5·.4·.9·.8 = .144
    let ladder = |metric, rung| {
        row(&rows, "ladder", metric, Condition::Minority, Some(rung))
            .value
            .unwrap()
    };
    close(ladder("log_probability_nats", "normal"), 0.216f64.ln());
    close(
        ladder("log_probability_nats", "type_violating"),
        0.072f64.ln(),
    );
    close(ladder("preferred", "type_violating"), 1.0);
    close(ladder("log_probability_nats", "unseen_pair"), 0.144f64.ln());

    // samples: 2 of 3 parse; of the constraints in those that do, 3 of 4 hold
    let minority = |stage, metric| {
        row(&rows, stage, metric, Condition::Minority, None)
            .value
            .unwrap()
    };
    close(minority("grammar", "sentences_parsed"), 2.0 / 3.0);
    close(minority("type", "types_satisfied"), 0.75);
}

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
    let suite = Suite::new(&items, &[], &tokenizer, 64, Seed(1)).unwrap();
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

#[test]
fn absent_classes_are_null_with_a_reason() {
    let rows = evaluate(&bigram(), probes(), StepRows::default());
    let majority = row(&rows, "lexical", "mrr", Condition::Majority, None);
    assert_eq!((majority.value, majority.n_items), (None, 0));
    assert_eq!(majority.reason.as_deref(), Some("no majority clozes"));
    assert!(
        rows.iter()
            .all(|row| row.value.is_some() != row.reason.is_some())
    );
}

/// Masked and seen candidates side by side: u is masked, v is seen.
#[test]
fn auc_compares_masked_with_seen_forms() {
    let mut probes = vec![
        cloze_row(0, "g", "x {} .", &["u", "v"], 0),
        cloze_row(1, "g", "y {} .", &["u", "v"], 1),
    ];
    for probe in &mut probes {
        probe.set = ProbeSet::TypeValid;
    }
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = word_tokenizer(directory.path(), &WORDS);
    let items = Items::new(probes).unwrap();
    let suite = Suite::new(&items, &[], &tokenizer, 64, Seed(1)).unwrap();
    let mut lexicon = lexicon();
    lexicon
        .iter_mut()
        .filter(|row| row.concept == 1)
        .for_each(|row| row.masked = false);
    let rows = StepRows {
        scores: score(&bigram(), &suite, &items, 7).unwrap(),
        ..StepRows::default()
    };
    let bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 0,
    };
    let evidence = Evidence {
        items,
        nouns: Nouns::new(&lexicon),
        bridges: Vec::new(),
        draws: 2,
        bootstrap,
    };
    let rows = evidence.metrics(7, &rows).unwrap();
    // raw: u above v after both; calibrated: above after x, below after y
    close(
        masked(&rows, "lexical", "auc_masked_over_seen_raw", None),
        1.0,
    );
    close(masked(&rows, "lexical", "auc_masked_over_seen", None), 0.5);
    close(masked(&rows, "lexical", "hit1_type_valid", None), 1.0);
    close(masked(&rows, "lexical", "hit1_type_valid_raw", None), 0.5);
}
