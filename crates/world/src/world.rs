//! A world: ontology, grammar, mask and the two languages, built from a configuration and a seed.

use seed::Seed;
use serde::{Deserialize, Serialize};

use crate::concept::ConceptIds;
use crate::config::WorldConfig;
use crate::form::{self, FormError, Lexicon, LexiconPair};
use crate::grammar::{Grammar, GrammarError, WordClass};
use crate::lexemes::lexemes;
use crate::linearize::Linearizer;
use crate::mask::{Mask, MaskError};
use crate::ontology::{Ontology, OntologyError};
use crate::sample::{MAX_VAIN, Sampler};

/// One of the two languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Language A.
    Majority,
    /// Language B.
    Minority,
}

impl Side {
    /// A, then B.
    pub const ALL: [Side; 2] = [Side::Majority, Side::Minority];
}

/// A whole world.
#[derive(Debug, Clone)]
pub struct World {
    /// The knobs.
    pub config: WorldConfig,
    /// The world seed.
    pub seed: Seed,
    /// The grammar.
    pub grammar: Grammar,
    /// What is.
    pub ontology: Ontology,
    /// What B never states.
    pub mask: Mask,
    /// The words.
    pub lexicons: LexiconPair,
    /// The numbering of concepts.
    pub concepts: ConceptIds,
    /// By concept: rank by frequency within its category, 0 = most frequent; 0 where there is no word.
    pub frequency_ranks: Vec<u32>,
}

