//! What a killed training left is damaged before it goes on: each damage is told in one line, or mended.
#![cfg(unix)]

mod miniature;

use std::path::{Path, PathBuf};
use std::process::Command;

use miniature::lab::{Lab, steps};
use model_train::engine::{Engine, Flat};
use model_train::resume::State;

/// A checkpoint and a saved state at every step.
const EVERY_STEP: &str = "--max-steps 100 --checkpoints 101 --validation-every 50";

/// Starts a training and interrupts it once some checkpoints are there.
fn interrupted(lab: &Lab, out: &str, flags: &str, checkpoints: usize) -> State {
    let mut child = lab
        .command(out, &format!("{flags} --quiet"))
        .spawn()
        .unwrap();
    let partial = lab.at(&format!("{out}.partial"));
    let count = || std::fs::read_dir(partial.join("checkpoints")).map_or(0, Iterator::count);
    while count() < checkpoints && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).output().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    State::read(&partial.join("resume")).unwrap().unwrap()
}

fn checkpoint(lab: &Lab, step: u64) -> PathBuf {
    lab.at(&format!("m.partial/checkpoints/step-{step:06}"))
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_checkpoints_are_refused_or_written_again() {
    let lab = Lab::new();
    lab.succeed("undisturbed", EVERY_STEP);
    let done = interrupted(&lab, "m", EVERY_STEP, 6).flat.steps;
    assert!(done >= 3, "{done}");
    let resume = format!("{EVERY_STEP} --resume");
    let refused = |step: u64, found: &str| {
        let line = lab.refusal("m", &resume);
        for part in [
            format!("m.partial/checkpoints/step-{step:06}: expected the checkpoint as it was"),
            format!("found {found}"),
            format!("after step {done} (resume/state) cannot write it again"),
            "start again without --resume".to_owned(),
        ] {
            assert!(line.contains(&part), "{part}: {line}");
        }
    };

    // Checkpoints before the step done: nothing left of the training can write them.
    for (step, file) in [(0, "config.json"), (1, "model.safetensors")] {
        let path = checkpoint(&lab, step).join(file);
        let clean = std::fs::read(&path).unwrap();
        flip_a_bit(&path);
        refused(step, &format!("a changed \"{file}\""));
        std::fs::write(&path, clean).unwrap();
    }
    let extra = checkpoint(&lab, 1).join("notes");
    std::fs::write(&extra, "").unwrap();
    refused(1, "a changed \"notes\"");
    std::fs::remove_file(&extra).unwrap();
    for path in [
        lab.at("m.partial/resume/checkpoints-step-000001.seal.json"),
        checkpoint(&lab, 1).join("tokenizer.json"),
        checkpoint(&lab, 1),
    ] {
        let aside = lab.at("aside");
        std::fs::rename(&path, &aside).unwrap();
        refused(1, "");
        std::fs::rename(&aside, &path).unwrap();
    }

    // That of the step done is written again, and what no step writes is deleted.
    flip_a_bit(&checkpoint(&lab, done).join("model.safetensors"));
    for stray in ["step-1", "step-000900", "step-000002.writing"] {
        std::fs::create_dir(lab.at("m.partial/checkpoints").join(stray)).unwrap();
    }
    std::fs::write(lab.at("m.partial/checkpoints/notes"), "").unwrap();
    lab.succeed("m", &resume);
    assert_eq!(lab.manifest("undisturbed"), lab.manifest("m"));
    for step in steps(&lab.at("m")) {
        let files = std::fs::read_dir(lab.at("m/checkpoints").join(step)).unwrap();
        assert_eq!(files.count(), lm::checkpoint::FILES.len());
    }
}

/// Steps of the events in a file: length, checksum, event, checksum. An event begins with its time (9 bytes), then its
/// step as a varint; the first has none, but the format's version.
fn event_steps(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut steps = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<8>() {
        let (event, behind) = behind[4..].split_at(u64::from_le_bytes(*length) as usize);
        rest = &behind[4..];
        if event[9] == 2 << 3 {
            let digits = event[10..].iter().scan(true, |goes_on, byte| {
                let is_digit = *goes_on;
                *goes_on = byte & 128 != 0;
                is_digit.then_some(u64::from(byte & 127))
            });
            steps.push(
                digits
                    .zip(0..)
                    .map(|(digit, place)| digit << (7 * place))
                    .sum(),
            );
        }
    }
    steps
}

/// Killed somewhere behind the last state, when events behind it were already written: each step stands there once.
#[test]
fn a_resumed_event_file_has_every_step_once() {
    let lab = Lab::new();
    let flags =
        "--max-steps 2000 --checkpoints 8 --validation-every 3 --tensorboard events --quiet";
    let mut child = lab.command("m", flags).spawn().unwrap();
    let count = || std::fs::read_dir(lab.at("m.partial/checkpoints")).map_or(0, Iterator::count);
    // Step 159 of 2000, and some steps more.
    while count() < 6 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!lab.at("m").exists(), "it was killed before it ended");
    lab.succeed("m", &format!("{flags} --resume"));
    let files = std::fs::read_dir(lab.at("events")).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(event_steps(&files[0]), (0..=2000).collect::<Vec<u64>>());
}

