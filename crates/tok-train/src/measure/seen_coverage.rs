//! `seen_coverage`: is the B-form spelled with tokens that a text trains?

use super::Form;

/// Share of b's characters under tokens that occur at least `least` times in a text (DESIGN, "The
/// tokenizer"). `occurrences[id]`: how often a token occurs in the text; `characters[id]`: its
/// length without boundary marks. In [0, 1]; 0 for an empty b.
pub fn seen_coverage(b: &Form, occurrences: &[u64], characters: &[u32], least: u64) -> f64 {
    if b.characters() == 0 {
        return 0.0;
    }
    let covered: u32 = b
        .ids()
        .iter()
        .filter(|id| occurrences[**id as usize] >= least)
        .map(|id| characters[*id as usize])
        .sum();
    f64::from(covered) / f64::from(b.characters())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_under_frequent_tokens() {
        // Tokens 0 ka (2 characters, 25 times), 1 lun (3, 19 times), 2 m (1, 20 times): with k =
        // 20, ka and m cover 3 of 6 characters.
        let characters = [2, 3, 1];
        let b = Form::new(vec![0, 1, 2], &characters);
        let coverage = seen_coverage(&b, &[25, 19, 20], &characters, 20);
        assert!((coverage - 0.5).abs() < 1e-12);
        assert!((seen_coverage(&b, &[25, 19, 20], &characters, 19) - 1.0).abs() < 1e-12);
    }
}
