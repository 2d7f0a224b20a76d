use super::*;
use proptest::prelude::*;

const ALL: [Algorithm; 6] = [
    Algorithm::Bpe,
    Algorithm::ByteBpe,
    Algorithm::Unigram,
    Algorithm::Wordpiece,
    Algorithm::Char,
    Algorithm::Word,
];

fn corpus() -> Vec<WordCount> {
    [
        (".", 40),
        ("kalu", 12),
        ("kami", 9),
        ("lumi", 7),
        ("mika", 5),
        ("tolu", 3),
        ("žéto", 2),
    ]
    .map(|(word, count)| (word.to_owned(), count))
    .to_vec()
}

/// The corpus' letters and two that only another language has.
fn letters() -> BTreeSet<char> {
    corpus()
        .iter()
        .flat_map(|(word, _)| word.chars())
        .chain(['q', 'ø'])
        .collect()
}

fn trained(algorithm: Algorithm, vocab_size: Option<usize>) -> Tokenizer {
    train(algorithm, &corpus(), &letters(), vocab_size)
        .unwrap()
        .0
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer.encode(text, false).unwrap().get_tokens().to_vec()
}

#[test]
fn special_tokens_have_the_first_ids() {
    for algorithm in ALL {
        let tokenizer = trained(algorithm, None);
        for (id, token) in SPECIAL_TOKENS.iter().enumerate() {
            assert_eq!(tokenizer.token_to_id(token), Some(id as u32), "{algorithm}");
        }
        // The post-processor adds none.
        let with = tokenizer.encode("kalu .", true).unwrap();
        let without = tokenizer.encode("kalu .", false).unwrap();
        assert_eq!(with.get_ids(), without.get_ids(), "{algorithm}");
    }
}

#[test]
fn char_cuts_everything_and_word_nothing_it_knows() {
    let char = trained(Algorithm::Char, None);
    assert_eq!(tokens(&char, "kalu ."), ["▁", "k", "a", "l", "u", "▁", "."]);
    let word = trained(Algorithm::Word, None);
    assert_eq!(tokens(&word, "kalu ."), ["▁kalu", "▁."]);
    // Unseen: down to letters, though "kalu" is a token with its mark.
    assert_eq!(tokens(&word, "kaluq"), ["▁", "k", "a", "l", "u", "q"]);
}

#[test]
fn word_keeps_the_most_frequent_words_of_a_small_vocabulary() {
    let base = base_vocabulary(Algorithm::Word, &letters()).len();
    let word = trained(Algorithm::Word, Some(base + 2));
    assert_eq!(word.get_vocab_size(true), base + 2);
    assert_eq!(
        tokens(&word, "kalu kami ."),
        ["▁kalu", "▁", "k", "a", "m", "i", "▁."]
    );
}

#[test]
fn wordpiece_holds_every_letter_twice_and_matches_longest_first() {
    let tokenizer = trained(Algorithm::Wordpiece, Some(60));
    for letter in letters() {
        for token in [letter.to_string(), format!("##{letter}")] {
            assert!(tokenizer.token_to_id(&token).is_some(), "{token}");
        }
    }
    assert!(tokens(&tokenizer, "kalu")[0].starts_with('▁'));
    let cut = tokens(&tokenizer, "qøqø");
    assert_eq!(cut, ["▁", "##q", "##ø", "##q", "##ø"]);
}

#[test]
fn byte_level_marks_words_by_their_space() {
    let base = base_vocabulary(Algorithm::ByteBpe, &letters()).len();
    assert_eq!(base, 3 + 256);
    let bytes = trained(Algorithm::ByteBpe, Some(base));
    assert_eq!(tokens(&bytes, "ka ."), ["Ġ", "k", "a", "Ġ", "."]);
    let merged = trained(Algorithm::ByteBpe, None);
    assert_eq!(tokens(&merged, "kalu ."), ["Ġkalu", "Ġ."]);
}

#[test]
fn a_size_below_the_alphabet_is_refused_with_the_minimum() {
    for algorithm in ALL {
        let minimum = base_vocabulary(algorithm, &letters()).len();
        let error = train(algorithm, &corpus(), &letters(), Some(minimum - 1)).unwrap_err();
        let cure = format!("use --vocab-size {minimum} or more");
        assert!(error.to_string().ends_with(&cure), "{error}");
        let smallest = trained(algorithm, Some(minimum));
        assert_eq!(smallest.get_vocab_size(true), minimum, "{algorithm}");
    }
}

#[test]
fn the_files_text_reads_and_writes_as_itself() {
    for algorithm in ALL {
        let (_, text) = train(algorithm, &corpus(), &letters(), Some(300)).unwrap();
        let again = parse(&text).unwrap().to_string(true).unwrap();
        assert_eq!(text, again, "{algorithm}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn decode_undoes_encode_and_nothing_is_unknown(
        sentences in proptest::collection::vec(
            proptest::collection::vec("[kalumitožéqø]{1,9}", 1..8), 1..4),
        extra in 0usize..40,
    ) {
        let text: Vec<String> = sentences.iter().map(|words| format!("{} .", words.join(" "))).collect();
        let text = text.join(" ");
        for algorithm in ALL {
            let size = base_vocabulary(algorithm, &letters()).len() + extra;
            let tokenizer = trained(algorithm, Some(size));
            let encoding = tokenizer.encode(text.as_str(), false).unwrap();
            prop_assert!(!encoding.get_ids().contains(&2), "{} {:?}", algorithm, text);
            let decoded = tokenizer.decode(encoding.get_ids(), true).unwrap();
            prop_assert_eq!(&decoded, &text, "{}", algorithm);
            // A text is cut as its words are.
            let alone: Vec<u32> = text
                .split(' ')
                .flat_map(|word| tokenizer.encode(word, false).unwrap().get_ids().to_vec())
                .collect();
            prop_assert_eq!(encoding.get_ids(), alone.as_slice(), "{}", algorithm);
        }
    }
}
