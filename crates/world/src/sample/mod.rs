//! Sampling derivations that are true in the ontology.
//!
//! The sampler walks the grammar from the start category. An entity is given the nouns it may denote, a
//! property the nouns it must be true of; a rule that cannot be made true is taken back and another of
//! the same category tried.

mod property;

use rand::RngExt;
use seed::Stream;

use crate::concept::{Concept, ConceptIds};
use crate::config::RelationClass;
use crate::derivation::{Node, Numbers, close};
use crate::grammar::{Action, Grammar, Number, NumberTerm, Rule, Symbol, Term, WordClass};
use crate::meaning::Fact;
use crate::ontology::{NounId, Ontology, TypeId};

/// Nouns that an entity denotes: one, or a few joined ones.
#[derive(Debug, Clone, Copy)]
struct Nouns {
    items: [NounId; 4],
    len: u8,
}

impl Nouns {
    fn one(noun: NounId) -> Nouns {
        Nouns {
            items: [noun; 4],
            len: 1,
        }
    }

    fn as_slice(&self) -> &[NounId] {
        &self.items[..usize::from(self.len)]
    }

    /// Both together, without repeats; `None` beyond four.
    fn join(self, other: Nouns) -> Option<Nouns> {
        let mut joined = self;
        for &noun in other.as_slice() {
            if joined.as_slice().contains(&noun) || joined.len == 4 {
                return None;
            }
            joined.items[usize::from(joined.len)] = noun;
            joined.len += 1;
        }
        Some(joined)
    }
}

/// Which nouns an entity may denote.
#[derive(Debug, Clone, Copy)]
enum Goal<'a> {
    /// Any, by frequency.
    Any,
    /// One of these, evenly.
    Among(&'a [NounId]),
}

/// A sentence under construction, reused from one to the next.
#[derive(Debug, Default, Clone)]
pub struct Draft {
    /// The derivation in prefix order.
    pub nodes: Vec<Node>,
    /// What it states.
    pub facts: Vec<Fact>,
    /// How many nouns were picked.
    picks: u32,
    /// The derivation is given up: it names a masked noun where none may be told, or a rule failed after a noun was
    /// picked. Going back behind a pick would make what is told depend on nouns that are not in it.
    given_up: bool,
}

/// Where a sentence's choices come from, and the nouns that it may not name.
struct Source<'a> {
    rng: &'a mut Stream,
    masked: &'a [bool],
}

/// True pairs of one relation, by subject and by object.
struct Partners {
    objects: Vec<Vec<NounId>>,
    subjects: Vec<Vec<NounId>>,
    /// Nouns of the object's and the subject's type, for denials.
    all_objects: Vec<NounId>,
    all_subjects: Vec<NounId>,
}

/// Draws true derivations; made once for a world.
pub struct Sampler<'a> {
    grammar: &'a Grammar,
    ontology: &'a Ontology,
    concepts: ConceptIds,
    max_depth: u8,
    /// Rules of each category with their weights, and the sum.
    rules: Vec<(Vec<(usize, u32)>, u32)>,
    /// Cumulative noun frequencies, scaled to [`SCALE`].
    frequencies: Vec<u64>,
    /// For each of [`GUIDES`] equal parts of the scale, the noun that its start falls on.
    guides: Vec<u32>,
    /// The attribute of each value.
    attribute_of: Vec<u16>,
    partners: Vec<Partners>,
    /// Relations of a class that apply to a leaf type as subject, and as object.
    as_subject: [Vec<Vec<u16>>; 2],
    as_object: [Vec<Vec<u16>>; 2],
}

/// Steps of the noun frequencies: 2^53 keeps scaled sums exact in f64.
const SCALE: u64 = 1 << 53;
/// Entries of the table that a noun's draw starts from.
const GUIDES: u64 = 1 << 12;

fn class_index(class: WordClass) -> usize {
    usize::from(class == WordClass::Adposition)
}

