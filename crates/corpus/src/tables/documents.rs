//! Documents without a `String` per row: the two hot paths, writing a shard and reading its text.
//!
//! One writer or scan uses one thread; callers run one per shard file. Row groups hold 65,536 documents; batches are
//! encoded 4,096 documents at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, PrimitiveArray, StringArray, StringBuilder, UInt16Builder, UInt32Builder,
    UInt64Builder,
};
use arrow::datatypes::{ArrowPrimitiveType, UInt16Type, UInt32Type, UInt64Type};

use super::cell::canonical;
use super::choice::Language;
use super::lang::DocumentRow;
use super::read::FileReader;
use super::schema::{BadCell, Column, Table, arrow_schema};
use super::write::FileWriter;
use crate::{Error, Result};

/// Documents encoded at a time, or fewer that hold this much text. Part of the format, as in `write`.
const BATCH_DOCUMENTS: usize = 4_096;
const BATCH_BYTES: usize = 64 << 20;

/// One document, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentRef<'a> {
    /// Number of the document.
    pub document: u64,
    /// Language it is told in.
    pub language: Language,
    /// Its sentences, joined by one space.
    pub text: &'a str,
    /// Its abstract syntax.
    pub derivation: &'a str,
    /// Characters of the text, spaces included.
    pub characters: u32,
    /// Sentences of the text.
    pub sentences: u16,
}

/// Documents gathered in memory, column by column: what a thread fills and the writer then appends.
#[derive(Debug, Clone, Default)]
pub struct DocumentBatch {
    fixed: Vec<(u64, Language, u32, u16)>,
    /// Texts and derivations by turns, and where each ends.
    strings: String,
    ends: Vec<usize>,
}

impl DocumentBatch {
    /// An empty batch.
    pub fn new() -> DocumentBatch {
        DocumentBatch::default()
    }

    /// Adds a document.
    pub fn push(&mut self, document: DocumentRef) {
        let DocumentRef {
            document,
            language,
            text,
            derivation,
            characters,
            sentences,
        } = document;
        self.fixed.push((document, language, characters, sentences));
        for string in [text, derivation] {
            self.strings.push_str(string);
            self.ends.push(self.strings.len());
        }
    }

    /// Documents in it.
    pub fn len(&self) -> usize {
        self.fixed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fixed.is_empty()
    }

    /// Forgets the documents, keeps the memory.
    pub fn clear(&mut self) {
        self.fixed.clear();
        self.strings.clear();
        self.ends.clear();
    }

    /// The documents, in order.
    pub fn iter(&self) -> impl Iterator<Item = DocumentRef<'_>> {
        let mut begin = 0;
        self.fixed
            .iter()
            .zip(self.ends.chunks_exact(2))
            .map(move |(&fixed, ends)| {
                let (document, language, characters, sentences) = fixed;
                let text = &self.strings[begin..ends[0]];
                let derivation = &self.strings[ends[0]..ends[1]];
                begin = ends[1];
                DocumentRef {
                    document,
                    language,
                    text,
                    derivation,
                    characters,
                    sentences,
                }
            })
    }
}

/// Writes one file of documents. The file appears at its path when [`DocumentWriter::finish`] returns, whole; its bytes
/// are those of [`crate::tables::TableWriter`] but for page boundaries.
pub struct DocumentWriter {
    file: FileWriter,
    path: PathBuf,
    document: UInt64Builder,
    language: StringBuilder,
    text: StringBuilder,
    derivation: StringBuilder,
    characters: UInt32Builder,
    sentences: UInt16Builder,
}

