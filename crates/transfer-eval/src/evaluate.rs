//! One run over every checkpoint: score, generate, align, record; then metrics.
//!
//! Each checkpoint's rows go to a folder of their own under `resume/`, renamed when it is whole: a killed run goes on
//! from the checkpoints already there. The published tables are those folders one after another, by step.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Error, Result};
use candle_core::Device;
use corpus::tables::{
    AlignmentRow, ContinuationRow, MetricRow, SampleRow, ScoreRow, ValidationScoreRow,
};
use corpus::{
    Begin, Language, Output, Request, Stage, Table, TableReader, TableWriter, write_rows,
};
use cpu_step::EngineChoice;
use lm::{DeviceChoice, Encoder, SEP, TextKind};
use seed::Seed;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aggregate::{self, Evidence, StepRows};
use crate::alignment;
use crate::engine::Place;
use crate::generate::{Amount, Generator, Prompts};
use crate::inputs::{self, Inputs};
use crate::lexicon::FormPair;
use crate::measure::Bootstrap;
use crate::score::checkpoint::CheckpointModel;
use crate::score::suite::Suite;
use crate::score::{score, score_documents};

/// What decides an evaluation's numbers, beside its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Seed of every sample, shuffle and resample.
    pub seed: u64,
    /// Sentences sampled a language and checkpoint.
    pub samples: u32,
    /// Next words sampled a cloze and checkpoint.
    pub draws: u32,
    /// Divides logits before sampling.
    pub temperature: f64,
    /// Bootstrap resamples.
    pub bootstrap: usize,
    /// Validation documents scored in each language.
    pub validation_pairs: usize,
    /// Who computes. In the manifest where it is not `auto`, whose last digits are those of the CPU.
    #[serde(skip)]
    pub engine: EngineChoice,
}

/// How a run goes about it. On the CPU nothing here changes a number that a hand-written engine computes; sums of candle
/// may differ in their last digits where a batch has another size.
#[derive(Debug, Clone)]
pub struct Manner<'a> {
    /// The EVAL directory.
    pub out: &'a Path,
    /// Replace it.
    pub force: bool,
    /// Go on with what is there.
    pub resume: bool,
    /// Where the model runs.
    pub device: DeviceChoice,
    /// Sequences a batch.
    pub batch: usize,
}

impl Settings {
    /// As the manifest holds them, with how sequences are delimited and scored.
    pub fn to_json(&self) -> Result<Value> {
        let mut value = serde_json::to_value(self).context("settings")?;
        value["scoring"] = json!({
            "start": "<sep>", "start_id": SEP, "end": "<sep>", "end_id": SEP,
            "scored": "every token after the start, the end among them",
            "reduction": "sum", "unit": "nats",
        });
        if self.engine != EngineChoice::Auto {
            value["engine"] = self.engine.to_string().into();
        }
        Ok(value)
    }

    /// From an EVAL manifest.
    pub fn from_json(value: &Value) -> Result<Settings> {
        let mut value = value.clone();
        let mut engine = None;
        if let Some(object) = value.as_object_mut() {
            object.remove("scoring");
            engine = object.remove("engine");
        }
        let place = "manifest.json: configuration of transfer-eval";
        let mut settings: Settings = serde_json::from_value(value).context(place)?;
        if let Some(name) = engine.as_ref().and_then(Value::as_str) {
            settings.engine = name.parse().map_err(Error::msg).context(place)?;
        }
        Ok(settings)
    }

    /// The bootstrap these settings ask for.
    pub fn bootstrap(&self) -> Bootstrap {
        Bootstrap {
            seed: Seed(self.seed),
            replicates: self.bootstrap,
        }
    }
}

