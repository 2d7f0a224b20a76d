//! The command line of tok-train; see `tok-train --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command::StageFlags;
use tok_train::options::TrainFlags;
use tok_train::{encode, show, train};

/// Train a tokenizer on both languages' text and measure what it lets them share.
///
/// Reads the words of LANG's training text once, weighs each language as the regime asks, and
/// writes a TOK directory: tokenizer.json (Hugging Face), segmentation.parquet (every form as
/// tokens), bridges.parquet (what the two forms of each noun share), summary.parquet (fertility,
/// one-token words, overlap), manifest.json. The letters of both languages are always in the vocabulary, so
/// nothing is ever unknown; masked forms (B†) are in the training text only with
/// --show-masked-forms, or where LANG was made with --b-unmasked.
///
/// With --split-ids, tokenizer.json still encodes to the first copy of the ids; a twin is spelled like
/// its token with U+E000 behind it and decodes to the same text.
///
/// Details of the measures: a concept's forms are compared in their base inflection; chance is the
/// mean over all other nouns; identifiability and learnable rank among the forms that LANG's primary
/// clozes offer with the noun's (null where none offers it), ties in expectation; characters are
/// those of words, without spaces and boundary marks.
#[derive(Parser)]
#[command(
    name = "tok-train",
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  tok-train --lang out/lang --out out/tok --vocab-size 256 --regime balanced\n  \
                  tok-train show out/tok\n  tok-train show out/tok 17"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: Option<TrainFlags>,
    #[command(flatten)]
    stage: StageFlags,
}

#[derive(Subcommand)]
enum Command {
    /// Print a TOK directory for a person: its figures, and concepts cut into tokens
    #[command(after_help = "Example:\n  tok-train show out/tok 17 kalu")]
    Show {
        /// The TOK directory
        tok: PathBuf,
        /// Concepts to show, by number or by one of their forms
        concepts: Vec<String>,
    },
    /// Print the token ids of each line of a file, to compare with other readers of tokenizer.json
    #[command(after_help = "Example:\n  tok-train encode out/tok sentences.txt")]
    Encode {
        /// The TOK directory
        tok: PathBuf,
        /// A text file, one sentence or document a line
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let line: CommandLine = command::parse();
    command::run(&line.stage, || match (&line.command, &line.train) {
        (Some(Command::Show { tok, concepts }), _) => show::run(tok, concepts),
        (Some(Command::Encode { tok, file }), _) => encode::run(tok, file),
        (None, Some(flags)) => train::run(flags),
        (None, None) => {
            anyhow::bail!("expected --lang LANG and --out TOK, or a command; see tok-train --help")
        }
    })
}
