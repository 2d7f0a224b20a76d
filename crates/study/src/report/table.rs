//! The table that the demo ends with: stage × condition × vocabulary size, with chance.
//!
//! Under each masked outcome stands what it is read against: the b-only floor and the b-unmasked ceiling where the study
//! has such runs, and of the claims' outcome the frequency baseline and the oracle references.

use corpus::Condition;

use super::bounds::{at_vocabulary_of, bounds};
use super::data::{Data, Measure, OUTCOME, names};
use super::figures::condition_name;
use super::statistics::mean;
use super::summary::{
    HEADLINES, Headline, Shown, main_runs, number, shown, shown_value, vocabularies, with_interval,
};

/// What the claims' outcome is read against in the same runs: name and metric, reciprocal ranks all.
const REFERENCES: [(&str, &str); 3] = [
    ("frequency baseline", "frequency_mrr"),
    ("identifiability oracle", "oracle_identifiability"),
    ("learnable oracle", "oracle_learnable"),
];

/// A row's cells, each with where it comes from.
type Row = Vec<(String, String)>;

/// Header, rows of (text, origin) and what they are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTable {
    /// Column names: stage, condition, n, chance, one per vocabulary.
    pub header: Vec<String>,
    /// Cells with where they come from.
    pub rows: Vec<Row>,
    /// How to read it.
    pub note: String,
}

impl StageTable {
    /// The table of the finished main runs; `None` where there are none.
    pub fn of(data: &Data) -> Option<StageTable> {
        let runs = main_runs(data);
        let vocabularies = vocabularies(data, &runs);
        if vocabularies.is_empty() {
            return None;
        }
        let mut header: Vec<String> = ["stage", "condition", "n", "chance"]
            .map(Into::into)
            .to_vec();
        header.extend(
            vocabularies
                .iter()
                .map(|vocabulary| vocabulary.label.clone()),
        );
        let own: Vec<Vec<usize>> = vocabularies
            .iter()
            .map(|vocabulary| vocabulary.runs.clone())
            .collect();
        let mut rows: Vec<Row> = Vec::new();
        for headline in &HEADLINES {
            let mut name = headline.name;
            for condition in Condition::ALL {
                let measure = headline.of(*condition);
                let what = condition_name(*condition);
                if let Some(row) = measured(data, [name, what], &own, measure) {
                    rows.push(row);
                    name = "";
                    if *condition == Condition::Masked {
                        rows.extend(beside(data, headline, &own));
                    }
                }
            }
        }
        let values = [
            ("bridge", names::BRIDGE),
            ("one-token majority forms", names::ATOM_SHARE),
        ];
        for (name, value) in values {
            let cells: Vec<_> = own
                .iter()
                .map(|runs| shown_value(data, runs, value))
                .collect();
            let concepts = runs
                .iter()
                .filter_map(|run| data.runs[*run].value(names::MASKED_CONCEPTS));
            let n = count(concepts.map(|concepts| concepts as u64));
            rows.extend(row([name, "masked concepts"], n, "–".to_owned(), cells));
        }
        let single = own.iter().all(|runs| runs.len() == 1);
        let beside = explained(&rows);
        let note = if data.metrics.is_empty() {
            "Means over tokenizers; n: concepts of one; in brackets t intervals over world seeds, where there are several."
                .to_owned()
        } else if single {
            format!(
                "Last checkpoint, one run per vocabulary size; n: items of a run (of the bridge and of forms: concepts){beside}; in brackets 95 % bootstrap intervals within the run."
            )
        } else {
            format!(
                "Last checkpoint, means over runs ({}); n: items of a run (of the bridge and of forms: concepts){beside}; in brackets {:.0} % t intervals over world seeds.",
                vocabularies
                    .iter()
                    .map(|vocabulary| format!("{}: {}", vocabulary.asked, vocabulary.runs.len()))
                    .collect::<Vec<_>>()
                    .join(", "),
                100.0 * data.thresholds.confidence
            )
        };
        Some(StageTable { header, rows, note })
    }

    /// The table for a terminal; with many vocabularies the intervals stay in the report.
    pub fn print(&self) -> String {
        const MOST_WITH_INTERVALS: usize = 4;
        let short = self.header.len() > 4 + MOST_WITH_INTERVALS;
        let header: Vec<&str> = self.header.iter().map(String::as_str).collect();
        let mut table = command::Table::new(&header);
        for row in &self.rows {
            let cell = |(text, _): &(String, String)| match text.split_once(" [") {
                Some((value, _)) if short => value.to_owned(),
                _ => text.clone(),
            };
            table.row(row.iter().map(cell).collect());
        }
        let note = if short {
            self.note.split("; in brackets").next().unwrap_or_default()
        } else {
            &self.note
        };
        format!("{table}\n{note}")
    }
}

/// What a masked outcome is read against.
fn beside(data: &Data, headline: &Headline, own: &[Vec<usize>]) -> Vec<Row> {
    let masked = headline.of(Condition::Masked);
    let mut rows = Vec::new();
    for (bound, runs) in bounds(data) {
        let runs: Vec<Vec<usize>> = own
            .iter()
            .map(|own| at_vocabulary_of(data, &runs, own))
            .collect();
        let what = format!("masked: {}", bound.name);
        rows.extend(measured(data, ["", &what], &runs, masked));
    }
    for &(name, metric) in REFERENCES.iter().filter(|_| masked == OUTCOME) {
        let what = format!("masked: {name}");
        rows.extend(measured(
            data,
            ["", &what],
            own,
            Measure { metric, ..OUTCOME },
        ));
    }
    rows
}

