//! The real binary on a miniature LANG and TOK.

mod miniature;

use std::process::Command;

use corpus::tables::{TimingRow, TrainLogRow};
use corpus::{Input, Stage, read_rows};
use lm::Checkpoint;
use miniature::lab::{Lab, stderr, steps};

#[test]
fn a_training_leaves_a_whole_model() {
    let lab = Lab::new();
    let events = lab.at("model-tensorboard");
    let flags = "--max-steps 150 --checkpoints 6 --learning-rate 1e-2 --tensorboard";
    let output = lab.run("model", flags);
    let told = stderr(&output);
    assert!(output.status.success(), "{told}");
    // Not on a terminal: plain lines, of which the disk to be taken and the engine come first.
    assert!(told.contains("6 checkpoints of 0.1 MB: 0."), "{told}");
    assert!(
        told.contains(" MB more while training, to resume from"),
        "{told}"
    );
    assert!(
        told.contains("engine avx")
            || told.contains("engine portable")
            || told.contains("engine amx"),
        "{told}"
    );
    assert!(told.contains("tokens/s), step 150 of 150, loss "), "{told}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains("validation, minority") && printed.trim_end().ends_with("model"),
        "{printed}"
    );

    let model = Input::open(&lab.at("model"), Stage::Model).unwrap();
    model.check_all().unwrap();
    let lang = Input::open(&lab.at("lang"), Stage::Lang).unwrap();
    model.require_input("lang", &lang).unwrap();
    model
        .require_input("tok", &Input::open(&lab.at("tok"), Stage::Tok).unwrap())
        .unwrap();
    assert_eq!(
        steps(model.path()),
        [
            "step-000000",
            "step-000001",
            "step-000003",
            "step-000011",
            "step-000041",
            "step-000150"
        ]
    );
    assert!(!model.path().join("resume").exists());
    for step in steps(model.path()) {
        let directory = model.path().join("checkpoints").join(step);
        let checkpoint = Checkpoint::read(&directory).unwrap();
        checkpoint.read_tokenizer(&directory).unwrap();
    }

    let rows: Vec<TrainLogRow> = read_rows(&model.file("train_log.parquet").unwrap()).unwrap();
    assert_eq!(rows.len(), 151);
    let vocab_size = model.manifest().configuration["model"]["vocab_size"]
        .as_u64()
        .unwrap();
    assert!((rows[0].loss_nats - (vocab_size as f64).ln()).abs() < 0.1);
    let last = &rows[150];
    assert!(last.loss_nats < 0.5 * rows[0].loss_nats, "{last:?}");
    assert!(last.validation_nats_majority.unwrap() < rows[0].validation_nats_majority.unwrap());
    assert!(rows[2].validation_nats_majority.is_none());
    // 4 · 32 · 3 = 384 characters a step
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.step, index as u64);
        assert!(row.chars_seen.abs_diff(384 * row.step) < 8, "{row:?}");
    }
    let timing: Vec<TimingRow> = read_rows(&model.path().join("timing.parquet")).unwrap();
    assert_eq!(timing.len(), 150);
    assert_eq!(std::fs::read_dir(events).unwrap().count(), 1);
    let measured = &model.manifest().measured;
    assert!(measured["chars_per_step"]["least"].as_u64().unwrap() >= 384 - 8);
    assert_eq!(measured["tokens_seen"].as_u64().unwrap(), last.tokens_seen);
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let lab = Lab::new();
    for flags in [
        "--max-steps 20",
        "--max-steps 12 --bpe-dropout 0.2 --budget-mode equal-tokens",
        "--max-steps 6 --engine portable --precision f32",
        "--max-steps 6 --precision bf16",
        // candle divides a product's rows and columns between threads, never its sums.
        "--max-steps 6 --engine reference",
    ] {
        for threads in [1, 2, 5] {
            lab.succeed(
                &format!("model{threads}"),
                &format!("{flags} --force --threads {threads}"),
            );
        }
        assert_eq!(lab.manifest("model1"), lab.manifest("model2"));
        assert_eq!(lab.manifest("model1"), lab.manifest("model5"));
    }
}

/// Killed without warning at several moments, then resumed: the same bytes as undisturbed.
#[cfg(unix)]
#[test]
fn a_killed_training_goes_on_and_ends_with_the_same_bytes() {
    let lab = Lab::new();
    let flags = "--max-steps 300 --checkpoints 12 --validation-every 50";
    lab.succeed("undisturbed", flags);
    let mut kills = 0;
    for (round, signal) in ["-KILL", "-INT", "-KILL", "-TERM"].iter().enumerate() {
        let mut child = lab
            .command("killed", &format!("{flags} --resume --quiet"))
            .spawn()
            .unwrap();
        // Wait for the next checkpoint, then strike wherever the training is.
        let count =
            || std::fs::read_dir(lab.at("killed.partial/checkpoints")).map_or(0, Iterator::count);
        let goal = (count() + 2).min(11);
        while count() < goal && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::thread::sleep(std::time::Duration::from_millis(7 * round as u64));
        let pid = child.id().to_string();
        Command::new("kill")
            .args([*signal, pid.as_str()])
            .output()
            .unwrap();
        let status = child.wait().unwrap();
        if !status.success() {
            kills += 1;
            assert!(!lab.at("killed").exists());
        }
        if status.code().is_some() && !status.success() {
            assert_eq!(status.code(), Some(130));
        }
    }
    assert!(kills > 0);
    lab.succeed("killed", &format!("{flags} --resume"));
    assert_eq!(lab.manifest("undisturbed"), lab.manifest("killed"));
    // Whole already: nothing is done, and it is no error.
    let printed = lab.succeed("killed", &format!("{flags} --resume"));
    assert!(printed.contains("killed"));
    assert!(lab.refusal("killed", flags).contains("--force"));
}

