//! What people look at: the stage × condition table, and what became of one concept.

pub mod concept;
pub mod table;

/// A number with two decimals, or a dash.
fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.2}"))
}
