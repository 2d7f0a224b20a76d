//! Meaning: a tree of types, nouns with attribute values, relations with signatures and true pairs.

mod limits;
#[cfg(test)]
mod tests;

use rand::RngExt;
use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;
use seed::{Seed, Stream};
use serde::{Deserialize, Serialize};

use crate::config::{OntologyConfig, RelationClass};
use crate::grammar::WordClass;

/// Index of a node of the type tree; 0 = the root.
pub type TypeId = u16;
/// Index of a noun in [`Ontology::nouns`].
pub type NounId = u32;
/// Index of an attribute's value among all values of all attributes: an adjective.
pub type ValueId = u32;

/// A node of the type tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeNode {
    /// `entity`, `entity.1`, `entity.1.2`.
    pub name: String,
    /// The node above; the root is its own parent.
    pub parent: TypeId,
    /// Distance from the root.
    pub level: usize,
    /// Index among the leaf types, where it is one.
    pub leaf: Option<u16>,
}

/// A noun: a kind of thing with one value on each attribute of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noun {
    /// Its leaf type.
    pub kind: TypeId,
    /// Rank by frequency over all nouns, 0 = most frequent.
    pub rank: u32,
    /// One value for each attribute of [`Ontology::attributes_of`] its type, in that order.
    pub values: Vec<ValueId>,
}

/// An attribute and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The type it applies to, with everything below.
    pub domain: TypeId,
    /// Its first value; the others follow.
    pub first_value: ValueId,
    /// How many values.
    pub n_values: u16,
}

/// A relation between nouns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// The word class that tells it.
    pub class: RelationClass,
    /// Subjects are of this type.
    pub subject: TypeId,
    /// Objects are of this type.
    pub object: TypeId,
    /// True pairs, sorted.
    pub pairs: Vec<(NounId, NounId)>,
}

/// What is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ontology {
    /// The type tree, parents before children.
    pub types: Vec<TypeNode>,
    /// Nouns, leaf type by leaf type.
    pub nouns: Vec<Noun>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// Relations, verbs first.
    pub relations: Vec<Relation>,
    /// Exponent of the nouns' Zipf law.
    pub zipf_exponent: f64,
}

/// A world that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OntologyError {
    /// A configured number is out of its range.
    #[error("ontology.{field}: expected {expected}, found {found}")]
    Range {
        /// The configuration key.
        field: &'static str,
        /// The range.
        expected: String,
        /// What was configured.
        found: String,
    },
    /// Fewer attribute vectors than nouns.
    #[error(
        "type {kind} has {nouns} nouns but only {vectors} different attribute vectors: add attributes or values, or take fewer nouns_per_type"
    )]
    Vectors {
        /// The leaf type.
        kind: String,
        /// Its nouns.
        nouns: u32,
        /// Product of its attributes' value counts.
        vectors: u64,
    },
}

impl Ontology {
    /// Draws an ontology from the world seed.
    pub fn draw(config: &OntologyConfig, seed: Seed) -> Result<Ontology, OntologyError> {
        limits::check(config)?;
        let types = tree(&config.branching);
        let attributes = attributes(config, &types);
        let mut ontology = Ontology {
            types,
            nouns: Vec::new(),
            attributes,
            relations: Vec::new(),
            zipf_exponent: config.zipf_exponent,
        };
        ontology.nouns = draw_nouns(config, &ontology, &mut seed.stream("ontology nouns"))?;
        ontology.relations = draw_relations(config, &ontology, seed)?;
        Ok(ontology)
    }

    /// Whether `kind` is `ancestor` or below it.
    pub fn is_a(&self, kind: TypeId, ancestor: TypeId) -> bool {
        let level = self.types[usize::from(ancestor)].level;
        let mut node = kind;
        while self.types[usize::from(node)].level > level {
            node = self.types[usize::from(node)].parent;
        }
        node == ancestor
    }

    /// The lowest type above both.
    pub fn join(&self, a: TypeId, b: TypeId) -> TypeId {
        let mut node = a;
        while !self.is_a(b, node) {
            node = self.types[usize::from(node)].parent;
        }
        node
    }