/// Evaluates every checkpoint and publishes EVAL. Returns its metrics, or those already there under `--resume`.
pub fn evaluate(
    inputs: &Inputs,
    settings: &Settings,
    manner: &Manner<'_>,
) -> Result<Vec<MetricRow>> {
    settings.bootstrap().check()?;
    // Before anything is begun: an engine or a device that cannot be had ends here.
    let place = Place::open(settings.engine, manner.device)?;
    let configuration = settings.to_json()?;
    let of = |name: &str, input: &corpus::Input| (name.to_owned(), *input.fingerprint());
    let request = Request {
        out: manner.out,
        force: manner.force,
        resume: manner.resume,
        kind: Stage::Eval,
        tool: "transfer-eval",
        configuration: &configuration,
        seeds: BTreeMap::from([("eval".to_owned(), settings.seed)]),
        inputs: [
            of("lang", &inputs.lang),
            of("tok", &inputs.tok),
            of("model", &inputs.model),
        ]
        .into(),
    };
    let mut output = match Output::begin(request)? {
        Begin::AlreadyDone => {
            let eval = corpus::Input::open(manner.out, Stage::Eval)?;
            tracing::info!("{}: already whole, nothing to do", manner.out.display());
            return Ok(corpus::read_rows(&eval.file(MetricRow::FILE)?)?);
        }
        Begin::Fresh(output) | Begin::Resumed(output) => output,
    };
    let tokenizer = inputs.tokenizer()?;
    let evidence = inputs::evidence(&inputs.lang, &inputs.tok, settings)?;
    if let Some(untrained) = &evidence.untrained {
        tracing::warn!(
            "the tokenizer saw masked forms: metrics leave out {} masked concepts that hold a token which the model's text lacks",
            untrained.len()
        );
    }
    let encoder = Encoder::new(&tokenizer, inputs.split_ids()?, Seed(settings.seed))?;
    let steps = record(
        inputs,
        settings,
        manner,
        &place,
        &evidence,
        &encoder,
        &mut output,
    )?;
    publish(inputs, manner, &evidence, &steps, output)
}

/// Records every checkpoint that is not yet there, and returns all steps.
fn record(
    inputs: &Inputs,
    settings: &Settings,
    manner: &Manner<'_>,
    place: &Place,
    evidence: &Evidence,
    encoder: &Encoder<'_>,
    output: &mut Output,
) -> Result<Vec<u64>> {
    let checkpoints = inputs.checkpoints()?;
    // A file cut short is told now, not after the checkpoints before it; each is hashed only when its turn comes.
    inputs.model.check_lengths()?;
    let world = inputs::world(&inputs.lang)?;
    let texts = inputs::validation(&inputs.lang, settings.validation_pairs)?;
    let seed = Seed(settings.seed);
    let amount = Amount {
        samples: settings.samples,
        draws: settings.draws,
        temperature: settings.temperature,
    };
    let prompts = Prompts::new(&world, &evidence.items, &texts, encoder, amount, seed)?;
    let mut suite: Option<Suite> = None;

    let resume = output.resume_directory()?;
    let progress = command::Progress::new("evaluate", checkpoints.len() as u64, "checkpoints");
    let started = Instant::now();
    let mut evaluated = 0;
    for files in &checkpoints {
        command::check_interrupt()?;
        let step = files.step;
        let done = resume.join(format!("step-{step:06}"));
        if !is_whole(&done)? {
            let checkpoint = inputs.read_checkpoint(files, encoder.tokenizer())?;
            let suite = match &mut suite {
                Some(suite) => suite,
                none => none.insert(Suite::new(
                    &evidence.items,
                    &texts,
                    encoder,
                    checkpoint.config.seq_len,
                    seed,
                )?),
            };
            let model = CheckpointModel::new(&checkpoint, place, manner.batch, suite.positions())?;
            let mut rows = StepRows {
                scores: timed("scores", || score(&model, suite, &evidence.items, step))?,
                documents: timed("validation", || score_documents(&model, suite, step))?,
                alignment: timed("alignment", || {
                    align(&model, encoder, evidence.nouns.pairs(), step)
                })?,
                ..StepRows::default()
            };
            let finite = rows
                .scores
                .iter()
                .all(|row| row.log_probability_nats.is_finite());
            if finite && !prompts.is_empty() {
                let generator =
                    Generator::new(&checkpoint, place, manner.batch, prompts.positions())?;
                rows.samples = timed("samples", || prompts.samples(&generator, step))?;
                rows.continuations =
                    timed("continuations", || prompts.continuations(&generator, step))?;
            }
            write_step(&done, &rows)?;
            evaluated += 1;
        }
        progress.inc(1);
    }
    progress.finish();
    let seconds = started.elapsed().as_secs_f64();
    tracing::info!(
        "{evaluated} checkpoints in {seconds:.1} s, {} were there",
        checkpoints.len() - evaluated
    );
    output.note("device", describe(&place.device));
    output.note("engines", place.engines());
    for (role, input) in [
        ("lang", &inputs.lang),
        ("tok", &inputs.tok),
        ("model", &inputs.model),
    ] {
        let path = fs::canonicalize(input.path()).unwrap_or_else(|_| input.path().to_owned());
        output.note(role, path.to_string_lossy().into_owned());
    }
    Ok(checkpoints.into_iter().map(|files| files.step).collect())
}

/// Runs a part of the work; says how long it took under -vv.
fn timed<T>(part: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let result = work()?;
    tracing::trace!("{part}: {:.3} s", started.elapsed().as_secs_f64());
    Ok(result)
}

