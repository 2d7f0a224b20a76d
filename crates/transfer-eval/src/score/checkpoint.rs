//! A checkpoint of model-train as a [`LanguageModel`]: on CPU the hand-written engine, which computes each beginning
//! that sequences share once; on a GPU candle's decoder over padded batches.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, IndexOp};
use command::Interrupted;
use cpu_step::{Dimensions, EngineKind, Forest, Layout, Node, Scorer};
use lm::score::{pad, token_nats};
use lm::{Checkpoint, Decoder, ModelConfig};
use rayon::prelude::*;

use super::LanguageModel;
use crate::engine::Place;

/// Tokens of the sequences that make one trie, at most; about half of them share a beginning.
const TOKENS_A_TRIE: usize = 1 << 15;
/// Operations of one trie, about, a second's work of a slow core: a signal is heeded between tries.
const OPERATIONS_A_TRIE: u64 = 1 << 36;
/// Tries that are grown at once.
const TRIES_AT_ONCE: usize = 16;
/// Sequences whose keys and values are held at once.
const GROWN_AT_ONCE: usize = 256;

/// A model ready to be asked.
pub enum CheckpointModel {
    /// The hand-written engine.
    Engine(Box<Scorer>),
    /// candle's decoder, and how many sequences it takes at once.
    Candle(Box<Decoder>, usize),
}

/// By layer (the embedding first), one vector a sequence: `[layers][sequences][d_model]`.
pub type LayerStates = Vec<Vec<Vec<f32>>>;

impl CheckpointModel {
    /// The model of a checkpoint in f32, for sequences of at most `positions` tokens.
    pub fn new(
        checkpoint: &Checkpoint,
        place: &Place,
        batch: usize,
        positions: usize,
    ) -> Result<CheckpointModel> {
        // Hand-written engines know no heads of another width: where none was asked for, candle takes over.
        let by_name = place.generation.is_some();
        match place.scoring {
            Some(engine) if by_name || fits_engine(&checkpoint.config) => {
                CheckpointModel::on_engine(checkpoint, engine, positions)
            }
            _ => CheckpointModel::on_candle(checkpoint, &place.device, batch),
        }
    }

    /// On a hand-written engine, with the threads of the global pool.
    pub fn on_engine(
        checkpoint: &Checkpoint,
        engine: EngineKind,
        positions: usize,
    ) -> Result<CheckpointModel> {
        let scorer = scorer(checkpoint, engine, positions)?;
        Ok(CheckpointModel::Engine(Box::new(scorer)))
    }

    /// On candle.
    pub fn on_candle(
        checkpoint: &Checkpoint,
        device: &Device,
        batch: usize,
    ) -> Result<CheckpointModel> {
        ensure!(batch > 0, "--batch 0: expected at least 1");
        let weights = checkpoint.weights.to_tensors(device)?;
        let decoder = Decoder::new(&checkpoint.config, &weights, DType::F32)?;
        Ok(CheckpointModel::Candle(Box::new(decoder), batch))
    }

    /// Mean hidden state over each sequence's tokens after the first.
    pub fn mean_states(&self, sequences: &[&[u32]]) -> Result<LayerStates> {
        match self {
            CheckpointModel::Engine(scorer) => engine_states(scorer, sequences),
            CheckpointModel::Candle(decoder, batch) => candle_states(decoder, *batch, sequences),
        }
    }
}

impl LanguageModel for CheckpointModel {
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>> {
        match self {
            CheckpointModel::Engine(scorer) => {
                engine_nats(scorer, sequences, command::check_interrupt)
            }
            CheckpointModel::Candle(decoder, batch) => candle_nats(decoder, *batch, sequences),
        }
    }

    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let mut nats = Vec::with_capacity(sequences.len());
        match self {
            CheckpointModel::Engine(scorer) => {
                for chunk in sequences.chunks(GROWN_AT_ONCE) {
                    nats.extend(grow(scorer, chunk)?);
                }
            }
            CheckpointModel::Candle(decoder, batch) => {
                nats.resize(sequences.len(), Vec::new());
                for places in batches(sequences, *batch) {
                    command::check_interrupt()?;
                    let rows: Vec<&[u32]> = places.iter().map(|&at| sequences[at]).collect();
                    let logits = decoder.forward(&pad(&rows, decoder.device())?)?;
                    for (row, &at) in places.iter().enumerate() {
                        let last: Vec<f32> = logits.i((row, sequences[at].len() - 1))?.to_vec1()?;
                        nats[at] = log_softmax(&last);
                    }
                }
            }
        }
        Ok(nats)
    }
}

