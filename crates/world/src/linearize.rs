//! Telling a derivation in a language: its words, its order.

use crate::concept::{Concept, ConceptIds};
use crate::derivation::{Label, Node};
use crate::form::{Inflection, Lexicon};
use crate::grammar::{Grammar, Number, NumberTerm, Symbol};

/// A part of a rule's linearization.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// A function word's form, by the rule's numbers.
    Function { concept: u32, number: NumberTerm },
    /// The first or second constituent that has a node.
    Child(u8),
}

/// Tells derivations in one language.
#[derive(Debug, Clone)]
pub struct Linearizer {
    rules: Vec<Vec<Part>>,
    /// All forms, each followed by a space.
    text: String,
    /// Start and end in `text`, at `2 · concept + (1 if plural)`.
    forms: Vec<(u32, u32)>,
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
        let rules = grammar
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
        let mut text = String::new();
        let mut forms = Vec::new();
        for concept in 0..concepts.len() {
            for number in Number::ALL {
                let start = text.len() as u32;
                if let Some(form) = running_form(lexicon, concept, number) {
                    text.push_str(form);
                    text.push(' ');
                }
                forms.push((start, text.len() as u32));
            }
        }
        Linearizer { rules, text, forms }
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
        let (start, end) = self.forms[2 * concept as usize + usize::from(number == Number::Plural)];
        out.push_str(&self.text[start as usize..end as usize]);
    }
}

/// Whether a language that reverses `reversed` reverses a rule with this switch.
pub(crate) fn is_reversed(grammar: &Grammar, order: Option<u8>, reversed: &[String]) -> bool {
    order.is_some_and(|order| reversed.contains(&grammar.orders[usize::from(order)]))
}
