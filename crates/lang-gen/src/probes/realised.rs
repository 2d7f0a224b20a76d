//! What the clozes turned out to be, read off their rows: contexts and candidates by leaf type, and where there are fewer
//! than a study can lean on.

use std::collections::BTreeMap;

use corpus::tables::ProbeRow;
use corpus::{Condition, Language, ProbeSet};
use serde::Serialize;
use serde_json::{Value, json};
use world::World;
use world::ontology::TypeId;

/// Contexts that every noun of a primary set should have at least.
pub const FEWEST_CONTEXTS: usize = 4;
/// Masked nouns that every leaf type should have at least, where nouns are masked.
pub const FEWEST_MASKED: usize = 8;

/// B's primary sets of one leaf type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeClozes {
    /// The type's name.
    pub r#type: String,
    /// Contexts of the noun that has fewest; 0 where masked nouns have none.
    pub contexts: usize,
    /// Masked candidates.
    pub masked: usize,
    /// Seen candidates.
    pub seen: usize,
}

/// The clozes of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clozes {
    /// Contexts of each noun that are wanted: as configured, and [`FEWEST_CONTEXTS`] at least.
    pub wanted: usize,
    /// Whether the world masks nouns.
    pub masks: bool,
    /// By leaf type.
    pub types: Vec<TypeClozes>,
}

/// Counts the rows of `probes.parquet`.
pub fn clozes(world: &World, rows: &[ProbeRow]) -> Clozes {
    let masks = world.mask.masked.contains(&true);
    let of_type = |kind: TypeId| {
        let name = &world.ontology.types[usize::from(kind)].name;
        let mut contexts: BTreeMap<u32, usize> = BTreeMap::new();
        let (mut masked, mut seen) = (0, 0);
        let of_type = rows.iter().filter(|row| {
            row.set == ProbeSet::Primary
                && row.language == Language::Minority
                && row.r#type.as_ref() == Some(name)
        });
        for row in of_type {
            let n_candidates = match row.condition {
                Condition::Masked | Condition::Identical => &mut masked,
                Condition::Majority | Condition::Minority => &mut seen,
            };
            *n_candidates = row.candidates.len().max(*n_candidates);
            if let Some(concept) = row.concept {
                *contexts.entry(concept).or_default() += 1;
            }
        }
        let fewest = contexts.into_values().min().unwrap_or(0);
        TypeClozes {
            r#type: name.clone(),
            contexts: if masks && masked == 0 { 0 } else { fewest },
            masked,
            seen,
        }
    };
    Clozes {
        wanted: (world.config.probes.contexts as usize).max(FEWEST_CONTEXTS),
        masks,
        types: world.ontology.leaves().map(of_type).collect(),
    }
}

impl Clozes {
    fn lacks_contexts(&self, of_type: &TypeClozes) -> bool {
        of_type.contexts < self.wanted
    }

    fn lacks_masked(&self, of_type: &TypeClozes) -> bool {
        self.masks && of_type.masked < FEWEST_MASKED
    }

    fn is_unequal(&self, of_type: &TypeClozes) -> bool {
        self.masks && of_type.masked != of_type.seen
    }

    /// Requested and realised, for the manifest.
    pub fn measured(&self) -> Value {
        let fewest = |of: fn(&TypeClozes) -> usize| self.types.iter().map(of).min();
        let short: Vec<&TypeClozes> = self
            .types
            .iter()
            .filter(|of_type| {
                self.lacks_contexts(of_type)
                    || self.lacks_masked(of_type)
                    || self.is_unequal(of_type)
            })
            .collect();
        json!({
            "contexts": { "requested": self.wanted, "fewest": fewest(|of_type| of_type.contexts) },
            "masked_candidates": {
                "requested": if self.masks { FEWEST_MASKED } else { 0 },
                "fewest": fewest(|of_type| of_type.masked),
            },
            "seen_candidates": { "fewest": fewest(|of_type| of_type.seen) },
            "short_types": short,
        })
    }

