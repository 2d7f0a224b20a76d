//! Split ids: a control that cuts bridges at equal segmentation.
//!
//! The tokenizer is trained as ever; then every token but the special ones gets a *twin*, a second id with an embedding
//! of its own. A text is cut into the same tokens as before and takes one copy of their ids or the other:
//! - `language`: A texts take the first copy, B texts the twins, so the languages share no token;
//! - `document`: each text takes one copy at random, in either language. The vocabulary is as large and each token
//!   as thinly spread, but what was shared still is. The difference between the two is what sharing does.
//!
//! Of v tokens, 3 of them special, id i ≥ 3 has the twin i + v − 3; both copies together are 2v − 3 ids. A twin is
//! spelled like its token with [`TWIN_MARK`] behind it, which no text contains: encoding gives first copies, decoding
//! gives the text of either.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use seed::Seed;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::tokenizer::{SEP, SPECIAL_TOKENS, Tokenizer};

/// What a twin's spelling ends with: a character for private use.
pub const TWIN_MARK: char = '\u{E000}';

/// By what texts are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitIds {
    /// There are no twins.
    #[default]
    None,
    /// B takes the twins.
    Language,
    /// Chance decides, document by document.
    Document,
}

/// One of the two copies of a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdCopy {
    /// The ids that the tokenizer gives.
    First,
    /// Those behind them.
    Twin,
}

impl SplitIds {
    /// All, as the command line spells them.
    pub const ALL: [SplitIds; 3] = [SplitIds::None, SplitIds::Language, SplitIds::Document];

    /// What a tokenizer directory's configuration states; nothing, in one written before there were twins.
    ///
    /// # Errors
    /// A value that is none of the three.
    pub fn of_configuration(configuration: &Value) -> Result<SplitIds> {
        match &configuration["split_ids"] {
            Value::Null => Ok(SplitIds::None),
            value => SplitIds::deserialize(value).map_err(|_| {
                Error::Tokenizer(format!(
                    "split_ids {value}: expected none, language or document"
                ))
            }),
        }
    }

    /// The copy of every text of a language, where that is not left to chance.
    pub fn of_language(self, is_minority: bool) -> IdCopy {
        match self {
            SplitIds::Language if is_minority => IdCopy::Twin,
            _ => IdCopy::First,
        }
    }
}

impl fmt::Display for SplitIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SplitIds::None => "none",
            SplitIds::Language => "language",
            SplitIds::Document => "document",
        })
    }
}

impl FromStr for SplitIds {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<SplitIds, String> {
        let found = SplitIds::ALL
            .into_iter()
            .find(|split| split.to_string() == text);
        found.ok_or_else(|| "expected none, language or document".to_owned())
    }
}

/// What kind of text is numbered; each kind has a random stream of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A document of the training text, by its place in LANG.
    Training,
    /// A validation document by its number, the same in both languages.
    Validation,
    /// An item of the evaluation, by its first probe.
    Item,
    /// The forms that are compared with each other: one text, number 0.
    Forms,
}

impl TextKind {
    fn stream(self) -> &'static str {
        match self {
            TextKind::Training => "split ids/training documents",
            TextKind::Validation => "split ids/validation documents",
            TextKind::Item => "split ids/items",
            TextKind::Forms => "split ids/forms",
        }
    }
}

/// A tokenizer, and which copy of its ids each text takes.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    split: SplitIds,
    seed: Seed,
    /// From a token to its twin; 0 without twins.
    shift: u32,
}

impl<'a> Encoder<'a> {
    /// `seed`: the stage's, from whose streams `document` draws.
    ///
    /// # Errors
    /// A split of a tokenizer that has no twins.
    pub fn new(tokenizer: &'a Tokenizer, split: SplitIds, seed: Seed) -> Result<Encoder<'a>> {
        let shift = tokenizer.twin_shift();
        if split != SplitIds::None && shift.is_none() {
            return Err(Error::file(
                tokenizer.path(),
                format!(
                    "its ids are split by {split}, but its tokens have no twins; was it written by tok-train?"
                ),
            ));
        }
        Ok(Encoder {
            tokenizer,
            split,
            seed,
            shift: shift.unwrap_or(0),
        })
    }

    /// Of a tokenizer whose ids are not split.
    pub fn plain(tokenizer: &'a Tokenizer) -> Encoder<'a> {
        Encoder {
            tokenizer,
            split: SplitIds::None,
            seed: Seed(0),
            shift: tokenizer.twin_shift().unwrap_or(0),
        }
    }

    /// The tokenizer, which knows first copies only.
    pub fn tokenizer(&self) -> &'a Tokenizer {
        self.tokenizer
    }

    /// The copy that a text takes: of its language, or drawn from its kind's stream at its number.
    pub fn copy(&self, is_minority: bool, kind: TextKind, number: u64) -> IdCopy {
        match self.split {
            SplitIds::Document => {
                let mut stream = self.seed.stream_at(kind.stream(), number);
                match stream.next_u64() >> 63 {
                    0 => IdCopy::First,
                    _ => IdCopy::Twin,
                }
            }
            split => split.of_language(is_minority),
        }
    }

    /// Turns ids of the first copy into those of `copy`; separators stay.
    pub fn shift(&self, ids: &mut [u32], copy: IdCopy) {
        if copy == IdCopy::Twin {
            for id in ids.iter_mut().filter(|id| !is_special(**id)) {
                *id += self.shift;
            }
        }
    }

    /// The token's id in the first copy.
    pub fn first(&self, id: u32) -> u32 {
        let is_twin = self.shift > 0 && id as usize >= SPECIAL_TOKENS.len() + self.shift as usize;
        if is_twin { id - self.shift } else { id }
    }

    /// Ids of a word, a sentence or a document in one copy, without separators.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub fn encode(&self, text: &str, copy: IdCopy) -> Result<Vec<u32>> {
        let mut ids = self.tokenizer.encode(text)?;
        self.shift(&mut ids, copy);
        Ok(ids)
    }

