//! Random models and batches, and a naive decoder in `f64` that shares no code with the crate.

#![allow(dead_code, reason = "each test file uses a part")]

use cpu_step::{Dimensions, IGNORE, Layout};
use rand::RngExt;
use seed::{Seed, Stream};

pub fn dimensions(
    [vocab_size, d_model, n_layers, n_heads, d_ff, seq_len]: [usize; 6],
) -> Dimensions {
    let (rope_theta, rms_norm_eps) = (10_000.0, 1e-5);
    Dimensions {
        vocab_size,
        d_model,
        n_layers,
        n_heads,
        d_ff,
        seq_len,
        rope_theta,
        rms_norm_eps,
    }
}

/// Random dimensions of which hardly any is a multiple of a tile.
pub fn random_dimensions(stream: &mut Stream) -> Dimensions {
    let n_heads = stream.random_range(1..=4);
    let d_head = 2 * stream.random_range(1..=20);
    dimensions([
        stream.random_range(2..=150),
        n_heads * d_head,
        stream.random_range(1..=2),
        n_heads,
        stream.random_range(1..=100),
        stream.random_range(1..=70),
    ])
}

/// Weights of the size that keeps activations near 1, so that no part of the gradient is negligible.
pub fn parameters(dimensions: &Dimensions, stream: &mut Stream) -> Vec<f32> {
    let layout = Layout::new(dimensions);
    let mut parameters = vec![0.0; layout.len()];
    for tensor in layout.tensors() {
        for value in &mut parameters[tensor.range.clone()] {
            let uniform = stream.random_range(-1.0f32..1.0);
            *value = match tensor.shape[..] {
                [_, inputs] => uniform * (3.0 / inputs as f32).sqrt(),
                _ => 1.0 + 0.3 * uniform,
            };
        }
    }
    parameters
}

/// `[rows, seq_len]` inputs and targets, about one target in eight ignored, the first never.
pub fn tokens(
    dimensions: &Dimensions,
    rows: usize,
    seq_len: usize,
    stream: &mut Stream,
) -> (Vec<u32>, Vec<u32>) {
    let mut token = || stream.random_range(0..dimensions.vocab_size as u32);
    let inputs: Vec<u32> = (0..rows * seq_len).map(|_| token()).collect();
    let mut targets: Vec<u32> = (0..rows * seq_len).map(|_| token()).collect();
    for target in &mut targets[1..] {
        if stream.random_range(0..8) == 0 {
            *target = IGNORE;
        }
    }
    (inputs, targets)
}

pub fn stream(name: &str, index: u64) -> Stream {
    Seed(5).stream_at(name, index)
}

/// Logits of one sequence, `[len, vocab_size]`, and the residual stream before each layer and after the
/// last norm, straight from the definitions.
pub fn logits(dimensions: &Dimensions, parameters: &[f64], tokens: &[u32]) -> Decoded {
    let Dimensions {
        vocab_size,
        d_model: d,
        n_layers,
        n_heads,
        d_ff,
        ..
    } = *dimensions;
    let layout = Layout::new(dimensions);
    let weight = |name: String| match layout.tensor(&name) {
        Some(tensor) => &parameters[tensor.range.clone()],
        None => panic!("no tensor {name}"),
    };
    let linear = |x: &[f64], w: &[f64]| -> Vec<f64> {
        w.chunks(x.len())
            .map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum())
            .collect()
    };
    let norm = |x: &[f64], w: &[f64]| -> Vec<f64> {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        x.iter()
            .zip(w)
            .map(|(x, w)| w * x / (mean + dimensions.rms_norm_eps).sqrt())
            .collect()
    };
    let d_head = d / n_heads;
    let turn = |x: &mut [f64], position: usize| {
        for i in 0..d_head / 2 {
            let frequency = dimensions.rope_theta.powf(-2.0 * i as f64 / d_head as f64);
            let (sin, cos) = (position as f64 * frequency).sin_cos();
            let (a, b) = (x[i], x[i + d_head / 2]);
            (x[i], x[i + d_head / 2]) = (a * cos - b * sin, b * cos + a * sin);
        }
    };
    let embedding = weight("model.embed_tokens.weight".into());
    let mut stream: Vec<Vec<f64>> = tokens
        .iter()
        .map(|t| embedding[*t as usize * d..][..d].to_vec())
        .collect();
    let mut hidden = vec![stream.clone()];
    for layer in 0..n_layers {
        let w = |name: &str| weight(format!("model.layers.{layer}.{name}.weight"));
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (position, x) in stream.iter_mut().enumerate() {
            let normed = norm(x, w("input_layernorm"));
            let mut query = linear(&normed, w("self_attn.q_proj"));
            let mut key = linear(&normed, w("self_attn.k_proj"));
            for head in query.chunks_mut(d_head).chain(key.chunks_mut(d_head)) {
                turn(head, position);
            }
            keys.push(key);
            values.push(linear(&normed, w("self_attn.v_proj")));
            let mut attended = vec![0.0; d];
            for head in (0..d).step_by(d_head) {
                let part = head..head + d_head;
                let dot = |key: &Vec<f64>| -> f64 {
                    query[part.clone()]
                        .iter()
                        .zip(&key[part.clone()])
                        .map(|(q, k)| q * k)
                        .sum()
                };
                let powers: Vec<f64> = keys
                    .iter()
                    .map(|key| (dot(key) / (d_head as f64).sqrt()).exp())
                    .collect();
                let sum: f64 = powers.iter().sum();
                for (power, value) in powers.iter().zip(&values) {
                    for i in part.clone() {
                        attended[i] += power / sum * value[i];
                    }
                }
            }
            for (x, y) in x.iter_mut().zip(linear(&attended, w("self_attn.o_proj"))) {
                *x += y;
            }
            let normed = norm(x, w("post_attention_layernorm"));
            let gate = linear(&normed, w("mlp.gate_proj"));
            let up = linear(&normed, w("mlp.up_proj"));
            assert_eq!(up.len(), d_ff);
            let gated: Vec<f64> = gate
                .iter()
                .zip(&up)
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                .collect();
            for (x, y) in x.iter_mut().zip(linear(&gated, w("mlp.down_proj"))) {
                *x += y;
            }
        }
        hidden.push(stream.clone());
    }
    let last: Vec<Vec<f64>> = stream
        .iter()
        .map(|x| norm(x, weight("model.norm.weight".into())))
        .collect();
    let logits: Vec<Vec<f64>> = last.iter().map(|x| linear(x, embedding)).collect();
    assert!(logits.iter().all(|row| row.len() == vocab_size));
    hidden[n_layers] = last;
    Decoded { logits, hidden }
}

pub struct Decoded {
    pub logits: Vec<Vec<f64>>,
    pub hidden: Vec<Vec<Vec<f64>>>,
}

/// log P of `token` under a row of logits.
pub fn log_probability(logits: &[f64], token: u32) -> f64 {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits[token as usize] - highest - sum.ln()
}

/// Mean loss over the targets that count.
pub fn mean_loss(
    dimensions: &Dimensions,
    parameters: &[f64],
    inputs: &[u32],
    targets: &[u32],
    rows: usize,
) -> f64 {
    let seq_len = inputs.len() / rows;
    let (mut sum, mut count) = (0.0, 0);
    for (inputs, targets) in inputs.chunks(seq_len).zip(targets.chunks(seq_len)) {
        let decoded = logits(dimensions, parameters, inputs);
        for (row, target) in decoded.logits.iter().zip(targets) {
            if *target != IGNORE {
                sum -= log_probability(row, *target);
                count += 1;
            }
        }
    }
    sum / count as f64
}
