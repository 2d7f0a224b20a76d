//! `tok-train show TOK [CONCEPT…]`: a tokenizer for a person.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, bail};
use command::Table;
use corpus::tables::{BridgeRow, SegmentationRow, SummaryRow};
use corpus::{Condition, Input, Language, Manifest, Stage, read_rows};
use lm::split_ids::{SplitIds, TWIN_MARK};

/// Prints the summary, and the concepts asked for by number or by form.
///
/// # Errors
/// A damaged TOK; a concept that it does not have.
pub fn run(tok: &Path, concepts: &[String]) -> Result<()> {
    let input = Input::open(tok, Stage::Tok)?;
    let summary: Vec<SummaryRow> = read_rows(&input.file("summary.parquet")?)?;
    let bridges: Vec<BridgeRow> = read_rows(&input.file("bridges.parquet")?)?;
    let forms: Vec<SegmentationRow> = read_rows(&input.file("segmentation.parquet")?)?;

    let mut text = head(tok, input.manifest())?;
    write!(text, "\n\n{}", figures(&summary))?;
    write!(text, "\n\n{}", bridge_means(&bridges))?;
    for wanted in concepts {
        let found = concept(wanted, &forms);
        if found.is_empty() {
            bail!(
                "{}: no concept or form {wanted:?}; segmentation.parquet lists them",
                tok.display()
            );
        }
        for id in found {
            write!(text, "\n\n{}", told(id, &forms, &bridges))?;
        }
    }
    if concepts.is_empty()
        && let Some(row) = bridges
            .iter()
            .find(|row| row.condition == Condition::Masked)
    {
        let tok = tok.display();
        write!(
            text,
            "\n\nOne concept: tok-train show {tok} {}",
            row.form_majority
        )?;
    }
    command::print(text)
}

fn head(tok: &Path, manifest: &Manifest) -> Result<String> {
    let (configuration, measured) = (&manifest.configuration, &manifest.measured);
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "all there are".to_owned(),
        other => other.to_string(),
    };
    let mut text = format!(
        "{}: {}, vocab_size {} (requested {}, at least {}), regime {}",
        tok.display(),
        plain(&configuration["algorithm"]),
        plain(&measured["vocab_size"]),
        plain(&measured["requested_vocab_size"]),
        plain(&measured["minimum_vocab_size"]),
        plain(&configuration["regime"]),
    );
    for language in Language::ALL {
        let mix = &measured["mix"][language.as_str()];
        let number = |key: &str| mix[key].as_f64().unwrap_or(0.0);
        text += &format!(
            "\n  {language}: weight {:.4}, {} of {} characters asked for, {:.2} % of the mix",
            number("weight"),
            number("realised_characters"),
            number("requested_characters"),
            100.0 * number("realised_share"),
        );
    }
    if configuration["show_masked_forms"] == true {
        let untrained = measured["masked_forms"]["untrained_concepts"].as_array();
        text += &format!(
            "\n  THE TOKENIZER SAW B† FORMS (--show-masked-forms): a control; {} concepts, which evaluations leave out, have \
             tokens that no model is trained on",
            untrained.map_or(0, Vec::len)
        );
    }
    let of_masked = &measured["masked_forms"];
    if of_masked["stated_by_minority"] == true {
        text += &format!(
            "\n  B'S TEXT STATES B† FORMS, {} words (lang-gen --b-unmasked): a control",
            plain(&of_masked["in_minority_text"])
        );
    }
    let trained = plain(&measured["trained_vocab_size"]);
    match SplitIds::of_configuration(configuration)? {
        SplitIds::None => {}
        SplitIds::Language => {
            text += &format!(
                "\n  IDS SPLIT BY LANGUAGE (--split-ids language): a control; each of {trained} tokens has a twin ′, which B takes"
            );
        }
        SplitIds::Document => {
            text += &format!(
                "\n  IDS SPLIT BY DOCUMENT (--split-ids document): a control; each of {trained} tokens has a twin, which half of \
                 all documents take"
            );
        }
    }
    Ok(text)
}

/// One line per measure, one column per language and condition.
fn figures(summary: &[SummaryRow]) -> Table {
    let mut measures: Vec<&str> = Vec::new();
    let mut groups: BTreeMap<(Condition, Language), BTreeMap<&str, &SummaryRow>> = BTreeMap::new();
    for row in summary {
        if !measures.contains(&row.measure.as_str()) {
            measures.push(&row.measure);
        }
        let group = groups.entry((row.condition, row.language)).or_default();
        group.insert(&row.measure, row);
    }
    let names: Vec<String> = groups
        .keys()
        .map(|(condition, language)| group(*condition, *language))
        .collect();
    let mut header = vec!["figure"];
    header.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&header);
    for (line, measure) in [("words", "fertility"), ("forms", "form_fertility")] {
        let mut cells = vec![line.to_owned()];
        let counts = groups.values().map(|rows| rows.get(measure));
        cells.extend(counts.map(|row| row.map_or("–".to_owned(), |row| row.n.to_string())));
        table.row(cells);
    }
    for measure in measures {
        let mut cells = vec![measure.to_owned()];
        let values = groups.values().map(|rows| rows.get(measure));
        cells.extend(
            values.map(|row| row.map_or("–".to_owned(), |row| format!("{:.3}", row.value))),
        );
        table.row(cells);
    }
    table
}

