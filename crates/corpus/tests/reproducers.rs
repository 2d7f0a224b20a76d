//! Damaged tables, among them some on which parquet 60.1 panics: refused by their checksum before they are parsed, and
//! an error in words from every reader that parses them all the same.
//!
//! `tests/reproducers` holds them as TABLE.WHAT.parquet. The footer-* ones were made by hand; the others are mutants of
//! small tables, found by torture: parquet panics on them, or, on those that are [`SLOW`], skips through a page header's
//! bytes one by one for minutes before it refuses.

use std::path::{Path, PathBuf};

use corpus::tables::{
    AlignmentRow, BridgeRow, ClaimRow, ContinuationRow, DocumentRow, FactRow, InterventionRow,
    LexiconRow, MetricRow, ProbeRow, SampleRow, ScoreRow, SegmentationRow, SummaryRow, TrainLogRow,
    ValidationScoreRow, read_rows, read_wide,
};
use corpus::{Input, Stage, scan_documents, scan_text};

/// WHAT of files that only the checksum refuses in time.
const SLOW: &str = "minutes-in-a-page-header";

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

/// The files, and for each the name of its table.
fn reproducers() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(tests().join("reproducers")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "parquet") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let (table, _what) = name.split_once('.').unwrap();
            found.push((path, format!("{table}.parquet")));
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn a_checksum_refuses_them_before_they_are_parsed() {
    for (path, table) in reproducers() {
        let sample_of = |kind: Stage| tests().join("samples/format-1").join(kind.name());
        let kind = [Stage::Lang, Stage::Tok, Stage::Model, Stage::Eval]
            .into_iter()
            .find(|&kind| sample_of(kind).join(&table).exists())
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(
            sample_of(kind).join("manifest.json"),
            directory.path().join("manifest.json"),
        )
        .unwrap();

        // Of another length, and of the same length with other bytes.
        let damaged = std::fs::read(&path).unwrap();
        let bytes = std::fs::metadata(sample_of(kind).join(&table)).unwrap();
        let mut as_long = damaged.clone();
        as_long.resize(bytes.len() as usize, 0);
        for content in [damaged, as_long] {
            std::fs::write(directory.path().join(&table), content).unwrap();
            let input = Input::open(directory.path(), kind).unwrap();
            let error = input.file(&table).unwrap_err().to_string();
            assert!(
                error.contains(&table) && error.contains("as in manifest.json"),
                "{}: {error}",
                path.display()
            );
        }
    }
}

#[test]
fn every_reader_refuses_them_in_words() {
    for (path, _) in reproducers() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains(SLOW) {
            continue;
        }
        let check = |reader: &str, error: Option<String>| {
            let error = error.unwrap_or_else(|| panic!("{reader} read {name}"));
            assert!(error.contains(&name), "{reader}: {error}");
        };
        macro_rules! check_rows {
            ($($row:ty),+ $(,)?) => {
                $(check(
                    stringify!($row),
                    read_rows::<$row>(&path).err().map(|error| error.to_string()),
                );)+
            };
        }
        check_rows!(
            AlignmentRow,
            BridgeRow,
            ClaimRow,
            ContinuationRow,
            DocumentRow,
            FactRow,
            InterventionRow,
            LexiconRow,
            MetricRow,
            ProbeRow,
            SampleRow,
            ScoreRow,
            SegmentationRow,
            SummaryRow,
            TrainLogRow,
            ValidationScoreRow,
        );
        let wide = read_wide(&path, "study plan")
            .err()
            .map(|error| error.to_string());
        check("read_wide", wide);
        let documents = scan_documents(&path, |_| Ok(()));
        check(
            "scan_documents",
            documents.err().map(|error| error.to_string()),
        );
        let text = scan_text(&path, |_, _, _| Ok(()));
        check("scan_text", text.err().map(|error| error.to_string()));
    }
}
