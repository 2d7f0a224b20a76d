//! Telling a derivation in a language: its words, its order.

use crate::concept::{Concept, ConceptIds};
use crate::derivation::{Label, Node};
use crate::form::{Inflection, Lexicon};
use crate::grammar::{Grammar, Number, NumberTerm, Symbol};

/// A part of a rule's linearization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// A function word's form, by the rule's numbers.
    Function { concept: u32, number: NumberTerm },
    /// The first or second constituent that has a node.
    Child(u8),
}

/// Tells derivations in one language; for very many, see [`Teller`](crate::sample::Teller).
#[derive(Debug, Clone)]
pub struct Linearizer {
    rules: Vec<Vec<Part>>,
    /// Forms, each followed by a space, at `2 · concept + (1 if plural)`.
    forms: Vec<String>,
}

/// The form that `lexicon` uses for a concept in running text.
pub fn running_form(lexicon: &Lexicon, concept: u32, number: Number) -> Option<&str> {
    let exact = match number {
        Number::Singular => Inflection::Singular,
        Number::Plural => Inflection::Plural,
    };
    lexicon
        .form(concept, exact)
        .or_else(|| lexicon.form(concept, Inflection::Base))
}

impl Linearizer {
    /// A language: its lexicon and the head-direction switches that it reverses.
    pub fn new(
        grammar: &Grammar,
        concepts: &ConceptIds,
        lexicon: &Lexicon,
        reversed: &[String],
    ) -> Linearizer {
        let rules: Vec<Vec<Part>> = grammar
            .rules
            .iter()
            .map(|rule| {
                let mut child = 0;
                let mut parts: Vec<Part> = rule
                    .constituents
                    .iter()
                    .map(|term| match term.symbol {
                        Symbol::Function(function) => Part::Function {
                            concept: concepts.id(Concept::Function(function)),
                            number: term.number,
                        },
                        _ => {
                            child += 1;
                            Part::Child(child - 1)
                        }
                    })
                    .collect();
                if is_reversed(grammar, rule.order, reversed) {
                    parts.reverse();
                }
                parts
            })
            .collect();
        let form = |concept, number| match running_form(lexicon, concept, number) {
            Some(form) => format!("{form} "),
            None => String::new(),
        };
        let forms: Vec<String> = (0..concepts.len())
            .flat_map(|concept| Number::ALL.map(|number| form(concept, number)))
            .collect();
        Linearizer { rules, forms }
    }

    /// Appends the sentence to `out`: words and the final full stop, separated by one space.
    pub fn tell(&self, nodes: &[Node], out: &mut String) {
        self.tell_from(nodes, 0, out);
        out.push('.');
    }

    fn tell_from(&self, nodes: &[Node], at: usize, out: &mut String) {
        let node = nodes[at];
        match node.label() {
            Label::Word(concept) => self.push(concept, node.number(), out),
            Label::Rule(rule) => {
                for part in &self.rules[rule] {
                    match *part {
                        Part::Function { concept, number } => {
                            self.push(concept, node.numbers().of(number), out)
                        }
                        Part::Child(0) => self.tell_from(nodes, at + 1, out),
                        Part::Child(_) => {
                            self.tell_from(nodes, at + 1 + nodes[at + 1].length(), out)
                        }
                    }
                }
            }
        }
    }

    fn push(&self, concept: u32, number: Number, out: &mut String) {
        out.push_str(self.form(concept, number));
    }

    /// What a rule is told by, in order.
    pub(crate) fn parts(&self, rule: usize) -> &[Part] {
        &self.rules[rule]
    }

    /// All forms, each followed by a space, at `2 · concept + (1 if plural)`.
    pub(crate) fn forms(&self) -> &[String] {
        &self.forms
    }

    /// A concept's form with the space after it.
    pub(crate) fn form(&self, concept: u32, number: Number) -> &str {
        &self.forms[place(concept, number)]
    }
}

/// Where a concept's form in running text stands.
fn place(concept: u32, number: Number) -> usize {
    2 * concept as usize + usize::from(number == Number::Plural)
}

/// Whether a language that reverses `reversed` reverses a rule with this switch.
pub(crate) fn is_reversed(grammar: &Grammar, order: Option<u8>, reversed: &[String]) -> bool {
    order.is_some_and(|order| reversed.contains(&grammar.orders[usize::from(order)]))
}
