//! A world file's text: its knobs, the lines they stand on, and errors in the file's own words.

use std::path::Path;

use anyhow::{Result, anyhow};
use toml::de::DeTable;
use world::WorldConfig;

/// The knobs in the text of the file at `path`.
///
/// # Errors
/// What is no TOML, a key that is unknown or missing, a value of another kind than its key's; each with its line.
pub fn parse(path: &Path, text: &str) -> Result<WorldConfig> {
    toml::from_str(text).map_err(|mut error| {
        let at = error.span().map(|span| span.start);
        let message = in_plain_words(error.message());
        // Only without its input the library tells the key as well, behind the message: "in `ontology.branching`".
        error.set_input(None);
        let told = error.to_string();
        let behind = told.strip_prefix(error.message()).unwrap_or_default();
        let key = behind.trim().strip_prefix("in `");
        match key.and_then(|key| key.strip_suffix('`')) {
            Some(key) => command::error_at(path, text, at, format!("{key}: {message}")),
            None => command::error_at(path, text, at, message),
        }
    })
}

/// What is wrong with the value of a key, with its line; without one where neither the key nor its table is written.
pub fn error_at_key(path: &Path, text: &str, key: &str, message: &str) -> anyhow::Error {
    match place(text, key) {
        Some(at) => command::error_at(path, text, Some(at), message),
        None => anyhow!("{}: {message}", path.display()),
    }
}

/// The byte at which the value of a key begins, or that of the innermost table on the way to it.
fn place(text: &str, key: &str) -> Option<usize> {
    let file = DeTable::parse(text).ok()?;
    let mut table = Some(file.get_ref());
    let mut at = None;
    for name in key.split('.') {
        let Some(value) = table.and_then(|table| table.get(name)) else {
            break;
        };
        at = Some(value.span().start);
        table = value.get_ref().as_table();
    }
    at
}

/// A message of serde's without its type names: `expected a whole number, found "16"` for ``invalid type: string "16",
/// expected u32``.
fn in_plain_words(message: &str) -> String {
    const PROBLEMS: [&str; 4] = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant ",
    ];
    let parts = message.rsplit_once(", expected ");
    let found = parts.and_then(|(problem, expected)| {
        let mut starts = PROBLEMS.iter();
        Some((
            starts.find_map(|start| problem.strip_prefix(start))?,
            expected,
        ))
    });
    if let Some((found, expected)) = found {
        return format!(
            "expected {}, found {}",
            wanted(expected, found),
            spelled(found)
        );
    }
    if message == "wanted string or table" {
        return "expected a name in quotes".to_owned();
    }
    // TOML has keys where serde has fields.
    for problem in ["unknown", "missing"] {
        if let Some(name) = message.strip_prefix(&format!("{problem} field ")) {
            return format!("{problem} key {name}");
        }
    }
    message.to_owned()
}

/// What serde expected where it found `found`.
fn wanted(expected: &str, found: &str) -> String {
    let most = match expected {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX.into(),
        "u64" | "usize" => u64::MAX,
        "f64" => return "a number".to_owned(),
        "a boolean" => return "true or false".to_owned(),
        "a sequence" => return "a list".to_owned(),
        "a map" => return "a table".to_owned(),
        _ if expected.starts_with("struct ") => return "a table".to_owned(),
        _ => {
            return match expected.strip_prefix("an array of length ") {
                Some(length) => format!("a list of {length}"),
                None => expected.replace('`', "\""),
            };
        }
    };
    match found.starts_with("integer ") {
        true => format!("a whole number from 0 to {most}"),
        false => "a whole number".to_owned(),
    }
}

