//! The thresholds of the claims' table. They are choices, fixed before a study is run and written in its file.

use serde::{Deserialize, Serialize};

/// Thresholds and levels; the defaults are the design's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// With fewer world seeds than this, every verdict is undecided.
    pub min_world_seeds: usize,
    /// Confidence of the t intervals over world seeds.
    pub confidence: f64,
    /// Claim 1: the Spearman correlation of vocabulary and outcome lies below this.
    pub vocabulary_spearman_below: f64,
    /// Claim 2: over atom concepts the outcome lies within ± this share of the way from chance to 1.
    pub atom_margin: f64,
    /// Claim 2: confidence of the interval that must lie within the margin.
    pub atom_confidence: f64,
    /// Claim 3: the least share of the bridge's rank variance that its covariates must leave.
    pub bridge_variance_left: f64,
    /// Claim 4: level of the sign tests.
    pub sign_level: f64,
    /// Claim 5: the Spearman correlation of bridge and outcome lies above this.
    pub bridge_spearman_above: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            min_world_seeds: 6,
            confidence: 0.95,
            vocabulary_spearman_below: 0.0,
            atom_margin: 0.05,
            atom_confidence: 0.90,
            bridge_variance_left: 0.10,
            sign_level: 0.05,
            bridge_spearman_above: 0.7,
        }
    }
}
