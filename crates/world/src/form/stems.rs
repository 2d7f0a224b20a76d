//! A's stems: drawn from the phonotactics, or compounded of morphemes.
//!
//! Drawing knows neither masks nor anything of B.

use rand::RngExt;
use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;
use seed::{Seed, Stream};
use serde::{Deserialize, Serialize};

use super::inflection::Paradigm;
use super::phonotactics::{Weighted, Words};
use super::{Category, FormConfig, FormError};

/// Weights of 1, 2, 3 … syllables, by what is drawn: `[form.syllables]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Syllables {
    /// Nouns that are not compounds.
    pub noun: Vec<u32>,
    /// Adjectives.
    pub adjective: Vec<u32>,
    /// Verb stems.
    pub verb: Vec<u32>,
    /// Function words.
    pub function: Vec<u32>,
    /// Affixes.
    pub affix: Vec<u32>,
    /// Each of the two morphemes of a compound noun.
    pub morpheme: Vec<u32>,
}

impl Default for Syllables {
    fn default() -> Self {
        Syllables {
            noun: vec![0, 3, 2],
            adjective: vec![0, 3, 1],
            verb: vec![0, 3, 1],
            function: vec![1],
            affix: vec![1],
            morpheme: vec![1, 2],
        }
    }
}

impl Syllables {
    pub(super) fn of(&self, category: Category) -> &[u32] {
        match category {
            Category::Noun => &self.noun,
            Category::Adjective => &self.adjective,
            Category::Verb => &self.verb,
            Category::Function => &self.function,
            Category::Affix => &self.affix,
        }
    }
}

/// Nouns of two morphemes each: `[form.compounds]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compounds {
    /// Size of the inventory from which nouns are compounded.
    pub morphemes: u32,
}

/// The units that make a stem: one, or the two morphemes of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Parts {
    pub(super) first: u32,
    pub(super) second: Option<u32>,
}

impl Parts {
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        [Some(self.first), self.second]
            .into_iter()
            .flatten()
            .map(|unit| unit as usize)
    }
}

/// One language before inflection: units of form, and which of them make each lexeme's stem.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stems {
    pub(super) units: Vec<Vec<u8>>,
    pub(super) parts: Vec<Parts>,
}

impl Stems {
    pub(super) fn stem(&self, lexeme: usize) -> Vec<u8> {
        let mut stem = Vec::new();
        for unit in self.parts[lexeme].iter() {
            stem.extend_from_slice(&self.units[unit]);
        }
        stem
    }

    /// Every stem, by lexeme.
    pub(super) fn spell(&self) -> Vec<Vec<u8>> {
        (0..self.parts.len())
            .map(|lexeme| self.stem(lexeme))
            .collect()
    }
}

/// Draws without a new form before a request counts as infeasible.
pub(super) const VAIN_DRAWS: u32 = 20_000;

/// A's stems, category by category, each from its own stream.
pub(super) fn draw(paradigm: &Paradigm, form: &FormConfig, seed: Seed) -> Result<Stems, FormError> {
    let mut stems = Stems {
        units: Vec::new(),
        parts: Vec::with_capacity(paradigm.len()),
    };
    let mut coinage = Coinage::new(form);
    for category in Category::ALL {
        let range = paradigm.range(category);
        if range.is_empty() {
            continue;
        }
        let affix = paradigm.affix(category).map(|affix| stems.stem(affix));
        let mut stream = seed.stream(&format!("form/majority/{category}"));
        let first = stems.units.len() as u32;
        let (units, mut parts) = match form.compounds {
            Some(compounds) if category == Category::Noun => {
                let counts = &form.syllables.morpheme;
                let mut morphemes = Coinage::new(form);
                let units = morphemes.coin(
                    "morpheme",
                    counts,
                    compounds.morphemes as usize,
                    None,
                    &mut stream,
                )?;
                let parts = coinage.compound(&units, range.len(), affix.as_deref(), &mut stream)?;
                (units, parts)
            }
            _ => {
                let counts = form.syllables.of(category);
                let units = coinage.coin(
                    category.name(),
                    counts,
                    range.len(),
                    affix.as_deref(),
                    &mut stream,
                )?;
                let parts = (0..units.len() as u32).map(|first| Parts {
                    first,
                    second: None,
                });
                (units, parts.collect())
            }
        };
        if form.shorter_when_frequent {
            // Stable: among equally long forms the order of drawing stands.
            parts.sort_by_key(|parts: &Parts| {
                parts.iter().map(|unit| units[unit].len()).sum::<usize>()
            });
        }
        stems.parts.extend(parts.into_iter().map(|parts| Parts {
            first: first + parts.first,
            second: parts.second.map(|second| first + second),
        }));
        stems.units.extend(units);
    }
    Ok(stems)
}

