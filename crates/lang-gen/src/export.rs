//! `lang-gen export-blimp`: two-alternative items in the format of BLiMP (Warstadt et al. 2020), for other
//! people's scorers.

use std::path::Path;

use anyhow::Result;
use corpus::tables::{ProbeRow, read_rows};
use corpus::{Input, Stage};

use crate::probes;

/// Prints one JSON object a line.
///
/// # Errors
/// A directory that is no whole LANG.
pub fn run(lang: &Path) -> Result<()> {
    let input = Input::open(lang, Stage::Lang)?;
    let rows: Vec<ProbeRow> = read_rows(&input.file("probes.parquet")?)?;
    let mut out = String::new();
    for item in probes::blimp(&rows) {
        out.push_str(&item.to_string());
        out.push('\n');
    }
    command::print(out)
}