fn describe(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

/// Rows of alignment.parquet for one checkpoint: every layer.
fn align(
    model: &CheckpointModel,
    encoder: &Encoder<'_>,
    pairs: &[FormPair],
    step: u64,
) -> Result<Vec<AlignmentRow>> {
    let states = |language, form: fn(&FormPair) -> &str| -> Result<Vec<alignment::States>> {
        let copy = encoder.copy(language == Language::Minority, TextKind::Forms, 0);
        let encode = |pair: &FormPair| -> Result<Vec<u32>> {
            Ok([vec![SEP], encoder.encode(form(pair), copy)?].concat())
        };
        let ids: Vec<Vec<u32>> = pairs.iter().map(encode).collect::<Result<_>>()?;
        model.mean_states(&ids.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let majority = states(Language::Majority, |pair| &pair.majority)?;
    let minority = states(Language::Minority, |pair| &pair.minority)?;
    let mut rows = Vec::new();
    for ((majority, minority), layer) in majority.iter().zip(&minority).zip(0..) {
        rows.extend(alignment::rows(step, layer, pairs, majority, minority)?);
    }
    Ok(rows)
}

/// Whether an earlier run recorded this checkpoint. What was damaged since is deleted, to be recorded again.
fn is_whole(done: &Path) -> Result<bool> {
    if !done.exists() {
        return Ok(false);
    }
    match corpus::check_seal(done) {
        Ok(()) => Ok(true),
        Err(error @ corpus::Error::Interrupted(_)) => Err(error.into()),
        Err(error) => {
            tracing::warn!("{error}; evaluating this checkpoint again");
            fs::remove_dir_all(done)
                .or_else(|_| fs::remove_file(done))
                .with_context(|| done.display().to_string())?;
            Ok(false)
        }
    }
}

/// Writes one checkpoint's rows beside their place, then gives the folder its name.
fn write_step(done: &Path, rows: &StepRows) -> Result<()> {
    let writing = done.with_extension("writing");
    if writing.exists() {
        fs::remove_dir_all(&writing).with_context(|| writing.display().to_string())?;
    }
    fs::create_dir_all(&writing).with_context(|| writing.display().to_string())?;
    write_rows(&writing.join(ScoreRow::FILE), &rows.scores)?;
    write_rows(&writing.join(ValidationScoreRow::FILE), &rows.documents)?;
    write_rows(&writing.join(SampleRow::FILE), &rows.samples)?;
    write_rows(&writing.join(ContinuationRow::FILE), &rows.continuations)?;
    write_rows(&writing.join(AlignmentRow::FILE), &rows.alignment)?;
    corpus::seal(&writing)?;
    fs::rename(&writing, done).with_context(|| done.display().to_string())
}

/// Joins the checkpoints' rows, computes metrics from the joined files, and publishes.
fn publish(
    inputs: &Inputs,
    manner: &Manner<'_>,
    evidence: &Evidence,
    steps: &[u64],
    output: Output,
) -> Result<Vec<MetricRow>> {
    let resume = output.resume_directory()?;
    join::<ScoreRow>(&resume, steps, &output)?;
    join::<ValidationScoreRow>(&resume, steps, &output)?;
    join::<SampleRow>(&resume, steps, &output)?;
    join::<ContinuationRow>(&resume, steps, &output)?;
    join::<AlignmentRow>(&resume, steps, &output)?;
    let metrics = aggregate::metrics(evidence, |name| Ok(output.path(name)))?;
    write_rows(&output.path(MetricRow::FILE), &metrics)?;
    let scores = TableReader::<ScoreRow>::open(&output.path(ScoreRow::FILE))?.row_count();
    let mut measured = json!({
        "steps": steps,
        "probes": evidence.items.probes.len(),
        "scores": scores,
        "metrics": metrics.len(),
    });
    // Whoever has this directory alone shall not take a ceiling for transfer.
    if inputs.lang.manifest().states_masked() {
        measured["b_unmasked"] = true.into();
    }
    if let Some(untrained) = &evidence.untrained {
        measured["untrained_concepts_left_out"] = json!(untrained);
    }
    let fingerprint = output.publish(measured)?;
    tracing::debug!(
        "{}: fingerprint {fingerprint}, of model {}",
        manner.out.display(),
        inputs.model.fingerprint()
    );
    Ok(metrics)
}

fn join<R: Table>(resume: &Path, steps: &[u64], output: &Output) -> Result<()> {
    let mut writer = TableWriter::<R>::create(&output.path(R::FILE))?;
    for step in steps {
        let path = resume.join(format!("step-{step:06}")).join(R::FILE);
        for rows in TableReader::<R>::open(&path)? {
            for row in rows? {
                writer.push(&row)?;
            }
        }
    }
    Ok(writer.finish()?)
}
