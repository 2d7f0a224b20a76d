//! A study file (`data/studies/*.toml`) and the runs it stands for: a grid over any knobs, with controls beside it.
//!
//! ```toml
//! description = "…"
//! last_stage = "eval"                  # or "tok": tokenizers, no models
//! [base.lang]                          # one value per knob
//! world = "../worlds/demo.toml"        # relative to this file
//! [grid.tok]                           # lists: every combination is a run
//! vocab_size = [64, 512]
//! [rotate]                             # one knob that goes round with the others instead of crossing them
//! knob = "lang.world_seed"
//! values = [1, 2, 3]
//! by = { "lang.lexical_distance" = 1 }
//! [[control]]                          # the grid again with some knobs replaced
//! name = "char"
//! tok.algorithm = "char"
//! [claims]                             # thresholds of the claims' table
//! ```

mod file;
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Deserialize;

pub use limits::SIZES;

use crate::knobs::{Scope, Setting};
use crate::thresholds::Thresholds;

/// A knob's address: stage and key.
pub type Key = (Scope, String);

/// The knob whose values are a study's units.
fn is_unit(key: &Key) -> bool {
    *key == (Scope::Lang, "world_seed".to_owned())
}

/// The most runs a plan may have; more is a slip of the pen.
const MOST_RUNS: usize = 20_000;

/// The last stage that a study runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastStage {
    /// Languages only.
    Lang,
    /// Languages and tokenizers.
    Tok,
    /// Everything up to the trained model.
    Model,
    /// Everything.
    #[default]
    Eval,
}

/// A study file, read and checked.
#[derive(Debug, Clone)]
pub struct Study {
    /// File name without extension.
    pub name: String,
    /// What the study asks, for the report's head.
    pub description: String,
    /// Where its runs end.
    pub last_stage: LastStage,
    /// Thresholds of the claims' table.
    pub thresholds: Thresholds,
    /// The study file, for messages.
    path: PathBuf,
    world: PathBuf,
    base: BTreeMap<Key, Setting>,
    grid: BTreeMap<Key, Vec<Setting>>,
    rotate: Option<Rotate>,
    controls: Vec<Control>,
}

/// One run: what each knob is.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// `main`, or the control's name.
    pub label: String,
    /// World file, resolved against the study file.
    pub world: PathBuf,
    /// Every knob that has a value.
    pub settings: BTreeMap<Key, Setting>,
}

#[derive(Debug, Clone)]
struct Rotate {
    knob: Key,
    values: Vec<Setting>,
    by: Vec<(Key, usize)>,
}

#[derive(Debug, Clone)]
struct Control {
    name: String,
    replaced: BTreeMap<Key, Vec<Setting>>,
}

impl Study {
    /// Every run, the grid's first, then each control's; equal runs once, under the first label.
    ///
    /// # Errors
    /// Where there are too many, or knobs of one do not go together.
    pub fn runs(&self) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut seen = BTreeSet::new();
        let main = Control {
            name: "main".into(),
            replaced: BTreeMap::new(),
        };
        for control in std::iter::once(&main).chain(&self.controls) {
            let mut axes = self.grid.clone();
            axes.extend(control.replaced.clone());
            let count: usize = axes
                .values()
                .map(Vec::len)
                .try_fold(1usize, |n, k| n.checked_mul(k))
                .unwrap_or(usize::MAX);
            if count > MOST_RUNS {
                bail!(
                    "study {}: {} would have {count} runs, more than {MOST_RUNS}",
                    self.name,
                    control.name
                );
            }
            for mut index in 0..count {
                // The last axis turns fastest, so neighbouring runs share languages and tokenizers. The world seed turns
                // slowest: a study cut short has whole units.
                let mut chosen = BTreeMap::new();
                let (unit, others): (Vec<_>, Vec<_>) =
                    axes.iter().rev().partition(|(key, _)| is_unit(key));
                for (key, values) in others.into_iter().chain(unit) {
                    chosen.insert(key.clone(), values[index % values.len()].clone());
                    index /= values.len();
                }
                let run = self.run(control, chosen);
                if let Err(problem) = limits::check(&run) {
                    let whose = match control.name.as_str() {
                        "main" => String::new(),
                        name => format!("control \"{name}\": "),
                    };
                    bail!("{}: {whose}{problem}", self.path.display());
                }
                if seen.insert(serde_json::to_string(&run.settings_by_name())?) {
                    runs.push(run);
                }
            }
        }
        Ok(runs)
    }

    fn run(&self, control: &Control, chosen: BTreeMap<Key, Setting>) -> Run {
        let mut settings = self.base.clone();
        if let Some(rotate) = &self.rotate
            && !control.replaced.contains_key(&rotate.knob)
        {
            let position = |key: &Key| {
                self.grid[key]
                    .iter()
                    .position(|value| Some(value) == chosen.get(key))
                    .unwrap_or(0)
            };
            let turn: usize = rotate
                .by
                .iter()
                .map(|(key, factor)| factor % rotate.values.len() * position(key))
                .sum();
            settings.insert(
                rotate.knob.clone(),
                rotate.values[turn % rotate.values.len()].clone(),
            );
        }
        settings.extend(chosen);
        // The two ends have no size of their own: one tokenizer, whatever the grid says.
        let algorithm = settings
            .get(&(Scope::Tok, "algorithm".into()))
            .map(ToString::to_string);
        if matches!(algorithm.as_deref(), Some("char" | "word")) {
            settings.remove(&(Scope::Tok, "vocab_size".into()));
        }
        // One budget: a more specific one in the grid or a control replaces the base's.
        let budget = limits::BUDGETS.map(|key| (Scope::Model, key.to_owned()));
        let varied = |key: &Key| self.grid.contains_key(key) || control.replaced.contains_key(key);
        if budget.iter().any(varied) {
            settings.retain(|key, _| !budget.contains(key) || varied(key));
        }
        Run {
            label: control.name.clone(),
            world: self.world.clone(),
            settings,
        }
    }

    /// The knobs that vary within the grid, for the report's axes.
    pub fn varied(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self
            .grid
            .iter()
            .filter(|(_, values)| values.len() > 1)
            .map(|(key, _)| key.clone())
            .collect();
        keys.extend(self.rotate.iter().map(|rotate| rotate.knob.clone()));
        keys
    }
}

