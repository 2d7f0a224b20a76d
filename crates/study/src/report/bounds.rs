//! The floor and the ceiling of the masked outcome: what B's documents alone give away, and what a model reaches that has
//! read the masked forms. Runs are known by their knobs, whatever their label.

use super::data::{Data, RunRecord};
use super::draw::colour::{KINDS, Paint};

/// Runs between which the masked forms of the main condition should lie.
pub struct Bound {
    /// What people call it.
    pub name: &'static str,
    /// Its colour in figures.
    pub paint: Paint,
    is: fn(&RunRecord) -> bool,
}

const BOUNDS: [Bound; 2] = [
    Bound {
        name: "b-only floor",
        paint: KINDS[4],
        is: is_b_only,
    },
    Bound {
        name: "b-unmasked ceiling",
        paint: KINDS[5],
        is: is_b_unmasked,
    },
];

/// Whether the run's text is all B's: what B alone gives away.
fn is_b_only(run: &RunRecord) -> bool {
    let share = run.knob("lang.minority_share");
    share.and_then(|share| share.parse().ok()) == Some(1.0)
}

/// Whether B states what is masked, by the knob or by the world's key: how much there is to reach.
fn is_b_unmasked(run: &RunRecord) -> bool {
    ["lang.b_unmasked", "world.mask.stated"]
        .iter()
        .any(|knob| run.knob(knob).as_deref() == Some("true"))
}

/// The bounds that the study has, each with its finished runs.
pub fn bounds(data: &Data) -> Vec<(&'static Bound, Vec<usize>)> {
    let runs = |bound: &'static Bound| {
        let own = data.finished().filter(|(_, run)| (bound.is)(run));
        (bound, own.map(|(index, _)| index).collect::<Vec<_>>())
    };
    let all = BOUNDS.iter().map(runs);
    all.filter(|(_, runs)| !runs.is_empty()).collect()
}

/// Of some runs those that have the vocabulary of one of the others.
pub fn at_vocabulary_of(data: &Data, runs: &[usize], others: &[usize]) -> Vec<usize> {
    let vocabulary = |run: &usize| data.runs[*run].vocabulary();
    runs.iter()
        .filter(|run| {
            others
                .iter()
                .any(|other| vocabulary(other) == vocabulary(run))
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::knobs::Setting;

    #[test]
    fn bounds_are_known_by_their_knobs() {
        let run = |knob: &str, setting: Setting| RunRecord {
            knobs: BTreeMap::from([(knob.to_owned(), setting)]),
            ..RunRecord::default()
        };
        let share = |share| run("lang.minority_share", Setting::Number(share));
        assert!(is_b_only(&share(1.0)));
        assert!(!is_b_only(&share(0.3)));
        assert!(is_b_unmasked(&run(
            "lang.b_unmasked",
            Setting::Switch(true)
        )));
        assert!(!is_b_unmasked(&run(
            "lang.b_unmasked",
            Setting::Switch(false)
        )));
        let world = Setting::Toml(toml::Value::Boolean(true));
        assert!(is_b_unmasked(&run("world.mask.stated", world)));
        let plain = share(0.3);
        assert!(!is_b_unmasked(&plain));
        let data = Data {
            runs: vec![plain, share(1.0)],
            ..Data::default()
        };
        let found: Vec<(&str, Vec<usize>)> = bounds(&data)
            .into_iter()
            .map(|(bound, runs)| (bound.name, runs))
            .collect();
        assert_eq!(found, [("b-only floor", vec![1])]);
    }
}
