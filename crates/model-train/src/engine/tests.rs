//! The two engines against each other, and the reference's optimizer against PyTorch's.

use candle_core::{Device, Tensor};
use cpu_step::{AdamW, EngineKind, Precision};
use lm::{DeviceChoice, ModelConfig, Weights};
use rand::Rng;
use seed::Seed;

use super::*;

/// ```python
/// p = torch.tensor([1.0, -2.0], requires_grad=True)
/// o = torch.optim.AdamW([p], lr=0.1, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
/// for g in ([0.5, -1.0], [0.25, 3.0]): p.grad = torch.tensor(g); o.step()
/// p  # tensor([ 0.7872, -1.9101]); by hand in cpu-step's test of the same numbers
/// ```
#[test]
fn adamw_takes_pytorchs_steps() {
    let adamw = AdamW {
        lr: 0.1,
        ..AdamW::default()
    };
    let tensor = |values: [f32; 2]| Tensor::new(&values, &Device::Cpu).unwrap();
    let mut state = [tensor([1.0, -2.0]), tensor([0.0; 2]), tensor([0.0; 2])];
    for (step, gradient) in (1..).zip([[0.5, -1.0], [0.25, 3.0]]) {
        let [p, m, v] = &state;
        state = reference::update(
            [p, m, v],
            &tensor(gradient),
            &tensor([1.0; 2]),
            &adamw,
            step,
        )
        .unwrap();
    }
    let p = state[0].to_vec1::<f32>().unwrap();
    assert!(
        (p[0] - 0.787_170_7).abs() < 1e-6 && (p[1] + 1.910_129_6).abs() < 1e-6,
        "{p:?}"
    );
}

/// Random rows whose last row is shorter.
fn rows(config: &ModelConfig, rows: usize, seed: u64) -> Rows {
    let mut stream = Seed(seed).stream("rows");
    let count = rows * config.seq_len - config.seq_len / 3;
    let tokens: Vec<u32> = (0..count)
        .map(|_| stream.next_u32() % config.vocab_size as u32)
        .collect();
    Rows::pack(0, &tokens, config.seq_len)
}

/// Weights far enough from the initial ones that attention and norms matter.
fn state(config: &ModelConfig, seed: u64) -> Flat {
    let mut state = Flat::initial(&Weights::initial(config, Seed(seed)));
    let mut stream = Seed(seed).stream("disturbance");
    for value in &mut state.parameters {
        *value =
            *value * 4.0 + (f64::from(stream.next_u32()) / f64::from(u32::MAX) - 0.5) as f32 * 0.05;
    }
    state
}

fn config(
    vocab_size: usize,
    d_model: usize,
    n_layers: usize,
    n_heads: usize,
    d_ff: usize,
    seq_len: usize,
) -> ModelConfig {
    ModelConfig {
        vocab_size,
        d_model,
        n_layers,
        n_heads,
        d_head: d_model / n_heads,
        d_ff,
        seq_len,
        rope_theta: 10_000.0,
        rms_norm_eps: 1e-5,
    }
}

