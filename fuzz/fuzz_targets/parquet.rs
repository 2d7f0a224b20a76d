//! Tables: the first byte says which, the rest is the file. Every file is read or refused; a panic of the Parquet library
//! counts as refused (see `corpus::tables`, and tests/reproducers).
#![no_main]

use corpus::scan_documents;
use corpus::tables::{
    AlignmentRow, BridgeRow, ClaimRow, ContinuationRow, DocumentRow, FactRow, InterventionRow,
    LexiconRow, MetricRow, ProbeRow, SampleRow, ScoreRow, SegmentationRow, SummaryRow, TrainLogRow,
    ValidationScoreRow, read_rows, read_wide,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let path = fuzz::file("table.parquet", rest);
    match first % 18 {
        0 => drop(read_rows::<LexiconRow>(&path)),
        1 => drop(read_rows::<FactRow>(&path)),
        2 => drop(read_rows::<DocumentRow>(&path)),
        3 => drop(read_rows::<ProbeRow>(&path)),
        4 => drop(read_rows::<SegmentationRow>(&path)),
        5 => drop(read_rows::<BridgeRow>(&path)),
        6 => drop(read_rows::<SummaryRow>(&path)),
        7 => drop(read_rows::<TrainLogRow>(&path)),
        8 => drop(read_rows::<ScoreRow>(&path)),
        9 => drop(read_rows::<MetricRow>(&path)),
        10 => drop(read_rows::<SampleRow>(&path)),
        11 => drop(read_rows::<ValidationScoreRow>(&path)),
        12 => drop(read_rows::<ContinuationRow>(&path)),
        13 => drop(read_rows::<AlignmentRow>(&path)),
        14 => drop(read_rows::<ClaimRow>(&path)),
        15 => drop(read_wide(&path, "study plan")),
        16 => drop(scan_documents(&path, |_| Ok(()))),
        _ => drop(read_rows::<InterventionRow>(&path)),
    }
});
