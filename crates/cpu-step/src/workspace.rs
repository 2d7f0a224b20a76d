//! What the threads of a step share of the model, and what each has to itself.

use crate::attention::{AttentionScratch, Head, Softmax};
use crate::buffer::{Activations, Buffer};
use crate::dimensions::Dimensions;
use crate::gemm::{Engine, Scratch};
use crate::lanes::LANES;
use crate::norm::Norm;
use crate::rope::Rope;

/// What all threads share: the model's sizes and the rotary tables.
pub(crate) struct Model {
    pub dimensions: Dimensions,
    pub rope: Rope,
}

impl Model {
    pub fn new(dimensions: Dimensions) -> Self {
        let rope = Rope::new(
            dimensions.d_head(),
            dimensions.seq_len,
            dimensions.rope_theta,
        );
        Model { dimensions, rope }
    }

    pub fn norm(&self, rows: usize) -> Norm {
        let Dimensions {
            d_model,
            rms_norm_eps,
            ..
        } = self.dimensions;
        Norm {
            rows,
            columns: d_model,
            eps: rms_norm_eps as f32,
        }
    }
}

/// What one layer keeps of the way forward.
pub(crate) struct LayerMemory {
    /// The residual stream before attention, then before the feed-forward layer: `[rows, d_model]`.
    pub x: Activations,
    pub middle: Activations,
    pub input_scales: Vec<f32>,
    pub middle_scales: Vec<f32>,
    /// `[rows, 3 d_model]`, query and key turned.
    pub qkv: Activations,
    /// `[rows, d_model]`
    pub attended: Activations,
    /// Attention's softmax, `[sequences, n_heads, seq_len]`.
    pub softmax: Vec<Softmax>,
    /// `[rows, 2 d_ff]`; on the way back their gradients.
    pub gate_up: Activations,
}

/// One thread's memory for chunks of up to `rows` tokens.
pub(crate) struct Workspace<E: Engine> {
    rows: usize,
    seq_len: usize,
    pub layers: Vec<LayerMemory>,
    pub x: Activations,
    pub scales: Vec<f32>,
    pub normed: Activations,
    /// `[rows, d_ff]`: the activation, and its gradient.
    pub hidden: Activations,
    pub d_hidden: Activations,
    /// `[rows, vocab_size]`
    pub logits: Activations,
    /// Gradients of the residual stream, of a norm's output and of query, key and value.
    pub dx: Activations,
    pub d_normed: Activations,
    pub d_qkv: Activations,
    pub d_norm_weight: Buffer<f32>,
    pub attention: AttentionScratch<E>,
    pub scratch: Scratch<E::Packed>,
}

impl<E: Engine> Workspace<E> {
    pub fn new(dimensions: &Dimensions, rows: usize, seq_len: usize) -> Self {
        let Dimensions {
            n_heads,
            vocab_size,
            d_model,
            n_layers,
            d_ff,
            ..
        } = *dimensions;
        let layer = |_| LayerMemory {
            x: Activations::new(rows, d_model),
            middle: Activations::new(rows, d_model),
            input_scales: vec![0.0; rows],
            middle_scales: vec![0.0; rows],
            qkv: Activations::new(rows, 3 * d_model),
            attended: Activations::new(rows, d_model),
            softmax: vec![Softmax::default(); rows * n_heads],
            gate_up: Activations::new(rows, 2 * d_ff),
        };
        Workspace {
            rows,
            seq_len,
            layers: (0..n_layers).map(layer).collect(),
            x: Activations::new(rows, d_model),
            scales: vec![0.0; rows],
            normed: Activations::new(rows, d_model),
            hidden: Activations::new(rows, d_ff),
            d_hidden: Activations::new(rows, d_ff),
            logits: Activations::new(rows, vocab_size),
            dx: Activations::new(rows, d_model),
            d_normed: Activations::new(rows, d_model),
            d_qkv: Activations::new(rows, 3 * d_model),
            d_norm_weight: Buffer::new(d_model.next_multiple_of(LANES)),
            attention: AttentionScratch::new(Head {
                seq_len,
                d_head: dimensions.d_head(),
            }),
            scratch: Scratch::new(),
        }
    }

    /// Whether it has room for `rows` rows in sequences of `seq_len`, and not of longer ones: what it
    /// holds then depends on the batch alone.
    pub fn fits(&self, rows: usize, seq_len: usize) -> bool {
        rows <= self.rows && seq_len == self.seq_len
    }
}
