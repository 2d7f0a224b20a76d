//! Substitution: each unit (lemma, or morpheme of compounds) gets its quota of segments substituted, each by another of
//! its class, drawn by the weight that phonemes have in the inventory.
//!
//! Letters are redrawn where they make two B-forms equal, where the edits align so that the Levenshtein distance falls
//! short of their number (abab → baba: four edits, distance 2), and, as far as there is room, where a B-form would be
//! another concept's A-form. What distance is still missing after that goes back into the quota.

use rand::seq::SliceRandom;
use rustc_hash::FxHashMap;
use seed::{Seed, Stream};

use super::super::distance::levenshtein;
use super::super::inflection::Paradigm;
use super::super::phonotactics::Classes;
use super::super::stems::Stems;
use super::super::{DivergenceKind, FormError};
use super::quota::{self, Targets};
use super::{AIM, Means};

/// Rounds of correcting the quota by what the distance turned out to be.
const ROUNDS: u32 = 6;
/// Spellings tried for a unit each time it is drawn.
const SPELLINGS: u32 = 24;
/// Passes over the units that still clash or fall short.
const REPAIRS: u64 = 40;

/// B's stems: the best of a few rounds, by unique forms first, then nearness to `distance`.
pub(super) fn substitute(
    paradigm: &Paradigm,
    majority: &Stems,
    classes: &Classes,
    distance: f64,
    seed: Seed,
) -> Result<Stems, FormError> {
    let capacity: Vec<u32> = majority
        .units
        .iter()
        .map(|unit| sites(unit, classes).len() as u32)
        .collect();
    let spelled = majority.spell();
    let mut targets = Targets {
        masked: distance,
        unmasked: distance,
    };
    let mut best: Option<(usize, f64, Stems)> = None;
    for round in 0..ROUNDS {
        let edits = quota::edits(paradigm, majority, &capacity, targets, seed);
        let mut spelling = Spelling::new(paradigm, majority, classes, edits);
        spelling.run(seed, round);
        let clashes = spelling.clashes();
        let stems = spelling.minority;
        let means = Means::of(paradigm, &spelled, &stems.spell());
        let deviation = means.deviation(distance);
        if best
            .as_ref()
            .is_none_or(|&(c, d, _)| (clashes, deviation) < (c, d))
        {
            best = Some((clashes, deviation, stems));
        }
        if clashes == 0 && deviation <= AIM {
            break;
        }
        let correct = |target: f64, mean: Option<f64>| {
            (target + distance - mean.unwrap_or(distance)).clamp(0.0, 1.0)
        };
        targets.masked = correct(targets.masked, means.masked);
        targets.unmasked = correct(targets.unmasked, means.unmasked);
    }
    let (clashes, _, stems) = best.expect("there is at least one round");
    if clashes == 0 {
        Ok(stems)
    } else {
        Err(clash_error(paradigm, &stems, clashes, distance))
    }
}

fn clash_error(paradigm: &Paradigm, stems: &Stems, clashes: usize, distance: f64) -> FormError {
    let words = paradigm.words(&stems.spell());
    let mut seen = FxHashMap::default();
    let twice = words
        .iter()
        .find(|word| seen.insert(&word.form, ()).is_some());
    FormError::NoUniqueForms {
        kind: DivergenceKind::Substitution,
        distance,
        clashes,
        forms: words.len(),
        form: twice
            .map(|word| String::from_utf8_lossy(&word.form).into_owned())
            .unwrap_or_default(),
        concept: twice.map_or(0, |word| paradigm.lexemes[word.lexeme].concept),
    }
}

/// The places of a unit whose letter has another of its class.
fn sites(unit: &[u8], classes: &Classes) -> Vec<usize> {
    (0..unit.len())
        .filter(|&site| classes.replaceable(unit[site]))
        .collect()
}

/// What is wrong with a spelling, worst first: equal B-forms, lost distance, B-forms that are another's A-form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Faults {
    clashes: u32,
    lost_edits: u32,
    false_friends: u32,
}

/// The state of the search: B's units as spelled so far (A's, to begin with) and every word form that they make.
struct Spelling<'a> {
    paradigm: &'a Paradigm<'a>,
    majority: &'a Stems,
    minority: Stems,
    classes: &'a Classes,
    edits: Vec<u32>,
    /// By unit: lexemes whose stem contains it, and lexemes whose plural ends in it.
    in_stem: Vec<Vec<usize>>,
    in_plural: Vec<Vec<usize>>,
    /// Word forms of B and how many lexemes and inflections have them.
    forms: FxHashMap<Vec<u8>, u32>,
    /// Word forms of A and their lexeme.
    majority_forms: FxHashMap<Vec<u8>, usize>,
}

impl<'a> Spelling<'a> {
    fn new(
        paradigm: &'a Paradigm<'a>,
        majority: &'a Stems,
        classes: &'a Classes,
        edits: Vec<u32>,
    ) -> Self {
        let mut in_stem = vec![Vec::new(); majority.units.len()];
        let mut in_plural = vec![Vec::new(); majority.units.len()];
        for (lexeme, parts) in majority.parts.iter().enumerate() {
            for unit in parts.iter() {
                in_stem[unit].push(lexeme);
            }
            if let Some(affix) = paradigm.plural_affix(lexeme) {
                in_plural[majority.parts[affix].first as usize].push(lexeme);
            }
        }
        let words = paradigm.words(&majority.spell());
        let mut forms = FxHashMap::default();
        for word in &words {
            *forms.entry(word.form.clone()).or_default() += 1;
        }
        Spelling {
            paradigm,
            majority,
            minority: majority.clone(),
            classes,
            edits,
            in_stem,
            in_plural,
            forms,
            majority_forms: words
                .into_iter()
                .map(|word| (word.form, word.lexeme))
                .collect(),
        }
    }

