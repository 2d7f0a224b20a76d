//! The knobs of a study: what each stage's command line offers, with the study's own default for each.
//!
//! A plan passes every knob that has a value explicitly, so that an artifact's name hashes its whole configuration and
//! never depends on a binary's defaults. Keys are the flags' names with underscores.

use std::fmt;

use serde::{Serialize, Serializer};

/// Where a knob belongs: the four stages, and the world file that `lang-gen` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A key of the world file, dotted (`mask.share`); the plan writes the changed world beside the runs.
    World,
    /// `lang-gen`.
    Lang,
    /// `tok-train`.
    Tok,
    /// `model-train`.
    Model,
    /// `transfer-eval`.
    Eval,
}

impl Scope {
    /// All scopes, in the order of the stages.
    pub const ALL: [Scope; 5] = [
        Scope::World,
        Scope::Lang,
        Scope::Tok,
        Scope::Model,
        Scope::Eval,
    ];

    /// As the study file spells it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::World => "world",
            Scope::Lang => "lang",
            Scope::Tok => "tok",
            Scope::Model => "model",
            Scope::Eval => "eval",
        }
    }
}

/// What values a knob takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number that is not negative.
    Integer,
    /// A finite number.
    Number,
    /// A word, checked by the stage itself.
    Text,
    /// A flag without a value.
    Switch,
}

/// One knob of one stage.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Its stage.
    pub scope: Scope,
    /// Its flag's name with underscores.
    pub key: &'static str,
    /// Its values.
    pub kind: Kind,
    /// The study's default, as TOML spells it; `None`: the world file or the stage decides.
    pub default: Option<&'static str>,
}

const fn knob(scope: Scope, key: &'static str, kind: Kind, default: Option<&'static str>) -> Knob {
    Knob {
        scope,
        key,
        kind,
        default,
    }
}

/// Every knob a study can turn.
pub const KNOBS: &[Knob] = &[
    knob(Scope::Lang, "world_seed", Kind::Integer, Some("1")),
    knob(Scope::Lang, "corpus_seed", Kind::Integer, Some("1")),
    knob(Scope::Lang, "lexical_distance", Kind::Number, None),
    knob(Scope::Lang, "divergence", Kind::Text, None),
    knob(Scope::Lang, "script", Kind::Text, None),
    knob(Scope::Lang, "shuffled_pairing", Kind::Switch, None),
    knob(Scope::Lang, "minority_share", Kind::Number, None),
    knob(Scope::Lang, "mask_share", Kind::Number, None),
    knob(Scope::Lang, "b_unmasked", Kind::Switch, None),
    knob(Scope::Lang, "documents", Kind::Integer, None),
    knob(Scope::Tok, "algorithm", Kind::Text, Some("bpe")),
    knob(Scope::Tok, "vocab_size", Kind::Integer, Some("512")),
    knob(Scope::Tok, "regime", Kind::Text, Some("proportional")),
    knob(Scope::Tok, "show_masked_forms", Kind::Switch, None),
    knob(Scope::Tok, "split_ids", Kind::Text, None),
    knob(Scope::Tok, "seen_at_least", Kind::Integer, Some("20")),
    knob(Scope::Model, "size", Kind::Text, Some("tiny")),
    knob(Scope::Model, "d_model", Kind::Integer, None),
    knob(Scope::Model, "n_layers", Kind::Integer, None),
    knob(Scope::Model, "n_heads", Kind::Integer, None),
    knob(Scope::Model, "d_ff", Kind::Integer, None),
    knob(Scope::Model, "seq_len", Kind::Integer, Some("128")),
    knob(Scope::Model, "max_steps", Kind::Integer, None),
    knob(Scope::Model, "max_tokens", Kind::Integer, None),
    knob(Scope::Model, "max_chars", Kind::Integer, None),
    knob(Scope::Model, "batch_size", Kind::Integer, Some("32")),
    knob(Scope::Model, "batch_chars", Kind::Integer, None),
    knob(Scope::Model, "budget_mode", Kind::Text, Some("equal-text")),
    knob(Scope::Model, "learning_rate", Kind::Number, Some("0.002")),
    knob(Scope::Model, "warmup_steps", Kind::Integer, None),
    knob(Scope::Model, "weight_decay", Kind::Number, Some("0.1")),
    knob(Scope::Model, "checkpoints", Kind::Integer, Some("24")),
    knob(Scope::Model, "validation_every", Kind::Integer, None),
    knob(
        Scope::Model,
        "validation_documents",
        Kind::Integer,
        Some("256"),
    ),
    knob(Scope::Model, "bpe_dropout", Kind::Number, None),
    knob(Scope::Model, "precision", Kind::Text, None),
    knob(Scope::Model, "seed", Kind::Integer, Some("1")),
    knob(Scope::Eval, "samples", Kind::Integer, Some("100")),
    knob(Scope::Eval, "draws", Kind::Integer, Some("10")),
    knob(Scope::Eval, "temperature", Kind::Number, Some("1")),
    knob(Scope::Eval, "bootstrap", Kind::Integer, Some("1000")),
    knob(Scope::Eval, "validation_pairs", Kind::Integer, Some("100")),
    knob(Scope::Eval, "seed", Kind::Integer, Some("1")),
];

