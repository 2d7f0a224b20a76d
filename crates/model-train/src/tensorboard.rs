//! TensorBoard event files: length, masked CRC-32C, a protobuf `Event`, masked CRC-32C again (the TFRecord format).
//!
//! Events hold the clock, so they lie where the user says, not in MODEL.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// An event file being written.
pub struct Events {
    path: PathBuf,
    file: BufWriter<File>,
}

/// A place in an event file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The file's name.
    pub file: String,
    /// Bytes before the place.
    pub bytes: u64,
}

impl Events {
    /// Begins a file in `directory`.
    ///
    /// # Errors
    /// A directory that cannot be written.
    pub fn create(directory: &Path) -> Result<Events> {
        let name = || {
            let shown = directory.display();
            format!("{shown}: expected a directory to write TensorBoard's events into")
        };
        std::fs::create_dir_all(directory).with_context(name)?;
        let path = directory.join(format!(
            "events.out.tfevents.{:.0}.model-train.{}",
            now(),
            std::process::id()
        ));
        let mut events = Events {
            file: BufWriter::new(File::create(&path).with_context(name)?),
            path,
        };
        let mut version = time();
        bytes(&mut version, 3, b"brain.Event:2");
        events.record(&version)?;
        Ok(events)
    }

    /// Goes on in a file of `directory` at a place where it was saved; what was written behind it, a resumed training
    /// writes again. None where there is no such file, or not as much of it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn resume(directory: &Path, mark: &Mark) -> Result<Option<Events>> {
        let Some(name) = Path::new(&mark.file).file_name() else {
            return Ok(None);
        };
        let path = directory.join(name);
        let place = || path.display().to_string();
        let mut file = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(place),
        };
        if file.metadata().with_context(place)?.len() < mark.bytes {
            return Ok(None);
        }
        file.set_len(mark.bytes).with_context(place)?;
        file.seek(SeekFrom::End(0)).with_context(place)?;
        Ok(Some(Events {
            file: BufWriter::new(file),
            path,
        }))
    }

    /// The place behind what was written so far, which is on disk then.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn mark(&mut self) -> Result<Mark> {
        self.flush()?;
        let bytes = self.file.stream_position();
        let name = self.path.file_name().unwrap_or_default();
        Ok(Mark {
            file: name.to_string_lossy().into_owned(),
            bytes: bytes.with_context(|| self.path.display().to_string())?,
        })
    }

    /// Adds values at a step.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let mut event = time();
        event.push(2 << 3);
        varint(&mut event, step);
        let mut summary = Vec::new();
        for (tag, value) in values {
            let mut scalar = Vec::new();
            bytes(&mut scalar, 1, tag.as_bytes());
            scalar.push(2 << 3 | 5);
            scalar.extend((*value as f32).to_le_bytes());
            bytes(&mut summary, 1, &scalar);
        }
        bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Makes what was written visible.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn flush(&mut self) -> Result<()> {
        self.file
            .flush()
            .with_context(|| self.path.display().to_string())
    }

    fn record(&mut self, event: &[u8]) -> Result<()> {
        let length = (event.len() as u64).to_le_bytes();
        let record = [&length[..], &masked_crc(&length), event, &masked_crc(event)].concat();
        self.file
            .write_all(&record)
            .with_context(|| self.path.display().to_string())
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// `Event.wall_time`, field 1, a double.
fn time() -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend(now().to_le_bytes());
    event
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A length-delimited field.
fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let crc = crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// CRC-32C (Castagnoli), bit by bit: events are few and short.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0x82f6_3b78
        } else {
            crc >> 1
        }
    };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32C is that of "123456789": e3069283.
    #[test]
    fn crc_has_its_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// What was written behind the mark is gone: the file is as if the training had gone on there.
    #[test]
    fn a_file_goes_on_at_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let length = |events: &Events| std::fs::metadata(&events.path).unwrap().len();
        let mut events = Events::create(folder.path()).unwrap();
        events.scalars(1, &[("loss", 1.5)]).unwrap();
        let mark = events.mark().unwrap();
        assert_eq!(mark.bytes, length(&events));
        let kept = std::fs::read(&events.path).unwrap();
        events.scalars(2, &[("loss", 1.25)]).unwrap();
        events.flush().unwrap();
        let event = length(&events) - mark.bytes;
        drop(events);

        let mut events = Events::resume(folder.path(), &mark).unwrap().unwrap();
        assert_eq!(length(&events), mark.bytes);
        for step in [2, 3] {
            events.scalars(step, &[("loss", 1.0)]).unwrap();
        }
        let end = events.mark().unwrap();
        assert_eq!(end.bytes, mark.bytes + 2 * event);
        let file = std::fs::read(&events.path).unwrap();
        assert_eq!(file[..kept.len()], kept);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        // No such file, or not as much of it: another is begun.
        for (file, bytes) in [("none", 0), (mark.file.as_str(), end.bytes + 1)] {
            let mark = Mark {
                file: file.into(),
                bytes,
            };
            assert!(Events::resume(folder.path(), &mark).unwrap().is_none());
        }
    }

    /// Field 1 is a double, field 2 a varint: 300 = 0b10_0101100 → ac 02.
    #[test]
    fn an_event_is_framed() {
        let directory = tempfile::tempdir().unwrap();
        let mut events = Events::create(directory.path()).unwrap();
        events.scalars(300, &[("loss", 1.5)]).unwrap();
        events.flush().unwrap();
        let file = std::fs::read(&events.path).unwrap();
        // version: 9 bytes of time, 15 of "brain.Event:2"; frame: 8 + 4 + 4
        let event = &file[24 + 16..];
        assert_eq!(event[0] as usize, event.len() - 16);
        assert_eq!(event[12], 1 << 3 | 1);
        assert_eq!(event[21..24], [2 << 3, 0xac, 0x02]);
        // summary { value { tag: "loss", simple_value: 1.5 } }
        assert_eq!(event[24..28], [5 << 3 | 2, 13, 1 << 3 | 2, 11]);
        assert_eq!(&event[28..34], b"\x0a\x04loss");
        assert_eq!(event[34..39], [2 << 3 | 5, 0, 0, 0xc0, 0x3f]);
    }
}