/// Draws new forms, none of which (nor its plural) equals one drawn or [`taken`](Self::take) before.
pub(super) struct Coinage<'a> {
    form: &'a FormConfig,
    words: Words,
    used: FxHashSet<Vec<u8>>,
}

impl<'a> Coinage<'a> {
    pub(super) fn new(form: &'a FormConfig) -> Self {
        Coinage {
            form,
            words: form.phonotactics.words(),
            used: FxHashSet::default(),
        }
    }

    /// Takes `stem` and its plural if neither is used.
    pub(super) fn take(&mut self, stem: &[u8], affix: Option<&[u8]>) -> bool {
        let plural = affix.map(|affix| [stem, affix].concat());
        if self.used.contains(stem)
            || plural
                .as_ref()
                .is_some_and(|plural| self.used.contains(plural))
        {
            return false;
        }
        self.used.insert(stem.to_vec());
        self.used.extend(plural);
        true
    }

    /// Whether a word is taken.
    pub(super) fn is_used(&self, word: &[u8]) -> bool {
        self.used.contains(word)
    }

    /// Takes all of `words` (different from each other) if none is used.
    pub(super) fn take_all(&mut self, words: Vec<Vec<u8>>) -> bool {
        let free = words.iter().all(|word| !self.used.contains(word));
        if free {
            self.used.extend(words);
        }
        free
    }

    /// `wanted` new forms of the syllable counts weighted by `counts`; `affix` spells their plurals. `what` is named
    /// in errors.
    pub(super) fn coin(
        &mut self,
        what: &'static str,
        counts: &[u32],
        wanted: usize,
        affix: Option<&[u8]>,
        stream: &mut Stream,
    ) -> Result<Vec<Vec<u8>>, FormError> {
        if counts.iter().all(|&weight| weight == 0) {
            return Err(FormError::NoSyllables { category: what });
        }
        let most = || self.form.phonotactics.most_words(counts);
        let too_many = wanted > 1 && wanted as u64 > most();
        // Not of `wanted`, which a world file may set to billions.
        let mut forms = Vec::new();
        let mut vain = 0;
        let syllables = Weighted::new(
            counts
                .iter()
                .enumerate()
                .map(|(i, &weight)| (i as u32 + 1, weight)),
        );
        while forms.len() < wanted {
            if too_many || vain == VAIN_DRAWS {
                let (found, at_most) = (forms.len(), most());
                return Err(FormError::TooFewForms {
                    what,
                    wanted,
                    found,
                    at_most,
                });
            }
            let form = self.words.draw(&syllables, stream);
            if self.take(&form, affix) {
                forms.push(form);
                vain = 0;
            } else {
                vain += 1;
            }
        }
        Ok(forms)
    }

