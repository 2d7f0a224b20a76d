//! The report's figures, each from [`Data`] alone.

pub mod bridges;
pub mod controls;
pub mod curves;
pub mod heat;
pub mod importance;
pub mod interventions;
pub mod order;
pub mod stages;
pub mod tokenizers;

use corpus::Condition;

use super::data::Data;
use super::draw::colour::{KINDS, Paint};
use super::draw::panel::{Entry, Sign};
use super::draw::svg::{MARKS, Mark, Svg};

/// A figure with what stands under it.
#[derive(Debug, Clone)]
pub struct Figure {
    /// File name without extension.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// How to read it, and what it is made of.
    pub caption: String,
    /// The drawing.
    pub svg: Svg,
}

/// Every figure that the data allows, in the report's order.
pub fn figures(data: &Data) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(stages::figure(data));
    figures.extend(heat::figures(data));
    figures.extend(curves::figure(data));
    figures.extend(order::figure(data));
    figures.extend(bridges::over_runs(data));
    figures.extend(bridges::over_concepts(data));
    figures.extend(interventions::figure(data));
    figures.extend(importance::figure(data));
    figures.extend(controls::figure(data));
    figures.extend(tokenizers::figure(data));
    figures
}

/// How a condition is drawn: colour, mark and dashes, so that it reads without colour too.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Its colour.
    pub paint: Paint,
    /// Its points.
    pub mark: Mark,
    /// Its lines.
    pub dash: Option<&'static str>,
}

/// The look of a condition.
pub fn look(condition: Condition) -> Look {
    let (kind, dash) = match condition {
        Condition::Majority => (0, None),
        Condition::Minority => (1, Some("6 3")),
        Condition::Masked => (2, None),
        Condition::Identical => (3, Some("2 3")),
    };
    Look {
        paint: KINDS[kind],
        mark: MARKS[kind],
        dash,
    }
}

/// A condition as people call it.
pub fn condition_name(condition: Condition) -> &'static str {
    match condition {
        Condition::Majority => "majority",
        Condition::Minority => "minority, seen",
        Condition::Masked => "minority, masked",
        Condition::Identical => "masked, identical form",
    }
}

/// Legend entries of some conditions.
pub fn condition_legend(conditions: &[Condition], sign: fn(Look) -> Sign) -> Vec<Entry> {
    let entry = |condition: &Condition| {
        let look = look(*condition);
        Entry {
            label: condition_name(*condition).to_owned(),
            paint: look.paint,
            sign: sign(look),
        }
    };
    conditions.iter().map(entry).collect()
}
