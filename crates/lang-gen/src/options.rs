//! The flags of `lang-gen`, laid over the world file.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use seed::Seed;
use world::form::{DivergenceKind, Script};
use world::{WorldConfig, WorldError};

use crate::world_file;

/// What to generate.
#[derive(Debug, Clone, Args)]
pub struct GenerateFlags {
    /// World file (data/worlds/*.toml): all knobs, and where the grammar is; a flag below counts in place of its knob
    #[arg(long, value_name = "FILE")]
    pub world: PathBuf,
    /// Directory to write; until it is whole, its files lie in LANG.partial
    #[arg(long, value_name = "LANG")]
    pub out: PathBuf,
    /// Both seeds at once, in place of --world-seed and --corpus-seed
    #[arg(long, value_name = "N", conflicts_with_all = ["world_seed", "corpus_seed"])]
    pub seed: Option<u64>,
    /// Seed of ontology, lexicons and mask
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub world_seed: u64,
    /// Seed of the derivations told and of the probes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub corpus_seed: u64,
    /// Distance of B's forms from A's, from 0 (the same) to 1: mean edit distance over the longer form's length (LDN);
    /// for replacement, the share of lexemes replaced [default: the world file's]
    #[arg(long, value_name = "X")]
    pub lexical_distance: Option<f64>,
    /// How B's forms come from A's [default: the world file's]
    #[arg(long, value_enum, value_name = "KIND")]
    pub divergence: Option<DivergenceFlag>,
    /// B's alphabet; A's is a to z [default: the world file's]
    #[arg(long, value_enum)]
    pub script: Option<ScriptFlag>,
    /// Control: permute B's noun forms over the concepts of a type, so that the two forms of a concept resemble each
    /// other no more than those of any two [default: the world file's, else not]
    #[arg(long)]
    pub shuffled_pairing: bool,
    /// B's share of the training documents (not of their characters), from 0 to 1 [default: the world file's]
    #[arg(long, value_name = "X")]
    pub minority_share: Option<f64>,
    /// Share of each type's nouns that B never states, from 0 (none) to 1; else it must leave at least 2 masked and 2
    /// unmasked nouns in every type [default: the world file's]
    #[arg(long, value_name = "X")]
    pub mask_share: Option<f64>,
    /// Control: let B's training text state the masked nouns (B†) as well; masks, validation text and probes stay as
    /// they are, so that condition masked measures its ceiling [default: the world file's, else not]
    #[arg(long)]
    pub b_unmasked: bool,
    /// Training documents of both languages together, at least 1 [default: the world file's]
    #[arg(long, value_name = "N")]
    pub documents: Option<u64>,
    /// Take over what a killed run left in LANG.partial and write it anew; exit 0 at once where LANG is whole with the
    /// same configuration
    #[arg(long)]
    pub resume: bool,
    /// Replace an existing LANG, once the new one is whole
    #[arg(long)]
    pub force: bool,
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
    /// What errors of several knobs name: the world file and the flags that were given.
    pub source: String,
    /// The world file, and its text.
    world: (PathBuf, String),
    given: Vec<Given>,
    /// Seed of ontology, lexicons and mask.
    pub world_seed: Seed,
    /// Seed of text and probes.
    pub corpus_seed: Seed,
}

/// A flag that was given, and the key that it sets.
#[derive(Debug, Clone)]
struct Given {
    key: &'static str,
    flag: &'static str,
    /// Nothing for a switch.
    value: String,
}

impl Resolved {
    /// A world that cannot be, told of what asks for it: the flag, the line of the world file or of the grammar, or the
    /// world file with all flags.
    pub fn refusal(&self, error: &WorldError) -> anyhow::Error {
        let message = error.to_string();
        if let WorldError::Grammar(error) = error {
            return anyhow!("{}: {error}", self.grammar_path.display());
        }
        let Some(key) = error.key() else {
            return anyhow!("{}: {message}", self.source);
        };
        let Some(Given { flag, value, .. }) = self.given.iter().find(|given| given.key == key)
        else {
            let (path, text) = &self.world;
            return world_file::error_at_key(path, text, &key, &message);
        };
        // The value stands behind its flag already.
        let found = format!(", found {value}");
        let expected = message.strip_prefix(&format!("{key}: "));
        let expected = expected.unwrap_or(&message);
        anyhow!(
            "{flag} {value}: {}",
            expected.strip_suffix(&found).unwrap_or(expected)
        )
    }
}

/// Reads the world file and its grammar and lays the flags over them.
///
/// # Errors
/// A file that cannot be read; an unknown or missing key, with its line.
pub fn resolve(flags: &GenerateFlags) -> anyhow::Result<Resolved> {
    let path = &flags.world;
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot read the world file", path.display()))?;
    let mut config = world_file::parse(path, &text)?;
    let given = lay_over(flags, &mut config);
    let mut source = path.display().to_string();
    for (index, Given { flag, value, .. }) in given.iter().enumerate() {
        source += if index == 0 { " with " } else { " " };
        source += format!("{flag} {value}").trim_end();
    }
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
        world: (path.clone(), text),
        given,
        world_seed: Seed(flags.seed.unwrap_or(flags.world_seed)),
        corpus_seed: Seed(flags.seed.unwrap_or(flags.corpus_seed)),
    })
}

