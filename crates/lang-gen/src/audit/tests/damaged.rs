//! Files that cannot be read at all.

use std::path::Path;

use corpus::tables::write_rows;
use corpus::{Begin, Output, Request, Stage};
use seed::Seed;
use serde_json::json;

use super::{Case, TINY, case};
use crate::audit::probes::PROBES;
use crate::audit::{VALIDATION, run};
use crate::corpus_files::{write_train, write_validation};
use crate::tables;

/// Publishes a LANG, changed just before.
fn publish(case: &Case, lang: &Path, change: impl FnOnce(&Output)) {
    let begin = Output::begin(Request {
        out: lang,
        force: false,
        resume: false,
        kind: Stage::Lang,
        tool: "lang-gen",
        configuration: &json!({}),
        seeds: Default::default(),
        inputs: Default::default(),
    });
    let Begin::Fresh(output) = begin.unwrap() else {
        panic!("not fresh")
    };
    let world = &case.world;
    write_train(world, Seed(5), |file| output.path(file)).unwrap();
    write_validation(world, Seed(5), &output.path(VALIDATION)).unwrap();
    write_rows(&output.path(PROBES), &case.rows).unwrap();
    write_rows(&output.path("lexicon.parquet"), &tables::lexicon(world)).unwrap();
    write_rows(&output.path("facts.parquet"), &tables::facts(world)).unwrap();
    std::fs::write(output.path("world.json"), world.to_json().unwrap()).unwrap();
    change(&output);
    output.publish(json!({})).unwrap();
}

/// That it was damaged, where the manifest knows it as another; else what is wrong with it.
#[test]
fn a_file_that_cannot_be_read_is_held_against_the_manifest() {
    let case = case(TINY, |config| {
        config.corpus.documents = 60;
        config.corpus.validation_documents = 5;
    });
    let folder = tempfile::tempdir().unwrap();
    let refusal = |lang: &Path| command::one_line(&run(lang).unwrap_err());

    let lang = folder.path().join("lang");
    publish(&case, &lang, |_| ());
    for name in [
        "train-00000-of-00001.parquet",
        VALIDATION,
        PROBES,
        "lexicon.parquet",
        "facts.parquet",
        "world.json",
    ] {
        let file = lang.join(name);
        let clean = std::fs::read(&file).unwrap();
        let expected = format!(
            "{}: expected {} bytes as in manifest.json, found ",
            file.display(),
            clean.len()
        );
        std::fs::write(&file, "PAR1").unwrap();
        let error = refusal(&lang);
        assert!(
            error.starts_with(&format!("{expected}4 bytes; ")),
            "{error}"
        );
        std::fs::remove_file(&file).unwrap();
        let error = refusal(&lang);
        assert!(
            error.starts_with(&format!("{expected}no file; ")),
            "{error}"
        );
        std::fs::write(&file, clean).unwrap();
    }

    let born_broken = folder.path().join("born-broken");
    publish(&case, &born_broken, |output| {
        std::fs::write(output.path(VALIDATION), "PAR1").unwrap();
    });
    let error = refusal(&born_broken);
    assert!(
        error.contains("validation.parquet: expected a Parquet file"),
        "{error}"
    );
}