fn fits_engine(config: &ModelConfig) -> bool {
    config.d_model == config.n_heads * config.d_head
}

/// A checkpoint on a hand-written engine, for sequences of at most `positions` tokens.
pub fn scorer(checkpoint: &Checkpoint, engine: EngineKind, positions: usize) -> Result<Scorer> {
    let dimensions = dimensions(&checkpoint.config, positions)?;
    let mut scorer = Scorer::new(dimensions, engine, rayon::current_num_threads())?;
    scorer.load(&flat(checkpoint, &dimensions)?)?;
    Ok(scorer)
}

/// The engine's dimensions. `positions` may exceed the trained context: late positions were then never trained.
fn dimensions(config: &ModelConfig, positions: usize) -> Result<Dimensions> {
    ensure!(
        fits_engine(config),
        "hand-written engines need d_model = n_heads · d_head, found {} and {} · {}; use --engine reference",
        config.d_model,
        config.n_heads,
        config.d_head
    );
    Ok(Dimensions {
        vocab_size: config.vocab_size,
        d_model: config.d_model,
        n_layers: config.n_layers,
        n_heads: config.n_heads,
        d_ff: config.d_ff,
        seq_len: config.seq_len.max(positions),
        rope_theta: config.rope_theta,
        rms_norm_eps: config.rms_norm_eps,
    })
}

/// The checkpoint's parameters in the engine's order.
fn flat(checkpoint: &Checkpoint, dimensions: &Dimensions) -> Result<Vec<f32>> {
    let layout = Layout::new(dimensions);
    let mut flat = Vec::with_capacity(layout.len());
    for tensor in layout.tensors() {
        let parameter = checkpoint.weights.get(&tensor.name);
        let parameter =
            parameter.with_context(|| format!("the checkpoint has no {}", tensor.name))?;
        ensure!(
            parameter.shape == tensor.shape,
            "{}: expected shape {:?}, found {:?}",
            tensor.name,
            tensor.shape,
            parameter.shape
        );
        flat.extend_from_slice(&parameter.values);
    }
    Ok(flat)
}

/// Sums of log-probabilities over tries of neighbouring sequences; before each trie a look at whether the run was
/// interrupted.
fn engine_nats(
    scorer: &Scorer,
    sequences: &[&[u32]],
    mut check_interrupt: impl FnMut() -> Result<(), Interrupted>,
) -> Result<Vec<f64>> {
    let mut nats = Vec::with_capacity(sequences.len());
    let tokens = tokens_a_trie(scorer.dimensions());
    for some in tries(sequences, tokens).chunks(TRIES_AT_ONCE) {
        let grow = |&sequences: &&[&[u32]]| {
            let mut forest = Forest::new();
            let ends: Vec<Option<Node>> = sequences.iter().map(|ids| forest.insert(ids)).collect();
            (forest, ends)
        };
        let grown: Vec<(Forest, Vec<Option<Node>>)> = some.par_iter().map(grow).collect();
        for (forest, ends) in grown {
            check_interrupt()?;
            let scores = scorer.score(&forest)?;
            let total = |end: &Option<Node>| {
                end.map_or(0.0, |end| scores.sequence_log_probability(&forest, end))
            };
            nats.par_extend(ends.par_iter().map(total));
        }
    }
    Ok(nats)
}

/// Tokens of one trie for a model of these dimensions: fewer for a larger model. No number depends on it.
fn tokens_a_trie(dimensions: &Dimensions) -> usize {
    let operations_a_token = 2 * dimensions.parameter_count() as u64;
    let tokens = OPERATIONS_A_TRIE / operations_a_token.max(1);
    (tokens as usize).clamp(1, TOKENS_A_TRIE)
}

/// Neighbouring sequences of about `tokens_a_trie` tokens together.
fn tries<'a, 'b>(mut sequences: &'b [&'a [u32]], tokens_a_trie: usize) -> Vec<&'b [&'a [u32]]> {
    let mut tries = Vec::new();
    while !sequences.is_empty() {
        let mut tokens = 0;
        let fitting = sequences.iter().take_while(|ids| {
            tokens += ids.len();
            tokens <= tokens_a_trie
        });
        let (trie, rest) = sequences.split_at(fitting.count().max(1));
        tries.push(trie);
        sequences = rest;
    }
    tries
}

