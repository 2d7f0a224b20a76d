//! Tables of EVAL: scores, validation scores, samples, continuations, alignment, and the metrics made of them.

use super::choice::{Condition, Language};
use super::schema::table;

table! {
    /// One row per checkpoint × probe × candidate.
    ScoreRow, "scores.parquet", "transfer-eval", ["log_probability_nats", "calibrated_nats"],
    {
        /// Optimiser steps of the checkpoint
        step: u64,
        /// Number of the probe
        probe: u32,
        /// Index of the candidate; beyond the probe's own: a ladder's token-shuffled rung, or the other nouns of the lexicon
        candidate: u16,
        /// Log-probability of the whole sentence with its final separator, nats
        log_probability_nats: f32,
        /// The same less its mean over the calibration group, nats; null where the probe has none
        calibrated_nats: Option<f32>,
        /// Tokens scored
        n_tokens: u16,
        /// Log-probability that the candidate's form is the whole next word after the words before it, nats; measured for the right candidate of a primary cloze, null elsewhere
        next_word_nats: Option<f32>,
    }
}

table! {
    /// One row per checkpoint × validation document: what bits per character are made of.
    ValidationScoreRow, "validation_scores.parquet", "transfer-eval", ["document", "log_probability_nats"],
    {
        /// Optimiser steps of the checkpoint
        step: u64,
        /// Number of the document, the same in both languages
        document: u64,
        /// Language it is told in
        language: Language,
        /// Log-probability of the whole document with its final separator, nats
        log_probability_nats: f64,
        /// Tokens scored
        n_tokens: u32,
        /// Characters of the text, spaces included
        characters: u32,
    }
}

table! {
    /// One row per checkpoint × metric × condition.
    MetricRow, "metrics.parquet", "transfer-eval", [],
    {
        /// Optimiser steps of the checkpoint
        step: u64,
        /// Stage of transfer, or what else is measured
        stage: String,
        /// Name of the metric, with its unit
        metric: String,
        /// Which forms it is about
        condition: Condition,
        /// Phenomenon it is about; null for all
        phenomenon: Option<String>,
        /// Its value; null with a reason
        value: Option<f64>,
        /// Items behind the value, or that would have been
        n_items: u64,
        /// Different concepts that the items are about, a crossed item by the noun it was drawn for; prompts for sampled sentences; 0 where items have neither
        n_concepts: u64,
        /// Value that guessing has
        chance: Option<f64>,
        /// Lower end of the 95 % interval
        low: Option<f64>,
        /// Upper end of the 95 % interval
        high: Option<f64>,
        /// Why the value is null
        reason: Option<String>,
    }
}

table! {
    /// One row per generated text.
    SampleRow, "samples.parquet", "transfer-eval", [],
    {
        /// Optimiser steps of the checkpoint
        step: u64,
        /// Language asked for
        language: Language,
        /// Number of the sample
        sample: u32,
        /// Generated text
        text: String,
        /// Whether it parses
        grammatical: bool,
        /// Type constraints that it satisfies
        types_satisfied: u32,
        /// Type constraints that it breaks
        types_broken: u32,
    }
}

table! {
    /// One row per word generated after a cloze's context.
    ContinuationRow, "continuations.parquet", "transfer-eval", [],
    {
        /// Optimiser steps of the checkpoint
        step: u64,
        /// Number of the cloze whose context was continued
        probe: u32,
        /// Number of the sample
        sample: u32,
        /// The next word that was generated
        word: String,
    }
}

table! {
    /// One row per checkpoint × layer × condition × concept (retrieval), or without concept (cka).
    AlignmentRow, "alignment.parquet", "transfer-eval", ["value"],
    {
        /// Optimiser steps of the checkpoint
        step: u64,
        /// Layer, 0 is the embedding
        layer: u16,
        /// Condition of the minority forms
        condition: Condition,
        /// retrieval (the right majority form is the nearest) or cka (linear centred kernel alignment)
        measure: String,
        /// Concept retrieved; null for cka, which is about all of them
        concept: Option<u32>,
        /// Its value, 0 to 1
        value: f64,
        /// Value that guessing has
        chance: f64,
        /// Form pairs behind it
        n_pairs: u32,
        /// Lower end of the 95 % interval of cka
        low: Option<f64>,
        /// Upper end of the 95 % interval of cka
        high: Option<f64>,
    }
}
