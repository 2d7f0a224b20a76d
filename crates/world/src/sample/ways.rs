//! Ways to make a category: its rules, each followed down through rules of one meaningful constituent.
//!
//! `NounPhrase → lone → definite → plain → bare → Noun` is one way, drawn at once with the product of its rules'
//! shares, instead of four rules drawn one after another.

use rand::{Rng, RngExt};

use crate::derivation::{Node, Numbers};
use crate::grammar::{Action, Grammar, Number, NumberTerm, Rule, Symbol, WordClass};

/// Ways of a category that are told apart; with more, its rules are drawn one by one.
const MAX_WAYS: usize = 64;
/// Entries of the table that a draw starts from.
const GUIDES: usize = 64;

/// A constituent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub symbol: Symbol,
    pub number: NumberTerm,
}

/// Two constituents that an action names, and whether the first named stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub named: [Slot; 2],
    pub in_order: bool,
}

impl Pair {
    /// The two as they stand in the rule.
    #[inline]
    pub fn as_told(&self) -> [Slot; 2] {
        let [a, b] = self.named;
        if self.in_order { [a, b] } else { [b, a] }
    }
}

/// What the last rule of a way does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Whatever its constituent does.
    Same(Slot),
    /// Two statements.
    Both(Pair),
    /// An entity and a property true of it.
    Assert(Pair),
    /// As `Assert`, as an entity.
    Restrict(Pair),
    /// Two entities.
    Join(Pair),
    /// Two properties.
    All(Pair),
    /// A relation to an entity.
    Relate {
        class: WordClass,
        pair: Pair,
        /// False for a denial.
        positive: bool,
        /// Whether the entity is the subject.
        inverse: bool,
    },
}

/// One way: rules from the category downwards.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    /// A node for each rule.
    pub nodes: Vec<Node>,
    /// Numbers of the last rule, as far as the category's number decides them.
    numbers: Numbers,
    /// Bits of the last rule's other number variables.
    free: u16,
    /// What the last rule does.
    pub act: Act,
    /// Whether a rule on the way negates.
    pub negates: bool,
    /// Probability among the ways of the category in its number.
    share: f64,
}

impl Way {
    /// Whether the number is one of those of the last rule that are drawn.
    pub fn is_free(&self, number: NumberTerm) -> bool {
        matches!(number, NumberTerm::Variable(variable) if self.free >> variable & 1 == 1)
    }

    /// Numbers of the last rule; free ones are singular or plural evenly.
    pub fn numbers<R: Rng>(&self, rng: &mut R) -> Numbers {
        if self.free == 0 {
            self.numbers
        } else {
            self.numbers
                .with_plural(rng.random::<u32>() as u16 & self.free)
        }
    }
}

/// All ways to make a category in one number.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// Number of the first among the ways of all categories.
    pub first: usize,
    list: Vec<Way>,
    /// Where each way's part of the 32-bit draws ends; the last part ends with them.
    ends: Vec<u32>,
    /// For each of [`GUIDES`] equal parts of the draws, the way that its start falls on.
    guides: [u8; GUIDES],
}

impl Ways {
    /// The ways of a category in a number; `first`: how many ways there are of categories before it.
    pub fn new(grammar: &Grammar, category: u16, number: Number, first: usize) -> Ways {
        let mut list = expand(grammar, category, number, &mut vec![category]);
        let whole: f64 = list.iter().map(|way| way.share).sum();
        list.iter_mut().for_each(|way| way.share /= whole);
        let mut sum = 0.0;
        let ends: Vec<u32> = list
            .iter()
            .map(|way| {
                sum += way.share;
                (sum * f64::from(u32::MAX)) as u32
            })
            .collect();
        let of = |draw: u32| ends.iter().filter(|&&end| end <= draw).count();
        let guides = std::array::from_fn(|guide| {
            of((guide as u32) << 26).min(list.len().saturating_sub(1)) as u8
        });
        Ways {
            first,
            list,
            ends,
            guides,
        }
    }

    /// All ways, in order.
    pub fn all(&self) -> &[Way] {
        &self.list
    }

    /// A way by its number.
    #[inline]
    pub fn way(&self, index: usize) -> &Way {
        &self.list[index]
    }

    /// Draws a way by its share; `None` where there is none. A single way draws nothing.
    #[inline]
    pub fn draw<R: Rng>(&self, rng: &mut R) -> Option<usize> {
        let last = self.list.len().checked_sub(1)?;
        if last == 0 {
            return Some(0);
        }
        let draw = rng.next_u32();
        let mut way = usize::from(self.guides[(draw >> 26) as usize]);
        while way < last && self.ends[way] <= draw {
            way += 1;
        }
        Some(way)
    }

