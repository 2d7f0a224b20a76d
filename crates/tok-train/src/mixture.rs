//! The training mix: how many characters of each language the tokenizer is trained on.
//!
//! A regime names each language's share of the characters. The corpus has C_A characters of the
//! majority and C_B of the minority, T = C_A + C_B. Under shares s_A + s_B = 1 each language is
//! given K_L = s_L · T characters (rounded, K_A + K_B = T: the total is kept), so every word count
//! of that language is multiplied by one weight w_L = K_L / C_L. The products are rounded to whole
//! counts by largest remainder, measured in characters: all are rounded down, then words are given
//! one more occurrence each, in descending order of what they lost, while it still fits into K_L.
//!
//! `alpha=x` is exponential smoothing of the language shares (Devlin et al. 2019; Conneau and
//! Lample 2019): s_L ∝ (C_L / T)^x. x = 1 is `proportional`, x = 0 is `balanced`.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::word_counts::{LanguageCounts, WordCount, characters_of};

/// Which share of the tokenizer's training characters each language gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Regime {
    /// Majority text alone.
    Majority,
    /// Minority text alone.
    Minority,
    /// Half of the characters from each language.
    Balanced,
    /// As the model sees it: every weight is 1.
    Proportional,
    /// Share ∝ share^x.
    Alpha(f64),
}

/// A regime that does not parse.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown regime {0:?}; expected majority, minority, balanced, proportional or alpha=X with X at least 0"
)]
pub struct UnknownRegime(String);

impl FromStr for Regime {
    type Err = UnknownRegime;

    fn from_str(text: &str) -> Result<Self, UnknownRegime> {
        let unknown = || UnknownRegime(text.to_owned());
        match text {
            "majority" => Ok(Regime::Majority),
            "minority" => Ok(Regime::Minority),
            "balanced" => Ok(Regime::Balanced),
            "proportional" => Ok(Regime::Proportional),
            _ => {
                let exponent = text.strip_prefix("alpha=").ok_or_else(unknown)?;
                let alpha: f64 = exponent.parse().map_err(|_| unknown())?;
                if alpha.is_finite() && alpha >= 0.0 {
                    Ok(Regime::Alpha(alpha))
                } else {
                    Err(unknown())
                }
            }
        }
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Regime::Majority => f.write_str("majority"),
            Regime::Minority => f.write_str("minority"),
            Regime::Balanced => f.write_str("balanced"),
            Regime::Proportional => f.write_str("proportional"),
            Regime::Alpha(alpha) => write!(f, "alpha={alpha}"),
        }
    }
}

impl Regime {
    /// The minority's share of the training characters, given the characters of each language's
    /// text (not both 0).
    pub fn minority_share(self, majority_characters: u64, minority_characters: u64) -> f64 {
        let total = (majority_characters + minority_characters) as f64;
        let share = minority_characters as f64 / total;
        match self {
            Regime::Majority => 0.0,
            Regime::Minority => 1.0,
            Regime::Balanced => 0.5,
            Regime::Proportional => share,
            Regime::Alpha(alpha) => {
                let minority = libm::pow(share, alpha);
                let majority = libm::pow(1.0 - share, alpha);
                match minority + majority {
                    both if both > 0.0 => minority / both,
                    // Both underflow: the larger share takes all.
                    _ if share < 0.5 => 0.0,
                    _ if share > 0.5 => 1.0,
                    _ => 0.5,
                }
            }
        }
    }
}

/// One language's part of the mix, as asked for and as it came out. Characters are those of the
/// words, without spaces or boundary marks.
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageMix {
    /// Characters of the language's training text.
    pub text_characters: u64,
    /// Share of the mix that the regime asks for.
    pub requested_share: f64,
    /// Characters that the regime asks for.
    pub requested_characters: u64,
    /// Characters that the weighted, rounded word counts add up to.
    pub realised_characters: u64,
    /// What every word count of the language is multiplied by.
    pub weight: f64,
}

/// Both languages' parts and the weighted word counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// The majority's part.
    pub majority: LanguageMix,
    /// The minority's part.
    pub minority: LanguageMix,
    /// Weighted counts of both languages added up, sorted by word, without zeros.
    pub words: Vec<WordCount>,
}

/// A regime that asks for text of a language that has none.
#[derive(Debug, thiserror::Error)]
#[error(
    "regime {regime}: asks for {language} text, but LANG's training text has none; use --regime {cure} or proportional"
)]
pub struct NoText {
    regime: Regime,
    language: &'static str,
    cure: &'static str,
}

