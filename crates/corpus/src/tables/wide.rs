//! Tables whose columns are named at run time: `runs.parquet`, one column per knob, seed, fingerprint and metric.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};

use super::cell::Cells;
use super::read;
use super::schema::{BadCell, Kind};
use super::write::{BATCH_ROWS, FileWriter};
use crate::{Error, Result};

/// The values of one column, one per row; `None` is a null.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Unsigned integers.
    Integer(Vec<Option<u64>>),
    /// Floats, 64 bits.
    Real(Vec<Option<f64>>),
    /// True or false.
    Flag(Vec<Option<bool>>),
}

/// One column: name, description with unit, values.
#[derive(Debug, Clone, PartialEq)]
pub struct WideColumn {
    /// Its name, as in SQL.
    pub name: String,
    /// What it means, with its unit.
    pub description: String,
    /// Its values; all columns of a table have equally many.
    pub values: Values,
}

impl Values {
    /// Rows of the column.
    pub fn len(&self) -> usize {
        match self {
            Values::Text(values) => values.len(),
            Values::Integer(values) => values.len(),
            Values::Real(values) => values.len(),
            Values::Flag(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn data_type(&self) -> DataType {
        match self {
            Values::Text(_) => DataType::Utf8,
            Values::Integer(_) => DataType::UInt64,
            Values::Real(_) => DataType::Float64,
            Values::Flag(_) => DataType::Boolean,
        }
    }

    fn array(&self, rows: std::ops::Range<usize>) -> ArrayRef {
        match self {
            Values::Text(values) => Arc::new(
                values[rows]
                    .iter()
                    .map(Option::as_deref)
                    .collect::<StringArray>(),
            ),
            Values::Integer(values) => {
                Arc::new(values[rows].iter().copied().collect::<UInt64Array>())
            }
            Values::Real(values) => {
                Arc::new(values[rows].iter().copied().collect::<Float64Array>())
            }
            Values::Flag(values) => {
                Arc::new(values[rows].iter().copied().collect::<BooleanArray>())
            }
        }
    }
}

/// Writes a table of columns named at run time; the same columns give the same bytes.
///
/// # Errors
/// [`Error::Io`].
///
/// # Panics
/// Where the columns differ in length or two have one name.
pub fn write_wide(path: &Path, columns: &[WideColumn]) -> Result<()> {
    let rows = columns.first().map_or(0, |column| column.values.len());
    assert!(
        columns.iter().all(|column| column.values.len() == rows),
        "columns of different lengths"
    );
    let names: std::collections::BTreeSet<&str> =
        columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names.len(), columns.len(), "two columns of one name");
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| Field::new(&column.name, column.values.data_type(), true))
        .collect();
    let descriptions = columns
        .iter()
        .map(|column| (column.name.as_str(), column.description.as_str()));
    let mut file = FileWriter::create(path, Schema::new(fields), descriptions, &[])?;
    for begin in (0..rows).step_by(BATCH_ROWS) {
        let end = rows.min(begin + BATCH_ROWS);
        file.write(
            columns
                .iter()
                .map(|column| column.values.array(begin..end))
                .collect(),
        )?;
    }
    file.finish()
}

/// Reads every column of a table written by [`write_wide`], in order, with their descriptions. `tool`: the command that
/// writes this table, named where it cannot be read.
///
/// # Errors
/// [`Error::Io`]; [`Error::BadTable`] also for a column of a type that [`Values`] has not.
pub fn read_wide(path: &Path, tool: &'static str) -> Result<Vec<WideColumn>> {
    let bad = |problem: String| Error::BadTable {
        path: path.into(),
        problem,
        tool,
    };
    let builder = read::open(path, tool)?;
    let described = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .cloned()
        .unwrap_or_default();
    let mut columns = Vec::new();
    for field in builder.schema().fields() {
        let found = field.data_type();
        let values = match found {
            DataType::UInt64 => Values::Integer(Vec::new()),
            DataType::Float64 => Values::Real(Vec::new()),
            DataType::Boolean => Values::Flag(Vec::new()),
            text if Kind::Text.accepts(text) => Values::Text(Vec::new()),
            _ => {
                return Err(bad(format!(
                    "column \"{}\": expected string, u64, f64 or bool, found {found}",
                    field.name()
                )));
            }
        };
        let key = format!("column.{}", field.name());
        let description = described
            .iter()
            .find(|entry| entry.key == key)
            .and_then(|entry| entry.value.clone());
        columns.push(WideColumn {
            name: field.name().clone(),
            description: description.unwrap_or_default(),
            values,
        });
    }
    let mut reader = read::build(builder).map_err(bad)?;
    while let Some(batch) = read::next_batch(&mut reader) {
        let batch = batch.map_err(bad)?;
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            let extended = extend(&mut column.values, array);
            extended
                .map_err(|cell| bad(format!("column \"{}\": {}", column.name, cell.problem)))?;
        }
    }
    Ok(columns)
}

fn extend(values: &mut Values, array: &ArrayRef) -> Result<(), BadCell> {
    fn rest<T: super::cell::Cell>(
        to: &mut Vec<Option<T>>,
        array: &ArrayRef,
    ) -> Result<(), BadCell> {
        let cells = Cells::<Option<T>>::new("", Some(array.clone()))?;
        for row in 0..cells.len() {
            to.push(cells.get(row)?);
        }
        Ok(())
    }
    match values {
        Values::Text(to) => rest(to, array),
        Values::Integer(to) => rest(to, array),
        Values::Real(to) => rest(to, array),
        Values::Flag(to) => rest(to, array),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{score, scratch};
    use super::*;

    #[test]
    fn columns_named_at_run_time_there_and_back() {
        let (directory, path) = scratch();
        let column = |name: &str, values| WideColumn {
            name: name.into(),
            description: format!("about {name}"),
            values,
        };
        let columns = [
            column("regime", Values::Text(vec![Some("balanced".into()), None])),
            column("world_seed", Values::Integer(vec![Some(u64::MAX), Some(0)])),
            column("mrr", Values::Real(vec![None, Some(0.25)])),
            column("finished", Values::Flag(vec![Some(true), None])),
        ];
        write_wide(&path, &columns).unwrap();
        assert_eq!(read_wide(&path, "study plan").unwrap(), columns);
        let again = directory.path().join("again.parquet");
        write_wide(&again, &columns).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            std::fs::read(&again).unwrap()
        );
        write_wide(&path, &[]).unwrap();
        assert_eq!(read_wide(&path, "study plan").unwrap(), []);
        super::super::write_rows(&path, &[score(1)]).unwrap();
        let error = read_wide(&path, "study plan").unwrap_err().to_string();
        assert!(
            error.ends_with(
                "column \"probe\": expected string, u64, f64 or bool, found UInt32; was it written by study plan?"
            ),
            "{error}"
        );
    }
}
