//! Each distinct word's tokens under one tokenizer, and BPE dropout (Provilkov et al. 2020).

use anyhow::{Context, Result, bail, ensure};
use lm::{Tokenizer, UNK};
use rand::Rng;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::text::Text;

/// Documents on which word-by-word encoding is compared with encoding as a whole.
const COMPARED_DOCUMENTS: usize = 64;

/// Token ids by word number.
pub struct WordTokens {
    ids: Vec<u32>,
    /// Where each word's ids end.
    ends: Vec<usize>,
    dropout: Option<Dropout>,
}

impl WordTokens {
    /// Encodes every distinct word of the text. Encoding word by word gives the ids of encoding whole documents, since
    /// the lab's tokenizers split at spaces first; that is checked on the first documents.
    ///
    /// # Errors
    /// A tokenizer that knows not all of the text, looks beyond words, or has no merges to drop.
    pub fn new(text: &Text, tokenizer: &Tokenizer, bpe_dropout: Option<f64>) -> Result<WordTokens> {
        let file = || tokenizer.path().display().to_string();
        let encoded: Vec<Vec<u32>> = text
            .words()
            .par_iter()
            .map(|word| tokenizer.encode(&word.text))
            .collect::<Result<_, _>>()?;
        for (word, ids) in text.words().iter().zip(&encoded) {
            ensure!(
                !ids.is_empty(),
                "{}: gives the word {:?} no token",
                file(),
                word.text
            );
            if ids.contains(&UNK) {
                bail!(
                    "{}: the training text has the unknown word {:?}; take the tokenizer trained on this language",
                    file(),
                    word.text
                );
            }
        }
        let mut words = WordTokens {
            ids: Vec::new(),
            ends: Vec::new(),
            dropout: None,
        };
        for ids in encoded {
            words.ids.extend(ids);
            words.ends.push(words.ids.len());
        }
        for index in 0..text.documents().min(COMPARED_DOCUMENTS) {
            let whole = tokenizer.encode(&text.document_text(index))?;
            let by_word = text
                .document(index)
                .flat_map(|at| words.get(text.word(at)).iter());
            ensure!(
                by_word.eq(&whole),
                "{}: encodes a document otherwise than word by word; its pre-tokenizer must split at spaces",
                file()
            );
        }
        if let Some(probability) = bpe_dropout {
            words.dropout = Some(Dropout::new(text, tokenizer, probability).with_context(file)?);
        }
        Ok(words)
    }

    /// The ids of a word.
    pub fn get(&self, word: u32) -> &[u32] {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.ids[start..self.ends[word]]
    }

    /// Adds the ids of a word to `out`; under dropout, a segmentation drawn from `stream`.
    pub fn append(&self, word: u32, stream: impl FnOnce() -> seed::Stream, out: &mut Vec<u32>) {
        match &self.dropout {
            None => out.extend_from_slice(self.get(word)),
            Some(dropout) => dropout.append(word, &mut stream(), out),
        }
    }

    /// Tokens of the whole text, the separator behind each document included; without dropout.
    pub fn count(&self, text: &Text) -> u64 {
        let words = text.words().iter().zip(0..);
        let tokens: u64 = words
            .map(|(word, number)| word.occurrences * self.get(number).len() as u64)
            .sum();
        tokens + text.documents() as u64
    }
}

/// Segmentation by BPE in which each possible merge is skipped with some probability, every time anew.
struct Dropout {
    probability: f64,
    /// Pair of ids to rank and id of what they become.
    merges: FxHashMap<(u32, u32), (u32, u32)>,
    /// Ids of the symbols that each word begins with, before any merge.
    symbols: Vec<Vec<u32>>,
}

impl Dropout {
    fn new(text: &Text, tokenizer: &Tokenizer, probability: f64) -> Result<Dropout> {
        ensure!(
            (0.0..1.0).contains(&probability),
            "--bpe-dropout {probability}: expected 0 to below 1"
        );
        let json: serde_json::Value = serde_json::from_str(tokenizer.json())?;
        let model = &json["model"];
        let Some(merges) = model["merges"]
            .as_array()
            .filter(|merges| model["type"] == "BPE" && !merges.is_empty())
        else {
            bail!(
                "{}: expected merges for --bpe-dropout to skip, found a {} tokenizer without any",
                tokenizer.path().display(),
                model["type"].as_str().unwrap_or_default()
            );
        };
        let id = |token: &str| {
            tokenizer
                .inner()
                .token_to_id(token)
                .with_context(|| format!("no token {token:?}"))
        };
        let mut ranked = FxHashMap::default();
        for (rank, merge) in (0..).zip(merges) {
            let pair = match merge.as_array().map(Vec::as_slice) {
                Some([left, right]) => left.as_str().zip(right.as_str()),
                _ => merge.as_str().and_then(|pair| pair.split_once(' ')),
            };
            let (left, right) = pair.with_context(|| format!("merge {merge} is no pair"))?;
            ranked.insert(
                (id(left)?, id(right)?),
                (rank, id(&format!("{left}{right}"))?),
            );
        }
        // What the pre-tokenizer makes of a word (▁ before it, bytes as letters), letter by letter.
        let symbols = text
            .words()
            .iter()
            .map(|word| {
                let mut pieces = tokenizers::PreTokenizedString::from(word.text.as_str());
                if let Some(pre_tokenizer) = tokenizer.inner().get_pre_tokenizer() {
                    use tokenizers::PreTokenizer;
                    pre_tokenizer
                        .pre_tokenize(&mut pieces)
                        .map_err(|error| anyhow::anyhow!("{error}"))?;
                }
                let splits = pieces.get_splits(
                    tokenizers::OffsetReferential::Normalized,
                    tokenizers::OffsetType::Byte,
                );
                let letters = splits.iter().flat_map(|(piece, _, _)| piece.chars());
                letters
                    .map(|letter| id(letter.encode_utf8(&mut [0; 4])))
                    .collect()
            })
            .collect::<Result<_>>()?;
        Ok(Dropout {
            probability,
            merges: ranked,
            symbols,
        })
    }

    /// Merges the pair of lowest rank among those not dropped this time, until none is left; each pair is dropped anew
    /// before each merge, as in the paper's algorithm 1.
    fn append(&self, word: u32, stream: &mut seed::Stream, out: &mut Vec<u32>) {
        let mut symbols = self.symbols[word as usize].clone();
        loop {
            let best = symbols
                .windows(2)
                .enumerate()
                .filter_map(|(at, pair)| Some((self.merges.get(&(pair[0], pair[1]))?, at)))
                .filter(|_| {
                    (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64 >= self.probability
                })
                .min();
            let Some(((_, merged), at)) = best else { break };
            symbols[at] = *merged;
            symbols.remove(at + 1);
        }
        out.extend(symbols);
    }
}
