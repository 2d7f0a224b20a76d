//! Preparing the training text, beside `encode_batch` of the `tokenizers` crate, which is what Python's calls.
//!
//! Both turn the same Parquet-free documents into token ids on all cores; ours by way of word numbers.
//! `cargo bench -p model-train --bench text`

#[path = "../tests/miniature/mod.rs"]
mod miniature;

use std::hint::black_box;
use std::time::Instant;

use corpus::{Input, Stage};
use lm::Tokenizer;
use model_train::batches::{Batches, BudgetMode, StepSize};
use model_train::text::Text;
use model_train::words::WordTokens;
use seed::Seed;

const DOCUMENTS: u64 = 200_000;
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let lang = miniature::lang(&directory.path().join("lang"), DOCUMENTS);
    let tok = miniature::tok(&directory.path().join("tok"), &lang, 120);
    let tokenizer = Tokenizer::load(&tok.join("tokenizer.json"))?;
    let input = Input::open(&lang, Stage::Lang)?;
    let documents: Vec<String> = miniature::documents(DOCUMENTS, "train")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let (mut ours, mut cached, mut theirs, mut rows) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut tokens = 0;
    // Interleaved, so that a busy machine slows them all.
    for round in 0..ROUNDS {
        let cache = directory.path().join(format!("cache{round}"));
        for times in [&mut ours, &mut cached] {
            let begin = Instant::now();
            let text = Text::open(&input, &cache)?;
            let words = WordTokens::new(&text, &tokenizer, None)?;
            times.push(begin.elapsed().as_secs_f64());
            tokens = words.count(&text);
        }
        let begin = Instant::now();
        let batch: Vec<&str> = documents.iter().map(String::as_str).collect();
        let encoded = tokenizer
            .inner()
            .encode_batch(batch, false)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        theirs.push(begin.elapsed().as_secs_f64());
        let count: usize = encoded
            .iter()
            .map(|encoding| encoding.get_ids().len() + 1)
            .sum();
        anyhow::ensure!(
            count as u64 == tokens,
            "{count} tokens by encode_batch, {tokens} by us"
        );

        let text = Text::open(&input, &cache)?;
        let words = WordTokens::new(&text, &tokenizer, None)?;
        let size = StepSize {
            mode: BudgetMode::EqualText,
            batch_chars: 12_288,
            batch_tokens: 4096,
            seq_len: 128,
        };
        let mut batches = Batches::new(
            &text,
            &words,
            lm::Encoder::plain(&tokenizer),
            size,
            Seed(1),
            None,
        );
        let begin = Instant::now();
        let mut index = 0;
        while batches.cursor().epoch == 0 {
            black_box(batches.step(index));
            index += 1;
        }
        rows.push(begin.elapsed().as_secs_f64());
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        tokens as f64 / times[times.len() / 2] / 1e6
    };
    let [ours, cached, theirs, rows] = [ours, cached, theirs, rows].map(median);
    println!(
        "{tokens} tokens in {DOCUMENTS} documents, {} threads, medians of {ROUNDS}",
        rayon::current_num_threads()
    );
    println!(
        "prepare text and words          {ours:8.1} million tokens/s   {:.1} × encode_batch",
        ours / theirs
    );
    println!("open the cached text            {cached:8.1} million tokens/s");
    println!("encode_batch (tokenizers crate) {theirs:8.1} million tokens/s");
    println!("pack one epoch into rows        {rows:8.1} million tokens/s (one thread)");
    Ok(())
}
