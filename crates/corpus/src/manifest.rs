//! What a directory says of itself: `manifest.json`, the same bytes for the same configuration and results.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Fingerprint, Result, Stage};

/// Name of the manifest in every directory.
pub(crate) const MANIFEST: &str = "manifest.json";

/// A manifest larger than this is none (one with 10,000 files has about 2 MB).
const MANIFEST_LIMIT_BYTES: u64 = 64 << 20;

/// A directory's manifest. It holds no clock, host, path or thread count, so that its BLAKE3, the directory's
/// [`Fingerprint`], depends on configuration, inputs and results alone. Fields it does not know are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Kind of directory.
    pub kind: Stage,
    /// Format version of that kind.
    pub format: u32,
    /// The command that wrote it.
    pub tool: String,
    /// Its version.
    pub tool_version: String,
    /// The whole resolved configuration, without paths and thread count.
    pub configuration: Value,
    /// Seeds by name.
    pub seeds: BTreeMap<String, u64>,
    /// Fingerprints of the input directories by role: `lang`, `tok`, `model`.
    pub inputs: BTreeMap<String, Fingerprint>,
    /// Every file of the directory but `manifest.json`, `run.json` and `timing.parquet`, by path relative to it with `/`.
    pub outputs: BTreeMap<String, FileEntry>,
    /// Realised values: what was asked for and came out otherwise, sizes, counts.
    #[serde(default)]
    pub measured: Value,
}

/// What the manifest says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

impl Manifest {
    /// The bytes of `manifest.json`: [`canonical_json`] of all fields.
    pub fn to_json(&self) -> String {
        let outputs: Map<String, Value> = self
            .outputs
            .iter()
            .map(|(name, FileEntry { bytes, blake3 })| {
                (
                    name.clone(),
                    serde_json::json!({ "bytes": bytes, "blake3": blake3 }),
                )
            })
            .collect();
        let mut all = identity(self);
        all.insert("outputs".into(), outputs.into());
        all.insert("measured".into(), self.measured.clone());
        canonical_json(&all.into())
    }

    /// Of a LANG: whether B's training text states the masked lemmas (`lang-gen --b-unmasked`), a control in which the
    /// condition `masked` is a ceiling and no transfer.
    pub fn states_masked(&self) -> bool {
        self.configuration["mask"]["stated"] == true
    }

    /// The fields that say how the directory came to be, before there are results.
    pub(crate) fn identity(&self) -> Value {
        identity(self).into()
    }

    /// Reads `directory/manifest.json`, whose kind is expected to be `kind`; returns its fingerprint as well.
    pub(crate) fn read(directory: &Path, kind: Stage) -> Result<(Manifest, Fingerprint)> {
        let path = directory.join(MANIFEST);
        let metadata = std::fs::metadata(&path).map_err(Error::io(&path, "read it"))?;
        let bad = |found: String| Error::BadManifest {
            path: path.clone(),
            found,
            tool: kind.tool(),
        };
        if !metadata.is_file() {
            return Err(bad("something that is not a file".into()));
        }
        if metadata.len() > MANIFEST_LIMIT_BYTES {
            return Err(bad(format!("{} bytes", metadata.len())));
        }
        let bytes = std::fs::read(&path).map_err(Error::io(&path, "read it"))?;
        // Kind and format first: a newer format may differ in everything else.
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| bad(format!("broken JSON ({error})")))?;
        let found = value.get("kind").cloned().unwrap_or_default();
        let found: Stage = serde_json::from_value(found).map_err(|_| {
            let kind = value
                .get("kind")
                .map_or("none".into(), |kind| shortened(&kind.to_string()));
            bad(format!("kind {kind}"))
        })?;
        if found != kind {
            return Err(Error::WrongKind {
                path: directory.into(),
                expected: kind,
                found,
            });
        }
        let format = value
            .get("format")
            .and_then(Value::as_u64)
            .ok_or_else(|| bad("no format version".into()))?;
        if format > u64::from(kind.format()) {
            return Err(Error::NewerFormat {
                path: directory.into(),
                kind,
                expected: kind.format(),
                found: format,
            });
        }
        let manifest: Manifest =
            serde_json::from_value(value).map_err(|error| bad(shortened(&error.to_string())))?;
        if let Some(name) = manifest.outputs.keys().find(|name| !is_inside(name)) {
            return Err(bad(format!(
                "a file outside the directory: \"{}\"",
                shortened(name)
            )));
        }
        Ok((manifest, Fingerprint::of(&bytes)))
    }
}

