//! Seconds that scoring takes: `score_speed LANG TOK MODEL [ROUNDS]`, one JSON line a round and kind of probe.
//!
//! The last checkpoint scores the two-alternative items, then the clozes. Sequences are encoded before the clock
//! starts; finding those that are the same and their shared beginnings is part of the time. `scripts/bench-eval.sh`
//! runs it beside minicons and transformers.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use corpus::ProbeSet;
use corpus::tables::ProbeRow;
use cpu_step::{EngineKind, Precision};
use lm::Encoder;
use seed::Seed;
use transfer_eval::inputs::{self, Inputs};
use transfer_eval::items::Items;
use transfer_eval::score::LanguageModel;
use transfer_eval::score::checkpoint::CheckpointModel;
use transfer_eval::score::suite::Suite;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [lang, tok, model, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: score_speed LANG TOK MODEL [ROUNDS]");
    };
    let rounds: u32 = rest
        .first()
        .map_or(Ok(1), |text| text.parse())
        .context("ROUNDS")?;
    let inputs = Inputs::open(Path::new(lang), Path::new(tok), Path::new(model))?;
    let tokenizer = inputs.tokenizer()?;
    let encoder = Encoder::new(&tokenizer, inputs.split_ids()?, Seed(1))?;
    let files = inputs.checkpoints()?.pop().context("no checkpoints")?;
    let checkpoint = inputs.read_checkpoint(&files, &tokenizer)?;
    let probes = inputs::items(&inputs.lang)?.0.probes;
    let engine = EngineKind::fastest_of(Precision::F32)?;
    for kind in ["pairs", "clozes"] {
        let of_kind = |probe: &&ProbeRow| match probe.set {
            ProbeSet::Pair => kind == "pairs",
            ProbeSet::Primary | ProbeSet::TypeValid => kind == "clozes",
            ProbeSet::Ladder => false,
        };
        let items = Items::new(probes.iter().filter(of_kind).cloned().collect())?;
        let suite = Suite::new(&items, &[], &encoder, checkpoint.config.seq_len, Seed(1))?;
        let all = suite
            .candidates
            .iter()
            .flatten()
            .map(|&at| suite.sequences[at as usize].clone());
        let all: Vec<Vec<u32>> = all.collect();
        let model = CheckpointModel::on_engine(&checkpoint, engine, suite.positions())?;
        for _ in 0..rounds {
            let started = Instant::now();
            let mut sequences: Vec<&[u32]> = all.iter().map(Vec::as_slice).collect();
            sequences.sort_unstable();
            sequences.dedup();
            let nats = model.log_probabilities(&sequences)?;
            let seconds = started.elapsed().as_secs_f64();
            let (candidates, different) = (all.len(), nats.len());
            println!(
                "{{\"kind\": \"{kind}\", \"candidates\": {candidates}, \"different\": {different}, \"seconds\": {seconds:.4}}}"
            );
        }
    }
    Ok(())
}
