//! Inflection: which lexemes there are, in the fixed order of drawing, and how stems become words.
//!
//! A plural is stem + the plural affix of its category; the affix is a lexeme itself, so it diverges like any other.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Category, FormError, Inflection, Lexeme};

/// The lexemes in drawing order (category, frequency rank, concept, inflection) and their plural affixes. Everything
/// in this module tree addresses lexemes by their place in this order.
pub(super) struct Paradigm<'a> {
    pub(super) lexemes: Vec<&'a Lexeme>,
    affixes: Vec<(Category, usize)>,
}

/// A word form: a stem or a plural.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) lexeme: usize,
    pub(super) inflection: Inflection,
    pub(super) form: Vec<u8>,
}

impl<'a> Paradigm<'a> {
    pub(super) fn new(lexemes: &'a [Lexeme], inflection: bool) -> Result<Self, FormError> {
        let mut lexemes: Vec<&Lexeme> = lexemes.iter().collect();
        lexemes.sort_by_key(|l| (l.category, l.frequency_rank, l.concept, l.inflection));

        let mut affixes = Vec::new();
        for category in Category::ALL {
            if inflection && lexemes.iter().any(|l| l.category == category && l.inflects) {
                let affix = lexemes
                    .iter()
                    .position(|l| l.category == Category::Affix && l.plural_of == Some(category))
                    .ok_or(FormError::MissingAffix { category })?;
                affixes.push((category, affix));
            }
        }
        let paradigm = Paradigm { lexemes, affixes };

        let mut seen = BTreeSet::new();
        for (index, lexeme) in paradigm.lexemes.iter().enumerate() {
            let plural = paradigm.plural_affix(index).map(|_| Inflection::Plural);
            for inflection in [Some(lexeme.inflection), plural].into_iter().flatten() {
                if !seen.insert((lexeme.concept, inflection)) {
                    let concept = lexeme.concept;
                    return Err(FormError::DuplicateLexeme {
                        concept,
                        inflection,
                    });
                }
            }
        }
        Ok(paradigm)
    }

    pub(super) fn len(&self) -> usize {
        self.lexemes.len()
    }

    /// The places of a category's lexemes.
    pub(super) fn range(&self, category: Category) -> Range<usize> {
        let start = self.lexemes.partition_point(|l| l.category < category);
        let end = self.lexemes.partition_point(|l| l.category <= category);
        start..end
    }

    /// The affix lexeme that marks this category's plural, if anything in it inflects.
    pub(super) fn affix(&self, category: Category) -> Option<usize> {
        let of = self
            .affixes
            .iter()
            .find(|&&(inflects, _)| inflects == category);
        of.map(|&(_, affix)| affix)
    }

    /// The affix lexeme of this lexeme's plural, if it has one.
    pub(super) fn plural_affix(&self, lexeme: usize) -> Option<usize> {
        let inflects = self.lexemes[lexeme].inflects;
        self.affix(self.lexemes[lexeme].category)
            .filter(|_| inflects)
    }

    /// Every word form, lexeme by lexeme, stem before plural. `stems`: by lexeme.
    pub(super) fn words(&self, stems: &[Vec<u8>]) -> Vec<Word> {
        let mut words = Vec::with_capacity(2 * stems.len());
        for (lexeme, stem) in stems.iter().enumerate() {
            words.push(Word {
                lexeme,
                inflection: self.lexemes[lexeme].inflection,
                form: stem.clone(),
            });
            if let Some(affix) = self.plural_affix(lexeme) {
                words.push(Word {
                    lexeme,
                    inflection: Inflection::Plural,
                    form: [stem.as_slice(), &stems[affix]].concat(),
                });
            }
        }
        words
    }
}
