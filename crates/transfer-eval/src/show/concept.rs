//! One concept through training: its forms, their tokens, its bridge, and how its own form ranked.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use command::Table;
use corpus::tables::{BridgeRow, LexiconRow, ScoreRow, SegmentationRow, conditions};
use corpus::{Language, ProbeSet};
use lm::split_ids::TWIN_MARK;

use crate::items::Items;
use crate::ranking::Standing;

use super::number;

/// What is known of every concept.
#[derive(Debug)]
pub struct Sources {
    /// lexicon.parquet.
    pub lexicon: Vec<LexiconRow>,
    /// segmentation.parquet.
    pub segmentation: Vec<SegmentationRow>,
    /// bridges.parquet.
    pub bridges: Vec<BridgeRow>,
    /// probes.parquet as items.
    pub items: Items,
    /// scores.parquet.
    pub scores: Vec<ScoreRow>,
}

impl Sources {
    /// The concept with this number, or with this form in either language.
    pub fn find(&self, name: &str) -> Result<u32> {
        let number: Option<u32> = name.parse().ok();
        let found = self
            .lexicon
            .iter()
            .find(|row| Some(row.concept) == number || row.form == name);
        if let Some(row) = found {
            return Ok(row.concept);
        }
        let last = self.lexicon.iter().map(|row| row.concept).max();
        let last = last.unwrap_or_default();
        // attributes have numbers among the others and no words
        ensure!(
            number.is_none_or(|number| number > last),
            "concept {name}: expected one with a form in lexicon.parquet, found one that no word names"
        );
        bail!("concept {name}: expected a number from 0 to {last}, or a form of lexicon.parquet")
    }

    /// A page about one concept.
    pub fn page(&self, concept: u32) -> Result<String> {
        let mut page = format!("concept {concept}\n\n{}\n", self.forms(concept)?);
        if let Some(bridge) = self.bridges.iter().find(|bridge| bridge.concept == concept) {
            page.push_str(&format!("\n{}\n", bridge_table(bridge)));
        }
        page.push_str(&match self.ranks(concept) {
            Some(table) => format!("\n{table}\n"),
            None => "\nno cloze asks for it\n".to_owned(),
        });
        Ok(page)
    }

    fn forms(&self, concept: u32) -> Result<Table> {
        let mut table = Table::new(&[
            "language",
            "inflection",
            "form",
            "condition",
            "LDN",
            "tokens",
        ]);
        let mut any = false;
        let all = self.lexicon.iter().zip(conditions(&self.lexicon));
        for (row, condition) in all.filter(|(row, _)| row.concept == concept) {
            any = true;
            let segmented = self.segmentation.iter().find(|segmented| {
                segmented.concept == concept
                    && segmented.language == row.language
                    && segmented.inflection == row.inflection
            });
            table.row(vec![
                row.language.to_string(),
                row.inflection.clone(),
                row.form.clone(),
                condition.to_string(),
                number(row.ldn.map(f64::from)),
                segmented.map_or("–".to_owned(), |segmented| {
                    segmented.tokens.join(" ").replace(TWIN_MARK, "′")
                }),
            ]);
        }
        if !any {
            bail!("concept {concept}: not in lexicon.parquet");
        }
        Ok(table)
    }

    /// Mean rank of the concept's own form among the primary candidates, by step and language.
    fn ranks(&self, concept: u32) -> Option<Table> {
        let clozes: BTreeMap<u32, _> = self
            .items
            .clozes
            .iter()
            .map(|cloze| (self.items.probe(cloze).probe, cloze))
            .filter(|(_, cloze)| {
                let probe = self.items.probe(cloze);
                probe.concept == Some(concept) && probe.set == ProbeSet::Primary
            })
            .collect();
        let mut sums: BTreeMap<(u64, Language), Ranks> = BTreeMap::new();
        let own = self
            .scores
            .chunk_by(|one, other| (one.step, one.probe) == (other.step, other.probe));
        for rows in own {
            let Some(cloze) = clozes.get(&rows[0].probe) else {
                continue;
            };
            let calibrated: Vec<f64> = rows
                .iter()
                .map(|row| row.calibrated_nats.map_or(f64::NAN, f64::from))
                .collect();
            let Some(standing) = Standing::of(&calibrated, cloze.gold) else {
                continue;
            };
            let sum = sums
                .entry((rows[0].step, self.items.probe(cloze).language))
                .or_default();
            sum.contexts += 1;
            sum.candidates += rows.len();
            sum.rank += standing.rank();
            sum.first += standing.hit_at_1();
        }
        if sums.is_empty() {
            return None;
        }
        let mut table = Table::new(&[
            "step",
            "language",
            "mean rank",
            "of",
            "ranked first",
            "contexts",
        ]);
        for ((step, language), sum) in &sums {
            let n = sum.contexts as f64;
            table.row(vec![
                step.to_string(),
                language.to_string(),
                number(Some(sum.rank / n)),
                format!("{:.1}", sum.candidates as f64 / n),
                number(Some(sum.first / n)),
                sum.contexts.to_string(),
            ]);
        }
        Some(table)
    }
}

#[derive(Default)]
struct Ranks {
    contexts: usize,
    candidates: usize,
    rank: f64,
    first: f64,
}

fn bridge_table(bridge: &BridgeRow) -> Table {
    let mut table = Table::new(&["bridge", "value"]);
    for (name, value) in [
        (
            "shared_mass_corrected (primary)",
            Some(bridge.shared_mass_corrected),
        ),
        ("shared_mass", Some(bridge.shared_mass)),
        ("ordered_corrected", Some(bridge.ordered_corrected)),
        ("specificity", Some(bridge.specificity)),
        ("identifiability", bridge.identifiability),
        ("learnable", bridge.learnable),
        (
            "seen_coverage_minority",
            Some(bridge.seen_coverage_minority),
        ),
        ("seen_coverage_all", Some(bridge.seen_coverage_all)),
    ] {
        table.row(vec![name.to_owned(), number(value)]);
    }
    table
}
