//! Reading a stage's directory: nothing is parsed before its length and BLAKE3 were checked.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::fingerprint::hash_file;
use crate::manifest::MANIFEST;
use crate::{Error, FileEntry, Fingerprint, Manifest, Result, Stage, durable, output};

/// An input directory whose manifest was read and whose kind and format were checked.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    manifest: Manifest,
    fingerprint: Fingerprint,
    checked: Mutex<BTreeSet<String>>,
}

impl Input {
    /// Opens a directory that should be of this kind.
    ///
    /// # Errors
    /// Where it is missing, no directory of the lab, of another kind, of a newer format, or has a manifest that is broken
    /// or not the one that was published.
    pub fn open(path: &Path, kind: Stage) -> Result<Input> {
        let input = Input::open_unchecked(path, kind)?;
        input.check_manifest()?;
        Ok(input)
    }

    /// As [`Input::open`], but takes the manifest as it is; [`Input::check_manifest`] asks later whether it is the one
    /// that was published. For `lang-gen audit` alone, which reads rows before it looks at any hash, so that a row that
    /// was changed together with the manifest is named for what it says.
    ///
    /// # Errors
    /// As [`Input::open`], but for a manifest that is not the one that was published.
    pub fn open_unchecked(path: &Path, kind: Stage) -> Result<Input> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Error::NoManifest {
                    path: path.into(),
                    kind,
                    found: "a file".into(),
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::MissingDirectory {
                    path: path.into(),
                    kind,
                    hint: output::absence_hint(path),
                });
            }
            Err(error) => return Err(Error::io(path, "open it")(error)),
        }
        if !durable::exists(&path.join(MANIFEST))? {
            let found = format!(
                "a directory with {}",
                listed(names(path)?.iter().map(String::as_str))
            );
            return Err(Error::NoManifest {
                path: path.into(),
                kind,
                found,
            });
        }
        let (manifest, fingerprint) = Manifest::read(path, kind)?;
        Ok(Input {
            path: path.into(),
            manifest,
            fingerprint,
            checked: Mutex::default(),
        })
    }

    /// Checks that the manifest is the one that was published: it vouches for every file but itself, and its own hash
    /// stands beside it in run.json. Where that file is gone or says none, nothing is compared.
    ///
    /// # Errors
    /// [`Error::DamagedManifest`].
    pub fn check_manifest(&self) -> Result<()> {
        match output::recorded_fingerprint(&self.path) {
            Some(recorded) if recorded != self.fingerprint => Err(Error::DamagedManifest {
                path: self.path.join(MANIFEST),
                expected: recorded.to_string().into(),
                found: self.fingerprint.to_string().into(),
                cure: self.manifest.kind.cure(&self.path),
            }),
            _ => Ok(()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its fingerprint: the BLAKE3 of its manifest.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Path of one file, after its length and then its BLAKE3 were found as in the manifest; hashed once per `Input`.
    ///
    /// # Errors
    /// Where the manifest does not list it, or it is missing, damaged or not a file.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let entry = self
            .manifest
            .outputs
            .get(name)
            .ok_or_else(|| Error::Unlisted {
                path: self.path.clone(),
                name: name.into(),
                found: listed(self.manifest.outputs.keys().map(String::as_str)),
                tool: self.manifest.kind.tool(),
            })?;
        let path = self.path.join(name);
        if self.checked().contains(name) {
            return Ok(path);
        }
        self.check_length(&path, entry)?;
        let (_, found) = hash_file(&path)?;
        if found != entry.blake3 {
            return Err(self.damaged(
                path,
                format!("BLAKE3 {}", entry.blake3),
                format!("BLAKE3 {found}"),
            ));
        }
        self.checked().insert(name.to_owned());
        Ok(path)
    }

    /// Names of the files that begin with `prefix`, sorted: `files_with_prefix("train-")`.
    pub fn files_with_prefix(&self, prefix: &str) -> Vec<String> {
        self.manifest
            .outputs
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Checks that this directory was made from `other`: that `other` is its input called `role`.
    ///
    /// # Errors
    /// [`Error::Mismatch`], naming both fingerprints and both paths.
    pub fn require_input(&self, role: &str, other: &Input) -> Result<()> {
        let recorded = self.manifest.inputs.get(role);
        if recorded == Some(&other.fingerprint) {
            return Ok(());
        }
        Err(Error::Mismatch {
            path: self.path.clone(),
            kind: self.manifest.kind,
            role: role.into(),
            expected: recorded.map_or("none".into(), |input| input.to_string().into()),
            other: other.path.clone(),
            found: other.fingerprint.to_string().into(),
        })
    }

    /// Checks that every file is there with its length; reads none of them.
    ///
    /// # Errors
    /// [`Error::Damaged`] for the first that is not.
    pub fn check_lengths(&self) -> Result<()> {
        self.manifest
            .outputs
            .iter()
            .try_for_each(|(name, entry)| self.check_length(&self.path.join(name), entry))
    }

    /// Checks every file as [`Input::file`] does.
    ///
    /// # Errors
    /// [`Error::Damaged`] for the first that differs.
    pub fn check_all(&self) -> Result<()> {
        self.manifest
            .outputs
            .keys()
            .try_for_each(|name| self.file(name).map(drop))
    }

    fn check_length(&self, path: &Path, entry: &FileEntry) -> Result<()> {
        let found = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == entry.bytes => return Ok(()),
            Ok(metadata) if metadata.is_file() => format!("{} bytes", metadata.len()),
            Ok(metadata) if metadata.is_dir() => "a directory".into(),
            Ok(_) => "something that is not a file".into(),
            Err(error) if error.kind() == ErrorKind::NotFound => "no file".into(),
            Err(error) => return Err(Error::io(path, "look at it")(error)),
        };
        Err(self.damaged(path.into(), format!("{} bytes", entry.bytes), found))
    }

    fn damaged(&self, path: PathBuf, expected: String, found: String) -> Error {
        Error::Damaged {
            path,
            expected,
            found,
            cure: self.manifest.kind.cure(&self.path),
        }
    }

    fn checked(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names in a directory, sorted.
pub(crate) fn names(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io(path, "list it"))? {
        let entry = entry.map_err(Error::io(path, "list it"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The first few names in quotes, for messages.
pub(crate) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let total = names.len();
    let mut text = names
        .take(SHOWN)
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(", ");
    if total == 0 {
        text.push_str("nothing");
    } else if total > SHOWN {
        text.push_str(&format!(" and {} more", total - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Begin, Output, Request};
    use serde_json::json;

    /// A published TOK directory with one file, made from `lang`.
    fn publish(out: &Path, kind: Stage, inputs: &[(&str, Fingerprint)]) -> Input {
        let begin = Output::begin(Request {
            out,
            force: false,
            resume: false,
            kind,
            tool: kind.tool(),
            configuration: &json!({ "vocab_size": 64 }),
            seeds: Default::default(),
            inputs: inputs
                .iter()
                .map(|&(role, input)| (role.to_owned(), input))
                .collect(),
        });
        let Begin::Fresh(output) = begin.unwrap() else {
            panic!("not fresh")
        };
        std::fs::write(output.path("data.json"), "0123456789").unwrap();
        output.publish(json!({})).unwrap();
        Input::open(out, kind).unwrap()
    }

    fn text(directory: &tempfile::TempDir, error: Error) -> String {
        error
            .to_string()
            .replace(&format!("{}/", directory.path().display()), "")
    }

    #[test]
    fn a_file_is_given_out_only_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("tok");
        publish(&out, Stage::Tok, &[]);
        let open = || Input::open(&out, Stage::Tok).unwrap();
        let file = out.join("data.json");
        assert_eq!(open().file("data.json").unwrap(), file);
        assert_eq!(
            text(&directory, open().file("nothing.json").unwrap_err()),
            "tok: manifest.json lists no \"nothing.json\" (found \"data.json\"); was it written by tok-train?"
        );

        let refused = || text(&directory, open().file("data.json").unwrap_err());
        std::fs::write(&file, "0123X56789").unwrap();
        let tampered = refused();
        let (expected, found) = (
            Fingerprint::of(b"0123456789").to_string(),
            Fingerprint::of(b"0123X56789").to_string(),
        );
        assert_eq!(
            tampered,
            format!(
                "tok/data.json: expected BLAKE3 {expected} as in manifest.json, found BLAKE3 {found}; the file was \
                 damaged or changed: run `tok-train --lang LANG --out {}` again with --force",
                out.display()
            )
            .replace(&format!("{}/", directory.path().display()), "")
        );
        std::fs::write(&file, "0123").unwrap();
        assert!(
            refused().starts_with(
                "tok/data.json: expected 10 bytes as in manifest.json, found 4 bytes;"
            )
        );
        std::fs::remove_file(&file).unwrap();
        assert!(refused().contains("found no file;"));
        std::fs::create_dir(&file).unwrap();
        assert!(refused().contains("found a directory;"));
        assert!(open().check_lengths().is_err() && open().check_all().is_err());
    }

    #[test]
    fn a_file_is_hashed_once() {
        let directory = tempfile::tempdir().unwrap();
        let input = publish(&directory.path().join("tok"), Stage::Tok, &[]);
        let path = input.file("data.json").unwrap();
        std::fs::write(path, "9876543210").unwrap();
        input.file("data.json").unwrap();
    }

    #[test]
    fn only_a_directory_of_the_right_kind_and_format_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let refused =
            |name: &str, kind| text(&directory, Input::open(&at(name), kind).unwrap_err());
        publish(&at("tok"), Stage::Tok, &[]);
        assert_eq!(
            refused("nowhere", Stage::Lang),
            "nowhere: no such directory, expected the output of lang-gen; run `lang-gen --world WORLD.toml --out nowhere`"
        );
        assert_eq!(
            refused("tok", Stage::Lang),
            "tok: expected a language directory (written by lang-gen), found a tokenizer directory (written by \
             tok-train); were two directories swapped?"
        );
        std::fs::create_dir(at("empty")).unwrap();
        assert!(
            refused("empty", Stage::Lang)
                .contains("(with manifest.json), found a directory with nothing;")
        );
        std::fs::write(at("file"), "").unwrap();
        assert!(refused("file", Stage::Lang).contains("found a file;"));
        std::fs::create_dir(at("later.partial")).unwrap();
        assert!(
            refused("later", Stage::Lang).contains("an unfinished run left .partial beside it")
        );

        let manifest = at("tok/manifest.json");
        let good = std::fs::read_to_string(&manifest).unwrap();
        let with = |from: &str, to: &str| {
            assert!(good.contains(from));
            std::fs::write(&manifest, good.replacen(from, to, 1)).unwrap();
            refused("tok", Stage::Tok)
        };
        assert_eq!(
            with("\"format\": 1", "\"format\": 2"),
            "tok: format 2 of a tokenizer directory is newer than this tool reads (up to 1); update the lab, or run \
             `tok-train --lang LANG --out tok` with this version"
        );
        assert!(with("\"kind\": \"tok\"", "\"kind\": \"pot\"").contains("found kind \"pot\";"));
        assert!(with("\"format\": 1", "\"format\": -1").contains("found no format version;"));
        assert!(
            with("\"bytes\": 10", "\"bytes\": -10")
                .contains("tok/manifest.json: expected a manifest of the lab")
        );
        assert!(
            with("data.json", "../data.json")
                .contains("found a file outside the directory: \"../data.json\"")
        );
        assert!(with("{", "").contains("found broken JSON"));
        // What still reads as a manifest is told by its hash in run.json.
        assert!(
            with("\"vocab_size\": 64", "\"vocab_size\": 65").starts_with(&format!(
                "tok/manifest.json: expected BLAKE3 {} as in run.json, found BLAKE3 ",
                Fingerprint::of(good.as_bytes())
            ))
        );
        let unchecked = Input::open_unchecked(&at("tok"), Stage::Tok).unwrap();
        assert!(
            text(&directory, unchecked.check_manifest().unwrap_err()).contains("as in run.json")
        );
        std::fs::remove_file(at("tok/run.json")).unwrap();
        Input::open(&at("tok"), Stage::Tok).unwrap();
        std::fs::write(&manifest, b"\xff\xfe").unwrap();
        assert!(refused("tok", Stage::Tok).contains("found broken JSON"));
        std::fs::write(&manifest, "[".repeat(100_000)).unwrap();
        assert!(refused("tok", Stage::Tok).contains("found broken JSON"));
        std::fs::remove_file(&manifest).unwrap();
        std::fs::create_dir(&manifest).unwrap();
        assert!(refused("tok", Stage::Tok).contains("something that is not a file"));
    }

    #[test]
    fn directories_that_do_not_belong_together_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let lang = publish(&at("lang"), Stage::Lang, &[]);
        let stranger = publish(&at("stranger"), Stage::Model, &[]);
        let tok = publish(&at("tok"), Stage::Tok, &[("lang", *lang.fingerprint())]);
        tok.require_input("lang", &lang).unwrap();
        assert_eq!(
            text(
                &directory,
                tok.require_input("lang", &stranger).unwrap_err()
            ),
            format!(
                "tok: expected inputs that belong together: it was made from lang {}, but stranger is {}; give the \
                 directory it was made from, or run `tok-train --lang LANG --out tok` again with --force",
                lang.fingerprint(),
                stranger.fingerprint()
            )
        );
        assert!(
            text(&directory, tok.require_input("model", &lang).unwrap_err())
                .contains("made from model none")
        );
    }

    #[test]
    fn files_are_found_by_prefix() {
        let directory = tempfile::tempdir().unwrap();
        let input = publish(&directory.path().join("tok"), Stage::Tok, &[]);
        assert_eq!(input.files_with_prefix("da"), ["data.json"]);
        assert!(input.files_with_prefix("train-").is_empty());
    }
}
