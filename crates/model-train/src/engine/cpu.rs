//! The hand-written step of `cpu-step` behind the training loop.

use anyhow::Result;
use cpu_step::{AdamW, Batch, Dimensions, EngineKind, Moments, StepError, Trainer};
use lm::ModelConfig;

use super::{Flat, NotFinite, StepReport};
use crate::batches::Rows;

/// A model trained by hand on the CPU.
pub struct CpuStep {
    trainer: Trainer,
    parameters: Vec<f32>,
    moments: Moments,
    /// For each parameter in sorted order of names: where it lies in the trainer's layout, and how long it is.
    places: Vec<(usize, usize)>,
}

impl CpuStep {
    pub(super) fn new(
        config: &ModelConfig,
        state: &Flat,
        kind: EngineKind,
        threads: usize,
    ) -> Result<CpuStep> {
        let dimensions = Dimensions {
            vocab_size: config.vocab_size,
            d_model: config.d_model,
            n_layers: config.n_layers,
            n_heads: config.n_heads,
            d_ff: config.d_ff,
            seq_len: config.seq_len,
            rope_theta: config.rope_theta,
            rms_norm_eps: config.rms_norm_eps,
        };
        let trainer = Trainer::new(dimensions, kind, threads)?;
        let mut tensors: Vec<_> = trainer.layout().tensors().iter().collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let places: Vec<_> = tensors
            .iter()
            .map(|t| (t.range.start, t.range.len()))
            .collect();
        let into_layout = |sorted: &[f32]| {
            let mut flat = vec![0.0; sorted.len()];
            let mut from = 0;
            for (start, len) in &places {
                flat[*start..][..*len].copy_from_slice(&sorted[from..][..*len]);
                from += len;
            }
            flat
        };
        Ok(CpuStep {
            parameters: into_layout(&state.parameters),
            moments: Moments {
                first: into_layout(&state.first),
                second: into_layout(&state.second),
                steps: state.steps,
            },
            trainer,
            places,
        })
    }

    pub(super) fn name(&self) -> String {
        self.trainer.engine().to_string()
    }

    pub(super) fn step(&mut self, rows: &Rows, adamw: &AdamW) -> Result<StepReport> {
        let batch = batch(rows)?;
        match self
            .trainer
            .step(&mut self.parameters, &mut self.moments, &batch, adamw)
        {
            Ok(report) => Ok(StepReport {
                loss_nats: report.loss_nats,
                gradient_norm: report.gradient_norm,
            }),
            Err(StepError::NotFinite {
                loss_nats,
                gradient_norm,
                ..
            }) => Err(NotFinite {
                loss_nats,
                gradient_norm,
            }
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn loss(&mut self, rows: &Rows) -> Result<f64> {
        let mean = self.trainer.loss(&self.parameters, &batch(rows)?)?;
        Ok(mean * rows.tokens as f64)
    }

    pub(super) fn gradients(&mut self, rows: &Rows) -> Result<(f64, Vec<f32>)> {
        let (loss, gradient) = self.trainer.gradients(&self.parameters, &batch(rows)?)?;
        Ok((loss, sorted(&self.places, gradient)))
    }

    pub(super) fn state(&self) -> Flat {
        Flat {
            parameters: sorted(&self.places, &self.parameters),
            first: sorted(&self.places, &self.moments.first),
            second: sorted(&self.places, &self.moments.second),
            steps: self.moments.steps,
        }
    }
}

fn batch(rows: &Rows) -> Result<Batch<'_>> {
    Ok(Batch::new(&rows.inputs, &rows.targets, rows.rows)?)
}

/// From the trainer's order to that of sorted names.
fn sorted(places: &[(usize, usize)], flat: &[f32]) -> Vec<f32> {
    places
        .iter()
        .flat_map(|(start, len)| &flat[*start..][..*len])
        .copied()
        .collect()
}