impl Run {
    /// Settings under `stage.knob` names.
    pub fn settings_by_name(&self) -> BTreeMap<String, Setting> {
        self.settings
            .iter()
            .map(|((scope, key), value)| (format!("{}.{key}", scope.name()), value.clone()))
            .collect()
    }

    /// The settings of one stage.
    pub fn of(&self, scope: Scope) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings
            .iter()
            .filter(move |((s, _), _)| *s == scope)
            .map(|((_, key), value)| (key.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::file::Source;
    use super::*;

    fn study(text: &str) -> Result<Study> {
        Study::parse(
            "s",
            Path::new("studies"),
            &Source {
                path: Path::new("s.toml"),
                text,
            },
        )
    }

    const SMALL: &str = r#"
[base.lang]
world = "../worlds/demo.toml"
[base.model]
max_chars = 1000
[grid.lang]
lexical_distance = [0.2, 0.4]
[grid.tok]
vocab_size = [64, 512, 4096]
[[control]]
name = "char"
tok.algorithm = "char"
[[control]]
name = "short"
model.max_steps = 5
tok.vocab_size = 64
"#;

    #[test]
    fn a_grid_is_every_combination_and_controls_replace_knobs() {
        // 2 distances × 3 vocabularies; char: 2 (it has no size); short: 2 distances at one size.
        let runs = study(SMALL).unwrap().runs().unwrap();
        let count = |label: &str| runs.iter().filter(|run| run.label == label).count();
        assert_eq!((count("main"), count("char"), count("short")), (6, 2, 2));
        let short = runs
            .iter()
            .find(|run| run.label == "short")
            .unwrap()
            .settings_by_name();
        assert!(!short.contains_key("model.max_chars"), "one budget only");
        assert_eq!(short["model.max_steps"], Setting::Integer(5));
        assert_eq!(runs[0].world, Path::new("studies/../worlds/demo.toml"));
    }

    #[test]
    fn unknown_keys_and_values_are_refused_with_their_line() {
        let cases = [
            (
                "[base.lang]\nworld = \"w\"\n[base.tok]\nvocab = 3\n",
                "s.toml: line 4: unknown knob \"vocab\" for tok",
            ),
            (
                "[base.lang]\nworld = \"w\"\n[grid.tok]\nvocab_size = [\"many\"]\n",
                "s.toml: line 4: tok.vocab_size: expected a whole number",
            ),
            (
                "[base.lang]\nworld = \"w\"\n[gird.tok]\nvocab_size = [3]\n",
                "s.toml: line 3: unknown field `gird`",
            ),
            (
                "[base.lang]\nworld = \"w\"\nx = [\n",
                "s.toml: line 3: unclosed array",
            ),
            ("[base.tok]\nvocab_size = 64\n", "s.toml: no world"),
            (
                "[base.lang]\nworld = \"w\"\n[[control]]\nname = \"c\"\ntok.algorithm = \"foo\"\n",
                "s.toml: line 5: tok.algorithm: expected bpe, byte-bpe,",
            ),
            (
                "[base.lang]\nworld = \"w\"\n[grid.tok]\nregime = [\"balanced\", \"foo\"]\n",
                "s.toml: line 4: tok.regime: expected majority,",
            ),
            (
                "[base.lang]\nworld = \"w\"\n[rotate]\nknob = \"lang.documents\"\nby = {}\nvalues = [1, 0]\n",
                "s.toml: line 6: lang.documents: expected a whole number from 1",
            ),
            (
                "[base.lang]\nworld = \"w\"\n[[control]]\nname = \"x\"\n",
                "s.toml: line 4: control \"x\": expected at least one changed knob, found none",
            ),
            (
                "[base.lang]\nworld = \"w\"\n[grid.tok]\nvocab_size = []\n",
                "s.toml: line 4: tok.vocab_size: expected at least one value",
            ),
        ];
        for (text, expect) in cases {
            let error = study(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error:?} lacks {expect:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn knobs_that_do_not_go_together_are_refused() {
        let refused = |rest: &str| {
            let text = format!("[base.lang]\nworld = \"w\"\n{rest}");
            study(&text).unwrap().runs().unwrap_err().to_string()
        };
        assert_eq!(
            refused("[base.model]\nmax_steps = 5\nmax_chars = 1000\n"),
            "s.toml: expected one of model.max_steps, model.max_tokens, model.max_chars, found \
             model.max_steps = 5 and model.max_chars = 1000"
        );
        assert_eq!(
            refused("[[control]]\nname = \"heads\"\nmodel.n_heads = 3\n"),
            "s.toml: control \"heads\": model.n_heads: expected a number whose double divides d_model = 64, found 3"
        );
        assert_eq!(
            refused("[base.model]\nmax_steps = 5\nwarmup_steps = 6\n"),
            "s.toml: model.warmup_steps: expected at most model.max_steps = 5, found 6"
        );
        let fits = "[base.lang]\nworld = \"w\"\n[base.model]\nsize = \"base\"\nd_model = 96\nn_heads = 3\n";
        assert!(study(fits).unwrap().runs().is_ok());
    }

    #[test]
    fn a_rotated_knob_is_balanced_over_the_others() {
        // 5 distances × 4 shares × 5 regimes, 10 seeds by d + 5·s + 2·r: every margin is as even as it can be
        // (20 runs a distance: each seed twice; 25 runs a share: each seed 2 or 3 times).
        let text = r#"
[base.lang]
world = "w"
[grid.lang]
lexical_distance = [0.0, 0.1, 0.2, 0.4, 0.6]
minority_share = [0.05, 0.1, 0.3, 0.5]
[grid.tok]
regime = ["majority", "minority", "balanced", "proportional", "alpha=0.3"]
[rotate]
knob = "lang.world_seed"
values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
by = { "lang.lexical_distance" = 1, "lang.minority_share" = 5, "tok.regime" = 2 }
"#;
        let runs = study(text).unwrap().runs().unwrap();
        assert_eq!(runs.len(), 100);
        for knob in ["lang.lexical_distance", "lang.minority_share", "tok.regime"] {
            let mut cells: BTreeMap<(String, String), u32> = BTreeMap::new();
            for run in &runs {
                let settings = run.settings_by_name();
                *cells
                    .entry((
                        settings[knob].to_string(),
                        settings["lang.world_seed"].to_string(),
                    ))
                    .or_default() += 1;
            }
            let (low, high) = (cells.values().min().unwrap(), cells.values().max().unwrap());
            assert!(high - low <= 1, "{knob}: {low}..{high}");
            assert_eq!(
                cells.len() as u32,
                cells.keys().map(|(v, _)| v).collect::<BTreeSet<_>>().len() as u32 * 10
            );
        }
    }

    #[test]
    fn world_keys_may_be_dotted_or_nested() {
        let text = "[base.lang]\nworld = \"w\"\n[base.world]\nmask.share = 0.5\n\"order.minority\" = [\"subject\"]\n";
        let runs = study(text).unwrap().runs().unwrap();
        let settings = runs[0].settings_by_name();
        assert_eq!(settings["world.mask.share"].to_string(), "0.5");
        assert_eq!(
            settings["world.order.minority"].to_string(),
            "[\"subject\"]"
        );
    }
}
