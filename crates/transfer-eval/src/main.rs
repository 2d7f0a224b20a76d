//! `transfer-eval`: evaluate a run's checkpoints, compute its metrics again, look at them.

mod options;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use corpus::tables::MetricRow;
use options::{Aggregate, Cli, Command, Evaluate, Show};
use transfer_eval::evaluate::{Manner, Settings, evaluate};
use transfer_eval::inputs::{Evaluated, Inputs};
use transfer_eval::{aggregate, destination, show};

fn main() -> ExitCode {
    let cli: Cli = command::parse();
    command::run(&cli.stage, || match (&cli.command, &cli.evaluate) {
        (Some(Command::Aggregate(flags)), _) => run_aggregate(flags),
        (Some(Command::Show(flags)), _) => run_show(flags),
        (None, Some(flags)) => run_evaluate(flags),
        (None, None) => {
            bail!("expected --lang, --tok, --model and --out; see transfer-eval --help")
        }
    })
}

fn run_evaluate(flags: &Evaluate) -> Result<()> {
    let temperature = flags.temperature;
    ensure!(
        temperature.is_finite() && temperature > 0.0,
        "--temperature {temperature}: expected a number above 0"
    );
    ensure!(flags.batch > 0, "--batch 0: expected at least 1");
    let inputs = Inputs::open(&flags.lang, &flags.tok, &flags.model)?;
    if inputs.lang.manifest().states_masked() {
        tracing::warn!(
            "{}: B's training text states B† forms (--b-unmasked): a control; condition masked is a ceiling and no measure of transfer",
            flags.lang.display()
        );
    }
    let settings = Settings {
        seed: flags.seed,
        samples: flags.samples,
        draws: flags.draws,
        temperature,
        bootstrap: flags.bootstrap,
        validation_pairs: flags.validation_pairs,
        engine: flags.engine,
    };
    let manner = Manner {
        out: &flags.out,
        force: flags.force,
        resume: flags.resume,
        device: flags.device,
        batch: flags.batch,
    };
    let metrics = evaluate(&inputs, &settings, &manner)?;
    let last = metrics.iter().map(|row| row.step).max();
    let of_last: Vec<MetricRow> = metrics
        .into_iter()
        .filter(|row| Some(row.step) == last)
        .collect();
    command::print(show::table::of_checkpoint(&of_last))?;
    command::print(format!("\n{}", flags.out.display()))
}

fn run_aggregate(flags: &Aggregate) -> Result<()> {
    if let Some(out) = &flags.out {
        destination::check(out, flags.force)?;
    }
    let evaluated = Evaluated::open(&flags.eval)?;
    let mut bootstrap = evaluated.bootstrap();
    if let Some(replicates) = flags.bootstrap {
        let own = bootstrap.replicates;
        ensure!(
            flags.out.is_some() || replicates == own,
            "--bootstrap {replicates}: EVAL has {own} resamples, so its intervals cannot be compared; leave it out, or write with --out FILE"
        );
        bootstrap.replicates = replicates;
        bootstrap.check().context("--bootstrap")?;
    }
    let mut evidence = evaluated.evidence(flags.lang.as_deref(), flags.tok.as_deref())?;
    evidence.bootstrap = bootstrap;
    let metrics = aggregate::metrics(&evidence, |name| Ok(evaluated.eval.file(name)?))?;
    match &flags.out {
        Some(path) => {
            corpus::write_rows(path, &metrics)?;
            command::print(path.display())
        }
        None => {
            let count = aggregate::compare(&metrics, &evaluated.metrics()?)
                .with_context(|| flags.eval.display().to_string())?;
            command::print(format!(
                "{}: {count} metrics, the same computed again",
                flags.eval.display()
            ))
        }
    }
}

fn run_show(flags: &Show) -> Result<()> {
    ensure!(flags.steps > 0, "--steps 0: expected at least 1");
    let evaluated = Evaluated::open(&flags.eval)?;
    if evaluated.eval.manifest().measured["b_unmasked"] == true {
        command::print(
            "B STATED B† FORMS IN TRAINING (lang-gen --b-unmasked): a control, masked is a ceiling\n",
        )?;
    }
    if flags.concepts.is_empty() {
        return command::print(show::table::over_steps(&evaluated.metrics()?, flags.steps));
    }
    let sources = evaluated.sources(flags.lang.as_deref(), flags.tok.as_deref())?;
    for name in &flags.concepts {
        command::print(sources.page(sources.find(name)?)?)?;
    }
    Ok(())
}
