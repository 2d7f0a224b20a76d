//! Changes to the disk that survive a crash: write beside, sync, rename, sync the directory.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::manifest::MANIFEST;
use crate::{Error, Result};

/// Ending of files that are not whole yet; publishing deletes them.
pub(crate) const UNFINISHED: &str = ".tmp";

/// `dir/name` → `dir/name.tmp`.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

/// Writes `bytes` to `path` so that at any moment, also after a crash, it holds the old content or the new one, whole.
///
/// # Errors
/// [`Error::Io`] where the disk is full or the directory cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = unfinished(path);
    let mut file = File::create(&beside).map_err(Error::io(&beside, "create it"))?;
    file.write_all(bytes)
        .map_err(Error::io(&beside, "write it"))?;
    finish(&file, &beside, path)
}

/// Syncs `file`, written at `beside`, and renames it to `path`.
pub(crate) fn finish(file: &File, beside: &Path, path: &Path) -> Result<()> {
    file.sync_all()
        .map_err(Error::io(beside, "sync it to disk"))?;
    rename(beside, path)?;
    sync_directory(parent(path))
}

/// The directory that holds `path`: `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(Error::io(to, "rename the finished output to it"))
}

/// Elsewhere than on Unix only a file that is open for writing can be synced.
pub(crate) fn sync_file(path: &Path) -> Result<()> {
    File::options()
        .read(true)
        .write(cfg!(not(unix)))
        .open(path)
        .and_then(|file| file.sync_all())
        .map_err(Error::io(path, "sync it to disk"))
}

/// Makes renames and creations in a directory durable. Elsewhere than on Unix directories cannot be opened; the system
/// does what it does.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    if cfg!(unix) { sync_file(path) } else { Ok(()) }
}

/// Whether anything is there, a broken link included.
pub(crate) fn exists(path: &Path) -> Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path, "look at it")(error)),
    }
}

pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io(path, "delete it")(error))
        }
        _ => Ok(()),
    }
}

/// Deletes a directory, its manifest first, so that half of it never looks whole. A link is deleted, not what it
/// points to.
pub(crate) fn remove_directory(path: &Path) -> Result<()> {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    if is_link {
        return remove_file(path);
    }
    if exists(path)? {
        remove_file(&path.join(MANIFEST))?;
    }
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io(path, "delete it")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        write_file(&path, b"old").unwrap();
        write_file(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_path() {
        let error = write_file(Path::new("/no such directory/x"), b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "/no such directory/x.tmp: cannot create it"
        );
    }

    #[test]
    fn a_bare_name_lies_in_the_current_directory() {
        assert_eq!(parent(Path::new("lang")), Path::new("."));
        assert_eq!(parent(Path::new("out/lang")), Path::new("out"));
        assert_eq!(parent(Path::new("/lang")), Path::new("/"));
    }
}
