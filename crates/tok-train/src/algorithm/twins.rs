//! The second copy of every token's id, for `--split-ids` (see [`lm::split_ids`]).
//!
//! Twins stand in the model's own vocabulary behind all other tokens, spelled with a mark that no text contains. So no
//! text is ever cut into them, and the tokenizer cuts as it did without them; the decoder drops the mark.

use anyhow::{Result, anyhow, ensure};
use lm::split_ids::TWIN_MARK;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::{SPECIAL_TOKENS, parse};

/// The `tokenizer.json` in `text` with a twin of every token but the special ones, in the same order.
///
/// # Errors
/// A text that is no tokenizer.json of ours.
pub fn with_twins(text: &str) -> Result<(Tokenizer, String)> {
    let plain = parse(text)?;
    let size = plain.get_vocab_size(true);
    let mut file: Value = serde_json::from_str(text)?;
    let twin = |token: &str| format!("{token}{TWIN_MARK}");
    match &mut file["model"]["vocab"] {
        Value::Object(vocab) => {
            for id in SPECIAL_TOKENS.len()..size {
                let token = plain.id_to_token(id as u32).unwrap_or_default();
                let shifted = id + size - SPECIAL_TOKENS.len();
                vocab.insert(twin(&token), Value::from(shifted));
            }
        }
        // Unigram: pieces with their log-probabilities, a piece's place being its id.
        Value::Array(pieces) => {
            for place in SPECIAL_TOKENS.len()..size {
                let piece = pieces[place][0].as_str().unwrap_or_default();
                let (piece, nats) = (twin(piece), pieces[place][1].clone());
                pieces.push(json!([piece, nats]));
            }
        }
        other => {
            return Err(anyhow!(
                "tokenizer.json: expected a vocabulary, found {other}"
            ));
        }
    }
    let unmark =
        json!({ "type": "Replace", "pattern": { "String": TWIN_MARK.to_string() }, "content": "" });
    file["decoder"] = json!({ "type": "Sequence", "decoders": [unmark, file["decoder"]] });
    let first: Tokenizer = file.to_string().parse().map_err(|e| anyhow!("{e}"))?;
    let text = first.to_string(true).map_err(|e| anyhow!("{e}"))?;
    let tokenizer = parse(&text)?;
    let expected = 2 * size - SPECIAL_TOKENS.len();
    ensure!(
        tokenizer.get_vocab_size(true) == expected,
        "tokenizer.json: expected {expected} ids with twins, found {}",
        tokenizer.get_vocab_size(true)
    );
    Ok((tokenizer, text))
}
