//! Sentences about a noun: one pattern each for where the noun stands and which clues tell of it.

use rand::seq::SliceRandom;
use seed::Stream;
use world::config::RelationClass;
use world::grammar::Number;
use world::ontology::{NounId, ValueId};

use super::material::{Family, Material, any_number, pick};
use super::statement::{Phrase, Property, Relative, Statement};

/// A pattern, in the grammar's own order; `_` is the noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// `the red big _ is round .`
    Adjectives,
    /// `the dog sees the red big _ .`
    Object,
    /// `the _ that sees the dog is red .`
    Relative,
    /// `the red _ sees the dog .`
    Subject,
    /// `the dog is near the red big _ .`
    PlaceObject,
    /// `the _ whom the dog sees is red .`
    ObjectRelative,
    /// `the red _ is near the dog .`
    Place,
    /// `the _ that is red sees the dog .`
    CopularRelative,
    /// `the red _ is not round .`
    Denial,
    /// `the red _ sees not the dog .`
    DeniedRelation,
    /// `the _ is red also sees the dog .`
    Several,
}

impl Template {
    /// Patterns of positive clues, in the order in which clozes prefer them.
    pub const CLUES: [Template; 8] = [
        Template::Adjectives,
        Template::Object,
        Template::Relative,
        Template::Subject,
        Template::PlaceObject,
        Template::ObjectRelative,
        Template::Place,
        Template::CopularRelative,
    ];

    /// All patterns.
    pub const ALL: [Template; 11] = [
        Template::Adjectives,
        Template::Object,
        Template::Relative,
        Template::Subject,
        Template::PlaceObject,
        Template::ObjectRelative,
        Template::Place,
        Template::CopularRelative,
        Template::Denial,
        Template::DeniedRelation,
        Template::Several,
    ];

    /// Its name in the `template` column.
    pub fn name(self) -> &'static str {
        match self {
            Template::Adjectives => "the A A _ is A",
            Template::Object => "the N V the A A _",
            Template::Relative => "the _ that V the N is A",
            Template::Subject => "the A _ V the N",
            Template::PlaceObject => "the N is P the A A _",
            Template::ObjectRelative => "the _ whom the N V is A",
            Template::Place => "the A _ is P the N",
            Template::CopularRelative => "the _ that is A V the N",
            Template::Denial => "the A _ is not A",
            Template::DeniedRelation => "the A _ V not the N",
            Template::Several => "the _ is A also V the N",
        }
    }
}

/// Draws until a clue fits.
const TRIES: usize = 48;

/// A true sentence about `noun`, in the family's language, under construction.
struct Clues<'m, 'w, 'r> {
    material: &'m Material<'w>,
    family: Family,
    noun: NounId,
    number: Number,
    /// Whether clue nouns are of other leaf types, which cannot be confused with candidates.
    far: bool,
    /// The noun's values not yet told, in drawn order.
    values: Vec<ValueId>,
    rng: &'r mut Stream,
}

