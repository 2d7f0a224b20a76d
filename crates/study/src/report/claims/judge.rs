//! From statistics of world seeds to an estimate, its interval and a verdict.

use corpus::Verdict;
use corpus::tables::ClaimRow;

use super::verdict;
use crate::report::statistics::{Estimate, fisher_interval, t_interval};
use crate::thresholds::Thresholds;

/// A statistic of one world seed.
#[derive(Debug, Clone, PartialEq)]
pub struct PerSeed {
    /// Number of the claim.
    pub claim: u8,
    /// Name of the statistic.
    pub statistic: String,
    /// The unit.
    pub world_seed: String,
    /// Its value; `None` where it is undefined.
    pub value: Option<f64>,
    /// Runs or concepts behind it.
    pub n: usize,
}

/// The claims' table, and the statistics per world seed behind it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// One row per statistic that is judged or shown beside.
    pub rows: Vec<ClaimRow>,
    /// One row per statistic and world seed, also of statistics that stand in no row.
    pub per_seed: Vec<PerSeed>,
}

/// One world seed's value of a statistic: seed, value, runs or concepts behind it.
pub(super) type OfSeed = (String, Option<f64>, usize);

/// Which side of its threshold an estimate must lie on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Below(f64),
    Above(f64),
    /// Between minus and plus this.
    Within(f64),
}

/// A statistic that is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub claim: u8,
    pub name: &'static str,
    pub side: Side,
}

/// Collects statistics of world seeds and judges them.
pub(super) struct Judge<'a> {
    pub thresholds: &'a Thresholds,
    missing: Option<String>,
    claims: Claims,
}