fn candle_nats(decoder: &Decoder, batch: usize, sequences: &[&[u32]]) -> Result<Vec<f64>> {
    let mut nats = vec![0.0; sequences.len()];
    for places in batches(sequences, batch) {
        command::check_interrupt()?;
        let rows: Vec<&[u32]> = places.iter().map(|&at| sequences[at]).collect();
        for (&at, tokens) in places.iter().zip(token_nats(decoder, &rows)?) {
            nats[at] = tokens.iter().map(|&nats| f64::from(nats)).sum();
        }
    }
    Ok(nats)
}

/// Appends tokens one at a time; keeps what follows each sequence's last.
fn grow(scorer: &Scorer, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
    let vocab_size = scorer.dimensions().vocab_size;
    let mut generation = scorer.generation(sequences.len());
    let mut nats = vec![Vec::new(); sequences.len()];
    let longest = sequences.iter().map(|ids| ids.len()).max().unwrap_or(0);
    for position in 0..longest {
        command::check_interrupt()?;
        let growing = sequences
            .iter()
            .enumerate()
            .filter(|(_, ids)| ids.len() > position);
        let tokens: Vec<(usize, u32)> = growing.map(|(at, ids)| (at, ids[position])).collect();
        let logits = scorer.append(&mut generation, &tokens)?;
        for (&(at, _), logits) in tokens.iter().zip(logits.chunks_exact(vocab_size)) {
            if sequences[at].len() == position + 1 {
                nats[at] = log_softmax(logits);
            }
        }
    }
    Ok(nats)
}

/// ln softmax, sums in 64 bits.
fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|&x| libm::exp(f64::from(x - largest)))
        .sum();
    let log_sum = f64::from(largest) + libm::log(sum);
    logits
        .iter()
        .map(|&x| (f64::from(x) - log_sum) as f32)
        .collect()
}

fn engine_states(scorer: &Scorer, sequences: &[&[u32]]) -> Result<LayerStates> {
    let mut states: LayerStates =
        vec![Vec::with_capacity(sequences.len()); scorer.dimensions().n_layers + 1];
    for hidden in scorer.hidden_states(sequences)? {
        for (layer, states) in states.iter_mut().enumerate() {
            let tokens = 1..hidden.tokens();
            let mut mean = vec![0.0; scorer.dimensions().d_model];
            for token in tokens.clone() {
                for (mean, x) in mean.iter_mut().zip(hidden.state(layer, token)) {
                    *mean += x / tokens.len() as f32;
                }
            }
            states.push(mean);
        }
    }
    Ok(states)
}

fn candle_states(decoder: &Decoder, batch: usize, sequences: &[&[u32]]) -> Result<LayerStates> {
    let mut states = vec![vec![Vec::new(); sequences.len()]; decoder.config().n_layers + 1];
    for places in batches(sequences, batch) {
        command::check_interrupt()?;
        let rows: Vec<&[u32]> = places.iter().map(|&at| sequences[at]).collect();
        let hidden = decoder.hidden_states(&pad(&rows, decoder.device())?)?;
        for (hidden, states) in hidden.iter().zip(&mut states) {
            for (row, &at) in places.iter().enumerate() {
                let own = hidden.i((row, 1..sequences[at].len()))?;
                states[at] = own.mean(0)?.to_vec1()?;
            }
        }
    }
    Ok(states)
}