    /// `<sep>` text `<sep>` in one copy.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub fn sequence(&self, text: &str, copy: IdCopy) -> Result<Vec<u32>> {
        let mut ids = vec![SEP];
        ids.extend(self.encode(text, copy)?);
        ids.push(SEP);
        Ok(ids)
    }

    /// The text of ids, whichever copy they are of.
    ///
    /// # Errors
    /// Ids that the tokenizer refuses.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let first: Vec<u32> = ids.iter().map(|&id| self.first(id)).collect();
        self.tokenizer.decode(&first)
    }
}

fn is_special(id: u32) -> bool {
    (id as usize) < SPECIAL_TOKENS.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole words ▁x (id 3) and ▁y (id 4), and with `twins` their twins 5 and 6: shift 5 − 3 = 2.
    fn tokenizer(twins: bool) -> (tempfile::TempDir, Tokenizer) {
        let mut tokens: Vec<String> = SPECIAL_TOKENS.map(String::from).to_vec();
        tokens.extend(["▁x", "▁y"].map(String::from));
        if twins {
            tokens.extend(["▁x", "▁y"].map(|token| format!("{token}{TWIN_MARK}")));
        }
        let vocab: serde_json::Map<String, Value> = (0..)
            .zip(&tokens)
            .map(|(id, token)| (token.clone(), Value::from(id)))
            .collect();
        let mark = serde_json::json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": mark, "post_processor": null, "decoder": mark,
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
        });
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokenizer.json");
        std::fs::write(&path, json.to_string()).unwrap();
        let tokenizer = Tokenizer::load(&path).unwrap();
        (directory, tokenizer)
    }

    #[test]
    fn the_minority_takes_the_twins_or_chance_decides() {
        let (_directory, tokenizer) = tokenizer(true);
        let encoder = |split| Encoder::new(&tokenizer, split, Seed(1)).unwrap();
        let by_language = encoder(SplitIds::Language);
        for (is_minority, expected) in [(false, [0, 3, 4, 3, 0]), (true, [0, 5, 6, 5, 0])] {
            let copy = by_language.copy(is_minority, TextKind::Training, 7);
            let ids = by_language.sequence("x y x", copy).unwrap();
            assert_eq!(ids, expected);
            assert_eq!(by_language.decode(&ids[1..4]).unwrap(), "x y x");
            assert_eq!(by_language.first(ids[2]), 4);
        }

        let by_document = encoder(SplitIds::Document);
        let copies = |is_minority, kind| -> Vec<IdCopy> {
            (0..1000)
                .map(|n| by_document.copy(is_minority, kind, n))
                .collect()
        };
        let drawn = copies(false, TextKind::Training);
        assert_eq!(
            drawn,
            copies(true, TextKind::Training),
            "in either language"
        );
        assert_ne!(drawn, copies(false, TextKind::Validation));
        // 1000 fair draws: 500 ± 4 · √250
        let twins = drawn.iter().filter(|copy| **copy == IdCopy::Twin).count();
        assert!((437..=563).contains(&twins), "{twins}");

        let none = encoder(SplitIds::None);
        assert_eq!(none.copy(true, TextKind::Item, 3), IdCopy::First);
    }

    #[test]
    fn twins_are_needed_and_the_configuration_says_whether() {
        let (_directory, plain) = tokenizer(false);
        let refused = Encoder::new(&plain, SplitIds::Language, Seed(1)).unwrap_err();
        assert!(refused.to_string().contains("have no twins"), "{refused}");
        assert_eq!(Encoder::plain(&plain).first(4), 4);

        let stated = |value| SplitIds::of_configuration(&serde_json::json!({ "split_ids": value }));
        assert_eq!(stated("document").unwrap(), SplitIds::Document);
        assert_eq!(stated("none").unwrap(), SplitIds::None);
        assert!(stated("dokument").is_err());
        let older = SplitIds::of_configuration(&serde_json::json!({})).unwrap();
        assert_eq!(older, SplitIds::None);
        for split in SplitIds::ALL {
            assert_eq!(split.to_string().parse(), Ok(split));
        }
    }
}
