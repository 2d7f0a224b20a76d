//! The training loop: one run, or a stack of runs that share an engine; a run alone is a stack of one.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow, ensure};
use command::{Progress, Table, check_interrupt};
use corpus::tables::TrainLogRow;
use lm::{Checkpoint, DeviceChoice};
use rayon::prelude::*;

use crate::batches::{BudgetMode, Rows};
use crate::engine::{Engine, Flat};
use crate::inputs::Inputs;
use crate::jobs::{Job, jobs, require_equal};
use crate::options::{Configuration, Options};
use crate::resume::State;
use crate::run::Run;
use crate::schedule::Schedule;
use crate::validation::{Validation, ValidationLoss};

/// The resume state is written at every checkpoint, and this often between; results do not depend on it.
const STATE_INTERVAL: Duration = Duration::from_secs(30);

/// Trains what the command line asks for and publishes each model.
///
/// # Errors
/// Inputs that do not belong together, a configuration that makes no training, runs that cannot be stacked, a loss that is
/// no number or explodes, an interrupt (the state is saved then), a full disk.
pub fn train(options: &Options) -> Result<()> {
    let jobs = jobs(options)?;
    let inputs = Inputs::open(&jobs, options)?;
    let configurations: Vec<Configuration> = jobs
        .iter()
        .map(|job| inputs.resolve(job, options))
        .collect::<Result<_>>()?;
    require_equal(&jobs, &configurations)?;
    let Some(configuration) = configurations.first() else {
        return Ok(());
    };
    let validations = inputs.validations(&jobs, configuration)?;
    let mut runs = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        let source = inputs.source(job, &validations)?;
        runs.extend(Run::begin(index, job, source, configuration, options)?);
    }
    let count = runs.len();
    let mut stack = Stack::new(options, configuration, &runs);
    let runs = stack.train(runs)?;

    let mut results: Vec<Option<TrainLogRow>> = vec![None; jobs.len()];
    for run in runs {
        let (index, out) = (run.index, &run.job.out);
        match run.publish(options, count) {
            Ok(row) => results[index] = row,
            Err(error) => stack
                .failures
                .push(error.context(out.display().to_string())),
        }
    }
    let failures = stack.failures;
    if jobs.len() == 1 {
        return match failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => command::print(one_result(&results, &jobs)),
        };
    }
    command::print(results_table(&results, &jobs))?;
    if failures.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = failures.iter().map(|error| format!("{error:#}")).collect();
    Err(anyhow!(
        "{} of {} runs stopped, the others are published: {}",
        problems.len(),
        jobs.len(),
        problems.join("; ")
    ))
}

/// Runs of one configuration on their way to the last step.
struct Stack<'a> {
    options: &'a Options,
    configuration: &'a Configuration,
    schedule: Schedule,
    progress: Progress,
    /// Tokens of the runs that are not in the engine.
    tokens_elsewhere: u64,
    /// Why runs stopped that did not reach the last step.
    failures: Vec<Error>,
}

