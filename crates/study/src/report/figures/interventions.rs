//! Bridges made and unmade on purpose: what each intervention does to the bridge and to the outcome.

use corpus::tables::InterventionRow;

use super::Figure;
use crate::report::data::Data;
use crate::report::draw::colour::{GRID, INK, KINDS, SOFT};
use crate::report::draw::panel::{Labels, Panel};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Anchor, Font, Line, MARKS, Svg};
use crate::report::interventions::{correlation, interventions};
use crate::report::summary::number;

const ROW: f64 = 24.0;

/// A row per intervention and vocabulary: change of the bridge, change of the outcome with its interval. `None` without
/// pairs of runs.
pub fn figure(data: &Data) -> Option<Figure> {
    let rows = interventions(data);
    if rows.is_empty() {
        return None;
    }
    let (left, top, width) = (340.0, 40.0, 230.0);
    let height = ROW * rows.len() as f64;
    let mut svg = Svg::new(left + 2.0 * (width + 40.0), top + height + 54.0);
    for (index, row) in rows.iter().enumerate() {
        let label = format!(
            "{}, {} (n {})",
            row.intervention, row.vocabulary, row.n_world_seeds
        );
        let y = middle(top, index) + 4.0;
        svg.text([left - 10.0, y], &label, Font::ink(12.0).at(Anchor::End));
    }
    let bridge_change =
        |row: &InterventionRow| row.bridge_with.zip(row.bridge_without).map(|(a, b)| a - b);
    let panels = [("change of the bridge", 0), ("change of masked MRR", 1)];
    for (title, which) in panels {
        let value = |row: &InterventionRow| match which {
            0 => bridge_change(row),
            _ => Some(row.difference),
        };
        let interval = |row: &InterventionRow| match which {
            0 => None,
            _ => row.low.zip(row.high),
        };
        let ends = rows.iter().filter_map(interval).flat_map(|(a, b)| [a, b]);
        let panel = Panel {
            frame: [left + (width + 40.0) * f64::from(which), top, width, height],
            x: Scale::around(rows.iter().filter_map(value).chain(ends).chain([0.0])),
            y: Scale::Bands(Vec::new()),
        };
        panel.axes(
            &mut svg,
            Labels {
                title,
                x: "with − without",
                y: "",
                y_ticks: false,
                x_ticks: true,
            },
        );
        let zero = panel.place_x(0.0);
        svg.line([zero, top, zero, top + height], Line::solid(SOFT, 1.2));
        let [x0, _, width, _] = panel.frame;
        for (index, row) in rows.iter().enumerate() {
            let y = middle(top, index);
            svg.line([x0, y, x0 + width, y], Line::solid(GRID, 0.6));
            if let Some((low, high)) = interval(row) {
                let (low, high) = (panel.place_x(low), panel.place_x(high));
                svg.line([low, y, high, y], Line::solid(INK, 1.4));
            }
            if let Some(value) = value(row) {
                let paint = [KINDS[0], KINDS[2]][which as usize];
                let mark = MARKS[which as usize];
                let place = [panel.place_x(value), y];
                svg.mark(place, 4.5, mark, paint, 1.0, Some(&origin(row)));
            }
        }
    }
    let beside = correlation(data).map_or_else(String::new, |(rho, runs)| {
        format!(
            " Beside it, the correlation: over the {runs} main runs Spearman of bridge and MRR is {}.",
            number(rho)
        )
    });
    Some(Figure {
        id: "interventions".into(),
        title: "Bridges made and unmade on purpose".into(),
        caption: format!(
            "Runs that differ in one knob alone, at equal vocabulary size: difference of each pair, mean over world seeds (n), \
             {:.0} % t intervals. The bridge is the tokenizer's, which does not see BPE dropout.{beside}",
            100.0 * data.thresholds.confidence
        ),
        svg,
    })
}

fn middle(top: f64, row: usize) -> f64 {
    top + ROW * (row as f64 + 0.5)
}

fn origin(row: &InterventionRow) -> String {
    let bridge = row.bridge_with.zip(row.bridge_without);
    let bridge = bridge.map_or_else(String::new, |(with, without)| {
        format!("; bridge {} − {}", number(with), number(without))
    });
    format!(
        "{}, vocabulary {}: MRR {} − {}{bridge}\n{} pairs of {} world seeds",
        row.intervention,
        row.vocabulary,
        number(row.outcome_with),
        number(row.outcome_without),
        row.n_pairs,
        row.n_world_seeds
    )
}
