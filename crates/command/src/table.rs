//! Tables printed for people: aligned columns, one rule under the header.

use std::fmt;

use comfy_table::{CellAlignment, presets};

/// A table for stdout. Columns whose cells are all numbers (also `0.31 ± 0.02`, `[0.1, 0.4]`, `12 %`) stand to the
/// right; `–` or an empty cell marks a missing number.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these column names.
    pub fn new(header: &[&str]) -> Self {
        Table {
            header: header.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond it stay empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(&self.header);
        for row in &self.rows {
            table.add_row(row);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            let mut cells = self.rows.iter().filter_map(|row| row.get(index)).peekable();
            if cells.peek().is_some() && cells.all(|cell| is_number(cell)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            column.set_padding((u16::from(index > 0) * 2, 0));
        }
        let lines: Vec<String> = table.lines().collect();
        let width = lines
            .iter()
            .map(|line| line.trim_end().chars().count())
            .max()
            .unwrap_or(0);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", line.trim_end())?;
            if index == 0 {
                write!(f, "\n{}", "─".repeat(width))?;
            }
        }
        Ok(())
    }
}

fn is_number(cell: &str) -> bool {
    let missing = matches!(cell.trim(), "" | "–" | "-");
    missing
        || (cell.chars().any(|c| c.is_ascii_digit())
            && cell
                .chars()
                .all(|c| c.is_ascii_digit() || "+-−–±.,%()[]<>=≤≥ ".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&["stage", "n", "value"]);
        table.row(vec!["grammar".into(), "1,200".into(), "0.5 ± 0.1".into()]);
        table.row(vec!["type".into(), "7".into(), "–".into()]);
        // 7 + 2 + 5 + 2 + 9 = 25 characters wide
        let expected = "\
stage        n      value
─────────────────────────
grammar  1,200  0.5 ± 0.1
type         7          –";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn an_empty_table_prints_its_header() {
        assert_eq!(Table::new(&["a", "b"]).to_string(), "a  b\n────");
    }

    #[test]
    fn what_counts_as_a_number() {
        for cell in [
            "1",
            "0.31",
            "12 %",
            "[0.1, 0.4]",
            "1,000",
            "–",
            "",
            "< 0.01",
        ] {
            assert!(is_number(cell), "{cell}");
        }
        for cell in ["grammar", "step-000123", "1e", "±"] {
            assert!(!is_number(cell), "{cell}");
        }
    }
}
