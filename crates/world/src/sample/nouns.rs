//! Drawing nouns by frequency in constant time.

use rand::Rng;

use crate::ontology::{NounId, Ontology};

/// Steps of the noun frequencies: 2^53 keeps scaled sums exact in f64.
const SCALE: f64 = (1_u64 << 53) as f64;

/// Walker's alias method (Vose 1991, "A linear algorithm for generating random numbers with a given distribution"):
/// as many columns of equal height as there are nouns, each shared by at most two.
#[derive(Debug, Clone)]
pub(super) struct NounTable {
    /// By column: below which 64-bit draw the column's own noun is taken, and whose the rest is.
    columns: Vec<(u64, NounId)>,
}

impl NounTable {
    /// The table of an ontology's nouns.
    pub fn new(ontology: &Ontology) -> NounTable {
        let frequencies: Vec<f64> = (0..ontology.nouns.len() as NounId)
            .map(|noun| ontology.frequency(noun))
            .collect();
        let sum: f64 = frequencies.iter().sum();
        let weights: Vec<u64> = frequencies
            .iter()
            .map(|frequency| (frequency / sum * SCALE) as u64)
            .collect();
        NounTable::of_weights(&weights)
    }

    fn of_weights(weights: &[u64]) -> NounTable {
        let n = weights.len() as u128;
        // A column holds the sum of weights, a noun n times its own; both stay far below 2^127.
        let height: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        let mut left: Vec<u128> = weights
            .iter()
            .map(|&weight| u128::from(weight) * n)
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..left.len()).partition(|&noun| left[noun] < height);
        let mut columns: Vec<(u64, NounId)> = (0..left.len())
            .map(|noun| (u64::MAX, noun as NounId))
            .collect();
        while let (Some(noun), Some(&other)) = (small.pop(), large.last()) {
            columns[noun] = (((left[noun] << 64) / height) as u64, other as NounId);
            left[other] -= height - left[noun];
            if left[other] < height {
                large.pop();
                small.push(other);
            }
        }
        NounTable { columns }
    }

    /// A noun.
    pub fn draw<R: Rng>(&self, rng: &mut R) -> NounId {
        let product = u128::from(rng.next_u64()) * self.columns.len() as u128;
        let column = (product >> 64) as usize;
        let (own, other) = self.columns[column];
        if (product as u64) < own {
            column as NounId
        } else {
            other
        }
    }
}

#[cfg(test)]
mod tests {
    use seed::Seed;

    use super::*;

    /// What the columns give each noun, of 1.
    fn shares(table: &NounTable) -> Vec<f64> {
        let n = table.columns.len() as f64;
        let mut shares = vec![0.0; table.columns.len()];
        for (noun, &(own, other)) in table.columns.iter().enumerate() {
            let own = own as f64 / 2.0_f64.powi(64);
            shares[noun] += own / n;
            shares[other as usize] += (1.0 - own) / n;
        }
        shares
    }

    /// Weights 1, 2, 5 of 8: columns of height 8 hold 3, 6, 15. Noun 1 takes 6 of its column, noun 2 the other 2;
    /// noun 0 takes 3, noun 2 the other 5; noun 2's own column is full: 15 = 2 + 5 + 8.
    #[test]
    fn columns_worked_example() {
        let table = NounTable::of_weights(&[1, 2, 5]);
        let part = |share: f64| (share * 2.0_f64.powi(64)) as u64;
        assert_eq!(
            table.columns,
            [(part(3.0 / 8.0), 2), (part(6.0 / 8.0), 2), (u64::MAX, 2)]
        );
        assert_eq!(shares(&table), [1.0 / 8.0, 2.0 / 8.0, 5.0 / 8.0]);
        assert_eq!(shares(&NounTable::of_weights(&[7])), [1.0]);
    }

    /// The table gives each noun the share of its weight, and draws follow it.
    #[test]
    fn columns_keep_every_weight() {
        let weights: Vec<u64> = (1..=1000).map(|rank| (1 << 53) / rank / 8).collect();
        let sum: u64 = weights.iter().sum();
        let table = NounTable::of_weights(&weights);
        for (share, &weight) in shares(&table).iter().zip(&weights) {
            assert!((share - weight as f64 / sum as f64).abs() < 1e-12);
        }
        let mut rng = Seed(1).stream("test");
        let n = 200_000;
        let mut counts = vec![0_u32; weights.len()];
        for _ in 0..n {
            counts[table.draw(&mut rng) as usize] += 1;
        }
        for (count, &weight) in counts.iter().zip(&weights).take(20) {
            let expected = f64::from(n) * weight as f64 / sum as f64;
            let off = (f64::from(*count) - expected).abs();
            assert!(off <= 5.0 * expected.sqrt(), "{count} for {expected}");
        }
    }
}
