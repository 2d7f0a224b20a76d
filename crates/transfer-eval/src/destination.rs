//! Where `transfer-eval aggregate --out` may write: where nothing is lost that nobody gave away.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use corpus::Stage;

/// Checks that a Parquet file may be written at `out`, before any work is done for it. `force`: a file that is there is
/// to be replaced.
///
/// # Errors
/// A directory, or another thing that is no file; a path inside a directory of the lab, even with `force`; an existing
/// file without it; a path whose directory is not there.
pub fn check(out: &Path, force: bool) -> Result<()> {
    let path = out.display();
    let wanted = "expected the path of a Parquet file to write";
    ensure!(!out.is_dir(), "{path}: {wanted}, found a directory");
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    ensure!(
        parent.is_dir(),
        "{path}: {wanted}, found no directory {}; make it, or choose another --out",
        parent.display()
    );
    let real = fs::canonicalize(parent).with_context(|| parent.display().to_string())?;
    if let Some(lab) = lab_directory(parent, &real) {
        bail!(
            "{path}: expected a path outside a directory of the lab, found one inside {}; choose another --out",
            lab.display()
        );
    }
    let metadata = match fs::symlink_metadata(out) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| path.to_string()),
    };
    let found = match metadata.file_type() {
        kind if kind.is_file() => "a file",
        kind if kind.is_symlink() => "a link",
        _ => bail!("{path}: {wanted}, found something that is not a file"),
    };
    ensure!(
        force,
        "{path}: expected nothing there, found {found}; pass --force to replace it, or choose another --out"
    );
    Ok(())
}

/// The directory of the lab that `parent` is or lies in, as a checkpoint lies in MODEL; `real`: `parent` in full.
fn lab_directory<'a>(parent: &'a Path, real: &'a Path) -> Option<&'a Path> {
    if parent.join("manifest.json").exists() {
        return Some(parent);
    }
    // Others write manifests too: further up, only one that names a stage of the lab counts.
    let mut above = real.ancestors().skip(1);
    above.find(|above| Stage::stated_in(above).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_free_path_outside_the_labs_directories_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("model/checkpoints/step-000001")).unwrap();
        fs::write(at("model/manifest.json"), r#"{"kind": "model"}"#).unwrap();
        fs::create_dir_all(at("page/notes")).unwrap();
        fs::write(at("page/manifest.json"), r#"{"kind": "page"}"#).unwrap();
        fs::write(at("precious.txt"), "mine").unwrap();
        let said = |name: &str, force: bool| {
            let place = format!("{}/", root.path().display());
            let error = check(&at(name), force).err()?;
            Some(error.to_string().replace(&place, ""))
        };

        assert_eq!(said("new.parquet", false), None);
        assert_eq!(said("page/notes/new.parquet", false), None);
        assert_eq!(said("precious.txt", true), None);
        let exists = "precious.txt: expected nothing there, found a file; pass --force to replace it, or choose another --out";
        assert_eq!(said("precious.txt", false).as_deref(), Some(exists));
        let directory =
            "model: expected the path of a Parquet file to write, found a directory".to_owned();
        assert_eq!(said("model", true), Some(directory));
        let inside = "model/x.parquet: expected a path outside a directory of the lab, found one inside model; choose another --out";
        assert_eq!(said("model/x.parquet", true).as_deref(), Some(inside));
        let deeper = said("model/checkpoints/step-000001/model.safetensors", true).unwrap();
        assert!(
            deeper.contains("outside a directory of the lab"),
            "{deeper}"
        );
        let nowhere = said("nowhere/x.parquet", true).unwrap();
        assert!(nowhere.contains("found no directory nowhere;"), "{nowhere}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced_and_a_link_only_when_forced() {
        let error = check(Path::new("/dev/null"), true).unwrap_err();
        assert!(error.to_string().ends_with("something that is not a file"));
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("link.parquet");
        std::os::unix::fs::symlink("nothing", &link).unwrap();
        let error = check(&link, false).unwrap_err().to_string();
        assert!(error.contains("found a link; pass --force"), "{error}");
        assert!(check(&link, true).is_ok());
    }
}
