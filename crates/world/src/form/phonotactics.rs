//! Phonotactics: which phonemes there are, and how they combine into syllables.
//!
//! A syllable is onset + nucleus + coda, each drawn by weight from a list; a word is a number of syllables. Every phoneme
//! is one lower-case ASCII letter, so lengths in phonemes, letters and bytes agree until a script maps them.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use seed::Stream;
use serde::{Deserialize, Serialize};

use super::FormError;

/// The sounds of A and how they combine: `[form.phonotactics]`.
///
/// B's substitutions keep the class (vowel, consonant) of a phoneme, not its place in the syllable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phonotactics {
    /// The vowels, one letter each, as in `"aeiou"`.
    pub vowels: String,
    /// The consonants, one letter each.
    pub consonants: String,
    /// Onset → weight. The empty onset is `""`.
    pub onsets: BTreeMap<String, u32>,
    /// Nucleus → weight; vowels, at least one.
    pub nuclei: BTreeMap<String, u32>,
    /// Coda → weight. The empty coda is `""`.
    pub codas: BTreeMap<String, u32>,
}

impl Default for Phonotactics {
    /// Five vowels and sixteen consonants in (C)(C)V(C) syllables. Weights fall off roughly as phoneme frequencies
    /// do, so that small sets of phonemes sum to small distances under `correspondence`.
    fn default() -> Self {
        let table = |rows: &[(&str, u32)]| rows.iter().map(|&(s, w)| (s.to_owned(), w)).collect();
        Phonotactics {
            vowels: "aeiou".to_owned(),
            consonants: "bdfghjklmnprstvz".to_owned(),
            onsets: table(&[
                ("t", 12),
                ("k", 11),
                ("s", 10),
                ("m", 9),
                ("p", 8),
                ("l", 7),
                ("n", 7),
                ("r", 6),
                ("d", 5),
                ("b", 4),
                ("g", 4),
                ("v", 3),
                ("h", 2),
                ("f", 2),
                ("z", 2),
                ("j", 1),
                ("st", 2),
                ("tr", 1),
                ("pl", 1),
                ("kr", 1),
            ]),
            nuclei: table(&[("a", 10), ("i", 7), ("e", 6), ("o", 5), ("u", 4)]),
            codas: table(&[
                ("", 60),
                ("n", 10),
                ("s", 7),
                ("r", 6),
                ("l", 5),
                ("k", 4),
                ("t", 3),
                ("m", 3),
            ]),
        }
    }
}

/// Whether a phoneme is a vowel or a consonant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Vowel,
    Consonant,
}

/// The phonemes of each class with their weight in the inventory: summed over the lists in which they stand, plus one
/// so that a letter that A's syllables never use can still enter B.
#[derive(Debug, Clone)]
pub(super) struct Classes {
    vowels: Vec<(u8, u64)>,
    consonants: Vec<(u8, u64)>,
}

impl Classes {
    pub(super) fn class(&self, letter: u8) -> Class {
        if self.vowels.iter().any(|&(vowel, _)| vowel == letter) {
            Class::Vowel
        } else {
            Class::Consonant
        }
    }

    /// The letters of a class in the inventory's order, with weights.
    pub(super) fn letters(&self, class: Class) -> &[(u8, u64)] {
        match class {
            Class::Vowel => &self.vowels,
            Class::Consonant => &self.consonants,
        }
    }

    /// Whether a letter of the same class exists that could replace `letter`.
    pub(super) fn replaceable(&self, letter: u8) -> bool {
        self.letters(self.class(letter)).len() > 1
    }

    /// A different letter of the same class, by inventory weight; `letter` must be [`Self::replaceable`].
    pub(super) fn another(&self, letter: u8, stream: &mut Stream) -> u8 {
        let letters = self.letters(self.class(letter));
        let total: u64 = letters
            .iter()
            .filter(|&&(l, _)| l != letter)
            .map(|&(_, w)| w)
            .sum();
        let mut rest = stream.random_range(0..total);
        for &(other, weight) in letters.iter().filter(|&&(l, _)| l != letter) {
            if rest < weight {
                return other;
            }
            rest -= weight;
        }
        unreachable!("the draw lies below the total weight")
    }
}

