//! Properties that every decoder must have, whatever its weights.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use lm::decoder::cross_entropy;
use lm::{Decoder, ModelConfig, Size, Weights};
use rand::Rng;
use seed::Seed;

struct Model {
    variables: BTreeMap<String, Var>,
    decoder: Decoder,
}

fn model(config: &ModelConfig, precision: DType) -> Model {
    let tensors = Weights::initial(config, Seed(3))
        .to_tensors(&Device::Cpu)
        .unwrap();
    let variables: BTreeMap<String, Var> = tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), Var::from_tensor(tensor).unwrap()))
        .collect();
    let tensors = variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let decoder = Decoder::new(config, &tensors, precision).unwrap();
    Model { variables, decoder }
}

/// Random contexts and targets, both u32 [b, t].
fn batch(config: &ModelConfig, b: usize, t: usize) -> (Tensor, Tensor) {
    let mut stream = Seed(4).stream("test batch");
    let mut ids = || {
        let ids: Vec<u32> = (0..b * t)
            .map(|_| stream.next_u32() % config.vocab_size as u32)
            .collect();
        Tensor::from_vec(ids, (b, t), &Device::Cpu).unwrap()
    };
    (ids(), ids())
}

/// d_head other than d_model / n_heads, and a single head, too.
fn configs() -> [ModelConfig; 3] {
    let tiny = ModelConfig::of_size(Size::Tiny, 101, 16);
    [
        tiny.clone(),
        ModelConfig {
            n_heads: 3,
            d_head: 10,
            d_ff: 50,
            ..tiny.clone()
        },
        ModelConfig {
            n_heads: 1,
            d_head: 64,
            n_layers: 1,
            ..tiny
        },
    ]
}

#[test]
fn every_parameter_gets_a_gradient() {
    for config in configs() {
        for precision in [DType::F32, DType::BF16] {
            let Model { variables, decoder } = model(&config, precision);
            let (contexts, targets) = batch(&config, 2, 12);
            let loss = cross_entropy(&decoder.forward(&contexts).unwrap(), &targets).unwrap();
            let gradients = loss.backward().unwrap();
            for (name, variable) in &variables {
                let gradient = gradients
                    .get(variable)
                    .unwrap_or_else(|| panic!("{name}: no gradient"));
                let square: f32 = gradient
                    .sqr()
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar()
                    .unwrap();
                assert!(
                    square.is_finite() && square > 0.0,
                    "{name}: squared gradient {square}"
                );
            }
        }
    }
}

/// The tokens after position 7 and the padding change; the logits up to 7 stay bit by bit.
#[test]
fn later_tokens_never_change_earlier_logits() {
    for config in configs() {
        let decoder = model(&config, DType::F32).decoder;
        let (contexts, others) = batch(&config, 2, 12);
        let changed = Tensor::cat(
            &[
                contexts.narrow(1, 0, 8).unwrap(),
                others.narrow(1, 8, 4).unwrap(),
            ],
            1,
        );
        let first = |ids: &Tensor| {
            let logits = decoder.forward(ids).unwrap().narrow(1, 0, 8).unwrap();
            logits.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(first(&contexts), first(&changed.unwrap()));
    }
}

/// ln 101 = 4.6151; initial logits have a deviation of about 0.02·√64 = 0.16, which adds 0.16²/2 = 0.013.
#[test]
fn initial_loss_is_that_of_chance() {
    for config in configs() {
        let decoder = model(&config, DType::F32).decoder;
        let (contexts, targets) = batch(&config, 8, 16);
        let loss = cross_entropy(&decoder.forward(&contexts).unwrap(), &targets).unwrap();
        let loss: f32 = loss.to_scalar().unwrap();
        assert!((loss - 101f32.ln()).abs() < 0.06, "initial loss {loss}");
    }
}

#[test]
fn one_batch_overfits() {
    use candle_nn::{AdamW, Optimizer, ParamsAdamW};
    let [config, ..] = configs();
    let Model { variables, decoder } = model(&config, DType::F32);
    let (contexts, targets) = batch(&config, 2, 16);
    let parameters = ParamsAdamW {
        lr: 3e-3,
        weight_decay: 0.0,
        ..Default::default()
    };
    let mut optimizer = AdamW::new(variables.into_values().collect(), parameters).unwrap();
    let mut loss = f32::INFINITY;
    for _ in 0..100 {
        let mean = cross_entropy(&decoder.forward(&contexts).unwrap(), &targets).unwrap();
        optimizer.backward_step(&mean).unwrap();
        loss = mean.to_scalar().unwrap();
    }
    assert!(loss < 0.05, "loss after 100 steps on one batch: {loss}");
}

/// Scores of padded rows equal those of rows alone, also beyond the training context.
#[test]
fn padding_changes_no_score() {
    let [config, ..] = configs();
    let decoder = model(&config, DType::F32).decoder;
    let long: Vec<u32> = (0..20).map(|i| (i * 7) % 101).collect();
    let rows = [&long[..], &[0, 5, 9, 0], &[0, 17]];
    let together = lm::score::token_nats(&decoder, &rows).unwrap();
    for (row, scores) in rows.iter().zip(&together) {
        let alone = lm::score::token_nats(&decoder, &[row]).unwrap();
        assert_eq!(scores.len(), row.len() - 1);
        for (a, b) in scores.iter().zip(&alone[0]) {
            assert!((a - b).abs() < 1e-5);
        }
    }
}