impl<'a> Judge<'a> {
    /// Judges by these thresholds; with `missing` runs every verdict is undecided.
    pub fn new(thresholds: &'a Thresholds, missing: Option<String>) -> Judge<'a> {
        Judge {
            thresholds,
            missing,
            claims: Claims::default(),
        }
    }

    /// Everything kept and judged, with the verdict of each whole claim.
    pub fn into_claims(mut self) -> Claims {
        let judged = self.claims.rows.clone();
        for row in &mut self.claims.rows {
            row.claim_verdict = verdict(&judged, row.claim);
        }
        self.claims
    }

    /// Keeps the statistic of each world seed; returns those that are defined.
    pub fn keep(&mut self, claim: u8, name: &str, seeds: Vec<OfSeed>) -> Vec<f64> {
        let defined = seeds.iter().filter_map(|(_, value, _)| *value).collect();
        let kept = seeds.into_iter().map(|(world_seed, value, n)| PerSeed {
            claim,
            statistic: name.to_owned(),
            world_seed,
            value,
            n,
        });
        self.claims.per_seed.extend(kept);
        defined
    }

    /// Judges the mean of correlations, taken on Fisher's scale.
    pub fn correlation(&mut self, judged: Judged, seeds: Vec<OfSeed>) {
        let values = self.keep(judged.claim, judged.name, seeds);
        let estimate = fisher_interval(&values, self.thresholds.confidence);
        self.interval(judged, &values, estimate, self.thresholds.confidence, None);
    }

    /// Shows the mean of correlations, taken on Fisher's scale, beside the claim's statistics; it is not judged.
    pub fn beside(&mut self, claim: u8, name: &'static str, seeds: Vec<OfSeed>) {
        let values = self.keep(claim, name, seeds);
        let confidence = self.thresholds.confidence;
        let estimate = fisher_interval(&values, confidence);
        let row = row(claim, name, &values, estimate, confidence);
        self.claims.rows.push(row);
    }

    /// Judges a mean; `doubt` makes it undecided whatever the interval says.
    pub fn mean(
        &mut self,
        judged: Judged,
        seeds: Vec<OfSeed>,
        confidence: f64,
        doubt: Option<String>,
    ) {
        let values = self.keep(judged.claim, judged.name, seeds);
        let estimate = t_interval(&values, confidence);
        self.interval(judged, &values, estimate, confidence, doubt);
    }

    fn interval(
        &mut self,
        judged: Judged,
        values: &[f64],
        estimate: Option<Estimate>,
        confidence: f64,
        doubt: Option<String>,
    ) {
        let verdict = estimate.map_or(Verdict::Undecided, |estimate| decide(judged.side, estimate));
        let (Side::Below(threshold) | Side::Above(threshold) | Side::Within(threshold)) =
            judged.side;
        let reasons = self.reasons(values.len(), doubt);
        self.claims.rows.push(ClaimRow {
            threshold: Some(threshold),
            verdict: Some(if reasons.is_none() {
                verdict
            } else {
                Verdict::Undecided
            }),
            missing: reasons,
            ..row(judged.claim, judged.name, values, estimate, confidence)
        });
    }

    /// Judges a p-value of a sign test over `n` world seeds. `found` is the verdict where p is below its level; `note`
    /// tells what was left out and is no reason for doubt.
    pub fn p_value(
        &mut self,
        judged: Judged,
        p: Option<f64>,
        found: Verdict,
        n: usize,
        note: Option<String>,
    ) {
        let (Side::Below(level) | Side::Above(level) | Side::Within(level)) = judged.side;
        let reasons = self.reasons(n, None);
        let decided = reasons.is_none() && p.is_some_and(|p| p < level);
        self.claims.rows.push(ClaimRow {
            claim: judged.claim,
            statistic: judged.name.to_owned(),
            estimate: p,
            low: None,
            high: None,
            confidence: None,
            threshold: Some(level),
            verdict: Some(if decided { found } else { Verdict::Undecided }),
            n_world_seeds: n as u32,
            missing: reasons
                .into_iter()
                .chain(note)
                .reduce(|a, b| format!("{a}; {b}")),
            claim_verdict: Verdict::Undecided,
        });
    }

    /// Why nothing may be decided; `None` where there is no reason.
    fn reasons(&self, n: usize, doubt: Option<String>) -> Option<String> {
        let needed = self.thresholds.min_world_seeds;
        let few = (n < needed).then(|| format!("{n} of at least {needed} world seeds"));
        let reasons = self.missing.iter().cloned().chain(doubt).chain(few);
        reasons.reduce(|a, b| format!("{a}; {b}"))
    }
}

/// A row that is not judged. With one world seed the estimate is its value and there is no interval.
fn row(
    claim: u8,
    name: &str,
    values: &[f64],
    estimate: Option<Estimate>,
    confidence: f64,
) -> ClaimRow {
    ClaimRow {
        claim,
        statistic: name.to_owned(),
        estimate: estimate
            .map(|estimate| estimate.value)
            .or_else(|| values.first().copied()),
        low: estimate.map(|estimate| estimate.low),
        high: estimate.map(|estimate| estimate.high),
        confidence: estimate.map(|_| confidence),
        threshold: None,
        verdict: None,
        n_world_seeds: values.len() as u32,
        missing: None,
        claim_verdict: Verdict::Undecided,
    }
}

/// Holds where the whole interval lies beyond the threshold, fails where it lies wholly on the other side.
fn decide(side: Side, Estimate { low, high, .. }: Estimate) -> Verdict {
    let (holds, fails) = match side {
        Side::Below(threshold) => (high < threshold, low > threshold),
        Side::Above(threshold) => (low > threshold, high < threshold),
        Side::Within(margin) => (
            low > -margin && high < margin,
            low > margin || high < -margin,
        ),
    };
    match (holds, fails) {
        (true, _) => Verdict::Holds,
        (_, true) => Verdict::Fails,
        _ => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(side: Side, values: &[f64], missing: Option<&str>, doubt: Option<&str>) -> ClaimRow {
        let thresholds = Thresholds {
            min_world_seeds: 3,
            ..Thresholds::default()
        };
        let mut judge = Judge::new(&thresholds, missing.map(Into::into));
        let seeds = values
            .iter()
            .enumerate()
            .map(|(seed, value)| (seed.to_string(), Some(*value), 1))
            .collect();
        judge.mean(
            Judged {
                claim: 1,
                name: "x",
                side,
            },
            seeds,
            0.95,
            doubt.map(Into::into),
        );
        judge.into_claims().rows.remove(0)
    }

    #[test]
    fn the_whole_interval_decides() {
        // Mean 0.5, s = 0.01, half-width 4.303 · 0.01/√3 = 0.0248: [0.4752, 0.5248]
        let values = [0.49, 0.50, 0.51];
        let verdict = |side| judged(side, &values, None, None).verdict.unwrap();
        assert_eq!(verdict(Side::Above(0.47)), Verdict::Holds);
        assert_eq!(verdict(Side::Above(0.48)), Verdict::Undecided);
        assert_eq!(verdict(Side::Above(0.53)), Verdict::Fails);
        assert_eq!(verdict(Side::Below(0.53)), Verdict::Holds);
        assert_eq!(verdict(Side::Below(0.47)), Verdict::Fails);
        assert_eq!(verdict(Side::Within(0.53)), Verdict::Holds);
        assert_eq!(verdict(Side::Within(0.5)), Verdict::Undecided);
        assert_eq!(verdict(Side::Within(0.4)), Verdict::Fails);
    }

    #[test]
    fn missing_runs_few_seeds_and_doubts_leave_it_undecided() {
        let row = judged(Side::Above(0.0), &[0.5, 0.5], None, None);
        assert_eq!(
            (row.verdict, row.missing.as_deref()),
            (
                Some(Verdict::Undecided),
                Some("2 of at least 3 world seeds")
            )
        );
        let row = judged(
            Side::Above(0.0),
            &[0.5, 0.5, 0.51],
            Some("1 of 9 runs: eval-0"),
            Some("too little variance"),
        );
        assert_eq!(row.verdict, Some(Verdict::Undecided));
        assert_eq!(
            row.missing.as_deref(),
            Some("1 of 9 runs: eval-0; too little variance")
        );
        assert_eq!(
            judged(Side::Above(0.0), &[0.5], None, None).estimate,
            Some(0.5)
        );
    }
}
