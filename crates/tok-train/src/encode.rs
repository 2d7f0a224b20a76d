//! `tok-train encode TOK FILE`: the ids of each line, to be compared with other readers of
//! `tokenizer.json`.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use corpus::{Input, Stage};
use rayon::prelude::*;

use crate::algorithm::parse;

/// Prints, for each line of a file, its token ids separated by spaces (no special tokens added). Of ids that are split,
/// the first copy.
///
/// # Errors
/// A damaged TOK; a file that is not UTF-8 text.
pub fn run(tok: &Path, file: &Path) -> Result<()> {
    let input = Input::open(tok, Stage::Tok)?;
    let path = input.file("tokenizer.json")?;
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))
    };
    let tokenizer = parse(&read(&path)?)
        .with_context(|| format!("{}: not a tokenizer.json", path.display()))?;
    let text = read(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let encoded: Vec<String> = lines
        .par_iter()
        .map(|line| {
            let encoding = tokenizer
                .encode_fast(*line, false)
                .map_err(|e| anyhow!("{e}"))?;
            let mut ids = String::new();
            for (index, id) in encoding.get_ids().iter().enumerate() {
                let separator = if index == 0 { "" } else { " " };
                write!(ids, "{separator}{id}")?;
            }
            ids.push('\n');
            Ok(ids)
        })
        .collect::<Result<_>>()?;
    command::print(encoded.concat())
}
