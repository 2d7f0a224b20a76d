//! BLAKE3 of manifests and files.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Bytes read and hashed at a time, and the most held in memory for one file.
const CHUNK_BYTES: usize = 8 << 20;

/// What tells one directory from another: the BLAKE3 of its `manifest.json`, written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint([u8; blake3::OUT_LEN]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Fingerprint {
        Fingerprint(*blake3::hash(bytes).as_bytes())
    }

    /// The first 12 digits, for tables and file names; use the whole one to compare.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

/// Not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a fingerprint of 64 hexadecimal digits, found \"{0}\"")]
pub struct BadFingerprint(String);

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        blake3::Hash::from_hex(text)
            .map(|hash| Fingerprint(*hash.as_bytes()))
            .map_err(|_| BadFingerprint(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = BadFingerprint;

    fn try_from(text: String) -> Result<Self, BadFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        fingerprint.to_string()
    }
}

/// Length in bytes and BLAKE3 in hexadecimal of a file, read in chunks, each hashed on all threads of the rayon pool.
/// A signal is heeded between chunks: inputs may have many gigabytes.
pub(crate) fn hash_file(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::io(path, "open it"))?;
    let length = file
        .metadata()
        .map_err(Error::io(path, "read its length"))?
        .len();
    let mut buffer =
        vec![0; CHUNK_BYTES.min(usize::try_from(length).unwrap_or(CHUNK_BYTES).max(1))];
    let mut hasher = blake3::Hasher::new();
    let mut total = 0;
    loop {
        command::check_interrupt().map_err(Error::Interrupted)?;
        let read = fill(&mut file, &mut buffer).map_err(Error::io(path, "read it"))?;
        if read == 0 {
            break;
        }
        // Below some 128 KiB the threads cost more than they give (BLAKE3's own advice).
        if read < 128 << 10 {
            hasher.update(&buffer[..read]);
        } else {
            hasher.update_rayon(&buffer[..read]);
        }
        total += read as u64;
    }
    Ok((total, hasher.finalize().to_hex().to_string()))
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BLAKE3 of the empty input, from the reference test vectors.
    const EMPTY: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    #[test]
    fn fingerprints_are_blake3_in_hexadecimal() {
        let fingerprint = Fingerprint::of(b"");
        assert_eq!(fingerprint.to_string(), EMPTY);
        assert_eq!(EMPTY.parse(), Ok(fingerprint));
        assert_eq!(fingerprint.short(), "af1349b9f5f9");
        assert_eq!(
            serde_json::to_string(&fingerprint).unwrap(),
            format!("\"{EMPTY}\"")
        );
        for bad in [
            "",
            "af13",
            &EMPTY[1..],
            "zz1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_is_hashed_in_chunks_as_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        // Two whole chunks and three bytes: every branch of the loop.
        let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 3).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let expected = Fingerprint::of(&bytes).to_string();
        assert_eq!(hash_file(&path).unwrap(), (bytes.len() as u64, expected));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(hash_file(&path).unwrap(), (0, EMPTY.to_owned()));
    }
}
