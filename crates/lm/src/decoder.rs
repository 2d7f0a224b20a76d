//! The reference decoder: Llama (Touvron et al. 2023) on candle's differentiable operations only.
//!
//! RMSNorm before each sub-layer, rotary positions, causal attention, SwiGLU, tied embeddings, no dropout, no biases.
//! It is the oracle for the hand-written engine, and what runs on GPUs. candle's fused `softmax_last_dim`, `rms_norm`
//! and `rope` drop gradients without an error, so none of them stands here; a test asks every parameter for its gradient.
//!
//! Several models of equal dimensions can be computed as one ([`Decoder::stack`]): every weight then has a leading
//! dimension of models, and the first rows of a batch belong to the first model, as many to each. One model is a stack
//! of one. Models never mix: each product and each norm is batched over them.
//!
//! Shapes: r = models stacked, b = rows of all of them, t = positions, n = b/r·t, d = d_model, h = n_heads, k = d_head,
//! v = vocab_size.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops::{silu, softmax};
use candle_nn::rotary_emb::rope_slow;

use crate::config::ModelConfig;
use crate::lookup::lookup;

/// The forward pass over given weights. Holds no state between calls.
#[derive(Debug, Clone)]
pub struct Decoder {
    config: ModelConfig,
    /// What matrix products run in: F32, or BF16 with F32 sums, norms, softmax, residual stream and logits.
    precision: DType,
    /// [r, v, d]
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    positions: Positions,
}

/// Matrices [r, out, in] and norms [r, 1, d].
#[derive(Debug, Clone)]
struct Layer {
    attention_norm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    mlp_norm: Tensor,
    gate: Tensor,
    up: Tensor,
    down: Tensor,
}

/// What depends on positions alone: rotary tables [t, k/2] and the causal mask [t, t], 0 or −∞.
#[derive(Debug, Clone)]
struct Positions {
    cos: Tensor,
    sin: Tensor,
    mask: Tensor,
}

