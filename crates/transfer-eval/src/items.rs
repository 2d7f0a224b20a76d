//! What the probes ask: rows of probes.parquet gathered into items, checked once.
//!
//! - An [`Alternative`] has two candidates and chance ½. A *single* one is one row: the gold sentence must score
//!   higher than the other. A *crossed* one is two rows of two sentences, [s(x,u), s(x,v)] and [s(y,u), s(y,v)], where
//!   u fits only x and v only y; it is correct if log P(x,u) + log P(y,v) > log P(x,v) + log P(y,u). Crossing cancels
//!   the priors of the words and their lengths.
//! - A [`Cloze`] has n candidates, the same sentence with each form; the gold one must rank first.
//! - A ladder has its rungs as candidates and no gold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Result, bail, ensure};
use corpus::tables::ProbeRow;
use corpus::{Condition, Language, ProbeSet, ProbeStage};

use crate::lexicon::Nouns;

/// Every item of a language's probes.
#[derive(Debug)]
pub struct Items {
    /// The rows, in file order.
    pub probes: Vec<ProbeRow>,
    /// Items with two alternatives.
    pub alternatives: Vec<Alternative>,
    /// Cloze items, by row index.
    pub clozes: Vec<Cloze>,
    /// Ladder items, by row index.
    pub ladders: Vec<usize>,
    /// By row, sentences to score beyond the probe's own: a type-valid cloze whose noun stands last is offered every
    /// other noun of the lexicon too, by concept.
    pub beyond: BTreeMap<usize, Vec<String>>,
    /// Cloze rows that share templates and candidates, in order of the group's name.
    pub groups: Vec<Vec<usize>>,
    /// By row, the first probe of its item. The halves of a crossed item are one, and so are clozes that are calibrated
    /// together: their scores are compared, so they are written with the same ids.
    pub item_of: Vec<u32>,
}

/// An item with two alternatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its rows.
    pub rows: AlternativeRows,
    /// Its stage.
    pub stage: ProbeStage,
    /// What it tests.
    pub phenomenon: String,
    /// Whose forms.
    pub condition: Condition,
    /// The concept of its first row: the noun that the item was drawn for, and by which the bootstrap draws it again. A
    /// crossed item's other noun is not told from those of other items.
    pub concept: Option<u32>,
}

/// Row indices of an item with two alternatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlternativeRows {
    /// Two sentences, one of them right.
    Single(usize),
    /// Two contexts of two sentences each.
    Crossed(usize, usize),
}

/// A cloze item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cloze {
    /// Its row.
    pub row: usize,
    /// The gold's place among the candidates.
    pub gold: usize,
    /// Place of the differing word in the sentence, in words from 0.
    pub word: usize,
    /// Whether only the full stop follows the differing word, so that every clue stands before it.
    pub is_final: bool,
}

impl Items {
    /// Gathers and checks items; an error names the probe and what it lacks.
    pub fn new(probes: Vec<ProbeRow>) -> Result<Items> {
        let mut row_of = HashMap::new();
        for (row, probe) in probes.iter().enumerate() {
            let again = row_of.insert(probe.probe, row);
            ensure!(again.is_none(), "probe {} stands twice", probe.probe);
        }
        let mut items = Items {
            probes,
            alternatives: vec![],
            clozes: vec![],
            ladders: vec![],
            beyond: BTreeMap::new(),
            groups: vec![],
            item_of: vec![],
        };
        for row in 0..items.probes.len() {
            let probe = &items.probes[row];
            let name = probe.probe;
            ensure!(
                usize::from(probe.gold) < probe.candidates.len(),
                "probe {name}: gold {} is none of its {} candidates",
                probe.gold,
                probe.candidates.len()
            );
            match probe.set {
                ProbeSet::Ladder => {
                    let found = probe.candidates.len();
                    ensure!(
                        found == 3,
                        "probe {name}: expected a ladder of 3 rungs, found {found}"
                    );
                    items.ladders.push(row);
                }
                ProbeSet::Pair => {
                    if let Some(alternative) = alternative(&items.probes, row, &row_of)? {
                        items.alternatives.push(alternative);
                    }
                }
                ProbeSet::Primary | ProbeSet::TypeValid => items.clozes.push(cloze(probe, row)?),
            }
        }
        items.groups = groups(&items.probes, &items.clozes)?;
        items.item_of = items_of(&items);
        Ok(items)
    }

    /// Offers type-valid clozes the whole lexicon where every clue stands before the noun.
    pub fn offer(&mut self, nouns: &Nouns) -> Result<()> {
        for cloze in self.clozes.iter().filter(|cloze| cloze.is_final) {
            let probe = &self.probes[cloze.row];
            if probe.set != ProbeSet::TypeValid {
                continue;
            }
            let own = probe.forms.as_deref().unwrap_or_default();
            let gold = nouns.get(probe.language, &own[cloze.gold])?;
            let before = before(&probe.candidates[cloze.gold], cloze.word);
            let others = nouns
                .paradigm(gold)
                .iter()
                .filter(|form| !own.contains(form));
            let sentences = others.map(|form| format!("{before} {form} .").trim_start().to_owned());
            self.beyond.insert(cloze.row, sentences.collect());
        }
        Ok(())
    }

