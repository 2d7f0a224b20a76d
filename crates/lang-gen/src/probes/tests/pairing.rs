//! Worlds that differ in surface ask the same things.

use corpus::tables::ProbeRow;
use corpus::{Condition, ProbeStage};
use world::form::{DivergenceKind, Inflection};

use crate::probes::testing::{Case, TINY, case, grammar, tiny};

/// A row without its forms: what was drawn.
type Drawn = (
    ProbeStage,
    String,
    Condition,
    String,
    Option<u32>,
    u16,
    Vec<Vec<(u32, Inflection)>>,
);

fn drawn(case: &Case, candidates: impl Fn(&ProbeRow) -> Vec<String>) -> Vec<Drawn> {
    let reader = case.reader();
    case.rows
        .iter()
        .map(|row| {
            let words = candidates(row)
                .iter()
                .map(|sentence| reader.abstract_words(row.language, sentence))
                .collect();
            let phenomenon = if row.stage == ProbeStage::Lexical {
                String::new()
            } else {
                row.phenomenon.clone()
            };
            (
                row.stage,
                phenomenon,
                row.condition,
                row.template.clone(),
                row.concept,
                row.gold,
                words,
            )
        })
        .collect()
}

fn n_identical(case: &Case) -> usize {
    case.rows
        .iter()
        .filter(|row| row.condition == Condition::Identical)
        .count()
}

#[test]
fn items_are_the_same_at_every_distance_divergence_and_script() {
    let mut config = tiny();
    config.divergence.kind = DivergenceKind::Substitution;
    config.divergence.distance = 0.8;
    let base = case(config.clone(), grammar());
    assert_eq!(
        n_identical(&base),
        0,
        "a distance at which no noun stays the same"
    );
    config.divergence.distance = 0.5;
    config.divergence.script = world::form::Script::Disjoint;
    let disjoint = case(config.clone(), grammar());
    config.divergence.kind = DivergenceKind::Replacement;
    config.divergence.distance = 1.0;
    config.divergence.shuffled_pairing = true;
    let replaced = case(config, grammar());
    let whole = |row: &ProbeRow| row.candidates.clone();
    for other in [disjoint, replaced] {
        assert_eq!(n_identical(&other), 0);
        assert_eq!(drawn(&base, whole), drawn(&other, whole));
    }
}

/// Other orders tell the same sentences; what is done to their words depends on the order.
#[test]
fn items_are_the_same_in_every_order() {
    let mut config = tiny();
    config.order.minority = vec![
        "object".to_owned(),
        "adjective".to_owned(),
        "relative".to_owned(),
    ];
    let reordered = case(config, grammar());
    let good = |row: &ProbeRow| {
        let mut words: Vec<&str> = row.candidates[usize::from(row.gold)].split(' ').collect();
        words.sort_unstable();
        vec![words.join(" ")]
    };
    let [one, other] = [&*TINY, &reordered].map(|case| drawn(case, good));
    let same = one
        .iter()
        .zip(&other)
        .filter(|(one, other)| one == other)
        .count();
    assert_eq!((one.len(), same), (other.len(), one.len()));
    let texts = |case: &Case| {
        case.rows
            .iter()
            .map(|row| row.candidates[0].clone())
            .collect::<Vec<_>>()
    };
    assert_ne!(texts(&TINY), texts(&reordered));
}
