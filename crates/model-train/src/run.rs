//! One training under way, all but its engine: place in the text, log, checkpoints, resume state, what is published.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use corpus::tables::TrainLogRow;
use corpus::{Begin, Input, Output, Request, Stage};
use lm::{Checkpoint, Encoder, Weights};
use seed::Seed;
use serde_json::{Value, json};

use crate::batches::Batches;
use crate::engine::{Flat, Taken};
use crate::jobs::Job;
use crate::log::{Clock, Log};
use crate::options::{Configuration, Options};
use crate::resume::State;
use crate::tensorboard::{Events, Mark};
use crate::text::Text;
use crate::validation::{Validation, ValidationLoss};
use crate::words::WordTokens;

/// What a training reads.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The language directory.
    pub lang: &'a Input,
    /// Its training text.
    pub text: &'a Text,
    /// The tokenizer directory.
    pub tok: &'a Input,
    /// The tokenizer in it, and which copy of its ids each text takes.
    pub encoder: Encoder<'a>,
    /// Its tokens of the text's words.
    pub words: &'a WordTokens,
    /// Validation documents of the language, in tokens.
    pub validation: &'a Validation,
}

/// A training under way.
pub struct Run<'a> {
    /// Its place among the runs asked for.
    pub index: usize,
    /// Where it reads and writes.
    pub job: &'a Job,
    /// What it reads.
    pub source: Source<'a>,
    /// The steps' rows.
    pub batches: Batches<'a>,
    /// Steps done.
    pub step: u64,
    /// The log so far.
    pub log: Log,
    /// Parameters and moments, while no engine has them.
    pub flat: Option<Flat>,
    configuration: &'a Configuration,
    output: Output,
    events: Option<Events>,
    clock: Clock,
    engines: Vec<String>,
    mean_loss: Option<f64>,
    /// Validation before the first step, until that step's loss is known.
    first_loss: Option<ValidationLoss>,
}

