//! Parts of one study made one: some world seeds from here and others from there, or runs of one plan that were built on
//! two machines.
//!
//! Parts belong together where all but the seeds is the same: name, description, thresholds, and for every run's label,
//! last stage and knobs, the hash of the world's content among them, a run of the same in the other part. That holds for
//! study files that differ in their lists of seeds alone, and reports keep all of it. A run that several parts have counts
//! once; finished in one, it is finished.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::data::{Concept, Data, Metric, RunRecord};
use crate::artifact::Stage;

/// Where a part is, and what it holds.
pub type Part = (PathBuf, Data);

/// The parts as one, in an order that depends neither on theirs nor on how the runs are divided.
///
/// # Errors
/// Where two parts are of different studies, or have a run in common with other values.
pub fn merge(parts: Vec<Part>) -> Result<Data> {
    for pair in parts.windows(2) {
        belong_together(&pair[0], &pair[1])?;
    }
    let mut whole = Data::default();
    // The part that each run is from.
    let mut origins: Vec<PathBuf> = Vec::new();
    for (path, data) in parts {
        let before = whole.runs.len();
        (whole.study, whole.description) = (data.study, data.description);
        whole.thresholds = data.thresholds;
        whole.metrics.extend(data.metrics.into_iter().map(|row| {
            let run = row.run + before;
            Metric { run, ..row }
        }));
        whole.concepts.extend(data.concepts.into_iter().map(|row| {
            let run = row.run + before;
            Concept { run, ..row }
        }));
        origins.extend(data.runs.iter().map(|_| path.clone()));
        whole.runs.extend(data.runs);
    }
    whole.sort();
    let mut chosen: BTreeMap<Identity, usize> = BTreeMap::new();
    for (index, run) in whole.runs.iter().enumerate() {
        match chosen.entry(identity(run)) {
            Entry::Vacant(place) => {
                place.insert(index);
            }
            Entry::Occupied(mut place) => {
                let other = *place.get();
                same_values(&whole, &origins, other, index)?;
                if progress(run) > progress(&whole.runs[other]) {
                    place.insert(index);
                }
            }
        }
    }
    let kept: Vec<usize> = chosen.into_values().collect();
    one_name_each(&whole, &origins, &kept)?;
    whole.pick(&kept);
    whole.arrange();
    Ok(whole)
}

/// What makes two runs one: label, knobs, and the artifacts, which are named by content.
type Identity = (String, String, BTreeMap<Stage, String>);

fn identity(run: &RunRecord) -> Identity {
    (run.label.clone(), run.knobs_but(&[]), run.artifacts.clone())
}

/// How far a run is: of two records of one run the greater one stands.
fn progress(run: &RunRecord) -> impl Ord {
    (
        run.missing.is_none(),
        run.fingerprints.len(),
        run.fingerprints.clone(),
        Reverse(run.missing.clone()),
    )
}

/// Refuses a run that two parts have finished with other numbers.
fn same_values(data: &Data, origins: &[PathBuf], first: usize, second: usize) -> Result<()> {
    let runs = [first, second].map(|run| &data.runs[run]);
    if runs.iter().any(|run| run.missing.is_some()) {
        return Ok(());
    }
    let [a, b] = [first, second].map(|run| numbers(data, run));
    let what = ["values", "metrics", "concepts"];
    let mut both = what.into_iter().zip(a.iter().zip(&b));
    let Some((what, _)) = both.find(|(_, (a, b))| a != b) else {
        return Ok(());
    };
    bail!(
        "{}: run {}: expected the same {what} as in {}, found others; leave one of the two out, or build that run anew",
        origins[second].display(),
        runs[1].run,
        origins[first].display(),
    )
}

/// A run's values, metrics and concepts as text, in which also what is no number equals itself.
fn numbers(data: &Data, run: usize) -> [String; 3] {
    let record = &data.runs[run];
    let metrics = data.metrics_of(run).iter().cloned();
    let metrics: Vec<Metric> = metrics.map(|row| Metric { run: 0, ..row }).collect();
    let concepts = data.concepts_of(run).iter().cloned();
    let concepts: Vec<Concept> = concepts.map(|row| Concept { run: 0, ..row }).collect();
    [
        format!("{:?} {:?}", record.tokenizer, record.values),
        format!("{metrics:?}"),
        format!("{concepts:?}"),
    ]
}

