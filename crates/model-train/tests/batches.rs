//! The text, the words' tokens, and what each step covers.

mod miniature;

use std::path::Path;

use corpus::{Input, Stage};
use lm::split_ids::TWIN_MARK;
use lm::tokenizer::SPECIAL_TOKENS;
use lm::{Encoder, SEP, SplitIds, TextKind, Tokenizer};
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

/// Ids that are not split.
fn plain(tokenizer: &Tokenizer) -> Encoder<'_> {
    Encoder::plain(tokenizer)
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
        let mut batches = Batches::new(&text, &words, plain(tokenizer), EQUAL_TEXT, Seed(1), None);
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
    let mut batches = Batches::new(
        &text,
        &words,
        plain(&tokenizers[2]),
        EQUAL_TEXT,
        Seed(1),
        None,
    );
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
        let mut batches = Batches::new(&text, &words, plain(tokenizer), size, Seed(1), None);
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
        let mut undisturbed =
            Batches::new(&text, &words, plain(&tokenizers[2]), size, Seed(3), None);
        let expected: Vec<Rows> = (0..30).map(|index| undisturbed.step(index)).collect();
        let mut cursor = None;
        for (index, rows) in (0..).zip(&expected) {
            let mut batches =
                Batches::new(&text, &words, plain(&tokenizers[2]), size, Seed(3), cursor);
            assert_eq!(&batches.step(index), rows);
            cursor = Some(batches.cursor().clone());
        }
        let mut other = Batches::new(&text, &words, plain(&tokenizers[2]), size, Seed(4), None);
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
        let mut batches = Batches::new(
            &text,
            &words,
            plain(&tokenizers[2]),
            EQUAL_TEXT,
            Seed(1),
            None,
        );
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

/// A tokenizer with the twin of every token, and how far behind its token each lies.
fn with_twins(tokenizer: &Tokenizer, path: &Path) -> (Tokenizer, u32) {
    let mut json: serde_json::Value = serde_json::from_str(tokenizer.json()).unwrap();
    let (size, special) = (tokenizer.vocab_size() as u32, SPECIAL_TOKENS.len() as u32);
    for id in special..size {
        let twin = format!("{}{TWIN_MARK}", tokenizer.token(id).unwrap());
        json["model"]["vocab"][twin] = (id + size - special).into();
    }
    std::fs::write(path, json.to_string()).unwrap();
    (Tokenizer::load(path).unwrap(), size - special)
}

/// Step by step, with what dropout and separators do, B's documents have the twins' ids, or half of all documents do; but
/// for that the rows are those of the same tokenizer without twins.
#[test]
fn split_ids_change_names_of_tokens_and_nothing_else() {
    let fixture = fixture();
    let (text, tokenizer) = (&fixture.text, &fixture.tokenizers[1]);
    let directory = tempfile::tempdir().unwrap();
    let (twins, shift) = with_twins(tokenizer, &directory.path().join("twins.json"));
    for dropout in [None, Some(0.3)] {
        let steps = |tokenizer: &Tokenizer, split| -> Vec<u32> {
            let words = WordTokens::new(text, tokenizer, dropout).unwrap();
            let encoder = Encoder::new(tokenizer, split, Seed(1)).unwrap();
            let mut batches = Batches::new(text, &words, encoder, EQUAL_TEXT, Seed(1), None);
            let mut all = Vec::new();
            for index in 0.. {
                // Going on from what was written down changes nothing.
                let cursor = Some(batches.cursor().clone());
                batches = Batches::new(text, &words, encoder, EQUAL_TEXT, Seed(1), cursor);
                all.extend(targets(&batches.step(index)));
                if batches.cursor().epoch > 0 {
                    break;
                }
            }
            all
        };
        let plain = steps(tokenizer, SplitIds::None);
        assert_eq!(steps(&twins, SplitIds::None), plain);
        for split in [SplitIds::Language, SplitIds::Document] {
            let ids = steps(&twins, split);
            let mut documents = 0;
            let ended = ids.split(|id| *id == SEP).zip(plain.split(|id| *id == SEP));
            for (ids, plain) in ended.take(text.documents()) {
                let first: Vec<u32> = plain.iter().map(|id| id + shift).collect();
                assert!(ids == plain || ids == first, "one copy a document");
                documents += usize::from(ids == first);
            }
            let expected = (0..text.documents()).filter(|&index| match split {
                SplitIds::Language => text.is_minority(index),
                _ => {
                    let encoder = Encoder::new(&twins, split, Seed(1)).unwrap();
                    let copy = encoder.copy(false, TextKind::Training, index as u64);
                    copy == lm::IdCopy::Twin
                }
            });
            assert_eq!(documents, expected.count(), "{split}");
        }
    }
}
