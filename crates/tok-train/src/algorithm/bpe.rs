//! Byte-pair encoding over word counts (Sennrich, Haddow and Birch 2016, §3.2).
//!
//! Start from characters; again and again merge the most frequent pair of neighbouring tokens, in
//! every word, into a new token. Ties go to the pair with the smaller ids. This is the rule of
//! the Hugging Face trainer, and the tests hold both against each other; ours counts pairs in 64
//! bits (theirs in 32, beyond which a pair silently never merges) and has no order that depends
//! on hashing or threads.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::word_counts::WordCount;

/// A trained vocabulary: tokens by id, and the merges in the order they were learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merges {
    /// Tokens by id: the base vocabulary first, then one per merge.
    pub tokens: Vec<String>,
    /// The pairs merged, as strings, most important first.
    pub pairs: Vec<(String, String)>,
}

/// How a word's characters become tokens before any merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Every character is the token that spells it.
    Plain,
    /// Every character but the first carries this mark of continuation (WordPiece).
    Continued(&'static str),
}

type Pair = (u32, u32);

/// Learns merges until the vocabulary has `vocab_size` tokens or nothing is left to merge.
///
/// `base` is the vocabulary before merging, in the order of its ids: special tokens, then every
/// character that any word may hold (marked ones too under [`Start::Continued`]). Characters not
/// in `base` are left out of their words, as the library does. Words with count 0 are ignored.
pub fn train(words: &[WordCount], base: Vec<String>, start: Start, vocab_size: usize) -> Merges {
    let mut tokens = base;
    let mut ids: FxHashMap<String, u32> = FxHashMap::default();
    for (id, token) in tokens.iter().enumerate() {
        ids.insert(token.clone(), id as u32);
    }

    let mut counts: Vec<u64> = Vec::with_capacity(words.len());
    let mut spelled: Vec<Vec<u32>> = Vec::with_capacity(words.len());
    for (word, count) in words.iter().filter(|(_, count)| *count > 0) {
        counts.push(*count);
        spelled.push(spell(word, start, &ids));
    }

    let mut pair_counts: FxHashMap<Pair, u64> = FxHashMap::default();
    // Words where a pair stands or stood; entries go stale when another merge takes the pair apart.
    let mut places: FxHashMap<Pair, Vec<u32>> = FxHashMap::default();
    for (index, word) in spelled.iter().enumerate() {
        for pair in pairs(word) {
            *pair_counts.entry(pair).or_default() += counts[index];
            let places = places.entry(pair).or_default();
            if places.last() != Some(&(index as u32)) {
                places.push(index as u32);
            }
        }
    }
    let mut queue: BinaryHeap<(u64, Reverse<Pair>)> = pair_counts
        .iter()
        .map(|(pair, count)| (*count, Reverse(*pair)))
        .collect();

    let mut merges = Vec::new();
    while tokens.len() < vocab_size {
        let Some((count, Reverse(pair))) = queue.pop() else {
            break;
        };
        // A count can only fall after it was queued: a new pair always holds the newest token.
        let current = pair_counts[&pair];
        if current < count {
            if current > 0 {
                queue.push((current, Reverse(pair)));
            }
            continue;
        }

        let merged = tokens.len() as u32;
        let left = tokens[pair.0 as usize].clone();
        let right = tokens[pair.1 as usize].clone();
        tokens.push(match start {
            Start::Plain => format!("{left}{right}"),
            Start::Continued(mark) => {
                format!("{left}{}", right.strip_prefix(mark).unwrap_or(&right))
            }
        });
        merges.push((left, right));

        let mut new_pairs: FxHashSet<Pair> = FxHashSet::default();
        for index in places.remove(&pair).unwrap_or_default() {
            let word = &mut spelled[index as usize];
            let count = counts[index as usize];
            let after = merge(word, pair, merged);
            if after.len() == word.len() {
                continue;
            }
            for old in pairs(word) {
                if let Some(total) = pair_counts.get_mut(&old) {
                    *total -= count;
                }
            }
            for new in pairs(&after) {
                *pair_counts.entry(new).or_default() += count;
                if new.0 == merged || new.1 == merged {
                    new_pairs.insert(new);
                    let places = places.entry(new).or_default();
                    if places.last() != Some(&index) {
                        places.push(index);
                    }
                }
            }
            *word = after;
        }
        queue.extend(
            new_pairs
                .into_iter()
                .map(|pair| (pair_counts[&pair], Reverse(pair))),
        );
    }
    Merges {
        tokens,
        pairs: merges,
    }
}

fn spell(word: &str, start: Start, ids: &FxHashMap<String, u32>) -> Vec<u32> {
    word.chars()
        .enumerate()
        .filter_map(|(position, letter)| match start {
            Start::Continued(mark) if position > 0 => ids.get(&format!("{mark}{letter}")),
            _ => ids.get(letter.encode_utf8(&mut [0; 4]) as &str),
        })
        .copied()
        .collect()
}

fn pairs(word: &[u32]) -> impl Iterator<Item = Pair> + '_ {
    word.windows(2).map(|two| (two[0], two[1]))
}

