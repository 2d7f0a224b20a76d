//! Which words each step covers, and how they are packed into rows.
//!
//! The documents of an epoch, in an order drawn from the stream `order` at the epoch's number, form one endless text: the
//! words of a document, a separator, the next document. Under the budget **equal text**, step s covers the words up to the one whose end
//! comes nearest to (s + 1) · batch_chars characters. That depends on LANG, seed and batch_chars alone: with any
//! tokenizer, a step covers the same words, and the characters after s steps differ from s · batch_chars by less than a
//! word. The tokens are as many as they are: rows are filled one after another, the last one as far as they reach.
//! Under **equal tokens** a step covers batch_size · seq_len tokens.
//!
//! Where a tokenizer's ids are split (see [`lm::split_ids`]), each document is written in one copy of them, the same in
//! every epoch.

use lm::{Encoder, IdCopy, PAD, SEP, TextKind};
use rand::Rng;
use seed::Seed;
use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::words::WordTokens;

/// What is equal between trainings with different tokenizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum BudgetMode {
    /// Each step covers the same characters: the primary budget.
    EqualText,
    /// Each step covers the same number of tokens: a control.
    EqualTokens,
}

/// How much a step covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepSize {
    /// What is equal.
    pub mode: BudgetMode,
    /// Characters of a step under equal text.
    pub batch_chars: u64,
    /// Tokens of a step under equal tokens.
    pub batch_tokens: u64,
    /// Tokens of a row.
    pub seq_len: usize,
}

/// A target that does not count; the same as [`cpu_step::IGNORE`].
pub const IGNORE: u32 = cpu_step::IGNORE;

/// The rows of one step, [rows, seq_len] each; the last row ends in `<pad>` without targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// What the model sees.
    pub inputs: Vec<u32>,
    /// What it should predict; [`IGNORE`] where nothing.
    pub targets: Vec<u32>,
    /// How many.
    pub rows: usize,
    /// Targets that count.
    pub tokens: u64,
}

impl Rows {
    /// Packs a piece of the text: `tokens` are the targets one after another, `before` the token before the first.
    pub fn pack(before: u32, tokens: &[u32], seq_len: usize) -> Rows {
        let rows = tokens.len().div_ceil(seq_len);
        let mut inputs = Vec::with_capacity(rows * seq_len);
        inputs.push(before);
        inputs.extend_from_slice(&tokens[..tokens.len() - 1]);
        inputs.resize(rows * seq_len, PAD);
        let mut targets = tokens.to_vec();
        targets.resize(rows * seq_len, IGNORE);
        Rows {
            inputs,
            targets,
            rows,
            tokens: tokens.len() as u64,
        }
    }

    /// Tokens of a row, padding included; 0 where there are no rows.
    pub fn seq_len(&self) -> usize {
        self.inputs.len() / self.rows.max(1)
    }
}

/// The place in the endless text from which the next step goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Times the whole text was gone through.
    pub epoch: u64,
    /// Documents of this epoch that are done.
    pub document: usize,
    /// Words of the present document that are done.
    pub word: u64,
    /// Tokens of a word that the last step had no room for (equal tokens).
    pub pending: Vec<u32>,
    /// The token before the next one.
    pub before: u32,
    /// Characters covered so far, over all epochs.
    pub chars_seen: u64,
    /// Tokens covered so far.
    pub tokens_seen: u64,
}

/// The steps' rows, one after another.
pub struct Batches<'a> {
    text: &'a Text,
    words: &'a WordTokens,
    encoder: Encoder<'a>,
    size: StepSize,
    seed: Seed,
    /// The copy of the ids in which the present document is written.
    copy: IdCopy,
    /// The epoch's order of documents, and its streams of dropout, one for each occurrence of a word.
    order: Vec<u32>,
    dropout: seed::Family,
    cursor: Cursor,
    tokens: Vec<u32>,
}

