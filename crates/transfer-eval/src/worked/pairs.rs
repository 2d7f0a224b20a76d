//! Items of two alternatives: grammar, knowledge, and masked forms of one type.
//!
//! P(x,u) is written for P(u|x): what begins a sentence and what follows the noun is the same in all four sentences of a
//! crossed item. P(x,u) P(y,v) = .6·.4 = .24 and P(x,v) P(y,u) = .2·.5 = .10.

use super::*;

/// Right where (x,u) and (y,v) are true: .24 > .10.
const RIGHT: [&str; 4] = ["x u .", "x v .", "y u .", "y v ."];
/// The same with (x,v) and (y,u) as the true ones: .10 < .24, wrong.
const WRONG: [&str; 4] = ["x v .", "x u .", "y v .", "y u ."];
/// One context twice: P(x,u) P(x,v) on both sides, a tie.
const TIED: [&str; 4] = ["x u .", "x v .", "x u .", "x v ."];

/// Probes of one stage, numbered in order.
fn numbered(stage: ProbeStage, items: Vec<Vec<ProbeRow>>) -> Vec<ProbeRow> {
    let mut probes: Vec<ProbeRow> = Vec::new();
    for rows in items {
        let first = probes.len() as u32;
        let own = rows[0].probe;
        probes.extend(rows.into_iter().map(|row| ProbeRow {
            stage,
            probe: first + row.probe - own,
            crossed_with: row.crossed_with.map(|other| first + other - own),
            ..row
        }));
    }
    probes
}

fn evaluate_stage(stage: ProbeStage, items: Vec<Vec<ProbeRow>>) -> Vec<MetricRow> {
    let probes = numbered(stage, items);
    evaluate_probes(&bigram(), &WORDS, probes, &lexicon(), Vec::new())
}

#[test]
fn grammar_by_hand() {
    let pair = |what, sentences| vec![pair_row(0, what, sentences)];
    let rows = evaluate_stage(
        ProbeStage::Grammar,
        vec![
            // x u . → .5·.6·.9·.8 = .216 against x . u → .5·.2·.1·.1 = .001: right
            pair("order", ["x u .", "x . u"]),
            // y u . → .5·.5·.9·.8 = .18 against y . u → .5·.1·.1·.1 = .0005: right; the other way round: wrong
            pair("displaced", ["y u .", "y . u"]),
            pair("displaced", ["x . u", "x u ."]),
            crossed_rows(0, "agreement", RIGHT),
            crossed_rows(0, "agreement", TIED),
            // right, wrong, right
            pair("position", ["x u .", "x . u"]),
            pair("position", ["y . u", "y u ."]),
            pair("position", ["y u .", "y . u"]),
            // x . → .5·.2·.8 = .08 against .216: wrong, though it is the shorter one
            pair("missing_word", ["x .", "x u ."]),
        ],
    );
    let accuracy = |what| masked(&rows, "grammar", "accuracy", what);
    close(accuracy(Some("order")), 1.0);
    close(accuracy(Some("displaced")), 1.0 / 2.0);
    close(accuracy(Some("agreement")), (1.0 + 0.5) / 2.0);
    close(accuracy(Some("position")), 2.0 / 3.0);
    close(accuracy(Some("missing_word")), 0.0);
    close(
        masked(&rows, "grammar", "length_baseline", Some("missing_word")),
        1.0,
    );
    // all but the missing word: (1 + 1 + 1½ + 2) of 1 + 2 + 2 + 3
    close(accuracy(None), 5.5 / 8.0);
    let pooled = row(&rows, "grammar", "accuracy", Condition::Masked, None);
    assert_eq!((pooled.n_items, pooled.n_concepts), (8, 0));
    close(pooled.chance.unwrap(), 0.5);
}

#[test]
fn knowledge_by_hand() {
    let rows = evaluate_stage(
        ProbeStage::Knowledge,
        vec![
            crossed_rows(0, "attribute", RIGHT),
            crossed_rows(0, "attribute", RIGHT),
            crossed_rows(0, "relation", WRONG),
            crossed_rows(0, "held_out_attribute", TIED),
            crossed_rows(0, "held_out_relation", RIGHT),
            crossed_rows(0, "held_out_relation", WRONG),
        ],
    );
    let accuracy = |what| masked(&rows, "knowledge", "accuracy", what);
    close(accuracy(Some("attribute")), 1.0);
    close(accuracy(Some("relation")), 0.0);
    close(accuracy(Some("held_out_attribute")), 0.5);
    close(accuracy(Some("held_out_relation")), 1.0 / 2.0);
    // what B states: two right of three; what is held out of B: (½ + 1 + 0) of three
    close(accuracy(None), 2.0 / 3.0);
    let held_out = row(
        &rows,
        "knowledge",
        "held_out_accuracy",
        Condition::Masked,
        None,
    );
    close(held_out.value.unwrap(), 1.5 / 3.0);
    close(held_out.chance.unwrap(), 0.5);
    assert_eq!(held_out.n_items, 3);
    let minority = row(
        &rows,
        "knowledge",
        "held_out_accuracy",
        Condition::Minority,
        None,
    );
    assert_eq!(
        minority.reason.as_deref(),
        Some("no minority items of held-out facts")
    );
}

#[test]
fn same_type_by_hand() {
    let rows = evaluate_stage(
        ProbeStage::Lexical,
        vec![
            crossed_rows(0, "same_type", RIGHT),
            crossed_rows(0, "same_type", RIGHT),
            crossed_rows(0, "same_type", WRONG),
        ],
    );
    close(
        masked(&rows, "lexical", "accuracy", Some("same_type")),
        2.0 / 3.0,
    );
    let found = row(
        &rows,
        "lexical",
        "accuracy",
        Condition::Masked,
        Some("same_type"),
    );
    assert_eq!(found.n_items, 3);
    close(found.chance.unwrap(), 0.5);
    // it is pooled with nothing
    let pooled = |row: &&MetricRow| {
        (row.stage.as_str(), row.metric.as_str()) == ("lexical", "accuracy")
            && row.phenomenon.is_none()
    };
    assert_eq!(rows.iter().find(pooled), None);
}
