//! `lang-gen audit`: the mask proved by parsing what the files say, not by trusting how they were made.
//!
//! Rows are parsed before fingerprints are looked at, so that a changed row is named for what it says.

use std::path::Path;

use anyhow::{Context, Result, bail};
use command::{Progress, Table};
use corpus::tables::{FactRow, Language, LexiconRow, ProbeRow, read_rows, scan_text};
use corpus::{Input, Stage};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use world::concept::Concept;
use world::meaning::{Fact, Predicate};
use world::recognise::sentences;
use world::{Recogniser, Side, World};

use crate::tables;

/// Readings of a sentence that are looked at; the shipped grammar gives each sentence one.
const MAX_PARSES: usize = 16;

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
/// `leak: FILE row N: FORM` for a masked lemma's form or a held-out fact in B text; a row that is no text of its
/// language; tables that contradict world.json; fingerprints that do not match.
pub fn run(lang: &Path) -> Result<()> {
    let input = Input::open(lang, Stage::Lang)?;
    let world_path = lang.join("world.json");
    let text = std::fs::read_to_string(&world_path)
        .with_context(|| format!("{}: cannot read", world_path.display()))?;
    let world = World::from_json(&text).with_context(|| format!("{}", world_path.display()))?;
    let auditor = Auditor::new(&world);
    let mut files = input.files_with_prefix("train-");
    files.push("validation.parquet".to_owned());
    let progress = Progress::new("auditing", files.len() as u64, "files");
    let audited: Vec<Result<Counts>> = files
        .par_iter()
        .map(|name| {
            let counts = auditor.file(&lang.join(name), name);
            progress.inc(1);
            counts
        })
        .collect();
    progress.finish();
    let mut table = Table::new(&[
        "file",
        "rows",
        "A sentences",
        "B sentences",
        "A facts",
        "B facts",
        "leaks",
    ]);
    let mut alike = 0;
    for (name, counts) in files.iter().zip(audited) {
        let counts = counts?;
        alike += counts.alike;
        let [a, b] = counts.sentences;
        let [a_facts, b_facts] = counts.facts;
        let numbers = [counts.rows, a, b, a_facts, b_facts, 0].map(|number| number.to_string());
        table.row([vec![name.clone()], numbers.to_vec()].concat());
    }
    check_lexicon(&world, &read_rows(&lang.join("lexicon.parquet"))?)?;
    check_facts(&world, &read_rows(&lang.join("facts.parquet"))?)?;
    let probes: Vec<ProbeRow> = read_rows(&lang.join("probes.parquet"))?;
    auditor.probes(&probes)?;
    input.check_all()?;
    let realised = &world.lexicons.realised;
    command::print(format!(
        "{table}\nno leak: {} masked lemmas, {} held-out attribute cells, {} held-out relation cells\n\
         written alike: {} masked lemmas are identical in A and B; {} other masked B-forms are an A-form by accident, {} are part \
         of one; {} words of A text are written like a masked B-form\n\
         probes: {} rows checked; lexicon.parquet and facts.parquet agree with world.json; all fingerprints match\n",
        world.mask.masked.iter().filter(|&&masked| masked).count(),
        world.mask.attribute_cells.len(),
        world.mask.relation_cells.len(),
        realised.identical.masked,
        realised.accidentally_equal(),
        realised.accidentally_part(),
        alike,
        probes.len(),
    ))
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

    fn file(&self, path: &Path, name: &str) -> Result<Counts> {
        let mut counts = Counts::default();
        scan_text(path, |language, text, _| {
            counts.rows += 1;
            if counts.rows % 1024 == 0 {
                command::check_interrupt()?;
            }
            self.row(language, text, name, &mut counts)
        })?;
        Ok(counts)
    }

    fn row(&self, language: Language, text: &str, name: &str, counts: &mut Counts) -> Result<()> {
        let row = counts.rows;
        let side = tables::side(language);
        let recogniser = &self.recognisers[side as usize];
        if side == Side::Majority {
            counts.alike += text
                .split(' ')
                .filter(|form| self.masked_forms.contains(form))
                .count() as u64;
        } else if let Some(form) = text
            .split(' ')
            .find(|form| self.masked_forms.contains(form))
        {
            bail!("leak: {name} row {row}: {form}");
        }
        for sentence in sentences(text) {
            let parses = sentence
                .map(|sentence| recogniser.parses(sentence, MAX_PARSES))
                .unwrap_or_default();
            if parses.is_empty() {
                bail!(
                    "{name} row {row}: not a sentence of the {language} language: {}",
                    sentence.unwrap_or(text)
                );
            }
            counts.sentences[side as usize] += 1;
            for parse in &parses {
                let meaning = recogniser.meaning(parse);
                counts.facts[side as usize] += meaning.facts.len() as u64;
                if side == Side::Minority
                    && let Some(fact) = meaning
                        .facts
                        .iter()
                        .find(|fact| self.world.mask.bars_fact(fact, &self.world.ontology))
                {
                    bail!("leak: {name} row {row}: {}", self.tell(fact));
                }
                if let Some(fact) = meaning
                    .facts
                    .iter()
                    .find(|fact| !fact.is_true(&self.world.ontology))
                {
                    bail!(
                        "{name} row {row}: states what is not true: {}",
                        self.tell(fact)
                    );
                }
            }
        }
        Ok(())
    }

    /// B sentences of the probes may name masked lemmas only where the item is about them, and state held-out
    /// facts only where it is about those.
    fn probes(&self, rows: &[ProbeRow]) -> Result<()> {
        use corpus::tables::Condition;
        for row in rows.iter().filter(|row| {
            row.language == Language::Minority && row.condition == Condition::Minority
        }) {
            for candidate in &row.candidates {
                if let Some(form) = candidate
                    .split(' ')
                    .find(|form| self.masked_forms.contains(form))
                    && row.set == corpus::tables::ProbeSet::Pair
                {
                    bail!(
                        "leak: probes.parquet row {}: {form} in an item about seen forms",
                        row.probe + 1
                    );
                }
            }
        }
        Ok(())
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

fn check_lexicon(world: &World, rows: &[LexiconRow]) -> Result<()> {
    if rows != tables::lexicon(world).as_slice() {
        bail!(
            "lexicon.parquet: contradicts world.json; one of them was changed: generate LANG again"
        );
    }
    Ok(())
}

fn check_facts(world: &World, rows: &[FactRow]) -> Result<()> {
    if rows != tables::facts(world).as_slice() {
        bail!(
            "facts.parquet: contradicts world.json; one of them was changed: generate LANG again"
        );
    }
    Ok(())
}
