//! A text as tokens: `fertility`, `atom_share`, `characters_per_token`.

/// A text, or a list of forms, cut into tokens: how often each token occurs, and what its words
/// come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCounts {
    /// Occurrences by token id.
    pub occurrences: Vec<u64>,
    /// Words.
    pub words: u64,
    /// Words that are one token (atoms).
    pub atoms: u64,
    /// Tokens.
    pub tokens: u64,
    /// Characters of the words, without spaces and boundary marks.
    pub characters: u64,
}

impl TokenCounts {
    /// An empty text over a vocabulary of `vocab_size` tokens.
    pub fn new(vocab_size: usize) -> Self {
        TokenCounts {
            occurrences: vec![0; vocab_size],
            words: 0,
            atoms: 0,
            tokens: 0,
            characters: 0,
        }
    }

    /// Adds a word that occurs `count` times, cut into `ids`, of `characters` characters.
    pub fn add(&mut self, ids: &[u32], characters: u64, count: u64) {
        for id in ids {
            self.occurrences[*id as usize] += count;
        }
        self.words += count;
        self.atoms += count * u64::from(ids.len() == 1);
        self.tokens += count * ids.len() as u64;
        self.characters += count * characters;
    }

    /// Tokens per word (Ács 2019; Rust et al. 2021, §3.1). `None` without words.
    pub fn fertility(&self) -> Option<f64> {
        ratio(self.tokens, self.words)
    }

    /// Share of the words that are one token. `None` without words.
    pub fn atom_share(&self) -> Option<f64> {
        ratio(self.atoms, self.words)
    }

    /// Characters of words per token (CPT of Limisiewicz et al. 2023, here without spaces).
    /// `None` without tokens.
    pub fn characters_per_token(&self) -> Option<f64> {
        ratio(self.characters, self.tokens)
    }
}

fn ratio(numerator: u64, denominator: u64) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_over_running_words() {
        // "kalu" = ▁ka lu, 4 characters, 3 times; "." = ▁. (an atom), 1 character, 5 times:
        // 8 words, 3·2 + 5 = 11 tokens, 5 atoms, 3·4 + 5 = 17 characters.
        let mut text = TokenCounts::new(3);
        text.add(&[0, 1], 4, 3);
        text.add(&[2], 1, 5);
        assert_eq!(text.occurrences, [3, 3, 5]);
        assert!((text.fertility().unwrap() - 11.0 / 8.0).abs() < 1e-12);
        assert!((text.atom_share().unwrap() - 5.0 / 8.0).abs() < 1e-12);
        assert!((text.characters_per_token().unwrap() - 17.0 / 11.0).abs() < 1e-12);
        assert_eq!(TokenCounts::new(3).fertility(), None);
    }
}
