//! Checkpoints: after an even first byte comes model.safetensors, after an odd one config.json; the other file is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lm::Checkpoint;

const CONFIG: &[u8] =
    include_bytes!("../../tests/samples/format-1/model/checkpoints/step-000004/config.json");
const WEIGHTS: &[u8] =
    include_bytes!("../../tests/samples/format-1/model/checkpoints/step-000004/model.safetensors");

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
