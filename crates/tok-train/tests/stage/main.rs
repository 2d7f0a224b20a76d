//! The real binary on a small LANG: what it writes, what it refuses, and that it writes the same
//! bytes in every process and with any number of threads.

mod lang;
mod masked;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use corpus::tables::{BridgeRow, SegmentationRow, SummaryRow};
use corpus::{Condition, Input, Language, Stage, read_rows};
use lang::Oddity;
use serde_json::Value;

const ALGORITHMS: [&str; 6] = ["bpe", "byte-bpe", "unigram", "wordpiece", "char", "word"];

struct Place(tempfile::TempDir);

impl Place {
    fn new(oddity: Oddity) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        lang::write(&place.path("lang"), oddity);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs tok-train from LANG to a directory of this name.
    fn train(&self, out: &str, flags: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tok-train"));
        command
            .current_dir(self.0.path())
            .args(["--lang", "lang", "--out", out]);
        command.args(flags).output().unwrap()
    }

    fn trained(&self, out: &str, flags: &[&str]) -> Value {
        let output = self.train(out, flags);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{out}\n"));
        self.manifest(out)
    }

    fn manifest(&self, out: &str) -> Value {
        let text = std::fs::read_to_string(self.path(out).join("manifest.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn refused(&self, flags: &[&str]) -> String {
        let output = self.train("refused", flags);
        assert_eq!(output.status.code(), Some(1));
        assert!(!self.path("refused").exists());
        let text = stderr(&output);
        let errors: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{text}");
        errors[0].to_owned()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .filter(|(name, _)| name != "run.json")
        .collect();
    files.sort();
    files
}

#[test]
fn any_process_and_any_number_of_threads_write_the_same_bytes() {
    let place = Place::new(Oddity::default());
    for algorithm in ALGORITHMS {
        let mut first = None;
        for (run, threads) in ["1", "2", "5", "2"].into_iter().enumerate() {
            let out = format!("{algorithm}-{run}");
            let flags = [
                "--algorithm",
                algorithm,
                "--vocab-size",
                "300",
                "--regime",
                "balanced",
                "--threads",
                threads,
            ];
            place.trained(&out, &flags);
            let written = files(&place.path(&out));
            assert_eq!(written.len(), 5, "{algorithm}");
            assert_eq!(
                first.get_or_insert_with(|| written.clone()),
                &written,
                "{algorithm} with {threads} threads"
            );
        }
    }
}

#[test]
fn the_realised_mix_is_the_requested_one() {
    let place = Place::new(Oddity::default());
    for (regime, share) in [
        ("majority", 0.0),
        ("minority", 1.0),
        ("balanced", 0.5),
        ("alpha=0", 0.5),
    ] {
        let measured = &place.trained(regime, &["--regime", regime])["measured"];
        let characters =
            |language: &str, key: &str| measured["mix"][language][key].as_u64().unwrap();
        let of = |key| characters("majority", key) + characters("minority", key);
        assert_eq!(of("realised_characters"), of("text_characters"), "{regime}");
        for language in ["majority", "minority"] {
            let realised = characters(language, "realised_characters");
            assert_eq!(
                realised,
                characters(language, "requested_characters"),
                "{regime}"
            );
        }
        let realised = measured["mix"]["minority"]["realised_share"]
            .as_f64()
            .unwrap();
        assert!((realised - share).abs() < 1e-4, "{regime}: {realised}");
    }
    let measured = &place.trained("proportional", &[])["measured"];
    assert_eq!(measured["mix"]["majority"]["weight"], 1.0);
    assert_eq!(measured["mix"]["minority"]["weight"], 1.0);
}

#[test]
fn tables_agree_with_the_tokenizer() {
    let place = Place::new(Oddity::default());
    let measured = &place.trained("tok", &["--vocab-size", "200"])["measured"];
    assert_eq!(measured["vocab_size"], 200);
    assert_eq!(measured["filled"], true);
    assert_eq!(measured["masked_forms"]["in_minority_text"], 0);
    let input = Input::open(&place.path("tok"), Stage::Tok).unwrap();
    let lang = Input::open(&place.path("lang"), Stage::Lang).unwrap();
    input.require_input("lang", &lang).unwrap();

    let forms: Vec<SegmentationRow> =
        read_rows(&input.file("segmentation.parquet").unwrap()).unwrap();
    assert_eq!(forms.len(), 192);
    let tokenizer =
        tokenizers::Tokenizer::from_file(input.file("tokenizer.json").unwrap()).unwrap();
    for row in &forms {
        let encoding = tokenizer.encode(row.form.as_str(), false).unwrap();
        assert_eq!(row.ids, encoding.get_ids());
        assert_eq!(row.tokens, encoding.get_tokens());
        assert_eq!(tokenizer.decode(&row.ids, true).unwrap(), row.form);
        assert_eq!(row.is_atom, row.n_tokens == 1);
    }

    let bridges: Vec<BridgeRow> = read_rows(&input.file("bridges.parquet").unwrap()).unwrap();
    assert_eq!(bridges.len(), 64);
    let of = |condition| {
        bridges
            .iter()
            .filter(|row| row.condition == condition)
            .count()
    };
    assert_eq!(
        (
            of(Condition::Masked),
            of(Condition::Identical),
            of(Condition::Minority)
        ),
        (15, 1, 48)
    );
    for row in &bridges {
        for value in [
            row.shared_mass,
            row.shared_mass_multichar,
            row.ordered,
            row.specificity,
            row.seen_coverage_minority,
            row.seen_coverage_all,
        ] {
            assert!((0.0..=1.0).contains(&value), "{row:?}");
        }
        assert!(
            row.shared_mass_multichar <= row.shared_mass
                && row.seen_coverage_minority <= row.seen_coverage_all
        );
        assert!(
            row.shared_mass_corrected <= row.shared_mass && row.ordered_corrected <= row.ordered
        );
        // LANG's clozes offer every masked noun and a third of the others.
        let offered = row.condition != Condition::Minority || row.concept % 4 < 2;
        for rank in [row.identifiability, row.learnable] {
            assert_eq!(rank.is_some(), offered, "{row:?}");
            assert!(rank.is_none_or(|rank| rank > 0.0 && rank <= 1.0), "{row:?}");
        }
    }
    let identical = bridges
        .iter()
        .find(|row| row.condition == Condition::Identical)
        .unwrap();
    assert!((identical.shared_mass_corrected - 1.0).abs() < 1e-12);

    let summary: Vec<SummaryRow> = read_rows(&input.file("summary.parquet").unwrap()).unwrap();
    let fertility = summary
        .iter()
        .find(|row| {
            row.condition == Condition::Masked
                && row.language == Language::Minority
                && row.measure == "fertility"
        })
        .unwrap();
    let masked: Vec<&SegmentationRow> = forms
        .iter()
        .filter(|row| row.condition == Condition::Masked)
        .collect();
    let tokens: f64 = masked.iter().map(|row| f64::from(row.n_tokens)).sum();
    assert!((fertility.value - tokens / masked.len() as f64).abs() < 1e-12);
}

#[test]
fn a_vocabulary_that_cannot_be_filled_is_said_so() {
    let place = Place::new(Oddity::default());
    for algorithm in ["bpe", "unigram", "wordpiece", "char", "word"] {
        let out = format!("full-{algorithm}");
        let output = place.train(&out, &["--algorithm", algorithm, "--vocab-size", "90000"]);
        assert!(output.status.success());
        let said = stderr(&output);
        assert!(
            said.contains("--vocab-size 90000: the training text fills only"),
            "{said}"
        );
        let measured = &place.manifest(&out)["measured"];
        assert_eq!(measured["filled"], false);
        assert_eq!(measured["requested_vocab_size"], 90000);
        assert!(measured["vocab_size"].as_u64().unwrap() < 90000);
    }
    // Without a request there is nothing to fill.
    let measured = &place.trained("word", &["--algorithm", "word"])["measured"];
    assert_eq!(measured["filled"], true);
    assert_eq!(measured["requested_vocab_size"], Value::Null);
}

#[test]
fn twins_keep_the_segmentation_and_cut_every_bridge_or_none() {
    let place = Place::new(Oddity::default());
    let rows = |out: &str| -> (Vec<SegmentationRow>, Vec<BridgeRow>) {
        let input = Input::open(&place.path(out), Stage::Tok).unwrap();
        (
            read_rows(&input.file("segmentation.parquet").unwrap()).unwrap(),
            read_rows(&input.file("bridges.parquet").unwrap()).unwrap(),
        )
    };
    for algorithm in ALGORITHMS {
        let train = |out: &str, split: &str| {
            let flags = [
                "--algorithm",
                algorithm,
                "--vocab-size",
                "300",
                "--split-ids",
                split,
            ];
            let out = format!("{algorithm}-{out}");
            (place.trained(&out, &flags)["measured"].clone(), rows(&out))
        };
        let (plain, (forms, bridges)) = train("none", "none");
        let size = plain["vocab_size"].as_u64().unwrap();
        let shift = size as u32 - 3;
        let (document, (forms_document, bridges_document)) = train("document", "document");
        let (language, (forms_language, bridges_language)) = train("language", "language");
        for split in [&document, &language] {
            assert_eq!(split["vocab_size"], 2 * size - 3, "{algorithm}");
            assert_eq!(split["trained_vocab_size"], size);
            assert_eq!(split["filled"], plain["filled"]);
        }
        assert_eq!((&forms, &bridges), (&forms_document, &bridges_document));
        assert!(bridges.iter().any(|row| row.shared_mass > 0.0));
        assert!(
            bridges_language
                .iter()
                .all(|row| row.shared_mass.abs() < 1e-12
                    && row.ordered.abs() < 1e-12
                    && row.shared_mass_corrected.abs() < 1e-12)
        );

        let path = place.path(&format!("{algorithm}-language/tokenizer.json"));
        let tokenizer = tokenizers::Tokenizer::from_file(&path).unwrap();
        assert_eq!(tokenizer.get_vocab_size(false) as u64, 2 * size - 3);
        for (own, split) in forms.iter().zip(&forms_language) {
            let twin = split.language == Language::Minority;
            let ids: Vec<u32> = own
                .ids
                .iter()
                .map(|id| id + if twin { shift } else { 0 })
                .collect();
            assert_eq!(split.ids, ids, "{algorithm}");
            // Text is cut into first copies; twins are the same text, to Python's eyes too.
            assert_eq!(
                tokenizer
                    .encode(own.form.as_str(), false)
                    .unwrap()
                    .get_ids(),
                own.ids
            );
            assert_eq!(tokenizer.decode(&split.ids, true).unwrap(), own.form);
            let mark = if twin { "\u{E000}" } else { "" };
            let tokens: Vec<String> = own.tokens.iter().map(|t| format!("{t}{mark}")).collect();
            assert_eq!(split.tokens, tokens);
        }
        // What the model reads is what the lab's own reader makes of it.
        let tokenizer = lm::Tokenizer::load(&path).unwrap();
        assert_eq!(tokenizer.twin_shift(), Some(shift));
        let encoder = lm::Encoder::new(&tokenizer, lm::SplitIds::Language, seed::Seed(1)).unwrap();
        for row in forms_language.iter().filter(|row| !row.form.is_empty()) {
            let is_minority = row.language == Language::Minority;
            let copy = encoder.copy(is_minority, lm::TextKind::Forms, 0);
            assert_eq!(encoder.encode(&row.form, copy).unwrap(), row.ids);
        }
    }
    let said = stderr(&place.train("loud", &["--split-ids", "language", "--quiet"]));
    assert!(said.contains("--split-ids language: a control"), "{said}");
    let shown = Command::new(env!("CARGO_BIN_EXE_tok-train"))
        .current_dir(place.0.path())
        .args(["show", "loud", "0"])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("IDS SPLIT BY LANGUAGE") && shown.contains('′'),
        "{shown}"
    );
    assert!(!shown.contains("[▁"), "nothing is shared: {shown}");
}

#[test]
fn a_disjoint_script_is_refused_to_bytes_and_shares_nothing() {
    let place = Place::new(Oddity {
        disjoint: true,
        ..Oddity::default()
    });
    let error = place.refused(&["--algorithm", "byte-bpe"]);
    assert!(error.contains("disjoint script"), "{error}");
    place.trained("tok", &[]);
    let bridges: Vec<BridgeRow> = read_rows(&place.path("tok").join("bridges.parquet")).unwrap();
    assert!(bridges.iter().all(|row| row.shared_mass.abs() < 1e-12));
}

#[test]
fn bad_input_is_one_clear_line() {
    let place = Place::new(Oddity {
        majority_only: true,
        ..Oddity::default()
    });
    let error = place.refused(&["--vocab-size", "5"]);
    assert!(
        error.contains("--vocab-size 5: bpe needs at least"),
        "{error}"
    );
    let error = place.refused(&["--regime", "balanced"]);
    assert!(
        error.contains("use --regime majority or proportional"),
        "{error}"
    );
    place.trained("tok", &[]);
    let output = place.train("tok", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    assert!(place.train("tok", &["--resume"]).status.success());
    assert!(place.train("tok", &["--force"]).status.success());

    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tok-train"));
        command
            .current_dir(place.0.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    let wrong = run(&["--lang", "tok", "--out", "x"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("tok"), "{}", stderr(&wrong));
    let missing = run(&["--lang", "nowhere", "--out", "x"]);
    assert!(
        stderr(&missing).starts_with("error: nowhere"),
        "{}",
        stderr(&missing)
    );
    assert_eq!(run(&["--lang", "lang"]).status.code(), Some(2));
    assert_eq!(
        run(&["--lang", "lang", "--out", "x", "--regime", "most"])
            .status
            .code(),
        Some(2)
    );
    let concept = run(&["show", "tok", "zzz"]);
    assert!(
        stderr(&concept).contains("no concept or form \"zzz\""),
        "{}",
        stderr(&concept)
    );
}

#[test]
fn show_and_encode_print_for_people_and_for_programs() {
    let place = Place::new(Oddity::default());
    place.trained("tok", &["--vocab-size", "100"]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tok-train"));
        let output = command
            .current_dir(place.0.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&["show", "tok", "0", "4"]);
    for part in [
        "vocab_size 100",
        "fertility",
        "B†",
        "shared_mass_corrected",
        "[▁",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    std::fs::write(place.path("lines.txt"), "kalu .\n\nmito sa .\n").unwrap();
    let ids = run(&["encode", "tok", "lines.txt"]);
    let tokenizer = tokenizers::Tokenizer::from_file(place.path("tok/tokenizer.json")).unwrap();
    let expected: Vec<String> = ["kalu .", "", "mito sa ."]
        .iter()
        .map(|line| {
            let encoding = tokenizer.encode(*line, false).unwrap();
            let ids: Vec<String> = encoding.get_ids().iter().map(u32::to_string).collect();
            ids.join(" ") + "\n"
        })
        .collect();
    assert_eq!(ids, expected.concat());
}
