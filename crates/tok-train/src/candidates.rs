//! Primary candidates: which nouns the clozes of LANG offer beside which. A model chooses among them, and so do the
//! oracle references `identifiability` and `learnable`.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use corpus::tables::ProbeRow;
use corpus::{Category, Input, Language, ProbeSet, Table, read_rows};

use crate::lexicon::Lexicon;

/// For each noun that a primary cloze offers in B, the nouns offered with it, itself among them, ascending.
pub type Candidates = BTreeMap<u32, Vec<u32>>;

/// Reads them off LANG's probes.
///
/// # Errors
/// A damaged file, or a candidate that is no noun of the lexicon.
pub fn read(lang: &Input, lexicon: &Lexicon) -> Result<Candidates> {
    let path = lang.file(ProbeRow::FILE)?;
    candidates(&read_rows(&path)?, lexicon).with_context(|| path.display().to_string())
}

/// The candidates of each noun. All clozes of a noun offer the same ones; the first one's count.
fn candidates(probes: &[ProbeRow], lexicon: &Lexicon) -> Result<Candidates> {
    let mut nouns: HashMap<&str, u32> = HashMap::new();
    for row in lexicon.rows() {
        if row.category == Category::Noun && row.language == Language::Minority {
            nouns.entry(&row.form).or_insert(row.concept);
        }
    }
    let mut candidates = Candidates::new();
    for probe in probes {
        if probe.set != ProbeSet::Primary || probe.language != Language::Minority {
            continue;
        }
        let mut offered = Vec::new();
        for form in probe.forms.iter().flatten() {
            let concept = nouns.get(form.as_str()).with_context(|| {
                let probe = probe.probe;
                format!(
                    "probe {probe}: expected a minority noun of lexicon.parquet, found {form:?}"
                )
            })?;
            offered.push(*concept);
        }
        offered.sort_unstable();
        for concept in &offered {
            candidates
                .entry(*concept)
                .or_insert_with(|| offered.clone());
        }
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use corpus::{Condition, ProbeStage};

    use super::*;
    use crate::lexicon::tests::noun;

    /// Of the seen nouns 2, 3 and 4 clozes offer 4 and 2 in B; what they offer in A or among all of the type does not
    /// count.
    #[test]
    fn nouns_are_offered_with_those_of_their_clozes() {
        let forms = ["ab", "cd", "ef", "gh", "ij"];
        let rows = (0..)
            .zip(forms)
            .map(|(concept, form)| noun(concept, Language::Minority, form, concept < 2));
        let lexicon = Lexicon::new(rows.collect());
        let probe = |set, language, forms: &[&str]| ProbeRow {
            probe: 7,
            stage: ProbeStage::Lexical,
            phenomenon: String::new(),
            condition: Condition::Minority,
            language,
            concept: None,
            r#type: None,
            template: String::new(),
            calibration_group: None,
            candidates: Vec::new(),
            forms: Some(forms.iter().map(|form| (*form).to_owned()).collect()),
            gold: 0,
            crossed_with: None,
            set,
            chance: 0.5,
        };
        use Language::{Majority, Minority};
        let probes = [
            probe(ProbeSet::TypeValid, Minority, &forms),
            probe(ProbeSet::Primary, Majority, &["other"]),
            probe(ProbeSet::Primary, Minority, &["ij", "ef"]),
            probe(ProbeSet::Primary, Minority, &["ab", "cd"]),
        ];
        let found = candidates(&probes, &lexicon).unwrap();
        let pairs = [
            (0, vec![0, 1]),
            (1, vec![0, 1]),
            (2, vec![2, 4]),
            (4, vec![2, 4]),
        ];
        assert_eq!(found, BTreeMap::from(pairs));
        let unknown = candidates(&[probe(ProbeSet::Primary, Minority, &["xy"])], &lexicon);
        assert!(unknown.unwrap_err().to_string().contains("probe 7"));
    }
}
