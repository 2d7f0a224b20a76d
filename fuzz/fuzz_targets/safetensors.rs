//! Checkpoints: the first byte says whether the rest is model.safetensors (even) or config.json (odd); the other file is
//! whole, of the seeds' small model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lm::Checkpoint;

// The seeds' own first byte is cut off.
const CONFIG: &[u8] = include_bytes!("../seeds/safetensors/config")
    .split_at(1)
    .1;
const WEIGHTS: &[u8] = include_bytes!("../seeds/safetensors/weights")
    .split_at(1)
    .1;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let (config, weights) = if first % 2 == 0 {
        (CONFIG, rest)
    } else {
        (rest, WEIGHTS)
    };
    fuzz::file("config.json", config);
    fuzz::file("model.safetensors", weights);
    let _ = Checkpoint::read(fuzz::directory());
});
