use super::*;
use proptest::prelude::*;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};

fn words(list: &[(&str, u64)]) -> Vec<WordCount> {
    list.iter().map(|(w, c)| ((*w).to_owned(), *c)).collect()
}

#[test]
fn digamma_meets_known_values() {
    // ψ(1) = −γ = −0.5772156649, ψ(1/2) = −γ − 2 ln 2 = −1.9635100260.
    assert!((digamma(1.0) + 0.577_215_664_9).abs() < 1e-8);
    assert!((digamma(0.5) + 1.963_510_026_0).abs() < 1e-8);
}

#[test]
fn expectation_weighs_segmentations_by_probability() {
    // "ab" twice with p(a) = p(b) = 1/2 and p(ab) = 1/4: both ways weigh 1/4, so each is
    // taken half of the time: one a, one b, one ab expected.
    let half = libm::log(0.5);
    let pieces = vec![
        (String::new(), f64::NAN),
        ("a".to_owned(), half),
        ("b".to_owned(), half),
        ("ab".to_owned(), 2.0 * half),
    ];
    let word = Word {
        letters: vec!['a', 'b'],
        count: 2.0,
    };
    let expected = expectation(&Model::new(&pieces), &[word]);
    for (value, hand) in expected.iter().zip([0.0, 1.0, 1.0, 1.0]) {
        assert!((value - hand).abs() < 1e-12, "{expected:?}");
    }
}

#[test]
fn seeds_are_substrings_that_branch() {
    // abc, abd, xab: "ab" is followed by c, d and the end: a branch, 3 × 2. Every longer
    // substring occurs once.
    let corpus: Vec<Word> = ["abc", "abd", "xab"]
        .iter()
        .map(|word| Word {
            letters: word.chars().collect(),
            count: 1.0,
        })
        .collect();
    let seeds = seed_pieces(&corpus);
    let names: Vec<&str> = seeds[1..].iter().map(|(piece, _)| piece.as_str()).collect();
    // a and b 3 times (b first: descending), x, d, c once.
    assert_eq!(names, ["b", "a", "x", "d", "c", "ab"]);
    // Σ = 3 + 3 + 1 + 1 + 1 + 6 = 15, p(ab) = 6/15.
    assert!((libm::exp(seeds[6].1) - 0.4).abs() < 1e-12);
}

#[test]
fn letters_outside_the_words_are_pieces() {
    let corpus = words(&[("▁ab", 3), ("▁abab", 2)]);
    let pieces = train(&corpus, &['a', 'b', 'z', '▁'], 3 + 5, 3);
    let names: Vec<&str> = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
    assert!(names.contains(&"z"));
    assert_eq!(pieces.len(), 5);
}

fn library(corpus: &[WordCount], vocab_size: usize) -> Vec<Piece> {
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(vocab_size as u32)
        .build()
        .unwrap();
    let sentences = corpus
        .iter()
        .map(|(word, count)| (word.clone(), *count as u32))
        .collect();
    let mut model = Unigram::default();
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    one_thread
        .install(|| trainer.do_train(sentences, &mut model))
        .unwrap();
    model.iter().cloned().collect()
}

/// Words of recurring syllables with Zipfian counts, like a language of the lab.
fn syllabic_corpus(words: usize) -> Vec<WordCount> {
    let syllables = [
        "ka", "lu", "mi", "to", "ren", "sa", "pol", "di", "ne", "gu", "fa", "bir",
    ];
    let mut state = 12345u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let mut corpus = BTreeMap::new();
    for rank in 0..words {
        let length = 1 + next(4);
        let word: String = (0..length)
            .map(|_| syllables[next(syllables.len())])
            .collect();
        // Uneven counts: ties of equal counts are broken by the last bit of a logarithm.
        let count = 1000 + 2_000_000 / (rank as u64 + 1) + next(997) as u64;
        corpus.insert(format!("▁{word}"), count);
    }
    corpus.into_iter().collect()
}

#[test]
fn agrees_with_the_library_on_a_language_like_corpus() {
    let corpus = syllabic_corpus(600);
    for vocab_size in [40, 60, 80, 100, 150, 200, 220, 400, 5000] {
        let ours = train(&corpus, &[], vocab_size, 0);
        let theirs: BTreeMap<String, f64> = library(&corpus, vocab_size).into_iter().collect();
        assert_eq!(ours.len(), theirs.len(), "vocab_size {vocab_size}");
        for (piece, score) in &ours {
            let other = theirs
                .get(piece)
                .unwrap_or_else(|| panic!("{vocab_size}: {piece}"));
            // Letters that the model dropped are scored in hash order by the library.
            let near = if piece.chars().count() == 1 {
                0.01
            } else {
                1e-6
            };
            assert!(
                (score - other).abs() < near,
                "{vocab_size}: {piece} {score} {other}"
            );
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let corpus = syllabic_corpus(3000);
    let bits = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let pieces = pool.install(|| train(&corpus, &[], 200, 0));
        pieces
            .into_iter()
            .map(|(p, s)| (p, s.to_bits()))
            .collect::<Vec<_>>()
    };
    let one = bits(1);
    assert_eq!(one, bits(2));
    assert_eq!(one, bits(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn never_exceeds_the_size_and_never_loses_a_letter(
        corpus in proptest::collection::btree_map("▁[a-e]{1,6}", 1u64..50, 1..30),
        extra in 0usize..40,
    ) {
        let corpus: Vec<WordCount> = corpus.into_iter().collect();
        let alphabet = ['a', 'b', 'c', 'd', 'e', '▁'];
        let pieces = train(&corpus, &alphabet, 3 + alphabet.len() + extra, 3);
        prop_assert!(pieces.len() <= alphabet.len() + extra);
        for letter in alphabet {
            prop_assert!(pieces.iter().any(|(piece, _)| *piece == letter.to_string()));
        }
        prop_assert!(pieces.iter().all(|(_, score)| score.is_finite()));
    }
}
