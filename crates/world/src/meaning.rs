//! What a derivation states, and whether its types fit: computed from the derivation alone, so that a
//! parsed sentence is judged independently of how it was made.

use crate::concept::{Concept, ConceptIds};
use crate::derivation::{Label, Node};
use crate::grammar::{Action, Grammar};
use crate::ontology::{NounId, Ontology, TypeId, ValueId};

/// What is said of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Predicate {
    /// It has the value.
    Value(ValueId),
    /// It stands in the relation to the object.
    Relation(u16, NounId),
}

/// One elementary statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fact {
    /// The noun it is about.
    pub subject: NounId,
    /// What is said of it.
    pub predicate: Predicate,
    /// False for a denial.
    pub positive: bool,
}

impl Fact {
    /// Whether the ontology makes it true. A denial of what could not even be asked (a value or relation
    /// that does not apply to the noun's type) is not true.
    pub fn is_true(&self, ontology: &Ontology) -> bool {
        match self.predicate {
            Predicate::Value(value) => {
                match ontology.value(self.subject, ontology.attribute_of(value)) {
                    Some(actual) => (actual == value) == self.positive,
                    None => false,
                }
            }
            Predicate::Relation(relation, object) => {
                let signature = &ontology.relations[usize::from(relation)];
                ontology.is_a(
                    ontology.nouns[self.subject as usize].kind,
                    signature.subject,
                ) && ontology.is_a(ontology.nouns[object as usize].kind, signature.object)
                    && ontology.holds(usize::from(relation), self.subject, object) == self.positive
            }
        }
    }
}

/// What a derivation says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Its elementary statements, in no particular order.
    pub facts: Vec<Fact>,
    /// Type constraints that hold.
    pub types_satisfied: u32,
    /// Type constraints that do not.
    pub types_broken: u32,
    /// The nouns it names.
    pub nouns: Vec<NounId>,
}

impl Meaning {
    /// With facts and nouns sorted and single, for comparison.
    pub fn normalised(mut self) -> Meaning {
        self.facts.sort_unstable();
        self.facts.dedup();
        self.nouns.sort_unstable();
        self.nouns.dedup();
        self
    }
}

/// A property's claim, waiting for its subject.
#[derive(Debug, Clone, Copy)]
enum Claim {
    Value(ValueId),
    Relate(u16, NounId),
    Inverse(u16, NounId),
}

enum Denoted {
    Statement,
    Entity {
        nouns: Vec<NounId>,
        kind: TypeId,
    },
    Property {
        claims: Vec<(Claim, bool)>,
        requires: Vec<TypeId>,
    },
    /// A verb or adposition, which only `relate` and `inverse` use.
    Relation(u16),
}

/// The meaning of a derivation of `grammar` over `ontology`.
pub fn meaning(
    nodes: &[Node],
    grammar: &Grammar,
    ontology: &Ontology,
    concepts: &ConceptIds,
) -> Meaning {
    let mut reader = Reader {
        grammar,
        ontology,
        concepts,
        meaning: Meaning::default(),
    };
    if !nodes.is_empty() {
        reader.denote(nodes, 0);
    }
    reader.meaning
}

struct Reader<'a> {
    grammar: &'a Grammar,
    ontology: &'a Ontology,
    concepts: &'a ConceptIds,
    meaning: Meaning,
}

