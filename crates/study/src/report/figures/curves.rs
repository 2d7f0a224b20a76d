//! Learning curves by stage, with onsets.

use std::collections::BTreeMap;

use corpus::Condition;

use super::{Figure, condition_legend, look};
use crate::report::data::{Data, Measure};
use crate::report::draw::colour::INK;
use crate::report::draw::panel::{Entry, Labels, Panel, Sign, legend};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Font, Line, Svg};
use crate::report::statistics::{Point, mean, onset};
use crate::report::summary::{HEADLINES, Headline, main_runs, number, vocabularies};

/// Mean over runs at each step where every run has the measure.
fn mean_curve(data: &Data, runs: &[usize], measure: Measure) -> Vec<(u64, f64, usize)> {
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for run in runs {
        for metric in data.curve(*run, measure) {
            if let Some(value) = metric.value {
                steps.entry(metric.step).or_default().push(value);
            }
        }
    }
    steps
        .into_iter()
        .map(|(step, values)| (step, mean(&values), values.len()))
        .collect()
}

/// The level half-way from chance to 1 that an onset needs, and each run's onset.
fn onsets(data: &Data, runs: &[usize], measure: Measure) -> (Vec<u64>, usize) {
    let mut reached = Vec::new();
    let mut measured = 0;
    for run in runs {
        let rows: Vec<_> = data.curve(*run, measure).collect();
        let chances: Vec<f64> = rows.iter().filter_map(|row| row.chance).collect();
        if chances.is_empty() {
            continue;
        }
        measured += 1;
        let points: Vec<Point> = rows
            .iter()
            .map(|row| Point {
                step: row.step,
                value: row.value,
            })
            .collect();
        reached.extend(onset(&points, mean(&chances)));
    }
    reached.sort_unstable();
    (reached, measured)
}

/// One row of panels per vocabulary, one column per stage; `None` with fewer than two checkpoints.
pub fn figure(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    let vocabularies = vocabularies(data, &runs);
    let shown: Vec<&Headline> = HEADLINES
        .iter()
        .filter(|headline| headline.metric != "held_out_accuracy")
        .filter(|headline| {
            Condition::ALL
                .iter()
                .any(|condition| mean_curve(data, &runs, headline.of(*condition)).len() > 1)
        })
        .collect();
    if shown.is_empty() {
        return None;
    }
    let conditions: Vec<Condition> = Condition::ALL
        .iter()
        .copied()
        .filter(|condition| {
            shown
                .iter()
                .any(|headline| !mean_curve(data, &runs, headline.of(*condition)).is_empty())
        })
        .collect();
    let all_steps: Vec<f64> = data
        .metrics
        .iter()
        .map(|metric| metric.step as f64)
        .filter(|step| *step > 0.0)
        .collect();
    let (width, height) = (158.0, 104.0);
    let (step_x, step_y) = (width + 24.0, height + 26.0);
    let left = 108.0;
    let mut svg = Svg::new(
        left + step_x * shown.len() as f64,
        64.0 + step_y * vocabularies.len() as f64 + 36.0,
    );
    let mut entries = condition_legend(&conditions, |look| Sign::Line(look.dash));
    entries.push(Entry {
        label: "chance".into(),
        paint: INK,
        sign: Sign::Line(Some("4 3")),
    });
    legend(&mut svg, [left, 18.0], &entries);
    for (row, vocabulary) in vocabularies.iter().enumerate() {
        for (column, headline) in shown.iter().enumerate() {
            let last_row = row + 1 == vocabularies.len();
            let panel = Panel {
                frame: [
                    left + step_x * column as f64,
                    58.0 + step_y * row as f64,
                    width,
                    height,
                ],
                x: Scale::log_around(all_steps.iter().copied()),
                y: Scale::UNIT,
            };
            panel.axes(
                &mut svg,
                Labels {
                    title: if row == 0 { headline.name } else { "" },
                    x: if last_row { "step" } else { "" },
                    y: "",
                    y_ticks: column == 0,
                    x_ticks: last_row,
                },
            );
            if column == 0 {
                let [x, y, _, height] = panel.frame;
                svg.text_upwards(
                    [x - 62.0, y + height / 2.0],
                    "vocabulary",
                    Font::soft(11.0).at(crate::report::draw::svg::Anchor::Middle),
                );
                svg.text_upwards(
                    [x - 44.0, y + height / 2.0],
                    &vocabulary.label,
                    Font::ink(13.0)
                        .bold()
                        .at(crate::report::draw::svg::Anchor::Middle),
                );
            }
            for condition in &conditions {
                let measure = headline.of(*condition);
                let curve = mean_curve(data, &vocabulary.runs, measure);
                let look = look(*condition);
                let chance: Vec<f64> = vocabulary
                    .runs
                    .iter()
                    .flat_map(|run| data.curve(*run, measure))
                    .filter_map(|metric| metric.chance)
                    .collect();
                if !chance.is_empty() {
                    panel.level(&mut svg, mean(&chance), None);
                }
                let places: Vec<Option<[f64; 2]>> = curve
                    .iter()
                    .filter(|(step, ..)| *step > 0)
                    .map(|(step, value, _)| Some(panel.place(*step as f64, *value)))
                    .collect();
                svg.path(
                    &places,
                    Line {
                        paint: look.paint,
                        width: 1.8,
                        dash: look.dash,
                    },
                );
                let (reached, measured) = onsets(data, &vocabulary.runs, measure);
                if let Some(median) = reached
                    .get(reached.len().saturating_sub(1) / 2)
                    .filter(|_| reached.len() * 2 > measured)
                {
                    let value = curve
                        .iter()
                        .find(|(step, ..)| step >= median)
                        .map_or(0.5, |(_, value, _)| *value);
                    let title = format!(
                        "{}, {}: onset at step {median}{}, at {}",
                        headline.name,
                        super::condition_name(*condition),
                        if measured > 1 {
                            format!(" (median; {} of {measured} runs reach it)", reached.len())
                        } else {
                            String::new()
                        },
                        number(value)
                    );
                    svg.mark(
                        panel.place(*median as f64, value),
                        4.5,
                        look.mark,
                        look.paint,
                        1.0,
                        Some(&title),
                    );
                }
            }
        }
    }
    Some(Figure {
        id: "curves".into(),
        title: "Learning curves by stage".into(),
        caption: "Value at each checkpoint, mean over runs of the vocabulary; steps on a log scale. Points mark onsets: the first of two \
                  consecutive checkpoints at or above half-way from chance to 1 (median over runs, where more than half of them reach it)."
            .into(),
        svg,
    })
}
