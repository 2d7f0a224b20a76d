//! The order of documents: a seeded permutation that any thread can evaluate at any place, without a list of
//! 100 million places in memory.

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
            if n > 100 {
                assert!(!places.is_sorted());
            }
            places.sort_unstable();
            assert!(places.into_iter().eq(0..n), "{n}");
        }
    }
}
