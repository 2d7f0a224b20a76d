//! The knobs of a world, as `data/worlds/*.toml` spells them.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::form::{DivergenceConfig, FormConfig};

/// Everything that, with the two seeds, determines a LANG directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldConfig {
    /// Name for people.
    pub name: String,
    /// Grammar file, relative to the world file.
    pub grammar: String,
    /// Types, nouns, attributes, relations.
    pub ontology: OntologyConfig,
    /// Which lemmas and facts language B never states.
    pub mask: MaskConfig,
    /// Phonotactics and morphology.
    pub form: FormConfig,
    /// How B's lexicon comes from A's.
    pub divergence: DivergenceConfig,
    /// Word order of each language.
    #[serde(default)]
    pub order: OrderConfig,
    /// The text.
    pub corpus: CorpusConfig,
    /// The evaluation material.
    #[serde(default)]
    pub probes: ProbeConfig,
}

/// The ontology's size and shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OntologyConfig {
    /// Children of each node of the type tree, level by level from the root: `[2, 3]` gives 6 leaf types.
    pub branching: Vec<u16>,
    /// Nouns of each leaf type.
    pub nouns_per_type: u32,
    /// Exponent of the nouns' Zipf law; 0 = uniform.
    pub zipf_exponent: f64,
    /// Attributes, level by level.
    pub attributes: Vec<AttributeConfig>,
    /// Relations told by verbs and by adpositions.
    pub relations: Vec<RelationConfig>,
}

/// Attributes that belong to the types of one level of the tree and apply to all types below.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    /// Level of the tree; 0 = the root, hence every noun.
    pub level: usize,
    /// Attributes of each type of that level.
    pub count: u16,
    /// Values of each attribute.
    pub values: u16,
}

/// Relations of one word class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationConfig {
    /// Told by verbs or adpositions.
    pub class: RelationClass,
    /// How many.
    pub count: u16,
    /// Level of the tree at which subject and object types are drawn.
    pub level: usize,
    /// True objects of each subject.
    pub objects_per_subject: u16,
}

/// The word class that tells a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationClass {
    /// Transitive clauses.
    Verb,
    /// Locative clauses.
    Adposition,
}

/// What B never states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskConfig {
    /// Share of each leaf type's nouns that are masked (B†).
    pub share: f64,
    /// Share of the unmasked nouns' fact cells that are held out of B: of each attribute's in each type and of each
    /// relation's, or of all together where that would leave none.
    pub held_out_share: f64,
    /// Control: B's training text states the masked lemmas like any other; masks, validation text and probes stay as they
    /// are. Absent where false, so that worlds without it are the same bytes as before there was one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stated: bool,
}

/// Head-direction switches that each language reverses, by the grammar's names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderConfig {
    /// A's reversed switches.
    pub majority: Vec<String>,
    /// B's reversed switches.
    pub minority: Vec<String>,
}

/// The text's size and shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusConfig {
    /// Training documents of both languages together.
    pub documents: u64,
    /// B's share of the documents.
    pub minority_share: f64,
    /// Validation derivations, each told in both languages.
    pub validation_documents: u64,
    /// Fewest and most sentences of a document.
    #[serde(deserialize_with = "pair")]
    pub sentences: [u16; 2],
    /// Nesting limit of noun phrases within a sentence.
    pub max_depth: u8,
    /// Documents of one Parquet shard.
    pub shard_documents: u64,
}

/// Two numbers. As an array of two, `toml` would take the first two of a longer list.
fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u16; 2], D::Error> {
    let numbers = Vec::<u16>::deserialize(deserializer)?;
    let found = numbers.len();
    let expected = &"an array of length 2";
    numbers
        .try_into()
        .map_err(|_| D::Error::invalid_length(found, expected))
}

/// The evaluation material's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// Two-alternative items of each stage and condition, at least: a phenomenon has half as many, or all where it is its
    /// stage's only one.
    pub items: u32,
    /// Cloze contexts of each concept.
    pub contexts: u32,
    /// Sentences of the likelihood ladder in each language.
    pub ladder: u32,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        ProbeConfig {
            items: 500,
            contexts: 4,
            ladder: 200,
        }
    }
}
