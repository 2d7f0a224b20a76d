//! Reading a `.grammar` file: line by line, every error with its line.

use rustc_hash::FxHashMap;

use super::{
    Action, Category, Denotation, FunctionWord, Grammar, GrammarError, Number, NumberTerm, Rule,
    Symbol, Term, WordClass,
};

/// `Name[a b]` split into its name and arguments.
struct Item<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
}

/// Parses the text; names are resolved, consistency is [`super::check`]'s.
pub(super) fn read(source: &str) -> Result<Grammar, GrammarError> {
    let mut reader = Reader {
        grammar: Grammar {
            source: source.to_owned(),
            categories: Vec::new(),
            functions: Vec::new(),
            rules: Vec::new(),
            start: 0,
            orders: Vec::new(),
        },
        symbols: WordClass::ALL
            .iter()
            .map(|&class| (class.name().to_owned(), Symbol::Word(class)))
            .collect(),
    };
    let mut start = None;
    let mut rules = Vec::new();
    for (index, text) in source.lines().enumerate() {
        let line = index + 1;
        let text = text.split('#').next().unwrap_or_default().trim();
        let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match keyword {
            "" => {}
            "function" => reader.declare(rest, line, None)?,
            "statement" => reader.declare(rest, line, Some(Denotation::Statement))?,
            "entity" => reader.declare(rest, line, Some(Denotation::Entity))?,
            "property" => reader.declare(rest, line, Some(Denotation::Property))?,
            "start" if start.is_some() => {
                return Err(GrammarError::new(line, "a second \"start\"; expected one"));
            }
            "start" => start = Some((rest.trim(), line)),
            // Rules wait until all names are known.
            "rule" => rules.push((rest, line)),
            other => {
                return Err(GrammarError::new(
                    line,
                    format!(
                        "expected function, statement, entity, property, start or rule, found \"{other}\""
                    ),
                ));
            }
        }
    }
    let last = source.lines().count().max(1);
    let (name, line) = start
        .ok_or_else(|| GrammarError::new(last, "expected a line \"start CATEGORY\", found none"))?;
    let categories = &reader.grammar.categories;
    reader.grammar.start = match reader.symbols.get(name) {
        Some(&Symbol::Category(index))
            if categories[usize::from(index)].denotes == Denotation::Statement =>
        {
            index
        }
        Some(Symbol::Category(_)) => {
            return Err(GrammarError::new(
                line,
                format!("start category {name} must be a statement"),
            ));
        }
        _ => {
            return Err(GrammarError::new(
                line,
                format!("expected a declared category after start, found \"{name}\""),
            ));
        }
    };
    for (text, line) in rules {
        let rule = reader.rule(text, line)?;
        if let Some(earlier) = reader
            .grammar
            .rules
            .iter()
            .find(|earlier| earlier.name == rule.name)
        {
            return Err(GrammarError::new(
                line,
                format!(
                    "rule \"{}\" stands already on line {}",
                    rule.name, earlier.line
                ),
            ));
        }
        reader.grammar.rules.push(rule);
    }
    Ok(reader.grammar)
}

struct Reader {
    grammar: Grammar,
    symbols: FxHashMap<String, Symbol>,
}

impl Reader {
    /// A declaration line; `denotes` is `None` for function words.
    fn declare(
        &mut self,
        text: &str,
        line: usize,
        denotes: Option<Denotation>,
    ) -> Result<(), GrammarError> {
        for item in items(text, line)? {
            let agrees = item.arguments.contains(&"number");
            let typed = item.arguments.contains(&"type");
            if let Some(unknown) = item
                .arguments
                .iter()
                .find(|name| !matches!(**name, "number" | "type"))
            {
                return Err(GrammarError::new(
                    line,
                    format!("expected [number], [type] or [number type], found \"{unknown}\""),
                ));
            }
            let symbol = match denotes {
                None if typed => {
                    return Err(GrammarError::new(
                        line,
                        format!("function word \"{}\" cannot carry a type", item.name),
                    ));
                }
                None => {
                    self.grammar.functions.push(FunctionWord {
                        name: item.name.to_owned(),
                        agrees,
                        line,
                    });
                    Symbol::Function((self.grammar.functions.len() - 1) as u16)
                }
                Some(denotes) => {
                    self.grammar.categories.push(Category {
                        name: item.name.to_owned(),
                        denotes,
                        agrees,
                        typed,
                        line,
                    });
                    Symbol::Category((self.grammar.categories.len() - 1) as u16)
                }
            };
            if self.symbols.insert(item.name.to_owned(), symbol).is_some() {
                return Err(GrammarError::new(
                    line,
                    format!("\"{}\" is declared twice", item.name),
                ));
            }
        }
        Ok(())
    }

