//! A form as its tokens: what every bridge compares.

/// A form cut into tokens, as in running text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    ids: Vec<u32>,
    sorted: Vec<u32>,
    characters: u32,
}

impl Form {
    /// `ids` in the order of the text; `characters[id]` is the length of a token in characters,
    /// boundary marks not counted.
    pub fn new(ids: Vec<u32>, characters: &[u32]) -> Self {
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        let characters = ids.iter().map(|id| characters[*id as usize]).sum();
        Form {
            ids,
            sorted,
            characters,
        }
    }

    /// Token ids in the order of the text.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Token ids in ascending order: the multiset T(form).
    pub fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    /// |form|: its characters, boundary marks not counted.
    pub fn characters(&self) -> u32 {
        self.characters
    }

    /// The multiset intersection T(self) ∩ T(other), ascending.
    pub fn shared_with<'a>(&'a self, other: &'a Form) -> impl Iterator<Item = u32> + 'a {
        let (left, right) = (&self.sorted, &other.sorted);
        let (mut i, mut j) = (0, 0);
        std::iter::from_fn(move || {
            while i < left.len() && j < right.len() {
                let (a, b) = (left[i], right[j]);
                i += usize::from(a <= b);
                j += usize::from(b <= a);
                if a == b {
                    return Some(a);
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersection_counts_repeated_tokens() {
        // {1,1,2,5} ∩ {1,1,1,5,7} = {1,1,5}.
        let characters = [1; 8];
        let a = Form::new(vec![5, 1, 2, 1], &characters);
        let b = Form::new(vec![1, 7, 1, 5, 1], &characters);
        assert_eq!(a.shared_with(&b).collect::<Vec<_>>(), [1, 1, 5]);
        assert_eq!(a.characters(), 4);
    }
}