impl Phonotactics {
    /// Checks that classes are disjoint, that every list uses its class's letters only and that something has weight.
    pub(super) fn validate(&self) -> Result<(), FormError> {
        let error = |field, problem: String| Err(FormError::Phonotactics { field, problem });
        for (field, letters) in [("vowels", &self.vowels), ("consonants", &self.consonants)] {
            let mut seen = BTreeSet::new();
            for letter in letters.chars() {
                if !letter.is_ascii_lowercase() {
                    return error(
                        field,
                        format!(
                            "'{letter}' is no lower-case ASCII letter; a phoneme is one of a to z"
                        ),
                    );
                }
                if !seen.insert(letter) {
                    return error(field, format!("'{letter}' stands twice"));
                }
            }
        }
        if let Some(both) = self.vowels.chars().find(|&v| self.consonants.contains(v)) {
            return error(
                "consonants",
                format!("'{both}' is a vowel as well; a phoneme has one class"),
            );
        }
        let lists = [
            ("onsets", &self.onsets, &self.consonants, "consonants"),
            ("nuclei", &self.nuclei, &self.vowels, "vowels"),
            ("codas", &self.codas, &self.consonants, "consonants"),
        ];
        for (field, list, class, class_name) in lists {
            for part in list.keys() {
                if let Some(letter) = part.chars().find(|&letter| !class.contains(letter)) {
                    return error(
                        field,
                        format!("\"{part}\": '{letter}' is not among the {class_name} \"{class}\""),
                    );
                }
            }
            if list.values().all(|&weight| weight == 0) {
                return error(
                    field,
                    "nothing has a weight above 0; an empty part is written \"\" = 1".to_owned(),
                );
            }
        }
        if self.nuclei.contains_key("") {
            return error(
                "nuclei",
                "\"\" is no nucleus; a syllable has at least one vowel".to_owned(),
            );
        }
        Ok(())
    }

    pub(super) fn classes(&self) -> Classes {
        let weight = |letter: char| {
            let lists = [&self.onsets, &self.nuclei, &self.codas];
            let parts = lists.into_iter().flatten();
            1 + parts
                .map(|(part, &weight)| {
                    u64::from(weight) * part.chars().filter(|&l| l == letter).count() as u64
                })
                .sum::<u64>()
        };
        let class = |letters: &str| letters.chars().map(|l| (l as u8, weight(l))).collect();
        Classes {
            vowels: class(&self.vowels),
            consonants: class(&self.consonants),
        }
    }

    /// How many different syllables there are, spelled out.
    fn syllables(&self) -> u64 {
        let weighted = |list: &BTreeMap<String, u32>| -> Vec<String> {
            list.iter()
                .filter(|&(_, &w)| w > 0)
                .map(|(part, _)| part.clone())
                .collect()
        };
        let (onsets, nuclei, codas) = (
            weighted(&self.onsets),
            weighted(&self.nuclei),
            weighted(&self.codas),
        );
        let mut spelled = BTreeSet::new();
        for onset in &onsets {
            for nucleus in &nuclei {
                for coda in &codas {
                    spelled.insert(format!("{onset}{nucleus}{coda}"));
                }
            }
        }
        spelled.len() as u64
    }

    /// An upper bound on the different words of the syllable counts that have weight (`counts[k]`: k + 1 syllables).
    pub(super) fn most_words(&self, counts: &[u32]) -> u64 {
        let syllables = self.syllables();
        let mut words = 1u64;
        let mut total = 0u64;
        for &weight in counts {
            words = words.saturating_mul(syllables);
            if weight > 0 {
                total = total.saturating_add(words);
            }
        }
        total
    }

    /// A sampler of words.
    pub(super) fn words(&self) -> Words {
        let bytes = |list: &BTreeMap<String, u32>| {
            Weighted::new(
                list.iter()
                    .map(|(part, &weight)| (part.clone().into_bytes(), weight)),
            )
        };
        Words {
            onsets: bytes(&self.onsets),
            nuclei: bytes(&self.nuclei),
            codas: bytes(&self.codas),
        }
    }
}

/// Draws words of a given distribution of syllable counts.
pub(super) struct Words {
    onsets: Weighted<Vec<u8>>,
    nuclei: Weighted<Vec<u8>>,
    codas: Weighted<Vec<u8>>,
}

impl Words {
    /// A word; `counts` holds numbers of syllables. Four draws or more, in reading order.
    pub(super) fn draw(&self, counts: &Weighted<u32>, stream: &mut Stream) -> Vec<u8> {
        let mut word = Vec::new();
        for _ in 0..*counts.draw(stream) {
            word.extend_from_slice(self.onsets.draw(stream));
            word.extend_from_slice(self.nuclei.draw(stream));
            word.extend_from_slice(self.codas.draw(stream));
        }
        word
    }
}

