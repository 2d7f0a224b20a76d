//! Worked examples: whole evaluations of models whose probabilities are known, through the code that scores checkpoints.
//!
//! Bigram models, every metric against its value computed by hand: [`by_hand`] (one item of each kind), [`pairs`] (items of
//! two alternatives), [`clozes`] (several contexts a concept, and what they are read against), [`rungs`] (ladders).
//! [`bounds`]: models that know everything, nothing, or answer NaN; [`twins`]: ids that are split.

mod bounds;
mod by_hand;
mod clozes;
mod pairs;
mod rungs;
mod twins;

use std::collections::HashMap;

use anyhow::Result;
use corpus::tables::{BridgeRow, ContinuationRow, LexiconRow, MetricRow, ProbeRow, SampleRow};
use corpus::{Category, Condition, Language, ProbeSet, ProbeStage};
use lm::{Encoder, SplitIds, Tokenizer};
use seed::Seed;

use crate::aggregate::{Evidence, StepRows};
use crate::items::Items;
use crate::lexicon::Nouns;
use crate::measure::Bootstrap;
use crate::score::suite::{Suite, Text};
use crate::score::{LanguageModel, score, score_documents};
use crate::testing::{cloze_row, crossed_rows, ladder_row, pair_row, word_tokenizer};

const WORDS: [&str; 5] = ["x", "y", "u", "v", "."];
/// `<sep>`, `<pad>` and `<unk>` have the ids before the words'.
const SPECIAL: u32 = 3;

/// P(next | previous), zero where not named.
struct Bigram {
    table: HashMap<(u32, u32), f64>,
    vocab_size: u32,
}

impl Bigram {
    /// From words, `#` for the separator.
    fn new(words: &[&str], table: &[(&str, &str, f64)]) -> Bigram {
        let id = |word: &str| {
            let place = words.iter().position(|&known| known == word);
            assert!(place.is_some() || word == "#", "{word} is no word");
            place.map_or(0, |place| place as u32 + SPECIAL)
        };
        let entry = |&(before, after, p): &(&str, &str, f64)| ((id(before), id(after)), p);
        Bigram {
            table: table.iter().map(entry).collect(),
            vocab_size: words.len() as u32 + SPECIAL,
        }
    }

    fn nats(&self, before: u32, after: u32) -> f64 {
        let p = self.table.get(&(before, after)).copied().unwrap_or(0.0);
        p.ln()
    }
}

impl LanguageModel for Bigram {
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>> {
        let nats = |ids: &&[u32]| ids.windows(2).map(|pair| self.nats(pair[0], pair[1])).sum();
        Ok(sequences.iter().map(nats).collect())
    }

    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let next = |ids: &&[u32]| {
            let last = ids[ids.len() - 1];
            (0..self.vocab_size)
                .map(|after| self.nats(last, after) as f32)
                .collect()
        };
        Ok(sequences.iter().map(next).collect())
    }
}

/// Any function of the sequence, and any next token alike.
struct Judge<F: Fn(&[u32]) -> f64>(F);

impl<F: Fn(&[u32]) -> f64> LanguageModel for Judge<F> {
    fn log_probabilities(&self, sequences: &[&[u32]]) -> Result<Vec<f64>> {
        Ok(sequences.iter().map(|ids| (self.0)(ids)).collect())
    }

    fn next_token_nats(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let n_tokens = WORDS.len() + SPECIAL as usize;
        Ok(vec![
            vec![-(n_tokens as f32).ln(); n_tokens];
            sequences.len()
        ])
    }
}

/// The two nouns u (concept 0, more frequent) and v (concept 1), masked in B.
fn lexicon() -> Vec<LexiconRow> {
    let row = |concept: u32, language, form: &str| LexiconRow {
        concept,
        category: Category::Noun,
        r#type: Some("animal".to_owned()),
        inflection: "base".to_owned(),
        language,
        form: form.to_owned(),
        masked: true,
        identical: false,
        ldn: None,
        frequency_rank: concept,
    };
    vec![
        row(0, Language::Majority, "a"),
        row(0, Language::Minority, "u"),
        row(1, Language::Majority, "b"),
        row(1, Language::Minority, "v"),
    ]
}

