//! Our decoder against PyTorch: logits, hidden states, loss and every gradient on a fixed small checkpoint.
//!
//! `fixture/checkpoint` was written by `write_checkpoint` below, `fixture/expected.safetensors` by
//! `tests/interop/decoder_fixture.py` with torch 2.12.1 and transformers 5.23.0.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use lm::decoder::cross_entropy;
use lm::{Checkpoint, Decoder, ModelConfig, Tokenizer, Weights};
use seed::Seed;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture")
}

/// A model small enough to commit; d_ff and seq_len are no multiples of anything.
fn small_config() -> ModelConfig {
    ModelConfig {
        vocab_size: 37,
        d_model: 16,
        n_layers: 2,
        n_heads: 2,
        d_head: 8,
        d_ff: 27,
        seq_len: 24,
        rope_theta: 10_000.0,
        rms_norm_eps: 1e-5,
    }
}

/// Initial weights made ten times larger and norms uneven, so that every part of the model shows in the logits.
fn small_weights(config: &ModelConfig) -> Weights {
    let mut weights = Weights::initial(config, Seed(7));
    for (name, shape) in config.parameters() {
        let values = &mut weights.get_mut(&name).unwrap().values;
        for (i, x) in values.iter_mut().enumerate() {
            *x = if shape.len() == 1 {
                1.0 + 0.05 * (i % 5) as f32
            } else {
                *x * 10.0
            };
        }
    }
    weights
}

/// A BPE tokenizer of 37 tokens: 3 special ones, ▁, a to z, the full stop, and six merges.
fn small_tokenizer(directory: &Path) -> Tokenizer {
    use tokenizers::models::bpe::BPE;
    use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
    let merges = [
        ("▁", "t"),
        ("k", "a"),
        ("▁t", "a"),
        ("t", "a"),
        ("m", "i"),
        ("▁ta", "ka"),
    ];
    let singles = ["▁", "."].map(String::from).into_iter();
    let tokens = lm::tokenizer::SPECIAL_TOKENS
        .map(String::from)
        .into_iter()
        .chain(singles)
        .chain(('a'..='z').map(String::from))
        .chain(merges.map(|(left, right)| format!("{left}{right}")));
    let vocabulary: tokenizers::models::bpe::Vocab = tokens.zip(0..).collect();
    let model = BPE::builder()
        .vocab_and_merges(
            vocabulary,
            merges.map(|(l, r)| (l.to_owned(), r.to_owned())).to_vec(),
        )
        .unk_token("<unk>".into())
        .build()
        .unwrap();
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    let metaspace = Metaspace::new('▁', PrependScheme::Always, true);
    tokenizer.with_pre_tokenizer(Some(metaspace.clone()));
    tokenizer.with_decoder(Some(metaspace));
    tokenizer
        .add_special_tokens(
            lm::tokenizer::SPECIAL_TOKENS.map(|t| tokenizers::AddedToken::from(t, true)),
        )
        .unwrap();
    let path = directory.join("tokenizer.json");
    tokenizer.save(&path, true).unwrap();
    Tokenizer::load(&path).unwrap()
}

#[test]
#[ignore = "writes the committed checkpoint anew"]
fn write_checkpoint() {
    let config = small_config();
    let scratch = tempfile::tempdir().unwrap();
    let directory = fixture().join("checkpoint");
    let _ = std::fs::remove_dir_all(&directory);
    let tokenizer = small_tokenizer(scratch.path());
    Checkpoint::write(&directory, &config, &small_weights(&config), &tokenizer).unwrap();
}

/// The committed checkpoint is what this code writes, byte for byte.
#[test]
fn checkpoint_files_are_fixed() {
    let config = small_config();
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("checkpoint");
    let tokenizer = small_tokenizer(scratch.path());
    Checkpoint::write(&directory, &config, &small_weights(&config), &tokenizer).unwrap();
    for name in lm::checkpoint::FILES {
        let committed = std::fs::read(fixture().join("checkpoint").join(name)).unwrap();
        let written = std::fs::read(directory.join(name)).unwrap();
        assert!(
            committed == written,
            "{name} differs from the committed file"
        );
    }
    let read = Checkpoint::read(&directory).unwrap();
    assert_eq!(read.config, config);
    assert_eq!(read.weights, small_weights(&config));
}

