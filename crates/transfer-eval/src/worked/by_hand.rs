//! A bigram model: every metric equals the value computed by hand.

use super::*;

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
            said(4, 0, "y##v"),
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
    // said: u among the draws after x; v not among those after y, where y##v goes on with the context's y
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
    close(ladder("preferred", "unseen_pair"), 1.0);

    // samples: 2 of 3 parse; of the constraints in those that do, 3 of 4 hold
    let minority = |stage, metric| {
        row(&rows, stage, metric, Condition::Minority, None)
            .value
            .unwrap()
    };
    close(minority("grammar", "sentences_parsed"), 2.0 / 3.0);
    close(minority("type", "types_satisfied"), 0.75);
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

/// The lexicon has u of the gold's type and v of another: K = 1 of N = 2.
#[test]
fn type_reachability_ranks_within_the_whole_lexicon() {
    let mut probes = vec![
        cloze_row(0, "g", "x {} .", &["u"], 0),
        cloze_row(1, "g", "y {} .", &["u"], 0),
    ];
    for probe in &mut probes {
        probe.set = ProbeSet::TypeValid;
    }
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = word_tokenizer(directory.path(), &WORDS);
    let nouns = Nouns::new(&lexicon());
    let mut items = Items::new(probes).unwrap();
    items.offer(&nouns).unwrap();
    assert_eq!(items.beyond[&0], ["x v ."]);
    let suite = Suite::new(&items, &[], &Encoder::plain(&tokenizer), 64, Seed(1)).unwrap();
    let rows = StepRows {
        scores: score(&bigram(), &suite, &items, 7).unwrap(),
        ..StepRows::default()
    };
    assert_eq!(rows.scores.len(), 4);
    let bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 0,
    };
    let evidence = Evidence {
        items,
        nouns,
        bridges: Vec::new(),
        untrained: None,
        draws: 2,
        bootstrap,
    };
    let rows = evidence.metrics(7, &rows).unwrap();
    let found = |metric| row(&rows, "lexical", metric, Condition::Masked, None);
    // raw: u first in both; calibrated: u first after x, second after y (as above)
    close(found("type_reachability_raw").value.unwrap(), 1.0);
    close(found("type_reachability").value.unwrap(), 0.5);
    close(found("type_reachability").chance.unwrap(), 0.5);
    // the candidates of the probe itself are as before: one, always first
    close(found("hit1_type_valid").value.unwrap(), 1.0);
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
    let mut lexicon = lexicon();
    lexicon
        .iter_mut()
        .filter(|row| row.concept == 1)
        .for_each(|row| row.masked = false);
    let rows = evaluate_probes(&bigram(), &WORDS, probes, &lexicon, Vec::new());
    // raw: u above v after both; calibrated: above after x, below after y
    close(
        masked(&rows, "lexical", "auc_masked_over_seen_raw", None),
        1.0,
    );
    close(masked(&rows, "lexical", "auc_masked_over_seen", None), 0.5);
    close(masked(&rows, "lexical", "hit1_type_valid", None), 1.0);
    close(masked(&rows, "lexical", "hit1_type_valid_raw", None), 0.5);
    // and so the ranks: raw 1 and 2, calibrated 1 and 1
    close(
        masked(&rows, "lexical", "mrr_type_valid_raw", None),
        (1.0 + 0.5) / 2.0,
    );
    close(masked(&rows, "lexical", "mrr_type_valid", None), 1.0);
}