/// Places of sequences in batches of at most `size`, by length, so that little is padded.
fn batches(sequences: &[&[u32]], size: usize) -> Vec<Vec<usize>> {
    let mut order: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, sequence) in sequences.iter().enumerate() {
        order.entry(sequence.len()).or_default().push(at);
    }
    let order: Vec<usize> = order.into_values().flatten().collect();
    order.chunks(size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;
    use cpu_step::Precision;
    use lm::{Size, Weights};
    use seed::Seed;

    /// Weights large enough that logits differ by whole nats.
    fn checkpoint() -> Checkpoint {
        let config = ModelConfig {
            vocab_size: 40,
            ..ModelConfig::of_size(Size::Tiny, 40, 16)
        };
        let mut weights = Weights::initial(&config, Seed(3));
        for (name, _) in config.parameters() {
            if name.ends_with("_proj.weight") {
                weights
                    .get_mut(&name)
                    .unwrap()
                    .values
                    .iter_mut()
                    .for_each(|x| *x *= 8.0);
            }
        }
        Checkpoint { config, weights }
    }

    fn on_engine(checkpoint: &Checkpoint) -> Result<CheckpointModel> {
        let engine = EngineKind::fastest_of(Precision::F32)?;
        CheckpointModel::on_engine(checkpoint, engine, 16)
    }

    const SEQUENCES: [&[u32]; 4] = [
        &[0, 5, 6, 7, 0],
        &[0, 5, 6, 8, 9, 10, 0],
        &[0, 5, 0],
        &[0, 30, 31, 32, 33, 0],
    ];

    #[test]
    fn engine_candle_and_candle_transformers_agree() {
        let checkpoint = checkpoint();
        let engine = on_engine(&checkpoint).unwrap();
        let candle = CheckpointModel::on_candle(&checkpoint, &Device::Cpu, 3).unwrap();
        let llama = Generator::on_llama(&checkpoint, &Device::Cpu, 4, 16).unwrap();
        let (one, other) = (
            engine.log_probabilities(&SEQUENCES).unwrap(),
            candle.log_probabilities(&SEQUENCES).unwrap(),
        );
        for (one, other) in one.iter().zip(&other) {
            assert!((one - other).abs() < 1e-4, "{one} {other}");
        }
        let (one, other) = (
            engine.next_token_nats(&SEQUENCES).unwrap(),
            candle.next_token_nats(&SEQUENCES).unwrap(),
        );
        for ((sequence, one), other) in SEQUENCES.iter().zip(&one).zip(&other) {
            let third = log_softmax(&llama.last_logits(sequence).unwrap());
            for ((one, other), third) in one.iter().zip(other).zip(&third) {
                assert!(
                    (one - other).abs() < 1e-4 && (one - third).abs() < 1e-4,
                    "{one} {other} {third}"
                );
            }
            let total: f64 = one.iter().map(|&nats| f64::from(nats).exp()).sum();
            assert!((total - 1.0).abs() < 1e-5);
        }
        let (one, other) = (
            engine.mean_states(&SEQUENCES).unwrap(),
            candle.mean_states(&SEQUENCES).unwrap(),
        );
        assert_eq!(one.len(), 3);
        for (one, other) in one
            .iter()
            .flatten()
            .flatten()
            .zip(other.iter().flatten().flatten())
        {
            assert!((one - other).abs() < 1e-3, "{one} {other}");
        }
    }

    /// A token's log-probability by the chain rule: the same from both methods of the trait.
    #[test]
    fn sequences_are_products_of_next_tokens() {
        let engine = on_engine(&checkpoint()).unwrap();
        let whole = engine.log_probabilities(&[&[0, 5, 6, 7]]).unwrap()[0];
        let next = engine
            .next_token_nats(&[&[0], &[0, 5], &[0, 5, 6]])
            .unwrap();
        let product = f64::from(next[0][5]) + f64::from(next[1][6]) + f64::from(next[2][7]);
        assert!((whole - product).abs() < 1e-4);
    }

    /// A signal that comes while the first of many tries is scored ends the run before the next.
    #[test]
    fn an_interrupt_is_heeded_before_each_trie() {
        let engine = on_engine(&checkpoint()).unwrap();
        let CheckpointModel::Engine(scorer) = engine else {
            panic!("expected the engine")
        };
        // 5 · 20,000 tokens, at most 2^15 a trie: four tries.
        let sequences = vec![SEQUENCES[0]; 20_000];
        assert_eq!(tries(&sequences, TOKENS_A_TRIE).len(), 4);
        let mut looks = 0;
        let scored = engine_nats(&scorer, &sequences, || {
            looks += 1;
            if looks < 2 { Ok(()) } else { Err(Interrupted) }
        });
        assert!(scored.unwrap_err().is::<Interrupted>());
        assert_eq!(looks, 2);
    }

    /// 2^15 tokens of the small model (0.9 million parameters) are 6e10 operations; one of the large model would be seven
    /// times as much.
    #[test]
    fn larger_models_score_smaller_tries() {
        let tokens = |size: Size| {
            let config = ModelConfig::of_size(size, 512, 128);
            tokens_a_trie(&dimensions(&config, 128).unwrap())
        };
        assert_eq!(tokens(Size::Small), TOKENS_A_TRIE);
        let large = tokens(Size::Large);
        let config = ModelConfig::of_size(Size::Large, 512, 128);
        let operations = 2 * config.n_parameters() as u64 * large as u64;
        assert!((OPERATIONS_A_TRIE / 2..=OPERATIONS_A_TRIE).contains(&operations));
        // At however small tries, a sequence has the same number.
        let engine = on_engine(&checkpoint()).unwrap();
        let together = engine.log_probabilities(&SEQUENCES).unwrap();
        for (sequence, nats) in SEQUENCES.iter().zip(together) {
            let alone = engine.log_probabilities(&[*sequence]).unwrap();
            assert_eq!(alone[0].to_bits(), nats.to_bits());
        }
    }
}
