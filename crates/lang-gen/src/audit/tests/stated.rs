//! Worlds that have B† stated (`--b-unmasked`).

use std::path::{Path, PathBuf};

use command::Progress;
use corpus::Condition;
use corpus::tables::{Language, ProbeSet, write_rows};
use seed::Seed;

use super::{Case, DEMO, TINY, case};
use crate::audit::probes::PROBES;
use crate::audit::{Auditor, Counts, VALIDATION, report};
use crate::corpus_files::{write_train, write_validation};

/// Where the world has B† stated, B's training text may state it and nothing else changes.
#[test]
fn a_world_that_states_what_is_masked() {
    let [masked, stated] = [false, true].map(|is_stated| {
        case(TINY, |config| {
            config.corpus.documents = 300;
            config.mask.stated = is_stated;
        })
    });
    assert!(masked.rows == stated.rows, "the same probes");
    let folder = tempfile::tempdir().unwrap();
    let shard = "train-00000-of-00001.parquet";
    let files = [shard, VALIDATION, PROBES].map(str::to_owned);
    let write = |name: &str, case: &Case| -> PathBuf {
        let lang = folder.path().join(name);
        std::fs::create_dir(&lang).unwrap();
        write_train(&case.world, Seed(5), |file| lang.join(file)).unwrap();
        write_validation(&case.world, Seed(5), &lang.join(VALIDATION)).unwrap();
        write_rows(&lang.join(PROBES), &case.rows).unwrap();
        lang
    };
    let (lang_masked, lang_stated) = (write("masked", &masked), write("stated", &stated));
    let bytes = |lang: &Path, file: &str| std::fs::read(lang.join(file)).unwrap();
    assert!(bytes(&lang_masked, VALIDATION) == bytes(&lang_stated, VALIDATION));
    assert!(bytes(&lang_masked, shard) != bytes(&lang_stated, shard));

    let progress = Progress::new("auditing", 3, "files");
    let audit = |case: &Case, lang| Auditor::new(&case.world).files(lang, &files, &progress);
    let counts = audit(&masked, &lang_masked).unwrap();
    assert!(counts.iter().all(|counts| counts.stated == 0));
    assert!(!report(&masked.world, &files, &counts).contains("STATES"));
    let counts = audit(&stated, &lang_stated).unwrap();
    let [n_train, n_validation, n_probes] = [0, 1, 2].map(|file: usize| counts[file].stated);
    assert!(n_train > 0);
    assert_eq!([n_validation, n_probes], [0, 0]);
    let said = report(&stated.world, &files, &counts);
    assert!(
        said.contains("THIS LANG STATES B† (--b-unmasked)"),
        "{said}"
    );
    assert!(said.contains(&format!("; {n_train} words of B's training text")));
    // The same text is full of leaks where the world does not have it stated.
    let error = audit(&masked, &lang_stated).unwrap_err().to_string();
    assert!(error.starts_with(&format!("leak: {shard} row ")), "{error}");
}

#[test]
fn what_may_be_stated_is_training_text_and_no_held_out_fact() {
    let mut world = DEMO.world.clone();
    world.config.mask.stated = true;
    let auditor = Auditor::new(&world);
    let told = |name: &str, text: &str| {
        let mut counts = Counts {
            rows: 7,
            ..Counts::default()
        };
        let error = auditor.document(Language::Minority, text, name, &mut counts);
        (error.err().map(|error| error.to_string()), counts.stated)
    };
    let row = &DEMO.of("order", Condition::Masked, ProbeSet::Pair)[0];
    let text = &row.candidates[usize::from(row.gold)];
    assert_eq!(told("train", text), (None, 1));
    let (error, _) = told(VALIDATION, text);
    let error = error.unwrap();
    assert!(
        error.starts_with(&format!("leak: {VALIDATION} row 7: ")),
        "{error}"
    );
    for phenomenon in ["held_out_attribute", "held_out_relation"] {
        for row in DEMO.of(phenomenon, Condition::Minority, ProbeSet::Pair) {
            for text in &row.candidates {
                let (error, _) = told("train", text);
                let error = error.unwrap();
                assert!(error.starts_with("leak: train row 7: noun"), "{error}");
            }
        }
    }
}
