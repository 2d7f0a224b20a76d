//! What the end-to-end tests share: the built binaries, run in a temporary directory; and what torture needs: commands
//! under limits, directories compared, files damaged.

pub mod corruption;
pub mod directory;
pub mod mutation;
pub mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary directory in which the lab's commands run.
pub struct Lab {
    folder: tempfile::TempDir,
    binaries: PathBuf,
}

/// The project's own folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The committed sample of the newest format of each directory: `lang`, `tok`, `model`, `eval`.
pub fn samples() -> PathBuf {
    project().join("tests/samples/format-1")
}

impl Lab {
    /// A fresh directory; the binaries are those beside the running test (`make test` builds them first).
    pub fn new() -> Lab {
        let test = std::env::current_exe().expect("a test has a path");
        let binaries = test
            .ancestors()
            .nth(2)
            .expect("tests run in target/PROFILE/deps")
            .to_owned();
        for name in [
            "lang-gen",
            "tok-train",
            "model-train",
            "transfer-eval",
            "study",
        ] {
            assert!(
                binaries.join(name).is_file(),
                "{name} is not built: run make build first"
            );
        }
        Lab {
            folder: tempfile::tempdir().expect("a temporary directory can be made"),
            binaries,
        }
    }

    /// The directory of the built binaries.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// A path inside the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `name` with arguments separated by spaces; relative paths are inside the directory, and `WORLDS`
    /// stands for the project's worlds.
    pub fn run(&self, name: &str, arguments: &str) -> Output {
        let mut command = self.command(name, arguments);
        command.output().expect("the binary starts")
    }

    /// As [`Lab::run`], with a variable in the environment.
    pub fn run_with(&self, variable: &str, value: &str, name: &str, arguments: &str) -> Output {
        let mut command = self.command(name, arguments);
        command
            .env(variable, value)
            .output()
            .expect("the binary starts")
    }

    fn command(&self, name: &str, arguments: &str) -> Command {
        let worlds = project().join("data/worlds");
        let arguments = arguments
            .split_whitespace()
            .map(|argument| argument.replace("WORLDS", &worlds.to_string_lossy()));
        let mut command = Command::new(self.binaries.join(name));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs a command that must succeed; returns its standard output.
    pub fn ok(&self, name: &str, arguments: &str) -> String {
        let output = self.run(name, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{name} {arguments}: {}\n{stderr}",
            output.status
        );
        String::from_utf8(output.stdout).expect("standard output is UTF-8")
    }

    /// Runs a command that must fail with exit code 1 and one line on standard error; returns the line.
    pub fn refused(&self, name: &str, arguments: &str) -> String {
        let output = self.run(name, arguments);
        let stderr = String::from_utf8(output.stderr).expect("standard error is UTF-8");
        assert_eq!(
            output.status.code(),
            Some(1),
            "{name} {arguments}: {stderr}"
        );
        let errors: Vec<&str> = stderr.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            errors.len(),
            1,
            "{name} {arguments}: expected one line, found:\n{stderr}"
        );
        assert!(errors[0].starts_with("error: "), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        errors[0].to_owned()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Lab::new()
    }
}

/// The tiny chain's commands, in order: binary and arguments without `--out`.
pub const LANG: &str = "--world WORLDS/tiny.toml --documents 400 --quiet";
/// As [`LANG`], for tok-train.
pub const TOK: &str = "--lang lang --vocab-size 96 --quiet";
/// As [`LANG`], for model-train.
pub const MODEL: &str = "--lang lang --tok tok --size tiny --max-steps 12 --batch-size 4 --seq-len 64 --checkpoints 3 --quiet";
/// As [`LANG`], for transfer-eval.
pub const EVAL: &str = "--lang lang --tok tok --model model --samples 8 --bootstrap 50 --quiet";

/// Runs the tiny chain: `lang`, `tok`, `model`, `eval`.
pub fn chain(lab: &Lab) {
    lab.ok("lang-gen", &format!("{LANG} --out lang"));
    lab.ok("tok-train", &format!("{TOK} --out tok"));
    lab.ok("model-train", &format!("{MODEL} --out model"));
    lab.ok("transfer-eval", &format!("{EVAL} --out eval"));
}
