//! What a pair of lexicons turned out to be: distances, identical lemmas, accidental equalities.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::distance::{ldn, ldnd};
use super::divergence::{Diverged, DivergenceConfig};
use super::inflection::{Paradigm, Word};
use super::lexicon::{Entry, Lexicon};
use super::script::Script;
use super::{Category, Inflection};

/// Mean distances between the two languages' forms; `None` where a group is empty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distances {
    /// Mean LDN of base forms over masked lemmas.
    pub ldn_masked: Option<f64>,
    /// Mean LDN of base forms over all unmasked lemmas, function words and affixes included.
    pub ldn_unmasked: Option<f64>,
    /// Mean LDN of base forms over unmasked nouns: what masked lemmas compare with.
    pub ldn_unmasked_nouns: Option<f64>,
    /// Mean LDN over every word form, plurals included.
    pub ldn_all: Option<f64>,
    /// LDND of the base forms of nouns, adjectives and verbs.
    pub ldnd: Option<f64>,
}

/// Lemmas whose two base forms are written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identical {
    /// Masked lemmas with equal forms: the condition `identical`.
    pub masked: u32,
    /// Of how many masked lemmas.
    pub masked_of: u32,
    /// Unmasked lemmas with equal forms.
    pub unmasked: u32,
    /// Of how many unmasked lemmas.
    pub unmasked_of: u32,
}

/// Lexemes that `replacement` gave unrelated forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Replaced masked lexemes.
    pub masked: u32,
    /// Of how many.
    pub masked_of: u32,
    /// Replaced unmasked lexemes.
    pub unmasked: u32,
    /// Of how many.
    pub unmasked_of: u32,
}

/// A B†-form, different from its own concept's A-form, that A's text can hold all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accidental {
    /// The masked concept.
    pub concept: u32,
    /// Which of its forms.
    pub inflection: Inflection,
    /// The B†-form.
    pub form: String,
    /// An A-form that is equal to it or contains it.
    pub majority_form: String,
    /// Whether they are equal; otherwise the B†-form is part of the A-form.
    pub equal: bool,
}

/// Everything measured of a pair of lexicons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Realised {
    /// Before shuffled pairing and script: what the requested distance is held to.
    pub phonological: Distances,
    /// Of the forms as written, concept by concept.
    pub surface: Distances,
    /// Lemmas written alike.
    pub identical: Identical,
    /// Under `replacement`: how many lexemes.
    pub replaced: Option<Replaced>,
    /// Under `correspondence`: each phoneme that changed and what it became.
    pub correspondences: Vec<(char, char)>,
    /// Under shuffled pairing: nouns that are alone in type and mask status and kept their form.
    pub unshuffled_nouns: Option<u32>,
    /// B†-forms (b ≠ a) that are an A-form or part of one, one row for each.
    pub accidental: Vec<Accidental>,
}

impl Realised {
    /// B†-forms that are another A-form.
    pub fn accidentally_equal(&self) -> usize {
        self.accidental
            .iter()
            .filter(|accidental| accidental.equal)
            .count()
    }

    /// B†-forms that are a proper part of an A-form, and equal to none.
    pub fn accidentally_part(&self) -> usize {
        self.accidental.len() - self.accidentally_equal()
    }
}

/// Distances between two languages' words, listed alike.
pub(super) fn distances(paradigm: &Paradigm, a: &[Word], b: &[Word]) -> Distances {
    let forms = |words: &[Word]| {
        words
            .iter()
            .map(|word| word.form.clone())
            .collect::<Vec<_>>()
    };
    let kinds: Vec<Kind> = a.iter().map(|word| Kind::of(paradigm, word)).collect();
    mean_distances(&kinds, &forms(a), &forms(b))
}

/// What decides in which mean a word counts.
struct Kind {
    category: Category,
    masked: bool,
    is_stem: bool,
}

impl Kind {
    fn of(paradigm: &Paradigm, word: &Word) -> Kind {
        let lexeme = paradigm.lexemes[word.lexeme];
        Kind {
            category: lexeme.category,
            masked: lexeme.masked,
            is_stem: word.inflection == lexeme.inflection,
        }
    }
}