    /// `NAME WEIGHT RESULT = CONSTITUENTS : MEANING [order SWITCH]`
    fn rule(&mut self, text: &str, line: usize) -> Result<Rule, GrammarError> {
        let fail = |problem: &str| GrammarError::new(line, problem.to_owned());
        let (left, right) = text
            .split_once('=')
            .ok_or_else(|| fail("expected \"=\" between result and constituents"))?;
        let (body, meaning) = right
            .split_once(':')
            .ok_or_else(|| fail("expected \":\" before the meaning"))?;
        let mut words = left.split_whitespace();
        let name = words
            .next()
            .ok_or_else(|| fail("expected the rule's name"))?;
        let weight = words.next().unwrap_or_default();
        let weight: u32 = weight
            .parse()
            .ok()
            .filter(|&weight| (1..=1_000_000).contains(&weight))
            .ok_or_else(|| {
                GrammarError::new(
                    line,
                    format!("expected a weight from 1 to 1000000, found \"{weight}\""),
                )
            })?;
        let left = words.collect::<Vec<_>>().join(" ");
        let result = items(&left, line)?;
        let [result] = result.as_slice() else {
            return Err(fail("expected one category before \"=\""));
        };
        let mut numbers: Vec<char> = Vec::new();
        let result = self.term(result, &mut numbers, line)?;
        let mut constituents = Vec::new();
        for item in items(body, line)? {
            constituents.push(self.term(&item, &mut numbers, line)?);
        }
        if constituents.is_empty() || constituents.len() > 3 {
            return Err(GrammarError::new(
                line,
                format!(
                    "expected one to three constituents, found {}",
                    constituents.len()
                ),
            ));
        }
        let (meaning, order) = match meaning.split_once(" order ") {
            Some((meaning, order)) => (meaning, Some(order.trim())),
            None => (meaning, None),
        };
        let meaning = action(meaning, constituents.len(), line)?;
        let order = order.map(|name| self.order(name, line)).transpose()?;
        Ok(Rule {
            name: name.to_owned(),
            weight,
            result,
            constituents,
            meaning,
            order,
            n_numbers: numbers.len() as u8,
            line,
        })
    }

    fn order(&mut self, name: &str, line: usize) -> Result<u8, GrammarError> {
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(GrammarError::new(
                line,
                format!("expected one switch after \"order\", found \"{name}\""),
            ));
        }
        let index = self
            .grammar
            .orders
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.grammar.orders.push(name.to_owned());
                self.grammar.orders.len() - 1
            });
        u8::try_from(index).map_err(|_| GrammarError::new(line, "more than 256 switches"))
    }

    fn term(
        &self,
        item: &Item,
        numbers: &mut Vec<char>,
        line: usize,
    ) -> Result<Term, GrammarError> {
        let symbol = *self
            .symbols
            .get(item.name)
            .ok_or_else(|| GrammarError::new(line, format!("\"{}\" is not declared", item.name)))?;
        let (agrees, n_types) = match symbol {
            Symbol::Category(index) => {
                let category = &self.grammar.categories[usize::from(index)];
                (category.agrees, usize::from(category.typed))
            }
            Symbol::Word(class) => (class.agrees(), class.type_arguments()),
            Symbol::Function(index) => (self.grammar.functions[usize::from(index)].agrees, 0),
        };
        let expected = usize::from(agrees) + n_types;
        if item.arguments.len() != expected {
            return Err(GrammarError::new(
                line,
                format!(
                    "{} takes {expected} arguments, found {}",
                    item.name,
                    item.arguments.len()
                ),
            ));
        }
        let mut arguments = item.arguments.iter();
        let number = match arguments.next().filter(|_| agrees) {
            None => NumberTerm::None,
            Some(&"singular") => NumberTerm::Fixed(Number::Singular),
            Some(&"plural") => NumberTerm::Fixed(Number::Plural),
            Some(name) => {
                let letter = variable(name, line)?;
                let index = numbers
                    .iter()
                    .position(|&known| known == letter)
                    .unwrap_or_else(|| {
                        numbers.push(letter);
                        numbers.len() - 1
                    });
                NumberTerm::Variable(index as u8)
            }
        };
        let types = item.arguments[usize::from(agrees)..]
            .iter()
            .map(|name| variable(name, line))
            .collect::<Result<_, _>>()?;
        Ok(Term {
            symbol,
            number,
            types,
        })
    }
}

