//! `lang-gen audit`: the mask proved by parsing what the files say, not by trusting how they were made.
//!
//! Rows are parsed before any hash is looked at, so that a changed row is named for what it says, also where manifest
//! and run.json were made to fit. Training and validation text is held against the mask here; what B's evaluation
//! sentences may state stands in `audit/probes.rs`. Where the world has the masked lemmas stated (`--b-unmasked`), B's
//! training text is held against the held-out facts alone, and the report says so first.

mod probes;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use command::{Progress, Table};
use corpus::tables::{FactRow, Language, LexiconRow, read_rows, scan_text};
use corpus::{Input, Stage};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use world::concept::Concept;
use world::meaning::{Fact, Meaning, Predicate};
use world::ontology::NounId;
use world::recognise::sentences;
use world::{Recogniser, Side, World};

use crate::tables;
use probes::PROBES;

/// The validation text.
const VALIDATION: &str = "validation.parquet";

/// Readings of a sentence that are looked at; the shipped grammar gives each sentence one.
const MAX_PARSES: usize = 16;

/// Characters of a text that messages show.
const SHOWN: usize = 200;

/// What was read of one file.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    rows: u64,
    /// Sentences of A and of B.
    sentences: [u64; 2],
    /// Elementary statements parsed from A's and B's sentences.
    facts: [u64; 2],
    /// Words of A's text that are written like a masked B-form, identical or by accident.
    alike: u64,
    /// Masked forms in B's training text, where it may state them.
    stated: u64,
}

impl Counts {
    fn sentence(&mut self, side: Side, readings: &[Meaning]) {
        self.sentences[side as usize] += 1;
        let facts = readings.iter().map(|meaning| meaning.facts.len() as u64);
        self.facts[side as usize] += facts.sum::<u64>();
    }

    fn add(&mut self, other: Counts) {
        self.rows += other.rows;
        for side in Side::ALL {
            self.sentences[side as usize] += other.sentences[side as usize];
            self.facts[side as usize] += other.facts[side as usize];
        }
        self.alike += other.alike;
        self.stated += other.stated;
    }
}

/// What the text is held against.
struct Auditor<'a> {
    world: &'a World,
    recognisers: [Recogniser<'a>; 2],
    masked_forms: FxHashSet<&'a str>,
}

/// Audits LANG: prints the counts, or fails at the first leak.
///
/// # Errors
/// `leak: FILE row N: FORM` for a masked lemma's form or a held-out fact where B may not state it; a row that is no
/// text of its language; tables or a manifest that contradict world.json; fingerprints that do not match.
pub fn run(lang: &Path) -> Result<()> {
    let input = Input::open_unchecked(lang, Stage::Lang)?;
    let world = read_world(&input)?;
    let auditor = Auditor::new(&world);
    let mut files = input.files_with_prefix("train-");
    files.extend([VALIDATION, PROBES].map(str::to_owned));
    let progress = Progress::new("auditing", files.len() as u64, "files");
    let audited = match auditor.files(lang, &files, &progress) {
        Ok(audited) => audited,
        Err(error) => {
            command::check_interrupt()?;
            let error = or_damage(&input, error);
            return Err(match doubt(&input, &world) {
                Ok(()) => error,
                Err(changed) => anyhow!("{error:#}; {changed:#}"),
            });
        }
    };
    check_tables(&world, &input)?;
    input.check_manifest()?;
    input.check_all()?;
    // Later stages ask the manifest.
    ensure!(
        input.manifest().states_masked() == world.config.mask.stated,
        "manifest.json: mask.stated contradicts world.json; one of them was changed: generate LANG again"
    );
    progress.finish();
    command::print(report(&world, &files, &audited))
}

/// The world that world.json holds.
fn read_world(input: &Input) -> Result<World> {
    let path = input.path().join("world.json");
    let read = || -> Result<World> {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{}: cannot read", path.display()))?;
        World::from_json(&text).with_context(|| path.display().to_string())
    };
    read().or_else(|error| {
        input.file("world.json")?;
        Err(error)
    })
}

