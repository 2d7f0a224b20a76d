//! Distances between word forms.
//!
//! LDN and LDND after Wichmann, Holman, Bakker & Brown 2010, "Evaluating linguistic distance measures",
//! Physica A 389: Levenshtein distance divided by the longer length, and its mean over same-meaning pairs divided by
//! its mean over different-meaning pairs, which takes out what two inventories share by chance.

/// Edit distance: insertions, deletions and substitutions, each of cost 1 (Levenshtein 1966).
pub fn levenshtein<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let shared_start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[shared_start..], &b[shared_start..]);
    let shared_end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[..a.len() - shared_end], &b[..b.len() - shared_end]);
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len());
    }
    // One row of the table on the stack for words of usual length.
    let mut short = [0u32; 32];
    let mut long = Vec::new();
    let row: &mut [u32] = if b.len() < short.len() {
        &mut short[..=b.len()]
    } else {
        long.resize(b.len() + 1, 0);
        &mut long
    };
    for (j, cell) in row.iter_mut().enumerate() {
        *cell = j as u32;
    }
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i as u32 + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + u32::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()] as usize
}

/// Normalised Levenshtein distance lev(a, b) / max(|a|, |b|), in [0, 1]; 0 for two empty words.
pub fn ldn<T: PartialEq>(a: &[T], b: &[T]) -> f64 {
    match a.len().max(b.len()) {
        0 => 0.0,
        longest => levenshtein(a, b) as f64 / longest as f64,
    }
}

/// [`ldn`] of two strings, by characters.
pub fn ldn_str(a: &str, b: &str) -> f64 {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    ldn(&a, &b)
}

/// The most different-meaning pairs that [`ldnd`] compares.
pub const MOST_DIFFERENT_PAIRS: usize = 100_000;

/// LDND: mean LDN of the pairs (a_i, b_i) over mean LDN of pairs (a_i, b_j), j ≠ i.
///
/// All n(n−1) different-meaning pairs are compared up to [`MOST_DIFFERENT_PAIRS`]; beyond that, pairs (i, i + k mod n)
/// for evenly spaced k, so that every word takes part equally often. `None` for fewer than two meanings, or where all
/// different-meaning pairs are equal. `a` and `b`: forms by meaning, same length.
pub fn ldnd<T: PartialEq, W: AsRef<[T]>>(a: &[W], b: &[W]) -> Option<f64> {
    let n = a.len();
    assert_eq!(n, b.len(), "one form of each language per meaning");
    if n < 2 {
        return None;
    }
    let same: f64 = (0..n)
        .map(|i| ldn(a[i].as_ref(), b[i].as_ref()))
        .sum::<f64>()
        / n as f64;
    let shifts = (MOST_DIFFERENT_PAIRS / n).clamp(1, n - 1);
    let mut different = 0.0;
    for shift in 0..shifts {
        let k = 1 + shift * (n - 1) / shifts;
        for i in 0..n {
            different += ldn(a[i].as_ref(), b[(i + k) % n].as_ref());
        }
    }
    let different = different / (shifts * n) as f64;
    (different > 0.0).then(|| same / different)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lev(a: &str, b: &str) -> usize {
        levenshtein(a.as_bytes(), b.as_bytes())
    }

    #[test]
    fn levenshtein_worked_examples() {
        assert_eq!(lev("kitten", "sitting"), 3); // k→s, e→i, +g
        assert_eq!(lev("", "abc"), 3);
        assert_eq!(lev("abc", "abc"), 0);
        assert_eq!(lev("abab", "baba"), 2); // drop the first a, add a last one: not 4 substitutions
        assert_eq!(lev("ab", "ba"), 2); // a transposition is no edit of its own
        assert_eq!(lev("kapo", "kopo"), 1);
        let long = "ab".repeat(40);
        assert_eq!(lev(&long, &format!("{}c", &long[..79])), 1); // beyond the row on the stack
        assert_eq!(lev(&format!("x{long}y"), &format!("z{long}w")), 2);
    }

    /// German Hand, English hand: 0 / 4. German Zahn, English tooth: written tsan, tuth: t = t, s→u, a→t, n→h,
    /// 3 / 4. German Hund (hunt), English dog: no letter in common in order, 4 / max(4, 3) = 1.
    #[test]
    fn ldn_worked_examples() {
        assert_eq!(ldn_str("hand", "hand"), 0.0);
        assert_eq!(ldn_str("tsan", "tuth"), 0.75);
        assert_eq!(ldn_str("hunt", "dog"), 1.0);
        assert_eq!(ldn_str("", ""), 0.0);
        assert_eq!(ldn_str("κα", "κο"), 0.5); // characters, not bytes
    }

    /// Same meaning: ldn(ab, ab) = 0, ldn(cd, ce) = 1/2, ldn(fg, xy) = 1; mean 1/2.
    /// Different meaning, 6 pairs: ab·ce 1, ab·xy 1, cd·ab 1, cd·xy 1, fg·ab 1, fg·ce 1; mean 1. LDND = 1/2.
    #[test]
    fn ldnd_worked_example() {
        let a = ["ab", "cd", "fg"].map(str::as_bytes);
        let b = ["ab", "ce", "xy"].map(str::as_bytes);
        assert_eq!(ldnd(&a, &b), Some(0.5));
    }

    /// Chance resemblance counts: same 1/2 and 1/2 (aa·ab, ba·bb), mean 1/2;
    /// different aa·bb = 1, ba·ab: drop b, add b: 2/2 = 1; mean 1: LDND 1/2.
    /// With b = [ab, aa] instead: same 1/2, ba·aa 1/2; different aa·aa 0, ba·ab 1, mean 1/2: LDND 1.
    #[test]
    fn ldnd_divides_by_chance_resemblance() {
        let a = ["aa", "ba"].map(str::as_bytes);
        assert_eq!(ldnd(&a, &["ab", "bb"].map(str::as_bytes)), Some(0.5));
        assert_eq!(ldnd(&a, &["ab", "aa"].map(str::as_bytes)), Some(1.0));
    }

    #[test]
    fn ldnd_is_undefined_without_contrast() {
        assert_eq!(ldnd(&[b"ab"], &[b"ab"]), None);
        assert_eq!(ldnd(&[b"a", b"a"], &[b"a", b"a"]), None);
    }

    /// 600 meanings make 359,400 different pairs, above the limit: 100,000 / 600 = 166 shifts.
    #[test]
    fn ldnd_samples_large_lists_evenly() {
        let words: Vec<Vec<u32>> = (0..600u32).map(|i| vec![i, i + 1000]).collect();
        let mut other = words.clone();
        for (i, word) in other.iter_mut().enumerate() {
            word[0] = 5000 + i as u32;
        }
        assert_eq!(ldnd(&words, &other), Some(0.5));
    }
}
