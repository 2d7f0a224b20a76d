//! A seal on a directory of working files: their hashes, so that whoever goes on with them later can tell damage.
//!
//! Published directories have a manifest for this; `resume/` has none. What is to be published but not yet in a manifest
//! has its seal in `resume/` ([`crate::Output::seal`]).

use std::collections::BTreeMap;
use std::path::Path;

use crate::fingerprint::hash_file;
use crate::input::names;
use crate::manifest::canonical_json;
use crate::{Error, Result, durable};

/// Name of the seal in a sealed directory.
const SEAL: &str = "seal.json";

/// Writes the hashes of a directory's files (no directories in it) into `seal.json` beside them.
///
/// # Errors
/// [`Error::Io`]; [`Error::Interrupted`].
pub fn seal(directory: &Path) -> Result<()> {
    seal_at(directory, &directory.join(SEAL))
}

/// As [`seal`], into a file that may lie elsewhere: for a directory that is published as it is.
pub(crate) fn seal_at(directory: &Path, seal: &Path) -> Result<()> {
    let sums = serde_json::json!(sums(directory, seal)?);
    durable::write_file(seal, canonical_json(&sums).as_bytes())
}

/// Checks that a directory's files are those that were sealed.
///
/// # Errors
/// [`Error::BrokenSeal`] where one differs, is missing or is new; [`Error::Io`]; [`Error::Interrupted`].
pub fn check_seal(directory: &Path) -> Result<()> {
    check_seal_at(directory, &directory.join(SEAL))
}

/// As [`check_seal`], with a seal written by [`seal_at`].
pub(crate) fn check_seal_at(directory: &Path, seal: &Path) -> Result<()> {
    let broken = |found: String| Error::BrokenSeal {
        path: seal.into(),
        found,
    };
    let bytes = match std::fs::read(seal) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(broken("no seal".into()));
        }
        read => read.map_err(Error::io(seal, "read it"))?,
    };
    let sealed: BTreeMap<String, String> = serde_json::from_slice(&bytes)
        .map_err(|error| broken(format!("no seal that can be read ({error})")))?;
    let found = sums(directory, seal)?;
    let all = sealed.keys().chain(found.keys());
    match all
        .into_iter()
        .find(|name| sealed.get(*name) != found.get(*name))
    {
        None => Ok(()),
        Some(name) => Err(broken(format!("a changed \"{name}\""))),
    }
}

/// The hashes of a directory's files but the seal.
fn sums(directory: &Path, seal: &Path) -> Result<BTreeMap<String, String>> {
    names(directory)?
        .into_iter()
        .map(|name| (directory.join(&name), name))
        .filter(|(path, _)| path != seal)
        .map(|(path, name)| {
            let (_, sum) = hash_file(&path)?;
            Ok((name, sum))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_tells_changes() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("a"), "1").unwrap();
        std::fs::write(at("b"), "2").unwrap();
        let check = || check_seal(directory.path()).map_err(|error| error.to_string());
        assert!(check().unwrap_err().contains("found no seal"));
        seal(directory.path()).unwrap();
        check().unwrap();
        std::fs::write(at("b"), "3").unwrap();
        assert!(check().unwrap_err().contains("found a changed \"b\""));
        std::fs::write(at("b"), "2").unwrap();
        std::fs::write(at("c"), "").unwrap();
        assert!(check().unwrap_err().contains("found a changed \"c\""));
        std::fs::remove_file(at("c")).unwrap();
        std::fs::remove_file(at("a")).unwrap();
        assert!(check().unwrap_err().contains("found a changed \"a\""));
        std::fs::write(at("seal.json"), "{").unwrap();
        assert!(
            check()
                .unwrap_err()
                .contains("found no seal that can be read")
        );
    }

    #[test]
    fn a_seal_may_lie_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let sealed = directory.path().join("step");
        std::fs::create_dir(&sealed).unwrap();
        std::fs::write(sealed.join("a"), "1").unwrap();
        let seal = directory.path().join("step.seal.json");
        seal_at(&sealed, &seal).unwrap();
        assert_eq!(names(&sealed).unwrap(), ["a"]);
        let check = || check_seal_at(&sealed, &seal).map_err(|error| error.to_string());
        check().unwrap();
        // A file of the name that a seal has inside is a file like any other.
        std::fs::write(sealed.join(SEAL), "").unwrap();
        assert!(
            check()
                .unwrap_err()
                .contains("found a changed \"seal.json\"")
        );
        std::fs::remove_file(sealed.join(SEAL)).unwrap();
        std::fs::write(sealed.join("a"), "2").unwrap();
        assert!(check().unwrap_err().contains("found a changed \"a\""));
        std::fs::remove_file(&seal).unwrap();
        assert!(check().unwrap_err().contains("found no seal"));
    }
}
