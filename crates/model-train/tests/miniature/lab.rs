//! The real binary in a temporary directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory with `lang` and `tok` in which model-train runs.
pub struct Lab {
    pub directory: tempfile::TempDir,
}

impl Lab {
    pub fn new() -> Lab {
        let directory = tempfile::tempdir().unwrap();
        let lang = super::lang(&directory.path().join("lang"), 400);
        super::tok(&directory.path().join("tok"), &lang, 80);
        Lab { directory }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// model-train on `lang` and `tok`: a very small model in small steps, and the flags given.
    pub fn command(&self, out: &str, flags: &str) -> Command {
        self.bare_command(&format!("--lang lang --tok tok --out {out} {flags}"))
    }

    /// The same model and steps, but no inputs and outputs.
    pub fn bare_command(&self, flags: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_model-train"));
        let small = "--size tiny --d-model 32 --d-ff 48 --seq-len 32 --batch-size 4 --cache cache";
        command
            .current_dir(self.directory.path())
            .args(small.split_whitespace())
            .args(flags.split_whitespace())
            .env_remove("RUST_LOG");
        command
    }

    pub fn run(&self, out: &str, flags: &str) -> Output {
        self.command(out, flags).output().unwrap()
    }

    pub fn succeed(&self, out: &str, flags: &str) -> String {
        let output = self.run(out, flags);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one line on stderr.
    pub fn refusal(&self, out: &str, flags: &str) -> String {
        let output = self.run(out, &format!("--quiet {flags}"));
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(output.stdout.is_empty());
        text
    }

    pub fn manifest(&self, out: &str) -> String {
        std::fs::read_to_string(self.at(out).join("manifest.json")).unwrap()
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn steps(model: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(model.join("checkpoints")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
