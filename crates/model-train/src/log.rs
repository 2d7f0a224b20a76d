//! What a training leaves behind beside its checkpoints: the log, the timing.

use std::time::Instant;

use anyhow::Result;
use corpus::tables::{TimingRow, TrainLogRow};
use corpus::{Output, Table, write_rows};

use crate::validation::ValidationLoss;

/// Rows of timing that a training has at most, about.
const TIMING_ROWS: u64 = 1000;

/// The rows so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// One row a step, and one before the first.
    pub rows: Vec<TrainLogRow>,
    /// Speeds; not part of the result.
    pub timing: Vec<TimingRow>,
}

/// Measures speed over some steps at a time.
pub struct Clock {
    every: u64,
    /// Seconds that earlier runs took.
    earlier: f64,
    began: Instant,
    lap: Instant,
    lap_tokens: u64,
}

impl Clock {
    /// Starts; `steps` are those of the whole training, `log` what earlier runs left.
    pub fn start(steps: u64, log: &Log) -> Clock {
        let now = Instant::now();
        Clock {
            every: steps.div_ceil(TIMING_ROWS).max(1),
            earlier: log.timing.last().map_or(0.0, |row| row.seconds),
            began: now,
            lap: now,
            lap_tokens: 0,
        }
    }

    /// A step of `tokens` tokens is done.
    pub fn step(&mut self, step: u64, tokens: u64, log: &mut Log) {
        self.lap_tokens += tokens;
        if !step.is_multiple_of(self.every) {
            return;
        }
        log.timing.push(TimingRow {
            step,
            tokens_per_second: self.lap_tokens as f64 / self.lap.elapsed().as_secs_f64().max(1e-9),
            seconds: self.earlier + self.began.elapsed().as_secs_f64(),
        });
        self.new_lap();
    }

    /// What was done since the last step (a checkpoint, a validation) does not count as training.
    pub fn new_lap(&mut self) {
        self.lap = Instant::now();
        self.lap_tokens = 0;
    }
}

impl Log {
    /// Notes validation losses in the last row.
    pub fn validation(&mut self, loss: &ValidationLoss) {
        if let Some(row) = self.rows.last_mut() {
            row.validation_nats_majority = loss.majority.map(|side| side.nats_per_token);
            row.validation_nats_minority = loss.minority.map(|side| side.nats_per_token);
            row.validation_bits_per_char_majority = loss.majority.map(|side| side.bits_per_char);
            row.validation_bits_per_char_minority = loss.minority.map(|side| side.bits_per_char);
        }
    }

    /// Median of the measured speeds, tokens a second; 0 where there are none.
    pub fn median_speed(&self) -> f64 {
        let mut speeds: Vec<f64> = self
            .timing
            .iter()
            .map(|row| row.tokens_per_second)
            .collect();
        speeds.sort_by(f64::total_cmp);
        speeds.get(speeds.len() / 2).copied().unwrap_or(0.0)
    }

    /// Writes `train_log.parquet` and `timing.parquet`.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn write(&self, output: &Output) -> Result<()> {
        write_rows(&output.path(TrainLogRow::FILE), &self.rows)?;
        write_rows(&output.path(TimingRow::FILE), &self.timing)?;
        Ok(())
    }
}