    /// Draws another way than those whose bits are set in `tried`; `None` where none is left.
    #[cold]
    pub fn draw_again<R: Rng>(&self, rng: &mut R, tried: u64) -> Option<usize> {
        let untried = || (0..self.list.len()).filter(|way| tried >> way & 1 == 0);
        // At least 1, so that a way of next to no share has its turn in the end.
        let width = |way: usize| {
            let start = if way == 0 { 0 } else { self.ends[way - 1] };
            u64::from(self.ends[way] - start).max(1)
        };
        let total: u64 = untried().map(width).sum();
        if total == 0 {
            return None;
        }
        let mut draw = rng.random_range(0..total);
        untried().find(|&way| match draw.checked_sub(width(way)) {
            Some(rest) => {
                draw = rest;
                false
            }
            None => true,
        })
    }
}

/// The ways of a category; `above`: it and the categories that led to it.
fn expand(grammar: &Grammar, category: u16, number: Number, above: &mut Vec<u16>) -> Vec<Way> {
    let fits =
        |rule: &&Rule| !matches!(rule.result.number, NumberTerm::Fixed(fixed) if fixed != number);
    let rules: Vec<(usize, &Rule)> = grammar
        .rules_of(category)
        .map(|index| (index, &grammar.rules[index]))
        .filter(|(_, rule)| fits(rule))
        .collect();
    let total: f64 = rules.iter().map(|(_, rule)| f64::from(rule.weight)).sum();
    let alone = |&(index, rule): &(usize, &Rule)| Way {
        share: f64::from(rule.weight) / total,
        ..single(index, rule, number)
    };
    let mut ways = Vec::new();
    for rule in &rules {
        let way = alone(rule);
        let next = match way.act {
            Act::Same(Slot {
                symbol: Symbol::Category(next),
                number,
            }) if way.free == 0 && !above.contains(&next) => Some((next, way.numbers.of(number))),
            _ => None,
        };
        let Some((next, number)) = next else {
            ways.push(way);
            continue;
        };
        above.push(next);
        let below = expand(grammar, next, number, above);
        above.pop();
        // Nothing is denied twice.
        let below = below
            .into_iter()
            .filter(|below| !(way.negates && below.negates));
        ways.extend(below.map(|below| Way {
            nodes: [way.nodes.as_slice(), &below.nodes].concat(),
            negates: way.negates || below.negates,
            share: way.share * below.share,
            ..below
        }));
    }
    if ways.len() > MAX_WAYS {
        return rules.iter().map(alone).collect();
    }
    ways
}

/// The way of one rule.
fn single(index: usize, rule: &Rule, number: Number) -> Way {
    let bound = u8::from(rule.result.number == NumberTerm::Variable(0));
    let numbers = if bound == 1 {
        Numbers::default().with(0, number)
    } else {
        Numbers::default()
    };
    let slot = |index: u8| {
        let term = &rule.constituents[usize::from(index)];
        Slot {
            symbol: term.symbol,
            number: term.number,
        }
    };
    let pair = |a: u8, b: u8| Pair {
        named: [slot(a), slot(b)],
        in_order: a < b,
    };
    let relate = |word: u8, entity: u8, positive, inverse| match slot(word).symbol {
        Symbol::Word(class) => Act::Relate {
            class,
            pair: pair(word, entity),
            positive,
            inverse,
        },
        // The grammar's check lets only words stand here.
        _ => Act::Same(slot(word)),
    };
    Way {
        nodes: vec![Node::rule(index, numbers)],
        numbers,
        free: (bound..rule.n_numbers).fold(0, |free, variable| free | 1 << variable),
        act: match rule.meaning {
            Action::Same(a) | Action::Negate(a) => Act::Same(slot(a)),
            Action::Both(a, b) => Act::Both(pair(a, b)),
            Action::Assert(entity, property) => Act::Assert(pair(entity, property)),
            Action::Restrict(entity, property) => Act::Restrict(pair(entity, property)),
            Action::Join(a, b) => Act::Join(pair(a, b)),
            Action::All(a, b) => Act::All(pair(a, b)),
            Action::Relate(word, entity) => relate(word, entity, true, false),
            Action::Deny(word, entity) => relate(word, entity, false, false),
            Action::Inverse(word, entity) => relate(word, entity, true, true),
        },
        negates: matches!(rule.meaning, Action::Negate(_)),
        share: 1.0,
    }
}

#[cfg(test)]
mod tests {
    use seed::Seed;

    use super::*;
    use crate::derivation::Label;

    const CORE: &str = include_str!("../../../../data/grammars/core.grammar");

