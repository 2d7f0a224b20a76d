//! `run` as a shell sees it: exit codes, one line on stderr, signals. The test runs itself as the stage.

use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use command::{Progress, StageFlags, check_interrupt, run};

const CHILD: &str = "COMMAND_TEST_STAGE";

fn main() -> ExitCode {
    match std::env::var(CHILD) {
        Ok(stage) => child(&stage),
        Err(_) => parent(),
    }
}

fn child(stage: &str) -> ExitCode {
    let quiet = stage.ends_with(" quiet");
    let flags = StageFlags {
        quiet,
        threads: std::num::NonZeroUsize::new(1),
        ..StageFlags::default()
    };
    run(&flags, || match stage.trim_end_matches(" quiet") {
        "succeeds" => {
            let progress = Progress::new("documents", 3, "documents");
            progress.inc(3);
            progress.finish();
            command::print(format!("threads {}", rayon::current_num_threads()))
        }
        "fails" => Err(anyhow::anyhow!("no\nsuch  column").context("lang/facts.parquet")),
        "waits" => {
            command::print("waiting")?;
            loop {
                check_interrupt()?;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "never checks" => {
            command::print("waiting")?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        "prints for ever" => loop {
            command::print("x".repeat(1000))?;
            check_interrupt()?;
        },
        other => anyhow::bail!("no stage {other}"),
    })
}

fn spawn(stage: &str) -> Child {
    let itself = std::env::current_exe().expect("knows its path");
    let mut command = Command::new(itself);
    command
        .env(CHILD, stage)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("runs itself")
}

/// Exit code, stdout, stderr.
fn outcome(stage: &str) -> (Option<i32>, String, String) {
    let output = spawn(stage).wait_with_output().expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn parent() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let (code, out, err) = outcome("succeeds");
    assert_eq!((code, out.as_str()), (Some(0), "threads 1\n"));
    assert!(
        err.starts_with("documents: 3 documents in 0.0 s (") && err.lines().count() == 1,
        "{err}"
    );
    let (code, _, err) = outcome("succeeds quiet");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let (code, out, err) = outcome("fails");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, "error: lang/facts.parquet: no such column\n");
    #[cfg(unix)]
    signals();
    println!("exit codes, messages and signals are as documented");
    ExitCode::SUCCESS
}

#[cfg(unix)]
fn signals() {
    let signal = |child: &Child, name: &str| {
        let sent = Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    };
    let waiting = |stage: &str| {
        let mut child = spawn(stage);
        let mut line = [0; 8];
        child
            .stdout
            .as_mut()
            .expect("piped")
            .read_exact(&mut line)
            .expect("says that it waits");
        child
    };
    for name in ["-INT", "-TERM"] {
        let child = waiting("waits");
        let sent = Instant::now();
        signal(&child, name);
        let output = child.wait_with_output().expect("ends");
        assert_eq!(output.status.code(), Some(130), "{name}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "error: interrupted\n"
        );
        assert!(sent.elapsed() < Duration::from_secs(2));
    }
    let mut child = waiting("never checks");
    let sent = Instant::now();
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        child.try_wait().expect("is ours").is_none(),
        "the first signal only asks"
    );
    signal(&child, "-INT");
    assert_eq!(
        child.wait().expect("ends").code(),
        Some(130),
        "the second ends it"
    );
    assert!(sent.elapsed() < Duration::from_secs(5));

    // A reader that goes away is no panic: the stage goes on until it is interrupted.
    let mut child = spawn("prints for ever");
    drop(child.stdout.take());
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().expect("is ours").is_none());
    signal(&child, "-INT");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: interrupted\n"
    );
}