fn identity(manifest: &Manifest) -> Map<String, Value> {
    let seeds: Map<String, Value> = manifest
        .seeds
        .iter()
        .map(|(name, &seed)| (name.clone(), seed.into()))
        .collect();
    let inputs: Map<String, Value> = manifest
        .inputs
        .iter()
        .map(|(role, input)| (role.clone(), input.to_string().into()))
        .collect();
    let mut all = Map::new();
    all.insert("kind".into(), manifest.kind.name().into());
    all.insert("format".into(), manifest.format.into());
    all.insert("tool".into(), manifest.tool.clone().into());
    all.insert("tool_version".into(), manifest.tool_version.clone().into());
    all.insert("configuration".into(), manifest.configuration.clone());
    all.insert("seeds".into(), seeds.into());
    all.insert("inputs".into(), inputs.into());
    all
}

/// A relative path of plain names: no root, no `..`.
fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 160 {
        text.to_owned()
    } else {
        text.chars().take(160).chain(['…']).collect()
    }
}

/// JSON with sorted keys, indented by two spaces, with a line break at the end: the same bytes for equal values, however
/// they were built.
pub fn canonical_json(value: &Value) -> String {
    format!("{:#}\n", sorted(value))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let in_order: BTreeMap<&String, &Value> = map.iter().collect();
            in_order
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// The first place where two configurations differ, in words; `None` where they are equal.
pub(crate) fn first_difference(there: &Value, here: &Value) -> Option<String> {
    fn walk(path: &str, there: Option<&Value>, here: Option<&Value>) -> Option<String> {
        if let (Some(Value::Object(a)), Some(Value::Object(b))) = (there, here) {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            return keys.into_iter().find_map(|key| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(&path, a.get(key), b.get(key))
            });
        }
        let show = |value: Option<&Value>| {
            value.map_or("absent".into(), |value| shortened(&value.to_string()))
        };
        (there != here).then(|| format!("{path} is {} there, {} here", show(there), show(here)))
    }
    walk("", Some(there), Some(here))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_json_sorts_keys_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":0.1}],"a":null}"#).unwrap();
        let expected = "{\n  \"a\": null,\n  \"b\": [\n    {\n      \"a\": 0.1,\n      \"z\": 1\n    }\n  ]\n}\n";
        assert_eq!(canonical_json(&value), expected);
    }

    #[test]
    fn a_manifest_reads_back_as_the_same_bytes() {
        let manifest = Manifest {
            kind: Stage::Tok,
            format: 1,
            tool: "tok-train".into(),
            tool_version: "0.1.0".into(),
            configuration: json!({ "vocab_size": 64, "regime": "balanced", "share": 0.1 + 0.2 }),
            seeds: [("seed".to_owned(), u64::MAX)].into(),
            inputs: [("lang".to_owned(), Fingerprint::of(b"x"))].into(),
            outputs: [(
                "a/b.json".to_owned(),
                FileEntry {
                    bytes: 1,
                    blake3: "00".into(),
                },
            )]
            .into(),
            measured: json!({ "vocab_size": 63 }),
        };
        let text = manifest.to_json();
        let back: Manifest = serde_json::from_str(&text).unwrap();
        assert_eq!(back, manifest);
        assert_eq!(back.to_json(), text);
        let more = text.replacen('{', "{ \"a later field\": 1,", 1);
        assert_eq!(serde_json::from_str::<Manifest>(&more).unwrap(), manifest);
    }

    #[test]
    fn the_first_difference_is_named() {
        let there = json!({ "a": { "x": 1, "y": 2 }, "b": 3 });
        assert_eq!(first_difference(&there, &there), None);
        let here = json!({ "a": { "x": 1, "y": 5 }, "b": 4 });
        assert_eq!(
            first_difference(&there, &here).unwrap(),
            "a.y is 2 there, 5 here"
        );
        let here = json!({ "a": { "x": 1, "y": 2 } });
        assert_eq!(
            first_difference(&there, &here).unwrap(),
            "b is 3 there, absent here"
        );
    }

    #[test]
    fn outputs_stay_inside_the_directory() {
        for (name, inside) in [
            ("a", true),
            ("a/b", true),
            ("", false),
            ("/a", false),
            ("../a", false),
            ("a/../b", false),
        ] {
            assert_eq!(is_inside(name), inside, "{name}");
        }
    }
}