/// The error; or where it is that a file cannot be read at all, and this file is not what the manifest says, that: it
/// explains the rest.
fn or_damage(input: &Input, error: anyhow::Error) -> anyhow::Error {
    use corpus::Error::{BadTable, Io};
    let Some(BadTable { path, .. } | Io { path, .. }) = error.downcast_ref() else {
        return error;
    };
    let name = path.file_name().unwrap_or_default();
    let checked = input.file(&name.to_string_lossy());
    checked.map_or_else(Into::into, |_| error)
}

/// What is wrong with the world itself, which makes rows look wrong that are not.
fn doubt(input: &Input, world: &World) -> Result<()> {
    check_tables(world, input)?;
    input.file("world.json")?;
    Ok(())
}

fn report(world: &World, files: &[String], audited: &[Counts]) -> String {
    let mut table = Table::new(&[
        "file",
        "rows",
        "A sentences",
        "B sentences",
        "A facts",
        "B facts",
        "leaks",
    ]);
    for (name, counts) in files.iter().zip(audited) {
        let [a, b] = counts.sentences;
        let [a_facts, b_facts] = counts.facts;
        let numbers = [counts.rows, a, b, a_facts, b_facts, 0].map(|number| number.to_string());
        table.row([vec![name.clone()], numbers.to_vec()].concat());
    }
    let realised = &world.lexicons.realised;
    let stated = if world.config.mask.stated {
        let stated: u64 = audited.iter().map(|counts| counts.stated).sum();
        format!(
            "THIS LANG STATES B† (--b-unmasked): a control, in which condition masked measures a ceiling and no transfer; \
             {stated} words of B's training text are masked forms, which count as no leak there; validation text and probes \
             are held against the mask as ever\n"
        )
    } else {
        String::new()
    };
    format!(
        "{table}\n{stated}no leak: {} masked lemmas, {} held-out attribute cells, {} held-out relation cells\n\
         written alike: {} masked lemmas are identical in A and B; {} other masked B-forms are an A-form by accident, {} are part \
         of one; {} words of A text are written like a masked B-form\n\
         lexicon.parquet and facts.parquet agree with world.json; all fingerprints match\n",
        world.mask.masked.iter().filter(|&&masked| masked).count(),
        world.mask.attribute_cells.len(),
        world.mask.relation_cells.len(),
        realised.identical.masked,
        realised.accidentally_equal(),
        realised.accidentally_part(),
        audited.iter().map(|counts| counts.alike).sum::<u64>(),
    )
}

