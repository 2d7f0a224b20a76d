//! Beginning an output: the lock, what a killed run left, fresh or resumed.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::{Begin, CONFIGURATION, LOCK, Output, Places, RESUME, is_same, publish};
use crate::input::names;
use crate::manifest::{MANIFEST, canonical_json, first_difference};
use crate::{Error, Manifest, Result, durable};

pub(super) fn begin(
    places: &Places,
    manifest: Manifest,
    force: bool,
    resume: bool,
) -> Result<Begin> {
    // Without a half-done swap to mend, an existing OUT is judged before anything is touched.
    if !durable::exists(&places.replaced)? && judge_existing(places, &manifest, force, resume)? {
        // What cannot be taken away is in nobody's way either.
        if durable::exists(&places.partial)?
            && let Ok(lock) = take_lock(places)
        {
            sweep(places, lock);
        }
        return Ok(Begin::AlreadyDone);
    }
    let parent = durable::parent(&places.out);
    std::fs::create_dir_all(parent).map_err(Error::io(parent, "create it"))?;
    let Some(lock) = mend_swap(places, &manifest, take_lock(places)?)? else {
        // The partial output became OUT: it is published and judged like any other.
        return begin(places, manifest, force, resume);
    };
    let judged = judge_existing(places, &manifest, force, resume);
    match judged {
        Ok(false) => {}
        Ok(true) => {
            sweep(places, lock);
            return Ok(Begin::AlreadyDone);
        }
        Err(error) => {
            leave(places, lock);
            return Err(error);
        }
    }
    // A kill after the manifest was written, perhaps after the working state was dropped.
    let whole = resume && is_same(&places.partial, &manifest, true).is_ok();
    heed_interrupt()?;
    if whole {
        tracing::info!(
            "{}: was whole, only not yet published",
            places.partial.display()
        );
        publish::rename_into_place(places, force, lock)?;
        return Ok(Begin::AlreadyDone);
    }
    let resumed = prepare(places, &manifest, resume)?;
    durable::remove_file(&places.partial.join(MANIFEST))?;
    let output = Output {
        places: places.clone(),
        manifest,
        force,
        resumed,
        started: SystemTime::now(),
        notes: Map::new(),
        leftover: Leftover(places.partial.clone()),
        lock,
    };
    Ok(if resumed {
        Begin::Resumed(output)
    } else {
        Begin::Fresh(output)
    })
}

/// What an existing OUT means: `true`, it is what was asked for; `false`, it is not there or is to be replaced.
fn judge_existing(places: &Places, manifest: &Manifest, force: bool, resume: bool) -> Result<bool> {
    let Places { out, partial, .. } = places;
    if !durable::exists(out)? || is_empty_directory(out) {
        return Ok(false);
    }
    // Whoever takes it for done takes every byte for good.
    let same = is_same(out, manifest, resume);
    heed_interrupt()?;
    if resume && same.is_ok() {
        // With both flags a replacement that was begun goes on.
        let begun =
            force && read_identity(partial).is_some_and(|there| there == manifest.identity());
        if !begun {
            // A kill between the rename and the deletion of the lock leaves it.
            durable::remove_file(&out.join(LOCK))?;
            return Ok(true);
        }
    }
    let found = match same {
        Ok(()) => "the whole output of the same configuration (--resume accepts it)".to_owned(),
        Err(found) => found,
    };
    // --force deletes directories of the same kind only, whatever their configuration, version or damage; one whose
    // manifest cannot be read may be anybody's.
    let replaceable = matches!(
        Manifest::read(out, manifest.kind),
        Ok(_) | Err(Error::NewerFormat { .. })
    );
    let path = out.clone();
    match (force, replaceable) {
        (true, true) => Ok(false),
        (true, false) => Err(Error::NotReplaceable {
            path,
            kind: manifest.kind,
            found,
        }),
        (false, _) => Err(Error::Exists {
            path,
            found,
            replaceable,
        }),
    }
}

/// Whether it is a directory with nothing in it, as `mktemp -d` makes: as good as none.
pub(super) fn is_empty_directory(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| there.is_dir())
        && names(path).is_ok_and(|names| names.is_empty())
}

/// Takes the lock of `OUT.partial`, creating both.
fn take_lock(places: &Places) -> Result<File> {
    let Places { out, partial, .. } = places;
    let path = places.lock();
    // Each turn lost means that another process published or left between two of our steps.
    for _ in 0..100 {
        match std::fs::create_dir(partial) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::io(partial, "create it")(error));
            }
            _ => {}
        }
        check_ours(partial)?;
        let file = match File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
        {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => opened.map_err(Error::io(&path, "open it"))?,
        };
        match file.try_lock() {
            Ok(()) if is_file_at(&file, &path)? => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked {
                    path: out.clone(),
                    lock: path,
                });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, "lock it")(error)),
        }
    }
    Err(Error::Locked {
        path: out.clone(),
        lock: path,
    })
}

/// Refuses a directory that happens to be called `OUT.partial` and that no stage made.
fn check_ours(partial: &Path) -> Result<()> {
    let names = match names(partial) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    if names.is_empty()
        || names
            .iter()
            .any(|name| name == LOCK || name == CONFIGURATION)
    {
        return Ok(());
    }
    let found = crate::input::listed(names.iter().map(String::as_str));
    Err(Error::BadPath {
        path: partial.into(),
        found: format!(
            "{found}, which no stage of the lab left there: it would be deleted; move it away"
        ),
    })
}

/// Whether the path still names the open file: else its directory was published or deleted meanwhile.
#[cfg(unix)]
fn is_file_at(file: &File, path: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata().map_err(Error::io(path, "look at it"))?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path, "look at it")(error)),
    }
}

