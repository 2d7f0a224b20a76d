//! Sequences that share their beginnings, each beginning held once.

use std::collections::HashMap;

/// Parent of a first token.
const NONE: u32 = u32::MAX;

/// A token in its context: the place of one token of one or more sequences in a [`Forest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(u32);

/// Sequences of tokens as tries: two sequences share nodes as far as they are equal from the first
/// token on. A [`crate::Scorer`] computes each node once, whatever number of sequences goes through it.
#[derive(Debug, Clone, Default)]
pub struct Forest {
    tokens: Vec<u32>,
    parents: Vec<u32>,
    depths: Vec<u32>,
    has_child: Vec<bool>,
    children: HashMap<(u32, u32), u32>,
}

impl Forest {
    /// Without sequences.
    pub fn new() -> Forest {
        Forest::default()
    }

    /// Adds a sequence that starts at position 0; the node of its last token, `None` if it is empty.
    pub fn insert(&mut self, sequence: &[u32]) -> Option<Node> {
        self.insert_after(None, sequence)
    }

    /// Adds what follows a node; the node of the last token, `after` itself if nothing follows.
    pub fn insert_after(&mut self, after: Option<Node>, continuation: &[u32]) -> Option<Node> {
        let mut parent = after.map_or(NONE, |node| node.0);
        for token in continuation {
            let next = self.tokens.len() as u32;
            let node = *self.children.entry((parent, *token)).or_insert(next);
            if node == next {
                let depth = self
                    .depths
                    .get(parent as usize)
                    .map_or(0, |depth| depth + 1);
                if let Some(has_child) = self.has_child.get_mut(parent as usize) {
                    *has_child = true;
                }
                self.tokens.push(*token);
                self.parents.push(parent);
                self.depths.push(depth);
                self.has_child.push(false);
            }
            parent = node;
        }
        (parent != NONE).then_some(Node(parent))
    }

    /// Number of nodes: tokens that are computed, and last tokens that are only looked up.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no sequence was added.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Forgets all sequences and keeps the memory.
    pub fn clear(&mut self) {
        let Forest {
            tokens,
            parents,
            depths,
            has_child,
            children,
        } = self;
        tokens.clear();
        parents.clear();
        depths.clear();
        has_child.clear();
        children.clear();
    }

    /// The token at a node.
    pub fn token(&self, node: Node) -> u32 {
        self.tokens[node.0 as usize]
    }

    /// The node before, `None` at a first token.
    pub fn parent(&self, node: Node) -> Option<Node> {
        let parent = self.parents[node.0 as usize];
        (parent != NONE).then_some(Node(parent))
    }

    /// Tokens before the node: its position.
    pub fn depth(&self, node: Node) -> usize {
        self.depths[node.0 as usize] as usize
    }

    /// The nodes from a first token to `node`, both included.
    pub fn path(&self, node: Node) -> Vec<Node> {
        let mut path: Vec<Node> =
            std::iter::successors(Some(node), |node| self.parent(*node)).collect();
        path.reverse();
        path
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        (0..self.tokens.len() as u32).map(Node)
    }

    pub(crate) fn has_child(&self, node: Node) -> bool {
        self.has_child[node.0 as usize]
    }
}

impl Node {
    /// Its number, from 0 in the order in which the nodes were added; a parent's is smaller.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "1 2 3", "1 2 4" and "5": five nodes, of which 3, 4 and 5 have no child.
    #[test]
    fn beginnings_are_shared() {
        let mut forest = Forest::new();
        let three = forest.insert(&[1, 2, 3]);
        let four = forest.insert(&[1, 2, 4]);
        let five = forest.insert(&[5]);
        assert_eq!(forest.len(), 5);
        assert_eq!(forest.insert(&[1, 2, 3]), three);
        assert_eq!(forest.insert(&[]), None);
        let tokens = |node: Option<Node>| -> Vec<u32> {
            let path = node.map_or(Vec::new(), |node| forest.path(node));
            path.into_iter().map(|node| forest.token(node)).collect()
        };
        assert_eq!(tokens(four), [1, 2, 4]);
        assert_eq!(tokens(five), [5]);
        assert_eq!(three.map(|node| forest.depth(node)), Some(2));
        let leaves: Vec<u32> = forest
            .nodes()
            .filter(|node| !forest.has_child(*node))
            .map(|node| forest.token(node))
            .collect();
        assert_eq!(leaves, [3, 4, 5]);
    }
}
