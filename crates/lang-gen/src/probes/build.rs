//! Statements as derivations of the world's grammar.
//!
//! [`Builder`] finds the grammar's rules by name and turns a [`Statement`] into a derivation that a sampler
//! could have drawn. The order of a rule's constituents and the places of its number variables are read off the
//! grammar; what a rule means is checked when it is looked up.

use anyhow::{Context, Result, bail};
use world::World;
use world::concept::{Concept, ConceptIds};
use world::derivation::{Node, Numbers, close};
use world::grammar::{Action, Grammar, Number, NumberTerm, WordClass};

use super::statement::{Phrase, Property, Relative, Statement};

/// A rule and the constituents that its meaning names, in the meaning's order.
#[derive(Debug, Clone, Copy)]
struct Named {
    rule: usize,
    roles: [u8; 2],
}

/// A constituent: its number and its derivation.
type Part = (Number, Vec<Node>);

/// Makes derivations of statements.
#[derive(Debug)]
pub struct Builder<'a> {
    grammar: &'a Grammar,
    concepts: &'a ConceptIds,
    class_of: Vec<WordClass>,
    single: Named,
    clause: Named,
    lone: Named,
    definite: Named,
    plain: Named,
    relative: Named,
    bare: Named,
    attributive: Named,
    subject_relative: Named,
    object_relative: Named,
    gap: Named,
    one: Named,
    several: Named,
    copular: Named,
    not_copular: Named,
    transitive: Named,
    not_transitive: Named,
    locative: Named,
    not_locative: Named,
    place: Named,
}

/// Finds a rule and checks its meaning.
fn named(grammar: &Grammar, name: &str, wanted: &str) -> Result<Named> {
    let rule = grammar.rule(name).with_context(|| {
        format!("grammar: probes are built with a rule called \"{name}\", which is not there; expected the names of data/grammars/core.grammar")
    })?;
    let (found, roles) = match grammar.rules[rule].meaning {
        Action::Same(a) => ("1", [a; 2]),
        Action::Negate(a) => ("negate", [a; 2]),
        Action::Both(a, b) => ("both", [a, b]),
        Action::Assert(a, b) => ("assert", [a, b]),
        Action::Restrict(a, b) => ("restrict", [a, b]),
        Action::Join(a, b) => ("join", [a, b]),
        Action::Relate(a, b) => ("relate", [a, b]),
        Action::Deny(a, b) => ("deny", [a, b]),
        Action::Inverse(a, b) => ("inverse", [a, b]),
        Action::All(a, b) => ("all", [a, b]),
    };
    if found != wanted {
        bail!(
            "grammar, line {}: rule {name}: probes expect the meaning \"{wanted}\", found \"{found}\"",
            grammar.rules[rule].line
        );
    }
    Ok(Named { rule, roles })
}