/// What serde found, as the file spells it: 400 for ``integer `400` ``.
fn spelled(found: &str) -> String {
    if let Some(text) = found.strip_prefix("string ") {
        return text.to_owned();
    }
    match found.split('`').collect::<Vec<_>>()[..] {
        ["", name, ..] => format!("\"{name}\""),
        [_, value, ..] => value.to_owned(),
        _ => match found {
            "map" => "a table".to_owned(),
            "sequence" => "a list".to_owned(),
            _ => found.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &str = include_str!("../../../data/worlds/tiny.toml");

    /// A key with its value in tiny.toml, what stands there instead, and what is said of it.
    const REFUSED: [(&str, &str, &str); 18] = [
        (
            "nouns_per_type = 16",
            "nouns_per_type = \"16\"",
            "line 7: ontology.nouns_per_type: expected a whole number, found \"16\"",
        ),
        (
            "nouns_per_type = 16",
            "nouns_per_type = \"a, expected b\"",
            "line 7: ontology.nouns_per_type: expected a whole number, found \"a, expected b\"",
        ),
        (
            "max_depth = 2",
            "max_depth = 400",
            "line 35: corpus.max_depth: expected a whole number from 0 to 255, found 400",
        ),
        (
            "max_depth = 2",
            "max_depth = 2.5",
            "line 35: corpus.max_depth: expected a whole number, found 2.5",
        ),
        (
            "branching = [2, 2]",
            "branching = [2, -2]",
            "line 6: ontology.branching: expected a whole number from 0 to 65535, found -2",
        ),
        (
            "branching = [2, 2]",
            "branching = 3",
            "line 6: ontology.branching: expected a list, found 3",
        ),
        (
            "documents = 2000",
            "documents = 99999999999999999999999",
            "line 31: corpus.documents: expected a whole number from 0 to 18446744073709551615, \
             found 99999999999999999999999",
        ),
        (
            "share = 0.5 ",
            "share = true ",
            "line 20: mask.share: expected a number, found true",
        ),
        (
            "sentences = [1, 3]",
            "sentences = [1]",
            "line 34: corpus.sentences: expected a list of 2, found 1",
        ),
        (
            "sentences = [1, 3]",
            "sentences = [1, 2, 3]",
            "line 34: corpus.sentences: expected a list of 2, found 3",
        ),
        (
            "inflection = true",
            "inflection = {}",
            "line 24: form.inflection: expected true or false, found a table",
        ),
        (
            "name = \"tiny\"",
            "name = 3",
            "line 2: name: expected a string, found 3",
        ),
        (
            "kind = \"correspondence\"",
            "kind = \"zip\"",
            "line 27: divergence.kind: expected one of \"substitution\", \"correspondence\", \"replacement\", \
             found \"zip\"",
        ),
        (
            "kind = \"correspondence\"",
            "kind = 3",
            "line 27: divergence.kind: expected a name in quotes",
        ),
        (
            "share = 0.5 ",
            "shaer = 0.5 ",
            "line 20: mask: unknown key `shaer`, expected one of `share`, `held_out_share`, `stated`",
        ),
        (
            "documents = 2000",
            "",
            "line 30: corpus: missing key `documents`",
        ),
        (
            "max_depth = 2",
            "max_depth = some",
            "line 35: string values must be quoted, expected literal string",
        ),
        (
            "distance = 0.4",
            "distance = 0.4\ndistance = 0.5",
            "line 29: duplicate key",
        ),
    ];

    #[test]
    fn errors_name_line_and_key_and_no_type_of_rust() {
        let path = Path::new("w.toml");
        parse(path, TINY).unwrap();
        for (from, to, expected) in REFUSED {
            assert!(TINY.contains(from), "{from}");
            let error = parse(path, &TINY.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.to_string(), format!("w.toml: {expected}"));
        }
    }

    #[test]
    fn keys_have_lines_and_fall_back_on_their_table() {
        let text = "name = \"x\"\n[ontology]\nbranching = [2]\nrelations = [\n]\nform.a = 1\n";
        let told = |key| error_at_key(Path::new("w.toml"), text, key, "no").to_string();
        assert_eq!(told("ontology.branching"), "w.toml: line 3: no");
        assert_eq!(told("ontology.form.a"), "w.toml: line 6: no");
        assert_eq!(
            told("ontology.relations.objects_per_subject"),
            "w.toml: line 4: no"
        );
        assert_eq!(told("ontology.zipf_exponent"), "w.toml: line 2: no");
        assert_eq!(told("mask.share"), "w.toml: no");
    }
}
