//! bridges.parquet: what the two forms of a noun share after tokenization.
//!
//! Where DESIGN leaves a detail open, this is how it is read:
//! - one row per noun with a form in both languages, of its base inflection; the condition is the
//!   concept's, whichever inflection decides it;
//! - chance is corrected by the mean over all other nouns of the table, whatever their condition;
//! - specificity weighs tokens by the A-forms of the same nouns, and is normalised by b's own
//!   weight ([`crate::measure::specificity`]);
//! - `identifiability` and `learnable` rank a noun's B-form among those of the nouns that LANG's
//!   primary clozes offer with it in B ([`crate::candidates`]), as a model must: masked ones of its type
//!   (identical ones too), or as many seen ones. Chance is H_n/n for n of them, ties take their
//!   expectation, and a noun that no primary cloze offers has no rank;
//! - the translation table is learnt from all unmasked pairs of words, of every category and
//!   inflection (affixes are no words);
//! - where ids are split by language, B's tokens are its own and nothing is shared; where they are
//!   split by document, all is as without the split, and occurrences count both copies together.

use anyhow::Result;
use corpus::tables::BridgeRow;
use corpus::{Category, Language};
use rayon::prelude::*;

use crate::algorithm::SPECIAL_TOKENS;
use crate::candidates::Candidates;
use crate::lexicon::{Lexicon, Pair};
use crate::measure::Form;
use crate::measure::chance::{corrected, means_over_others};
use crate::measure::ordered::ordered;
use crate::measure::reciprocal_rank::expected_reciprocal_rank;
use crate::measure::seen_coverage::seen_coverage;
use crate::measure::shared_mass::shared_mass;
use crate::measure::specificity::Specificity;
use crate::measure::translation::TranslationTable;
use crate::segmentation::Segmenter;

/// How often each token occurs in the text that models are trained on, by id.
pub struct Occurrences {
    /// In minority text.
    pub minority: Vec<u64>,
    /// In all text.
    pub all: Vec<u64>,
}