impl<'a> Run<'a> {
    /// Begins a training, or goes on with what an earlier one left; none where it is whole already.
    ///
    /// # Errors
    /// An output that may not be written, a damaged state or checkpoint.
    pub fn begin(
        index: usize,
        job: &'a Job,
        source: Source<'a>,
        configuration: &'a Configuration,
        options: &Options,
    ) -> Result<Option<Run<'a>>> {
        let begin = Output::begin(Request {
            out: &job.out,
            force: options.force,
            resume: options.resume,
            kind: Stage::Model,
            tool: "model-train",
            configuration: &serde_json::to_value(configuration)?,
            seeds: [("model".to_owned(), job.seed)].into(),
            inputs: [
                ("lang".to_owned(), *source.lang.fingerprint()),
                ("tok".to_owned(), *source.tok.fingerprint()),
            ]
            .into(),
        })?;
        let (output, earlier) = match begin {
            Begin::Fresh(output) => (output, None),
            Begin::Resumed(output) => {
                let directory = output.resume_directory()?;
                let state = State::read(&directory)?;
                if let Some(state) = &state {
                    state.check(&directory, configuration, &source, Seed(job.seed))?;
                }
                (output, state)
            }
            Begin::AlreadyDone => {
                tracing::info!("{}: is whole already", job.out.display());
                return Ok(None);
            }
        };
        let seed = Seed(job.seed);
        let state = earlier.unwrap_or_else(|| State {
            cursor: None,
            engines: Vec::new(),
            mean_loss: None,
            flat: Flat::initial(&Weights::initial(&configuration.model, seed)),
            log: Log::default(),
            events: None,
        });
        let step = state.flat.steps;
        take_up_checkpoints(&output, &configuration.checkpoints, step)?;
        if step > 0 {
            tracing::info!(
                "{}: going on after step {step} of {}",
                job.out.display(),
                configuration.steps
            );
        }
        let run = Run {
            index,
            job,
            source,
            batches: Batches::new(
                source.text,
                source.words,
                source.encoder,
                configuration.step_size(),
                seed,
                state.cursor,
            ),
            step,
            clock: Clock::start(configuration.steps, &state.log),
            log: state.log,
            flat: Some(state.flat),
            configuration,
            output,
            events: events(options, job, state.events.as_ref())?,
            engines: state.engines,
            mean_loss: state.mean_loss,
            first_loss: None,
        };
        // One that was damaged is gone, and no step to come writes it; that of step 0 is written before the first step.
        if step > 0
            && configuration.checkpoints.binary_search(&step).is_ok()
            && let Some(flat) = &run.flat
        {
            run.checkpoint(flat)?;
        }
        Ok(Some(run))
    }

    /// Notes who computes the steps to come.
    pub fn computed_by(&mut self, engine: &str) {
        if let Some(last) = self.engines.last().filter(|last| *last != engine) {
            tracing::warn!(
                "{}: the steps so far were computed by {last}, those to come by {engine}: the result will differ in its \
                 last digits",
                self.job.out.display()
            );
        }
        if !self.engines.iter().any(|earlier| earlier == engine) {
            self.engines.push(engine.to_owned());
        }
    }

    /// What was done since the last step does not count as training.
    pub fn new_lap(&mut self) {
        self.clock.new_lap();
    }

    /// Validation before any step; it is logged with the first step's loss.
    pub fn before_first_step(&mut self, loss: ValidationLoss) {
        self.first_loss = Some(loss);
    }

    /// Notes a step on `tokens` tokens.
    ///
    /// # Errors
    /// A loss that is no finite number or explodes: the training cannot go on.
    pub fn took(&mut self, taken: Taken, tokens: u64, lr: f64) -> Result<()> {
        let report = taken.map_err(|problem| self.diverged(self.step + 1, &problem.to_string()))?;
        let mut row = TrainLogRow {
            step: 0,
            tokens_seen: 0,
            chars_seen: 0,
            loss_nats: report.loss_nats,
            lr: 0.0,
            gradient_norm: report.gradient_norm,
            validation_nats_majority: None,
            validation_nats_minority: None,
            validation_bits_per_char_majority: None,
            validation_bits_per_char_minority: None,
        };
        if let Some(loss) = self.first_loss.take() {
            // Before any update: the loss of the first step's text.
            self.log.rows.push(row.clone());
            self.log.validation(&loss);
            self.tell()?;
        }
        self.step += 1;
        row.step = self.step;
        row.tokens_seen = self.batches.cursor().tokens_seen;
        row.chars_seen = self.batches.cursor().chars_seen;
        row.lr = lr;
        self.log.rows.push(row);
        self.clock.step(self.step, tokens, &mut self.log);
        self.refuse_explosion(report.loss_nats)
    }

    /// TensorBoard's copy of the last row.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn tell(&mut self) -> Result<()> {
        let (Some(events), Some(row)) = (&mut self.events, self.log.rows.last()) else {
            return Ok(());
        };
        let mut values = vec![
            ("train/loss_nats", row.loss_nats),
            ("train/lr", row.lr),
            ("train/gradient_norm", row.gradient_norm),
        ];
        let validation = [
            ("validation/nats_majority", row.validation_nats_majority),
            ("validation/nats_minority", row.validation_nats_minority),
            (
                "validation/bits_per_char_majority",
                row.validation_bits_per_char_majority,
            ),
            (
                "validation/bits_per_char_minority",
                row.validation_bits_per_char_minority,
            ),
        ];
        values.extend(
            validation
                .into_iter()
                .filter_map(|(tag, value)| Some((tag, value?))),
        );
        events.scalars(row.step, &values)?;
        if row.validation_nats_majority.is_some() {
            events.flush()
        } else {
            Ok(())
        }
    }

    /// Writes the present weights as a checkpoint and seals it, unless an earlier run did: what that left was checked when
    /// this one began. A state of this step or a later one is saved only afterwards, so that a checkpoint without a seal,
    /// left by a kill between the two, is always one that can be written again.
    ///
    /// # Errors
    /// A disk that is full, weights that are no finite numbers, an interrupt.
    pub fn checkpoint(&self, state: &Flat) -> Result<()> {
        let name = checkpoint_name(self.step);
        let directory = self.output.path(&name);
        if directory.exists() {
            return Ok(());
        }
        let config = &self.configuration.model;
        let weights = state.weights(config)?;
        Checkpoint::write(
            &directory,
            config,
            &weights,
            self.source.encoder.tokenizer(),
        )?;
        self.output.seal(&name)?;
        tracing::debug!("{}", directory.display());
        Ok(())
    }

    /// Writes what a killed training goes on from; TensorBoard's events up to here are on disk before.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn save(&mut self, flat: Flat) -> Result<()> {
        let events = self.events.as_mut().map(Events::mark).transpose()?;
        let state = State {
            events,
            cursor: Some(self.batches.cursor().clone()),
            engines: self.engines.clone(),
            mean_loss: self.mean_loss,
            flat,
            log: self.log.clone(),
        };
        state.write(&self.output.resume_directory()?)
    }

    /// Stops when the mean over the last ten steps or so is far above that of a model that knows nothing.
    fn refuse_explosion(&mut self, loss_nats: f64) -> Result<()> {
        let mean = self
            .mean_loss
            .map_or(loss_nats, |mean| 0.9 * mean + 0.1 * loss_nats);
        self.mean_loss = Some(mean);
        let vocab_size = self.configuration.model.vocab_size;
        if mean <= most_nats(vocab_size) {
            return Ok(());
        }
        let chance = chance_nats(vocab_size);
        Err(self.diverged(
            self.step,
            &format!("the loss rose to {mean:.2} nats, chance is {chance:.2}"),
        ))
    }

    fn diverged(&self, step: u64, problem: &str) -> Error {
        let Configuration {
            model,
            checkpoints,
            learning_rate,
            warmup_steps,
            ..
        } = self.configuration;
        // Good: written, and the loss had not risen above chance by then.
        let good = |row: &&TrainLogRow| {
            checkpoints.binary_search(&row.step).is_ok()
                && self.output.path(&checkpoint_name(row.step)).exists()
                && row.loss_nats < chance_nats(model.vocab_size) + 0.5
        };
        let last = self.log.rows.iter().rev().find(good);
        let last = checkpoint_name(last.map_or(0, |row| row.step));
        let bf16 = self.engines.last().is_some_and(|e| e.contains("bf16"));
        anyhow!(
            "{}: step {step}: {problem}; last good checkpoint {}; most likely --learning-rate {learning_rate} is too high: \
             try a third of it, or more --warmup-steps than {warmup_steps}{}",
            self.job.out.display(),
            self.output.path(&last).display(),
            if bf16 { ", or --precision f32" } else { "" },
        )
    }

    /// What came out, for the manifest.
    fn measured(&self) -> Value {
        let pairs = self.log.rows.windows(2);
        let step_chars: Vec<u64> = pairs
            .map(|pair| pair[1].chars_seen - pair[0].chars_seen)
            .collect();
        let steps = step_chars.len().max(1) as f64;
        let cursor = self.batches.cursor();
        let last = self.log.rows.last();
        let Source { text, words, .. } = self.source;
        json!({
            "n_parameters": self.configuration.model.n_parameters(),
            "engines": self.engines,
            "tokens_seen": cursor.tokens_seen,
            "chars_seen": cursor.chars_seen,
            "epochs": cursor.chars_seen as f64 / text.characters() as f64,
            "chars_per_token": text.characters() as f64 / words.count(text) as f64,
            "tokens_per_step": cursor.tokens_seen as f64 / steps,
            "chars_per_step": {
                "mean": cursor.chars_seen as f64 / steps,
                "least": step_chars.iter().min(),
                "most": step_chars.iter().max(),
            },
            "loss_nats": last.map(|row| row.loss_nats),
            "validation_nats_majority": last.and_then(|row| row.validation_nats_majority),
            "validation_nats_minority": last.and_then(|row| row.validation_nats_minority),
            "validation_bits_per_char_majority": last.and_then(|row| row.validation_bits_per_char_majority),
            "validation_bits_per_char_minority": last.and_then(|row| row.validation_bits_per_char_minority),
        })
    }

    /// Writes the log and publishes MODEL; `together` runs shared the engine. Returns the log's last row.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn publish(mut self, options: &Options, together: usize) -> Result<Option<TrainLogRow>> {
        self.log.write(&self.output)?;
        let seconds = self.log.timing.last().map_or(0.0, |row| row.seconds);
        let output = &mut self.output;
        output.note("engine", self.engines.last().cloned());
        output.note("device", options.machine.device.to_string());
        output.note("runs_together", together);
        output.note("training_seconds", seconds);
        output.note("tokens_per_second_median", self.log.median_speed());
        let measured = self.measured();
        self.output.publish(measured)?;
        Ok(self.log.rows.pop())
    }
}

