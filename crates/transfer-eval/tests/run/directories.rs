//! Small LANG, TOK and MODEL directories, written as their stages write them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::tables::{BridgeRow, DocumentRow, LexiconRow, ProbeRow, SegmentationRow};
use corpus::{
    Begin, Category, Condition, Fingerprint, Input, Language, Output, ProbeSet, ProbeStage,
    Request, Stage, write_rows,
};
use lm::{Checkpoint, ModelConfig, Size, Tokenizer, Weights};
use seed::Seed;
use serde_json::json;
use world::form;
use world::{Side, World};

/// A temporary directory with `lang`, `tok` and `model`.
pub struct Directories {
    root: tempfile::TempDir,
}

/// Steps of the checkpoints.
pub const STEPS: [u64; 3] = [0, 5, 10];

impl Directories {
    pub fn new() -> Directories {
        let directories = Directories {
            root: tempfile::tempdir().unwrap(),
        };
        let world = tiny();
        directories.write_lang(&world);
        directories.write_tok(&world, "tok", 1);
        directories.write_model("model", "tok", 1);
        directories
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn publish(&self, name: &str, kind: Stage, inputs: &[&str], write: impl FnOnce(&Output)) {
        let fingerprint = |role: &&str| -> (String, Fingerprint) {
            let stage = if *role == "lang" {
                Stage::Lang
            } else {
                Stage::Tok
            };
            let role = if stage == Stage::Lang { "lang" } else { "tok" };
            (
                role.to_owned(),
                *Input::open(&self.path(inputs_path(inputs, role)), stage)
                    .unwrap()
                    .fingerprint(),
            )
        };
        let request = Request {
            out: &self.path(name),
            force: false,
            resume: false,
            kind,
            tool: "test",
            configuration: &json!({ "name": name }),
            seeds: BTreeMap::new(),
            inputs: inputs.iter().map(fingerprint).collect(),
        };
        let Begin::Fresh(output) = Output::begin(request).unwrap() else {
            panic!("{name} is there")
        };
        write(&output);
        output.publish(json!({})).unwrap();
    }

    fn write_lang(&self, world: &World) {
        self.publish("lang", Stage::Lang, &[], |output| {
            std::fs::write(output.path("world.json"), world.to_json().unwrap()).unwrap();
            write_rows(&output.path("lexicon.parquet"), &lexicon(world)).unwrap();
            write_rows(&output.path("validation.parquet"), &validation(world)).unwrap();
            write_rows(&output.path("probes.parquet"), &probes(world)).unwrap();
        });
    }

    /// Word-level, with `spare` tokens more than words.
    pub fn write_tok(&self, world: &World, name: &str, spare: usize) {
        self.publish(name, Stage::Tok, &["lang"], |output| {
            let path = output.path("tokenizer.json");
            std::fs::write(&path, word_tokenizer(world, spare)).unwrap();
            let tokenizer = Tokenizer::load(&path).unwrap();
            write_rows(&output.path("bridges.parquet"), &bridges(world)).unwrap();
            write_rows(
                &output.path("segmentation.parquet"),
                &segmentation(world, &tokenizer),
            )
            .unwrap();
        });
    }

    /// Untrained checkpoints, each with weights of its own.
    pub fn write_model(&self, name: &str, tok: &str, seed: u64) {
        self.write_model_with(name, tok, seed, |_, value| value);
    }

    /// The same with every weight changed, by the name of its parameter and its value.
    pub fn write_model_with(
        &self,
        name: &str,
        tok: &str,
        seed: u64,
        change: impl Fn(&str, f32) -> f32,
    ) {
        self.publish(name, Stage::Model, &["lang", tok], |output| {
            let tokenizer = Tokenizer::load(&self.path(tok).join("tokenizer.json")).unwrap();
            let config = ModelConfig::of_size(Size::Tiny, tokenizer.vocab_size(), 32);
            output.directory("checkpoints").unwrap();
            for step in STEPS {
                let mut weights = Weights::initial(&config, Seed(seed + step));
                for (name, _) in config.parameters() {
                    for value in &mut weights.get_mut(&name).unwrap().values {
                        *value = change(&name, *value);
                    }
                }
                let directory = output.path(&format!("checkpoints/step-{step:06}"));
                Checkpoint::write(&directory, &config, &weights, &tokenizer).unwrap();
            }
        });
    }
}

fn inputs_path<'a>(inputs: &[&'a str], role: &str) -> &'a str {
    inputs
        .iter()
        .copied()
        .find(|name| name.starts_with(role))
        .unwrap()
}

