//! Forms and texts as the tokenizer cuts them.

use anyhow::{Result, anyhow};
use corpus::Language;
use corpus::tables::SegmentationRow;
use lm::split_ids::{IdCopy, SplitIds, TWIN_MARK};
use rayon::prelude::*;
use tokenizers::Tokenizer;

use crate::algorithm::{Algorithm, CONTINUATION, SPECIAL_TOKENS, WORD_MARK, byte_level};
use crate::lexicon::Lexicon;
use crate::measure::Form;
use crate::measure::text::TokenCounts;
use crate::word_counts::WordCount;

/// A trained tokenizer, the length of each of its tokens, and the ids that each language takes.
pub struct Segmenter {
    tokenizer: Tokenizer,
    tokens: Vec<String>,
    characters: Vec<u32>,
    split: SplitIds,
}

impl Segmenter {
    /// Prepares a tokenizer of this algorithm, which has twins if its ids are split.
    ///
    /// Split by language, B's forms and texts have the twins' ids. Split by document, a form stands in texts of either
    /// copy, and what two texts share does not depend on which: all have those of the first.
    pub fn new(algorithm: Algorithm, tokenizer: Tokenizer, split: SplitIds) -> Self {
        let size = tokenizer.get_vocab_size(true) as u32;
        let tokens: Vec<String> = (0..size)
            .map(|id| tokenizer.id_to_token(id).unwrap_or_default())
            .collect();
        let characters = tokens
            .iter()
            .enumerate()
            .map(|(id, token)| match id {
                id if id < SPECIAL_TOKENS.len() => 0,
                _ => characters(algorithm, token.trim_end_matches(TWIN_MARK)),
            })
            .collect();
        Segmenter {
            tokenizer,
            tokens,
            characters,
            split,
        }
    }

    /// Ids of the vocabulary, special tokens and twins included: the realised vocab_size, as a model has it.
    pub fn vocab_size(&self) -> usize {
        self.tokens.len()
    }

    /// Different tokens that a text of one copy may be cut into, without the special ones.
    pub fn usable(&self) -> usize {
        let ids = self.tokens.len() - SPECIAL_TOKENS.len();
        match self.split {
            SplitIds::None => ids,
            SplitIds::Language | SplitIds::Document => ids / 2,
        }
    }

    /// Characters by token id, without boundary and continuation marks; 0 for special tokens. A
    /// character that byte-level tokens divide counts for the one that holds its first byte.
    pub fn characters(&self) -> &[u32] {
        &self.characters
    }

    /// A word's token ids, as in running text of a language.
    pub fn ids(&self, word: &str, language: Language) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(word, false);
        let mut ids = encoding
            .map_err(|e| anyhow!("{word:?}: {e}"))?
            .get_ids()
            .to_vec();
        if self.split.of_language(language == Language::Minority) == IdCopy::Twin {
            // A word has no special tokens.
            ids.iter_mut().for_each(|id| *id += self.usable() as u32);
        }
        Ok(ids)
    }

    /// A word as its tokens.
    pub fn form(&self, word: &str, language: Language) -> Result<Form> {
        Ok(Form::new(self.ids(word, language)?, &self.characters))
    }

    /// The tokens of a text given by its word counts: words are cut alike wherever they stand, so
    /// counts × segmentation is the text's token count, without reading the text again.
    pub fn text(&self, words: &[WordCount], language: Language) -> Result<TokenCounts> {
        let cut: Vec<Vec<u32>> = words
            .par_iter()
            .map(|(word, _)| self.ids(word, language))
            .collect::<Result<_>>()?;
        let mut text = TokenCounts::new(self.vocab_size());
        for ((word, count), ids) in words.iter().zip(cut) {
            text.add(&ids, word.chars().count() as u64, *count);
        }
        Ok(text)
    }

    /// The rows of segmentation.parquet: every form of the lexicon, in its order.
    pub fn rows(&self, lexicon: &Lexicon) -> Result<Vec<SegmentationRow>> {
        lexicon
            .rows()
            .par_iter()
            .zip(lexicon.conditions())
            .map(|(row, condition)| {
                let ids = self.ids(&row.form, row.language)?;
                Ok(SegmentationRow {
                    concept: row.concept,
                    category: row.category,
                    r#type: row.r#type.clone(),
                    inflection: row.inflection.clone(),
                    language: row.language,
                    condition: *condition,
                    form: row.form.clone(),
                    tokens: ids
                        .iter()
                        .map(|id| self.tokens[*id as usize].clone())
                        .collect(),
                    n_tokens: u16::try_from(ids.len())?,
                    is_atom: ids.len() == 1,
                    ids,
                })
            })
            .collect()
    }
}

