//! World files as a plan uses them: read once, changed where the study says so, and copied beside the runs.
//!
//! The plan builds from its copies, so that an edit of `data/worlds/` never changes what a planned name stands for.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use corpus::canonical_json;
use serde_json::Value;

use crate::knobs::Setting;

/// One world as resolved: the file's content with the study's changes.
#[derive(Debug, Clone)]
pub struct World {
    /// Name of its copy.
    pub file_name: String,
    /// Its content as JSON, without the grammar's path.
    pub content: Value,
    /// BLAKE3 of the grammar file, hex.
    pub grammar_blake3: String,
    text: String,
    grammar_name: String,
    grammar_text: String,
}

/// Every world a plan has resolved, by the name of its copy.
#[derive(Debug, Default)]
pub struct WorldFiles {
    worlds: BTreeMap<String, World>,
    read: HashMap<PathBuf, (toml::Table, String, String)>,
}

impl WorldFiles {
    /// The world file at `path` with `changes` (dotted key, value) made.
    ///
    /// # Errors
    /// Where the file or its grammar cannot be read, or a changed key has no table to stand in.
    pub fn resolve<'a>(
        &mut self,
        path: &Path,
        changes: impl Iterator<Item = (&'a str, &'a Setting)>,
    ) -> Result<World> {
        if !self.read.contains_key(path) {
            self.read.insert(path.to_owned(), read(path)?);
        }
        let (table, grammar_name, grammar_text) = &self.read[path];
        let mut table = table.clone();
        for (key, value) in changes {
            let Setting::Toml(value) = value else {
                bail!("world.{key}: not a value of a world file")
            };
            change(&mut table, key, value.clone())
                .with_context(|| format!("{}: cannot set {key}", path.display()))?;
        }
        let grammar_blake3 = blake3::hash(grammar_text.as_bytes()).to_hex().to_string();
        let grammar_name = named(grammar_name, &grammar_blake3);
        table.remove("grammar");
        let content = serde_json::to_value(&table)?;
        table.insert("grammar".into(), toml::Value::String(grammar_name.clone()));
        let hash = blake3::hash(format!("{}{grammar_blake3}", canonical_json(&content)).as_bytes())
            .to_hex();
        let file_name = named(
            &path.file_name().unwrap_or_default().to_string_lossy(),
            &hash,
        );
        let text = toml::to_string(&table)
            .with_context(|| format!("{}: cannot write the changed world", path.display()))?;
        let grammar_text = grammar_text.clone();
        let world = World {
            file_name: file_name.clone(),
            content,
            grammar_blake3,
            text,
            grammar_name,
            grammar_text,
        };
        self.worlds.insert(file_name, world.clone());
        Ok(world)
    }

    /// Name and content of every file that stands in the plan's `worlds/`.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.worlds.values().flat_map(|world| {
            [
                (world.file_name.as_str(), world.text.as_str()),
                (world.grammar_name.as_str(), world.grammar_text.as_str()),
            ]
        })
    }
}

/// Where the world file keeps what `lang-gen`'s flags overrule.
const OVERRULED: [(&str, [&str; 2]); 6] = [
    ("lexical_distance", ["divergence", "distance"]),
    ("divergence", ["divergence", "kind"]),
    ("minority_share", ["corpus", "minority_share"]),
    ("mask_share", ["mask", "share"]),
    ("b_unmasked", ["mask", "stated"]),
    ("documents", ["corpus", "documents"]),
];

impl World {
    /// The knobs of `lang-gen` as the world file has them, so that a run that leaves one to the world states it too.
    pub fn knobs(&self) -> impl Iterator<Item = (&'static str, Setting)> {
        OVERRULED.into_iter().filter_map(|(key, [table, name])| {
            let setting = match self.content.get(table)?.get(name)? {
                Value::String(text) => Setting::Text(text.clone()),
                Value::Bool(on) if key == "b_unmasked" => Setting::Switch(*on),
                Value::Number(number) if key == "documents" => Setting::Integer(number.as_i64()?),
                Value::Number(number) => Setting::Number(number.as_f64()?),
                _ => return None,
            };
            Some((key, setting))
        })
    }
}

/// `demo.toml` → `demo-0123456789ab.toml`.
fn named(file: &str, hash: &str) -> String {
    let path = Path::new(file);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()))
        .unwrap_or_default();
    format!("{stem}-{}{extension}", &hash[..12])
}

/// A world file's table, its grammar's file name and text.
fn read(path: &Path) -> Result<(toml::Table, String, String)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot read the world", path.display()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let at = error.span().map(|span| span.start);
        command::error_at(path, &text, at, error.message())
    })?;
    let grammar = table.get("grammar").and_then(toml::Value::as_str);
    let grammar = grammar.with_context(|| {
        format!(
            "{}: no grammar: expected grammar = \"../grammars/NAME.grammar\"",
            path.display()
        )
    })?;
    let grammar_path = path.parent().unwrap_or(Path::new("")).join(grammar);
    let grammar_text = std::fs::read_to_string(&grammar_path)
        .with_context(|| format!("{}: cannot read the grammar", grammar_path.display()))?;
    let name = grammar_path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok((table, name, grammar_text))
}

fn change(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<()> {
    match key.split_once('.') {
        None => {
            ensure!(key != "grammar", "vary the world's keys, not its grammar");
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => {
            let inner = table
                .entry(first)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            match inner {
                toml::Value::Table(inner) => change(inner, rest, value),
                _ => bail!("{first} is no table"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_world_is_another_world_and_comments_are_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.toml");
        std::fs::write(directory.path().join("g.grammar"), "rule x").unwrap();
        let mut worlds = WorldFiles::default();
        std::fs::write(&path, "grammar = \"g.grammar\"\n[mask]\nshare = 0.25\n").unwrap();
        let plain = worlds.resolve(&path, std::iter::empty()).unwrap();
        let half = Setting::Toml(toml::Value::Float(0.5));
        let changed = worlds
            .resolve(&path, [("mask.share", &half)].into_iter())
            .unwrap();
        assert_ne!(plain.file_name, changed.file_name);
        assert_eq!(changed.content["mask"]["share"], 0.5);
        assert!(changed.text.contains(&changed.grammar_name));
        assert_eq!(worlds.files().count(), 4);
        std::fs::write(
            &path,
            "# a comment\ngrammar = \"g.grammar\"\nmask = { share = 0.25 }\n",
        )
        .unwrap();
        assert_eq!(
            WorldFiles::default()
                .resolve(&path, std::iter::empty())
                .unwrap()
                .file_name,
            plain.file_name
        );
        let stated = Setting::Toml(toml::Value::Boolean(true));
        let stated = worlds
            .resolve(&path, [("mask.stated", &stated)].into_iter())
            .unwrap();
        let knobs: Vec<_> = stated.knobs().collect();
        let expected = [
            ("mask_share", Setting::Number(0.25)),
            ("b_unmasked", Setting::Switch(true)),
        ];
        assert_eq!(knobs, expected);
        let inside = worlds.resolve(&path, [("mask.share.x", &half)].into_iter());
        assert!(format!("{:#}", inside.unwrap_err()).contains("share is no table"));
    }
}
