//! `ordered`: shared tokens in the same order.

use super::Form;

/// Longest common subsequence of the two token sequences / max(|T(a)|, |T(b)|) (DESIGN, "The
/// tokenizer"). Boundary tokens are tokens here. In [0, 1]; 0 where both are empty.
pub fn ordered(a: &Form, b: &Form) -> f64 {
    let longest = a.ids().len().max(b.ids().len());
    if longest == 0 {
        return 0.0;
    }
    common_subsequence(a.ids(), b.ids()) as f64 / longest as f64
}

/// Length of the longest common subsequence.
fn common_subsequence(a: &[u32], b: &[u32]) -> usize {
    if b.len() <= 64 {
        in_one_word(a, b)
    } else {
        row_by_row(a, b)
    }
}

/// Bit-parallel (Hyyrö 2004): after each token of a, bit j of `row` is 0 where the common
/// subsequence with b's first j + 1 tokens is longer than with its first j. At most 64 tokens in b.
fn in_one_word(a: &[u32], b: &[u32]) -> usize {
    let mut row = u64::MAX;
    for left in a {
        let equal = b
            .iter()
            .enumerate()
            .fold(0, |bits, (j, right)| bits | u64::from(left == right) << j);
        let both = row & equal;
        row = row.wrapping_add(both) | (row & !equal);
    }
    let used = u64::MAX.checked_shr(64 - b.len() as u32).unwrap_or(0);
    (!row & used).count_ones() as usize
}

/// By dynamic programming (Wagner and Fischer 1974), one row at a time.
fn row_by_row(a: &[u32], b: &[u32]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for left in a {
        let mut diagonal = 0;
        for (j, right) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if left == right {
                diagonal + 1
            } else {
                above.max(row[j])
            };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn follows_the_order_of_tokens() {
        let characters = [1; 10];
        // 1 2 3 4 and 2 1 3 9 4: longest common subsequence 1 3 4 (or 2 3 4), 3 of 5.
        let a = Form::new(vec![1, 2, 3, 4], &characters);
        let b = Form::new(vec![2, 1, 3, 9, 4], &characters);
        assert!((ordered(&a, &b) - 0.6).abs() < 1e-12);
        // The same tokens backwards: 1 of 4.
        let backwards = Form::new(vec![4, 3, 2, 1], &characters);
        assert!((ordered(&a, &backwards) - 0.25).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            a in proptest::collection::vec(0u32..4, 0..80),
            b in proptest::collection::vec(0u32..4, 0..=64),
        ) {
            prop_assert_eq!(in_one_word(&a, &b), row_by_row(&a, &b));
        }
    }
}
