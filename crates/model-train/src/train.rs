//! The training loop: inputs, batches, steps, checkpoints, and what is left behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use command::{Progress, Table, check_interrupt};
use corpus::tables::TrainLogRow;
use corpus::{Begin, Input, Output, Request, Stage};
use lm::{Checkpoint, Tokenizer, Weights};
use seed::Seed;
use serde_json::{Value, json};

use crate::batches::{Batches, Cursor};
use crate::engine::{Engine, Flat, NotFinite};
use crate::log::{Clock, Log};
use crate::options::{Configuration, Options};
use crate::resume::State;
use crate::schedule::Schedule;
use crate::tensorboard::Events;
use crate::text::{Text, default_cache};
use crate::validation::{Validation, ValidationLoss};
use crate::words::WordTokens;

/// The resume state is written at every checkpoint, and this often between; results do not depend on it.
const STATE_INTERVAL: Duration = Duration::from_secs(30);

/// Trains a model as the command line says and publishes it.
///
/// # Errors
/// Inputs that do not belong together, a configuration that makes no training, a loss that is no number or explodes, an
/// interrupt (the state is saved then), a full disk.
pub fn train(options: &Options) -> Result<()> {
    let lang = Input::open(&options.lang, Stage::Lang)?;
    let tok = Input::open(&options.tok, Stage::Tok)?;
    tok.require_input("lang", &lang)?;
    let tokenizer = Tokenizer::load(&tok.file("tokenizer.json")?)?;
    let cache = options
        .machine
        .cache
        .clone()
        .map_or_else(default_cache, Ok)?;
    let text = Text::open(&lang, &cache)?;
    let words = WordTokens::new(&text, &tokenizer, options.training.bpe_dropout)?;
    let tokens_per_char = words.count(&text) as f64 / text.characters() as f64;
    let configuration = options.resolve(tokenizer.vocab_size(), tokens_per_char)?;

    let begin = Output::begin(Request {
        out: &options.out,
        force: options.stage.force,
        resume: options.resume,
        kind: Stage::Model,
        tool: "model-train",
        configuration: &serde_json::to_value(&configuration)?,
        seeds: [("model".to_owned(), options.seed)].into(),
        inputs: [
            ("lang".to_owned(), *lang.fingerprint()),
            ("tok".to_owned(), *tok.fingerprint()),
        ]
        .into(),
    })?;
    let (output, earlier) = match begin {
        Begin::Fresh(output) => (output, None),
        Begin::Resumed(output) => {
            let state = State::read(&output.resume_directory()?)?;
            (output, state)
        }
        Begin::AlreadyDone => {
            tracing::info!("{}: is whole already", options.out.display());
            return command::print(options.out.display());
        }
    };
    let validation = Validation::new(
        &lang,
        &tokenizer,
        configuration.model.seq_len,
        configuration.validation_documents,
    )?;
    let seed = Seed(options.seed);
    let mut run = Run::new(
        options,
        &configuration,
        &tokenizer,
        &text,
        output,
        earlier,
        seed,
    )?;
    let mut batches = Batches::new(
        &text,
        &words,
        configuration.step_size(),
        seed,
        run.cursor.take(),
    );
    run.take_steps(&mut batches, &validation)?;
    let measured = run.measured(&batches, &text, tokens_per_char);
    run.publish(measured)
}

/// A training under way.
struct Run<'a> {
    options: &'a Options,
    configuration: &'a Configuration,
    tokenizer: &'a Tokenizer,
    output: Output,
    engine: Engine,
    engines: Vec<String>,
    step: u64,
    mean_loss: Option<f64>,
    log: Log,
    events: Option<Events>,
    cursor: Option<Cursor>,
}

