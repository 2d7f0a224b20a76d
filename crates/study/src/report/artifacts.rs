//! What a report takes from single directories: LANG's clozes and words, TOK's figures, EVAL's scores.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use corpus::tables::{BridgeRow, ProbeRow, ScoreRow, SummaryRow};
use corpus::{Condition, Input, ProbeSet, ProbeStage, TableReader, read_rows, scan_text};
use serde::Deserialize;
use serde_json::Value;

use super::atoms::{Atom, Words, atoms};
use super::data::{Concept, names};
use super::gather::find;
use super::statistics::{chance_reciprocal_rank, mean, reciprocal_rank};
use super::summary::NO_SPLIT;

/// A concept's mean reciprocal rank, and what guessing has.
pub type Ranks = BTreeMap<u32, (f64, f64)>;

/// What a LANG directory contributes.
#[derive(Debug, Clone, Default)]
pub struct Lang {
    /// Realised values.
    pub values: BTreeMap<String, f64>,
    /// Masked clozes of the primary set by probe number: concept, gold, candidates.
    clozes: HashMap<u32, (u32, usize, usize)>,
    /// Words of the training text.
    words: Words,
}

impl Lang {
    /// Reads a LANG directory.
    ///
    /// # Errors
    /// Where it is damaged or its probes cannot be read.
    pub fn read(path: &Path) -> Result<Lang> {
        let input = Input::open(path, corpus::Stage::Lang)?;
        let mut lang = Lang::default();
        let measured = &input.manifest().measured;
        lang.values = numbers("measured.lang", measured);
        let share =
            find(measured, &["minority_share", "realised_characters"]).and_then(Value::as_f64);
        if let Some(share) = share {
            lang.values.insert(names::SHARE.to_owned(), share);
        }
        for batch in TableReader::<ProbeRow>::open(&input.file("probes.parquet")?)? {
            for probe in batch? {
                let wanted = probe.stage == ProbeStage::Lexical
                    && probe.set == ProbeSet::Primary
                    && probe.condition == Condition::Masked;
                if let (true, Some(concept)) = (wanted, probe.concept) {
                    lang.clozes.insert(
                        probe.probe,
                        (concept, usize::from(probe.gold), probe.candidates.len()),
                    );
                }
            }
        }
        lang.words = count_words(&input)?;
        Ok(lang)
    }

    /// Mean calibrated reciprocal rank of each masked concept over its contexts at one step of an EVAL. A concept with a
    /// score that is not finite is left out.
    ///
    /// # Errors
    /// Where the EVAL is damaged or its scores cannot be read.
    pub fn reciprocal_ranks(&self, eval: &Path, step: u64) -> Result<Ranks> {
        if self.clozes.is_empty() {
            return Ok(Ranks::new());
        }
        let input = Input::open(eval, corpus::Stage::Eval)?;
        let mut scores: HashMap<u32, Vec<Option<f64>>> = HashMap::new();
        for batch in TableReader::<ScoreRow>::open(&input.file("scores.parquet")?)? {
            for row in batch?.into_iter().filter(|row| row.step == step) {
                let Some((_, _, candidates)) = self.clozes.get(&row.probe) else {
                    continue;
                };
                let of_probe = scores
                    .entry(row.probe)
                    .or_insert_with(|| vec![None; *candidates]);
                if let Some(score) = of_probe.get_mut(usize::from(row.candidate)) {
                    *score = row.calibrated_nats.map(f64::from);
                }
            }
        }
        let mut by_concept: BTreeMap<u32, Vec<Option<(f64, f64)>>> = BTreeMap::new();
        for (probe, (concept, gold, candidates)) in &self.clozes {
            let Some(scores) = scores.get(probe) else {
                continue;
            };
            let scores: Option<Vec<f64>> = scores.iter().copied().collect();
            let rank = scores.and_then(|scores| reciprocal_rank(&scores, *gold));
            by_concept
                .entry(*concept)
                .or_default()
                .push(rank.map(|rank| (rank, chance_reciprocal_rank(*candidates))));
        }
        let averaged = by_concept.into_iter().filter_map(|(concept, ranks)| {
            let mut ranks = ranks.into_iter().collect::<Option<Vec<_>>>()?;
            // Contexts come in a map's order; sums should not depend on it.
            ranks.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let (values, chances): (Vec<f64>, Vec<f64>) = ranks.into_iter().unzip();
            Some((concept, (mean(&values), mean(&chances))))
        });
        Ok(averaged.collect())
    }
}

