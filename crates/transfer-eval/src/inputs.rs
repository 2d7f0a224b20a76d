//! The directories that an evaluation reads, checked to belong together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use corpus::tables::{BridgeRow, LexiconRow, MetricRow, ProbeRow, ScoreRow, SegmentationRow};
use corpus::{Input, Language, Stage, Table, read_rows, scan_documents};
use lm::{Checkpoint, SplitIds, Tokenizer};
use serde::Deserialize;

use crate::aggregate::Evidence;
use crate::evaluate::Settings;
use crate::items::Items;
use crate::lexicon::Nouns;
use crate::measure::Bootstrap;
use crate::score::suite::Text;
use crate::show::concept::Sources;

/// LANG, TOK and MODEL of one run.
#[derive(Debug)]
pub struct Inputs {
    /// What lang-gen wrote.
    pub lang: Input,
    /// What tok-train wrote from it.
    pub tok: Input,
    /// What model-train wrote from both.
    pub model: Input,
}

/// A checkpoint of MODEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFiles {
    /// Optimiser steps.
    pub step: u64,
    /// `checkpoints/step-000123`.
    pub name: String,
}

impl Inputs {
    /// Opens the three directories and refuses those that do not belong together.
    pub fn open(lang: &Path, tok: &Path, model: &Path) -> Result<Inputs> {
        let lang = Input::open(lang, Stage::Lang)?;
        let tok = Input::open(tok, Stage::Tok)?;
        let model = Input::open(model, Stage::Model)?;
        tok.require_input("lang", &lang)?;
        model.require_input("lang", &lang)?;
        model.require_input("tok", &tok)?;
        Ok(Inputs { lang, tok, model })
    }

    /// TOK's tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        Ok(Tokenizer::load(&self.tok.file("tokenizer.json")?)?)
    }

    /// How TOK splits its ids between texts.
    pub fn split_ids(&self) -> Result<SplitIds> {
        SplitIds::of_configuration(&self.tok.manifest().configuration)
            .with_context(|| self.tok.path().display().to_string())
    }

    /// MODEL's checkpoints by step.
    pub fn checkpoints(&self) -> Result<Vec<CheckpointFiles>> {
        let mut checkpoints = Vec::new();
        for file in self.model.files_with_prefix("checkpoints/step-") {
            let Some(name) = file.strip_suffix("/model.safetensors") else {
                continue;
            };
            let number = name.trim_start_matches("checkpoints/step-");
            let Ok(step) = number.parse() else {
                bail!(
                    "{}: {name}: expected a name like checkpoints/step-000123",
                    self.model.path().display()
                );
            };
            checkpoints.push(CheckpointFiles {
                step,
                name: name.to_owned(),
            });
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.step);
        let path = self.model.path().display();
        ensure!(
            !checkpoints.is_empty(),
            "{path}: no checkpoints (checkpoints/step-000123/model.safetensors)"
        );
        Ok(checkpoints)
    }

    /// Reads a checkpoint. Damaged files are refused by name, and so is a checkpoint with another tokenizer than TOK's.
    pub fn read_checkpoint(
        &self,
        files: &CheckpointFiles,
        tokenizer: &Tokenizer,
    ) -> Result<Checkpoint> {
        for file in lm::checkpoint::FILES {
            self.model.file(&format!("{}/{file}", files.name))?;
        }
        let directory = self.model.path().join(&files.name);
        let checkpoint = Checkpoint::read(&directory)?;
        let own = checkpoint.read_tokenizer(&directory)?;
        ensure!(
            own.json() == tokenizer.json(),
            "{}: not the tokenizer of {}; was this checkpoint trained with another one?",
            own.path().display(),
            self.tok.path().display()
        );
        Ok(checkpoint)
    }
}

/// LANG's probes as items, and its nouns; an error names the file.
pub fn items(lang: &Input) -> Result<(Items, Nouns)> {
    let nouns = Nouns::new(&read_rows(&lang.file(LexiconRow::FILE)?)?);
    let path = lang.file(ProbeRow::FILE)?;
    let gather = |rows: Vec<ProbeRow>| -> Result<Items> {
        ensure!(
            !rows.is_empty(),
            "expected probes, found none; make LANG anew, with more nouns or items"
        );
        let mut items = Items::new(rows)?;
        items.offer(&nouns)?;
        Ok(items)
    };
    let items = gather(read_rows(&path)?).with_context(|| path.display().to_string())?;
    Ok((items, nouns))
}

/// What metrics are read against. Where the tokenizer saw B†, it may cut a form into tokens that no model is trained on,
/// whose scores say nothing of transfer: those concepts, which TOK names, are left out of items, pairs and bridges.
///
/// # Errors
/// Damaged files; a TOK that saw B† and does not name them.
pub fn evidence(lang: &Input, tok: &Input, settings: &Settings) -> Result<Evidence> {
    let (mut items, mut nouns) = items(lang)?;
    let mut bridges = bridges(tok)?;
    let untrained = untrained_concepts(tok)?;
    if let Some(untrained) = &untrained {
        items.leave_out(untrained);
        nouns.leave_out(untrained);
        bridges.retain(|row| !untrained.contains(&row.concept));
    }
    Ok(Evidence {
        items,
        nouns,
        bridges,
        untrained,
        draws: settings.draws,
        bootstrap: settings.bootstrap(),
    })
}

