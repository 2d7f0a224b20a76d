//! Shuffled pairing, a control: B's noun forms stay as they are and change their concepts, so that A- and B-forms of
//! one concept resemble each other no more than those of any two.

use std::collections::BTreeMap;

use rand::RngExt;
use seed::Seed;

use super::Category;
use super::inflection::Paradigm;

/// Permutes noun stems over nouns in place: a derangement within leaf type, mask status and length in phonemes. A noun
/// that is alone with its length joins the nearest length (the shorter of two). Returns how many nouns kept their stem
/// because nothing else of their type and mask status exists. `stems`: by lexeme.
pub(super) fn shuffle(paradigm: &Paradigm, stems: &mut [Vec<u8>], seed: Seed) -> u32 {
    let mut groups: BTreeMap<(Option<u16>, bool), BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for noun in paradigm.range(Category::Noun) {
        let lexeme = paradigm.lexemes[noun];
        let lengths = groups.entry((lexeme.leaf_type, lexeme.masked)).or_default();
        lengths.entry(stems[noun].len()).or_default().push(noun);
    }
    let mut stream = seed.stream("form/pairing");
    let mut unshuffled = 0;
    for lengths in groups.into_values() {
        for group in merge_singletons(lengths) {
            if let [_] = group[..] {
                unshuffled += 1;
            }
            // Sattolo's algorithm: one cycle through the whole group, so nothing stays where it was.
            for i in (1..group.len()).rev() {
                let j = stream.random_range(0..i);
                stems.swap(group[i], group[j]);
            }
        }
    }
    unshuffled
}

fn merge_singletons(mut lengths: BTreeMap<usize, Vec<usize>>) -> Vec<Vec<usize>> {
    while lengths.len() > 1 {
        let Some(&alone) = lengths
            .iter()
            .find(|(_, group)| group.len() == 1)
            .map(|(length, _)| length)
        else {
            break;
        };
        let group = lengths.remove(&alone).unwrap_or_default();
        let nearest = lengths
            .keys()
            .copied()
            .min_by_key(|&length| (length.abs_diff(alone), length));
        lengths
            .entry(nearest.unwrap_or(alone))
            .or_default()
            .extend(group);
    }
    lengths.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths 3: one, 4: two, 6: one, 9: three. The 3 joins 4; the 6 joins 4 (nearer than 9).
    #[test]
    fn singletons_join_the_nearest_length() {
        let lengths = BTreeMap::from([
            (3, vec![0]),
            (4, vec![1, 2]),
            (6, vec![3]),
            (9, vec![4, 5, 6]),
        ]);
        assert_eq!(merge_singletons(lengths), [vec![1, 2, 0, 3], vec![4, 5, 6]]);
        // Two singletons make a pair; 5 lies between 4 and 6 and joins the shorter.
        let lengths = BTreeMap::from([(4, vec![0, 1]), (5, vec![2]), (6, vec![3, 4])]);
        assert_eq!(merge_singletons(lengths), [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(merge_singletons(BTreeMap::from([(4, vec![7])])), [vec![7]]);
        assert_eq!(
            merge_singletons(BTreeMap::from([(4, vec![7]), (8, vec![9])])),
            [vec![9, 7]]
        );
    }
}
