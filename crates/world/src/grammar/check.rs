//! Whether a grammar can be sampled, told and understood: meanings fit their constituents, types are
//! bound consistently, every category is made, used and ends in words.

use super::{Action, Denotation, Grammar, GrammarError, NumberTerm, Rule, Symbol, Term, WordClass};

/// Symbols that a chart cell of the recogniser has room for.
const MOST_SYMBOLS: usize = 128;
/// Rules of a category that the sampler tells apart.
const MOST_RULES: usize = 64;

/// Refuses the first inconsistency, naming the line of the rule or declaration that it concerns.
pub(super) fn check(grammar: &Grammar) -> Result<(), GrammarError> {
    for rule in &grammar.rules {
        meaning_fits(grammar, rule)?;
        types_agree(grammar, rule)?;
        if !matches!(rule.result.symbol, Symbol::Category(_)) {
            return Err(fail(grammar, rule, "makes a word; expected a category"));
        }
    }
    symbols_have_room(grammar)?;
    every_category_is_made(grammar)?;
    every_category_ends_in_words(grammar)?;
    no_category_is_itself(grammar)
}

/// Names the line with which the symbols become too many.
fn symbols_have_room(grammar: &Grammar) -> Result<(), GrammarError> {
    let mut by_line = crate::recognise::symbols_by_line(grammar);
    by_line.sort_unstable();
    let n_symbols: usize = by_line.iter().map(|&(_, n)| n).sum();
    let mut so_far = 0;
    let beyond = by_line.into_iter().find(|&(_, n)| {
        so_far += n;
        so_far > MOST_SYMBOLS
    });
    beyond.map_or(Ok(()), |(line, _)| {
        Err(GrammarError::new(
            line,
            format!(
                "expected at most {MOST_SYMBOLS} symbols with their numbers, found {n_symbols}"
            ),
        ))
    })
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
        let name = &category.name;
        let rules: Vec<usize> = grammar.rules_of(index as u16).collect();
        if let Some(&first_beyond) = rules.get(MOST_RULES) {
            let found = rules.len();
            return Err(GrammarError::new(
                grammar.rules[first_beyond].line,
                format!("expected at most {MOST_RULES} rules for category {name}, found {found}"),
            ));
        }
        if rules.is_empty() {
            return Err(GrammarError::new(
                category.line,
                format!("no rule makes category {name}"),
            ));
        }
        let is_used = index == usize::from(grammar.start)
            || grammar
                .rules
                .iter()
                .any(|rule| rule.constituents.iter().any(|term| term.symbol == symbol));
        if !is_used {
            return Err(GrammarError::new(
                category.line,
                format!("no rule uses category {name}"),
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
    // Whatever needs a category without an end has none itself; the cause is one that needs itself.
    let endless = |_: &Rule, to: u16| !ends[usize::from(to)];
    for category in (0..grammar.categories.len() as u16).filter(|&c| !ends[usize::from(c)]) {
        if let Some(rule) = way_back(grammar, category, endless) {
            let name = &grammar.categories[usize::from(category)].name;
            let problem = format!("category {name} never ends in words");
            return Err(fail(grammar, rule, &problem));
        }
    }
    Ok(())
}

/// A chain of one-constituent rules from a category to itself would give every sentence infinitely many
/// derivations.
fn no_category_is_itself(grammar: &Grammar) -> Result<(), GrammarError> {
    let is_alone = |rule: &Rule, _| rule.constituents.len() == 1;
    for first in 0..grammar.categories.len() as u16 {
        if let Some(rule) = way_back(grammar, first, is_alone) {
            return Err(fail(
                grammar,
                rule,
                "one-constituent rules make a category from itself",
            ));
        }
    }
    Ok(())
}

/// A rule that leads back to `first`, following from it the constituents that `follows` lets through.
fn way_back(grammar: &Grammar, first: u16, follows: impl Fn(&Rule, u16) -> bool) -> Option<&Rule> {
    let mut reached = vec![first];
    let mut next = 0;
    while next < reached.len() {
        for index in grammar.rules_of(reached[next]) {
            let rule = &grammar.rules[index];
            for term in &rule.constituents {
                let Symbol::Category(to) = term.symbol else {
                    continue;
                };
                if !follows(rule, to) {
                    continue;
                }
                if to == first {
                    return Some(rule);
                }
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
        next += 1;
    }
    None
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

    const SMALL: &str = "function the\nstatement S\nentity N[number type]\nproperty P[type]\nstart S\n\
                         rule s 1 S = N[n t] P[t] : assert 1 2\n\
                         rule n 1 N[n t] = the Noun[n t] : 2\n\
                         rule p 1 P[t] = Adjective[t] : 1\n";

    /// The small grammar with `from` replaced by `to` is refused with this line and these words.
    fn check(from: &str, to: &str, line: usize, words: &str) {
        assert!(SMALL.contains(from), "{from}");
        let error = Grammar::parse(&SMALL.replace(from, to)).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }

    /// Each spoilt line is named.
    #[test]
    fn errors_of_reading_name_their_line() {
        assert!(Grammar::parse(SMALL).is_ok());
        check("rule s 1", "rule s zero", 6, "weight");
        check("the Noun[n t]", "a Noun[n t]", 7, "not declared");
        check("Adjective[t]", "Adjective[n t]", 8, "takes 1 arguments");
        check("Adjective[t]", "Adjective[t", 8, "not closed");
        check("rule p", "rule n", 8, "already on line 7");
        check("start S", "begin S", 5, "expected function");
        check("start S", "start N", 5, "must be a statement");
        check("start S", "start the", 5, "expected a declared category");
        check("assert 1 2", "assert 1 9", 6, "from 1 to 2");
    }

    /// One rule contradicts itself.
    #[test]
    fn errors_of_one_rule_name_it() {
        check("assert 1 2", "assert 2 1", 6, "denote");
        check("the Noun[n t] : 2", "the Noun[n t] : 1", 7, "denote");
        check("P[t] : assert", "P[u] : assert", 6, "type variables");
        let also = |rule: &str| format!("Adjective[t] : 1\n{rule}");
        // The second adjective means nothing.
        let unused = also("rule q 1 P[t] = Adjective[t] Adjective[t] : 1");
        check("Adjective[t] : 1", &unused, 9, "use every constituent");
        let joined = also("rule j 1 N[singular t] = N[k t] N[l t] : join 1 2");
        check("Adjective[t] : 1", &joined, 9, "must be plural");
        let word = also("rule w 1 Noun[n t] = the Noun[n t] : 2");
        check("Adjective[t] : 1", &word, 9, "makes a word");
    }

    /// What no single rule shows: the declaration, or the rule with which it comes about.
    #[test]
    fn errors_of_the_whole_grammar_name_the_line_that_makes_them() {
        check(
            "property P[type]",
            "property P[type]\nproperty Q[type]",
            5,
            "no rule makes category Q",
        );
        // Q is made on line 10 and used nowhere; line 5 declares it.
        let unused = SMALL.replace("property P[type]", "property P[type]\nproperty Q[type]")
            + "rule q 1 Q[t] = Adjective[t] : 1\n";
        let error = Grammar::parse(&unused).unwrap_err();
        assert_eq!(
            (error.line, error.problem.as_str()),
            (5, "no rule uses category Q")
        );

        // S needs P and so never ends either, but P is the cause.
        check(
            "= Adjective[t] : 1",
            "= P[t] : 1",
            8,
            "category P never ends in words",
        );
        // P needs Q on line 8, and Q leads back to P on line 9.
        let round = SMALL
            .replace("property P[type]", "property P[type] Q[type]")
            .replace(
                "= Adjective[t] : 1",
                "= the Q[t] : 2\nrule q 1 Q[t] = the P[t] : 2",
            );
        let error = Grammar::parse(&round).unwrap_err();
        assert_eq!(error.line, 9, "{error}");
        assert!(error.problem.contains("category P never ends"), "{error}");
        // With an end, a chain from P to P is refused as such.
        let chain = "= Adjective[t] : 1\nrule again 1 P[t] = P[t] : 1";
        check("= Adjective[t] : 1", chain, 9, "from itself");
    }

    /// Rule p is the first of 64 allowed on lines 8 to 71; line 72 is one too many.
    #[test]
    fn the_first_rule_too_many_is_named() {
        let rules: String = (1..=64)
            .map(|index| format!("rule p{index} 1 P[t] = Adjective[t] : 1\n"))
            .collect();
        let error = Grammar::parse(&(SMALL.to_owned() + &rules)).unwrap_err();
        assert_eq!(error.line, 72, "{error}");
        assert!(
            error
                .problem
                .contains("at most 64 rules for category P, found 65"),
            "{error}"
        );
    }

    /// Word classes 8, the function word 2, categories 6: 16 symbols. Each rule of three constituents with two numbers
    /// adds 4: 28 of them fill the 128, on lines 9 to 36.
    #[test]
    fn the_first_symbol_too_many_is_named() {
        let with = |n: usize| {
            let rules: String = (1..=n)
                .map(|index| {
                    format!("rule j{index} 1 N[plural t] = N[k t] the N[l t] : join 1 3\n")
                })
                .collect();
            Grammar::parse(&(SMALL.to_owned() + &rules))
        };
        assert!(with(28).is_ok());
        let error = with(30).unwrap_err();
        assert_eq!(error.line, 37, "{error}");
        assert!(
            error
                .problem
                .contains("at most 128 symbols with their numbers, found 136"),
            "{error}"
        );
    }
}
