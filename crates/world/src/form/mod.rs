//! Form: the words of both languages.
//!
//! A's (the majority's) lexicon is drawn from [`phonotactics`]; B's (the minority's) is derived from it by a
//! [`divergence`] at a requested distance, then its noun forms may be re-[`pairing`]ed over concepts and its
//! letters moved to another [`script`]. [`distance`] and [`realised`] measure what came out.
//!
//! Invariant: A's forms depend on the lexemes, the [`FormConfig`] and the seed only. Masks, distance, divergence,
//! script and pairing never reach `stems`, so conditions that differ in those share A word for word.

use std::fmt;

use seed::Seed;
use serde::{Deserialize, Serialize};

pub mod distance;
pub mod divergence;
mod error;
mod inflection;
pub mod lexicon;
pub mod pairing;
pub mod phonotactics;
pub mod realised;
pub mod script;
mod stems;

pub use divergence::{DivergenceConfig, DivergenceKind};
pub use error::FormError;
pub use lexicon::{Entry, Lexicon};
pub use phonotactics::Phonotactics;
pub use realised::{Accidental, Distances, Identical, Realised, Replaced};
pub use script::Script;
pub use stems::{Compounds, Syllables};

/// What kind of thing a lexeme is. The order is the order in which forms are drawn: closed classes come first
/// and so take the shortest forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A bound plural marker.
    Affix,
    /// A grammatical word: determiner, negation, conjunction, copula, relativiser, preposition.
    Function,
    /// A relation of the ontology.
    Verb,
    /// A value of an attribute.
    Adjective,
    /// A thing.
    Noun,
}

impl Category {
    /// Every category, in drawing order.
    pub const ALL: [Category; 5] = [
        Category::Affix,
        Category::Function,
        Category::Verb,
        Category::Adjective,
        Category::Noun,
    ];

    /// The lower-case name used in files and stream names.
    pub fn name(self) -> &'static str {
        match self {
            Category::Affix => "affix",
            Category::Function => "function",
            Category::Verb => "verb",
            Category::Adjective => "adjective",
            Category::Noun => "noun",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which form of a lexeme. Nouns and verbs have `Base` (their zero-marked singular) and, with inflection,
/// `Plural`; a function word that agrees is two lexemes, `Singular` and `Plural`; everything else is `Base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inflection {
    /// The bare stem.
    Base,
    /// An agreeing function word beside a singular.
    Singular,
    /// Stem and plural affix, or an agreeing function word beside a plural.
    Plural,
}

impl Inflection {
    /// The lower-case name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Inflection::Base => "base",
            Inflection::Singular => "singular",
            Inflection::Plural => "plural",
        }
    }
}

impl fmt::Display for Inflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that needs a form in each language.
#[derive(Debug, Clone, PartialEq)]
pub struct Lexeme {
    /// The concept that it expresses, unique together with `inflection`.
    pub concept: u32,
    /// Its word class.
    pub category: Category,
    /// `Base`, but `Singular` or `Plural` for the two forms of an agreeing function word.
    pub inflection: Inflection,
    /// The ontology's leaf type; nouns only.
    pub leaf_type: Option<u16>,
    /// Whether no B text may state it. Masked lexemes meet the requested distance on their own.
    pub masked: bool,
    /// 0 = most frequent within its category. With [`FormConfig::shorter_when_frequent`] it orders lengths.
    pub frequency_rank: u32,
    /// Expected relative frequency in running text, any positive scale: weighs the phonemes that
    /// `correspondence` chooses.
    pub tokens: f64,
    /// Whether it takes its category's plural affix when [`FormConfig::inflection`] is on.
    pub inflects: bool,
    /// For an affix: the category whose plural it marks.
    pub plural_of: Option<Category>,
}

/// How A's forms are made: the `[form]` table of a world file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FormConfig {
    /// The sounds and how they combine.
    pub phonotactics: Phonotactics,
    /// How many syllables a form has, by category.
    pub syllables: Syllables,
    /// Give the shorter of a category's forms to its more frequent lexemes (Zipf's law of abbreviation).
    pub shorter_when_frequent: bool,
    /// Build each noun of two recurring morphemes.
    pub compounds: Option<Compounds>,
    /// Give nouns and verbs a plural form, stem and affix.
    pub inflection: bool,
}

impl Default for FormConfig {
    fn default() -> Self {
        FormConfig {
            phonotactics: Phonotactics::default(),
            syllables: Syllables::default(),
            shorter_when_frequent: true,
            compounds: None,
            inflection: true,
        }
    }
}

/// The two lexicons and what was measured of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LexiconPair {
    /// Language A.
    pub majority: Lexicon,
    /// Language B, with the masked lemmas' forms (B†).
    pub minority: Lexicon,
    /// Realised distances and counts.
    pub realised: Realised,
}

/// Makes both languages' lexicons for `lexemes` (in any order) from the world's seed.
///
/// Forms are unique within each language over all categories and inflections, stem and affix spelled out.
///
/// # Errors
/// A configuration that contradicts itself, more forms than the phonotactics allow, or a distance that these
/// lexemes cannot have within [`divergence::TOLERANCE`], each with the numbers.
pub fn build(
    lexemes: &[Lexeme],
    form: &FormConfig,
    divergence: &DivergenceConfig,
    seed: Seed,
) -> Result<LexiconPair, FormError> {
    form.phonotactics.validate()?;
    divergence.validate()?;
    let paradigm = inflection::Paradigm::new(lexemes, form.inflection)?;

    let majority = stems::draw(&paradigm, form, seed)?;
    let diverged = divergence::diverge(&paradigm, &majority, form, divergence, seed)?;

    let a = paradigm.words(&majority.spell());
    let mut stems = diverged.stems.spell();
    let phonological = realised::distances(&paradigm, &a, &paradigm.words(&stems));
    let unshuffled = divergence
        .shuffled_pairing
        .then(|| pairing::shuffle(&paradigm, &mut stems, seed));

    let majority = Lexicon::of(&paradigm, &a, Script::Shared);
    let minority = Lexicon::of(&paradigm, &paradigm.words(&stems), divergence.script);
    let realised = realised::measure(
        &paradigm,
        &majority,
        &minority,
        phonological,
        divergence,
        &diverged,
        unshuffled,
    );
    Ok(LexiconPair {
        majority,
        minority,
        realised,
    })
}

#[cfg(test)]
mod tests;
