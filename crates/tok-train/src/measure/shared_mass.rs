//! `shared_mass`: how much of the B-form is spelled with tokens of the A-form.

use super::Form;

/// m(a, b) = Σ characters of the multiset T(a) ∩ T(b) / |b| (DESIGN, "The tokenizer").
///
/// Only tokens of at least `least_characters` characters count as shared (1: all; 2: without
/// single characters). `characters[id]`: length of a token without boundary marks. In [0, 1]; 0
/// for an empty b.
pub fn shared_mass(a: &Form, b: &Form, characters: &[u32], least_characters: u32) -> f64 {
    if b.characters() == 0 {
        return 0.0;
    }
    let shared: u32 = a
        .shared_with(b)
        .map(|id| characters[id as usize])
        .filter(|length| *length >= least_characters)
        .sum();
    f64::from(shared) / f64::from(b.characters())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_shared_characters_over_the_b_form() {
        // Tokens 0 ▁ (0 characters), 1 ka (2), 2 lu (2), 3 m (1), 4 to (2).
        let characters = [0, 2, 2, 1, 2];
        // a = ▁ ka lu m, b = ▁ ka to m: ▁, ka, m shared: 0 + 2 + 1 = 3 of |b| = 5 characters.
        let a = Form::new(vec![0, 1, 2, 3], &characters);
        let b = Form::new(vec![0, 1, 4, 3], &characters);
        assert!((shared_mass(&a, &b, &characters, 1) - 0.6).abs() < 1e-12);
        // Without single characters ka alone: 2 of 5.
        assert!((shared_mass(&a, &b, &characters, 2) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn is_one_for_equal_and_zero_for_disjoint_forms() {
        let characters = [1, 1, 1, 1];
        let a = Form::new(vec![0, 1], &characters);
        let b = Form::new(vec![2, 3], &characters);
        assert!((shared_mass(&a, &a, &characters, 1) - 1.0).abs() < 1e-12);
        assert!(shared_mass(&a, &b, &characters, 1).abs() < 1e-12);
    }
}