impl Reader<'_> {
    fn denote(&mut self, nodes: &[Node], at: usize) -> Denoted {
        let rule = match nodes[at].label() {
            Label::Word(concept) => return self.word(concept),
            Label::Rule(rule) => &self.grammar.rules[rule],
        };
        let first = at + 1;
        let denoted = self.denote(nodes, first);
        let second = first + nodes[first].length();
        if second >= at + nodes[at].length() {
            return match (rule.meaning, denoted) {
                (
                    Action::Negate(_),
                    Denoted::Property {
                        mut claims,
                        requires,
                    },
                ) => {
                    claims
                        .iter_mut()
                        .for_each(|(_, positive)| *positive = !*positive);
                    Denoted::Property { claims, requires }
                }
                (_, denoted) => denoted,
            };
        }
        let other = self.denote(nodes, second);
        // Actions name constituents; the two with nodes come in the order of their positions.
        let pair = if in_order(rule.meaning) {
            (denoted, other)
        } else {
            (other, denoted)
        };
        match (rule.meaning, pair) {
            (
                Action::Assert(..) | Action::Restrict(..),
                (Denoted::Entity { nouns, kind }, Denoted::Property { claims, requires }),
            ) => {
                self.claim(&nouns, kind, &claims, &requires);
                match rule.meaning {
                    Action::Assert(..) => Denoted::Statement,
                    _ => Denoted::Entity { nouns, kind },
                }
            }
            (
                Action::Join(..),
                (
                    Denoted::Entity { mut nouns, kind },
                    Denoted::Entity {
                        nouns: more,
                        kind: other,
                    },
                ),
            ) => {
                nouns.extend(more);
                Denoted::Entity {
                    nouns,
                    kind: self.ontology.join(kind, other),
                }
            }
            (
                Action::Relate(..) | Action::Deny(..),
                (Denoted::Relation(relation), Denoted::Entity { nouns, kind }),
            ) => {
                let signature = &self.ontology.relations[usize::from(relation)];
                self.constrain(kind, signature.object);
                let positive = matches!(rule.meaning, Action::Relate(..));
                let claims = nouns
                    .into_iter()
                    .map(|noun| (Claim::Relate(relation, noun), positive))
                    .collect();
                Denoted::Property {
                    claims,
                    requires: vec![signature.subject],
                }
            }
            (
                Action::Inverse(..),
                (Denoted::Relation(relation), Denoted::Entity { nouns, kind }),
            ) => {
                let signature = &self.ontology.relations[usize::from(relation)];
                self.constrain(kind, signature.subject);
                let claims = nouns
                    .into_iter()
                    .map(|noun| (Claim::Inverse(relation, noun), true))
                    .collect();
                Denoted::Property {
                    claims,
                    requires: vec![signature.object],
                }
            }
            (
                Action::All(..),
                (
                    Denoted::Property {
                        mut claims,
                        mut requires,
                    },
                    Denoted::Property {
                        claims: more,
                        requires: others,
                    },
                ),
            ) => {
                claims.extend(more);
                requires.extend(others);
                Denoted::Property { claims, requires }
            }
            // Two statements; anything else the grammar's check has refused.
            _ => Denoted::Statement,
        }
    }

    fn word(&mut self, concept: u32) -> Denoted {
        match self.concepts.concept(concept) {
            Some(Concept::Noun(noun)) => {
                self.meaning.nouns.push(noun);
                Denoted::Entity {
                    nouns: vec![noun],
                    kind: self.ontology.nouns[noun as usize].kind,
                }
            }
            Some(Concept::Value(value)) => Denoted::Property {
                claims: vec![(Claim::Value(value), true)],
                requires: vec![self.ontology.attributes[self.ontology.attribute_of(value)].domain],
            },
            Some(Concept::Relation(relation)) => Denoted::Relation(relation),
            _ => Denoted::Statement,
        }
    }

    fn claim(
        &mut self,
        nouns: &[NounId],
        kind: TypeId,
        claims: &[(Claim, bool)],
        requires: &[TypeId],
    ) {
        for &required in requires {
            self.constrain(kind, required);
        }
        for &noun in nouns {
            for &(claim, positive) in claims {
                let (subject, predicate) = match claim {
                    Claim::Value(value) => (noun, Predicate::Value(value)),
                    Claim::Relate(relation, object) => {
                        (noun, Predicate::Relation(relation, object))
                    }
                    Claim::Inverse(relation, subject) => {
                        (subject, Predicate::Relation(relation, noun))
                    }
                };
                self.meaning.facts.push(Fact {
                    subject,
                    predicate,
                    positive,
                });
            }
        }
    }

    /// Counts one type constraint: `found` must be `wanted` or below it.
    fn constrain(&mut self, found: TypeId, wanted: TypeId) {
        if self.ontology.is_a(found, wanted) {
            self.meaning.types_satisfied += 1;
        } else {
            self.meaning.types_broken += 1;
        }
    }
}

/// Whether the first constituent that an action names stands first.
fn in_order(action: Action) -> bool {
    match action {
        Action::Same(_) | Action::Negate(_) => true,
        Action::Both(a, b)
        | Action::Assert(a, b)
        | Action::Restrict(a, b)
        | Action::Join(a, b)
        | Action::Relate(a, b)
        | Action::Deny(a, b)
        | Action::Inverse(a, b)
        | Action::All(a, b) => a < b,
    }
}
