//! The plan as a Makefile: one target per artifact, its manifest.

use std::fmt::Write;

use crate::artifact::Artifact;

/// A word for a recipe: quoted for the shell where it must be, `$` doubled for make.
pub fn quote(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c));
    let quoted = if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    };
    quoted.replace('$', "$$")
}

/// What a plan's runs end with: the target that builds them alone, where they have a world seed, and their last artifacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Goal {
    /// The target's name, `seed-7`.
    pub target: Option<String>,
    /// Names of the artifacts.
    pub artifacts: Vec<String>,
}

/// The first line of every plan's Makefile, around the study's name: by it a plan is known.
const FIRST_LINE: [&str; 2] = [
    "# The study \"",
    "\", written by `study plan`: plan again rather than edit it.",
];

/// The study for which a Makefile was planned; `None` where it is somebody else's.
pub fn study_of(makefile: &str) -> Option<&str> {
    let line = makefile.lines().next()?;
    line.strip_prefix(FIRST_LINE[0])?
        .strip_suffix(FIRST_LINE[1])
}

/// The Makefile's text. `binaries`: the directory that holds the stages' binaries.
///
/// Prerequisites are order-only: a name says what an artifact holds, so only whether it exists counts, never which file
/// is newer.
pub fn makefile(study: &str, artifacts: &[Artifact], goals: &[Goal], binaries: &str) -> String {
    let mut text = format!(
        "\
{head}{study}{tail}
#
#   make -jN           build what is missing, N artifacts at once
#   make -k -jN        the same, going past failed runs
#   make -jN seed-S    only the runs of world seed S: make builds a stage of all its runs before the next one
#   make -jN THREADS=T T threads per artifact (default: the machine's cores / N)
#   make DEVICE=cuda   models on a GPU
#   make QUIET=--quiet without progress; each artifact's log is logs/NAME.log either way
#   make BIN=DIR       with the binaries in DIR

BIN ?= {bin}
QUIET ?=
DEVICE ?= cpu
CORES := $(shell getconf _NPROCESSORS_ONLN)
JOBS = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),1)
THREADS ?= $(shell threads=$$(( $(CORES) / $(JOBS) )); echo $$(( threads > 0 ? threads : 1 )))
# Unless told, candle counts the cores anew for each product of matrices: a tenth of an evaluation's time.
export RAYON_NUM_THREADS = $(THREADS)

.SUFFIXES:
.PHONY: all
all:",
        head = FIRST_LINE[0],
        tail = FIRST_LINE[1],
        bin = binaries.replace('$', "$$").replace('#', "\\#"),
    );
    let (targets, alone): (Vec<&Goal>, Vec<&Goal>) =
        goals.iter().partition(|goal| goal.target.is_some());
    let list = |text: &mut String, goal: &Goal| {
        for name in &goal.artifacts {
            let _ = write!(text, " \\\n  artifacts/{name}/manifest.json");
        }
    };
    let names: Vec<&str> = targets
        .iter()
        .filter_map(|goal| goal.target.as_deref())
        .collect();
    for name in &names {
        let _ = write!(text, " {name}");
    }
    alone.iter().for_each(|goal| list(&mut text, goal));
    text.push('\n');
    for (name, goal) in names.iter().zip(&targets) {
        let _ = write!(text, "\n.PHONY: {name}\n{name}:");
        list(&mut text, goal);
        text.push('\n');
    }
    // A manifest appears with its whole directory; make would delete it alone where it is interrupted just then.
    text.push_str("\n.PRECIOUS:");
    for artifact in artifacts {
        let _ = write!(text, " artifacts/{}/manifest.json", artifact.name);
    }
    text.push('\n');
    for artifact in artifacts {
        let inputs: String = artifact
            .inputs
            .iter()
            .map(|name| format!(" artifacts/{name}/manifest.json"))
            .collect();
        let bar = if inputs.is_empty() { "" } else { " |" };
        let arguments: Vec<String> = artifact.arguments.iter().map(|word| quote(word)).collect();
        let _ = write!(
            text,
            "\nartifacts/{name}/manifest.json:{bar}{inputs}\n\t@\"$(BIN)/study\" stage {name} $(QUIET) -- \"$(BIN)/{binary}\" {arguments}{device} --threads $(THREADS)\n",
            name = artifact.name,
            binary = artifact.stage.binary(),
            arguments = arguments.join(" "),
            device = if artifact.stage.has_device() {
                " --device $(DEVICE)"
            } else {
                ""
            },
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Stage;

    #[test]
    fn one_target_per_artifact_that_depends_on_existence_only() {
        let lang = Artifact {
            stage: Stage::Lang,
            name: "lang-0".into(),
            inputs: vec![],
            arguments: vec!["--world".into(), "worlds/it's.toml".into()],
        };
        let tok = Artifact {
            stage: Stage::Tok,
            name: "tok-1".into(),
            inputs: vec!["lang-0".into()],
            arguments: vec!["--regime".into(), "alpha=0.3".into()],
        };
        let goals = [
            Goal {
                target: None,
                artifacts: vec!["tok-1".into()],
            },
            Goal {
                target: Some("seed-7".into()),
                artifacts: vec!["tok-2".into()],
            },
        ];
        let text = makefile("s", &[lang, tok], &goals, "/a $b/bin");
        assert!(text.starts_with("# The study \"s\", written by `study plan`: plan again"));
        assert_eq!(study_of(&text), Some("s"));
        assert_eq!(study_of("all: s\n"), None);
        assert!(text.contains("\nexport RAYON_NUM_THREADS = $(THREADS)\n"));
        assert!(text.contains(
            "\n.PRECIOUS: artifacts/lang-0/manifest.json artifacts/tok-1/manifest.json\n"
        ));
        assert!(text.contains("BIN ?= /a $$b/bin\n"));
        assert!(text.contains("\nall: seed-7 \\\n  artifacts/tok-1/manifest.json\n"));
        assert!(text.contains("\nseed-7: \\\n  artifacts/tok-2/manifest.json\n"));
        assert!(
            text.contains("\nartifacts/tok-1/manifest.json: | artifacts/lang-0/manifest.json\n")
        );
        assert!(text.contains(r"--world 'worlds/it'\''s.toml' --threads $(THREADS)"));
        assert!(text.contains("\"$(BIN)/tok-train\" --regime alpha=0.3 --threads"));
    }
}
