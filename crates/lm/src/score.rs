//! Log-probabilities of whole sequences, many rows padded into one batch.

use candle_core::{DType, Device, Result, Tensor};

use crate::decoder::Decoder;
use crate::tokenizer::PAD;

/// Rows of different length as one tensor, padded on the right with `<pad>`: u32 [rows, longest row].
pub fn pad(rows: &[&[u32]], device: &Device) -> Result<Tensor> {
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut ids = Vec::with_capacity(rows.len() * longest);
    for row in rows {
        ids.extend_from_slice(row);
        ids.resize(ids.len() + longest - row.len(), PAD);
    }
    Tensor::from_vec(ids, (rows.len(), longest), device)
}

/// ln p(token | tokens before it) for each row's tokens after the first, in nats; the sum over a row
/// `<sep> sentence <sep>` is the sentence's log-probability.
pub fn token_nats(decoder: &Decoder, rows: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
    if rows.iter().all(|row| row.len() < 2) {
        return Ok(vec![Vec::new(); rows.len()]);
    }
    let ids = pad(rows, decoder.device())?;
    let (b, t) = ids.dims2()?;
    let contexts = ids.narrow(1, 0, t - 1)?.contiguous()?;
    let targets = ids.narrow(1, 1, t - 1)?.contiguous()?;
    let logits = decoder.forward(&contexts)?;
    let nats = candle_nn::ops::log_softmax(&logits, 2)?
        .gather(&targets.unsqueeze(2)?, 2)?
        .reshape((b, t - 1))?
        .to_dtype(DType::F32)?
        .to_vec2::<f32>()?;
    let lengths = rows.iter().map(|row| row.len().saturating_sub(1));
    Ok(nats
        .into_iter()
        .zip(lengths)
        .map(|(mut row, length)| {
            row.truncate(length);
            row
        })
        .collect())
}
