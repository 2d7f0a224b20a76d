//! The plan as Slurm job arrays: the same targets as the Makefile's, one array per stage, each after the one before.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::artifact::{Artifact, Stage};

/// The most tasks of one array; Slurm's default limit is 1001.
const ARRAY_SIZE: usize = 1000;

/// Writes `slurm/STAGE-N.txt` (one artifact per line), `slurm/task.sh` and `slurm/submit.sh` into `out`.
///
/// A task builds its artifact through the Makefile: inputs that a failed task left out are tried again there, and locks
/// keep two tasks from building the same one twice.
///
/// # Errors
/// Where the files cannot be written.
pub fn write(out: &Path, artifacts: &[Artifact]) -> Result<()> {
    let directory = out.join("slurm");
    super::make_directory(&directory)?;
    let mut submit = String::from(SUBMIT_HEAD);
    for stage in Stage::ALL {
        let names: Vec<&str> = artifacts
            .iter()
            .filter(|artifact| artifact.stage == stage)
            .map(|artifact| artifact.name.as_str())
            .collect();
        if names.is_empty() {
            continue;
        }
        let _ = writeln!(submit, "\nids=");
        for (part, names) in names.chunks(ARRAY_SIZE).enumerate() {
            let list = format!("{}-{part}.txt", stage.name());
            put(&directory.join(&list), &(names.join("\n") + "\n"))?;
            let _ = writeln!(
                submit,
                "submit {stage} 1-{count} slurm/{list} \"${stage_upper}_OPTIONS\"",
                stage = stage.name(),
                count = names.len(),
                stage_upper = stage.name().to_uppercase(),
            );
        }
        let _ = writeln!(submit, "after=\"--dependency=afterany$ids\"");
    }
    put(&directory.join("submit.sh"), &submit)?;
    put(&directory.join("task.sh"), TASK)
}

fn put(path: &Path, text: &str) -> Result<()> {
    super::write_if_changed(path, text.as_bytes())?;
    #[cfg(unix)]
    if path.extension().is_some_and(|extension| extension == "sh") {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("{}: cannot make it executable", path.display()))?;
    }
    Ok(())
}

const SUBMIT_HEAD: &str = r#"#!/bin/sh
# Submits the study as job arrays, each stage after the one before. Submit again to build what is still missing.
# For your own cluster set SBATCH_OPTIONS (all stages) and LANG_OPTIONS, TOK_OPTIONS, MODEL_OPTIONS, EVAL_OPTIONS, e.g.
#   SBATCH_OPTIONS="--account=me --time=2:00:00" MODEL_OPTIONS="--partition=gpu --gres=gpu:1" DIR/slurm/submit.sh
set -eu
cd "$(dirname "$0")/.."
: "${SBATCH_OPTIONS:=}" "${LANG_OPTIONS:=}" "${TOK_OPTIONS:=}" "${MODEL_OPTIONS:=}" "${EVAL_OPTIONS:=}" "${CPUS:=2}"
mkdir -p logs
after=
ids=
# submit STAGE ARRAY LIST OPTIONS
submit() {
    # shellcheck disable=SC2086 # options are several words
    id=$(sbatch --parsable --requeue --job-name="$1" --array="$2" --cpus-per-task="$CPUS" --output=logs/slurm-%A_%a.log \
        $after $SBATCH_OPTIONS $4 slurm/task.sh "$3")
    id=${id%%;*}
    ids="$ids:$id"
    echo "$1: job $id, array $2"
}
"#;

const TASK: &str = r#"#!/bin/sh
# One task of an array: builds the artifact in line SLURM_ARRAY_TASK_ID of the list, by the Makefile's recipe.
set -eu
name=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$1")
exec make THREADS="${SLURM_CPUS_PER_TASK:-1}" "artifacts/$name/manifest.json"
"#;