fn variable(name: &str, line: usize) -> Result<char, GrammarError> {
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_lowercase() => Ok(letter),
        _ => Err(GrammarError::new(
            line,
            format!("expected a one-letter variable, found \"{name}\""),
        )),
    }
}

/// Splits `A[n t] b C[t]` into items.
fn items(text: &str, line: usize) -> Result<Vec<Item<'_>>, GrammarError> {
    let mut rest = text.trim();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '[')
            .unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(GrammarError::new(
                line,
                format!("expected a name of letters, digits and hyphens, found \"{rest}\""),
            ));
        }
        let (arguments, tail) = match tail.strip_prefix('[') {
            None => (Vec::new(), tail),
            Some(tail) => {
                let (inside, tail) = tail.split_once(']').ok_or_else(|| {
                    GrammarError::new(line, format!("\"[\" after {name} is not closed"))
                })?;
                (inside.split_whitespace().collect(), tail)
            }
        };
        items.push(Item { name, arguments });
        rest = tail.trim_start();
    }
    Ok(items)
}

/// `assert 1 2` and the like; positions become indices from 0.
fn action(text: &str, n_constituents: usize, line: usize) -> Result<Action, GrammarError> {
    let mut words = text.split_whitespace().peekable();
    let name = match words.peek() {
        Some(word) if word.parse::<u8>().is_err() => words.next(),
        _ => None,
    };
    let positions = words
        .map(|word| {
            word.parse::<usize>()
                .ok()
                .filter(|position| (1..=n_constituents).contains(position))
                .map(|position| (position - 1) as u8)
                .ok_or_else(|| {
                    GrammarError::new(
                        line,
                        format!(
                            "expected a constituent from 1 to {n_constituents}, found \"{word}\""
                        ),
                    )
                })
        })
        .collect::<Result<Vec<u8>, _>>()?;
    match (name, positions.as_slice()) {
        (None, &[a]) => Ok(Action::Same(a)),
        (Some("negate"), &[a]) => Ok(Action::Negate(a)),
        (Some("both"), &[a, b]) => Ok(Action::Both(a, b)),
        (Some("assert"), &[a, b]) => Ok(Action::Assert(a, b)),
        (Some("restrict"), &[a, b]) => Ok(Action::Restrict(a, b)),
        (Some("join"), &[a, b]) => Ok(Action::Join(a, b)),
        (Some("relate"), &[a, b]) => Ok(Action::Relate(a, b)),
        (Some("deny"), &[a, b]) => Ok(Action::Deny(a, b)),
        (Some("inverse"), &[a, b]) => Ok(Action::Inverse(a, b)),
        (Some("all"), &[a, b]) => Ok(Action::All(a, b)),
        _ => Err(GrammarError::new(
            line,
            format!(
                "expected a meaning (a position; negate A; both, assert, restrict, join, relate, deny, inverse or all A B), found \"{}\"",
                text.trim()
            ),
        )),
    }
}
