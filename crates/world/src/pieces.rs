//! Text made of pieces: words and labels laid out so that appending one is a copy of fixed length, which is several
//! times faster than a copy of the right length when pieces are short.

/// Bytes copied for every piece; a longer one is copied as a whole.
const STRIDE: usize = 32;

/// A list of short strings.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// All strings, and [`STRIDE`] bytes more, so that a copy may start anywhere.
    bytes: Vec<u8>,
    /// Start and length of each.
    spans: Vec<(u32, u32)>,
}

impl<S: AsRef<str>> FromIterator<S> for Pieces {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Pieces {
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        for string in strings {
            let string = string.as_ref().as_bytes();
            spans.push((bytes.len() as u32, string.len() as u32));
            bytes.extend_from_slice(string);
        }
        bytes.resize(bytes.len() + STRIDE, 0);
        Pieces { bytes, spans }
    }
}

/// Text under construction, reused from one to the next.
#[derive(Debug, Clone, Default)]
pub struct Text {
    /// What was written, and room.
    bytes: Vec<u8>,
    length: usize,
}

impl Text {
    /// Forgets what was written, keeps the memory.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// What was written.
    pub fn as_str(&self) -> &str {
        simdutf8::basic::from_utf8(&self.bytes[..self.length]).expect("pieces are whole strings")
    }

    /// Appends what `write` writes, which takes the place to write at and returns where it ended; it may write
    /// `room` bytes.
    pub(crate) fn append(&mut self, room: usize, write: impl FnOnce(Place) -> usize) {
        let end = self.length + room + STRIDE;
        if end > self.bytes.len() {
            self.bytes.resize(2 * end, 0);
        }
        self.length = write(Place {
            bytes: &mut self.bytes,
            at: self.length,
        });
    }

    /// Appends one byte of ASCII.
    pub fn push_ascii(&mut self, letter: u8) {
        self.append(1, |place| {
            place.bytes[place.at] = letter;
            place.at + 1
        });
    }
}

/// Where text is written. Passed on from piece to piece, so that the place stays in a register.
pub(crate) struct Place<'a> {
    pub bytes: &'a mut [u8],
    pub at: usize,
}

impl Pieces {
    /// Writes a piece at `at` and returns where it ends. The bytes after it up to [`STRIDE`] are overwritten.
    #[inline]
    pub(crate) fn write(&self, piece: usize, bytes: &mut [u8], at: usize) -> usize {
        let (start, length) = self.spans[piece];
        let (start, length) = (start as usize, length as usize);
        if length > STRIDE {
            return write_long(&self.bytes[start..start + length], bytes, at);
        }
        bytes[at..at + STRIDE].copy_from_slice(&self.bytes[start..start + STRIDE]);
        at + length
    }
}

/// Writes `n` times a letter of ASCII at `at`, as [`Pieces::write`] does.
#[inline]
pub(crate) fn write_repeated(letter: u8, n: u16, bytes: &mut [u8], at: usize) -> usize {
    let n = usize::from(n);
    if n > STRIDE {
        bytes[at..at + n].fill(letter);
    } else {
        bytes[at..at + STRIDE].fill(letter);
    }
    at + n
}

/// Apart, so that the usual case is small enough to stand where it is used.
#[cold]
fn write_long(piece: &[u8], bytes: &mut [u8], at: usize) -> usize {
    let end = at + piece.len();
    bytes[at..end].copy_from_slice(piece);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of every length up to beyond two strides, each after each.
    #[test]
    fn text_is_its_pieces() {
        let strings: Vec<String> = (0..70).map(|length| "aβc".repeat(length)).collect();
        let pieces: Pieces = strings.iter().collect();
        let mut text = Text::default();
        for first in 0..strings.len() {
            for second in 0..strings.len() {
                text.clear();
                for (index, piece) in [first, second].into_iter().enumerate() {
                    if index > 0 {
                        text.push_ascii(b' ');
                    }
                    text.append(strings[piece].len(), |place| {
                        pieces.write(piece, place.bytes, place.at)
                    });
                }
                assert_eq!(
                    text.as_str(),
                    format!("{} {}", strings[first], strings[second])
                );
            }
        }
        assert_eq!(Text::default().as_str(), "");
    }
}