/// A world that cannot be built or read.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The grammar file.
    #[error("grammar, {0}")]
    Grammar(#[from] GrammarError),
    /// The ontology's configuration.
    #[error(transparent)]
    Ontology(#[from] OntologyError),
    /// The mask's configuration.
    #[error(transparent)]
    Mask(#[from] MaskError),
    /// The forms.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A word-order switch that the grammar does not have.
    #[error("order.{language}: no switch \"{name}\" in the grammar (it has {known})")]
    Order {
        /// `majority` or `minority`.
        language: &'static str,
        /// What was asked.
        name: String,
        /// What there is.
        known: String,
    },
    /// No true sentence can be sampled.
    #[error(
        "grammar: {MAX_VAIN} attempts in a row made no true sentence of this world; expected verbs, adpositions and \
         attributes where rules speak of them, and rules that end: lower the weights of those that call for themselves"
    )]
    Silent,
    /// A value out of its range.
    #[error("{field}: expected {expected}, found {found}")]
    Range {
        /// The configuration key.
        field: &'static str,
        /// The range.
        expected: &'static str,
        /// What was configured.
        found: String,
    },
    /// `world.json` could not be read.
    #[error("not a world: {0}")]
    Json(#[from] serde_json::Error),
    /// `world.json` contradicts itself.
    #[error("not a world: {0}")]
    Inconsistent(&'static str),
}

impl WorldError {
    /// The configuration key whose value alone is at fault, with which the message then begins; none where several
    /// values do not go together.
    pub fn key(&self) -> Option<String> {
        Some(match self {
            WorldError::Range { field, .. } => (*field).to_owned(),
            WorldError::Ontology(OntologyError::Range { field, .. }) => format!("ontology.{field}"),
            WorldError::Mask(MaskError::Range { field, .. }) => format!("mask.{field}"),
            WorldError::Order { language, .. } => format!("order.{language}"),
            WorldError::Form(FormError::Phonotactics { field, .. }) => {
                format!("form.phonotactics.{field}")
            }
            WorldError::Form(FormError::NoSyllables { category }) => {
                format!("form.syllables.{category}")
            }
            WorldError::Form(FormError::DistanceRange { .. }) => "divergence.distance".to_owned(),
            _ => return None,
        })
    }
}

/// `world.json`: a world with its grammar as text.
#[derive(Serialize, Deserialize)]
struct WorldFile {
    config: WorldConfig,
    seed: Seed,
    grammar: String,
    ontology: Ontology,
    mask: Mask,
    lexicons: LexiconPair,
    frequency_ranks: Vec<u32>,
}

impl World {
    /// Builds the world of a configuration, a grammar's text and the world seed.
    ///
    /// # Errors
    /// Whatever of the configuration cannot be, with its numbers.
    pub fn build(config: WorldConfig, grammar: &str, seed: Seed) -> Result<World, WorldError> {
        check_ranges(&config)?;
        let grammar = Grammar::parse(grammar)?;
        for (language, reversed) in [
            ("majority", &config.order.majority),
            ("minority", &config.order.minority),
        ] {
            if let Some(name) = reversed.iter().find(|name| !grammar.orders.contains(name)) {
                return Err(WorldError::Order {
                    language,
                    name: name.clone(),
                    known: grammar.orders.join(", "),
                });
            }
        }
        let ontology = Ontology::draw(&config.ontology, seed)?;
        let mask = Mask::draw(&config.mask, &ontology, seed)?;
        let concepts = ConceptIds::new(&ontology, &grammar);
        let lexemes = lexemes(
            &grammar,
            &ontology,
            &mask,
            &concepts,
            config.corpus.max_depth,
            seed,
        )
        .ok_or(WorldError::Silent)?;
        let mut frequency_ranks = vec![u32::MAX; concepts.len() as usize];
        for lexeme in &lexemes {
            let rank = &mut frequency_ranks[lexeme.concept as usize];
            *rank = lexeme.frequency_rank.min(*rank);
        }
        frequency_ranks
            .iter_mut()
            .filter(|rank| **rank == u32::MAX)
            .for_each(|rank| *rank = 0);
        let lexicons = form::build(&lexemes, &config.form, &config.divergence, seed)?;
        Ok(World {
            config,
            seed,
            grammar,
            ontology,
            mask,
            lexicons,
            concepts,
            frequency_ranks,
        })
    }

    /// The world as JSON, enough to rebuild it without rerunning.
    pub fn to_json(&self) -> Result<String, WorldError> {
        Ok(serde_json::to_string(&WorldFile {
            config: self.config.clone(),
            seed: self.seed,
            grammar: self.grammar.source.clone(),
            ontology: self.ontology.clone(),
            mask: self.mask.clone(),
            lexicons: self.lexicons.clone(),
            frequency_ranks: self.frequency_ranks.clone(),
        })?)
    }

    /// Reads what [`World::to_json`] wrote.
    ///
    /// # Errors
    /// JSON of another shape, or indices that point nowhere.
    pub fn from_json(text: &str) -> Result<World, WorldError> {
        let file: WorldFile = serde_json::from_str(text)?;
        let grammar = Grammar::parse(&file.grammar)?;
        check_consistent(&file.ontology, &file.mask)?;
        let concepts = ConceptIds::new(&file.ontology, &grammar);
        if file.frequency_ranks.len() != concepts.len() as usize {
            return Err(WorldError::Inconsistent(
                "frequency_ranks has another length than the concepts",
            ));
        }
        let lexicons = [&file.lexicons.majority, &file.lexicons.minority];
        let mut entries = lexicons.iter().flat_map(|lexicon| lexicon.entries());
        if entries.any(|entry| entry.concept >= concepts.len()) {
            return Err(WorldError::Inconsistent(
                "a lexicon has a form of a concept that the world lacks; was the file changed?",
            ));
        }
        Ok(World {
            config: file.config,
            seed: file.seed,
            grammar,
            ontology: file.ontology,
            mask: file.mask,
            lexicons: file.lexicons,
            concepts,
            frequency_ranks: file.frequency_ranks,
        })
    }

    /// A language's lexicon.
    pub fn lexicon(&self, side: Side) -> &Lexicon {
        match side {
            Side::Majority => &self.lexicons.majority,
            Side::Minority => &self.lexicons.minority,
        }
    }

    /// The head-direction switches that a language reverses.
    pub fn reversed(&self, side: Side) -> &[String] {
        match side {
            Side::Majority => &self.config.order.majority,
            Side::Minority => &self.config.order.minority,
        }
    }

    /// Tells derivations in a language.
    pub fn linearizer(&self, side: Side) -> Linearizer {
        Linearizer::new(
            &self.grammar,
            &self.concepts,
            self.lexicon(side),
            self.reversed(side),
        )
    }

    /// Draws true derivations.
    pub fn sampler(&self) -> Sampler<'_> {
        Sampler::new(&self.grammar, &self.ontology, self.config.corpus.max_depth)
    }

    /// The word class that tells a relation.
    pub fn class_of(&self, relation: u16) -> WordClass {
        self.ontology.class_of(relation)
    }
}

fn check_ranges(config: &WorldConfig) -> Result<(), WorldError> {
    let corpus = &config.corpus;
    let range = |field, expected, found: String| {
        Err(WorldError::Range {
            field,
            expected,
            found,
        })
    };
    if !(0.0..=1.0).contains(&corpus.minority_share) {
        return range(
            "corpus.minority_share",
            "a number from 0 to 1",
            corpus.minority_share.to_string(),
        );
    }
    let [fewest, most] = corpus.sentences;
    if fewest == 0 || fewest > most || most > 1000 {
        return range(
            "corpus.sentences",
            "[fewest, most] with 1 ≤ fewest ≤ most ≤ 1000",
            format!("{:?}", corpus.sentences),
        );
    }
    if !(1..=8).contains(&corpus.max_depth) {
        return range("corpus.max_depth", "1 to 8", corpus.max_depth.to_string());
    }
    if corpus.shard_documents == 0 {
        return range("corpus.shard_documents", "at least 1", "0".to_owned());
    }
    if corpus.documents == 0 || corpus.documents > 10_000_000_000 {
        return range(
            "corpus.documents",
            "1 to 10000000000",
            corpus.documents.to_string(),
        );
    }
    Ok(())
}

/// What serde cannot check: every index points somewhere.
fn check_consistent(ontology: &Ontology, mask: &Mask) -> Result<(), WorldError> {
    let n_types = ontology.types.len();
    let n_nouns = ontology.nouns.len() as u32;
    let kind = |kind: u16| usize::from(kind) < n_types;
    let tree = ontology.types.iter().enumerate().all(|(index, node)| {
        let parent = usize::from(node.parent);
        if index == 0 {
            parent == 0 && node.level == 0
        } else {
            parent < index && node.level == ontology.types[parent].level + 1
        }
    });
    let mut n_values = 0_u32;
    let attributes = ontology.attributes.iter().all(|attribute| {
        let follows = attribute.first_value == n_values;
        let next = n_values.checked_add(attribute.n_values.into());
        n_values = next.unwrap_or(n_values);
        follows && next.is_some() && attribute.n_values > 0 && kind(attribute.domain)
    });
    let nouns = ontology
        .nouns
        .iter()
        .all(|noun| kind(noun.kind) && noun.values.iter().all(|&value| value < n_values));
    let relations = ontology.relations.iter().all(|relation| {
        kind(relation.subject)
            && kind(relation.object)
            && relation
                .pairs
                .iter()
                .all(|&(subject, object)| subject < n_nouns && object < n_nouns)
    });
    if !(tree && attributes && nouns && relations)
        || ontology.types.is_empty()
        || mask.masked.len() != ontology.nouns.len()
    {
        return Err(WorldError::Inconsistent(
            "an index of the ontology points nowhere; was the file changed?",
        ));
    }
    Ok(())
}
