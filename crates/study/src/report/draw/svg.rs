//! SVG elements as text, escaped.

use std::fmt::Write;

use super::colour::{Paint, style};

/// A drawing that grows element by element. Lengths are in CSS pixels.
#[derive(Debug, Clone)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Is centred there.
    Middle,
    /// Ends there.
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Font {
    /// Height in pixels.
    pub size: f64,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub paint: Paint,
    /// Where it stands.
    pub anchor: Anchor,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Its colour.
    pub paint: Paint,
    /// Its width in pixels.
    pub width: f64,
    /// Lengths of dashes and gaps; `None`: solid.
    pub dash: Option<&'static str>,
}

/// Shapes of points, so that kinds differ without colour too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
}

/// The marks in the order of kinds.
pub const MARKS: [Mark; 4] = [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond];

/// Text for an element or attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Characters that XML 1.0 does not allow at all.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A length with at most two decimals.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn fill(paint: Paint) -> String {
    format!(r#"class="{}-fill" fill="{}""#, paint.class, paint.light)
}

impl Line {
    /// A solid line.
    pub const fn solid(paint: Paint, width: f64) -> Line {
        Line {
            paint,
            width,
            dash: None,
        }
    }

    fn attributes(&self) -> String {
        let dash = self
            .dash
            .map(|dash| format!(r#" stroke-dasharray="{dash}""#))
            .unwrap_or_default();
        format!(
            r#"class="{}-line" stroke="{}" stroke-width="{}"{dash}"#,
            self.paint.class,
            self.paint.light,
            short(self.width)
        )
    }
}

impl Svg {
    /// An empty drawing.
    pub fn new(width: f64, height: f64) -> Svg {
        Svg {
            width,
            height,
            body: String::new(),
        }
    }

    fn push(&mut self, element: std::fmt::Arguments, title: Option<&str>) {
        // Writing to a String cannot fail.
        let _ = match title {
            Some(title) => writeln!(
                self.body,
                "<g>{element}<title>{}</title></g>",
                escape(title)
            ),
            None => writeln!(self.body, "{element}"),
        };
    }

    /// A filled rectangle; `title` is shown when pointed at.
    pub fn rect(&mut self, [x, y, width, height]: [f64; 4], paint: Paint, title: Option<&str>) {
        let [x, y, width, height] = [x, y, width.max(0.0), height.max(0.0)].map(short);
        self.push(
            format_args!(
                r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" {}/>"#,
                fill(paint)
            ),
            title,
        );
    }

    /// A rectangle of a colour that is the same everywhere, such as a heat map's cell.
    pub fn cell(&mut self, [x, y, width, height]: [f64; 4], colour: &str, title: Option<&str>) {
        let [x, y, width, height] = [x, y, width, height].map(short);
        self.push(
            format_args!(
                r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>"#
            ),
            title,
        );
    }

    /// A straight line.
    pub fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], line: Line) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(short);
        self.push(
            format_args!(
                r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" {}/>"#,
                line.attributes()
            ),
            None,
        );
    }

    /// A line through points, broken where there is none.
    pub fn path(&mut self, points: &[Option<[f64; 2]>], line: Line) {
        let mut data = String::new();
        let mut pen_down = false;
        for point in points {
            match point {
                Some([x, y]) => {
                    let _ = write!(
                        data,
                        "{}{} {}",
                        if pen_down { "L" } else { "M" },
                        short(*x),
                        short(*y)
                    );
                    pen_down = true;
                }
                None => pen_down = false,
            }
        }
        if !data.is_empty() {
            self.push(format_args!(r#"<path d="{data}" fill="none" stroke-linejoin="round" stroke-linecap="round" {}/>"#, line.attributes()), None);
        }
    }

    /// A band between two lines through the same places.
    pub fn band(&mut self, upper: &[[f64; 2]], lower: &[[f64; 2]], paint: Paint) {
        let points: Vec<String> = upper
            .iter()
            .chain(lower.iter().rev())
            .map(|[x, y]| format!("{} {}", short(*x), short(*y)))
            .collect();
        if points.len() > 2 {
            self.push(
                format_args!(
                    r#"<path d="M{}Z" fill-opacity="0.16" {}/>"#,
                    points.join("L"),
                    fill(paint)
                ),
                None,
            );
        }
    }

    /// A point, set apart from what lies under it by a thin outline.
    pub fn mark(
        &mut self,
        [x, y]: [f64; 2],
        radius: f64,
        mark: Mark,
        paint: Paint,
        opacity: f64,
        title: Option<&str>,
    ) {
        let attributes = format!(
            r#"class="{}-fill paper-line" fill="{}" stroke="{}" stroke-width="0.7" fill-opacity="{}""#,
            paint.class,
            paint.light,
            super::colour::PAPER.light,
            short(opacity)
        );
        self.shape([x, y], radius, mark, &attributes, title);
    }

    /// A point of a colour that is the same everywhere.
    pub fn dot(
        &mut self,
        place: [f64; 2],
        radius: f64,
        mark: Mark,
        colour: &str,
        title: Option<&str>,
    ) {
        let attributes = format!(
            r##"class="soft-line" fill="{colour}" stroke="{}" stroke-width="0.7""##,
            super::colour::SOFT.light
        );
        self.shape(place, radius, mark, &attributes, title);
    }

    fn shape(
        &mut self,
        [x, y]: [f64; 2],
        radius: f64,
        mark: Mark,
        attributes: &str,
        title: Option<&str>,
    ) {
        let polygon = |corners: &[[f64; 2]]| {
            let corners: Vec<String> = corners
                .iter()
                .map(|[dx, dy]| format!("{},{}", short(x + dx * radius), short(y + dy * radius)))
                .collect();
            format!(r#"<polygon points="{}" {attributes}/>"#, corners.join(" "))
        };
        let element = match mark {
            Mark::Circle => format!(
                r#"<circle cx="{}" cy="{}" r="{}" {attributes}/>"#,
                short(x),
                short(y),
                short(radius)
            ),
            Mark::Square => polygon(&[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
            Mark::Triangle => polygon(&[[0.0, -1.2], [1.05, 0.75], [-1.05, 0.75]]),
            Mark::Diamond => polygon(&[[0.0, -1.25], [1.25, 0.0], [0.0, 1.25], [-1.25, 0.0]]),
        };
        self.push(format_args!("{element}"), title);
    }

    /// A text; `y` is its baseline.
    pub fn text(&mut self, [x, y]: [f64; 2], text: &str, font: Font) {
        self.push(
            format_args!(
                "<text x=\"{}\" y=\"{}\" {}>{}</text>",
                short(x),
                short(y),
                font.attributes(),
                escape(text)
            ),
            None,
        );
    }

    /// A text of a colour that is the same everywhere, such as a number in a heat map's cell.
    pub fn text_in(&mut self, [x, y]: [f64; 2], text: &str, size: f64, colour: &str) {
        self.push(
            format_args!(r#"<text x="{}" y="{}" font-size="{}" text-anchor="middle" fill="{colour}">{}</text>"#, short(x), short(y), short(size), escape(text)),
            None,
        );
    }

    /// A text that runs upwards, centred at its place.
    pub fn text_upwards(&mut self, [x, y]: [f64; 2], text: &str, font: Font) {
        let (x, y) = (short(x), short(y));
        self.push(
            format_args!(
                "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\" {}>{}</text>",
                font.attributes(),
                escape(text)
            ),
            None,
        );
    }

    /// The element alone, for a page that carries the style sheet. `title` is what screen readers say.
    pub fn element(&self, title: &str) -> String {
        self.written(title, "")
    }

    /// A whole file that carries its own style sheet.
    pub fn file(&self, title: &str) -> String {
        self.written(title, &format!("<style>{}</style>\n", style()))
    }

    fn written(&self, title: &str, style: &str) -> String {
        let (width, height, title) = (short(self.width), short(self.height), escape(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
             font-family=\"system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\" aria-label=\"{title}\">\n{style}{}</svg>\n",
            self.body
        )
    }
}

impl Font {
    /// Text of this size in ink, beginning at its place.
    pub const fn ink(size: f64) -> Font {
        Font {
            size,
            bold: false,
            paint: super::colour::INK,
            anchor: Anchor::Start,
        }
    }

    /// Secondary text of this size.
    pub const fn soft(size: f64) -> Font {
        Font {
            size,
            bold: false,
            paint: super::colour::SOFT,
            anchor: Anchor::Start,
        }
    }

    /// The same, standing otherwise.
    pub const fn at(self, anchor: Anchor) -> Font {
        Font { anchor, ..self }
    }

    /// The same in bold.
    pub const fn bold(self) -> Font {
        Font { bold: true, ..self }
    }

    fn attributes(&self) -> String {
        let anchor = match self.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if self.bold {
            r#" font-weight="600""#
        } else {
            ""
        };
        format!(
            r#"font-size="{}" text-anchor="{anchor}"{weight} {}"#,
            short(self.size),
            fill(self.paint)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::draw::colour::INK;

    #[test]
    fn elements_are_escaped_and_balanced() {
        let mut svg = Svg::new(10.0, 5.0);
        svg.rect([0.0, 1.0, 2.5, 1.0 / 3.0], INK, Some("a < b & \"c\" \u{1}"));
        svg.path(
            &[Some([0.0, 0.0]), None, Some([1.0, 1.0]), Some([2.0, 1.5])],
            Line::solid(INK, 1.0),
        );
        let text = svg.file("t");
        assert!(
            text.contains("<title>a &lt; b &amp; &quot;c&quot; \u{fffd}</title>"),
            "{text}"
        );
        assert!(text.contains(r#"d="M0 0M1 1L2 1.5""#), "{text}");
        assert!(text.contains(r#"height="0.33""#), "{text}");
        assert_eq!(text.matches("<g>").count(), text.matches("</g>").count());
        assert!(svg.element("t").starts_with("<svg ") && !svg.element("t").contains("<style>"));
    }
}