/// Computes every bridge of every noun. `seen_at_least`: k of `seen_coverage`.
pub fn bridges(
    lexicon: &Lexicon,
    segmenter: &Segmenter,
    occurrences: &Occurrences,
    seen_at_least: u64,
    candidates: &Candidates,
) -> Result<Vec<BridgeRow>> {
    let pairs = lexicon.pairs();
    let cut = |pair: &Pair| -> Result<(Form, Form)> {
        Ok((
            segmenter.form(&pair.majority.form, Language::Majority)?,
            segmenter.form(&pair.minority.form, Language::Minority)?,
        ))
    };
    let nouns: Vec<Pair> = pairs
        .iter()
        .filter(|pair| {
            pair.majority.category == Category::Noun && pair.majority.inflection == "base"
        })
        .copied()
        .collect();
    let (a, b): (Vec<Form>, Vec<Form>) = nouns
        .par_iter()
        .map(cut)
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let unmasked: Vec<(Form, Form)> = pairs
        .par_iter()
        .filter(|pair| !pair.minority.masked)
        .map(cut)
        .collect::<Result<_>>()?;
    let unmasked: Vec<(&Form, &Form)> = unmasked.iter().map(|(a, b)| (a, b)).collect();

    let characters = segmenter.characters();
    let table = TranslationTable::train(&unmasked, segmenter.usable() + SPECIAL_TOKENS.len());
    let specificity = Specificity::new(&a, characters);
    let chance_mass = means_over_others(nouns.len(), |other, own| {
        shared_mass(&a[other], &b[own], characters, 1)
    });
    let chance_order = means_over_others(nouns.len(), |other, own| ordered(&a[other], &b[own]));

    // Nouns stand by concept.
    let place = |concept: &u32| {
        let found = nouns.binary_search_by_key(concept, |pair| pair.minority.concept);
        found.ok()
    };

    let row = |own: usize| {
        let Pair {
            majority,
            minority,
            condition,
        } = nouns[own];
        let (a, own_b) = (&a[own], &b[own]);
        let mass = shared_mass(a, own_b, characters, 1);
        let order = ordered(a, own_b);
        let set: Option<Vec<usize>> = candidates
            .get(&minority.concept)
            .map(|offered| offered.iter().filter_map(place).collect());
        let rank = |score: &dyn Fn(&Form) -> f64| {
            let set = set.as_ref()?;
            let gold = set.binary_search(&own).ok()?;
            let scores: Vec<f64> = set.iter().map(|index| score(&b[*index])).collect();
            Some(expected_reciprocal_rank(&scores, gold))
        };
        let coverage = |occurrences| seen_coverage(own_b, occurrences, characters, seen_at_least);
        BridgeRow {
            concept: minority.concept,
            condition,
            r#type: minority.r#type.clone().unwrap_or_default(),
            form_majority: majority.form.clone(),
            form_minority: minority.form.clone(),
            ldn: f64::from(minority.ldn.unwrap_or(f32::NAN)),
            shared_mass: mass,
            shared_mass_multichar: shared_mass(a, own_b, characters, 2),
            shared_mass_corrected: corrected(mass, chance_mass[own]),
            ordered: order,
            ordered_corrected: corrected(order, chance_order[own]),
            specificity: specificity.between(a, own_b),
            identifiability: rank(&|candidate| specificity.between(a, candidate)),
            learnable: rank(&|candidate| table.score(a, candidate)),
            seen_coverage_minority: coverage(&occurrences.minority),
            seen_coverage_all: coverage(&occurrences.all),
            fertility_majority: a.ids().len() as f64,
            fertility_minority: own_b.ids().len() as f64,
        }
    };
    Ok((0..nouns.len()).into_par_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use corpus::Condition;
    use lm::SplitIds;

    use super::*;
    use crate::algorithm::twins::with_twins;
    use crate::algorithm::{Algorithm, train};
    use crate::lexicon::tests::{diverging_affix, noun};

    /// The rows of nouns (A-form, B-form, masked) of one type, cut into letters (and the mark ▁, of no characters). B
    /// text states the last noun 20 times, A text the first one 30 times.
    fn table(nouns: [(&str, &str, bool); 3], split: SplitIds) -> Vec<BridgeRow> {
        let rows = (0..).zip(nouns).flat_map(|(concept, (a, b, masked))| {
            [
                noun(concept, Language::Majority, a, masked),
                noun(concept, Language::Minority, b, masked),
            ]
        });
        let lexicon = Lexicon::new(rows.collect());
        let letters: BTreeSet<char> = ".abcdefgxyz".chars().collect();
        let (tokenizer, _) = train(Algorithm::Char, &[], &letters, None).unwrap();
        let tokenizer = match split {
            SplitIds::None => tokenizer,
            _ => with_twins(&tokenizer.to_string(false).unwrap()).unwrap().0,
        };
        let segmenter = Segmenter::new(Algorithm::Char, tokenizer, split);
        let text = |word: &str, count, language| {
            let words = [(word.to_owned(), count)];
            segmenter.text(&words, language).unwrap().occurrences
        };
        let minority = text(nouns[2].1, 20, Language::Minority);
        let majority = text(nouns[0].0, 30, Language::Majority);
        let all = minority.iter().zip(majority).map(|(b, a)| a + b).collect();
        let occurrences = Occurrences { minority, all };
        let rows = bridges(&lexicon, &segmenter, &occurrences, 20, &offered(&lexicon)).unwrap();
        assert_eq!(rows.len(), 3);
        rows
    }

    fn small_table(split: SplitIds) -> Vec<BridgeRow> {
        let nouns = [("ab", "ax", true), ("cd", "yd", true), ("ef", "ef", false)];
        table(nouns, split)
    }

    fn near(value: f64, hand: f64) {
        assert!((value - hand).abs() < 1e-9, "{value} {hand}");
    }

    #[test]
    fn a_small_table_by_hand() {
        let rows = small_table(SplitIds::None);

        let row = &rows[0];
        assert_eq!(row.condition, Condition::Masked);
        // ▁ a b against ▁ a x: a is 1 of 2 characters, no token of two characters.
        near(row.shared_mass, 0.5);
        near(row.shared_mass_multichar, 0.0);
        // Neither cd nor ef shares a letter with ax: m̄ = 0.
        near(row.shared_mass_corrected, 0.5);
        // Common subsequence ▁ a, 2 of 3; the others share ▁ alone, 1 of 3: (2/3 − 1/3) / (2/3).
        near(row.ordered, 2.0 / 3.0);
        near(row.ordered_corrected, 0.5);
        // a: in one of three A-forms, ln 3; x in none, as one, ln 3: half of ax is explained.
        near(row.specificity, 0.5);
        // Candidates ax (1/2) and yd (0): first.
        near(row.identifiability.unwrap(), 1.0);
        // The table knows ▁, e and f alone; a, x, y, d are all unseen: both candidates tie.
        near(row.learnable.unwrap(), 0.75);
        // ▁ occurs, but counts no characters; a occurs 30 times in A text, x never.
        near(row.seen_coverage_minority, 0.0);
        near(row.seen_coverage_all, 0.5);
        near(row.fertility_majority, 3.0);

        // The unmasked noun is its only candidate and spelled whole.
        near(rows[2].shared_mass_corrected, 1.0);
        near(rows[2].identifiability.unwrap(), 1.0);
        near(rows[2].seen_coverage_minority, 1.0);
        assert_eq!(rows[2].condition, Condition::Minority);
    }

    /// Forms that overlap by chance, cut into letters.
    ///
    /// abx: abc has a and b, 2 of 3 characters; ade has a, 1 of 3, and fg none: m̄ = 1/6, (2/3 − 1/6) / (5/6) = 3/5.
    /// yaz: ade has a, 1 of 3; abc has a, 1 of 3, and fg none: m̄ = 1/6, (1/3 − 1/6) / (5/6) = 1/5.
    /// fg: neither abc nor ade has a letter of it: m̄ = 0.
    ///
    /// In order, with the mark ▁: abx has 3 of 4 with abc; 2 of 4 with ade and 1 of 4 with fg, mean 3/8:
    /// (3/4 − 3/8) / (5/8) = 3/5. yaz has 2 of 4 with ade; 2 of 4 with abc and 1 of 4 with fg: (1/2 − 3/8) / (5/8) = 1/5.
    /// fg has 3 of 3; 1 of 4 with abc and with ade: (1 − 1/4) / (3/4) = 1.
    #[test]
    fn what_unrelated_forms_share_by_chance_is_taken_off() {
        let nouns = [
            ("abc", "abx", true),
            ("ade", "yaz", true),
            ("fg", "fg", false),
        ];
        let hand = [
            (2.0 / 3.0, 0.6, 0.75, 0.6),
            (1.0 / 3.0, 0.2, 0.5, 0.2),
            (1.0, 1.0, 1.0, 1.0),
        ];
        let rows = table(nouns, SplitIds::None);
        for (row, (mass, mass_corrected, order, order_corrected)) in rows.iter().zip(hand) {
            near(row.shared_mass, mass);
            near(row.shared_mass_corrected, mass_corrected);
            near(row.ordered, order);
            near(row.ordered_corrected, order_corrected);
        }
    }

    #[test]
    fn a_noun_has_the_condition_of_its_concept() {
        let conditions = |lexicon: &Lexicon| -> Vec<Condition> {
            let letters: BTreeSet<char> = ".aeklnost".chars().collect();
            let (tokenizer, _) = train(Algorithm::Char, &[], &letters, None).unwrap();
            let segmenter = Segmenter::new(Algorithm::Char, tokenizer, SplitIds::None);
            let none = vec![0; segmenter.vocab_size()];
            let occurrences = Occurrences {
                minority: none.clone(),
                all: none,
            };
            let rows = bridges(lexicon, &segmenter, &occurrences, 20, &offered(lexicon)).unwrap();
            rows.iter().map(|row| row.condition).collect()
        };
        use Condition::{Identical, Masked, Minority};
        let lexicon = diverging_affix();
        assert_eq!(conditions(&lexicon), [Identical, Masked, Minority]);
        // With kalat for kelok the plural decides, though the table has the base form.
        let mut rows = lexicon.rows().to_vec();
        for row in rows.iter_mut().filter(|row| row.concept == 1) {
            if row.inflection == "plural" {
                row.form = "kalat".to_owned();
                row.identical = true;
            }
        }
        assert_eq!(
            conditions(&Lexicon::new(rows)),
            [Identical, Identical, Minority]
        );
    }

    #[test]
    fn ids_split_by_language_share_nothing_and_by_document_what_they_did() {
        assert_eq!(small_table(SplitIds::Document), small_table(SplitIds::None));
        for (split, whole) in small_table(SplitIds::Language)
            .iter()
            .zip(small_table(SplitIds::None))
        {
            let shared = [
                split.shared_mass,
                split.shared_mass_multichar,
                split.shared_mass_corrected,
                split.ordered,
                split.ordered_corrected,
                split.specificity,
            ];
            shared.into_iter().for_each(|value| near(value, 0.0));
            // The segmentation is the same; a table that translates tokens does not mind their names.
            near(split.fertility_minority, whole.fertility_minority);
            near(split.learnable.unwrap(), whole.learnable.unwrap());
            // Nobody but B says B's tokens: what A says of a does not make x's neighbour known.
            near(split.seen_coverage_all, split.seen_coverage_minority);
            near(split.seen_coverage_minority, whole.seen_coverage_minority);
        }
        // All candidates share nothing with the A-form: 2 tie, (1 + ½) / 2.
        near(
            small_table(SplitIds::Language)[0].identifiability.unwrap(),
            0.75,
        );
    }

    /// Every masked noun is offered with the masked ones, and every seen one with the seen ones.
    fn offered(lexicon: &Lexicon) -> Candidates {
        let of = |masked: bool| -> Vec<u32> {
            let pairs = lexicon.pairs();
            let mut concepts: Vec<u32> = pairs
                .iter()
                .filter(|pair| pair.minority.masked == masked)
                .map(|pair| pair.minority.concept)
                .collect();
            concepts.dedup();
            concepts
        };
        let mut candidates = Candidates::new();
        for set in [of(true), of(false)] {
            candidates.extend(set.iter().map(|concept| (*concept, set.clone())));
        }
        candidates
    }
}
