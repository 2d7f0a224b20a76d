//! The typed grammar as data: weighted rules over an abstract syntax with number agreement and type
//! variables, after the Grammatical Framework's separation of abstract from concrete syntax
//! (Ranta 2011, *Grammatical Framework*).
//!
//! In reading order: [`read`] parses the text of a `.grammar` file, [`check`] refuses what could not be
//! sampled, told or understood. Both name the line.

mod check;
mod read;

use serde::{Deserialize, Serialize};

/// Grammatical number, the one agreement feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// One.
    Singular,
    /// More than one; conjoined noun phrases are plural.
    Plural,
}

impl Number {
    /// Both values, singular first.
    pub const ALL: [Number; 2] = [Number::Singular, Number::Plural];
}

/// What a category denotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denotation {
    /// Something true or false.
    Statement,
    /// One or more nouns.
    Entity,
    /// What can be true of an entity.
    Property,
}

/// An open word class; its words come from the ontology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordClass {
    /// `Noun[number type]`.
    Noun,
    /// `Adjective[type]`: an attribute's value.
    Adjective,
    /// `Verb[number subject-type object-type]`.
    Verb,
    /// `Adposition[subject-type object-type]`.
    Adposition,
}

impl WordClass {
    /// All classes.
    pub const ALL: [WordClass; 4] = [
        WordClass::Noun,
        WordClass::Adjective,
        WordClass::Verb,
        WordClass::Adposition,
    ];

    /// The class's name in a grammar file.
    pub fn name(self) -> &'static str {
        match self {
            WordClass::Noun => "Noun",
            WordClass::Adjective => "Adjective",
            WordClass::Verb => "Verb",
            WordClass::Adposition => "Adposition",
        }
    }

    /// Whether words of the class agree in number.
    pub fn agrees(self) -> bool {
        matches!(self, WordClass::Noun | WordClass::Verb)
    }

    fn type_arguments(self) -> usize {
        match self {
            WordClass::Noun | WordClass::Adjective => 1,
            WordClass::Verb | WordClass::Adposition => 2,
        }
    }
}

/// A nonterminal of the abstract syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its name in the file.
    pub name: String,
    /// What it denotes.
    pub denotes: Denotation,
    /// Whether it agrees in number.
    pub agrees: bool,
    /// Whether it carries a type.
    pub typed: bool,
    /// The line that declares it.
    pub line: usize,
}

/// A closed-class word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionWord {
    /// Its name in the file.
    pub name: String,
    /// Whether its form changes with number.
    pub agrees: bool,
    /// The line that declares it.
    pub line: usize,
}

/// What a constituent is an instance of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// Index into [`Grammar::categories`].
    Category(u16),
    /// An open word class.
    Word(WordClass),
    /// Index into [`Grammar::functions`].
    Function(u16),
}

/// The number of a constituent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberTerm {
    /// The symbol does not agree.
    None,
    /// A variable of the rule; variable 0 is the result's, where the result has one.
    Variable(u8),
    /// Always this number.
    Fixed(Number),
}

/// A symbol with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The symbol.
    pub symbol: Symbol,
    /// Its number.
    pub number: NumberTerm,
    /// Its type variables, by letter.
    pub types: Vec<char>,
}

/// How a rule's meaning comes from its constituents' (indices from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The meaning of one constituent.
    Same(u8),
    /// Both statements.
    Both(u8, u8),
    /// The property (second) is true of the entity (first).
    Assert(u8, u8),
    /// The entity (first), of which the property (second) is true.
    Restrict(u8, u8),
    /// Both entities.
    Join(u8, u8),
    /// Standing in the relation (first) to the entity (second).
    Relate(u8, u8),
    /// Not standing in the relation (first) to the entity (second).
    Deny(u8, u8),
    /// Being what the entity (second) stands in the relation (first) to.
    Inverse(u8, u8),
    /// Not having the property.
    Negate(u8),
    /// Both properties.
    All(u8, u8),
}

/// One weighted rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Unique name, used in derivations.
    pub name: String,
    /// Relative weight among the rules of the same result.
    pub weight: u32,
    /// What the rule makes.
    pub result: Term,
    /// What it is made of, in the grammar's own order.
    pub constituents: Vec<Term>,
    /// What it means.
    pub meaning: Action,
    /// Head-direction switch: index into [`Grammar::orders`].
    pub order: Option<u8>,
    /// How many number variables the rule has.
    pub n_numbers: u8,
    /// The line of the file.
    pub line: usize,
}

/// A grammar, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    /// The text it was read from.
    pub source: String,
    /// Nonterminals.
    pub categories: Vec<Category>,
    /// Closed-class words.
    pub functions: Vec<FunctionWord>,
    /// Rules in the file's order.
    pub rules: Vec<Rule>,
    /// The category of a sentence.
    pub start: u16,
    /// Names of the head-direction switches.
    pub orders: Vec<String>,
}

/// Why a grammar file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct GrammarError {
    /// 1-based line.
    pub line: usize,
    /// What was expected and what was found.
    pub problem: String,
}

impl GrammarError {
    fn new(line: usize, problem: impl Into<String>) -> Self {
        GrammarError {
            line,
            problem: problem.into(),
        }
    }
}

impl Grammar {
    /// Reads and checks the text of a grammar file.
    pub fn parse(source: &str) -> Result<Grammar, GrammarError> {
        let grammar = read::read(source)?;
        check::check(&grammar)?;
        Ok(grammar)
    }

    /// The indices of the rules that make `category`.
    pub fn rules_of(&self, category: u16) -> impl Iterator<Item = usize> + '_ {
        self.rules
            .iter()
            .enumerate()
            .filter(move |(_, rule)| rule.result.symbol == Symbol::Category(category))
            .map(|(index, _)| index)
    }

    /// The name of a symbol as the file spells it.
    pub fn symbol_name(&self, symbol: Symbol) -> &str {
        match symbol {
            Symbol::Category(index) => &self.categories[usize::from(index)].name,
            Symbol::Word(class) => class.name(),
            Symbol::Function(index) => &self.functions[usize::from(index)].name,
        }
    }

    /// What a constituent denotes; `None` for function words.
    pub fn denotation(&self, symbol: Symbol) -> Option<Denotation> {
        match symbol {
            Symbol::Category(index) => Some(self.categories[usize::from(index)].denotes),
            Symbol::Word(WordClass::Noun) => Some(Denotation::Entity),
            Symbol::Word(WordClass::Adjective) => Some(Denotation::Property),
            Symbol::Word(WordClass::Verb | WordClass::Adposition) | Symbol::Function(_) => None,
        }
    }

    /// Index of the function word called `name`.
    pub fn function(&self, name: &str) -> Option<u16> {
        self.functions
            .iter()
            .position(|word| word.name == name)
            .map(|index| index as u16)
    }

    /// Index of the rule called `name`.
    pub fn rule(&self, name: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.name == name)
    }
}
