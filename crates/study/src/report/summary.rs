//! Numbers as figures and tables show them: one run's own value and interval, or a mean over runs with a t interval over
//! world seeds. Each carries where it comes from.
//!
//! Identical tokenizers count once. What makes them one is what they are, not what was asked for: a size that the text
//! cannot fill leads to the tokenizer of a smaller one.

use std::collections::{BTreeMap, BTreeSet};

use corpus::Condition;

use super::data::{Data, Measure, Metric, RunRecord, names, natural};
use super::statistics::{mean, t_interval};
use crate::artifact::Stage;

/// The knob that says by what a tokenizer's ids are split.
pub const SPLIT_IDS: &str = "tok.split_ids";

/// Its value where tokens have no twins.
pub const NO_SPLIT: &str = "none";

/// A number with its interval, chance and origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The value, or the mean over world seeds.
    pub value: f64,
    /// The run's own 95 % interval, or the t interval over world seeds; `None` where there is neither.
    pub interval: Option<[f64; 2]>,
    /// What guessing has.
    pub chance: Option<f64>,
    /// Runs behind it.
    pub runs: usize,
    /// Items behind it, of all runs.
    pub items: u64,
    /// Where it comes from, for tooltips and tables.
    pub origin: String,
}

/// What the report's tables and bars show of each stage.
#[derive(Debug, Clone, Copy)]
pub struct Headline {
    /// For people.
    pub name: &'static str,
    /// Stage in the metrics.
    pub stage: &'static str,
    /// Metric.
    pub metric: &'static str,
}

/// The stages in the order in which transfer is expected.
pub const HEADLINES: [Headline; 6] = [
    Headline {
        name: "grammar",
        stage: "grammar",
        metric: "accuracy",
    },
    Headline {
        name: "types",
        stage: "type",
        metric: "accuracy",
    },
    Headline {
        name: "knowledge",
        stage: "knowledge",
        metric: "accuracy",
    },
    Headline {
        name: "held-out facts",
        stage: "knowledge",
        metric: "held_out_accuracy",
    },
    Headline {
        name: "lexical MRR",
        stage: "lexical",
        metric: "mrr",
    },
    Headline {
        name: "reachability",
        stage: "lexical",
        metric: "reachability",
    },
];

impl Headline {
    /// Its curve in one condition.
    pub fn of(self, condition: Condition) -> Measure<'static> {
        Measure {
            stage: self.stage,
            metric: self.metric,
            condition,
            phenomenon: None,
        }
    }
}

/// A measure at the last checkpoint over some runs.
pub fn shown(data: &Data, runs: &[usize], measure: Measure) -> Option<Shown> {
    let rows: Vec<&Metric> = runs
        .iter()
        .filter_map(|run| data.last(*run, measure).filter(|row| row.value.is_some()))
        .collect();
    let what = format!("{}/{}/{}", measure.stage, measure.metric, measure.condition);
    let chances: Vec<f64> = rows.iter().filter_map(|row| row.chance).collect();
    let chance = (!chances.is_empty()).then(|| mean(&chances));
    let items = rows.iter().map(|row| row.n_items).sum();
    if let [row] = rows[..] {
        let origin = format!(
            "{}: {what} at step {}, {} items, {} concepts",
            data.runs[row.run].run, row.step, row.n_items, row.n_concepts
        );
        return Some(Shown {
            value: row.value?,
            interval: row.low.zip(row.high).map(|(low, high)| [low, high]),
            chance,
            runs: 1,
            items,
            origin,
        });
    }
    let values = rows
        .iter()
        .filter_map(|row| Some((data.runs[row.run].world_seed(), row.value?)));
    let (value, interval, seeds) = over_seeds(data, values)?;
    let origin = format!(
        "{what}: mean over {} runs of {seeds} world seeds, {items} items",
        rows.len()
    );
    Some(Shown {
        value,
        interval,
        chance,
        runs: rows.len(),
        items,
        origin,
    })
}

