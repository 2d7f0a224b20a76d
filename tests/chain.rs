//! The real binaries, chained on the tiny world.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::tables::{
    DocumentRow, Language, LexiconRow, MetricRow, ProbeRow, SegmentationRow, TrainLogRow,
    read_rows, write_rows,
};
use corpus::{Category, Condition, Input, ProbeSet, Stage, Table};
use end_to_end::directory::reseal;
use end_to_end::{EVAL, LANG, Lab, MODEL, TOK, chain};
use world::concept::Concept;
use world::grammar::Number;
use world::linearize::running_form;
use world::{Side, World};

/// Fingerprint of each stage's directory.
fn fingerprints(lab: &Lab, suffix: &str) -> BTreeMap<&'static str, String> {
    [
        ("lang", Stage::Lang),
        ("tok", Stage::Tok),
        ("model", Stage::Model),
        ("eval", Stage::Eval),
    ]
    .map(|(name, kind)| {
        let input = Input::open(&lab.path(&format!("{name}{suffix}")), kind).unwrap();
        input.check_all().unwrap();
        (name, input.fingerprint().to_string())
    })
    .into()
}

#[test]
fn the_tiny_chain_runs_and_repeats_to_the_same_bytes() {
    let lab = Lab::new();
    chain(&lab);
    let first = fingerprints(&lab, "");

    // Metrics stand on real scores: every stage is there, and values are shares or have a reason to be absent.
    let metrics: Vec<MetricRow> = read_rows(&lab.path("eval/metrics.parquet")).unwrap();
    for stage in ["grammar", "type", "knowledge", "lexical"] {
        assert!(
            metrics
                .iter()
                .any(|row| row.stage == stage && row.value.is_some()),
            "{stage}"
        );
    }
    assert!(
        metrics
            .iter()
            .all(|row| row.value.is_some() != row.reason.is_some())
    );
    let log: Vec<TrainLogRow> = read_rows(&lab.path("model/train_log.parquet")).unwrap();
    assert!(log.last().unwrap().loss_nats < log[0].loss_nats);
    let segmentation: Vec<SegmentationRow> =
        read_rows(&lab.path("tok/segmentation.parquet")).unwrap();
    assert!(
        segmentation
            .iter()
            .all(|row| usize::from(row.n_tokens) == row.tokens.len())
    );
    let checkpoints: Vec<String> = std::fs::read_dir(lab.path("model/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        checkpoints.contains(&"step-000012".to_owned()),
        "{checkpoints:?}"
    );

    // Once more, with one thread.
    for (binary, arguments, out) in [
        ("lang-gen", LANG, "lang-again"),
        ("tok-train", TOK, "tok-again"),
        ("model-train", MODEL, "model-again"),
        ("transfer-eval", EVAL, "eval-again"),
    ] {
        lab.ok(binary, &format!("{arguments} --threads 1 --out {out}"));
    }
    assert_eq!(fingerprints(&lab, "-again"), first);

    // People can look into each.
    assert!(lab.ok("lang-gen", "audit lang --quiet").contains("no leak"));
    assert!(lab.ok("lang-gen", "show lang").contains("Lexicon"));
    lab.ok("tok-train", "show tok");
    lab.ok("transfer-eval", "show eval");
    assert!(lab.ok("lang-gen", "export-blimp lang").lines().count() > 100);
    lab.ok("study", "report eval --out report --quiet");
    let page = std::fs::read_to_string(lab.path("report/index.html")).unwrap();
    assert!(page.contains("<svg"), "the report has figures");
    assert!(!page.contains("src=\"http"), "the report is self-contained");
}

/// The ceiling of `masked`: the same words, probes and validation text, and a B that states B† in training.
#[test]
fn a_minority_that_states_what_is_masked_goes_through_all_stages() {
    let lab = Lab::new();
    lab.ok("lang-gen", &format!("{LANG} --out masked"));
    lab.ok("lang-gen", &format!("{LANG} --b-unmasked --out lang"));
    let bytes = |name: &str| std::fs::read(lab.path(name)).unwrap();
    let same = |file: &str| bytes(&format!("masked/{file}")) == bytes(&format!("lang/{file}"));
    for file in ["lexicon.parquet", "facts.parquet", VALIDATION, PROBES] {
        assert!(same(file), "{file}");
    }
    assert!(!same(SHARD));
    let said = lab.ok("lang-gen", "audit lang --quiet");
    assert!(said.contains("THIS LANG STATES B†") && said.contains("no leak"));
    assert!(
        !lab.ok("lang-gen", "audit masked --quiet")
            .contains("STATES")
    );
    assert!(lab.ok("lang-gen", "show lang").contains("B STATES IT"));

    lab.ok("tok-train", &format!("{TOK} --out tok"));
    lab.ok("model-train", &format!("{MODEL} --out model"));
    lab.ok("transfer-eval", &format!("{EVAL} --out eval"));
    let measured = |name: &str, kind| {
        let input = Input::open(&lab.path(name), kind).unwrap();
        input.manifest().measured.clone()
    };
    let masked_forms = &measured("tok", Stage::Tok)["masked_forms"];
    assert_eq!(masked_forms["stated_by_minority"], true);
    assert!(masked_forms["in_minority_text"].as_u64().unwrap() > 0);
    assert_eq!(measured("eval", Stage::Eval)["b_unmasked"], true);
    assert!(lab.ok("tok-train", "show tok").contains("STATES B†"));
    assert!(lab.ok("transfer-eval", "show eval").contains("a ceiling"));
    let metrics: Vec<MetricRow> = read_rows(&lab.path("eval/metrics.parquet")).unwrap();
    let mrr = metrics.iter().find(|row| {
        (row.stage.as_str(), row.metric.as_str()) == ("lexical", "mrr")
            && row.condition == Condition::Masked
    });
    assert!(mrr.unwrap().value.is_some());
}

#[test]
fn a_leak_in_one_row_is_found() {
    use corpus::tables::{DocumentRef, DocumentWriter, scan_documents};
    let lab = Lab::new();
    lab.ok("lang-gen", &format!("{LANG} --out lang"));
    lab.ok("lang-gen", "audit lang --quiet");
    let lexicon: Vec<LexiconRow> = read_rows(&lab.path("lang/lexicon.parquet")).unwrap();
    let form = |masked: bool| {
        let row = lexicon.iter().find(|row| {
            row.language == Language::Minority
                && row.inflection == "base"
                && row.r#type.is_some()
                && row.masked == masked
        });
        row.unwrap().form.clone()
    };
    let (masked, seen) = (form(true), form(false));
    let shard = lab.path("lang/train-00000-of-00001.parquet");
    let rows: Vec<DocumentRow> = read_rows(&shard).unwrap();
    let (index, spoilt) = rows
        .iter()
        .enumerate()
        .find(|(_, row)| {
            row.language == Language::Minority && row.text.split(' ').any(|word| word == seen)
        })
        .unwrap();
    let text = spoilt
        .text
        .replacen(&format!(" {seen} "), &format!(" {masked} "), 1);
    let changed = lab.path("changed.parquet");
    let mut writer = DocumentWriter::create(&changed).unwrap();
    let mut at = 0;
    scan_documents(&shard, |row| {
        let row = DocumentRef {
            text: if at == index { &text } else { row.text },
            ..row
        };
        at += 1;
        Ok(writer.push(row)?)
    })
    .unwrap();
    writer.finish().unwrap();
    std::fs::rename(&changed, &shard).unwrap();
    let error = lab.refused("lang-gen", "audit lang --quiet");
    assert_eq!(
        error,
        format!(
            "error: leak: train-00000-of-00001.parquet row {}: {masked}",
            index + 1
        )
    );
    // Everyone else refuses the changed file for its bytes.
    let error = lab.refused("tok-train", &format!("{TOK} --out tok"));
    assert!(error.contains("train-00000-of-00001.parquet"), "{error}");
    assert!(!Path::exists(&lab.path("tok")));
}

const SHARD: &str = "train-00000-of-00001.parquet";
const VALIDATION: &str = "validation.parquet";
const PROBES: &str = "probes.parquet";

/// A LANG that the audit passes, to be tampered with.
struct Tampering {
    lab: Lab,
    lexicon: Vec<LexiconRow>,
}

impl Tampering {
    fn new() -> Tampering {
        let lab = Lab::new();
        lab.ok("lang-gen", &format!("{LANG} --out lang"));
        assert!(lab.ok("lang-gen", "audit lang --quiet").contains("no leak"));
        let lexicon = read_rows(&lab.path("lang/lexicon.parquet")).unwrap();
        Tampering { lab, lexicon }
    }

    fn read<R: Table>(&self, file: &str) -> Vec<R> {
        read_rows(&self.lab.path(&format!("lang/{file}"))).unwrap()
    }

    fn write<R: Table>(&self, file: &str, rows: &[R]) {
        write_rows(&self.lab.path(&format!("lang/{file}")), rows).unwrap();
    }

    fn world(&self) -> World {
        let json = std::fs::read_to_string(self.lab.path("lang/world.json")).unwrap();
        World::from_json(&json).unwrap()
    }

    /// A text with a masked form for its first seen noun in this inflection, and that form; neither is of the concept
    /// `but`.
    fn spoilt(&self, text: &str, inflection: &str, but: Option<u32>) -> Option<(String, String)> {
        let nouns = self.lexicon.iter().filter(|row| {
            row.language == Language::Minority
                && row.category == Category::Noun
                && row.inflection == inflection
                && Some(row.concept) != but
        });
        let (masked, seen): (Vec<_>, Vec<_>) = nouns.partition(|row| row.masked);
        let mut words: Vec<&str> = text.split(' ').collect();
        let place = words
            .iter()
            .position(|word| seen.iter().any(|row| row.form == *word))?;
        let form = masked.first()?.form.as_str();
        words[place] = form;
        Some((words.join(" "), form.to_owned()))
    }

    /// The audit's error, without `error: `.
    fn refusal(&self) -> String {
        let error = self.lab.refused("lang-gen", "audit lang --quiet");
        error.replacen("error: ", "", 1)
    }

    /// Changes one document of B as `change` says, expects the leak that it tells, and puts the document back.
    fn check_document(&self, file: &str, change: impl Fn(&str) -> Option<(String, String)>) {
        let clean: Vec<DocumentRow> = self.read(file);
        let (index, (text, leak)) = clean
            .iter()
            .enumerate()
            .filter(|(_, row)| row.language == Language::Minority)
            .find_map(|(index, row)| Some((index, change(&row.text)?)))
            .unwrap();
        let mut rows = clean.clone();
        rows[index].text = text;
        self.write(file, &rows);
        assert_eq!(
            self.refusal(),
            format!("leak: {file} row {}: {leak}", index + 1)
        );
        self.write(file, &clean);
    }
}

#[test]
fn a_masked_form_is_found_in_every_split_and_inflection() {
    let tampering = Tampering::new();
    for file in [SHARD, VALIDATION] {
        for inflection in ["base", "plural"] {
            tampering.check_document(file, |text| tampering.spoilt(text, inflection, None));
        }
    }
}

/// `the NOUN is VALUE` or `the NOUN is not VALUE` in B.
fn statement(world: &World, noun: u32, value: u32, is_denied: bool) -> String {
    let word = |concept| {
        let id = world.concepts.id(concept);
        running_form(world.lexicon(Side::Minority), id, Number::Singular).unwrap()
    };
    let function = |name| word(Concept::Function(world.grammar.function(name).unwrap()));
    let mut words = vec![
        function("the"),
        word(Concept::Noun(noun)),
        function("be"),
        word(Concept::Value(value)),
        ".",
    ];
    if is_denied {
        words.insert(3, function("not"));
    }
    words.join(" ")
}

/// Cells are found whether what is said of them is true or false, stated or denied.
#[test]
fn a_held_out_cell_is_found_in_either_polarity() {
    let tampering = Tampering::new();
    let world = tampering.world();
    let ontology = &world.ontology;
    let &(noun, attribute) = world.mask.attribute_cells.first().unwrap();
    let attribute = usize::from(attribute);
    let own = ontology.value(noun, attribute).unwrap();
    let first = ontology.attributes[attribute].first_value;
    let other = if own == first { first + 1 } else { first };
    for file in [SHARD, VALIDATION] {
        for value in [own, other] {
            for is_denied in [false, true] {
                let text = statement(&world, noun, value, is_denied);
                let not = if is_denied { "not " } else { "" };
                let leak = format!("noun{noun} {not}adjective{value}");
                tampering.check_document(file, |_| Some((text.clone(), leak.clone())));
            }
        }
    }

    // What B may say is none: the row passes, and only the file's bytes are others.
    let open = (0..).zip(&ontology.nouns).find_map(|(noun, entry)| {
        let is_open = |&value: &u32| {
            !world.mask.masked[noun as usize]
                && !world.mask.holds_out(noun, ontology.attribute_of(value))
        };
        Some((noun, entry.values.iter().copied().find(is_open)?))
    });
    let (noun, value) = open.unwrap();
    let mut rows: Vec<DocumentRow> = tampering.read(SHARD);
    let row = rows
        .iter_mut()
        .find(|row| row.language == Language::Minority);
    row.unwrap().text = statement(&world, noun, value, false);
    tampering.write(SHARD, &rows);
    let error = tampering.refusal();
    assert!(error.contains(SHARD), "{error}");
    assert!(error.contains("as in manifest.json"), "{error}");
}

/// Rows are numbered as they stand in the file, whatever the column `probe` says.
#[test]
fn a_leak_in_a_probe_is_found() {
    let tampering = Tampering::new();
    let mut clean: Vec<ProbeRow> = tampering.read(PROBES);
    clean.rotate_left(1);
    // Changes a candidate of the first of B's rows for which `change` has a sentence and a leak to be told.
    type Change<'a> = &'a dyn Fn(&ProbeRow, &str) -> Option<(String, String)>;
    let check = |candidate: Option<usize>, change: Change<'_>| {
        let place = |row: &ProbeRow| candidate.unwrap_or(usize::from(row.gold));
        let (index, (text, leak)) = clean
            .iter()
            .enumerate()
            .filter(|(_, row)| row.language == Language::Minority)
            .find_map(|(index, row)| {
                let text = row.candidates.get(place(row))?;
                Some((index, change(row, text)?))
            })
            .unwrap();
        let mut rows = clean.clone();
        assert_ne!(rows[index].probe as usize, index);
        let place = place(&rows[index]);
        rows[index].candidates[place] = text;
        tampering.write(PROBES, &rows);
        assert_eq!(
            tampering.refusal(),
            format!("leak: {PROBES} row {}: {leak}", index + 1)
        );
    };
    let spoilt = |row: &ProbeRow, text: &str| tampering.spoilt(text, "base", row.concept);
    for condition in [Condition::Minority, Condition::Masked] {
        for set in [ProbeSet::Primary, ProbeSet::TypeValid] {
            check(None, &|row, text| {
                let is_wanted = row.set == set && row.condition == condition;
                is_wanted.then(|| spoilt(row, text))?
            });
        }
    }
    check(Some(2), &|row, text| {
        (row.set == ProbeSet::Ladder).then(|| spoilt(row, text))?
    });
    // What is no sentence is looked at word by word.
    check(Some(1), &|row, text| {
        (row.phenomenon == "order").then(|| spoilt(row, text))?
    });
    // A held-out cell of the row's noun in place of its good sentence.
    let world = tampering.world();
    check(None, &|row, _| {
        let mut cells = world.mask.attribute_cells.iter();
        let is_own = |cell: &&(u32, u16)| row.set == ProbeSet::Pair && row.concept == Some(cell.0);
        let &(noun, attribute) = cells.find(is_own)?;
        let value = world.ontology.value(noun, usize::from(attribute))?;
        let leak = format!("noun{noun} adjective{value}");
        Some((statement(&world, noun, value, false), leak))
    });

    tampering.write(PROBES, &clean);
    let error = tampering.refusal();
    assert!(error.contains("as in manifest.json"), "{error}");
}

