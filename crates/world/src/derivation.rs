//! A derivation: the abstract syntax of one sentence, as nodes in prefix order.

use crate::concept::{Concept, ConceptIds};
use crate::grammar::{Grammar, Number, NumberTerm};

/// A node: a rule or an open-class word. Function words follow from their rule and have no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    label: u32,
    /// Rules: bit v = variable v is plural. Words: bit 0 = plural.
    numbers: u16,
    /// Nodes of the subtree, this one included.
    length: u16,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Index into [`Grammar::rules`].
    Rule(usize),
    /// Concept id of the word.
    Word(u32),
}

const WORD: u32 = 1 << 31;

impl Node {
    /// A rule's node; whoever adds what is below it sets its length.
    pub fn rule(rule: usize, numbers: Numbers) -> Node {
        Node {
            label: rule as u32,
            numbers: numbers.0,
            length: 1,
        }
    }

    /// A word's node.
    pub fn word(concept: u32, number: Number) -> Node {
        Node {
            label: concept | WORD,
            numbers: u16::from(number == Number::Plural),
            length: 1,
        }
    }

    /// What the node is.
    pub fn label(self) -> Label {
        if self.label & WORD != 0 {
            Label::Word(self.label & !WORD)
        } else {
            Label::Rule(self.label as usize)
        }
    }

    /// The number of a word.
    pub fn number(self) -> Number {
        if self.numbers & 1 == 0 {
            Number::Singular
        } else {
            Number::Plural
        }
    }

    /// The values of a rule's number variables.
    pub fn numbers(self) -> Numbers {
        Numbers(self.numbers)
    }

    /// Nodes of the subtree, this one included.
    pub fn length(self) -> usize {
        usize::from(self.length)
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length as u16;
    }

    pub(crate) fn set_numbers(&mut self, numbers: Numbers) {
        self.numbers = numbers.0;
    }
}

/// Sets the length of the rule node at `at`, whose subtree ends at the end of `nodes`.
pub fn close(nodes: &mut [Node], at: usize) {
    let length = nodes.len() - at;
    nodes[at].set_length(length);
}

/// Values of a rule's number variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Numbers(u16);

impl Numbers {
    /// With variable `index` set.
    pub fn with(self, index: u8, number: Number) -> Numbers {
        match number {
            Number::Singular => Numbers(self.0 & !(1 << index)),
            Number::Plural => Numbers(self.0 | 1 << index),
        }
    }

    /// With all the variables plural whose bits are set.
    #[inline]
    pub(crate) fn with_plural(self, bits: u16) -> Numbers {
        Numbers(self.0 | bits)
    }

    /// The number of a term under these values; singular where it does not agree.
    #[inline]
    pub fn of(self, term: NumberTerm) -> Number {
        match term {
            NumberTerm::Fixed(number) => number,
            NumberTerm::Variable(index) if self.0 >> index & 1 == 1 => Number::Plural,
            NumberTerm::Variable(_) | NumberTerm::None => Number::Singular,
        }
    }
}

/// Prints a derivation: `(clause (definite noun3) (transitive verb1 (definite noun7.pl)))`. Rules of one constituent are
/// left out; `.pl` marks plural nouns. For very many, see [`Printer`](crate::sample::Printer).
pub fn to_string(nodes: &[Node], grammar: &Grammar, concepts: &ConceptIds) -> String {
    let mut out = String::new();
    print_from(nodes, 0, grammar, concepts, &mut out);
    out.split_off(1)
}

/// Prints the subtree at `at` and returns where the next one starts.
fn print_from(
    nodes: &[Node],
    at: usize,
    grammar: &Grammar,
    concepts: &ConceptIds,
    out: &mut String,
) -> usize {
    let node = nodes[at];
    match node.label() {
        Label::Word(id) => {
            out.push(' ');
            if let Some(concept) = concepts.concept(id) {
                out.push_str(&concepts.label(concept, grammar));
                if matches!(concept, Concept::Noun(_)) && node.number() == Number::Plural {
                    out.push_str(".pl");
                }
            }
            at + 1
        }
        Label::Rule(rule) => {
            let rule = &grammar.rules[rule];
            let shown = rule.constituents.len() > 1;
            if shown {
                out.push_str(" (");
                out.push_str(&rule.name);
            }
            let end = at + node.length();
            let mut child = at + 1;
            while child < end {
                child = print_from(nodes, child, grammar, concepts, out);
            }
            if shown {
                out.push(')');
            }
            end
        }
    }
}
