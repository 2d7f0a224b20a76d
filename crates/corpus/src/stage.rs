//! The kinds of directories that stages write, and the version of each one's format.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::MANIFEST;

/// A stage's kind of output directory: `kind` in its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A world in two languages, by `lang-gen`.
    Lang,
    /// A tokenizer and its analyses, by `tok-train`.
    Tok,
    /// Checkpoints, by `model-train`.
    Model,
    /// Scores and metrics, by `transfer-eval`.
    Eval,
    /// Figures and claims, by `study report`.
    Report,
}

impl Stage {
    /// All stages, in the order data goes.
    pub const ALL: [Stage; 5] = [
        Stage::Lang,
        Stage::Tok,
        Stage::Model,
        Stage::Eval,
        Stage::Report,
    ];

    /// The kind that a directory's manifest states, whatever else is wrong with it; `None` where there is no manifest of the
    /// lab.
    pub fn stated_in(directory: &Path) -> Option<Stage> {
        let text = std::fs::read(directory.join(MANIFEST)).ok()?;
        let manifest: Value = serde_json::from_slice(&text).ok()?;
        Stage::deserialize(manifest.get("kind")?).ok()
    }

    /// The format version that this build writes; it reads this and older ones.
    pub const fn format(self) -> u32 {
        match self {
            Stage::Lang | Stage::Tok | Stage::Model | Stage::Eval | Stage::Report => 1,
        }
    }

    /// The kind as it stands in manifests and as the role of an input: `lang`, `tok`, `model`, `eval`, `report`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Lang => "lang",
            Stage::Tok => "tok",
            Stage::Model => "model",
            Stage::Eval => "eval",
            Stage::Report => "report",
        }
    }

    /// The command that writes it.
    pub const fn tool(self) -> &'static str {
        match self {
            Stage::Lang => "lang-gen",
            Stage::Tok => "tok-train",
            Stage::Model => "model-train",
            Stage::Eval => "transfer-eval",
            Stage::Report => "study report",
        }
    }

    /// The directory in words, for error messages.
    pub const fn description(self) -> &'static str {
        match self {
            Stage::Lang => "a language directory",
            Stage::Tok => "a tokenizer directory",
            Stage::Model => "a model directory",
            Stage::Eval => "an evaluation directory",
            Stage::Report => "a report directory",
        }
    }

    /// The command line that writes `out`, as a hint.
    pub(crate) fn cure(self, out: &Path) -> String {
        let arguments = match self {
            Stage::Lang => "--world WORLD.toml",
            Stage::Tok => "--lang LANG",
            Stage::Model => "--lang LANG --tok TOK",
            Stage::Eval => "--lang LANG --tok TOK --model MODEL",
            Stage::Report => "EVAL…",
        };
        format!("{} {arguments} --out {}", self.tool(), out.display())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
