//! A CKY chart (Younger 1967) whose cells are bit masks of symbols, and the derivations it holds.

use super::cfg::{Cfg, Right, SymbolId};
use crate::derivation::{Node, close};

/// A filled chart.
pub(super) struct Chart<'a> {
    cfg: &'a Cfg,
    n: usize,
    /// At `start · (n + 1) + end`.
    cells: Vec<u128>,
}

/// The positions of set bits.
fn bits(mut mask: u128) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let bit = mask.trailing_zeros();
            mask &= mask - 1;
            bit
        })
    })
}

impl<'a> Chart<'a> {
    /// Fills the chart of a sentence, given each word's symbols.
    pub fn fill(cfg: &'a Cfg, words: &[u128]) -> Chart<'a> {
        let n = words.len();
        let width = n + 1;
        let mut cells = vec![0_u128; n * width];
        for (start, &symbols) in words.iter().enumerate() {
            cells[start * width + start + 1] = symbols;
        }
        for length in 2..=n {
            for start in 0..=n - length {
                let end = start + length;
                let mut cell = 0;
                for middle in start + 1..end {
                    let right_cell = cells[middle * width + end];
                    if right_cell == 0 {
                        continue;
                    }
                    for left in bits(cells[start * width + middle]) {
                        for right in bits(right_cell & cfg.rights[left as usize]) {
                            cell |= cfg.pair(left, right);
                        }
                    }
                }
                cells[start * width + end] = cell;
            }
        }
        Chart { cfg, n, cells }
    }

    fn has(&self, symbol: SymbolId, start: usize, end: usize) -> bool {
        self.cells[start * (self.n + 1) + end] >> symbol & 1 == 1
    }

    /// Up to `limit` derivations of the whole sentence, given each word's concept.
    pub fn derivations(&self, concepts: &[u32], limit: usize) -> Vec<Vec<Node>> {
        if self.n == 0 || !self.has(self.cfg.start, 0, self.n) {
            return Vec::new();
        }
        self.symbol(self.cfg.start, 0, self.n, concepts, limit)
    }

    /// Node sequences of `symbol` over the span; one empty sequence for a function word.
    fn symbol(
        &self,
        symbol: SymbolId,
        start: usize,
        end: usize,
        concepts: &[u32],
        limit: usize,
    ) -> Vec<Vec<Node>> {
        let productions = &self.cfg.productions[usize::from(symbol)];
        if productions.is_empty() {
            let nodes = if self.cfg.open_word[usize::from(symbol)] {
                vec![Node::word(concepts[start], self.cfg.number(symbol))]
            } else {
                Vec::new()
            };
            return vec![nodes];
        }
        let mut found = Vec::new();
        for production in productions {
            for parts in self.right(production.right, start, end, concepts, limit - found.len()) {
                let mut nodes: Vec<Node> = Vec::new();
                nodes.extend(
                    production
                        .rule
                        .map(|(rule, numbers)| Node::rule(rule, numbers)),
                );
                // Constituents with nodes, back in the grammar's own order.
                if production.reversed {
                    parts.iter().rev().for_each(|part| nodes.extend(part));
                } else {
                    parts.iter().for_each(|part| nodes.extend(part));
                }
                if production.rule.is_some() {
                    close(&mut nodes, 0);
                }
                found.push(nodes);
            }
            if found.len() >= limit {
                break;
            }
        }
        found
    }

    fn right(
        &self,
        right: Right,
        start: usize,
        end: usize,
        concepts: &[u32],
        limit: usize,
    ) -> Vec<Vec<Vec<Node>>> {
        match right {
            Right::One(one) if self.has(one, start, end) => self
                .symbol(one, start, end, concepts, limit)
                .into_iter()
                .map(|part| vec![part])
                .collect(),
            Right::One(_) => Vec::new(),
            Right::Two(first, second) => {
                let mut found = Vec::new();
                for middle in start + 1..end {
                    if !self.has(first, start, middle) || !self.has(second, middle, end) {
                        continue;
                    }
                    let lefts = self.symbol(first, start, middle, concepts, limit - found.len());
                    let rights = self.symbol(second, middle, end, concepts, limit - found.len());
                    for left in &lefts {
                        for right in &rights {
                            if found.len() < limit {
                                found.push(vec![left.clone(), right.clone()]);
                            }
                        }
                    }
                    if found.len() >= limit {
                        break;
                    }
                }
                found
            }
        }
    }
}
