//! The table that the demo ends with: stage × condition × vocabulary size, with chance.

use corpus::Condition;

use super::data::{Data, names};
use super::figures::condition_name;
use super::statistics::mean;
use super::summary::{
    HEADLINES, main_runs, number, shown, shown_value, vocabularies, with_interval,
};

/// Header, rows of (text, origin) and what they are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTable {
    /// Column names: stage, condition, n, chance, one per vocabulary.
    pub header: Vec<String>,
    /// Cells with where they come from.
    pub rows: Vec<Vec<(String, String)>>,
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
        let mut rows = Vec::new();
        for headline in &HEADLINES {
            let mut name = headline.name;
            for condition in Condition::ALL {
                let measure = headline.of(*condition);
                let cells: Vec<_> = vocabularies
                    .iter()
                    .map(|vocabulary| shown(data, &vocabulary.runs, measure))
                    .collect();
                let chances: Vec<f64> = cells
                    .iter()
                    .flatten()
                    .filter_map(|shown| shown.chance)
                    .collect();
                if cells.iter().all(Option::is_none) {
                    continue;
                }
                let chance = if chances.is_empty() {
                    "–".into()
                } else {
                    number(mean(&chances))
                };
                let mut row: Vec<(String, String)> = [
                    std::mem::take(&mut name).to_owned(),
                    condition_name(*condition).to_owned(),
                    count(runs.iter().filter_map(|run| {
                        let last = data.last(*run, measure);
                        last.filter(|last| last.value.is_some())
                            .map(|last| last.n_items)
                    })),
                    chance,
                ]
                .map(|text| (text, String::new()))
                .to_vec();
                row.extend(cells.into_iter().map(|cell| {
                    cell.map_or(("–".into(), "not measured".into()), |shown| {
                        (with_interval(&shown), shown.origin)
                    })
                }));
                rows.push(row);
            }
        }
        let values = [
            ("bridge", names::BRIDGE),
            ("one-token majority forms", names::ATOM_SHARE),
        ];
        for (name, value) in values {
            let cells: Vec<_> = vocabularies
                .iter()
                .map(|vocabulary| shown_value(data, &vocabulary.runs, value))
                .collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            let concepts = runs
                .iter()
                .filter_map(|run| data.runs[*run].value(names::MASKED_CONCEPTS));
            let n = count(concepts.map(|concepts| concepts as u64));
            let mut row: Vec<(String, String)> = [name, "masked concepts", &n, "–"]
                .map(|text| (text.to_owned(), String::new()))
                .to_vec();
            row.extend(cells.into_iter().map(|cell| {
                cell.map_or(("–".into(), "not measured".into()), |shown| {
                    (with_interval(&shown), shown.origin)
                })
            }));
            rows.push(row);
        }
        let single = vocabularies
            .iter()
            .all(|vocabulary| vocabulary.runs.len() == 1);
        let note = if data.metrics.is_empty() {
            "Means over tokenizers; n: concepts of one; in brackets t intervals over world seeds, where there are several."
                .to_owned()
        } else if single {
            "Last checkpoint, one run per vocabulary size; n: items of a run (of the bridge and of forms: concepts); in brackets 95 % bootstrap intervals within the run."
                .to_owned()
        } else {
            format!(
                "Last checkpoint, means over runs ({}); n: items of a run (of the bridge and of forms: concepts); in brackets {:.0} % t intervals over world seeds.",
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
    use super::*;

    #[test]
    fn counts_are_one_number_where_they_agree() {
        assert_eq!(count([500, 500].into_iter()), "500");
        assert_eq!(count([520, 480, 500].into_iter()), "480–520");
        assert_eq!(count(std::iter::empty()), "–");
    }
}