/// TensorBoard's event file, where one is asked for: a directory for each run. A resumed training goes on in the file of
/// the earlier one, if that is there.
fn events(options: &Options, job: &Job, mark: Option<&Mark>) -> Result<Option<Events>> {
    let Some(directory) = &options.machine.tensorboard else {
        return Ok(None);
    };
    let directory = match directory {
        Some(directory) if options.stack.is_none() => directory.clone(),
        Some(directory) => {
            let names = job.out.components();
            let names = names.filter(|name| matches!(name, Component::Normal(_)));
            directory.join(names.collect::<PathBuf>())
        }
        None => {
            // `components` drops a slash at the end.
            let mut beside = job.out.components().collect::<PathBuf>().into_os_string();
            beside.push("-tensorboard");
            PathBuf::from(beside)
        }
    };
    let earlier = match mark {
        Some(mark) => Events::resume(&directory, mark)?,
        None => None,
    };
    match earlier {
        Some(events) => Ok(Some(events)),
        None => Events::create(&directory).map(Some),
    }
}

/// Loss of a model that knows nothing.
fn chance_nats(vocab_size: usize) -> f64 {
    libm::log(vocab_size as f64)
}

/// The running mean of the loss above which a training has exploded.
pub(crate) fn most_nats(vocab_size: usize) -> f64 {
    1.5 * chance_nats(vocab_size) + 1.0
}

