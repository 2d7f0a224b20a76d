//! Telling very many drafts in a language: what each way adds is laid out beforehand.

use super::Sampler;
use super::draft::{Draft, Label, Step};
use super::ways::{Way, Ways};
use crate::derivation::{self, Node};
use crate::grammar::{Number, NumberTerm};
use crate::linearize::{self, Linearizer};
use crate::pieces::{Pieces, Text};

/// A part of what a way is told by.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// This piece, or the next where the number is plural.
    Piece(u32, NumberTerm),
    /// The first or second constituent of the way's last rule that has a node.
    Child(u8),
}

/// Tells the drafts of one sampler in one language, as [`Linearizer::tell`] does.
#[derive(Debug, Clone)]
pub struct Teller {
    /// By way.
    ways: Vec<Vec<Part>>,
    /// By concept, its form in the singular and in the plural; then what the ways add.
    pieces: Pieces,
    /// Bytes that a step can take.
    longest: usize,
}

impl Teller {
    /// Lays out what a sampler's ways are told by.
    pub fn new(sampler: &Sampler, linearizer: &Linearizer) -> Teller {
        let mut pieces = linearizer.forms().to_vec();
        let mut longest = pieces.iter().map(String::len).max().unwrap_or(0);
        let mut ways = Vec::new();
        for way in sampler.ways.iter().flat_map(Ways::all) {
            let n_before = pieces.len();
            let mut parts = Vec::new();
            lay_out(way, &way.nodes, linearizer, &mut parts, &mut pieces);
            ways.push(parts);
            longest = longest.max(pieces[n_before..].iter().map(String::len).sum());
        }
        Teller {
            ways,
            pieces: pieces.iter().collect(),
            longest,
        }
    }

    /// Appends the sentence to `out`: words and the final full stop, separated by one space.
    pub fn tell(&self, draft: &Draft, out: &mut Text) {
        let room = draft.steps.len() * self.longest + 1;
        out.append(room, |place| {
            let at = self.tell_from(&draft.steps, 0, place.bytes, place.at);
            place.bytes[at] = b'.';
            at + 1
        });
    }

    /// Writes the subtree at `step` into `bytes` from `at` on and returns where it ends. A loop for what stands last in
    /// its way, so that it costs no call.
    fn tell_from(&self, steps: &[Step], mut step: usize, bytes: &mut [u8], mut at: usize) -> usize {
        loop {
            let way = match steps[step].label() {
                Label::Word(word) => return self.pieces.write(word, bytes, at),
                Label::Way(way) => way,
            };
            let child = |part: u8| match part {
                0 => step + 1,
                _ => step + 1 + steps[step + 1].length(),
            };
            let piece = |singular: u32, number| {
                let is_plural = steps[step].numbers.of(number) == Number::Plural;
                singular as usize + usize::from(is_plural)
            };
            let Some((last, first)) = self.ways[way].split_last() else {
                return at;
            };
            for part in first {
                at = match *part {
                    Part::Piece(own, number) => self.pieces.write(piece(own, number), bytes, at),
                    Part::Child(part) => self.tell_from(steps, child(part), bytes, at),
                };
            }
            match *last {
                Part::Piece(own, number) => {
                    return self.pieces.write(piece(own, number), bytes, at);
                }
                Part::Child(part) => step = child(part),
            }
        }
    }
}

/// Adds to `parts` and `pieces` what `rules`, the way's from some rule down, are told by. What always stands together
/// becomes one piece.
fn lay_out(
    way: &Way,
    rules: &[Node],
    linearizer: &Linearizer,
    parts: &mut Vec<Part>,
    pieces: &mut Vec<String>,
) {
    let Some((&node, below)) = rules.split_first() else {
        return;
    };
    let derivation::Label::Rule(rule) = node.label() else {
        return;
    };
    for part in linearizer.parts(rule) {
        match *part {
            linearize::Part::Child(_) if !below.is_empty() => {
                lay_out(way, below, linearizer, parts, pieces);
            }
            linearize::Part::Child(child) => parts.push(Part::Child(child)),
            linearize::Part::Function { concept, number }
                if below.is_empty() && way.is_free(number) =>
            {
                parts.push(Part::Piece(pieces.len() as u32, number));
                pieces
                    .extend(Number::ALL.map(|number| linearizer.form(concept, number).to_owned()));
            }
            linearize::Part::Function { concept, number } => {
                let form = linearizer.form(concept, node.numbers().of(number));
                match (parts.last(), pieces.last_mut()) {
                    (Some(Part::Piece(_, NumberTerm::None)), Some(piece)) => piece.push_str(form),
                    _ => {
                        parts.push(Part::Piece(pieces.len() as u32, NumberTerm::None));
                        pieces.push(form.to_owned());
                    }
                }
            }
        }
    }
}
