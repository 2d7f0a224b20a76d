//! A seal on a directory of working files: their hashes, so that whoever goes on with them later can tell damage.
//!
//! Published directories have a manifest for this; `resume/` has none.

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
    let sums = serde_json::json!(sums(directory)?);
    durable::write_file(&directory.join(SEAL), canonical_json(&sums).as_bytes())
}

/// Checks that a directory's files are those that were sealed.
///
/// # Errors
/// [`Error::BrokenSeal`] where one differs, is missing or is new; [`Error::Io`]; [`Error::Interrupted`].
pub fn check_seal(directory: &Path) -> Result<()> {
    let path = directory.join(SEAL);
    let broken = |found: String| Error::BrokenSeal {
        path: path.clone(),
        found,
    };
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(broken("no seal".into()));
        }
        read => read.map_err(Error::io(&path, "read it"))?,
    };
    let sealed: BTreeMap<String, String> = serde_json::from_slice(&bytes)
        .map_err(|error| broken(format!("no seal that can be read ({error})")))?;
    let found = sums(directory)?;
    let all = sealed.keys().chain(found.keys());
    match all
        .into_iter()
        .find(|name| sealed.get(*name) != found.get(*name))
    {
        None => Ok(()),
        Some(name) => Err(broken(format!("a changed \"{name}\""))),
    }
}

fn sums(directory: &Path) -> Result<BTreeMap<String, String>> {
    names(directory)?
        .into_iter()
        .filter(|name| name != SEAL)
        .map(|name| {
            let (_, sum) = hash_file(&directory.join(&name))?;
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
}
