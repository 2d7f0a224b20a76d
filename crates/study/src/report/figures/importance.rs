//! Factor importance: how much of the outcome's variance each knob's levels explain.

use super::Figure;
use crate::plan::runs::WORLD;
use crate::report::data::{Data, OUTCOME};
use crate::report::draw::colour::{INK, KINDS};
use crate::report::draw::svg::{Anchor, Font, Svg};
use crate::report::statistics::{mean, ranks};
use crate::report::summary::{levels, main_runs};

/// η² of each varied knob, computed on ranks; `None` with fewer than two varied knobs or 8 runs.
pub fn figure(data: &Data) -> Option<Figure> {
    let runs = main_runs(data);
    let scored: Vec<(usize, f64)> = runs
        .iter()
        .filter_map(|run| Some((*run, data.last(*run, OUTCOME)?.value?)))
        .collect();
    let rank = ranks(&scored.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let names: std::collections::BTreeSet<&String> = runs
        .iter()
        .flat_map(|run| data.runs[*run].knobs.keys())
        // It differs where another key of the world does, which stands for itself.
        .filter(|name| *name != WORLD)
        .collect();
    let mut shares: Vec<(String, f64, usize)> = Vec::new();
    for name in names {
        let groups = levels(data, &runs, name);
        if groups.len() < 2 {
            continue;
        }
        let outcomes: Vec<Vec<f64>> = groups
            .iter()
            .map(|(_, members)| {
                scored
                    .iter()
                    .zip(&rank)
                    .filter(|((run, _), _)| members.contains(run))
                    .map(|(_, rank)| *rank)
                    .collect()
            })
            .collect();
        shares.extend(eta_squared(&outcomes).map(|share| (name.clone(), share, groups.len())));
    }
    if shares.len() < 2 || scored.len() < 8 {
        return None;
    }
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let (left, width, row) = (190.0, 420.0, 26.0);
    let mut svg = Svg::new(left + width + 90.0, 20.0 + row * shares.len() as f64);
    for (index, (name, share, levels)) in shares.iter().enumerate() {
        let y = 12.0 + row * index as f64;
        svg.text(
            [left - 8.0, y + 13.0],
            name,
            Font::ink(12.0).at(Anchor::End),
        );
        let title = format!(
            "{name}: {:.1} % of the rank variance between its {levels} levels, {} runs",
            100.0 * share,
            scored.len()
        );
        svg.rect([left, y, width * share, 18.0], KINDS[0], Some(&title));
        svg.text(
            [left + width * share + 6.0, y + 13.0],
            &format!("{:.0} %", 100.0 * share),
            Font {
                paint: INK,
                ..Font::soft(12.0)
            },
        );
    }
    Some(Figure {
        id: "importance".into(),
        title: "Which knob matters".into(),
        caption: format!(
            "Share of the variance of the {} runs' masked MRR (ranks) that lies between the levels of each knob (η², one knob at a time; \
             a description of this grid, whose levels were chosen).",
            scored.len()
        ),
        svg,
    })
}

/// Sum of squares between groups over the total; `None` without variance.
fn eta_squared(groups: &[Vec<f64>]) -> Option<f64> {
    let all: Vec<f64> = groups.iter().flatten().copied().collect();
    if all.is_empty() {
        return None;
    }
    let centre = mean(&all);
    let square = |value: f64| (value - centre) * (value - centre);
    let total: f64 = all.iter().copied().map(square).sum();
    let between: f64 = groups
        .iter()
        .filter(|group| !group.is_empty())
        .map(|group| group.len() as f64 * square(mean(group)))
        .sum();
    (total > 0.0).then(|| between / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_over_total() {
        // Values 1 3 | 5 7, mean 4: total 9 + 1 + 1 + 9 = 20; between 2·(2−4)² + 2·(6−4)² = 16
        assert_eq!(eta_squared(&[vec![1.0, 3.0], vec![5.0, 7.0]]), Some(0.8));
        assert_eq!(eta_squared(&[vec![1.0], vec![1.0]]), None);
    }
}