/// The knob of that stage and key.
pub fn find(scope: Scope, key: &str) -> Option<&'static Knob> {
    KNOBS
        .iter()
        .find(|knob| knob.scope == scope && knob.key == key)
}

/// The keys of a stage, for error messages.
pub fn keys(scope: Scope) -> Vec<&'static str> {
    KNOBS
        .iter()
        .filter(|knob| knob.scope == scope)
        .map(|knob| knob.key)
        .collect()
}

impl Knob {
    /// `--vocab-size`.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// The value, if it is one this knob takes. Errors say what was expected.
    pub fn read(&self, value: &toml::Value) -> Result<Setting, String> {
        match (self.kind, value) {
            (Kind::Integer, toml::Value::Integer(n)) if *n >= 0 => Ok(Setting::Integer(*n)),
            (Kind::Integer, _) => Err(format!("expected a whole number from 0, found {value}")),
            (Kind::Number, toml::Value::Integer(n)) => Ok(Setting::Number(*n as f64)),
            (Kind::Number, toml::Value::Float(x)) if x.is_finite() => Ok(Setting::Number(*x)),
            (Kind::Number, _) => Err(format!("expected a number, found {value}")),
            (Kind::Text, toml::Value::String(text)) => Ok(Setting::Text(text.clone())),
            (Kind::Text, _) => Err(format!("expected a quoted word, found {value}")),
            (Kind::Switch, toml::Value::Boolean(on)) => Ok(Setting::Switch(*on)),
            (Kind::Switch, _) => Err(format!("expected true or false, found {value}")),
        }
    }

    /// The study's default, if it has one.
    pub fn default_setting(&self) -> Option<Setting> {
        let text = self.default?;
        Some(match self.kind {
            Kind::Integer => Setting::Integer(text.parse().ok()?),
            Kind::Number => Setting::Number(text.parse().ok()?),
            Kind::Text => Setting::Text(text.to_owned()),
            Kind::Switch => Setting::Switch(text == "true"),
        })
    }
}

/// One value of one knob.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
    /// A flag that is given or not.
    Switch(bool),
    /// Any value of a world file.
    Toml(toml::Value),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Integer(n) => write!(f, "{n}"),
            Setting::Number(x) => write!(f, "{x}"),
            Setting::Text(text) | Setting::Toml(toml::Value::String(text)) => f.write_str(text),
            Setting::Switch(on) => write!(f, "{on}"),
            Setting::Toml(value) => write!(f, "{value}"),
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Setting::Integer(n) => serializer.serialize_i64(*n),
            Setting::Number(x) => serializer.serialize_f64(*x),
            Setting::Text(text) => serializer.serialize_str(text),
            Setting::Switch(on) => serializer.serialize_bool(*on),
            Setting::Toml(value) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_values_of_their_kind() {
        for knob in KNOBS {
            assert_eq!(
                knob.default.is_some(),
                knob.default_setting().is_some(),
                "{}",
                knob.key
            );
        }
    }

    #[test]
    fn whole_numbers_are_numbers_too() {
        let distance = find(Scope::Lang, "lexical_distance").unwrap();
        assert_eq!(
            distance.read(&toml::Value::Integer(1)),
            Ok(Setting::Number(1.0))
        );
        assert_eq!(distance.flag(), "--lexical-distance");
        let size = find(Scope::Tok, "vocab_size").unwrap();
        assert!(
            size.read(&toml::Value::Float(1.5))
                .unwrap_err()
                .contains("whole number")
        );
    }
}
