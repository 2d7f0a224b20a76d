//! `specificity`: shared tokens, weighted by how few A-forms hold them.

use super::Form;

/// Inverse document frequency of tokens over the A-forms (Spärck Jones 1972).
#[derive(Clone, Debug)]
pub struct Specificity {
    /// characters(t) × ln(N / df(t)) by token id.
    weights: Vec<f64>,
}

impl Specificity {
    /// N = number of `a_forms`, df(t) = number of them that hold t, at least 1 (a token that no
    /// A-form holds weighs as one that a single A-form holds). `characters[id]`: length of a token
    /// without boundary marks.
    pub fn new<'a>(a_forms: impl IntoIterator<Item = &'a Form>, characters: &[u32]) -> Self {
        let mut forms = 0u64;
        let mut holders = vec![0u64; characters.len()];
        for form in a_forms {
            forms += 1;
            let mut tokens = form.sorted().to_vec();
            tokens.dedup();
            for id in tokens {
                holders[id as usize] += 1;
            }
        }
        let weights = holders
            .iter()
            .zip(characters)
            .map(|(holders, length)| {
                let rarity = libm::log(forms.max(1) as f64 / (*holders).max(1) as f64);
                f64::from(*length) * rarity
            })
            .collect();
        Specificity { weights }
    }

    /// Σ over T(a) ∩ T(b) of characters(t) · ln(N / df(t)), divided by the same sum over T(b)
    /// (our normalization: the share of b's specific mass that a spells). In [0, 1]; 0 where
    /// every A-form holds every token of b.
    pub fn between(&self, a: &Form, b: &Form) -> f64 {
        let whole = self.sum(b.sorted().iter().copied());
        if whole <= 0.0 {
            return 0.0;
        }
        self.sum(a.shared_with(b)) / whole
    }

    fn sum(&self, tokens: impl Iterator<Item = u32>) -> f64 {
        // Not `sum`, whose empty value is −0.
        tokens.fold(0.0, |sum, id| sum + self.weights[id as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_shared_tokens_weigh_more() {
        // Tokens 0 ka (2 characters), 1 lu (2), 2 m (1), 3 to (2). N = 4 A-forms; ka is in 4 of
        // them, lu in 2, m in 1, to in none (as 1).
        // Weights: ka 2·ln 1 = 0; lu 2·ln 2; m 1·ln 4 = 2·ln 2; to 2·ln 4 = 4·ln 2.
        let characters = [2, 2, 1, 2];
        let form = |ids: &[u32]| Form::new(ids.to_vec(), &characters);
        let a_forms = [form(&[0, 1]), form(&[0, 1, 1]), form(&[0, 2]), form(&[0])];
        let specificity = Specificity::new(&a_forms, &characters);
        // a = ka lu m, b = ka lu to: shared ka 0 + lu 2·ln 2, of 0 + 2·ln 2 + 4·ln 2: 1/3.
        let value = specificity.between(&form(&[0, 1, 2]), &form(&[0, 1, 3]));
        assert!((value - 1.0 / 3.0).abs() < 1e-12);
        // ka alone tells nothing.
        assert!(specificity.between(&form(&[0]), &form(&[0])).abs() < 1e-12);
    }
}
