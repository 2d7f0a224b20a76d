//! What every command does alike: completions, manual pages, logs on stderr, results alone on stdout.

use std::process::Command;

use end_to_end::{Lab, samples};

const BINARIES: [&str; 5] = [
    "lang-gen",
    "tok-train",
    "model-train",
    "transfer-eval",
    "study",
];

#[test]
fn completions_manual_pages_and_versions() {
    let lab = Lab::new();
    for binary in BINARIES {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = lab.ok(binary, &format!("--completions {shell}"));
            assert!(
                script.contains(binary) && script.contains("threads"),
                "{binary} {shell}"
            );
        }
        let page = lab.ok(binary, "--man");
        assert!(
            page.contains(&format!(".TH {binary} 1")),
            "{binary}: {page}"
        );
        assert!(page.contains("\\-\\-threads"), "{binary}");
        assert_eq!(
            lab.ok(binary, "--version"),
            format!("{binary} {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}

/// A page sent to a full disk is an error like any other.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_said_in_one_line() {
    let lab = Lab::new();
    for binary in BINARIES {
        for arguments in [&["--man"][..], &["--completions", "bash"]] {
            let full = std::fs::File::options().write(true).open("/dev/full");
            let output = Command::new(lab.binaries().join(binary))
                .args(arguments)
                .stdout(full.unwrap())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(1), "{binary} {arguments:?}");
            assert_eq!(
                String::from_utf8_lossy(&output.stderr),
                "error: standard output: cannot write the result: No space left on device (os error 28)\n"
            );
        }
    }
}

/// Bash takes the scripts as they are.
#[test]
fn completions_are_shell() {
    let lab = Lab::new();
    for binary in BINARIES {
        let script = lab.ok(binary, "--completions bash");
        std::fs::write(lab.path("script"), script).unwrap();
        let Ok(output) = Command::new("bash")
            .arg("-n")
            .arg(lab.path("script"))
            .output()
        else {
            return;
        };
        assert!(output.status.success(), "{binary}: {output:?}");
    }
}

#[test]
fn logs_go_to_stderr_and_results_to_stdout() {
    let lab = Lab::new();
    for role in ["lang", "tok", "model", "eval"] {
        end_to_end::directory::copy(&samples().join(role), &lab.path(role)).unwrap();
    }
    let commands = [
        (
            "lang-gen",
            "--world WORLDS/tiny.toml --documents 60 --force --out again",
        ),
        ("lang-gen", "show lang"),
        ("lang-gen", "audit lang"),
        (
            "tok-train",
            "--lang lang --vocab-size 64 --force --out again-tok",
        ),
        (
            "model-train",
            "--lang lang --tok tok --max-steps 2 --batch-size 2 --force --out again-model",
        ),
        (
            "transfer-eval",
            "--lang lang --tok tok --model model --samples 2 --bootstrap 5 --force --out again-eval",
        ),
        ("transfer-eval", "show eval"),
        ("study", "report eval --force --out again-report"),
    ];
    for (binary, arguments) in commands {
        let plain = lab.ok(binary, &format!("{arguments} --quiet"));
        assert!(!plain.is_empty(), "{binary} {arguments}: prints its result");
        for flag in ["-v", "-vv", ""] {
            assert_eq!(
                lab.ok(binary, &format!("{arguments} {flag}")),
                plain,
                "{binary} {arguments} {flag}"
            );
        }
        let logged = lab.run_with("RUST_LOG", "trace", binary, arguments);
        assert_eq!(
            String::from_utf8_lossy(&logged.stdout),
            plain,
            "{binary} {arguments}"
        );
        let mistaken = lab.run_with("RUST_LOG", "=", binary, arguments);
        let error = String::from_utf8_lossy(&mistaken.stderr).into_owned();
        assert_eq!(mistaken.status.code(), Some(1), "{binary}: {error}");
        assert!(
            error.starts_with("error: RUST_LOG=") && error.lines().count() == 1,
            "{error}"
        );
    }
    // What is said under -v and not without.
    let quiet = lab.run("transfer-eval", "show eval --quiet");
    assert!(quiet.stderr.is_empty());
    let training = "--lang lang --tok tok --max-steps 2 --batch-size 2 --force --out again-model";
    let said = |flag: &str| {
        lab.run("model-train", &format!("{training} {flag}"))
            .stderr
            .len()
    };
    assert!(
        said("--quiet") == 0 && said("") > 0 && said("-v") > said(""),
        "-v says more"
    );
}
