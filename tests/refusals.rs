//! Bad input ends with one clear line and exit code 1, and leaves nothing that looks finished.

use corpus::Table;
use corpus::tables::{ProbeRow, write_rows};
use end_to_end::directory::{copy, reseal};
use end_to_end::{EVAL, LANG, Lab, MODEL, TOK, chain, project, samples};

#[test]
fn bad_worlds_are_refused_with_their_line() {
    let lab = Lab::new();
    let tiny = std::fs::read_to_string(project().join("data/worlds/tiny.toml")).unwrap();
    let grammar = std::fs::read_to_string(project().join("data/grammars/core.grammar")).unwrap();
    std::fs::write(lab.path("core.grammar"), &grammar).unwrap();
    let world = |change: &dyn Fn(String) -> String| {
        std::fs::write(
            lab.path("world.toml"),
            change(tiny.replace("../grammars/core.grammar", "core.grammar")),
        )
        .unwrap();
        lab.run(
            "lang-gen",
            "--world world.toml --documents 50 --out lang --force --quiet",
        )
    };
    assert!(world(&|text| text).status.success());
    let refused = |change: &dyn Fn(String) -> String, expected: &[&str]| {
        let output = world(change);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        for word in expected {
            assert!(error.contains(word), "expected {word} in {error}");
        }
    };
    let line = 1 + tiny
        .lines()
        .position(|line| line.starts_with("nouns_per_type"))
        .unwrap();
    refused(
        &|text| text.replace("nouns_per_type", "nouns_per_tipe"),
        &["world.toml", &format!("line {line}"), "nouns_per_tipe"],
    );
    refused(
        &|text| text.replace("share = 0.5 ", "share = 0.99 "),
        &["world.toml", "masks 16 of the 16 nouns"],
    );
    refused(
        &|text| text.replace("core.grammar", "none.grammar"),
        &["none.grammar", "cannot read"],
    );
    std::fs::write(
        lab.path("core.grammar"),
        grammar.replace("start Sentence", "start Sentenze"),
    )
    .unwrap();
    refused(&|text| text, &["core.grammar", "line ", "Sentenze"]);
}

#[test]
fn every_stage_refuses_what_does_not_belong() {
    let lab = Lab::new();
    chain(&lab);
    let check = |binary: &str, arguments: &str, expected: &[&str]| {
        let error = lab.refused(binary, arguments);
        for word in expected {
            assert!(error.contains(word), "expected {word} in {error}");
        }
    };
    // Missing directories and directories of another kind.
    check(
        "lang-gen",
        "--world none.toml --out other --quiet",
        &["none.toml"],
    );
    check("lang-gen", "audit none", &["none"]);
    check("tok-train", "--lang none --out other --quiet", &["none"]);
    check(
        "tok-train",
        "--lang tok --out other --quiet",
        &["tok", "lang"],
    );
    check(
        "model-train",
        &format!(
            "{} --out other",
            MODEL.replace("--lang lang", "--lang none")
        ),
        &["none"],
    );
    check(
        "model-train",
        &format!("{} --out other", MODEL.replace("--tok tok", "--tok lang")),
        &["lang", "tok"],
    );
    check(
        "transfer-eval",
        &format!(
            "{} --out other",
            EVAL.replace("--model model", "--model none")
        ),
        &["none"],
    );
    check(
        "transfer-eval",
        &format!(
            "{} --out other",
            EVAL.replace("--model model", "--model tok")
        ),
        &["tok", "model"],
    );
    check("study", "plan none.toml --out other", &["none.toml"]);
    check("study", "report none --out other", &["none"]);
    // An existing output is not overwritten.
    check(
        "lang-gen",
        &format!("{LANG} --out lang"),
        &["lang", "--force"],
    );
    check(
        "tok-train",
        &format!("{TOK} --out tok"),
        &["tok", "--force"],
    );

    // A tokenizer of another LANG, a model of another tokenizer: both fingerprints are named.
    lab.ok("lang-gen", &format!("{LANG} --seed 2 --out lang2"));
    lab.ok(
        "tok-train",
        &format!(
            "{} --out tok2",
            TOK.replace("--vocab-size 96", "--vocab-size 80")
        ),
    );
    check(
        "model-train",
        &format!(
            "{} --out other",
            MODEL.replace("--lang lang", "--lang lang2")
        ),
        &["lang2", "tok"],
    );
    check(
        "transfer-eval",
        &format!("{} --out other", EVAL.replace("--tok tok", "--tok tok2")),
        &["tok2", "model"],
    );

    // Unreadable Parquet, a spoilt tokenizer and a spoilt checkpoint are named before they are parsed.
    std::fs::write(lab.path("lang2/lexicon.parquet"), b"PAR1 nothing PAR1").unwrap();
    check(
        "tok-train",
        "--lang lang2 --vocab-size 96 --quiet --out other",
        &["lexicon.parquet"],
    );
    std::fs::write(lab.path("tok2/tokenizer.json"), b"{}").unwrap();
    check(
        "model-train",
        &format!("{} --out other", MODEL.replace("--tok tok", "--tok tok2")),
        &["tokenizer.json"],
    );
    let weights = lab.path("model/checkpoints/step-000012/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    check(
        "transfer-eval",
        &format!("{EVAL} --out other"),
        &["step-000012/model.safetensors"],
    );
    assert!(!lab.path("other").exists());
}

#[test]
fn a_language_without_probes_is_refused() {
    let lab = Lab::new();
    let roles = ["lang", "tok", "model"];
    for role in roles {
        copy(&samples().join(role), &lab.path(role)).unwrap();
    }
    // As its manifest says: only the table itself is short of rows.
    write_rows::<ProbeRow>(&lab.path("lang").join(ProbeRow::FILE), &[]).unwrap();
    reseal(&lab.path("."), &roles, ProbeRow::FILE).unwrap();
    let error = lab.refused("transfer-eval", &format!("{EVAL} --out eval"));
    let expected = "lang/probes.parquet: expected probes, found none; make LANG anew";
    assert!(error.contains(expected), "expected {expected} in {error}");
}

#[test]
fn wrong_usage_exits_2() {
    let lab = Lab::new();
    for binary in [
        "lang-gen",
        "tok-train",
        "model-train",
        "transfer-eval",
        "study",
    ] {
        assert_eq!(
            lab.run(binary, "--no-such-flag").status.code(),
            Some(2),
            "{binary}"
        );
        let help = lab.ok(binary, "--help");
        assert!(
            help.contains("Example"),
            "{binary} --help teaches with an example"
        );
    }
}
