//! `lang-gen show`: a LANG directory for a person.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use command::Table;
use corpus::tables::{Category, DocumentRow, Language, LexiconRow, read_rows};
use corpus::{Input, Stage};
use serde_json::Value;

/// Prints knobs, `rows` sentences side by side, `rows` lexicon entries, and counts.
///
/// # Errors
/// A directory that is no whole LANG.
pub fn run(lang: &Path, rows: usize) -> Result<()> {
    let input = Input::open(lang, Stage::Lang)?;
    let lexicon: Vec<LexiconRow> = read_rows(&input.file("lexicon.parquet")?)?;
    let validation: Vec<DocumentRow> = read_rows(&input.file("validation.parquet")?)?;
    let manifest = input.manifest();
    let mut out = String::new();
    writeln!(
        out,
        "{}  fingerprint {}",
        lang.display(),
        input.fingerprint()
    )?;
    writeln!(
        out,
        "\nKnobs (requested, realised)\n{}",
        knobs(&manifest.configuration, &manifest.measured, &manifest.seeds)
    )?;
    writeln!(
        out,
        "Sentences (validation: the same derivation in A and in B)"
    )?;
    for pair in validation.chunks(2).take(rows) {
        let [a, b] = pair else { continue };
        writeln!(
            out,
            "  {}\n    A  {}\n    B  {}",
            a.derivation, a.text, b.text
        )?;
    }
    writeln!(
        out,
        "\nLexicon (nouns; † = masked: {})\n{}",
        if manifest.states_masked() {
            "B STATES IT IN TRAINING TEXT (--b-unmasked): a control"
        } else {
            "no B text states it"
        },
        nouns(&lexicon, rows)
    )?;
    writeln!(
        out,
        "Counts\n{}",
        counts(&manifest.measured).with_context(|| format!(
            "{}: manifest.json: no counts; was it written by lang-gen?",
            lang.display()
        ))?
    )?;
    command::print(out)
}

fn knobs(
    configuration: &Value,
    measured: &Value,
    seeds: &std::collections::BTreeMap<String, u64>,
) -> Table {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64().map_or(number.to_string(), |x| {
            format!("{}", (x * 1e4).round() / 1e4)
        }),
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    };
    let mut table = Table::new(&["knob", "requested", "realised"]);
    let distance = &measured["distance"];
    let mut row = |name: &str, requested: &Value, realised: String| {
        table.row(vec![name.to_owned(), number(requested), realised])
    };
    row("world", &configuration["name"], String::new());
    for (name, seed) in seeds {
        row(&format!("{name} seed"), &Value::from(*seed), String::new());
    }
    let divergence = &configuration["divergence"];
    for (name, value) in [
        ("divergence", &divergence["kind"]),
        ("script", &divergence["script"]),
        ("shuffled pairing", &divergence["shuffled_pairing"]),
        ("compounds", &configuration["form"]["compounds"]),
        ("inflection", &configuration["form"]["inflection"]),
        ("reversed in A", &configuration["order"]["majority"]),
        ("reversed in B", &configuration["order"]["minority"]),
    ] {
        row(name, value, String::new());
    }
    row(
        "lexical distance, masked",
        &distance["requested"],
        number(&distance["phonological"]["ldn_masked"]),
    );
    row(
        "lexical distance, unmasked",
        &distance["requested"],
        number(&distance["phonological"]["ldn_unmasked"]),
    );
    row("LDND", &Value::Null, number(&distance["surface"]["ldnd"]));
    let share = &measured["minority_share"];
    row(
        "minority share, documents",
        &share["requested"],
        number(&share["realised_documents"]),
    );
    // Nobody asks for characters: the flag is a share of documents.
    row(
        "minority share, characters",
        &Value::Null,
        number(&share["realised_characters"]),
    );
    let mask = &measured["mask_share"];
    row("mask share", &mask["requested"], number(&mask["realised"]));
    let stated = &configuration["mask"]["stated"];
    if !stated.is_null() {
        row("B states masked lemmas", stated, String::new());
    }
    let held_out = &measured["held_out_share"];
    row(
        "held-out attribute facts",
        &held_out["requested"],
        number(&held_out["realised_attributes"]),
    );
    row(
        "held-out relation facts",
        &held_out["requested"],
        number(&held_out["realised_relations"]),
    );
    for (name, counted) in [
        ("cloze contexts of a noun, fewest", "contexts"),
        ("masked candidates of a type, fewest", "masked_candidates"),
    ] {
        let counts = &measured["clozes"][counted];
        row(name, &counts["requested"], number(&counts["fewest"]));
    }
    table
}

