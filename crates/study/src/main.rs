//! `study`: plans, watches and reports studies.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use study::artifact::Stage;
use study::{plan, report, stage, status};

/// Hundreds of controlled runs from one file, and the report that answers its questions
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Example, a study from beginning to end:
  study plan data/studies/demo.toml --out out/demo
  make -C out/demo -j2
  study status out/demo
  study report out/demo --out out/demo/report"
)]
struct Cli {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    stage: command::StageFlags,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Expand a study file into a directory with a Makefile and one row per run
    #[command(after_help = "\
A study file (TOML) may begin with
  description = \"What it asks\"
  last_stage = \"tok\"       lang, tok, model or eval (the default): where its runs end
and holds these tables; STAGE is lang, tok, model or eval:
  [base.STAGE]             one value per knob; world = \"../worlds/demo.toml\" in [base.lang] must be there
  [grid.STAGE]             a list of values per knob; every combination is a run
  [rotate]                 knob, values, by: one knob that goes round with those of the grid
  [[control]]              name, and knobs as STAGE.KNOB = VALUE: the grid again with these replaced
  [claims]                 thresholds of the report's claims
Knobs are the stage's options, with _ for -: vocab_size under tok is tok-train --vocab-size. Keys of the
world file stand under world: [grid.world] with mask.share = [0.1, 0.5]. A name that is no knob is refused
with a list of those there are.

Example:
  study plan data/studies/demo.toml --out out/demo
  make -C out/demo -j2")]
    Plan {
        /// The study file (data/studies/*.toml)
        study: PathBuf,
        /// Directory to plan into; what it has built already is used again
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Write Slurm job arrays as well
        #[arg(long)]
        slurm: bool,
        /// Plan over the plan of another study; what it built stays
        #[arg(long)]
        force: bool,
    },
    /// Say what is done, running, failed and left, and how long it still takes
    #[command(after_help = "\
Example:
  study status out/demo")]
    Status {
        /// A planned study (the --out of study plan)
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Write tables, figures and a page from whatever has finished; prints the main table and the page's path
    #[command(after_help = "\
Examples, a whole study, one in two parts, and one evaluation by itself:
  study report out/demo --out out/demo/report
  study report out/part-1 out/part-2 --out out/report
  study report out/eval --out out/report")]
    Report {
        /// Planned studies and earlier reports of one study, or evaluation and tokenizer directories
        ///
        /// A study may be run in parts: some seeds, or some of a plan's runs, on one machine and the rest on another. Their
        /// directories and reports together give the report of the whole, byte for byte. A run that two of them have counts
        /// once; all but the seeds must be the same.
        #[arg(required = true, value_name = "INPUT")]
        inputs: Vec<PathBuf>,
        /// Directory to write
        #[arg(long, value_name = "REPORT")]
        out: PathBuf,
        /// Replace an existing REPORT, once the new one is whole
        #[arg(long)]
        force: bool,
    },
    /// Make one artifact (what the Makefile's recipes call): lock, log, marks
    #[command(hide = true)]
    Stage {
        /// The artifact's name
        name: String,
        /// The stage's command line
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli: Cli = command::parse();
    command::run(&cli.stage, || match &cli.action {
        Action::Plan {
            study,
            out,
            slurm,
            force,
        } => {
            let program =
                std::env::current_exe().context("study: cannot tell where its binary is")?;
            let binaries = program
                .parent()
                .context("study: its binary has no directory")?;
            let summary = plan::plan(study, out, binaries, *slurm, *force)?;
            if cli.stage.quiet {
                return Ok(());
            }
            command::print(summary_text(&summary))?;
            command::print(format!(
                "next: make -C {} (with -j2, two artifacts at once)",
                out.display()
            ))
        }
        Action::Status { directory } => {
            command::print(status::print(directory, &status::status(directory)?))
        }
        Action::Report { inputs, out, force } => {
            command::print(report::report(inputs, out, *force)?)
        }
        Action::Stage { name, command } => stage::run(name, command, cli.stage.quiet),
    })
}

fn summary_text(summary: &plan::Summary) -> String {
    let mut table = command::Table::new(&["stage", "artifacts", "built", "left"]);
    for (stage, all, built) in &summary.stages {
        table.row(vec![
            Stage::name(*stage).into(),
            all.to_string(),
            built.to_string(),
            (all - built).to_string(),
        ]);
    }
    let mut text = format!(
        "{table}\n{} runs of the grid, {} of controls\n",
        summary.runs, summary.controls
    );
    if !summary.unused.is_empty() {
        text += &format!(
            "{} artifacts there that this plan does not want: {}\n",
            summary.unused.len(),
            summary.unused.join(" ")
        );
    }
    text
}