/// Lays the flags over the knobs; those that were given, in the order of `--help`.
fn lay_over(flags: &GenerateFlags, config: &mut WorldConfig) -> Vec<Given> {
    let mut given = Vec::new();
    let mut note = |key, flag, value: String| given.push(Given { key, flag, value });
    let WorldConfig {
        divergence,
        mask,
        corpus,
        ..
    } = config;
    if let Some(distance) = flags.lexical_distance {
        divergence.distance = distance;
        note(
            "divergence.distance",
            "--lexical-distance",
            distance.to_string(),
        );
    }
    if let Some(kind) = flags.divergence {
        divergence.kind = match kind {
            DivergenceFlag::Substitution => DivergenceKind::Substitution,
            DivergenceFlag::Correspondence => DivergenceKind::Correspondence,
            DivergenceFlag::Replacement => DivergenceKind::Replacement,
        };
        note("divergence.kind", "--divergence", name_of(&kind));
    }
    if let Some(script) = flags.script {
        divergence.script = match script {
            ScriptFlag::Shared => Script::Shared,
            ScriptFlag::Disjoint => Script::Disjoint,
        };
        note("divergence.script", "--script", name_of(&script));
    }
    if flags.shuffled_pairing {
        divergence.shuffled_pairing = true;
        note(
            "divergence.shuffled_pairing",
            "--shuffled-pairing",
            String::new(),
        );
    }
    if let Some(share) = flags.minority_share {
        corpus.minority_share = share;
        note(
            "corpus.minority_share",
            "--minority-share",
            share.to_string(),
        );
    }
    if let Some(share) = flags.mask_share {
        mask.share = share;
        note("mask.share", "--mask-share", share.to_string());
    }
    if flags.b_unmasked {
        mask.stated = true;
        note("mask.stated", "--b-unmasked", String::new());
    }
    if let Some(documents) = flags.documents {
        corpus.documents = documents;
        note("corpus.documents", "--documents", documents.to_string());
    }
    given
}

/// A flag's value as the command line spells it.
fn name_of(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use world::World;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: GenerateFlags,
    }

    /// What is said of tiny.toml with one change, under these flags.
    fn refusal(change: (&str, &str), flags: &str) -> String {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
        let text = std::fs::read_to_string(format!("{data}/worlds/tiny.toml")).unwrap();
        assert!(text.contains(change.0));
        let text = text.replacen(change.0, change.1, 1);
        let text = text.replace("../grammars", &format!("{data}/grammars"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.toml");
        std::fs::write(&file, text).unwrap();
        let mut line = vec![
            "lang-gen",
            "--out",
            "lang",
            "--world",
            file.to_str().unwrap(),
        ];
        line.extend(flags.split_whitespace());
        let resolved = resolve(&Line::try_parse_from(line).unwrap().flags).unwrap();
        let error = World::build(resolved.config.clone(), &resolved.grammar, Seed(1)).unwrap_err();
        let error = resolved.refusal(&error).to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn a_value_out_of_its_range_is_told_of_who_set_it() {
        let zipf = ("zipf_exponent = 0.5", "zipf_exponent = 9");
        let told = "w.toml: line 8: ontology.zipf_exponent: expected a number from 0 to 4, found 9";
        assert_eq!(refusal(zipf, ""), told);
        assert_eq!(refusal(zipf, "--documents 400 --b-unmasked"), told);

        let unchanged = ("tiny", "tiny");
        for share in ["--minority-share", "--mask-share", "--lexical-distance"] {
            for value in ["1.5", "-0.5", "NaN"] {
                assert_eq!(
                    refusal(unchanged, &format!("{share}={value} --script disjoint")),
                    format!("{share} {value}: expected a number from 0 to 1")
                );
            }
        }
        assert_eq!(
            refusal(unchanged, "--documents 0"),
            "--documents 0: expected 1 to 10000000000"
        );
        // A flag for something else changes nothing.
        let distance = ("distance = 0.4", "distance = 4");
        assert_eq!(
            refusal(distance, "--mask-share 0.5"),
            "w.toml: line 28: divergence.distance: expected a number from 0 to 1, found 4"
        );
    }

    #[test]
    fn values_that_do_not_go_together_are_told_with_every_flag() {
        let told = refusal(
            ("tiny", "tiny"),
            "--mask-share 0.99 --b-unmasked --documents 40",
        );
        let expected = "w.toml with --mask-share 0.99 --b-unmasked --documents 40: \
                        mask.share 0.99 masks 16 of the 16 nouns";
        assert!(told.starts_with(expected), "{told}");
        let told = refusal(("share = 0.5 ", "share = 0.99 "), "");
        assert!(
            told.starts_with("w.toml: mask.share 0.99 masks 16"),
            "{told}"
        );
    }

    #[test]
    fn a_switch_of_word_order_that_is_none_has_its_line() {
        let order = ("[corpus]", "[order]\nminority = [\"none\"]\n[corpus]");
        let told = refusal(order, "--documents 40");
        let expected = "w.toml: line 31: order.minority: no switch \"none\"";
        assert!(told.starts_with(expected), "{told}");
    }
}
