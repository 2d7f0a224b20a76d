//! Every table there and back, the same bytes twice, and what a wrong file is answered with.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, LargeListArray, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Int8Type, Schema};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use super::write::{BATCH_ROWS, ROW_GROUP_ROWS};
use super::*;

/// Rows with arbitrary values.
pub trait AnyRow: Sized {
    fn any() -> BoxedStrategy<Self>;
}

/// An arbitrary value of a column.
pub trait AnyCell: Sized {
    fn draw(source: &mut Source) -> Self;
}

/// A small generator (SplitMix64, Steele et al. 2014).
pub struct Source(u64);

pub fn source(seed: u64) -> Source {
    Source(seed)
}

fn next(source: &mut Source) -> u64 {
    source.0 = source.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (source.0 ^ (source.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn below(source: &mut Source, n: usize) -> usize {
    (next(source) % n as u64) as usize
}

macro_rules! any_number {
    ($($type:ty),+) => { $( impl AnyCell for $type {
        fn draw(source: &mut Source) -> Self {
            match below(source, 4) {
                0 => <$type>::MAX,
                1 => <$type>::MIN,
                _ => next(source) as $type,
            }
        }
    } )+ };
}
any_number!(u8, u16, u32, u64, f32, f64);

impl AnyCell for bool {
    fn draw(source: &mut Source) -> Self {
        below(source, 2) == 1
    }
}

impl AnyCell for String {
    fn draw(source: &mut Source) -> Self {
        let letters = ['a', 'ß', 'ж', '😀', ' ', '.', '"', '\n', '\0'];
        (0..below(source, 12))
            .map(|_| letters[below(source, letters.len())])
            .collect()
    }
}

impl<T: AnyCell> AnyCell for Vec<T> {
    fn draw(source: &mut Source) -> Self {
        (0..below(source, 5)).map(|_| T::draw(source)).collect()
    }
}

impl<T: AnyCell> AnyCell for Option<T> {
    fn draw(source: &mut Source) -> Self {
        (below(source, 3) > 0).then(|| T::draw(source))
    }
}

pub fn scratch() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    (directory, path)
}

/// Writes twice, reads once: the same bytes, the same rows.
fn check_round_trip<R: Table + PartialEq + std::fmt::Debug>(rows: &[R]) {
    let (directory, path) = scratch();
    let again = directory.path().join("again.parquet");
    write_rows(&path, rows).unwrap();
    write_rows(&again, rows).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        std::fs::read(&again).unwrap()
    );
    assert_eq!(read_rows::<R>(&path).unwrap(), rows);
    assert_eq!(
        TableReader::<R>::open(&path).unwrap().row_count(),
        rows.len() as u64
    );
}

macro_rules! round_trips {
    ($($test:ident: $row:ty;)+) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(12))]
            $( #[test]
            fn $test(rows in proptest::collection::vec(<$row>::any(), 0..40)) {
                check_round_trip(&rows);
            } )+
        }
    };
}

round_trips! {
    lexicon_there_and_back: LexiconRow;
    facts_there_and_back: FactRow;
    documents_there_and_back: DocumentRow;
    probes_there_and_back: ProbeRow;
    segmentation_there_and_back: SegmentationRow;
    bridges_there_and_back: BridgeRow;
    summary_there_and_back: SummaryRow;
    train_log_there_and_back: TrainLogRow;
    timing_there_and_back: TimingRow;
    scores_there_and_back: ScoreRow;
    metrics_there_and_back: MetricRow;
    samples_there_and_back: SampleRow;
    claims_there_and_back: ClaimRow;
    interventions_there_and_back: InterventionRow;
    validation_scores_there_and_back: ValidationScoreRow;
    continuations_there_and_back: ContinuationRow;
    alignment_there_and_back: AlignmentRow;
}

pub fn score(step: u64) -> ScoreRow {
    let calibrated_nats = (!step.is_multiple_of(3)).then_some(0.5);
    ScoreRow {
        step,
        probe: 7,
        candidate: 1,
        log_probability_nats: -12.5,
        calibrated_nats,
        n_tokens: 9,
        next_word_nats: None,
    }
}

#[test]
fn many_rows_fill_row_groups_of_fixed_size() {
    let rows: Vec<ScoreRow> = (0..ROW_GROUP_ROWS as u64 + BATCH_ROWS as u64 + 1)
        .map(score)
        .collect();
    check_round_trip(&rows);
    let (_directory, path) = scratch();
    write_rows(&path, &rows).unwrap();
    let reader = super::read::open(&path, "test").unwrap();
    let groups: Vec<i64> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.num_rows())
        .collect();
    assert_eq!(groups, [ROW_GROUP_ROWS as i64, BATCH_ROWS as i64 + 1]);
}

