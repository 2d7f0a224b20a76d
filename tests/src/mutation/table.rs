//! Damage to Parquet: columns swapped, gone, of other types; strange cells; absurd sizes in footer and page headers.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, UInt64Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use rand::RngExt;
use seed::Stream;

/// Changes a table, or the numbers by which it is read.
pub fn mutate(bytes: &[u8], stream: &mut Stream) -> Option<(&'static str, Vec<u8>)> {
    if stream.random_range(0..3) == 0 {
        return headers(bytes, stream);
    }
    let (table, _) = read(bytes)?;
    let (what, table) = change(table, stream)?;
    Some((what, write(&table)?))
}

/// A file as one batch.
fn read(bytes: &[u8]) -> Option<(RecordBatch, Arc<ParquetMetaData>)> {
    let file = tempfile::NamedTempFile::new().ok()?;
    std::fs::write(file.path(), bytes).ok()?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.reopen().ok()?).ok()?;
    let metadata = builder.metadata().clone();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().ok()?.collect::<Result<_, _>>().ok()?;
    Some((concat_batches(&schema, &batches).ok()?, metadata))
}

fn write(table: &RecordBatch) -> Option<Vec<u8>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).ok()?;
    writer.write(table).ok()?;
    writer.close().ok()?;
    Some(bytes)
}

/// Absurd numbers where lengths and offsets stand: the footer's length, the footer, the headers of pages.
fn headers(bytes: &[u8], stream: &mut Stream) -> Option<(&'static str, Vec<u8>)> {
    let mut changed = bytes.to_vec();
    let length = bytes.len();
    let at = length.checked_sub(8)?;
    let footer = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    let begin = at.checked_sub(footer)?;
    // A variable-length number of ten bytes is the largest there is.
    const LARGEST: [u8; 10] = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    match stream.random_range(0..4) {
        0 => {
            let absurd = [0, 1, u32::MAX, 1 << 30, length as u32, footer as u32 + 1];
            let absurd = absurd[stream.random_range(0..absurd.len())];
            changed[at..at + 4].copy_from_slice(&absurd.to_le_bytes());
            Some(("an absurd footer length", changed))
        }
        1 => {
            let place = stream.random_range(begin..at);
            changed[place] = stream.random_range(0..=255);
            Some(("a byte of the footer changed", changed))
        }
        2 => {
            // Put in, so that what follows still stands: the footer's length is mended.
            let place = stream.random_range(begin..at);
            let size = stream.random_range(2..=LARGEST.len());
            changed.splice(
                place..place + 1,
                LARGEST[LARGEST.len() - size..].iter().copied(),
            );
            let grown = (footer + size - 1) as u32;
            let at = changed.len() - 8;
            changed[at..at + 4].copy_from_slice(&grown.to_le_bytes());
            Some(("an absurd number in the footer", changed))
        }
        _ => {
            let (_, metadata) = read(bytes)?;
            let pages: Vec<usize> = metadata
                .row_groups()
                .iter()
                .flat_map(|group| group.columns())
                .flat_map(|column| {
                    [
                        column.dictionary_page_offset(),
                        Some(column.data_page_offset()),
                    ]
                })
                .flatten()
                .filter_map(|offset| usize::try_from(offset).ok())
                .collect();
            let page = *pages.get(stream.random_range(0..pages.len().max(1)))?;
            let place = page + stream.random_range(0..24);
            *changed.get_mut(place)? = [0, 0xff, 0x7f, 0x80, 1][stream.random_range(0..5)];
            Some(("a byte of a page header changed", changed))
        }
    }
}

