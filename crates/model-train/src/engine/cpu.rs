//! The hand-written step of `cpu-step` behind the training loop.

use anyhow::{Result, ensure};
use cpu_step::{AdamW, Batch, Dimensions, EngineKind, Moments, StepError, Trainer};
use lm::ModelConfig;

use super::{Flat, NotFinite, StepReport, Taken};
use crate::batches::Rows;

/// Models trained by hand on the CPU, one after the other.
pub struct CpuStep {
    trainer: Trainer,
    models: Vec<Model>,
    /// For each parameter in sorted order of names: where it lies in the trainer's layout, and how long it is.
    places: Vec<(usize, usize)>,
}

struct Model {
    parameters: Vec<f32>,
    moments: Moments,
}

impl CpuStep {
    pub(super) fn new(
        config: &ModelConfig,
        states: &[Flat],
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
        let expected = trainer.layout().len();
        for Flat {
            parameters,
            first,
            second,
            ..
        } in states
        {
            for found in [parameters, first, second].map(Vec::len) {
                ensure!(
                    found == expected,
                    "a state of {found} numbers for a model of {expected} parameters"
                );
            }
        }
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
        let model = |state: &Flat| Model {
            parameters: into_layout(&state.parameters),
            moments: Moments {
                first: into_layout(&state.first),
                second: into_layout(&state.second),
                steps: state.steps,
            },
        };
        Ok(CpuStep {
            models: states.iter().map(model).collect(),
            trainer,
            places,
        })
    }

    pub(super) fn name(&self) -> String {
        self.trainer.engine().to_string()
    }

    pub(super) fn step(&mut self, rows: &[Rows], adamw: &AdamW) -> Result<Vec<Taken>> {
        let CpuStep {
            trainer, models, ..
        } = self;
        let take = |(model, rows): (&mut Model, &Rows)| {
            let Model {
                parameters,
                moments,
            } = model;
            match trainer.step(parameters, moments, &batch(rows)?, adamw) {
                Ok(report) => Ok(Ok(StepReport {
                    loss_nats: report.loss_nats,
                    gradient_norm: report.gradient_norm,
                })),
                Err(StepError::NotFinite {
                    loss_nats,
                    gradient_norm,
                    ..
                }) => Ok(Err(NotFinite {
                    loss_nats,
                    gradient_norm,
                })),
                Err(error) => Err(error.into()),
            }
        };
        models.iter_mut().zip(rows).map(take).collect()
    }

    pub(super) fn loss(&mut self, rows: &[Rows]) -> Result<Vec<f64>> {
        let CpuStep {
            trainer, models, ..
        } = self;
        let sum = |(model, rows): (&Model, &Rows)| {
            if rows.tokens == 0 {
                return Ok(0.0);
            }
            command::check_interrupt()?;
            let mean = trainer.loss(&model.parameters, &batch(rows)?)?;
            Ok(mean * rows.tokens as f64)
        };
        models.iter().zip(rows).map(sum).collect()
    }

    pub(super) fn gradients(&mut self, rows: &[Rows]) -> Result<Vec<(f64, Vec<f32>)>> {
        let CpuStep {
            trainer,
            models,
            places,
        } = self;
        let gradient = |(model, rows): (&Model, &Rows)| {
            let (loss, gradient) = trainer.gradients(&model.parameters, &batch(rows)?)?;
            Ok((loss, sorted(places, gradient)))
        };
        models.iter().zip(rows).map(gradient).collect()
    }

    pub(super) fn states(&self) -> Vec<Flat> {
        let state = |model: &Model| Flat {
            parameters: sorted(&self.places, &model.parameters),
            first: sorted(&self.places, &model.moments.first),
            second: sorted(&self.places, &model.moments.second),
            steps: model.moments.steps,
        };
        self.models.iter().map(state).collect()
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
