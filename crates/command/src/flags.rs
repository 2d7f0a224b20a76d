//! The flags that every stage spells the same way.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use clap::{Arg, ArgAction, Args, Command, Parser, value_parser};
use clap_complete::Shell;

/// Flags of every stage; put `#[command(flatten)] pub stage: command::StageFlags` into the arguments.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Every stage")]
pub struct StageFlags {
    /// Threads to compute with; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", global = true, value_parser = parse_threads)]
    pub threads: Option<NonZeroUsize>,

    /// Show no progress, and of the log only warnings and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Log more: -v details of our own steps, -vv traces and the libraries' logs (RUST_LOG overrides)
    #[arg(long, short, action = ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// Threads that may be asked for; thousands take longer to start than they work.
const MAX_THREADS: usize = 1024;

fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|threads: &NonZeroUsize| threads.get() <= MAX_THREADS)
        .ok_or_else(|| format!("expected 1 to {MAX_THREADS}"))
}

/// Number of threads to compute with: as asked for, else as many as the machine offers.
pub fn threads(flags: &StageFlags) -> usize {
    flags
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
}

/// Parses the command line as `C::parse()` does, with two flags beside the arguments of `C`: `--completions SHELL`
/// prints a completion script for that shell, `--man` a manual page, behind a subcommand its page; both exit 0. Wrong
/// usage exits 2.
pub fn parse<C: Parser>() -> C {
    let mut command = with_documents::<C>();
    if let Some(document) = document(&command, std::env::args_os()) {
        let printed = document
            .map_err(anyhow::Error::from)
            .and_then(|bytes| crate::print(String::from_utf8_lossy(&bytes)));
        if let Err(error) = &printed {
            crate::stage::report(error);
        }
        std::process::exit(i32::from(printed.is_err()));
    }
    let mut matches = command.clone().get_matches();
    C::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

fn with_documents<C: Parser>() -> Command {
    let completions = Arg::new("completions")
        .long("completions")
        .value_name("SHELL")
        .exclusive(true)
        .value_parser(value_parser!(Shell))
        .help("Print a completion script for this shell and exit");
    let man = Arg::new("man")
        .long("man")
        .action(ArgAction::SetTrue)
        .exclusive(true)
        .help("Print a manual page (for `man -l`) and exit");
    with_negative_numbers(C::command())
        .arg(completions)
        .arg(man)
}

/// Lets `--distance -1` reach whoever says what is wrong with the number.
fn with_negative_numbers(command: Command) -> Command {
    let allowed = |arg: Arg| match arg.get_action().takes_values() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    command
        .mut_args(allowed)
        .mut_subcommands(with_negative_numbers)
}

/// The script or page asked for, where the arguments ask for one.
fn document(
    command: &Command,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Option<std::io::Result<Vec<u8>>> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut bytes = Vec::new();
    if let [_, name, man] = &arguments[..]
        && man == "--man"
    {
        let mut command = command.clone();
        command.build();
        if let Some(subcommand) = command.find_subcommand(name) {
            let rendered = clap_mangen::Man::new(subcommand.clone()).render(&mut bytes);
            return Some(rendered.map(|()| bytes));
        }
    }
    // A command that is nothing without a subcommand has a script and a page all the same.
    let alone = command.clone().subcommand_required(false);
    let mut matches = alone.try_get_matches_from(arguments).ok()?;
    if let Some(shell) = matches.remove_one::<Shell>("completions") {
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command.clone(), name, &mut bytes);
        return Some(Ok(bytes));
    }
    if matches.get_flag("man") {
        let rendered = clap_mangen::Man::new(command.clone()).render(&mut bytes);
        return Some(rendered.map(|()| bytes));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[derive(Debug, Parser)]
    #[command(name = "lang-gen", version)]
    struct Cli {
        #[arg(long)]
        out: String,
        #[command(flatten)]
        stage: StageFlags,
    }

    #[test]
    fn flags_are_spelled_the_same_everywhere() {
        Cli::command().debug_assert();
        let cli =
            Cli::try_parse_from(["lang-gen", "--out", "o", "--threads", "3", "--quiet", "-vv"])
                .unwrap();
        assert_eq!(threads(&cli.stage), 3);
        assert!(cli.stage.quiet);
        assert_eq!(cli.stage.verbose, 2);
        assert!(threads(&StageFlags::default()) >= 1);
        assert_eq!(cli.out, "o");
    }

    #[test]
    fn threads_that_cannot_be_are_wrong_usage() {
        for threads in ["0", "1025", "-1", "two"] {
            let arguments = ["lang-gen", "--out", "o", "--threads", threads];
            let error = with_documents::<Cli>()
                .try_get_matches_from(arguments)
                .unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("expected 1 to 1024"), "{error}");
        }
    }

    #[test]
    fn scripts_and_pages_need_no_other_argument() {
        let command = with_documents::<Cli>();
        command.clone().debug_assert();
        let asked = |arguments: &[&str]| {
            let arguments = ["lang-gen"].iter().chain(arguments);
            let bytes = document(&command, arguments)?;
            Some(String::from_utf8(bytes.unwrap()).unwrap())
        };
        assert!(
            asked(&["--completions", "bash"])
                .unwrap()
                .contains("--threads")
        );
        assert!(asked(&["--man"]).unwrap().contains(".TH lang-gen 1"));
        assert_eq!(asked(&["--out", "o"]), None);
        assert!(command.clone().try_get_matches_from(["lang-gen"]).is_err());
    }

    #[derive(Debug, Parser)]
    #[command(name = "study", version)]
    struct WithCommands {
        #[command(subcommand)]
        action: Action,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Action {
        Plan,
    }

    #[test]
    fn scripts_and_pages_need_no_subcommand() {
        let command = with_documents::<WithCommands>();
        let asked = |arguments: &[&str]| document(&command, arguments).is_some();
        assert!(asked(&["study", "--completions", "zsh"]));
        assert!(asked(&["study", "--man"]));
        assert!(asked(&["study", "plan", "--man"]));
        assert!(!asked(&["study", "none", "--man"]));
        assert!(!asked(&["study"]) && !asked(&["study", "plan"]));
        assert!(command.clone().try_get_matches_from(["study"]).is_err());
    }
}