/// A slice of the nouns: masked and unmasked by turns, most frequent first.
fn nouns(lexicon: &[LexiconRow], rows: usize) -> Table {
    let of = |language, concept, inflection: &str| {
        lexicon.iter().find(|row| {
            row.language == language && row.concept == concept && row.inflection == inflection
        })
    };
    let mut bases: Vec<&LexiconRow> = lexicon
        .iter()
        .filter(|row| {
            row.category == Category::Noun
                && row.language == Language::Minority
                && row.inflection == "base"
        })
        .collect();
    bases.sort_by_key(|row| row.frequency_rank);
    let (masked, unmasked): (Vec<&LexiconRow>, Vec<&LexiconRow>) =
        bases.into_iter().partition(|row| row.masked);
    let mut chosen: Vec<&LexiconRow> = masked
        .into_iter()
        .take(rows.div_ceil(2))
        .chain(unmasked.into_iter().take(rows / 2))
        .collect();
    chosen.sort_by_key(|row| row.frequency_rank);
    let mut table = Table::new(&[
        "concept", "type", "rank", "A", "A plural", "B", "B plural", "LDN", "",
    ]);
    for row in chosen {
        let form = |language, inflection| {
            of(language, row.concept, inflection).map_or("–".to_owned(), |row| row.form.clone())
        };
        let mark = match (row.masked, row.identical) {
            (true, true) => "† identical",
            (true, false) => "†",
            (false, true) => "identical",
            (false, false) => "",
        };
        table.row(vec![
            row.concept.to_string(),
            row.r#type.clone().unwrap_or_default(),
            row.frequency_rank.to_string(),
            form(Language::Majority, "base"),
            form(Language::Majority, "plural"),
            row.form.clone(),
            form(Language::Minority, "plural"),
            row.ldn.map_or("–".to_owned(), |ldn| format!("{ldn:.2}")),
            mark.to_owned(),
        ]);
    }
    table
}

fn counts(measured: &Value) -> Option<Table> {
    let mut table = Table::new(&["text", "language", "documents", "sentences", "characters"]);
    for text in ["train", "validation"] {
        for language in ["majority", "minority"] {
            let count = measured.get(text)?.get(language)?;
            let cell = |name: &str| {
                count
                    .get(name)
                    .and_then(Value::as_u64)
                    .map(|number| number.to_string())
            };
            table.row(vec![
                text.into(),
                language.into(),
                cell("documents")?,
                cell("sentences")?,
                cell("characters")?,
            ]);
        }
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `--minority-share` is of documents; of characters nothing was requested.
    #[test]
    fn a_share_is_requested_of_documents_alone() {
        let share = json!({
            "requested": 0.3,
            "realised_documents": 0.3,
            "realised_characters": 0.23164,
        });
        let measured = json!({ "minority_share": share });
        let table = knobs(&json!({}), &measured, &Default::default()).to_string();
        let row = |name: &str| -> Vec<String> {
            let line = table.lines().find_map(|line| line.strip_prefix(name));
            let cells = line.unwrap().split_whitespace();
            cells.map(str::to_owned).collect()
        };
        assert_eq!(row("minority share, documents"), ["0.3", "0.3"]);
        assert_eq!(row("minority share, characters"), ["–", "0.2316"]);
    }
}
