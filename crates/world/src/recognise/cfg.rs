//! The context-free grammar of one language: symbols are categories and word classes with their number,
//! rules are binary or chains of one constituent.

use crate::concept::Concept;
use crate::derivation::Numbers;
use crate::grammar::{Grammar, Number, NumberTerm, Symbol, WordClass};
use crate::linearize::{is_reversed, running_form};
use crate::world::{Side, World};

/// Index of a symbol; at most 128, so that a chart cell is one `u128`.
pub(super) type SymbolId = u8;

/// A way to make a symbol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Production {
    /// The rule and its numbers; `None` for the helper symbol of a rule of three constituents.
    pub rule: Option<(usize, Numbers)>,
    /// What it is made of, in this language's order.
    pub right: Right,
    /// Whether that order is the reverse of the grammar's.
    pub reversed: bool,
}

/// The right-hand side of a production.
#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    One(SymbolId),
    Two(SymbolId, SymbolId),
}

/// The grammar as tables.
pub(super) struct Cfg {
    symbols: Vec<(Key, Number)>,
    /// Productions by left-hand symbol.
    pub productions: Vec<Vec<Production>>,
    /// For each symbol, itself and what it becomes by chains of one-constituent rules.
    closures: Vec<u128>,
    /// At `left · n + right`: the symbols that the two make, closed.
    pairs: Vec<u128>,
    /// For each left symbol, the right symbols with a non-empty pair.
    pub rights: Vec<u128>,
    /// The start category.
    pub start: SymbolId,
    /// For each symbol, whether it is an open-class word; those have nodes.
    pub open_word: Vec<bool>,
    /// How many symbols.
    n: usize,
}

/// What a symbol stands for, but for its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Symbol(Symbol),
    /// The last two constituents, in this language's order, of a rule of three.
    Rest(usize, Numbers),
}

impl Cfg {
    /// Expands the grammar for a language that reverses the named switches.
    pub fn new(grammar: &Grammar, reversed: &[String]) -> Cfg {
        let mut cfg = Cfg {
            symbols: Vec::new(),
            productions: Vec::new(),
            closures: Vec::new(),
            pairs: Vec::new(),
            rights: Vec::new(),
            start: 0,
            open_word: Vec::new(),
            n: 0,
        };
        cfg.start = cfg.symbol(
            Key::Symbol(Symbol::Category(grammar.start)),
            Number::Singular,
        );
        for (index, rule) in grammar.rules.iter().enumerate() {
            let reversed = is_reversed(grammar, rule.order, reversed);
            for bits in 0..1_u16 << rule.n_numbers {
                let numbers = (0..rule.n_numbers).fold(Numbers::default(), |numbers, variable| {
                    numbers.with(
                        variable,
                        if bits >> variable & 1 == 1 {
                            Number::Plural
                        } else {
                            Number::Singular
                        },
                    )
                });
                let left = cfg.term(rule.result.symbol, numbers, rule.result.number);
                let mut right: Vec<SymbolId> = rule
                    .constituents
                    .iter()
                    .map(|term| cfg.term(term.symbol, numbers, term.number))
                    .collect();
                if reversed {
                    right.reverse();
                }
                let right = match *right.as_slice() {
                    [one] => Right::One(one),
                    [first, second] => Right::Two(first, second),
                    [first, second, third] => {
                        let rest = cfg.symbol(Key::Rest(index, numbers), Number::Singular);
                        cfg.productions[usize::from(rest)].push(Production {
                            rule: None,
                            right: Right::Two(second, third),
                            reversed,
                        });
                        Right::Two(first, rest)
                    }
                    // The reader allows one to three constituents.
                    _ => continue,
                };
                cfg.productions[usize::from(left)].push(Production {
                    rule: Some((index, numbers)),
                    right,
                    reversed,
                });
            }
        }
        cfg.close();
        cfg
    }

    fn term(&mut self, symbol: Symbol, numbers: Numbers, number: NumberTerm) -> SymbolId {
        self.symbol(Key::Symbol(symbol), numbers.of(number))
    }

