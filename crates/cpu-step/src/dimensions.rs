//! The decoder's dimensions and where each tensor lies in the flat parameter buffer.
//!
//! Names and orientations are those of Hugging Face `LlamaForCausalLM`: every matrix is
//! `[outputs, inputs]`, row-major, and `lm_head` is the embedding.

use std::ops::Range;

/// The dimensions of a Llama-style decoder with tied embeddings and as many key heads as query heads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dimensions {
    /// Entries of the embedding, and width of the logits.
    pub vocab_size: usize,
    /// Width of the residual stream; a multiple of `n_heads` with an even quotient.
    pub d_model: usize,
    /// Number of blocks (attention, then feed-forward).
    pub n_layers: usize,
    /// Number of attention heads.
    pub n_heads: usize,
    /// Width of the feed-forward layer (SwiGLU).
    pub d_ff: usize,
    /// Longest sequence that may be asked for, in tokens.
    pub seq_len: usize,
    /// Base of the rotary position embedding (10,000 in Llama).
    pub rope_theta: f64,
    /// Added to the mean square in every RMSNorm (1e-5 in Llama 2).
    pub rms_norm_eps: f64,
}

/// A demand of [`Dimensions::check`] that was not met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DimensionError {
    /// A dimension is zero.
    #[error("{0} is 0, expected at least 1")]
    Zero(&'static str),
    /// The width cannot be divided among the heads.
    #[error("d_model {d_model} cannot be divided into {n_heads} heads of even width")]
    Heads {
        /// The width asked for.
        d_model: usize,
        /// The heads asked for.
        n_heads: usize,
    },
    /// A constant is not a positive number.
    #[error("{0} is not a positive number")]
    NotPositive(&'static str),
}

impl Dimensions {
    /// Width of one head.
    pub fn d_head(&self) -> usize {
        self.d_model / self.n_heads
    }

    /// Number of parameters, the embedding counted once.
    pub fn parameter_count(&self) -> usize {
        self.vocab_size * self.d_model + self.n_layers * self.layer_parameters() + self.d_model
    }

    /// Floating-point operations of training on one token in sequences of `seq_len` tokens: a
    /// multiplication and an addition for each weight, three times (forward, gradient of the input,
    /// gradient of the weight), and attention's products without use of its triangular shape, as the
    /// field counts them (Kaplan et al. 2020, §2.1).
    pub fn training_flops_per_token(&self, seq_len: usize) -> f64 {
        let Dimensions {
            vocab_size,
            d_model,
            n_layers,
            d_ff,
            ..
        } = *self;
        let weights =
            n_layers * (4 * d_model * d_model + 3 * d_model * d_ff) + vocab_size * d_model;
        (6 * weights + 12 * n_layers * seq_len * d_model) as f64
    }

    /// # Errors
    /// A dimension is zero, a head's width is odd, or a constant is not a positive number.
    pub fn check(&self) -> Result<(), DimensionError> {
        let named = [
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("n_layers", self.n_layers),
            ("n_heads", self.n_heads),
            ("d_ff", self.d_ff),
            ("seq_len", self.seq_len),
        ];
        if let Some((name, _)) = named.iter().find(|(_, value)| *value == 0) {
            return Err(DimensionError::Zero(name));
        }
        if !self.d_model.is_multiple_of(2 * self.n_heads) {
            return Err(DimensionError::Heads {
                d_model: self.d_model,
                n_heads: self.n_heads,
            });
        }
        for (name, value) in [
            ("rope_theta", self.rope_theta),
            ("rms_norm_eps", self.rms_norm_eps),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(DimensionError::NotPositive(name));
            }
        }
        Ok(())
    }

    fn layer_parameters(&self) -> usize {
        let Dimensions { d_model, d_ff, .. } = *self;
        4 * d_model * d_model + 3 * d_model * d_ff + 2 * d_model
    }
}

/// One tensor of the flat buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// `[outputs, inputs]` of a matrix, `[d_model]` of a norm's weight.
    pub shape: Vec<usize>,
    /// Where its elements lie, row-major.
    pub range: Range<usize>,
}

impl Tensor {
    /// Matrices are decayed by AdamW, norms are not.
    pub fn is_matrix(&self) -> bool {
        self.shape.len() == 2
    }
}

/// The order of the tensors in the flat buffer: embedding, then layer by layer the seven matrices and
/// the two norms, then the last norm. It has no gaps. Query, key and value lie together, as do gate
/// and up, so that each group is one matrix to the products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<Tensor>,
}

impl Layout {
    /// The layout of a decoder of these dimensions.
    pub fn new(dimensions: &Dimensions) -> Layout {
        let Dimensions {
            vocab_size,
            d_model,
            n_layers,
            d_ff,
            ..
        } = *dimensions;
        let mut layout = Layout {
            tensors: Vec::new(),
        };
        layout.push(
            "model.embed_tokens.weight".into(),
            vec![vocab_size, d_model],
        );
        for layer in 0..n_layers {
            let matrices = [
                ("self_attn.q_proj", d_model, d_model),
                ("self_attn.k_proj", d_model, d_model),
                ("self_attn.v_proj", d_model, d_model),
                ("self_attn.o_proj", d_model, d_model),
                ("mlp.gate_proj", d_ff, d_model),
                ("mlp.up_proj", d_ff, d_model),
                ("mlp.down_proj", d_model, d_ff),
            ];
            for (name, outputs, inputs) in matrices {
                layout.push(
                    format!("model.layers.{layer}.{name}.weight"),
                    vec![outputs, inputs],
                );
            }
            for name in ["input_layernorm", "post_attention_layernorm"] {
                layout.push(format!("model.layers.{layer}.{name}.weight"), vec![d_model]);
            }
        }
        layout.push("model.norm.weight".into(), vec![d_model]);
        layout
    }

