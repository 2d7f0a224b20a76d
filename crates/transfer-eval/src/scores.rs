//! One checkpoint's scores: rows of scores.parquet beside the probes they belong to.
//!
//! Metrics are computed from the 32-bit values of the file, never from values that only memory held, so that
//! `transfer-eval aggregate` finds the same bytes again.

use anyhow::{Result, ensure};
use corpus::ProbeSet;
use corpus::tables::ScoreRow;

use crate::items::Items;

/// Log-probabilities of every candidate of every probe, in nats.
#[derive(Debug)]
pub struct StepScores {
    /// The checkpoint's step.
    pub step: u64,
    /// By probe row: how many of the values below are the probe's own candidates'.
    own: Vec<usize>,
    /// By probe row: one value a candidate, then one for each sentence beyond them (see [`candidates`]).
    raw: Vec<Vec<f64>>,
    /// By probe row: calibrated values of cloze candidates, else empty.
    calibrated: Vec<Vec<f64>>,
    /// By probe row: tokens scored, the final separator among them.
    tokens: Vec<Vec<u32>>,
    /// By probe row: the gold form's log-probability as the next word, where it was measured.
    word: Vec<Option<f64>>,
}

/// Which of a cloze's two scores is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// log P(sentence).
    Raw,
    /// log P(sentence) minus the form's mean over its calibration group.
    Calibrated,
}

impl StepScores {
    /// Takes one step's rows, which must hold every candidate of every probe in order.
    pub fn new(items: &Items, step: u64, rows: &[ScoreRow]) -> Result<StepScores> {
        let mut scores = StepScores {
            step,
            own: items
                .probes
                .iter()
                .map(|probe| probe.candidates.len())
                .collect(),
            raw: vec![],
            calibrated: vec![],
            tokens: vec![],
            word: vec![],
        };
        let mut rows = rows.iter();
        for (index, probe) in items.probes.iter().enumerate() {
            let count = candidates(items, index);
            let is_cloze = matches!(probe.set, ProbeSet::Primary | ProbeSet::TypeValid);
            let (mut raw, mut calibrated, mut tokens, mut word) = (vec![], vec![], vec![], None);
            for candidate in 0..count {
                let found = rows.next();
                let belongs = found.is_some_and(|row| {
                    row.probe == probe.probe && usize::from(row.candidate) == candidate
                });
                ensure!(
                    belongs,
                    "scores.parquet, step {step}: expected the score of probe {} candidate {candidate}, found {}",
                    probe.probe,
                    found.map_or("no more rows".to_owned(), |row| format!(
                        "probe {} candidate {}",
                        row.probe, row.candidate
                    ))
                );
                if let Some(row) = found {
                    // Sentences beyond the candidates may lack one, and nothing before them.
                    let needs = is_cloze && candidate < probe.candidates.len();
                    let misses = calibrated.len() < candidate;
                    ensure!(
                        row.calibrated_nats.map_or(!needs, |_| !misses),
                        "scores.parquet, step {step}: expected a calibrated score of every candidate of probe {}, found none of one",
                        probe.probe
                    );
                    raw.push(f64::from(row.log_probability_nats));
                    calibrated.extend(row.calibrated_nats.map(f64::from));
                    tokens.push(u32::from(row.n_tokens));
                    word = word.or(row.next_word_nats.map(f64::from));
                }
            }
            scores.raw.push(raw);
            scores.calibrated.push(calibrated);
            scores.tokens.push(tokens);
            scores.word.push(word);
        }
        let rest = rows.len();
        ensure!(
            rest == 0,
            "step {step}: {rest} scores more than the probes have candidates"
        );
        Ok(scores)
    }

    /// Scores of the probe's own candidates.
    pub fn of(&self, row: usize, scoring: Scoring) -> &[f64] {
        let all = self.all(row, scoring);
        &all[..self.own[row].min(all.len())]
    }

    /// Scores of the probe's own candidates and of the sentences beyond them.
    pub fn all(&self, row: usize, scoring: Scoring) -> &[f64] {
        match scoring {
            Scoring::Raw => &self.raw[row],
            Scoring::Calibrated => &self.calibrated[row],
        }
    }

