//! Tables of REPORT: claims and interventions (runs have their columns named at run time, see `wide`).

use super::choice::Verdict;
use super::schema::table;

table! {
    /// One row per statistic of a claim.
    ClaimRow, "claims.parquet", "study report", [],
    {
        /// Number of the claim
        claim: u8,
        /// Name of the statistic
        statistic: String,
        /// Its estimate over world seeds; null where nothing could be estimated
        estimate: Option<f64>,
        /// Lower end of its interval
        low: Option<f64>,
        /// Upper end of its interval
        high: Option<f64>,
        /// Confidence of the interval, as a share
        confidence: Option<f64>,
        /// Value it is compared with; null where it is shown beside and not judged
        threshold: Option<f64>,
        /// What follows; null where it is shown beside and not judged
        verdict: Option<Verdict>,
        /// World seeds behind it
        n_world_seeds: u32,
        /// What is missing for a verdict, in words
        missing: Option<String>,
        /// Verdict of the whole claim: holds where all its judged statistics hold, fails where one fails, else undecided
        claim_verdict: Verdict,
    }
}

table! {
    /// One row per intervention and vocabulary: runs that differ in one knob alone, which makes bridges or cuts them,
    /// compared pair by pair. Means are over world seeds.
    InterventionRow, "interventions.parquet", "study report", [],
    {
        /// What was done, less what it is compared with
        intervention: String,
        /// Vocabulary that was asked for: a size, char or word
        vocabulary: String,
        /// Pairs of runs
        n_pairs: u32,
        /// World seeds behind them
        n_world_seeds: u32,
        /// Calibrated masked MRR at the last checkpoint with the intervention
        outcome_with: f64,
        /// The same without it
        outcome_without: f64,
        /// outcome_with less outcome_without
        difference: f64,
        /// Lower end of the difference's t interval over world seeds; null with one
        low: Option<f64>,
        /// Upper end
        high: Option<f64>,
        /// Confidence of the interval, as a share
        confidence: f64,
        /// Mean primary bridge over masked concepts with the intervention
        bridge_with: Option<f64>,
        /// The same without it
        bridge_without: Option<f64>,
    }
}
