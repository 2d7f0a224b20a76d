//! tokenizer.json: any bytes are a tokenizer, that can then encode and decode, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lm::Tokenizer;

fuzz_target!(|bytes: &[u8]| {
    let path = fuzz::file("tokenizer.json", bytes);
    if let Ok(tokenizer) = Tokenizer::load(&path) {
        tokenizer.vocab_size();
        if let Ok(ids) = tokenizer.sequence("kalu mi tano .") {
            let _ = tokenizer.decode(&ids);
        }
    }
});