    /// Candidates' lengths in tokens, the final separator counted.
    pub fn tokens(&self, row: usize) -> &[u32] {
        &self.tokens[row]
    }

    /// Log-probability that the gold form is the next word after the words before it, in nats.
    pub fn next_word(&self, row: usize) -> Option<f64> {
        self.word[row]
    }

    /// Candidates whose log-probability is not a finite number.
    pub fn not_finite(&self) -> usize {
        self.raw
            .iter()
            .flatten()
            .filter(|nats| !nats.is_finite())
            .count()
    }
}

/// Rows of scores.parquet that the probe at `row` has: its candidates, then a ladder's token-shuffled rung, or the
/// sentences of [`Items::beyond`].
pub fn candidates(items: &Items, row: usize) -> usize {
    let ladder = usize::from(items.ladders.binary_search(&row).is_ok());
    let beyond = items.beyond.get(&row).map_or(0, Vec::len);
    items.probes[row].candidates.len() + ladder + beyond
}

/// Calibrated scores, candidate by candidate, for every cloze: log P(f in x) − mean over x' in the group of log P(f in x').
///
/// `raw`: by probe row, one value a candidate. Rows outside any group stay empty. Sums are in 64 bits over the 32-bit
/// values of the file, in file order.
pub fn calibrate(items: &Items, raw: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut calibrated = vec![Vec::new(); items.probes.len()];
    for group in &items.groups {
        // sentences beyond the candidates come in the same order too, but a context may lack them
        let n_forms = group.iter().map(|&row| raw[row].len()).min().unwrap_or(0);
        let mean: Vec<f64> = (0..n_forms)
            .map(|form| {
                group
                    .iter()
                    .map(|&row| f64::from(raw[row][form]))
                    .sum::<f64>()
                    / group.len() as f64
            })
            .collect();
        for &row in group {
            calibrated[row] = raw[row]
                .iter()
                .zip(&mean)
                .map(|(&nats, mean)| (f64::from(nats) - mean) as f32)
                .collect();
        }
    }
    calibrated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cloze_row;

    #[test]
    fn calibration_subtracts_a_forms_mean_over_its_group() {
        let rows = vec![
            cloze_row(0, "g", "x {} .", &["u", "v"], 0),
            cloze_row(1, "g", "y {} .", &["u", "v"], 1),
            cloze_row(2, "other", "z {} .", &["u", "v"], 0),
        ];
        let items = Items::new(rows).unwrap();
        // u: mean of −2 and −4 is −3; v: mean of −1 and −2 is −1.5; alone, a row calibrates to zero
        let got = calibrate(
            &items,
            &[vec![-2.0, -1.0], vec![-4.0, -2.0], vec![-5.0, -6.0]],
        );
        assert_eq!(got, [vec![1.0, 0.5], vec![-1.0, -0.5], vec![0.0, 0.0]]);
        // raw, v wins in both contexts; calibrated, u fits the first relatively better
    }

    /// A table that was damaged and sealed again: ranks would be read off other candidates' scores.
    #[test]
    fn a_missing_calibrated_score_is_refused() {
        let items = Items::new(vec![cloze_row(4, "g", "x {} .", &["u", "v"], 0)]).unwrap();
        let row = |(candidate, calibrated_nats): (u16, Option<f32>)| ScoreRow {
            step: 7,
            probe: 4,
            candidate,
            log_probability_nats: -1.0,
            calibrated_nats,
            n_tokens: 3,
            next_word_nats: None,
        };
        let read = |calibrated: [Option<f32>; 2]| {
            let rows: Vec<ScoreRow> = (0..).zip(calibrated).map(row).collect();
            StepScores::new(&items, 7, &rows)
        };
        let scores = read([Some(0.5), Some(-0.5)]).unwrap();
        assert_eq!(scores.of(0, Scoring::Calibrated), [0.5, -0.5]);
        for calibrated in [[None, Some(-0.5)], [Some(0.5), None], [None, None]] {
            let refused = read(calibrated).unwrap_err().to_string();
            assert!(refused.contains("of probe 4"), "{refused}");
        }
    }
}