fn expected() -> BTreeMap<String, Tensor> {
    let path = fixture().join("expected.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu)
        .unwrap()
        .into_iter()
        .collect()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap();
    difference
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar()
        .unwrap()
}

/// ids [3, 20] of the fixture: contexts [3, 19] and targets [3, 19].
fn contexts_and_targets(ids: &Tensor) -> (Tensor, Tensor) {
    let ids = ids.to_dtype(DType::U32).unwrap();
    let part = |start| ids.narrow(1, start, 19).unwrap().contiguous().unwrap();
    (part(0), part(1))
}

/// ```python
/// out = model(ids[:, :-1], output_hidden_states=True)
/// loss = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), ids[:, 1:].flatten())
/// loss.backward()
/// expected |= {f"hidden.{i}": state for i, state in enumerate(out.hidden_states)}
/// expected |= {f"gradient.{name}": p.grad for name, p in model.named_parameters()}
/// ```
#[test]
fn forward_and_gradients_equal_pytorch() {
    let expected = expected();
    let checkpoint = Checkpoint::read(&fixture().join("checkpoint")).unwrap();
    let variables: BTreeMap<String, Var> = checkpoint
        .weights
        .to_tensors(&Device::Cpu)
        .unwrap()
        .into_iter()
        .map(|(name, tensor)| (name, Var::from_tensor(&tensor).unwrap()))
        .collect();
    let tensors = variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let decoder = Decoder::new(&checkpoint.config, &tensors, DType::F32).unwrap();
    let (contexts, targets) = contexts_and_targets(&expected["ids"]);

    let logits = decoder.forward(&contexts).unwrap();
    assert!(largest_difference(&logits, &expected["logits"]) < 2e-5);
    let states = decoder.hidden_states(&contexts).unwrap();
    assert_eq!(states.len(), checkpoint.config.n_layers + 1);
    for (i, state) in states.iter().enumerate() {
        assert!(largest_difference(state, &expected[&format!("hidden.{i}")]) < 2e-5);
    }

    let loss = cross_entropy(&logits, &targets).unwrap();
    assert!(largest_difference(&loss, &expected["loss"]) < 1e-5);
    let gradients = loss.backward().unwrap();
    for (name, variable) in &variables {
        let gradient = gradients
            .get(variable)
            .expect("a gradient for every parameter");
        let expected = &expected[&format!("gradient.{name}")];
        let scale: f32 = expected
            .abs()
            .unwrap()
            .flatten_all()
            .unwrap()
            .max(0)
            .unwrap()
            .to_scalar()
            .unwrap();
        assert!(
            largest_difference(gradient, expected) < 2e-5 * scale.max(1e-2),
            "{name}"
        );
    }
}

/// Three implementations, one checkpoint directory: ours, candle-transformers' Llama (last position only), transformers.
#[test]
fn candle_transformers_gives_the_same_logits() {
    use candle_transformers::models::llama::{Cache, Llama, LlamaConfig};
    let directory = fixture().join("checkpoint");
    let text = std::fs::read_to_string(directory.join("config.json")).unwrap();
    let config: LlamaConfig = serde_json::from_str(&text).unwrap();
    let config = config.into_config(false);
    let tensors = candle_core::safetensors::load(directory.join("model.safetensors"), &Device::Cpu);
    let builder = candle_nn::VarBuilder::from_tensors(tensors.unwrap(), DType::F32, &Device::Cpu);
    let llama = Llama::load(builder, &config).unwrap();
    let mut cache = Cache::new(false, DType::F32, &config, &Device::Cpu).unwrap();
    let expected = expected();
    let (contexts, _) = contexts_and_targets(&expected["ids"]);
    let logits = llama.forward(&contexts, 0, &mut cache).unwrap();
    let last = expected["logits"]
        .narrow(1, 18, 1)
        .unwrap()
        .squeeze(1)
        .unwrap();
    assert!(largest_difference(&logits, &last) < 2e-5);
}

/// `tokenizer("taka mirata zo taka .", add_special_tokens=False).input_ids`
#[test]
fn tokenizer_gives_the_same_ids() {
    let checkpoint = Checkpoint::read(&fixture().join("checkpoint")).unwrap();
    let tokenizer = checkpoint
        .read_tokenizer(&fixture().join("checkpoint"))
        .unwrap();
    let text = "taka mirata zo taka .";
    let ids = tokenizer.encode(text).unwrap();
    let expected = expected()["text_ids"].to_dtype(DType::U32).unwrap();
    assert_eq!(ids, expected.to_vec1::<u32>().unwrap());
    assert_eq!(tokenizer.decode(&ids).unwrap(), text);
    assert_eq!(tokenizer.sequence(text).unwrap().len(), ids.len() + 2);
    let words: Vec<u32> = text
        .split(' ')
        .flat_map(|w| tokenizer.encode(w).unwrap())
        .collect();
    assert_eq!(words, ids);
}

/// Damaged and foreign files: one line naming the file, nothing allocated for a lying header.
#[test]
fn wrong_files_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &dyn Fn(Vec<u8>) -> Vec<u8>, message: &str| {
        let directory = scratch.path().join("checkpoint");
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).unwrap();
        for file in lm::checkpoint::FILES {
            let mut bytes = std::fs::read(fixture().join("checkpoint").join(file)).unwrap();
            if file == name {
                bytes = content(bytes);
            }
            std::fs::write(directory.join(file), bytes).unwrap();
        }
        let error = Checkpoint::read(&directory)
            .and_then(|checkpoint| checkpoint.read_tokenizer(&directory))
            .unwrap_err()
            .to_string();
        assert!(error.contains(name) && error.contains(message), "{error}");
    };
    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .unwrap()
                .replace(from, to)
                .into_bytes()
        }
    };
    let weights = "model.safetensors";
    check(weights, &|_| vec![1, 2], "2 bytes are no safetensors file");
    check(
        weights,
        &|_| vec![255; 64],
        "damaged, or no safetensors file",
    );
    check(
        weights,
        &|bytes| bytes[..bytes.len() - 4].to_vec(),
        "bytes of f32 weights",
    );
    let nan = |mut bytes: Vec<u8>| {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        bytes
    };
    check(weights, &nan, "is NaN");
    // same length of the header, another name
    let renamed = |mut bytes: Vec<u8>| {
        let at = bytes.windows(10).position(|w| w == b"model.norm").unwrap();
        bytes[at..at + 10].copy_from_slice(b"model.corm");
        bytes
    };
    check(weights, &renamed, "no parameter \"model.norm.weight\"");
    check(
        "config.json",
        &replaced("llama", "mamba"),
        "expected \"llama\"",
    );
    check(
        "config.json",
        &replaced("\"vocab_size\": 37", "\"vocab_size\": -1"),
        "a count",
    );
    check(
        "tokenizer.json",
        &replaced("<sep>", "<eos>"),
        "expected <sep> with id 0",
    );
}
