//! What the fuzz targets share: the bytes as a file, for loaders that read files.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A directory of this process, in memory where the system has such a place.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<(PathBuf, tempfile::TempDir)> = OnceLock::new();
    let (path, _) = DIRECTORY.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let made = made.expect("a temporary directory can be made");
        (made.path().to_owned(), made)
    });
    path
}

/// Writes `bytes` as the file `name` of [`directory`].
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory().join(name);
    std::fs::write(&path, bytes).expect("the file can be written");
    path
}

/// Makes sure that [`directory`] has no file `name`.
pub fn no_file(name: &str) {
    match std::fs::remove_file(directory().join(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            panic!("{name} can be removed: {error}")
        }
        _ => {}
    }
}
