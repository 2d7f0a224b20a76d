//! A small drawing module: figures as SVG that reads in light and dark, in print, and without a style sheet.
//!
//! [`svg`] writes elements, [`scale`] maps values to places and chooses ticks, [`panel`] draws frames, axes and marks.
//!
//! Why not a library: kuva 0.6 wrote ill-formed SVG for grouped bars with tooltips, one ink on dark and light cells of a
//! heat map and overlapping labels on log axes; plotters 0.3 has neither tooltips nor classes to hang a theme on.
//! Colours are attributes (what a paper's tools read), classes let a style sheet change them in the dark.

pub mod colour;
pub mod panel;
pub mod scale;
pub mod svg;
