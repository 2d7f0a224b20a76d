//! A small LANG directory, written through `corpus` as lang-gen would.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::tables::{DocumentRef, DocumentWriter, LexiconRow, ProbeRow};
use corpus::{
    Category, Condition, Language, Output, ProbeSet, ProbeStage, Request, Stage, write_rows,
};
use serde_json::json;

/// What is unusual about a LANG.
#[derive(Clone, Copy, Default)]
pub struct Oddity {
    /// B's letters are Greek.
    pub disjoint: bool,
    /// One B document states every masked form once.
    pub leak: bool,
    /// The configuration says that B states masked forms.
    pub stated: bool,
    /// No B document at all.
    pub majority_only: bool,
}

const SYLLABLES: [&str; 10] = ["ka", "lu", "mi", "to", "ren", "sa", "pol", "di", "ne", "gu"];

/// Pseudo-random numbers below a bound, the same on every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

fn lexicon(disjoint: bool) -> Vec<LexiconRow> {
    let mut draw = Draw(7);
    let mut forms = BTreeMap::new();
    while forms.len() < 96 {
        let length = 2 + draw.below(2);
        let form: String = (0..length)
            .map(|_| SYLLABLES[draw.below(SYLLABLES.len())])
            .collect();
        let order = forms.len();
        forms.entry(form).or_insert(order);
    }
    let mut rows = Vec::new();
    for (form, concept) in forms {
        let noun = concept < 64;
        let masked = noun && concept % 4 == 0;
        // Only masked concept 4 is the same in both languages.
        let other = match (disjoint, concept) {
            (true, _) => {
                form.replace(|c: char| c != 'x', "π")
                    + &"ρ".repeat(concept % 7)
                    + &"σ".repeat(concept / 7)
            }
            (false, 4) => form.clone(),
            (false, _) => form.replacen('a', "o", 1).replacen('i', "e", 1) + "m",
        };
        for (language, form) in [(Language::Majority, &form), (Language::Minority, &other)] {
            rows.push(LexiconRow {
                concept: concept as u32,
                category: if noun { Category::Noun } else { Category::Verb },
                r#type: noun.then(|| format!("type{}", concept % 2)),
                inflection: "base".to_owned(),
                language,
                form: form.clone(),
                masked,
                identical: !disjoint && concept == 4,
                ldn: (language == Language::Minority).then_some(0.25),
                frequency_rank: concept as u32,
            });
        }
    }
    rows.sort_by_key(|row| (row.concept, row.language));
    rows
}

/// A primary cloze for the masked nouns, and one for some of the others: concepts 1, 5, 9 and so on.
fn probes(lexicon: &[LexiconRow]) -> Vec<ProbeRow> {
    let probe = |(probe, masked): (u32, bool)| {
        let offered = lexicon.iter().filter(|row| {
            row.language == Language::Minority
                && row.category == Category::Noun
                && row.masked == masked
                && row.concept % 4 < 2
        });
        let forms: Vec<String> = offered.map(|row| row.form.clone()).collect();
        ProbeRow {
            probe,
            stage: ProbeStage::Lexical,
            phenomenon: "noun_last".to_owned(),
            condition: if masked {
                Condition::Masked
            } else {
                Condition::Minority
            },
            language: Language::Minority,
            concept: None,
            r#type: None,
            template: "test".to_owned(),
            calibration_group: Some(format!("group {probe}")),
            candidates: forms.iter().map(|form| format!("{form} .")).collect(),
            chance: 1.0 / forms.len() as f32,
            forms: Some(forms),
            gold: 0,
            crossed_with: None,
            set: ProbeSet::Primary,
        }
    };
    [(0, true), (1, false)].map(probe).to_vec()
}

/// Writes a LANG directory of 900 documents in 3 files, a third of them minority text.
pub fn write(out: &Path, oddity: Oddity) {
    let script = if oddity.disjoint {
        "disjoint"
    } else {
        "shared"
    };
    let mut configuration = json!({ "script": script, "leak": oddity.leak });
    if oddity.stated {
        configuration["mask"] = json!({ "stated": true });
    }
    let request = Request {
        out,
        force: false,
        resume: false,
        kind: Stage::Lang,
        tool: "lang-gen",
        configuration: &configuration,
        seeds: BTreeMap::new(),
        inputs: BTreeMap::new(),
    };
    let output = Output::begin(request).unwrap().into_output().unwrap();
    let rows = lexicon(oddity.disjoint);
    write_rows(&output.path("lexicon.parquet"), &rows).unwrap();
    write_rows(&output.path("probes.parquet"), &probes(&rows)).unwrap();
    let mut draw = Draw(11);
    for file in 0..3 {
        let path = output.path(&format!("train-{file:05}-of-00003.parquet"));
        let mut writer = DocumentWriter::create(&path).unwrap();
        for number in 0..300u64 {
            let minority = !oddity.majority_only && number % 3 == 2;
            let language = if minority {
                Language::Minority
            } else {
                Language::Majority
            };
            let leaks = oddity.leak && file == 1 && number == 2;
            let words: Vec<&str> = rows
                .iter()
                .filter(|row| row.language == language && (!minority || !row.masked || leaks))
                .map(|row| row.form.as_str())
                .collect();
            let mut sentence = || {
                // Small indices more often: something like Zipf's law.
                let mut word = || words[draw.below(words.len()).min(draw.below(words.len()))];
                format!("{} {} {} .", word(), word(), word())
            };
            let mut text = format!("{} {}", sentence(), sentence());
            if leaks {
                text = words.join(" ") + " .";
            }
            writer
                .push(DocumentRef {
                    document: file * 300 + number,
                    language,
                    text: &text,
                    derivation: "",
                    characters: text.chars().count() as u32,
                    sentences: 2,
                })
                .unwrap();
        }
        writer.finish().unwrap();
    }
    output.publish(json!({})).unwrap();
}
