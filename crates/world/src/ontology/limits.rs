//! What an ontology's configuration may ask for.

use super::OntologyError;
use crate::config::OntologyConfig;

/// Leaf types of a world.
const MOST_LEAVES: u64 = 1000;
/// Levels of the type tree below its root: with [`MOST_LEAVES`] on each, every node has a [`TypeId`](super::TypeId).
const MOST_LEVELS: usize = 64;
/// Attributes, and likewise relations: each has an index of 16 bits.
const MOST_INDICES: u64 = 65_536;
/// Values of all attributes together.
const MOST_VALUES: u64 = 1_000_000;

/// Refuses the first number of a configuration that is out of its range.
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
    let (n_attributes, n_values) = n_attributes(config);
    if n_attributes > MOST_INDICES || n_values > MOST_VALUES {
        return Err(range(
            "attributes",
            &format!(
                "at most {MOST_INDICES} attributes with {MOST_VALUES} values in all (each type of a level has count of its own)"
            ),
            format!("{n_attributes} attributes with {n_values} values"),
        ));
    }
    let n_relations: u64 = config
        .relations
        .iter()
        .map(|group| u64::from(group.count))
        .sum();
    if n_relations > MOST_INDICES {
        return Err(range(
            "relations",
            &format!("at most {MOST_INDICES} in all"),
            n_relations.to_string(),
        ));
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
    if !config.relations.iter().any(|relation| relation.count > 0) || config.attributes.is_empty() {
        return Err(range(
            "relations",
            "at least one relation and one attribute",
            "none".to_owned(),
        ));
    }
    Ok(())
}

/// How many attributes there will be and how many values they have together; counts too large to hold are the largest
/// number.
fn n_attributes(config: &OntologyConfig) -> (u64, u64) {
    let mut total = (0_u64, 0_u64);
    for group in &config.attributes {
        let kinds = config.branching[..group.level]
            .iter()
            .fold(1_u64, |product, &children| {
                product.saturating_mul(children.into())
            });
        let attributes = kinds.saturating_mul(group.count.into());
        let values = attributes.saturating_mul(group.values.into());
        total = (
            total.0.saturating_add(attributes),
            total.1.saturating_add(values),
        );
    }
    total
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