impl<'a> Batches<'a> {
    /// From the beginning, or from where an earlier run stopped.
    pub fn new(
        text: &'a Text,
        words: &'a WordTokens,
        encoder: Encoder<'a>,
        size: StepSize,
        seed: Seed,
        cursor: Option<Cursor>,
    ) -> Batches<'a> {
        let cursor = cursor.unwrap_or(Cursor {
            epoch: 0,
            document: 0,
            word: 0,
            pending: Vec::new(),
            before: SEP,
            chars_seen: 0,
            tokens_seen: 0,
        });
        let mut batches = Batches {
            text,
            words,
            encoder,
            size,
            seed,
            copy: IdCopy::First,
            order: epoch_order(text.documents(), seed, cursor.epoch),
            dropout: epoch_dropout(seed, cursor.epoch),
            cursor,
            tokens: Vec::new(),
        };
        batches.choose_copy();
        batches
    }

    /// Where the next step begins.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The rows of step `index` (from 0); steps are asked for one after another.
    pub fn step(&mut self, index: u64) -> Rows {
        self.tokens.clear();
        self.tokens.append(&mut self.cursor.pending);
        match self.size.mode {
            BudgetMode::EqualText => {
                let target = (index + 1) * self.size.batch_chars;
                while self.cursor.chars_seen + self.next_characters() / 2 < target
                    || self.tokens.is_empty()
                {
                    self.take_word();
                }
            }
            BudgetMode::EqualTokens => {
                let target = self.size.batch_tokens as usize;
                while self.tokens.len() < target {
                    self.take_word();
                }
                self.cursor.pending = self.tokens.split_off(target);
            }
        }
        let rows = Rows::pack(self.cursor.before, &self.tokens, self.size.seq_len);
        self.cursor.before = self.tokens.last().copied().unwrap_or(SEP);
        self.cursor.tokens_seen += rows.tokens;
        rows
    }

    /// Tokens that `steps` steps will have covered, about: BPE dropout makes more.
    pub fn expected_tokens(&self, steps: u64) -> u64 {
        match self.size.mode {
            BudgetMode::EqualTokens => steps * self.size.batch_tokens,
            BudgetMode::EqualText => {
                let tokens_per_char =
                    self.words.count(self.text) as f64 / self.text.characters() as f64;
                (steps as f64 * self.size.batch_chars as f64 * tokens_per_char) as u64
            }
        }
    }

    /// The occurrence that comes next.
    fn next_occurrence(&self) -> u64 {
        let document = self.order[self.cursor.document] as usize;
        self.text.document(document).start + self.cursor.word
    }

    /// Characters of the next word, with the space before it if it is not the first of its document.
    fn next_characters(&self) -> u64 {
        let word = self.text.word(self.next_occurrence());
        u64::from(self.text.words()[word as usize].characters) + u64::from(self.cursor.word > 0)
    }

    /// Takes the next word, and the separator behind the last one of a document.
    fn take_word(&mut self) {
        self.cursor.chars_seen += self.next_characters();
        let occurrence = self.next_occurrence();
        let stream = || self.dropout.at(occurrence);
        let start = self.tokens.len();
        self.words
            .append(self.text.word(occurrence), stream, &mut self.tokens);
        self.encoder.shift(&mut self.tokens[start..], self.copy);
        self.cursor.word += 1;
        let document = self
            .text
            .document(self.order[self.cursor.document] as usize);
        if self.cursor.word < document.end - document.start {
            return;
        }
        self.tokens.push(SEP);
        self.cursor.word = 0;
        self.cursor.document += 1;
        if self.cursor.document == self.order.len() {
            self.cursor.document = 0;
            self.cursor.epoch += 1;
            self.order = epoch_order(self.order.len(), self.seed, self.cursor.epoch);
            self.dropout = epoch_dropout(self.seed, self.cursor.epoch);
        }
        self.choose_copy();
    }

    fn choose_copy(&mut self) {
        let document = self.order[self.cursor.document];
        let is_minority = self.text.is_minority(document as usize);
        let encoder = &self.encoder;
        self.copy = encoder.copy(is_minority, TextKind::Training, document.into());
    }
}

/// Each epoch segments anew under dropout.
fn epoch_dropout(seed: Seed, epoch: u64) -> seed::Family {
    seed.family(&format!("bpe-dropout/{epoch}"))
}

/// The documents' order in an epoch: Fisher and Yates' shuffle with draws from the stream `order`.
fn epoch_order(documents: usize, seed: Seed, epoch: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..documents as u32).collect();
    let mut stream = seed.stream_at("order", epoch);
    for last in (1..documents).rev() {
        // The bias of the product is below documents / 2^64.
        let other = (u128::from(stream.next_u64()) * (last as u128 + 1)) >> 64;
        order.swap(last, other as usize);
    }
    order
}