    fn ways(name: &str, number: Number) -> (Grammar, Ways) {
        let grammar = Grammar::parse(CORE).unwrap();
        let category = grammar
            .categories
            .iter()
            .position(|category| category.name == name)
            .unwrap();
        let ways = Ways::new(&grammar, category as u16, number, 0);
        (grammar, ways)
    }

    /// The rules of each way with its share.
    fn told(name: &str, number: Number) -> Vec<(String, f64)> {
        let (grammar, ways) = ways(name, number);
        let rule = |node: &Node| match node.label() {
            Label::Rule(rule) => grammar.rules[rule].name.clone(),
            Label::Word(_) => unreachable!("ways are made of rules"),
        };
        let told = |way: &Way| {
            let rules: Vec<String> = way.nodes.iter().map(rule).collect();
            (rules.join(" "), way.share)
        };
        ways.list.iter().map(told).collect()
    }

    /// Weights of the core grammar: lone 9, together 1 (plural only); plain 6, relative 1; bare 3, attributive 2.
    #[test]
    fn shares_are_products_of_weights() {
        let check = |number, expected: &[(&str, f64)]| {
            let found = told("NounPhrase", number);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((rules, share), (expected, expected_share)) in found.iter().zip(expected) {
                assert_eq!(rules, expected);
                assert!((share - expected_share).abs() < 1e-12, "{rules}: {share}");
            }
        };
        check(
            Number::Singular,
            &[
                ("lone definite plain bare", 6.0 / 7.0 * 3.0 / 5.0),
                ("lone definite plain attributive", 6.0 / 7.0 * 2.0 / 5.0),
                ("lone definite relative", 1.0 / 7.0),
            ],
        );
        check(
            Number::Plural,
            &[
                ("lone definite plain bare", 0.9 * 6.0 / 7.0 * 3.0 / 5.0),
                (
                    "lone definite plain attributive",
                    0.9 * 6.0 / 7.0 * 2.0 / 5.0,
                ),
                ("lone definite relative", 0.9 / 7.0),
                ("together", 0.1),
            ],
        );
        // copular 21, not-copular 3, transitive 21, not-transitive 3, locative 7, not-locative 1: of 56.
        let simple = told("Simple", Number::Plural);
        assert_eq!(simple.len(), 6);
        assert_eq!(simple[5].0, "not-locative place");
        assert!((simple[5].1 - 1.0 / 56.0).abs() < 1e-12);
    }

    /// Every way is drawn as often as its share says, first and again after another has failed.
    #[test]
    fn draws_follow_the_shares() {
        let (_, ways) = ways("Predicate", Number::Singular);
        let n = 200_000;
        let mut rng = Seed(1).stream("test");
        let mut first = vec![0_u32; ways.list.len()];
        let mut second = vec![0_u32; ways.list.len()];
        for _ in 0..n {
            first[ways.draw(&mut rng).unwrap()] += 1;
            second[ways.draw_again(&mut rng, 0b1).unwrap()] += 1;
        }
        let near = |count: u32, share: f64| {
            // Five standard deviations of a binomial count.
            let expected = f64::from(n) * share;
            (f64::from(count) - expected).abs() <= 5.0 * (expected * (1.0 - share)).sqrt() + 1.0
        };
        for (way, (&first, &second)) in ways.list.iter().zip(first.iter().zip(&second)) {
            assert!(near(first, way.share), "{first} of {n} for {}", way.share);
            let rest = way.share / (1.0 - ways.list[0].share);
            if way != &ways.list[0] {
                assert!(near(second, rest), "{second} of {n} for {rest}");
            }
        }
        assert_eq!(second[0], 0);
        assert_eq!(ways.draw_again(&mut rng, u64::MAX), None);
    }

    /// `NP = foo NP` and the like end the way instead of going round for ever.
    #[test]
    fn ways_do_not_go_round() {
        let source = "function the very\nstatement S\nentity N[number type]\nproperty P[type]\nstart S\n\
                      rule s 1 S = N[n t] P[t] : assert 1 2\n\
                      rule n 1 N[n t] = the Noun[n t] : 2\n\
                      rule p 3 P[t] = Adjective[t] : 1\n\
                      rule v 1 P[t] = very P[t] : 2\n";
        let grammar = Grammar::parse(source).unwrap();
        let ways = Ways::new(&grammar, 2, Number::Singular, 0);
        assert_eq!(ways.list.len(), 2);
        assert!((ways.list[1].share - 0.25).abs() < 1e-12);
        assert_eq!(
            ways.list[1].act,
            Act::Same(Slot {
                symbol: Symbol::Category(2),
                number: NumberTerm::None
            })
        );
    }
}
