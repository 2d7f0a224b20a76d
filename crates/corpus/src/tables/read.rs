//! Parquet files to rows: any column order, any encoding of text, extra columns ignored; never a panic for what a file
//! holds. Check a file with [`crate::Input::file`] before it is read.

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Fields, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::schema::{BadCell, Column, Table};
use super::write::BATCH_ROWS;
use crate::input::listed;
use crate::{Error, Result};

/// A Parquet file while it is read, restricted to some columns.
pub(crate) struct FileReader {
    path: PathBuf,
    tool: &'static str,
    reader: ParquetRecordBatchReader,
    /// For each column asked for, its place in a batch.
    places: Vec<usize>,
    row_count: u64,
}

impl FileReader {
    /// Opens the file for these columns, which must be there with their types.
    pub fn open(path: &Path, tool: &'static str, columns: &[Column]) -> Result<FileReader> {
        let builder = open(path, tool)?;
        let found = builder.schema().clone();
        let mut roots = Vec::with_capacity(columns.len());
        for column in columns {
            roots.push(
                find(&found, column, columns).map_err(|problem| bad_table(path, tool, problem))?,
            );
        }
        // Batches hold the projected columns in the order of the file.
        let mut in_file_order = roots.clone();
        in_file_order.sort_unstable();
        let places = roots
            .iter()
            .filter_map(|root| in_file_order.binary_search(root).ok())
            .collect();
        let row_count = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = build(builder.with_projection(mask))
            .map_err(|problem| bad_table(path, tool, problem))?;
        Ok(FileReader {
            path: path.into(),
            tool,
            reader,
            places,
            row_count,
        })
    }

    /// The next batch's columns, in the order asked for.
    pub fn next_columns(&mut self) -> Option<Result<Vec<ArrayRef>>> {
        let batch = match next_batch(&mut self.reader)? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(self.bad(error))),
        };
        let columns: Vec<ArrayRef> = self
            .places
            .iter()
            .filter_map(|&place| batch.columns().get(place).cloned())
            .collect();
        if columns.len() != self.places.len() {
            return Some(Err(
                self.bad("expected every column in every row group".into())
            ));
        }
        Some(Ok(columns))
    }

    pub fn bad_cell(&self, BadCell { column, problem }: BadCell) -> Error {
        self.bad(format!("column \"{column}\": {problem}"))
    }

    fn bad(&self, problem: String) -> Error {
        bad_table(&self.path, self.tool, problem)
    }
}

fn bad_table(path: &Path, tool: &'static str, problem: String) -> Error {
    Error::BadTable {
        path: path.into(),
        problem,
        tool,
    }
}

/// What the Parquet library makes of a file: an error in words, also where it panics.
fn readable<T>(work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    command::guarded(work)?.map_err(|error| error.to_string())
}

/// The reader of a file's rows, a batch at a time, or what is wrong with the file.
pub(crate) fn build(
    builder: ParquetRecordBatchReaderBuilder<File>,
) -> Result<ParquetRecordBatchReader, String> {
    readable(|| builder.with_batch_size(BATCH_ROWS).build())
        .map_err(|error| format!("expected a readable table, found {error}"))
}

/// The next rows, or what is wrong with them.
pub(crate) fn next_batch(
    reader: &mut ParquetRecordBatchReader,
) -> Option<Result<RecordBatch, String>> {
    let said = match command::guarded(|| reader.next()) {
        Ok(batch) => batch?.map_err(|error| error.to_string()),
        Err(panic) => Err(panic),
    };
    Some(said.map_err(|error| format!("expected readable rows, found {error}")))
}

/// Opens a Parquet file and reads its footer.
pub(crate) fn open(
    path: &Path,
    tool: &'static str,
) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = open_file(path)?;
    readable(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(|error| {
        bad_table(
            path,
            tool,
            format!("expected a Parquet file, found another or a damaged one ({error})"),
        )
    })
}

/// Opens what is a file: a directory cannot be read, and a pipe would wait for ever.
fn open_file(path: &Path) -> Result<File> {
    let metadata = std::fs::metadata(path).map_err(Error::io(path, "read it"))?;
    if !metadata.is_file() {
        let source = std::io::Error::other("expected a file, found a directory or special file");
        return Err(Error::Io {
            path: path.into(),
            action: "read it",
            source,
        });
    }
    File::open(path).map_err(Error::io(path, "read it"))
}

/// Place of a column among the file's, checked for its type.
fn find(found: &Schema, column: &Column, all: &[Column]) -> Result<usize, String> {
    let Column { name, kind, .. } = column;
    let fields: &Fields = found.fields();
    let mut places = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| field.name() == name);
    let Some((place, field)) = places.next() else {
        // Names that no column of the table has are the likely misspellings.
        let strange: Vec<&str> = fields
            .iter()
            .map(|field| field.name().as_str())
            .filter(|found| all.iter().all(|column| column.name != *found))
            .collect();
        let shown = if strange.is_empty() {
            fields.iter().map(|field| field.name().as_str()).collect()
        } else {
            strange
        };
        return Err(format!(
            "no column \"{name}\" (found {})",
            listed(shown.into_iter())
        ));
    };
    if places.next().is_some() {
        return Err(format!("expected one column \"{name}\", found several"));
    }
    if !kind.accepts(field.data_type()) {
        return Err(format!(
            "column \"{name}\": expected {kind}, found {}",
            field.data_type()
        ));
    }
    Ok(place)
}

/// Reads a table in batches: an iterator over `Result<Vec<R>>`.
pub struct TableReader<R: Table> {
    file: FileReader,
    rows: PhantomData<fn() -> R>,
}

impl<R: Table> TableReader<R> {
    /// Opens a file and checks its columns.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::BadTable`] where it is no Parquet file, or a column is missing or of another type.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(TableReader {
            file: FileReader::open(path, R::TOOL, R::COLUMNS)?,
            rows: PhantomData,
        })
    }

    /// Rows of the file, as its footer says.
    pub fn row_count(&self) -> u64 {
        self.file.row_count
    }
}

impl<R: Table> Iterator for TableReader<R> {
    type Item = Result<Vec<R>>;

    fn next(&mut self) -> Option<Self::Item> {
        let columns = match self.file.next_columns()? {
            Ok(columns) => columns,
            Err(error) => return Some(Err(error)),
        };
        let mut rows = Vec::new();
        let decoded = R::decode(&columns, &mut rows).map_err(|bad| self.file.bad_cell(bad));
        Some(decoded.map(|()| rows))
    }
}

/// Reads a whole table.
///
/// # Errors
/// As [`TableReader::open`]; [`Error::BadTable`] also for values that do not belong into their column.
pub fn read_rows<R: Table>(path: &Path) -> Result<Vec<R>> {
    let mut all = Vec::new();
    for rows in TableReader::open(path)? {
        all.append(&mut rows?);
    }
    Ok(all)
}
