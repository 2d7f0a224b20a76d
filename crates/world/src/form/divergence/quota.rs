//! Edit quotas: how many substitutions each unit gets, so that masked and unmasked lemmas each meet their mean LDN.
//!
//! The segments of each stratum (masked nouns, unmasked nouns, adjectives …) stand in one random order that does not
//! depend on the distance, and the first of them are edited: nearly nested, a larger distance editing what a smaller
//! one does and more. An edit on a unit moves the sum of LDN by Σ 1/|lemma| over the lemmas that contain it.

use rand::RngExt;
use rand::seq::SliceRandom;
use seed::{Seed, Stream};

use super::super::Category;
use super::super::inflection::Paradigm;
use super::super::stems::Stems;

/// Requested mean LDN by group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Targets {
    pub(super) masked: f64,
    pub(super) unmasked: f64,
}

/// What one edit on each unit adds to the sum of LDN over masked and over unmasked lemmas.
struct Effects {
    masked: Vec<f64>,
    unmasked: Vec<f64>,
}

/// Proposals of the search that trues up the two means after dealing.
const PROPOSALS: u32 = 50_000;

/// Edits by unit, at most `capacity` of each.
pub(super) fn edits(
    paradigm: &Paradigm,
    stems: &Stems,
    capacity: &[u32],
    targets: Targets,
    seed: Seed,
) -> Vec<u32> {
    let mut stream = seed.stream("form/substitution/quota");
    let mut order: Vec<usize> = Vec::new();
    for (unit, &capacity) in capacity.iter().enumerate() {
        order.extend((0..capacity).map(|_| unit));
    }
    order.shuffle(&mut stream);

    let mut effects = Effects {
        masked: vec![0.0; stems.units.len()],
        unmasked: vec![0.0; stems.units.len()],
    };
    let mut category_of = vec![Category::Affix; stems.units.len()];
    for (lexeme, parts) in paradigm.lexemes.iter().zip(&stems.parts) {
        let length: usize = parts.iter().map(|unit| stems.units[unit].len()).sum();
        let effect = if lexeme.masked {
            &mut effects.masked
        } else {
            &mut effects.unmasked
        };
        for unit in parts.iter() {
            effect[unit] += 1.0 / length as f64;
            category_of[unit] = lexeme.category;
        }
    }

    let mut edits = vec![0; stems.units.len()];
    // What the strata dealt so far have above their share; the next stratum makes up for it.
    let mut above = 0.0;
    for category in Category::ALL {
        let lemmas = &paradigm.lexemes[paradigm.range(category)];
        let masked = lemmas.iter().filter(|lexeme| lexeme.masked).count() as f64;
        let unmasked = lemmas.len() as f64 - masked;
        let of_category = |&&unit: &&usize| category_of[unit] == category;
        let shared = |unit: usize| effects.masked[unit] > 0.0 && effects.unmasked[unit] > 0.0;
        if (0..stems.units.len()).any(|unit| category_of[unit] == category && shared(unit)) {
            let effect = |unit: usize| effects.masked[unit] + effects.unmasked[unit];
            let wanted = masked * targets.masked + unmasked * targets.unmasked;
            deal(order.iter().filter(of_category), effect, wanted, &mut edits);
        } else {
            deal(
                order.iter().filter(of_category),
                |unit| effects.masked[unit],
                masked * targets.masked,
                &mut edits,
            );
            let wanted = unmasked * targets.unmasked - above;
            above = deal(
                order.iter().filter(of_category),
                |unit| effects.unmasked[unit],
                wanted,
                &mut edits,
            );
        }
    }
    let nouns: Vec<usize> = (0..stems.units.len())
        .filter(|&unit| category_of[unit] == Category::Noun)
        .collect();
    true_up(
        paradigm,
        &effects,
        &nouns,
        capacity,
        targets,
        &mut edits,
        &mut stream,
    );
    edits
}

/// Edits the sites of `order` that have an effect until their sum is as near to `wanted` as it comes; returns how far
/// above it ended.
fn deal<'a>(
    order: impl Iterator<Item = &'a usize>,
    effect: impl Fn(usize) -> f64,
    wanted: f64,
    edits: &mut [u32],
) -> f64 {
    let mut sum = 0.0;
    for &unit in order.filter(|&&unit| effect(unit) > 0.0) {
        if sum + effect(unit) / 2.0 > wanted {
            break;
        }
        sum += effect(unit);
        edits[unit] += 1;
    }
    sum - wanted
}

/// Adds, drops and moves single edits among noun units as long as the two means come nearer to their targets. Under
/// compounds, whose morphemes serve both groups, this is what tells the groups apart.
fn true_up(
    paradigm: &Paradigm,
    effects: &Effects,
    nouns: &[usize],
    capacity: &[u32],
    targets: Targets,
    edits: &mut [u32],
    stream: &mut Stream,
) {
    if nouns.is_empty() {
        return;
    }
    let n_masked = paradigm
        .lexemes
        .iter()
        .filter(|lexeme| lexeme.masked)
        .count() as f64;
    let n_unmasked = paradigm.len() as f64 - n_masked;
    let sum = |effect: &[f64]| -> f64 {
        effect
            .iter()
            .zip(&*edits)
            .map(|(e, &n)| e * f64::from(n))
            .sum()
    };
    let mut masked = sum(&effects.masked) - n_masked * targets.masked;
    let mut unmasked = sum(&effects.unmasked) - n_unmasked * targets.unmasked;
    // Sums to means; an empty group weighs nothing.
    let (per_masked, per_unmasked) = (1.0 / n_masked.max(1.0), 1.0 / n_unmasked.max(1.0));
    let cost =
        |masked: f64, unmasked: f64| masked.abs() * per_masked + unmasked.abs() * per_unmasked;
    for _ in 0..PROPOSALS {
        if cost(masked, unmasked) < super::AIM / 5.0 {
            break;
        }
        let to = nouns[stream.random_range(0..nouns.len())];
        let from = nouns[stream.random_range(0..nouns.len())];
        let (adds, drops) =
            [(true, false), (false, true), (true, true)][stream.random_range(0..3usize)];
        if (adds && edits[to] == capacity[to])
            || (drops && edits[from] == 0)
            || (adds && drops && to == from)
        {
            continue;
        }
        let change = |effect: &[f64]| {
            f64::from(u8::from(adds)) * effect[to] - f64::from(u8::from(drops)) * effect[from]
        };
        let (next_masked, next_unmasked) = (
            masked + change(&effects.masked),
            unmasked + change(&effects.unmasked),
        );
        if cost(next_masked, next_unmasked) < cost(masked, unmasked) {
            (masked, unmasked) = (next_masked, next_unmasked);
            edits[to] += u32::from(adds);
            edits[from] -= u32::from(drops);
        }
    }
}