/// A row of one measure: runs by vocabulary. `None` where no run has it.
fn measured(data: &Data, name: [&str; 2], runs: &[Vec<usize>], measure: Measure) -> Option<Row> {
    let cells: Vec<_> = runs.iter().map(|runs| shown(data, runs, measure)).collect();
    let chances: Vec<f64> = cells
        .iter()
        .flatten()
        .filter_map(|shown| shown.chance)
        .collect();
    let chance = if chances.is_empty() {
        "–".to_owned()
    } else {
        number(mean(&chances))
    };
    let items = runs.iter().flatten().filter_map(|run| {
        let last = data.last(*run, measure)?;
        last.value.map(|_| last.n_items)
    });
    row(name, count(items), chance, cells)
}

/// A row of its stage and condition, n, chance and values; `None` where there is no value.
fn row(name: [&str; 2], n: String, chance: String, cells: Vec<Option<Shown>>) -> Option<Row> {
    if cells.iter().all(Option::is_none) {
        return None;
    }
    let [stage, condition] = name.map(str::to_owned);
    let mut row: Row = [stage, condition, n, chance]
        .map(|text| (text, String::new()))
        .to_vec();
    row.extend(cells.into_iter().map(|cell| {
        cell.map_or(("–".into(), "not measured".into()), |shown| {
            (with_interval(&shown), shown.origin)
        })
    }));
    Some(row)
}

/// What the rows beside a masked outcome are, of those that there are.
fn explained(rows: &[Row]) -> String {
    let kinds = [
        (
            "b-only",
            "floor: runs of B's documents alone, at the same vocabulary",
        ),
        (
            "b-unmasked",
            "ceiling: runs whose B states the masked forms",
        ),
        (
            "frequency",
            "frequency baseline: the more frequent lexeme first",
        ),
        ("oracle", "oracles: readers who are told the concept"),
    ];
    let there = |(kind, _): &&(&str, &str)| rows.iter().any(|row| row[1].0.contains(kind));
    let texts = kinds.iter().filter(there);
    texts.map(|(_, text)| format!("; {text}")).collect()
}

/// `500`, or `480–520` where runs differ; `–` of none.
fn count(counts: impl Iterator<Item = u64> + Clone) -> String {
    match (counts.clone().min(), counts.max()) {
        (Some(least), Some(most)) if least < most => format!("{least}–{most}"),
        (Some(least), _) => least.to_string(),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::knobs::Setting;
    use crate::report::data::{Metric, RunRecord};

    /// A finished run of vocabulary 64 with one more knob, and its masked MRR.
    fn run(data: &mut Data, knob: (&str, Setting), mrr: f64) {
        data.runs.push(RunRecord {
            run: format!("eval-{}", data.runs.len()),
            label: if data.runs.is_empty() {
                "main"
            } else {
                "control"
            }
            .to_owned(),
            knobs: BTreeMap::from([
                ("tok.vocab_size".to_owned(), Setting::Integer(64)),
                (knob.0.to_owned(), knob.1),
            ]),
            ..RunRecord::default()
        });
        metric(data, OUTCOME.metric, mrr, 0.4);
    }

    /// A masked metric of the last run.
    fn metric(data: &mut Data, metric: &str, value: f64, chance: f64) {
        data.metrics.push(Metric {
            run: data.runs.len() - 1,
            step: 9,
            stage: OUTCOME.stage.to_owned(),
            metric: metric.to_owned(),
            condition: Condition::Masked,
            phenomenon: None,
            value: Some(value),
            n_items: 40,
            n_concepts: 10,
            chance: Some(chance),
            low: None,
            high: None,
        });
    }

    #[test]
    fn the_masked_outcome_has_its_bounds_and_references_beside_it() {
        let mut data = Data::default();
        run(
            &mut data,
            ("lang.minority_share", Setting::Number(0.3)),
            0.55,
        );
        metric(&mut data, "frequency_mrr", 0.41, 0.4);
        metric(&mut data, "oracle_identifiability", 0.85, 0.38);
        run(
            &mut data,
            ("lang.minority_share", Setting::Number(1.0)),
            0.42,
        );
        run(&mut data, ("lang.b_unmasked", Setting::Switch(true)), 0.95);
        let table = StageTable::of(&data).unwrap();
        let texts: Vec<Vec<&str>> = table
            .rows
            .iter()
            .map(|row| row.iter().map(|(text, _)| text.as_str()).collect())
            .collect();
        let expected = [
            ["lexical MRR", "minority, masked", "40", "0.40", "0.55"],
            ["", "masked: b-only floor", "40", "0.40", "0.42"],
            ["", "masked: b-unmasked ceiling", "40", "0.40", "0.95"],
            ["", "masked: frequency baseline", "40", "0.40", "0.41"],
            ["", "masked: identifiability oracle", "40", "0.38", "0.85"],
        ];
        assert_eq!(texts, expected);
        assert!(table.rows[1][4].1.starts_with("eval-1: "));
        assert!(table.note.contains("; floor: ") && table.note.contains("; oracles: "));
        // Another vocabulary's floor is none of this one.
        data.runs[1]
            .knobs
            .insert("tok.vocab_size".to_owned(), Setting::Integer(512));
        assert!(!StageTable::of(&data).unwrap().note.contains("floor"));
    }

    #[test]
    fn counts_are_one_number_where_they_agree() {
        assert_eq!(count([500, 500].into_iter()), "500");
        assert_eq!(count([520, 480, 500].into_iter()), "480–520");
        assert_eq!(count(std::iter::empty()), "–");
    }
}
