//! Replacement: a share of the lexemes gets unrelated new forms, drawn from the same phonotactics; the rest stays as in
//! A. A control without shared structure in what diverges.
//!
//! Replaced compounds are made of a second inventory of morphemes, each standing for one of A's, so that they are
//! compounds still. No new form is any A-form.

use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;
use seed::Seed;

use super::super::inflection::Paradigm;
use super::super::realised::Replaced;
use super::super::stems::{Coinage, Parts, Stems, VAIN_DRAWS};
use super::super::{Category, FormConfig, FormError};
use super::Diverged;

/// Replaces round(share · n) of the masked and of the unmasked lexemes, the latter divided over categories by largest
/// remainder. Which ones is one random order, so a larger share replaces what a smaller one does and more.
pub(super) fn replace(
    paradigm: &Paradigm,
    majority: &Stems,
    form: &FormConfig,
    share: f64,
    seed: Seed,
) -> Result<Diverged, FormError> {
    let replaced = choose(paradigm, share, seed);
    let mut stems = majority.clone();
    let mut coinage = Coinage::new(form);
    let majority_stems = majority.spell();
    for word in paradigm.words(&majority_stems) {
        coinage.take(&word.form, None);
    }

    let mut new_nouns: Option<Vec<Parts>> = None;
    let mut coined = 0;
    let wanted = replaced.iter().filter(|&&replaced| replaced).count();
    for lexeme in (0..paradigm.len()).filter(|&lexeme| replaced[lexeme]) {
        let category = paradigm.lexemes[lexeme].category;
        let affix = paradigm.affix(category).map(|affix| stems.stem(affix));
        if category == Category::Noun && form.compounds.is_some() {
            let parts = match &new_nouns {
                Some(parts) => parts,
                None => new_nouns.insert(compounds(
                    paradigm,
                    &mut stems,
                    form,
                    affix.as_deref(),
                    &mut coinage,
                    seed,
                )?),
            };
            stems.parts[lexeme] = parts[lexeme - paradigm.range(category).start];
            continue;
        }
        let counts = form.syllables.of(category);
        let mut stream = seed.stream_at("form/replacement/form", lexeme as u64);
        let new = loop {
            let new = coinage.coin(category.name(), counts, 1, affix.as_deref(), &mut stream);
            let new = new
                .map_err(|error| error.among(coined, wanted))?
                .swap_remove(0);
            // A new affix must not turn a kept stem into another word.
            if category != Category::Affix
                || coinage.take_all(plurals(paradigm, lexeme, &majority_stems, &new))
            {
                break new;
            }
        };
        stems.units[stems.parts[lexeme].first as usize] = new;
        coined += 1;
    }

    let count = |masked: bool, only_replaced: bool| {
        let of_group = (0..paradigm.len()).filter(|&i| paradigm.lexemes[i].masked == masked);
        of_group.filter(|&i| replaced[i] || !only_replaced).count() as u32
    };
    Ok(Diverged {
        stems,
        correspondences: Vec::new(),
        replaced: Some(Replaced {
            masked: count(true, true),
            masked_of: count(true, false),
            unmasked: count(false, true),
            unmasked_of: count(false, false),
        }),
    })
}

/// A's stems with a new affix, for every lexeme that takes it.
fn plurals(paradigm: &Paradigm, affix: usize, stems: &[Vec<u8>], new: &[u8]) -> Vec<Vec<u8>> {
    let takes_it =
        (0..paradigm.len()).filter(|&lexeme| paradigm.plural_affix(lexeme) == Some(affix));
    takes_it
        .map(|lexeme| [stems[lexeme].as_slice(), new].concat())
        .collect()
}

/// Whether each lexeme is replaced.
fn choose(paradigm: &Paradigm, share: f64, seed: Seed) -> Vec<bool> {
    let mut order: Vec<usize> = (0..paradigm.len()).collect();
    order.shuffle(&mut seed.stream("form/replacement/order"));
    let stratum = |masked: bool, category: Option<Category>| -> Vec<usize> {
        let belongs = |&&lexeme: &&usize| {
            let lexeme = paradigm.lexemes[lexeme];
            lexeme.masked == masked && category.is_none_or(|category| lexeme.category == category)
        };
        order.iter().filter(belongs).copied().collect()
    };
    let mut replaced = vec![false; paradigm.len()];
    for strata in [
        vec![stratum(true, None)],
        Category::ALL
            .map(|category| stratum(false, Some(category)))
            .to_vec(),
    ] {
        let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
        for (stratum, count) in strata.iter().zip(apportion(&sizes, share)) {
            for &lexeme in &stratum[..count] {
                replaced[lexeme] = true;
            }
        }
    }
    replaced
}

