//! What B's evaluation sentences may state, read off the sentences; the same whether B's training text states masked
//! lemmas (`mask.stated`) or not.
//!
//! A row is about the noun of its `concept`, which its gold candidate names: that is the row's *place*. In B:
//!
//! - Masked lemmas stand at the place only, and where the row is about one: `concept` and `condition` must both say
//!   so. Where the gold is a seen noun, only `type_valid` sets offer masked ones beside it. A word order that is
//!   wrong may have moved the row's own noun.
//! - No candidate states a held-out cell. In `held_out_*` each states one, of the noun at the place: what is asked.
//!   A wrong candidate of a cloze puts another noun among clues that are not its own, so what is said of that noun is
//!   no clue; everything else is.
//! - What is no sentence has the words of the gold, or fewer, and so says nothing that the gold does not.
//!
//! A's rows are words of A. Leaks are looked for first, then whether rows are what their columns say.

use std::path::Path;

use anyhow::{Result, anyhow};
use corpus::Condition;
use corpus::tables::{Language, ProbeRow, ProbeSet, read_rows};
use rayon::prelude::*;
use world::Side;
use world::concept::Concept;
use world::form::Inflection;
use world::meaning::{Fact, Meaning, Predicate};
use world::ontology::{NounId, TypeId};

use super::{Auditor, Counts, shortened};
use crate::tables;

/// The file.
pub(super) const PROBES: &str = "probes.parquet";

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A masked form, or a held-out fact, where B may not state it.
    Leak(String),
    /// Anything else.
    Wrong(String),
}

/// One candidate, without its full stop.
struct Candidate<'t> {
    words: Vec<&'t str>,
    concepts: Vec<u32>,
    /// None where it is no sentence.
    readings: Vec<Meaning>,
}

/// A row that was read.
struct Item<'t> {
    row: &'t ProbeRow,
    candidates: Vec<Candidate<'t>>,
    /// The noun it is about, if its gold candidate names it, and where.
    about: Option<(NounId, usize)>,
}

impl Item<'_> {
    fn is_gold(&self, candidate: usize) -> bool {
        candidate == usize::from(self.row.gold)
    }

    fn is_cloze(&self) -> bool {
        matches!(self.row.set, ProbeSet::Primary | ProbeSet::TypeValid)
    }
}