/// The world of data/worlds/tiny.toml.
pub fn tiny() -> World {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let config =
        toml::from_str(&std::fs::read_to_string(data.join("worlds/tiny.toml")).unwrap()).unwrap();
    let grammar = std::fs::read_to_string(data.join("grammars/core.grammar")).unwrap();
    World::build(config, &grammar, Seed(1)).unwrap()
}

fn language(side: Side) -> Language {
    match side {
        Side::Majority => Language::Majority,
        Side::Minority => Language::Minority,
    }
}

fn lexicon(world: &World) -> Vec<LexiconRow> {
    let mut rows = Vec::new();
    for side in Side::ALL {
        for entry in world.lexicon(side).entries() {
            let is_noun = entry.category == form::Category::Noun;
            let form_in = |side| world.lexicon(side).form(entry.concept, entry.inflection);
            rows.push(LexiconRow {
                concept: entry.concept,
                category: if is_noun {
                    Category::Noun
                } else {
                    Category::Function
                },
                r#type: None,
                inflection: entry.inflection.name().to_owned(),
                language: language(side),
                form: entry.form.clone(),
                masked: is_noun && world.mask.masked[entry.concept as usize],
                identical: form_in(Side::Majority) == form_in(Side::Minority),
                ldn: None,
                frequency_rank: entry.concept,
            });
        }
    }
    rows
}

/// Two-sentence documents told in both languages.
fn validation(world: &World) -> Vec<DocumentRow> {
    let sampler = world.sampler();
    let mut rng = Seed(4).stream("validation");
    let mut draft = world::sample::Draft::default();
    let mut rows = Vec::new();
    for document in 0..12 {
        let mut texts = [String::new(), String::new()];
        for _ in 0..2 {
            sampler.sentence(&mut rng, &mut draft);
            let nodes = sampler.nodes(&draft);
            for (side, text) in Side::ALL.into_iter().zip(&mut texts) {
                if !text.is_empty() {
                    text.push(' ');
                }
                world.linearizer(side).tell(&nodes, text);
            }
        }
        for (side, text) in Side::ALL.into_iter().zip(texts) {
            rows.push(DocumentRow {
                document,
                language: language(side),
                characters: text.chars().count() as u32,
                text,
                derivation: String::new(),
                sentences: 2,
            });
        }
    }
    rows
}

/// Masked nouns' base forms: those that clozes ask for and bridges lead to.
pub fn masked_forms(world: &World, side: Side) -> Vec<(u32, String)> {
    let nouns = lexicon(world).into_iter().filter(|row| {
        row.language == language(side)
            && row.category == Category::Noun
            && row.inflection == "base"
            && row.masked
    });
    nouns.take(6).map(|row| (row.concept, row.form)).collect()
}