/// Elsewhere an open file cannot be renamed or deleted, so the path names it while it exists.
#[cfg(not(unix))]
fn is_file_at(_: &File, path: &Path) -> Result<bool> {
    durable::exists(path)
}

/// Gives up the lock beside an output that is done. Deletes what nobody can go on with: a process killed before it had
/// written what its partial output belongs to.
fn sweep(places: &Places, lock: File) {
    if read_identity(&places.partial).is_none() {
        clear(&places.partial).ok();
    }
    leave(places, lock);
}

/// Gives up the lock, and the directory where nothing else is in it.
fn leave(places: &Places, lock: File) {
    if names(&places.partial).is_ok_and(|names| names == [LOCK]) {
        // What stays behind is an empty directory with a lock that nobody holds; the next run takes it.
        durable::remove_file(&places.lock()).ok();
        std::fs::remove_dir(&places.partial).ok();
    }
    drop(lock);
}

/// What is left in `OUT.partial` when its [`Output`] is dropped: without any work in it, it is deleted.
#[derive(Debug)]
pub(super) struct Leftover(PathBuf);

impl Leftover {
    /// From here on the directory may be another process's.
    pub(super) fn published(self) {
        std::mem::forget(self);
    }
}

impl Drop for Leftover {
    /// The lock is still held.
    fn drop(&mut self) {
        let Leftover(partial) = self;
        let is_work = |name: &String| match name.as_str() {
            LOCK | CONFIGURATION => false,
            RESUME => !is_empty_directory(&partial.join(RESUME)),
            _ => true,
        };
        if names(partial).is_ok_and(|names| !names.iter().any(is_work)) {
            // The lock last, and nothing that others may have put there since.
            durable::remove_file(&partial.join(CONFIGURATION)).ok();
            std::fs::remove_dir(partial.join(RESUME)).ok();
            durable::remove_file(&partial.join(LOCK)).ok();
            std::fs::remove_dir(partial).ok();
        } else if command::check_interrupt().is_err() {
            tracing::info!(
                "{}: the same command with --resume goes on from here",
                partial.display()
            );
        }
    }
}

/// Completes or undoes a swap of `--force` that was killed; gives the lock back, or none where the partial output
/// is now OUT.
fn mend_swap(places: &Places, manifest: &Manifest, lock: File) -> Result<Option<File>> {
    let Places {
        out,
        partial,
        replaced,
    } = places;
    if !durable::exists(replaced)? {
        return Ok(Some(lock));
    }
    if durable::exists(out)? {
        durable::remove_directory(replaced)?;
        return Ok(Some(lock));
    }
    let whole = |path: &Path| {
        crate::Input::open(path, manifest.kind)
            .and_then(|input| input.check_all())
            .is_ok()
    };
    let completed = whole(partial);
    heed_interrupt()?;
    if completed {
        tracing::info!("{}: completing an interrupted --force", out.display());
        publish::drop_working_state(places)?;
        publish::rename_partial(places, lock)?;
        durable::remove_directory(replaced)?;
        return Ok(None);
    }
    tracing::info!(
        "{}: restoring the old output after an interrupted --force",
        out.display()
    );
    durable::rename(replaced, out)?;
    durable::sync_directory(durable::parent(out))?;
    Ok(Some(lock))
}

/// An interrupt that cut a check short must not pass for damage.
fn heed_interrupt() -> Result<()> {
    command::check_interrupt().map_err(Error::Interrupted)
}

/// Readies `OUT.partial`; `true` where it holds what an earlier run of the same configuration left.
fn prepare(places: &Places, manifest: &Manifest, resume: bool) -> Result<bool> {
    let Places { partial, .. } = places;
    let shown = partial.display();
    let wanted = manifest.identity();
    let left = names(partial)?.iter().any(|name| name != LOCK);
    if resume && left {
        match read_identity(partial).map(|there| first_difference(&there, &wanted)) {
            Some(None) => {
                tracing::info!("{shown}: going on where the earlier run stopped");
                return Ok(true);
            }
            Some(Some(difference)) => tracing::warn!(
                "{shown}: the unfinished output is of another configuration ({difference}); it is deleted, starting afresh"
            ),
            None => tracing::warn!(
                "{shown}: the unfinished output has no readable {CONFIGURATION}; it is deleted, starting afresh"
            ),
        }
    } else if resume {
        tracing::info!("{shown}: nothing to resume, starting afresh");
    } else if left {
        tracing::info!(
            "{shown}: deleting what an unfinished run left (--resume would have gone on with it)"
        );
    }
    clear(partial)?;
    durable::write_file(
        &partial.join(CONFIGURATION),
        canonical_json(&wanted).as_bytes(),
    )?;
    Ok(false)
}

/// Deletes everything but the lock; the manifest first, so that half of it never looks whole.
fn clear(partial: &Path) -> Result<()> {
    let there = names(partial)?;
    let is_said_first = |name: &&String| [MANIFEST, CONFIGURATION].contains(&name.as_str());
    let (first, rest): (Vec<_>, Vec<_>) = there.iter().partition(is_said_first);
    for name in first.into_iter().chain(rest).filter(|name| *name != LOCK) {
        let path = partial.join(name);
        let metadata = std::fs::symlink_metadata(&path).map_err(Error::io(&path, "look at it"))?;
        if metadata.is_dir() {
            durable::remove_directory(&path)?;
        } else {
            durable::remove_file(&path)?;
        }
    }
    Ok(())
}

/// What the partial output belongs to; `None` where that cannot be read.
fn read_identity(partial: &Path) -> Option<Value> {
    let bytes = std::fs::read(partial.join(CONFIGURATION)).ok()?;
    serde_json::from_slice(&bytes).ok()
}