impl<'a> Sampler<'a> {
    /// Prepares the tables. `max_depth`: how deeply noun phrases may nest.
    pub fn new(grammar: &'a Grammar, ontology: &'a Ontology, max_depth: u8) -> Sampler<'a> {
        let rules = (0..grammar.categories.len() as u16)
            .map(|category| {
                let rules: Vec<(usize, u32)> = grammar
                    .rules_of(category)
                    .map(|rule| (rule, grammar.rules[rule].weight))
                    .collect();
                let total = rules.iter().map(|(_, weight)| weight).sum();
                (rules, total)
            })
            .collect();
        let mut sum = 0.0;
        let cumulative: Vec<f64> = (0..ontology.nouns.len() as NounId)
            .map(|noun| {
                sum += ontology.frequency(noun);
                sum
            })
            .collect();
        let frequencies: Vec<u64> = cumulative
            .iter()
            .map(|part| (part / sum * SCALE as f64) as u64)
            .collect();
        let guides = (0..GUIDES)
            .map(|guide| frequencies.partition_point(|&end| end <= guide * (SCALE / GUIDES)) as u32)
            .collect();
        let attribute_of = (0..ontology.n_values())
            .map(|value| ontology.attribute_of(value) as u16)
            .collect();
        let partners = ontology
            .relations
            .iter()
            .map(|relation| {
                let mut objects = vec![Vec::new(); ontology.nouns.len()];
                let mut subjects = vec![Vec::new(); ontology.nouns.len()];
                for &(subject, object) in &relation.pairs {
                    objects[subject as usize].push(object);
                    subjects[object as usize].push(subject);
                }
                Partners {
                    objects,
                    subjects,
                    all_objects: ontology.nouns_of(relation.object).collect(),
                    all_subjects: ontology.nouns_of(relation.subject).collect(),
                }
            })
            .collect();
        let applicable = |class: RelationClass,
                          end: fn(&crate::ontology::Relation) -> TypeId|
         -> Vec<Vec<u16>> {
            (0..ontology.types.len() as TypeId)
                .map(|kind| {
                    (0..ontology.relations.len())
                        .filter(|&index| {
                            let relation = &ontology.relations[index];
                            relation.class == class && ontology.is_a(kind, end(relation))
                        })
                        .map(|index| index as u16)
                        .collect()
                })
                .collect()
        };
        let both = |end: fn(&crate::ontology::Relation) -> TypeId| {
            [
                applicable(RelationClass::Verb, end),
                applicable(RelationClass::Adposition, end),
            ]
        };
        Sampler {
            grammar,
            ontology,
            concepts: ConceptIds::new(ontology, grammar),
            max_depth,
            rules,
            frequencies,
            guides,
            attribute_of,
            partners,
            as_subject: both(|relation| relation.subject),
            as_object: both(|relation| relation.object),
        }
    }

    /// Draws one true sentence into `draft`, replacing what it held.
    pub fn sentence(&self, rng: &mut Stream, draft: &mut Draft) {
        while !self.attempt(rng, draft, &[]) {}
    }

    /// Tries once to draw a true sentence into `draft`. Gives up, and returns false, as soon as it would name a noun
    /// that `masked` marks, or when a rule cannot be made true of the nouns picked so far. From the same state of `rng`
    /// an attempt that succeeds with a mask is the one that succeeds without.
    pub fn attempt(&self, rng: &mut Stream, draft: &mut Draft, masked: &[bool]) -> bool {
        draft.nodes.clear();
        draft.facts.clear();
        draft.picks = 0;
        draft.given_up = false;
        self.statement(&mut Source { rng, masked }, draft, self.grammar.start)
    }

    /// A noun by frequency.
    pub fn noun(&self, rng: &mut Stream) -> NounId {
        let draw = rng.random_range(0..SCALE);
        let mut noun = self.guides[(draw / (SCALE / GUIDES)) as usize] as usize;
        let last = self.frequencies.len() - 1;
        while noun < last && self.frequencies[noun] <= draw {
            noun += 1;
        }
        noun.min(last) as NounId
    }

    /// Tries the category's rules, by weight and without repeats, until `attempt` succeeds.
    fn choose<T>(
        &self,
        rng: &mut Source,
        draft: &mut Draft,
        category: u16,
        number: Number,
        mut attempt: impl FnMut(&mut Source, &mut Draft, usize, Numbers) -> Option<T>,
    ) -> Option<T> {
        let (rules, total) = &self.rules[usize::from(category)];
        let mut total = *total;
        let mut tried = 0_u64;
        while total > 0 && !draft.given_up {
            // A category of one rule draws nothing.
            let mut draw = if rules.len() == 1 {
                0
            } else {
                rng.rng.random_range(0..total)
            };
            let mut chosen = 0;
            for (index, &(_, weight)) in rules.iter().enumerate() {
                if tried >> index & 1 == 1 {
                    continue;
                }
                chosen = index;
                if draw < weight {
                    break;
                }
                draw -= weight;
            }
            let (rule_index, weight) = rules[chosen];
            tried |= 1 << chosen;
            total -= weight;
            let rule = &self.grammar.rules[rule_index];
            if matches!(rule.result.number, NumberTerm::Fixed(fixed) if fixed != number) {
                continue;
            }
            let mut numbers = Numbers::default();
            let bound = u8::from(rule.result.number == NumberTerm::Variable(0));
            if bound == 1 {
                numbers = numbers.with(0, number);
            }
            if rule.n_numbers > bound {
                let bits = rng.rng.random::<u32>();
                for variable in bound..rule.n_numbers {
                    let free = if bits >> variable & 1 == 0 {
                        Number::Singular
                    } else {
                        Number::Plural
                    };
                    numbers = numbers.with(variable, free);
                }
            }
            let (nodes, facts, picks) = (draft.nodes.len(), draft.facts.len(), draft.picks);
            draft.nodes.push(Node::rule(rule_index, numbers));
            if let Some(result) = attempt(rng, draft, rule_index, numbers) {
                close(&mut draft.nodes, nodes);
                return Some(result);
            }
            draft.given_up |= draft.picks > picks;
            draft.nodes.truncate(nodes);
            draft.facts.truncate(facts);
        }
        None
    }

    fn statement(&self, rng: &mut Source, draft: &mut Draft, category: u16) -> bool {
        self.choose(
            rng,
            draft,
            category,
            Number::Singular,
            |rng, draft, rule, numbers| {
                let rule = &self.grammar.rules[rule];
                let nested =
                    |rng: &mut Source, draft: &mut Draft, index: u8| match term(rule, index).symbol
                    {
                        Symbol::Category(category) => self.statement(rng, draft, category),
                        _ => false,
                    };
                let done = match rule.meaning {
                    Action::Same(a) => nested(rng, draft, a),
                    Action::Both(a, b) => {
                        nested(rng, draft, a.min(b)) && nested(rng, draft, a.max(b))
                    }
                    Action::Assert(entity, property) => self
                        .entity_with_property(
                            rng,
                            draft,
                            rule,
                            numbers,
                            entity,
                            property,
                            Goal::Any,
                            0,
                        )
                        .is_some(),
                    _ => false,
                };
                done.then_some(())
            },
        )
        .is_some()
    }

    /// An entity and a property that is true of it, in the rule's order.
    #[allow(clippy::too_many_arguments)]
    fn entity_with_property(
        &self,
        rng: &mut Source,
        draft: &mut Draft,
        rule: &Rule,
        numbers: Numbers,
        entity: u8,
        property: u8,
        goal: Goal,
        depth: u8,
    ) -> Option<Nouns> {
        let (entity_term, property_term) = (term(rule, entity), term(rule, property));
        if entity < property {
            let nouns = self.entity(rng, draft, entity_term, numbers, goal, depth)?;
            self.property(rng, draft, property_term, numbers, &nouns, true, depth)?;
            Some(nouns)
        } else {
            let noun = self.pick(rng, draft, goal)?;
            self.property(
                rng,
                draft,
                property_term,
                numbers,
                &Nouns::one(noun),
                true,
                depth,
            )?;
            self.entity(
                rng,
                draft,
                entity_term,
                numbers,
                Goal::Among(&[noun]),
                depth,
            )
        }
    }

    /// A noun of the goal; `None` where there is none or where it is masked, which bars the sentence.
    fn pick(&self, rng: &mut Source, draft: &mut Draft, goal: Goal) -> Option<NounId> {
        let noun = match goal {
            Goal::Any => self.noun(rng.rng),
            Goal::Among([]) => return None,
            Goal::Among([one]) => *one,
            Goal::Among(some) => some[rng.rng.random_range(0..some.len() as u32) as usize],
        };
        draft.picks += 1;
        draft.given_up |= rng.masked.get(noun as usize).is_some_and(|&masked| masked);
        (!draft.given_up).then_some(noun)
    }

    fn entity(
        &self,
        rng: &mut Source,
        draft: &mut Draft,
        wanted: &Term,
        numbers: Numbers,
        goal: Goal,
        depth: u8,
    ) -> Option<Nouns> {
        let number = numbers.of(wanted.number);
        let category = match wanted.symbol {
            Symbol::Category(category) => category,
            _ => {
                let noun = self.pick(rng, draft, goal)?;
                draft
                    .nodes
                    .push(Node::word(self.concepts.id(Concept::Noun(noun)), number));
                return Some(Nouns::one(noun));
            }
        };
        self.choose(rng, draft, category, number, |rng, draft, rule, numbers| {
            let rule = &self.grammar.rules[rule];
            match rule.meaning {
                Action::Same(a) => self.entity(rng, draft, term(rule, a), numbers, goal, depth),
                Action::Restrict(entity, property) => {
                    // One noun is fixed first, so that a joined entity is restricted within its conjuncts.
                    let noun = self.pick(rng, draft, goal)?;
                    let goal = Goal::Among(std::slice::from_ref(&noun));
                    self.entity_with_property(
                        rng, draft, rule, numbers, entity, property, goal, depth,
                    )
                }
                Action::Join(a, b) => {
                    if matches!(goal, Goal::Among([_])) {
                        return None;
                    }
                    let first =
                        self.entity(rng, draft, term(rule, a.min(b)), numbers, goal, depth)?;
                    let second =
                        self.entity(rng, draft, term(rule, a.max(b)), numbers, goal, depth)?;
                    first.join(second)
                }
                _ => None,
            }
        })
    }
}

fn term(rule: &Rule, index: u8) -> &Term {
    &rule.constituents[usize::from(index)]
}