/// Refuses a run that has another artifact in another part: its plan was made for another format.
fn one_name_each(data: &Data, origins: &[PathBuf], kept: &[usize]) -> Result<()> {
    // Runs of equal label and knobs stand side by side.
    for pair in kept.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|run| &data.runs[run]);
        let [here, there] = [pair[0], pair[1]].map(|run| &origins[run]);
        let alike = a.label == b.label && a.knobs_but(&[]) == b.knobs_but(&[]);
        ensure!(
            !alike || here == there,
            "{}: expected the run {} as {} names it, found {} for the same knobs; plan both parts with one version",
            there.display(),
            a.run,
            here.display(),
            b.run
        );
    }
    Ok(())
}

/// Refuses parts of different studies.
fn belong_together((first, a): &Part, (second, b): &Part) -> Result<()> {
    let found = if a.study != b.study {
        Some(format!("\"{}\" instead of \"{}\"", b.study, a.study))
    } else if a.description != b.description {
        Some(format!("another description of \"{}\"", b.study))
    } else if a.thresholds != b.thresholds {
        Some("other thresholds of the claims".to_owned())
    } else {
        odd_run([first, second], [&design(a), &design(b)])
    };
    match found {
        None => Ok(()),
        Some(found) => bail!(
            "{}: expected a part of the study in {}, equal but for its seeds, found {found}; report on each by itself",
            second.display(),
            first.display()
        ),
    }
}

/// What a study's runs are but for their seeds, each by knob.
type Design = BTreeSet<BTreeMap<String, String>>;

fn design(data: &Data) -> Design {
    let settings = |run: &RunRecord| {
        let knobs = run.knobs.iter().filter(|(name, _)| !name.ends_with("seed"));
        let mut settings: BTreeMap<String, String> = knobs
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect();
        settings.insert("label".to_owned(), run.label.clone());
        let last = run.artifacts.keys().last();
        let last = last.map_or("none", |stage| stage.name());
        settings.insert("last stage".to_owned(), last.to_owned());
        settings
    };
    data.runs.iter().map(settings).collect()
}

/// In words, a run that one part alone has, told by what sets it apart from the nearest of the other.
fn odd_run(paths: [&Path; 2], designs: [&Design; 2]) -> Option<String> {
    let odd = designs[0].symmetric_difference(designs[1]).next()?;
    let owner = usize::from(!designs[0].contains(odd));
    let apart = |other: &BTreeMap<String, String>| -> Vec<String> {
        let names: BTreeSet<&String> = odd.keys().chain(other.keys()).collect();
        let differing = names
            .into_iter()
            .filter(|name| odd.get(*name) != other.get(*name));
        let told = differing.map(|name| match odd.get(name) {
            Some(value) => format!("{name} = {value}"),
            None => format!("no {name}"),
        });
        told.collect()
    };
    let others = designs[1 - owner].iter().map(apart);
    let nearest = others.min_by_key(Vec::len);
    let what = nearest.map_or_else(String::new, |apart| format!(" with {}", apart.join(", ")));
    Some(format!(
        "that {} alone has runs{what}",
        paths[owner].display()
    ))
}

#[cfg(test)]
mod tests {
    use corpus::Condition;

    use super::*;
    use crate::knobs::Setting;
    use crate::report::data::OUTCOME;

    /// A run of one world seed and vocabulary; `mrr`: it is finished with this outcome.
    fn run(seed: i64, size: i64, mrr: Option<f64>) -> (RunRecord, Option<f64>) {
        let name = |stage: Stage| (stage, format!("{}-{seed}-{size}", stage.name()));
        let record = RunRecord {
            run: format!("eval-{seed}-{size}"),
            label: "main".to_owned(),
            missing: mrr.is_none().then(|| "not built".to_owned()),
            knobs: BTreeMap::from([
                ("lang.world_seed".to_owned(), Setting::Integer(seed)),
                ("tok.vocab_size".to_owned(), Setting::Integer(size)),
            ]),
            artifacts: BTreeMap::from([name(Stage::Lang), name(Stage::Eval)]),
            ..RunRecord::default()
        };
        (record, mrr)
    }

    fn part(path: &str, runs: impl IntoIterator<Item = (RunRecord, Option<f64>)>) -> Part {
        let mut data = Data {
            study: "s".to_owned(),
            ..Data::default()
        };
        for (record, mrr) in runs {
            data.metrics.extend(mrr.map(|mrr| Metric {
                run: data.runs.len(),
                step: 9,
                stage: OUTCOME.stage.to_owned(),
                metric: OUTCOME.metric.to_owned(),
                condition: Condition::Masked,
                phenomenon: None,
                value: Some(mrr),
                n_items: 1,
                n_concepts: 1,
                chance: None,
                low: None,
                high: None,
            }));
            data.runs.push(record);
        }
        (PathBuf::from(path), data)
    }