impl<'a> Builder<'a> {
    /// Looks the rules up.
    ///
    /// # Errors
    /// The first rule that the grammar lacks or that means something else.
    pub fn new(world: &'a World) -> Result<Builder<'a>> {
        let find = |name: &str, meaning: &str| named(&world.grammar, name, meaning);
        Ok(Builder {
            grammar: &world.grammar,
            concepts: &world.concepts,
            class_of: (0..world.ontology.relations.len() as u16)
                .map(|relation| world.class_of(relation))
                .collect(),
            single: find("single", "1")?,
            clause: find("clause", "assert")?,
            lone: find("lone", "1")?,
            definite: find("definite", "1")?,
            plain: find("plain", "1")?,
            relative: find("relative", "restrict")?,
            bare: find("bare", "1")?,
            attributive: find("attributive", "restrict")?,
            subject_relative: find("subject-relative", "1")?,
            object_relative: find("object-relative", "1")?,
            gap: find("gap", "inverse")?,
            one: find("one", "1")?,
            several: find("several", "all")?,
            copular: find("copular", "1")?,
            not_copular: find("not-copular", "negate")?,
            transitive: find("transitive", "relate")?,
            not_transitive: find("not-transitive", "deny")?,
            locative: find("locative", "1")?,
            not_locative: find("not-locative", "negate")?,
            place: find("place", "relate")?,
        })
    }

    /// The derivation of a statement, in prefix order.
    pub fn nodes(&self, statement: &Statement) -> Vec<Node> {
        let number = statement.subject.number;
        let told = statement.agreement.unwrap_or(number);
        let subject = self.phrase(&statement.subject);
        let mut properties = statement
            .properties
            .iter()
            .map(|property| (told, self.property(property, told)));
        let predicate = match (properties.next(), properties.next()) {
            (Some(first), Some(second)) => self.two(self.several, told, first, second),
            (Some(only), None) => self.one(self.one, told, only),
            (None, _) => Vec::new(),
        };
        let clause = self.two(self.clause, number, (number, subject), (told, predicate));
        self.one(self.single, number, (number, clause))
    }

    fn phrase(&self, phrase: &Phrase) -> Vec<Node> {
        let number = phrase.number;
        let noun = vec![self.word(Concept::Noun(phrase.noun), number)];
        let mut core = self.one(self.bare, number, (number, noun));
        for &value in phrase.adjectives.iter().rev() {
            let adjective = vec![self.word(Concept::Value(value), Number::Singular)];
            core = self.two(
                self.attributive,
                number,
                (number, core),
                (Number::Singular, adjective),
            );
        }
        let nominal = match phrase.relative.as_deref() {
            None => self.one(self.plain, number, (number, core)),
            Some(relative) => {
                let relative = self.relative(relative, number);
                self.two(self.relative, number, (number, core), (number, relative))
            }
        };
        let definite = self.one(self.definite, number, (number, nominal));
        self.one(self.lone, number, (number, definite))
    }

    fn relative(&self, relative: &Relative, number: Number) -> Vec<Node> {
        match relative {
            Relative::Subject(property) => {
                let property = self.property(property, number);
                self.one(self.subject_relative, number, (number, property))
            }
            Relative::Object { verb, subject } => {
                let told = subject.number;
                let verb = vec![self.word(Concept::Relation(*verb), told)];
                let subject = self.phrase(subject);
                let gap = self.two(self.gap, number, (told, verb), (told, subject));
                self.one(self.object_relative, number, (number, gap))
            }
        }
    }

    fn property(&self, property: &Property, number: Number) -> Vec<Node> {
        match property {
            Property::Value { value, positive } => {
                let rule = if *positive {
                    self.copular
                } else {
                    self.not_copular
                };
                let adjective = vec![self.word(Concept::Value(*value), Number::Singular)];
                self.one(rule, number, (Number::Singular, adjective))
            }
            Property::Relation {
                relation,
                object,
                positive,
            } => {
                let to = (object.number, self.phrase(object));
                let concept = Concept::Relation(*relation);
                if self.class_of[usize::from(*relation)] == WordClass::Verb {
                    let rule = if *positive {
                        self.transitive
                    } else {
                        self.not_transitive
                    };
                    let verb = (number, vec![self.word(concept, number)]);
                    return self.two(rule, number, verb, to);
                }
                let rule = if *positive {
                    self.locative
                } else {
                    self.not_locative
                };
                let adposition = (Number::Singular, vec![self.word(concept, Number::Singular)]);
                let place = self.two(self.place, number, adposition, to);
                self.one(rule, number, (number, place))
            }
        }
    }

    fn word(&self, concept: Concept, number: Number) -> Node {
        Node::word(self.concepts.id(concept), number)
    }

    fn one(&self, named: Named, number: Number, part: Part) -> Vec<Node> {
        self.branch(named.rule, number, [(named.roles[0], part)])
    }

    /// `first` and `second` in the order in which the meaning names them.
    fn two(&self, named: Named, number: Number, first: Part, second: Part) -> Vec<Node> {
        let [a, b] = named.roles;
        if a < b {
            self.branch(named.rule, number, [(a, first), (b, second)])
        } else {
            self.branch(named.rule, number, [(b, second), (a, first)])
        }
    }

    fn branch<const N: usize>(
        &self,
        rule: usize,
        number: Number,
        parts: [(u8, Part); N],
    ) -> Vec<Node> {
        let shape = &self.grammar.rules[rule];
        let bind = |numbers: Numbers, term: NumberTerm, number: Number| match term {
            NumberTerm::Variable(index) => numbers.with(index, number),
            NumberTerm::Fixed(_) | NumberTerm::None => numbers,
        };
        let mut numbers = Numbers::default();
        for (constituent, (told, _)) in &parts {
            let term = shape.constituents[usize::from(*constituent)].number;
            numbers = bind(numbers, term, *told);
        }
        // Last, so that a clause's number is its subject's even where the predicate disagrees.
        numbers = bind(numbers, shape.result.number, number);
        let mut nodes = vec![Node::rule(rule, numbers)];
        for (_, (_, part)) in parts {
            nodes.extend(part);
        }
        close(&mut nodes, 0);
        nodes
    }
}

#[cfg(test)]
mod tests {
    use world::Side;
    use world::form::Inflection;

