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
    /// A rule's node; its length is set by [`close`].
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
}

/// Sets the length of the rule node at `at`, whose subtree ends at the end of `nodes`.
pub fn close(nodes: &mut [Node], at: usize) {
    nodes[at].length = (nodes.len() - at) as u16;
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

    /// The number of a term under these values; singular where it does not agree.
    pub fn of(self, term: NumberTerm) -> Number {
        match term {
            NumberTerm::Fixed(number) => number,
            NumberTerm::Variable(index) if self.0 >> index & 1 == 1 => Number::Plural,
            NumberTerm::Variable(_) | NumberTerm::None => Number::Singular,
        }
    }
}

/// Prints derivations: `(clause (definite noun3) (transitive verb1 (definite noun7.pl)))`. Rules of one
/// constituent are left out; `.pl` marks plural nouns.
#[derive(Debug, Clone)]
pub struct DerivationPrinter {
    /// By concept, singular and plural, each with a space before it.
    words: Vec<[String; 2]>,
    /// By rule, with a space and an opening bracket before it; `None` where it is left out.
    rules: Vec<Option<String>>,
}

impl DerivationPrinter {
    /// Labels of a world.
    pub fn new(grammar: &Grammar, concepts: &ConceptIds) -> DerivationPrinter {
        let label = |id| match concepts.concept(id) {
            Some(concept @ Concept::Noun(_)) => {
                let label = concepts.label(concept, grammar);
                [format!(" {label}"), format!(" {label}.pl")]
            }
            Some(concept) => [(); 2].map(|()| format!(" {}", concepts.label(concept, grammar))),
            None => [String::new(), String::new()],
        };
        let rules = grammar
            .rules
            .iter()
            .map(|rule| (rule.constituents.len() > 1).then(|| format!(" ({}", rule.name)))
            .collect();
        DerivationPrinter {
            words: (0..concepts.len()).map(label).collect(),
            rules,
        }
    }

    /// Appends a space and the derivation to `out`.
    pub fn print(&self, nodes: &[Node], out: &mut String) {
        self.print_from(nodes, 0, out);
    }

    /// Prints the subtree at `at` and returns where the next one starts.
    fn print_from(&self, nodes: &[Node], at: usize, out: &mut String) -> usize {
        let node = nodes[at];
        match node.label() {
            Label::Word(concept) => {
                out.push_str(
                    &self.words[concept as usize][usize::from(node.number() == Number::Plural)],
                );
                at + 1
            }
            Label::Rule(rule) => {
                let shown = self.rules[rule].as_deref();
                out.push_str(shown.unwrap_or_default());
                let end = at + node.length();
                let mut child = at + 1;
                while child < end {
                    child = self.print_from(nodes, child, out);
                }
                if shown.is_some() {
                    out.push(')');
                }
                end
            }
        }
    }
}

/// Prints one derivation; see [`DerivationPrinter`] for many.
pub fn to_string(nodes: &[Node], grammar: &Grammar, concepts: &ConceptIds) -> String {
    let mut out = String::new();
    DerivationPrinter::new(grammar, concepts).print(nodes, &mut out);
    out.split_off(1)
}
