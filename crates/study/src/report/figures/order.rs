//! The order of stages: onsets of three tests on the same masked nouns.

use super::Figure;
use crate::report::claims::{STAGED, StagedOnset, staged_onset};
use crate::report::data::Data;
use crate::report::draw::colour::{INK, KINDS, SOFT};
use crate::report::draw::panel::{Labels, Panel};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Anchor, Font, Line, Mark, Svg};
use crate::report::summary::{main_runs, vocabularies};

/// One row per test and vocabulary, a point per run; `None` where no run has the tests.
pub fn figure(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    let measured = |run: &usize| {
        STAGED
            .iter()
            .any(|(_, test)| staged_onset(data, *run, *test) != StagedOnset::NotMeasured)
    };
    if !runs.iter().any(measured) {
        return None;
    }
    let vocabularies = vocabularies(data, &runs);
    let steps: Vec<f64> = runs
        .iter()
        .flat_map(|run| data.metrics_of(*run))
        .map(|metric| metric.step as f64)
        .filter(|step| *step > 0.0)
        .collect();
    let row_height = 26.0;
    let block = row_height * STAGED.len() as f64 + 12.0;
    let panel = Panel {
        frame: [262.0, 40.0, 520.0, block * vocabularies.len() as f64],
        x: Scale::log_around(steps.iter().copied()),
        y: Scale::Linear { from: 0.0, to: 1.0 },
    };
    let [left, top, width, height] = panel.frame;
    let mut svg = Svg::new(left + width + 110.0, top + height + 54.0);
    let axes = Panel {
        y: Scale::Bands(Vec::new()),
        ..panel.clone()
    };
    axes.axes(
        &mut svg,
        Labels {
            title: "",
            x: "step",
            y: "",
            y_ticks: false,
            x_ticks: true,
        },
    );
    svg.text([left + width + 14.0, top - 10.0], "never", Font::soft(11.0));
    for (v, vocabulary) in vocabularies.iter().enumerate() {
        let block_top = top + block * v as f64;
        svg.text(
            [8.0, block_top + block / 2.0],
            &format!("vocabulary {}", vocabulary.label),
            Font::ink(12.0).bold(),
        );
        if v > 0 {
            svg.line(
                [8.0, block_top, left + width + 90.0, block_top],
                Line::solid(crate::report::draw::colour::GRID, 1.0),
            );
        }
        for (t, (name, test)) in STAGED.iter().enumerate() {
            let y = block_top + 6.0 + row_height * (t as f64 + 0.5);
            svg.text(
                [left - 10.0, y + 4.0],
                name,
                Font::soft(11.0).at(Anchor::End),
            );
            let mut reached = Vec::new();
            let mut never = 0;
            for run in &vocabulary.runs {
                match staged_onset(data, *run, *test) {
                    StagedOnset::At(step) => reached.push((step, *run)),
                    StagedOnset::Never => never += 1,
                    StagedOnset::NotMeasured => {}
                }
            }
            reached.sort_unstable();
            for (place, (step, run)) in reached.iter().enumerate() {
                // Runs with the same onset stand above and below each other.
                let lift = match reached.len() {
                    1 => 0.0,
                    _ => 2.0 * ((place % 5) as f64 - 2.0),
                };
                let title = format!(
                    "{name}: onset at step {step}\n{}: {}/{}/masked/{}",
                    data.runs[*run].run,
                    test.stage,
                    test.metric,
                    test.phenomenon.unwrap_or("")
                );
                svg.mark(
                    [panel.place_x(*step as f64), y + lift],
                    4.5,
                    Mark::Circle,
                    KINDS[[0, 3, 2][t]],
                    0.7,
                    Some(&title),
                );
            }
            if reached.len() > 1 && reached.len() > never {
                let x = panel.place_x(reached[(reached.len() - 1) / 2].0 as f64);
                svg.line([x, y - 9.0, x, y + 9.0], Line::solid(INK, 2.0));
            }
            if never > 0 {
                let of = reached.len() + never;
                svg.mark(
                    [left + width + 20.0, y],
                    4.5,
                    Mark::Diamond,
                    SOFT,
                    1.0,
                    None,
                );
                svg.text(
                    [left + width + 32.0, y + 4.0],
                    &format!("{never} of {of}"),
                    Font::soft(11.0),
                );
            }
        }
    }
    Some(Figure {
        id: "stage-order".into(),
        title: "In which order do the masked nouns arrive?".into(),
        caption: "Onsets of three two-alternative tests on the same masked nouns, chance ½: in a noun's position against another position; \
                  against a masked form of another type; against a masked form of the same type. A point per run, a bar at the median; \
                  on the right the runs that never reach three quarters at two consecutive checkpoints."
            .into(),
        svg,
    })
}
