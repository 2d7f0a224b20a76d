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

/// Length of the longest common subsequence (Wagner and Fischer 1974), one row at a time.
fn common_subsequence(a: &[u32], b: &[u32]) -> usize {
    // Almost every word is shorter than this; no allocation then.
    const SHORT: usize = 32;
    let mut short = [0u16; SHORT];
    let mut long;
    let row: &mut [u16] = if b.len() < SHORT {
        &mut short[..=b.len()]
    } else {
        long = vec![0u16; b.len() + 1];
        &mut long
    };
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
    usize::from(row[b.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn handles_forms_longer_than_the_stack_row() {
        let characters = [1; 64];
        let a = Form::new((0..50).collect(), &characters);
        let b = Form::new((10..64).collect(), &characters);
        // 10..50 in common: 40 of 54.
        assert!((ordered(&a, &b) - 40.0 / 54.0).abs() < 1e-12);
    }
}
