//! What every probe is made from: the world, indexed by what is true, and both languages' tellers and judges.

use anyhow::{Result, bail};
use corpus::Condition;
use rand::RngExt;
use seed::{Seed, Stream};
use world::concept::Concept;
use world::grammar::Number;
use world::linearize::{Linearizer, running_form};
use world::meaning::{Fact, Meaning, Predicate, meaning};
use world::ontology::{NounId, TypeId, ValueId};
use world::{Recogniser, Side, World};

use super::build::Builder;
use super::statement::Statement;

/// Which nouns items are about, and what their contexts may say. Drawn on concepts, before any form is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Any noun, any fact: language A.
    Majority,
    /// Unmasked nouns, no held-out cell: language B.
    Minority,
    /// Masked nouns among unmasked ones, no held-out cell: language B.
    Masked,
}

impl Family {
    /// The family of a condition: masked lemmas whose forms turn out equal share one with the others.
    pub fn of(condition: Condition) -> Family {
        match condition {
            Condition::Majority => Family::Majority,
            Condition::Minority => Family::Minority,
            Condition::Masked | Condition::Identical => Family::Masked,
        }
    }

    /// The language of its sentences.
    pub fn side(self) -> Side {
        match self {
            Family::Majority => Side::Majority,
            Family::Minority | Family::Masked => Side::Minority,
        }
    }

    /// Its name in streams.
    pub fn name(self) -> &'static str {
        match self {
            Family::Majority => "majority",
            Family::Minority => "minority",
            Family::Masked => "masked",
        }
    }
}

/// A world laid out for drawing probes.
pub struct Material<'a> {
    /// The world.
    pub world: &'a World,
    /// The corpus seed.
    pub seed: Seed,
    /// Makes derivations.
    pub builder: Builder<'a>,
    linearizers: [Linearizer; 2],
    recognisers: [Recogniser<'a>; 2],
    /// By noun: the true (relation, object) and (relation, subject).
    pub as_subject: Vec<Vec<(u16, NounId)>>,
    /// By noun: the (relation, subject) that it is an object of.
    pub as_object: Vec<Vec<(u16, NounId)>>,
    /// By value: the nouns that have it.
    pub nouns_with: Vec<Vec<NounId>>,
    /// By leaf type: its nouns.
    pub leaves: Vec<(TypeId, Vec<NounId>)>,
    /// By noun: whether some B-form equals the A-form of the same inflection.
    pub identical: Vec<bool>,
}

/// One of a list, evenly.
pub fn pick<'t, T>(rng: &mut Stream, list: &'t [T]) -> Option<&'t T> {
    let n = u32::try_from(list.len()).ok().filter(|&n| n > 0)?;
    list.get(rng.random_range(0..n) as usize)
}

/// Singular or plural, evenly.
pub fn any_number(rng: &mut Stream) -> Number {
    Number::ALL[rng.random_range(0..2_u32) as usize]
}

fn side_index(side: Side) -> usize {
    usize::from(side == Side::Minority)
}

