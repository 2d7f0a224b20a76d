//! What to train: the one run of the command line, or those of `--stack RUNS.toml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::options::{Configuration, Options};

/// One training: where it reads, where it writes, its seed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The language directory.
    pub lang: PathBuf,
    /// The tokenizer directory.
    pub tok: PathBuf,
    /// The directory to write.
    pub out: PathBuf,
    /// Seed of initial weights, order of the text and BPE dropout.
    pub seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    run: Vec<Job>,
}

/// The runs that the command line asks for, at least one.
///
/// # Errors
/// A file that cannot be read, an unknown or missing key, no run, or two that would write one directory.
pub fn jobs(options: &Options) -> Result<Vec<Job>> {
    let Options {
        lang,
        tok,
        out,
        seed,
        stack,
        ..
    } = options;
    if let Some(path) = stack {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot read the runs of --stack", path.display()))?;
        return parse(path, &text);
    }
    let (Some(lang), Some(tok), Some(out)) = (lang, tok, out) else {
        bail!("expected --lang, --tok and --out, or --stack RUNS.toml");
    };
    Ok(vec![Job {
        lang: lang.clone(),
        tok: tok.clone(),
        out: out.clone(),
        seed: seed.unwrap_or(1),
    }])
}

fn parse(path: &Path, text: &str) -> Result<Vec<Job>> {
    let File { run: jobs } = toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| span.start);
        command::error_at(path, text, at, error.message())
    })?;
    ensure!(
        !jobs.is_empty(),
        "{}: no [[run]]; each has lang, tok, out and seed",
        path.display()
    );
    let mut outs = BTreeSet::new();
    for (index, job) in jobs.iter().enumerate() {
        // `components` drops what makes two spellings of one path.
        ensure!(
            outs.insert(job.out.components().collect::<PathBuf>()),
            "{}: run {}: out {} is that of an earlier run; give each its own",
            path.display(),
            index + 1,
            job.out.display()
        );
    }
    Ok(jobs)
}

/// Refuses runs that cannot be one batched model: a step must have the same shape and the same place in the schedule.
///
/// # Errors
/// The first difference, with both values and what to do.
pub fn require_equal(jobs: &[Job], configurations: &[Configuration]) -> Result<()> {
    let (Some(first), Some(first_job)) = (configurations.first(), jobs.first()) else {
        return Ok(());
    };
    let expected = serde_json::to_value(first)?;
    for (job, configuration) in jobs.iter().zip(configurations) {
        let found = serde_json::to_value(configuration)?;
        if let Some((key, [expected, found])) = difference(&expected, &found) {
            let cure = match key.as_str() {
                "model.vocab_size" => "take tokenizers of one realised size, or two stacks",
                "steps" => "give --max-steps, which is the same for all",
                _ => "take two stacks",
            };
            bail!(
                "--stack needs runs of one shape and schedule: {} has {key} {expected}, {} has {found}; {cure}",
                first_job.out.display(),
                job.out.display()
            );
        }
    }
    Ok(())
}

/// The first key, by dots, at which two values differ; a key above the schedule's details comes first.
fn difference(a: &Value, b: &Value) -> Option<(String, [Value; 2])> {
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let keys = ["model", "steps"].into_iter().map(String::from);
        return keys.chain(a.keys().cloned()).find_map(|key| {
            let (below, values) = difference(a.get(&key)?, b.get(&key)?)?;
            let dot = if below.is_empty() { "" } else { "." };
            Some((format!("{key}{dot}{below}"), values))
        });
    }
    (a != b).then(|| (String::new(), [a.clone(), b.clone()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn options(flags: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(format!("model-train {flags}").split_whitespace())
    }

    #[test]
    fn the_command_line_is_one_job() {
        let jobs = jobs(&options("--lang L --tok T --out M").unwrap()).unwrap();
        assert_eq!(
            jobs,
            [Job {
                lang: "L".into(),
                tok: "T".into(),
                out: "M".into(),
                seed: 1
            }]
        );
        assert!(options("--lang L --tok T").is_err());
        assert!(options("--stack R").is_ok());
        for own in ["--lang L", "--tok T", "--out M", "--seed 2"] {
            assert!(options(&format!("--stack R {own}")).is_err());
        }
    }

    #[test]
    fn a_file_has_many() {
        let path = Path::new("runs.toml");
        let run =
            |out: &str| format!("[[run]]\nlang = \"L\"\ntok = \"T\"\nout = \"{out}\"\nseed = 3\n");
        let jobs = parse(path, &(run("a") + &run("b"))).unwrap();
        assert_eq!((jobs.len(), jobs[1].seed), (2, 3));
        let refusal = |text: &str| parse(path, text).unwrap_err().to_string();
        assert_eq!(
            refusal(&(run("a/b") + &run("a//b/"))),
            "runs.toml: run 2: out a//b/ is that of an earlier run; give each its own"
        );
        assert!(refusal("run = []").contains("no [[run]]"));
        assert!(
            refusal(&run("a").replace("seed", "sed")).starts_with("runs.toml: line 5: unknown")
        );
        assert!(refusal("[[run]]\nlang = \"L\"").contains("missing field"));
    }

    #[test]
    fn runs_of_other_shapes_are_refused() {
        let options = options("--stack R --max-tokens 100000").unwrap();
        let job = |out: &str| Job {
            lang: "L".into(),
            tok: "T".into(),
            out: out.into(),
            seed: 1,
        };
        let jobs = [job("a"), job("b")];
        let refusal = |vocab_size: usize, tokens_per_char: f64| {
            let a = options.resolve(64, 0.5).unwrap();
            let b = options.resolve(vocab_size, tokens_per_char).unwrap();
            require_equal(&jobs, &[a, b]).err().map(|e| e.to_string())
        };
        assert_eq!(refusal(64, 0.5), None);
        assert_eq!(
            refusal(65, 0.5).as_deref(),
            Some(
                "--stack needs runs of one shape and schedule: a has model.vocab_size 64, b has 65; take tokenizers of one \
                 realised size, or two stacks"
            )
        );
        // 100,000 tokens at 12,288 · 0.5 a step are 16 steps, at 12,288 · 0.25 33
        assert!(
            refusal(64, 0.25)
                .unwrap()
                .contains("a has steps 16, b has 33; give --max-steps")
        );
    }
}
