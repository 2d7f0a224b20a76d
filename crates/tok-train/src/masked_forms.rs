//! B†: forms that no training text states. By default the tokenizer does not see them either, and
//! a LANG whose minority text holds one is refused. `--show-masked-forms` shows them, as a control. A form may then be
//! cut into tokens that no model is ever trained on, and what a model makes of those says nothing of transfer: the
//! manifest names these concepts ([`untrained`]), and evaluations leave them out. Another control is a LANG made with
//! `--b-unmasked`, whose text states them, to tokenizer and model alike.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use corpus::Language;
use serde_json::{Value, json};

use crate::lexicon::Lexicon;
use crate::segmentation::Segmenter;
use crate::word_counts::{LanguageCounts, words_of};

/// Checks that minority text states no masked form, identical to its A-form or not.
///
/// # Errors
/// The first masked form found there.
pub fn require_absent(lexicon: &Lexicon, counts: &LanguageCounts, lang: &Path) -> Result<()> {
    for row in lexicon.masked_forms() {
        let found = counts.count(Language::Minority, &row.form);
        if found > 0 {
            bail!(
                "{}: expected no masked form of lexicon.parquet in minority training text, found {:?} (concept {}) {found} times; `lang-gen audit` shows where, lang-gen makes LANG anew",
                lang.display(),
                row.form,
                row.concept
            );
        }
    }
    Ok(())
}

/// The counts with every B† form (masked and unlike its A-form) added to the minority's. That is told
/// form by form, not by the concept's condition: a plural whose affix alone diverges is as unseen, and
/// stands among the candidates.
///
/// A form counts as if B stated it as often as A states its A-form: round(n_A(a) · W_B / W_A), at
/// least 1, W_L being the words of L's text. Only the tokenizer's training text changes; the text
/// that statistics describe, and that models see, does not.
pub fn shown(lexicon: &Lexicon, counts: &LanguageCounts) -> LanguageCounts {
    let words = |language| words_of(counts.of(language));
    let rate = words(Language::Minority) as f64 / words(Language::Majority).max(1) as f64;
    let mut minority: BTreeMap<String, u64> = counts.minority.iter().cloned().collect();
    for pair in lexicon.pairs() {
        if pair.minority.masked && !pair.minority.identical {
            let told = counts.count(Language::Majority, &pair.majority.form);
            let count = ((told as f64 * rate).round() as u64).max(1);
            *minority.entry(pair.minority.form.clone()).or_default() += count;
        }
    }
    LanguageCounts {
        majority: counts.majority.clone(),
        minority: minority.into_iter().collect(),
    }
}

/// Masked concepts of which some B-form, in whatever inflection, holds a token that occurs fewer than `least` times in the
/// models' training text. `occurrences[id]`: how often a token occurs there.
///
/// # Errors
/// A form that the tokenizer refuses.
pub fn untrained(
    lexicon: &Lexicon,
    segmenter: &Segmenter,
    occurrences: &[u64],
    least: u64,
) -> Result<BTreeSet<u32>> {
    let mut concepts = BTreeSet::new();
    for pair in lexicon.pairs().iter().filter(|pair| pair.minority.masked) {
        let ids = segmenter.ids(&pair.minority.form, Language::Minority)?;
        if ids.iter().any(|id| occurrences[*id as usize] < least) {
            concepts.insert(pair.minority.concept);
        }
    }
    Ok(concepts)
}

