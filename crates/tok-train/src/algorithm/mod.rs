//! Algorithms: from weighted word counts to a `tokenizer.json`.
//!
//! Every tokenizer marks words at their start, never at their end: `▁` before each word
//! (Metaspace, always prepended), or the space itself, spelled `Ġ`, for byte-level BPE. So a word
//! is segmented the same wherever it stands in a text. Special tokens have the ids `<sep>` 0,
//! `<pad>` 1, `<unk>` 2; the post-processor adds none. The letters of both languages and the mark
//! are always in the vocabulary, so that no text of either is ever `<unk>`.
//!
//! Trainers are our own, over word counts ([`bpe`], [`unigram`]), tested against those of the
//! `tokenizers` library; the file is put together here, then read and written once by the library,
//! so that it is in the library's own form.

pub mod bpe;
pub mod byte_level;
pub mod twins;
pub mod unigram;

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::word_counts::WordCount;

/// Special tokens; a token's place is its id.
pub const SPECIAL_TOKENS: [&str; 3] = ["<sep>", "<pad>", "<unk>"];
/// What stands before every word (all algorithms but byte-level BPE).
pub const WORD_MARK: char = '▁';
/// What WordPiece puts before a token that continues a word.
pub const CONTINUATION: &str = "##";
/// A word this long is no input of ours; WordPiece would give it up as `<unk>`.
const MAX_WORD_CHARACTERS: u32 = 10_000;

/// How words are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Algorithm {
    /// Byte-pair encoding over characters (Sennrich et al. 2016)
    Bpe,
    /// Byte-pair encoding over UTF-8 bytes (Radford et al. 2019); refused for a disjoint script
    ByteBpe,
    /// Unigram language model (Kudo 2018)
    Unigram,
    /// Longest match first, pieces learnt by BPE with continuation marks (Wu et al. 2016)
    Wordpiece,
    /// One token per character, and one for the word mark
    Char,
    /// Whole words of the training text, else characters
    Word,
}

impl Algorithm {
    /// The name on the command line and in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Bpe => "bpe",
            Algorithm::ByteBpe => "byte-bpe",
            Algorithm::Unigram => "unigram",
            Algorithm::Wordpiece => "wordpiece",
            Algorithm::Char => "char",
            Algorithm::Word => "word",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The vocabulary that every tokenizer of this algorithm has, in the order of its ids: special
/// tokens, then the alphabet by code point. Its length is the smallest possible `vocab_size`.
///
/// `letters`: every character of both languages' words.
pub fn base_vocabulary(algorithm: Algorithm, letters: &BTreeSet<char>) -> Vec<String> {
    let mut alphabet: BTreeSet<String> = match algorithm {
        Algorithm::ByteBpe => byte_level::alphabet().map(String::from).collect(),
        _ => letters.iter().copied().map(String::from).collect(),
    };
    if algorithm == Algorithm::Wordpiece {
        let continued: Vec<String> = alphabet
            .iter()
            .map(|x| format!("{CONTINUATION}{x}"))
            .collect();
        alphabet.extend(continued);
    }
    if algorithm != Algorithm::ByteBpe {
        alphabet.insert(WORD_MARK.to_string());
    }
    SPECIAL_TOKENS
        .map(String::from)
        .into_iter()
        .chain(alphabet)
        .collect()
}

/// Trains a tokenizer of at most `vocab_size` tokens (`None`: as many as the words give) and
/// returns it with the text of its `tokenizer.json`.
///
/// The result depends on `words` (sorted, weighted) and `letters` alone. Errors when `vocab_size`
/// is below [`base_vocabulary`]'s length, naming that minimum.
pub fn train(
    algorithm: Algorithm,
    words: &[WordCount],
    letters: &BTreeSet<char>,
    vocab_size: Option<usize>,
) -> Result<(Tokenizer, String)> {
    let base = base_vocabulary(algorithm, letters);
    let size = vocab_size.unwrap_or(usize::MAX);
    ensure!(
        size >= base.len(),
        "--vocab-size {size}: {algorithm} needs at least {} tokens here ({} special, {} alphabet); use --vocab-size {} or more",
        base.len(),
        SPECIAL_TOKENS.len(),
        base.len() - SPECIAL_TOKENS.len(),
        base.len(),
    );

    let model = match algorithm {
        Algorithm::Bpe => merged(bpe::train(&marked(words), base, bpe::Start::Plain, size)),
        Algorithm::ByteBpe => {
            let spelled: Vec<WordCount> = words
                .iter()
                .map(|(word, count)| (byte_level::spell(&format!(" {word}")), *count))
                .collect();
            merged(bpe::train(&spelled, base, bpe::Start::Plain, size))
        }
        Algorithm::Wordpiece => {
            let start = bpe::Start::Continued(CONTINUATION);
            wordpiece(bpe::train(&marked(words), base, start, size).tokens)
        }
        Algorithm::Unigram => {
            let alphabet: Vec<char> = letters.iter().copied().chain([WORD_MARK]).collect();
            let size = size.min(unigram::SEED_SIZE);
            let pieces = unigram::train(&marked(words), &alphabet, size, SPECIAL_TOKENS.len());
            unigram_model(pieces)
        }
        Algorithm::Char => bpe_model(base, Vec::new(), false),
        Algorithm::Word => bpe_model(with_words(base, words, size), Vec::new(), true),
    };
    assemble(algorithm, model)
}

fn marked(words: &[WordCount]) -> Vec<WordCount> {
    words
        .iter()
        .map(|(word, count)| (format!("{WORD_MARK}{word}"), *count))
        .collect()
}

/// Adds whole words, the most frequent first (equal counts alphabetically), up to `size` tokens.
fn with_words(base: Vec<String>, words: &[WordCount], size: usize) -> Vec<String> {
    let mut ranked = marked(words);
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let room = size - base.len();
    base.into_iter()
        .chain(ranked.into_iter().take(room).map(|(word, _)| word))
        .collect()
}

fn merged(trained: bpe::Merges) -> Value {
    bpe_model(trained.tokens, trained.pairs, false)
}

/// `ignore_merges`: a word that is a token stays whole though no merge leads there.
fn bpe_model(tokens: Vec<String>, merges: Vec<(String, String)>, ignore_merges: bool) -> Value {
    json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": SPECIAL_TOKENS[2],
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": false,
        "byte_fallback": false,
        "ignore_merges": ignore_merges,
        "vocab": by_token(tokens),
        "merges": merges,
    })
}

