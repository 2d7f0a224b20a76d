//! The rules on worlds of every kind, and on rows that break them.

mod damaged;
mod documents;
mod probes;
mod stated;

use std::sync::LazyLock;

use corpus::Condition;
use corpus::tables::{ProbeRow, ProbeSet};
use seed::Seed;
use world::form::Entry;
use world::{Side, World, WorldConfig};

const TINY: &str = include_str!("../../../../../data/worlds/tiny.toml");
const GRAMMAR: &str = include_str!("../../../../../data/grammars/core.grammar");

/// A world and its probes.
struct Case {
    world: World,
    rows: Vec<ProbeRow>,
}

static DEMO: LazyLock<Case> =
    LazyLock::new(|| case(include_str!("../../../../../data/worlds/demo.toml"), |_| ()));

fn case(config: &str, edit: impl Fn(&mut WorldConfig)) -> Case {
    let mut config: WorldConfig = toml::from_str(config).unwrap();
    edit(&mut config);
    let world = World::build(config, GRAMMAR, Seed(3)).unwrap();
    let rows = crate::probes::probes(&world, Seed(5)).unwrap();
    Case { world, rows }
}

impl Case {
    /// B's rows of a phenomenon.
    fn of(&self, phenomenon: &str, condition: Condition, set: ProbeSet) -> Vec<ProbeRow> {
        let rows = self.rows.iter().filter(|row| {
            row.phenomenon == phenomenon && row.condition == condition && row.set == set
        });
        let rows: Vec<ProbeRow> = rows.cloned().collect();
        assert!(!rows.is_empty(), "{phenomenon} {condition} {set}");
        rows
    }

    fn is_masked(&self, entry: &Entry) -> Option<bool> {
        self.world.mask.masked.get(entry.concept as usize).copied()
    }

    /// A masked form in the inflection of `like` that no candidate of the row has, of another noun than the row's.
    fn masked_form(&self, row: &ProbeRow, like: &Entry) -> Option<&Entry> {
        let entries = self.world.lexicon(Side::Minority).entries();
        entries.iter().find(|entry| {
            self.is_masked(entry) == Some(true)
                && entry.inflection == like.inflection
                && Some(entry.concept) != row.concept
                && !row.candidates.iter().any(|text| has(text, &entry.form))
        })
    }

    /// The row with a masked form for a seen noun that all candidates name as a clue, in some of them; and the form.
    fn with_masked_clue(
        &self,
        row: &ProbeRow,
        is_changed: impl Fn(usize) -> bool,
    ) -> Option<(ProbeRow, String)> {
        let by_form = self.world.lexicon(Side::Minority).by_form();
        let is_clue = |word: &str| {
            let entry = by_form.get(word);
            entry.is_some_and(|entry| {
                self.is_masked(entry) == Some(false) && Some(entry.concept) != row.concept
            }) && row.candidates.iter().all(|text| has(text, word))
        };
        let clue = row.candidates[0].split(' ').find(|word| is_clue(word))?;
        let form = &self.masked_form(row, by_form[clue])?.form;
        let mut spoilt = row.clone();
        for (index, text) in spoilt.candidates.iter_mut().enumerate() {
            if is_changed(index) {
                *text = replaced(text, clue, form);
            }
        }
        Some((spoilt, form.clone()))
    }
}

fn has(text: &str, word: &str) -> bool {
    text.split(' ').any(|other| other == word)
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    let words = text
        .split(' ')
        .map(|word| if word == from { to } else { word });
    words.collect::<Vec<_>>().join(" ")
}