    /// `nouns` different pairs of different morphemes. Both places are dealt from shuffled decks, so that every
    /// morpheme recurs about equally often; a pair that spells a used form is redrawn at random.
    fn compound(
        &mut self,
        morphemes: &[Vec<u8>],
        nouns: usize,
        affix: Option<&[u8]>,
        stream: &mut Stream,
    ) -> Result<Vec<Parts>, FormError> {
        let n = morphemes.len() as u32;
        let pairs = u64::from(n) * u64::from(n.saturating_sub(1));
        let too_few = FormError::TooFewPairs {
            nouns,
            morphemes: n,
            pairs,
        };
        if nouns as u64 > pairs {
            return Err(too_few);
        }
        let mut decks: [Vec<u32>; 2] = Default::default();
        let mut compounds = Vec::with_capacity(nouns);
        for _ in 0..nouns {
            let [mut first, mut second] = decks.each_mut().map(|deck| {
                if deck.is_empty() {
                    deck.extend(0..n);
                    deck.shuffle(stream);
                }
                deck.pop().unwrap_or_default()
            });
            let mut vain = 0;
            loop {
                let spelled = [
                    morphemes[first as usize].as_slice(),
                    &morphemes[second as usize],
                ]
                .concat();
                if first != second && self.take(&spelled, affix) {
                    break;
                }
                if vain == VAIN_DRAWS {
                    return Err(too_few);
                }
                vain += 1;
                second = stream.random_range(0..n);
                if vain > 4 * n {
                    first = stream.random_range(0..n);
                }
            }
            compounds.push(Parts {
                first,
                second: Some(second),
            });
        }
        Ok(compounds)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Inflection;
    use super::super::Lexeme;
    use super::*;

    fn nouns(n: u32) -> Vec<Lexeme> {
        let noun = |concept| Lexeme {
            concept,
            category: Category::Noun,
            inflection: Inflection::Base,
            leaf_type: Some(0),
            masked: concept % 2 == 0,
            frequency_rank: concept,
            tokens: 1.0,
            inflects: false,
            plural_of: None,
        };
        (0..n).map(noun).collect()
    }

    #[test]
    fn frequent_lexemes_are_shorter_when_asked() {
        let lexemes = nouns(100);
        let paradigm = Paradigm::new(&lexemes, false).expect("no plurals");
        let stems = draw(&paradigm, &FormConfig::default(), Seed(1))
            .expect("room enough")
            .spell();
        assert!(stems.windows(2).all(|pair| pair[0].len() <= pair[1].len()));
        let unsorted = FormConfig {
            shorter_when_frequent: false,
            ..FormConfig::default()
        };
        let stems = draw(&paradigm, &unsorted, Seed(1))
            .expect("room enough")
            .spell();
        assert!(stems.windows(2).any(|pair| pair[0].len() > pair[1].len()));
    }

    /// 60 nouns of 20 morphemes: each morpheme is dealt 3 times as first part, about 3 times as second.
    #[test]
    fn compounds_share_recurring_morphemes() {
        let lexemes = nouns(60);
        let paradigm = Paradigm::new(&lexemes, false).expect("no plurals");
        let form = FormConfig {
            compounds: Some(Compounds { morphemes: 20 }),
            ..FormConfig::default()
        };
        let stems = draw(&paradigm, &form, Seed(3)).expect("380 pairs are enough");
        assert_eq!(stems.units.len(), 20);
        for morpheme in 0..20 {
            let as_first = stems
                .parts
                .iter()
                .filter(|parts| parts.first == morpheme)
                .count();
            assert_eq!(as_first, 3);
            assert!(
                stems
                    .parts
                    .iter()
                    .any(|parts| parts.second == Some(morpheme))
            );
        }
        let distinct: FxHashSet<_> = stems.parts.iter().collect();
        assert_eq!(distinct.len(), 60);
    }

    /// 4 morphemes make 4 · 3 = 12 pairs.
    #[test]
    fn refuses_more_compounds_than_pairs() {
        let lexemes = nouns(13);
        let paradigm = Paradigm::new(&lexemes, false).expect("no plurals");
        let form = FormConfig {
            compounds: Some(Compounds { morphemes: 4 }),
            ..FormConfig::default()
        };
        assert_eq!(
            draw(&paradigm, &form, Seed(1)),
            Err(FormError::TooFewPairs {
                nouns: 13,
                morphemes: 4,
                pairs: 12
            })
        );
    }

    /// 800 and 800 · 800 morphemes of one and two syllables; room for four billion is not asked for first.
    #[test]
    fn refuses_billions_of_morphemes() {
        let lexemes = nouns(4);
        let paradigm = Paradigm::new(&lexemes, false).expect("no plurals");
        let form = FormConfig {
            compounds: Some(Compounds {
                morphemes: u32::MAX,
            }),
            ..FormConfig::default()
        };
        let error = draw(&paradigm, &form, Seed(1)).expect_err("too many");
        assert_eq!(
            error,
            FormError::TooFewForms {
                what: "morpheme",
                wanted: u32::MAX as usize,
                found: 0,
                at_most: 640_800
            }
        );
    }

    /// One syllable of the default phonotactics: 20 onsets × 5 nuclei × 8 codas = 800 forms.
    #[test]
    fn refuses_more_forms_than_the_phonotactics_allow() {
        let lexemes = nouns(801);
        let paradigm = Paradigm::new(&lexemes, false).expect("no plurals");
        let mut form = FormConfig::default();
        form.syllables.noun = vec![1];
        let error = draw(&paradigm, &form, Seed(1)).expect_err("801 > 800");
        assert_eq!(
            error,
            FormError::TooFewForms {
                what: "noun",
                wanted: 801,
                found: 0,
                at_most: 800
            }
        );
        assert!(
            error
                .to_string()
                .starts_with("801 different noun forms are wanted, 0 could be drawn")
        );
        form.syllables.noun = vec![0, 0];
        let error = draw(&paradigm, &form, Seed(1)).expect_err("no weights");
        assert_eq!(error, FormError::NoSyllables { category: "noun" });
    }
}
