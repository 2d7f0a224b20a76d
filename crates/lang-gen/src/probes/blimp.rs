//! Two-alternative items in the format of BLiMP (Warstadt et al. 2020, *BLiMP: The Benchmark of Linguistic
//! Minimal Pairs*), so that other people's scorers can be run on them.

use corpus::ProbeSet;
use corpus::tables::ProbeRow;
use serde_json::{Value, json};

/// One object for each row of two candidates. `UID` names stage and phenomenon, `field` the stage, `pairID` is
/// the probe's number. A crossed item gives two lines, each naming the other as `crossed_pair`: it is answered
/// right if log P(good) + log P(good of the other) exceeds the sum over the bad ones.
pub fn blimp(rows: &[ProbeRow]) -> impl Iterator<Item = Value> {
    rows.iter()
        .filter(|row| row.set == ProbeSet::Pair)
        .filter_map(|row| {
            let gold = usize::from(row.gold);
            let [good, bad] = [
                row.candidates.get(gold)?,
                row.candidates.get(1 - gold.min(1))?,
            ];
            let mut line = json!({
                "sentence_good": good,
                "sentence_bad": bad,
                "field": row.stage,
                "UID": format!("{}_{}", row.stage, row.phenomenon),
                "phenomenon": row.phenomenon,
                "condition": row.condition,
                "language": row.language,
                "template": row.template,
                "pairID": row.probe.to_string(),
            });
            if let Some(other) = row.crossed_with {
                line["crossed_pair"] = json!(other.to_string());
            }
            Some(line)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::testing::TINY;

    #[test]
    fn every_row_of_two_alternatives_is_a_line() {
        let rows: Vec<&ProbeRow> = TINY
            .rows
            .iter()
            .filter(|row| row.set == ProbeSet::Pair)
            .collect();
        let lines: Vec<Value> = blimp(&TINY.rows).collect();
        assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(rows) {
            let gold = usize::from(row.gold);
            assert_eq!(line["sentence_good"], row.candidates[gold]);
            assert_eq!(line["sentence_bad"], row.candidates[1 - gold]);
            assert_eq!(line["field"], row.stage.to_string());
            assert_eq!(line["condition"], row.condition.to_string());
            assert_eq!(line["language"], row.language.to_string());
            assert_eq!(line["UID"], format!("{}_{}", row.stage, row.phenomenon));
            assert_eq!(line["pairID"], row.probe.to_string());
            let other = row.crossed_with.map(|other| other.to_string());
            assert_eq!(
                line.get("crossed_pair").and_then(Value::as_str),
                other.as_deref()
            );
        }
    }
}
