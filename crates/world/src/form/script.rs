//! Scripts: how phonemes are written.

use serde::{Deserialize, Serialize};

/// The alphabet of B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Script {
    /// A's letters, a to z.
    #[default]
    Shared,
    /// Greek letters, one for each of a to z: no letter is shared, so no tokenizer can share anything.
    Disjoint,
}

/// Greek for a to z, by sound where there is one; j and q take the letters yot and archaic koppa, so that all 26
/// differ. Every one is a single character that no normalization changes.
const GREEK: [char; 26] = [
    'α', 'β', 'ψ', 'δ', 'ε', 'φ', 'γ', 'η', 'ι', '\u{3f3}', 'κ', 'λ', 'μ', 'ν', 'ο', 'π',
    '\u{3d9}', 'ρ', 'σ', 'τ', 'υ', 'θ', 'ω', 'χ', 'ξ', 'ζ',
];

impl Script {
    /// Writes a form of lower-case ASCII phonemes, one character each.
    pub(super) fn write(self, phonemes: &[u8]) -> String {
        let letter = |&phoneme: &u8| match self {
            Script::Shared => phoneme as char,
            Script::Disjoint => GREEK[usize::from(phoneme - b'a')],
        };
        phonemes.iter().map(letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn greek_maps_one_to_one_onto_other_letters() {
        let letters: BTreeSet<char> = GREEK.into_iter().collect();
        assert_eq!(letters.len(), 26);
        assert!(
            letters
                .iter()
                .all(|letter| !letter.is_ascii() && letter.is_lowercase())
        );
        assert_eq!(Script::Disjoint.write(b"kapo"), "καπο");
        assert_eq!(Script::Shared.write(b"kapo"), "kapo");
    }
}
