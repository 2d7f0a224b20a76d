//! TensorBoard event files: length, masked CRC-32C, a protobuf `Event`, masked CRC-32C again (the TFRecord format).
//!
//! Events hold the clock, so they lie where the user says, not in MODEL.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// An event file being written.
pub struct Events {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Events {
    /// Begins a file in `directory`; a resumed training writes another beside the first.
    ///
    /// # Errors
    /// A directory that cannot be written.
    pub fn create(directory: &Path) -> Result<Events> {
        let name = || directory.display().to_string();
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
