//! The knobs of a study: what each stage's command line offers, with the study's own default for each.
//!
//! A plan passes every knob that has a value explicitly, so that an artifact's name hashes its whole configuration and
//! never depends on a binary's defaults. Keys are the flags' names with underscores.

use std::fmt;
use std::ops::{Bound, RangeBounds};

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

/// What values a knob takes: the stage's own limits, as far as they hold for every run. Those that depend on the data or
/// on other knobs are not here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number from the first to the second.
    Integer(i64, i64),
    /// A finite number between the two.
    Number(Bound<f64>, Bound<f64>),
    /// One of these words; `alpha=X` stands for `alpha=` and any number from 0.
    Word(&'static [&'static str]),
    /// A flag without a value.
    Switch,
}

impl Kind {
    /// The values in words.
    fn expected(self) -> String {
        match self {
            Kind::Integer(least, i64::MAX) => format!("a whole number from {least}"),
            Kind::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Kind::Number(low, high) => {
                let low = match low {
                    Bound::Included(low) => format!(" from {low}"),
                    Bound::Excluded(low) => format!(" above {low}"),
                    Bound::Unbounded => String::new(),
                };
                let high = match high {
                    Bound::Included(high) => format!(" to {high}"),
                    Bound::Excluded(high) => format!(" to below {high}"),
                    Bound::Unbounded => String::new(),
                };
                format!("a number{low}{high}")
            }
            Kind::Word(words) => {
                let (last, others) = words.split_last().unwrap_or((&"", &[]));
                let number = if last.ends_with("=X") {
                    " with X from 0"
                } else {
                    ""
                };
                format!("{} or {last}{number}", others.join(", "))
            }
            Kind::Switch => "true or false".to_owned(),
        }
    }
}

/// Whether `text` is the word, or for `alpha=X` one of those it stands for.
fn is_word(word: &str, text: &str) -> bool {
    let Some(start) = word.strip_suffix('X') else {
        return word == text;
    };
    let number = text.strip_prefix(start).map(str::parse::<f64>);
    matches!(number, Some(Ok(x)) if x.is_finite() && x >= 0.0)
}

/// Any number of things, and seeds.
const FROM_0: Kind = Kind::Integer(0, i64::MAX);
/// At least one thing.
const FROM_1: Kind = Kind::Integer(1, i64::MAX);
/// A dimension of a model.
const DIMENSION: Kind = Kind::Integer(1, 1 << 20);
/// What the stage keeps in 32 bits.
const U32: Kind = Kind::Integer(0, u32::MAX as i64);
/// A share of a whole.
const SHARE: Kind = Kind::Number(Bound::Included(0.0), Bound::Included(1.0));
/// A share that leaves something.
const PART: Kind = Kind::Number(Bound::Included(0.0), Bound::Excluded(1.0));
/// A number that is not negative.
const RATE: Kind = Kind::Number(Bound::Included(0.0), Bound::Unbounded);
/// A number that divides.
const POSITIVE: Kind = Kind::Number(Bound::Excluded(0.0), Bound::Unbounded);