/// A discrete distribution by integer weights: the same draws on every machine.
pub(super) struct Weighted<T> {
    items: Vec<T>,
    cumulative: Vec<u64>,
}

impl<T> Weighted<T> {
    /// Items of weight 0 are left out; at least one must remain.
    pub(super) fn new(items: impl IntoIterator<Item = (T, u32)>) -> Self {
        let mut weighted = Weighted {
            items: Vec::new(),
            cumulative: Vec::new(),
        };
        let mut total = 0;
        for (item, weight) in items.into_iter().filter(|&(_, weight)| weight > 0) {
            total += u64::from(weight);
            weighted.items.push(item);
            weighted.cumulative.push(total);
        }
        assert!(total > 0, "a distribution needs weight");
        weighted
    }

    pub(super) fn draw(&self, stream: &mut Stream) -> &T {
        let total = self.cumulative[self.cumulative.len() - 1];
        let at = stream.random_range(0..total);
        &self.items[self.cumulative.partition_point(|&below| below <= at)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Phonotactics {
        serde_json::from_str(
            r#"{"vowels": "ai", "consonants": "ptn", "onsets": {"p": 3, "t": 1},
                "nuclei": {"a": 1, "i": 1}, "codas": {"": 2, "n": 1}}"#,
        )
        .expect("the table of this test")
    }

    /// 2 onsets × 2 nuclei × 2 codas = 8 syllables; one or two syllables: 8 + 64 words.
    #[test]
    fn counts_the_words_there_can_be() {
        assert_eq!(tiny().syllables(), 8);
        assert_eq!(tiny().most_words(&[1, 1]), 72);
        assert_eq!(tiny().most_words(&[0, 3]), 64);
    }

    /// Two syllables of two or three letters each, beginning in p three times of four.
    #[test]
    fn words_are_onset_nucleus_coda() {
        let phonotactics = tiny();
        let words = phonotactics.words();
        let mut stream = seed::Seed(1).stream("test");
        let two = Weighted::new([(2, 1)]);
        let mut p = 0;
        for _ in 0..2000 {
            let word = words.draw(&two, &mut stream);
            assert!(
                (4..=6).contains(&word.len()),
                "{}",
                String::from_utf8_lossy(&word)
            );
            p += usize::from(word[0] == b'p');
        }
        assert!(
            (1400..=1600).contains(&p),
            "p has weight 3 of 4: {p} of 2000"
        );
    }

    #[test]
    fn substitutes_keep_the_class_and_differ() {
        let classes = Phonotactics::default().classes();
        let mut stream = seed::Seed(2).stream("test");
        for letter in b'a'..=b'z' {
            if !Phonotactics::default().vowels.contains(letter as char)
                && !Phonotactics::default().consonants.contains(letter as char)
            {
                continue;
            }
            for _ in 0..50 {
                let other = classes.another(letter, &mut stream);
                assert_ne!(other, letter);
                assert_eq!(classes.class(other), classes.class(letter));
            }
        }
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        let refused = |change: fn(&mut Phonotactics)| {
            let mut phonotactics = tiny();
            change(&mut phonotactics);
            phonotactics.validate().expect_err("refused").to_string()
        };
        assert_eq!(tiny().validate(), Ok(()));
        assert_eq!(
            refused(|p| p.vowels.push('É')),
            "form.phonotactics.vowels: 'É' is no lower-case ASCII letter; a phoneme is one of a to z"
        );
        assert_eq!(
            refused(|p| p.vowels.push('a')),
            "form.phonotactics.vowels: 'a' stands twice"
        );
        assert_eq!(
            refused(|p| p.consonants.push('a')),
            "form.phonotactics.consonants: 'a' is a vowel as well; a phoneme has one class"
        );
        assert_eq!(
            refused(|p| {
                p.onsets.insert("pr".to_owned(), 1);
            }),
            "form.phonotactics.onsets: \"pr\": 'r' is not among the consonants \"ptn\""
        );
        assert_eq!(
            refused(|p| p.codas = BTreeMap::from([("n".to_owned(), 0)])),
            "form.phonotactics.codas: nothing has a weight above 0; an empty part is written \"\" = 1"
        );
        assert_eq!(
            refused(|p| {
                p.nuclei.insert(String::new(), 1);
            }),
            "form.phonotactics.nuclei: \"\" is no nucleus; a syllable has at least one vowel"
        );
        assert!(
            serde_json::from_str::<Phonotactics>(r#"{"vowels": "a", "consonats": "p"}"#).is_err()
        );
    }
}