impl<'a> Stack<'a> {
    fn new(options: &'a Options, configuration: &'a Configuration, runs: &[Run]) -> Stack<'a> {
        let Configuration {
            steps,
            warmup_steps,
            learning_rate,
            ..
        } = *configuration;
        if let Some(first) = runs.first() {
            announce(configuration, runs, first);
        }
        let expected = runs.iter().map(|run| run.batches.expected_tokens(steps));
        let progress = Progress::new("training", expected.sum(), "tokens");
        progress.resume_at(tokens_seen(runs));
        Stack {
            options,
            configuration,
            schedule: Schedule {
                steps,
                warmup_steps,
                peak: learning_rate,
            },
            progress,
            tokens_elsewhere: 0,
            failures: Vec::new(),
        }
    }

    /// Takes the runs to the last step and returns those that came there. After a kill some may be behind others: they
    /// catch up first.
    fn train(&mut self, mut runs: Vec<Run<'a>>) -> Result<Vec<Run<'a>>> {
        let steps = self.configuration.steps;
        while let Some(step) = runs.iter().map(|run| run.step).min().filter(|s| *s < steps) {
            let (together, ahead): (Vec<_>, Vec<_>) =
                runs.into_iter().partition(|run| run.step == step);
            let until = ahead.iter().map(|run| run.step).min().unwrap_or(steps);
            self.tokens_elsewhere = tokens_seen(&ahead);
            runs = ahead;
            runs.extend(self.advance(together, step, until)?);
        }
        runs.sort_by_key(|run| run.index);
        if !runs.is_empty() {
            self.progress.finish();
        }
        Ok(runs)
    }

    /// Takes runs that stand at one step to another; those that fail are dropped.
    fn advance(&mut self, runs: Vec<Run<'a>>, from: u64, until: u64) -> Result<Vec<Run<'a>>> {
        let Configuration {
            steps,
            ref checkpoints,
            validation_every,
            ..
        } = *self.configuration;
        let mut runs = runs;
        let mut engine = self.engine(&mut runs)?;
        if from == 0 {
            for (run, state) in runs.iter().zip(engine.states()?) {
                run.checkpoint(&state)?;
            }
            let losses = validate(&runs, &mut engine)?;
            for (run, loss) in runs.iter_mut().zip(losses) {
                run.before_first_step(loss);
                run.new_lap();
            }
        }
        let mut saved = Instant::now();
        let mut step = from;
        while step < until {
            if let Err(interrupted) = check_interrupt() {
                save(&mut runs, engine.states()?)?;
                return Err(interrupted.into());
            }
            let rows: Vec<Rows> = runs
                .par_iter_mut()
                .map(|run| run.batches.step(step))
                .collect();
            let lr = self.schedule.lr(step);
            let taken = engine.step(&rows, &self.configuration.adamw(lr))?;
            step += 1;
            let each = runs.iter_mut().zip(&rows).zip(taken);
            let problems: Vec<Option<Error>> = each
                .map(|((run, rows), taken)| run.took(taken, rows.tokens, lr).err())
                .collect();
            if problems.iter().any(Option::is_some) {
                runs = self.without_failed(runs, problems, &engine)?;
                if runs.is_empty() {
                    return Ok(runs);
                }
                engine = self.engine(&mut runs)?;
            }
            self.show(&runs, step);

            let is_checkpoint = checkpoints.binary_search(&step).is_ok();
            let is_validation = match validation_every {
                None => is_checkpoint,
                Some(every) => step.is_multiple_of(every) || step == steps,
            };
            if is_validation {
                let losses = validate(&runs, &mut engine)?;
                for (run, loss) in runs.iter_mut().zip(&losses) {
                    run.log.validation(loss);
                    tracing::debug!(
                        "{}: step {step}: validation {}",
                        run.job.out.display(),
                        in_words(loss)
                    );
                }
            }
            for run in &mut runs {
                run.tell()?;
            }
            if is_checkpoint {
                for (run, state) in runs.iter().zip(engine.states()?) {
                    run.checkpoint(&state)?;
                }
            }
            if (is_checkpoint || saved.elapsed() > STATE_INTERVAL) && step < until {
                save(&mut runs, engine.states()?)?;
                saved = Instant::now();
            }
            if is_checkpoint || is_validation {
                runs.iter_mut().for_each(Run::new_lap);
            }
        }
        // A kill while the output is published finds everything done.
        let states = engine.states()?;
        for (run, state) in runs.iter_mut().zip(&states) {
            run.flat = Some(state.clone());
        }
        save(&mut runs, states)?;
        Ok(runs)
    }

    /// An engine with the states that the runs hold.
    fn engine(&self, runs: &mut [Run]) -> Result<Engine> {
        let states: Vec<Flat> = runs.iter_mut().filter_map(|run| run.flat.take()).collect();
        ensure!(states.len() == runs.len(), "a run without its state");
        let machine = &self.options.machine;
        let engine = Engine::new(
            machine.engine,
            machine.precision,
            machine.device,
            &self.configuration.model,
            &states,
            command::threads(&self.options.stage),
        )?;
        let name = engine.name();
        tracing::info!(
            "engine {name}, {} threads",
            command::threads(&self.options.stage)
        );
        if runs.len() > 1 && machine.device == DeviceChoice::Cpu {
            tracing::info!(
                "on the CPU stacked runs take turns: runs of their own, side by side, are at least as fast"
            );
        }
        for run in runs {
            run.computed_by(&name);
        }
        Ok(engine)
    }

    /// The runs without a problem, holding their states.
    fn without_failed(
        &mut self,
        runs: Vec<Run<'a>>,
        problems: Vec<Option<Error>>,
        engine: &Engine,
    ) -> Result<Vec<Run<'a>>> {
        let mut left = Vec::new();
        for ((mut run, problem), state) in runs.into_iter().zip(problems).zip(engine.states()?) {
            match problem {
                Some(problem) => {
                    if self.options.stack.is_some() {
                        tracing::warn!("{problem:#}; the other runs go on");
                    }
                    self.failures.push(problem);
                }
                None => {
                    run.flat = Some(state);
                    left.push(run);
                }
            }
        }
        Ok(left)
    }

    fn show(&self, runs: &[Run], step: u64) {
        let losses = runs.iter().filter_map(|run| run.log.rows.last());
        let mean = losses.map(|row| row.loss_nats).sum::<f64>() / runs.len() as f64;
        let steps = self.configuration.steps;
        self.progress
            .set_position(self.tokens_elsewhere + tokens_seen(runs));
        let message = match runs.len() {
            1 => format!("step {step} of {steps}, loss {mean:.3} nats"),
            n => format!("step {step} of {steps}, mean loss of {n} runs {mean:.3} nats"),
        };
        self.progress.message(message);
    }
}

