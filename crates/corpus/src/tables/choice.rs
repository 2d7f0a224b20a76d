//! Columns with few values: enums here, lower-case strings in files.

use std::fmt;
use std::str::FromStr;

use arrow::array::{Array, StringArray, StringBuilder};
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::schema::Kind;

/// Not one of the values of an enum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}, found \"{found}\"")]
pub struct ParseChoiceError {
    expected: String,
    found: String,
}

macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $name:ident { $( $(#[doc = $value_doc:literal])+ $value:ident = $text:literal, )+ }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $( $(#[doc = $value_doc])+ $value, )+ }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [$name] = &[$($name::$value),+];

            /// The value as it stands in files and on command lines.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$value => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseChoiceError;

            fn from_str(text: &str) -> Result<Self, ParseChoiceError> {
                match text {
                    $($text => Ok($name::$value),)+
                    _ => Err(ParseChoiceError {
                        expected: [$($text),+].join(", "),
                        found: text.chars().take(40).collect(),
                    }),
                }
            }
        }

        impl Cell for $name {
            const KIND: Kind = Kind::Choice(&[$($text),+]);
            type Builder = StringBuilder;
            type View = StringArray;

            fn builder() -> StringBuilder {
                StringBuilder::new()
            }

            fn append(&self, builder: &mut StringBuilder) {
                builder.append_value(self.as_str());
            }

            fn append_null(builder: &mut StringBuilder) {
                builder.append_null();
            }

            fn view(array: &dyn Array) -> Option<StringArray> {
                array.as_any().downcast_ref().cloned()
            }

            fn get(view: &StringArray, row: usize) -> Result<Self, String> {
                view.value(row).parse().map_err(|error: ParseChoiceError| error.to_string())
            }
        }

        #[cfg(test)]
        impl super::tests::AnyCell for $name {
            fn draw(source: &mut super::tests::Source) -> Self {
                Self::ALL[super::tests::below(source, Self::ALL.len())]
            }
        }
    };
}

choice! {
    /// One of the two languages.
    Language {
        /// A, the language with more text.
        Majority = "majority",
        /// B, the language with less text, in which some forms are masked.
        Minority = "minority",
    }
}

choice! {
    /// What kind of forms an item is about.
    Condition {
        /// A-forms.
        Majority = "majority",
        /// B-forms that training text contains.
        Minority = "minority",
        /// B†: B-forms that no training text contains, of concepts whose every B-form differs from its A-form.
        Masked = "masked",
        /// Masked B-forms of the other concepts: some inflection is the same in both languages.
        Identical = "identical",
    }
}

choice! {
    /// Part of speech.
    Category {
        /// Noun.
        Noun = "noun",
        /// Adjective: a value of an attribute.
        Adjective = "adjective",
        /// Verb: a relation.
        Verb = "verb",
        /// Function word.
        Function = "function",
        /// Affix of an inflection.
        Affix = "affix",
    }
}

choice! {
    /// What a fact cell states.
    FactKind {
        /// A value of an attribute of a noun.
        Attribute = "attribute",
        /// A relation between two nouns.
        Relation = "relation",
    }
}

choice! {
    /// What a probe asks for, in the order in which transfer is expected.
    ProbeStage {
        /// Is the sentence one of the language?
        Grammar = "grammar",
        /// Do its words' types fit?
        Type = "type",
        /// Is it true?
        Knowledge = "knowledge",
        /// Which noun is meant?
        Lexical = "lexical",
        /// Likelihood ladder: no accuracy item.
        Ladder = "ladder",
    }
}

choice! {
    /// Which candidates a probe offers.
    ProbeSet {
        /// Forms of the gold's type and inflection, masked or equally many seen ones.
        Primary = "primary",
        /// All forms of the type in that inflection.
        TypeValid = "type_valid",
        /// Two alternatives.
        Pair = "pair",
        /// Normal, type-violating, unseen pair.
        Ladder = "ladder",
    }
}

choice! {
    /// What a study says of a claim.
    Verdict {
        /// The interval lies wholly beyond the threshold.
        Holds = "holds",
        /// The interval lies wholly on the other side.
        Fails = "fails",
        /// Neither, or fewer than six world seeds.
        Undecided = "undecided",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_serde() {
        for &set in ProbeSet::ALL {
            assert_eq!(serde_json::to_string(&set).unwrap(), format!("\"{set}\""));
            assert_eq!(set.as_str().parse(), Ok(set));
        }
        let error = "Masked".parse::<Condition>().unwrap_err();
        let expected = "expected one of majority, minority, masked, identical, found \"Masked\"";
        assert_eq!(error.to_string(), expected);
    }
}
