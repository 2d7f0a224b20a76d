//! Generation with writing, beside writing the same rows already made: same columns, compression, shards and
//! threads. Prints sentences/s, MB/s and the ratio of the two times (median of interleaved rounds).

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use corpus::tables::{DocumentBatch, DocumentWriter, scan_documents};
use lang_gen::corpus_files::{shard_name, write_train};
use rayon::prelude::*;
use seed::Seed;
use world::{World, WorldConfig};

const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let text = std::fs::read_to_string(root.join("worlds/demo.toml"))?;
    let mut config: WorldConfig = toml::from_str(&text)?;
    config.corpus.documents = 400_000;
    config.corpus.shard_documents = 100_000;
    let grammar = std::fs::read_to_string(root.join("grammars/core.grammar"))?;
    let world = World::build(config, &grammar, Seed(1))?;
    let folder = tempfile::tempdir()?;
    let n_shards = 4;
    let place = |name: &str| folder.path().join(name);

    let counts = write_train(&world, Seed(1), place)?;
    let sentences = counts.majority.sentences + counts.minority.sentences;
    let mut batches = Vec::new();
    let mut bytes = 0;
    for shard in 0..n_shards {
        let mut batch = DocumentBatch::new();
        scan_documents(&place(&shard_name(shard, n_shards)), |document| {
            bytes += document.text.len() + document.derivation.len();
            batch.push(document);
            Ok(())
        })?;
        batches.push(batch);
    }

    let (mut generated, mut written) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        write_train(&world, Seed(1), place)?;
        generated.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        batches
            .par_iter()
            .enumerate()
            .try_for_each(|(shard, batch)| -> Result<()> {
                let mut writer = DocumentWriter::create(&place(&format!(
                    "again-{}",
                    shard_name(shard as u64, n_shards)
                )))?;
                writer.append(batch)?;
                Ok(writer.finish()?)
            })?;
        written.push(start.elapsed().as_secs_f64());
    }
    for shard in 0..n_shards {
        let name = shard_name(shard, n_shards);
        let same = std::fs::read(place(&name))? == std::fs::read(place(&format!("again-{name}")))?;
        anyhow::ensure!(same, "{name}: the two sides wrote different bytes");
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(ROUNDS / 2).copied().context("no rounds")
    };
    let (generated, written) = (median(&mut generated)?, median(&mut written)?);
    println!(
        "generate and write: {:.0} sentences/s, {:.0} MB/s of text and derivations ({generated:.2} s)",
        sentences as f64 / generated,
        bytes as f64 / generated / 1e6
    );
    println!(
        "write the same rows: {:.0} MB/s ({written:.2} s)",
        bytes as f64 / written / 1e6
    );
    println!("ratio: {:.2} (goal: at most 2)", generated / written);
    Ok(())
}
