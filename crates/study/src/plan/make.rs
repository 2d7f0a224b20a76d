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

/// The Makefile's text. `binaries`: the directory that holds the stages' binaries.
///
/// Prerequisites are order-only: a name says what an artifact holds, so only whether it exists counts, never which file
/// is newer.
pub fn makefile(study: &str, artifacts: &[Artifact], wanted: &[String], binaries: &str) -> String {
    let mut text = format!(
        "\
# The study \"{study}\", written by `study plan`: plan again rather than edit it.
#
#   make -jN           build what is missing, N artifacts at once
#   make -k -jN        the same, going past failed runs
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

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all
all:",
        bin = binaries.replace('$', "$$").replace('#', "\\#"),
    );
    for name in wanted {
        let _ = write!(text, " \\\n  artifacts/{name}/manifest.json");
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
        let text = makefile("s", &[lang, tok], &["tok-1".into()], "/a $b/bin");
        assert!(text.contains("BIN ?= /a $$b/bin\n"));
        assert!(text.contains("all: \\\n  artifacts/tok-1/manifest.json\n"));
        assert!(
            text.contains("\nartifacts/tok-1/manifest.json: | artifacts/lang-0/manifest.json\n")
        );
        assert!(text.contains(r"--world 'worlds/it'\''s.toml' --threads $(THREADS)"));
        assert!(text.contains("\"$(BIN)/tok-train\" --regime alpha=0.3 --threads"));
    }
}
