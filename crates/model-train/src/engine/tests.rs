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
        compare_gradients(config, index as u64);
    }
}

/// Every head width that the named sizes' widths can be divided into, and vocabularies from the smallest on, beside and on
/// multiples of a tile.
#[test]
fn gradients_agree_for_every_head_width_and_many_vocabularies() {
    let vocabularies = [3, 31, 64, 65, 100, 257, 512, 777, 1024, 2047];
    let widths = [64, 128, 256].into_iter().flat_map(|d_model| {
        let heads = (0..).map(|power| 1 << power);
        let heads = heads.take_while(move |heads| d_model / heads >= 2);
        heads.map(move |n_heads| (d_model, n_heads))
    });
    for (index, (d_model, n_heads)) in widths.enumerate() {
        let vocab_size = vocabularies[index % vocabularies.len()];
        let d_ff = lm::config::swiglu_width(d_model);
        let config = config(vocab_size, d_model, 1, n_heads, d_ff, 9 + index);
        compare_gradients(&config, 100 + index as u64);
    }
}

/// Holds every engine of this CPU against the reference.
fn compare_gradients(config: &ModelConfig, seed: u64) {
    let state = state(config, seed);
    let rows = rows(config, 3, seed);
    let gradients = |choice, precision| {
        let engine = Engine::new(
            choice,
            Some(precision),
            DeviceChoice::Cpu,
            config,
            std::slice::from_ref(&state),
            2,
        );
        let rows = std::slice::from_ref(&rows);
        engine.unwrap().gradients(rows).unwrap().remove(0)
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
                "{kind}, {config:?}, {name}: {difference}, bound {bound}"
            );
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
            std::slice::from_ref(state),
            1,
        )
        .unwrap()
    };
    let mut reference = engine(EngineChoice::Reference, &start);
    let mut hand = engine(EngineChoice::Auto, &start);
    assert_eq!(hand.states().unwrap(), [start]);
    for step in 0..10 {
        let adamw = AdamW {
            lr: 1e-3,
            ..AdamW::default()
        };
        let rows = [rows(&config, 2, step)];
        let [a, b] = [&mut reference, &mut hand]
            .map(|engine| engine.step(&rows, &adamw).unwrap()[0].clone().unwrap());
        assert!(
            (a.loss_nats - b.loss_nats).abs() < 1e-3,
            "step {step}: {a:?} {b:?}"
        );
        assert!(
            (a.gradient_norm / b.gradient_norm - 1.0).abs() < 1e-2,
            "step {step}: {a:?} {b:?}"
        );
        let sum = hand.loss(&rows).unwrap()[0];
        assert!((sum / reference.loss(&rows).unwrap()[0] - 1.0).abs() < 1e-3);
        if step == 5 {
            let state = &hand.states().unwrap()[0];
            hand = engine(EngineChoice::Reference, &reference.states().unwrap()[0]);
            reference = engine(EngineChoice::Auto, state);
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
        &[Flat::initial(&Weights::initial(config, Seed(0)))],
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
    // Either precision is had on any CPU.
    for precision in [Precision::F32, Precision::Bf16] {
        let states = std::slice::from_ref(&state);
        let engine = Engine::new(EngineChoice::Auto, Some(precision), cpu, &config, states, 1);
        assert!(engine.unwrap().name().ends_with(&precision.to_string()));
    }
    // Heads of another width are left to the reference.
    let state_wide = Flat::initial(&Weights::initial(&wide, Seed(0)));
    let engine = Engine::new(EngineChoice::Auto, None, cpu, &wide, &[state_wide], 1).unwrap();
    assert_eq!(engine.name(), "reference-f32");
    assert_eq!(
        state.weights(&config).unwrap().iter().count(),
        config.parameters().len()
    );
}

/// Three models as one stack and each alone: the same losses, norms, gradients and states after ten steps, although their
/// rows differ in number and length; and the loss of a model without rows is 0.
#[test]
fn a_stack_trains_each_model_as_if_alone() {
    let config = config(101, 32, 2, 2, 48, 12);
    let adamw = AdamW {
        lr: 3e-3,
        ..AdamW::default()
    };
    let states: Vec<Flat> = (0..3).map(|index| state(&config, index)).collect();
    let batch = |model: usize, step: u64| {
        let shorter = ModelConfig {
            seq_len: config.seq_len - 3 * (model % 2),
            ..config.clone()
        };
        rows(&shorter, 2 + model, 10 * step + model as u64)
    };
    for (choice, bound) in [(EngineChoice::Reference, 2e-4), (EngineChoice::Auto, 0.0)] {
        let engine = |states: &[Flat]| {
            let (precision, cpu) = (Some(Precision::F32), DeviceChoice::Cpu);
            Engine::new(choice, precision, cpu, &config, states, 2).unwrap()
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() <= bound * b.abs(), "{a} {b}");
        let mut stack = engine(&states);
        let mut alone: Vec<Engine> = states.chunks(1).map(engine).collect();
        for step in 0..10 {
            let batches: Vec<Rows> = (0..3).map(|model| batch(model, step)).collect();
            let gradients = stack.gradients(&batches).unwrap();
            let losses = stack.loss(&batches).unwrap();
            let taken = stack.step(&batches, &adamw).unwrap();
            for (model, alone) in alone.iter_mut().enumerate() {
                let rows = &batches[model..=model];
                let (loss, gradient) = alone.gradients(rows).unwrap().remove(0);
                near(gradients[model].0, loss);
                assert!(relative_difference(&gradients[model].1, &gradient) <= bound);
                near(losses[model], alone.loss(rows).unwrap()[0]);
                let expected = alone.step(rows, &adamw).unwrap()[0].clone().unwrap();
                let found = taken[model].clone().unwrap();
                near(found.loss_nats, expected.loss_nats);
                near(found.gradient_norm, expected.gradient_norm);
            }
        }
        for (found, alone) in stack.states().unwrap().iter().zip(&alone) {
            let expected = &alone.states().unwrap()[0];
            assert_eq!(found.steps, 10);
            assert!(relative_difference(&found.parameters, &expected.parameters) <= bound);
            assert!(relative_difference(&found.second, &expected.second) <= 10.0 * bound);
        }
        let none = [batch(0, 0), Rows::default(), batch(2, 0)];
        assert_eq!(stack.loss(&none).unwrap()[1], 0.0);
    }
}

/// A model whose weights are no numbers fails alone.
#[test]
fn a_spoilt_model_does_not_spoil_its_stack() {
    let config = config(37, 12, 1, 2, 20, 7);
    let mut states: Vec<Flat> = (0..3).map(|index| state(&config, index)).collect();
    states[1].parameters[5] = f32::NAN;
    let batches: Vec<Rows> = (0..3).map(|index| rows(&config, 2, index)).collect();
    for choice in [EngineChoice::Reference, EngineChoice::Auto] {
        let (precision, cpu) = (Some(Precision::F32), DeviceChoice::Cpu);
        let mut stack = Engine::new(choice, precision, cpu, &config, &states, 1).unwrap();
        for _ in 0..2 {
            let taken = stack.step(&batches, &AdamW::default()).unwrap();
            assert!(taken[0].is_ok() && taken[1].is_err() && taken[2].is_ok());
        }
        let finite = |index: usize| {
            let state = &stack.states().unwrap()[index];
            state.parameters.iter().all(|value| value.is_finite())
        };
        assert!(finite(0) && finite(2));
    }
}
