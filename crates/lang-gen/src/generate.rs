//! From a world file to a LANG directory.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use corpus::tables::write_rows;
use corpus::{Fingerprint, Output, Request, Stage};
use serde_json::{Value, json};
use world::World;
use world::config::CorpusConfig;

use crate::corpus_files::{Counts, minority_documents, write_train, write_validation};
use crate::options::{GenerateFlags, Resolved, resolve};
use crate::probes::{self, realised};
use crate::tables;

/// Generates LANG and prints its path.
///
/// # Errors
/// A world that cannot be, with its numbers; a file that cannot be read or written.
pub fn run(flags: &GenerateFlags) -> Result<()> {
    let resolved = resolve(flags)?;
    let world = World::build(
        resolved.config.clone(),
        &resolved.grammar,
        resolved.world_seed,
    )
    .map_err(|error| resolved.refusal(&error))?;
    let configuration = configuration(&resolved)?;
    let request = Request {
        out: &flags.out,
        force: flags.force,
        resume: flags.resume,
        kind: Stage::Lang,
        tool: "lang-gen",
        configuration: &configuration,
        seeds: BTreeMap::from([
            ("world".to_owned(), resolved.world_seed.0),
            ("corpus".to_owned(), resolved.corpus_seed.0),
        ]),
        inputs: BTreeMap::new(),
    };
    if world.config.mask.stated {
        tracing::warn!(
            "--b-unmasked: B's training text states B† forms; a control, the ceiling of condition masked and no measure of transfer"
        );
    }
    let Some(output) = Output::begin(request)?.into_output() else {
        return command::print(format!("{}\n", flags.out.display()));
    };
    corpus::write_file(&output.path("world.json"), world.to_json()?.as_bytes())?;
    write_rows(&output.path("lexicon.parquet"), &tables::lexicon(&world))?;
    write_rows(&output.path("facts.parquet"), &tables::facts(&world))?;
    let counts = write_train(&world, resolved.corpus_seed, |name| output.path(name))?;
    let validation = write_validation(
        &world,
        resolved.corpus_seed,
        &output.path("validation.parquet"),
    )?;
    let probes = probes::probes(&world, resolved.corpus_seed)
        .with_context(|| format!("{}, {}", resolved.source, resolved.grammar_path.display()))?;
    write_rows(&output.path("probes.parquet"), &probes)?;
    let clozes = realised::clozes(&world, &probes);
    let mut measured = measured(&world, &counts, &validation, probes.len());
    measured["clozes"] = clozes.measured();
    output.publish(measured)?;
    // Only now, so that whoever reads of an error reads of nothing else.
    for warning in [clozes.warnings(), held_out_warnings(&world)].concat() {
        tracing::warn!("{}: {warning}", flags.out.display());
    }
    match untold(&world.config.corpus) {
        Some(Untold::AsAsked(note)) => tracing::info!("{}: {note}", flags.out.display()),
        Some(Untold::ByRounding(note)) => tracing::warn!("{}: {note}", flags.out.display()),
        None => {}
    }
    command::print(format!("{}\n", flags.out.display()))
}

/// The whole resolved configuration, without paths.
fn configuration(resolved: &Resolved) -> Result<Value> {
    let mut configuration = serde_json::to_value(&resolved.config)?;
    configuration["grammar_blake3"] = Fingerprint::of(resolved.grammar.as_bytes())
        .to_string()
        .into();
    configuration["script"] = configuration["divergence"]["script"].clone();
    Ok(configuration)
}

/// Kinds of cells of which a share was to be held out and none is.
fn held_out_warnings(world: &World) -> Vec<String> {
    let mask = &world.mask;
    let share = world.config.mask.held_out_share;
    let warning = |kind: &str, cells: usize, cure: &str| {
        (share > 0.0 && cells == 0)
            .then(|| format!("mask.held_out_share {share}: no {kind} is held out: {cure}"))
    };
    let attribute = warning(
        "attribute cell",
        mask.attribute_cells.len(),
        "in no type do two unmasked nouns differ in an attribute; mask fewer nouns or add values",
    );
    let relation = warning(
        "relation cell",
        mask.relation_cells.len(),
        "no two true pairs of unmasked nouns have false crossings; mask fewer nouns or add relations",
    );
    attribute.into_iter().chain(relation).collect()
}

/// A language that no training document is in, and what to say of it.
#[derive(Debug, PartialEq)]
enum Untold {
    /// The share asks for it: a control.
    AsAsked(String),
    /// The documents are too few for the share.
    ByRounding(String),
}