    /// The leaf types in order.
    pub fn leaves(&self) -> impl Iterator<Item = TypeId> + '_ {
        (0..self.types.len() as TypeId).filter(|&kind| self.types[usize::from(kind)].leaf.is_some())
    }

    /// The nouns of `kind` and of the types below it.
    pub fn nouns_of(&self, kind: TypeId) -> impl Iterator<Item = NounId> + '_ {
        (0..self.nouns.len() as NounId)
            .filter(move |&noun| self.is_a(self.nouns[noun as usize].kind, kind))
    }

    /// The attributes that apply to `kind`, in the order of a noun's values.
    pub fn attributes_of(&self, kind: TypeId) -> impl Iterator<Item = usize> + '_ {
        (0..self.attributes.len())
            .filter(move |&attribute| self.is_a(kind, self.attributes[attribute].domain))
    }

    /// Values of all attributes together.
    pub fn n_values(&self) -> u32 {
        self.attributes
            .iter()
            .map(|attribute| u32::from(attribute.n_values))
            .sum()
    }

    /// The attribute that `value` belongs to.
    pub fn attribute_of(&self, value: ValueId) -> usize {
        self.attributes
            .partition_point(|attribute| attribute.first_value <= value)
            - 1
    }

    /// The noun's value on `attribute`, if that applies to it.
    pub fn value(&self, noun: NounId, attribute: usize) -> Option<ValueId> {
        let noun = &self.nouns[noun as usize];
        let attribute = &self.attributes[attribute];
        let values = attribute.first_value..attribute.first_value + u32::from(attribute.n_values);
        noun.values
            .iter()
            .copied()
            .find(|value| values.contains(value))
    }

    /// Whether the pair stands in the relation.
    pub fn holds(&self, relation: usize, subject: NounId, object: NounId) -> bool {
        self.relations[relation]
            .pairs
            .binary_search(&(subject, object))
            .is_ok()
    }

    /// The word class that tells a relation.
    pub fn class_of(&self, relation: u16) -> WordClass {
        match self.relations[usize::from(relation)].class {
            RelationClass::Verb => WordClass::Verb,
            RelationClass::Adposition => WordClass::Adposition,
        }
    }

    /// A noun's relative frequency, (rank + 1)^-exponent.
    pub fn frequency(&self, noun: NounId) -> f64 {
        libm::pow(
            f64::from(self.nouns[noun as usize].rank) + 1.0,
            -self.zipf_exponent,
        )
    }
}

fn tree(branching: &[u16]) -> Vec<TypeNode> {
    let root = TypeNode {
        name: "entity".to_owned(),
        parent: 0,
        level: 0,
        leaf: None,
    };
    let mut types = vec![root];
    let mut level_start = 0;
    for (level, &children) in branching.iter().enumerate() {
        let level_end = types.len();
        for parent in level_start..level_end {
            for child in 0..children {
                let name = format!("{}.{}", types[parent].name, child + 1);
                types.push(TypeNode {
                    name,
                    parent: parent as TypeId,
                    level: level + 1,
                    leaf: None,
                });
            }
        }
        level_start = level_end;
    }
    for (leaf, node) in types[level_start..].iter_mut().enumerate() {
        node.leaf = Some(leaf as u16);
    }
    types
}

fn attributes(config: &OntologyConfig, types: &[TypeNode]) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    let mut first_value = 0;
    for group in &config.attributes {
        for (kind, _) in types
            .iter()
            .enumerate()
            .filter(|(_, node)| node.level == group.level)
        {
            for _ in 0..group.count {
                attributes.push(Attribute {
                    domain: kind as TypeId,
                    first_value,
                    n_values: group.values,
                });
                first_value += u32::from(group.values);
            }
        }
    }
    attributes
}

