//! What the probes' tests share: worlds, their rows, and a reader that knows a sentence only by its words.

use std::sync::LazyLock;

use corpus::tables::ProbeRow;
use corpus::{Condition, Language, ProbeStage};
use seed::Seed;
use world::form::Inflection;
use world::meaning::{Fact, Meaning, Predicate};
use world::ontology::NounId;
use world::{Recogniser, Side, World, WorldConfig};

use super::material::renamed;
use super::probes;
use crate::tables::side;

const GRAMMAR: &str = include_str!("../../../../data/grammars/core.grammar");
pub const CORPUS_SEED: Seed = Seed(5);

/// A world and its probes.
pub struct Case {
    pub world: World,
    pub rows: Vec<ProbeRow>,
}

pub static TINY: LazyLock<Case> = LazyLock::new(|| case(tiny(), GRAMMAR));
pub static DEMO: LazyLock<Case> = LazyLock::new(|| {
    let text = include_str!("../../../../data/worlds/demo.toml");
    case(toml::from_str(text).unwrap(), GRAMMAR)
});

pub fn tiny() -> WorldConfig {
    toml::from_str(include_str!("../../../../data/worlds/tiny.toml")).unwrap()
}

pub fn grammar() -> &'static str {
    GRAMMAR
}

pub fn build(config: WorldConfig) -> World {
    World::build(config, GRAMMAR, Seed(3)).unwrap()
}

pub fn case(config: WorldConfig, grammar: &str) -> Case {
    let world = World::build(config, grammar, Seed(3)).unwrap();
    let rows = probes(&world, CORPUS_SEED).unwrap();
    Case { world, rows }
}

impl Case {
    pub fn of(&self, stage: ProbeStage, phenomenon: &str, condition: Condition) -> Vec<&ProbeRow> {
        let wanted = |row: &&ProbeRow| {
            row.stage == stage && row.phenomenon == phenomenon && row.condition == condition
        };
        self.rows.iter().filter(wanted).collect()
    }

    pub fn reader(&self) -> Reader<'_> {
        Reader {
            world: &self.world,
            recognisers: Side::ALL.map(|side| Recogniser::new(&self.world, side)),
        }
    }

    /// The crossed items of a phenomenon: (row of x, row of y).
    pub fn crossed(
        &self,
        stage: ProbeStage,
        phenomenon: &str,
        condition: Condition,
    ) -> Vec<[&ProbeRow; 2]> {
        let rows = self.of(stage, phenomenon, condition);
        let first = |row: &&ProbeRow| row.crossed_with.is_some_and(|other| other > row.probe);
        rows.into_iter()
            .filter(first)
            .map(|row| [row, &self.rows[row.crossed_with.unwrap() as usize]])
            .collect()
    }
}

/// Reads sentences independently of how they were made.
pub struct Reader<'a> {
    world: &'a World,
    recognisers: [Recogniser<'a>; 2],
}

impl Reader<'_> {
    /// What a sentence means; `None` if it is ungrammatical.
    pub fn meaning(&self, language: Language, sentence: &str) -> Option<Meaning> {
        let recogniser = &self.recognisers[usize::from(language == Language::Minority)];
        let nodes = recogniser.parse(sentence.strip_suffix(" .").unwrap())?;
        Some(recogniser.meaning(&nodes).normalised())
    }

    pub fn is_true(&self, meaning: &Meaning) -> bool {
        meaning
            .facts
            .iter()
            .all(|fact| fact.is_true(&self.world.ontology))
    }

    /// The nouns that could stand in the place of `noun` with everything still true.
    pub fn answers(&self, meaning: &Meaning, noun: NounId) -> Vec<NounId> {
        let true_of = |other: &NounId| {
            let is_true = |fact: &Fact| renamed(*fact, noun, *other).is_true(&self.world.ontology);
            meaning.facts.iter().all(is_true)
        };
        (0..self.world.ontology.nouns.len() as NounId)
            .filter(true_of)
            .collect()
    }

    /// Whether B holds the cell out.
    pub fn holds_out(&self, fact: &Fact) -> bool {
        let mask = &self.world.mask;
        match fact.predicate {
            Predicate::Value(value) => {
                let attribute = self.world.ontology.attribute_of(value) as u16;
                mask.attribute_cells.contains(&(fact.subject, attribute))
            }
            Predicate::Relation(relation, object) => {
                mask.relation_cells
                    .contains(&(relation, fact.subject, object))
            }
        }
    }

    /// The words of a sentence as concepts and inflections.
    pub fn abstract_words(&self, language: Language, sentence: &str) -> Vec<(u32, Inflection)> {
        let by_form = self.world.lexicon(side(language)).by_form();
        sentence
            .split(' ')
            .filter_map(|word| {
                by_form
                    .get(word)
                    .map(|entry| (entry.concept, entry.inflection))
            })
            .collect()
    }
}
