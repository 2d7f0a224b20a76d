//! Tables of LANG: lexicon, facts, documents, probes.

use std::collections::HashSet;

use super::choice::{Category, Condition, FactKind, Language, ProbeSet, ProbeStage};
use super::schema::table;

table! {
    /// One row per concept × language × inflection.
    LexiconRow, "lexicon.parquet", "lang-gen", [],
    {
        /// Concept id, the same in both languages
        concept: u32,
        /// Part of speech
        category: Category,
        /// Type in the ontology; null where words of the category have none
        r#type: Option<String>,
        /// Inflection: base, or e.g. plural
        inflection: String,
        /// Language of the form
        language: Language,
        /// The word as it stands in text
        form: String,
        /// Whether the lemma is masked (true on the rows of both languages)
        masked: bool,
        /// Whether the minority form equals the majority form
        identical: bool,
        /// Normalised Levenshtein distance to the majority form, 0 to 1; null on majority rows
        ldn: Option<f32>,
        /// Rank of the lexeme by frequency, 0 is the most frequent
        frequency_rank: u32,
    }
}

/// The condition of each row's form, in the rows' order. `rows`: a lexicon, or every row of some of its concepts.
///
/// An A-form is `majority`, a B-form of an unmasked lemma `minority`, equal to its A-form or not. Masked lemmas have one
/// condition each: `identical` where the B-form of any inflection equals its A-form, else `masked`. Where the stem stays
/// and an affix alone diverges, the column `identical` tells the inflections apart, their condition does not: the stem
/// gives the lemma away in both. Probes are told apart by the same rule.
pub fn conditions(rows: &[LexiconRow]) -> Vec<Condition> {
    let identical: HashSet<u32> = rows
        .iter()
        .filter(|row| row.identical)
        .map(|row| row.concept)
        .collect();
    rows.iter()
        .map(|row| match row.language {
            Language::Majority => Condition::Majority,
            Language::Minority if !row.masked => Condition::Minority,
            Language::Minority if identical.contains(&row.concept) => Condition::Identical,
            Language::Minority => Condition::Masked,
        })
        .collect()
}

table! {
    /// One row per fact cell: what could be said of a subject.
    FactRow, "facts.parquet", "lang-gen", [],
    {
        /// Concept id of a noun
        subject: u32,
        /// Concept id of an attribute or a verb
        relation: u32,
        /// Concept id of an attribute's value or of a noun
        object: u32,
        /// What the cell states
        kind: FactKind,
        /// Whether minority text states nothing about the cell
        held_out: bool,
        /// Whether the cell is true in the world (false for held-out cells that are false)
        holds: bool,
    }
}

table! {
    /// One row per document; `scan_text` and `DocumentWriter` do the same without a `String` per row.
    DocumentRow, "train-", "lang-gen", ["document", "text", "derivation"],
    {
        /// Number of the document
        document: u64,
        /// Language it is told in
        language: Language,
        /// Sentences joined by one space; words separated by one space, each sentence ended by the word .
        text: String,
        /// The abstract syntax of its sentences, readable
        derivation: String,
        /// Characters of the text, spaces included
        characters: u32,
        /// Sentences of the text
        sentences: u16,
    }
}

table! {
    /// One row per test item, or per half of a crossed one.
    ProbeRow, "probes.parquet", "lang-gen", ["probe"],
    {
        /// Number of the item
        probe: u32,
        /// What it asks for
        stage: ProbeStage,
        /// What exactly is asked, e.g. order, agreement, attribute
        phenomenon: String,
        /// Which forms it is about
        condition: Condition,
        /// Language of its sentences
        language: Language,
        /// Concept asked for; null where there is no single one
        concept: Option<u32>,
        /// Type of that concept
        r#type: Option<String>,
        /// Sentence pattern
        template: String,
        /// Items over whose contexts scores are calibrated: the same forms in the same order
        calibration_group: Option<String>,
        /// Whole sentences to score
        candidates: Vec<String>,
        /// What differs between the candidates
        forms: Option<Vec<String>>,
        /// Index of the right candidate
        gold: u16,
        /// Probe number of the other half of a crossed item
        crossed_with: Option<u32>,
        /// Which candidates are offered
        set: ProbeSet,
        /// Accuracy of guessing, 0 to 1
        chance: f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The A-form and the B-form of one inflection of a noun.
    fn forms(concept: u32, inflection: &str, [a, b]: [&str; 2], masked: bool) -> [LexiconRow; 2] {
        [(Language::Majority, a), (Language::Minority, b)].map(|(language, form)| LexiconRow {
            concept,
            category: Category::Noun,
            r#type: None,
            inflection: inflection.to_owned(),
            language,
            form: form.to_owned(),
            masked,
            identical: a == b,
            ldn: None,
            frequency_rank: concept,
        })
    }

    /// The plural affix -t becomes -k. The stem talo stays, kala becomes kelo; sano stays as talo does, unmasked.
    #[test]
    fn inflections_of_a_concept_have_one_condition() {
        let rows: Vec<LexiconRow> = [
            forms(0, "base", ["talo", "talo"], true),
            forms(0, "plural", ["talot", "talok"], true),
            forms(1, "base", ["kala", "kelo"], true),
            forms(1, "plural", ["kalat", "kelok"], true),
            forms(2, "base", ["sano", "sano"], false),
            forms(2, "plural", ["sanot", "sanok"], false),
        ]
        .into_iter()
        .flatten()
        .collect();
        let of = |language: Language| -> Vec<Condition> {
            let all = rows.iter().zip(conditions(&rows));
            all.filter(|(row, _)| row.language == language)
                .map(|(_, condition)| condition)
                .collect()
        };
        use Condition::{Identical, Majority, Masked, Minority};
        assert_eq!(of(Language::Majority), [Majority; 6]);
        assert_eq!(
            of(Language::Minority),
            [Identical, Identical, Masked, Masked, Minority, Minority]
        );
        // The column stays one of forms: talok is not talot.
        let identical: Vec<bool> = rows.iter().map(|row| row.identical).collect();
        assert_eq!(identical[..4], [true, true, false, false]);
    }
}
