//! Tables of MODEL: training log and timing.

use super::schema::table;

table! {
    /// One row per logged training step.
    TrainLogRow, "train_log.parquet", "model-train", [],
    {
        /// Optimiser steps done
        step: u64,
        /// Tokens trained on so far
        tokens_seen: u64,
        /// Characters trained on so far
        chars_seen: u64,
        /// Training loss of the step, nats per token
        loss_nats: f64,
        /// Learning rate of the step
        lr: f64,
        /// Norm of the gradient before clipping
        gradient_norm: f64,
        /// Loss on majority validation text, nats per token; null where not measured at the step
        validation_nats_majority: Option<f64>,
        /// Loss on minority validation text, nats per token
        validation_nats_minority: Option<f64>,
        /// Bits per character of majority validation text
        validation_bits_per_char_majority: Option<f64>,
        /// Bits per character of minority validation text
        validation_bits_per_char_minority: Option<f64>,
    }
}

table! {
    /// One row per timed step; neither fingerprinted nor compared.
    TimingRow, "timing.parquet", "model-train", [],
    {
        /// Optimiser steps done
        step: u64,
        /// Training speed, tokens per second
        tokens_per_second: f64,
        /// Seconds since training began
        seconds: f64,
    }
}
