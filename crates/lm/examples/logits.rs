//! The reference decoder's logits for ids of any origin: `logits CHECKPOINT IDS.safetensors OUT.safetensors`.
//!
//! IDS holds integers `ids` [rows, tokens]; OUT gets f32 `logits` [rows, tokens, vocab_size]. `tests/interop/checkpoints.py`
//! compares them with those of transformers.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use candle_core::{DType, Device};
use lm::{Checkpoint, Decoder, Error};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, ids, out] = arguments.as_slice() else {
        eprintln!("usage: logits CHECKPOINT IDS.safetensors OUT.safetensors");
        return ExitCode::from(2);
    };
    match write_logits(Path::new(checkpoint), Path::new(ids), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("logits: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_logits(checkpoint: &Path, ids: &Path, out: &Path) -> Result<(), Error> {
    let Checkpoint { config, weights } = Checkpoint::read(checkpoint)?;
    let decoder = Decoder::new(&config, &weights.to_tensors(&Device::Cpu)?, DType::F32)?;
    let wrong = |error: candle_core::Error| Error::file(ids, error.to_string());
    let tensors = candle_core::safetensors::load(ids, &Device::Cpu).map_err(wrong)?;
    let rows = tensors
        .get("ids")
        .ok_or_else(|| Error::file(ids, "no tensor \"ids\""))?;
    let logits = decoder.forward(&rows.to_dtype(DType::U32)?)?;
    candle_core::safetensors::save(&HashMap::from([("logits", logits)]), out)
        .map_err(|error| Error::file(out, error.to_string()))
}
