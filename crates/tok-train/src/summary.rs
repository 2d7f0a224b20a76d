//! summary.parquet: the tokenizer's figures per language and condition.
//!
//! | language, condition | measured over |
//! |---|---|
//! | majority, majority | A's training text, each word as often as it occurs |
//! | minority, minority | B's training text |
//! | majority, masked | A-forms of masked concepts, each form once |
//! | minority, masked | B† forms, each once |
//! | …, identical | the same for masked concepts of which some B-form equals its A-form: all inflections |
//!
//! `fertility`, `atom_share`, `characters_per_token`, `average_rank` and `renyi_efficiency` are of
//! that text or those forms; `jaccard` and `jensen_shannon` compare it with the other language's of
//! the same condition, so they stand in both languages' rows. `form_fertility`, `form_atom_share`
//! and `form_characters_per_token` take each form of the lexicon once in the first two lines as
//! well (A-forms; unmasked B-forms), to be compared with the others. `n`: words or forms. Of ids
//! split by language, `jaccard` is 0 and `jensen_shannon` 1; `renyi_efficiency` is relative to one
//! copy of the ids.

use anyhow::Result;
use corpus::tables::SummaryRow;
use corpus::{Condition, Language};

use crate::lexicon::Lexicon;
use crate::measure::average_rank::average_rank;
use crate::measure::jaccard::jaccard;
use crate::measure::jensen_shannon::jensen_shannon;
use crate::measure::renyi::renyi_efficiency;
use crate::measure::text::TokenCounts;
use crate::segmentation::Segmenter;

/// Every row of summary.parquet. `majority`, `minority`: the languages' training texts.
pub fn summary(
    lexicon: &Lexicon,
    segmenter: &Segmenter,
    majority: &TokenCounts,
    minority: &TokenCounts,
) -> Result<Vec<SummaryRow>> {
    let pairs = lexicon.pairs();
    // Forms of one language whose concept's B-form is of a condition, each once.
    let forms = |language: Language, of: &[Condition]| {
        let words: Vec<(String, u64)> = pairs
            .iter()
            .filter(|pair| of.contains(&pair.condition))
            .map(|pair| match language {
                Language::Majority => (pair.majority.form.clone(), 1),
                Language::Minority => (pair.minority.form.clone(), 1),
            })
            .collect();
        segmenter.text(&words, language)
    };
    let usable = segmenter.usable();
    let mut rows = Rows::default();

    rows.texts(
        [Condition::Majority, Condition::Minority],
        majority,
        minority,
        usable,
    );
    let every = [Condition::Minority, Condition::Masked, Condition::Identical];
    let a_forms = forms(Language::Majority, &every)?;
    rows.forms(Language::Majority, Condition::Majority, &a_forms);
    let b_forms = forms(Language::Minority, &[Condition::Minority])?;
    rows.forms(Language::Minority, Condition::Minority, &b_forms);
    for of in [Condition::Masked, Condition::Identical] {
        let a_forms = forms(Language::Majority, &[of])?;
        let b_forms = forms(Language::Minority, &[of])?;
        rows.texts([of, of], &a_forms, &b_forms, usable);
        rows.forms(Language::Majority, of, &a_forms);
        rows.forms(Language::Minority, of, &b_forms);
    }
    Ok(rows.rows)
}

#[derive(Default)]
struct Rows {
    rows: Vec<SummaryRow>,
}

impl Rows {
    /// Adds a row; what is not defined (of an empty text) has none.
    fn add(
        &mut self,
        language: Language,
        condition: Condition,
        measure: &str,
        value: Option<f64>,
        n: u64,
    ) {
        if let Some(value) = value {
            self.rows.push(SummaryRow {
                language,
                condition,
                measure: measure.to_owned(),
                value,
                n,
            });
        }
    }

    fn texts(
        &mut self,
        conditions: [Condition; 2],
        majority: &TokenCounts,
        minority: &TokenCounts,
        usable: usize,
    ) {
        let overlap = jaccard(&majority.occurrences, &minority.occurrences)
            .filter(|_| majority.words > 0 && minority.words > 0);
        let divergence = jensen_shannon(&majority.occurrences, &minority.occurrences);
        let both = [
            (Language::Majority, majority),
            (Language::Minority, minority),
        ];
        for ((language, text), condition) in both.into_iter().zip(conditions) {
            let efficiency = renyi_efficiency(&text.occurrences, usable);
            for (measure, value) in [
                ("fertility", text.fertility()),
                ("atom_share", text.atom_share()),
                ("characters_per_token", text.characters_per_token()),
                ("average_rank", average_rank(&text.occurrences)),
                ("renyi_efficiency", efficiency),
                ("jaccard", overlap),
                ("jensen_shannon", divergence),
            ] {
                self.add(language, condition, measure, value, text.words);
            }
        }
    }