fn draw_nouns(
    config: &OntologyConfig,
    ontology: &Ontology,
    rng: &mut Stream,
) -> Result<Vec<Noun>, OntologyError> {
    let mut nouns = Vec::new();
    for kind in ontology.leaves() {
        let attributes: Vec<usize> = ontology.attributes_of(kind).collect();
        let vectors = attributes.iter().fold(1_u64, |product, &a| {
            product.saturating_mul(u64::from(ontology.attributes[a].n_values))
        });
        if vectors < u64::from(config.nouns_per_type) {
            return Err(OntologyError::Vectors {
                kind: ontology.types[usize::from(kind)].name.clone(),
                nouns: config.nouns_per_type,
                vectors,
            });
        }
        let drawn: Vec<Vec<ValueId>> = if vectors < 2 * u64::from(config.nouns_per_type) {
            // Few are left over: drawing until unseen would take long.
            let wanted = config.nouns_per_type as usize;
            rand::seq::index::sample(rng, vectors as usize, wanted)
                .into_iter()
                .map(|index| vector_at(ontology, &attributes, index))
                .collect()
        } else {
            draw_until_unseen(config, ontology, &attributes, rng)
        };
        nouns.extend(drawn.into_iter().map(|values| Noun {
            kind,
            rank: 0,
            values,
        }));
    }
    let mut ranks: Vec<u32> = (0..nouns.len() as u32).collect();
    ranks.shuffle(rng);
    for (noun, rank) in nouns.iter_mut().zip(ranks) {
        noun.rank = rank;
    }
    Ok(nouns)
}

/// Different attribute vectors, one for each noun of a type, where there are at least twice as many as nouns.
fn draw_until_unseen(
    config: &OntologyConfig,
    ontology: &Ontology,
    attributes: &[usize],
    rng: &mut Stream,
) -> Vec<Vec<ValueId>> {
    let mut seen = FxHashSet::default();
    let mut drawn = Vec::new();
    while drawn.len() < config.nouns_per_type as usize {
        let values: Vec<ValueId> = attributes
            .iter()
            .map(|&a| {
                let attribute = &ontology.attributes[a];
                attribute.first_value + rng.random_range(0..u32::from(attribute.n_values))
            })
            .collect();
        if seen.insert(values.clone()) {
            drawn.push(values);
        }
    }
    drawn
}

/// The attribute vector of a number below their count: its digits, the first attribute's the lowest.
fn vector_at(ontology: &Ontology, attributes: &[usize], mut index: usize) -> Vec<ValueId> {
    attributes
        .iter()
        .map(|&a| {
            let attribute = &ontology.attributes[a];
            let n_values = usize::from(attribute.n_values);
            let digit = index % n_values;
            index /= n_values;
            attribute.first_value + digit as u32
        })
        .collect()
}

fn draw_relations(
    config: &OntologyConfig,
    ontology: &Ontology,
    seed: Seed,
) -> Result<Vec<Relation>, OntologyError> {
    let mut groups: Vec<_> = config.relations.iter().collect();
    groups.sort_by_key(|group| group.class == RelationClass::Adposition);
    let mut relations = Vec::new();
    for group in groups {
        let kinds: Vec<TypeId> = (0..ontology.types.len() as TypeId)
            .filter(|&kind| ontology.types[usize::from(kind)].level == group.level)
            .collect();
        for index in 0..group.count {
            let mut rng = seed.stream_at("ontology relations", relations.len() as u64);
            // Subjects in turn, so that every type has something to do; objects at random.
            let subject = kinds[usize::from(index) % kinds.len()];
            let object = kinds[rng.random_range(0..kinds.len())];
            let objects: Vec<NounId> = ontology.nouns_of(object).collect();
            if usize::from(group.objects_per_subject) * 2 > objects.len() {
                return Err(OntologyError::Range {
                    field: "relations.objects_per_subject",
                    expected: format!(
                        "at most half of the {} nouns of an object type",
                        objects.len()
                    ),
                    found: group.objects_per_subject.to_string(),
                });
            }
            let mut pairs = Vec::new();
            for subject in ontology.nouns_of(subject) {
                // Nothing stands in a relation to itself.
                let others: Vec<NounId> = objects
                    .iter()
                    .copied()
                    .filter(|&object| object != subject)
                    .collect();
                for index in rand::seq::index::sample(
                    &mut rng,
                    others.len(),
                    group.objects_per_subject.into(),
                ) {
                    pairs.push((subject, others[index]));
                }
            }
            pairs.sort_unstable();
            relations.push(Relation {
                class: group.class,
                subject,
                object,
                pairs,
            });
        }
    }
    Ok(relations)
}
