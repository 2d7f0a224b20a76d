//! Draws the loss curves of some MODEL directories into one SVG.
//!
//! `cargo run --release -p model-train --example loss_curves -- OUT.svg NAME=MODEL NAME=MODEL …`

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use corpus::tables::TrainLogRow;
use corpus::{Input, Stage, read_rows};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 50.0;
const BOTTOM: f64 = 300.0;
/// Okabe and Ito's colours, told apart by the colour-blind.
const COLOURS: [&str; 4] = ["#000000", "#0072b2", "#d55e00", "#009e73"];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().context("expected OUT.svg NAME=MODEL …")?;
    let mut curves = Vec::new();
    for argument in arguments {
        let (name, model) = argument.split_once('=').context("expected NAME=MODEL")?;
        let input = Input::open(Path::new(model), Stage::Model)?;
        let rows: Vec<TrainLogRow> = read_rows(&input.file("train_log.parquet")?)?;
        curves.push((name.to_owned(), rows));
    }
    ensure!(
        (1..=COLOURS.len()).contains(&curves.len()),
        "expected 1 to {} models",
        COLOURS.len()
    );

    let losses = || {
        curves
            .iter()
            .flat_map(|(_, rows)| rows.iter().map(|row| row.loss_nats))
    };
    let highest = losses().fold(0.0, f64::max).ceil();
    let steps = curves
        .iter()
        .filter_map(|(_, rows)| rows.last())
        .map(|row| row.step)
        .max()
        .unwrap_or(1);
    let x = |step: u64| LEFT + (WIDTH - LEFT - 20.0) * step as f64 / steps as f64;
    let y = |loss: f64| BOTTOM - (BOTTOM - 20.0) * loss / highest;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for tick in 0..=highest as u32 {
        let at = y(f64::from(tick));
        writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"#ddd\"/>",
            WIDTH - 20.0
        )?;
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT - 6.0,
            at + 4.0
        )?;
    }
    for tick in 0..=5 {
        let step = steps * tick / 5;
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{step}</text>",
            x(step),
            BOTTOM + 16.0
        )?;
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>",
        (WIDTH + LEFT) / 2.0,
        HEIGHT - 6.0
    )?;
    writeln!(
        svg,
        "<text x=\"14\" y=\"{}\" transform=\"rotate(-90 14 {0})\" text-anchor=\"middle\">loss, nats per token</text>",
        BOTTOM / 2.0
    )?;
    for (index, (name, rows)) in curves.iter().enumerate() {
        let colour = COLOURS[index];
        // Later curves are thinner, so that those beneath show where they coincide.
        let width = 5.0 / (index + 1) as f64;
        let points: String = rows
            .iter()
            .map(|row| format!("{:.1},{:.2} ", x(row.step), y(row.loss_nats)))
            .collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width:.1}\" stroke-opacity=\"0.8\"/>",
            points.trim_end()
        )?;
        let at = 36.0 + 18.0 * index as f64;
        writeln!(
            svg,
            "<path d=\"M{} {at}h24\" stroke=\"{colour}\" stroke-width=\"{width:.1}\"/>",
            WIDTH - 230.0
        )?;
        let last = rows.last().map_or(f64::NAN, |row| row.loss_nats);
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\">{name} ({last:.3})</text>",
            WIDTH - 200.0,
            at + 4.0
        )?;
    }
    svg.push_str("</svg>\n");
    std::fs::write(&out, svg).with_context(|| out.clone())?;
    for (name, rows) in &curves[1..] {
        let most = rows.iter().zip(&curves[0].1).fold(0f64, |most, (a, b)| {
            most.max((a.loss_nats - b.loss_nats).abs())
        });
        println!("{name}: at most {most:.4} nats from {}", curves[0].0);
    }
    Ok(())
}
