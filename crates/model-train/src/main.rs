//! model-train: one decoder trained on the text of LANG, tokenised by TOK.

use std::process::ExitCode;

use model_train::options::Options;
use model_train::train::train;

fn main() -> ExitCode {
    let options: Options = command::parse();
    command::run(&options.stage, || train(&options))
}
