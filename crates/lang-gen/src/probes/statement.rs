//! What a probe says: statements as plain data, before there are words or derivations.
//!
//! A [`Statement`] is a noun phrase and one or two properties. It knows which nouns it names and what it
//! states; [`super::build`] makes a derivation of it.

use world::grammar::Number;
use world::meaning::{Fact, Predicate};
use world::ontology::{NounId, ValueId};

/// A noun phrase: `the red NOUN that …`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phrase {
    /// Its noun.
    pub noun: NounId,
    /// Its number.
    pub number: Number,
    /// Attributive adjectives, outermost first.
    pub adjectives: Vec<ValueId>,
    /// A relative clause.
    pub relative: Option<Box<Relative>>,
}

/// A relative clause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Relative {
    /// `that PROPERTY`.
    Subject(Property),
    /// `whom SUBJECT VERB`.
    Object {
        /// A relation that a verb tells.
        verb: u16,
        /// Whoever stands in it to the noun.
        subject: Phrase,
    },
}

/// What is said of a noun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Property {
    /// `is RED`, `is not RED`.
    Value {
        /// The adjective.
        value: ValueId,
        /// False for a denial.
        positive: bool,
    },
    /// `SEES the dog`, `is NEAR the dog`, and their denials.
    Relation {
        /// The verb or adposition.
        relation: u16,
        /// To whom.
        object: Phrase,
        /// False for a denial.
        positive: bool,
    },
}

/// A sentence of one clause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Whom it is about.
    pub subject: Phrase,
    /// What it says: one property or two.
    pub properties: Vec<Property>,
    /// The predicate's number where it shall differ from the subject's: an agreement error.
    pub agreement: Option<Number>,
}

impl Phrase {
    /// `the NOUN`.
    pub fn plain(noun: NounId, number: Number) -> Phrase {
        Phrase {
            noun,
            number,
            adjectives: Vec::new(),
            relative: None,
        }
    }

    /// With adjectives before the noun.
    pub fn with_adjectives(self, adjectives: Vec<ValueId>) -> Phrase {
        Phrase { adjectives, ..self }
    }

    /// With a relative clause.
    pub fn with_relative(self, relative: Relative) -> Phrase {
        Phrase {
            relative: Some(Box::new(relative)),
            ..self
        }
    }

    fn visit<'a>(&'a self, phrases: &mut Vec<&'a Phrase>) {
        phrases.push(self);
        match self.relative.as_deref() {
            Some(Relative::Subject(property)) => property.visit(phrases),
            Some(Relative::Object { subject, .. }) => subject.visit(phrases),
            None => {}
        }
    }

    fn rename(&mut self, from: NounId, to: NounId) {
        if self.noun == from {
            self.noun = to;
        }
        match self.relative.as_deref_mut() {
            Some(Relative::Subject(property)) => property.rename(from, to),
            Some(Relative::Object { subject, .. }) => subject.rename(from, to),
            None => {}
        }
    }

    fn facts(&self, facts: &mut Vec<Fact>) {
        facts.extend(self.adjectives.iter().map(|&value| Fact {
            subject: self.noun,
            predicate: Predicate::Value(value),
            positive: true,
        }));
        match self.relative.as_deref() {
            Some(Relative::Subject(property)) => property.facts(self.noun, facts),
            Some(Relative::Object { verb, subject }) => {
                facts.push(Fact {
                    subject: subject.noun,
                    predicate: Predicate::Relation(*verb, self.noun),
                    positive: true,
                });
                subject.facts(facts);
            }
            None => {}
        }
    }
}

impl Property {
    /// `is RED`.
    pub fn value(value: ValueId) -> Property {
        Property::Value {
            value,
            positive: true,
        }
    }

    /// `SEES the dog`.
    pub fn relation(relation: u16, object: Phrase) -> Property {
        Property::Relation {
            relation,
            object,
            positive: true,
        }
    }

    fn visit<'a>(&'a self, phrases: &mut Vec<&'a Phrase>) {
        if let Property::Relation { object, .. } = self {
            object.visit(phrases);
        }
    }

    fn rename(&mut self, from: NounId, to: NounId) {
        if let Property::Relation { object, .. } = self {
            object.rename(from, to);
        }
    }

    fn facts(&self, subject: NounId, facts: &mut Vec<Fact>) {
        match self {
            Property::Value { value, positive } => facts.push(Fact {
                subject,
                predicate: Predicate::Value(*value),
                positive: *positive,
            }),
            Property::Relation {
                relation,
                object,
                positive,
            } => {
                facts.push(Fact {
                    subject,
                    predicate: Predicate::Relation(*relation, object.noun),
                    positive: *positive,
                });
                object.facts(facts);
            }
        }
    }
}

impl Statement {
    /// `SUBJECT PROPERTY`.
    pub fn new(subject: Phrase, property: Property) -> Statement {
        Statement {
            subject,
            properties: vec![property],
            agreement: None,
        }
    }

    /// Every noun phrase, in the grammar's order.
    pub fn phrases(&self) -> Vec<&Phrase> {
        let mut phrases = Vec::new();
        self.subject.visit(&mut phrases);
        for property in &self.properties {
            property.visit(&mut phrases);
        }
        phrases
    }

    /// Whether it names the noun.
    pub fn names(&self, noun: NounId) -> bool {
        self.phrases().iter().any(|phrase| phrase.noun == noun)
    }

    /// What it states, sorted and single.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        self.subject.facts(&mut facts);
        for property in &self.properties {
            property.facts(self.subject.noun, &mut facts);
        }
        facts.sort_unstable();
        facts.dedup();
        facts
    }

    /// The same sentence with one noun for another.
    pub fn with_noun(&self, from: NounId, to: NounId) -> Statement {
        let mut statement = self.clone();
        statement.subject.rename(from, to);
        for property in &mut statement.properties {
            property.rename(from, to);
        }
        statement
    }

    /// The same sentence with its predicate in this number.
    pub fn with_agreement(&self, number: Number) -> Statement {
        Statement {
            agreement: Some(number),
            ..self.clone()
        }
    }
}
