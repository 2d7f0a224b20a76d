//! Controls beside the main condition, with the floor of B alone and the ceiling of B without a mask.

use std::collections::BTreeMap;

use corpus::Condition;

use super::{Figure, condition_legend, condition_name, look};
use crate::report::bounds::{at_vocabulary_of, bounds};
use crate::report::data::Data;
use crate::report::draw::colour::{GRID, INK};
use crate::report::draw::panel::{Entry, Labels, Panel, Sign, legend, text_width};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Anchor, Font, Line, Svg};
use crate::report::summary::{HEADLINES, shown, vocabularies, with_interval};

/// Rows: main and each control, by vocabulary; a panel per stage. `None` without finished controls.
pub fn figure(data: &Data) -> Option<Figure> {
    let mut labels: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, run) in data.finished() {
        labels.entry(&run.label).or_default().push(index);
    }
    if labels.len() < 2 {
        return None;
    }
    let mut rows: Vec<(String, Vec<usize>)> = Vec::new();
    let mut names: Vec<&str> = labels
        .keys()
        .copied()
        .filter(|label| *label != "main")
        .collect();
    names.insert(0, "main");
    for name in names {
        for vocabulary in vocabularies(data, labels.get(name)?) {
            let name = if vocabulary.asked == name {
                name.to_owned()
            } else {
                format!("{name}, {}", vocabulary.label)
            };
            rows.push((name, vocabulary.runs));
        }
    }
    // At distance 0 every masked concept is identical.
    let conditions = [Condition::Minority, Condition::Masked, Condition::Identical];
    let headlines: Vec<_> = HEADLINES
        .iter()
        .filter(|headline| headline.metric != "held_out_accuracy")
        .filter(|headline| {
            rows.iter().any(|(_, runs)| {
                conditions
                    .iter()
                    .any(|condition| shown(data, runs, headline.of(*condition)).is_some())
            })
        })
        .collect();
    if headlines.is_empty() {
        return None;
    }
    let row_labels: Vec<String> = rows
        .iter()
        .map(|(name, runs)| format!("{name} (n {})", runs.len()))
        .collect();
    let widest = row_labels.iter().map(|label| text_width(label, 12.0));
    let left = 20.0 + widest.fold(0.0, f64::max);
    let (top, width, row_height) = (58.0, 124.0, 22.0);
    let height = row_height * rows.len() as f64;
    let mut svg = Svg::new(
        left + (width + 30.0) * headlines.len() as f64,
        top + height + 34.0,
    );
    let bounds = bounds(data);
    let mut entries = condition_legend(&conditions, |look| Sign::Mark(look.mark));
    entries.extend(bounds.iter().map(|(bound, _)| Entry {
        label: bound.name.to_owned(),
        paint: bound.paint,
        sign: Sign::Line(None),
    }));
    legend(&mut svg, [left, 18.0], &entries);
    for (index, label) in row_labels.iter().enumerate() {
        let y = top + row_height * (index as f64 + 0.5);
        svg.text(
            [left - 10.0, y + 4.0],
            label,
            Font::ink(12.0).at(Anchor::End),
        );
    }
    for (column, headline) in headlines.iter().enumerate() {
        let panel = Panel {
            frame: [left + (width + 30.0) * column as f64, top, width, height],
            x: Scale::UNIT,
            y: Scale::Bands(Vec::new()),
        };
        panel.axes(
            &mut svg,
            Labels {
                title: headline.name,
                x: "",
                y: "",
                y_ticks: false,
                x_ticks: true,
            },
        );
        let [x0, _, width, _] = panel.frame;
        for (index, (name, runs)) in rows.iter().enumerate() {
            let y = top + row_height * (index as f64 + 0.5);
            svg.line([x0, y, x0 + width, y], Line::solid(GRID, 0.6));
            let is_main = runs.iter().all(|run| data.runs[*run].label == "main");
            for (bound, bound_runs) in bounds.iter().filter(|_| is_main) {
                let bound_runs = at_vocabulary_of(data, bound_runs, runs);
                let masked = headline.of(Condition::Masked);
                if let Some(shown) = shown(data, &bound_runs, masked) {
                    let x = panel.place_x(shown.value);
                    let title = format!(
                        "{} of {name}: {}\n{}",
                        bound.name,
                        with_interval(&shown),
                        shown.origin
                    );
                    svg.rect([x - 1.5, y - 9.0, 3.0, 18.0], bound.paint, Some(&title));
                }
            }
            for (kind, condition) in conditions.iter().enumerate() {
                let Some(shown) = shown(data, runs, headline.of(*condition)) else {
                    continue;
                };
                let look = look(*condition);
                let y = y - 6.0 + 6.0 * kind as f64;
                if let Some([low, high]) = shown.interval {
                    svg.line(
                        [panel.place_x(low), y, panel.place_x(high), y],
                        Line::solid(look.paint, 1.4),
                    );
                }
                if let Some(chance) = shown.chance {
                    let x = panel.place_x(chance);
                    svg.line(
                        [x, y - 4.0, x, y + 4.0],
                        Line {
                            paint: INK,
                            width: 1.0,
                            dash: Some("2 2"),
                        },
                    );
                }
                let title = format!(
                    "{name}, {}: {}\n{}",
                    condition_name(*condition),
                    with_interval(&shown),
                    shown.origin
                );
                svg.mark(
                    [panel.place_x(shown.value), y],
                    4.2,
                    look.mark,
                    look.paint,
                    1.0,
                    Some(&title),
                );
            }
        }
    }
    Some(Figure {
        id: "controls".into(),
        title: "Controls beside the main condition".into(),
        caption: "Last checkpoint; n: runs. Lines: t intervals over world seeds, or the run's own 95 % interval where there is one run. Dashed: chance. Bars across the main rows, where the study has such runs: masked forms in runs of B's documents alone \
                  (floor), and in runs where B states what is masked (ceiling), at the same vocabulary."
            .into(),
        svg,
    })
}
