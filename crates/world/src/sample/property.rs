//! Properties: adjectives and relations, true or false of given nouns.

use rand::RngExt;

use super::{Draft, Goal, Nouns, Sampler, Source, class_index, term};
use crate::concept::Concept;
use crate::derivation::{Node, Numbers};
use crate::grammar::{Action, Number, Rule, Symbol, Term};
use crate::meaning::{Fact, Predicate};
use crate::ontology::NounId;

impl Sampler<'_> {
    /// A property true (or, if not `positive`, false) of every one of `subjects`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn property(
        &self,
        rng: &mut Source,
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
        rng: &mut Source,
        draft: &mut Draft,
        subjects: &Nouns,
        positive: bool,
    ) -> Option<()> {
        let (&first, others) = subjects.as_slice().split_first()?;
        let values = &self.ontology.nouns[first as usize].values;
        let start = rng.rng.random_range(0..values.len() as u32) as usize;
        for offset in 0..values.len() {
            let own = values[(start + offset) % values.len()];
            let attribute = usize::from(self.attribute_of[own as usize]);
            let value = if positive {
                own
            } else {
                let range = &self.ontology.attributes[attribute];
                range.first_value + rng.rng.random_range(0..u32::from(range.n_values))
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
        rng: &mut Source,
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
        let start = rng.rng.random_range(0..relations.len() as u32) as usize;
        let mut others_left;
        for offset in 0..relations.len() {
            if draft.given_up {
                return None;
            }
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
                let noun = all[rng.rng.random_range(0..all.len() as u32) as usize];
                let said_or_self = |&subject: &NounId| {
                    subject == noun || true_ones[subject as usize].contains(&noun)
                };
                if subjects.as_slice().iter().any(said_or_self) {
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
            let (nodes, facts, picks) = (draft.nodes.len(), draft.facts.len(), draft.picks);
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
            draft.given_up |= draft.picks > picks;
            draft.nodes.truncate(nodes);
            draft.facts.truncate(facts);
        }
        None
    }
}