fn checkpoint_name(step: u64) -> String {
    format!("checkpoints/step-{step:06}")
}

/// Checks what a killed run left against its seals, and deletes what is half-written or will be written again.
fn take_up_checkpoints(output: &Output, steps: &[u64], done: u64) -> Result<()> {
    let kept: Vec<u64> = steps.iter().copied().filter(|step| *step <= done).collect();
    for &step in &kept {
        let name = checkpoint_name(step);
        let found = match output.check_seal(&name) {
            Ok(()) => continue,
            Err(error @ corpus::Error::Interrupted(_)) => return Err(error.into()),
            Err(corpus::Error::BrokenSeal { found, .. }) => found,
            Err(error) => format!("{:#}", Error::from(error)),
        };
        let path = output.path(&name);
        let shown = path.display();
        if step < done {
            bail!(
                "{shown}: expected the checkpoint as it was written, found {found}; the training that goes on after step \
                 {done} (resume/state) cannot write it again: start again without --resume"
            );
        }
        // The weights of the step that is done are at hand.
        if path.exists() {
            tracing::info!("{shown}: found {found}; writing this checkpoint again");
            delete(&path)?;
        }
    }
    delete_all_but(output, &kept)
}

/// Deletes everything beside the checkpoints of these steps.
fn delete_all_but(output: &Output, steps: &[u64]) -> Result<()> {
    let directory = output.path("checkpoints");
    let place = || directory.display().to_string();
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(place),
    };
    let kept: Vec<PathBuf> = steps
        .iter()
        .map(|step| output.path(&checkpoint_name(*step)))
        .collect();
    for entry in entries {
        let path = entry.with_context(place)?.path();
        if !kept.contains(&path) {
            delete(&path)?;
        }
    }
    Ok(())
}

/// Deletes a directory or a file, where there is one.
fn delete(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path).or_else(|_| std::fs::remove_file(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}