    /// All tensors, in the buffer's order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensor of that Hugging Face name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The tensor that holds element `index` of the buffer.
    pub fn tensor_at(&self, index: usize) -> Option<&Tensor> {
        let place = self
            .tensors
            .partition_point(|tensor| tensor.range.end <= index);
        self.tensors.get(place)
    }

    /// Elements of the whole buffer.
    pub fn len(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    /// A layout always has an embedding, so never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, name: String, shape: Vec<usize>) {
        let start = self.len();
        let range = start..start + shape.iter().product::<usize>();
        self.tensors.push(Tensor { name, shape, range });
    }
}

/// Starts of one layer's groups in the flat buffer, the same places as [`Layout`] names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerPlaces {
    /// Query, key and value: `[3 d_model, d_model]`.
    pub qkv: usize,
    /// `[d_model, d_model]`
    pub output: usize,
    /// Gate and up: `[2 d_ff, d_model]`.
    pub gate_up: usize,
    /// `[d_model, d_ff]`
    pub down: usize,
    pub input_norm: usize,
    pub post_attention_norm: usize,
}

impl LayerPlaces {
    pub fn new(dimensions: &Dimensions, layer: usize) -> LayerPlaces {
        let Dimensions {
            vocab_size,
            d_model,
            d_ff,
            ..
        } = *dimensions;
        let qkv = vocab_size * d_model + layer * dimensions.layer_parameters();
        let output = qkv + 3 * d_model * d_model;
        let gate_up = output + d_model * d_model;
        let down = gate_up + 2 * d_ff * d_model;
        let input_norm = down + d_model * d_ff;
        let post_attention_norm = input_norm + d_model;
        LayerPlaces {
            qkv,
            output,
            gate_up,
            down,
            input_norm,
            post_attention_norm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Dimensions = Dimensions {
        vocab_size: 512,
        d_model: 128,
        n_layers: 4,
        n_heads: 4,
        d_ff: 352,
        seq_len: 128,
        rope_theta: 10_000.0,
        rms_norm_eps: 1e-5,
    };

    #[test]
    fn layout_has_no_gaps_and_agrees_with_the_places() {
        let layout = Layout::new(&SMALL);
        let mut end = 0;
        for tensor in layout.tensors() {
            assert_eq!(tensor.range.start, end);
            end = tensor.range.end;
        }
        // 512·128 + 4·(4·128² + 3·128·352 + 2·128) + 128 = 65,536 + 4·200,960 + 128
        assert_eq!(end, 869_504);
        assert_eq!(SMALL.parameter_count(), end);
        let places = LayerPlaces::new(&SMALL, 3);
        let start = |name: &str| {
            layout
                .tensor(&format!("model.layers.3.{name}.weight"))
                .map(|t| t.range.start)
        };
        assert_eq!(start("self_attn.q_proj"), Some(places.qkv));
        assert_eq!(start("self_attn.o_proj"), Some(places.output));
        assert_eq!(start("mlp.gate_proj"), Some(places.gate_up));
        assert_eq!(start("mlp.down_proj"), Some(places.down));
        assert_eq!(start("input_layernorm"), Some(places.input_norm));
        assert_eq!(
            start("post_attention_layernorm"),
            Some(places.post_attention_norm)
        );
    }

    #[test]
    fn an_element_knows_its_tensor() {
        let layout = Layout::new(&SMALL);
        for tensor in layout.tensors() {
            assert_eq!(layout.tensor_at(tensor.range.start), Some(tensor));
            assert_eq!(layout.tensor_at(tensor.range.end - 1), Some(tensor));
        }
        assert_eq!(layout.tensor_at(layout.len()), None);
    }

    #[test]
    fn impossible_dimensions_are_refused() {
        let check = |dimensions: Dimensions, expect: &str| {
            let message = dimensions.check().err().map(|error| error.to_string());
            assert_eq!(message.as_deref(), Some(expect));
        };
        assert_eq!(SMALL.check(), Ok(()));
        check(
            Dimensions { d_ff: 0, ..SMALL },
            "d_ff is 0, expected at least 1",
        );
        check(
            Dimensions {
                d_model: 36,
                ..SMALL
            },
            "d_model 36 cannot be divided into 4 heads of even width",
        );
        check(
            Dimensions {
                rope_theta: f64::NAN,
                ..SMALL
            },
            "rope_theta is not a positive number",
        );
    }

    /// 6 · (4·200,704 + 65,536) + 12 · 4 · 128 · 128 = 5,210,112 + 786,432
    #[test]
    fn training_flops() {
        assert_eq!(SMALL.training_flops_per_token(128), 5_996_544.0);
    }
}
