//! The text, the words' tokens, and what each step covers.

mod miniature;

use corpus::{Input, Stage};
use lm::{SEP, Tokenizer};
use model_train::batches::{Batches, BudgetMode, IGNORE, Rows, StepSize};
use model_train::text::Text;
use model_train::words::WordTokens;
use seed::Seed;

struct Fixture {
    _directory: tempfile::TempDir,
    text: Text,
    tokenizers: Vec<Tokenizer>,
}

/// 500 documents, a tokenizer of single characters and one with whole words.
fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let lang = miniature::lang(&at("lang"), 500);
    let input = Input::open(&lang, Stage::Lang).unwrap();
    let tokenizer = |vocab_size: usize| {
        let tok = miniature::tok(&at(&format!("tok{vocab_size}")), &lang, vocab_size);
        Tokenizer::load(&tok.join("tokenizer.json")).unwrap()
    };
    Fixture {
        text: Text::open(&input, &at("cache")).unwrap(),
        tokenizers: vec![tokenizer(1), tokenizer(60), tokenizer(200)],
        _directory: directory,
    }
}

const EQUAL_TEXT: StepSize = StepSize {
    mode: BudgetMode::EqualText,
    batch_chars: 700,
    batch_tokens: 240,
    seq_len: 32,
};

/// The targets that count, row after row.
fn targets(rows: &Rows) -> Vec<u32> {
    assert_eq!(rows.inputs.len(), rows.targets.len());
    let counted: Vec<u32> = rows
        .targets
        .iter()
        .copied()
        .filter(|t| *t != IGNORE)
        .collect();
    assert_eq!(counted.len() as u64, rows.tokens);
    // Each input is the target before it.
    assert_eq!(rows.inputs[1..counted.len()], counted[..counted.len() - 1]);
    counted
}

#[test]
fn the_text_is_read_back_as_it_was() {
    let Fixture { text, .. } = fixture();
    let expected = miniature::documents(500, "train");
    assert_eq!(text.documents(), expected.len());
    for (index, (_, document)) in expected.iter().enumerate() {
        assert_eq!(&text.document_text(index), document);
    }
    let characters: usize = expected
        .iter()
        .map(|(_, document)| document.chars().count())
        .sum();
    assert_eq!(text.characters(), characters as u64);
    let occurrences: u64 = text.words().iter().map(|word| word.occurrences).sum();
    assert_eq!(occurrences, text.occurrences());
}

#[test]
fn a_damaged_cache_is_prepared_again() {
    let directory = tempfile::tempdir().unwrap();
    let lang = miniature::lang(&directory.path().join("lang"), 20);
    let input = Input::open(&lang, Stage::Lang).unwrap();
    let cache = directory.path().join("cache");
    Text::open(&input, &cache).unwrap();
    let files: Vec<_> = std::fs::read_dir(&cache)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    let good = std::fs::read(file).unwrap();
    for damage in [
        &good[..good.len() - 1],
        &good[..50],
        b"",
        &[&good[..200], b"x", &good[201..]].concat(),
    ] {
        std::fs::write(file, damage).unwrap();
        assert_eq!(Text::open(&input, &cache).unwrap().documents(), 20);
        assert!(std::fs::read(file).unwrap() == good);
    }
}

/// The primary budget: a step covers the same words with every tokenizer, and the characters follow the target.
#[test]
fn equal_text_covers_the_same_words_with_every_tokenizer() {
    let Fixture {
        text, tokenizers, ..
    } = fixture();
    let mut covered: Vec<Vec<String>> = Vec::new();
    let mut tokens = Vec::new();
    for tokenizer in &tokenizers {
        let words = WordTokens::new(&text, tokenizer, None).unwrap();
        let mut batches = Batches::new(&text, &words, EQUAL_TEXT, Seed(1), None);
        let mut steps = Vec::new();
        for index in 0..40 {
            let before = batches.cursor().chars_seen;
            let rows = batches.step(index);
            let ids = targets(&rows);
            let documents = ids
                .split(|id| *id == SEP)
                .map(|piece| tokenizer.decode(piece).unwrap());
            steps.push(documents.collect::<Vec<_>>().join("|"));
            let seen = batches.cursor().chars_seen;
            // within half a word (the longest has 7 characters and a space) of the target, ±2 % of 700 is 14
            assert!(seen.abs_diff(700 * (index + 1)) <= 4);
            assert!((seen - before).abs_diff(700) <= 14);
        }
        tokens.push(batches.cursor().tokens_seen);
        covered.push(steps);
    }
    assert_eq!(covered[0], covered[1]);
    assert_eq!(covered[0], covered[2]);
    assert!(tokens[0] > tokens[1] && tokens[1] > tokens[2], "{tokens:?}");
}