/// Rows are read before any hash is: a leak is named though manifest.json and run.json were made to fit.
#[test]
fn a_leak_is_named_though_every_hash_fits() {
    let tampering = Tampering::new();
    let lang = tampering.lab.path("lang");
    let run = std::fs::read(lang.join("run.json")).unwrap();
    let fit = |file: &str| reseal(&tampering.lab.path(""), &["lang"], file).unwrap();
    for file in [SHARD, VALIDATION] {
        let clean: Vec<DocumentRow> = tampering.read(file);
        let (index, (text, leak)) = clean
            .iter()
            .enumerate()
            .filter(|(_, row)| row.language == Language::Minority)
            .find_map(|(index, row)| Some((index, tampering.spoilt(&row.text, "plural", None)?)))
            .unwrap();
        let mut rows = clean.clone();
        rows[index].text = text;
        tampering.write(file, &rows);
        let expected = format!("leak: {file} row {}: {leak}", index + 1);
        assert_eq!(tampering.refusal(), expected);
        fit(file);
        Input::open(&lang, Stage::Lang)
            .unwrap()
            .check_all()
            .unwrap();
        assert_eq!(tampering.refusal(), expected);
        // The manifest changed with the row, but not its hash in run.json.
        std::fs::write(lang.join("run.json"), &run).unwrap();
        assert!(Input::open(&lang, Stage::Lang).is_err());
        assert_eq!(tampering.refusal(), expected);
        tampering.write(file, &clean);
        fit(file);
        tampering.lab.ok("lang-gen", "audit lang --quiet");
    }

    // Without a leak every hash counts, run.json's too.
    let manifest = lang.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text + "\n").unwrap();
    let error = tampering.refusal();
    assert!(error.contains("manifest.json"), "{error}");
    assert!(error.contains("as in run.json"), "{error}");
}

/// The tiny and the demo world accept 200 documents at every distance.
#[test]
fn two_hundred_documents_at_every_distance() {
    let lab = Lab::new();
    for world in ["tiny", "demo"] {
        for tenth in 0..=10 {
            for divergence in ["substitution", "correspondence", "replacement"] {
                let distance = f64::from(tenth) / 10.0;
                lab.ok(
                    "lang-gen",
                    &format!(
                        "--world WORLDS/{world}.toml --documents 200 --lexical-distance {distance} \
                         --divergence {divergence} --out lang --force --quiet"
                    ),
                );
            }
        }
    }
}
