//! What a step is computed on.

/// A target that does not count: padding.
pub const IGNORE: u32 = u32::MAX;

/// Rows of token ids of one length. Positions start at 0 in every row.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    inputs: &'a [u32],
    targets: &'a [u32],
    rows: usize,
    seq_len: usize,
    /// From one row's first token to the next one's.
    stride: usize,
}

/// Why a batch cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The slices are no whole rows.
    #[error("{tokens} tokens are no {rows} rows of equal length")]
    Ragged {
        /// Tokens given.
        tokens: usize,
        /// Rows asked for.
        rows: usize,
    },
    /// Rows are longer than the model's longest sequence.
    #[error("rows of {found} tokens, expected at most {expected}")]
    TooLong {
        /// Tokens of a row.
        found: usize,
        /// The model's longest sequence.
        expected: usize,
    },
    /// A token or target is outside the vocabulary.
    #[error("token {token} in row {row}, expected ids below {vocab_size}")]
    Token {
        /// The id found.
        token: u32,
        /// The row it stands in.
        row: usize,
        /// The model's vocabulary.
        vocab_size: usize,
    },
    /// Every target is [`IGNORE`].
    #[error("no target to learn from: every one is ignored")]
    NoTargets,
}

impl<'a> Batch<'a> {
    /// `rows` rows of inputs and their targets, `[rows, seq_len]` each; a target of [`IGNORE`] does not
    /// count.
    ///
    /// # Errors
    /// The slices differ in length or are no whole rows.
    pub fn new(inputs: &'a [u32], targets: &'a [u32], rows: usize) -> Result<Self, BatchError> {
        let tokens = inputs.len();
        if rows == 0 || tokens == 0 || !tokens.is_multiple_of(rows) || targets.len() != tokens {
            return Err(BatchError::Ragged { tokens, rows });
        }
        let seq_len = tokens / rows;
        Ok(Batch {
            inputs,
            targets,
            rows,
            seq_len,
            stride: seq_len,
        })
    }

    /// `rows` windows of `seq_len + 1` tokens, `[rows, seq_len + 1]`: each token is the target of the one
    /// before it.
    ///
    /// # Errors
    /// The tokens are no whole windows of at least two.
    pub fn from_windows(tokens: &'a [u32], rows: usize) -> Result<Self, BatchError> {
        let ragged = BatchError::Ragged {
            tokens: tokens.len(),
            rows,
        };
        if rows == 0 || !tokens.len().is_multiple_of(rows) {
            return Err(ragged);
        }
        let stride = tokens.len() / rows;
        if stride < 2 {
            return Err(ragged);
        }
        let targets = tokens.get(1..).ok_or(ragged)?;
        Ok(Batch {
            inputs: tokens,
            targets,
            rows,
            seq_len: stride - 1,
            stride,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Tokens of a row.
    pub fn seq_len(&self) -> usize {
        self.seq_len
    }

    /// Targets that count.
    pub fn target_count(&self) -> usize {
        let targets = (0..self.rows).flat_map(|row| self.targets(row));
        targets.filter(|target| **target != IGNORE).count()
    }

    /// Input tokens of one row.
    pub fn inputs(&self, row: usize) -> &'a [u32] {
        &self.inputs[row * self.stride..][..self.seq_len]
    }

    /// Targets of one row.
    pub fn targets(&self, row: usize) -> &'a [u32] {
        &self.targets[row * self.stride..][..self.seq_len]
    }

    pub(crate) fn check(&self, vocab_size: usize, seq_len: usize) -> Result<(), BatchError> {
        if self.seq_len > seq_len {
            return Err(BatchError::TooLong {
                found: self.seq_len,
                expected: seq_len,
            });
        }
        for row in 0..self.rows {
            let targets = self.targets(row).iter().filter(|target| **target != IGNORE);
            let mut tokens = self.inputs(row).iter().chain(targets);
            if let Some(token) = tokens.find(|token| **token as usize >= vocab_size) {
                return Err(BatchError::Token {
                    token: *token,
                    row,
                    vocab_size,
                });
            }
        }
        if self.target_count() == 0 {
            return Err(BatchError::NoTargets);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_shifted_by_one() -> Result<(), BatchError> {
        let batch = Batch::from_windows(&[1, 2, 3, 4, 5, 6], 2)?;
        assert_eq!(
            (batch.rows(), batch.seq_len(), batch.target_count()),
            (2, 2, 4)
        );
        assert_eq!(
            (batch.inputs(0), batch.targets(0)),
            (&[1, 2][..], &[2, 3][..])
        );
        assert_eq!(
            (batch.inputs(1), batch.targets(1)),
            (&[4, 5][..], &[5, 6][..])
        );
        Ok(())
    }

    #[test]
    fn impossible_batches_are_refused() -> Result<(), BatchError> {
        assert!(Batch::new(&[1, 2, 3], &[2, 3, 4], 2).is_err());
        assert!(Batch::new(&[1, 2], &[2], 1).is_err());
        assert!(Batch::from_windows(&[1, 2], 2).is_err());
        assert!(Batch::from_windows(&[], 0).is_err());
        let batch = Batch::new(&[1, 2], &[2, IGNORE], 1)?;
        assert_eq!((batch.check(3, 2), batch.target_count()), (Ok(()), 1));
        assert_eq!(
            batch.check(2, 2),
            Err(BatchError::Token {
                token: 2,
                row: 0,
                vocab_size: 2
            })
        );
        assert_eq!(
            batch.check(3, 1),
            Err(BatchError::TooLong {
                found: 2,
                expected: 1
            })
        );
        let silent = Batch::new(&[1], &[IGNORE], 1)?;
        assert_eq!(silent.check(3, 1), Err(BatchError::NoTargets));
        Ok(())
    }
}