/// The concepts that metrics leave out where the tokenizer saw B†; `None` where it did not.
fn untrained_concepts(tok: &Input) -> Result<Option<BTreeSet<u32>>> {
    let manifest = tok.manifest();
    if manifest.configuration["show_masked_forms"] != true {
        return Ok(None);
    }
    let named = &manifest.measured["masked_forms"]["untrained_concepts"];
    let concepts = BTreeSet::deserialize(named).with_context(|| {
        format!(
            "{}: manifest.json: the tokenizer saw masked forms; expected measured.masked_forms.untrained_concepts, found {named}; train it again with tok-train",
            tok.path().display()
        )
    })?;
    Ok(Some(concepts))
}

/// TOK's bridges.
pub fn bridges(tok: &Input) -> Result<Vec<BridgeRow>> {
    Ok(read_rows(&tok.file(BridgeRow::FILE)?)?)
}

/// LANG's resolved world.
pub fn world(lang: &Input) -> Result<world::World> {
    let path = lang.file("world.json")?;
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    world::World::from_json(&text).with_context(|| path.display().to_string())
}

/// The first `pairs` validation documents that are told in both languages, by number, then language.
pub fn validation(lang: &Input, pairs: usize) -> Result<Vec<Text>> {
    let path: PathBuf = lang.file("validation.parquet")?;
    let mut texts: Vec<Text> = Vec::new();
    scan_documents(&path, |document| {
        texts.push(Text {
            document: document.document,
            language: document.language,
            text: document.text.to_owned(),
        });
        Ok(())
    })?;
    texts.sort_by_key(|text| (text.document, text.language != Language::Majority));
    let chosen = texts
        .chunk_by(|one, other| one.document == other.document)
        .filter(|told| {
            told.len() == 2
                && told[0].language == Language::Majority
                && told[1].language == Language::Minority
        });
    let chosen: Vec<Text> = chosen.take(pairs).flatten().cloned().collect();
    Ok(chosen)
}

/// An EVAL directory, and the way back to what it was made from.
#[derive(Debug)]
pub struct Evaluated {
    /// The directory.
    pub eval: Input,
    settings: Settings,
}

impl Evaluated {
    /// Opens what transfer-eval wrote.
    pub fn open(path: &Path) -> Result<Evaluated> {
        let eval = Input::open(path, Stage::Eval)?;
        let settings = Settings::from_json(&eval.manifest().configuration)
            .and_then(|settings| settings.bootstrap().check().map(|()| settings))
            .with_context(|| path.display().to_string())?;
        Ok(Evaluated { eval, settings })
    }

    /// How its intervals were drawn.
    pub fn bootstrap(&self) -> Bootstrap {
        self.settings.bootstrap()
    }

    /// Rows of metrics.parquet.
    pub fn metrics(&self) -> Result<Vec<MetricRow>> {
        Ok(read_rows(&self.eval.file(MetricRow::FILE)?)?)
    }

    /// What its metrics are read against. A directory not given is looked for where it was when EVAL was written.
    pub fn evidence(&self, lang: Option<&Path>, tok: Option<&Path>) -> Result<Evidence> {
        let (lang, tok) = (
            self.input("lang", Stage::Lang, lang)?,
            self.input("tok", Stage::Tok, tok)?,
        );
        evidence(&lang, &tok, &self.settings)
    }

    /// What is shown of a concept; directories as in [`Evaluated::evidence`].
    pub fn sources(&self, lang: Option<&Path>, tok: Option<&Path>) -> Result<Sources> {
        let (lang, tok) = (
            self.input("lang", Stage::Lang, lang)?,
            self.input("tok", Stage::Tok, tok)?,
        );
        Ok(Sources {
            lexicon: read_rows(&lang.file(LexiconRow::FILE)?)?,
            segmentation: read_rows(&tok.file(SegmentationRow::FILE)?)?,
            bridges: bridges(&tok)?,
            items: items(&lang)?.0,
            scores: read_rows(&self.eval.file(ScoreRow::FILE)?)?,
        })
    }

    /// The input directory in this role, refused unless EVAL was made from it.
    fn input(&self, role: &str, kind: Stage, given: Option<&Path>) -> Result<Input> {
        let open = |path: &Path| -> Result<Input> {
            let input = Input::open(path, kind)?;
            self.eval.require_input(role, &input)?;
            Ok(input)
        };
        if let Some(path) = given {
            return open(path);
        }
        let run = self.eval.path().join("run.json");
        let run = run.display();
        let path = self
            .recorded(role)
            .with_context(|| format!("{run}: does not say where {role} was; give --{role}"))?;
        // The file may say anything: a path too long to be one is not shown whole.
        let shown: String = path.to_string_lossy().chars().take(200).collect();
        ensure!(
            path.is_dir(),
            "{run}: expected the directory where {role} was, found {shown:?}, which is none; give --{role}"
        );
        open(&path).with_context(|| format!("{run}: says where {role} was; give --{role}"))
    }

    /// Where the run that wrote EVAL found an input.
    fn recorded(&self, role: &str) -> Option<PathBuf> {
        let text = std::fs::read_to_string(self.eval.path().join("run.json")).ok()?;
        let run: serde_json::Value = serde_json::from_str(&text).ok()?;
        run.get(role)?.as_str().map(PathBuf::from)
    }
}