#[test]
fn an_unfinished_table_leaves_nothing_and_the_older_one_alone() {
    let (directory, path) = scratch();
    std::fs::write(&path, "older").unwrap();
    let mut writer = TableWriter::create(&path).unwrap();
    writer.push(&score(1)).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_has_its_name_only_once_it_is_whole() {
    let (directory, path) = scratch();
    let mut writer = TableWriter::create(&path).unwrap();
    writer.push(&score(1)).unwrap();
    assert!(!path.exists());
    writer.finish().unwrap();
    let names = crate::input::names(directory.path()).unwrap();
    assert_eq!(names, ["table.parquet"]);
}

#[test]
fn descriptions_stand_in_the_file() {
    let (_directory, path) = scratch();
    write_rows::<LexiconRow>(&path, &[]).unwrap();
    let reader = super::read::open(&path, "test").unwrap();
    let metadata = reader.metadata().file_metadata();
    let entries = metadata.key_value_metadata().unwrap();
    let described = entries
        .iter()
        .find(|entry| entry.key == "column.type")
        .unwrap();
    let expected = "Type in the ontology; null where words of the category have none";
    assert_eq!(described.value.as_deref(), Some(expected));
    assert_eq!(
        entries.len(),
        LexiconRow::COLUMNS.len(),
        "no other metadata, Arrow's schema least of all"
    );
    assert_eq!(metadata.created_by(), Some("in-vitro-lab version 1.0.0"));
}

/// Names and types are the contract between stages: a change here is a change of format.
#[test]
fn columns_are_those_of_the_schema() {
    let described = |columns: &[Column]| {
        let shown = columns.iter().map(
            |Column {
                 name,
                 kind,
                 nullable,
                 ..
             }| { format!("{name} {kind}{}", if *nullable { " ?" } else { "" }) },
        );
        shown.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        described(ProbeRow::COLUMNS),
        "probe u32; stage string (grammar, type, knowledge, lexical, ladder); phenomenon string; \
         condition string (majority, minority, masked, identical); language string (majority, minority); \
         concept u32 ?; type string ?; template string; calibration_group string ?; candidates list<string>; \
         forms list<string> ?; gold u16; crossed_with u32 ?; set string (primary, type_valid, pair, ladder); chance f32"
    );
    assert_eq!(
        described(FactRow::COLUMNS),
        "subject u32; relation u32; object u32; kind string (attribute, relation); held_out bool; holds bool"
    );
    for columns in [
        LexiconRow::COLUMNS,
        SegmentationRow::COLUMNS,
        BridgeRow::COLUMNS,
        MetricRow::COLUMNS,
    ] {
        assert!(columns.iter().all(|column| !column.description.is_empty()));
    }
}

/// Writes a file as another program would, with Arrow's schema in it.
fn write_foreign(path: &std::path::Path, columns: Vec<(&str, ArrayRef)>) {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// One document's columns, in another order than ours.
fn foreign_document() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("text", Arc::new(LargeStringArray::from(vec!["a b ."]))),
        (
            "language",
            Arc::new(
                vec!["minority"]
                    .into_iter()
                    .collect::<DictionaryArray<Int8Type>>(),
            ),
        ),
        ("an extra column", texts(&["x"])),
        (
            "derivation",
            Arc::new(StringViewArray::from(vec!["(S a b)"])),
        ),
        (
            "sentences",
            Arc::new(arrow::array::UInt16Array::from(vec![1])),
        ),
        ("characters", Arc::new(UInt32Array::from(vec![5]))),
        (
            "document",
            Arc::new(arrow::array::UInt64Array::from(vec![3])),
        ),
    ]
}

#[test]
fn any_order_and_any_encoding_of_text_is_read() {
    let (_directory, path) = scratch();
    write_foreign(&path, foreign_document());
    let expected = DocumentRow {
        document: 3,
        language: Language::Minority,
        text: "a b .".into(),
        derivation: "(S a b)".into(),
        characters: 5,
        sentences: 1,
    };
    assert_eq!(read_rows::<DocumentRow>(&path).unwrap(), [expected]);
    let mut seen = Vec::new();
    scan_text(&path, |language, text, characters| {
        seen.push((language, text.to_owned(), characters));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(Language::Minority, "a b .".to_owned(), 5)]);
    scan_documents(&path, |document| {
        assert_eq!(
            (document.document, document.derivation, document.sentences),
            (3, "(S a b)", 1)
        );
        Ok(())
    })
    .unwrap();
}

