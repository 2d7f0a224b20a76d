//! Where a study may be planned, and what is said of a path that is no plan.

use std::path::{Path, PathBuf};
use std::process::Command;

use study::{plan, report, status};

/// A directory with a world and two studies, `s` and `other`.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        desk.write("w.toml", "grammar = \"g.grammar\"\n");
        desk.write("g.grammar", "rule x");
        for study in ["s.toml", "other.toml"] {
            desk.write(study, "[base.lang]\nworld = \"w.toml\"\n");
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// An error without the desk's own path.
    fn told<T>(&self, result: anyhow::Result<T>) -> Result<(), String> {
        let own = format!("{}/", self.0.path().display());
        let short = |error: anyhow::Error| format!("{error:#}").replace(&own, "");
        result.map(drop).map_err(short)
    }

    fn plan(&self, study: &str, out: &str, force: bool) -> Result<(), String> {
        let bin = Path::new("bin");
        self.told(plan::plan(
            &self.path(study),
            &self.path(out),
            bin,
            false,
            force,
        ))
    }

    fn report(&self, inputs: &[&str], out: &str) -> Result<(), String> {
        let inputs: Vec<PathBuf> = inputs.iter().map(|name| self.path(name)).collect();
        self.told(report::report(&inputs, &self.path(out), true))
    }

    fn names(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn what_is_no_plan_of_the_study_is_left_alone() {
    let desk = Desk::new();
    desk.write("proj/Makefile", "all: precious\n");
    desk.write("proj/study.toml", "mine");
    desk.write("lang/manifest.json", "{\"kind\": \"lang\"}");
    let found = [
        ("proj", "a directory with \"Makefile\", \"study.toml\""),
        ("lang", "a language directory"),
        ("w.toml", "a file"),
    ];
    for force in [false, true] {
        for (out, found) in found {
            let expected = format!(
                "{out}: expected nothing there or an earlier plan of this study, found {found}; choose another --out"
            );
            assert_eq!(desk.plan("s.toml", out, force), Err(expected));
        }
    }
    assert_eq!(desk.names("proj"), ["Makefile", "study.toml"]);
    assert_eq!(desk.names("lang"), ["manifest.json"]);
    let makefile = std::fs::read_to_string(desk.path("proj/Makefile")).unwrap();
    assert_eq!(makefile, "all: precious\n");
}

#[test]
fn a_study_is_planned_again_and_over_another_only_when_forced() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("out")).unwrap();
    desk.plan("s.toml", "out", false).unwrap();
    let whole = ["Makefile", "runs.parquet", "study.toml", "worlds"];
    assert_eq!(desk.names("out"), whole);
    // What was built, and a report beside it.
    desk.write("out/artifacts/lang-0/manifest.json", "{}");
    desk.write("out/report/manifest.json", "{\"kind\": \"report\"}");
    desk.plan("s.toml", "out", false).unwrap();
    let refused = desk.plan("other.toml", "out", false).unwrap_err();
    assert_eq!(
        refused,
        "out: expected nothing there or an earlier plan of this study, found the plan of study \"s\"; choose another \
         --out, or pass --force to plan over it"
    );
    desk.plan("other.toml", "out", true).unwrap();
    assert!(desk.path("out/artifacts/lang-0/manifest.json").exists());
    let refused = desk.plan("s.toml", "out", false).unwrap_err();
    assert!(refused.contains("the plan of study \"other\""), "{refused}");
}

/// Killed before and after the Makefile, which is the first of its files.
#[test]
fn a_plan_that_was_killed_is_planned_again() {
    let desk = Desk::new();
    desk.write("early/Makefile.tmp", "# The stu");
    desk.plan("s.toml", "early", false).unwrap();
    for lost in ["runs.parquet", "study.toml"] {
        std::fs::remove_file(desk.path("early").join(lost)).unwrap();
    }
    let error = desk.told(status::status(&desk.path("early"))).unwrap_err();
    let found = "found half a plan of study \"s\" (no runs.parquet); plan it again";
    assert!(error.ends_with(found), "{error}");
    desk.plan("s.toml", "early", false).unwrap();
    status::status(&desk.path("early")).unwrap();
}

#[test]
fn a_path_that_is_no_plan_is_named_for_what_it_is() {
    let desk = Desk::new();
    desk.write("lang/manifest.json", "{\"kind\": \"lang\"}");
    desk.write("foreign/precious.txt", "");
    std::fs::create_dir(desk.path("empty")).unwrap();
    let status = |name: &str| desk.told(status::status(&desk.path(name))).unwrap_err();
    assert_eq!(
        status("nope"),
        "nope: no such directory, expected a planned study (the --out of study plan)"
    );
    assert_eq!(
        status("s.toml"),
        "s.toml: expected a planned study (a directory), found a file"
    );
    for (name, found) in [
        ("lang", "a language directory"),
        ("foreign", "a directory with \"precious.txt\""),
        ("empty", "an empty directory"),
    ] {
        let expected = format!(
            "{name}: expected a planned study (Makefile and runs.parquet), found {found}; give the --out of study plan"
        );
        assert_eq!(status(name), expected);
        let expected = format!(
            "{name}: expected a planned study, a report, an evaluation or a tokenizer directory, found {found}"
        );
        assert_eq!(desk.report(&[name], "never"), Err(expected));
    }
}

#[test]
fn a_report_s_place_is_looked_at_before_its_runs() {
    let desk = Desk::new();
    desk.write("foreign/precious.txt", "");
    desk.write("report/manifest.json", "{\"kind\": \"report\"}");
    desk.write("report/inner/manifest.json", "{\"kind\": \"eval\"}");
    // No input could be read.
    for (out, found) in [
        ("foreign", "a directory with \"precious.txt\""),
        ("s.toml", "a file"),
    ] {
        let expected = format!(
            "{out}: expected nothing there or an earlier report, found {found}; choose another --out"
        );
        assert_eq!(desk.report(&["report"], out), Err(expected));
    }
    for input in ["report", "report/inner"] {
        let expected = format!(
            "report: expected another directory than those read, found the input {input}; choose another --out"
        );
        assert_eq!(desk.report(&[input], "report"), Err(expected));
    }
}

#[test]
fn each_command_s_help_has_an_example() {
    let help = |command: &str| {
        let study = env!("CARGO_BIN_EXE_study");
        let output = Command::new(study)
            .args([command, "--help"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for command in ["plan", "status", "report"] {
        let example = format!("\n  study {command} ");
        assert!(help(command).contains(&example), "{command}");
    }
    for part in [
        "[base.",
        "[grid.",
        "[rotate]",
        "[[control]]",
        "[claims]",
        "last_stage",
    ] {
        assert!(help("plan").contains(part), "{part}");
    }
}
