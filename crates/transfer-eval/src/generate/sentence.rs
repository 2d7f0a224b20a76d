//! What sampled sentences continue, and how they are numbered by it.

use anyhow::Result;
use corpus::Language;
use lm::{Encoder, SEP};

use crate::score::suite::{Text, copy_of_text, sentences};

/// Documents that samples of a language continue, over and over: prompts of one length run as one batch, so few
/// different prompts make few batches.
const PROMPTS: u32 = 20;

/// A sentence to sample.
pub(super) struct SentencePrompt {
    /// Its language.
    pub(super) language: Language,
    /// Its number (see [`prompt_of`]).
    pub(super) sample: u32,
    /// `<sep>` and the prompt's tokens.
    pub(super) ids: Vec<u32>,
    /// Whether the prompt is the sample's first word.
    pub(super) is_opening: bool,
    /// Tokens that the sample may have.
    pub(super) limit: usize,
}

/// The prompt that a sample continues, by the sample's number: samples of one prompt have the same remainder.
pub fn prompt_of(sample: u32) -> u32 {
    sample % PROMPTS
}

/// Prompts in one language, each document in its turn. Where there are fewer documents than [`PROMPTS`], as many numbers
/// are left out of each round.
pub(super) fn sentence_prompts(
    language: Language,
    texts: &[Text],
    encoder: &Encoder<'_>,
    samples: u32,
) -> Result<Vec<SentencePrompt>> {
    let tokenizer = encoder.tokenizer();
    let own = || texts.iter().filter(|text| text.language == language);
    let mut longest = 0;
    for sentence in own().flat_map(|text| sentences(&text.text)) {
        longest = longest.max(tokenizer.encode(sentence)?.len());
    }
    let of_two: Vec<&Text> = own()
        .filter(|text| sentences(&text.text).count() > 1)
        .collect();
    let all: Vec<&Text> = own().collect();
    let is_opening = of_two.is_empty();
    let documents = if is_opening { all } else { of_two };
    let rounds = (0..).flat_map(|round| {
        let continued = documents.iter().zip(0..PROMPTS);
        continued.map(move |(&text, prompt)| (text, round * PROMPTS + prompt))
    });
    let samples = if documents.is_empty() { 0 } else { samples };
    let mut prompts = Vec::new();
    for (text, sample) in rounds.take(samples as usize) {
        let mut prompt = sentences(&text.text).next().unwrap_or_default();
        if is_opening {
            prompt = prompt.split(' ').next().unwrap_or_default();
        }
        let mut ids = vec![SEP];
        ids.extend(encoder.encode(prompt, copy_of_text(text, encoder))?);
        prompts.push(SentencePrompt {
            language,
            sample,
            ids,
            is_opening,
            limit: longest + longest / 4,
        });
    }
    Ok(prompts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_tokenizer;

    /// Three documents of two sentences: rounds of three samples, numbered from 0, 20 and 40 on.
    #[test]
    fn samples_of_one_prompt_are_told_by_their_number() {
        let directory = tempfile::tempdir().unwrap();
        let tokenizer = word_tokenizer(directory.path(), &["x", "y", "z", "."]);
        let encoder = Encoder::plain(&tokenizer);
        let text = |(document, text): (u64, &str)| Text {
            document,
            language: Language::Minority,
            text: text.to_owned(),
        };
        let texts = [(0, "x . y ."), (1, "y . z ."), (2, "z ."), (3, "z z . x .")].map(text);
        let prompts = sentence_prompts(Language::Minority, &texts, &encoder, 7).unwrap();
        let found: Vec<(u32, &[u32])> = prompts
            .iter()
            .map(|prompt| (prompt.sample, prompt.ids.as_slice()))
            .collect();
        let [x, y, zz]: [&[u32]; 3] = [&[0, 3, 6], &[0, 4, 6], &[0, 5, 5, 6]];
        let expected = [(0, x), (1, y), (2, zz), (20, x), (21, y), (22, zz), (40, x)];
        assert_eq!(found, expected);
        assert!(
            prompts
                .iter()
                .all(|one| one.ids == prompts[prompt_of(one.sample) as usize].ids)
        );
        let none = sentence_prompts(Language::Majority, &texts, &encoder, 7).unwrap();
        assert!(none.is_empty());
        // no document of two sentences: the first word is the sample's own
        let prompts = sentence_prompts(Language::Minority, &texts[2..3], &encoder, 1).unwrap();
        assert!(prompts[0].is_opening);
        assert_eq!(prompts[0].ids, [0, 5]);
    }
}
