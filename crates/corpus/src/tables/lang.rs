//! Tables of LANG: lexicon, facts, documents, probes.

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
