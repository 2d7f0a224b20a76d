//! Divergences: how B's stems come from A's at a requested distance.
//!
//! Every lexeme takes part, function words and affixes included. `substitution` and `correspondence` hold the mean LDN
//! of base forms (lev(a, b) / max(|a|, |b|)) to the request, over masked and over unmasked lemmas each; `replacement`
//! holds the share of lexemes replaced. Plurals follow from stems and affixes.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::distance::ldn;
use super::inflection::Paradigm;
use super::realised::Replaced;
use super::script::Script;
use super::stems::Stems;
use super::{FormConfig, FormError};
use seed::Seed;

mod correspondence;
mod quota;
mod replacement;
mod substitution;

/// How far a realised mean LDN may lie from the requested distance.
pub const TOLERANCE: f64 = 0.02;

/// How far the search tries to come: it stops here, or where it cannot get nearer.
const AIM: f64 = 0.005;

/// How B's forms come from A's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DivergenceKind {
    /// A share of the segments is substituted, each by a random one of its class: irregular. Edits fall on segments at
    /// random, so lemmas differ in how many they get, and at small distances some get none and stay identical.
    #[default]
    Substitution,
    /// Some phonemes change everywhere, each into one other of its class, none merging: regular.
    Correspondence,
    /// A share of the lexemes is replaced by unrelated forms; the rest is identical. A control.
    Replacement,
}

impl fmt::Display for DivergenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DivergenceKind::Substitution => "substitution",
            DivergenceKind::Correspondence => "correspondence",
            DivergenceKind::Replacement => "replacement",
        })
    }
}

/// How B differs from A in form: the `[divergence]` table of a world file.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivergenceConfig {
    /// By what process.
    #[serde(default)]
    pub kind: DivergenceKind,
    /// How far, in [0, 1]: mean LDN, or the share of lexemes replaced.
    pub distance: f64,
    /// B's alphabet.
    #[serde(default)]
    pub script: Script,
    /// A control: permute B's noun forms over concepts.
    #[serde(default)]
    pub shuffled_pairing: bool,
}

impl DivergenceConfig {
    pub(super) fn validate(&self) -> Result<(), FormError> {
        match self.distance {
            distance if (0.0..=1.0).contains(&distance) => Ok(()),
            distance => Err(FormError::DistanceRange { distance }),
        }
    }
}

/// B's stems, and what the divergence did.
pub(super) struct Diverged {
    pub(super) stems: Stems,
    /// Phonemes that changed, with what they became; `correspondence` only.
    pub(super) correspondences: Vec<(char, char)>,
    /// `replacement` only.
    pub(super) replaced: Option<Replaced>,
}

/// Derives B's stems from A's.
pub(super) fn diverge(
    paradigm: &Paradigm,
    majority: &Stems,
    form: &FormConfig,
    config: &DivergenceConfig,
    seed: Seed,
) -> Result<Diverged, FormError> {
    let (kind, distance) = (config.kind, config.distance);
    let classes = form.phonotactics.classes();
    let unchanged = |stems| Diverged {
        stems,
        correspondences: Vec::new(),
        replaced: None,
    };
    let diverged = match kind {
        DivergenceKind::Replacement => {
            return replacement::replace(paradigm, majority, form, distance, seed);
        }
        _ if distance <= 0.0 => unchanged(majority.clone()),
        DivergenceKind::Substitution => unchanged(substitution::substitute(
            paradigm, majority, &classes, distance, seed,
        )?),
        DivergenceKind::Correspondence => {
            correspondence::correspond(paradigm, majority, &classes, distance, seed)
        }
    };
    let means = Means::of(paradigm, &majority.spell(), &diverged.stems.spell());
    if means.deviation(distance) <= TOLERANCE {
        return Ok(diverged);
    }
    let n_masked = paradigm
        .lexemes
        .iter()
        .filter(|lexeme| lexeme.masked)
        .count();
    Err(FormError::DistanceUnreachable {
        kind,
        distance,
        masked: means.masked.unwrap_or(f64::NAN),
        n_masked,
        unmasked: means.unmasked.unwrap_or(f64::NAN),
        n_unmasked: paradigm.len() - n_masked,
        tolerance: TOLERANCE,
    })
}

/// Mean LDN between stems, over masked and unmasked lemmas; `None` where there are none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Means {
    masked: Option<f64>,
    unmasked: Option<f64>,
}

impl Means {
    /// `a`, `b`: stems by lexeme.
    fn of(paradigm: &Paradigm, a: &[Vec<u8>], b: &[Vec<u8>]) -> Means {
        let mean = |masked: bool| {
            let of_group = (0..paradigm.len()).filter(|&i| paradigm.lexemes[i].masked == masked);
            let (sum, n) =
                of_group.fold((0.0, 0u32), |(sum, n), i| (sum + ldn(&a[i], &b[i]), n + 1));
            (n > 0).then(|| sum / f64::from(n))
        };
        Means {
            masked: mean(true),
            unmasked: mean(false),
        }
    }

    /// The larger distance of the two from `target`.
    fn deviation(self, target: f64) -> f64 {
        let groups = [self.masked, self.unmasked].into_iter().flatten();
        groups.map(|mean| (mean - target).abs()).fold(0.0, f64::max)
    }
}