fn characters(algorithm: Algorithm, token: &str) -> u32 {
    let count = match algorithm {
        Algorithm::ByteBpe => token
            .chars()
            .filter_map(byte_level::byte)
            // Not the space that marks a word, and not the later bytes of a character.
            .filter(|byte| *byte != b' ' && (byte & 0b1100_0000) != 0b1000_0000)
            .count(),
        Algorithm::Wordpiece => {
            let token = token.strip_prefix(CONTINUATION).unwrap_or(token);
            token.chars().filter(|c| *c != WORD_MARK).count()
        }
        _ => token.chars().filter(|c| *c != WORD_MARK).count(),
    };
    count as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use corpus::Condition;

    use super::*;
    use crate::algorithm::train;
    use crate::lexicon::tests::diverging_affix;

    #[test]
    fn marks_count_no_characters() {
        assert_eq!(characters(Algorithm::Bpe, "▁kalu"), 4);
        assert_eq!(characters(Algorithm::Bpe, "▁"), 0);
        assert_eq!(characters(Algorithm::Wordpiece, "##lu"), 2);
        assert_eq!(characters(Algorithm::Wordpiece, "▁ka"), 2);
        assert_eq!(characters(Algorithm::ByteBpe, "Ġka"), 2);
        // é = C3 A9, spelled Ã ©: one character with its first byte, none with its second.
        assert_eq!(characters(Algorithm::ByteBpe, "Ã©"), 1);
        assert_eq!(characters(Algorithm::ByteBpe, "©"), 0);
    }

    #[test]
    fn text_counts_are_those_of_the_running_text() {
        let words: Vec<WordCount> = [(".", 2), ("kalu", 2), ("mika", 1)]
            .map(|(word, count)| (word.to_owned(), count))
            .to_vec();
        let letters: BTreeSet<char> = ".kalumi".chars().collect();
        for algorithm in [Algorithm::Bpe, Algorithm::ByteBpe, Algorithm::Char] {
            let (tokenizer, _) = train(algorithm, &words, &letters, None).unwrap();
            let encoding = tokenizer.encode("kalu . mika kalu .", false).unwrap();
            let segmenter = Segmenter::new(algorithm, tokenizer, SplitIds::None);
            let text = segmenter.text(&words, Language::Majority).unwrap();
            let mut running = vec![0; segmenter.vocab_size()];
            for id in encoding.get_ids() {
                running[*id as usize] += 1;
            }
            assert_eq!(text.occurrences, running, "{algorithm}");
            assert_eq!((text.words, text.characters), (5, 14));
        }
    }

    #[test]
    fn forms_have_the_condition_of_their_concept() {
        let letters: BTreeSet<char> = ".aeklnost".chars().collect();
        let (tokenizer, _) = train(Algorithm::Char, &[], &letters, None).unwrap();
        let segmenter = Segmenter::new(Algorithm::Char, tokenizer, SplitIds::None);
        let rows = segmenter.rows(&diverging_affix()).unwrap();
        let found = |language: Language| -> Vec<(&str, Condition)> {
            let own = rows.iter().filter(|row| row.language == language);
            own.map(|row| (row.form.as_str(), row.condition)).collect()
        };
        assert_eq!(
            found(Language::Minority),
            [
                ("talo", Condition::Identical),
                ("talok", Condition::Identical),
                ("kelo", Condition::Masked),
                ("kelok", Condition::Masked),
                ("sano", Condition::Minority),
            ]
        );
        let majority = found(Language::Majority);
        assert!(majority.iter().all(|row| row.1 == Condition::Majority));
    }
}
