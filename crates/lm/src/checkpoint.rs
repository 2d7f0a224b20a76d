//! A checkpoint: a directory that `transformers`' `AutoModelForCausalLM.from_pretrained` loads as it is.
//!
//! `model.safetensors` holds f32 tensors under Hugging Face's names and the metadata `format=pt` alone (`transformers`
//! wants that key; more keys would come out in random order). The embedding is tied, so there is no `lm_head.weight`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;

use crate::config::ModelConfig;
use crate::error::{Error, Result, at};
use crate::tokenizer::{PAD, SEP, SPECIAL_TOKENS, Tokenizer};
use crate::weights::{Parameter, Weights};

/// Dimensions and weights of a model on disk.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// From `config.json`.
    pub config: ModelConfig,
    /// From `model.safetensors`.
    pub weights: Weights,
}

/// The files of a checkpoint directory.
pub const FILES: [&str; 5] = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// A safetensors header above this size is refused before it is read; ours have about 100 bytes a tensor.
const MAX_HEADER_BYTES: u64 = 16 << 20;

impl Checkpoint {
    /// Reads and checks a checkpoint directory: tensor names, shapes, f32, finite values.
    pub fn read(directory: &Path) -> Result<Checkpoint> {
        let path = directory.join("config.json");
        let text = at(&path, std::fs::read_to_string(&path))?;
        let config = ModelConfig::from_hugging_face(&path, &text)?;
        let weights = read_weights(&directory.join("model.safetensors"), &config)?;
        Ok(Checkpoint { config, weights })
    }

    /// The tokenizer beside the weights; refused if it has another number of tokens than the model.
    pub fn read_tokenizer(&self, directory: &Path) -> Result<Tokenizer> {
        let tokenizer = Tokenizer::load(&directory.join("tokenizer.json"))?;
        check_vocabulary(&self.config, &tokenizer)?;
        Ok(tokenizer)
    }

    /// Writes a checkpoint directory, which must not exist, by way of `NAME.writing` beside it: whoever sees the
    /// directory sees it whole. Files and directory are synced.
    pub fn write(
        directory: &Path,
        config: &ModelConfig,
        weights: &Weights,
        tokenizer: &Tokenizer,
    ) -> Result<()> {
        check_vocabulary(config, tokenizer)?;
        let mut writing = directory.as_os_str().to_owned();
        writing.push(".writing");
        let writing = PathBuf::from(writing);
        if writing.exists() {
            at(&writing, std::fs::remove_dir_all(&writing))?;
        }
        at(&writing, std::fs::create_dir_all(&writing))?;
        for (name, content) in [
            ("config.json", config.to_hugging_face().into_bytes()),
            ("generation_config.json", generation_config().into_bytes()),
            ("model.safetensors", encode_weights(weights, &writing)?),
            ("tokenizer.json", tokenizer.json().as_bytes().to_vec()),
            (
                "tokenizer_config.json",
                tokenizer_config(config).into_bytes(),
            ),
        ] {
            let path = writing.join(name);
            at(&path, std::fs::write(&path, content))?;
            at(&path, File::open(&path).and_then(|file| file.sync_all()))?;
        }
        at(directory, std::fs::rename(&writing, directory))?;
        if let Some(parent) = directory.parent().filter(|p| !p.as_os_str().is_empty()) {
            at(parent, File::open(parent).and_then(|dir| dir.sync_all()))?;
        }
        Ok(())
    }

    /// Bytes that one checkpoint of this model takes on disk, about: the weights, the tokenizer and 10 kB of the rest.
    pub fn disk_bytes(config: &ModelConfig, tokenizer: &Tokenizer) -> u64 {
        let header = 130 * config.parameters().len();
        (4 * config.n_parameters() + header + tokenizer.json().len() + 4096) as u64
    }
}

fn check_vocabulary(config: &ModelConfig, tokenizer: &Tokenizer) -> Result<()> {
    let found = tokenizer.vocab_size();
    if found == config.vocab_size {
        return Ok(());
    }
    let expected = config.vocab_size;
    Err(Error::file(
        tokenizer.path(),
        format!(
            "has {found} tokens, but the model's vocab_size is {expected}; take the tokenizer it was trained with"
        ),
    ))
}

fn read_weights(path: &Path, config: &ModelConfig) -> Result<Weights> {
    let wrong = |problem: String| Error::file(path, problem);
    let mut file = at(path, File::open(path))?;
    let file_bytes = at(path, file.metadata())?.len();

    // Sizes are compared with what config.json asks for before anything is allocated.
    let mut first = [0u8; 8];
    if file_bytes < 8 {
        return Err(wrong(format!("{file_bytes} bytes are no safetensors file")));
    }
    at(path, file.read_exact(&mut first))?;
    let header_bytes = u64::from_le_bytes(first);
    if header_bytes > MAX_HEADER_BYTES || header_bytes > file_bytes - 8 {
        return Err(wrong(format!(
            "says its header has {header_bytes} bytes in a file of {file_bytes}; damaged, or no safetensors file"
        )));
    }
    let expected = 4 * config.n_parameters() as u64;
    let found = file_bytes - 8 - header_bytes;
    if found != expected {
        return Err(wrong(format!(
            "expected {expected} bytes of f32 weights for the dimensions in config.json, found {found}"
        )));
    }

    let mut bytes = first.to_vec();
    at(path, file.read_to_end(&mut bytes))?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|error| wrong(format!("damaged: {error}")))?;
    let parameter = |(name, view): (&str, TensorView)| {
        if view.dtype() != Dtype::F32 {
            let found = view.dtype();
            return Err(wrong(format!(
                "{name}: expected dtype F32, found {found:?}"
            )));
        }
        let (values, _) = view.data().as_chunks::<4>();
        let parameter = Parameter {
            shape: view.shape().to_vec(),
            values: values
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
        };
        Ok((name.to_owned(), parameter))
    };
    let parameters: BTreeMap<_, _> = tensors.iter().map(parameter).collect::<Result<_>>()?;
    Weights::new(config, parameters).map_err(|error| match error {
        Error::Dimensions(problem) => wrong(problem),
        other => other,
    })
}

fn encode_weights(weights: &Weights, path: &Path) -> Result<Vec<u8>> {
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = weights
        .iter()
        .map(|(name, parameter)| {
            let values = parameter.values.iter().flat_map(|x| x.to_le_bytes());
            (name, parameter.shape.as_slice(), values.collect())
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    views
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map_err(|error| Error::file(path, error.to_string()))
}

fn generation_config() -> String {
    let value = json!({ "bos_token_id": SEP, "eos_token_id": SEP, "pad_token_id": PAD });
    format!("{value:#}\n")
}

/// Without this file other tools guess the special tokens, add their own, and resize the embedding.
fn tokenizer_config(config: &ModelConfig) -> String {
    let [sep, pad, unk] = SPECIAL_TOKENS;
    let value = json!({
        "add_bos_token": false,
        "add_eos_token": false,
        "bos_token": sep,
        "clean_up_tokenization_spaces": false,
        "eos_token": sep,
        "model_max_length": config.seq_len,
        "pad_token": pad,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": unk,
    });
    format!("{value:#}\n")
}