/// What is to be done, and the disk it will take.
fn announce(configuration: &Configuration, runs: &[Run], first: &Run) {
    let config = &configuration.model;
    let count = runs.len() as u64;
    let together = match count {
        1 => String::new(),
        n => format!("{n} runs together, each of "),
    };
    let steps = configuration.steps;
    let size = configuration.step_size();
    let covered = match size.mode {
        BudgetMode::EqualText => format!("{} characters", steps * size.batch_chars),
        BudgetMode::EqualTokens => format!("{} tokens", steps * size.batch_tokens),
    };
    tracing::info!(
        "{together}{} parameters, vocabulary {}; {steps} steps over {covered}; the text has {} characters",
        config.n_parameters(),
        config.vocab_size,
        first.source.text.characters(),
    );
    let checkpoints = configuration.checkpoints.len() as u64 * count;
    let bytes = Checkpoint::disk_bytes(config, first.source.encoder.tokenizer());
    // The next state is written beside the last one.
    let states = 2 * count * State::disk_bytes(config, configuration.steps);
    tracing::info!(
        "{checkpoints} checkpoints of {:.1} MB: {:.1} MB on disk at the end, and up to {:.1} MB more while training, to resume from",
        bytes as f64 / 1e6,
        (checkpoints * bytes) as f64 / 1e6,
        states as f64 / 1e6,
    );
}

fn tokens_seen(runs: &[Run]) -> u64 {
    runs.iter()
        .map(|run| run.batches.cursor().tokens_seen)
        .sum()
}

fn validate(runs: &[Run], engine: &mut Engine) -> Result<Vec<ValidationLoss>> {
    let each: Vec<&Validation> = runs.iter().map(|run| run.source.validation).collect();
    Validation::losses(&each, engine)
}

fn save(runs: &mut [Run], states: Vec<Flat>) -> Result<()> {
    runs.iter_mut()
        .zip(states)
        .try_for_each(|(run, state)| run.save(state))
}

fn in_words(loss: &ValidationLoss) -> String {
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

fn shown(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

/// The losses of a single run, and its path.
fn one_result(results: &[Option<TrainLogRow>], jobs: &[Job]) -> String {
    let out = |job: &Job| job.out.display().to_string();
    let path = jobs.first().map(out).unwrap_or_default();
    let Some(Some(row)) = results.first() else {
        return path;
    };
    let mut table = Table::new(&["", "nats per token", "bits per character"]);
    table.row(vec![
        format!("training, step {}", row.step),
        shown(Some(row.loss_nats)),
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
        table.row(vec![
            format!("validation, {name}"),
            shown(nats),
            shown(bits),
        ]);
    }
    format!("{table}\n{path}")
}

/// A row for each run; dashes where it was whole already or stopped.
fn results_table(results: &[Option<TrainLogRow>], jobs: &[Job]) -> Table {
    let mut table = Table::new(&[
        "run",
        "training nats",
        "majority nats",
        "bits/char",
        "minority nats",
        "bits/char",
    ]);
    for (job, row) in jobs.iter().zip(results) {
        let value = |of: fn(&TrainLogRow) -> Option<f64>| shown(row.as_ref().and_then(of));
        table.row(vec![
            job.out.display().to_string(),
            value(|row| Some(row.loss_nats)),
            value(|row| row.validation_nats_majority),
            value(|row| row.validation_bits_per_char_majority),
            value(|row| row.validation_nats_minority),
            value(|row| row.validation_bits_per_char_minority),
        ]);
    }
    table
}