impl Auditor<'_> {
    /// Reads every row; rows are numbered as they stand in the file, from 1.
    pub(super) fn probes(&self, path: &Path) -> Result<Counts> {
        let rows: Vec<ProbeRow> = read_rows(path)?;
        let audited: Vec<Result<Counts>> = rows
            .par_iter()
            .enumerate()
            .map(|(index, row)| {
                if index % 1024 == 0 {
                    command::check_interrupt()?;
                }
                let number = index + 1;
                self.probe(row).map_err(|fault| match fault {
                    Fault::Leak(form) => anyhow!("leak: {PROBES} row {number}: {form}"),
                    Fault::Wrong(what) => anyhow!("{PROBES} row {number}: {what}"),
                })
            })
            .collect();
        let mut total = Counts::default();
        for counts in audited {
            total.add(counts?);
        }
        Ok(total)
    }

    /// Reads one row.
    pub(super) fn probe(&self, row: &ProbeRow) -> Result<Counts, Fault> {
        let side = tables::side(row.language);
        let mut counts = Counts {
            rows: 1,
            ..Counts::default()
        };
        let mut candidates = Vec::with_capacity(row.candidates.len());
        for text in &row.candidates {
            let candidate = self.candidate(row.language, text)?;
            if !candidate.readings.is_empty() {
                counts.sentence(side, &candidate.readings);
            }
            candidates.push(candidate);
        }
        let gold = candidates.get(usize::from(row.gold)).ok_or_else(|| {
            Fault::Wrong(format!(
                "gold {} is none of its {} candidates",
                row.gold,
                candidates.len()
            ))
        })?;
        let about = row.concept.and_then(|concept| {
            let place = gold.concepts.iter().position(|&other| other == concept)?;
            Some((self.noun(concept)?, place))
        });
        let item = Item {
            row,
            candidates,
            about,
        };
        if side == Side::Minority {
            self.check_masked(&item)?;
            self.check_cells(&item)?;
        }
        self.check_columns(&item)?;
        Ok(counts)
    }

    fn candidate<'t>(&self, language: Language, text: &'t str) -> Result<Candidate<'t>, Fault> {
        let side = tables::side(language);
        let Some(sentence) = text.strip_suffix(" .") else {
            let text = shortened(text);
            return Err(Fault::Wrong(format!("no full stop at the end: {text}")));
        };
        let words: Vec<&str> = sentence.split(' ').collect();
        let mut concepts = Vec::with_capacity(words.len());
        for &word in &words {
            match self.recogniser(side).concept(word) {
                Some(concept) => concepts.push(concept),
                None if self.masked_forms.contains(word) => {
                    return Err(Fault::Leak(word.to_owned()));
                }
                None => {
                    let word = shortened(word);
                    return Err(Fault::Wrong(format!(
                        "not a word of the {language} language of world.json: {word}"
                    )));
                }
            }
        }
        let readings = self.readings(side, sentence).into_iter();
        Ok(Candidate {
            words,
            concepts,
            readings: readings.map(Meaning::normalised).collect(),
        })
    }

    /// Masked lemmas stand where the row is about them.
    fn check_masked(&self, item: &Item<'_>) -> Result<(), Fault> {
        let condition = item.row.condition;
        let is_about_masked = matches!(condition, Condition::Masked | Condition::Identical);
        let own = item
            .about
            .filter(|&(noun, _)| is_about_masked && self.is_masked(noun));
        let offers_masked = match item.row.set {
            ProbeSet::TypeValid => true,
            ProbeSet::Primary | ProbeSet::Pair => own.is_some(),
            ProbeSet::Ladder => false,
        };
        let place = item.about.map(|(_, place)| place);
        for (index, candidate) in item.candidates.iter().enumerate() {
            let is_gold = item.is_gold(index);
            for (at, &concept) in candidate.concepts.iter().enumerate() {
                let Some(noun) = self.noun(concept).filter(|&noun| self.is_masked(noun)) else {
                    continue;
                };
                let is_own = own.is_some_and(|(own, _)| own == noun);
                let allowed = if place == Some(at) {
                    is_own || (offers_masked && !is_gold)
                } else {
                    is_own && item.row.set == ProbeSet::Pair && !is_gold
                };
                if !allowed {
                    return Err(Fault::Leak(candidate.words[at].to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Held-out cells are stated where they are asked.
    fn check_cells(&self, item: &Item<'_>) -> Result<(), Fault> {
        let row = item.row;
        let asks = |fact: &Fact| {
            let phenomenon = match fact.predicate {
                Predicate::Value(_) => "held_out_attribute",
                Predicate::Relation(..) => "held_out_relation",
            };
            row.set == ProbeSet::Pair && row.phenomenon == phenomenon
        };
        let mut silent = None;
        for (index, candidate) in item.candidates.iter().enumerate() {
            let filler = item
                .about
                .and_then(|(_, place)| candidate.concepts.get(place))
                .and_then(|&concept| self.noun(concept));
            let is_subject = |fact: &Fact| filler == Some(fact.subject);
            let is_object = |fact: &Fact| match fact.predicate {
                Predicate::Relation(_, object) => filler == Some(object),
                Predicate::Value(_) => false,
            };
            let is_no_clue = item.is_cloze() && !item.is_gold(index);
            for reading in &candidate.readings {
                let mut asked = 0;
                for fact in reading.facts.iter().filter(|fact| self.is_held_out(fact)) {
                    if asked == 0 && asks(fact) && is_subject(fact) {
                        asked += 1;
                    } else if !(is_no_clue && (is_subject(fact) || is_object(fact))) {
                        return Err(Fault::Leak(self.tell(fact)));
                    }
                }
                if asked == 0 {
                    silent = Some(index);
                }
            }
        }
        match silent {
            Some(index) if row.phenomenon.starts_with("held_out_") => Err(Fault::Wrong(format!(
                "{}: candidate {index} does not state the cell that is asked",
                row.phenomenon
            ))),
            _ => Ok(()),
        }
    }

    /// The row is what the columns say that the other rules lean on.
    fn check_columns(&self, item: &Item<'_>) -> Result<(), Fault> {
        let Item { row, about, .. } = item;
        let wrong = |what: String| Err(Fault::Wrong(what));
        let gold = &item.candidates[usize::from(row.gold)];
        if gold.readings.is_empty() {
            let gold = shortened(&gold.words.join(" "));
            return wrong(format!(
                "not a sentence of the {} language of world.json: {gold}",
                row.language
            ));
        }
        let expected = match (row.language, about) {
            (Language::Majority, _) => Condition::Majority,
            (Language::Minority, Some((noun, _))) => self.condition(*noun),
            (Language::Minority, None) => {
                return wrong("expected a gold candidate that names its concept".to_owned());
            }
        };
        if row.condition != expected {
            return wrong(format!(
                "condition: expected {expected} by world.json, found {}",
                row.condition
            ));
        }
        let Some((noun, place)) = *about else {
            return Ok(());
        };
        if row.language == Language::Majority {
            return Ok(());
        }
        for (index, candidate) in item.candidates.iter().enumerate() {
            let is_sentence = !candidate.readings.is_empty();
            let filler = self.swapped(gold, candidate, place);
            let fits = match (row.set, filler) {
                (ProbeSet::Primary | ProbeSet::TypeValid, Some(filler)) => {
                    is_sentence && self.kind(filler) == self.kind(noun)
                }
                (ProbeSet::Primary | ProbeSet::TypeValid, None) => false,
                (ProbeSet::Pair, Some(_)) | (ProbeSet::Ladder, _) => is_sentence,
                (ProbeSet::Pair, None) => is_within(&candidate.concepts, &gold.concepts),
            };
            if !fits {
                return Err(self.misfit(index, candidate, noun));
            }
        }
        if let Some(forms) = &row.forms
            && !offers(&item.candidates, forms)
        {
            return wrong("forms: expected the words in which candidates differ".to_owned());
        }
        Ok(())
    }

    /// What stands at the place, where a candidate is the gold one with another noun there.
    fn swapped(
        &self,
        gold: &Candidate<'_>,
        candidate: &Candidate<'_>,
        place: usize,
    ) -> Option<NounId> {
        let mut pairs = gold.words.iter().zip(&candidate.words).enumerate();
        let is_same = gold.words.len() == candidate.words.len()
            && pairs.all(|(at, (one, other))| at == place || one == other);
        let filler = candidate.concepts.get(place).filter(|_| is_same)?;
        self.noun(*filler)
    }

    /// A candidate that is not its gold with another noun or other order; with another masked lemma it is a leak.
    fn misfit(&self, index: usize, candidate: &Candidate<'_>, own: NounId) -> Fault {
        let mut words = candidate.words.iter().zip(&candidate.concepts);
        let masked = words.find(|&(_, &concept)| {
            self.noun(concept)
                .is_some_and(|noun| noun != own && self.is_masked(noun))
        });
        match masked {
            Some((word, _)) => Fault::Leak((*word).to_owned()),
            None => Fault::Wrong(format!(
                "candidate {index} is neither the gold one with another noun nor its words: {}",
                shortened(&candidate.words.join(" "))
            )),
        }
    }

    /// The condition of B's rows about a noun.
    fn condition(&self, noun: NounId) -> Condition {
        let id = self.world.concepts.id(Concept::Noun(noun));
        let form = |side, inflection| self.world.lexicon(side).form(id, inflection);
        let is_identical = [Inflection::Base, Inflection::Plural]
            .into_iter()
            .any(|inflection| {
                let own = form(Side::Minority, inflection);
                own.is_some() && own == form(Side::Majority, inflection)
            });
        match (self.is_masked(noun), is_identical) {
            (false, _) => Condition::Minority,
            (true, true) => Condition::Identical,
            (true, false) => Condition::Masked,
        }
    }

    /// Whether B states nothing of the fact's cell, whoever may be masked.
    pub(super) fn is_held_out(&self, fact: &Fact) -> bool {
        self.world.mask.holds_out_fact(fact, &self.world.ontology)
    }

    fn noun(&self, concept: u32) -> Option<NounId> {
        match self.world.concepts.concept(concept) {
            Some(Concept::Noun(noun)) => Some(noun),
            _ => None,
        }
    }

    fn kind(&self, noun: NounId) -> TypeId {
        self.world.ontology.nouns[noun as usize].kind
    }
}

/// Whether all of `some` are in `all`, each as often.
fn is_within(some: &[u32], all: &[u32]) -> bool {
    let mut left = all.to_vec();
    some.iter().all(|concept| {
        let found = left.iter().position(|other| other == concept);
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

/// Whether the forms stand in the candidates, all at one place.
fn offers(candidates: &[Candidate<'_>], forms: &[String]) -> bool {
    let stands_at = |at: usize| {
        let mut pairs = candidates.iter().zip(forms);
        pairs.all(|(candidate, form)| candidate.words.get(at) == Some(&form.as_str()))
    };
    let n_words = candidates.first().map_or(0, |first| first.words.len());
    forms.len() == candidates.len() && (0..n_words).any(stands_at)
}