/// round(share · Σ sizes) divided over strata by largest remainder (first stratum first among equals).
fn apportion(sizes: &[usize], share: f64) -> Vec<usize> {
    let total = libm::round(share * sizes.iter().sum::<usize>() as f64) as usize;
    let exact: Vec<f64> = sizes.iter().map(|&size| share * size as f64).collect();
    let mut counts: Vec<usize> = exact
        .iter()
        .map(|&exact| libm::floor(exact) as usize)
        .collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by(|&i, &j| {
        (exact[j] - libm::floor(exact[j])).total_cmp(&(exact[i] - libm::floor(exact[i])))
    });
    let missing = total.saturating_sub(counts.iter().sum());
    for &stratum in by_remainder.iter().filter(|&&i| sizes[i] > 0).take(missing) {
        counts[stratum] = (counts[stratum] + 1).min(sizes[stratum]);
    }
    counts
}

/// A second inventory of morphemes, appended to the units, and every noun's parts in it. Morphemes are redrawn until
/// no noun so made equals another word.
fn compounds(
    paradigm: &Paradigm,
    stems: &mut Stems,
    form: &FormConfig,
    affix: Option<&[u8]>,
    coinage: &mut Coinage,
    seed: Seed,
) -> Result<Vec<Parts>, FormError> {
    let nouns = paradigm.range(Category::Noun);
    let old: Vec<usize> = {
        let mut units: Vec<usize> = stems.parts[nouns.clone()]
            .iter()
            .flat_map(|parts| parts.iter())
            .collect();
        units.sort_unstable();
        units.dedup();
        units
    };
    let mut morphemes = Coinage::new(form);
    for &unit in &old {
        morphemes.take(&stems.units[unit], None);
    }
    let mut stream = seed.stream("form/replacement/morphemes");
    let counts = &form.syllables.morpheme;
    let mut new = morphemes.coin("morpheme", counts, old.len(), None, &mut stream)?;
    let place = |unit: u32| old.binary_search(&(unit as usize)).unwrap_or_default();
    let old_parts = stems.parts[nouns].to_vec();
    for _ in 0..VAIN_DRAWS {
        let mut seen = FxHashSet::default();
        let clash = old_parts.iter().find(|parts| {
            let noun = parts
                .iter()
                .flat_map(|unit| new[place(unit as u32)].clone())
                .collect::<Vec<u8>>();
            let plural = affix.map(|affix| [noun.as_slice(), affix].concat());
            let mut words = [Some(noun), plural].into_iter().flatten();
            words.any(|word| coinage.is_used(&word) || !seen.insert(word))
        });
        let Some(&clash) = clash else {
            let first = stems.units.len() as u32;
            coinage.take_all(seen.into_iter().collect());
            stems.units.append(&mut new);
            let renamed = |unit: u32| first + place(unit) as u32;
            let parts = old_parts.iter().map(|parts| Parts {
                first: renamed(parts.first),
                second: parts.second.map(renamed),
            });
            return Ok(parts.collect());
        };
        let redrawn = morphemes.coin("morpheme", counts, 1, None, &mut stream)?;
        new[place(clash.second.unwrap_or(clash.first))] = redrawn.concat();
    }
    Err(FormError::TooFewForms {
        what: "compound",
        wanted: old_parts.len(),
        found: 0,
        at_most: form.phonotactics.most_words(counts).saturating_pow(2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// share .3 of 10, 7, 3: exact 3, 2.1, 0.9; total 6; floors 3, 2, 0; the missing one to the remainder .9.
    #[test]
    fn apportions_by_largest_remainder() {
        assert_eq!(apportion(&[10, 7, 3], 0.3), [3, 2, 1]);
        assert_eq!(apportion(&[10, 7, 3], 0.0), [0, 0, 0]);
        assert_eq!(apportion(&[10, 7, 3], 1.0), [10, 7, 3]);
        assert_eq!(apportion(&[0, 5], 0.5), [0, 3]); // 2.5 rounds away from 0
    }
}
