//! Tables of TOK: segmentation, bridges, summary.

use super::choice::{Category, Condition, Language};
use super::schema::table;

table! {
    /// One row per form, segmented as in running text, without special tokens.
    SegmentationRow, "segmentation.parquet", "tok-train", [],
    {
        /// Concept id, the same in both languages
        concept: u32,
        /// Part of speech
        category: Category,
        /// Type in the ontology
        r#type: Option<String>,
        /// Inflection: base, or e.g. plural
        inflection: String,
        /// Language of the form
        language: Language,
        /// Which kind of form it is
        condition: Condition,
        /// The word as it stands in text
        form: String,
        /// Its tokens
        tokens: Vec<String>,
        /// Ids of its tokens in the vocabulary
        ids: Vec<u32>,
        /// Number of its tokens
        n_tokens: u16,
        /// Whether the word is one token
        is_atom: bool,
    }
}

table! {
    /// One row per concept: what its two forms share after tokenization. Real values without a unit lie between 0 and 1,
    /// corrected ones at most 1.
    BridgeRow, "bridges.parquet", "tok-train", [],
    {
        /// Concept id
        concept: u32,
        /// Condition of its minority form
        condition: Condition,
        /// Type in the ontology
        r#type: String,
        /// Majority form
        form_majority: String,
        /// Minority form
        form_minority: String,
        /// Normalised Levenshtein distance of the two forms
        ldn: f64,
        /// Characters of shared tokens over characters of the minority form
        shared_mass: f64,
        /// The same, without tokens of one character
        shared_mass_multichar: f64,
        /// shared_mass corrected for chance: the primary bridge
        shared_mass_corrected: f64,
        /// Longest common token subsequence over the longer token count
        ordered: f64,
        /// ordered corrected for chance
        ordered_corrected: f64,
        /// Shared tokens weighted by characters and rarity
        specificity: f64,
        /// Reciprocal rank of the minority form, by specificity, among the forms that the primary clozes of LANG offer with it; null where none offers it
        identifiability: Option<f64>,
        /// The same by a token translation table learned on unmasked pairs
        learnable: Option<f64>,
        /// Share of the form's characters under tokens that minority training text contains often enough
        seen_coverage_minority: f64,
        /// The same for all training text
        seen_coverage_all: f64,
        /// Tokens of the majority form
        fertility_majority: f64,
        /// Tokens of the minority form
        fertility_minority: f64,
    }
}

table! {
    /// One row per measure of the tokenizer.
    SummaryRow, "summary.parquet", "tok-train", [],
    {
        /// Language measured
        language: Language,
        /// Condition measured
        condition: Condition,
        /// Name of the measure, with its unit
        measure: String,
        /// Its value
        value: f64,
        /// Number of forms, words or characters behind it
        n: u64,
    }
}
