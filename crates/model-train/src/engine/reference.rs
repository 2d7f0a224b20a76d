//! Training on candle's automatic differentiation: the oracle of the hand-written step, and what runs on GPUs.
//!
//! Models are stacked: every tensor has a leading dimension of models, so that a step of many small models launches as
//! many kernels as a step of one. What belongs to one model (loss, norm, clipping) is reduced model by model.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::ops::log_softmax;
use cpu_step::{AdamW, Precision};
use lm::{Decoder, DeviceChoice, ModelConfig, PAD};

use super::{Flat, NotFinite, StepReport, Taken};
use crate::batches::{IGNORE, Rows};

/// Models trained by automatic differentiation. Shapes: r = models, p = parameters of one.
pub struct Reference {
    decoder: Decoder,
    device: Device,
    name: String,
    /// Sorted by name, [r, …] each.
    variables: Vec<Var>,
    /// Parameters and moments as one tensor [r, p] each: an update is then a dozen operations, not a dozen a parameter.
    parameters: Tensor,
    first: Tensor,
    second: Tensor,
    /// 1 where weight decay acts (matrices), else 0: [r, p].
    decays: Tensor,
    steps: u64,
}

impl Reference {
    pub(super) fn new(
        config: &ModelConfig,
        states: &[Flat],
        precision: Precision,
        device: Device,
        choice: DeviceChoice,
    ) -> Result<Reference> {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        let steps = states.first().map_or(0, |state| state.steps);
        ensure!(
            states.iter().all(|state| state.steps == steps),
            "stacked models must have taken equally many steps"
        );
        let stacked = |part: fn(&Flat) -> &Vec<f32>| {
            let rows: Vec<f32> = states
                .iter()
                .flat_map(|state| part(state).iter().copied())
                .collect();
            Tensor::from_vec(rows, (states.len(), config.n_parameters()), &device)
        };
        let parameters = stacked(|state| &state.parameters)?;
        let mut tensors = BTreeMap::new();
        let mut variables = Vec::new();
        let mut decays = Vec::with_capacity(config.n_parameters());
        for (name, shape) in config.parameters() {
            let count = shape.iter().product();
            let values = parameters.narrow(1, decays.len(), count)?;
            let variable =
                Var::from_tensor(&values.reshape([&[states.len()], &shape[..]].concat())?)?;
            tensors.insert(name, variable.as_tensor().clone());
            variables.push(variable);
            decays.extend(std::iter::repeat_n(f32::from(shape.len() == 2), count));
        }
        let decays = Tensor::from_vec(decays, (1, config.n_parameters()), &device)?;
        Ok(Reference {
            decoder: Decoder::stack(config, &tensors, dtype)?,
            name: match choice {
                DeviceChoice::Cpu => format!("reference-{precision}"),
                device => format!("reference-{precision} on {device}"),
            },
            variables,
            first: stacked(|state| &state.first)?,
            second: stacked(|state| &state.second)?,
            decays: decays.broadcast_as(parameters.shape())?.contiguous()?,
            parameters,
            steps,
            device,
        })
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    fn models(&self) -> Result<usize> {
        Ok(self.parameters.dim(0)?)
    }

    /// Each model's sum of −ln P(target) over its targets that count: `[r]`. Models with fewer or shorter rows than others
    /// get padding, whose targets do not count.
    fn sum_nats(&self, rows: &[Rows]) -> Result<Tensor> {
        let models = self.models()?;
        ensure!(
            rows.len() == models,
            "{} batches for {models} models",
            rows.len()
        );
        let each = rows.iter().map(|rows| rows.rows).max().unwrap_or(0);
        let length = rows.iter().map(Rows::seq_len).max().unwrap_or(0);
        let shape = (models * each, length);
        let mut inputs = Vec::with_capacity(models * each * length);
        let (mut targets, mut counts) = (inputs.clone(), Vec::with_capacity(inputs.capacity()));
        for (model, rows) in rows.iter().enumerate() {
            let width = rows.seq_len().max(1);
            for (row, row_targets) in rows.inputs.chunks(width).zip(rows.targets.chunks(width)) {
                inputs.extend_from_slice(row);
                inputs.resize(inputs.len() + length - width, PAD);
                let counted = row_targets.iter().map(|target| *target != IGNORE);
                counts.extend(counted.map(f32::from));
                let known = |target: &u32| if *target == IGNORE { 0 } else { *target };
                targets.extend(row_targets.iter().map(known));
                targets.resize(inputs.len(), 0);
                counts.resize(inputs.len(), 0.0);
            }
            inputs.resize((model + 1) * each * length, PAD);
            targets.resize(inputs.len(), 0);
            counts.resize(inputs.len(), 0.0);
        }
        let inputs = Tensor::from_vec(inputs, shape, &self.device)?;
        let targets = Tensor::from_vec(targets, shape, &self.device)?;
        let counts = Tensor::from_vec(counts, shape, &self.device)?;
        let logits = self.decoder.forward(&inputs)?; // [r·rows, seq_len, vocab_size]
        let nats = log_softmax(&logits, 2)?
            .gather(&targets.unsqueeze(2)?, 2)?
            .squeeze(2)?;
        let counted = (nats * counts)?.reshape((models, each * length))?;
        Ok(counted.sum(1)?.neg()?)
    }

    pub(super) fn loss(&self, rows: &[Rows]) -> Result<Vec<f64>> {
        let sums = self.sum_nats(rows)?.to_vec1::<f32>()?;
        Ok(sums.into_iter().map(f64::from).collect())
    }

    /// Each model's mean loss `[r]`, and its gradient `[r, p]`.
    fn flat_gradient(&self, rows: &[Rows]) -> Result<(Tensor, Tensor)> {
        let shares: Vec<f32> = rows
            .iter()
            .map(|rows| 1.0 / rows.tokens.max(1) as f32)
            .collect();
        let losses = (self.sum_nats(rows)? * Tensor::new(shares, &self.device)?)?;
        // A model's parameters take part in its own loss alone, so the sum's gradient is each one's own.
        let mut gradients = losses.sum_all()?.backward()?;
        let flat = self
            .variables
            .iter()
            .map(|variable| match gradients.remove(variable) {
                Some(gradient) => gradient.flatten_from(1),
                None => candle_core::bail!(
                    "a parameter of shape {:?} got no gradient",
                    variable.shape()
                ),
            });
        let flat = flat.collect::<candle_core::Result<Vec<_>>>()?;
        Ok((losses.detach(), Tensor::cat(&flat, 1)?))
    }

    pub(super) fn gradients(&self, rows: &[Rows]) -> Result<Vec<(f64, Vec<f32>)>> {
        let (losses, gradients) = self.flat_gradient(rows)?;
        let losses = losses.to_vec1::<f32>()?.into_iter().map(f64::from);
        Ok(losses.zip(gradients.to_vec2()?).collect())
    }

    pub(super) fn step(&mut self, rows: &[Rows], adamw: &AdamW) -> Result<Vec<Taken>> {
        let (losses, gradient) = self.flat_gradient(rows)?;
        let square_sums = gradient.sqr()?.sum(1)?;
        // One wait for the device a step.
        let seen = Tensor::stack(&[losses, square_sums], 1)?.to_vec2::<f32>()?;
        let taken: Vec<Taken> = seen
            .iter()
            .map(|seen| {
                let loss_nats = f64::from(seen[0]);
                let gradient_norm = f64::from(seen[1]).sqrt();
                if loss_nats.is_finite() && gradient_norm.is_finite() {
                    Ok(StepReport {
                        loss_nats,
                        gradient_norm,
                    })
                } else {
                    Err(NotFinite {
                        loss_nats,
                        gradient_norm,
                    })
                }
            })
            .collect();
        self.steps += 1;
        let scales: Vec<f32> = taken
            .iter()
            .map(|taken| match taken {
                Ok(report) => (adamw.clip / (report.gradient_norm + 1e-6)).min(1.0) as f32,
                Err(_) => 0.0,
            })
            .collect();
        let scales = Tensor::from_vec(scales, (taken.len(), 1), &self.device)?;
        [self.parameters, self.first, self.second] = update(
            [&self.parameters, &self.first, &self.second],
            &gradient.broadcast_mul(&scales)?,
            &self.decays,
            adamw,
            self.steps,
        )?;
        let mut at = 0;
        for variable in &self.variables {
            let count = variable.elem_count() / taken.len();
            let values = self.parameters.narrow(1, at, count)?;
            variable.set(&values.reshape(variable.shape())?)?;
            at += count;
        }
        Ok(taken)
    }

    pub(super) fn states(&self) -> Result<Vec<Flat>> {
        let parts = [&self.parameters, &self.first, &self.second].map(Tensor::to_vec2);
        let [parameters, first, second] = parts;
        let parts = parameters?.into_iter().zip(first?).zip(second?);
        let state = |((parameters, first), second)| Flat {
            parameters,
            first,
            second,
            steps: self.steps,
        };
        Ok(parts.map(state).collect())
    }
}

/// AdamW (Loshchilov & Hutter 2019) as PyTorch computes it; parameters, first and second moment in and out.
pub(super) fn update(
    [parameters, first, second]: [&Tensor; 3],
    gradient: &Tensor,
    decays: &Tensor,
    adamw: &AdamW,
    step: u64,
) -> candle_core::Result<[Tensor; 3]> {
    let AdamW {
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        clip: _,
    } = *adamw;
    let first = ((first * beta1)? + (gradient * (1.0 - beta1))?)?;
    let second = ((second * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
    let first_corrected = (&first / (1.0 - libm::pow(beta1, step as f64)))?;
    let second_corrected = (&second / (1.0 - libm::pow(beta2, step as f64)))?;
    let keep = decays.affine(-lr * weight_decay, 1.0)?;
    let change = (first_corrected / (second_corrected.sqrt()? + eps)?)?;
    let parameters = ((parameters * keep)? - (change * lr)?)?;
    Ok([parameters, first, second])
}
