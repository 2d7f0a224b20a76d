//! The rules on worlds of every kind, and on rows that break them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use corpus::tables::{DocumentRow, Language, ProbeRow, ProbeSet, read_rows, write_rows};
use corpus::{Condition, ProbeStage};
use seed::Seed;
use world::form::{Entry, Inflection};
use world::{Side, World, WorldConfig};

use super::probes::{Fault, PROBES};
use super::{Auditor, Counts, VALIDATION, report};
use crate::corpus_files::{write_train, write_validation};
use crate::probes::probes;

const TINY: &str = include_str!("../../../../data/worlds/tiny.toml");
const GRAMMAR: &str = include_str!("../../../../data/grammars/core.grammar");

/// A world and its probes.
struct Case {
    world: World,
    rows: Vec<ProbeRow>,
}

static DEMO: LazyLock<Case> =
    LazyLock::new(|| case(include_str!("../../../../data/worlds/demo.toml"), |_| ()));

fn case(config: &str, edit: impl Fn(&mut WorldConfig)) -> Case {
    let mut config: WorldConfig = toml::from_str(config).unwrap();
    edit(&mut config);
    let world = World::build(config, GRAMMAR, Seed(3)).unwrap();
    let rows = probes(&world, Seed(5)).unwrap();
    Case { world, rows }
}

impl Case {
    /// B's rows of a phenomenon.
    fn of(&self, phenomenon: &str, condition: Condition, set: ProbeSet) -> Vec<ProbeRow> {
        let rows = self.rows.iter().filter(|row| {
            row.phenomenon == phenomenon && row.condition == condition && row.set == set
        });
        let rows: Vec<ProbeRow> = rows.cloned().collect();
        assert!(!rows.is_empty(), "{phenomenon} {condition} {set}");
        rows
    }

    fn is_masked(&self, entry: &Entry) -> Option<bool> {
        self.world.mask.masked.get(entry.concept as usize).copied()
    }

    /// A masked form in the inflection of `like` that no candidate of the row has, of another noun than the row's.
    fn masked_form(&self, row: &ProbeRow, like: &Entry) -> Option<&Entry> {
        let entries = self.world.lexicon(Side::Minority).entries();
        entries.iter().find(|entry| {
            self.is_masked(entry) == Some(true)
                && entry.inflection == like.inflection
                && Some(entry.concept) != row.concept
                && !row.candidates.iter().any(|text| has(text, &entry.form))
        })
    }

    /// The row with a masked form for a seen noun that all candidates name as a clue, in some of them; and the form.
    fn with_masked_clue(
        &self,
        row: &ProbeRow,
        is_changed: impl Fn(usize) -> bool,
    ) -> Option<(ProbeRow, String)> {
        let by_form = self.world.lexicon(Side::Minority).by_form();
        let is_clue = |word: &str| {
            let entry = by_form.get(word);
            entry.is_some_and(|entry| {
                self.is_masked(entry) == Some(false) && Some(entry.concept) != row.concept
            }) && row.candidates.iter().all(|text| has(text, word))
        };
        let clue = row.candidates[0].split(' ').find(|word| is_clue(word))?;
        let form = &self.masked_form(row, by_form[clue])?.form;
        let mut spoilt = row.clone();
        for (index, text) in spoilt.candidates.iter_mut().enumerate() {
            if is_changed(index) {
                *text = replaced(text, clue, form);
            }
        }
        Some((spoilt, form.clone()))
    }
}