fn probes(world: &World) -> Vec<ProbeRow> {
    let documents = validation(world);
    let mut rows = Vec::new();
    let blank = ProbeRow {
        probe: 0,
        stage: ProbeStage::Grammar,
        phenomenon: "order".to_owned(),
        condition: Condition::Minority,
        language: Language::Minority,
        concept: None,
        r#type: None,
        template: "test".to_owned(),
        calibration_group: None,
        candidates: Vec::new(),
        forms: None,
        gold: 0,
        crossed_with: None,
        set: ProbeSet::Pair,
        chance: 0.5,
    };
    for document in documents
        .iter()
        .filter(|document| document.language == Language::Minority)
    {
        let mut words: Vec<&str> = document.text.split(' ').collect();
        words.reverse();
        let candidates = vec![document.text.clone(), words.join(" ")];
        rows.push(ProbeRow {
            probe: rows.len() as u32,
            candidates,
            ..blank.clone()
        });
    }
    let contexts = documents
        .iter()
        .filter(|document| document.language == Language::Minority)
        .take(2);
    for (context, document) in contexts.enumerate() {
        let nouns = masked_forms(world, Side::Minority);
        let forms: Vec<String> = nouns.iter().map(|(_, form)| form.clone()).collect();
        let head = document.text.trim_end_matches(" .").replace(" .", "");
        for (gold, (concept, _)) in nouns.iter().enumerate() {
            rows.push(ProbeRow {
                probe: rows.len() as u32,
                stage: ProbeStage::Lexical,
                phenomenon: "noun_last".to_owned(),
                condition: Condition::Masked,
                concept: Some(*concept),
                calibration_group: Some(format!("group {context}")),
                candidates: forms
                    .iter()
                    .map(|form| format!("{head} {form} ."))
                    .collect(),
                forms: Some(forms.clone()),
                gold: gold as u16,
                set: ProbeSet::Primary,
                chance: 1.0 / forms.len() as f32,
                ..blank.clone()
            });
        }
    }
    for document in documents.chunks(6) {
        let candidates = document[..3]
            .iter()
            .map(|document| document.text.clone())
            .collect();
        rows.push(ProbeRow {
            probe: rows.len() as u32,
            stage: ProbeStage::Ladder,
            phenomenon: "ladder".to_owned(),
            candidates,
            set: ProbeSet::Ladder,
            ..blank.clone()
        });
    }
    rows
}

fn word_tokenizer(world: &World, spare: usize) -> String {
    let mut words: Vec<String> = Side::ALL
        .iter()
        .flat_map(|&side| world.lexicon(side).entries())
        .map(|entry| format!("▁{}", entry.form))
        .chain(["▁.".to_owned()])
        .chain((0..spare).map(|i| format!("▁spare{i}")))
        .collect();
    words.sort();
    words.dedup();
    let special = lm::tokenizer::SPECIAL_TOKENS;
    let tokens = special.iter().map(|&token| token.to_owned()).chain(words);
    let vocab: serde_json::Map<_, _> = tokens
        .zip(0..)
        .map(|(token, id)| (token, json!(id)))
        .collect();
    let added = |(id, token): (usize, &&str)| {
        json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let mark =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": special.iter().enumerate().map(added).collect::<Vec<_>>(),
        "pre_tokenizer": mark, "decoder": mark,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    })
    .to_string()
}

fn bridges(world: &World) -> Vec<BridgeRow> {
    let majority = masked_forms(world, Side::Majority);
    let pairs = masked_forms(world, Side::Minority)
        .into_iter()
        .zip(majority);
    let row = |((concept, form_minority), (_, form_majority))| BridgeRow {
        concept,
        condition: Condition::Masked,
        r#type: "t".to_owned(),
        form_majority,
        form_minority,
        ldn: 0.5,
        shared_mass: 0.25,
        shared_mass_multichar: 0.25,
        shared_mass_corrected: 0.125,
        ordered: 0.25,
        ordered_corrected: 0.125,
        specificity: 0.25,
        identifiability: Some(0.5),
        learnable: Some(0.25),
        seen_coverage_minority: 0.0,
        seen_coverage_all: 0.0,
        fertility_majority: 1.0,
        fertility_minority: 1.0,
    };
    pairs.map(row).collect()
}

fn segmentation(world: &World, tokenizer: &Tokenizer) -> Vec<SegmentationRow> {
    let segment = |row: LexiconRow| {
        let ids = tokenizer.encode(&row.form).unwrap();
        SegmentationRow {
            concept: row.concept,
            category: row.category,
            r#type: row.r#type,
            inflection: row.inflection,
            language: row.language,
            condition: Condition::Masked,
            form: row.form,
            tokens: ids.iter().filter_map(|&id| tokenizer.token(id)).collect(),
            n_tokens: ids.len() as u16,
            is_atom: ids.len() == 1,
            ids,
        }
    };
    lexicon(world).into_iter().map(segment).collect()
}
