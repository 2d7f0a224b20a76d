//! Ending an output: manifest last, everything synced, then the rename.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::partial::is_empty_directory;
use super::{CONFIGURATION, LOCK, Output, Places, RESUME, RUN, TIMING};
use crate::durable::{self, UNFINISHED};
use crate::fingerprint::hash_file;
use crate::input::names;
use crate::manifest::{MANIFEST, canonical_json};
use crate::{Error, FileEntry, Fingerprint, Result};

pub(super) fn publish(mut output: Output, measured: Value) -> Result<Fingerprint> {
    let Places { partial, .. } = output.places.clone();
    let mut found = Found::default();
    walk(&partial, "", &mut found)?;

    let hashed: Vec<(String, FileEntry)> = found
        .files
        .into_par_iter()
        .map(|name| {
            let path = partial.join(&name);
            let (bytes, blake3) = hash_file(&path)?;
            durable::sync_file(&path)?;
            Ok((name, FileEntry { bytes, blake3 }))
        })
        .collect::<Result<_>>()?;
    output.manifest.outputs = hashed.into_iter().collect::<BTreeMap<_, _>>();
    output.manifest.measured = measured;

    let timing = partial.join(TIMING);
    if durable::exists(&timing)? {
        durable::sync_file(&timing)?;
    }
    let text = output.manifest.to_json();
    let fingerprint = Fingerprint::of(text.as_bytes());
    durable::write_file(
        &partial.join(RUN),
        canonical_json(&run_record(&output, &fingerprint)).as_bytes(),
    )?;
    found
        .directories
        .iter()
        .try_for_each(|path| durable::sync_directory(path))?;
    durable::write_file(&partial.join(MANIFEST), text.as_bytes())?;

    output.leftover.published();
    rename_into_place(&output.places, output.force, output.lock)?;
    Ok(fingerprint)
}

/// Renames a partial output that has its manifest to OUT, and gives up the lock.
pub(super) fn rename_into_place(places: &Places, force: bool, lock: File) -> Result<()> {
    let Places { out, replaced, .. } = places;
    let is_empty = is_empty_directory(out);
    let occupied = durable::exists(out)? && !is_empty;
    if occupied && !force {
        return Err(Error::Exists {
            path: out.clone(),
            found: "something that appeared while it was written".into(),
            replaceable: true,
        });
    }
    drop_working_state(places)?;
    if is_empty {
        std::fs::remove_dir(out).map_err(Error::io(out, "replace it"))?;
    }
    if occupied {
        durable::rename(out, replaced)?;
        durable::sync_directory(durable::parent(out))?;
    }
    rename_partial(places, lock)?;
    if occupied {
        durable::remove_directory(replaced)?;
    }
    Ok(())
}

/// Renames OUT.partial to OUT. The lock is held, and lies inside, until that is done, so that no other process takes the
/// partial directory for abandoned; elsewhere than on Unix no directory with an open file can be renamed, and the lock is
/// given up just before.
pub(super) fn rename_partial(places: &Places, lock: File) -> Result<()> {
    let Places { out, partial, .. } = places;
    let held = cfg!(unix).then_some(lock);
    durable::rename(partial, out)?;
    durable::remove_file(&out.join(LOCK))?;
    durable::sync_directory(durable::parent(out))?;
    drop(held);
    Ok(())
}

/// Deletes what serves only the work: resume state and the note of what the partial output belongs to.
pub(super) fn drop_working_state(places: &Places) -> Result<()> {
    durable::remove_directory(&places.partial.join(RESUME))?;
    durable::remove_file(&places.partial.join(CONFIGURATION))?;
    durable::sync_directory(&places.partial)
}

#[derive(Default)]
struct Found {
    /// Files to publish, relative with `/`.
    files: Vec<String>,
    /// Directories to sync, the inner ones first.
    directories: Vec<PathBuf>,
}

/// Collects what is published. Unfinished files of a killed run are deleted; links are refused, because what they point
/// to is not ours to vouch for.
fn walk(directory: &Path, prefix: &str, found: &mut Found) -> Result<()> {
    let own = [MANIFEST, RUN, TIMING, LOCK, CONFIGURATION, RESUME];
    for name in names(directory)? {
        if prefix.is_empty() && own.contains(&name.as_str()) {
            continue;
        }
        let path = directory.join(&name);
        let metadata = std::fs::symlink_metadata(&path).map_err(Error::io(&path, "look at it"))?;
        if metadata.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), found)?;
        } else if !metadata.is_file() {
            return Err(Error::BadPath {
                path,
                found: "a link or special file inside it, expected files".into(),
            });
        } else if name.ends_with(UNFINISHED) {
            durable::remove_file(&path)?;
        } else {
            found.files.push(format!("{prefix}{name}"));
        }
    }
    found.directories.push(directory.into());
    Ok(())
}

/// Clock, host, path and command line of the run, and the fingerprint, by which damage to the manifest is told.
fn run_record(output: &Output, fingerprint: &Fingerprint) -> Value {
    let mut record = output.notes.clone();
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let directory = std::env::current_dir()
        .map(|path| path.display().to_string())
        .ok();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok();
    let own = json!({
        "command": arguments,
        "fingerprint": fingerprint.to_string(),
        "directory": directory,
        "host": host,
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "threads": rayon::current_num_threads(),
        "resumed": output.resumed,
        "started_unix_seconds": unix_seconds(output.started),
        "finished_unix_seconds": unix_seconds(SystemTime::now()),
    });
    if let Value::Object(own) = own {
        record.extend(own);
    }
    record.into()
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
