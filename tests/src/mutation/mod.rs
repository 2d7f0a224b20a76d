//! Damage to files: by bits and bytes, and by what the format allows to be said wrongly.

mod json;
mod table;

use rand::RngExt;
use seed::Stream;

/// How a file is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Columns.
    Parquet,
    /// A tree of values.
    Json,
    /// A length, a JSON header, numbers.
    Safetensors,
    /// Lines for people: TOML, grammars.
    Text,
    /// Anything else.
    Binary,
}

impl Content {
    /// By the file's name.
    pub fn of(name: &str) -> Content {
        match name.rsplit('.').next() {
            Some("parquet") => Content::Parquet,
            Some("json") => Content::Json,
            Some("safetensors") => Content::Safetensors,
            Some("toml" | "grammar") => Content::Text,
            _ => Content::Binary,
        }
    }
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Other bytes.
    Bytes(Vec<u8>),
    /// A directory in its place.
    Directory,
    /// Nothing in its place.
    Missing,
}

/// Damages a file in some way drawn from the stream; says which.
pub fn mutate(content: Content, bytes: &[u8], stream: &mut Stream) -> (&'static str, Damage) {
    let by_format = match content {
        Content::Binary => false,
        _ => stream.random_range(0..2) == 1,
    };
    if by_format {
        let changed = match content {
            Content::Parquet => table::mutate(bytes, stream),
            Content::Json => json::mutate(bytes, stream),
            Content::Safetensors => safetensors(bytes, stream),
            Content::Text => text(bytes, stream),
            Content::Binary => None,
        };
        // What the format does not allow for (a table without rows has none to change) falls to the bytes.
        if let Some((what, bytes)) = changed {
            return (what, Damage::Bytes(bytes));
        }
    }
    by_bytes(bytes, stream)
}

fn by_bytes(bytes: &[u8], stream: &mut Stream) -> (&'static str, Damage) {
    let mut changed = bytes.to_vec();
    let length = changed.len();
    let at = |stream: &mut Stream| stream.random_range(0..length.max(1));
    let what = match stream.random_range(0..12) {
        0 => return ("a directory in its place", Damage::Directory),
        1 => return ("missing", Damage::Missing),
        2 => {
            changed.clear();
            "empty"
        }
        3 => {
            changed.truncate(at(stream));
            "cut off"
        }
        4 if length > 0 => {
            let start = at(stream);
            let end = (start + stream.random_range(1..200)).min(length);
            changed[start..end].fill(if stream.random_range(0..2) == 0 {
                0
            } else {
                0xff
            });
            "a range of zeros or ones"
        }
        5 if length > 0 => {
            let start = at(stream);
            changed.drain(start..(start + stream.random_range(1..200)).min(length));
            "a part left out"
        }
        6 => {
            let start = at(stream).min(length);
            let noise: Vec<u8> = (0..stream.random_range(1..200))
                .map(|_| stream.random_range(0..=255))
                .collect();
            changed.splice(start..start, noise);
            "noise put in"
        }
        7 => {
            changed.extend_from_within(length / 2..);
            "its second half again"
        }
        8 if length > 0 => {
            for _ in 0..stream.random_range(2..17) {
                let place = at(stream);
                changed[place] = stream.random_range(0..=255);
            }
            "some bytes changed"
        }
        _ if length > 0 => {
            let place = at(stream);
            changed[place] ^= 1 << stream.random_range(0..8);
            "one bit flipped"
        }
        _ => {
            changed.push(0);
            "a byte more"
        }
    };
    (what, Damage::Bytes(changed))
}

/// Header length, header, numbers.
fn safetensors(bytes: &[u8], stream: &mut Stream) -> Option<(&'static str, Vec<u8>)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (header, numbers) = rest.split_at_checked(length)?;
    let assemble = |length: u64, header: &[u8], numbers: &[u8]| {
        [&length.to_le_bytes()[..], header, numbers].concat()
    };
    match stream.random_range(0..4) {
        0 => {
            let absurd = [
                0,
                1,
                u64::MAX,
                1 << 40,
                bytes.len() as u64,
                length as u64 + 1,
            ];
            let length = absurd[stream.random_range(0..absurd.len())];
            Some(("an absurd header length", assemble(length, header, numbers)))
        }
        1 => {
            let mut numbers = numbers.to_vec();
            let places = numbers.len() / 4;
            let place = 4 * stream.random_range(0..places.max(1));
            let strange = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0];
            let strange = strange[stream.random_range(0..strange.len())];
            numbers
                .get_mut(place..place + 4)?
                .copy_from_slice(&strange.to_le_bytes());
            Some((
                "a strange number",
                assemble(length as u64, header, &numbers),
            ))
        }
        _ => {
            let (_, header) = json::mutate(header, stream)?;
            Some((
                "a changed header",
                assemble(header.len() as u64, &header, numbers),
            ))
        }
    }
}

/// Lines and words.
fn text(bytes: &[u8], stream: &mut Stream) -> Option<(&'static str, Vec<u8>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return None;
    }
    let at = stream.random_range(0..lines.len());
    let other = stream.random_range(0..lines.len());
    let what = match stream.random_range(0..6) {
        0 => {
            lines.remove(at);
            "a line left out"
        }
        1 => {
            let line = lines[at].clone();
            lines.insert(other, line);
            "a line twice"
        }
        2 => {
            lines.swap(at, other);
            "lines swapped"
        }
        3 => {
            let mut words: Vec<&str> = lines[at].split(' ').collect();
            words.remove(stream.random_range(0..words.len()));
            lines[at] = words.join(" ");
            "a word left out"
        }
        4 => {
            let strange = [
                "\"", "[", "]", "=", "é", "\u{0}", "-1", "nan", "#", "|", "->", "\u{202e}",
            ];
            let strange = strange[stream.random_range(0..strange.len())];
            let mut characters: Vec<char> = lines[at].chars().collect();
            let place = stream.random_range(0..=characters.len());
            characters.splice(place..place, strange.chars());
            lines[at] = characters.into_iter().collect();
            "a strange sign put in"
        }
        _ => {
            let words: Vec<&str> = lines[other].split_whitespace().collect();
            let word = words.get(stream.random_range(0..words.len().max(1)))?;
            let mut own: Vec<&str> = lines[at].split(' ').collect();
            let place = stream.random_range(0..own.len());
            own[place] = word;
            lines[at] = own.join(" ");
            "a word from elsewhere"
        }
    };
    Some((what, (lines.join("\n") + "\n").into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Seed;

    #[test]
    fn damage_repeats_by_seed_and_differs_from_the_file() {
        let bytes: Vec<u8> = br#"{ "vocab_size": 64, "shape": [1, 2, 3], "name": "x" }"#.to_vec();
        for content in [Content::Json, Content::Text, Content::Binary] {
            let mut same = 0;
            for index in 0..500 {
                let draw = || mutate(content, &bytes, &mut Seed(1).stream_at("damage", index));
                assert_eq!(draw(), draw());
                same += usize::from(draw().1 == Damage::Bytes(bytes.clone()));
            }
            // A byte may be replaced by itself, a line by itself.
            assert!(same < 150, "{content:?}: {same} of 500 unchanged");
        }
    }
}
