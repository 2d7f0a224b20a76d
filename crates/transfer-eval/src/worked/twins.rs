//! Split ids: a model that knows that twins mean the same has the metrics of the model without twins.

use lm::IdCopy;
use lm::split_ids::TWIN_MARK;

use super::*;

/// The bigram model over both copies of the ids. A text of mixed copies is impossible to it.
struct Folded(Bigram);

/// Ids 3 to 7 are the words, 8 to 12 their twins.
const SHIFT: u32 = 5;
const IDS: u32 = 13;

impl Folded {
    fn copy(id: u32) -> Option<IdCopy> {
        match id {
            0..3 => None,
            3..8 => Some(IdCopy::First),
            _ => Some(IdCopy::Twin),
        }
    }

    fn first(id: u32) -> u32 {
        if id < 3 + SHIFT { id } else { id - SHIFT }
    }

    fn nats(&self, before: u32, after: u32) -> f64 {
        let copies = [before, after].map(Folded::copy);
        let mixed = copies[0].is_some() && copies[1].is_some() && copies[0] != copies[1];
        match mixed {
            true => f64::NEG_INFINITY,
            false => self.0.nats(Folded::first(before), Folded::first(after)),
        }
    }
}

impl LanguageModel for Folded {
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>> {
        let nats = |ids: &&[u32]| ids.windows(2).map(|pair| self.nats(pair[0], pair[1])).sum();
        Ok(sequences.iter().map(nats).collect())
    }

    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let next = |ids: &&[u32]| {
            let last = ids[ids.len() - 1];
            (0..IDS)
                .map(|after| self.nats(last, after) as f32)
                .collect()
        };
        Ok(sequences.iter().map(next).collect())
    }
}

fn twin_tokenizer(directory: &std::path::Path) -> Tokenizer {
    let twins = WORDS.map(|word| format!("{word}{TWIN_MARK}"));
    let words: Vec<&str> = WORDS
        .into_iter()
        .chain(twins.iter().map(String::as_str))
        .collect();
    word_tokenizer(directory, &words)
}

#[test]
fn twins_score_like_the_tokens_they_stand_for() {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = twin_tokenizer(directory.path());
    assert_eq!(tokenizer.twin_shift(), Some(SHIFT));
    let plain = evaluate(&bigram(), probes(), StepRows::default());
    for split in [SplitIds::Language, SplitIds::Document] {
        let model = Folded(bigram());
        let found = evaluate_with(&tokenizer, split, &model, probes(), StepRows::default());
        assert_eq!(found.len(), plain.len());
        for (found, plain) in found.iter().zip(&plain) {
            assert_eq!(found.metric, plain.metric);
            assert_eq!(found.value, plain.value, "{split}: {found:?}");
        }
    }
}

#[test]
fn what_is_compared_is_written_in_one_copy() {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = twin_tokenizer(directory.path());
    // 40 crossed items, and 40 calibration groups of two clozes
    let mut rows = Vec::new();
    for number in 0..40 {
        rows.extend(crossed_rows(
            4 * number,
            "other_type",
            ["x u .", "x v .", "y u .", "y v ."],
        ));
        let group = format!("g{number:02}");
        rows.push(cloze_row(4 * number + 2, &group, "x {} .", &["u", "v"], 0));
        rows.push(cloze_row(4 * number + 3, &group, "y {} .", &["u", "v"], 1));
    }
    let items = Items::new(rows).unwrap();
    let text = |document, language| Text {
        document,
        language,
        text: "x u . y v .".to_owned(),
    };
    let texts: Vec<Text> = (0..40)
        .flat_map(|n| [text(n, Language::Majority), text(n, Language::Minority)])
        .collect();
    let suite = |split| {
        let encoder = Encoder::new(&tokenizer, split, Seed(1)).unwrap();
        Suite::new(&items, &texts, &encoder, 64, Seed(1)).unwrap()
    };
    let copy = |ids: &[u32]| -> IdCopy {
        let copies: Vec<IdCopy> = ids.iter().filter_map(|&id| Folded::copy(id)).collect();
        assert!(copies.iter().all(|copy| *copy == copies[0]), "{ids:?}");
        copies[0]
    };
    let by_document = suite(SplitIds::Document);
    let of_row = |row: usize| -> Vec<IdCopy> {
        let places = by_document.candidates[row].iter();
        places
            .map(|&at| copy(&by_document.sequences[at as usize]))
            .collect()
    };
    let mut twins = 0;
    for first in (0..160).step_by(2) {
        let copies = [of_row(first), of_row(first + 1)].concat();
        assert!(
            copies.iter().all(|copy| *copy == copies[0]),
            "rows {first} and {}",
            first + 1
        );
        twins += u32::from(copies[0] == IdCopy::Twin);
    }
    // 80 fair draws: 40 ± 4 · √20
    assert!((22..=58).contains(&twins), "{twins}");
    for told in by_document.documents.chunks(2) {
        assert_eq!(
            told[0].pieces, told[1].pieces,
            "a derivation is told in one copy"
        );
    }

    // Split by language every probe here is B's, and the first of each two documents A's.
    let by_language = suite(SplitIds::Language);
    let probes: Vec<IdCopy> = by_language.sequences.iter().map(|ids| copy(ids)).collect();
    assert!(probes.iter().all(|of| *of == IdCopy::Twin));
    for told in by_language.documents.chunks(2) {
        assert_eq!(told[0].pieces, [[0, 3, 5, 7, 4, 6, 7, 0]]);
        assert_eq!(told[1].pieces, [[0, 8, 10, 12, 9, 11, 12, 0]]);
    }
    let words: Vec<IdCopy> = by_language
        .words
        .iter()
        .map(|word| copy(&word.ids))
        .collect();
    assert!(words.iter().all(|of| *of == IdCopy::Twin));
}
