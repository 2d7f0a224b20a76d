//! Which concepts are atoms, and which of them have a minority form that a model could learn to write (claim 2).
//!
//! Both are asked of every inflection of a noun: a plural that is cut into pieces leaves the concept fragments by which it
//! can be reached. A concept is an **atom** where each of its A-forms is one token. Its B-forms are not asked: no tokenizer
//! has seen a masked one (but a control's), so it is cut into whatever there is, and it is the A-form that has no parts to
//! share. It is **trained** where each token of each of its B-forms, boundary marks among them, occurs at least k times in
//! the training text of both languages; k is `seen_at_least` of the tokenizer's manifest.
//!
//! Occurrences are counts of words times their segmentation, as in tok-train. Only words of the lexicon count: punctuation
//! is in no form. Of ids split by document, both copies count together, since forms have the ids of the first.

use std::collections::{BTreeMap, HashMap, HashSet};

use corpus::tables::SegmentationRow;
use corpus::{Category, Language};

/// How often each word occurs in the training text, by language.
pub type Words = [HashMap<String, u64>; 2];

/// What claim 2 asks of one concept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Atom {
    /// Whether all its A-forms are one token each.
    pub atom: bool,
    /// Whether all tokens of its B-forms occur often enough in training text; `None` where the text is not known.
    pub trained: Option<bool>,
}

/// Every noun of a tokenizer's segmentation.
pub fn atoms(
    rows: &[SegmentationRow],
    words: Option<&Words>,
    seen_at_least: u64,
) -> BTreeMap<u32, Atom> {
    let occurrences = words.map(|words| occurrences(rows, words));
    let unknown = Atom {
        atom: true,
        trained: occurrences.as_ref().map(|_| true),
    };
    let mut concepts: BTreeMap<u32, Atom> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.category == Category::Noun) {
        let concept = concepts.entry(row.concept).or_insert(unknown);
        match (row.language, &occurrences) {
            (Language::Majority, _) => concept.atom &= row.is_atom,
            (Language::Minority, Some(occurrences)) => {
                let often = |id: &u32| occurrences.get(id).copied().unwrap_or(0) >= seen_at_least;
                concept.trained = Some(concept.trained == Some(true) && row.ids.iter().all(often));
            }
            (Language::Minority, None) => {}
        }
    }
    concepts
}

/// How often each token occurs in the training text, by id. Forms of one spelling are one word.
fn occurrences(rows: &[SegmentationRow], words: &Words) -> HashMap<u32, u64> {
    let mut seen = HashSet::new();
    let mut occurrences: HashMap<u32, u64> = HashMap::new();
    for row in rows {
        let count = words[row.language as usize].get(&row.form);
        if let Some(count) = count
            && seen.insert((row.language, row.form.as_str()))
        {
            for id in &row.ids {
                *occurrences.entry(*id).or_default() += count;
            }
        }
    }
    occurrences
}

#[cfg(test)]
mod tests {
    use corpus::Condition;

    use super::*;

    fn row(
        concept: u32,
        category: Category,
        language: Language,
        form: &str,
        ids: &[u32],
    ) -> SegmentationRow {
        SegmentationRow {
            concept,
            category,
            r#type: None,
            inflection: String::new(),
            language,
            condition: Condition::Masked,
            form: form.to_owned(),
            tokens: ids.iter().map(ToString::to_string).collect(),
            ids: ids.to_vec(),
            n_tokens: ids.len() as u16,
            is_atom: ids.len() == 1,
        }
    }

    /// Concept 0: kala, kalat are atoms; B kelo, kelot are cut into 3 4 and 3 4 5.
    /// Concept 1: sano is an atom, sanot is not; B sono is 4 4.
    /// A says kala 20 times and the verb otto (token 4) 30 times; B says the verb lo (tokens 3 and 5) 12 times. The verb is
    /// two concepts of one spelling, which are one word of the text.
    fn example() -> (Vec<SegmentationRow>, Words) {
        use Category::{Noun, Verb};
        use Language::{Majority, Minority};
        let rows = vec![
            row(0, Noun, Majority, "kala", &[1]),
            row(0, Noun, Majority, "kalat", &[2]),
            row(0, Noun, Minority, "kelo", &[3, 4]),
            row(0, Noun, Minority, "kelot", &[3, 4, 5]),
            row(1, Noun, Majority, "sano", &[6]),
            row(1, Noun, Majority, "sanot", &[6, 5]),
            row(1, Noun, Minority, "sono", &[4, 4]),
            row(2, Verb, Majority, "otto", &[4]),
            row(2, Verb, Minority, "lo", &[3, 5]),
            row(3, Verb, Minority, "lo", &[3, 5]),
        ];
        let count = |words: &[(&str, u64)]| {
            words
                .iter()
                .map(|(word, count)| ((*word).to_owned(), *count))
                .collect()
        };
        (
            rows,
            [count(&[("kala", 20), ("otto", 30)]), count(&[("lo", 12)])],
        )
    }

    #[test]
    fn every_inflection_is_asked() {
        let (rows, words) = example();
        let found = |at_least| {
            let atoms = atoms(&rows, Some(&words), at_least);
            [0, 1].map(|concept| (atoms[&concept].atom, atoms[&concept].trained))
        };
        // Tokens 3 and 5 occur 12 times, token 4 occurs 30 times.
        assert_eq!(found(12), [(true, Some(true)), (false, Some(true))]);
        assert_eq!(found(13), [(true, Some(false)), (false, Some(true))]);
        assert_eq!(found(31), [(true, Some(false)), (false, Some(false))]);
        assert_eq!(atoms(&rows, Some(&words), 1).len(), 2, "nouns alone");
    }

    #[test]
    fn without_the_text_nothing_is_known_to_be_trained() {
        let atoms = atoms(&example().0, None, 1);
        assert_eq!((atoms[&0].atom, atoms[&0].trained), (true, None));
        assert!(!atoms[&1].atom);
    }
}