/// One probe of each kind.
fn probes() -> Vec<ProbeRow> {
    let mut probes = vec![pair_row(0, "order", ["x u .", "x . u"])];
    probes.extend(crossed_rows(
        1,
        "other_type",
        ["x u .", "x v .", "y u .", "y v ."],
    ));
    probes.push(cloze_row(3, "g", "x {} .", &["u", "v"], 0));
    probes.push(cloze_row(4, "g", "y {} .", &["u", "v"], 1));
    probes.push(ladder_row(5, ["x u .", "x v .", "y v ."]));
    probes.push(pair_row(6, "missing_word", ["x u .", "x ."]));
    probes
}

fn evaluate(model: &impl LanguageModel, probes: Vec<ProbeRow>, more: StepRows) -> Vec<MetricRow> {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = word_tokenizer(directory.path(), &WORDS);
    evaluate_with(&tokenizer, SplitIds::None, model, probes, more)
}

fn evaluate_with(
    tokenizer: &Tokenizer,
    split: SplitIds,
    model: &impl LanguageModel,
    probes: Vec<ProbeRow>,
    more: StepRows,
) -> Vec<MetricRow> {
    let encoder = Encoder::new(tokenizer, split, Seed(1)).unwrap();
    let items = Items::new(probes).unwrap();
    let text = |language| Text {
        document: 0,
        language,
        text: "x u . y v .".to_owned(),
    };
    let texts = [text(Language::Majority), text(Language::Minority)];
    let suite = Suite::new(&items, &texts, &encoder, 64, Seed(1)).unwrap();
    let rows = StepRows {
        scores: score(model, &suite, &items, 7).unwrap(),
        documents: score_documents(model, &suite, 7).unwrap(),
        ..more
    };
    let bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 200,
    };
    let evidence = Evidence {
        items,
        nouns: Nouns::new(&lexicon()),
        bridges: Vec::new(),
        untrained: None,
        draws: 2,
        bootstrap,
    };
    evidence.metrics(7, &rows).unwrap()
}

/// The metrics of these probes alone, by a model over `words`.
fn evaluate_probes(
    model: &impl LanguageModel,
    words: &[&str],
    probes: Vec<ProbeRow>,
    lexicon: &[LexiconRow],
    bridges: Vec<BridgeRow>,
) -> Vec<MetricRow> {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = word_tokenizer(directory.path(), words);
    let items = Items::new(probes).unwrap();
    let suite = Suite::new(&items, &[], &Encoder::plain(&tokenizer), 64, Seed(1)).unwrap();
    let rows = StepRows {
        scores: score(model, &suite, &items, 7).unwrap(),
        ..StepRows::default()
    };
    let bootstrap = Bootstrap {
        seed: Seed(1),
        replicates: 500,
    };
    let evidence = Evidence {
        items,
        nouns: Nouns::new(lexicon),
        bridges,
        untrained: None,
        draws: 2,
        bootstrap,
    };
    evidence.metrics(7, &rows).unwrap()
}

fn row<'a>(
    rows: &'a [MetricRow],
    stage: &str,
    metric: &str,
    condition: Condition,
    what: Option<&str>,
) -> &'a MetricRow {
    let matches = |row: &&MetricRow| {
        (
            row.stage.as_str(),
            row.metric.as_str(),
            row.condition,
            row.phenomenon.as_deref(),
        ) == (stage, metric, condition, what)
    };
    rows.iter()
        .find(matches)
        .unwrap_or_else(|| panic!("no {stage} {metric} {what:?}"))
}

fn masked(rows: &[MetricRow], stage: &str, metric: &str, what: Option<&str>) -> f64 {
    row(rows, stage, metric, Condition::Masked, what)
        .value
        .unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6,
        "found {found}, expected {expected}"
    );
}

/// P(u|x) = .6, P(v|x) = .2, P(u|y) = .5, P(v|y) = .4, P(.|x) = .2; the rest of a sentence is certain or nearly so.
fn bigram() -> Bigram {
    let table = [
        ("#", "x", 0.5),
        ("#", "y", 0.5),
        ("x", "u", 0.6),
        ("x", "v", 0.2),
        ("x", ".", 0.2),
        ("y", "u", 0.5),
        ("y", "v", 0.4),
        ("y", ".", 0.1),
        ("u", ".", 0.9),
        ("u", "#", 0.1),
        ("v", ".", 0.9),
        ("v", "#", 0.1),
        (".", "#", 0.8),
        (".", "u", 0.1),
        (".", "y", 0.1),
        ("u", "x", 1e-3),
        (".", "x", 1e-3),
    ];
    Bigram::new(&WORDS, &table)
}