impl<'a> Auditor<'a> {
    fn new(world: &'a World) -> Auditor<'a> {
        let masked_forms = world
            .lexicons
            .minority
            .entries()
            .iter()
            .filter(|entry| is_masked(world, entry.concept))
            .map(|entry| entry.form.as_str())
            .collect();
        Auditor {
            world,
            recognisers: Side::ALL.map(|side| Recogniser::new(world, side)),
            masked_forms,
        }
    }

    /// Reads these files, on all threads; what stands in each, or the first fault in their order.
    fn files(&self, lang: &Path, names: &[String], progress: &Progress) -> Result<Vec<Counts>> {
        let audited: Vec<Result<Counts>> = names
            .par_iter()
            .map(|name| {
                let path = lang.join(name);
                let counts = if name == PROBES {
                    self.probes(&path)
                } else {
                    self.documents(&path, name)
                };
                progress.inc(1);
                counts
            })
            .collect();
        audited.into_iter().collect()
    }

    fn documents(&self, path: &Path, name: &str) -> Result<Counts> {
        let mut counts = Counts::default();
        scan_text(path, |language, text, _| {
            counts.rows += 1;
            if counts.rows % 1024 == 0 {
                command::check_interrupt()?;
            }
            self.document(language, text, name, &mut counts)
        })?;
        Ok(counts)
    }

    fn document(
        &self,
        language: Language,
        text: &str,
        name: &str,
        counts: &mut Counts,
    ) -> Result<()> {
        let row = counts.rows;
        let side = tables::side(language);
        let states_masked = self.world.config.mask.stated && name != VALIDATION;
        for form in text.split(' ') {
            if !self.masked_forms.contains(form) {
                continue;
            }
            match side {
                Side::Minority if states_masked => counts.stated += 1,
                // In A's text it is a leak as well, but where it is an A-form too.
                Side::Majority if self.recogniser(side).concept(form).is_some() => {
                    counts.alike += 1;
                }
                _ => bail!("leak: {name} row {row}: {form}"),
            }
        }
        for sentence in sentences(text) {
            let readings = sentence.map(|sentence| self.readings(side, sentence));
            let readings = readings.unwrap_or_default();
            if readings.is_empty() {
                bail!(
                    "{name} row {row}: not a sentence of the {language} language of world.json: {}",
                    shortened(sentence.unwrap_or(text))
                );
            }
            counts.sentence(side, &readings);
            let World { mask, ontology, .. } = self.world;
            let facts = || readings.iter().flat_map(|meaning| &meaning.facts);
            let is_barred = |fact: &&Fact| {
                if states_masked {
                    self.is_held_out(fact)
                } else {
                    mask.bars_fact(fact, ontology)
                }
            };
            if side == Side::Minority
                && let Some(fact) = facts().find(is_barred)
            {
                bail!("leak: {name} row {row}: {}", self.tell(fact));
            }
            if let Some(fact) = facts().find(|fact| !fact.is_true(ontology)) {
                bail!(
                    "{name} row {row}: states what is not true in world.json: {}",
                    self.tell(fact)
                );
            }
        }
        Ok(())
    }

    fn recogniser(&self, side: Side) -> &Recogniser<'a> {
        &self.recognisers[side as usize]
    }

    /// What a sentence without its full stop means, reading by reading; none where it is no sentence of the language.
    fn readings(&self, side: Side, sentence: &str) -> Vec<Meaning> {
        let recogniser = self.recogniser(side);
        let parses = recogniser.parses(sentence, MAX_PARSES);
        let readings = parses.iter().map(|nodes| recogniser.meaning(nodes));
        readings.collect()
    }

    fn is_masked(&self, noun: NounId) -> bool {
        self.world.mask.masked[noun as usize]
    }

    fn tell(&self, fact: &Fact) -> String {
        let label = |concept| self.world.concepts.label(concept, &self.world.grammar);
        let denial = if fact.positive { "" } else { "not " };
        let subject = label(Concept::Noun(fact.subject));
        match fact.predicate {
            Predicate::Value(value) => {
                format!("{subject} {denial}{}", label(Concept::Value(value)))
            }
            Predicate::Relation(relation, object) => {
                format!(
                    "{subject} {denial}{} {}",
                    label(Concept::Relation(relation)),
                    label(Concept::Noun(object))
                )
            }
        }
    }
}

fn is_masked(world: &World, concept: u32) -> bool {
    matches!(world.concepts.concept(concept), Some(Concept::Noun(noun)) if world.mask.masked[noun as usize])
}

/// The beginning of a text, for messages.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn check_tables(world: &World, input: &Input) -> Result<()> {
    let lexicon: Vec<LexiconRow> = table(input, "lexicon.parquet")?;
    if lexicon != tables::lexicon(world) {
        bail!(
            "lexicon.parquet: contradicts world.json; one of them was changed: generate LANG again"
        );
    }
    let facts: Vec<FactRow> = table(input, "facts.parquet")?;
    if facts != tables::facts(world) {
        bail!(
            "facts.parquet: contradicts world.json; one of them was changed: generate LANG again"
        );
    }
    Ok(())
}

fn table<R: corpus::Table>(input: &Input, name: &str) -> Result<Vec<R>> {
    let rows = read_rows(&input.path().join(name));
    rows.map_err(|error| or_damage(input, error.into()))
}
