//! The order of documents: a seeded permutation that any thread can evaluate at any place, without a list of
//! 100 million places in memory.

use std::ops::Range;

use rand::Rng;
use seed::Seed;

/// A pseudo-random permutation of `0..n`: a balanced Feistel network of 4 rounds over the next power of four,
/// walked until it lands below n (Black & Rogaway 2002, "Ciphers with arbitrary finite domains").
#[derive(Debug, Clone)]
pub struct Permutation {
    n: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    /// The permutation of `0..n` that the seed gives.
    pub fn new(n: u64, seed: Seed) -> Permutation {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        let mut rng = seed.stream("document order");
        Permutation {
            n,
            half_bits: bits.div_ceil(2).max(1),
            keys: std::array::from_fn(|_| rng.next_u64()),
        }
    }

    /// Where `place` goes; `place` must be below n.
    pub fn at(&self, place: u64) -> u64 {
        let mut value = self.network(place);
        while value >= self.n {
            value = self.network(value);
        }
        value
    }

    /// Where each of some places goes, in `documents`; `outside` is working memory. As [`Permutation::at`], whose chain
    /// of dependent steps for one place here overlaps with those of others.
    pub fn at_each(&self, places: Range<u64>, documents: &mut Vec<u64>, outside: &mut Vec<usize>) {
        documents.clear();
        documents.extend(places.map(|place| self.network(place)));
        outside.clear();
        outside.extend(0..documents.len());
        while !outside.is_empty() {
            // Keeps those that are not below n, without a branch, which nobody could foresee.
            let mut n_outside = 0;
            for index in 0..outside.len() {
                let place = outside[index];
                outside[n_outside] = place;
                n_outside += usize::from(documents[place] >= self.n);
            }
            outside.truncate(n_outside);
            for &place in &*outside {
                documents[place] = self.network(documents[place]);
            }
        }
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_taken_once() {
        for n in [1, 2, 3, 5, 16, 17, 1000, 4097] {
            let permutation = Permutation::new(n, Seed(3));
            let mut places: Vec<u64> = (0..n).map(|place| permutation.at(place)).collect();
            let mut at_once = Vec::new();
            permutation.at_each(0..n, &mut at_once, &mut Vec::new());
            assert_eq!(at_once, places);
            if n > 100 {
                assert!(!places.is_sorted());
            }
            places.sort_unstable();
            assert!(places.into_iter().eq(0..n), "{n}");
        }
    }
}
