//! LANG's lexicon: the forms that are segmented, their condition, and the letters they need.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use corpus::tables::LexiconRow;
use corpus::{Category, Condition, Input, Language, read_rows};
use lm::split_ids::TWIN_MARK;

use crate::algorithm::{Algorithm, CONTINUATION, SPECIAL_TOKENS, WORD_MARK};
use crate::word_counts::LanguageCounts;

/// The word that ends every sentence.
const FULL_STOP: char = '.';

/// Every form of both languages, as lexicon.parquet lists them.
#[derive(Clone, Debug)]
pub struct Lexicon {
    rows: Vec<LexiconRow>,
}

/// A concept's form in each language, of one inflection.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The A-form's row.
    pub majority: &'a LexiconRow,
    /// The B-form's row.
    pub minority: &'a LexiconRow,
}

impl Lexicon {
    /// Reads LANG's lexicon.parquet.
    ///
    /// # Errors
    /// A damaged file or table.
    pub fn read(lang: &Input) -> Result<Self> {
        Ok(Lexicon {
            rows: read_rows(&lang.file("lexicon.parquet")?)?,
        })
    }

    /// A lexicon of these rows.
    pub fn new(rows: Vec<LexiconRow>) -> Self {
        Lexicon { rows }
    }

    /// All rows, in the file's order.
    pub fn rows(&self) -> &[LexiconRow] {
        &self.rows
    }

    /// Rows of words, without the affixes, which no text states alone.
    pub fn words(&self) -> impl Iterator<Item = &LexiconRow> {
        self.rows
            .iter()
            .filter(|row| row.category != Category::Affix)
    }

    /// Forms of the masked lemmas in B, identical to their A-form or not.
    pub fn masked_forms(&self) -> impl Iterator<Item = &LexiconRow> {
        self.rows
            .iter()
            .filter(|row| row.masked && row.language == Language::Minority)
    }

    /// Concepts' forms in both languages, by concept and inflection, affixes left out.
    pub fn pairs(&self) -> Vec<Pair<'_>> {
        let mut rows: BTreeMap<(u32, &str), [Option<&LexiconRow>; 2]> = BTreeMap::new();
        for row in self.words() {
            let both = rows.entry((row.concept, &row.inflection)).or_default();
            both[row.language as usize] = Some(row);
        }
        rows.into_values()
            .filter_map(|both| match both {
                [Some(majority), Some(minority)] => Some(Pair { majority, minority }),
                _ => None,
            })
            .collect()
    }

    /// Every character of both languages' words, from the lexicon and from the text.
    ///
    /// # Errors
    /// A form that holds a character which the tokenizer's own marks use.
    pub fn letters(&self, counts: &LanguageCounts, algorithm: Algorithm) -> Result<BTreeSet<char>> {
        let of_text = counts.majority.iter().chain(&counts.minority);
        let words = self
            .rows
            .iter()
            .map(|row| row.form.as_str())
            .chain(of_text.map(|(word, _)| word.as_str()));
        let mut letters = BTreeSet::from([FULL_STOP]);
        for word in words {
            let taken = SPECIAL_TOKENS.iter().any(|token| word.contains(token))
                || word.contains(WORD_MARK)
                || word.contains(char::is_whitespace)
                || word.contains(TWIN_MARK)
                || (algorithm == Algorithm::Wordpiece && word.contains(CONTINUATION));
            ensure!(
                !taken,
                "word {word:?}: expected no space, special token or mark (\"{WORD_MARK}\", \"{CONTINUATION}\") in it; choose other letters in the world file"
            );
            letters.extend(word.chars());
        }
        Ok(letters)
    }
}

/// Which condition a row's form belongs to: an A-form `majority`; a B-form `identical` where its
/// lemma is masked and it equals the A-form, `masked` where masked otherwise, else `minority`.
pub fn condition(row: &LexiconRow) -> Condition {
    match (row.language, row.masked, row.identical) {
        (Language::Majority, _, _) => Condition::Majority,
        (Language::Minority, true, true) => Condition::Identical,
        (Language::Minority, true, false) => Condition::Masked,
        (Language::Minority, false, _) => Condition::Minority,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A noun's row of type `t`.
    pub(crate) fn noun(concept: u32, language: Language, form: &str, masked: bool) -> LexiconRow {
        LexiconRow {
            concept,
            category: Category::Noun,
            r#type: Some("t".to_owned()),
            inflection: "base".to_owned(),
            language,
            form: form.to_owned(),
            masked,
            identical: false,
            ldn: (language == Language::Minority).then_some(0.5),
            frequency_rank: concept,
        }
    }

    #[test]
    fn conditions_follow_mask_and_identity() {
        let row = |language, masked, identical| LexiconRow {
            identical,
            ..noun(0, language, "x", masked)
        };
        use Language::{Majority, Minority};
        assert_eq!(condition(&row(Majority, true, false)), Condition::Majority);
        assert_eq!(condition(&row(Minority, true, false)), Condition::Masked);
        assert_eq!(condition(&row(Minority, true, true)), Condition::Identical);
        assert_eq!(condition(&row(Minority, false, true)), Condition::Minority);
    }

    #[test]
    fn letters_are_of_both_languages_and_the_full_stop() {
        let lexicon = Lexicon::new(vec![
            noun(0, Language::Majority, "ab", false),
            noun(0, Language::Minority, "πb", false),
        ]);
        let letters = lexicon
            .letters(&LanguageCounts::default(), Algorithm::Bpe)
            .unwrap();
        assert_eq!(letters.into_iter().collect::<String>(), ".abπ");
        let marked = Lexicon::new(vec![noun(0, Language::Majority, "a##b", false)]);
        let counts = LanguageCounts::default();
        assert!(marked.letters(&counts, Algorithm::Bpe).is_ok());
        assert!(marked.letters(&counts, Algorithm::Wordpiece).is_err());
    }
}