const DIVERGENCES: Kind = Kind::Word(&["substitution", "correspondence", "replacement"]);
const SCRIPTS: Kind = Kind::Word(&["shared", "disjoint"]);
const ALGORITHMS: Kind = Kind::Word(&["bpe", "byte-bpe", "unigram", "wordpiece", "char", "word"]);
const REGIMES: Kind = Kind::Word(&[
    "majority",
    "minority",
    "balanced",
    "proportional",
    "alpha=X",
]);
const SPLITS: Kind = Kind::Word(&["none", "language", "document"]);
const SIZES: Kind = Kind::Word(&["tiny", "small", "base", "large"]);
const BUDGET_MODES: Kind = Kind::Word(&["equal-text", "equal-tokens"]);
const PRECISIONS: Kind = Kind::Word(&["f32", "bf16"]);

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
    knob(Scope::Lang, "world_seed", FROM_0, Some("1")),
    knob(Scope::Lang, "corpus_seed", FROM_0, Some("1")),
    knob(Scope::Lang, "lexical_distance", SHARE, None),
    knob(Scope::Lang, "divergence", DIVERGENCES, None),
    knob(Scope::Lang, "script", SCRIPTS, None),
    knob(Scope::Lang, "shuffled_pairing", Kind::Switch, None),
    knob(Scope::Lang, "minority_share", SHARE, None),
    // Each type keeps two nouns at least.
    knob(Scope::Lang, "mask_share", PART, None),
    knob(Scope::Lang, "b_unmasked", Kind::Switch, None),
    knob(
        Scope::Lang,
        "documents",
        Kind::Integer(1, 10_000_000_000),
        None,
    ),
    knob(Scope::Tok, "algorithm", ALGORITHMS, Some("bpe")),
    // Three special tokens and the mark of a word, or bytes, are in every vocabulary.
    knob(
        Scope::Tok,
        "vocab_size",
        Kind::Integer(4, i64::MAX),
        Some("512"),
    ),
    knob(Scope::Tok, "regime", REGIMES, Some("proportional")),
    knob(Scope::Tok, "show_masked_forms", Kind::Switch, None),
    knob(Scope::Tok, "split_ids", SPLITS, None),
    knob(Scope::Tok, "seen_at_least", FROM_0, Some("20")),
    knob(Scope::Model, "size", SIZES, Some("tiny")),
    knob(Scope::Model, "d_model", DIMENSION, None),
    knob(Scope::Model, "n_layers", DIMENSION, None),
    knob(Scope::Model, "n_heads", DIMENSION, None),
    knob(Scope::Model, "d_ff", DIMENSION, None),
    knob(Scope::Model, "seq_len", DIMENSION, Some("128")),
    knob(Scope::Model, "max_steps", Kind::Integer(1, 999_999), None),
    knob(Scope::Model, "max_tokens", FROM_1, None),
    knob(Scope::Model, "max_chars", FROM_1, None),
    knob(
        Scope::Model,
        "batch_size",
        Kind::Integer(1, 1 << 20),
        Some("32"),
    ),
    knob(Scope::Model, "batch_chars", Kind::Integer(1, 1 << 40), None),
    knob(
        Scope::Model,
        "budget_mode",
        BUDGET_MODES,
        Some("equal-text"),
    ),
    knob(Scope::Model, "learning_rate", RATE, Some("0.002")),
    knob(
        Scope::Model,
        "warmup_steps",
        Kind::Integer(0, 999_999),
        None,
    ),
    knob(Scope::Model, "weight_decay", RATE, Some("0.1")),
    knob(
        Scope::Model,
        "checkpoints",
        Kind::Integer(2, i64::MAX),
        Some("24"),
    ),
    knob(Scope::Model, "validation_every", FROM_1, None),
    knob(Scope::Model, "validation_documents", FROM_1, Some("256")),
    knob(Scope::Model, "bpe_dropout", PART, None),
    knob(Scope::Model, "precision", PRECISIONS, None),
    knob(Scope::Model, "seed", FROM_0, Some("1")),
    knob(Scope::Eval, "samples", U32, Some("100")),
    knob(Scope::Eval, "draws", U32, Some("10")),
    knob(Scope::Eval, "temperature", POSITIVE, Some("1")),
    knob(
        Scope::Eval,
        "bootstrap",
        Kind::Integer(0, 1_000_000),
        Some("1000"),
    ),
    knob(Scope::Eval, "validation_pairs", FROM_0, Some("100")),
    knob(Scope::Eval, "seed", FROM_0, Some("1")),
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
        let setting = match (self.kind, value) {
            (Kind::Integer(least, most), toml::Value::Integer(n)) => {
                (least..=most).contains(n).then_some(Setting::Integer(*n))
            }
            (Kind::Number(low, high), _) => {
                let number = value
                    .as_float()
                    .or_else(|| value.as_integer().map(|n| n as f64));
                number
                    .filter(|x| x.is_finite() && (low, high).contains(x))
                    .map(Setting::Number)
            }
            (Kind::Word(words), toml::Value::String(text)) => words
                .iter()
                .any(|word| is_word(word, text))
                .then(|| Setting::Text(text.clone())),
            (Kind::Switch, toml::Value::Boolean(on)) => Some(Setting::Switch(*on)),
            _ => None,
        };
        setting.ok_or_else(|| format!("expected {}, found {value}", self.kind.expected()))
    }

    /// The study's default, if it has one.
    pub fn default_setting(&self) -> Option<Setting> {
        let text = self.default?;
        Some(match self.kind {
            Kind::Integer(..) => Setting::Integer(text.parse().ok()?),
            Kind::Number(..) => Setting::Number(text.parse().ok()?),
            Kind::Word(_) => Setting::Text(text.to_owned()),
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

    fn value(text: &str) -> toml::Value {
        let table: toml::Table = toml::from_str(&format!("x = {text}")).unwrap();
        table["x"].clone()
    }

    #[test]
    fn defaults_are_values_of_their_kind() {
        for knob in KNOBS {
            let Some(default) = knob.default else {
                continue;
            };
            let value = match knob.kind {
                Kind::Word(_) => toml::Value::String(default.to_owned()),
                _ => value(default),
            };
            let read = knob.read(&value);
            assert_eq!(read.ok(), knob.default_setting(), "{}", knob.key);
        }
    }

    #[test]
    fn values_that_no_run_takes_are_refused() {
        let read = |scope, key: &str, text: &str| find(scope, key).unwrap().read(&value(text));
        let cases = [
            (
                Scope::Model,
                "size",
                "\"huge\"",
                "expected tiny, small, base or large, found \"huge\"",
            ),
            (
                Scope::Model,
                "size",
                "3",
                "expected tiny, small, base or large, found 3",
            ),
            (
                Scope::Tok,
                "regime",
                "\"alpha=-1\"",
                "expected majority, minority, balanced, proportional or alpha=X with X from 0, found \"alpha=-1\"",
            ),
            (
                Scope::Tok,
                "vocab_size",
                "2",
                "expected a whole number from 4, found 2",
            ),
            (
                Scope::Model,
                "max_steps",
                "0",
                "expected a whole number from 1 to 999999, found 0",
            ),
            (
                Scope::Model,
                "learning_rate",
                "-1",
                "expected a number from 0, found -1",
            ),
            (
                Scope::Model,
                "bpe_dropout",
                "1.0",
                "expected a number from 0 to below 1, found 1.0",
            ),
            (
                Scope::Eval,
                "temperature",
                "0",
                "expected a number above 0, found 0",
            ),
            (
                Scope::Eval,
                "temperature",
                "inf",
                "expected a number above 0, found inf",
            ),
            (
                Scope::Lang,
                "minority_share",
                "7",
                "expected a number from 0 to 1, found 7",
            ),
            (
                Scope::Lang,
                "b_unmasked",
                "1",
                "expected true or false, found 1",
            ),
        ];
        for (scope, key, text, expected) in cases {
            assert_eq!(read(scope, key, text), Err(expected.to_owned()), "{key}");
        }
        for (scope, key, text) in [
            (Scope::Tok, "regime", "\"alpha=0.3\""),
            (Scope::Tok, "vocab_size", "4"),
            (Scope::Model, "max_steps", "999999"),
            (Scope::Model, "bpe_dropout", "0"),
            (Scope::Lang, "minority_share", "1"),
        ] {
            assert!(read(scope, key, text).is_ok(), "{key} = {text}");
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