fn untold(corpus: &CorpusConfig) -> Option<Untold> {
    let (documents, share) = (corpus.documents, corpus.minority_share);
    let (language, to_raise) = match minority_documents(documents, share) {
        0 => ("B", "--documents or --minority-share"),
        all if all == documents => ("A", "--documents or lower --minority-share"),
        _ => return None,
    };
    let none = format!("no training document is in {language}");
    Some(match share == 0.0 || share == 1.0 {
        true => Untold::AsAsked(format!("{none}, as minority share {share} asks")),
        false => Untold::ByRounding(format!(
            "{none} (documents {documents}, minority share {share}): raise {to_raise}"
        )),
    })
}

/// Requested beside realised: shares, mask, distance.
fn measured(world: &World, train: &Counts, validation: &Counts, n_probes: usize) -> Value {
    let share = |minority: u64, majority: u64| match minority + majority {
        0 => Value::Null,
        both => json!(minority as f64 / both as f64),
    };
    let n_masked = world.mask.masked.iter().filter(|&&masked| masked).count();
    let n_unmasked = world.mask.masked.len() - n_masked;
    let unmasked_attribute_cells: usize = (0..world.mask.masked.len())
        .filter(|&noun| !world.mask.masked[noun])
        .map(|noun| world.ontology.nouns[noun].values.len())
        .sum();
    let open_pairs = |held_out: bool| {
        let pairs = world
            .ontology
            .relations
            .iter()
            .enumerate()
            .flat_map(|(index, relation)| {
                relation
                    .pairs
                    .iter()
                    .map(move |&(subject, object)| (index as u16, subject, object))
            });
        pairs
            .filter(|&(_, subject, object)| {
                !world.mask.masked[subject as usize] && !world.mask.masked[object as usize]
            })
            .filter(|cell| !held_out || world.mask.relation_cells.binary_search(cell).is_ok())
            .count()
    };
    let realised = &world.lexicons.realised;
    let correspondences: Vec<String> = realised
        .correspondences
        .iter()
        .map(|(from, to)| format!("{from}→{to}"))
        .collect();
    json!({
        "train": train,
        "validation": validation,
        "minority_share": {
            "requested": world.config.corpus.minority_share,
            "realised_documents": share(train.minority.documents, train.majority.documents),
            "realised_characters": share(train.minority.characters, train.majority.characters),
        },
        "mask_share": {
            "requested": world.config.mask.share,
            "realised": n_masked as f64 / world.mask.masked.len().max(1) as f64,
            "masked_nouns": n_masked,
            "unmasked_nouns": n_unmasked,
        },
        "held_out_share": {
            "requested": world.config.mask.held_out_share,
            "realised_attributes": world.mask.attribute_cells.len() as f64 / unmasked_attribute_cells.max(1) as f64,
            "realised_relations": open_pairs(true) as f64 / open_pairs(false).max(1) as f64,
            "attribute_cells": world.mask.attribute_cells.len(),
            "relation_cells": world.mask.relation_cells.len(),
        },
        "distance": {
            "requested": world.config.divergence.distance,
            "phonological": realised.phonological,
            "surface": realised.surface,
            "identical": realised.identical,
            "replaced": realised.replaced,
            "correspondences": correspondences,
            "unshuffled_nouns": realised.unshuffled_nouns,
        },
        "accidental": {
            "masked_form_is_a_majority_form": realised.accidentally_equal(),
            "masked_form_is_part_of_a_majority_form": realised.accidentally_part(),
        },
        "probes": n_probes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_without_a_training_document_is_told() {
        let text = include_str!("../../../data/worlds/tiny.toml");
        let mut config: world::WorldConfig = toml::from_str(text).unwrap();
        let mut told = |documents, minority_share| {
            config.corpus.documents = documents;
            config.corpus.minority_share = minority_share;
            untold(&config.corpus)
        };
        assert_eq!(told(2, 0.3), None);
        assert_eq!(
            told(1, 0.3),
            Some(Untold::ByRounding(
                "no training document is in B (documents 1, minority share 0.3): \
                 raise --documents or --minority-share"
                    .to_owned()
            ))
        );
        assert_eq!(
            told(1, 0.5),
            Some(Untold::ByRounding(
                "no training document is in A (documents 1, minority share 0.5): \
                 raise --documents or lower --minority-share"
                    .to_owned()
            ))
        );
        for (share, language) in [(0.0, "B"), (1.0, "A")] {
            let asked =
                format!("no training document is in {language}, as minority share {share} asks");
            assert_eq!(told(1000, share), Some(Untold::AsAsked(asked)));
        }
    }
}
