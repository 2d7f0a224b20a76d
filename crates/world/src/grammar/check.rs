//! Whether a grammar can be sampled, told and understood: meanings fit their constituents, types are
//! bound consistently, every category is made, used and ends in words.

use super::{Action, Denotation, Grammar, GrammarError, NumberTerm, Rule, Symbol, Term, WordClass};

/// Refuses the first inconsistency, naming the rule's line.
pub(super) fn check(grammar: &Grammar) -> Result<(), GrammarError> {
    if grammar.categories[usize::from(grammar.start)].denotes != Denotation::Statement {
        let name = &grammar.categories[usize::from(grammar.start)].name;
        return Err(GrammarError::new(
            1,
            format!("start category {name} must be a statement"),
        ));
    }
    for rule in &grammar.rules {
        meaning_fits(grammar, rule)?;
        types_agree(grammar, rule)?;
        if !matches!(rule.result.symbol, Symbol::Category(_)) {
            return Err(fail(grammar, rule, "makes a word; expected a category"));
        }
    }
    let n_symbols = crate::recognise::n_symbols_at_most(grammar);
    if n_symbols > 128 {
        let problem = format!("expected at most 128 symbols with their numbers, found {n_symbols}");
        return Err(GrammarError::new(1, problem));
    }
    every_category_is_made(grammar)?;
    every_category_ends_in_words(grammar)?;
    no_category_is_itself(grammar)
}

fn fail(grammar: &Grammar, rule: &Rule, problem: &str) -> GrammarError {
    let result = grammar.symbol_name(rule.result.symbol);
    GrammarError::new(
        rule.line,
        format!("rule {} ({result}): {problem}", rule.name),
    )
}

/// The constituents that a meaning speaks of.
fn used(action: Action) -> Vec<u8> {
    match action {
        Action::Same(a) | Action::Negate(a) => vec![a],
        Action::Both(a, b)
        | Action::Assert(a, b)
        | Action::Restrict(a, b)
        | Action::Join(a, b)
        | Action::Relate(a, b)
        | Action::Deny(a, b)
        | Action::Inverse(a, b)
        | Action::All(a, b) => vec![a, b],
    }
}

fn meaning_fits(grammar: &Grammar, rule: &Rule) -> Result<(), GrammarError> {
    use Denotation::{Entity, Property, Statement};
    let denotes = |index: u8| grammar.denotation(rule.constituents[usize::from(index)].symbol);
    let relation = |index: u8| {
        matches!(
            rule.constituents[usize::from(index)].symbol,
            Symbol::Word(WordClass::Verb | WordClass::Adposition)
        )
    };
    let result = grammar.denotation(rule.result.symbol);
    let fits = match rule.meaning {
        Action::Same(a) => denotes(a).is_some() && denotes(a) == result,
        Action::Both(a, b) => [denotes(a), denotes(b), result] == [Some(Statement); 3],
        Action::Assert(e, p) => {
            (denotes(e), denotes(p), result) == (Some(Entity), Some(Property), Some(Statement))
        }
        Action::Restrict(e, p) => {
            (denotes(e), denotes(p), result) == (Some(Entity), Some(Property), Some(Entity))
        }
        Action::Join(a, b) => [denotes(a), denotes(b), result] == [Some(Entity); 3],
        Action::Relate(w, e) | Action::Deny(w, e) | Action::Inverse(w, e) => {
            relation(w) && (denotes(e), result) == (Some(Entity), Some(Property))
        }
        Action::Negate(p) => [denotes(p), result] == [Some(Property); 2],
        Action::All(a, b) => [denotes(a), denotes(b), result] == [Some(Property); 3],
    };
    if !fits {
        return Err(fail(
            grammar,
            rule,
            "the meaning does not fit what its constituents denote",
        ));
    }
    let mut used = used(rule.meaning);
    used.sort_unstable();
    let meaningful: Vec<u8> = (0..rule.constituents.len() as u8)
        .filter(|&index| {
            !matches!(
                rule.constituents[usize::from(index)].symbol,
                Symbol::Function(_)
            )
        })
        .collect();
    if used != meaningful {
        return Err(fail(
            grammar,
            rule,
            "the meaning must use every constituent but function words once",
        ));
    }
    Ok(())
}

fn types_agree(grammar: &Grammar, rule: &Rule) -> Result<(), GrammarError> {
    let term = |index: u8| &rule.constituents[usize::from(index)];
    let result = &rule.result;
    let same = |a: &Term, b: &Term| a.types == b.types;
    let agrees = match rule.meaning {
        Action::Same(a) | Action::Negate(a) => same(term(a), result),
        Action::Both(..) => true,
        Action::Assert(e, p) => same(term(e), term(p)) && term(e).types.len() == 1,
        Action::Restrict(a, b) | Action::Join(a, b) | Action::All(a, b) => {
            same(term(a), term(b)) && same(term(a), result)
        }
        Action::Relate(w, e) | Action::Deny(w, e) => {
            result.types == term(w).types[..1] && term(e).types == term(w).types[1..]
        }
        Action::Inverse(w, e) => {
            result.types == term(w).types[1..] && term(e).types == term(w).types[..1]
        }
    };
    if !agrees {
        return Err(fail(
            grammar,
            rule,
            "type variables do not agree with the meaning",
        ));
    }
    // A joined entity is plural; anything else would make agreement depend on a choice of conjunct.
    if matches!(rule.meaning, Action::Join(..))
        && result.number != NumberTerm::Fixed(super::Number::Plural)
        && result.number != NumberTerm::None
    {
        return Err(fail(grammar, rule, "joined entities must be plural"));
    }
    Ok(())
}

