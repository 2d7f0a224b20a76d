//! Stage × condition × vocabulary at the last checkpoint, with chance.

use corpus::Condition;

use super::{Figure, condition_legend, condition_name, look};
use crate::report::data::Data;
use crate::report::draw::colour::INK;
use crate::report::draw::panel::{Entry, Sign};
use crate::report::draw::panel::{Labels, Panel, legend};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::Svg;
use crate::report::summary::{HEADLINES, main_runs, shown, vocabularies, with_interval};

/// Bars by vocabulary, one panel per stage; `None` without evaluated runs.
pub fn figure(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    let vocabularies = vocabularies(data, &runs);
    let present = |headline: &&crate::report::summary::Headline| {
        Condition::ALL
            .iter()
            .any(|condition| shown(data, &runs, headline.of(*condition)).is_some())
    };
    let headlines: Vec<_> = HEADLINES.iter().filter(present).collect();
    if headlines.is_empty() || vocabularies.is_empty() {
        return None;
    }
    let conditions: Vec<Condition> = Condition::ALL
        .iter()
        .copied()
        .filter(|condition| {
            headlines
                .iter()
                .any(|headline| shown(data, &runs, headline.of(*condition)).is_some())
        })
        .collect();
    const COLUMNS: usize = 3;
    let rows = headlines.len().div_ceil(COLUMNS);
    let (width, height) = (250.0, 150.0);
    let (step_x, step_y) = (width + 56.0, height + 74.0);
    let mut svg = Svg::new(
        52.0 + step_x * COLUMNS as f64 - 40.0,
        60.0 + step_y * rows as f64,
    );
    let mut entries = condition_legend(&conditions, |_| Sign::Box);
    entries.push(Entry {
        label: "chance".into(),
        paint: INK,
        sign: Sign::Line(Some("4 3")),
    });
    legend(&mut svg, [52.0, 18.0], &entries);
    for (index, headline) in headlines.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let panel = Panel {
            frame: [
                52.0 + step_x * column as f64,
                62.0 + step_y * row as f64,
                width,
                height,
            ],
            x: Scale::Bands(
                vocabularies
                    .iter()
                    .map(|vocabulary| vocabulary.label.clone())
                    .collect(),
            ),
            y: Scale::UNIT,
        };
        panel.axes(
            &mut svg,
            Labels {
                title: headline.name,
                x: "vocabulary size",
                y: "",
                y_ticks: true,
                x_ticks: true,
            },
        );
        let bar = panel.band() * 0.8 / conditions.len() as f64;
        for (place, vocabulary) in vocabularies.iter().enumerate() {
            let left = panel.place_x(place as f64) - panel.band() * 0.4;
            let mut chances = Vec::new();
            for (kind, condition) in conditions.iter().enumerate() {
                let Some(shown) = shown(data, &vocabulary.runs, headline.of(*condition)) else {
                    continue;
                };
                let x = left + bar * kind as f64;
                let (top, bottom) = (panel.place_y(shown.value), panel.place_y(0.0));
                let title = format!(
                    "{}, {}, vocabulary {}: {}\n{}",
                    headline.name,
                    condition_name(*condition),
                    vocabulary.label,
                    with_interval(&shown),
                    shown.origin
                );
                svg.rect(
                    [x, top, bar - 1.5, bottom - top],
                    look(*condition).paint,
                    Some(&title),
                );
                if let Some([low, high]) = shown.interval {
                    panel.whisker(&mut svg, x + bar / 2.0 - 0.75, low, high, INK);
                }
                chances.extend(shown.chance.map(|chance| (x, chance)));
            }
            for (x, chance) in chances {
                panel.level(&mut svg, chance, Some([x - 1.0, x + bar - 0.5]));
            }
        }
    }
    Some(Figure {
        id: "stages".into(),
        title: "What crossed over, by stage and vocabulary".into(),
        caption: format!(
            "Last checkpoint of {} runs. Dashed: chance. Whiskers: {}. Grammar, types, knowledge: accuracy of two-alternative items; \
             held-out facts: about known words, never stated in the minority language; lexical MRR and reachability: calibrated, \
             among the masked forms of the noun's type (seen conditions: equally many seen forms).",
            runs.len(),
            if vocabularies
                .iter()
                .all(|vocabulary| vocabulary.runs.len() == 1)
            {
                "95 % bootstrap intervals within the run"
            } else {
                "t intervals over world seeds"
            }
        ),
        svg,
    })
}