fn mean_distances<T: PartialEq>(kinds: &[Kind], a: &[Vec<T>], b: &[Vec<T>]) -> Distances {
    let each: Vec<f64> = a.iter().zip(b).map(|(a, b)| ldn(a, b)).collect();
    let mean = |counts: &dyn Fn(&Kind) -> bool| {
        let counted = kinds.iter().zip(&each).filter(|(kind, _)| counts(kind));
        let (sum, n) = counted.fold((0.0, 0u32), |(sum, n), (_, ldn)| (sum + ldn, n + 1));
        (n > 0).then(|| sum / f64::from(n))
    };
    let is_content = |kind: &Kind| kind.is_stem && kind.category >= Category::Verb;
    let rows: Vec<usize> = (0..kinds.len())
        .filter(|&row| is_content(&kinds[row]))
        .collect();
    let a_content: Vec<&[T]> = rows.iter().map(|&i| a[i].as_slice()).collect();
    let b_content: Vec<&[T]> = rows.iter().map(|&i| b[i].as_slice()).collect();
    Distances {
        ldn_masked: mean(&|kind| kind.is_stem && kind.masked),
        ldn_unmasked: mean(&|kind| kind.is_stem && !kind.masked),
        ldn_unmasked_nouns: mean(&|kind| {
            kind.is_stem && !kind.masked && kind.category == Category::Noun
        }),
        ldn_all: mean(&|_| true),
        ldnd: ldnd(&a_content, &b_content),
    }
}

/// Measures the finished lexicons; `phonological` was measured before pairing and script.
pub(super) fn measure(
    paradigm: &Paradigm,
    majority: &Lexicon,
    minority: &Lexicon,
    phonological: Distances,
    config: &DivergenceConfig,
    diverged: &Diverged,
    unshuffled_nouns: Option<u32>,
) -> Realised {
    let lexemes: BTreeMap<u32, bool> = paradigm
        .lexemes
        .iter()
        .map(|lexeme| (lexeme.concept, lexeme.masked))
        .collect();
    let is_masked = |entry: &Entry| lexemes.get(&entry.concept).copied().unwrap_or(false);
    let kinds: Vec<Kind> = majority
        .entries()
        .iter()
        .map(|entry| Kind {
            category: entry.category,
            masked: is_masked(entry),
            is_stem: entry.inflection != Inflection::Plural || entry.category <= Category::Function,
        })
        .collect();
    let letters = |lexicon: &Lexicon| -> Vec<Vec<char>> {
        lexicon
            .entries()
            .iter()
            .map(|entry| entry.form.chars().collect())
            .collect()
    };
    // Nothing was moved or rewritten: the forms are those already measured.
    let as_diverged = config.script == Script::Shared && !config.shuffled_pairing;
    let surface = if as_diverged {
        phonological
    } else {
        mean_distances(&kinds, &letters(majority), &letters(minority))
    };

    let mut identical = Identical {
        masked: 0,
        masked_of: 0,
        unmasked: 0,
        unmasked_of: 0,
    };
    let pairs = || majority.entries().iter().zip(minority.entries());
    for (kind, (a, b)) in kinds.iter().zip(pairs()).filter(|(kind, _)| kind.is_stem) {
        let equal = u32::from(a.form == b.form);
        let (count, of) = if kind.masked {
            (&mut identical.masked, &mut identical.masked_of)
        } else {
            (&mut identical.unmasked, &mut identical.unmasked_of)
        };
        *count += equal;
        *of += 1;
    }
    let masked_pairs = kinds
        .iter()
        .zip(pairs())
        .filter(|(kind, (a, b))| kind.masked && a.form != b.form);
    Realised {
        phonological,
        surface,
        identical,
        replaced: diverged.replaced,
        correspondences: diverged.correspondences.clone(),
        unshuffled_nouns,
        accidental: accidental(majority, masked_pairs.map(|(_, (_, b))| b)),
    }
}

/// For each of the B†-forms that is an A-form or part of one, an equal A-form or else the first (by concept) that
/// contains it.
pub(super) fn accidental<'a>(
    majority: &Lexicon,
    masked: impl Iterator<Item = &'a Entry>,
) -> Vec<Accidental> {
    let masked: Vec<&Entry> = masked.collect();
    let places: FxHashMap<&str, usize> = masked
        .iter()
        .enumerate()
        .map(|(i, entry)| (entry.form.as_str(), i))
        .collect();
    let mut found: Vec<Option<&Entry>> = vec![None; masked.len()];
    for entry in majority.entries() {
        let ends: Vec<usize> = entry
            .form
            .char_indices()
            .map(|(at, _)| at)
            .chain([entry.form.len()])
            .collect();
        for (i, &start) in ends.iter().enumerate() {
            for &end in &ends[i + 1..] {
                let Some(&place) = places.get(&entry.form[start..end]) else {
                    continue;
                };
                let equal = end - start == entry.form.len();
                if found[place].is_none() || equal {
                    found[place] = Some(entry);
                }
            }
        }
    }
    let row = |(b, a): (&&Entry, Option<&Entry>)| {
        a.map(|a| Accidental {
            concept: b.concept,
            inflection: b.inflection,
            form: b.form.clone(),
            majority_form: a.form.clone(),
            equal: a.form == b.form,
        })
    };
    masked.iter().zip(found).filter_map(row).collect()
}