fn wordpiece(tokens: Vec<String>) -> Value {
    json!({
        "type": "WordPiece",
        "unk_token": SPECIAL_TOKENS[2],
        "continuing_subword_prefix": CONTINUATION,
        "max_input_chars_per_word": MAX_WORD_CHARACTERS,
        "vocab": by_token(tokens),
    })
}

fn unigram_model(pieces: Vec<unigram::Piece>) -> Value {
    let special = SPECIAL_TOKENS
        .iter()
        .map(|token| ((*token).to_owned(), 0.0));
    let vocab: Vec<unigram::Piece> = special.chain(pieces).collect();
    json!({ "type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": false })
}

fn by_token(tokens: Vec<String>) -> Value {
    Value::Object(
        tokens
            .into_iter()
            .enumerate()
            .map(|(id, token)| (token, Value::from(id)))
            .collect(),
    )
}

fn assemble(algorithm: Algorithm, model: Value) -> Result<(Tokenizer, String)> {
    let metaspace = json!({
        "type": "Metaspace", "replacement": WORD_MARK, "prepend_scheme": "always", "split": true,
    });
    let replace =
        |what: String| json!({ "type": "Replace", "pattern": { "String": what }, "content": "" });
    let (pre_tokenizer, decoder) = match algorithm {
        Algorithm::ByteBpe => {
            let byte_level = json!({
                "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": false,
            });
            let split = json!({
                "type": "Split", "pattern": { "String": " " }, "behavior": "MergedWithNext", "invert": false,
            });
            let strip = json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 });
            (
                json!({ "type": "Sequence", "pretokenizers": [split, byte_level.clone()] }),
                json!({ "type": "Sequence", "decoders": [byte_level, strip] }),
            )
        }
        Algorithm::Wordpiece => (
            metaspace.clone(),
            json!({ "type": "Sequence", "decoders": [replace(CONTINUATION.to_owned()), metaspace] }),
        ),
        _ => (metaspace.clone(), metaspace),
    };
    let added: Vec<Value> = SPECIAL_TOKENS
        .iter()
        .enumerate()
        .map(|(id, token)| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            })
        })
        .collect();
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": null,
        "decoder": decoder,
        "model": model,
    });

    let first: Tokenizer = file.to_string().parse().map_err(|e| anyhow!("{e}"))?;
    let text = first.to_string(true).map_err(|e| anyhow!("{e}"))?;
    let tokenizer = parse(&text).context("tokenizer.json as just written")?;
    for (id, token) in SPECIAL_TOKENS.iter().enumerate() {
        ensure!(
            tokenizer.token_to_id(token) == Some(id as u32),
            "tokenizer.json: expected {token} to have id {id}"
        );
    }
    Ok((tokenizer, text))
}

/// Reads the text of a `tokenizer.json`.
pub fn parse(text: &str) -> Result<Tokenizer> {
    lm::tokenizer::parse(text).map_err(|e| anyhow!(e))
}

#[cfg(test)]
mod tests;