impl Mixture {
    /// Weights each language's word counts as the regime asks. Errors when it asks for characters
    /// of a language without text.
    pub fn new(regime: Regime, counts: &LanguageCounts) -> Result<Self, NoText> {
        let majority_characters = characters_of(&counts.majority);
        let minority_characters = characters_of(&counts.minority);
        let total = majority_characters + minority_characters;
        let minority_share = if total == 0 {
            0.0
        } else {
            regime.minority_share(majority_characters, minority_characters)
        };
        // Proportional keeps every count, whatever a division would round to.
        let wanted_minority = match regime {
            Regime::Proportional => minority_characters,
            _ => (minority_share * total as f64).round() as u64,
        };
        let wanted_majority = total - wanted_minority;

        let empty = |language, cure| NoText {
            regime,
            language,
            cure,
        };
        if wanted_majority > 0 && majority_characters == 0 {
            return Err(empty("majority", "minority"));
        }
        if wanted_minority > 0 && minority_characters == 0 {
            return Err(empty("minority", "majority"));
        }

        let weighted_majority = weighted(&counts.majority, wanted_majority);
        let weighted_minority = weighted(&counts.minority, wanted_minority);
        let part = |requested_share, text_characters, requested_characters, weighted| LanguageMix {
            text_characters,
            requested_share,
            requested_characters,
            realised_characters: characters_of(weighted),
            weight: if text_characters == 0 {
                0.0
            } else {
                requested_characters as f64 / text_characters as f64
            },
        };
        Ok(Mixture {
            majority: part(
                1.0 - minority_share,
                majority_characters,
                wanted_majority,
                &weighted_majority,
            ),
            minority: part(
                minority_share,
                minority_characters,
                wanted_minority,
                &weighted_minority,
            ),
            words: added(weighted_majority, weighted_minority),
        })
    }

    /// The mix as the manifest's `measured` states it.
    pub fn to_json(&self) -> Value {
        let total = self.majority.realised_characters + self.minority.realised_characters;
        let part = |mix: &LanguageMix| {
            json!({
                "text_characters": mix.text_characters,
                "requested_share": mix.requested_share,
                "requested_characters": mix.requested_characters,
                "realised_characters": mix.realised_characters,
                "realised_share": if total == 0 { 0.0 } else { mix.realised_characters as f64 / total as f64 },
                "weight": mix.weight,
            })
        };
        json!({ "majority": part(&self.majority), "minority": part(&self.minority) })
    }
}

/// Multiplies every count by `wanted` / (characters of `words`) and rounds by largest remainder
/// so that the characters of the result are `wanted` (what is left when no word fits any more goes
/// to the shortest word, in text the full stop, of one character: then they are so exactly).
/// Whole-number arithmetic: the same on every machine.
fn weighted(words: &[WordCount], wanted: u64) -> Vec<WordCount> {
    let characters = u128::from(characters_of(words));
    if characters == 0 {
        return Vec::new();
    }
    let mut left = wanted;
    let mut remainders: Vec<(u128, usize, u64)> = Vec::with_capacity(words.len());
    let mut result: Vec<WordCount> = Vec::with_capacity(words.len());
    for (index, (word, count)) in words.iter().enumerate() {
        let product = u128::from(*count) * u128::from(wanted);
        let whole = (product / characters) as u64;
        let length = word.chars().count() as u64;
        left -= whole * length;
        remainders.push((product % characters, index, length));
        result.push((word.clone(), whole));
    }
    // Equal remainders in the words' own order.
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, index, length) in &remainders {
        if length <= left {
            result[index].1 += 1;
            left -= length;
        }
    }
    let shortest = remainders
        .iter()
        .min_by_key(|(_, index, length)| (*length, *index));
    if let Some(&(_, index, length)) = shortest
        && length > 0
    {
        result[index].1 += left / length;
    }
    result
}