/// After one epoch every document was covered once, in another order than the first; the second epoch has its own.
#[test]
fn an_epoch_covers_every_document_once() {
    let Fixture {
        text, tokenizers, ..
    } = fixture();
    let words = WordTokens::new(&text, &tokenizers[2], None).unwrap();
    let mut batches = Batches::new(&text, &words, EQUAL_TEXT, Seed(1), None);
    let mut all = Vec::new();
    let mut index = 0;
    while batches.cursor().epoch < 2 {
        all.extend(targets(&batches.step(index)));
        index += 1;
    }
    let documents: Vec<String> = all
        .split(|id| *id == SEP)
        .map(|ids| tokenizers[2].decode(ids).unwrap())
        .collect();
    let (first, second) = (documents[..500].to_vec(), documents[500..1000].to_vec());
    assert_ne!(first, second);
    let sorted = |mut documents: Vec<String>| {
        documents.sort();
        documents
    };
    let expected: Vec<String> = miniature::documents(500, "train")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_ne!(first, expected);
    assert_eq!(sorted(first), sorted(expected.clone()));
    assert_eq!(sorted(second), sorted(expected));
    let counted = words.count(&text);
    assert_eq!(counted as usize, all.iter().take(counted as usize).count());
    assert_eq!(
        all[..counted as usize]
            .iter()
            .filter(|id| **id == SEP)
            .count(),
        500
    );
}

#[test]
fn equal_tokens_covers_as_many_tokens() {
    let Fixture {
        text, tokenizers, ..
    } = fixture();
    let size = StepSize {
        mode: BudgetMode::EqualTokens,
        ..EQUAL_TEXT
    };
    for tokenizer in &tokenizers {
        let words = WordTokens::new(&text, tokenizer, None).unwrap();
        let mut batches = Batches::new(&text, &words, size, Seed(1), None);
        for index in 0..20 {
            let rows = batches.step(index);
            assert_eq!((rows.tokens, rows.rows, rows.seq_len()), (240, 8, 32));
        }
        assert_eq!(batches.cursor().tokens_seen, 4800);
    }
}

/// A cursor taken after any step goes on with the same rows, with dropout too.
#[test]
fn a_cursor_goes_on_where_it_was_taken() {
    let Fixture {
        text, tokenizers, ..
    } = fixture();
    for (mode, dropout) in [
        (BudgetMode::EqualText, None),
        (BudgetMode::EqualText, Some(0.3)),
        (BudgetMode::EqualTokens, Some(0.1)),
    ] {
        let size = StepSize { mode, ..EQUAL_TEXT };
        let words = WordTokens::new(&text, &tokenizers[2], dropout).unwrap();
        let mut undisturbed = Batches::new(&text, &words, size, Seed(3), None);
        let expected: Vec<Rows> = (0..30).map(|index| undisturbed.step(index)).collect();
        let mut cursor = None;
        for (index, rows) in (0..).zip(&expected) {
            let mut batches = Batches::new(&text, &words, size, Seed(3), cursor);
            assert_eq!(&batches.step(index), rows);
            cursor = Some(batches.cursor().clone());
        }
        let mut other = Batches::new(&text, &words, size, Seed(4), None);
        assert_ne!(other.step(0), expected[0]);
    }
}

/// Under dropout the second epoch has other tokens for the same documents.
#[test]
fn dropout_segments_each_epoch_anew() {
    let Fixture {
        text, tokenizers, ..
    } = fixture();
    let epochs = |dropout: Option<f64>| -> [Vec<(String, Vec<u32>)>; 2] {
        let words = WordTokens::new(&text, &tokenizers[2], dropout).unwrap();
        let mut batches = Batches::new(&text, &words, EQUAL_TEXT, Seed(1), None);
        let mut all = Vec::new();
        for index in 0.. {
            all.extend(targets(&batches.step(index)));
            if batches.cursor().epoch == 2 {
                break;
            }
        }
        let documents: Vec<(String, Vec<u32>)> = all
            .split(|id| *id == SEP)
            .map(|ids| (tokenizers[2].decode(ids).unwrap(), ids.to_vec()))
            .collect();
        [&documents[..500], &documents[500..1000]].map(|epoch| {
            let mut epoch = epoch.to_vec();
            epoch.sort();
            epoch
        })
    };
    let [first, second] = epochs(None);
    assert_eq!(first, second);
    let [first, second] = epochs(Some(0.3));
    let texts = |epoch: &[(String, Vec<u32>)]| -> Vec<String> {
        epoch.iter().map(|(text, _)| text.clone()).collect()
    };
    assert_eq!(texts(&first), texts(&second));
    assert_ne!(first, second);
}

/// No dropout is the tokenizer itself; full dropout leaves single characters; between, words come out differently.
#[test]
fn dropout_skips_merges() {
    let Fixture {
        text, tokenizers, ..
    } = fixture();
    let tokenizer = &tokenizers[2];
    let segment = |probability: f64, draw: u64| {
        let words = WordTokens::new(&text, tokenizer, Some(probability)).unwrap();
        let mut all = Vec::new();
        for word in 0..text.words().len() as u32 {
            words.append(
                word,
                || Seed(1).stream_at("test", draw + u64::from(word)),
                &mut all,
            );
        }
        all
    };
    let plain: Vec<u32> = text
        .words()
        .iter()
        .flat_map(|word| tokenizer.encode(&word.text).unwrap())
        .collect();
    assert_eq!(segment(0.0, 0), plain);
    assert_ne!(segment(0.5, 0), segment(0.5, 1000));
    // characters of all words, and a mark before each
    let characters: usize = text
        .words()
        .iter()
        .map(|word| word.characters as usize + 1)
        .sum();
    let shattered = segment(0.999_999, 0);
    assert!(shattered.len().abs_diff(characters) <= 1);
    let half = segment(0.5, 0).len();
    assert!(plain.len() < half && half < characters);
    for ids in [segment(0.5, 0), shattered] {
        assert_eq!(
            tokenizer.decode(&ids).unwrap(),
            tokenizer.decode(&plain).unwrap()
        );
    }
}
