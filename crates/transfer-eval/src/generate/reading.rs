//! Reading what was generated: from ids to text, as it stands behind the prompt.
//!
//! Words are marked at their start, and decoding drops the mark of the first token. Decoded alone, `ka` `ta` would be
//! the word "kata", as `▁ka` `ta` is; behind `▁red` they are the end of "redkata". So a text whose first token starts no
//! word is read with the prompt's last word.

use anyhow::{Context, Result};
use lm::Encoder;
use lm::tokenizer::SPECIAL_TOKENS;

use crate::score::suite::ends_word;

/// Stands between the prompt's last word and what goes on with it, and behind a word that was cut off. No form has it, so
/// neither is ever taken for one.
pub const JOIN: &str = "##";

/// Tells where words and texts end, and reads them.
pub struct Reader<'a> {
    encoder: &'a Encoder<'a>,
    /// The full stop's tokens, in the first copy of the ids.
    full_stop: Vec<u32>,
    /// By token: whether the word before it is over.
    ends_word: Vec<bool>,
}

/// Whether a text is over with this token, which is none of its words': a separator, or padding that never was text.
pub fn ends_text(token: u32) -> bool {
    (token as usize) < SPECIAL_TOKENS.len()
}

impl<'a> Reader<'a> {
    /// A reader of one tokenizer's ids, whichever copy they are of.
    pub fn new(encoder: &'a Encoder<'a>) -> Result<Reader<'a>> {
        let tokenizer = encoder.tokenizer();
        Ok(Reader {
            encoder,
            full_stop: tokenizer.encode(".")?,
            ends_word: ends_word(tokenizer),
        })
    }

    /// Whether the word before this token is over.
    pub fn ends_word(&self, token: u32) -> bool {
        self.ends_word.get(token as usize).copied().unwrap_or(true)
    }

    /// Whether the last tokens are a full stop.
    pub fn has_full_stop(&self, ids: &[u32]) -> bool {
        let Some(before) = ids.len().checked_sub(self.full_stop.len()) else {
            return false;
        };
        let last = ids[before..].iter().map(|&id| self.encoder.first(id));
        last.eq(self.full_stop.iter().copied())
    }

    /// The text of the prompt and of `ids` together.
    pub fn whole(&self, prompt: &[u32], ids: &[u32]) -> Result<String> {
        Ok(self.encoder.decode(&[prompt, ids].concat())?)
    }

    /// The text of `ids` behind a prompt of at least one word. Where they start no word, the prompt's last word is part
    /// of it: behind `a b .` the tokens `ka` `▁.` read ".ka .", which no grammar accepts.
    pub fn sentence(&self, prompt: &[u32], ids: &[u32]) -> Result<String> {
        let Some(&first) = ids.first() else {
            return Ok(String::new());
        };
        let before = self.encoder.decode(prompt)?;
        let whole = self.whole(prompt, ids)?;
        let start = match self.ends_word(first) {
            // behind the space between the two
            true => before.len() + 1,
            false => before.len() - last_word(&before).len(),
        };
        let own = whole
            .strip_prefix(before.as_str())
            .and_then(|_| whole.get(start..));
        let own = own.with_context(|| {
            format!("ids {ids:?}: expected {whole:?} to begin with their prompt {before:?}")
        })?;
        Ok(own.to_owned())
    }

    /// The word of `ids` behind a prompt, with [`JOIN`] where it is none of its own: `red##kata` goes on with the prompt's
    /// last word, and `kata##` was cut off, `is_over` being false.
    pub fn word(&self, prompt: &[u32], ids: &[u32], is_over: bool) -> Result<String> {
        let mut word = String::new();
        if ids.first().is_some_and(|&first| !self.ends_word(first)) {
            word.push_str(last_word(&self.encoder.decode(prompt)?));
            word.push_str(JOIN);
        }
        word.push_str(&self.encoder.decode(ids)?);
        if !is_over {
            word.push_str(JOIN);
        }
        Ok(word)
    }
}

fn last_word(text: &str) -> &str {
    text.rsplit(' ').next().unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use lm::{SEP, Tokenizer};

    /// `▁red` 3, `▁.` 4, `▁kata` 5, `▁ka` 6, `ka` 7, `ta` 8, `▁` 9: ids as a tokenizer of parts of words has them.
    pub fn tokenizer(directory: &std::path::Path) -> Tokenizer {
        let tokens = ["▁red", "▁.", "▁kata", "▁ka", "ka", "ta", "▁"];
        crate::testing::token_tokenizer(directory, &tokens)
    }

    #[test]
    fn a_word_is_one_only_where_its_first_token_starts_it() {
        let directory = tempfile::tempdir().unwrap();
        let tokenizer = tokenizer(directory.path());
        let encoder = Encoder::plain(&tokenizer);
        let reader = Reader::new(&encoder).unwrap();
        let check = |prompt: &[u32], ids: &[u32], is_over: bool, expected: &str| {
            assert_eq!(reader.word(prompt, ids, is_over).unwrap(), expected);
        };
        let red = [SEP, 3];
        check(&red, &[5], true, "kata");
        // the same word in other tokens
        check(&red, &[6, 8], true, "kata");
        check(&red, &[9, 7, 8], true, "kata");
        // the end of redkata
        check(&red, &[7, 8], true, "red##kata");
        // nothing stands before it that it could go on with, yet it is no word
        check(&[SEP], &[7, 8], true, "##kata");
        check(&[SEP], &[5], true, "kata");
        // cut off: it could be the beginning of kataka
        check(&red, &[6, 8], false, "kata##");
        check(&red, &[7, 8], false, "red##kata##");
        check(&red, &[], true, "");
        check(&red, &[9], true, "");
    }

    #[test]
    fn a_sentence_is_read_behind_its_prompt() {
        let directory = tempfile::tempdir().unwrap();
        let tokenizer = tokenizer(directory.path());
        let encoder = Encoder::plain(&tokenizer);
        let reader = Reader::new(&encoder).unwrap();
        let check = |ids: &[u32], expected: &str| {
            assert_eq!(reader.sentence(&[SEP, 3, 4], ids).unwrap(), expected);
        };
        check(&[5, 4], "kata .");
        check(&[6, 8, 3, 4], "kata red .");
        // glued to the prompt's full stop
        check(&[7, 8, 4], ".kata .");
        // an empty word, which no sentence has
        check(&[9, 6, 8, 4], " kata .");
        check(&[], "");
        // where the prompt is the sentence's first word, a longer one comes of it
        assert_eq!(reader.whole(&[SEP, 3], &[8, 4]).unwrap(), "redta .");
        assert!(reader.has_full_stop(&[5, 4]) && !reader.has_full_stop(&[4, 5]));
        assert!(!reader.has_full_stop(&[]));
    }
}
