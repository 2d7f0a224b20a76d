//! What the knobs of one run ask of each other, as far as the stage refuses it whatever the data.

use super::Run;
use crate::knobs::{Scope, Setting};

/// The knobs that say how long a model is trained: one at most.
pub(super) const BUDGETS: [&str; 3] = ["max_steps", "max_tokens", "max_chars"];

/// Name, d_model and n_heads of each of `model-train`'s sizes.
pub const SIZES: [(&str, i64, i64); 4] = [
    ("tiny", 64, 2),
    ("small", 128, 4),
    ("base", 256, 8),
    ("large", 256, 8),
];

/// Refuses a run that its stages would refuse.
pub(super) fn check(run: &Run) -> Result<(), String> {
    let knob = |key: &str| run.settings.get(&(Scope::Model, key.to_owned()));
    let whole = |key: &str| match knob(key) {
        Some(Setting::Integer(n)) => Some(*n),
        _ => None,
    };
    let budgets: Vec<String> = BUDGETS
        .iter()
        .filter_map(|key| Some(format!("model.{key} = {}", whole(key)?)))
        .collect();
    if budgets.len() > 1 {
        let names = BUDGETS.map(|key| format!("model.{key}")).join(", ");
        let found = budgets.join(" and ");
        return Err(format!("expected one of {names}, found {found}"));
    }
    let size = knob("size").map(ToString::to_string).unwrap_or_default();
    if let Some((_, d_model, n_heads)) = SIZES.into_iter().find(|(name, ..)| *name == size) {
        let d_model = whole("d_model").unwrap_or(d_model);
        let n_heads = whole("n_heads").unwrap_or(n_heads);
        // Rotary positions turn pairs of a head's numbers.
        if d_model % (2 * n_heads) != 0 {
            return Err(format!(
                "model.n_heads: expected a number whose double divides d_model = {d_model}, found {n_heads}"
            ));
        }
    }
    if let (Some(warmup), Some(steps)) = (whole("warmup_steps"), whole("max_steps"))
        && warmup > steps
    {
        return Err(format!(
            "model.warmup_steps: expected at most model.max_steps = {steps}, found {warmup}"
        ));
    }
    Ok(())
}
