//! Word counts of the training text, one list per language: all that training and the statistics
//! of the text need, so that time and memory depend on the distinct words, not on the corpus.

/// A word and how often it occurs.
pub type WordCount = (String, u64);

/// Counts of both languages' words, each sorted by word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageCounts {
    /// Words of majority documents.
    pub majority: Vec<WordCount>,
    /// Words of minority documents.
    pub minority: Vec<WordCount>,
    /// Documents read.
    pub documents: u64,
}

/// Σ count × characters of the word, without spaces or marks.
pub fn characters_of(words: &[WordCount]) -> u64 {
    words
        .iter()
        .map(|(word, count)| count * word.chars().count() as u64)
        .sum()
}
