//! What can be wrong with a request for two lexicons, each with the numbers that show it.

use super::Category;

/// Why no pair of lexicons was made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FormError {
    /// The phonotactics contradict themselves.
    #[error("form.phonotactics.{field}: {problem}")]
    Phonotactics {
        /// The key in the world file.
        field: &'static str,
        /// What was found and what was expected.
        problem: String,
    },
    /// No syllable count has a weight.
    #[error(
        "form.syllables.{category}: every weight is 0; give at least one syllable count a weight, as in [0, 1]"
    )]
    NoSyllables {
        /// `noun`, `morpheme` and so on.
        category: &'static str,
    },
    /// The distance is not a share.
    #[error("divergence.distance: expected a number from 0 to 1, found {distance}")]
    DistanceRange {
        /// As requested.
        distance: f64,
    },
    /// Two lexemes of the same concept and inflection.
    #[error("concept {concept} has two {inflection} lexemes; a concept has one of each inflection")]
    DuplicateLexeme {
        /// The concept.
        concept: u32,
        /// Its inflection.
        inflection: super::Inflection,
    },
    /// Inflection is on, and a category that inflects has no affix.
    #[error("{category}s inflect, but there is no affix lexeme for their plural")]
    MissingAffix {
        /// The category whose plural affix is missing.
        category: Category,
    },
    /// More forms than the phonotactics allow, or than could be drawn.
    #[error(
        "{wanted} different {what} forms are wanted, {found} could be drawn, and the phonotactics allow at most \
         {at_most} of the requested syllable counts (other words take some); add onsets, codas or syllables"
    )]
    TooFewForms {
        /// The category, or `morpheme`.
        what: &'static str,
        /// Forms wanted.
        wanted: usize,
        /// Forms drawn before giving up.
        found: usize,
        /// An upper bound on the forms that exist.
        at_most: u64,
    },
    /// More compounds than pairs of morphemes.
    #[error(
        "{nouns} compound nouns are wanted, but {morphemes} morphemes make {pairs} different pairs; \
         raise form.compounds.morphemes"
    )]
    TooFewPairs {
        /// Nouns wanted.
        nouns: usize,
        /// Morphemes in the inventory.
        morphemes: u32,
        /// Ordered pairs of two different morphemes.
        pairs: u64,
    },
    /// Substituted forms stay equal to others whatever letters are drawn.
    #[error(
        "{kind} at distance {distance}: {clashes} of {forms} minority forms are not unique (one is \"{form}\", \
         concept {concept}); add phonemes or syllables, or change the distance"
    )]
    NoUniqueForms {
        /// The divergence.
        kind: super::DivergenceKind,
        /// As requested.
        distance: f64,
        /// Forms that equal another.
        clashes: usize,
        /// All forms.
        forms: usize,
        /// One that clashes.
        form: String,
        /// Its concept.
        concept: u32,
    },
    /// The best that could be reached lies outside the tolerance.
    #[error(
        "{kind} at distance {distance}: the nearest that was reached is LDN {masked:.4} over {n_masked} masked \
         and {unmasked:.4} over {n_unmasked} unmasked lemmas, more than {tolerance} away; \
         use more lexemes, more or less evenly weighted phonemes, or another distance"
    )]
    DistanceUnreachable {
        /// The divergence.
        kind: super::DivergenceKind,
        /// As requested.
        distance: f64,
        /// Mean LDN over masked lemmas (NaN where there are none).
        masked: f64,
        /// Masked lemmas.
        n_masked: usize,
        /// Mean LDN over unmasked lemmas (NaN where there are none).
        unmasked: f64,
        /// Unmasked lemmas.
        n_unmasked: usize,
        /// How far off is allowed.
        tolerance: f64,
    },
}

impl FormError {
    /// The same shortage of forms, told of the whole that was wanted instead of the last piece.
    pub(super) fn among(self, coined: usize, all: usize) -> FormError {
        match self {
            FormError::TooFewForms { what, at_most, .. } => FormError::TooFewForms {
                what,
                wanted: all,
                found: coined,
                at_most,
            },
            other => other,
        }
    }
}
