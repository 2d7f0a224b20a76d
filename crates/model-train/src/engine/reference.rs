//! Training on candle's automatic differentiation: the oracle of the hand-written step, and what runs on GPUs.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::ops::log_softmax;
use cpu_step::{AdamW, Precision};
use lm::{Decoder, DeviceChoice, ModelConfig};

use super::{Flat, NotFinite, StepReport};
use crate::batches::{IGNORE, Rows};

/// A model trained by automatic differentiation.
pub struct Reference {
    decoder: Decoder,
    device: Device,
    name: String,
    /// Sorted by name.
    variables: Vec<Var>,
    /// Parameters and moments as one vector each: an update is then a dozen operations, not a dozen a parameter.
    parameters: Tensor,
    first: Tensor,
    second: Tensor,
    /// 1 where weight decay acts (matrices), else 0.
    decays: Tensor,
    steps: u64,
}

impl Reference {
    pub(super) fn new(
        config: &ModelConfig,
        state: &Flat,
        precision: Precision,
        device: Device,
        choice: DeviceChoice,
    ) -> Result<Reference> {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        let weights = state.weights(config)?.to_tensors(&device)?;
        let variables: BTreeMap<String, Var> = weights
            .iter()
            .map(|(name, tensor)| Ok((name.clone(), Var::from_tensor(tensor)?)))
            .collect::<candle_core::Result<_>>()?;
        let tensors = variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
            .collect();
        let decays: Vec<f32> = variables
            .values()
            .flat_map(|v| std::iter::repeat_n(f32::from(v.rank() == 2), v.elem_count()))
            .collect();
        let flat = |values: &[f32]| Tensor::from_slice(values, values.len(), &device);
        Ok(Reference {
            decoder: Decoder::new(config, &tensors, dtype)?,
            name: match choice {
                DeviceChoice::Cpu => format!("reference-{precision}"),
                device => format!("reference-{precision} on {device}"),
            },
            variables: variables.into_values().collect(),
            parameters: flat(&state.parameters)?,
            first: flat(&state.first)?,
            second: flat(&state.second)?,
            decays: flat(&decays)?,
            steps: state.steps,
            device,
        })
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// Sum of −ln P(target) over the targets that count: scalar.
    fn sum_nats(&self, rows: &Rows) -> Result<Tensor> {
        let shape = (rows.rows, rows.seq_len());
        let inputs = Tensor::from_slice(&rows.inputs, shape, &self.device)?;
        let counts = rows.targets.iter().map(|target| *target != IGNORE);
        let counts: Vec<f32> = counts.map(f32::from).collect();
        let targets = rows
            .targets
            .iter()
            .map(|target| if *target == IGNORE { 0 } else { *target });
        let targets = Tensor::from_iter(targets, &self.device)?.reshape(shape)?;
        let logits = self.decoder.forward(&inputs)?; // [rows, seq_len, vocab_size]
        let nats = log_softmax(&logits, 2)?
            .gather(&targets.unsqueeze(2)?, 2)?
            .squeeze(2)?;
        let counted = (nats * Tensor::from_vec(counts, shape, &self.device)?)?;
        Ok(counted.sum_all()?.neg()?)
    }

    pub(super) fn loss(&self, rows: &Rows) -> Result<f64> {
        Ok(f64::from(self.sum_nats(rows)?.to_scalar::<f32>()?))
    }

    /// Mean loss, and its gradient as one vector.
    fn flat_gradient(&self, rows: &Rows) -> Result<(Tensor, Tensor)> {
        let loss = (self.sum_nats(rows)? / rows.tokens as f64)?;
        let mut gradients = loss.backward()?;
        let flat = self
            .variables
            .iter()
            .map(|variable| match gradients.remove(variable) {
                Some(gradient) => gradient.flatten_all(),
                None => candle_core::bail!(
                    "a parameter of shape {:?} got no gradient",
                    variable.shape()
                ),
            });
        let flat = flat.collect::<candle_core::Result<Vec<_>>>()?;
        Ok((loss.detach(), Tensor::cat(&flat, 0)?))
    }

    pub(super) fn gradients(&self, rows: &Rows) -> Result<(f64, Vec<f32>)> {
        let (loss, gradient) = self.flat_gradient(rows)?;
        Ok((f64::from(loss.to_scalar::<f32>()?), gradient.to_vec1()?))
    }

    pub(super) fn step(&mut self, rows: &Rows, adamw: &AdamW) -> Result<StepReport> {
        let (loss, gradient) = self.flat_gradient(rows)?;
        let square_sum = gradient.sqr()?.sum_all()?;
        let both = Tensor::stack(&[loss, square_sum], 0)?.to_vec1::<f32>()?;
        let report = StepReport {
            loss_nats: f64::from(both[0]),
            gradient_norm: f64::from(both[1]).sqrt(),
        };
        let StepReport {
            loss_nats,
            gradient_norm,
        } = report;
        if !(loss_nats.is_finite() && gradient_norm.is_finite()) {
            return Err(NotFinite {
                loss_nats,
                gradient_norm,
            }
            .into());
        }
        self.steps += 1;
        let gradient = (gradient * (adamw.clip / (gradient_norm + 1e-6)).min(1.0))?;
        [self.parameters, self.first, self.second] = update(
            [&self.parameters, &self.first, &self.second],
            &gradient,
            &self.decays,
            adamw,
            self.steps,
        )?;
        let mut at = 0;
        for variable in &self.variables {
            let count = variable.elem_count();
            variable.set(
                &self
                    .parameters
                    .narrow(0, at, count)?
                    .reshape(variable.shape())?,
            )?;
            at += count;
        }
        Ok(report)
    }

    pub(super) fn state(&self) -> Result<Flat> {
        Ok(Flat {
            parameters: self.parameters.to_vec1()?,
            first: self.first.to_vec1()?,
            second: self.second.to_vec1()?,
            steps: self.steps,
        })
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