/// A kill between the first checkpoint and its seal, when no state was saved yet.
#[test]
fn a_first_checkpoint_without_a_seal_is_written_again() {
    let lab = Lab::new();
    lab.succeed("undisturbed", EVERY_STEP);
    interrupted(&lab, "m", EVERY_STEP, 3);
    std::fs::remove_dir_all(lab.at("m.partial/resume")).unwrap();
    flip_a_bit(&checkpoint(&lab, 0).join("model.safetensors"));
    lab.succeed("m", &format!("{EVERY_STEP} --resume"));
    assert_eq!(lab.manifest("undisturbed"), lab.manifest("m"));
}

/// A state whose checksum fits, but that no training passes through.
#[test]
fn impossible_states_are_refused() {
    type Damage = fn(&mut State);
    let any: [(&str, Damage); 18] = [
        ("step 101 of 100", |state| state.flat.steps = 101),
        ("rows of the log after", |state| state.flat.steps -= 1),
        ("rows of the log after", |state| {
            state.log.rows.pop();
        }),
        ("rows of the log that are none", |state| {
            state.log.rows[1].step = 7;
        }),
        ("rows of the log that are none", |state| {
            state.log.rows[1].loss_nats = f64::NAN;
        }),
        ("goes back in the text", |state| {
            state.log.rows[0].chars_seen = 1 << 40;
        }),
        ("another length", |state| state.flat.first.truncate(7)),
        ("numbers for a model of", |state| {
            let Flat {
                parameters,
                first,
                second,
                ..
            } = &mut state.flat;
            for values in [parameters, first, second] {
                values.push(0.0);
            }
        }),
        ("that are no finite numbers", |state| {
            state.flat.first[3] = f32::INFINITY;
        }),
        ("squared gradient that are none", |state| {
            state.flat.second[3] = -1.0;
        }),
        ("a mean loss of None", |state| state.mean_loss = None),
        ("a mean loss of Some", |state| state.mean_loss = Some(1e9)),
        ("no place in the text", |state| state.cursor = None),
        ("another place in the text", |state| {
            cursor(state).chars_seen += 1;
        }),
        ("document 400 of 400", |state| cursor(state).document = 400),
        ("of a document that has fewer", |state| {
            cursor(state).word = 1 << 40;
        }),
        ("a token that is none of", |state| {
            cursor(state).before = 1 << 20;
        }),
        ("epoch 1152921504606846976 after", |state| {
            cursor(state).epoch = 1 << 60;
        }),
    ];
    let equal_text: [(&str, Damage); 2] = [
        ("tokens seen in", |state| cursor(state).pending.push(5)),
        ("tokens seen in", |state| {
            cursor(state).chars_seen = 1;
            for row in &mut state.log.rows {
                row.chars_seen = row.chars_seen.min(1);
            }
        }),
    ];
    let equal_tokens: [(&str, Damage); 2] = [
        ("a token that is none of", |state| {
            cursor(state).pending.push(1 << 20);
        }),
        ("tokens seen in", |state| {
            let last = state.log.rows.len() - 1;
            state.log.rows[last].tokens_seen += 1;
            cursor(state).tokens_seen += 1;
        }),
    ];
    for (mode, own) in [("equal-text", equal_text), ("equal-tokens", equal_tokens)] {
        let lab = Lab::new();
        let flags = format!("{EVERY_STEP} --budget-mode {mode}");
        lab.succeed("undisturbed", &flags);
        let clean = interrupted(&lab, "m", &flags, 6);
        let resume = lab.at("m.partial/resume");
        for (words, damage) in any.iter().chain(&own) {
            let mut state = clean.clone();
            damage(&mut state);
            state.write(&resume).unwrap();
            let line = lab.refusal("m", &format!("{flags} --resume"));
            assert!(
                line.starts_with("error: m.partial/resume/state: damaged; start again"),
                "{line}"
            );
            assert!(line.contains(words), "{words}: {line}");
        }
        clean.write(&resume).unwrap();
        lab.succeed("m", &format!("{flags} --resume"));
        assert_eq!(lab.manifest("undisturbed"), lab.manifest("m"));
    }
}

fn cursor(state: &mut State) -> &mut model_train::batches::Cursor {
    state.cursor.as_mut().unwrap()
}

/// A state of another model is refused by the engine as well.
#[test]
fn an_engine_takes_no_state_of_another_length() {
    let config = lm::ModelConfig::of_size(lm::Size::Tiny, 40, 16);
    let mut state = Flat::initial(&lm::Weights::initial(&config, seed::Seed(1)));
    state.second.pop();
    let engine = Engine::new(
        cpu_step::EngineChoice::Hand(cpu_step::EngineKind::PortableF32),
        None,
        lm::DeviceChoice::Cpu,
        &config,
        &[state],
        1,
    );
    let error = format!("{:#}", engine.err().unwrap());
    assert!(error.contains("numbers for a model of"), "{error}");
}