fn every_category_is_made(grammar: &Grammar) -> Result<(), GrammarError> {
    for (index, category) in grammar.categories.iter().enumerate() {
        let symbol = Symbol::Category(index as u16);
        let n_rules = grammar.rules_of(index as u16).count();
        if n_rules > 64 {
            let problem = format!(
                "expected at most 64 rules for category {}, found {n_rules}",
                category.name
            );
            return Err(GrammarError::new(1, problem));
        }
        if n_rules == 0 {
            return Err(GrammarError::new(
                1,
                format!("no rule makes category {}", category.name),
            ));
        }
        let is_used = index == usize::from(grammar.start)
            || grammar
                .rules
                .iter()
                .any(|rule| rule.constituents.iter().any(|term| term.symbol == symbol));
        if !is_used {
            return Err(GrammarError::new(
                1,
                format!("no rule uses category {}", category.name),
            ));
        }
    }
    Ok(())
}

fn every_category_ends_in_words(grammar: &Grammar) -> Result<(), GrammarError> {
    let mut ends = vec![false; grammar.categories.len()];
    loop {
        let before = ends.clone();
        for rule in &grammar.rules {
            let all = rule.constituents.iter().all(|term| match term.symbol {
                Symbol::Category(index) => ends[usize::from(index)],
                _ => true,
            });
            if let (true, Symbol::Category(index)) = (all, rule.result.symbol) {
                ends[usize::from(index)] = true;
            }
        }
        if ends == before {
            break;
        }
    }
    match ends.iter().position(|&end| !end) {
        Some(index) => Err(GrammarError::new(
            1,
            format!(
                "category {} never ends in words",
                grammar.categories[index].name
            ),
        )),
        None => Ok(()),
    }
}

/// A chain of one-constituent rules from a category to itself would give every sentence infinitely many
/// derivations.
fn no_category_is_itself(grammar: &Grammar) -> Result<(), GrammarError> {
    for first in 0..grammar.categories.len() as u16 {
        let mut reached = vec![first];
        let mut next = 0;
        while next < reached.len() {
            for rule in grammar
                .rules_of(reached[next])
                .map(|index| &grammar.rules[index])
            {
                if let [
                    Term {
                        symbol: Symbol::Category(to),
                        ..
                    },
                ] = rule.constituents.as_slice()
                {
                    if *to == first {
                        return Err(fail(
                            grammar,
                            rule,
                            "one-constituent rules make a category from itself",
                        ));
                    }
                    if !reached.contains(to) {
                        reached.push(*to);
                    }
                }
            }
            next += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::grammar::Grammar;

    const CORE: &str = include_str!("../../../../data/grammars/core.grammar");

    #[test]
    fn the_core_grammar_is_accepted() {
        let grammar = Grammar::parse(CORE).unwrap();
        assert_eq!(grammar.orders.len(), 8);
        assert_eq!(
            grammar.symbol_name(super::Symbol::Category(grammar.start)),
            "Sentence"
        );
    }

    /// Each spoilt grammar is refused with the line of the spoilt rule.
    #[test]
    fn errors_name_their_line() {
        let small = "function the\nstatement S\nentity N[number type]\nproperty P[type]\nstart S\n\
                     rule s 1 S = N[n t] P[t] : assert 1 2\n\
                     rule n 1 N[n t] = the Noun[n t] : 2\n\
                     rule p 1 P[t] = Adjective[t] : 1\n";
        assert!(Grammar::parse(small).is_ok());
        let check = |from: &str, to: &str, line: usize, word: &str| {
            assert!(small.contains(from), "{from}");
            let error = Grammar::parse(&small.replace(from, to)).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.to_string().contains(word), "{error}");
        };
        check("rule s 1", "rule s zero", 6, "weight");
        check("assert 1 2", "assert 2 1", 6, "denote");
        check("P[t] : assert", "P[u] : assert", 6, "type variables");
        check("the Noun[n t] : 2", "the Noun[n t] : 1", 7, "denote");
        check("the Noun[n t]", "a Noun[n t]", 7, "not declared");
        check("Adjective[t]", "Adjective[n t]", 8, "takes 1 arguments");
        check("Adjective[t]", "Adjective[t", 8, "not closed");
        check("rule p", "rule n", 8, "already on line 7");
        check("start S", "start N", 1, "statement");
        check("start S", "begin S", 5, "expected function");
        check("= Adjective[t] : 1", "= P[t] : 1", 1, "never ends in words");
        check("assert 1 2", "assert 1 9", 6, "from 1 to 2");
    }
}
