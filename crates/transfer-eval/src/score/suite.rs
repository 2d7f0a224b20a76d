//! The suite: every sequence that one tokenizer makes of the probes and the validation text, encoded once a run.
//!
//! Probes repeat each other's sentences (a crossed item's halves, primary and type-valid sets, the clozes of a
//! calibration group), so each different sequence is kept once, in lexicographic order: a trie read depth first.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use corpus::{Condition, Language};
use lm::{Encoder, IdCopy, SEP, TextKind, Tokenizer};
use rayon::prelude::*;
use seed::Seed;

use crate::items::{Cloze, Items, before};
use crate::ladder::shuffled;
use crate::stages::lexical::generated;

/// What is scored on every checkpoint.
#[derive(Debug)]
pub struct Suite {
    /// Different sequences `<sep>` tokens `<sep>`, in lexicographic order.
    pub sequences: Vec<Vec<u32>>,
    /// By probe row: the place of each candidate among `sequences`, then of the sentences beyond the candidates.
    pub candidates: Vec<Vec<u32>>,
    /// Gold forms whose probability as the next word is measured.
    pub words: Vec<NextWord>,
    /// By token: whether it ends the word before it (a word's start, a special token).
    pub ends_word: Vec<bool>,
    /// Validation documents, in pairs, one in each language.
    pub documents: Vec<Document>,
}

/// A word after its context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextWord {
    /// The cloze's probe row.
    pub row: usize,
    /// `<sep>` context word.
    pub ids: Vec<u32>,
    /// How many of `ids` are separator and context.
    pub context: usize,
}

/// A validation document to score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its number, the same in both languages.
    pub document: u64,
    /// The language it is told in.
    pub language: Language,
    /// Characters of the text, spaces included.
    pub characters: u32,
    /// `<sep>` tokens `<sep>`. Where that is longer than the model's context: cut between sentences, each piece after a
    /// separator, only the last one with a separator to predict.
    pub pieces: Vec<Vec<u32>>,
}

/// The text of a validation document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its number, the same in both languages.
    pub document: u64,
    /// The language it is told in.
    pub language: Language,
    /// Its sentences, joined by one space.
    pub text: String,
}

impl Suite {
    /// Encodes everything. `context`: tokens that the model was trained to look at.
    pub fn new(
        items: &Items,
        texts: &[Text],
        encoder: &Encoder<'_>,
        context: usize,
        seed: Seed,
    ) -> Result<Suite> {
        let encode = |row: usize| -> Result<Vec<Vec<u32>>> {
            command::check_interrupt()?;
            let probe = &items.probes[row];
            let copy = copy_of(items, row, encoder);
            let mut sequences = Vec::with_capacity(probe.candidates.len() + 1);
            for candidate in &probe.candidates {
                let ids = encoder.sequence(candidate, copy)?;
                ensure!(
                    ids.len() <= usize::from(u16::MAX),
                    "probe {}: a candidate of {} tokens is no sentence",
                    probe.probe,
                    ids.len()
                );
                sequences.push(ids);
            }
            for sentence in items.beyond.get(&row).into_iter().flatten() {
                sequences.push(encoder.sequence(sentence, copy)?);
            }
            if items.ladders.binary_search(&row).is_ok() {
                sequences.push(shuffled(&sequences[0], seed, probe.probe));
            }
            Ok(sequences)
        };
        let encoded: Vec<Vec<Vec<u32>>> = (0..items.probes.len())
            .into_par_iter()
            .map(encode)
            .collect::<Result<_>>()?;
        let mut places: BTreeMap<&[u32], u32> = encoded
            .iter()
            .flatten()
            .map(|ids| (ids.as_slice(), 0))
            .collect();
        for (place, value) in places.values_mut().zip(0..) {
            *place = value;
        }
        let place = |sequences: &Vec<Vec<u32>>| {
            sequences.iter().map(|ids| places[ids.as_slice()]).collect()
        };
        Ok(Suite {
            candidates: encoded.iter().map(place).collect(),
            sequences: places.keys().map(|ids| ids.to_vec()).collect(),
            words: words(items, encoder)?,
            ends_word: ends_word(encoder.tokenizer()),
            documents: texts
                .par_iter()
                .map(|text| document(text, encoder, context))
                .collect::<Result<_>>()?,
        })
    }
}

