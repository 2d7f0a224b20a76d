//! The flags of `lang-gen`, laid over the world file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use seed::Seed;
use world::WorldConfig;
use world::form::{DivergenceKind, Script};

/// What to generate.
#[derive(Debug, Clone, Args)]
pub struct GenerateFlags {
    /// World file (data/worlds/*.toml)
    #[arg(long, value_name = "FILE")]
    pub world: PathBuf,
    /// Directory to write
    #[arg(long, value_name = "LANG")]
    pub out: PathBuf,
    /// Both seeds at once: --world-seed and --corpus-seed
    #[arg(long, value_name = "N", conflicts_with_all = ["world_seed", "corpus_seed"])]
    pub seed: Option<u64>,
    /// Seed of ontology, lexicons and mask
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub world_seed: u64,
    /// Seed of the derivations told and of the probes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub corpus_seed: u64,
    /// Distance of B's forms from A's, from 0 to 1: mean edit distance over the longer form's length (LDN); for
    /// replacement, the share of lexemes [default: the world file's]
    #[arg(long, value_name = "X")]
    pub lexical_distance: Option<f64>,
    /// How B's forms come from A's [default: the world file's]
    #[arg(long, value_enum, value_name = "KIND")]
    pub divergence: Option<DivergenceFlag>,
    /// B's alphabet [default: the world file's]
    #[arg(long, value_enum)]
    pub script: Option<ScriptFlag>,
    /// Control: permute B's noun forms over concepts
    #[arg(long)]
    pub shuffled_pairing: bool,
    /// B's share of the training documents, from 0 to 1 [default: the world file's]
    #[arg(long, value_name = "X")]
    pub minority_share: Option<f64>,
    /// Share of each type's nouns that B never states, from 0 to 1 [default: the world file's]
    #[arg(long, value_name = "X")]
    pub mask_share: Option<f64>,
    /// Control: let B's training text state the masked nouns (B†) as well; masks, validation text and probes stay as they
    /// are, so that condition masked measures its ceiling
    #[arg(long)]
    pub b_unmasked: bool,
    /// Training documents of both languages together [default: the world file's]
    #[arg(long, value_name = "N")]
    pub documents: Option<u64>,
    /// Go on after a killed run; exit 0 where LANG is whole with the same configuration
    #[arg(long)]
    pub resume: bool,
}

/// `--divergence`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DivergenceFlag {
    /// A share of the segments is substituted, irregularly
    Substitution,
    /// Some phonemes change everywhere, regularly
    Correspondence,
    /// A share of the lexemes is unrelated
    Replacement,
}

/// `--script`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScriptFlag {
    /// A's letters
    Shared,
    /// Letters of its own
    Disjoint,
}

/// A world file with the flags laid over it, and its grammar's text.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The knobs.
    pub config: WorldConfig,
    /// The grammar file's text.
    pub grammar: String,
    /// Where the grammar was read.
    pub grammar_path: PathBuf,
    /// What errors of the knobs name: the world file, and the flags where they change it.
    pub source: String,
    /// Seed of ontology, lexicons and mask.
    pub world_seed: Seed,
    /// Seed of text and probes.
    pub corpus_seed: Seed,
}

/// Reads the world file and its grammar and lays the flags over them.
///
/// # Errors
/// A file that cannot be read; an unknown or missing key, with its line.
pub fn resolve(flags: &GenerateFlags) -> anyhow::Result<Resolved> {
    let path = &flags.world;
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot read the world file", path.display()))?;
    let mut config: WorldConfig = toml::from_str(&text).map_err(|error| {
        let at = error.span().map(|span| span.start);
        command::error_at(path, &text, at, error.message())
    })?;
    let from_file = config.clone();
    if let Some(distance) = flags.lexical_distance {
        config.divergence.distance = distance;
    }
    if let Some(kind) = flags.divergence {
        config.divergence.kind = match kind {
            DivergenceFlag::Substitution => DivergenceKind::Substitution,
            DivergenceFlag::Correspondence => DivergenceKind::Correspondence,
            DivergenceFlag::Replacement => DivergenceKind::Replacement,
        };
    }
    if let Some(script) = flags.script {
        config.divergence.script = match script {
            ScriptFlag::Shared => Script::Shared,
            ScriptFlag::Disjoint => Script::Disjoint,
        };
    }
    config.divergence.shuffled_pairing |= flags.shuffled_pairing;
    if let Some(share) = flags.minority_share {
        config.corpus.minority_share = share;
    }
    if let Some(share) = flags.mask_share {
        config.mask.share = share;
    }
    config.mask.stated |= flags.b_unmasked;
    if let Some(documents) = flags.documents {
        config.corpus.documents = documents;
    }
    let source = match config == from_file {
        true => path.display().to_string(),
        false => format!("{}, changed by flags", path.display()),
    };
    let grammar_path = path
        .parent()
        .unwrap_or(Path::new("."))
        .join(&config.grammar);
    let grammar = std::fs::read_to_string(&grammar_path).with_context(|| {
        format!(
            "{}: cannot read the grammar that {} names",
            grammar_path.display(),
            path.display()
        )
    })?;
    // The manifest knows no paths: the name is enough beside the grammar's own hash.
    config.grammar = grammar_path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Resolved {
        config,
        grammar,
        grammar_path,
        source,
        world_seed: Seed(flags.seed.unwrap_or(flags.world_seed)),
        corpus_seed: Seed(flags.seed.unwrap_or(flags.corpus_seed)),
    })
}
