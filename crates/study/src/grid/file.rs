//! The study file's text: read strictly, every complaint with its line.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use toml::Spanned;

use super::{Control, Key, LastStage, Rotate, Study};
use crate::knobs::{self, Scope, Setting};
use crate::thresholds::Thresholds;

type KnobTable = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ScopesFile {
    world: KnobTable,
    lang: KnobTable,
    tok: KnobTable,
    model: KnobTable,
    eval: KnobTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateFile {
    knob: Spanned<String>,
    values: Vec<Spanned<toml::Value>>,
    by: BTreeMap<Spanned<String>, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlFile {
    name: Spanned<String>,
    #[serde(default)]
    world: KnobTable,
    #[serde(default)]
    lang: KnobTable,
    #[serde(default)]
    tok: KnobTable,
    #[serde(default)]
    model: KnobTable,
    #[serde(default)]
    eval: KnobTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StudyFile {
    #[serde(default)]
    description: String,
    #[serde(default)]
    last_stage: LastStage,
    base: ScopesFile,
    #[serde(default)]
    grid: ScopesFile,
    rotate: Option<RotateFile>,
    #[serde(default)]
    control: Vec<ControlFile>,
    #[serde(default)]
    claims: Thresholds,
}

/// The text of a study file with what its error messages need.
pub(super) struct Source<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl Source<'_> {
    /// An error with its file and line.
    fn error(
        &self,
        span: std::ops::Range<usize>,
        message: impl std::fmt::Display,
    ) -> anyhow::Error {
        command::error_at(self.path, self.text, Some(span.start), message)
    }

    /// One value of one knob, checked.
    fn setting(
        &self,
        scope: Scope,
        key: &str,
        at: std::ops::Range<usize>,
        value: &toml::Value,
    ) -> Result<Setting> {
        if scope == Scope::World {
            return Ok(Setting::Toml(value.clone()));
        }
        let knob = knobs::find(scope, key).ok_or_else(|| {
            let keys = knobs::keys(scope).join(", ");
            let world = if scope == Scope::Lang { "world, " } else { "" };
            self.error(
                at.clone(),
                format!(
                    "unknown knob \"{key}\" for {}: expected {world}{keys}",
                    scope.name()
                ),
            )
        })?;
        knob.read(value)
            .map_err(|message| self.error(at, format!("{}.{key}: {message}", scope.name())))
    }

    /// `lang.world_seed` → its key.
    fn key(&self, name: &Spanned<String>) -> Result<Key> {
        let text = name.get_ref();
        let (scope, key) = text.split_once('.').unwrap_or((text, ""));
        let scope = Scope::ALL.into_iter().find(|known| known.name() == scope);
        match scope {
            Some(scope) if scope == Scope::World || knobs::find(scope, key).is_some() => {
                Ok((scope, key.to_owned()))
            }
            _ => Err(self.error(
                name.span(),
                format!("unknown knob \"{text}\": expected STAGE.KNOB such as lang.world_seed"),
            )),
        }
    }
}

/// `[mask] share = …` → `mask.share`: world keys may be written either way.
fn flatten<'a>(prefix: &str, value: &'a toml::Value, out: &mut Vec<(String, &'a toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                flatten(&format!("{prefix}.{key}"), value, out);
            }
        }
        value => out.push((prefix.to_owned(), value)),
    }
}

/// The knobs of one block: each with its line and its values (one, or a list where lists are a grid).
fn read_scopes(
    source: &Source,
    scopes: [(Scope, &KnobTable); 5],
    lists: bool,
    mut world: Option<&mut Spanned<String>>,
) -> Result<BTreeMap<Key, Vec<Setting>>> {
    let mut out = BTreeMap::new();
    for (scope, table) in scopes {
        for (name, value) in table {
            if scope == Scope::Lang && name.get_ref() == "world" {
                let path = value.get_ref().as_str();
                match (&mut world, path) {
                    (Some(world), Some(path)) => {
                        **world = Spanned::new(value.span(), path.to_owned())
                    }
                    (None, _) => {
                        return Err(source.error(
                            name.span(),
                            "world may stand in [base.lang] only; vary its keys under world",
                        ));
                    }
                    (_, None) => {
                        return Err(source.error(
                            value.span(),
                            "lang.world: expected the path of a world file",
                        ));
                    }
                }
                continue;
            }
            let mut entries = Vec::new();
            match scope {
                Scope::World => flatten(name.get_ref(), value.get_ref(), &mut entries),
                _ => entries.push((name.get_ref().clone(), value.get_ref())),
            }
            for (key, value_of_key) in entries {
                let settings = match value_of_key {
                    toml::Value::Array(values) if lists => {
                        if values.is_empty() {
                            return Err(source.error(
                                value.span(),
                                format!("{}.{key}: expected at least one value", scope.name()),
                            ));
                        }
                        values
                            .iter()
                            .map(|one| source.setting(scope, &key, name.span(), one))
                            .collect::<Result<Vec<_>>>()?
                    }
                    one => vec![source.setting(scope, &key, name.span(), one)?],
                };
                out.insert((scope, key), settings);
            }
        }
    }
    Ok(out)
}