impl Suite {
    /// Tokens of the longest sequence.
    pub fn positions(&self) -> usize {
        let documents = self.documents.iter().flat_map(|document| &document.pieces);
        let words = self.words.iter().map(|word| &word.ids);
        self.sequences
            .iter()
            .chain(documents)
            .chain(words)
            .map(Vec::len)
            .max()
            .unwrap_or(0)
    }
}

/// The copy of its ids in which everything about a probe's item is written.
pub fn copy_of(items: &Items, row: usize, encoder: &Encoder<'_>) -> IdCopy {
    let is_minority = items.probes[row].language == Language::Minority;
    encoder.copy(is_minority, TextKind::Item, items.item_of[row].into())
}

/// The copy of a validation document: where chance decides, the same in both languages.
pub fn copy_of_text(text: &Text, encoder: &Encoder<'_>) -> IdCopy {
    let is_minority = text.language == Language::Minority;
    encoder.copy(is_minority, TextKind::Validation, text.document)
}

/// The gold word of every cloze that generation continues, after its context.
fn words(items: &Items, encoder: &Encoder<'_>) -> Result<Vec<NextWord>> {
    let mut words = Vec::new();
    for &condition in Condition::ALL {
        for cloze in generated::continued(items, condition) {
            let copy = copy_of(items, cloze.row, encoder);
            let mut ids = vec![SEP];
            ids.extend(encoder.encode(&context(items, cloze), copy)?);
            let context = ids.len();
            ids.extend(encoder.encode(generated::gold_form(items, cloze), copy)?);
            words.push(NextWord {
                row: cloze.row,
                ids,
                context,
            });
        }
    }
    Ok(words)
}

/// The words before a cloze's noun.
pub fn context(items: &Items, cloze: &Cloze) -> String {
    before(&items.probe(cloze).candidates[cloze.gold], cloze.word)
}

/// By token: whether the word before it is over. Words are marked at their start, by `▁` or by byte-level BPE's `Ġ`, in
/// either copy of the ids.
pub fn ends_word(tokenizer: &Tokenizer) -> Vec<bool> {
    let ends = |id: usize| {
        let token = tokenizer.token(id as u32).unwrap_or_default();
        id < lm::tokenizer::SPECIAL_TOKENS.len() || token.starts_with(['▁', 'Ġ'])
    };
    (0..tokenizer.vocab_size()).map(ends).collect()
}

fn document(text: &Text, encoder: &Encoder<'_>, context: usize) -> Result<Document> {
    let copy = copy_of_text(text, encoder);
    let mut pieces: Vec<Vec<u32>> = vec![vec![SEP]];
    for sentence in sentences(&text.text) {
        let ids = encoder.encode(sentence, copy)?;
        let piece = pieces.last_mut().context("there is always a piece")?;
        // one more token is predicted after the piece's own
        if piece.len() > 1 && piece.len() + ids.len() > context {
            pieces.push(vec![SEP]);
        }
        pieces
            .last_mut()
            .context("there is always a piece")?
            .extend(ids);
    }
    pieces
        .last_mut()
        .context("there is always a piece")?
        .push(SEP);
    Ok(Document {
        document: text.document,
        language: text.language,
        characters: text.text.chars().count() as u32,
        pieces,
    })
}

/// The sentences of a document, each with its full stop.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(" . ")
        .map(|sentence| sentence.trim_end_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_with_their_full_stop() {
        let got: Vec<&str> = sentences("a b . c .").collect();
        assert_eq!(got, ["a b .", "c ."]);
        assert_eq!(sentences("a .").collect::<Vec<_>>(), ["a ."]);
    }
}
