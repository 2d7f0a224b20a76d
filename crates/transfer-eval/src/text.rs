//! Bits per character: how well each language is predicted, on the same derivations told in both.
//!
//! Σ −log₂ P(document and its final separator) / Σ characters, spaces counted, the separator not. Documents stand in
//! pairs, one in each language, so that the two numbers are about the same meanings. Characters do not depend on the
//! tokenizer, so neither does the scale.

use corpus::tables::ValidationScoreRow;
use corpus::{Condition, Language};

use crate::measure::{Measure, Observation};

/// `bits_per_character` of both languages.
pub fn measures(documents: &[ValidationScoreRow]) -> Vec<Measure> {
    let measure = |&condition: &Condition| {
        let language = match condition {
            Condition::Majority => Some(Language::Majority),
            Condition::Minority => Some(Language::Minority),
            Condition::Masked | Condition::Identical => None,
        };
        let own = documents
            .iter()
            .filter(|document| Some(document.language) == language);
        let observe = |document: &ValidationScoreRow| {
            let bits = -document.log_probability_nats / std::f64::consts::LN_2;
            bits.is_finite()
                .then(|| Observation::part(bits, f64::from(document.characters)))
        };
        let absent = match language {
            Some(_) => "no validation text was scored".to_owned(),
            None => format!("validation text is told by language, not for {condition} forms"),
        };
        let observations = own.map(observe).collect();
        Measure::from_items(
            "text",
            "bits_per_character",
            condition,
            None,
            observations,
            &absent,
        )
    };
    Condition::ALL.iter().map(measure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_over_characters() {
        let document = |nats: f64, characters: u32| ValidationScoreRow {
            step: 1,
            document: 0,
            language: Language::Minority,
            log_probability_nats: nats,
            n_tokens: 3,
            characters,
        };
        // 6 bits over 4 characters and 2 bits over 12: 8 / 16 = ½
        let documents = [document(-(64f64.ln()), 4), document(-(4f64.ln()), 12)];
        let measures = measures(&documents);
        assert!((measures[1].value().unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(measures[0].value(), None);
        assert_eq!(measures[2].value(), None);
    }
}