impl DocumentWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<DocumentWriter> {
        let descriptions = DocumentRow::COLUMNS
            .iter()
            .map(|column| (column.name, column.description));
        Ok(DocumentWriter {
            file: FileWriter::create(
                path,
                arrow_schema(DocumentRow::COLUMNS),
                descriptions,
                DocumentRow::UNIQUE,
            )?,
            path: path.into(),
            document: UInt64Builder::new(),
            language: StringBuilder::new(),
            text: StringBuilder::new(),
            derivation: StringBuilder::new(),
            characters: UInt32Builder::new(),
            sentences: UInt16Builder::new(),
        })
    }

    /// Adds a document.
    ///
    /// # Errors
    /// [`Error::Io`], e.g. where the disk is full; a document of more than 64 MiB.
    pub fn push(&mut self, document: DocumentRef) -> Result<()> {
        let DocumentRef {
            document,
            language,
            text,
            derivation,
            characters,
            sentences,
        } = document;
        // Arrow's offsets have 31 bits; a batch and one document more stay well below.
        if text.len().max(derivation.len()) > BATCH_BYTES {
            let source = std::io::Error::other(format!(
                "document {document} has more than {BATCH_BYTES} bytes"
            ));
            return Err(Error::Io {
                path: self.path.clone(),
                action: "write it",
                source,
            });
        }
        self.document.append_value(document);
        self.language.append_value(language.as_str());
        self.text.append_value(text);
        self.derivation.append_value(derivation);
        self.characters.append_value(characters);
        self.sentences.append_value(sentences);
        let bytes = self
            .text
            .values_slice()
            .len()
            .max(self.derivation.values_slice().len());
        if self.document.len() == BATCH_DOCUMENTS || bytes >= BATCH_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Adds all documents of a batch.
    ///
    /// # Errors
    /// As [`DocumentWriter::push`].
    pub fn append(&mut self, batch: &DocumentBatch) -> Result<()> {
        batch.iter().try_for_each(|document| self.push(document))
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
        if self.document.is_empty() {
            return Ok(());
        }
        self.file.write(vec![
            Arc::new(self.document.finish()),
            Arc::new(self.language.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.derivation.finish()),
            Arc::new(self.characters.finish()),
            Arc::new(self.sentences.finish()),
        ])
    }
}

/// Calls `each(language, text, characters)` for every document of a file, in order, reading only these columns; the
/// text is borrowed from the decoded batch.
///
/// # Errors
/// As [`crate::tables::TableReader::open`], and whatever `each` returns, which ends the scan.
pub fn scan_text(
    path: &Path,
    mut each: impl FnMut(Language, &str, u32) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut file = FileReader::open(
        path,
        DocumentRow::TOOL,
        &columns(["language", "text", "characters"]),
    )?;
    while let Some(batch) = file.next_columns() {
        let mut batch = Batch {
            file: &file,
            columns: batch?.into_iter(),
        };
        let (languages, texts) = (batch.text("language")?, batch.text("text")?);
        let characters = batch.numbers::<UInt32Type>("characters")?;
        for row in 0..texts.len() {
            let language = batch.language(languages.value(row))?;
            each(language, texts.value(row), characters.value(row))?;
        }
    }
    Ok(())
}

/// Calls `each` for every document of a file, in order, with all columns, borrowed.
///
/// # Errors
/// As [`scan_text`].
pub fn scan_documents(
    path: &Path,
    mut each: impl FnMut(DocumentRef) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut file = FileReader::open(path, DocumentRow::TOOL, DocumentRow::COLUMNS)?;
    while let Some(batch) = file.next_columns() {
        let mut batch = Batch {
            file: &file,
            columns: batch?.into_iter(),
        };
        let documents = batch.numbers::<UInt64Type>("document")?;
        let (languages, texts) = (batch.text("language")?, batch.text("text")?);
        let derivations = batch.text("derivation")?;
        let characters = batch.numbers::<UInt32Type>("characters")?;
        let sentences = batch.numbers::<UInt16Type>("sentences")?;
        for row in 0..texts.len() {
            each(DocumentRef {
                document: documents.value(row),
                language: batch.language(languages.value(row))?,
                text: texts.value(row),
                derivation: derivations.value(row),
                characters: characters.value(row),
                sentences: sentences.value(row),
            })?;
        }
    }
    Ok(())
}