    fn symbol(&mut self, key: Key, number: Number) -> SymbolId {
        if let Some(index) = self
            .symbols
            .iter()
            .position(|&known| known == (key, number))
        {
            return index as SymbolId;
        }
        self.symbols.push((key, number));
        self.productions.push(Vec::new());
        let open = matches!(key, Key::Symbol(Symbol::Word(_)));
        self.open_word.push(open);
        assert!(
            self.symbols.len() <= 128,
            "grammars are checked to expand to at most 128 symbols"
        );
        (self.symbols.len() - 1) as SymbolId
    }

    fn close(&mut self) {
        let n = self.symbols.len();
        self.n = n;
        self.closures = (0..n).map(|symbol| 1_u128 << symbol).collect();
        // Chains are acyclic and short: as many rounds as symbols always suffice.
        for _ in 0..n {
            for left in 0..n {
                for production in &self.productions[left] {
                    if let Right::One(right) = production.right {
                        for below in 0..n {
                            if self.closures[below] >> right & 1 == 1 {
                                self.closures[below] |= 1 << left;
                            }
                        }
                    }
                }
            }
        }
        self.pairs = vec![0; n * n];
        self.rights = vec![0; n];
        for left in 0..n {
            for production in &self.productions[left] {
                if let Right::Two(first, second) = production.right {
                    self.pairs[usize::from(first) * n + usize::from(second)] |= self.closures[left];
                    self.rights[usize::from(first)] |= 1 << second;
                }
            }
        }
    }

    /// The symbols that two adjacent ones make.
    pub fn pair(&self, left: u32, right: u32) -> u128 {
        self.pairs[left as usize * self.n + right as usize]
    }

    /// A symbol and what it becomes by itself.
    pub fn closure(&self, symbol: SymbolId) -> u128 {
        self.closures[usize::from(symbol)]
    }

    /// The number of a symbol.
    pub fn number(&self, symbol: SymbolId) -> Number {
        self.symbols[usize::from(symbol)].1
    }

    /// Every (symbol, concept, form) of a language.
    pub fn words<'a>(&self, world: &'a World, side: Side) -> Vec<(SymbolId, u32, &'a str)> {
        let lexicon = world.lexicon(side);
        let mut words = Vec::new();
        for (index, &(key, number)) in self.symbols.iter().enumerate() {
            let Key::Symbol(symbol) = key else { continue };
            for id in 0..world.concepts.len() {
                let fits = match (symbol, world.concepts.concept(id)) {
                    (Symbol::Function(wanted), Some(Concept::Function(function))) => {
                        wanted == function
                    }
                    (Symbol::Word(WordClass::Noun), Some(Concept::Noun(_))) => true,
                    (Symbol::Word(WordClass::Adjective), Some(Concept::Value(_))) => true,
                    (
                        Symbol::Word(class @ (WordClass::Verb | WordClass::Adposition)),
                        Some(Concept::Relation(relation)),
                    ) => world.class_of(relation) == class,
                    _ => false,
                };
                if let (true, Some(form)) = (fits, running_form(lexicon, id, number)) {
                    words.push((index as SymbolId, id, form));
                }
            }
        }
        words
    }
}

/// How many symbols each line of a grammar adds at most, for [`super::super::grammar`]'s limit of 128: (line, symbols), the
/// word classes' on line 0.
pub(crate) fn symbols_by_line(grammar: &Grammar) -> Vec<(usize, usize)> {
    let n_numbers = Number::ALL.len();
    let words = (0, n_numbers * WordClass::ALL.len());
    let functions = grammar.functions.iter().map(|word| (word.line, n_numbers));
    let categories = grammar
        .categories
        .iter()
        .map(|category| (category.line, n_numbers));
    let rests = grammar
        .rules
        .iter()
        .filter(|rule| rule.constituents.len() == 3)
        .map(|rule| (rule.line, 1 << rule.n_numbers));
    [words]
        .into_iter()
        .chain(functions)
        .chain(categories)
        .chain(rests)
        .collect()
}
