//! The plan's Makefile under make, with shell scripts in the place of the stages.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use study::plan::runs::read;
use study::status::{print, status};
use study::{artifact::Stage, plan};

/// Writes an empty artifact, as a stage would; counts its calls.
const STAGE: &str = r#"#!/bin/sh
echo "$@" >>"$COUNT"
case " $* " in *"$FAIL"*) printf '%s\n' "error: told to fail" "" "Try --help." >&2; exit 1;; esac
while [ $# -gt 0 ]; do
    if [ "$1" = --out ]; then out=$2; fi
    shift
done
[ ! -e "$out" ] || { echo "error: $out exists" >&2; exit 1; }
mkdir -p "$out" && echo '{}' >"$out/manifest.json"
"#;

struct Lab {
    root: PathBuf,
}

impl Lab {
    fn new(name: &str) -> Lab {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::write(root.join("w.toml"), "grammar = \"g.grammar\"\n").unwrap();
        std::fs::write(root.join("g.grammar"), "rule x").unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_study"), root.join("bin/study")).unwrap();
        for stage in Stage::ALL {
            let path = root.join("bin").join(stage.binary());
            std::fs::write(&path, STAGE).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Lab { root }
    }

    fn out(&self) -> PathBuf {
        self.root.join("plan")
    }

    fn plan(&self, sizes: &str) {
        let text = format!("[base.lang]\nworld = \"w.toml\"\n[grid.tok]\nvocab_size = [{sizes}]\n");
        let study = self.root.join("s.toml");
        std::fs::write(&study, text).unwrap();
        plan::plan(&study, &self.out(), &self.root.join("bin"), false, false).unwrap();
    }

    /// Runs make; returns how it ended and the calls of the stages so far.
    fn make(&self, flags: &[&str], fail: &str) -> (Output, usize) {
        let count = self.root.join("count");
        let output = Command::new("make")
            .args(["--no-print-directory", "-C"])
            .arg(self.out())
            .args(flags)
            .env("COUNT", &count)
            .env("FAIL", fail)
            .env_remove("MAKEFLAGS")
            .output()
            .unwrap();
        (
            output,
            std::fs::read_to_string(&count).map_or(0, |text| text.lines().count()),
        )
    }

    fn counts(&self) -> Vec<[usize; 4]> {
        status(&self.out())
            .unwrap()
            .stages
            .into_iter()
            .map(|(_, of_stage)| of_stage.counts)
            .collect()
    }
}

#[test]
fn failed_runs_do_not_stop_others_and_nothing_is_built_twice() {
    let lab = Lab::new("make");
    lab.plan("64, 512");
    let (output, calls) = lab.make(&["-k", "-j2"], "--vocab-size 512");
    assert!(!output.status.success());
    // One language, two tokenizers of which one fails, one model, one evaluation.
    assert_eq!(calls, 5);
    assert_eq!(
        lab.counts(),
        [[1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]]
    );
    let state = status(&lab.out()).unwrap();
    let failure = &state.failed[0];
    assert_eq!(failure.reason, "told to fail");
    assert_eq!(failure.runs, "tok.vocab_size = 512");
    let artifact = &failure.artifact;
    let line = format!("failed: {artifact} (tok.vocab_size = 512): told to fail; see ");
    assert!(print(&lab.out(), &state).contains(&line));
    let told = String::from_utf8(output.stderr).unwrap();
    let line = format!("; see logs/{artifact}.log: told to fail\n");
    assert!(told.contains(&line), "{told}");
    let log = std::fs::read_to_string(lab.out().join(format!("logs/{artifact}.log"))).unwrap();
    assert!(
        log.starts_with("$ ")
            && log.contains("--vocab-size 512")
            && log.ends_with("error: told to fail\n\nTry --help.\n"),
        "{log}"
    );

    // Only what is missing: the tokenizer that failed, its model and evaluation.
    let (output, calls) = lab.make(&["-j2"], "never");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(calls, 8);
    assert_eq!(
        lab.counts(),
        [[1, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0]]
    );

    // Planned again: the same files with the same times, and nothing to do.
    let written = |name: &str| -> SystemTime {
        std::fs::metadata(lab.out().join(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = [
        written("Makefile"),
        written("runs.parquet"),
        written("study.toml"),
    ];
    lab.plan("64, 512");
    assert_eq!(before[..2], [written("Makefile"), written("runs.parquet")]);
    assert_eq!(lab.make(&[], "never").1, 8);

    // Another size: its own tokenizer, model and evaluation; newer binaries and older files change nothing.
    std::fs::write(lab.root.join("bin/lang-gen"), STAGE).unwrap();
    lab.plan("64, 512, 2048");
    assert_eq!(lab.make(&[], "never").1, 11);
    assert_eq!(read(&lab.out()).unwrap().unwrap().len(), 3);
}

#[test]
fn threads_and_jobs_fill_the_machine() {
    let lab = Lab::new("threads");
    lab.plan("64");
    let cores = std::thread::available_parallelism().unwrap().get();
    let threads = |flags: &[&str]| -> String {
        let (output, _) = lab.make(&[&["-n"], flags].concat(), "never");
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text
            .lines()
            .find(|line| line.contains("lang-gen"))
            .unwrap()
            .to_owned();
        line.rsplit_once("--threads ").unwrap().1.to_owned()
    };
    assert_eq!(threads(&[]), cores.to_string());
    assert_eq!(threads(&[&format!("-j{cores}")]), "1");
    assert_eq!(threads(&["-j64"]), "1", "never less than one");
    assert_eq!(threads(&["-j2", "THREADS=3"]), "3");
}