impl ScopesFile {
    fn scopes(&self) -> [(Scope, &KnobTable); 5] {
        [
            (Scope::World, &self.world),
            (Scope::Lang, &self.lang),
            (Scope::Tok, &self.tok),
            (Scope::Model, &self.model),
            (Scope::Eval, &self.eval),
        ]
    }
}

impl Study {
    /// Reads a study file. Errors are one line: file, line, what was expected.
    pub fn open(path: &Path) -> Result<Study> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot read the study", path.display()))?;
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Study::parse(&name, &directory, &Source { path, text: &text })
    }

    pub(super) fn parse(name: &str, directory: &Path, source: &Source) -> Result<Study> {
        let file: StudyFile = toml::from_str(source.text)
            .map_err(|error| source.error(error.span().unwrap_or(0..0), error.message()))?;
        let mut world = Spanned::new(0..0, String::new());
        let base = read_scopes(source, file.base.scopes(), false, Some(&mut world))?;
        ensure!(
            !world.get_ref().is_empty(),
            "{}: no world: expected [base.lang] with world = \"../worlds/NAME.toml\"",
            source.path.display()
        );
        let grid = read_scopes(source, file.grid.scopes(), true, None)?;
        let rotate = match &file.rotate {
            None => None,
            Some(rotate) => {
                let knob = source.key(&rotate.knob)?;
                if grid.contains_key(&knob) {
                    return Err(source.error(
                        rotate.knob.span(),
                        "a rotated knob may not stand in the grid as well",
                    ));
                }
                if rotate.values.is_empty() {
                    return Err(
                        source.error(rotate.knob.span(), "values: expected at least one value")
                    );
                }
                let values = rotate
                    .values
                    .iter()
                    .map(|value| source.setting(knob.0, &knob.1, value.span(), value.get_ref()));
                let mut by = Vec::new();
                for (name, factor) in &rotate.by {
                    let key = source.key(name)?;
                    if !grid.contains_key(&key) {
                        return Err(source.error(
                            name.span(),
                            format!("{} is not in the grid", name.get_ref()),
                        ));
                    }
                    by.push((key, *factor));
                }
                Some(Rotate {
                    values: values.collect::<Result<_>>()?,
                    knob,
                    by,
                })
            }
        };
        let mut controls = Vec::new();
        for control in &file.control {
            let name = control.name.get_ref();
            let taken = |seen: &Control| seen.name == *name;
            if name == "main" || controls.iter().any(taken) {
                return Err(source.error(
                    control.name.span(),
                    format!("control name \"{name}\" is taken"),
                ));
            }
            let scopes = [
                (Scope::World, &control.world),
                (Scope::Lang, &control.lang),
                (Scope::Tok, &control.tok),
                (Scope::Model, &control.model),
                (Scope::Eval, &control.eval),
            ];
            let replaced = read_scopes(source, scopes, true, None)?;
            if replaced.is_empty() {
                return Err(source.error(
                    control.name.span(),
                    format!("control \"{name}\": expected at least one changed knob, found none"),
                ));
            }
            controls.push(Control {
                name: name.clone(),
                replaced,
            });
        }
        let mut settings: BTreeMap<Key, Setting> = knobs::KNOBS
            .iter()
            .filter_map(|knob| Some(((knob.scope, knob.key.to_owned()), knob.default_setting()?)))
            .collect();
        settings.extend(
            base.into_iter()
                .filter_map(|(key, mut values)| Some((key, values.pop()?))),
        );
        Ok(Study {
            name: name.to_owned(),
            path: source.path.to_owned(),
            description: file.description,
            last_stage: file.last_stage,
            thresholds: file.claims,
            world: directory.join(world.get_ref()),
            base: settings,
            grid,
            rotate,
            controls,
        })
    }
}