impl<'a> Material<'a> {
    /// Indexes a world.
    ///
    /// # Errors
    /// A grammar without the rules that probes are built with.
    pub fn new(world: &'a World, seed: Seed) -> Result<Material<'a>> {
        let ontology = &world.ontology;
        let n_nouns = ontology.nouns.len();
        let mut as_subject = vec![Vec::new(); n_nouns];
        let mut as_object = vec![Vec::new(); n_nouns];
        for (index, relation) in ontology.relations.iter().enumerate() {
            for &(subject, object) in &relation.pairs {
                as_subject[subject as usize].push((index as u16, object));
                as_object[object as usize].push((index as u16, subject));
            }
        }
        let mut nouns_with = vec![Vec::new(); ontology.n_values() as usize];
        for (noun, values) in (0..).zip(ontology.nouns.iter().map(|noun| &noun.values)) {
            for &value in values {
                nouns_with[value as usize].push(noun);
            }
        }
        let identical = (0..n_nouns as NounId)
            .map(|noun| {
                let id = world.concepts.id(Concept::Noun(noun));
                let form = |side, number| running_form(world.lexicon(side), id, number);
                Number::ALL
                    .iter()
                    .any(|&n| form(Side::Majority, n) == form(Side::Minority, n))
            })
            .collect();
        Ok(Material {
            world,
            seed,
            builder: Builder::new(world)?,
            linearizers: Side::ALL.map(|side| world.linearizer(side)),
            recognisers: Side::ALL.map(|side| Recogniser::new(world, side)),
            as_subject,
            as_object,
            nouns_with,
            leaves: ontology
                .leaves()
                .map(|kind| (kind, ontology.nouns_of(kind).collect()))
                .collect(),
            identical,
        })
    }

    /// A noun's leaf type.
    pub fn kind(&self, noun: NounId) -> TypeId {
        self.world.ontology.nouns[noun as usize].kind
    }

    /// Whether a noun is masked.
    pub fn masked(&self, noun: NounId) -> bool {
        self.world.mask.masked[noun as usize]
    }

    /// Whether items of the family can be about the noun.
    pub fn is_focus(&self, family: Family, noun: NounId) -> bool {
        match family {
            Family::Majority => true,
            Family::Minority => !self.masked(noun),
            Family::Masked => self.masked(noun),
        }
    }

    /// The condition that a noun of the family falls to: known only now that there are forms.
    pub fn condition(&self, family: Family, noun: NounId) -> Condition {
        match family {
            Family::Majority => Condition::Majority,
            Family::Minority => Condition::Minority,
            Family::Masked if self.identical[noun as usize] => Condition::Identical,
            Family::Masked => Condition::Masked,
        }
    }

    /// Whether B states nothing about the cell of a fact between unmasked nouns.
    pub fn holds_out(&self, fact: &Fact) -> bool {
        self.world.mask.holds_out_fact(fact, &self.world.ontology)
    }

    /// Whether the family's sentences may say this about `focus`: in B no masked noun but those, and no
    /// held-out cell.
    pub fn allows(&self, family: Family, statement: &Statement, focus: &[NounId]) -> bool {
        family == Family::Majority
            || (statement
                .phrases()
                .iter()
                .all(|phrase| focus.contains(&phrase.noun) || !self.masked(phrase.noun))
                && !statement.facts().iter().any(|fact| self.holds_out(fact)))
    }

    /// Whether the family may use a noun as a clue about another.
    pub fn is_clue(&self, family: Family, noun: NounId) -> bool {
        family == Family::Majority || !self.masked(noun)
    }

    /// A noun's values that the family may state.
    pub fn values(&self, family: Family, noun: NounId) -> Vec<ValueId> {
        let ontology = &self.world.ontology;
        let open = |&value: &ValueId| {
            family == Family::Majority
                || !self
                    .world
                    .mask
                    .holds_out(noun, ontology.attribute_of(value))
        };
        ontology.nouns[noun as usize]
            .values
            .iter()
            .copied()
            .filter(open)
            .collect()
    }

    /// Another noun that items of the family can be about, of a leaf type that fits.
    pub fn partner(
        &self,
        family: Family,
        noun: NounId,
        rng: &mut Stream,
        fits: impl Fn(TypeId) -> bool,
    ) -> Option<NounId> {
        let kinds: Vec<&Vec<NounId>> = self
            .leaves
            .iter()
            .filter(|(kind, _)| fits(*kind))
            .map(|(_, nouns)| nouns)
            .collect();
        let nouns: Vec<NounId> = pick(rng, &kinds)?
            .iter()
            .copied()
            .filter(|&other| other != noun && self.is_focus(family, other))
            .collect();
        pick(rng, &nouns).copied()
    }

    /// What a statement means, read off its derivation.
    pub fn meaning(&self, statement: &Statement) -> Meaning {
        let world = self.world;
        let nodes = self.builder.nodes(statement);
        meaning(&nodes, &world.grammar, &world.ontology, &world.concepts)
    }

    /// Whether everything the statement says is true.
    pub fn is_true(&self, statement: &Statement) -> bool {
        statement
            .facts()
            .iter()
            .all(|fact| fact.is_true(&self.world.ontology))
    }

    /// Whether the statement is true of `noun` and would be of no other noun in its place.
    pub fn determines(&self, statement: &Statement, noun: NounId) -> bool {
        let facts = statement.facts();
        if !self.is_true(statement) {
            return false;
        }
        let candidates = facts
            .iter()
            .filter(|fact| fact.positive)
            .filter_map(|fact| match fact.predicate {
                Predicate::Value(value) if fact.subject == noun => {
                    Some(self.nouns_with[value as usize].clone())
                }
                Predicate::Relation(relation, object) if fact.subject == noun => {
                    Some(self.related(&self.as_object, object, relation))
                }
                Predicate::Relation(relation, object) if object == noun => {
                    Some(self.related(&self.as_subject, fact.subject, relation))
                }
                _ => None,
            })
            .min_by_key(Vec::len);
        candidates.is_some_and(|candidates| {
            candidates.iter().all(|&other| {
                other == noun
                    || !facts
                        .iter()
                        .all(|fact| renamed(*fact, noun, other).is_true(&self.world.ontology))
            })
        })
    }

    fn related(&self, index: &[Vec<(u16, NounId)>], noun: NounId, relation: u16) -> Vec<NounId> {
        index[noun as usize]
            .iter()
            .filter(|(found, _)| *found == relation)
            .map(|&(_, other)| other)
            .collect()
    }

    /// The sentence in a language, with its full stop.
    pub fn tell(&self, side: Side, statement: &Statement) -> String {
        let mut text = String::new();
        self.linearizers[side_index(side)].tell(&self.builder.nodes(statement), &mut text);
        text
    }

    /// A language's judge.
    pub fn recogniser(&self, side: Side) -> &Recogniser<'a> {
        &self.recognisers[side_index(side)]
    }

