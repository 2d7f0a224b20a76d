//! Concept ids: one numbering of everything that has a word, a fact or both.

use serde::{Deserialize, Serialize};

use crate::config::RelationClass;
use crate::grammar::Grammar;
use crate::ontology::{NounId, Ontology, ValueId};

/// What a concept id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Concept {
    /// A noun.
    Noun(NounId),
    /// An attribute's value, told by an adjective.
    Value(ValueId),
    /// A relation, told by a verb or an adposition.
    Relation(u16),
    /// A function word of the grammar.
    Function(u16),
    /// An attribute; it has facts but no word.
    Attribute(u16),
    /// The plural affix of nouns (0) or verbs (1).
    Affix(u16),
}

/// How many concepts of each kind there are; ids are assigned in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptIds {
    nouns: u32,
    values: u32,
    relations: u32,
    functions: u32,
    attributes: u32,
    verbs: u32,
}

impl ConceptIds {
    /// Affixes: the nouns' and the verbs' plural.
    pub const N_AFFIXES: u32 = 2;

    /// Numbers the concepts of a world.
    pub fn new(ontology: &Ontology, grammar: &Grammar) -> ConceptIds {
        ConceptIds {
            nouns: ontology.nouns.len() as u32,
            values: ontology.n_values(),
            relations: ontology.relations.len() as u32,
            functions: grammar.functions.len() as u32,
            attributes: ontology.attributes.len() as u32,
            verbs: ontology
                .relations
                .iter()
                .filter(|relation| relation.class == RelationClass::Verb)
                .count() as u32,
        }
    }

    /// The id of a concept.
    #[inline]
    pub fn id(&self, concept: Concept) -> u32 {
        let after_nouns = self.nouns;
        let after_values = after_nouns + self.values;
        let after_relations = after_values + self.relations;
        let after_functions = after_relations + self.functions;
        let after_attributes = after_functions + self.attributes;
        match concept {
            Concept::Noun(noun) => noun,
            Concept::Value(value) => after_nouns + value,
            Concept::Relation(relation) => after_values + u32::from(relation),
            Concept::Function(function) => after_relations + u32::from(function),
            Concept::Attribute(attribute) => after_functions + u32::from(attribute),
            Concept::Affix(affix) => after_attributes + u32::from(affix),
        }
    }

    /// What an id stands for; `None` beyond the last.
    pub fn concept(&self, id: u32) -> Option<Concept> {
        let mut rest = id;
        let mut within = |count: u32| {
            if rest < count {
                Some(rest)
            } else {
                rest -= count;
                None
            }
        };
        within(self.nouns)
            .map(Concept::Noun)
            .or_else(|| within(self.values).map(Concept::Value))
            .or_else(|| within(self.relations).map(|index| Concept::Relation(index as u16)))
            .or_else(|| within(self.functions).map(|index| Concept::Function(index as u16)))
            .or_else(|| within(self.attributes).map(|index| Concept::Attribute(index as u16)))
            .or_else(|| within(Self::N_AFFIXES).map(|index| Concept::Affix(index as u16)))
    }

    /// How many ids there are.
    pub fn len(&self) -> u32 {
        self.nouns
            + self.values
            + self.relations
            + self.functions
            + self.attributes
            + Self::N_AFFIXES
    }

    /// Whether there are none; a world always has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A name for people and for the `derivation` column: `noun12`, `adjective3`, `verb1`, `the`.
    pub fn label(&self, concept: Concept, grammar: &Grammar) -> String {
        match concept {
            Concept::Noun(noun) => format!("noun{noun}"),
            Concept::Value(value) => format!("adjective{value}"),
            Concept::Relation(relation) if u32::from(relation) < self.verbs => {
                format!("verb{relation}")
            }
            Concept::Relation(relation) => {
                format!("adposition{}", u32::from(relation) - self.verbs)
            }
            Concept::Function(function) => grammar.functions[usize::from(function)].name.clone(),
            Concept::Attribute(attribute) => format!("attribute{attribute}"),
            Concept::Affix(0) => "noun-plural".to_owned(),
            Concept::Affix(_) => "verb-plural".to_owned(),
        }
    }
}