    fn run(&mut self, seed: Seed, round: u32) {
        let round = u64::from(round) << 48;
        for unit in 0..self.majority.units.len() {
            let mut stream = seed.stream_at("form/substitution/letters", round | unit as u64);
            self.spell(unit, false, &mut stream);
        }
        for repair in 0..REPAIRS {
            let bad: Vec<usize> = (0..self.majority.units.len())
                .filter(|&unit| self.edits[unit] > 0 && self.is_bad(unit))
                .collect();
            if bad.is_empty() {
                return;
            }
            for unit in bad {
                let index = round | (repair + 1) << 40 | unit as u64;
                let mut stream = seed.stream_at("form/substitution/letters", index);
                self.spell(unit, true, &mut stream);
            }
        }
    }

    /// Draws a unit's letters: the best of a few spellings, the present one among them if `keep`.
    fn spell(&mut self, unit: usize, keep: bool, stream: &mut Stream) {
        if self.edits[unit] == 0 {
            return;
        }
        let original = &self.majority.units[unit];
        let mut sites = sites(original, self.classes);
        self.withdraw(unit);
        let mut best = keep.then(|| {
            let faults = self.enter(unit);
            self.withdraw(unit);
            (faults, self.minority.units[unit].clone())
        });
        for spelling in 0..SPELLINGS {
            if spelling % 4 == 0 {
                sites.shuffle(stream);
            }
            let mut letters = original.clone();
            for (rank, &site) in sites.iter().enumerate() {
                // Drawn for every site, so that a larger quota changes more sites and not others.
                let letter = self.classes.another(original[site], stream);
                if (rank as u32) < self.edits[unit] {
                    letters[site] = letter;
                }
            }
            self.minority.units[unit].clone_from(&letters);
            let faults = self.enter(unit);
            if faults == Faults::default() {
                return;
            }
            self.withdraw(unit);
            if best.as_ref().is_none_or(|&(least, _)| faults <= least) {
                best = Some((faults, letters));
            }
        }
        if let Some((_, letters)) = best {
            self.minority.units[unit] = letters;
        }
        self.enter(unit);
    }

    /// Calls `visit` with every word form that contains the unit, its lexeme, and whether the unit is in the stem.
    fn visit(&self, unit: usize, mut visit: impl FnMut(Vec<u8>, usize, bool)) {
        for &lexeme in &self.in_stem[unit] {
            let stem = self.minority.stem(lexeme);
            if let Some(affix) = self.paradigm.plural_affix(lexeme) {
                visit(
                    [stem.as_slice(), &self.minority.stem(affix)].concat(),
                    lexeme,
                    true,
                );
            }
            visit(stem, lexeme, true);
        }
        for &lexeme in &self.in_plural[unit] {
            let plural = [
                self.minority.stem(lexeme),
                self.minority.units[unit].clone(),
            ]
            .concat();
            visit(plural, lexeme, false);
        }
    }

    fn withdraw(&mut self, unit: usize) {
        let mut forms = std::mem::take(&mut self.forms);
        self.visit(unit, |form, _, _| {
            if let Some(count) = forms.get_mut(&form) {
                *count -= 1;
            }
        });
        self.forms = forms;
    }

    /// Enters the unit's word forms and says what is wrong with them.
    fn enter(&mut self, unit: usize) -> Faults {
        let mut forms = std::mem::take(&mut self.forms);
        let mut faults = Faults::default();
        self.visit(unit, |form, lexeme, in_stem| {
            let other = self
                .majority_forms
                .get(&form)
                .is_some_and(|&owner| owner != lexeme);
            faults.false_friends += u32::from(in_stem && other);
            let count = forms.entry(form).or_default();
            faults.clashes += u32::from(*count > 0);
            *count += 1;
        });
        self.forms = forms;
        for &lexeme in &self.in_stem[unit] {
            faults.lost_edits += self.lost_edits(lexeme);
        }
        faults
    }

    /// Substituted segments of a stem less its Levenshtein distance.
    fn lost_edits(&self, lexeme: usize) -> u32 {
        let (a, b) = (self.majority.stem(lexeme), self.minority.stem(lexeme));
        let substituted = a.iter().zip(&b).filter(|(x, y)| x != y).count();
        (substituted - levenshtein(&a, &b)) as u32
    }

    fn is_bad(&self, unit: usize) -> bool {
        let mut bad = self.in_stem[unit]
            .iter()
            .any(|&lexeme| self.lost_edits(lexeme) > 0);
        self.visit(unit, |form, _, _| {
            bad |= self.forms.get(&form).is_some_and(|&count| count > 1)
        });
        bad
    }

    /// Word forms that equal another.
    fn clashes(&self) -> usize {
        self.forms
            .values()
            .map(|&count| count.saturating_sub(1) as usize)
            .sum()
    }
}
