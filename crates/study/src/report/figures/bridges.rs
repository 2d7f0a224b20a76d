//! Bridge against what was reached: a point per run, and a point per concept.

use super::Figure;
use crate::report::claims::concept_correlation;
use crate::report::data::{Data, Measure, OUTCOME, REACHABILITY, names};
use crate::report::draw::colour::{INK, KINDS, SOFT, viridis};
use crate::report::draw::panel::{Labels, Panel, TICK, text_width};
use crate::report::draw::scale::Scale;
use crate::report::draw::svg::{Font, Line, MARKS, Mark, Svg};
use crate::report::statistics::{mean, spearman};
use crate::report::summary::{Vocabulary, levels, main_runs, number, vocabularies};

/// What is drawn against the bridge: the claims' outcome, and how many concepts were reached.
const OUTCOMES: [(&str, Measure<'static>); 2] = [
    ("masked MRR, the claims' outcome", OUTCOME),
    ("masked reachability", REACHABILITY),
];

/// A run's number, bridge and outcome.
type RunPoint = (usize, f64, f64);

fn points_of(data: &Data, runs: &[usize], measure: Measure) -> Vec<RunPoint> {
    let place = |run: &usize| {
        let bridge = data.runs[*run].value(names::BRIDGE)?;
        Some((*run, bridge, data.last(*run, measure)?.value?))
    };
    runs.iter().filter_map(place).collect()
}

/// A point per run, a panel per outcome; `None` with fewer than two points.
pub fn over_runs(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    if points_of(data, &runs, OUTCOME).len() < 2 {
        return None;
    }
    let vocabularies = vocabularies(data, &runs);
    let regimes = levels(data, &runs, "tok.regime");
    let last = vocabularies.len().saturating_sub(1).max(1) as f64;
    let mut svg = Svg::new(1010.0, 410.0);
    let mut notes = Vec::new();
    let mut whiskers = "";
    for (place, (title, measure)) in OUTCOMES.into_iter().enumerate() {
        let points = points_of(data, &runs, measure);
        // Few runs: their own intervals say how much of the differences is noise.
        let interval = |run: usize| {
            let last = data.last(run, measure).filter(|_| points.len() <= 40)?;
            last.low.zip(last.high)
        };
        let all_chances: Vec<f64> = runs
            .iter()
            .filter_map(|run| data.last(*run, measure)?.chance)
            .collect();
        let ends = points.iter().filter_map(|point| interval(point.0));
        let values = points.iter().map(|point| point.2);
        let panel = Panel {
            frame: [60.0 + 400.0 * place as f64, 34.0, 350.0, 316.0],
            x: Scale::around(points.iter().map(|point| point.1)),
            y: Scale::around(
                values
                    .chain(all_chances.iter().copied())
                    .chain(ends.flat_map(|(low, high)| [low, high])),
            ),
        };
        let labels = Labels {
            title,
            x: "bridge: shared mass corrected for chance",
            y: "",
            y_ticks: true,
            x_ticks: true,
        };
        panel.axes(&mut svg, labels);
        if !all_chances.is_empty() {
            panel.level(&mut svg, mean(&all_chances), None);
        }
        for (v, vocabulary) in vocabularies.iter().enumerate() {
            for (run, x, y) in points
                .iter()
                .filter(|(run, ..)| vocabulary.runs.contains(run))
            {
                let regime = regimes
                    .iter()
                    .position(|(_, runs)| runs.contains(run))
                    .unwrap_or(0);
                let tip = format!(
                    "{}\nvocabulary {}, regime {}: bridge {}, {title} {}",
                    data.runs[*run].run,
                    vocabulary.label,
                    regimes[regime].0,
                    number(*x),
                    number(*y)
                );
                if let Some((low, high)) = interval(*run) {
                    panel.whisker(&mut svg, panel.place_x(*x), low, high, SOFT);
                    whiskers = " Whiskers: 95 % bootstrap intervals within the run.";
                }
                svg.dot(
                    panel.place(*x, *y),
                    5.0,
                    MARKS[regime % MARKS.len()],
                    &viridis(v as f64 / last),
                    Some(&tip),
                );
            }
        }
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().map(|(_, x, y)| (*x, *y)).unzip();
        notes.extend(spearman(&xs, &ys).map(|rho| format!("{} with {title}", number(rho))));
    }
    run_legend(&mut svg, 842.0, &vocabularies, &regimes);
    let note = if notes.is_empty() {
        "Too few runs for a correlation.".to_owned()
    } else {
        format!(
            "Spearman of the bridge over the runs shown: {} (they are nested in world seeds; the claims' table has the estimate per seed).",
            notes.join(", ")
        )
    };
    Some(Figure {
        id: "bridge-runs".into(),
        title: "Bridge against masked lexical transfer: runs".into(),
        caption: format!(
            "Means over a run's masked concepts at the last checkpoint, calibrated, primary set: reciprocal rank, and share ranked first \
             with scores averaged over contexts. Dashed: chance.{whiskers} {note}"
        ),
        svg,
    })
}

/// What the colours and shapes of runs mean.
fn run_legend(
    svg: &mut Svg,
    left: f64,
    vocabularies: &[Vocabulary],
    regimes: &[(String, Vec<usize>)],
) {
    let last = vocabularies.len().saturating_sub(1).max(1) as f64;
    let mut y = 46.0;
    svg.text([left, y - 12.0], "vocabulary size", Font::soft(TICK));
    for (v, vocabulary) in vocabularies.iter().enumerate() {
        svg.dot(
            [left + 7.0, y + 1.0],
            5.0,
            Mark::Circle,
            &viridis(v as f64 / last),
            None,
        );
        svg.text([left + 20.0, y + 5.0], &vocabulary.label, Font::ink(12.0));
        y += 20.0;
    }
    if regimes.len() > 1 {
        y += 22.0;
        svg.text([left, y - 12.0], "tokenizer regime", Font::soft(TICK));
        for (r, (regime, _)) in regimes.iter().enumerate() {
            svg.mark(
                [left + 7.0, y + 1.0],
                5.0,
                MARKS[r % MARKS.len()],
                INK,
                0.75,
                None,
            );
            svg.text([left + 20.0, y + 5.0], regime, Font::ink(12.0));
            y += 20.0;
        }
    }
}

/// A point per masked concept, a panel per vocabulary, at most this many points a panel.
const MOST_POINTS: usize = 1500;

/// A panel per vocabulary with its concepts; `None` without ranks of concepts.
pub fn over_concepts(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    let vocabularies = vocabularies(data, &runs);
    let of = |runs: &[usize]| -> Vec<(f64, f64, u32, usize)> {
        let own = data
            .concepts
            .iter()
            .filter(|concept| runs.contains(&concept.run));
        own.filter_map(|concept| Some((concept.bridge, concept.mrr?, concept.concept, concept.run)))
            .collect()
    };
    if of(&runs).is_empty() {
        return None;
    }
    const COLUMNS: usize = 4;
    let columns = vocabularies.len().min(COLUMNS);
    let rows = vocabularies.len().div_ceil(COLUMNS);
    let (width, height) = (190.0, 170.0);
    let mut svg = Svg::new(
        64.0 + (width + 26.0) * columns as f64,
        44.0 + (height + 78.0) * rows as f64,
    );
    for (index, vocabulary) in vocabularies.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let points = of(&vocabulary.runs);
        let panel = Panel {
            frame: [
                60.0 + (width + 26.0) * column as f64,
                36.0 + (height + 78.0) * row as f64,
                width,
                height,
            ],
            x: Scale::around(of(&runs).iter().map(|point| point.0)),
            y: Scale::UNIT,
        };
        let title = format!("vocabulary {}", vocabulary.label);
        panel.axes(
            &mut svg,
            Labels {
                title: &title,
                x: "bridge",
                y: if column == 0 {
                    "MRR of the concept"
                } else {
                    ""
                },
                y_ticks: column == 0,
                x_ticks: true,
            },
        );
        let stride = points.len().div_ceil(MOST_POINTS).max(1);
        for (x, y, concept, run) in points.iter().step_by(stride) {
            let title = format!(
                "concept {concept}, {}: bridge {}, MRR {}",
                data.runs[*run].run,
                number(*x),
                number(*y)
            );
            svg.mark(
                panel.place(*x, *y),
                3.2,
                Mark::Circle,
                KINDS[2],
                0.45,
                Some(&title),
            );
        }
        let trend = quantile_means(
            &points.iter().map(|(x, y, ..)| (*x, *y)).collect::<Vec<_>>(),
            5,
        );
        let line: Vec<Option<[f64; 2]>> = trend
            .iter()
            .map(|(x, y)| Some(panel.place(*x, *y)))
            .collect();
        svg.path(&line, Line::solid(INK, 1.8));
        let correlations: Vec<f64> = vocabulary
            .runs
            .iter()
            .filter_map(|run| concept_correlation(data, *run))
            .collect();
        let note = if correlations.is_empty() {
            "ρ –".to_owned()
        } else {
            format!("ρ {}", number(mean(&correlations)))
        };
        let [left, top, width, height] = panel.frame;
        svg.text(
            [
                left + width - 4.0 - text_width(&note, 12.0),
                top + height - 8.0,
            ],
            &note,
            Font::ink(12.0),
        );
    }
    Some(Figure {
        id: "bridge-concepts".into(),
        title: "Bridge against masked MRR: concepts".into(),
        caption: format!(
            "A point per masked concept and run: its primary bridge and the mean calibrated reciprocal rank over its contexts at the last checkpoint{}. \
             Line: means of fifths by bridge. ρ: Spearman over concepts within a run, mean over runs.",
            if of(&runs).len() > MOST_POINTS * vocabularies.len() {
                " (a regular selection)"
            } else {
                ""
            }
        ),
        svg,
    })
}

/// Means of x and y in groups of equal size by x.
fn quantile_means(points: &[(f64, f64)], groups: usize) -> Vec<(f64, f64)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let spread = sorted
        .last()
        .zip(sorted.first())
        .map_or(0.0, |(last, first)| last.0 - first.0);
    if sorted.len() < 2 * groups || spread < 1e-9 {
        return Vec::new();
    }
    (0..groups)
        .map(|group| {
            let part = &sorted[sorted.len() * group / groups..sorted.len() * (group + 1) / groups];
            let (xs, ys): (Vec<f64>, Vec<f64>) = part.iter().copied().unzip();
            (mean(&xs), mean(&ys))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_equal_size() {
        // Sorted by x: (1, 0) (2, 2) | (3, 4) (4, 6) → (1.5, 1) and (3.5, 5)
        let points = [(3.0, 4.0), (1.0, 0.0), (4.0, 6.0), (2.0, 2.0)];
        assert_eq!(quantile_means(&points, 2), [(1.5, 1.0), (3.5, 5.0)]);
        assert!(quantile_means(&points[..3], 2).is_empty());
    }
}