/// Some columns of the documents' table, by name.
fn columns<const N: usize>(names: [&str; N]) -> Vec<Column> {
    let all = DocumentRow::COLUMNS;
    names
        .iter()
        .filter_map(|name| all.iter().find(|column| column.name == *name))
        .copied()
        .collect()
}

/// The columns of one batch, taken in order.
struct Batch<'a> {
    file: &'a FileReader,
    columns: std::vec::IntoIter<arrow::array::ArrayRef>,
}

impl Batch<'_> {
    fn text(&mut self, column: &'static str) -> Result<StringArray> {
        self.take(column)
    }

    fn numbers<T: ArrowPrimitiveType>(
        &mut self,
        column: &'static str,
    ) -> Result<PrimitiveArray<T>> {
        self.take(column)
    }

    fn take<A: Array + Clone + 'static>(&mut self, column: &'static str) -> Result<A> {
        let bad = |problem: String| self.file.bad_cell(BadCell { column, problem });
        let kind = DocumentRow::COLUMNS
            .iter()
            .find(|found| found.name == column)
            .map(|found| found.kind);
        let array = self.columns.next().zip(kind);
        let (array, kind) = array.ok_or_else(|| bad("expected a column, found none".into()))?;
        let array = canonical(&array, kind).map_err(|error| bad(error.to_string()))?;
        if array.null_count() > 0 {
            return Err(bad("expected a value in every row, found a null".into()));
        }
        let typed = array.as_any().downcast_ref::<A>().cloned();
        typed.ok_or_else(|| bad(format!("expected {kind}, found {}", array.data_type())))
    }

    fn language(&self, text: &str) -> Result<Language> {
        text.parse()
            .map_err(|error: super::choice::ParseChoiceError| {
                self.file.bad_cell(BadCell {
                    column: "language",
                    problem: error.to_string(),
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_rows;
    use super::super::tests::scratch;
    use super::*;

    fn documents(n: u64) -> DocumentBatch {
        let mut batch = DocumentBatch::new();
        for document in 0..n {
            let text = format!("word{document} in text .");
            let derivation = format!("(S (N {document}))");
            let language = if document % 3 == 0 {
                Language::Minority
            } else {
                Language::Majority
            };
            let characters = text.len() as u32;
            batch.push(DocumentRef {
                document,
                language,
                text: &text,
                derivation: &derivation,
                characters,
                sentences: 1,
            });
        }
        batch
    }

    #[test]
    fn documents_are_written_the_same_however_they_arrive() {
        let (directory, path) = scratch();
        let again = directory.path().join("again.parquet");
        // More than two batches of the writer.
        let batch = documents(10_000);
        let mut writer = DocumentWriter::create(&path).unwrap();
        writer.append(&batch).unwrap();
        writer.finish().unwrap();
        let mut writer = DocumentWriter::create(&again).unwrap();
        let mut small = DocumentBatch::new();
        for (index, document) in batch.iter().enumerate() {
            small.push(document);
            if index % 37 == 0 {
                writer.append(&small).unwrap();
                small.clear();
            }
        }
        writer.append(&small).unwrap();
        writer.finish().unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            std::fs::read(&again).unwrap()
        );

        let mut expected = batch.iter();
        scan_documents(&path, |document| {
            assert_eq!(Some(document), expected.next());
            Ok(())
        })
        .unwrap();
        assert!(expected.next().is_none());
        assert_eq!(read_rows::<DocumentRow>(&path).unwrap().len(), 10_000);
    }

    #[test]
    fn a_scan_ends_where_its_caller_says() {
        let (_directory, path) = scratch();
        let mut writer = DocumentWriter::create(&path).unwrap();
        writer.append(&documents(10)).unwrap();
        writer.finish().unwrap();
        let mut seen = 0;
        let ended = scan_text(&path, |_, _, _| {
            seen += 1;
            if seen == 3 {
                Err(anyhow::anyhow!("enough"))
            } else {
                Ok(())
            }
        });
        assert_eq!(
            (ended.unwrap_err().to_string(), seen),
            ("enough".to_owned(), 3)
        );
    }
}