    /// Leaves out B's items that ask for one of these concepts. Their sentences are scored all the same, and as
    /// candidates of other items they stay; nothing is generated for them.
    pub fn leave_out(&mut self, concepts: &BTreeSet<u32>) {
        let Items {
            probes,
            alternatives,
            clozes,
            ..
        } = self;
        let stays = |row: usize| {
            let probe = &probes[row];
            let is_out = probe.concept.is_some_and(|own| concepts.contains(&own));
            probe.language == Language::Majority || !is_out
        };
        clozes.retain(|cloze| stays(cloze.row));
        alternatives.retain(|item| match item.rows {
            AlternativeRows::Single(row) => stays(row),
            AlternativeRows::Crossed(one, other) => stays(one) && stays(other),
        });
    }

    /// The probe behind a cloze.
    pub fn probe(&self, cloze: &Cloze) -> &ProbeRow {
        &self.probes[cloze.row]
    }

    /// Cloze items of one candidate set and condition.
    pub fn clozes_of(&self, set: ProbeSet, condition: Condition) -> impl Iterator<Item = &Cloze> {
        self.clozes.iter().filter(move |cloze| {
            let probe = self.probe(cloze);
            probe.set == set && probe.condition == condition
        })
    }
}

/// The first `count` words of a sentence.
pub fn before(sentence: &str, count: usize) -> String {
    sentence
        .split(' ')
        .take(count)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The item that starts at `row`, or `None` at the second half of a crossed one.
fn alternative(
    probes: &[ProbeRow],
    row: usize,
    row_of: &HashMap<u32, usize>,
) -> Result<Option<Alternative>> {
    let probe = &probes[row];
    let name = probe.probe;
    let found = probe.candidates.len();
    ensure!(
        found == 2,
        "probe {name}: expected 2 candidates, found {found}"
    );
    let rows = match probe.crossed_with {
        None => AlternativeRows::Single(row),
        Some(other_name) => {
            let Some(&other_row) = row_of.get(&other_name) else {
                bail!("probe {name}: crossed with probe {other_name}, which is not there");
            };
            let other = &probes[other_row];
            ensure!(
                other.crossed_with == Some(name) && other_row != row,
                "probe {name}: crossed with probe {other_name}, which is crossed with {:?}",
                other.crossed_with
            );
            ensure!(
                other.set == ProbeSet::Pair,
                "probe {name}: crossed with probe {other_name}, which is no pair"
            );
            ensure!(
                u32::from(probe.gold) + u32::from(other.gold) == 1,
                "probe {name}: crossed with probe {other_name}, whose gold candidate stands in the same place"
            );
            if other_row < row {
                return Ok(None);
            }
            AlternativeRows::Crossed(row, other_row)
        }
    };
    Ok(Some(Alternative {
        rows,
        stage: probe.stage,
        phenomenon: probe.phenomenon.clone(),
        condition: probe.condition,
        concept: probe.concept,
    }))
}

fn cloze(probe: &ProbeRow, row: usize) -> Result<Cloze> {
    let name = probe.probe;
    let forms = probe.forms.as_deref().unwrap_or_default();
    ensure!(
        forms.len() == probe.candidates.len(),
        "probe {name}: {} candidates but {} forms",
        probe.candidates.len(),
        forms.len()
    );
    let gold = usize::from(probe.gold);
    let Some(word) = differing_word(&probe.candidates, forms) else {
        bail!(
            "probe {name}: its candidates are not one sentence with each of its forms in the same place"
        );
    };
    let after = probe.candidates[gold].split(' ').skip(word + 1);
    let is_final = after.eq(["."]);
    Ok(Cloze {
        row,
        gold,
        word,
        is_final,
    })
}

/// The one place, in words, where every candidate has its own form and all else is the same.
fn differing_word(candidates: &[String], forms: &[String]) -> Option<usize> {
    let first: Vec<&str> = candidates.first()?.split(' ').collect();
    let holds = |place: usize| {
        candidates.iter().zip(forms).all(|(candidate, form)| {
            let mut words = candidate.split(' ').enumerate();
            let same = words.all(|(at, word)| {
                if at == place {
                    word == form
                } else {
                    first.get(at) == Some(&word)
                }
            });
            same && candidate.split(' ').count() == first.len()
        })
    };
    (0..first.len()).find(|&place| first[place] == forms[0] && holds(place))
}

/// By row, the lowest probe number of those it is compared with.
fn items_of(items: &Items) -> Vec<u32> {
    let mut item_of: Vec<u32> = items.probes.iter().map(|probe| probe.probe).collect();
    let crossed = items
        .alternatives
        .iter()
        .filter_map(|alternative| match alternative.rows {
            AlternativeRows::Single(_) => None,
            AlternativeRows::Crossed(one, other) => Some(vec![one, other]),
        });
    for rows in crossed.chain(items.groups.iter().cloned()) {
        let first = rows.iter().map(|&row| items.probes[row].probe).min();
        for row in rows {
            item_of[row] = first.unwrap_or_default();
        }
    }
    item_of
}

/// Rows by calibration group. Every row of a group must have the same forms in the same order: a calibrated score
/// subtracts a form's mean over the group.
fn groups(probes: &[ProbeRow], clozes: &[Cloze]) -> Result<Vec<Vec<usize>>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = Default::default();
    for cloze in clozes {
        let probe = &probes[cloze.row];
        let Some(group) = &probe.calibration_group else {
            bail!("probe {}: a cloze without a calibration group", probe.probe);
        };
        groups.entry(group).or_default().push(cloze.row);
    }
    for (group, rows) in &groups {
        let first = &probes[rows[0]];
        if let Some(&row) = rows.iter().find(|&&row| probes[row].forms != first.forms) {
            let (one, other) = (first.probe, probes[row].probe);
            bail!(
                "probes {one} and {other} share the calibration group {group:?} but not their forms"
            );
        }
    }
    Ok(groups.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cloze_row, crossed_rows, pair_row};

    #[test]
    fn rows_become_items() {
        let mut rows = vec![pair_row(0, "order", ["a b .", "b a ."])];
        rows.extend(crossed_rows(
            1,
            "attribute",
            ["x u .", "x v .", "y u .", "y v ."],
        ));
        rows.push(cloze_row(3, "g", "x {} is y .", &["u", "v"], 1));
        rows.push(cloze_row(4, "h", "y is {} .", &["u", "v"], 0));
        let items = Items::new(rows).unwrap();
        let found: Vec<_> = items.alternatives.iter().map(|item| item.rows).collect();
        assert_eq!(
            found,
            [AlternativeRows::Single(0), AlternativeRows::Crossed(1, 2)]
        );
        let found: Vec<_> = items
            .clozes
            .iter()
            .map(|cloze| (cloze.gold, cloze.word, cloze.is_final))
            .collect();
        assert_eq!(found, [(1, 1, false), (0, 2, true)]);
        assert_eq!(items.groups, [vec![3], vec![4]]);
        assert_eq!(items.item_of, [0, 1, 1, 3, 4]);
    }

    /// Concepts: cloze 0 asks for 0, cloze 1 for 1, the same in A for 1; the crossed item is of 0 and 1, the single of 0.
    #[test]
    fn items_of_concepts_are_left_out_in_b_alone() {
        let mut rows = vec![
            cloze_row(0, "g", "x {} .", &["u", "v"], 0),
            cloze_row(1, "g", "y {} .", &["u", "v"], 1),
            cloze_row(2, "h", "z {} .", &["u", "v"], 1),
        ];
        rows[2].language = Language::Majority;
        rows.extend(crossed_rows(3, "c", ["x u .", "x v .", "y u .", "y v ."]));
        rows.push(pair_row(5, "order", ["a b .", "b a ."]));
        for (row, concept) in [(3, 0), (4, 1), (5, 0)] {
            rows[row].concept = Some(concept);
        }
        let mut items = Items::new(rows).unwrap();
        items.leave_out(&BTreeSet::from([1]));
        let clozes: Vec<usize> = items.clozes.iter().map(|cloze| cloze.row).collect();
        assert_eq!(clozes, [0, 2]);
        let alternatives: Vec<_> = items.alternatives.iter().map(|item| item.rows).collect();
        assert_eq!(alternatives, [AlternativeRows::Single(5)]);
        // scored and calibrated as before
        assert_eq!(items.probes.len(), 6);
        assert_eq!(items.groups, [vec![0, 1], vec![2]]);
    }

    fn refusal(rows: Vec<ProbeRow>) -> String {
        Items::new(rows).unwrap_err().to_string()
    }

    #[test]
    fn damaged_probes_are_refused_by_name() {
        let mut lonely = crossed_rows(1, "attribute", ["x u .", "x v .", "y u .", "y v ."]);
        lonely.truncate(1);
        assert_eq!(
            refusal(lonely),
            "probe 1: crossed with probe 2, which is not there"
        );
        let unequal = vec![
            cloze_row(0, "g", "x {} .", &["u", "v"], 0),
            cloze_row(1, "g", "y {} .", &["v", "u"], 0),
        ];
        let mut no_pair = crossed_rows(1, "attribute", ["x u .", "x v .", "y u .", "y v ."]);
        no_pair[1] = ProbeRow {
            crossed_with: Some(1),
            ..cloze_row(2, "g", "y {} .", &["u"], 0)
        };
        assert_eq!(
            refusal(no_pair),
            "probe 1: crossed with probe 2, which is no pair"
        );
        assert!(refusal(unequal).contains("share the calibration group \"g\""));
        let mut beyond = vec![pair_row(7, "order", ["a b .", "b a ."])];
        beyond[0].gold = 2;
        assert_eq!(
            refusal(beyond),
            "probe 7: gold 2 is none of its 2 candidates"
        );
    }
}
