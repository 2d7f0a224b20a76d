//! Correspondence: regular sound change. Some phonemes change, everywhere and each into one other of its class, so that
//! no two merge: a permutation of vowels and one of consonants.
//!
//! Which phonemes change is chosen over all sets of them: the share of changed segments must meet the distance in masked
//! and in unmasked lemmas, and, after that, in unmasked nouns alone and in running text (weighted by expected tokens).
//! Into what they change is drawn, then improved until the real LDN fits and few B-forms are other concepts' A-forms.

use rand::RngExt;
use rustc_hash::FxHashMap;
use seed::{Seed, Stream};

use super::super::Category;
use super::super::inflection::Paradigm;
use super::super::phonotactics::{Class, Classes};
use super::super::stems::Stems;
use super::{AIM, Diverged, Means};

/// Sets of phonemes kept for a closer look.
const CANDIDATES: usize = 32;
/// Stems measured in all while choosing what phonemes change into.
const MEASURED_STEMS: usize = 400_000;

/// B's stems under the best correspondences found; the caller checks how near they came.
pub(super) fn correspond(
    paradigm: &Paradigm,
    majority: &Stems,
    classes: &Classes,
    distance: f64,
    seed: Seed,
) -> Diverged {
    let search = Search::new(paradigm, majority, classes, distance);
    let mut stream = seed.stream("form/correspondence");
    let table = search.run(&mut stream);
    let units = majority
        .units
        .iter()
        .map(|unit| apply(&table, unit))
        .collect();
    let changed = (b'a'..=b'z').filter(|&letter| table.get(letter) != letter);
    Diverged {
        stems: Stems {
            units,
            parts: majority.parts.clone(),
        },
        correspondences: changed
            .map(|letter| (letter as char, table.get(letter) as char))
            .collect(),
        replaced: None,
    }
}

/// What each letter becomes.
#[derive(Debug, Clone, PartialEq)]
struct Table([u8; 26]);

impl Table {
    fn identity() -> Table {
        Table(std::array::from_fn(|i| b'a' + i as u8))
    }

    fn get(&self, letter: u8) -> u8 {
        self.0[usize::from(letter - b'a')]
    }

    fn set(&mut self, letter: u8, becomes: u8) {
        self.0[usize::from(letter - b'a')] = becomes;
    }
}

fn apply(table: &Table, form: &[u8]) -> Vec<u8> {
    form.iter().map(|&letter| table.get(letter)).collect()
}

/// A letter's share of the segments: mean over lemmas of its count / length; in running text, by tokens.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    masked: f64,
    unmasked: f64,
    unmasked_nouns: f64,
    tokens: f64,
}

impl Shares {
    fn plus(self, other: Shares, times: f64) -> Shares {
        Shares {
            masked: self.masked + times * other.masked,
            unmasked: self.unmasked + times * other.unmasked,
            unmasked_nouns: self.unmasked_nouns + times * other.unmasked_nouns,
            tokens: self.tokens + times * other.tokens,
        }
    }
}

/// A set of changing phonemes as bits over [`Search::letters`], and how badly it fits.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    set: u32,
    misfit: f64,
}

/// How badly a table fits, worst first: the worse group's deviation beyond the aim, then stems that are another
/// lexeme's A-form, of masked and of all lexemes.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Misfit {
    deviation: f64,
    masked_friends: usize,
    friends: usize,
}

impl Misfit {
    fn is_near(self) -> bool {
        self.deviation <= 0.0
    }
}

struct Search<'a> {
    paradigm: &'a Paradigm<'a>,
    distance: f64,
    stems: Vec<Vec<u8>>,
    owner: FxHashMap<Vec<u8>, usize>,
    /// Letters that have another of their class: vowels, then consonants.
    letters: Vec<u8>,
    shares: Vec<Shares>,
    n_vowels: usize,
}

impl<'a> Search<'a> {
    fn new(paradigm: &'a Paradigm<'a>, majority: &Stems, classes: &Classes, distance: f64) -> Self {
        let of_class = |class| {
            let letters = classes.letters(class).iter().map(|&(letter, _)| letter);
            letters
                .filter(|&letter| classes.replaceable(letter))
                .collect::<Vec<u8>>()
        };
        let mut letters = of_class(Class::Vowel);
        let n_vowels = letters.len();
        letters.extend(of_class(Class::Consonant));
        let stems = majority.spell();
        let owner = stems
            .iter()
            .cloned()
            .enumerate()
            .map(|(lexeme, stem)| (stem, lexeme))
            .collect();
        Search {
            paradigm,
            distance,
            shares: shares(paradigm, &stems, &letters),
            stems,
            owner,
            letters,
            n_vowels,
        }
    }

    fn run(&self, stream: &mut Stream) -> Table {
        let candidates = self.candidates();
        let budget = (MEASURED_STEMS / self.stems.len().max(1)).clamp(CANDIDATES, 512);
        let mut table = Table::identity();
        let mut least = self.misfit(&table);
        for (round, candidate) in candidates.iter().cycle().take(budget / 2).enumerate() {
            let other = self.draw(candidate.set, stream);
            let misfit = self.misfit(&other);
            if round == 0 || misfit < least {
                (least, table) = (misfit, other);
            }
            if least.is_near() && (least.friends == 0 || round >= budget / 8) {
                break;
            }
        }
        for _ in 0..budget / 2 {
            if least.is_near() {
                break;
            }
            if let Some(other) = self.swap_two(&table, stream) {
                let misfit = self.misfit(&other);
                if misfit <= least {
                    (least, table) = (misfit, other);
                }
            }
        }
        table
    }

