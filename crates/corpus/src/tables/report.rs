//! Tables of REPORT: claims (runs have their columns named at run time, see `wide`).

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
        /// Lower end of the 95 % interval
        low: Option<f64>,
        /// Upper end of the 95 % interval
        high: Option<f64>,
        /// Value it is compared with
        threshold: f64,
        /// What follows
        verdict: Verdict,
        /// World seeds behind it
        n_world_seeds: u32,
        /// What is missing for a verdict, in words
        missing: Option<String>,
    }
}