impl<'a> Run<'a> {
    fn new(
        options: &'a Options,
        configuration: &'a Configuration,
        tokenizer: &'a Tokenizer,
        text: &Text,
        output: Output,
        earlier: Option<State>,
        seed: Seed,
    ) -> Result<Run<'a>> {
        let config = &configuration.model;
        let state = earlier.unwrap_or_else(|| State {
            cursor: None,
            engines: Vec::new(),
            mean_loss: None,
            flat: Flat::initial(&Weights::initial(config, seed)),
            log: Log::default(),
        });
        let machine = &options.machine;
        let threads = command::threads(&options.stage);
        let engine = Engine::new(
            machine.engine,
            machine.precision,
            machine.device,
            config,
            &state.flat,
            threads,
        )?;
        let mut engines = state.engines;
        if let Some(last) = engines.last().filter(|last| **last != engine.name()) {
            tracing::warn!(
                "the steps so far were computed by {last}, those to come by {}: the result will differ in its last digits",
                engine.name()
            );
        }
        if !engines.contains(&engine.name()) {
            engines.push(engine.name());
        }
        let step = state.flat.steps;
        keep_checkpoints_up_to(&output.path("checkpoints"), step)?;
        if step > 0 {
            tracing::info!("going on after step {step} of {}", configuration.steps);
        }
        let checkpoint_bytes = Checkpoint::disk_bytes(config, tokenizer);
        let count = configuration.checkpoints.len() as u64;
        tracing::info!(
            "{} parameters, vocabulary {}, engine {}, {threads} threads; {} steps over {} characters of {} in the text",
            config.n_parameters(),
            config.vocab_size,
            engine.name(),
            configuration.steps,
            configuration.steps * configuration.batch_chars,
            text.characters(),
        );
        tracing::info!(
            "{count} checkpoints of {:.1} MB: {:.1} MB on disk at the end",
            megabytes(checkpoint_bytes),
            megabytes(count * checkpoint_bytes),
        );
        Ok(Run {
            options,
            configuration,
            tokenizer,
            output,
            engine,
            engines,
            step,
            mean_loss: state.mean_loss,
            log: state.log,
            events: events(options)?,
            cursor: state.cursor,
        })
    }

    fn take_steps(&mut self, batches: &mut Batches, validation: &Validation) -> Result<()> {
        let Configuration {
            steps,
            warmup_steps,
            learning_rate,
            ..
        } = *self.configuration;
        let schedule = Schedule {
            steps,
            warmup_steps,
            peak: learning_rate,
        };
        let tokens_seen = batches.cursor().tokens_seen;
        let progress = Progress::new("training", batches.expected_tokens(steps), "tokens");
        progress.resume_at(tokens_seen);
        let mut clock = Clock::start(steps, &self.log);
        let mut saved = Instant::now();
        let mut first_loss = None;
        if self.step == 0 {
            self.checkpoint()?;
            first_loss = Some(validation.loss(&mut self.engine)?);
            clock.new_lap();
        }
        while self.step < steps {
            if let Err(interrupted) = check_interrupt() {
                self.save(batches)?;
                return Err(interrupted.into());
            }
            let rows = batches.step(self.step);
            let lr = schedule.lr(self.step);
            let report = match self.engine.step(&rows, &self.configuration.adamw(lr)) {
                Ok(report) => report,
                Err(error) => match error.downcast::<NotFinite>() {
                    Ok(problem) => return Err(self.diverged(&problem.to_string())),
                    Err(error) => return Err(error),
                },
            };
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
            if let Some(loss) = first_loss.take() {
                // Before any update: the loss of the first step's text.
                self.log.rows.push(row.clone());
                self.log.validation(&loss);
                self.tell()?;
            }
            self.step += 1;
            row.step = self.step;
            row.tokens_seen = batches.cursor().tokens_seen;
            row.chars_seen = batches.cursor().chars_seen;
            row.lr = lr;
            self.log.rows.push(row);
            clock.step(self.step, rows.tokens, &mut self.log);
            self.refuse_explosion(report.loss_nats)?;
            progress.set_position(batches.cursor().tokens_seen);
            progress.message(format!(
                "step {} of {steps}, loss {:.3} nats",
                self.step, report.loss_nats
            ));

            let is_checkpoint = self
                .configuration
                .checkpoints
                .binary_search(&self.step)
                .is_ok();
            let is_validation = match self.configuration.validation_every {
                None => is_checkpoint,
                Some(every) => self.step.is_multiple_of(every) || self.step == steps,
            };
            if is_validation {
                let loss = validation.loss(&mut self.engine)?;
                self.log.validation(&loss);
                tracing::debug!("step {}: validation {}", self.step, losses(&loss));
            }
            self.tell()?;
            if is_checkpoint {
                self.checkpoint()?;
            }
            if (is_checkpoint || saved.elapsed() > STATE_INTERVAL) && self.step < steps {
                self.save(batches)?;
                saved = Instant::now();
            }
            if is_checkpoint || is_validation {
                clock.new_lap();
            }
        }
        // A kill while the output is published finds everything done.
        self.save(batches)?;
        progress.finish();
        Ok(())
    }

    /// Writes the present weights as a checkpoint, unless an earlier run did.
    fn checkpoint(&self) -> Result<()> {
        let directory = self.output.path(&checkpoint_name(self.step));
        if directory.exists() {
            return Ok(());
        }
        let weights = self.engine.state()?.weights(&self.configuration.model)?;
        Checkpoint::write(
            &directory,
            &self.configuration.model,
            &weights,
            self.tokenizer,
        )?;
        tracing::debug!("{}", directory.display());
        Ok(())
    }

    fn save(&self, batches: &Batches) -> Result<()> {
        let state = State {
            cursor: Some(batches.cursor().clone()),
            engines: self.engines.clone(),
            mean_loss: self.mean_loss,
            flat: self.engine.state()?,
            log: self.log.clone(),
        };
        state.write(&self.output.resume_directory()?)
    }

    /// TensorBoard's copy of the last row.
    fn tell(&mut self) -> Result<()> {
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

    /// Stops when the mean over the last ten steps or so is far above that of a model that knows nothing.
    fn refuse_explosion(&mut self, loss_nats: f64) -> Result<()> {
        let mean = self
            .mean_loss
            .map_or(loss_nats, |mean| 0.9 * mean + 0.1 * loss_nats);
        self.mean_loss = Some(mean);
        let chance = (self.configuration.model.vocab_size as f64).ln();
        if mean <= 1.5 * chance + 1.0 {
            return Ok(());
        }
        Err(self.diverged(&format!(
            "the loss rose to {mean:.2} nats, chance is {chance:.2}"
        )))
    }

    fn diverged(&self, problem: &str) -> anyhow::Error {
        let done = self
            .configuration
            .checkpoints
            .iter()
            .rev()
            .find(|step| **step <= self.step);
        let last = self
            .output
            .path(&checkpoint_name(done.copied().unwrap_or(0)));
        let bf16 = self.engine.name().contains("bf16");
        anyhow!(
            "{}: step {}: {problem}; last good checkpoint {}; most likely --learning-rate {} is too high: try a third of \
             it, or more --warmup-steps than {}{}",
            self.options.out.display(),
            self.step + 1,
            last.display(),
            self.configuration.learning_rate,
            self.configuration.warmup_steps,
            if bf16 { ", or --precision f32" } else { "" },
        )
    }

    /// What came out, for the manifest.
    fn measured(&self, batches: &Batches, text: &Text, tokens_per_char: f64) -> Value {
        let pairs = self.log.rows.windows(2);
        let step_chars: Vec<u64> = pairs
            .map(|pair| pair[1].chars_seen - pair[0].chars_seen)
            .collect();
        let steps = step_chars.len().max(1) as f64;
        let cursor = batches.cursor();
        let last = self.log.rows.last();
        json!({
            "n_parameters": self.configuration.model.n_parameters(),
            "engines": self.engines,
            "tokens_seen": cursor.tokens_seen,
            "chars_seen": cursor.chars_seen,
            "epochs": cursor.chars_seen as f64 / text.characters() as f64,
            "chars_per_token": 1.0 / tokens_per_char,
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

    fn publish(mut self, measured: Value) -> Result<()> {
        self.log.write(&self.output)?;
        let seconds = self.log.timing.last().map_or(0.0, |row| row.seconds);
        self.output.note("engine", self.engine.name());
        self.output
            .note("device", self.options.machine.device.to_string());
        self.output.note("training_seconds", seconds);
        self.output
            .note("tokens_per_second_median", self.log.median_speed());
        let mut table = Table::new(&["", "nats per token", "bits per character"]);
        if let Some(row) = self.log.rows.last() {
            let show =
                |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.3}"));
            table.row(vec![
                format!("training, step {}", row.step),
                show(Some(row.loss_nats)),
                String::new(),
            ]);
            for (name, nats, bits) in [
                (
                    "majority",
                    row.validation_nats_majority,
                    row.validation_bits_per_char_majority,
                ),
                (
                    "minority",
                    row.validation_nats_minority,
                    row.validation_bits_per_char_minority,
                ),
            ] {
                table.row(vec![format!("validation, {name}"), show(nats), show(bits)]);
            }
        }
        self.output.publish(measured)?;
        command::print(format!("{table}\n{}", self.options.out.display()))
    }
}

/// TensorBoard's event file, where one is asked for.
fn events(options: &Options) -> Result<Option<Events>> {
    let Some(directory) = &options.machine.tensorboard else {
        return Ok(None);
    };
    let directory = directory.clone().unwrap_or_else(|| {
        // `components` drops a slash at the end.
        let mut beside = options
            .out
            .components()
            .collect::<PathBuf>()
            .into_os_string();
        beside.push("-tensorboard");
        PathBuf::from(beside)
    });
    Events::create(&directory).map(Some)
}

fn checkpoint_name(step: u64) -> String {
    format!("checkpoints/step-{step:06}")
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn losses(loss: &ValidationLoss) -> String {
    let side = |name: &str, side: Option<crate::validation::SideLoss>| match side {
        Some(side) => format!(
            "{name} {:.3} nats, {:.3} bits a character",
            side.nats_per_token, side.bits_per_char
        ),
        None => format!("{name} none"),
    };
    format!(
        "{}; {}",
        side("majority", loss.majority),
        side("minority", loss.minority)
    )
}

/// Deletes what a killed run left half-written, and the checkpoints that the steps to come will write again.
fn keep_checkpoints_up_to(directory: &Path, step: u64) -> Result<()> {
    let name = |path: &Path| path.display().to_string();
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| name(directory)),
    };
    for entry in entries {
        let path: PathBuf = entry.with_context(|| name(directory))?.path();
        let number = path
            .file_name()
            .and_then(|file| file.to_str()?.strip_prefix("step-")?.parse::<u64>().ok());
        if number.is_none_or(|number| number > step) {
            std::fs::remove_dir_all(&path).with_context(|| name(&path))?;
        }
    }
    Ok(())
}
