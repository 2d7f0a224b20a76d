//! SIGKILL at random moments: a directory is never there in part, and the next run ends with the bytes of an
//! undisturbed one. The test runs itself as the process to be killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use corpus::{Input, Output, Request, Stage};
use serde_json::json;

const CHILD: &str = "CORPUS_KILL_TEST_OUT";
const KILLS: u32 = 60;
const FILES: u32 = 12;

fn main() -> ExitCode {
    match std::env::var_os(CHILD) {
        Some(out) => child(Path::new(&out)),
        None => parent(),
    }
}

/// Writes a directory of some files, going on where it was killed; arguments: the configuration, then flags.
fn child(out: &Path) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let begin = Output::begin(Request {
        out,
        force: arguments.iter().any(|argument| argument == "force"),
        resume: arguments.iter().any(|argument| argument == "resume"),
        kind: Stage::Lang,
        tool: "lang-gen",
        configuration: &json!(arguments[0]),
        seeds: BTreeMap::new(),
        inputs: BTreeMap::new(),
    });
    let Some(output) = begin.expect("begins").into_output() else {
        return ExitCode::SUCCESS;
    };
    for file in 0..FILES {
        let path = output.path(&format!("train-{file:05}.parquet"));
        // The name stands for the whole file: what is there needs no second writing.
        if !path.exists() {
            corpus::write_file(&path, content(&arguments[0], file).as_bytes()).expect("writes");
        }
        let state = output.resume_directory().expect("creates").join("state");
        corpus::write_file(&state, file.to_string().as_bytes()).expect("writes");
    }
    output
        .publish(json!({ "files": FILES }))
        .expect("publishes");
    ExitCode::SUCCESS
}

fn content(configuration: &str, file: u32) -> String {
    format!("{configuration} {file}\n").repeat(20_000)
}

fn run(out: &Path, arguments: &[&str]) -> std::process::Child {
    let itself = std::env::current_exe().expect("knows its path");
    Command::new(itself)
        .args(arguments)
        .env(CHILD, out)
        .stderr(Stdio::null())
        .spawn()
        .expect("runs itself")
}

fn parent() -> ExitCode {
    // Cargo's own options (`--list`) are those of the usual harness.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let fingerprint = |name: &str| {
        let input = Input::open(&scratch.path().join(name), Stage::Lang).expect("opens");
        input.check_all().expect("whole");
        *input.fingerprint()
    };
    let began = Instant::now();
    let undisturbed = ["even", "odd"].map(|configuration| {
        assert!(
            run(&scratch.path().join(configuration), &[configuration])
                .wait()
                .expect("ends")
                .success()
        );
        fingerprint(configuration)
    });
    let usual = began.elapsed() / 2;

    let out = scratch.path().join("out");
    let mut killed = 0;
    for turn in 0..KILLS {
        let configuration = ["even", "odd"][(turn % 2) as usize];
        // The first turn has nothing to replace; a kill at every part of a run's usual time, and a little after.
        let mut child = run(&out, &[configuration, "resume", "force"]);
        std::thread::sleep(usual * (turn * 7 % KILLS) / KILLS * 5 / 4);
        killed += u32::from(child.try_wait().expect("is ours").is_none());
        child.kill().expect("is ours");
        child.wait().expect("ends");
        if out.exists() {
            let found = fingerprint("out");
            assert!(
                undisturbed.contains(&found),
                "turn {turn}: another directory"
            );
        }
        assert!(
            run(&out, &[configuration, "resume", "force"])
                .wait()
                .expect("ends")
                .success(),
            "turn {turn}"
        );
        assert_eq!(
            fingerprint("out"),
            undisturbed[(turn % 2) as usize],
            "turn {turn}"
        );
        let left: Vec<_> = std::fs::read_dir(&out)
            .expect("lists")
            .map(|entry| entry.expect("lists").file_name())
            .collect();
        assert_eq!(left.len(), FILES as usize + 2, "turn {turn}: {left:?}");
    }
    let beside = std::fs::read_dir(scratch.path()).expect("lists").count();
    assert_eq!(beside, 3, "nothing is left beside even, odd and out");
    assert!(began.elapsed() < Duration::from_secs(300));
    println!("killed {killed} of {KILLS} runs ({usual:?} each), all went on to the same bytes");
    ExitCode::SUCCESS
}
