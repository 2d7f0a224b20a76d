//! What vouches for a file's bytes, and what makes its checksums fit again.

use std::path::Path;

use anyhow::Result;

use crate::directory::reseal;

/// What vouches for a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// The manifest of its directory, itself vouched for by those of later stages.
    Manifest(&'static [&'static str]),
    /// BLAKE3 in its last 32 bytes: model-train's resume state.
    Tail,
    /// BLAKE3 at bytes 8 to 40, over the rest: prepared text.
    Head,
    /// The seal of its folder: transfer-eval's resume state.
    Folder,
    /// The hash of its folder in `resume/`, which nobody could mend but the run itself.
    Resume,
    /// Nothing: people write it, or it may be lost without harm.
    None,
}

impl Seal {
    /// Makes the checksums of a changed file fit.
    pub fn mend(self, root: &Path, name: &str) -> Result<()> {
        let path = root.join(name);
        match self {
            Seal::Manifest(roles) => {
                let file = name.split_once('/').map_or(name, |(_, file)| file);
                reseal(root, roles, file)
            }
            Seal::Tail => {
                let Ok(mut bytes) = std::fs::read(&path) else {
                    return Ok(());
                };
                bytes.truncate(bytes.len().saturating_sub(32));
                let hash = blake3::hash(&bytes);
                bytes.extend_from_slice(hash.as_bytes());
                Ok(std::fs::write(&path, bytes)?)
            }
            Seal::Head => {
                let Ok(mut bytes) = std::fs::read(&path) else {
                    return Ok(());
                };
                if bytes.len() >= 88 {
                    let mut hasher = blake3::Hasher::new();
                    hasher.update(&bytes[88..]).update(&bytes[40..88]);
                    bytes[8..40].copy_from_slice(hasher.finalize().as_bytes());
                }
                Ok(std::fs::write(&path, bytes)?)
            }
            Seal::Folder => {
                // A directory in the file's place cannot be sealed.
                path.parent().map(corpus::seal).transpose().ok();
                Ok(())
            }
            Seal::Resume | Seal::None => Ok(()),
        }
    }
}