fn change(table: RecordBatch, stream: &mut Stream) -> Option<(&'static str, RecordBatch)> {
    let schema = table.schema();
    let mut fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    let mut columns: Vec<ArrayRef> = table.columns().to_vec();
    if fields.is_empty() {
        return None;
    }
    let at = stream.random_range(0..fields.len());
    let other = stream.random_range(0..fields.len());
    let rows = table.num_rows();
    let what = match stream.random_range(0..9) {
        0 => {
            fields.remove(at);
            columns.remove(at);
            "a column left out"
        }
        1 => {
            let names = (fields[at].name().clone(), fields[other].name().clone());
            fields[at] = fields[at].clone().with_name(names.1);
            fields[other] = fields[other].clone().with_name(names.0);
            "columns swapped"
        }
        2 => {
            let name = fields[other].name().clone();
            fields[at] = fields[at].clone().with_name(name);
            "two columns of one name"
        }
        3 => {
            let kinds = [
                DataType::Int32,
                DataType::UInt64,
                DataType::Float64,
                DataType::Utf8,
                DataType::Boolean,
                DataType::LargeUtf8,
                DataType::Binary,
            ];
            let kind = kinds[stream.random_range(0..kinds.len())].clone();
            columns[at] = cast(&columns[at], &kind).ok()?;
            fields[at] = Field::new(fields[at].name(), kind, true);
            "a column of another type"
        }
        4 => {
            let kind = fields[at].data_type().clone();
            columns[at] = new_null_array(&kind, rows);
            fields[at] = Field::new(fields[at].name(), kind, true);
            "a column of nulls"
        }
        5 => {
            let none = UInt32Array::from(Vec::<u32>::new());
            columns = rearranged(&columns, &none)?;
            "no rows"
        }
        6 => {
            let places: UInt32Array = (0..rows)
                .map(|_| stream.random_range(0..rows) as u32)
                .collect::<Vec<_>>()
                .into();
            columns = rearranged(&columns, &places)?;
            "rows drawn at random"
        }
        _ => {
            columns[at] = strange_cells(&columns[at], stream)?;
            "strange cells"
        }
    };
    let table = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).ok()?;
    Some((what, table))
}

fn rearranged(columns: &[ArrayRef], places: &UInt32Array) -> Option<Vec<ArrayRef>> {
    columns
        .iter()
        .map(|column| take(column, places, None).ok())
        .collect()
}

/// Some cells replaced by what no honest writer puts there.
fn strange_cells(column: &ArrayRef, stream: &mut Stream) -> Option<ArrayRef> {
    let chosen: Vec<bool> = (0..column.len())
        .map(|_| stream.random_range(0..column.len().min(20)) == 0)
        .collect();
    let kind = column.data_type().clone();
    let changed: ArrayRef = match &kind {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            let strange = [
                "",
                " ",
                ".",
                "é\u{0}",
                "minority",
                "masked",
                "a a a a a a .",
                "x\ny",
            ];
            let long = "x ".repeat(50_000);
            let changed = (0..texts.len()).map(|row| match (chosen[row], texts.is_valid(row)) {
                (true, _) => match stream.random_range(0..=strange.len()) {
                    at if at < strange.len() => Some(strange[at]),
                    _ => Some(long.as_str()),
                },
                (false, true) => Some(texts.value(row)),
                (false, false) => None,
            });
            Arc::new(changed.collect::<StringArray>())
        }
        DataType::Float32 | DataType::Float64 => {
            let numbers = cast(column, &DataType::Float64).ok()?;
            let numbers = numbers.as_primitive::<Float64Type>();
            let strange = [f64::NAN, f64::INFINITY, -1.0, 1e300, 0.0];
            let changed =
                (0..numbers.len()).map(|row| match (chosen[row], numbers.is_valid(row)) {
                    (true, _) => Some(strange[stream.random_range(0..strange.len())]),
                    (false, true) => Some(numbers.value(row)),
                    (false, false) => None,
                });
            let changed: arrow::array::Float64Array = changed.collect();
            cast(&changed, &kind).ok()?
        }
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            let numbers = cast(column, &DataType::UInt64).ok()?;
            let numbers = numbers.as_primitive::<UInt64Type>();
            let largest = match kind {
                DataType::UInt8 => u64::from(u8::MAX),
                DataType::UInt16 => u64::from(u16::MAX),
                DataType::UInt32 => u64::from(u32::MAX),
                _ => u64::MAX,
            };
            let strange = [0, 1, largest, largest / 2, 100];
            let changed =
                (0..numbers.len()).map(|row| match (chosen[row], numbers.is_valid(row)) {
                    (true, _) => Some(strange[stream.random_range(0..strange.len())]),
                    (false, true) => Some(numbers.value(row)),
                    (false, false) => None,
                });
            let changed: arrow::array::UInt64Array = changed.collect();
            cast(&changed, &kind).ok()?
        }
        _ => {
            // Lists and flags: the cells of other rows.
            let places: UInt32Array = (0..column.len())
                .map(|row| match chosen[row] {
                    true => stream.random_range(0..column.len()) as u32,
                    false => row as u32,
                })
                .collect::<Vec<_>>()
                .into();
            take(column, &places, None).ok()?
        }
    };
    Some(changed)
}