    use world::ontology::NounId;

    use super::*;
    use crate::probes::context::Template;
    use crate::probes::material::{Family, Material};
    use crate::probes::testing::TINY;

    /// Word by word, against the lexicon: `the.sg red dog.sg that sees.sg the.pl cat.pl is.sg not round`.
    #[test]
    fn a_statement_is_told_as_its_words() {
        let world = &TINY.world;
        let material = Material::new(world, seed::Seed(1)).unwrap();
        let relation = 0;
        let (subject, object) = world.ontology.relations[0].pairs[0];
        let values = &world.ontology.nouns[subject as usize].values;
        let object = Phrase::plain(object, Number::Plural);
        let statement = Statement::new(
            Phrase::plain(subject, Number::Singular)
                .with_adjectives(vec![values[0]])
                .with_relative(Relative::Subject(Property::relation(
                    relation,
                    object.clone(),
                ))),
            Property::Value {
                value: values[1],
                positive: false,
            },
        );
        let function = |name: &str| Concept::Function(world.grammar.function(name).unwrap());
        let words = [
            (function("the"), Inflection::Singular),
            (Concept::Value(values[0]), Inflection::Base),
            (Concept::Noun(subject), Inflection::Base),
            (function("that"), Inflection::Base),
            (Concept::Relation(relation), Inflection::Base),
            (function("the"), Inflection::Plural),
            (Concept::Noun(object.noun), Inflection::Plural),
            (function("be"), Inflection::Singular),
            (function("not"), Inflection::Base),
            (Concept::Value(values[1]), Inflection::Base),
        ];
        for side in Side::ALL {
            let expected: Vec<&str> = words
                .iter()
                .map(|&(concept, inflection)| {
                    world
                        .lexicon(side)
                        .form(world.concepts.id(concept), inflection)
                        .unwrap()
                })
                .collect();
            assert_eq!(material.tell(side, &statement), expected.join(" ") + " .");
        }
        // The predicate alone can be given another number: word 7, the copula.
        let plural = material.tell(Side::Majority, &statement.with_agreement(Number::Plural));
        let be = world.concepts.id(function("be"));
        let forms = [Inflection::Singular, Inflection::Plural]
            .map(|i| world.lexicon(Side::Majority).form(be, i).unwrap());
        let singular = material.tell(Side::Majority, &statement);
        let differing: Vec<(usize, [&str; 2])> = (0..)
            .zip(singular.split(' ').zip(plural.split(' ')))
            .filter(|(_, (one, other))| one != other)
            .map(|(at, (one, other))| (at, [one, other]))
            .collect();
        assert_eq!(differing, [(7, forms)]);
    }

    /// Every pattern, for every noun it can be made for: read back by the recogniser, true, and in reach of
    /// its family.
    #[test]
    fn every_pattern_is_read_as_it_was_meant() {
        let material = Material::new(&TINY.world, seed::Seed(1)).unwrap();
        for template in Template::ALL {
            let mut n = 0;
            for noun in 0..material.world.ontology.nouns.len() as NounId {
                for (family, number) in [
                    (Family::Majority, Number::Singular),
                    (Family::Minority, Number::Plural),
                ] {
                    let mut rng = material.seed.stream_at(template.name(), noun.into());
                    let Some(statement) =
                        material.sentence(template, family, (noun, number), &mut rng)
                    else {
                        continue;
                    };
                    let (text, meaning) = material
                        .tell_checked("test", family.side(), &statement)
                        .unwrap();
                    assert!(material.is_true(&statement), "{text}");
                    assert_eq!(meaning.types_broken, 0);
                    assert!(meaning.nouns.contains(&noun));
                    n += 1;
                }
            }
            assert!(n >= 64, "{}: {n}", template.name());
        }
    }
}
