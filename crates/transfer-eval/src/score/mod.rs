//! From a model to rows of scores.parquet.
//!
//! [`LanguageModel`] is the boundary: everything that a metric needs of a model is the log-probability of whole
//! sequences, or of the next token. [`suite`] turns probes and validation text into sequences once a run;
//! [`checkpoint`] is the model that model-train wrote.
//!
//! **Separators.** Every scored sequence is `<sep>` tokens `<sep>`. The first separator is context only; the
//! log-probability is the sum over all tokens after it, the final separator among them.

pub mod checkpoint;
pub mod suite;

use anyhow::Result;
use corpus::tables::{ScoreRow, ValidationScoreRow};

use crate::items::Items;
use crate::scores::calibrate;
use suite::Suite;

/// A model of token sequences.
pub trait LanguageModel {
    /// Σ ln P(token | tokens before it) over each sequence's tokens after the first, in nats.
    ///
    /// Sequences are best given in lexicographic order: neighbours then share their longest prefixes, which an
    /// implementation may compute once. A value that is not finite is returned as it is.
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>>;

    /// ln P(token | sequence) of every token of the vocabulary, in nats: [sequences, vocab_size].
    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>>;
}

/// Rows of scores.parquet for one checkpoint, in the order of the probes.
pub fn score(
    model: &impl LanguageModel,
    suite: &Suite,
    items: &Items,
    step: u64,
) -> Result<Vec<ScoreRow>> {
    let sequences: Vec<&[u32]> = suite.sequences.iter().map(Vec::as_slice).collect();
    let nats = model.log_probabilities(&sequences)?;
    let of_probe = |candidates: &Vec<u32>| {
        candidates
            .iter()
            .map(|&at| nats[at as usize] as f32)
            .collect()
    };
    let raw: Vec<Vec<f32>> = suite.candidates.iter().map(of_probe).collect();
    let calibrated = calibrate(items, &raw);
    let mut next_word: std::collections::HashMap<usize, f32> = Default::default();
    for (word, nats) in suite.words.iter().zip(next_word_nats(model, suite)?) {
        next_word.insert(word.row, nats as f32);
    }
    let mut rows = Vec::new();
    for (row, probe) in items.probes.iter().enumerate() {
        for (candidate, &nats) in raw[row].iter().enumerate() {
            let n_tokens = suite.sequences[suite.candidates[row][candidate] as usize].len() - 1;
            let is_gold = candidate == usize::from(probe.gold);
            rows.push(ScoreRow {
                step,
                probe: probe.probe,
                candidate: candidate as u16,
                log_probability_nats: nats,
                calibrated_nats: calibrated[row].get(candidate).copied(),
                n_tokens: u16::try_from(n_tokens).unwrap_or(u16::MAX),
                next_word_nats: next_word.get(&row).copied().filter(|_| is_gold),
            });
        }
    }
    Ok(rows)
}

/// For each of the suite's words: ln P(the next word is exactly this one | the words before it), that is its tokens,
/// then any token that starts a word or the separator.
fn next_word_nats(model: &impl LanguageModel, suite: &Suite) -> Result<Vec<f64>> {
    let words = &suite.words;
    let contexts: Vec<&[u32]> = words.iter().map(|word| &word.ids[..word.context]).collect();
    let whole: Vec<&[u32]> = words.iter().map(|word| word.ids.as_slice()).collect();
    let before = model.log_probabilities(&contexts)?;
    let with_word = model.log_probabilities(&whole)?;
    let after = model.next_token_nats(&whole)?;
    let end = |nats: &Vec<f32>| {
        let ends = nats.iter().zip(&suite.ends_word).filter(|(_, ends)| **ends);
        libm::log(ends.map(|(&nats, _)| libm::exp(nats.into())).sum())
    };
    Ok((0..words.len())
        .map(|i| with_word[i] - before[i] + end(&after[i]))
        .collect())
}

/// Rows of validation_scores.parquet for one checkpoint, in the order of the documents.
pub fn score_documents(
    model: &impl LanguageModel,
    suite: &Suite,
    step: u64,
) -> Result<Vec<ValidationScoreRow>> {
    let pieces: Vec<&[u32]> = suite
        .documents
        .iter()
        .flat_map(|document| document.pieces.iter().map(Vec::as_slice))
        .collect();
    let mut nats = model.log_probabilities(&pieces)?.into_iter();
    let row = |document: &suite::Document| ValidationScoreRow {
        step,
        document: document.document,
        language: document.language,
        log_probability_nats: nats.by_ref().take(document.pieces.len()).sum(),
        n_tokens: document
            .pieces
            .iter()
            .map(|piece| piece.len() as u32 - 1)
            .sum(),
        characters: document.characters,
    };
    Ok(suite.documents.iter().map(row).collect())
}
