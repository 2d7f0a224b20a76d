//! Our side of `scripts/bench_text.py`: `text_speed LANG TOK CACHE`.
//!
//! For each line on stdin, prepares the training text of LANG in an empty CACHE and the tokens of its words under TOK, as
//! a training does before its first step: from opening the directories, with all their checks, to the last token id.
//! Prints the seconds, those of doing it again with the cache, and the tokens, as JSON.

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use corpus::{Input, Stage};
use lm::Tokenizer;
use model_train::text::Text;
use model_train::words::WordTokens;
use serde_json::json;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [lang, tok, cache] = &arguments[..] else {
        bail!("expected LANG TOK CACHE");
    };
    for line in std::io::stdin().lock().lines() {
        line?;
        if Path::new(cache).exists() {
            std::fs::remove_dir_all(cache)?;
        }
        let mut measured = Vec::new();
        for _ in 0..2 {
            let begin = Instant::now();
            let lang = Input::open(Path::new(lang), Stage::Lang)?;
            let tok = Input::open(Path::new(tok), Stage::Tok)?;
            let tokenizer = Tokenizer::load(&tok.file("tokenizer.json")?)?;
            let text = Text::open(&lang, Path::new(cache))?;
            let words = WordTokens::new(&text, &tokenizer, None)?;
            measured.push((begin.elapsed().as_secs_f64(), words.count(&text)));
        }
        let [(seconds, tokens), (cached_seconds, _)] = measured[..] else {
            bail!("two measurements were taken");
        };
        println!(
            "{}",
            json!({ "seconds": seconds, "cached_seconds": cached_seconds, "tokens": tokens })
        );
    }
    Ok(())
}
