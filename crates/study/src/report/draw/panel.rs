//! Panels: a frame with two axes, and what is drawn in it.

use super::colour::{CHANCE, GRID, Paint, SOFT};
use super::scale::Scale;
use super::svg::{Anchor, Font, Line, Mark, Svg};

/// A frame with two scales. Places are computed from values; nothing is drawn outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Left, top, width and height of the frame, pixels.
    pub frame: [f64; 4],
    /// Horizontal scale, from left to right.
    pub x: Scale,
    /// Vertical scale, from bottom to top.
    pub y: Scale,
}

/// What stands around a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels<'a> {
    /// Above the frame.
    pub title: &'a str,
    /// Under the horizontal axis.
    pub x: &'a str,
    /// Beside the vertical axis.
    pub y: &'a str,
    /// Whether the vertical axis has numbers.
    pub y_ticks: bool,
    /// Whether the horizontal axis has numbers.
    pub x_ticks: bool,
}

/// Size of tick labels, pixels.
pub const TICK: f64 = 11.0;
/// Size of axis labels.
pub const LABEL: f64 = 12.0;
/// Size of panel titles.
pub const TITLE: f64 = 13.0;

impl Panel {
    /// Place of a value pair.
    pub fn place(&self, x: f64, y: f64) -> [f64; 2] {
        [self.place_x(x), self.place_y(y)]
    }

    /// Horizontal place.
    pub fn place_x(&self, x: f64) -> f64 {
        let [left, _, width, _] = self.frame;
        left + width * self.x.place(x)
    }

    /// Vertical place.
    pub fn place_y(&self, y: f64) -> f64 {
        let [_, top, _, height] = self.frame;
        top + height * (1.0 - self.y.place(y))
    }

    /// Width of one band of a banded horizontal scale.
    pub fn band(&self) -> f64 {
        match &self.x {
            Scale::Bands(names) => self.frame[2] / names.len().max(1) as f64,
            _ => self.frame[2],
        }
    }

    /// Grid, axes, ticks and labels.
    pub fn axes(&self, svg: &mut Svg, labels: Labels) {
        let [left, top, width, height] = self.frame;
        let (right, bottom) = (left + width, top + height);
        let banded_y = matches!(self.y, Scale::Bands(_));
        let vertical = self.y.ticks(((height / 32.0) as usize).clamp(2, 6));
        for (value, label) in &vertical {
            let y = self.place_y(*value);
            if !banded_y {
                svg.line([left, y, right, y], Line::solid(GRID, 1.0));
            }
            if labels.y_ticks {
                svg.text(
                    [left - 6.0, y + 0.36 * TICK],
                    label,
                    Font::soft(TICK).at(Anchor::End),
                );
            }
        }
        let horizontal = self.x.ticks(((width / 46.0) as usize).clamp(2, 8));
        for (value, label) in &horizontal {
            let x = self.place_x(*value);
            if !matches!(self.x, Scale::Bands(_)) {
                svg.line([x, top, x, bottom], Line::solid(GRID, 1.0));
                svg.line([x, bottom, x, bottom + 4.0], Line::solid(SOFT, 1.0));
            }
            if labels.x_ticks {
                svg.text(
                    [x, bottom + 6.0 + TICK],
                    label,
                    Font::soft(TICK).at(Anchor::Middle),
                );
            }
        }
        svg.line([left, bottom, right, bottom], Line::solid(SOFT, 1.0));
        if !labels.title.is_empty() {
            svg.text([left, top - 8.0], labels.title, Font::ink(TITLE).bold());
        }
        if !labels.x.is_empty() {
            svg.text(
                [left + width / 2.0, bottom + 12.0 + TICK + LABEL],
                labels.x,
                Font::ink(LABEL).at(Anchor::Middle),
            );
        }
        if !labels.y.is_empty() {
            svg.text_upwards(
                [left - 38.0, top + height / 2.0],
                labels.y,
                Font::ink(LABEL).at(Anchor::Middle),
            );
        }
    }

    /// A dashed level across the frame, or across part of it (left and right in pixels).
    pub fn level(&self, svg: &mut Svg, value: f64, across: Option<[f64; 2]>) {
        let [left, _, width, _] = self.frame;
        let [from, to] = across.unwrap_or([left, left + width]);
        let y = self.place_y(value);
        svg.line(
            [from, y, to, y],
            Line {
                paint: CHANCE,
                width: 1.2,
                dash: Some("4 3"),
            },
        );
    }

    /// An interval as a whisker at a horizontal place in pixels.
    pub fn whisker(&self, svg: &mut Svg, x: f64, low: f64, high: f64, paint: Paint) {
        let (low, high) = (self.place_y(low), self.place_y(high));
        let line = Line::solid(paint, 1.2);
        svg.line([x, low, x, high], line);
        for y in [low, high] {
            svg.line([x - 2.5, y, x + 2.5, y], line);
        }
    }
}

/// One entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it says.
    pub label: String,
    /// Its colour.
    pub paint: Paint,
    /// How it is shown.
    pub sign: Sign,
}

/// How a legend shows an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A filled square.
    Box,
    /// A line with these dashes.
    Line(Option<&'static str>),
    /// A point.
    Mark(Mark),
}

/// A text's width in pixels, about: an average letter of a sans-serif face is 0.55 of its size wide.
pub fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.55
}

/// Entries side by side, beginning at a place.
pub fn legend(svg: &mut Svg, [left, y]: [f64; 2], entries: &[Entry]) {
    let mut x = left;
    for entry in entries {
        match entry.sign {
            Sign::Box => svg.rect([x, y - 9.0, 11.0, 11.0], entry.paint, None),
            Sign::Line(dash) => svg.line(
                [x - 4.0, y - 4.0, x + 14.0, y - 4.0],
                Line {
                    paint: entry.paint,
                    width: 2.0,
                    dash,
                },
            ),
            Sign::Mark(mark) => svg.mark([x + 5.0, y - 4.0], 4.5, mark, entry.paint, 1.0, None),
        }
        svg.text([x + 19.0, y], &entry.label, Font::ink(LABEL));
        x += 19.0 + text_width(&entry.label, LABEL) + 22.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_grow_upwards_and_to_the_right() {
        let panel = Panel {
            frame: [10.0, 20.0, 100.0, 50.0],
            x: Scale::UNIT,
            y: Scale::UNIT,
        };
        assert_eq!(panel.place(0.0, 0.0), [10.0, 70.0]);
        assert_eq!(panel.place(1.0, 0.5), [110.0, 45.0]);
        let bands = Panel {
            x: Scale::Bands(vec!["a".into(), "b".into()]),
            ..panel
        };
        assert_eq!((bands.place_x(0.0), bands.band()), (35.0, 50.0));
    }
}
