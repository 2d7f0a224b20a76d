//! The reference engine on a GPU against itself on the CPU: logits, gradients, and the losses of a short training.
//! Built by `make build-cuda`, run by `tests/gpu.sh`.
#![cfg(any(feature = "cuda", feature = "metal"))]

use candle_core::{DType, Device, Tensor};
use cpu_step::{AdamW, EngineChoice, Precision};
use lm::{Decoder, DeviceChoice, ModelConfig, Size, Weights};
use model_train::batches::Rows;
use model_train::engine::{Engine, Flat};
use rand::Rng;
use seed::Seed;

fn gpu() -> DeviceChoice {
    if cfg!(feature = "cuda") {
        DeviceChoice::Cuda(0)
    } else {
        DeviceChoice::Metal
    }
}

fn config(size: Size) -> ModelConfig {
    ModelConfig::of_size(size, 300, 64)
}

/// Rows of a text in which each token decides the next but for one in eight; the last row is shorter.
fn rows(config: &ModelConfig, seed: u64) -> Rows {
    let mut stream = Seed(seed).stream("rows");
    let mut token = 3;
    let tokens: Vec<u32> = (0..8 * config.seq_len - 20)
        .map(|_| {
            let draw = stream.next_u32();
            let surprise = if draw.is_multiple_of(8) { draw >> 8 } else { 0 };
            token = (token * 7 + 1 + surprise) % config.vocab_size as u32;
            token
        })
        .collect();
    Rows::pack(0, &tokens, config.seq_len)
}

fn relative_difference(a: &[f32], b: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f32>| {
        values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    };
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

#[test]
fn logits_equal_the_cpus() {
    let config = config(Size::Small);
    let weights = Weights::initial(&config, Seed(1));
    let rows = rows(&config, 1);
    let logits = |device: &Device, precision| {
        let decoder =
            Decoder::new(&config, &weights.to_tensors(device).unwrap(), precision).unwrap();
        let ids = Tensor::from_slice(&rows.inputs, (rows.rows, rows.seq_len()), device).unwrap();
        decoder
            .forward(&ids)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
    };
    let expected = logits(&Device::Cpu, DType::F32);
    for (precision, bound) in [(DType::F32, 1e-5), (DType::BF16, 2e-2)] {
        let difference = relative_difference(&logits(&gpu().open().unwrap(), precision), &expected);
        println!("logits in {precision:?}: relative difference {difference:.2e}");
        assert!(difference < bound);
    }
}

#[test]
fn gradients_equal_the_cpus() {
    let config = config(Size::Small);
    let state = Flat::initial(&Weights::initial(&config, Seed(2)));
    let rows = rows(&config, 2);
    let gradients = |device, precision| {
        let engine = Engine::new(
            EngineChoice::Reference,
            Some(precision),
            device,
            &config,
            std::slice::from_ref(&state),
            1,
        );
        let rows = std::slice::from_ref(&rows);
        engine.unwrap().gradients(rows).unwrap().remove(0).1
    };
    let expected = gradients(DeviceChoice::Cpu, Precision::F32);
    for (precision, bound) in [(Precision::F32, 1e-4), (Precision::Bf16, 5e-2)] {
        let found = gradients(gpu(), precision);
        let mut at = 0;
        let mut most = 0f64;
        for (name, shape) in config.parameters() {
            let part = at..at + shape.iter().product::<usize>();
            at = part.end;
            let difference = relative_difference(&found[part.clone()], &expected[part]);
            assert!(difference < bound, "{precision}, {name}: {difference}");
            most = most.max(difference);
        }
        println!(
            "gradients in {precision}: relative difference at most {most:.2e} of any parameter"
        );
    }
}

#[test]
fn losses_of_a_short_training_equal_the_cpus() {
    let config = config(Size::Tiny);
    let state = Flat::initial(&Weights::initial(&config, Seed(3)));
    let losses = |choice, device, precision| -> Vec<f64> {
        let states = std::slice::from_ref(&state);
        let mut engine = Engine::new(choice, Some(precision), device, &config, states, 4).unwrap();
        let adamw = AdamW {
            lr: 2e-3,
            ..AdamW::default()
        };
        (0..150)
            .map(|step| {
                let taken = engine.step(&[rows(&config, step)], &adamw).unwrap();
                taken[0].clone().unwrap().loss_nats
            })
            .collect()
    };
    let expected = losses(EngineChoice::Auto, DeviceChoice::Cpu, Precision::F32);
    for (precision, bound) in [(Precision::F32, 0.02), (Precision::Bf16, 0.1)] {
        let found = losses(EngineChoice::Reference, gpu(), precision);
        let most = found
            .iter()
            .zip(&expected)
            .fold(0f64, |most, (a, b)| most.max((a - b).abs()));
        println!(
            "150 steps in {precision}: loss {:.4} to {:.4}, the CPU's to {:.4}, at most {most:.4} apart",
            found[0], found[149], expected[149]
        );
        assert!(most < bound);
        assert!(found[149] < 0.8 * found[0]);
    }
}

/// Eight models as one stack, and each alone, on the GPU: after 50 steps the losses lie together.
#[test]
fn a_stack_trains_each_model_as_if_alone() {
    let config = config(Size::Tiny);
    let adamw = AdamW {
        lr: 2e-3,
        ..AdamW::default()
    };
    let states: Vec<Flat> = (0..8)
        .map(|seed| Flat::initial(&Weights::initial(&config, Seed(seed))))
        .collect();
    let engine = |states: &[Flat]| {
        let (choice, precision) = (EngineChoice::Reference, Some(Precision::F32));
        Engine::new(choice, precision, gpu(), &config, states, 4).unwrap()
    };
    let mut stack = engine(&states);
    let mut alone: Vec<Engine> = states.chunks(1).map(engine).collect();
    let mut most = 0f64;
    for step in 0..50 {
        let batches: Vec<Rows> = (0..8)
            .map(|model| rows(&config, 50 * model + step))
            .collect();
        let taken = stack.step(&batches, &adamw).unwrap();
        for (model, alone) in alone.iter_mut().enumerate() {
            let expected = alone.step(&batches[model..=model], &adamw).unwrap();
            let losses = [&taken[model], &expected[0]].map(|t| t.clone().unwrap().loss_nats);
            most = most.max((losses[0] - losses[1]).abs());
        }
    }
    println!("8 models stacked: losses of 50 steps at most {most:.1e} from those alone");
    assert!(most < 0.01);
}
