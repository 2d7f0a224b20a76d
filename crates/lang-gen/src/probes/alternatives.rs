//! Items of two alternatives: drawn on concepts, evenly over nouns and types, then told and checked.
//!
//! Every noun of a condition has its turn in each round; draw `try` of round `r` for noun `n` is a numbered
//! random stream of its phenomenon and family, so that worlds which differ in surface only draw the same items.
//! A condition takes what falls to it: an item about two masked nouns is `masked` or `identical` where both
//! are, and dropped where they differ.

use anyhow::{Result, bail};
use corpus::tables::ProbeRow;
use corpus::{Condition, ProbeSet, ProbeStage};
use rand::RngExt;
use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;
use seed::Stream;
use world::concept::Concept;
use world::ontology::NounId;

use super::material::{Family, Material};
use super::statement::Statement;
use crate::tables::language;

/// One drawn item, not yet told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    /// Sentence pattern.
    pub template: String,
    /// The nouns it is about: the drawn one and, in a crossed item, what it is crossed with.
    pub nouns: [NounId; 2],
    /// Its sentences.
    pub sentences: Sentences,
}

/// An item's sentences.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sentences {
    /// A sentence and what becomes of its words.
    Changed(Statement, Change),
    /// `[[s(x,u), s(x,v)], [s(y,u), s(y,v)]]`, good on the diagonal.
    Crossed(Box<[[Statement; 2]; 2]>, Contrast),
}

/// What makes a sentence bad; its words stay the same but for `Omit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Two words change places, at least one of them a content word.
    Exchange,
    /// A function word moves elsewhere.
    Displace,
    /// The noun changes places with a word of another open class.
    Misplace,
    /// A word is missing.
    Omit,
}

/// What the bad sentences of a crossed item lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contrast {
    /// Agreement: they are ungrammatical.
    Agreement,
    /// Types: they are grammatical and break a type constraint.
    Types,
    /// Truth: they are grammatical, well typed and false.
    Truth,
}

/// Draws one item about a noun; `None` where this draw found none.
pub type Draw = fn(&Material<'_>, Family, NounId, &mut Stream) -> Option<Item>;

/// A class of items.
#[derive(Clone, Copy)]
pub struct Phenomenon {
    /// Its stage.
    pub stage: ProbeStage,
    /// Its name.
    pub name: &'static str,
    /// How one item is drawn.
    pub draw: Draw,
    /// Whether A tells B's items instead of its own.
    pub paired: bool,
}

impl Phenomenon {
    fn title(&self) -> String {
        format!("{}/{}", self.stage, self.name)
    }
}

/// Draws for one noun in one round.
const TRIES: u64 = 12;
/// Rounds in a row without a new item after which there are none left.
const BARREN_ROUNDS: u32 = 6;
/// Tries at changing a sentence's words.
const CHANGES: usize = 40;

/// The rows of a phenomenon in one condition, at most `n` items; ids and crossings count from 0.
///
/// # Errors
/// A sentence that is not read as it was meant, or an interrupt.
pub fn rows(
    material: &Material<'_>,
    phenomenon: Phenomenon,
    condition: Condition,
    n: usize,
) -> Result<Vec<ProbeRow>> {
    let (family, drawn) = match condition {
        Condition::Majority if phenomenon.paired => (Family::Minority, Condition::Minority),
        _ => (Family::of(condition), condition),
    };
    let title = phenomenon.title();
    let order = turns(material, family, drawn, &title);
    let n_nouns = material.world.ontology.nouns.len() as u64;
    // Without the condition: masked and identical draw from one family of streams.
    let name = format!("probes {title} {}", family.name());
    let mut seen: FxHashSet<Item> = FxHashSet::default();
    let mut rows = Vec::new();
    let mut barren = 0;
    let mut round = 0_u64;
    while seen.len() < n && barren < BARREN_ROUNDS && !order.is_empty() {
        command::check_interrupt()?;
        barren += 1;
        for &noun in &order {
            if seen.len() == n {
                break;
            }
            for attempt in 0..TRIES {
                let index = (round * n_nouns + u64::from(noun)) * TRIES + attempt;
                let mut rng = material.seed.stream_at(&name, index);
                let Some(item) = (phenomenon.draw)(material, family, noun, &mut rng) else {
                    continue;
                };
                let falls_here = |&noun: &NounId| material.condition(family, noun) == drawn;
                if !item.nouns.iter().all(falls_here) || seen.contains(&item) {
                    continue;
                }
                let told = tell(
                    material,
                    phenomenon,
                    condition,
                    &item,
                    rows.len() as u32,
                    &mut rng,
                )?;
                if let Some(told) = told {
                    rows.extend(told);
                    seen.insert(item);
                    barren = 0;
                    break;
                }
            }
        }
        round += 1;
    }
    Ok(rows)
}

/// The nouns of a condition, leaf types by turns, each type's in a drawn order.
pub fn turns(
    material: &Material<'_>,
    family: Family,
    condition: Condition,
    purpose: &str,
) -> Vec<NounId> {
    let name = format!("probes {purpose} {} turns", family.name());
    let shuffled: Vec<Vec<NounId>> = (0..)
        .zip(&material.leaves)
        .map(|(leaf, (_, nouns))| {
            let mut nouns: Vec<NounId> = nouns
                .iter()
                .copied()
                .filter(|&noun| material.is_focus(family, noun))
                .collect();
            nouns.shuffle(&mut material.seed.stream_at(&name, leaf));
            nouns.retain(|&noun| material.condition(family, noun) == condition);
            nouns
        })
        .collect();
    let longest = shuffled.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|turn| shuffled.iter().filter_map(move |nouns| nouns.get(turn)))
        .copied()
        .collect()
}