    /// The sets of phonemes that fit best, best first: all sets are tried, in Gray code order so that each differs from
    /// the one before by one letter. A class changes in at least two phonemes or not at all.
    fn candidates(&self) -> Vec<Candidate> {
        let vowels = (1u32 << self.n_vowels) - 1;
        let mut best: Vec<Candidate> = Vec::new();
        let mut sum = Shares::default();
        let mut set = 0u32;
        let mut number = 0u32;
        loop {
            let (v, c) = ((set & vowels).count_ones(), (set & !vowels).count_ones());
            if v != 1 && c != 1 {
                let misfit = self.shares_misfit(sum);
                if best.len() < CANDIDATES || misfit < best[best.len() - 1].misfit {
                    let at = best.partition_point(|candidate| candidate.misfit <= misfit);
                    best.insert(at, Candidate { set, misfit });
                    best.truncate(CANDIDATES);
                }
            }
            number += 1;
            if number == 1 << self.letters.len() {
                return best;
            }
            let flipped = number.trailing_zeros() as usize;
            set ^= 1 << flipped;
            let times = if set & 1 << flipped != 0 { 1.0 } else { -1.0 };
            sum = sum.plus(self.shares[flipped], times);
        }
    }

    fn shares_misfit(&self, changed: Shares) -> f64 {
        let off = |share: f64| (share - self.distance).abs();
        let (masked, unmasked) = (off(changed.masked), off(changed.unmasked));
        // Within the aim the two that are promised weigh as much as the rest; beyond it they decide.
        let beyond = (masked - AIM).max(0.0) + (unmasked - AIM).max(0.0);
        masked
            + unmasked
            + 20.0 * beyond
            + 0.5 * off(changed.unmasked_nouns)
            + 0.25 * off(changed.tokens)
    }

    /// A table that changes exactly the letters of `set`: in each class one random cycle through all of them.
    fn draw(&self, set: u32, stream: &mut Stream) -> Table {
        let mut table = Table::identity();
        let chosen = |range: std::ops::Range<usize>| {
            range
                .filter(|&bit| set & 1 << bit != 0)
                .map(|bit| self.letters[bit])
                .collect::<Vec<u8>>()
        };
        for letters in [
            chosen(0..self.n_vowels),
            chosen(self.n_vowels..self.letters.len()),
        ] {
            let mut images = letters.clone();
            for i in (1..images.len()).rev() {
                images.swap(i, stream.random_range(0..i));
            }
            for (&letter, &image) in letters.iter().zip(&images) {
                table.set(letter, image);
            }
        }
        table
    }

    /// The table with what two changing letters of a class become exchanged, if neither then stays itself.
    fn swap_two(&self, table: &Table, stream: &mut Stream) -> Option<Table> {
        let x = stream.random_range(0..self.letters.len());
        let class = if x < self.n_vowels {
            0..self.n_vowels
        } else {
            self.n_vowels..self.letters.len()
        };
        let (x, y) = (self.letters[x], self.letters[stream.random_range(class)]);
        let (to_x, to_y) = (table.get(x), table.get(y));
        let both_change = to_x != x && to_y != y && x != y;
        (both_change && to_x != y && to_y != x).then(|| {
            let mut other = table.clone();
            other.set(x, to_y);
            other.set(y, to_x);
            other
        })
    }

    fn misfit(&self, table: &Table) -> Misfit {
        let changed: Vec<Vec<u8>> = self.stems.iter().map(|stem| apply(table, stem)).collect();
        let means = Means::of(self.paradigm, &self.stems, &changed);
        let mut misfit = Misfit {
            deviation: (means.deviation(self.distance) - AIM).max(0.0),
            masked_friends: 0,
            friends: 0,
        };
        for (lexeme, form) in changed.iter().enumerate() {
            if self.owner.get(form).is_some_and(|&owner| owner != lexeme) {
                misfit.friends += 1;
                misfit.masked_friends += usize::from(self.paradigm.lexemes[lexeme].masked);
            }
        }
        misfit
    }
}

fn shares(paradigm: &Paradigm, stems: &[Vec<u8>], letters: &[u8]) -> Vec<Shares> {
    let mut shares = [Shares::default(); 26];
    let mut total = Shares::default();
    for (lexeme, stem) in paradigm.lexemes.iter().zip(stems) {
        let one = |yes: bool| f64::from(u8::from(yes));
        let weight = Shares {
            masked: one(lexeme.masked),
            unmasked: one(!lexeme.masked),
            unmasked_nouns: one(!lexeme.masked && lexeme.category == Category::Noun),
            tokens: lexeme.tokens.max(0.0) * stem.len() as f64,
        };
        total = total.plus(weight, 1.0);
        for &letter in stem {
            let share = &mut shares[usize::from(letter - b'a')];
            *share = share.plus(weight, 1.0 / stem.len() as f64);
        }
    }
    let of = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let normalised = |&letter: &u8| {
        let share = shares[usize::from(letter - b'a')];
        Shares {
            masked: of(share.masked, total.masked),
            unmasked: of(share.unmasked, total.unmasked),
            unmasked_nouns: of(share.unmasked_nouns, total.unmasked_nouns),
            tokens: of(share.tokens, total.tokens),
        }
    };
    letters.iter().map(normalised).collect()
}
