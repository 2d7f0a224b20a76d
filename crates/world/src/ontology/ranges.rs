//! Which sizes of an ontology can be.

use super::OntologyError;
use crate::config::{AttributeConfig, OntologyConfig};

/// Leaf types of a world.
const MOST_LEAVES: u64 = 1000;
/// Levels of the type tree below its root: with [`MOST_LEAVES`] on each, every node has a [`TypeId`].
const MOST_LEVELS: usize = 64;
/// Attributes, and relations, of a world: they are numbered by 16 bits.
const MOST_PREDICATES: u64 = 65_535;
/// Values of all attributes together, as many as there may be nouns.
const MOST_VALUES: u64 = 1_000_000;

/// Refuses numbers that make no ontology, or more than the ids can tell apart.
pub(super) fn check(config: &OntologyConfig) -> Result<(), OntologyError> {
    let range = |field, expected: &str, found: String| OntologyError::Range {
        field,
        expected: expected.to_owned(),
        found,
    };
    let leaves = config
        .branching
        .iter()
        .try_fold(1_u64, |product, &n| product.checked_mul(n.into()))
        .filter(|leaves| {
            (1..=MOST_LEAVES).contains(leaves) && config.branching.len() <= MOST_LEVELS
        });
    let Some(leaves) = leaves else {
        return Err(range(
            "branching",
            &format!("1 to {MOST_LEAVES} leaf types below at most {MOST_LEVELS} levels"),
            shown(&config.branching),
        ));
    };
    if config.nouns_per_type < 2 || leaves * u64::from(config.nouns_per_type) > 1_000_000 {
        return Err(range(
            "nouns_per_type",
            "at least 2 nouns a type and at most 1000000 in all",
            format!("{} in each of {leaves} types", config.nouns_per_type),
        ));
    }
    if !(0.0..=4.0).contains(&config.zipf_exponent) {
        return Err(range(
            "zipf_exponent",
            "a number from 0 to 4",
            config.zipf_exponent.to_string(),
        ));
    }
    let levels = config.branching.len();
    for attribute in &config.attributes {
        if attribute.level > levels || attribute.values < 2 || attribute.count == 0 {
            return Err(range(
                "attributes",
                &format!("level 0 to {levels}, count at least 1, values at least 2"),
                format!(
                    "level {}, count {}, values {}",
                    attribute.level, attribute.count, attribute.values
                ),
            ));
        }
    }
    for relation in &config.relations {
        if relation.level > levels || relation.objects_per_subject == 0 {
            return Err(range(
                "relations",
                &format!("level 0 to {levels}, objects_per_subject at least 1"),
                format!(
                    "level {}, objects_per_subject {}",
                    relation.level, relation.objects_per_subject
                ),
            ));
        }
    }
    // A level has no more types than there are leaves.
    let types_at = |level: usize| -> u64 {
        let above = config.branching.get(..level).unwrap_or_default();
        above.iter().map(|&n| u64::from(n)).product()
    };
    let attributes = |values_each: fn(&AttributeConfig) -> u16| -> u64 {
        let of_group = |group: &AttributeConfig| {
            types_at(group.level) * u64::from(group.count) * u64::from(values_each(group))
        };
        config.attributes.iter().map(of_group).sum()
    };
    let (n_attributes, n_values) = (attributes(|_| 1), attributes(|group| group.values));
    if n_attributes > MOST_PREDICATES || n_values > MOST_VALUES {
        return Err(range(
            "attributes",
            &format!("at most {MOST_PREDICATES} attributes and {MOST_VALUES} values in all types"),
            format!("{n_attributes} attributes and {n_values} values"),
        ));
    }
    let n_relations: u64 = config
        .relations
        .iter()
        .map(|relation| u64::from(relation.count))
        .sum();
    if n_relations > MOST_PREDICATES {
        return Err(range(
            "relations",
            &format!("at most {MOST_PREDICATES} relations"),
            n_relations.to_string(),
        ));
    }
    if !config.relations.iter().any(|relation| relation.count > 0) || config.attributes.is_empty() {
        return Err(range(
            "relations",
            "at least one relation and one attribute",
            "none".to_owned(),
        ));
    }
    Ok(())
}

/// The first levels, for messages.
fn shown(branching: &[u16]) -> String {
    const SHOWN: usize = 16;
    match branching.get(..SHOWN) {
        Some(first) if first.len() < branching.len() => {
            format!("{first:?} and {} levels more", branching.len() - SHOWN)
        }
        _ => format!("{branching:?}"),
    }
}