/// |a − b| / |b|, Euclidean.
fn relative_difference(a: &[f32], b: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f32>| {
        values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    };
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

/// Every parameter's gradient, by name, for models whose dimensions are and are not multiples of a vector or a tile, with
/// weights that make attention sharp. f32: 1e-4 of the norm of the reference's gradient. bf16, where rounding
/// alone moves such gradients by up to a quarter: no farther from f32 than the reference in bf16, plus a quarter and 1 %.
#[test]
fn hand_written_gradients_equal_the_references() {
    let configs = [
        config(37, 12, 1, 2, 20, 7),
        config(512, 64, 2, 2, 192, 33),
        config(131, 40, 3, 5, 50, 16),
        config(1000, 128, 1, 4, 352, 24),
        config(259, 72, 2, 1, 33, 40),
    ];
    for (index, config) in configs.iter().enumerate() {
        let state = state(config, index as u64);
        let rows = rows(config, 3, index as u64);
        let gradients = |choice, precision| {
            let engine = Engine::new(
                choice,
                Some(precision),
                DeviceChoice::Cpu,
                config,
                &state,
                2,
            );
            let (loss, gradient) = engine.unwrap().gradients(&rows).unwrap();
            (loss, gradient)
        };
        let (loss, expected) = gradients(EngineChoice::Reference, Precision::F32);
        let (_, expected_bf16) = gradients(EngineChoice::Reference, Precision::Bf16);
        for kind in EngineKind::ALL
            .into_iter()
            .filter(|kind| kind.is_available())
        {
            let (hand_loss, hand) = gradients(EngineChoice::Hand(kind), kind.precision());
            assert!(
                (hand_loss / loss - 1.0).abs() < 1e-2,
                "{kind}: loss {hand_loss}, expected {loss}"
            );
            let mut at = 0;
            for (name, shape) in config.parameters() {
                let part = at..at + shape.iter().product::<usize>();
                at = part.end;
                let expected = &expected[part.clone()];
                let bound = match kind.precision() {
                    Precision::F32 => 1e-4,
                    Precision::Bf16 => {
                        0.01 + 1.25 * relative_difference(&expected_bf16[part.clone()], expected)
                    }
                };
                let difference = relative_difference(&hand[part], expected);
                assert!(
                    difference <= bound,
                    "{kind}, model {index}, {name}: {difference}, bound {bound}"
                );
            }
        }
    }
}

/// Ten steps of both engines from the same state stay together, and a state taken from one goes on in the other.
#[test]
fn engines_take_the_same_steps() {
    let config = config(101, 32, 2, 2, 48, 12);
    let start = state(&config, 1);
    let engine = |choice, state: &Flat| {
        Engine::new(
            choice,
            Some(Precision::F32),
            DeviceChoice::Cpu,
            &config,
            state,
            1,
        )
        .unwrap()
    };
    let mut reference = engine(EngineChoice::Reference, &start);
    let mut hand = engine(EngineChoice::Auto, &start);
    assert_eq!(hand.state().unwrap(), start);
    for step in 0..10 {
        let adamw = AdamW {
            lr: 1e-3,
            ..AdamW::default()
        };
        let rows = rows(&config, 2, step);
        let [a, b] = [
            reference.step(&rows, &adamw).unwrap(),
            hand.step(&rows, &adamw).unwrap(),
        ];
        assert!(
            (a.loss_nats - b.loss_nats).abs() < 1e-3,
            "step {step}: {a:?} {b:?}"
        );
        assert!(
            (a.gradient_norm / b.gradient_norm - 1.0).abs() < 1e-2,
            "step {step}: {a:?} {b:?}"
        );
        let sum = hand.loss(&rows).unwrap();
        assert!((sum / reference.loss(&rows).unwrap() - 1.0).abs() < 1e-3);
        if step == 5 {
            let state = hand.state().unwrap();
            hand = engine(EngineChoice::Reference, &reference.state().unwrap());
            reference = engine(EngineChoice::Auto, &state);
        }
    }
}

#[test]
fn choices_that_cannot_be_are_refused() {
    let config = config(37, 12, 1, 2, 20, 7);
    let state = state(&config, 0);
    let refusal = |choice, precision, device, config: &ModelConfig| match Engine::new(
        choice,
        precision,
        device,
        config,
        &Flat::initial(&Weights::initial(config, Seed(0))),
        1,
    ) {
        Ok(engine) => panic!("{} was given", engine.name()),
        Err(error) => format!("{error:#}"),
    };
    let portable = "portable".parse::<EngineChoice>().unwrap();
    let cpu = DeviceChoice::Cpu;
    assert!(
        refusal(portable, Some(Precision::Bf16), cpu, &config)
            .contains("computes in f32, not in --precision bf16")
    );
    assert!(refusal(portable, None, DeviceChoice::Metal, &config).contains("runs on the CPU"));
    let wide = ModelConfig {
        d_head: 8,
        ..config.clone()
    };
    assert!(refusal(portable, None, cpu, &wide).contains("use --engine reference"));
    assert!(
        "avx9"
            .parse::<EngineChoice>()
            .unwrap_err()
            .contains("expected auto, reference, portable-f32")
    );
    // Heads of another width are left to the reference.
    let state_wide = Flat::initial(&Weights::initial(&wide, Seed(0)));
    let engine = Engine::new(EngineChoice::Auto, None, cpu, &wide, &state_wide, 1).unwrap();
    assert_eq!(engine.name(), "reference-f32");
    assert_eq!(
        state.weights(&config).unwrap().iter().count(),
        config.parameters().len()
    );
}
