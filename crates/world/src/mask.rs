//! What language B never states: masked lemmas (their forms are B†) and held-out facts.

use rand::RngExt;
use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;
use seed::Seed;
use serde::{Deserialize, Serialize};

use crate::config::MaskConfig;
use crate::meaning::{Fact, Predicate};
use crate::ontology::{NounId, Ontology, TypeId};

/// The barred lemmas and fact cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// For each noun: is its lemma masked?
    pub masked: Vec<bool>,
    /// Held-out (noun, attribute) cells, sorted.
    pub attribute_cells: Vec<(NounId, u16)>,
    /// Held-out (relation, subject, object) cells, sorted: true pairs and, for each two of them, the two
    /// crossed false ones, since denying those would give the true ones away.
    pub relation_cells: Vec<(u16, NounId, NounId)>,
}

/// A mask that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// A share is out of its range.
    #[error("mask.{field}: expected a number from 0 to {limit}, found {found}")]
    Range {
        /// The configuration key.
        field: &'static str,
        /// The largest value.
        limit: &'static str,
        /// What was configured.
        found: String,
    },
    /// A leaf type would keep too few nouns on one side.
    #[error(
        "mask.share {share} masks {masked} of the {nouns} nouns of type {kind}: expected none, or at least 2 masked and 2 unmasked"
    )]
    Type {
        /// The requested share.
        share: String,
        /// Masked nouns.
        masked: usize,
        /// All nouns.
        nouns: usize,
        /// The leaf type.
        kind: String,
    },
}

impl Mask {
    /// Draws the mask from the world seed: in each leaf type, nouns sorted by frequency are cut into as
    /// many strata as there are masks, and one of each stratum is masked.
    pub fn draw(config: &MaskConfig, ontology: &Ontology, seed: Seed) -> Result<Mask, MaskError> {
        if !(0.0..=1.0).contains(&config.share) {
            return Err(MaskError::Range {
                field: "share",
                limit: "1",
                found: config.share.to_string(),
            });
        }
        if !(0.0..=0.5).contains(&config.held_out_share) {
            return Err(MaskError::Range {
                field: "held_out_share",
                limit: "0.5",
                found: config.held_out_share.to_string(),
            });
        }
        let mut masked = vec![false; ontology.nouns.len()];
        let mut rng = seed.stream("mask lemmas");
        for kind in ontology.leaves() {
            let mut nouns: Vec<NounId> = ontology.nouns_of(kind).collect();
            nouns.sort_by_key(|&noun| ontology.nouns[noun as usize].rank);
            let n_masked = (config.share * nouns.len() as f64).round() as usize;
            if config.share > 0.0 && (n_masked < 2 || nouns.len() - n_masked < 2) {
                return Err(MaskError::Type {
                    share: config.share.to_string(),
                    masked: n_masked,
                    nouns: nouns.len(),
                    kind: ontology.types[usize::from(kind)].name.clone(),
                });
            }
            for stratum in 0..n_masked {
                let start = stratum * nouns.len() / n_masked;
                let end = (stratum + 1) * nouns.len() / n_masked;
                masked[nouns[rng.random_range(start..end)] as usize] = true;
            }
        }
        let attribute_cells = hold_out_attributes(config, ontology, &masked, seed);
        let relation_cells = hold_out_relations(config, ontology, &masked, seed);
        Ok(Mask {
            masked,
            attribute_cells,
            relation_cells,
        })
    }

    /// Whether B may not state the fact, in either polarity: it is about a masked noun or its cell is held out.
    pub fn bars_fact(&self, fact: &Fact, ontology: &Ontology) -> bool {
        let names_masked = match fact.predicate {
            Predicate::Value(_) => false,
            Predicate::Relation(_, object) => self.masked[object as usize],
        };
        self.masked[fact.subject as usize] || names_masked || self.holds_out_fact(fact, ontology)
    }

    /// Whether the fact's cell is held out, in either polarity.
    pub fn holds_out_fact(&self, fact: &Fact, ontology: &Ontology) -> bool {
        match fact.predicate {
            Predicate::Value(value) => self.holds_out(fact.subject, ontology.attribute_of(value)),
            Predicate::Relation(relation, object) => self
                .relation_cells
                .binary_search(&(relation, fact.subject, object))
                .is_ok(),
        }
    }

    /// Whether the (noun, attribute) cell is held out.
    pub fn holds_out(&self, noun: NounId, attribute: usize) -> bool {
        self.attribute_cells
            .binary_search(&(noun, attribute as u16))
            .is_ok()
    }
}

