//! Clozes with two contexts a concept, and what their outcomes are read against.

use super::*;

const NOUNS: [&str; 3] = ["u", "v", "w"];

/// Contexts with P(u|·), P(v|·), P(w|·) and the noun that is gold there.
const CONTEXTS: [(&str, [f64; 3], u16); 6] = [
    ("a", [0.3, 0.6, 0.1], 0),
    ("b", [0.3, 0.1, 0.6], 0),
    ("c", [0.1, 0.3, 0.6], 1),
    ("d", [0.6, 0.3, 0.1], 1),
    ("e", [0.3, 0.1, 0.6], 2),
    ("f", [0.3, 0.6, 0.1], 2),
];

fn evaluate_contexts() -> Vec<MetricRow> {
    let words = ["a", "b", "c", "d", "e", "f", "u", "v", "w", "."];
    let mut table = vec![(".", "#", 1.0)];
    let mut probes = Vec::new();
    for (context, p, gold) in CONTEXTS {
        table.push(("#", context, 1.0 / 6.0));
        table.extend(NOUNS.into_iter().zip(p).map(|(noun, p)| (context, noun, p)));
        let frame = format!("{context} {{}} .");
        probes.push(cloze_row(probes.len() as u32, "g", &frame, &NOUNS, gold));
    }
    table.extend(NOUNS.map(|noun| (noun, ".", 1.0)));
    let noun = |(concept, form): (u32, &str)| LexiconRow {
        concept,
        form: form.to_owned(),
        frequency_rank: concept,
        ..lexicon()[1].clone()
    };
    let nouns: Vec<LexiconRow> = (0..).zip(NOUNS).map(noun).collect();
    let model = Bigram::new(&words, &table);
    evaluate_probes(&model, &words, probes, &nouns, Vec::new())
}

/// In its contexts u is second to v, then second to w; each of those is last in the other context, so that u is first on
/// average. With v it is the same. w is first, then last, and not first on average.
#[test]
fn averaging_over_contexts_changes_who_is_first() {
    let rows = evaluate_contexts();
    let found = |metric: &str| row(&rows, "lexical", metric, Condition::Masked, None);
    for tail in ["", "_raw"] {
        let value = |metric: &str| found(&format!("{metric}{tail}")).value.unwrap();
        // ranks 2, 2; 2, 2; 1, 3. Calibration divides u by 1.07, v by 1, w by 0.935 (below) and changes none.
        close(value("hit1"), 1.0 / 6.0);
        close(value("mrr"), (4.0 / 2.0 + 1.0 + 1.0 / 3.0) / 6.0);
        // Means of logarithms, as probabilities. Contexts of u: u .3, v and w √(.6·.1) = .245: reached.
        // Of v: v .3, u and w .245: reached. Of w: u .3, v and w .245: not.
        // Calibrated: over all six contexts u has .3⁴·.06, v .3²·.06², w .06³, whose sixth roots are as 1.07 : 1 : 0.935.
        // u is left .280, .229, .280; v .245, .3, .245; w .262, .262, .262: the same come first.
        close(value("reachability"), 2.0 / 3.0);
    }
    let (mrr, reachability) = (found("mrr"), found("reachability"));
    // H₃/3 = (1 + ½ + ⅓)/3 = 11/18
    close(mrr.chance.unwrap(), 11.0 / 18.0);
    close(reachability.chance.unwrap(), 1.0 / 3.0);
    assert_eq!((mrr.n_items, mrr.n_concepts), (6, 3));
    assert_eq!((reachability.n_items, reachability.n_concepts), (3, 3));

    // Who is first on average: u, v, u. Permutations of gold hit, u v w: 2; u w v: 1; v u w: 0; v w u: 1; w u v: 0;
    // w v u: 2 of 3. Their mean is 1/3; a third of them are 0 and a third 2/3, so the range is these.
    let null = found("reachability_null");
    assert!((null.value.unwrap() - 1.0 / 3.0).abs() < 0.04);
    close(null.low.unwrap(), 0.0);
    close(null.high.unwrap(), 2.0 / 3.0);
    assert_eq!((null.n_items, null.n_concepts), (3, 3));
    assert!((found("mrr_null").value.unwrap() - 11.0 / 18.0).abs() < 0.03);

    // Always u, v, w in this order: ranks 1, 1, 2, 2, 3, 3. Every noun is gold equally often: exactly chance.
    close(found("frequency_hit1").value.unwrap(), 1.0 / 3.0);
    close(found("frequency_mrr").value.unwrap(), 11.0 / 18.0);

    // The word ends for certain, so p is .3 four times, .6 and .1; within two attempts 1 − .7² = .51, .84 and .19.
    close(
        found("generated_expected").value.unwrap(),
        (4.0 * 0.51 + 0.84 + 0.19) / 6.0,
    );
}

/// u, the more frequent noun, is gold twice and v once: the probes are not balanced, and the baseline says so.
#[test]
fn references_by_hand() {
    let probes = vec![
        cloze_row(0, "g", "x {} .", &["u", "v"], 0),
        cloze_row(1, "g", "y {} .", &["u", "v"], 0),
        cloze_row(2, "h", "y {} .", &["u", "v"], 1),
    ];
    let bridge = |concept, condition, identifiability, learnable| BridgeRow {
        concept,
        condition,
        r#type: "animal".to_owned(),
        form_majority: String::new(),
        form_minority: String::new(),
        ldn: 0.0,
        shared_mass: 0.0,
        shared_mass_multichar: 0.0,
        shared_mass_corrected: 0.0,
        ordered: 0.0,
        ordered_corrected: 0.0,
        specificity: 0.0,
        identifiability: Some(identifiability),
        learnable,
        seen_coverage_minority: 0.0,
        seen_coverage_all: 0.0,
        fertility_majority: 1.0,
        fertility_minority: 1.0,
    };
    let bridges = vec![
        bridge(0, Condition::Masked, 1.0, Some(0.25)),
        bridge(1, Condition::Masked, 0.5, None),
        // no cloze asks for it
        bridge(2, Condition::Masked, 0.2, Some(1.0)),
    ];
    let rows = evaluate_probes(&bigram(), &WORDS, probes, &lexicon(), bridges);
    // ranks 1, 1, 2
    close(masked(&rows, "lexical", "frequency_hit1", None), 2.0 / 3.0);
    close(
        masked(&rows, "lexical", "frequency_mrr", None),
        (1.0 + 1.0 + 0.5) / 3.0,
    );
    // Of both nouns that clozes ask for, (1 + ½)/2; of the one that has a rank, ¼. Chance with two candidates is
    // (1 + ½)/2.
    let found = |metric, condition| row(&rows, "lexical", metric, condition, None);
    for (metric, value, n) in [
        ("oracle_identifiability", 0.75, 2),
        ("oracle_learnable", 0.25, 1),
    ] {
        let row = found(metric, Condition::Masked);
        close(row.value.unwrap(), value);
        close(row.chance.unwrap(), 0.75);
        assert_eq!((row.n_items, row.n_concepts), (n, n));
        let reason = |condition| found(metric, condition).reason.as_deref();
        assert_eq!(
            reason(Condition::Identical),
            Some("bridges.parquet ranks no concept of identical clozes")
        );
        assert_eq!(
            reason(Condition::Majority),
            Some("bridges lead from majority forms to minority forms")
        );
    }
}