/// Replaces `pair` by `merged` from left to right.
fn merge(word: &[u32], pair: Pair, merged: u32) -> Vec<u32> {
    let mut after = Vec::with_capacity(word.len());
    let mut position = 0;
    while position < word.len() {
        if word[position] == pair.0 && word.get(position + 1) == Some(&pair.1) {
            after.push(merged);
            position += 2;
        } else {
            after.push(word[position]);
            position += 1;
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;
    use tokenizers::models::bpe::{BPE, BpeTrainer};
    use tokenizers::{AddedToken, Model};

    fn words(list: &[(&str, u64)]) -> Vec<WordCount> {
        list.iter().map(|(w, c)| ((*w).to_owned(), *c)).collect()
    }

    fn letters(words: &[WordCount]) -> Vec<String> {
        let letters: BTreeSet<char> = words.iter().flat_map(|(w, _)| w.chars()).collect();
        letters.into_iter().map(String::from).collect()
    }

    #[test]
    fn merges_the_most_frequent_pair_first() {
        // Sennrich et al.'s dictionary without end marks. Pairs: es 9, st 9, we 2+6 = 8, lo 7,
        // ow 7, ne 6, ew 6, wi 3, id 3, de 3, er 2. Ids in alphabetical order, so es before st;
        // then est (9); lo (l < n < o < w, 7) before ow, which falls to 0 for low with low 7;
        // then six times each, by ids: e+w before n+e, and n+ew before ew+est.
        let corpus = words(&[("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]);
        let trained = train(&corpus, letters(&corpus), Start::Plain, 10 + 6);
        let pairs: Vec<String> = trained
            .pairs
            .iter()
            .map(|(a, b)| format!("{a}+{b}"))
            .collect();
        assert_eq!(pairs, ["e+s", "es+t", "l+o", "lo+w", "e+w", "n+ew"]);
        assert_eq!(trained.tokens.last().map(String::as_str), Some("new"));
    }

    #[test]
    fn stops_when_every_word_is_one_token() {
        let corpus = words(&[("ab", 3), ("abc", 1), ("unused", 0)]);
        let trained = train(&corpus, letters(&words(&[("abc", 1)])), Start::Plain, 100);
        assert_eq!(trained.tokens, ["a", "b", "c", "ab", "abc"]);
    }

    #[test]
    fn counts_beyond_32_bits_still_merge() {
        // 3·10⁹ and 5·10⁹: the library's i32 counts wrap below zero and never merge "ab".
        let corpus = words(&[("ab", 5_000_000_000), ("cd", 3_000_000_000)]);
        let trained = train(&corpus, letters(&corpus), Start::Plain, 100);
        assert_eq!(trained.tokens, ["a", "b", "c", "d", "ab", "cd"]);
    }

    #[test]
    fn repeated_letters_merge_from_the_left() {
        // aaaaa: a+a counts 4 windows; merged: aa aa a; then aa+a or aa+aa once each (aa a has the
        // smaller second id).
        let corpus = words(&[("aaaaa", 2)]);
        let trained = train(&corpus, letters(&corpus), Start::Plain, 4);
        assert_eq!(trained.tokens, ["a", "aa", "aaa", "aaaaa"]);
    }

    fn special() -> Vec<String> {
        ["<sep>", "<pad>", "<unk>"].map(String::from).to_vec()
    }

    fn library_plain(corpus: &[WordCount], vocab_size: usize) -> BPE {
        let trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(vocab_size)
            .special_tokens(
                special()
                    .into_iter()
                    .map(|s| AddedToken::from(s, true))
                    .collect(),
            )
            .build();
        let counts = corpus
            .iter()
            .map(|(word, count)| (word.as_str().into(), *count))
            .collect();
        let mut model = BPE::default();
        trainer.do_train(&counts, &mut model).unwrap();
        model
    }

    fn library_pairs(model: &BPE) -> Vec<(String, String)> {
        serde_json::from_value(serde_json::to_value(model).unwrap()["merges"].clone()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn agrees_with_the_library(
            corpus in proptest::collection::btree_map("▁[a-d]{1,8}", 1u64..30, 1..60),
            merges in 0usize..60,
        ) {
            let corpus: Vec<WordCount> = corpus.into_iter().collect();
            let mut base = special();
            base.extend(letters(&corpus));
            let vocab_size = base.len() + merges;
            let ours = train(&corpus, base, Start::Plain, vocab_size);
            let theirs = library_plain(&corpus, vocab_size);
            prop_assert_eq!(&ours.pairs, &library_pairs(&theirs));
            for (id, token) in ours.tokens.iter().enumerate() {
                prop_assert_eq!(theirs.token_to_id(token), Some(id as u32));
            }
        }

        #[test]
        fn agrees_with_the_library_with_continuation_marks(
            corpus in proptest::collection::btree_map("[a-d]{1,8}", 1u64..30, 1..40),
            merges in 0usize..60,
        ) {
            let corpus: Vec<WordCount> = corpus.into_iter().collect();
            // Every x and ##x, sorted, as special tokens: else the library numbers ##x in the
            // order of a hash map, and ties are broken by these numbers.
            let letters = letters(&corpus);
            let mut base: BTreeSet<String> = letters.iter().map(|x| format!("##{x}")).collect();
            base.extend(letters);
            let base: Vec<String> = base.into_iter().collect();
            let vocab_size = base.len() + merges;
            let trainer = BpeTrainer::builder()
                .show_progress(false)
                .vocab_size(vocab_size)
                .continuing_subword_prefix("##".to_owned())
                .special_tokens(base.iter().map(|s| AddedToken::from(s.clone(), true)).collect())
                .build();
            let counts = corpus.iter().map(|(word, count)| (word.as_str().into(), *count)).collect();
            let mut theirs = BPE::default();
            trainer.do_train(&counts, &mut theirs).unwrap();
            let ours = train(&corpus, base, Start::Continued("##"), vocab_size);
            for (id, token) in ours.tokens.iter().enumerate() {
                prop_assert_eq!(theirs.token_to_id(token), Some(id as u32));
            }
            prop_assert_eq!(theirs.get_vocab_size(), ours.tokens.len());
        }
    }
}
