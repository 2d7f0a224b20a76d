//! Heat maps: vocabulary × distance, one panel per share and regime.

use std::collections::BTreeMap;

use super::Figure;
use crate::report::data::{Data, REACHABILITY, names};
use crate::report::draw::colour::{INK, ink_on_viridis, viridis};
use crate::report::draw::panel::{Labels, Panel};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Font, Svg};
use crate::report::summary::{
    Shown, levels, main_runs, number, shown, shown_value, vocabularies, with_interval,
};

/// Masked reachability where models were evaluated, and the masked concepts' bridges; each only where vocabulary or
/// distance vary.
pub fn figures(data: &Data) -> Vec<Figure> {
    let reach = map(
        data,
        "reachability",
        "Masked reachability by vocabulary and distance",
        "Share of masked concepts whose own form ranks first (calibrated, primary set), mean over runs; the number under it is chance.",
        |runs| shown(data, runs, REACHABILITY),
    );
    let bridge = map(
        data,
        "bridge-heat",
        "Bridge of the masked concepts by vocabulary and distance",
        "Mean primary bridge (shared mass corrected for chance) over masked concepts, mean over tokenizers.",
        |runs| shown_value(data, runs, names::BRIDGE),
    );
    reach.into_iter().chain(bridge).collect()
}

fn map(
    data: &Data,
    id: &str,
    title: &str,
    caption: &str,
    cell: impl Fn(&[usize]) -> Option<Shown>,
) -> Option<Figure> {
    let runs = main_runs(data);
    let columns = vocabularies(data, &runs);
    let rows = levels(data, &runs, "lang.lexical_distance");
    if rows.len() < 2 || columns.len() < 2 {
        return None;
    }
    // One panel per share and regime.
    let mut panels: BTreeMap<(usize, usize), (String, Vec<usize>)> = BTreeMap::new();
    let shares = levels(data, &runs, "lang.minority_share");
    let regimes = levels(data, &runs, "tok.regime");
    for (i, (share, of_share)) in shares.iter().enumerate() {
        for (j, (regime, of_regime)) in regimes.iter().enumerate() {
            let both: Vec<usize> = of_share
                .iter()
                .filter(|run| of_regime.contains(run))
                .copied()
                .collect();
            let mut name = Vec::new();
            if regimes.len() > 1 {
                name.push(format!("regime {regime}"));
            }
            if shares.len() > 1 {
                name.push(format!("share {share}"));
            }
            if !both.is_empty() {
                panels.insert((i, j), (name.join(", "), both));
            }
        }
    }
    let value = |runs: &[usize], row: &[usize], column: &[usize]| {
        let here: Vec<usize> = runs
            .iter()
            .filter(|run| row.contains(run) && column.contains(run))
            .copied()
            .collect();
        cell(&here)
    };
    let mut all: Vec<f64> = Vec::new();
    for (_, runs) in panels.values() {
        for (_, row) in &rows {
            all.extend(
                columns
                    .iter()
                    .filter_map(|column| value(runs, row, &column.runs))
                    .map(|shown| shown.value),
            );
        }
    }
    if all.is_empty() {
        return None;
    }
    let low = all.iter().copied().fold(f64::INFINITY, f64::min).min(0.0);
    let high = all
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max)
        .max(low + 1e-9);
    let (cell_width, cell_height) = (58.0, 38.0);
    let (width, height) = (
        cell_width * columns.len() as f64,
        cell_height * rows.len() as f64,
    );
    let across = ((960.0 / (width + 76.0)).floor() as usize)
        .clamp(1, regimes.len().max(1))
        .min(panels.len());
    let down = panels.len().div_ceil(across);
    let (step_x, step_y) = (width + 76.0, height + 78.0);
    let mut svg = Svg::new(
        (56.0 + step_x * across as f64).max(420.0),
        50.0 + step_y * down as f64,
    );
    // Colour scale.
    for i in 0..60 {
        svg.cell(
            [56.0 + 3.0 * f64::from(i), 8.0, 3.2, 11.0],
            &viridis(f64::from(i) / 59.0),
            None,
        );
    }
    svg.text(
        [244.0, 18.0],
        &format!("{} to {}", number(low), number(high)),
        Font::ink(12.0),
    );
    for (index, (name, runs)) in panels.values().enumerate() {
        let panel = Panel {
            frame: [
                56.0 + step_x * (index % across) as f64,
                56.0 + step_y * (index / across) as f64,
                width,
                height,
            ],
            x: Scale::Bands(columns.iter().map(|column| column.asked.clone()).collect()),
            y: Scale::Bands(rows.iter().map(|(row, _)| row.clone()).collect()),
        };
        panel.axes(
            &mut svg,
            Labels {
                title: name,
                x: "vocabulary size asked for",
                y: "lexical distance",
                y_ticks: true,
                x_ticks: true,
            },
        );
        for (i, column) in columns.iter().enumerate() {
            for (j, (distance, row)) in rows.iter().enumerate() {
                let [x, y] = panel.place(i as f64, j as f64);
                let frame = [
                    x - cell_width / 2.0 + 0.5,
                    y - cell_height / 2.0 + 0.5,
                    cell_width - 1.0,
                    cell_height - 1.0,
                ];
                let Some(shown) = value(runs, row, &column.runs) else {
                    svg.text(
                        [x, y + 4.0],
                        "–",
                        Font {
                            paint: INK,
                            ..Font::soft(12.0).at(crate::report::draw::svg::Anchor::Middle)
                        },
                    );
                    continue;
                };
                let t = (shown.value - low) / (high - low);
                let tip = format!(
                    "distance {distance}, vocabulary {}: {}\n{}",
                    column.label,
                    with_interval(&shown),
                    shown.origin
                );
                svg.cell(frame, &viridis(t), Some(&tip));
                let lift = if shown.chance.is_some() { -2.0 } else { 4.0 };
                svg.text_in([x, y + lift], &number(shown.value), 12.0, ink_on_viridis(t));
                if let Some(chance) = shown.chance {
                    svg.text_in([x, y + 12.0], &number(chance), 9.5, ink_on_viridis(t));
                }
            }
        }
    }
    Some(Figure {
        id: id.into(),
        title: title.into(),
        caption: caption.into(),
        svg,
    })
}