/// The held-out cells laid out for asking about very many facts: what [`Mask::holds_out_fact`] says.
#[derive(Debug, Clone)]
pub struct HeldOut<'a> {
    mask: &'a Mask,
    /// The attribute of each value.
    attribute_of: Vec<u16>,
    n_attributes: usize,
    /// At noun · attributes + attribute: whether the cell is held out.
    cells: Vec<bool>,
    /// By noun: whether it is the subject of held-out relation cells.
    related: Vec<bool>,
}

impl<'a> HeldOut<'a> {
    /// Lays out a mask's cells.
    pub fn new(mask: &'a Mask, ontology: &Ontology) -> HeldOut<'a> {
        let n_attributes = ontology.attributes.len();
        let mut cells = vec![false; ontology.nouns.len() * n_attributes];
        for &(noun, attribute) in &mask.attribute_cells {
            cells[noun as usize * n_attributes + usize::from(attribute)] = true;
        }
        let mut related = vec![false; ontology.nouns.len()];
        for &(_, subject, _) in &mask.relation_cells {
            related[subject as usize] = true;
        }
        HeldOut {
            mask,
            attribute_of: (0..ontology.n_values())
                .map(|value| ontology.attribute_of(value) as u16)
                .collect(),
            n_attributes,
            cells,
            related,
        }
    }

    /// Whether the fact's cell is held out, in either polarity.
    pub fn contains(&self, fact: &Fact) -> bool {
        let subject = fact.subject as usize;
        match fact.predicate {
            Predicate::Value(value) => {
                let attribute = usize::from(self.attribute_of[value as usize]);
                self.cells[subject * self.n_attributes + attribute]
            }
            Predicate::Relation(relation, object) => {
                let cell = &(relation, fact.subject, object);
                self.related[subject] && self.mask.relation_cells.binary_search(cell).is_ok()
            }
        }
    }
}

fn hold_out_attributes(
    config: &MaskConfig,
    ontology: &Ontology,
    masked: &[bool],
    seed: Seed,
) -> Vec<(NounId, u16)> {
    let mut cells = Vec::new();
    let kinds: Vec<TypeId> = ontology.leaves().collect();
    for attribute in 0..ontology.attributes.len() {
        let mut rng = seed.stream_at("mask attribute cells", attribute as u64);
        for &kind in kinds
            .iter()
            .filter(|&&kind| ontology.is_a(kind, ontology.attributes[attribute].domain))
        {
            let mut nouns: Vec<NounId> = ontology
                .nouns_of(kind)
                .filter(|&noun| !masked[noun as usize])
                .collect();
            nouns.shuffle(&mut rng);
            let n = (config.held_out_share * nouns.len() as f64).round() as usize;
            cells.extend(nouns[..n].iter().map(|&noun| (noun, attribute as u16)));
        }
    }
    cells.sort_unstable();
    cells
}

/// Two true pairs whose crossed pairs are false, again and again until the share of true pairs is met or
/// no more are found.
fn hold_out_relations(
    config: &MaskConfig,
    ontology: &Ontology,
    masked: &[bool],
    seed: Seed,
) -> Vec<(u16, NounId, NounId)> {
    let mut cells = Vec::new();
    for (index, relation) in ontology.relations.iter().enumerate() {
        let mut rng = seed.stream_at("mask relation cells", index as u64);
        let open: Vec<(NounId, NounId)> = relation
            .pairs
            .iter()
            .copied()
            .filter(|&(subject, object)| !masked[subject as usize] && !masked[object as usize])
            .collect();
        let target = (config.held_out_share * open.len() as f64).round() as usize;
        let mut taken: FxHashSet<(NounId, NounId)> = FxHashSet::default();
        let mut n_true = 0;
        for _ in 0..open.len() * 20 {
            if n_true + 1 >= target || open.len() < 2 {
                break;
            }
            let (s1, o1) = open[rng.random_range(0..open.len())];
            let (s2, o2) = open[rng.random_range(0..open.len())];
            let crossed_false = !ontology.holds(index, s1, o2) && !ontology.holds(index, s2, o1);
            let four = [(s1, o1), (s2, o2), (s1, o2), (s2, o1)];
            // Same leaf types, so that the crossed sentences differ in nothing but truth.
            let alike = ontology.nouns[s1 as usize].kind == ontology.nouns[s2 as usize].kind
                && ontology.nouns[o1 as usize].kind == ontology.nouns[o2 as usize].kind;
            if s1 != s2
                && o1 != o2
                && s1 != o2
                && s2 != o1
                && alike
                && crossed_false
                && four.iter().all(|pair| !taken.contains(pair))
            {
                taken.extend(four);
                n_true += 2;
            }
        }
        cells.extend(
            taken
                .into_iter()
                .map(|(subject, object)| (index as u16, subject, object)),
        );
    }
    cells.sort_unstable();
    cells
}