impl Decoder {
    /// A decoder over `weights`, F32 tensors of one device under Hugging Face's names (see
    /// [`ModelConfig::parameters`]). Pass variables' tensors to train them: gradients flow to them, updates in place show.
    pub fn new(
        config: &ModelConfig,
        weights: &BTreeMap<String, Tensor>,
        precision: DType,
    ) -> Result<Decoder> {
        let one = |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tensor.unsqueeze(0)?));
        let weights = weights.iter().map(one).collect::<Result<_>>()?;
        Decoder::stack(config, &weights, precision)
    }

    /// Several decoders of the same dimensions as one: `weights` as for [`Decoder::new`], but [r, out, in] and [r, d].
    /// Rows of a batch are dealt to the models in equal parts, in order.
    pub fn stack(
        config: &ModelConfig,
        weights: &BTreeMap<String, Tensor>,
        precision: DType,
    ) -> Result<Decoder> {
        let get = |name: String| match weights.get(&name) {
            Some(tensor) if tensor.rank() == 2 => tensor.unsqueeze(1), // a norm
            Some(tensor) => Ok(tensor.clone()),
            None => candle_core::bail!("no parameter {name:?}"),
        };
        let embedding = get("model.embed_tokens.weight".into())?;
        let layer = |index: usize| {
            let get = |name: &str| get(format!("model.layers.{index}.{name}.weight"));
            Ok(Layer {
                attention_norm: get("input_layernorm")?,
                query: get("self_attn.q_proj")?,
                key: get("self_attn.k_proj")?,
                value: get("self_attn.v_proj")?,
                output: get("self_attn.o_proj")?,
                mlp_norm: get("post_attention_layernorm")?,
                gate: get("mlp.gate_proj")?,
                up: get("mlp.up_proj")?,
                down: get("mlp.down_proj")?,
            })
        };
        Ok(Decoder {
            precision,
            layers: (0..config.n_layers).map(layer).collect::<Result<_>>()?,
            norm: get("model.norm.weight".into())?,
            positions: Positions::new(config, config.seq_len, embedding.device())?,
            embedding,
            config: config.clone(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the weights lie.
    pub fn device(&self) -> &Device {
        self.embedding.device()
    }

    /// Logits of the next token at every position. ids: u32 [b, t] → f32 [b, t, v].
    ///
    /// Shorter rows are padded on the right: a position never looks at later ones, so padding changes no logit before
    /// it. Rows longer than the training context are allowed; their late positions were never trained.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let (b, t) = ids.dims2()?;
        let states = self.states(ids, |_| ())?;
        let logits = self.linear(&states, &self.embedding)?;
        logits.reshape((b, t, self.config.vocab_size))
    }

    /// Hidden states per layer, f32 [b, t, d] each, as `transformers`' `output_hidden_states`: the embedding, the
    /// residual stream after each layer but the last, and after the last with the final norm: n_layers + 1 tensors.
    pub fn hidden_states(&self, ids: &Tensor) -> Result<Vec<Tensor>> {
        let (b, t) = ids.dims2()?;
        let mut states = Vec::with_capacity(self.config.n_layers + 1);
        let last = self.states(ids, |state| states.push(state.clone()))?;
        states.pop();
        states.push(last);
        let rows = |state: Tensor| state.reshape((b, t, self.config.d_model));
        states.into_iter().map(rows).collect()
    }

    /// The final hidden state f32 [r, n, d]; `see` is shown the residual stream before the first layer and after each.
    fn states(&self, ids: &Tensor, mut see: impl FnMut(&Tensor)) -> Result<Tensor> {
        let (b, t) = ids.dims2()?;
        let (r, _v, _d) = self.embedding.dims3()?;
        if b % r != 0 {
            candle_core::bail!("{b} rows cannot be dealt to {r} models");
        }
        let positions = if t <= self.config.seq_len {
            self.positions.first(t)?
        } else {
            Positions::new(&self.config, t, self.device())?
        };
        let mut x = lookup(&self.embedding, &ids.reshape((r, b / r * t))?)?;
        see(&x);
        for layer in &self.layers {
            let normed = self.rms_norm(&x, &layer.attention_norm)?;
            x = (x + self.attention(&normed, layer, &positions, (b, t))?)?;
            let normed = self.rms_norm(&x, &layer.mlp_norm)?;
            x = (x + self.swiglu(&normed, layer)?)?;
            see(&x);
        }
        self.rms_norm(&x, &self.norm)
    }

    /// RMSNorm (Zhang & Sennrich 2019): x / √(mean(x²) + ε) · weight. x: [r, n, d] → same shape.
    fn rms_norm(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
        x.broadcast_div(&(mean_square + self.config.rms_norm_eps)?.sqrt()?)?
            .broadcast_mul(weight)
    }

    /// x: [r, n, in], weight: [r, out, in] → x·weightᵀ, f32 [r, n, out].
    fn linear(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let weight = weight.to_dtype(self.precision)?.t()?;
        x.to_dtype(self.precision)?
            .matmul(&weight)?
            .to_dtype(DType::F32)
    }

    /// Causal self-attention (Vaswani et al. 2017, §3.2) with rotary positions. x: [r, n, d] → same shape.
    fn attention(
        &self,
        x: &Tensor,
        layer: &Layer,
        positions: &Positions,
        (b, t): (usize, usize),
    ) -> Result<Tensor> {
        let (r, n, _d) = x.dims3()?;
        let (h, k) = (self.config.n_heads, self.config.d_head);
        let heads = |projected: Tensor| {
            projected
                .reshape((b, t, h, k))?
                .transpose(1, 2)?
                .contiguous()
        };
        let query = heads(self.linear(x, &layer.query)?)?;
        let key = heads(self.linear(x, &layer.key)?)?;
        let value = heads(self.linear(x, &layer.value)?)?.to_dtype(self.precision)?;
        let query = rope_slow(&query, &positions.cos, &positions.sin)?.to_dtype(self.precision)?;
        let key = rope_slow(&key, &positions.cos, &positions.sin)?.to_dtype(self.precision)?;

        let scores = query.matmul(&key.t()?)?.to_dtype(DType::F32)?; // [b, h, t, t]
        let scores = (scores / (k as f64).sqrt())?.broadcast_add(&positions.mask)?;
        let attention = softmax(&scores, D::Minus1)?.to_dtype(self.precision)?;
        let mixed = attention.matmul(&value)?; // [b, h, t, k]
        let mixed = mixed.transpose(1, 2)?.reshape((r, n, h * k))?;
        self.linear(&mixed, &layer.output)
    }

    /// SwiGLU (Shazeer 2020): down(silu(gate(x)) · up(x)). x: [r, n, d] → same shape.
    fn swiglu(&self, x: &Tensor, layer: &Layer) -> Result<Tensor> {
        let gate = silu(&self.linear(x, &layer.gate)?)?;
        let hidden = (gate * self.linear(x, &layer.up)?)?;
        self.linear(&hidden, &layer.down)
    }
}

impl Positions {
    /// Tables for positions 0..t. Angles are computed in f32, as `transformers` does, with `libm`.
    fn new(config: &ModelConfig, t: usize, device: &Device) -> Result<Positions> {
        let half = config.d_head / 2;
        let frequency = |i: usize| {
            let exponent = (2 * i) as f32 / config.d_head as f32;
            1.0 / libm::powf(config.rope_theta as f32, exponent)
        };
        let angles = (0..t).flat_map(|position| (0..half).map(move |i| (position, i)));
        let angles = angles.map(|(position, i)| f64::from(position as f32 * frequency(i)));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles
            .map(|angle| (libm::cos(angle) as f32, libm::sin(angle) as f32))
            .unzip();
        let mask: Vec<f32> = (0..t)
            .flat_map(|from| (0..t).map(move |to| if to > from { f32::NEG_INFINITY } else { 0.0 }))
            .collect();
        Ok(Positions {
            cos: Tensor::from_vec(cos, (t, half), device)?,
            sin: Tensor::from_vec(sin, (t, half), device)?,
            mask: Tensor::from_vec(mask, (t, t), device)?,
        })
    }

    /// The part for positions 0..t.
    fn first(&self, t: usize) -> Result<Positions> {
        Ok(Positions {
            cos: self.cos.narrow(0, 0, t)?,
            sin: self.sin.narrow(0, 0, t)?,
            mask: self.mask.narrow(0, 0, t)?.narrow(1, 0, t)?.contiguous()?,
        })
    }
}

/// Mean cross-entropy in nats over all positions: logits [b, t, v], targets u32 [b, t] → scalar.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (b, t, v) = logits.dims3()?;
    candle_nn::loss::cross_entropy(&logits.reshape((b * t, v))?, &targets.flatten_all()?)
}
