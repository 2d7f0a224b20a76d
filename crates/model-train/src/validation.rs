//! Loss on the validation derivations, which LANG tells in both languages.

use std::f64::consts::LN_2;

use anyhow::{Result, ensure};
use corpus::{Input, Language, scan_text};
use lm::{Encoder, SEP, TextKind};

use crate::batches::{IGNORE, Rows};
use crate::engine::Engine;

/// Rows of one forward pass.
const BATCH_ROWS: usize = 32;

/// The validation documents of both languages, packed.
pub struct Validation {
    majority: Side,
    minority: Side,
}

struct Side {
    batches: Vec<Rows>,
    tokens: u64,
    characters: u64,
}

/// Loss on one language's documents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SideLoss {
    /// Nats a token, the separator behind each document included.
    pub nats_per_token: f64,
    /// Bits of all tokens, separators included, over the characters of the texts, spaces included.
    pub bits_per_char: f64,
}

/// Loss on both languages; none for a language without documents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValidationLoss {
    /// A.
    pub majority: Option<SideLoss>,
    /// B.
    pub minority: Option<SideLoss>,
}

impl Validation {
    /// The first `documents` documents of each language in LANG's `validation.parquet`.
    ///
    /// # Errors
    /// A file that cannot be read, or without documents.
    pub fn new(
        lang: &Input,
        encoder: &Encoder<'_>,
        seq_len: usize,
        documents: usize,
    ) -> Result<Validation> {
        let path = lang.file("validation.parquet")?;
        let [mut majority, mut minority] = [const { Vec::new() }; 2];
        scan_text(&path, |language, text, characters| {
            let side: &mut Vec<(Vec<u32>, u32)> = match language {
                Language::Majority => &mut majority,
                Language::Minority => &mut minority,
            };
            if side.len() < documents {
                let is_minority = language == Language::Minority;
                let copy = encoder.copy(is_minority, TextKind::Validation, side.len() as u64);
                let mut tokens = encoder.encode(text, copy)?;
                tokens.push(SEP);
                side.push((tokens, characters));
            }
            Ok(())
        })?;
        ensure!(
            !majority.is_empty() || !minority.is_empty(),
            "{}: no documents",
            path.display()
        );
        Ok(Validation {
            majority: Side::new(majority, seq_len),
            minority: Side::new(minority, seq_len),
        })
    }

    /// Loss of each of the engine's models as it stands, on the documents of its own language directory.
    ///
    /// # Errors
    /// A device that failed; an interrupt. A step that is not validated may not be saved as done: a run that goes on from
    /// there would never validate it.
    pub fn losses(each: &[&Validation], engine: &mut Engine) -> Result<Vec<ValidationLoss>> {
        let majority: Vec<&Side> = each.iter().map(|validation| &validation.majority).collect();
        let minority: Vec<&Side> = each.iter().map(|validation| &validation.minority).collect();
        let majority = Side::losses(&majority, engine)?;
        let minority = Side::losses(&minority, engine)?;
        let both = majority.into_iter().zip(minority);
        Ok(both
            .map(|(majority, minority)| ValidationLoss { majority, minority })
            .collect())
    }
}

impl Side {
    /// Documents one a row, longer ones in several; rows of like length lie together, so that little is padding.
    fn new(documents: Vec<(Vec<u32>, u32)>, seq_len: usize) -> Side {
        let tokens = documents
            .iter()
            .map(|(tokens, _)| tokens.len() as u64)
            .sum();
        let characters = documents
            .iter()
            .map(|(_, characters)| u64::from(*characters))
            .sum();
        let mut pieces: Vec<Rows> = Vec::new();
        for (tokens, _) in &documents {
            let mut before = SEP;
            for piece in tokens.chunks(seq_len) {
                pieces.push(Rows::pack(before, piece, piece.len()));
                before = piece[piece.len() - 1];
            }
        }
        pieces.sort_by_key(|piece| piece.tokens);
        Side {
            batches: pieces.chunks(BATCH_ROWS).map(together).collect(),
            tokens,
            characters,
        }
    }

    fn losses(each: &[&Side], engine: &mut Engine) -> Result<Vec<Option<SideLoss>>> {
        let mut nats = vec![0.0; each.len()];
        let most = each.iter().map(|side| side.batches.len()).max();
        for index in 0..most.unwrap_or(0) {
            command::check_interrupt()?;
            let batch = |side: &&Side| side.batches.get(index).cloned().unwrap_or_default();
            let rows: Vec<Rows> = each.iter().map(batch).collect();
            for (sum, more) in nats.iter_mut().zip(engine.loss(&rows)?) {
                *sum += more;
            }
        }
        let loss = |(side, nats): (&&Side, f64)| {
            (side.tokens > 0).then(|| SideLoss {
                nats_per_token: nats / side.tokens as f64,
                bits_per_char: nats / LN_2 / side.characters as f64,
            })
        };
        Ok(each.iter().zip(nats).map(loss).collect())
    }
}

/// Pieces of one row each as one block, padded to the longest.
fn together(pieces: &[Rows]) -> Rows {
    let longest = pieces.iter().map(Rows::seq_len).max().unwrap_or(0);
    let mut rows = Rows {
        inputs: Vec::new(),
        targets: Vec::new(),
        rows: pieces.len(),
        tokens: 0,
    };
    for piece in pieces {
        rows.inputs.extend_from_slice(&piece.inputs);
        rows.targets.extend_from_slice(&piece.targets);
        rows.inputs
            .resize(rows.inputs.len() + longest - piece.seq_len(), lm::PAD);
        rows.targets.resize(rows.inputs.len(), IGNORE);
        rows.tokens += piece.tokens;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Flat;
    use cpu_step::EngineChoice;
    use lm::{DeviceChoice, ModelConfig, Size, Weights};

    /// A model whose weights are all zero gives every token 1/v: with v = 64, ln 64 nats a token. Documents of 3 and 9
    /// tokens (the separator included) and 30 characters in all: 12 · log2 64 / 30 = 2.4 bits a character. Rows hold 4
    /// tokens, so the second document lies in three.
    #[test]
    fn a_uniform_model_has_the_loss_of_chance() {
        let config = ModelConfig::of_size(Size::Tiny, 64, 4);
        let mut state = Flat::initial(&Weights::initial(&config, seed::Seed(0)));
        state.parameters.fill(0.0);
        let mut engine = Engine::new(
            EngineChoice::Auto,
            None,
            DeviceChoice::Cpu,
            &config,
            &[state],
            1,
        )
        .unwrap();
        let side = Side::new(
            vec![(vec![5, 6, 0], 10), ((1..9).chain([0]).collect(), 20)],
            4,
        );
        assert_eq!(side.batches.iter().map(|rows| rows.rows).sum::<usize>(), 4);
        let loss = Side::losses(&[&side], &mut engine).unwrap()[0].unwrap();
        assert!((loss.nats_per_token - 64f64.ln()).abs() < 1e-5, "{loss:?}");
        assert!((loss.bits_per_char - 2.4).abs() < 1e-5, "{loss:?}");
        let empty = Side::new(Vec::new(), 4);
        assert_eq!(Side::losses(&[&empty], &mut engine).unwrap(), [None]);
    }
}
