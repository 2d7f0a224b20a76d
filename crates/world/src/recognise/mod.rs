//! Recognising: from words back to derivations, for text that the lab told and for text that a model made.
//!
//! [`mod@cfg`] turns the typed grammar and a language's order into a context-free grammar over word classes
//! with number; [`chart`] fills a CKY chart of bit masks. Types play no part in parsing: a sentence that
//! breaks them is still grammatical, and its [`Verdict`] counts what it breaks.

mod cfg;
mod chart;

use rustc_hash::FxHashMap;

use crate::derivation::Node;
use crate::meaning::{Meaning, meaning};
use crate::world::{Side, World};
use cfg::Cfg;
pub(crate) use cfg::symbols_by_line;
use chart::Chart;

/// Longest sentence that is parsed, in words; a longer one counts as ungrammatical.
pub const MAX_WORDS: usize = 200;

/// What the recogniser says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whether every sentence parses and ends with its full stop (and there is one).
    pub grammatical: bool,
    /// Type constraints that hold, over all sentences that parse.
    pub types_satisfied: u32,
    /// Type constraints that do not.
    pub types_broken: u32,
}

/// Parses sentences of one language.
pub struct Recogniser<'a> {
    world: &'a World,
    cfg: Cfg,
    words: FxHashMap<&'a str, Word>,
}

/// What a form can be.
#[derive(Debug, Clone, Copy)]
struct Word {
    concept: u32,
    /// Symbols of the word in the context-free grammar, closed under one-constituent rules.
    symbols: u128,
}

impl<'a> Recogniser<'a> {
    /// A recogniser of one of the world's languages.
    pub fn new(world: &'a World, side: Side) -> Recogniser<'a> {
        let cfg = Cfg::new(&world.grammar, world.reversed(side));
        let mut words: FxHashMap<&str, Word> = FxHashMap::default();
        for (symbol, concept, form) in cfg.words(world, side) {
            let word = words.entry(form).or_insert(Word {
                concept,
                symbols: 0,
            });
            word.symbols |= cfg.closure(symbol);
        }
        Recogniser { world, cfg, words }
    }

    /// The concept that a form expresses.
    pub fn concept(&self, form: &str) -> Option<u32> {
        self.words.get(form).map(|word| word.concept)
    }

    /// Judges one or more sentences: words separated by spaces, each sentence ended by `.`.
    pub fn judge(&self, text: &str) -> Verdict {
        let mut verdict = Verdict {
            grammatical: true,
            ..Verdict::default()
        };
        let mut any = false;
        for sentence in sentences(text) {
            any = true;
            match sentence.and_then(|sentence| self.parse(sentence)) {
                Some(nodes) => {
                    let meaning = self.meaning(&nodes);
                    verdict.types_satisfied += meaning.types_satisfied;
                    verdict.types_broken += meaning.types_broken;
                }
                None => verdict.grammatical = false,
            }
        }
        verdict.grammatical &= any;
        verdict
    }

    /// The first derivation of a sentence given without its full stop; `None` if it is ungrammatical.
    pub fn parse(&self, sentence: &str) -> Option<Vec<Node>> {
        self.parses(sentence, 1).pop()
    }

    /// Up to `limit` derivations of a sentence given without its full stop.
    pub fn parses(&self, sentence: &str, limit: usize) -> Vec<Vec<Node>> {
        let mut concepts = Vec::new();
        let mut symbols = Vec::new();
        for form in sentence.split(' ') {
            let Some(word) = self.words.get(form) else {
                return Vec::new();
            };
            if concepts.len() == MAX_WORDS {
                return Vec::new();
            }
            concepts.push(word.concept);
            symbols.push(word.symbols);
        }
        Chart::fill(&self.cfg, &symbols).derivations(&concepts, limit)
    }

    /// What a derivation means in this world.
    pub fn meaning(&self, nodes: &[Node]) -> Meaning {
        meaning(
            nodes,
            &self.world.grammar,
            &self.world.ontology,
            &self.world.concepts,
        )
    }
}

/// Cuts a text at the words `.`; a sentence without its full stop is `None`.
pub fn sentences(text: &str) -> impl Iterator<Item = Option<&str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match rest.find(" .") {
            Some(end) if rest[end + 2..].is_empty() || rest[end + 2..].starts_with(' ') => {
                let sentence = &rest[..end];
                rest = rest[end + 2..].strip_prefix(' ').unwrap_or_default();
                Some(Some(sentence))
            }
            _ => {
                rest = "";
                Some(None)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::sentences;

    #[test]
    fn text_is_cut_at_full_stops() {
        let check = |text: &str, expected: &[Option<&str>]| {
            assert_eq!(sentences(text).collect::<Vec<_>>(), expected, "{text}");
        };
        check("a b . c .", &[Some("a b"), Some("c")]);
        check("a b", &[None]);
        check("a . b", &[Some("a"), None]);
        check(".", &[None]);
        check("", &[]);
        check("a .b", &[None]);
    }
}