/// The rows of one item; `None` where the bad sentence cannot be had in this language.
fn tell(
    material: &Material<'_>,
    phenomenon: Phenomenon,
    condition: Condition,
    item: &Item,
    first: u32,
    rng: &mut Stream,
) -> Result<Option<Vec<ProbeRow>>> {
    let side = Family::of(condition).side();
    let title = phenomenon.title();
    let row = |noun: NounId, candidates: Vec<String>, gold: u16| ProbeRow {
        probe: first + u32::from(gold),
        stage: phenomenon.stage,
        phenomenon: phenomenon.name.to_owned(),
        condition,
        language: language(side),
        concept: Some(material.world.concepts.id(Concept::Noun(noun))),
        r#type: Some(material.type_name(noun)),
        template: item.template.clone(),
        calibration_group: None,
        candidates,
        forms: None,
        gold,
        crossed_with: None,
        set: ProbeSet::Pair,
        chance: 0.5,
    };
    match &item.sentences {
        Sentences::Changed(statement, change) => {
            let (good, meaning) = material.tell_checked(&title, side, statement)?;
            if meaning.types_broken > 0 || !material.is_true(statement) {
                bail!("probes, {title}: expected a true sentence, found \"{good}\"");
            }
            let bad = changed(material, condition, &good, item.nouns[0], *change, rng);
            Ok(bad.map(|bad| vec![row(item.nouns[0], vec![good, bad], 0)]))
        }
        Sentences::Crossed(sentences, contrast) => {
            let Some(texts) = crossed(material, &title, condition, sentences, *contrast)? else {
                return Ok(None);
            };
            let mut told = Vec::new();
            for (gold, texts) in (0..).zip(texts) {
                let Some(forms) = differing(&texts) else {
                    bail!("probes, {title}: expected one differing word, found {texts:?}");
                };
                told.push(ProbeRow {
                    forms: Some(forms.into()),
                    crossed_with: Some(first + u32::from(1 - gold)),
                    ..row(item.nouns[usize::from(gold)], texts.into(), gold)
                });
            }
            Ok(Some(told))
        }
    }
}

/// The four sentences, the good ones checked; `None` where a bad one is not bad or the lengths differ.
fn crossed(
    material: &Material<'_>,
    title: &str,
    condition: Condition,
    sentences: &[[Statement; 2]; 2],
    contrast: Contrast,
) -> Result<Option<[[String; 2]; 2]>> {
    let side = Family::of(condition).side();
    let mut texts: [[String; 2]; 2] = Default::default();
    for (context, row) in sentences.iter().enumerate() {
        for (filler, statement) in row.iter().enumerate() {
            let good = context == filler;
            let text = if contrast == Contrast::Agreement && !good {
                let text = material.tell(side, statement);
                let words: Vec<&str> = text.trim_end_matches(" .").split(' ').collect();
                if !material.is_ungrammatical(side, &words) {
                    return Ok(None);
                }
                text
            } else {
                let (text, meaning) = material.tell_checked(title, side, statement)?;
                let well_typed = meaning.types_broken == 0;
                let is_true = material.is_true(statement);
                let as_meant = match contrast {
                    _ if good => well_typed && is_true,
                    Contrast::Types => !well_typed,
                    Contrast::Truth => well_typed && !is_true,
                    Contrast::Agreement => true,
                };
                if !as_meant && good {
                    bail!("probes, {title}: expected a true sentence, found \"{text}\"");
                }
                if !as_meant {
                    return Ok(None);
                }
                text
            };
            texts[context][filler] = text;
        }
    }
    let n_words = |text: &String| text.split(' ').count();
    let length = n_words(&texts[0][0]);
    let alike = texts.iter().flatten().all(|text| n_words(text) == length);
    Ok(alike.then_some(texts))
}

/// The words in which two sentences of one length differ, if there is exactly one.
fn differing(texts: &[String; 2]) -> Option<[String; 2]> {
    let mut pairs = texts[0]
        .split(' ')
        .zip(texts[1].split(' '))
        .filter(|(one, other)| one != other);
    let (one, other) = pairs.next()?;
    pairs
        .next()
        .is_none()
        .then(|| [one.to_owned(), other.to_owned()])
}

/// The sentence with its words changed so that it is none of the language.
fn changed(
    material: &Material<'_>,
    condition: Condition,
    good: &str,
    noun: NounId,
    change: Change,
    rng: &mut Stream,
) -> Option<String> {
    let side = Family::of(condition).side();
    let words: Vec<&str> = good.trim_end_matches(" .").split(' ').collect();
    let kinds: Vec<Option<Concept>> = words
        .iter()
        .map(|word| {
            let id = material.recogniser(side).concept(word)?;
            material.world.concepts.concept(id)
        })
        .collect();
    let is_function = |at: usize| matches!(kinds[at], Some(Concept::Function(_)));
    let own = kinds
        .iter()
        .position(|&kind| kind == Some(Concept::Noun(noun)))?;
    let n = words.len() as u32;
    for _ in 0..CHANGES {
        let (from, to) = (
            rng.random_range(0..n) as usize,
            rng.random_range(0..n) as usize,
        );
        let mut bad = words.clone();
        match change {
            Change::Exchange if !(is_function(from) && is_function(to)) => bad.swap(from, to),
            Change::Displace if is_function(from) => {
                let word = bad.remove(from);
                bad.insert(to, word);
            }
            Change::Misplace
                if matches!(kinds[to], Some(Concept::Value(_) | Concept::Relation(_))) =>
            {
                bad.swap(own, to);
            }
            Change::Omit if from != own => {
                bad.remove(from);
            }
            _ => continue,
        }
        if bad != words && material.is_ungrammatical(side, &bad) {
            return Some(bad.join(" ") + " .");
        }
    }
    None
}
