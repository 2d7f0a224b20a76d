//! LANG's lexicon: the forms that are segmented, their condition, and the letters they need.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use corpus::tables::{LexiconRow, conditions};
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
    conditions: Vec<Condition>,
}

/// A concept's form in each language, of one inflection.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The A-form's row.
    pub majority: &'a LexiconRow,
    /// The B-form's row.
    pub minority: &'a LexiconRow,
    /// The B-form's condition, which is the concept's.
    pub condition: Condition,
}

impl Lexicon {
    /// Reads LANG's lexicon.parquet.
    ///
    /// # Errors
    /// A damaged file or table.
    pub fn read(lang: &Input) -> Result<Self> {
        Ok(Lexicon::new(read_rows(&lang.file("lexicon.parquet")?)?))
    }

    /// A lexicon of these rows.
    pub fn new(rows: Vec<LexiconRow>) -> Self {
        let conditions = conditions(&rows);
        Lexicon { rows, conditions }
    }

    /// All rows, in the file's order.
    pub fn rows(&self) -> &[LexiconRow] {
        &self.rows
    }

    /// The condition of each row's form, in the rows' order ([`corpus::tables::conditions`]).
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Forms of the masked lemmas in B, identical to their A-form or not.
    pub fn masked_forms(&self) -> impl Iterator<Item = &LexiconRow> {
        self.rows
            .iter()
            .filter(|row| row.masked && row.language == Language::Minority)
    }

    /// Concepts' forms in both languages, by concept and inflection; without the affixes, which no text states alone.
    pub fn pairs(&self) -> Vec<Pair<'_>> {
        let mut places: BTreeMap<(u32, &str), [Option<usize>; 2]> = BTreeMap::new();
        for (place, row) in self.rows.iter().enumerate() {
            if row.category != Category::Affix {
                let both = places.entry((row.concept, &row.inflection)).or_default();
                both[row.language as usize] = Some(place);
            }
        }
        places
            .into_values()
            .filter_map(|both| match both {
                [Some(majority), Some(minority)] => Some(Pair {
                    majority: &self.rows[majority],
                    minority: &self.rows[minority],
                    condition: self.conditions[minority],
                }),
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
                "lexicon.parquet or training text: word {word:?}: expected no space, special token or mark (\"{WORD_MARK}\", \"{CONTINUATION}\") in it; choose other letters in the world file"
            );
            letters.extend(word.chars());
        }
        Ok(letters)
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

    /// The plural affix -t becomes -k. Masked: the stem talo stays, kala becomes kelo. Unmasked: sano stays.
    pub(crate) fn diverging_affix() -> Lexicon {
        let forms = [
            (0, "base", ["talo", "talo"]),
            (0, "plural", ["talot", "talok"]),
            (1, "base", ["kala", "kelo"]),
            (1, "plural", ["kalat", "kelok"]),
            (2, "base", ["sano", "sano"]),
        ];
        let rows = forms.into_iter().flat_map(|(concept, inflection, [a, b])| {
            [(Language::Majority, a), (Language::Minority, b)].map(|(language, form)| LexiconRow {
                inflection: inflection.to_owned(),
                identical: a == b,
                ..noun(concept, language, form, concept < 2)
            })
        });
        Lexicon::new(rows.collect())
    }

    #[test]
    fn pairs_have_the_condition_of_their_concept() {
        let lexicon = diverging_affix();
        let found: Vec<(&str, Condition)> = lexicon
            .pairs()
            .into_iter()
            .map(|pair| (pair.minority.form.as_str(), pair.condition))
            .collect();
        assert_eq!(
            found,
            [
                ("talo", Condition::Identical),
                ("talok", Condition::Identical),
                ("kelo", Condition::Masked),
                ("kelok", Condition::Masked),
                ("sano", Condition::Minority),
            ]
        );
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
