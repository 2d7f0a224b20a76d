//! What computes a step: the reference decoder on candle (any device), or the hand-written step (CPU).
//!
//! The training loop sees this one enum. An engine holds one or several models of equal dimensions, each with its
//! parameters and AdamW moments: the reference computes them as one batched model, the hand-written step one after the
//! other. Outside a model's state is flat, in sorted order of the parameters' names, so that it belongs to no engine.

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use std::fmt;

use anyhow::{Context, Result, ensure};
use cpu_step::{AdamW, EngineChoice, EngineKind, Precision};
use lm::{DeviceChoice, ModelConfig, Weights};

use crate::batches::Rows;
use cpu::CpuStep;
use reference::Reference;

/// What a step saw before it changed the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean loss in nats a token.
    pub loss_nats: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
}

/// A model's loss or gradient is no finite number; it can take no further step.
#[derive(Debug, Clone, PartialEq)]
pub struct NotFinite {
    /// Mean loss in nats a token.
    pub loss_nats: f64,
    /// Norm of the gradient.
    pub gradient_norm: f64,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotFinite {
            loss_nats,
            gradient_norm,
        } = self;
        write!(
            f,
            "the loss is {loss_nats} nats and the gradient's norm {gradient_norm}"
        )
    }
}

impl std::error::Error for NotFinite {}

/// Parameters and moments, flat in sorted order of the parameters' names.
#[derive(Debug, Clone, PartialEq)]
pub struct Flat {
    /// The weights.
    pub parameters: Vec<f32>,
    /// Running mean of the gradient.
    pub first: Vec<f32>,
    /// Running mean of the squared gradient.
    pub second: Vec<f32>,
    /// Updates taken.
    pub steps: u64,
}

impl Flat {
    /// Weights before the first step.
    pub fn initial(weights: &Weights) -> Flat {
        let parameters: Vec<f32> = weights
            .iter()
            .flat_map(|(_, parameter)| parameter.values.iter().copied())
            .collect();
        Flat {
            first: vec![0.0; parameters.len()],
            second: vec![0.0; parameters.len()],
            parameters,
            steps: 0,
        }
    }

    /// The weights by name.
    pub fn weights(&self, config: &ModelConfig) -> Result<Weights> {
        let mut at = 0;
        let parameters = config.parameters().into_iter().map(|(name, shape)| {
            let values = self.parameters[at..][..shape.iter().product()].to_vec();
            at += values.len();
            (name, lm::Parameter { shape, values })
        });
        Ok(Weights::new(config, parameters.collect())?)
    }
}

/// One model's step: what it saw, or why it took none.
pub type Taken = std::result::Result<StepReport, NotFinite>;

/// One or several models of equal dimensions in training.
pub enum Engine {
    /// candle's automatic differentiation.
    Reference(Box<Reference>),
    /// The hand-written step.
    Cpu(Box<CpuStep>),
}

impl Engine {
    /// An engine with the models of the given states, at least one, which took equally many steps.
    ///
    /// # Errors
    /// A choice that this machine, this build or these dimensions cannot have.
    pub fn new(
        choice: EngineChoice,
        precision: Option<Precision>,
        device: DeviceChoice,
        config: &ModelConfig,
        states: &[Flat],
        threads: usize,
    ) -> Result<Engine> {
        let even_heads = config.attention_width() == config.d_model;
        let hand = match choice {
            EngineChoice::Reference => None,
            EngineChoice::Auto if device != DeviceChoice::Cpu || !even_heads => None,
            EngineChoice::Auto => Some(match precision {
                Some(precision) => EngineKind::fastest_of(precision)?,
                None => EngineKind::fastest(),
            }),
            EngineChoice::Hand(kind) => Some(kind),
        };
        let Some(kind) = hand else {
            let opened = device.open()?;
            let precision = precision.unwrap_or(Precision::F32);
            let engine = Reference::new(config, states, precision, opened, device)?;
            return Ok(Engine::Reference(Box::new(engine)));
        };
        ensure!(
            device == DeviceChoice::Cpu,
            "--engine {kind}: runs on the CPU, not on --device {device}"
        );
        ensure!(
            even_heads,
            "--engine {kind}: needs n_heads · d_head = d_model, found {} · {} and {}; use --engine reference",
            config.n_heads,
            config.d_head,
            config.d_model
        );
        if let Some(precision) = precision {
            ensure!(
                kind.precision() == precision,
                "--engine {kind}: computes in {}, not in --precision {precision}",
                kind.precision()
            );
        }
        let engine = CpuStep::new(config, states, kind, threads)
            .with_context(|| format!("--engine {kind}"))?;
        Ok(Engine::Cpu(Box::new(engine)))
    }

    /// For log and manifest, e.g. `avx512-f32` or `reference-bf16 on cuda:0`.
    pub fn name(&self) -> String {
        match self {
            Engine::Reference(engine) => engine.name(),
            Engine::Cpu(engine) => engine.name(),
        }
    }

    /// One step of every model on its own rows: gradient of the mean loss, clipping by its norm, AdamW.
    ///
    /// # Errors
    /// A device that failed. A model whose loss or gradient is not finite fails alone.
    pub fn step(&mut self, rows: &[Rows], adamw: &AdamW) -> Result<Vec<Taken>> {
        match self {
            Engine::Reference(engine) => engine.step(rows, adamw),
            Engine::Cpu(engine) => engine.step(rows, adamw),
        }
    }

    /// Each model's sum of −ln P(target) over its targets that count, in nats; 0 where there are no rows.
    ///
    /// # Errors
    /// A device that failed.
    pub fn loss(&mut self, rows: &[Rows]) -> Result<Vec<f64>> {
        match self {
            Engine::Reference(engine) => engine.loss(rows),
            Engine::Cpu(engine) => engine.loss(rows),
        }
    }

    /// Each model's mean loss and gradient, flat in sorted order of the parameters' names, for comparing engines.
    ///
    /// # Errors
    /// A device that failed.
    pub fn gradients(&mut self, rows: &[Rows]) -> Result<Vec<(f64, Vec<f32>)>> {
        match self {
            Engine::Reference(engine) => engine.gradients(rows),
            Engine::Cpu(engine) => engine.gradients(rows),
        }
    }

    /// Parameters and moments of every model.
    ///
    /// # Errors
    /// A device that failed.
    pub fn states(&self) -> Result<Vec<Flat>> {
        match self {
            Engine::Reference(engine) => engine.states(),
            Engine::Cpu(engine) => Ok(engine.states()),
        }
    }
}
