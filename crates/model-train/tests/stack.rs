//! `--stack`: several runs in one process, each as if alone.
#![cfg(unix)]

mod miniature;

use std::process::Command;

use corpus::read_rows;
use corpus::tables::TrainLogRow;
use lm::Checkpoint;
use miniature::lab::{Lab, stderr, steps};
use model_train::resume::State;

/// `lang` and `tok` with two seeds, and another language of which fewer documents are told.
fn lab() -> Lab {
    let lab = Lab::new();
    miniature::lang(&lab.at("lang2"), 150);
    miniature::tok(&lab.at("tok2"), &lab.at("lang2"), 80);
    let run = |lang: &str, tok: &str, out: &str, seed: u32| {
        format!("[[run]]\nlang = \"{lang}\"\ntok = \"{tok}\"\nout = \"{out}\"\nseed = {seed}\n")
    };
    let runs = [
        run("lang", "tok", "a", 1),
        run("lang", "tok", "b", 2),
        run("lang2", "tok2", "c", 1),
    ];
    std::fs::write(lab.at("runs.toml"), runs.concat()).unwrap();
    lab
}

/// The three runs, each by a command of its own, into `alone-a` and so on.
fn alone(lab: &Lab, flags: &str) {
    for (run, inputs) in [
        ("a", "--lang lang --tok tok --seed 1"),
        ("b", "--lang lang --tok tok --seed 2"),
        ("c", "--lang lang2 --tok tok2 --seed 1"),
    ] {
        let output = lab
            .bare_command(&format!("{inputs} --out alone-{run} {flags}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

fn stack(lab: &Lab, flags: &str) -> Command {
    lab.bare_command(&format!("--stack runs.toml {flags}"))
}

#[test]
fn on_the_hand_written_step_a_stack_gives_the_bytes_of_single_runs() {
    let lab = lab();
    let flags = "--max-steps 60 --checkpoints 6 --validation-every 20";
    alone(&lab, flags);
    let output = stack(&lab, &format!("{flags} --tensorboard events"))
        .output()
        .unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("3 runs together"), "{text}");
    assert!(
        text.contains("on the CPU stacked runs take turns"),
        "{text}"
    );
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    // a header, a rule, three runs
    assert_eq!(printed.lines().count(), 5, "{printed}");
    for run in ["a", "b", "c"] {
        assert_eq!(lab.manifest(run), lab.manifest(&format!("alone-{run}")));
        assert_eq!(
            std::fs::read_dir(lab.at("events").join(run))
                .unwrap()
                .count(),
            1
        );
    }
    // Whole already, or refused.
    let again = stack(&lab, &format!("{flags} --resume")).output().unwrap();
    assert!(again.status.success(), "{}", stderr(&again));
    let refused = stack(&lab, &format!("{flags} -q")).output().unwrap();
    assert!(stderr(&refused).contains("a: "), "{}", stderr(&refused));
}

/// Batched on candle: the losses and weights of single runs, but for the last digits.
#[test]
fn as_one_batched_model_a_stack_trains_what_single_runs_train() {
    let lab = lab();
    let flags = "--max-steps 40 --checkpoints 4 --engine reference --learning-rate 5e-3";
    alone(&lab, flags);
    let output = stack(&lab, flags).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for run in ["a", "b", "c"] {
        let [own, expected] = [run.to_owned(), format!("alone-{run}")].map(|out| lab.at(&out));
        let [log, expected_log]: [Vec<TrainLogRow>; 2] =
            [&own, &expected].map(|model| read_rows(&model.join("train_log.parquet")).unwrap());
        assert_eq!(log.len(), 41);
        for (a, b) in log.iter().zip(&expected_log) {
            assert!((a.loss_nats - b.loss_nats).abs() < 1e-3, "{a:?} {b:?}");
            let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-3,
                (a, b) => a.is_none() && b.is_none(),
            };
            assert!(near(a.validation_nats_majority, b.validation_nats_majority));
            assert!(near(
                a.validation_bits_per_char_minority,
                b.validation_bits_per_char_minority
            ));
            assert_eq!(
                (a.step, a.tokens_seen, a.chars_seen, a.lr),
                (b.step, b.tokens_seen, b.chars_seen, b.lr)
            );
        }
        assert_eq!(steps(&own), steps(&expected));
        let [a, b] = [own, expected]
            .map(|model| Checkpoint::read(&model.join("checkpoints/step-000040")).unwrap());
        for ((name, a), (_, b)) in a.weights.iter().zip(b.weights.iter()) {
            for (a, b) in a.values.iter().zip(&b.values) {
                assert!((a - b).abs() < 2e-3, "{run}: {name}: {a} {b}");
            }
        }
    }
}

/// Interrupted, then one run taken further alone, then resumed as a stack: those behind catch up, and all end with the
/// bytes of undisturbed runs. A run whose weights were spoilt stops alone.
#[test]
fn a_stack_resumes_runs_that_stand_at_different_steps() {
    let lab = lab();
    let flags = "--max-steps 400 --checkpoints 8";
    alone(&lab, flags);
    let interrupt = |mut command: Command, partial: &str, checkpoints: usize| {
        let mut child = command.arg("--quiet").spawn().unwrap();
        let directory = lab.at(partial).join("checkpoints");
        let count = || std::fs::read_dir(&directory).map_or(0, Iterator::count);
        while count() < checkpoints && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).output().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
    };
    interrupt(stack(&lab, flags), "c.partial", 3);
    let single = lab.bare_command(&format!(
        "--lang lang --tok tok --seed 2 --out b {flags} --resume"
    ));
    interrupt(single, "b.partial", 6);
    let state = |run: &str| State::read(&lab.at(&format!("{run}.partial/resume"))).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|run| state(run).unwrap().flat.steps);
    assert!(a == c && a < b, "{a} {b} {c}");

    let mut spoilt = state("a").unwrap();
    spoilt.flat.parameters[7] = f32::NAN;
    spoilt.write(&lab.at("a.partial/resume")).unwrap();
    let output = stack(&lab, &format!("{flags} --resume -q"))
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("1 of 3 runs stopped, the others are published: a: step "),
        "{text}"
    );
    assert!(
        text.contains("last good checkpoint a.partial/checkpoints/step-0000"),
        "{text}"
    );
    assert!(!lab.at("a").exists());
    for run in ["b", "c"] {
        assert_eq!(lab.manifest(run), lab.manifest(&format!("alone-{run}")));
    }
}

#[test]
fn runs_that_cannot_be_stacked_are_refused_before_anything_is_written() {
    let lab = lab();
    miniature::tok(&lab.at("tok-small"), &lab.at("lang"), 60);
    let refusal = |text: &str, flags: &str| {
        std::fs::write(lab.at("other.toml"), text).unwrap();
        let output = lab
            .bare_command(&format!("--stack other.toml -q {flags}"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!lab.at("a.partial").exists() && !lab.at("b.partial").exists());
        text
    };
    let runs = std::fs::read_to_string(lab.at("runs.toml")).unwrap();
    let other = runs.replacen("tok = \"tok\"", "tok = \"tok-small\"", 1);
    assert!(
        refusal(&other, "--max-steps 5")
            .contains("--stack needs runs of one shape and schedule: a has model.vocab_size")
    );
    let mismatched = runs.replace("tok2", "tok");
    assert!(refusal(&mismatched, "--max-steps 5").contains("inputs that belong together"));
    assert!(refusal(&runs.replace("seed", "sed"), "").contains("other.toml: line 5"));
}
