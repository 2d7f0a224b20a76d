//! Sampling derivations that are true in the ontology.
//!
//! The sampler walks the grammar from the start category. An entity is given the nouns it may denote, a
//! property the nouns it must be true of; a way of making a category ([`ways`]) that cannot be made true is taken back
//! and another tried. Nouns are drawn by frequency ([`nouns`]). A [`Draft`] holds the ways taken; [`Sampler::nodes`] spells
//! out their rules, a [`Printer`] prints them and a [`Teller`] tells them in a language.

mod draft;
mod nouns;
mod printer;
mod property;
mod teller;
#[cfg(test)]
mod tests;
mod ways;

use rand::{Rng, RngExt};

use crate::concept::{Concept, ConceptIds};
use crate::config::RelationClass;
use crate::derivation::{Node, Numbers};
use crate::grammar::{Grammar, Number, Symbol};
use crate::ontology::{NounId, Ontology, Relation, TypeId};
use draft::{Label, Step};
use nouns::NounTable;
use ways::{Act, Pair, Slot, Way, Ways};

pub use draft::Draft;
pub use printer::Printer;
pub use teller::Teller;

/// Rules within rules beyond which a derivation is given up: a grammar's rules may call for themselves without end.
const MAX_NESTING: u16 = 200;
/// Nodes beyond which a derivation is given up; their lengths are 16-bit numbers.
const MAX_NODES: usize = 10_000;
/// Attempts in vain after which no sentence is to be had.
pub const MAX_VAIN: u32 = 10_000;

/// Nouns that an entity denotes: one, or a few joined ones.
#[derive(Debug, Clone, Copy)]
struct Nouns {
    items: [NounId; 4],
    len: u8,
}

impl Nouns {
    #[inline]
    fn one(noun: NounId) -> Nouns {
        Nouns {
            items: [noun; 4],
            len: 1,
        }
    }

    #[inline]
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

/// A sentence on its way: where its choices come from, what it has become, and the nouns that it may not name.
struct Walk<'w, R> {
    rng: &'w mut R,
    draft: &'w mut Draft,
    masked: &'w [bool],
    /// How many rules the walk is within.
    nesting: u16,
}

/// A list of numbers for each noun.
struct ByNoun {
    items: Vec<u32>,
    /// Where each noun's list begins, and where the last one's ends.
    starts: Vec<u32>,
}

impl ByNoun {
    /// From (noun, item), in any order.
    fn new(n_nouns: usize, pairs: impl Iterator<Item = (NounId, u32)>) -> ByNoun {
        let mut pairs: Vec<(NounId, u32)> = pairs.collect();
        // Stable, so that each noun's items keep their order.
        pairs.sort_by_key(|pair| pair.0);
        ByNoun {
            starts: (0..=n_nouns as NounId)
                .map(|noun| pairs.partition_point(|pair| pair.0 < noun) as u32)
                .collect(),
            items: pairs.into_iter().map(|pair| pair.1).collect(),
        }
    }

    #[inline]
    fn of(&self, noun: NounId) -> &[u32] {
        let noun = noun as usize;
        &self.items[self.starts[noun] as usize..self.starts[noun + 1] as usize]
    }
}

/// One relation's true pairs from one end.
struct Related {
    /// The nouns at the other end.
    partners: ByNoun,
    /// Nouns of the other end's type, for denials.
    all: Vec<NounId>,
}

/// Draws true derivations; made once for a world.
pub struct Sampler<'a> {
    ontology: &'a Ontology,
    concepts: ConceptIds,
    start: u16,
    max_depth: u8,
    /// By category, singular and plural.
    ways: Vec<Ways>,
    nouns: NounTable,
    /// Each noun's values.
    values: ByNoun,
    /// The attribute of each value.
    attribute_of: Vec<u16>,
    /// By relation: from its subjects to its objects, and the other way.
    related: Vec<[Related; 2]>,
    /// As subject and as object, by class (verb, adposition) and leaf type: the relations that apply.
    applicable: [[Vec<Vec<u16>>; 2]; 2],
}