#[test]
fn lists_of_other_widths_are_read() {
    let (_directory, path) = scratch();
    write_rows(&path, &[segmentation()]).unwrap();
    let batch = super::read::open(&path, "test")
        .unwrap()
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let wide = |name: &str| -> ArrayRef {
        let list = batch.column_by_name(name).unwrap();
        let DataType::List(element) = list.data_type() else {
            panic!("{name} is no list")
        };
        let element = element
            .as_ref()
            .clone()
            .with_name("item")
            .with_nullable(true);
        arrow::compute::cast(list, &DataType::LargeList(Arc::new(element))).unwrap()
    };
    let columns = SegmentationRow::COLUMNS
        .iter()
        .map(|column| match column.name {
            "tokens" | "ids" => (column.name, wide(column.name)),
            name => (name, batch.column_by_name(name).unwrap().clone()),
        });
    let columns: Vec<_> = columns.collect();
    assert!(
        columns
            .iter()
            .any(|(_, array)| array.as_any().is::<LargeListArray>())
    );
    write_foreign(&path, columns);
    assert_eq!(
        read_rows::<SegmentationRow>(&path).unwrap(),
        [segmentation()]
    );
}

fn segmentation() -> SegmentationRow {
    SegmentationRow {
        concept: 1,
        category: Category::Noun,
        r#type: None,
        inflection: "base".into(),
        language: Language::Majority,
        condition: Condition::Majority,
        form: "talo".into(),
        tokens: vec!["▁ta".into(), "lo".into()],
        ids: vec![5, 9],
        n_tokens: 2,
        is_atom: false,
    }
}

/// Reads one document's columns after a change; returns the error without the path.
fn refused(change: impl Fn(&mut Vec<(&'static str, ArrayRef)>)) -> String {
    let (directory, path) = scratch();
    let mut columns = foreign_document();
    change(&mut columns);
    write_foreign(&path, columns);
    let error = read_rows::<DocumentRow>(&path).unwrap_err().to_string();
    let scanned = scan_documents(&path, |_| Ok(())).unwrap_err().to_string();
    assert_eq!(scanned, error, "rows and scans answer alike");
    error.replace(&format!("{}/", directory.path().display()), "")
}

#[test]
fn missing_and_mistyped_columns_are_named() {
    assert_eq!(
        refused(|columns| columns[0].0 = "sentence"),
        "table.parquet: no column \"text\" (found \"sentence\", \"an extra column\"); was it written by lang-gen?"
    );
    assert_eq!(
        refused(|columns| drop(columns.remove(0))),
        "table.parquet: no column \"text\" (found \"an extra column\"); was it written by lang-gen?"
    );
    assert_eq!(
        refused(|columns| columns[5].1 = texts(&["5"])),
        "table.parquet: column \"characters\": expected u32, found Utf8; was it written by lang-gen?"
    );
    assert_eq!(
        refused(|columns| columns[0].1 = Arc::new(UInt32Array::from(vec![5]))),
        "table.parquet: column \"text\": expected string, found UInt32; was it written by lang-gen?"
    );
    assert_eq!(
        refused(|columns| columns[1].1 = texts(&["finnish"])),
        "table.parquet: column \"language\": expected one of majority, minority, found \"finnish\"; \
         was it written by lang-gen?"
    );
    assert_eq!(
        refused(|columns| columns[0].1 = Arc::new(StringArray::from(vec![None::<&str>]))),
        "table.parquet: column \"text\": expected a value in every row, found a null; was it written by lang-gen?"
    );
    assert_eq!(
        refused(|columns| columns[2].0 = "text"),
        "table.parquet: expected one column \"text\", found several; was it written by lang-gen?"
    );
}

#[test]
fn what_is_no_table_is_refused() {
    let (directory, path) = scratch();
    let refused = |path: &std::path::Path| read_rows::<FactRow>(path).unwrap_err();
    assert!(
        matches!(refused(&path), crate::Error::Io { .. }),
        "nothing there"
    );
    assert!(
        matches!(refused(directory.path()), crate::Error::Io { .. }),
        "a directory"
    );
    for bytes in [
        &b""[..],
        b"PAR1",
        b"PAR1 and more, but no footer at its end",
        b"PAR1\xff\xff\xff\x7fPAR1",
    ] {
        std::fs::write(&path, bytes).unwrap();
        let text = refused(&path).to_string();
        assert!(
            text.contains("table.parquet: expected a Parquet file"),
            "{text}"
        );
    }
    write_rows(&path, &[score(1)]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(
        read_rows::<ScoreRow>(&path).unwrap_err(),
        crate::Error::BadTable { .. }
    ));
}

#[test]
fn a_null_inside_a_list_is_refused() {
    let (_directory, path) = scratch();
    write_rows(&path, &[segmentation()]).unwrap();
    let batch = super::read::open(&path, "test")
        .unwrap()
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let mut list = arrow::array::ListBuilder::new(arrow::array::UInt32Builder::new());
    list.append_value([Some(5), None]);
    let list: ArrayRef = Arc::new(list.finish());
    let columns = SegmentationRow::COLUMNS
        .iter()
        .map(|column| match column.name {
            "ids" => ("ids", list.clone()),
            name => (name, batch.column_by_name(name).unwrap().clone()),
        });
    write_foreign(&path, columns.collect());
    let error = read_rows::<SegmentationRow>(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("column \"ids\": found a null inside a list; was it written by tok-train?"),
        "{error}"
    );
}
