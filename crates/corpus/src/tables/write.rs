//! Rows to Parquet files, the same rows to the same bytes.

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::schema::{Table, arrow_schema};
use crate::{Error, Result, durable};

/// Rows of a row group: readers parallelise over them, and hold one of them at a time.
pub(crate) const ROW_GROUP_ROWS: usize = 65_536;

/// Rows encoded at a time. Part of the format: page boundaries, hence bytes, depend on it.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// Zstandard level. Of 50,000 documents (`cargo bench -p corpus`, one thread) level 1 makes 7.54 MB in 0.32 s, level 3
/// 7.40 MB in 0.34 s, level 6 7.21 MB in 0.69 s, level 9 7.15 MB in 0.97 s; reading costs the same.
const ZSTD_LEVEL: i32 = 3;

/// Who wrote the file, in the form `APPLICATION version VERSION` that readers parse. No tool version: an update alone
/// changes no byte.
const CREATED_BY: &str = "in-vitro-lab version 1.0.0";

/// A Parquet file while it is written: at `NAME.tmp`, renamed to its name once it is whole, deleted where that fails.
pub(crate) struct FileWriter {
    path: PathBuf,
    beside: PathBuf,
    is_whole: bool,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
}

impl FileWriter {
    /// `descriptions` of columns by name; `unique` names columns whose values hardly repeat.
    pub fn create<'a>(
        path: &Path,
        schema: Schema,
        descriptions: impl IntoIterator<Item = (&'a str, &'a str)>,
        unique: &[&str],
    ) -> Result<FileWriter> {
        let beside = durable::unfinished(path);
        let file = File::create(&beside).map_err(Error::io(&beside, "create it"))?;
        let schema = Arc::new(schema);
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&schema, descriptions, unique))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(|error| write_error(&beside, error))?;
        Ok(FileWriter {
            path: path.into(),
            beside,
            is_whole: false,
            schema,
            writer,
        })
    }

    /// Writes columns of equal length, in the order of the schema.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(ParquetError::from)
            .and_then(|batch| self.writer.write(&batch))
            .map_err(|error| write_error(&self.beside, error))
    }

    /// Writes what is left, syncs, and gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        // Not `into_inner`, which turns the system's error into text.
        self.writer
            .finish()
            .map_err(|error| write_error(&self.beside, error))?;
        durable::finish(self.writer.inner(), &self.beside, &self.path)?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if !self.is_whole {
            durable::remove_file(&self.beside).ok();
        }
    }
}

fn properties<'a>(
    schema: &Schema,
    descriptions: impl IntoIterator<Item = (&'a str, &'a str)>,
    unique: &[&str],
) -> WriterProperties {
    let described = descriptions
        .into_iter()
        .map(|(name, description)| KeyValue::new(format!("column.{name}"), description.to_owned()))
        .collect();
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.into())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(described));
    for name in unique {
        let column = || ColumnPath::from(*name);
        properties = properties.set_column_dictionary_enabled(column(), false);
        let kind = schema.field_with_name(name).map(|field| field.data_type());
        match kind {
            Ok(DataType::UInt32 | DataType::UInt64) => {
                properties =
                    properties.set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED);
            }
            Ok(DataType::Utf8) => {
                properties =
                    properties.set_column_statistics_enabled(column(), EnabledStatistics::None);
            }
            _ => {}
        }
    }
    properties.build()
}

/// A full disk and the like come wrapped; what the system said is what counts.
fn write_error(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    Error::Io {
        path: path.into(),
        action: "write it",
        source,
    }
}

/// Writes a table row by row. The file appears at its path when [`TableWriter::finish`] returns, whole.
pub struct TableWriter<R: Table> {
    file: FileWriter,
    builder: R::Builder,
    waiting: usize,
    rows: PhantomData<fn(R)>,
}

impl<R: Table> TableWriter<R> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let descriptions = R::COLUMNS
            .iter()
            .map(|column| (column.name, column.description));
        Ok(TableWriter {
            file: FileWriter::create(path, arrow_schema(R::COLUMNS), descriptions, R::UNIQUE)?,
            builder: R::builder(),
            waiting: 0,
            rows: PhantomData,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Io`], e.g. where the disk is full.
    pub fn push(&mut self, row: &R) -> Result<()> {
        row.append(&mut self.builder);
        self.waiting += 1;
        if self.waiting == BATCH_ROWS {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Ends the file: syncs it and gives it its name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.finish()
    }

    fn flush(&mut self) -> Result<()> {
        if self.waiting == 0 {
            return Ok(());
        }
        self.waiting = 0;
        self.file.write(R::finish(&mut self.builder))
    }
}

/// Writes a whole table.
///
/// # Errors
/// [`Error::Io`].
pub fn write_rows<R: Table>(path: &Path, rows: &[R]) -> Result<()> {
    let mut writer = TableWriter::create(path)?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    writer.finish()
}
