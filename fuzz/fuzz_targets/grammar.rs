//! Grammar files: any text is a grammar or an error with its line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use world::grammar::Grammar;

fuzz_target!(|text: &str| {
    if let Ok(grammar) = Grammar::parse(text) {
        // What it kept of the text reads as the same grammar.
        Grammar::parse(&grammar.source).expect("a grammar's own source");
    }
});