/// A text or list of forms, in words.
fn group(condition: Condition, language: Language) -> String {
    match (condition, language) {
        (Condition::Majority | Condition::Minority, _) => format!("{language} text"),
        (_, Language::Majority) => format!("{condition}, A-forms"),
        (_, Language::Minority) => format!("{condition}, B-forms"),
    }
}

/// A column of bridges.parquet: its name and how to read it.
type Bridge = (&'static str, fn(&BridgeRow) -> Option<f64>);

const BRIDGES: [Bridge; 13] = [
    ("ldn", |row| Some(row.ldn)),
    ("shared_mass", |row| Some(row.shared_mass)),
    ("shared_mass_multichar", |row| {
        Some(row.shared_mass_multichar)
    }),
    ("shared_mass_corrected", |row| {
        Some(row.shared_mass_corrected)
    }),
    ("ordered", |row| Some(row.ordered)),
    ("ordered_corrected", |row| Some(row.ordered_corrected)),
    ("specificity", |row| Some(row.specificity)),
    ("identifiability", |row| row.identifiability),
    ("learnable", |row| row.learnable),
    ("seen_coverage_minority", |row| {
        Some(row.seen_coverage_minority)
    }),
    ("seen_coverage_all", |row| Some(row.seen_coverage_all)),
    ("fertility_majority", |row| Some(row.fertility_majority)),
    ("fertility_minority", |row| Some(row.fertility_minority)),
];

/// Three decimals, or a dash for what is not there.
fn figure(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

/// One line per bridge, one column per condition.
fn bridge_means(bridges: &[BridgeRow]) -> Table {
    let conditions: Vec<(Condition, Vec<&BridgeRow>)> = Condition::ALL
        .iter()
        .map(|of| {
            (
                *of,
                bridges.iter().filter(|row| row.condition == *of).collect(),
            )
        })
        .filter(|(_, rows): &(Condition, Vec<_>)| !rows.is_empty())
        .collect();
    let names: Vec<String> = conditions
        .iter()
        .map(|(condition, rows)| format!("{condition} ({})", rows.len()))
        .collect();
    let mut header = vec!["bridge, mean over nouns"];
    header.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&header);
    for (name, value) in BRIDGES {
        let mut cells = vec![name.to_owned()];
        cells.extend(conditions.iter().map(|(_, rows)| {
            let values: Vec<f64> = rows.iter().filter_map(|row| value(row)).collect();
            let sum: f64 = values.iter().sum();
            figure((!values.is_empty()).then(|| sum / values.len() as f64))
        }));
        table.row(cells);
    }
    table
}

/// Concepts of that number, or with that form.
fn concept(wanted: &str, forms: &[SegmentationRow]) -> Vec<u32> {
    let number = wanted.parse::<u32>().ok();
    let mut found: Vec<u32> = forms
        .iter()
        .filter(|row| row.form == wanted || number == Some(row.concept))
        .map(|row| row.concept)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn told(id: u32, forms: &[SegmentationRow], bridges: &[BridgeRow]) -> String {
    let rows: Vec<&SegmentationRow> = forms.iter().filter(|row| row.concept == id).collect();
    let Some(first) = rows.first() else {
        return String::new();
    };
    let kind = first.r#type.as_deref().unwrap_or("no type");
    let mut text = format!(
        "concept {id}: {}, {kind} ([shared tokens] in brackets)",
        first.category
    );
    let mut table = Table::new(&["", "inflection", "form", "tokens"]);
    for row in &rows {
        let other = rows
            .iter()
            .find(|other| other.inflection == row.inflection && other.language != row.language);
        let shared = other.map_or(&[] as &[String], |other| &other.tokens);
        let name = match row.condition {
            Condition::Majority => "A",
            Condition::Minority => "B",
            Condition::Masked => "B†",
            // The concept is identical; its other inflections may differ.
            Condition::Identical if other.is_some_and(|other| other.form == row.form) => "B† = A",
            Condition::Identical => "B†",
        };
        table.row(vec![
            name.to_owned(),
            row.inflection.clone(),
            row.form.clone(),
            marked(&row.tokens, shared).replace(TWIN_MARK, "′"),
        ]);
    }
    text += &format!("\n{table}");
    if let Some(row) = bridges.iter().find(|row| row.concept == id) {
        let mut table = Table::new(&["bridge", "value"]);
        for (name, value) in BRIDGES {
            table.row(vec![name.to_owned(), figure(value(row))]);
        }
        text += &format!("\n\n{table}");
    }
    text
}

/// The tokens with those in brackets that the other form has too, each as often as it has them.
fn marked(tokens: &[String], other: &[String]) -> String {
    let mut left: Vec<&String> = other.iter().collect();
    let shown: Vec<String> = tokens
        .iter()
        .map(
            |token| match left.iter().position(|other| *other == token) {
                Some(index) => {
                    left.swap_remove(index);
                    format!("[{token}]")
                }
                None => token.clone(),
            },
        )
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_tokens_are_marked_as_often_as_both_have_them() {
        let tokens = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let a = tokens("▁ka ka lu");
        let b = tokens("▁ka lu lu");
        assert_eq!(marked(&b, &a), "[▁ka] [lu] lu");
        assert_eq!(marked(&a, &b), "[▁ka] ka [lu]");
    }
}