impl<'a> Sampler<'a> {
    /// Prepares the tables. `max_depth`: how deeply noun phrases may nest.
    pub fn new(grammar: &'a Grammar, ontology: &'a Ontology, max_depth: u8) -> Sampler<'a> {
        let n_nouns = ontology.nouns.len();
        let related = |relation: &Relation| {
            let pairs = || relation.pairs.iter().copied();
            let swapped = |(subject, object)| (object, subject);
            [
                Related {
                    partners: ByNoun::new(n_nouns, pairs()),
                    all: ontology.nouns_of(relation.object).collect(),
                },
                Related {
                    partners: ByNoun::new(n_nouns, pairs().map(swapped)),
                    all: ontology.nouns_of(relation.subject).collect(),
                },
            ]
        };
        let applicable = |class: RelationClass, end: fn(&Relation) -> TypeId| -> Vec<Vec<u16>> {
            let of_kind = |kind| {
                let applies = |&index: &usize| {
                    let relation = &ontology.relations[index];
                    relation.class == class && ontology.is_a(kind, end(relation))
                };
                (0..ontology.relations.len())
                    .filter(applies)
                    .map(|index| index as u16)
                    .collect()
            };
            (0..ontology.types.len() as TypeId).map(of_kind).collect()
        };
        let both = |end: fn(&Relation) -> TypeId| {
            [RelationClass::Verb, RelationClass::Adposition].map(|class| applicable(class, end))
        };
        let mut ways: Vec<Ways> = Vec::new();
        for category in 0..grammar.categories.len() as u16 {
            for number in Number::ALL {
                let first = ways.last().map_or(0, |last| last.first + last.all().len());
                ways.push(Ways::new(grammar, category, number, first));
            }
        }
        let values = (0..n_nouns as NounId)
            .zip(&ontology.nouns)
            .flat_map(|(id, noun)| {
                let values = noun.values.iter();
                values.map(move |&value| (id, value))
            });
        Sampler {
            ontology,
            concepts: ConceptIds::new(ontology, grammar),
            start: grammar.start,
            max_depth,
            ways,
            nouns: NounTable::new(ontology),
            values: ByNoun::new(n_nouns, values),
            attribute_of: (0..ontology.n_values())
                .map(|value| ontology.attribute_of(value) as u16)
                .collect(),
            related: ontology.relations.iter().map(related).collect(),
            applicable: [
                both(|relation| relation.subject),
                both(|relation| relation.object),
            ],
        }
    }

    /// Draws one true sentence into `draft`, replacing what it held. False after [`MAX_VAIN`] attempts that made none: the
    /// grammar's rules ask for what the ontology does not have, or for themselves without end.
    pub fn sentence<R: Rng>(&self, rng: &mut R, draft: &mut Draft) -> bool {
        (0..MAX_VAIN).any(|_| self.attempt(rng, draft, &[]))
    }

    /// Tries once to draw a true sentence into `draft`. Gives up, and returns false, as soon as it would name a noun
    /// that `masked` marks, or when a rule cannot be made true of the nouns picked so far. From the same state of `rng`
    /// an attempt that succeeds with a mask is the one that succeeds without.
    pub fn attempt<R: Rng>(&self, rng: &mut R, draft: &mut Draft, masked: &[bool]) -> bool {
        draft.clear();
        let mut walk = Walk {
            rng,
            draft,
            masked,
            nesting: 0,
        };
        self.statement(&mut walk, self.start)
    }

    /// The derivation that a draft of this sampler holds, in prefix order.
    pub fn nodes(&self, draft: &Draft) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(draft.n_nodes);
        if !draft.steps.is_empty() {
            self.push_nodes(&draft.steps, 0, &mut nodes);
        }
        nodes
    }

    /// Appends the nodes of the subtree at `step`.
    fn push_nodes(&self, steps: &[Step], step: usize, nodes: &mut Vec<Node>) {
        let number = match steps[step].label() {
            Label::Word(word) => {
                let concept = (word / 2) as u32;
                return nodes.push(Node::word(concept, Number::ALL[word % 2]));
            }
            Label::Way(number) => number,
        };
        // The last that begins at the number or before: those without ways begin where the next does.
        let ways = &self.ways[self.ways.partition_point(|ways| ways.first <= number) - 1];
        let way = ways.way(number - ways.first);
        let start = nodes.len();
        nodes.extend_from_slice(&way.nodes);
        let mut child = step + 1;
        while child < step + steps[step].length() {
            self.push_nodes(steps, child, nodes);
            child += steps[child].length();
        }
        let end = nodes.len();
        for (place, node) in (start..).zip(&mut nodes[start..start + way.nodes.len()]) {
            node.set_length(end - place);
        }
        nodes[start + way.nodes.len() - 1].set_numbers(steps[step].numbers);
    }

    /// Tries the category's ways, by share and without repeats, until `attempt` succeeds.
    fn choose<R: Rng, T>(
        &self,
        walk: &mut Walk<R>,
        category: u16,
        number: Number,
        attempt: impl FnMut(&mut Walk<R>, &Way, Numbers) -> Option<T>,
    ) -> Option<T> {
        if walk.nesting == MAX_NESTING || walk.draft.n_nodes > MAX_NODES {
            walk.draft.given_up = true;
            return None;
        }
        walk.nesting += 1;
        let made = self.choose_within(walk, category, number, attempt);
        walk.nesting -= 1;
        made
    }

    fn choose_within<R: Rng, T>(
        &self,
        walk: &mut Walk<R>,
        category: u16,
        number: Number,
        mut attempt: impl FnMut(&mut Walk<R>, &Way, Numbers) -> Option<T>,
    ) -> Option<T> {
        let ways = &self.ways[2 * usize::from(category) + usize::from(number == Number::Plural)];
        let mut chosen = ways.draw(walk.rng)?;
        let mut tried = 0_u64;
        loop {
            let way = ways.way(chosen);
            let numbers = way.numbers(walk.rng);
            let before = walk.draft.mark();
            let place = ways.first + chosen;
            walk.draft.open(place, way.nodes.len(), numbers);
            if let Some(result) = attempt(walk, way, numbers) {
                walk.draft.close(before);
                return Some(result);
            }
            walk.draft.go_back(before);
            if walk.draft.given_up {
                return None;
            }
            tried |= 1 << chosen;
            chosen = ways.draw_again(walk.rng, tried)?;
        }
    }

    fn statement<R: Rng>(&self, walk: &mut Walk<R>, category: u16) -> bool {
        let nested = |walk: &mut Walk<R>, slot: Slot| match slot.symbol {
            Symbol::Category(category) => self.statement(walk, category),
            _ => false,
        };
        let made = self.choose(walk, category, Number::Singular, |walk, way, numbers| {
            let done = match way.act {
                Act::Same(slot) => nested(walk, slot),
                Act::Both(pair) => pair.as_told().into_iter().all(|slot| nested(walk, slot)),
                Act::Assert(pair) => self
                    .entity_with_property(walk, pair, numbers, Goal::Any, 0)
                    .is_some(),
                _ => false,
            };
            done.then_some(())
        });
        made.is_some()
    }

    /// An entity and a property that is true of it, in the rule's order.
    fn entity_with_property<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        pair: Pair,
        numbers: Numbers,
        goal: Goal,
        depth: u8,
    ) -> Option<Nouns> {
        let [entity, property] = pair.named;
        if pair.in_order {
            let nouns = self.entity(walk, entity, numbers, goal, depth)?;
            self.property(walk, property, numbers, &nouns, true, depth)?;
            Some(nouns)
        } else {
            let noun = self.pick(walk, goal)?;
            self.property(walk, property, numbers, &Nouns::one(noun), true, depth)?;
            self.entity(walk, entity, numbers, Goal::Among(&[noun]), depth)
        }
    }

    /// A noun of the goal; `None` where there is none or where it is masked, which bars the sentence.
    fn pick<R: Rng>(&self, walk: &mut Walk<R>, goal: Goal) -> Option<NounId> {
        let noun = match goal {
            Goal::Any => self.nouns.draw(walk.rng),
            Goal::Among([]) => return None,
            Goal::Among([one]) => *one,
            Goal::Among(some) => some[walk.rng.random_range(0..some.len() as u32) as usize],
        };
        walk.draft.picks += 1;
        walk.draft.given_up |= walk.masked.get(noun as usize).is_some_and(|&masked| masked);
        (!walk.draft.given_up).then_some(noun)
    }

    /// An entity: a noun, or what a way of a category makes.
    #[inline]
    fn entity<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        wanted: Slot,
        numbers: Numbers,
        goal: Goal,
        depth: u8,
    ) -> Option<Nouns> {
        let number = numbers.of(wanted.number);
        if let Symbol::Category(category) = wanted.symbol {
            return self.phrase(walk, category, number, goal, depth);
        }
        let noun = self.pick(walk, goal)?;
        let concept = self.concepts.id(Concept::Noun(noun));
        walk.draft.word(concept, number);
        Some(Nouns::one(noun))
    }

    fn phrase<R: Rng>(
        &self,
        walk: &mut Walk<R>,
        category: u16,
        number: Number,
        goal: Goal,
        depth: u8,
    ) -> Option<Nouns> {
        self.choose(walk, category, number, |walk, way, numbers| match way.act {
            Act::Same(slot) => self.entity(walk, slot, numbers, goal, depth),
            Act::Restrict(pair) => {
                // One noun is fixed first, so that a joined entity is restricted within its conjuncts.
                let noun = self.pick(walk, goal)?;
                let goal = Goal::Among(std::slice::from_ref(&noun));
                self.entity_with_property(walk, pair, numbers, goal, depth)
            }
            Act::Join(pair) => {
                if matches!(goal, Goal::Among([_])) {
                    return None;
                }
                let [first, second] = pair.as_told();
                let nouns = self.entity(walk, first, numbers, goal, depth)?;
                nouns.join(self.entity(walk, second, numbers, goal, depth)?)
            }
            _ => None,
        })
    }
}