/// What makes the tokenizers of two runs one: the language, the bytes of `tokenizer.json`, and by what its ids are split,
/// which the bytes do not say. `None` where that is not known.
fn tokenizer(run: &RunRecord) -> Option<(&str, &str, Option<String>)> {
    let language = run.fingerprints.get(&Stage::Lang)?;
    let bytes = run.tokenizer.as_deref()?;
    let split = run.knob(SPLIT_IDS).filter(|split| split != NO_SPLIT);
    Some((language.as_str(), bytes, split))
}

/// Some of the runs, each tokenizer once: the first run of those that asked for the smallest size. A run whose tokenizer
/// is not known stays.
pub fn distinct_tokenizers(data: &Data, runs: &[usize]) -> Vec<usize> {
    let mut distinct = runs.to_vec();
    distinct.sort_by_key(|run| size_asked(&data.runs[*run]));
    let mut seen = BTreeSet::new();
    distinct.retain(|run| tokenizer(&data.runs[*run]).is_none_or(|own| seen.insert(own)));
    distinct
}

/// The vocabulary size that was asked for; `char` and `word` have none.
fn size_asked(run: &RunRecord) -> Option<u64> {
    run.vocabulary().parse().ok()
}

/// A value of the tokenizer over some runs, each tokenizer once.
pub fn shown_value(data: &Data, runs: &[usize], name: &str) -> Option<Shown> {
    let values: Vec<(String, f64)> = distinct_tokenizers(data, runs)
        .into_iter()
        .filter_map(|run| Some((data.runs[run].world_seed(), data.runs[run].value(name)?)))
        .collect();
    let count = values.len();
    let (value, interval, seeds) = over_seeds(data, values.into_iter())?;
    let origin = format!("{name}: mean over {count} tokenizers of {seeds} world seeds");
    Some(Shown {
        value,
        interval,
        chance: None,
        runs: count,
        items: 0,
        origin,
    })
}

/// Mean of the world seeds' means, its t interval, and how many seeds.
fn over_seeds(
    data: &Data,
    values: impl Iterator<Item = (String, f64)>,
) -> Option<(f64, Option<[f64; 2]>, usize)> {
    let mut seeds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (seed, value) in values {
        seeds.entry(seed).or_default().push(value);
    }
    let means: Vec<f64> = seeds.values().map(|values| mean(values)).collect();
    if means.is_empty() {
        return None;
    }
    let interval = t_interval(&means, data.thresholds.confidence)
        .map(|estimate| [estimate.low, estimate.high]);
    Some((mean(&means), interval, means.len()))
}

/// One vocabulary of the study: what was asked for and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// As asked for: a size, `char` or `word`; `2048–4096` where these sizes led to the same tokenizers.
    pub asked: String,
    /// Mean realised size.
    pub realised: f64,
    /// Its label: the size asked for, and the realised one where it differs.
    pub label: String,
    /// Finished runs that have it: of sizes with the same tokenizers, those of the smallest.
    pub runs: Vec<usize>,
}

impl Vocabulary {
    fn of(data: &Data, asked: String, runs: Vec<usize>) -> Vocabulary {
        let sizes: Vec<f64> = runs
            .iter()
            .filter_map(|run| data.runs[*run].value(names::VOCAB_SIZE))
            .collect();
        let realised = if sizes.is_empty() {
            asked.parse().unwrap_or(0.0)
        } else {
            mean(&sizes)
        };
        let same = asked
            .parse::<f64>()
            .is_ok_and(|size| (size - realised).abs() < 0.5);
        let label = if same || realised <= 0.0 {
            asked.clone()
        } else {
            format!("{asked} ({realised:.0})")
        };
        Vocabulary {
            asked,
            realised,
            label,
            runs,
        }
    }
}

/// A size asked for, and the largest one of those that led to no other tokenizers.
struct Asked {
    size: String,
    largest: Option<String>,
    runs: Vec<usize>,
    /// Its runs but for the size.
    rest: BTreeSet<Option<String>>,
}

/// A run's tokenizer and every knob but `dropped`, as text; `None` where the tokenizer is not known. Two runs of which it
/// is the same are one.
pub fn tokenizer_and_knobs(run: &RunRecord, dropped: &[&str]) -> Option<String> {
    let (language, bytes, split) = tokenizer(run)?;
    let knobs = run.knobs_but(&[dropped, &[SPLIT_IDS]].concat());
    Some(format!("{language} {bytes} {split:?} {knobs}"))
}

