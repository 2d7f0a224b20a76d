//! Sampling derivations that are true in the ontology.
//!
//! The sampler walks the grammar from the start category. An entity is given the nouns it may denote, a
//! property the nouns it must be true of; a rule that cannot be made true is taken back and another of
//! the same category tried.

use rand::RngExt;
use seed::Stream;

use crate::concept::{Concept, ConceptIds};
use crate::config::RelationClass;
use crate::derivation::{Node, Numbers, close};
use crate::grammar::{Action, Grammar, Number, NumberTerm, Rule, Symbol, Term, WordClass};
use crate::meaning::{Fact, Predicate};
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
    /// Cumulative noun frequencies, scaled to u64.
    frequencies: Vec<u64>,
    partners: Vec<Partners>,
    /// Relations of a class that apply to a leaf type as subject, and as object.
    as_subject: [Vec<Vec<u16>>; 2],
    as_object: [Vec<Vec<u16>>; 2],
}

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
        // 2^53 steps keep the scaled sums exact in f64.
        let frequencies = cumulative
            .iter()
            .map(|part| (part / sum * 9_007_199_254_740_992.0) as u64)
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
            partners,
            as_subject: both(|relation| relation.subject),
            as_object: both(|relation| relation.object),
        }
    }

    /// Draws one true sentence into `draft`, replacing what it held.
    pub fn sentence(&self, rng: &mut Stream, draft: &mut Draft) {
        loop {
            draft.nodes.clear();
            draft.facts.clear();
            if self.statement(rng, draft, self.grammar.start) {
                return;
            }
        }
    }

    /// A noun by frequency.
    pub fn noun(&self, rng: &mut Stream) -> NounId {
        let draw = rng.random_range(0..9_007_199_254_740_992_u64);
        (self.frequencies.partition_point(|&end| end <= draw)).min(self.frequencies.len() - 1)
            as NounId
    }

    /// Tries the category's rules, by weight and without repeats, until `attempt` succeeds.
    fn choose<T>(
        &self,
        rng: &mut Stream,
        draft: &mut Draft,
        category: u16,
        number: Number,
        mut attempt: impl FnMut(&mut Stream, &mut Draft, usize, Numbers) -> Option<T>,
    ) -> Option<T> {
        let (rules, total) = &self.rules[usize::from(category)];
        let mut total = *total;
        let mut tried = 0_u64;
        while total > 0 {
            let mut draw = rng.random_range(0..total);
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
                let bits = rng.random::<u32>();
                for variable in bound..rule.n_numbers {
                    let free = if bits >> variable & 1 == 0 {
                        Number::Singular
                    } else {
                        Number::Plural
                    };
                    numbers = numbers.with(variable, free);
                }
            }
            let (nodes, facts) = (draft.nodes.len(), draft.facts.len());
            draft.nodes.push(Node::rule(rule_index, numbers));
            if let Some(result) = attempt(rng, draft, rule_index, numbers) {
                close(&mut draft.nodes, nodes);
                return Some(result);
            }
            draft.nodes.truncate(nodes);
            draft.facts.truncate(facts);
        }
        None
    }

    fn statement(&self, rng: &mut Stream, draft: &mut Draft, category: u16) -> bool {
        self.choose(
            rng,
            draft,
            category,
            Number::Singular,
            |rng, draft, rule, numbers| {
                let rule = &self.grammar.rules[rule];
                let nested =
                    |rng: &mut Stream, draft: &mut Draft, index: u8| match term(rule, index).symbol
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
        rng: &mut Stream,
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
            let noun = self.pick(rng, goal)?;
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

    fn pick(&self, rng: &mut Stream, goal: Goal) -> Option<NounId> {
        match goal {
            Goal::Any => Some(self.noun(rng)),
            Goal::Among([]) => None,
            Goal::Among([one]) => Some(*one),
            Goal::Among(some) => Some(some[rng.random_range(0..some.len() as u32) as usize]),
        }
    }

    fn entity(
        &self,
        rng: &mut Stream,
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
                let noun = self.pick(rng, goal)?;
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
                    let noun = self.pick(rng, goal)?;
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

    /// A property true (or, if not `positive`, false) of every one of `subjects`.
    #[allow(clippy::too_many_arguments)]
    fn property(
        &self,
        rng: &mut Stream,
        draft: &mut Draft,
        wanted: &Term,
        numbers: Numbers,
        subjects: &Nouns,
        positive: bool,
        depth: u8,
    ) -> Option<()> {
        let category = match wanted.symbol {
            Symbol::Category(category) => category,
            _ => return self.adjective(rng, draft, subjects, positive),
        };
        let number = numbers.of(wanted.number);
        self.choose(rng, draft, category, number, |rng, draft, rule, numbers| {
            let rule = &self.grammar.rules[rule];
            match rule.meaning {
                Action::Same(a) => self.property(
                    rng,
                    draft,
                    term(rule, a),
                    numbers,
                    subjects,
                    positive,
                    depth,
                ),
                Action::Negate(a) => {
                    if !positive {
                        return None;
                    }
                    self.property(rng, draft, term(rule, a), numbers, subjects, false, depth)
                }
                Action::All(a, b) => {
                    self.property(
                        rng,
                        draft,
                        term(rule, a.min(b)),
                        numbers,
                        subjects,
                        positive,
                        depth,
                    )?;
                    self.property(
                        rng,
                        draft,
                        term(rule, a.max(b)),
                        numbers,
                        subjects,
                        positive,
                        depth,
                    )
                }
                Action::Relate(word, entity)
                | Action::Deny(word, entity)
                | Action::Inverse(word, entity) => {
                    let denies = matches!(rule.meaning, Action::Deny(..));
                    if depth >= self.max_depth || (denies && !positive) {
                        return None;
                    }
                    let inverse = matches!(rule.meaning, Action::Inverse(..));
                    self.relation(
                        rng,
                        draft,
                        rule,
                        numbers,
                        (word, entity),
                        subjects,
                        positive && !denies,
                        inverse,
                        depth,
                    )
                }
                _ => None,
            }
        })
    }

    fn adjective(
        &self,
        rng: &mut Stream,
        draft: &mut Draft,
        subjects: &Nouns,
        positive: bool,
    ) -> Option<()> {
        let (&first, others) = subjects.as_slice().split_first()?;
        let values = &self.ontology.nouns[first as usize].values;
        let start = rng.random_range(0..values.len() as u32) as usize;
        for offset in 0..values.len() {
            let own = values[(start + offset) % values.len()];
            let attribute = self.ontology.attribute_of(own);
            let value = if positive {
                own
            } else {
                let range = &self.ontology.attributes[attribute];
                range.first_value + rng.random_range(0..u32::from(range.n_values))
            };
            let fits = (value == own) == positive
                && others.iter().all(|&noun| {
                    self.ontology
                        .value(noun, attribute)
                        .is_some_and(|other| (other == value) == positive)
                });
            let predicate = Predicate::Value(value);
            let said = draft
                .facts
                .iter()
                .any(|fact| fact.subject == first && fact.predicate == predicate);
            if fits && !said {
                draft.nodes.push(Node::word(
                    self.concepts.id(Concept::Value(value)),
                    Number::Singular,
                ));
                let facts = subjects.as_slice().iter().map(|&subject| Fact {
                    subject,
                    predicate,
                    positive,
                });
                draft.facts.extend(facts);
                return Some(());
            }
        }
        None
    }

    #[allow(clippy::too_many_arguments)]
    fn relation(
        &self,
        rng: &mut Stream,
        draft: &mut Draft,
        rule: &Rule,
        numbers: Numbers,
        (word, entity): (u8, u8),
        subjects: &Nouns,
        positive: bool,
        inverse: bool,
        depth: u8,
    ) -> Option<()> {
        let Symbol::Word(class) = term(rule, word).symbol else {
            return None;
        };
        let (&first, others) = subjects.as_slice().split_first()?;
        let kind = usize::from(self.ontology.nouns[first as usize].kind);
        let applicable = if inverse {
            &self.as_object
        } else {
            &self.as_subject
        };
        let relations = &applicable[class_index(class)][kind];
        if relations.is_empty() {
            return None;
        }
        let start = rng.random_range(0..relations.len() as u32) as usize;
        let mut others_left;
        for offset in 0..relations.len() {
            let relation = relations[(start + offset) % relations.len()];
            let partners = &self.partners[usize::from(relation)];
            let (true_ones, all) = if inverse {
                (&partners.subjects, &partners.all_subjects)
            } else {
                (&partners.objects, &partners.all_objects)
            };
            let of_type = others.iter().all(|&noun| {
                applicable[class_index(class)][usize::from(self.ontology.nouns[noun as usize].kind)]
                    .contains(&relation)
            });
            if !of_type {
                continue;
            }
            let candidates: &[NounId] = if positive {
                if others.is_empty() {
                    &true_ones[first as usize]
                } else {
                    others_left = true_ones[first as usize].clone();
                    others_left.retain(|noun| {
                        others
                            .iter()
                            .all(|&other| true_ones[other as usize].contains(noun))
                    });
                    &others_left
                }
            } else {
                let noun = all[rng.random_range(0..all.len() as u32) as usize];
                if subjects
                    .as_slice()
                    .iter()
                    .any(|&subject| true_ones[subject as usize].contains(&noun))
                {
                    continue;
                }
                others_left = vec![noun];
                &others_left
            };
            if candidates.is_empty() {
                continue;
            }
            let word_node = Node::word(
                self.concepts.id(Concept::Relation(relation)),
                numbers.of(term(rule, word).number),
            );
            let (nodes, facts) = (draft.nodes.len(), draft.facts.len());
            if word < entity {
                draft.nodes.push(word_node);
            }
            let goal = Goal::Among(candidates);
            let objects = self.entity(rng, draft, term(rule, entity), numbers, goal, depth + 1);
            if let Some(objects) = objects {
                if word > entity {
                    draft.nodes.push(word_node);
                }
                let before = draft.facts.len();
                for &noun in subjects.as_slice() {
                    for &object in objects.as_slice() {
                        let (subject, object) = if inverse {
                            (object, noun)
                        } else {
                            (noun, object)
                        };
                        let predicate = Predicate::Relation(relation, object);
                        draft.facts.push(Fact {
                            subject,
                            predicate,
                            positive,
                        });
                    }
                }
                let (old, new) = draft.facts.split_at(before);
                if !new.iter().any(|fact| old.contains(fact)) {
                    return Some(());
                }
            }
            draft.nodes.truncate(nodes);
            draft.facts.truncate(facts);
        }
        None
    }
}

fn term(rule: &Rule, index: u8) -> &Term {
    &rule.constituents[usize::from(index)]
}
