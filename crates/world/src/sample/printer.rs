//! Printing very many drafts as derivations.

use super::Sampler;
use super::draft::{Draft, Label};
use super::ways::Ways;
use crate::concept::Concept;
use crate::derivation;
use crate::grammar::Grammar;
use crate::pieces::{self, Pieces, Text};

/// Prints the drafts of one sampler as [`derivation::to_string`] does.
#[derive(Debug, Clone)]
pub struct Printer {
    /// By way, what its rules open; then by concept, its label in the singular and in the plural. Each begins with a
    /// space where it is not empty.
    openings: Pieces,
    /// For each of these, how many brackets close where its subtree ends.
    n_closing: Vec<u8>,
    n_ways: usize,
    /// Bytes that a step can take.
    longest: usize,
}

impl Printer {
    /// Labels of a sampler's ways and of the words.
    pub fn new(sampler: &Sampler, grammar: &Grammar) -> Printer {
        let ways = sampler.ways.iter().flat_map(Ways::all).map(|way| {
            let rules = way.nodes.iter().filter_map(|node| match node.label() {
                derivation::Label::Rule(rule) => Some(&grammar.rules[rule]),
                derivation::Label::Word(_) => None,
            });
            let shown = rules.filter(|rule| rule.constituents.len() > 1);
            let opened: Vec<String> = shown.map(|rule| format!(" ({}", rule.name)).collect();
            (opened.concat(), opened.len() as u8)
        });
        let concepts = &sampler.concepts;
        let words = (0..concepts.len()).flat_map(|id| match concepts.concept(id) {
            Some(concept) => {
                let label = concepts.label(concept, grammar);
                let mark = if matches!(concept, Concept::Noun(_)) {
                    ".pl"
                } else {
                    ""
                };
                [(format!(" {label}"), 0), (format!(" {label}{mark}"), 0)]
            }
            None => [(String::new(), 0), (String::new(), 0)],
        });
        let n_ways = ways.clone().count();
        let (openings, n_closing): (Vec<String>, Vec<u8>) = ways.chain(words).unzip();
        let bytes = openings.iter().zip(&n_closing);
        Printer {
            longest: bytes
                .map(|(opening, &n)| opening.len() + usize::from(n))
                .max()
                .unwrap_or(0),
            openings: openings.iter().collect(),
            n_closing,
            n_ways,
        }
    }

    /// Appends a space and the derivation to `out`. `ends` is scratch memory. One pass without a branch on what a step
    /// is, which a processor could not foresee.
    pub fn print(&self, draft: &Draft, ends: &mut Vec<u16>, out: &mut Text) {
        let steps = &draft.steps;
        // How many brackets close before each step.
        ends.clear();
        ends.resize(steps.len() + 1, 0);
        out.append(steps.len() * self.longest, |place| {
            let (bytes, mut at) = (place.bytes, place.at);
            for (index, step) in steps.iter().enumerate() {
                at = pieces::write_repeated(b')', ends[index], bytes, at);
                let opening = match step.label() {
                    Label::Way(way) => way,
                    Label::Word(word) => self.n_ways + word,
                };
                ends[index + step.length()] += u16::from(self.n_closing[opening]);
                at = self.openings.write(opening, bytes, at);
            }
            pieces::write_repeated(b')', ends[steps.len()], bytes, at)
        });
    }
}