/// The vocabularies of some runs, by realised size. A size all of whose runs have their tokenizer, all else equal, in a
/// smaller size too is no vocabulary of its own; one that some world fills and another does not, is.
pub fn vocabularies(data: &Data, runs: &[usize]) -> Vec<Vocabulary> {
    let mut by_size: BTreeMap<(Option<u64>, String), Vec<usize>> = BTreeMap::new();
    for run in runs {
        let record = &data.runs[*run];
        by_size
            .entry((size_asked(record), record.vocabulary()))
            .or_default()
            .push(*run);
    }
    let mut asked: Vec<Asked> = Vec::new();
    for ((_, size), runs) in by_size {
        let rest: BTreeSet<Option<String>> = runs
            .iter()
            .map(|run| tokenizer_and_knobs(&data.runs[*run], &["tok.vocab_size"]))
            .collect();
        let all_known = !rest.contains(&None);
        let smaller = asked
            .iter()
            .rposition(|smaller| all_known && rest.is_subset(&smaller.rest));
        match smaller {
            Some(place) => asked[place].largest = Some(size),
            None => asked.push(Asked {
                size,
                largest: None,
                runs,
                rest,
            }),
        }
    }
    let vocabulary = |asked: Asked| {
        let name = match asked.largest {
            Some(largest) => format!("{}–{largest}", asked.size),
            None => asked.size,
        };
        Vocabulary::of(data, name, asked.runs)
    };
    by_realised_size(asked.into_iter().map(vocabulary))
}

/// The vocabularies of some runs with each tokenizer once, at the smallest size asked for: what there is to say of
/// tokenizers alone.
pub fn tokenizer_vocabularies(data: &Data, runs: &[usize]) -> Vec<Vocabulary> {
    let distinct: BTreeSet<usize> = distinct_tokenizers(data, runs).into_iter().collect();
    let own = |vocabulary: Vocabulary| {
        let mut runs = vocabulary.runs;
        runs.retain(|run| distinct.contains(run));
        Vocabulary::of(data, vocabulary.asked, runs)
    };
    let all = vocabularies(data, runs).into_iter().map(own);
    by_realised_size(all.filter(|vocabulary| !vocabulary.runs.is_empty()))
}

fn by_realised_size(vocabularies: impl Iterator<Item = Vocabulary>) -> Vec<Vocabulary> {
    let mut all: Vec<Vocabulary> = vocabularies.collect();
    all.sort_by(|a, b| a.realised.total_cmp(&b.realised));
    all
}

/// The main runs that are finished.
pub fn main_runs(data: &Data) -> Vec<usize> {
    data.finished()
        .filter(|(_, run)| run.label == "main")
        .map(|(index, _)| index)
        .collect()
}

/// The values that a knob takes over some runs, in their order; numbers by size.
pub fn levels(data: &Data, runs: &[usize], knob: &str) -> Vec<(String, Vec<usize>)> {
    let mut by_value: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for run in runs {
        by_value
            .entry(data.runs[*run].knob(knob).unwrap_or_else(|| "–".into()))
            .or_default()
            .push(*run);
    }
    let mut all: Vec<(String, Vec<usize>)> = by_value.into_iter().collect();
    all.sort_by(|(a, _), (b, _)| natural(a, b));
    all
}

/// `0.53`, `12 300`: as many digits as a reader can use.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}").replace("-0.00", "0.00"),
    }
}

