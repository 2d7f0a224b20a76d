//! Named random streams: one seed a stage, one stream a purpose.
//!
//! Every random choice of the lab is drawn from `Seed::stream("purpose")`, a ChaCha8 generator whose
//! key is the BLAKE3 hash of seed and name and whose stream number is the item's index. Adding a purpose never shifts the draws of another,
//! and item `i` of a stream can be drawn on any thread without the items before it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// The generator behind every stream: portable, the same numbers on every machine.
pub type Stream = ChaCha8Rng;

/// A stage's seed, as given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream called `name`.
    pub fn stream(self, name: &str) -> Stream {
        let mut hasher = blake3::Hasher::new_derive_key("in-vitro lab named stream v1");
        hasher.update(&self.0.to_le_bytes());
        hasher.update(name.as_bytes());
        ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
    }

    /// Item `index` of the family of streams called `name`, one for each document, probe or sample. Item 0 is
    /// [`Seed::stream`] itself.
    pub fn stream_at(self, name: &str, index: u64) -> Stream {
        self.family(name).at(index)
    }

    /// The family of streams called `name`, for drawing many items.
    pub fn family(self, name: &str) -> Family {
        Family(self.stream(name))
    }

    /// A seed for the part of the work called `name`, itself a source of streams.
    pub fn derive(self, name: &str) -> Seed {
        use rand::Rng;
        Seed(self.stream(name).next_u64())
    }
}

/// Streams of one name, numbered; any of them is made in a few nanoseconds.
#[derive(Debug, Clone)]
pub struct Family(Stream);

impl Family {
    /// Stream `index`.
    pub fn at(&self, index: u64) -> Stream {
        let mut stream = self.0.clone();
        stream.set_stream(index);
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ_by_seed_name_and_index() {
        let first =
            |seed: u64, name: &str, index: u64| Seed(seed).stream_at(name, index).next_u64();
        assert_eq!(first(1, "lexicon", 0), first(1, "lexicon", 0));
        assert_ne!(first(1, "lexicon", 0), first(2, "lexicon", 0));
        assert_ne!(first(1, "lexicon", 0), first(1, "ontology", 0));
        assert_ne!(first(1, "lexicon", 0), first(1, "lexicon", 1));
    }

    /// The first draws are part of the format: a change here changes every artifact.
    #[test]
    fn first_draws_are_fixed() {
        assert_eq!(Seed(1).stream("lexicon").next_u64(), FIRST_LEXICON_DRAW);
    }

    const FIRST_LEXICON_DRAW: u64 = 743_654_992_589_559_457;
}
