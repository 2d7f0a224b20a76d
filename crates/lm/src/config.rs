//! The model's dimensions and their Hugging Face spelling (`LlamaForCausalLM`, `config.json`).

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::tokenizer::{PAD, SEP};

/// Token ids that a model may have.
pub(crate) const MOST_TOKENS: usize = 1 << 24;

/// The dimensions of a Llama-style decoder with tied embeddings (Touvron et al. 2023).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Tokens in the vocabulary, special tokens included.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Blocks of attention and feed-forward.
    pub n_layers: usize,
    /// Attention heads a layer (keys and values have as many).
    pub n_heads: usize,
    /// Width of one head; even, for rotary positions.
    pub d_head: usize,
    /// Width of the SwiGLU feed-forward layer.
    pub d_ff: usize,
    /// Tokens of context seen in training.
    pub seq_len: usize,
    /// Base of the rotary frequencies (Su et al. 2021).
    pub rope_theta: f64,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
}

/// The named sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// 2 layers, d_model 64, 2 heads.
    Tiny,
    /// 4 layers, d_model 128, 4 heads.
    Small,
    /// 4 layers, d_model 256, 8 heads.
    Base,
    /// 8 layers, d_model 256, 8 heads.
    Large,
}

impl Size {
    /// (n_layers, d_model, n_heads)
    pub fn dimensions(self) -> (usize, usize, usize) {
        match self {
            Size::Tiny => (2, 64, 2),
            Size::Small => (4, 128, 4),
            Size::Base => (4, 256, 8),
            Size::Large => (8, 256, 8),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Size, String> {
        match name {
            "tiny" => Ok(Size::Tiny),
            "small" => Ok(Size::Small),
            "base" => Ok(Size::Base),
            "large" => Ok(Size::Large),
            _ => Err(format!(
                "expected tiny, small, base or large, found {name:?}"
            )),
        }
    }
}

/// 8/3 of the model's width, rounded up to a multiple of 32: three SwiGLU matrices then cost what two of width 4·d would.
///
/// d_model 64 → 170.7 → 192; 128 → 341.3 → 352; 256 → 682.7 → 704.
pub fn swiglu_width(d_model: usize) -> usize {
    (8 * d_model).div_ceil(3).next_multiple_of(32)
}

impl ModelConfig {
    /// The dimensions of a named size.
    pub fn of_size(size: Size, vocab_size: usize, seq_len: usize) -> ModelConfig {
        let (n_layers, d_model, n_heads) = size.dimensions();
        ModelConfig {
            vocab_size,
            d_model,
            n_layers,
            n_heads,
            d_head: d_model / n_heads,
            d_ff: swiglu_width(d_model),
            seq_len,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-5,
        }
    }

    /// Refuses dimensions that no model can have: zeros, odd head widths, sizes beyond 2^32 parameters.
    pub fn check(&self) -> Result<()> {
        let refuse = |problem: String| Err(Error::Dimensions(problem));
        for (name, value) in [
            ("d_model", self.d_model),
            ("n_layers", self.n_layers),
            ("n_heads", self.n_heads),
            ("d_head", self.d_head),
            ("d_ff", self.d_ff),
            ("seq_len", self.seq_len),
        ] {
            if value == 0 || value > 1 << 20 {
                return refuse(format!("{name} is {value}; expected 1 to 2^20"));
            }
        }
        if self.vocab_size < 3 || self.vocab_size > MOST_TOKENS {
            let found = self.vocab_size;
            return refuse(format!("vocab_size is {found}; expected 3 to 2^24"));
        }
        if !self.d_head.is_multiple_of(2) {
            let found = self.d_head;
            return refuse(format!("d_head is {found}; rotary positions need it even"));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            let found = self.rope_theta;
            return refuse(format!("rope_theta is {found}; expected above 1"));
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps > 0.0) {
            let found = self.rms_norm_eps;
            return refuse(format!("rms_norm_eps is {found}; expected above 0"));
        }
        // All factors are below 2^24, so u128 cannot overflow.
        let [d, v, l, ff] = [self.d_model, self.vocab_size, self.n_layers, self.d_ff]
            .map(|dimension| dimension as u128);
        let width = (self.n_heads * self.d_head) as u128;
        if v * d + l * (4 * d * width + 3 * d * ff + 2 * d) + d > 1 << 32 {
            return refuse("more than 2^32 parameters".into());
        }
        Ok(())
    }

    /// Width of all heads together; equals `d_model` in the named sizes.
    pub fn attention_width(&self) -> usize {
        self.n_heads * self.d_head
    }

    /// Name and shape of every parameter, sorted by name.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let (d, width) = (self.d_model, self.attention_width());
        let mut parameters = vec![
            (
                "model.embed_tokens.weight".to_owned(),
                vec![self.vocab_size, d],
            ),
            ("model.norm.weight".to_owned(), vec![d]),
        ];
        for layer in 0..self.n_layers {
            for (name, shape) in [
                ("input_layernorm", vec![d]),
                ("mlp.down_proj", vec![d, self.d_ff]),
                ("mlp.gate_proj", vec![self.d_ff, d]),
                ("mlp.up_proj", vec![self.d_ff, d]),
                ("post_attention_layernorm", vec![d]),
                ("self_attn.k_proj", vec![width, d]),
                ("self_attn.o_proj", vec![d, width]),
                ("self_attn.q_proj", vec![width, d]),
                ("self_attn.v_proj", vec![width, d]),
            ] {
                parameters.push((format!("model.layers.{layer}.{name}.weight"), shape));
            }
        }
        parameters.sort();
        parameters
    }

    /// How many numbers the model learns (the tied embedding once).
    pub fn n_parameters(&self) -> usize {
        self.parameters()
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }

    /// The text of `config.json`, as `transformers` and `candle-transformers` read it: `rope_theta` stands at the top
    /// level, since candle looks only there.
    pub fn to_hugging_face(&self) -> String {
        let value = json!({
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": false,
            "attention_dropout": 0.0,
            "bos_token_id": SEP,
            "eos_token_id": SEP,
            "head_dim": self.d_head,
            "hidden_act": "silu",
            "hidden_size": self.d_model,
            "initializer_range": 0.02,
            "intermediate_size": self.d_ff,
            "max_position_embeddings": self.seq_len,
            "mlp_bias": false,
            "model_type": "llama",
            "num_attention_heads": self.n_heads,
            "num_hidden_layers": self.n_layers,
            "num_key_value_heads": self.n_heads,
            "pad_token_id": PAD,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": true,
            "torch_dtype": "float32",
            "use_cache": true,
            "vocab_size": self.vocab_size,
        });
        format!("{value:#}\n")
    }

    /// Reads `config.json` text; `path` is for the errors. Models that this lab's decoder cannot run are refused.
    pub fn from_hugging_face(path: &Path, text: &str) -> Result<ModelConfig> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::file(path, format!("not JSON: {error}")))?;
        let wrong = |key: &str, expected: &str| {
            let found = value.get(key).map_or("nothing".into(), Value::to_string);
            Error::file(path, format!("{key}: expected {expected}, found {found}"))
        };
        let count = |key: &str| {
            value[key]
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| wrong(key, "a count"))
        };
        if value["model_type"] != "llama" {
            return Err(wrong("model_type", "\"llama\""));
        }
        if value["tie_word_embeddings"] != true {
            return Err(wrong("tie_word_embeddings", "true"));
        }
        let n_heads = count("num_attention_heads")?;
        if value.get("num_key_value_heads").is_some() && count("num_key_value_heads")? != n_heads {
            return Err(wrong(
                "num_key_value_heads",
                "as many as attention heads (no grouped queries)",
            ));
        }
        let d_model = count("hidden_size")?;
        let d_head = match value.get("head_dim") {
            None | Some(Value::Null) => d_model / n_heads.max(1),
            Some(_) => count("head_dim")?,
        };
        let config = ModelConfig {
            vocab_size: count("vocab_size")?,
            d_model,
            n_layers: count("num_hidden_layers")?,
            n_heads,
            d_head,
            d_ff: count("intermediate_size")?,
            seq_len: count("max_position_embeddings")?,
            rope_theta: value["rope_theta"]
                .as_f64()
                .ok_or_else(|| wrong("rope_theta", "a number at the top level"))?,
            rms_norm_eps: value["rms_norm_eps"]
                .as_f64()
                .ok_or_else(|| wrong("rms_norm_eps", "a number"))?,
        };
        config
            .check()
            .map_err(|error| Error::file(path, error.to_string()))?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_documented_dimensions() {
        for (size, layers, d, heads, ff) in [
            (Size::Tiny, 2, 64, 2, 192),
            (Size::Small, 4, 128, 4, 352),
            (Size::Base, 4, 256, 8, 704),
            (Size::Large, 8, 256, 8, 704),
        ] {
            let config = ModelConfig::of_size(size, 512, 128);
            assert_eq!(
                (config.n_layers, config.d_model, config.n_heads, config.d_ff),
                (layers, d, heads, ff)
            );
            assert_eq!(config.attention_width(), d);
            config.check().unwrap();
        }
        // small, vocabulary 512: 512·128 + 4·(4·128² + 3·128·352 + 2·128) + 128
        //                      = 65,536 + 4·(65,536 + 135,168 + 256) + 128 = 869,504
        assert_eq!(
            ModelConfig::of_size(Size::Small, 512, 128).n_parameters(),
            869_504
        );
    }

    #[test]
    fn hugging_face_config_round_trips() {
        let config = ModelConfig {
            rope_theta: 500.0,
            ..ModelConfig::of_size(Size::Tiny, 300, 64)
        };
        let text = config.to_hugging_face();
        let path = Path::new("config.json");
        assert_eq!(ModelConfig::from_hugging_face(path, &text).unwrap(), config);
        let untied = text.replace(
            "\"tie_word_embeddings\": true",
            "\"tie_word_embeddings\": false",
        );
        assert_eq!(
            ModelConfig::from_hugging_face(path, &untied)
                .unwrap_err()
                .to_string(),
            "config.json: tie_word_embeddings: expected true, found false"
        );
        let huge = text.replace("\"hidden_size\": 64", "\"hidden_size\": 99999999999");
        assert!(ModelConfig::from_hugging_face(path, &huge).is_err());
    }
}
