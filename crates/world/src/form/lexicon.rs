//! A lexicon: the form of every concept and inflection in one language.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::inflection::{Paradigm, Word};
use super::script::Script;
use super::{Category, Inflection};

/// One form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The concept that it expresses.
    pub concept: u32,
    /// Its word class.
    pub category: Category,
    /// Which form of the concept.
    pub inflection: Inflection,
    /// The written form, one character a phoneme.
    pub form: String,
}

/// The forms of one language, ordered by concept and inflection; each form stands once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Lexicon {
    entries: Vec<Entry>,
}

impl From<Vec<Entry>> for Lexicon {
    fn from(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| (entry.concept, entry.inflection));
        Lexicon { entries }
    }
}

impl From<Lexicon> for Vec<Entry> {
    fn from(lexicon: Lexicon) -> Self {
        lexicon.entries
    }
}

impl Lexicon {
    pub(super) fn of(paradigm: &Paradigm, words: &[Word], script: Script) -> Self {
        let entry = |word: &Word| Entry {
            concept: paradigm.lexemes[word.lexeme].concept,
            category: paradigm.lexemes[word.lexeme].category,
            inflection: word.inflection,
            form: script.write(&word.form),
        };
        words.iter().map(entry).collect::<Vec<_>>().into()
    }

    /// Every entry, by concept and inflection.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of a concept and inflection, if there is one.
    pub fn get(&self, concept: u32, inflection: Inflection) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by_key(&(concept, inflection), |entry| {
                (entry.concept, entry.inflection)
            });
        at.ok().map(|at| &self.entries[at])
    }

    /// The form of a concept and inflection, if there is one.
    pub fn form(&self, concept: u32, inflection: Inflection) -> Option<&str> {
        self.get(concept, inflection)
            .map(|entry| entry.form.as_str())
    }

    /// Entries by their form: what a word of a text stands for.
    pub fn by_form(&self) -> FxHashMap<&str, &Entry> {
        self.entries
            .iter()
            .map(|entry| (entry.form.as_str(), entry))
            .collect()
    }
}
