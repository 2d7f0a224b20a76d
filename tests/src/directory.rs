//! A stage's directory as bytes: what torture compares before and after.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use corpus::{Fingerprint, Input, Stage};

/// Hash of every file by path relative to the directory, but those that hold clocks, hosts and speeds.
pub type Tree = BTreeMap<String, Fingerprint>;

/// Files that are neither fingerprinted nor compared.
const UNCOMPARED: [&str; 2] = ["run.json", "timing.parquet"];

const MANIFEST: &str = "manifest.json";

/// Reads a directory.
///
/// # Errors
/// What the system says of a file that cannot be read.
pub fn tree(directory: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    walk(directory, "", &mut tree)?;
    tree.retain(|name, _| !UNCOMPARED.contains(&name.as_str()));
    Ok(tree)
}

fn walk(directory: &Path, prefix: &str, tree: &mut Tree) -> Result<()> {
    let place = || directory.display().to_string();
    for entry in std::fs::read_dir(directory).with_context(place)? {
        let entry = entry.with_context(place)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().with_context(place)?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), tree)?;
        } else {
            let bytes = std::fs::read(entry.path()).with_context(place)?;
            tree.insert(name, Fingerprint::of(&bytes));
        }
    }
    Ok(())
}

/// Checks that a directory is whole and one of `allowed`; says which.
///
/// # Errors
/// Where it is damaged, has files too many or too few, or other bytes.
pub fn require_one_of(directory: &Path, kind: Stage, allowed: &[&Tree]) -> Result<usize> {
    Input::open(directory, kind)?.check_all()?;
    let found = tree(directory)?;
    if let Some(place) = allowed.iter().position(|tree| **tree == found) {
        return Ok(place);
    }
    let nearest = allowed.last().copied().cloned().unwrap_or_default();
    let differs = first_difference(&nearest, &found);
    anyhow::bail!("{}: other bytes: {differs}", directory.display())
}

/// The first file that is missing, new or different.
pub fn first_difference(expected: &Tree, found: &Tree) -> String {
    let names = expected.keys().chain(found.keys());
    for name in names {
        match (expected.get(name), found.get(name)) {
            (Some(_), None) => return format!("{name} is missing"),
            (None, Some(_)) => return format!("{name} should not be there"),
            (a, b) if a != b => return format!("{name} differs"),
            _ => {}
        }
    }
    "no difference".into()
}

/// Copies a directory with everything in it.
///
/// # Errors
/// What the system says.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let place = || format!("{} to {}", from.display(), to.display());
    std::fs::create_dir_all(to).with_context(place)?;
    for entry in std::fs::read_dir(from).with_context(place)? {
        let entry = entry.with_context(place)?;
        let target = to.join(entry.file_name());
        if entry.file_type().with_context(place)?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(place)?;
        }
    }
    Ok(())
}

/// Deletes whatever is at a path, if anything is.
///
/// # Errors
/// What the system says.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.with_context(|| path.display().to_string())
}

/// Makes manifests say again what lies in their directories, so that parsers see a changed file: the entry of
/// `changed`, a file of `roles[0]`, then the fingerprints by which later directories name earlier ones.
/// `roles` are names of sibling directories under `root` that are their own roles (`lang`, `tok`, `model`, `eval`).
///
/// # Errors
/// Where a manifest cannot be read or written.
pub fn reseal(root: &Path, roles: &[&str], changed: &str) -> Result<()> {
    let Some((first, later)) = roles.split_first() else {
        return Ok(());
    };
    if changed == MANIFEST {
        let Ok(bytes) = std::fs::read(root.join(first).join(MANIFEST)) else {
            return Ok(());
        };
        return rename(root, first, later, Fingerprint::of(&bytes));
    }
    let fingerprint = edit(root, first, |manifest| {
        let Ok(bytes) = std::fs::read(root.join(first).join(changed)) else {
            // A file that is gone, or a directory in its place: the manifest says what it said.
            return;
        };
        manifest["outputs"][changed] = serde_json::json!({
            "bytes": bytes.len(),
            "blake3": Fingerprint::of(&bytes).to_string(),
        });
    })?;
    rename(root, first, later, fingerprint)
}

/// Tells a directory's `run.json` and the manifests of later directories its fingerprint, and theirs.
fn rename(root: &Path, first: &str, later: &[&str], fingerprint: Fingerprint) -> Result<()> {
    record(&root.join(first), &fingerprint)?;
    let mut known = vec![(first.to_owned(), fingerprint)];
    for role in later {
        let fingerprint = edit(root, role, |manifest| {
            for (name, fingerprint) in &known {
                if manifest["inputs"].get(name).is_some() {
                    manifest["inputs"][name] = fingerprint.to_string().into();
                }
            }
        })?;
        record(&root.join(role), &fingerprint)?;
        known.push(((*role).to_owned(), fingerprint));
    }
    Ok(())
}

/// Puts a fingerprint into `run.json`, where that is.
fn record(directory: &Path, fingerprint: &Fingerprint) -> Result<()> {
    let path = directory.join("run.json");
    let Ok(bytes) = std::fs::read(&path) else {
        return Ok(());
    };
    let mut run: serde_json::Value = serde_json::from_slice(&bytes)?;
    run["fingerprint"] = fingerprint.to_string().into();
    std::fs::write(&path, corpus::canonical_json(&run)).with_context(|| path.display().to_string())
}

fn edit(
    root: &Path,
    role: &str,
    change: impl FnOnce(&mut serde_json::Value),
) -> Result<Fingerprint> {
    let path = root.join(role).join(MANIFEST);
    let place = || path.display().to_string();
    let mut manifest =
        serde_json::from_slice(&std::fs::read(&path).with_context(place)?).with_context(place)?;
    change(&mut manifest);
    let text = corpus::canonical_json(&manifest);
    std::fs::write(&path, &text).with_context(place)?;
    Ok(Fingerprint::of(text.as_bytes()))
}

/// Checks that nothing lies beside `out` that an interrupted run left.
///
/// # Errors
/// Names what is there.
pub fn require_nothing_beside(out: &Path) -> Result<()> {
    for ending in ["partial", "replaced"] {
        let beside = std::path::PathBuf::from(format!("{}.{ending}", out.display()));
        ensure!(!beside.exists(), "{}: left behind", beside.display());
    }
    Ok(())
}
