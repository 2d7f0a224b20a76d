//! The random words that a document is drawn from.
//!
//! Word 0 of its stream tells how many sentences it has; then each attempt at a sentence has a stretch of words of its
//! own. Stretches lie close together, since the generator makes blocks of words several at a time. The rare attempt
//! that needs more goes on far out in the stream, at a place of its own as well.

use std::convert::Infallible;

use rand::{Rng, TryRng};
use seed::{Family, Stream};

/// Words of a ChaCha block, and of a stretch.
const BLOCK: usize = 16;
/// Words that the generator makes at once.
const NEAR: usize = 4 * BLOCK;
/// Where the words begin that go beyond a stretch, and how many each stretch has there.
const FAR: u128 = 1 << 48;
const FAR_WORDS: u128 = 1 << 20;

/// One document's random words, reused from one document to the next.
#[derive(Debug)]
pub struct Words {
    near: Stream,
    /// The words at hand: four stretches, then a block of what lies beyond the present one.
    words: [u32; NEAR + BLOCK],
    /// The next word, and where they end that may be taken.
    next: usize,
    end: usize,
    stretch: u64,
    /// For the words beyond a stretch.
    far: Stream,
    /// Whether the next word lies beyond the present stretch.
    is_far: bool,
}

impl Words {
    /// Words of a family's documents, at the first of document 0.
    pub fn new(family: &Family) -> Words {
        let mut words = Words {
            near: family.at(0),
            words: [0; NEAR + BLOCK],
            next: 0,
            end: 0,
            stretch: 0,
            far: family.at(0),
            is_far: false,
        };
        words.begin(0);
        words
    }

    /// Goes to the first word of document `index`.
    pub fn begin(&mut self, index: u64) {
        // In this order: a stream within a block would be drawn anew to change its number.
        self.near.set_word_pos(0);
        self.near.set_stream(index);
        self.stretch = 0;
        self.begin_stretch();
    }

    /// Goes to the beginning of the next stretch.
    pub fn next_stretch(&mut self) {
        self.stretch += 1;
        self.begin_stretch();
    }

    #[inline]
    fn begin_stretch(&mut self) {
        self.next = self.stretch as usize * BLOCK % NEAR;
        self.end = self.next + BLOCK;
        self.is_far = false;
        if self.next == 0 {
            fill(&mut self.near, &mut self.words[..NEAR]);
        }
    }

    #[cold]
    fn beyond(&mut self) -> u32 {
        if !self.is_far {
            self.is_far = true;
            self.far.set_word_pos(0);
            self.far.set_stream(self.near.get_stream());
            self.far
                .set_word_pos(FAR + u128::from(self.stretch) * FAR_WORDS);
        }
        fill(&mut self.far, &mut self.words[NEAR..]);
        self.next = NEAR + 1;
        self.end = NEAR + BLOCK;
        self.words[NEAR]
    }
}

/// The next words of a stream, all at once: several times faster than one by one.
fn fill(stream: &mut Stream, words: &mut [u32]) {
    let mut bytes = [[0; 4]; NEAR];
    let bytes = &mut bytes[..words.len()];
    stream.fill_bytes(bytes.as_flattened_mut());
    for (word, &mut bytes) in words.iter_mut().zip(bytes) {
        *word = u32::from_le_bytes(bytes);
    }
}

impl TryRng for Words {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        if self.next == self.end {
            return Ok(self.beyond());
        }
        let word = self.words[self.next];
        self.next += 1;
        Ok(word)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.next_u32();
        Ok(u64::from(self.next_u32()) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_u32().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use seed::Seed;

    use super::*;

    /// What a stretch holds does not depend on how much was read of those before, and the far words are its own.
    #[test]
    fn stretches_are_independent_of_each_other() {
        let family = Seed(1).family("test");
        let read = |before: &[usize], n: usize| -> Vec<u32> {
            let mut words = Words::new(&family);
            words.begin(7);
            for &n in before {
                (0..n).for_each(|_| {
                    words.next_u32();
                });
                words.next_stretch();
            }
            (0..n).map(|_| words.next_u32()).collect()
        };
        let third = read(&[1, 0, 0], 40);
        assert_eq!(third, read(&[16, 100, 15], 40));
        assert_eq!(third[..5], read(&[3, 40, 16], 5));
        let mut stream = family.at(7);
        stream.set_word_pos(3 * 16);
        let plain: Vec<u32> = (0..16).map(|_| stream.next_u32()).collect();
        assert_eq!(third[..16], plain);
        // No far word is a word of the next stretch.
        assert_ne!(third[16..32], read(&[1, 0, 0, 0], 16));
        assert_ne!(third[16..], read(&[1, 0, 0, 0], 40)[16..]);
    }
}
