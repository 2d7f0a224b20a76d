//! What tokenizers do to the forms: fertility, atoms, bridges, coverage, by vocabulary size.

use corpus::Condition;

use super::{Figure, condition_legend, look};
use crate::report::data::Data;
use crate::report::draw::panel::{Labels, Panel, Sign, legend};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Line, Svg};
use crate::report::summary::{Shown, main_runs, number, shown_value, tokenizer_vocabularies};

/// A realised size, its label, and what is shown there.
type At = (f64, String, Shown);

/// One panel: a title and, per condition, the name of a value.
struct Plotted {
    title: &'static str,
    unit: bool,
    lines: Vec<(Condition, String)>,
}

/// The measures of `summary.parquet` that have a panel, and whether they run from 0 to 1.
const SUMMARY: [(&str, &str, bool); 5] = [
    ("fertility (tokens a form)", "form_fertility", false),
    ("share of one-token forms", "form_atom_share", true),
    ("Rényi efficiency", "renyi_efficiency", true),
    ("vocabulary Jaccard", "jaccard", true),
    ("token Jensen–Shannon divergence", "jensen_shannon", true),
];

/// The rows of `summary.parquet` that a line follows: A-forms, seen B-forms, B† forms.
const FORMS: [(Condition, &str); 3] = [
    (Condition::Majority, "majority.majority"),
    (Condition::Minority, "minority.minority"),
    (Condition::Masked, "minority.masked"),
];

/// The means of `bridges.parquet` over masked concepts that have a panel.
const BRIDGES: [(&str, &str); 4] = [
    ("bridge (shared mass, corrected)", "shared_mass_corrected"),
    ("identifiability (oracle)", "identifiability"),
    ("learnable (oracle)", "learnable"),
    ("seen coverage in minority text", "seen_coverage_minority"),
];

/// Small multiples by vocabulary; `None` without tokenizers.
pub fn figure(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    let vocabularies = tokenizer_vocabularies(data, &runs);
    let known: std::collections::BTreeSet<&String> = runs
        .iter()
        .flat_map(|run| data.runs[*run].values.keys())
        .collect();
    let mut panels = Vec::new();
    for (title, measure, unit) in SUMMARY {
        let named = FORMS.map(|(condition, rows)| (condition, format!("tok.{rows}.{measure}")));
        let lines = named
            .into_iter()
            .filter(|(_, name)| known.contains(name))
            .collect();
        panels.push(Plotted { title, unit, lines });
    }
    for (title, measure) in BRIDGES {
        let named = |condition: Condition| (condition, format!("bridge.{condition}.{measure}"));
        let lines = [Condition::Minority, Condition::Masked]
            .map(named)
            .into_iter()
            .filter(|(_, name)| known.contains(name));
        panels.push(Plotted {
            title,
            unit: false,
            lines: lines.collect(),
        });
    }
    panels.retain(|panel| !panel.lines.is_empty());
    if panels.is_empty() || vocabularies.len() < 2 {
        return None;
    }
    const COLUMNS: usize = 3;
    let (width, height) = (250.0, 130.0);
    let (step_x, step_y) = (width + 60.0, height + 76.0);
    let rows = panels.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(
        56.0 + step_x * COLUMNS.min(panels.len()) as f64,
        58.0 + step_y * rows as f64,
    );
    let conditions: Vec<Condition> = Condition::ALL
        .iter()
        .copied()
        .filter(|condition| {
            panels
                .iter()
                .any(|panel| panel.lines.iter().any(|line| line.0 == *condition))
        })
        .collect();
    legend(
        &mut svg,
        [56.0, 18.0],
        &condition_legend(&conditions, |look| Sign::Line(look.dash)),
    );
    for (index, plotted) in panels.iter().enumerate() {
        let values: Vec<(Condition, Vec<At>)> = plotted
            .lines
            .iter()
            .map(|(condition, name)| {
                let points = vocabularies.iter().filter_map(|vocabulary| {
                    Some((
                        vocabulary.realised,
                        vocabulary.label.clone(),
                        shown_value(data, &vocabulary.runs, name)?,
                    ))
                });
                (*condition, points.collect())
            })
            .collect();
        let all = values
            .iter()
            .flat_map(|(_, points)| points.iter().map(|(.., shown)| shown.value));
        let panel = Panel {
            frame: [
                56.0 + step_x * (index % COLUMNS) as f64,
                60.0 + step_y * (index / COLUMNS) as f64,
                width,
                height,
            ],
            x: Scale::log_around(vocabularies.iter().map(|vocabulary| vocabulary.realised)),
            y: if plotted.unit {
                Scale::UNIT
            } else {
                Scale::around(all.chain([0.0]))
            },
        };
        panel.axes(
            &mut svg,
            Labels {
                title: plotted.title,
                x: "realised vocabulary size",
                y: "",
                y_ticks: true,
                x_ticks: true,
            },
        );
        for (condition, points) in &values {
            let look = look(*condition);
            let places: Vec<Option<[f64; 2]>> = points
                .iter()
                .map(|(x, _, shown)| Some(panel.place(*x, shown.value)))
                .collect();
            svg.path(
                &places,
                Line {
                    paint: look.paint,
                    width: 1.8,
                    dash: look.dash,
                },
            );
            for ((_, label, shown), place) in points.iter().zip(places.iter().flatten()) {
                let title = format!(
                    "{}, {}, vocabulary {label}: {}\n{}",
                    plotted.title,
                    super::condition_name(*condition),
                    number(shown.value),
                    shown.origin
                );
                if let Some([low, high]) = shown.interval {
                    panel.whisker(&mut svg, place[0], low, high, look.paint);
                }
                svg.mark(*place, 3.6, look.mark, look.paint, 1.0, Some(&title));
            }
        }
    }
    Some(Figure {
        id: "tokenizers".into(),
        title: "What the tokenizers do to the forms".into(),
        caption: "From summary.parquet and bridges.parquet, equal tokenizers once; mean over tokenizers of the size, whiskers: t intervals over world seeds.".into(),
        svg,
    })
}