/// What the manifest's `measured` says of B†. `in_minority_text` is 0, or training would have been
/// refused, except where LANG was made to state B†: then `stated_by_minority` is true, and absent else.
/// `in_majority_text` counts words of A that are spelled like a B† form by accident.
pub fn to_json(lexicon: &Lexicon, counts: &LanguageCounts, shown: bool, is_stated: bool) -> Value {
    let forms: BTreeSet<&str> = lexicon
        .masked_forms()
        .filter(|row| !row.identical)
        .map(|row| row.form.as_str())
        .collect();
    let stated = |language| -> u64 { forms.iter().map(|form| counts.count(language, form)).sum() };
    let mut told = json!({
        "forms": forms.len(),
        "shown_to_tokenizer": shown,
        "in_minority_text": stated(Language::Minority),
        "in_majority_text": stated(Language::Majority),
    });
    if is_stated {
        told["stated_by_minority"] = true.into();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::tests::noun;

    fn lexicon() -> Lexicon {
        Lexicon::new(vec![
            noun(0, Language::Majority, "kalu", true),
            noun(0, Language::Minority, "kelu", true),
            noun(1, Language::Majority, "mito", true),
            noun(1, Language::Minority, "mipo", true),
            noun(2, Language::Majority, "sano", false),
            noun(2, Language::Minority, "sanu", false),
        ])
    }

    fn counts(minority: &[(&str, u64)]) -> LanguageCounts {
        let words =
            |list: &[(&str, u64)]| list.iter().map(|(w, c)| ((*w).to_owned(), *c)).collect();
        LanguageCounts {
            majority: words(&[("kalu", 30), ("sano", 70)]),
            minority: words(minority),
        }
    }

    #[test]
    fn a_leak_is_named() {
        let lang = Path::new("out/lang");
        assert!(require_absent(&lexicon(), &counts(&[("sanu", 20)]), lang).is_ok());
        let leaking = counts(&[("kelu", 2), ("sanu", 20)]);
        let error = require_absent(&lexicon(), &leaking, lang)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("out/lang: expected no masked form"),
            "{error}"
        );
        assert!(error.contains("\"kelu\" (concept 0) 2 times"), "{error}");
    }

    /// kelu was shown and is one token; mipo was not and is cut into ▁ m i p o.
    #[test]
    fn concepts_with_a_token_that_no_model_is_trained_on_are_named() {
        use crate::algorithm::{Algorithm, train};
        let lexicon = lexicon();
        let letters: BTreeSet<char> = ".aeiklmnopstu".chars().collect();
        let untrained = |words: &[(&str, u64)], text: &[(&str, u64)], least| -> Vec<u32> {
            let words: Vec<_> = words.iter().map(|(w, c)| ((*w).to_owned(), *c)).collect();
            let text: Vec<_> = text.iter().map(|(w, c)| ((*w).to_owned(), *c)).collect();
            let (tokenizer, _) = train(Algorithm::Word, &words, &letters, None).unwrap();
            let segmenter = Segmenter::new(Algorithm::Word, tokenizer, lm::SplitIds::None);
            let text = segmenter.text(&text, Language::Minority).unwrap();
            let found = super::untrained(&lexicon, &segmenter, &text.occurrences, least).unwrap();
            found.into_iter().collect()
        };
        // A text that says mipo 3 times, as no LANG does, trains its letters; ▁kelu occurs only where kelu does. Unmasked
        // sanu occurs nowhere either, but is no B† form.
        let shown = [("kelu", 6)];
        assert_eq!(untrained(&shown, &[("mipo", 3)], 1), [0]);
        assert_eq!(untrained(&shown, &[("mipo", 3)], 4), [0, 1]);
        assert!(untrained(&shown, &[("mipo", 3), ("kelu", 1)], 1).is_empty());
    }

    #[test]
    fn shown_forms_count_at_the_rate_of_their_a_forms() {
        // W_A = 100, W_B = 20: kalu 30 times in A, so kelu 30 · 0.2 = 6; mito never, so mipo 1.
        let shown = shown(&lexicon(), &counts(&[("sanu", 20)]));
        let expected = [("kelu", 6), ("mipo", 1), ("sanu", 20)];
        assert_eq!(shown.minority, expected.map(|(w, c)| (w.to_owned(), c)));
        assert_eq!(shown.majority, counts(&[]).majority);
    }
}