/// Adds two sorted lists of counts and drops the zeros.
fn added(left: Vec<WordCount>, right: Vec<WordCount>) -> Vec<WordCount> {
    let mut words = left;
    words.extend(right);
    words.sort_by(|a, b| a.0.cmp(&b.0));
    words.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 += later.1;
        }
        same
    });
    words.retain(|(_, count)| *count > 0);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(list: &[(&str, u64)]) -> Vec<WordCount> {
        list.iter().map(|(w, c)| ((*w).to_owned(), *c)).collect()
    }

    fn corpus() -> LanguageCounts {
        // A: 10·2 + 10·1 = 30 characters; B: 2·3 + 4·1 = 10 characters; T = 40.
        LanguageCounts {
            majority: words(&[(".", 10), ("ab", 10)]),
            minority: words(&[(".", 4), ("abc", 2)]),
        }
    }

    #[test]
    fn balanced_gives_each_language_half_of_the_characters() {
        // K_A = K_B = 20. A: weight 20/30; "." 10·20/30 = 6 rem 20, "ab" 6 rem 20: 6 + 12 = 18
        // characters, 2 left: "." (first of equals) takes 1, "ab" needs 2, "." takes the last one.
        // B: weight 2: "." 8, "abc" 4: 8 + 12 = 20.
        let mix = Mixture::new(Regime::Balanced, &corpus()).unwrap();
        assert_eq!(mix.words, words(&[(".", 16), ("ab", 6), ("abc", 4)]));
        assert_eq!(mix.majority.requested_characters, 20);
        assert_eq!(mix.majority.realised_characters, 20);
        assert_eq!(mix.minority.realised_characters, 20);
        assert!((mix.majority.weight - 2.0 / 3.0).abs() < 1e-12);
        assert!((mix.minority.weight - 2.0).abs() < 1e-12);
    }

    #[test]
    fn proportional_has_weight_one() {
        let mix = Mixture::new(Regime::Proportional, &corpus()).unwrap();
        assert_eq!(mix.words, words(&[(".", 14), ("ab", 10), ("abc", 2)]));
        assert!((mix.majority.weight - 1.0).abs() < 1e-12);
        assert!((mix.minority.weight - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_language_alone_keeps_the_total() {
        // A alone: 40 characters, weight 4/3: "." 13 rem, "ab" 13 rem: 39 characters, one left.
        let mix = Mixture::new(Regime::Majority, &corpus()).unwrap();
        assert_eq!(mix.words, words(&[(".", 14), ("ab", 13)]));
        assert_eq!(mix.majority.realised_characters, 40);
        assert_eq!(mix.minority.realised_characters, 0);
    }

    #[test]
    fn alpha_smooths_the_shares() {
        // Shares 3/4 and 1/4, x = 1/2: √3/2 and 1/2, hence 1 / (1 + √3) = 0.366025.
        let share = Regime::Alpha(0.5).minority_share(30, 10);
        assert!((share - 0.366_025_403_784_438_6).abs() < 1e-12);
        assert!((Regime::Alpha(0.0).minority_share(30, 10) - 0.5).abs() < 1e-12);
        assert!((Regime::Alpha(1.0).minority_share(30, 10) - 0.25).abs() < 1e-12);
        // (1/4)^9999 and (3/4)^9999 are below every f64: the limit.
        assert!(Regime::Alpha(9999.0).minority_share(30, 10).abs() < 1e-12);
        assert!((Regime::Alpha(9999.0).minority_share(10, 10) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_language_without_text_is_refused_by_name() {
        let counts = LanguageCounts {
            majority: words(&[("ab", 3)]),
            minority: Vec::new(),
        };
        let error = Mixture::new(Regime::Balanced, &counts).unwrap_err();
        assert_eq!(
            error.to_string(),
            "regime balanced: asks for minority text, but LANG's training text has none; use --regime majority or proportional"
        );
        assert!(Mixture::new(Regime::Proportional, &counts).is_ok());
    }

    #[test]
    fn regimes_parse_and_print() {
        for text in [
            "majority",
            "minority",
            "balanced",
            "proportional",
            "alpha=0.3",
        ] {
            assert_eq!(text.parse::<Regime>().unwrap().to_string(), text);
        }
        for text in [
            "alpha",
            "alpha=",
            "alpha=inf",
            "alpha=-1",
            "alpha=NaN",
            "Balanced",
            "",
        ] {
            assert!(text.parse::<Regime>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn realised_characters_are_the_requested_ones(
            majority in proptest::collection::btree_map("[a-z]{1,9}", 1u64..5000, 1..60),
            minority in proptest::collection::btree_map("[a-z]{1,9}", 1u64..5000, 1..60),
            alpha in 0.0f64..=1.0,
            which in 0usize..5,
        ) {
            let regime = [Regime::Majority, Regime::Minority, Regime::Balanced,
                Regime::Proportional, Regime::Alpha(alpha)][which];
            // A sentence ends in ".", so a word of one character is always there.
            let mut counts = LanguageCounts {
                majority: majority.into_iter().collect(),
                minority: minority.into_iter().collect(),

            };
            counts.majority.insert(0, (".".to_owned(), 7));
            counts.minority.insert(0, (".".to_owned(), 7));
            let total = characters_of(&counts.majority) + characters_of(&counts.minority);
            let mix = Mixture::new(regime, &counts).unwrap();
            prop_assert_eq!(mix.majority.requested_characters + mix.minority.requested_characters, total);
            for part in [&mix.majority, &mix.minority] {
                prop_assert_eq!(part.realised_characters, part.requested_characters);
                let share = part.requested_characters as f64 / total as f64;
                prop_assert!((share - part.requested_share).abs() <= 1.0 / total as f64);
            }
        }
    }
}