impl Clues<'_, '_, '_> {
    fn value(&mut self) -> Option<ValueId> {
        self.values.pop()
    }

    /// `wanted` values; fewer where the noun's type has fewer, but never fewer than its fellows tell.
    fn adjectives(&mut self, wanted: usize, kept: usize) -> Option<Vec<ValueId>> {
        let of_type = self.material.world.ontology.nouns[self.noun as usize]
            .values
            .len();
        let n = wanted.min(of_type.saturating_sub(kept));
        (n <= self.values.len()).then(|| self.values.split_off(self.values.len() - n))
    }

    fn subject(&self, adjectives: Vec<ValueId>) -> Phrase {
        Phrase::plain(self.noun, self.number).with_adjectives(adjectives)
    }

    /// A true (relation, other noun) of a class.
    fn partner(
        &mut self,
        index: &[Vec<(u16, NounId)>],
        class: RelationClass,
    ) -> Option<(u16, Phrase)> {
        let material = self.material;
        let relations = &material.world.ontology.relations;
        let fits: Vec<(u16, NounId)> = index[self.noun as usize]
            .iter()
            .copied()
            .filter(|&(relation, other)| {
                relations[usize::from(relation)].class == class
                    && other != self.noun
                    && material.is_clue(self.family, other)
                    && !(self.far && material.kind(other) == material.kind(self.noun))
            })
            .collect();
        let &(relation, other) = pick(self.rng, &fits)?;
        Some((relation, Phrase::plain(other, any_number(self.rng))))
    }

    fn object(&mut self, class: RelationClass) -> Option<Property> {
        let index = &self.material.as_subject;
        let (relation, object) = self.partner(index, class)?;
        Some(Property::relation(relation, object))
    }

    fn statement(&mut self, template: Template) -> Option<Statement> {
        use RelationClass::{Adposition, Verb};
        Some(match template {
            Template::Adjectives => {
                let adjectives = self.adjectives(2, 1)?;
                let property = Property::value(self.value()?);
                Statement::new(self.subject(adjectives), property)
            }
            Template::Object | Template::PlaceObject => {
                let class = if template == Template::Object {
                    Verb
                } else {
                    Adposition
                };
                let adjectives = self.adjectives(2, 0)?;
                let (relation, subject) = self.partner(&self.material.as_object, class)?;
                Statement::new(
                    subject,
                    Property::relation(relation, self.subject(adjectives)),
                )
            }
            Template::Relative => {
                let clause = Relative::Subject(self.object(Verb)?);
                let property = Property::value(self.value()?);
                Statement::new(self.subject(Vec::new()).with_relative(clause), property)
            }
            Template::Subject | Template::Place => {
                let class = if template == Template::Subject {
                    Verb
                } else {
                    Adposition
                };
                let adjectives = self.adjectives(1, 0)?;
                let property = self.object(class)?;
                Statement::new(self.subject(adjectives), property)
            }
            Template::ObjectRelative => {
                let (verb, subject) = self.partner(&self.material.as_object, Verb)?;
                let clause = Relative::Object { verb, subject };
                let property = Property::value(self.value()?);
                Statement::new(self.subject(Vec::new()).with_relative(clause), property)
            }
            Template::CopularRelative => {
                let clause = Relative::Subject(Property::value(self.value()?));
                let property = self.object(Verb)?;
                Statement::new(self.subject(Vec::new()).with_relative(clause), property)
            }
            Template::Denial => {
                let adjectives = self.adjectives(1, 1)?;
                let own = self.value()?;
                let property = Property::Value {
                    value: self.other_value(own)?,
                    positive: false,
                };
                Statement::new(self.subject(adjectives), property)
            }
            Template::DeniedRelation => {
                let adjectives = self.adjectives(1, 0)?;
                let Property::Relation {
                    relation,
                    mut object,
                    ..
                } = self.object(Verb)?
                else {
                    return None;
                };
                object.noun = self.stranger(relation)?;
                let property = Property::Relation {
                    relation,
                    object,
                    positive: false,
                };
                Statement::new(self.subject(adjectives), property)
            }
            Template::Several => {
                let first = Property::value(self.value()?);
                let mut statement = Statement::new(self.subject(Vec::new()), first);
                statement.properties.push(self.object(Verb)?);
                statement
            }
        })
    }

    /// Another value of the same attribute.
    fn other_value(&mut self, own: ValueId) -> Option<ValueId> {
        self.material.other_value(own, self.rng)
    }

    /// A noun of the relation's object type to which the noun does not stand in it.
    fn stranger(&mut self, relation: u16) -> Option<NounId> {
        let material = self.material;
        let ontology = &material.world.ontology;
        let wanted = ontology.relations[usize::from(relation)].object;
        let kinds: Vec<&Vec<NounId>> = material
            .leaves
            .iter()
            .filter(|(kind, _)| ontology.is_a(*kind, wanted))
            .map(|(_, nouns)| nouns)
            .collect();
        let nouns = pick(self.rng, &kinds)?;
        let other = *pick(self.rng, nouns)?;
        let strange = other != self.noun
            && material.is_clue(self.family, other)
            && !ontology.holds(usize::from(relation), self.noun, other);
        strange.then_some(other)
    }
}

impl Material<'_> {
    /// Another value of the same attribute.
    pub fn other_value(&self, own: ValueId, rng: &mut Stream) -> Option<ValueId> {
        let ontology = &self.world.ontology;
        let attribute = &ontology.attributes[ontology.attribute_of(own)];
        let all: Vec<ValueId> = (attribute.first_value
            ..attribute.first_value + u32::from(attribute.n_values))
            .filter(|&value| value != own)
            .collect();
        pick(rng, &all).copied()
    }

    fn draw(
        &self,
        template: Template,
        family: Family,
        (noun, number): (NounId, Number),
        far: bool,
        rng: &mut Stream,
    ) -> Option<Statement> {
        let mut values = self.values(family, noun);
        values.shuffle(rng);
        let mut clues = Clues {
            material: self,
            family,
            noun,
            number,
            far,
            values,
            rng,
        };
        clues
            .statement(template)
            .filter(|statement| self.allows(family, statement, &[noun]))
    }

    /// A true sentence about the noun that the family may say.
    pub fn sentence(
        &self,
        template: Template,
        family: Family,
        noun: (NounId, Number),
        rng: &mut Stream,
    ) -> Option<Statement> {
        (0..TRIES).find_map(|_| self.draw(template, family, noun, false, rng))
    }

    /// A true sentence whose clues determine the noun among all nouns of the world, unlike those in `used`;
    /// with clue nouns of other leaf types where that can be had.
    pub fn determining(
        &self,
        template: Template,
        family: Family,
        noun: (NounId, Number),
        used: &[Statement],
        rng: &mut Stream,
    ) -> Option<Statement> {
        [true, false].into_iter().find_map(|far| {
            (0..TRIES).find_map(|_| {
                self.draw(template, family, noun, far, rng)
                    .filter(|statement| {
                        !used.contains(statement) && self.determines(statement, noun.0)
                    })
            })
        })
    }
}
