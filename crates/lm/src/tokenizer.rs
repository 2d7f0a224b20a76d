//! The tokenizer: a Hugging Face `tokenizer.json` whose first three ids are the lab's special tokens.
//!
//! Words are marked at their start, and no special token is added by the file's own post-processor: the lab puts the
//! separator where it belongs, before and after a scored sequence and between packed documents.

use std::path::{Path, PathBuf};

use crate::config::MOST_TOKENS;
use crate::error::{Error, Result, at};
use crate::split_ids::TWIN_MARK;

/// Id of `<sep>`, beginning and end of every document.
pub const SEP: u32 = 0;
/// Id of `<pad>`, which no model is trained on.
pub const PAD: u32 = 1;
/// Id of `<unk>`, which no text of the lab contains.
pub const UNK: u32 = 2;
/// The special tokens in the order of their ids.
pub const SPECIAL_TOKENS: [&str; 3] = ["<sep>", "<pad>", "<unk>"];

/// Reads the text of a `tokenizer.json`, whatever it holds.
///
/// # Errors
/// What the library says of it, also where that panics.
pub fn parse(text: &str) -> std::result::Result<tokenizers::Tokenizer, String> {
    command::guarded(|| tokenizers::Tokenizer::from_bytes(text.as_bytes()))?
        .map_err(|error| error.to_string())
}

/// A loaded tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    path: PathBuf,
    json: String,
    inner: tokenizers::Tokenizer,
    twin_shift: Option<u32>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` and checks its special tokens.
    pub fn load(path: &Path) -> Result<Tokenizer> {
        let json = at(path, std::fs::read_to_string(path))?;
        let inner = parse(&json)
            .map_err(|error| Error::file(path, format!("not a tokenizer.json: {error}")))?;
        for (id, token) in (0..).zip(SPECIAL_TOKENS) {
            match inner.token_to_id(token) {
                Some(found) if found == id => {}
                found => {
                    let found = found.map_or("none".to_owned(), |id| format!("id {id}"));
                    return Err(Error::file(
                        path,
                        format!(
                            "expected {token} with id {id}, found {found}; was it trained by tok-train?"
                        ),
                    ));
                }
            }
        }
        let largest = inner.get_vocab(true).into_values().max();
        if let Some(largest) = largest.filter(|&id| id as usize >= MOST_TOKENS) {
            return Err(Error::file(
                path,
                format!("a token has id {largest}; expected ids below 2^24"),
            ));
        }
        let twin_shift = twin_shift(path, &inner)?;
        Ok(Tokenizer {
            path: path.to_owned(),
            json,
            inner,
            twin_shift,
        })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of `tokenizer.json`, byte for byte.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Ids, special tokens included: one above the largest.
    pub fn vocab_size(&self) -> usize {
        let largest = self.inner.get_vocab(true).into_values().max();
        largest.map_or(0, |id| id as usize + 1)
    }

    /// How far behind its token each twin lies (see [`crate::split_ids`]); `None` where tokens have none.
    pub fn twin_shift(&self) -> Option<u32> {
        self.twin_shift
    }

    /// Ids of a word, a sentence or a document, without separators.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| Error::Tokenizer(format!("{text:?}: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// `<sep>` text `<sep>`: what is scored, with the separator as first context and as last token.
    pub fn sequence(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = vec![SEP];
        ids.extend(self.encode(text)?);
        ids.push(SEP);
        Ok(ids)
    }

    /// The text of ids; separators and padding are left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner
            .decode(ids, true)
            .map_err(|error| Error::Tokenizer(format!("ids {ids:?}: {error}")))
    }

    /// The token with this id, as the vocabulary spells it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The `tokenizers` object, for what stands not here.
    pub fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }
}

/// The place of the twins, which must be those of all other tokens in the same order.
fn twin_shift(path: &Path, tokenizer: &tokenizers::Tokenizer) -> Result<Option<u32>> {
    let ids = tokenizer.get_vocab_size(true) as u32;
    let tokens: Vec<String> = (SPECIAL_TOKENS.len() as u32..ids)
        .map(|id| tokenizer.id_to_token(id).unwrap_or_default())
        .collect();
    if !tokens.iter().any(|token| token.ends_with(TWIN_MARK)) {
        return Ok(None);
    }
    let (first, twins) = tokens.split_at(tokens.len() / 2);
    let is_twin = |(token, twin): (&String, &String)| twin.strip_suffix(TWIN_MARK) == Some(token);
    if first.len() != twins.len() || !first.iter().zip(twins).all(is_twin) {
        return Err(Error::file(
            path,
            "expected the twin of every token behind all of them; was it written by tok-train --split-ids?",
        ));
    }
    Ok(Some(first.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../tests/samples/format-1/tok/tokenizer.json");

    /// The library panics at a misspelt word within its decoder, and takes any number for an id.
    #[test]
    fn what_the_library_takes_badly_is_refused_with_the_files_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokenizer.json");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Tokenizer::load(&path).map_err(|error| error.to_string())
        };
        assert!(load(SAMPLE).is_ok());
        let decoder = SAMPLE.find("\"decoder\"").unwrap();
        let (before, after) = SAMPLE.split_at(decoder);
        let misspelt = format!("{before}{}", after.replacen("true", "tzue", 1));
        let error = load(&misspelt).unwrap_err();
        assert!(
            error.contains("tokenizer.json: not a tokenizer.json: "),
            "{error}"
        );
        let mut absurd: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
        let vocabulary = absurd["model"]["vocab"].as_object_mut().unwrap();
        let (_, last) = vocabulary
            .iter_mut()
            .max_by_key(|(_, id)| id.as_u64())
            .unwrap();
        *last = 4_294_967_295_u32.into();
        let error = load(&absurd.to_string()).unwrap_err();
        assert!(
            error.ends_with("tokenizer.json: a token has id 4294967295; expected ids below 2^24"),
            "{error}"
        );
    }
}