fn has(text: &str, word: &str) -> bool {
    text.split(' ').any(|other| other == word)
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    let words = text
        .split(' ')
        .map(|word| if word == from { to } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn fault(auditor: &Auditor<'_>, row: &ProbeRow) -> Option<Fault> {
    auditor.probe(row).err()
}

fn is_leak(fault: &Option<Fault>) -> bool {
    matches!(fault, Some(Fault::Leak(_)))
}

fn is_wrong(fault: &Option<Fault>) -> bool {
    matches!(fault, Some(Fault::Wrong(_)))
}

#[test]
fn what_is_generated_passes() {
    type Edit = fn(&mut WorldConfig);
    let edits: [(&str, Edit); 8] = [
        ("tiny", |_| ()),
        ("equal forms", |config| config.divergence.distance = 0.0),
        ("no inflection", |config| config.form.inflection = false),
        ("mostly masked", |config| config.mask.share = 0.75),
        ("nothing masked", |config| {
            config.mask.share = 0.0;
            config.mask.held_out_share = 0.0;
        }),
        ("much held out", |config| config.mask.held_out_share = 0.4),
        ("another order", |config| {
            let reversed = ["subject", "object", "adjective", "relative", "copula"];
            config.order.minority = reversed.map(str::to_owned).to_vec();
        }),
        ("another script", |config| {
            config.divergence.script = world::form::Script::Disjoint
        }),
    ];
    let check = |name: &str, case: &Case| {
        let auditor = Auditor::new(&case.world);
        for (index, row) in case.rows.iter().enumerate() {
            assert_eq!(fault(&auditor, row), None, "{name}, row {index}: {row:?}");
        }
    };
    for (name, edit) in edits {
        check(name, &case(TINY, edit));
    }
    check("demo", &DEMO);
}

/// In every kind of row, in the gold, in the others and in all candidates.
#[test]
fn a_masked_clue_is_a_leak_in_every_kind_of_row() {
    let auditor = Auditor::new(&DEMO.world);
    let mut kinds = BTreeSet::new();
    let rows = DEMO.rows.iter();
    for row in rows.filter(|row| row.language == Language::Minority) {
        let kind = (row.stage, &row.phenomenon, row.condition, row.set);
        if kinds.contains(&kind) {
            continue;
        }
        let gold = usize::from(row.gold);
        let spoilt = [
            DEMO.with_masked_clue(row, |index| index == gold),
            DEMO.with_masked_clue(row, |index| index != gold),
            DEMO.with_masked_clue(row, |_| true),
        ];
        for (row, form) in spoilt.into_iter().flatten() {
            kinds.insert(kind);
            assert_eq!(fault(&auditor, &row), Some(Fault::Leak(form)), "{row:?}");
        }
    }
    // Sentences about attributes alone have no noun as a clue.
    let found = |stage, condition, set| {
        let of = |kind: &&(ProbeStage, &String, Condition, ProbeSet)| {
            (kind.0, kind.2, kind.3) == (stage, condition, set)
        };
        kinds.iter().filter(of).count()
    };
    for condition in [Condition::Minority, Condition::Masked] {
        assert_eq!(found(ProbeStage::Grammar, condition, ProbeSet::Pair), 5);
        assert!(found(ProbeStage::Type, condition, ProbeSet::Pair) >= 2);
        assert!(found(ProbeStage::Knowledge, condition, ProbeSet::Pair) >= 1);
        assert_eq!(found(ProbeStage::Lexical, condition, ProbeSet::Pair), 1);
        assert!(found(ProbeStage::Lexical, condition, ProbeSet::Primary) >= 2);
        assert!(found(ProbeStage::Lexical, condition, ProbeSet::TypeValid) >= 2);
    }
    assert_eq!(
        found(ProbeStage::Ladder, Condition::Minority, ProbeSet::Ladder),
        1
    );
}

/// Beside a seen gold a masked noun is offered where all nouns of the type are, and nowhere else.
#[test]
fn a_masked_candidate_beside_a_seen_gold() {
    let auditor = Auditor::new(&DEMO.world);
    let by_form = DEMO.world.lexicon(Side::Minority).by_form();
    let mut row = DEMO.of("noun_first", Condition::Minority, ProbeSet::Primary)[0].clone();
    // Any but the gold one.
    let other = 1 - usize::from(row.gold.min(1));
    let mut forms = row.forms.clone().unwrap();
    let seen = by_form[forms[other].as_str()];
    let nouns = &DEMO.world.ontology.nouns;
    let entries = DEMO.world.lexicon(Side::Minority).entries();
    let of_type = entries.iter().find(|entry| {
        DEMO.is_masked(entry) == Some(true)
            && entry.inflection == seen.inflection
            && nouns[entry.concept as usize].kind == nouns[seen.concept as usize].kind
    });
    let form = of_type.unwrap().form.clone();
    row.candidates[other] = replaced(&row.candidates[other], &forms[other], &form);
    forms[other].clone_from(&form);
    row.forms = Some(forms);
    assert_eq!(fault(&auditor, &row), Some(Fault::Leak(form)));
    row.set = ProbeSet::TypeValid;
    assert_eq!(fault(&auditor, &row), None);
    row.forms = None;
    assert_eq!(fault(&auditor, &row), None);
    row.forms = DEMO.rows.iter().find_map(|other| other.forms.clone());
    assert!(is_wrong(&fault(&auditor, &row)));
}

#[test]
fn a_held_out_cell_is_stated_where_it_is_asked() {
    let auditor = Auditor::new(&DEMO.world);
    for phenomenon in ["held_out_attribute", "held_out_relation"] {
        for row in DEMO.of(phenomenon, Condition::Minority, ProbeSet::Pair) {
            let told_as = |phenomenon: &str, set| {
                let phenomenon = phenomenon.to_owned();
                let row = ProbeRow {
                    phenomenon,
                    set,
                    ..row.clone()
                };
                fault(&auditor, &row)
            };
            assert_eq!(told_as(phenomenon, ProbeSet::Pair), None);
            for (other, set) in [
                ("attribute", ProbeSet::Pair),
                ("relation", ProbeSet::Pair),
                ("noun_first", ProbeSet::Primary),
                ("noun_first", ProbeSet::TypeValid),
                ("ladder", ProbeSet::Ladder),
                (phenomenon, ProbeSet::Primary),
            ] {
                let told = told_as(other, set);
                assert!(is_leak(&told), "{other} {set}: {row:?}: {told:?}");
            }
            let crossed = match phenomenon {
                "held_out_attribute" => "held_out_relation",
                _ => "held_out_attribute",
            };
            assert!(is_leak(&told_as(crossed, ProbeSet::Pair)), "{row:?}");
        }
    }
    // What states no such cell asks for none.
    let mut row = DEMO.of("relation", Condition::Minority, ProbeSet::Pair)[0].clone();
    row.phenomenon = "held_out_relation".to_owned();
    assert!(is_wrong(&fault(&auditor, &row)));
}

/// Columns are believed only where the sentences say the same.
#[test]
fn columns_are_held_against_the_sentences() {
    let auditor = Auditor::new(&DEMO.world);
    let masked = DEMO.of("order", Condition::Masked, ProbeSet::Pair)[0].clone();
    let seen = DEMO.of("order", Condition::Minority, ProbeSet::Pair)[0].clone();
    let change = |row: &ProbeRow, edit: &dyn Fn(&mut ProbeRow)| {
        let mut row = row.clone();
        edit(&mut row);
        fault(&auditor, &row)
    };
    assert_eq!(change(&masked, &|_| ()), None);
    assert!(is_leak(&change(&masked, &|row| {
        row.condition = Condition::Minority;
    })));
    assert!(is_leak(&change(&masked, &|row| row.concept = None)));
    assert!(is_leak(&change(&masked, &|row| row.concept = seen.concept)));
    assert!(is_wrong(&change(&masked, &|row| {
        row.condition = Condition::Identical;
    })));
    assert!(is_wrong(&change(&seen, &|row| {
        row.condition = Condition::Masked;
    })));
    assert!(is_wrong(&change(&seen, &|row| row.concept = masked.concept)));
    assert!(is_wrong(&change(&seen, &|row| row.gold = 9)));
    // The bad order as the good one.
    assert!(is_wrong(&change(&seen, &|row| row.gold = 1)));
    // A word that the good sentence does not have.
    assert!(is_wrong(&change(&seen, &|row| {
        let strange = DEMO.world.lexicon(Side::Minority).entries().iter();
        let mut strange = strange.filter(|entry| DEMO.is_masked(entry) == Some(false));
        let strange = strange.find(|entry| !has(&row.candidates[1], &entry.form));
        let text = format!("{} {}", strange.unwrap().form, row.candidates[1]);
        row.candidates[1] = text;
    })));
    // B's sentences among A's.
    let as_majority = change(&masked, &|row| {
        row.language = Language::Majority;
        row.condition = Condition::Majority;
    });
    assert!(as_majority.is_some());
}

/// A masked B-form is a leak in A's text as well, but not where it is an A-form too.
#[test]
fn documents_of_both_languages() {
    let world = &DEMO.world;
    let auditor = Auditor::new(world);
    let told = |language, text: &str| {
        let mut counts = Counts {
            rows: 7,
            ..Counts::default()
        };
        let error = auditor.document(language, text, "train", &mut counts);
        error.err().map(|error| error.to_string())
    };
    let of_majority = world.lexicon(Side::Majority).by_form();
    let entries = world.lexicon(Side::Minority).entries().iter();
    let masked = entries
        .filter(|entry| DEMO.is_masked(entry) == Some(true))
        .find(|entry| !of_majority.contains_key(entry.form.as_str()));
    let form = &masked.unwrap().form;
    for language in [Language::Majority, Language::Minority] {
        assert_eq!(
            told(language, &format!("{form} .")),
            Some(format!("leak: train row 7: {form}"))
        );
    }
    let gold = |condition| DEMO.of("order", condition, ProbeSet::Pair)[0].candidates[0].clone();
    let (a, b) = (gold(Condition::Majority), gold(Condition::Minority));
    assert_eq!(told(Language::Majority, &a), None);
    assert_eq!(told(Language::Minority, &b), None);
    assert_eq!(told(Language::Minority, &format!("{b} {b}")), None);
    assert!(told(Language::Minority, &a).unwrap().contains("row 7: "));
    // Held-out cells, true or false.
    for phenomenon in ["held_out_attribute", "held_out_relation"] {
        for row in DEMO.of(phenomenon, Condition::Minority, ProbeSet::Pair) {
            for text in &row.candidates {
                let error = told(Language::Minority, text).unwrap();
                assert!(error.starts_with("leak: train row 7: noun"), "{error}");
            }
        }
    }
}

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

    let audit = |case: &Case, lang| Auditor::new(&case.world).files(lang, &files);
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

/// One row of validation.parquet changed in B, in A or in what is true, and the rows are read from the file again.
#[test]
fn a_changed_validation_row_is_named() {
    let case = case(TINY, |_| ());
    let auditor = Auditor::new(&case.world);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("validation.parquet");
    write_validation(&case.world, Seed(5), &path).unwrap();
    let clean: Vec<DocumentRow> = read_rows(&path).unwrap();
    let audit = |rows: &[DocumentRow]| {
        write_rows(&path, rows).unwrap();
        let audited = auditor.documents(&path, "validation.parquet");
        audited.map_err(|error| error.to_string())
    };
    let counts = audit(&clean).unwrap();
    assert_eq!(counts.rows, clean.len() as u64);
    assert!(counts.facts.iter().all(|&n| n > 0));

    let of_majority = case.world.lexicon(Side::Majority).by_form();
    let by_form = case.world.lexicon(Side::Minority).by_form();
    let seen_noun = |text: &str, inflection: Inflection| {
        let is_noun = |word: &&str| {
            let entry = by_form.get(word);
            entry.is_some_and(|entry| {
                entry.inflection == inflection && case.is_masked(entry) == Some(false)
            })
        };
        text.split(' ').find(is_noun).map(str::to_owned)
    };
    for inflection in [Inflection::Base, Inflection::Plural] {
        let entries = case.world.lexicon(Side::Minority).entries();
        let masked = entries.iter().find(|entry| {
            entry.inflection == inflection
                && case.is_masked(entry) == Some(true)
                && !of_majority.contains_key(entry.form.as_str())
        });
        let form = &masked.unwrap().form;
        let minority = |row: &&(usize, DocumentRow)| row.1.language == Language::Minority;
        let rows: Vec<(usize, DocumentRow)> = clean.iter().cloned().enumerate().collect();
        let (index, noun) = rows
            .iter()
            .filter(minority)
            .find_map(|(index, row)| Some((*index, seen_noun(&row.text, inflection)?)))
            .unwrap();
        // The columns beside the text say nothing of it, and nothing is read from them.
        let mut spoilt = clean.clone();
        spoilt[index].text = replaced(&spoilt[index].text, &noun, form);
        let leak = format!("leak: validation.parquet row {}: {form}", index + 1);
        assert_eq!(audit(&spoilt).unwrap_err(), leak);
        // In A it is no word, and a leak all the same.
        let mut spoilt = clean.clone();
        spoilt[0].text = format!("{form} .");
        let leak = format!("leak: validation.parquet row 1: {form}");
        assert_eq!(audit(&spoilt).unwrap_err(), leak);
    }
    // A told as B, and words in no order.
    let mut spoilt = clean.clone();
    spoilt[1].text.clone_from(&clean[0].text);
    let error = audit(&spoilt).unwrap_err();
    assert!(error.contains("validation.parquet row 2: "), "{error}");
    let mut spoilt = clean.clone();
    let mut words: Vec<&str> = clean[0].text.split(' ').collect();
    words.swap(0, 1);
    spoilt[0].text = words.join(" ");
    let error = audit(&spoilt).unwrap_err();
    assert!(
        error.starts_with("validation.parquet row 1: not a sentence of the majority language"),
        "{error}"
    );
}

/// One row of probes.parquet changed, and the rows are read from the file again: each is named by its place.
#[test]
fn a_changed_probe_row_is_named() {
    let case = case(TINY, |_| ());
    let auditor = Auditor::new(&case.world);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probes.parquet");
    let audit = |rows: &[ProbeRow]| {
        write_rows(&path, rows).unwrap();
        auditor.probes(&path).map_err(|error| error.to_string())
    };
    assert_eq!(audit(&case.rows).unwrap().rows, case.rows.len() as u64);
    // The last of each set whose gold names a seen noun as a clue, with a masked one for it.
    for set in [
        ProbeSet::Pair,
        ProbeSet::Primary,
        ProbeSet::TypeValid,
        ProbeSet::Ladder,
    ] {
        let of_set = case.rows.iter().enumerate().rev();
        let of_set = of_set.filter(|(_, row)| row.set == set && row.language == Language::Minority);
        let found = of_set.into_iter().find_map(|(index, row)| {
            let (row, form) = case.with_masked_clue(row, |at| at == usize::from(row.gold))?;
            Some((index, row, form))
        });
        let (index, row, form) = found.unwrap();
        let mut rows = case.rows.clone();
        rows[index] = row;
        let leak = format!("leak: probes.parquet row {}: {form}", index + 1);
        assert_eq!(audit(&rows).unwrap_err(), leak);
    }
    // Two faults: the first in the file is told.
    let mut rows = case.rows.clone();
    rows[7].gold = 9;
    rows[3].candidates[0].push_str(" extra");
    let error = audit(&rows).unwrap_err();
    assert!(
        error.starts_with("probes.parquet row 4: no full stop at the end"),
        "{error}"
    );
}