    /// What there is too little of, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let n_types = self.types.len();
        let warning = |is_short: fn(&Clozes, &TypeClozes) -> bool, what: &str, cure: &str| {
            let mut short = self.types.iter().filter(|of_type| is_short(self, of_type));
            let first = short.next()?;
            let n_short = 1 + short.count();
            let TypeClozes {
                r#type,
                contexts,
                masked,
                seen,
            } = first;
            Some(format!(
                "probes: {n_short} of {n_types} leaf types {what}; {type} has {contexts} contexts, {masked} masked and {seen} \
                 seen candidates: {cure}"
            ))
        };
        let contexts = format!("have fewer than {} cloze contexts for a noun", self.wanted);
        let masked = format!("have fewer than {FEWEST_MASKED} masked nouns to choose from");
        [
            warning(
                Clozes::lacks_contexts,
                &contexts,
                "add attributes or relations, mask or hold out less, or raise probes.contexts where it is lower",
            ),
            warning(
                Clozes::lacks_masked,
                &masked,
                "raise nouns_per_type or mask.share; a study's results need them",
            ),
            warning(
                Clozes::is_unequal,
                "have primary sets of unequal size, and so another chance for seen than for masked nouns",
                "mask at most half of a type, or add attributes or relations",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::testing::{Case, DEMO, TINY, case, grammar, tiny};

    fn clozes_of(case: &Case) -> Clozes {
        clozes(&case.world, &case.rows)
    }

    /// Tiny and demo have 4 contexts, 8 masked and 8 seen candidates in each type: nothing is short.
    #[test]
    fn the_shipped_worlds_lack_nothing() {
        for (case, n_types) in [(&*TINY, 4), (&*DEMO, 4)] {
            let clozes = clozes_of(case);
            assert_eq!(clozes.types.len(), n_types);
            for of_type in &clozes.types {
                assert_eq!((of_type.contexts, of_type.masked, of_type.seen), (4, 8, 8));
            }
            assert_eq!(clozes.warnings(), Vec::<String>::new());
            let expected = json!({
                "contexts": { "requested": 4, "fewest": 4 },
                "masked_candidates": { "requested": 8, "fewest": 8 },
                "seen_candidates": { "fewest": 8 },
                "short_types": [],
            });
            assert_eq!(clozes.measured(), expected);
        }
    }

    /// Rows taken away are counted as missing: 4 masked and 4 seen candidates, of one noun only three contexts.
    #[test]
    fn what_is_missing_is_counted() {
        let mut rows = TINY.rows.clone();
        let names: Vec<&str> = TINY
            .world
            .ontology
            .types
            .iter()
            .map(|node| &*node.name)
            .collect();
        let is_primary = |row: &ProbeRow, name: &str| {
            row.set == ProbeSet::Primary
                && row.language == Language::Minority
                && row.r#type.as_deref() == Some(name)
        };
        // entity.1.1 loses one cloze, entity.1.2 all of seen nouns, entity.2.1 all.
        let one = rows
            .iter()
            .position(|row| is_primary(row, names[3]))
            .unwrap();
        rows.remove(one);
        rows.retain(|row| {
            let is_seen = row.condition == Condition::Minority;
            let is_taken = (is_primary(row, names[4]) && is_seen) || is_primary(row, names[5]);
            !is_taken
        });
        let clozes = clozes(&TINY.world, &rows);
        let found: Vec<(usize, usize, usize)> = clozes
            .types
            .iter()
            .map(|of_type| (of_type.contexts, of_type.masked, of_type.seen))
            .collect();
        assert_eq!(found, [(3, 8, 8), (4, 8, 0), (0, 0, 0), (4, 8, 8)]);
        let warnings = clozes.warnings();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].starts_with(
            "probes: 2 of 4 leaf types have fewer than 4 cloze contexts for a noun; entity.1.1 has 3 contexts, 8 masked and 8 \
             seen candidates: "
        ));
        assert!(warnings[1].starts_with("probes: 1 of 4 leaf types have fewer than 8 masked"));
        assert!(warnings[2].starts_with(
            "probes: 1 of 4 leaf types have primary sets of unequal size, and so another chance for seen than for masked \
             nouns; entity.1.2 has 4 contexts, 8 masked and 0 seen candidates: "
        ));
        let measured = clozes.measured();
        assert_eq!(measured["contexts"]["fewest"], 0);
        assert_eq!(measured["short_types"].as_array().unwrap().len(), 3);
    }

    /// 4 of 16 nouns masked are fewer than 8; 12 masked leave 4 to be seen beside them.
    #[test]
    fn masks_of_another_size_are_told() {
        let with = |share| {
            let mut config = tiny();
            config.mask.share = share;
            config.mask.held_out_share = 0.0;
            config.probes.items = 1;
            config.probes.ladder = 0;
            clozes_of(&case(config, grammar()))
        };
        let few = with(0.25);
        assert!(few.types.iter().all(|of_type| of_type.masked == 4));
        let warnings = few.warnings();
        let is_told = |warnings: &[String], words: &str| {
            warnings.iter().any(|warning| warning.contains(words))
        };
        assert!(
            is_told(&warnings, "4 of 4 leaf types have fewer than 8 masked"),
            "{warnings:?}"
        );
        let many = with(0.75).warnings();
        assert!(is_told(&many, "unequal size"), "{many:?}");
        // Without masks none are missed.
        let none = with(0.0);
        assert!(
            none.types
                .iter()
                .all(|of_type| (of_type.masked, of_type.seen) == (0, 4))
        );
        assert_eq!(none.warnings(), Vec::<String>::new());
        assert_eq!(none.measured()["masked_candidates"]["requested"], 0);
    }
}
