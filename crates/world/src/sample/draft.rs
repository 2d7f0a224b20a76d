//! A sentence under construction: the steps taken so far, and how to go back.
//!
//! The sampler is generic, hence compiled where it is used; small functions that it calls say `inline` to get there.

use crate::derivation::Numbers;
use crate::grammar::Number;
use crate::meaning::Fact;

/// A step of a derivation: a way of making a category, or an open-class word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The way's number; or [`WORD`], twice the word's concept, and 1 where it is plural.
    label: u32,
    /// Numbers of the way's last rule.
    pub numbers: Numbers,
    /// Steps of the subtree, this one included.
    length: u16,
}

/// What a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// Number of the way among all of the sampler.
    Way(usize),
    /// Twice the word's concept, and 1 where it is plural.
    Word(usize),
}

const WORD: u32 = 1 << 31;

impl Step {
    /// What the step is.
    #[inline]
    pub fn label(self) -> Label {
        if self.label & WORD != 0 {
            Label::Word((self.label & !WORD) as usize)
        } else {
            Label::Way(self.label as usize)
        }
    }

    /// Steps of the subtree, this one included.
    #[inline]
    pub fn length(self) -> usize {
        usize::from(self.length)
    }
}

/// A sentence under construction, reused from one to the next.
#[derive(Debug, Default, Clone)]
pub struct Draft {
    /// The derivation in prefix order.
    pub(super) steps: Vec<Step>,
    /// What it states.
    pub facts: Vec<Fact>,
    /// How many nodes the steps stand for.
    pub(super) n_nodes: usize,
    /// How many nouns were picked.
    pub(super) picks: u32,
    /// The derivation is given up: it names a masked noun where none may be told, has no end, or a rule failed after a
    /// noun was picked. Going back behind a pick would make what is told depend on nouns that are not in it.
    pub(super) given_up: bool,
}

/// How far a draft had come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    steps: usize,
    facts: usize,
    n_nodes: usize,
    picks: u32,
}

impl Draft {
    /// Forgets the sentence, keeps the memory.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.facts.clear();
        self.n_nodes = 0;
        self.picks = 0;
        self.given_up = false;
    }

    /// How far it has come.
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark {
            steps: self.steps.len(),
            facts: self.facts.len(),
            n_nodes: self.n_nodes,
            picks: self.picks,
        }
    }

    /// Takes back what came after `mark`; gives up where a noun was picked since.
    #[inline]
    pub(super) fn go_back(&mut self, mark: Mark) {
        self.given_up |= self.picks > mark.picks;
        self.steps.truncate(mark.steps);
        self.facts.truncate(mark.facts);
        self.n_nodes = mark.n_nodes;
    }

    /// Takes a way of `n_nodes` rules; what is below it follows, up to [`Draft::close`].
    #[inline]
    pub(super) fn open(&mut self, way: usize, n_nodes: usize, numbers: Numbers) {
        self.steps.push(Step {
            label: way as u32,
            numbers,
            length: 1,
        });
        self.n_nodes += n_nodes;
    }

    /// Ends the way that was taken at `mark`.
    #[inline]
    pub(super) fn close(&mut self, mark: Mark) {
        let length = self.steps.len() - mark.steps;
        self.steps[mark.steps].length = length as u16;
    }

    /// Adds a word.
    #[inline]
    pub(super) fn word(&mut self, concept: u32, number: Number) {
        self.steps.push(Step {
            label: WORD | (2 * concept) | u32::from(number == Number::Plural),
            numbers: Numbers::default(),
            length: 1,
        });
        self.n_nodes += 1;
    }
}
