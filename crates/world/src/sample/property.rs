//! Properties: adjectives and relations, true or false of given nouns.

use rand::{Rng, RngExt};

use super::{Act, Goal, Nouns, Pair, Sampler, Slot, Walk};
use crate::concept::Concept;
use crate::derivation::Numbers;
use crate::grammar::{Number, Symbol, WordClass};
use crate::meaning::{Fact, Predicate};
use crate::ontology::NounId;

/// A relation wanted of some nouns.
struct Wanted {
    class: WordClass,
    /// The relation's word and the entity at its other end.
    pair: Pair,
    /// Whether it shall hold of them all, or of none.
    positive: bool,
    /// Whether they are its objects.
    inverse: bool,
}

impl Sampler<'_> {
    /// A property true (or, if not `positive`, false) of every one of `subjects`.
    pub(super) fn property<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        wanted: Slot,
        numbers: Numbers,
        subjects: &Nouns,
        positive: bool,
        depth: u8,
    ) -> Option<()> {
        let Symbol::Category(category) = wanted.symbol else {
            return self.adjective(walk, subjects, positive);
        };
        let number = numbers.of(wanted.number);
        self.choose(walk, category, number, |walk, way, numbers| {
            // What is denied already is not denied again.
            if way.negates && !positive {
                return None;
            }
            let positive = positive && !way.negates;
            match way.act {
                Act::Same(slot) => self.property(walk, slot, numbers, subjects, positive, depth),
                Act::All(pair) => {
                    let [first, second] = pair.as_told();
                    self.property(walk, first, numbers, subjects, positive, depth)?;
                    self.property(walk, second, numbers, subjects, positive, depth)
                }
                Act::Relate {
                    class,
                    pair,
                    positive: holds,
                    inverse,
                } => {
                    if depth >= self.max_depth || (!holds && !positive) {
                        return None;
                    }
                    let wanted = Wanted {
                        class,
                        pair,
                        positive: positive && holds,
                        inverse,
                    };
                    self.relation(walk, wanted, numbers, subjects, depth)
                }
                _ => None,
            }
        })
    }

    fn adjective<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        subjects: &Nouns,
        positive: bool,
    ) -> Option<()> {
        let (&first, others) = subjects.as_slice().split_first()?;
        let values = self.values.of(first);
        let start = walk.rng.random_range(0..values.len() as u32) as usize;
        let (before, from) = values.split_at(start);
        for &own in from.iter().chain(before) {
            let attribute = usize::from(self.attribute_of[own as usize]);
            let value = if positive {
                own
            } else {
                let range = &self.ontology.attributes[attribute];
                range.first_value + walk.rng.random_range(0..u32::from(range.n_values))
            };
            let fits = (value == own) == positive
                && others.iter().all(|&noun| {
                    self.ontology
                        .value(noun, attribute)
                        .is_some_and(|other| (other == value) == positive)
                });
            let predicate = Predicate::Value(value);
            let said = walk
                .draft
                .facts
                .iter()
                .any(|fact| fact.subject == first && fact.predicate == predicate);
            if fits && !said {
                let concept = self.concepts.id(Concept::Value(value));
                walk.draft.word(concept, Number::Singular);
                let facts = subjects.as_slice().iter().map(|&subject| Fact {
                    subject,
                    predicate,
                    positive,
                });
                walk.draft.facts.extend(facts);
                return Some(());
            }
        }
        None
    }

    fn relation<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        wanted: Wanted,
        numbers: Numbers,
        subjects: &Nouns,
        depth: u8,
    ) -> Option<()> {
        let (&first, others) = subjects.as_slice().split_first()?;
        let (ends, class) = (
            usize::from(wanted.inverse),
            usize::from(wanted.class == WordClass::Adposition),
        );
        let applicable = &self.applicable[ends][class];
        let kind = |noun: NounId| usize::from(self.ontology.nouns[noun as usize].kind);
        let relations = &applicable[kind(first)];
        if relations.is_empty() {
            return None;
        }
        let start = walk.rng.random_range(0..relations.len() as u32) as usize;
        // Where the candidates are not simply the first noun's partners.
        let (mut common, mut stranger);
        let (before, from) = relations.split_at(start);
        for &relation in from.iter().chain(before) {
            if walk.draft.given_up {
                return None;
            }
            let applies = |&noun: &NounId| applicable[kind(noun)].contains(&relation);
            if !others.iter().all(applies) {
                continue;
            }
            let related = &self.related[usize::from(relation)][ends];
            let candidates: &[NounId] = if !wanted.positive {
                let all = &related.all;
                let noun = all[walk.rng.random_range(0..all.len() as u32) as usize];
                let true_or_self = |&subject: &NounId| {
                    subject == noun || related.partners.of(subject).contains(&noun)
                };
                if subjects.as_slice().iter().any(true_or_self) {
                    continue;
                }
                stranger = [noun];
                &stranger
            } else if others.is_empty() {
                related.partners.of(first)
            } else {
                let of_all = |noun: &&NounId| {
                    let mut others = others.iter();
                    others.all(|&other| related.partners.of(other).contains(noun))
                };
                let of_first = related.partners.of(first).iter();
                common = of_first.filter(of_all).copied().collect::<Vec<NounId>>();
                &common
            };
            if candidates.is_empty() {
                continue;
            }
            let goal = Goal::Among(candidates);
            if self.relate(walk, &wanted, relation, goal, numbers, subjects, depth) {
                return Some(());
            }
        }
        None
    }

    /// Says that the subjects stand, or do not stand, in the relation to something of the goal. Takes back what it
    /// said where that was said before.
    #[expect(clippy::too_many_arguments)]
    fn relate<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        wanted: &Wanted,
        relation: u16,
        goal: Goal,
        numbers: Numbers,
        subjects: &Nouns,
        depth: u8,
    ) -> bool {
        let [word, entity] = wanted.pair.named;
        let concept = self.concepts.id(Concept::Relation(relation));
        let number = numbers.of(word.number);
        let mark = walk.draft.mark();
        if wanted.pair.in_order {
            walk.draft.word(concept, number);
        }
        let objects = self.entity(walk, entity, numbers, goal, depth + 1);
        let draft = &mut *walk.draft;
        if let Some(objects) = objects {
            if !wanted.pair.in_order {
                draft.word(concept, number);
            }
            let before = draft.facts.len();
            for &noun in subjects.as_slice() {
                draft.facts.extend(objects.as_slice().iter().map(|&object| {
                    let (subject, object) = if wanted.inverse {
                        (object, noun)
                    } else {
                        (noun, object)
                    };
                    Fact {
                        subject,
                        predicate: Predicate::Relation(relation, object),
                        positive: wanted.positive,
                    }
                }));
            }
            let (old, new) = draft.facts.split_at(before);
            if !new.iter().any(|fact| old.contains(fact)) {
                return true;
            }
        }
        draft.go_back(mark);
        false
    }
}