/// `0.53 [0.48, 0.58]`.
pub fn with_interval(shown: &Shown) -> String {
    match shown.interval {
        Some([low, high]) => format!(
            "{} [{}, {}]",
            number(shown.value),
            number(low),
            number(high)
        ),
        None => number(shown.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs::Setting;

    /// A finished run: the size asked for and the one that came of it, the language, the bytes of its tokenizer.
    fn run(asked: i64, realised: f64, language: &str, bytes: &str) -> RunRecord {
        let seed = Setting::Text(language.to_owned());
        RunRecord {
            run: format!("{language}-{asked}"),
            label: "main".to_owned(),
            knobs: BTreeMap::from([
                ("lang.world_seed".to_owned(), seed),
                ("tok.vocab_size".to_owned(), Setting::Integer(asked)),
            ]),
            artifacts: BTreeMap::from([(Stage::Tok, format!("tok-{language}-{asked}"))]),
            fingerprints: BTreeMap::from([(Stage::Lang, language.to_owned())]),
            tokenizer: Some(bytes.to_owned()),
            values: BTreeMap::from([(names::VOCAB_SIZE.to_owned(), realised)]),
            ..RunRecord::default()
        }
    }

    fn data_of(runs: impl IntoIterator<Item = RunRecord>) -> Data {
        Data {
            runs: runs.into_iter().collect(),
            ..Data::default()
        }
    }

    /// Labels and runs.
    fn shape(vocabularies: &[Vocabulary]) -> Vec<(&str, &[usize])> {
        vocabularies
            .iter()
            .map(|vocabulary| (vocabulary.label.as_str(), &vocabulary.runs[..]))
            .collect()
    }

    #[test]
    fn a_size_that_cannot_be_filled_counts_once() {
        // The larger size stands first in the study's file.
        let data = data_of([
            run(4096, 1391.0, "a", "y"),
            run(2048, 1391.0, "a", "y"),
            run(64, 64.0, "a", "x"),
        ]);
        let runs = [0, 1, 2];
        // Two tokenizers, of 64 and 1391 tokens: (64 + 1391) / 2.
        let shown = shown_value(&data, &runs, names::VOCAB_SIZE).unwrap();
        assert_eq!((shown.value, shown.runs), (727.5, 2));
        assert_eq!(distinct_tokenizers(&data, &runs), [2, 1]);
        let expected: [(&str, &[usize]); 2] = [("64", &[2]), ("2048–4096 (1391)", &[1])];
        assert_eq!(shape(&vocabularies(&data, &runs)), expected);
        assert_eq!(shape(&tokenizer_vocabularies(&data, &runs)), expected);
    }

    #[test]
    fn a_size_that_one_world_fills_is_a_vocabulary() {
        let data = data_of([
            run(2048, 2048.0, "a", "x"),
            run(4096, 2500.0, "a", "y"),
            run(2048, 1392.0, "b", "z"),
            run(4096, 1392.0, "b", "z"),
        ]);
        let runs = [0, 1, 2, 3];
        // (2048 + 1392) / 2 and (2500 + 1392) / 2; of tokenizers alone, b's stands at the size first asked for.
        let expected: [(&str, &[usize]); 2] = [("2048 (1720)", &[0, 2]), ("4096 (1946)", &[1, 3])];
        assert_eq!(shape(&vocabularies(&data, &runs)), expected);
        let expected: [(&str, &[usize]); 2] = [("2048 (1720)", &[0, 2]), ("4096 (2500)", &[1])];
        assert_eq!(shape(&tokenizer_vocabularies(&data, &runs)), expected);
    }

    #[test]
    fn tokenizers_are_one_by_language_bytes_and_split() {
        fn split(run: &mut RunRecord, by: &str) {
            let by = Setting::Text(by.to_owned());
            run.knobs.insert(SPLIT_IDS.to_owned(), by);
        }
        let check = |change: fn(&mut RunRecord), expected: usize| {
            let mut other = run(4096, 1391.0, "a", "y");
            change(&mut other);
            let data = data_of([run(2048, 1391.0, "a", "y"), other]);
            assert_eq!(distinct_tokenizers(&data, &[0, 1]).len(), expected);
            assert_eq!(vocabularies(&data, &[0, 1]).len(), expected);
        };
        check(|_| {}, 1);
        check(|other| other.tokenizer = Some("z".to_owned()), 2);
        check(|other| other.tokenizer = None, 2);
        let language = |other: &mut RunRecord| {
            other.fingerprints.insert(Stage::Lang, "b".to_owned());
        };
        check(language, 2);
        check(|other| other.fingerprints.clear(), 2);
        check(|other| split(other, "document"), 2);
        check(|other| split(other, "none"), 1);
    }
}