#[test]
fn an_exploding_training_says_where_and_why() {
    let lab = Lab::new();
    let text = lab.refusal(
        "model",
        "--max-steps 200 --learning-rate 1e4 --warmup-steps 1 --checkpoints 5",
    );
    // The first update spoils the model; what it gave is in no good checkpoint.
    assert!(text.starts_with("error: model: step "), "{text}");
    assert!(
        text.contains("last good checkpoint model.partial/checkpoints/step-00000"),
        "{text}"
    );
    assert!(text.contains("--learning-rate 10000 is too high"), "{text}");
    assert!(!lab.at("model").exists());
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let lab = Lab::new();
    miniature::lang(&lab.at("other"), 30);
    miniature::tok(&lab.at("tok-of-other"), &lab.at("other"), 80);
    let flags = "--max-steps 1";
    // clap takes the last of repeated flags only where told to, so the command is written out.
    let refuse = |lang: &str, tok: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_model-train"))
            .current_dir(lab.directory.path())
            .args([
                "--lang",
                lang,
                "--tok",
                tok,
                "--out",
                "m",
                "--max-steps",
                "1",
                "--cache",
                "cache",
                "-q",
            ])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    assert!(refuse("lang", "tok-of-other").contains("expected inputs that belong together"));
    assert!(refuse("nowhere", "tok").contains("nowhere: no such directory"));
    assert!(refuse("tok", "lang").contains("expected a language directory"));
    assert!(
        lab.refusal("m", &format!("{flags} --n-heads 3"))
            .contains("--n-heads 3: expected a multiple of 6")
    );
    if !cfg!(feature = "cuda") {
        let text = lab.refusal("m", &format!("{flags} --device cuda"));
        assert!(
            text.contains("--device cuda:0: this binary was built without it"),
            "{text}"
        );
    }
    let usage = lab.run("m", "--max-steps 1 --max-chars 1");
    assert_eq!(usage.status.code(), Some(2));
    std::fs::write(lab.at("tok/tokenizer.json"), "{}").unwrap();
    assert!(lab.refusal("m", flags).contains("tokenizer.json"));
}

/// `--cache` inside LANG or TOK, and a user's cache directory that is there.
#[test]
fn a_cache_inside_what_is_read_is_refused() {
    let lab = Lab::new();
    let train = |cache: &str, home: &str| {
        let flags = "--lang lang --tok tok --out m --max-steps 1 --size tiny --batch-size 1 -q";
        Command::new(env!("CARGO_BIN_EXE_model-train"))
            .current_dir(lab.directory.path())
            .args(flags.split(' ').chain(cache.split_whitespace()))
            .env("XDG_CACHE_HOME", lab.at(home))
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    };
    for (cache, home, inside) in [
        ("--cache lang/cache", "home", "lang"),
        ("--cache lang", "home", "lang"),
        ("--cache tok/new/cache", "home", "tok"),
        ("", "lang", "lang"),
    ] {
        let output = train(cache, home);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        let expected = format!("expected a cache outside {inside}, which a training only reads");
        assert!(text.contains(&expected), "{text}");
    }
    let output = train("", "home");
    assert!(output.status.success(), "{}", stderr(&output));
    let kept = std::fs::read_dir(lab.at("home/in-vitro-lab")).unwrap();
    assert_eq!(kept.count(), 1, "the prepared text");
    for (name, files) in [("lang", 5), ("tok", 3)] {
        // with manifest.json and run.json
        assert_eq!(std::fs::read_dir(lab.at(name)).unwrap().count(), files);
    }
}

/// The reference engine and the hand-written one train the same model.
#[test]
fn engines_agree_over_a_training() {
    let lab = Lab::new();
    for engine in ["reference", "portable"] {
        lab.succeed(
            engine,
            &format!("--max-steps 30 --engine {engine} --precision f32"),
        );
    }
    let losses = |out: &str| -> Vec<f64> {
        let rows: Vec<TrainLogRow> = read_rows(&lab.at(out).join("train_log.parquet")).unwrap();
        rows.iter().map(|row| row.loss_nats).collect()
    };
    for (a, b) in losses("reference").iter().zip(losses("portable")) {
        assert!((a - b).abs() < 5e-3, "{a} {b}");
    }
}