/// How often each word occurs in a LANG's training text.
fn count_words(lang: &Input) -> Result<Words> {
    let mut words = Words::default();
    for name in lang.files_with_prefix("train-") {
        command::check_interrupt()?;
        scan_text(&lang.file(&name)?, |language, text, _| {
            let counts = &mut words[language as usize];
            for word in text.split(' ') {
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(word.to_owned(), 1);
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(words)
}

/// Every number in a manifest's `measured`, by its dotted path.
pub fn numbers(prefix: &str, tree: &Value) -> BTreeMap<String, f64> {
    match tree {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| numbers(&format!("{prefix}.{key}"), value))
            .collect(),
        Value::Number(number) => number
            .as_f64()
            .map(|value| (prefix.to_owned(), value))
            .into_iter()
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// What a TOK directory contributes.
#[derive(Debug, Clone, Default)]
pub struct Tok {
    /// Realised values, tokenizer figures and bridge means.
    pub values: BTreeMap<String, f64>,
    /// BLAKE3 of `tokenizer.json`.
    pub blake3: Option<String>,
    /// By what its ids are split; `None` where tokens have no twins.
    pub split_ids: Option<String>,
    /// Fingerprint of the LANG it was trained on, hex.
    pub lang: Option<String>,
    bridges: Vec<BridgeRow>,
    /// Concepts with a token that no model is trained on, where the tokenizer saw B†: their scores say nothing.
    untrained: BTreeSet<u32>,
    /// By concept.
    atoms: BTreeMap<u32, Atom>,
}

impl Tok {
    /// Reads a TOK directory; `lang` is the one that it was trained on, where it is known.
    ///
    /// # Errors
    /// Where it is damaged or a table cannot be read.
    pub fn read(path: &Path, lang: Option<&Lang>) -> Result<Tok> {
        let input = Input::open(path, corpus::Stage::Tok)?;
        let manifest = input.manifest();
        let mut values = numbers("measured.tok", &manifest.measured);
        let mut take = |name: &str, keys: &[&str]| {
            if let Some(value) = find(&manifest.measured, keys).and_then(Value::as_f64) {
                values.insert(name.to_owned(), value);
            }
        };
        take(names::VOCAB_SIZE, &["vocab_size"]);
        take(names::TOKENIZER_SHARE, &["minority", "realised_share"]);
        for row in read_rows::<SummaryRow>(&input.file("summary.parquet")?)? {
            values.insert(
                format!("tok.{}.{}.{}", row.language, row.condition, row.measure),
                row.value,
            );
        }
        let bridges: Vec<BridgeRow> = read_rows(&input.file("bridges.parquet")?)?;
        for condition in [Condition::Masked, Condition::Minority, Condition::Identical] {
            let rows: Vec<&BridgeRow> = bridges
                .iter()
                .filter(|row| row.condition == condition)
                .collect();
            let mut put = |name: &str, value: fn(&BridgeRow) -> f64| {
                let all: Vec<f64> = rows
                    .iter()
                    .map(|row| value(row))
                    .filter(|value| value.is_finite())
                    .collect();
                if !all.is_empty() {
                    values.insert(format!("bridge.{condition}.{name}"), mean(&all));
                }
            };
            put("shared_mass", |row| row.shared_mass);
            put("shared_mass_multichar", |row| row.shared_mass_multichar);
            put("shared_mass_corrected", |row| row.shared_mass_corrected);
            put("ordered_corrected", |row| row.ordered_corrected);
            put("specificity", |row| row.specificity);
            // null, for a noun that no cloze offers, is left out like NaN
            put("identifiability", |row| {
                row.identifiability.unwrap_or(f64::NAN)
            });
            put("learnable", |row| row.learnable.unwrap_or(f64::NAN));
            put("seen_coverage_minority", |row| row.seen_coverage_minority);
            put("seen_coverage_all", |row| row.seen_coverage_all);
            put("fertility_majority", |row| row.fertility_majority);
            put("fertility_minority", |row| row.fertility_minority);
            put("ldn", |row| row.ldn);
            if !rows.is_empty() {
                values.insert(format!("bridge.{condition}.concepts"), rows.len() as f64);
            }
        }
        if let Some(ldn) = values.get("bridge.masked.ldn").copied() {
            values.insert(names::LDN.to_owned(), ldn);
        }
        let seen_at_least = manifest.configuration["seen_at_least"].as_u64();
        let seen_at_least = seen_at_least.with_context(|| {
            format!(
                "{}: its manifest has no seen_at_least; was it written by tok-train?",
                path.display()
            )
        })?;
        let atoms = atoms(
            &read_rows(&input.file("segmentation.parquet")?)?,
            lang.map(|lang| &lang.words),
            seen_at_least,
        );
        let blake3 = manifest
            .outputs
            .get("tokenizer.json")
            .map(|entry| entry.blake3.clone());
        let split_ids = manifest.configuration["split_ids"]
            .as_str()
            .filter(|split| *split != NO_SPLIT)
            .map(str::to_owned);
        let untrained = find(&manifest.measured, &["untrained_concepts"])
            .map(BTreeSet::deserialize)
            .transpose()
            .with_context(|| path.display().to_string())?;
        Ok(Tok {
            values,
            blake3,
            split_ids,
            lang: manifest.inputs.get("lang").map(ToString::to_string),
            bridges,
            untrained: untrained.unwrap_or_default(),
            atoms,
        })
    }

    /// The masked concepts of the run numbered `run`.
    pub fn concepts(&self, run: usize, ranks: &Ranks) -> Vec<Concept> {
        let masked = self
            .bridges
            .iter()
            .filter(|row| row.condition == Condition::Masked);
        masked
            .map(|row| {
                let is_read = !self.untrained.contains(&row.concept);
                let rank = ranks.get(&row.concept).filter(|_| is_read);
                let atom = self.atoms.get(&row.concept).copied().unwrap_or_default();
                Concept {
                    run,
                    concept: row.concept,
                    bridge: row.shared_mass_corrected,
                    ldn: row.ldn,
                    atom: atom.atom,
                    trained: atom.trained,
                    mrr: rank.map(|(mrr, _)| *mrr),
                    chance: rank.map(|(_, chance)| *chance),
                }
            })
            .collect()
    }
}
