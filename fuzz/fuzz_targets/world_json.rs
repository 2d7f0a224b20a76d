//! world.json: any text is a world, that can then judge sentences and tell its nouns, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use world::recognise::Recogniser;
use world::{Side, World};

fuzz_target!(|text: &str| {
    if let Ok(world) = World::from_json(text) {
        for side in Side::ALL {
            let words: Vec<&str> = world
                .lexicon(side)
                .entries()
                .iter()
                .take(8)
                .map(|entry| entry.form.as_str())
                .collect();
            Recogniser::new(&world, side).judge(&format!("{} .", words.join(" ")));
        }
    }
});
