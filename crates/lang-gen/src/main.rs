//! The command line of lang-gen; see `lang-gen --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command::StageFlags;
use lang_gen::options::GenerateFlags;
use lang_gen::{audit, export, generate, show};

/// Make two languages that share one world and one grammar and differ only on the surface.
///
/// Reads a world file, draws ontology, lexicons and text, and writes a LANG directory: world.json,
/// lexicon.parquet, facts.parquet, train-*.parquet, validation.parquet, probes.parquet, manifest.json.
/// The majority language A tells the whole world; the minority language B never states masked lemmas
/// (their forms are B†) or held-out facts, in any split; with --b-unmasked, a control, its training text states B†.
///
/// What a flag gives counts in place of what the world file says; the file itself is not changed.
#[derive(Parser)]
#[command(
    name = "lang-gen",
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  lang-gen --world data/worlds/tiny.toml --out out/lang --lexical-distance 0.4\n  \
                  lang-gen show out/lang\n  lang-gen audit out/lang"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    generate: Option<GenerateFlags>,
    #[command(flatten)]
    stage: StageFlags,
}

#[derive(Subcommand)]
enum Command {
    /// Prove that no B text states a masked lemma or a held-out fact, by parsing every row (of a LANG made with
    /// --b-unmasked, that its training text states no held-out fact, and that all else states neither)
    #[command(after_help = "Example:\n  lang-gen audit out/lang\n\n\
                            Prints what was read of each file; at the first leak it exits 1 with \
                            `leak: FILE row N: FORM`.")]
    Audit {
        /// The LANG directory
        lang: PathBuf,
    },
    /// Print a LANG directory for a person: knobs, sentences side by side, lexicon, counts
    #[command(after_help = "Example:\n  lang-gen show out/lang --rows 20")]
    Show {
        /// The LANG directory
        lang: PathBuf,
        /// How many pairs of sentences to print, and how many nouns of the lexicon
        #[arg(long, default_value_t = 8)]
        rows: usize,
    },
    /// Write the two-alternative probes as BLiMP-style JSON lines to standard output
    #[command(after_help = "Example:\n  lang-gen export-blimp out/lang > probes.jsonl")]
    ExportBlimp {
        /// The LANG directory
        lang: PathBuf,
    },
}

fn main() -> ExitCode {
    let line: CommandLine = command::parse();
    command::run(&line.stage, || match (&line.command, &line.generate) {
        (Some(Command::Audit { lang }), _) => audit::run(lang),
        (Some(Command::Show { lang, rows }), _) => show::run(lang, *rows),
        (Some(Command::ExportBlimp { lang }), _) => export::run(lang),
        (None, Some(flags)) => generate::run(flags),
        (None, None) => {
            anyhow::bail!("expected --world FILE and --out LANG, or a command; see lang-gen --help")
        }
    })
}
