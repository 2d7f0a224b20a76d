//! Word counts of the training text, one list per language: all that training and the statistics
//! of the text need, so that time and memory depend on the distinct words, not on the corpus.

use std::collections::BTreeMap;

use anyhow::Result;
use command::Progress;
use corpus::{Input, Language, scan_text};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde_json::Value;

/// A word and how often it occurs.
pub type WordCount = (String, u64);

/// Counts of both languages' words, each sorted by word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageCounts {
    /// Words of majority documents.
    pub majority: Vec<WordCount>,
    /// Words of minority documents.
    pub minority: Vec<WordCount>,
}

impl LanguageCounts {
    /// One language's words.
    pub fn of(&self, language: Language) -> &[WordCount] {
        match language {
            Language::Majority => &self.majority,
            Language::Minority => &self.minority,
        }
    }

    /// How often a word occurs in a language's text.
    pub fn count(&self, language: Language, word: &str) -> u64 {
        let words = self.of(language);
        words
            .binary_search_by(|(other, _)| other.as_str().cmp(word))
            .map_or(0, |index| words[index].1)
    }
}

/// Σ count × characters of the word, without spaces or marks.
pub fn characters_of(words: &[WordCount]) -> u64 {
    words
        .iter()
        .map(|(word, count)| count * word.chars().count() as u64)
        .sum()
}

/// Words of a text: Σ count.
pub fn words_of(words: &[WordCount]) -> u64 {
    words.iter().map(|(_, count)| count).sum()
}

/// Documents between two looks at the interrupt flag and the progress bar.
const DOCUMENTS_PER_STEP: u64 = 1024;

/// Counts the words of LANG's training text in one pass, files in parallel, after each file's
/// length and BLAKE3 were checked. Sums do not depend on the threads.
///
/// # Errors
/// A file that is damaged or no table of documents; an interrupt.
pub fn count_words(lang: &Input) -> Result<LanguageCounts> {
    let files = lang.files_with_prefix("train-");
    let progress = Progress::new("counting words", documents(lang), "documents");
    let per_file: Vec<[Counts; 2]> = files
        .par_iter()
        .map(|name| count_file(lang, name, &progress))
        .collect::<Result<_>>()?;
    progress.finish();

    let mut counts = [BTreeMap::new(), BTreeMap::new()];
    for file in per_file {
        for (total, counted) in counts.iter_mut().zip(file) {
            for (word, count) in counted {
                *total.entry(word.into_string()).or_default() += count;
            }
        }
    }
    let [majority, minority] = counts.map(|counts| counts.into_iter().collect());
    Ok(LanguageCounts { majority, minority })
}

type Counts = FxHashMap<Box<str>, u64>;

fn count_file(lang: &Input, name: &str, progress: &Progress) -> Result<[Counts; 2]> {
    let path = lang.file(name)?;
    let mut counts = [Counts::default(), Counts::default()];
    let mut documents = 0u64;
    scan_text(&path, |language, text, _| {
        let counts = &mut counts[language as usize];
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(word.into(), 1);
                }
            }
        }
        documents += 1;
        if documents.is_multiple_of(DOCUMENTS_PER_STEP) {
            command::check_interrupt()?;
            progress.inc(DOCUMENTS_PER_STEP);
        }
        Ok(())
    })?;
    progress.inc(documents % DOCUMENTS_PER_STEP);
    Ok(counts)
}

/// How many documents LANG says it holds; only the progress bar depends on it.
fn documents(lang: &Input) -> u64 {
    let train = &lang.manifest().measured["train"];
    Language::ALL
        .iter()
        .filter_map(|language| train[language.as_str()]["documents"].as_u64())
        .sum()
}

/// The counts as the manifest's `measured` states them.
pub fn to_json(counts: &LanguageCounts) -> Value {
    let of = |words: &[WordCount]| {
        serde_json::json!({
            "words": words_of(words),
            "distinct_words": words.len(),
            "characters": characters_of(words),
        })
    };
    serde_json::json!({ "majority": of(&counts.majority), "minority": of(&counts.minority) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_by_word() {
        let counts = LanguageCounts {
            majority: vec![(".".to_owned(), 4), ("kalu".to_owned(), 3)],
            minority: vec![],
        };
        assert_eq!(counts.count(Language::Majority, "kalu"), 3);
        assert_eq!(counts.count(Language::Majority, "kal"), 0);
        assert_eq!(counts.count(Language::Minority, "kalu"), 0);
        // 4·1 + 3·4 characters, 7 words.
        assert_eq!(characters_of(&counts.majority), 16);
        assert_eq!(words_of(&counts.majority), 7);
    }
}