    fn refused(parts: Vec<Part>) -> String {
        merge(parts).unwrap_err().to_string()
    }

    #[test]
    fn parts_are_one_in_any_order_and_a_finished_run_counts_once() {
        let parts = || {
            [
                part("a", [run(2, 64, Some(0.2)), run(1, 64, None)]),
                part("b", [run(1, 64, Some(0.1)), run(2, 64, Some(0.2))]),
                part("c", [run(3, 64, None)]),
            ]
        };
        let whole = merge(parts().to_vec()).unwrap();
        let mut reversed = parts().to_vec();
        reversed.reverse();
        assert_eq!(whole, merge(reversed).unwrap());
        let found: Vec<(&str, Option<f64>)> = (0..whole.runs.len())
            .map(|run| {
                let outcome = whole.last(run, OUTCOME).and_then(|row| row.value);
                (whole.runs[run].run.as_str(), outcome)
            })
            .collect();
        let expected = [
            ("eval-1-64", Some(0.1)),
            ("eval-2-64", Some(0.2)),
            ("eval-3-64", None),
        ];
        assert_eq!(found, expected);
        let missing: Vec<bool> = whole.runs.iter().map(|run| run.missing.is_some()).collect();
        assert_eq!(missing, [false, false, true]);
    }

    #[test]
    fn of_two_unfinished_records_the_further_one_stands() {
        let mut further = run(1, 64, None);
        let fingerprints = &mut further.0.fingerprints;
        fingerprints.insert(Stage::Lang, "f".to_owned());
        for parts in [
            vec![part("a", [further.clone()]), part("b", [run(1, 64, None)])],
            vec![part("a", [run(1, 64, None)]), part("b", [further.clone()])],
        ] {
            assert_eq!(merge(parts).unwrap().runs, [further.0.clone()]);
        }
    }

    #[test]
    fn other_values_of_one_run_are_refused_with_both_names() {
        let found = refused(vec![
            part("a", [run(1, 64, Some(0.1))]),
            part("b", [run(1, 64, Some(0.2))]),
        ]);
        let expected = "b: run eval-1-64: expected the same metrics as in a, found others";
        assert!(found.starts_with(expected), "{found}");
        let mut renamed = run(1, 64, Some(0.1));
        renamed.0.artifacts.insert(Stage::Eval, "eval-new".into());
        renamed.0.run = "eval-new".into();
        let found = refused(vec![
            part("a", [run(1, 64, Some(0.1))]),
            part("b", [renamed]),
        ]);
        assert!(found.contains("eval-1-64") && found.contains("found eval-new for the same knobs"));
    }

    #[test]
    fn other_studies_are_refused_with_what_differs() {
        let check = |change: fn(&mut Data), expected: &str| {
            let first = part("a", [run(1, 64, Some(0.1)), run(1, 512, Some(0.1))]);
            let mut second = part("b", [run(2, 64, Some(0.1)), run(2, 512, Some(0.1))]);
            assert!(merge(vec![first.clone(), second.clone()]).is_ok());
            change(&mut second.1);
            let found = refused(vec![first, second]);
            assert!(found.starts_with("b: expected a part of the study in a"));
            assert!(found.contains(expected), "{found}");
            assert!(!found.contains('\n'), "{found}");
        };
        check(
            |data| data.study = "t".into(),
            "found \"t\" instead of \"s\"",
        );
        check(|data| data.description = "x".into(), "another description");
        check(|data| data.thresholds.atom_margin = 0.1, "other thresholds");
        let size = |data: &mut Data| {
            let size = Setting::Integer(2048);
            data.runs[1].knobs.insert("tok.vocab_size".into(), size);
        };
        // Of the sizes 64, 512 here and 64, 2048 there, the first in the order of text is 2048.
        check(
            size,
            "found that b alone has runs with tok.vocab_size = 2048",
        );
        let fewer = |data: &mut Data| data.pick(&[0]);
        check(
            fewer,
            "found that a alone has runs with tok.vocab_size = 512",
        );
        let base = |data: &mut Data| {
            for run in &mut data.runs {
                let size = Setting::Text("small".into());
                run.knobs.insert("model.size".into(), size);
            }
        };
        check(base, "found that b alone has runs with model.size = small");
        check(
            |data| data.runs[0].label = "char".into(),
            "with label = char",
        );
        let shorter = |data: &mut Data| {
            for run in &mut data.runs {
                run.artifacts.remove(&Stage::Eval);
            }
        };
        check(shorter, "that a alone has runs with last stage = eval");
    }
}
