//! The flags of `tok-train`.

use std::path::PathBuf;

use clap::Args;
use lm::SplitIds;
use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::mixture::Regime;

/// Size where none is asked for, of the algorithms that need one.
const DEFAULT_VOCAB_SIZE: usize = 512;

/// What to train.
#[derive(Debug, Clone, Args)]
pub struct TrainFlags {
    /// Directory that lang-gen wrote
    #[arg(long, value_name = "LANG")]
    pub lang: PathBuf,
    /// Directory to write
    #[arg(long, value_name = "TOK")]
    pub out: PathBuf,
    /// How words are cut
    #[arg(long, value_enum, default_value_t = Algorithm::Bpe)]
    pub algorithm: Algorithm,
    /// Tokens in the vocabulary, 3 special ones and the alphabets included [default: 512; char and
    /// word: as many as there are]
    #[arg(long, value_name = "N")]
    pub vocab_size: Option<usize>,
    /// Each language's share of the training characters: majority, minority, balanced,
    /// proportional (as the model sees the text) or alpha=X (share ∝ share^X, X at least 0)
    #[arg(long, value_name = "REGIME", default_value_t = Regime::Proportional)]
    pub regime: Regime,
    /// Control: show the tokenizer the masked forms (B†), each as often as B would state it at the
    /// rate at which A states its A-form, at least once. Models never see them; transfer-eval leaves out
    /// the concepts with a token that occurs fewer than --seen-at-least times in the models' text
    #[arg(long)]
    pub show_masked_forms: bool,
    /// Control: give every token but the special ones a second id, its twin. language: B texts take the
    /// twins, so that nothing is shared; document: each text takes one copy or the other at random.
    /// The segmentation stays, the vocabulary is 2 · vocab_size − 3 ids either way
    #[arg(long, value_name = "none|language|document", default_value_t = SplitIds::None)]
    pub split_ids: SplitIds,
    /// k of seen_coverage: how often a token must occur in the models' training text
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub seen_at_least: u64,
    /// Go on after a killed run; exit 0 where TOK is whole with the same configuration
    #[arg(long)]
    pub resume: bool,
    /// Replace an existing TOK, once the new one is whole
    #[arg(long)]
    pub force: bool,
}

impl TrainFlags {
    /// The size to train for; `None`: as many tokens as there are.
    pub fn requested_vocab_size(&self) -> Option<usize> {
        match self.algorithm {
            Algorithm::Char | Algorithm::Word => self.vocab_size,
            _ => Some(self.vocab_size.unwrap_or(DEFAULT_VOCAB_SIZE)),
        }
    }

    /// The whole resolved configuration, as the manifest states it.
    pub fn configuration(&self) -> Value {
        json!({
            "algorithm": self.algorithm.name(),
            "vocab_size": self.requested_vocab_size(),
            "regime": self.regime.to_string(),
            "show_masked_forms": self.show_masked_forms,
            "split_ids": self.split_ids,
            "seen_at_least": self.seen_at_least,
        })
    }
}