    fn forms(&mut self, language: Language, condition: Condition, forms: &TokenCounts) {
        for (measure, value) in [
            ("form_fertility", forms.fertility()),
            ("form_atom_share", forms.atom_share()),
            ("form_characters_per_token", forms.characters_per_token()),
        ] {
            self.add(language, condition, measure, value, forms.words);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::algorithm::{Algorithm, train};
    use crate::lexicon::tests::{diverging_affix, noun};

    #[test]
    fn texts_and_forms_are_told_apart() {
        let lexicon = Lexicon::new(vec![
            noun(0, Language::Majority, "ab", true),
            noun(0, Language::Minority, "axy", true),
            noun(1, Language::Majority, "b", false),
            noun(1, Language::Minority, "x", false),
        ]);
        let letters: BTreeSet<char> = ".abxy".chars().collect();
        let (tokenizer, _) = train(Algorithm::Char, &[], &letters, None).unwrap();
        let segmenter = Segmenter::new(Algorithm::Char, tokenizer, lm::SplitIds::None);
        let a = segmenter
            .text(
                &[("ab".to_owned(), 2), ("b".to_owned(), 2)],
                Language::Majority,
            )
            .unwrap();
        let b = segmenter
            .text(&[("x".to_owned(), 3)], Language::Minority)
            .unwrap();
        let rows = summary(&lexicon, &segmenter, &a, &b).unwrap();
        let value = |language, condition, measure: &str| {
            let row = rows.iter().find(|row| {
                row.language == language && row.condition == condition && row.measure == measure
            });
            row.map(|row| (row.value, row.n))
        };
        use Condition as C;
        use Language::{Majority, Minority};
        // A text: ▁ab twice (3 tokens each), ▁b twice (2): 10 tokens over 4 words.
        assert_eq!(value(Majority, C::Majority, "fertility"), Some((2.5, 4)));
        // A-forms once each: 5 tokens over 2 forms.
        assert_eq!(
            value(Majority, C::Majority, "form_fertility"),
            Some((2.5, 2))
        );
        // B† axy: ▁ a x y; its A-form ab: ▁ a b. Shared ▁ and a of ▁ a b x y: 2/5.
        assert_eq!(value(Minority, C::Masked, "fertility"), Some((4.0, 1)));
        assert_eq!(value(Majority, C::Masked, "fertility"), Some((3.0, 1)));
        assert_eq!(value(Minority, C::Masked, "jaccard"), Some((0.4, 1)));
        // B text uses ▁ and x, A text ▁, a and b: 1/4.
        assert_eq!(value(Minority, C::Minority, "jaccard"), Some((0.25, 3)));
        // Nothing is identical here.
        assert_eq!(value(Minority, C::Identical, "fertility"), None);
    }

    #[test]
    fn inflections_stand_in_the_condition_of_their_concept() {
        let letters: BTreeSet<char> = ".aeklnost".chars().collect();
        let (tokenizer, _) = train(Algorithm::Char, &[], &letters, None).unwrap();
        let segmenter = Segmenter::new(Algorithm::Char, tokenizer, lm::SplitIds::None);
        let none = segmenter.text(&[], Language::Majority).unwrap();
        let rows = summary(&diverging_affix(), &segmenter, &none, &none).unwrap();
        let minority = |condition, measure: &str| {
            let row = rows.iter().find(|row| {
                row.language == Language::Minority
                    && row.condition == condition
                    && row.measure == measure
            });
            row.map(|row| (row.value, row.n))
        };
        // ▁ t a l o and ▁ t a l o k: 11 tokens over 2 forms; ▁ k e l o and ▁ k e l o k as well.
        assert_eq!(minority(Condition::Identical, "fertility"), Some((5.5, 2)));
        assert_eq!(minority(Condition::Masked, "fertility"), Some((5.5, 2)));
        // Tokens of talo, talot: ▁ t a l o; of talo, talok: k too: 5/6.
        let jaccard = minority(Condition::Identical, "jaccard").unwrap();
        assert!((jaccard.0 - 5.0 / 6.0).abs() < 1e-12);
        // sano, unmasked: ▁ s a n o.
        let sano = minority(Condition::Minority, "form_fertility");
        assert_eq!(sano, Some((5.0, 1)));
    }
}