    /// Whether the words make no sentence of the language.
    pub fn is_ungrammatical(&self, side: Side, words: &[&str]) -> bool {
        self.recogniser(side).parse(&words.join(" ")).is_none()
    }

    /// Tells a statement and reads it back: it must be grammatical and say what was meant.
    ///
    /// # Errors
    /// A sentence that is read otherwise: a grammar with the rules that probes need, but another meaning.
    pub fn tell_checked(
        &self,
        phenomenon: &str,
        side: Side,
        statement: &Statement,
    ) -> Result<(String, Meaning)> {
        let text = self.tell(side, statement);
        let recogniser = self.recogniser(side);
        let sentence = text.strip_suffix(" .").unwrap_or(&text);
        let Some(nodes) = recogniser.parse(sentence) else {
            bail!("probes, {phenomenon}: expected a sentence of the grammar, found \"{text}\"");
        };
        let meaning = recogniser.meaning(&nodes).normalised();
        if meaning.facts != statement.facts() {
            bail!(
                "probes, {phenomenon}: \"{text}\" is read otherwise than it was meant; does the grammar give it two readings?"
            );
        }
        Ok((text, meaning))
    }

    /// A noun's leaf type's name.
    pub fn type_name(&self, noun: NounId) -> String {
        self.world.ontology.types[usize::from(self.kind(noun))]
            .name
            .clone()
    }

    /// A noun's form in running text.
    pub fn form(&self, side: Side, noun: NounId, number: Number) -> &str {
        let id = self.world.concepts.id(Concept::Noun(noun));
        running_form(self.world.lexicon(side), id, number).unwrap_or_default()
    }
}

/// The same fact about another noun.
pub fn renamed(fact: Fact, from: NounId, to: NounId) -> Fact {
    let rename = |noun| if noun == from { to } else { noun };
    Fact {
        subject: rename(fact.subject),
        predicate: match fact.predicate {
            Predicate::Relation(relation, object) => Predicate::Relation(relation, rename(object)),
            value => value,
        },
        positive: fact.positive,
    }
}
