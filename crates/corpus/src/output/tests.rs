//! The protocol: begin, publish, refuse, replace, resume, and every place where a process can be killed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;

struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn begin(&self, out: &str, flags: &str, configuration: &Value) -> Result<Begin> {
        self.begin_kind(out, flags, configuration, Stage::Lang)
    }

    fn begin_kind(
        &self,
        out: &str,
        flags: &str,
        configuration: &Value,
        kind: Stage,
    ) -> Result<Begin> {
        Output::begin(Request {
            out: &self.at(out),
            force: flags.contains("force"),
            resume: flags.contains("resume"),
            kind,
            tool: kind.tool(),
            configuration,
            seeds: [("seed".to_owned(), 7)].into(),
            inputs: BTreeMap::new(),
        })
    }

    fn begun(&self, out: &str, flags: &str, configuration: &Value) -> Output {
        self.begin(out, flags, configuration)
            .unwrap()
            .into_output()
            .unwrap()
    }

    /// Publishes a directory with two files.
    fn published(&self, out: &str, flags: &str, configuration: &Value) -> Fingerprint {
        let output = self.begun(out, flags, configuration);
        fill(&output, configuration);
        output.publish(json!({ "n": 2 })).unwrap()
    }

    /// The error without the scratch directory's path.
    fn text(&self, error: &Error) -> String {
        error
            .to_string()
            .replace(&format!("{}/", self.directory.path().display()), "")
    }

    fn refused(&self, begin: Result<Begin>) -> String {
        self.text(&begin.unwrap_err())
    }

    fn names(&self, name: &str) -> Vec<String> {
        crate::input::names(&self.at(name)).unwrap()
    }
}

fn fill(output: &Output, configuration: &Value) {
    std::fs::write(
        output.path("world.json"),
        crate::canonical_json(configuration),
    )
    .unwrap();
    let inner = output.directory("checkpoints/step-000001").unwrap();
    std::fs::write(inner.join("config.json"), "{}").unwrap();
}

fn content(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("world.json"))
        .unwrap()
        .trim_end()
        .to_owned()
}

#[test]
fn a_published_directory_holds_manifest_and_run() {
    let bench = Bench::new();
    let mut output = bench.begun("a/deep/lang", "", &json!({ "x": 1 }));
    fill(&output, &json!({ "x": 1 }));
    std::fs::write(output.path("timing.parquet"), "speeds").unwrap();
    std::fs::write(output.path("half.parquet.tmp"), "left by a killed writer").unwrap();
    std::fs::write(output.resume_directory().unwrap().join("state"), "1").unwrap();
    output.note("device", "cpu");
    assert!(!bench.at("a/deep/lang").exists());
    let fingerprint = output.publish(json!({ "n": 2 })).unwrap();

    let names = [
        "checkpoints",
        "manifest.json",
        "run.json",
        "timing.parquet",
        "world.json",
    ];
    assert_eq!(bench.names("a/deep/lang"), names);
    assert_eq!(bench.names("a/deep"), ["lang"]);
    let input = Input::open(&bench.at("a/deep/lang"), Stage::Lang).unwrap();
    assert_eq!(input.fingerprint(), &fingerprint);
    let outputs: Vec<_> = input.manifest().outputs.keys().collect();
    assert_eq!(
        outputs,
        ["checkpoints/step-000001/config.json", "world.json"]
    );
    assert_eq!(input.manifest().measured, json!({ "n": 2 }));
    assert_eq!(input.manifest().seeds["seed"], 7);
    let run: Value =
        serde_json::from_slice(&std::fs::read(bench.at("a/deep/lang/run.json")).unwrap()).unwrap();
    assert_eq!(run["device"], "cpu");
    input.check_all().unwrap();
}

#[test]
fn the_same_work_has_the_same_fingerprint() {
    let bench = Bench::new();
    let one = bench.published("one", "", &json!({ "x": 1, "y": 0.1 }));
    let two = bench.published("two", "", &json!({ "y": 0.1, "x": 1 }));
    assert_ne!(
        one,
        bench.published("three", "", &json!({ "x": 2, "y": 0.1 }))
    );
    assert_eq!(one, two);
    let manifest = |name: &str| std::fs::read(bench.at(name).join("manifest.json")).unwrap();
    assert_eq!(manifest("one"), manifest("two"));
}

#[test]
fn an_existing_output_is_refused_without_force() {
    let bench = Bench::new();
    bench.published("lang", "", &json!({ "distance": 0.3 }));
    assert_eq!(
        bench.refused(bench.begin("lang", "", &json!({ "distance": 0.5 }))),
        "lang: expected nothing there, found the output of another configuration (configuration.distance is 0.3 there, \
         0.5 here); pass --force to replace it once the new one is whole, or choose another --out"
    );
    let same = bench.refused(bench.begin("lang", "", &json!({ "distance": 0.3 })));
    assert!(
        same.contains("the whole output of the same configuration (--resume accepts it)"),
        "{same}"
    );
    let other = bench.refused(bench.begin("lang", "resume", &json!({ "distance": 0.5 })));
    assert!(other.contains("another configuration"), "{other}");
    assert_eq!(bench.names(""), ["lang"], "nothing is left beside it");
}

#[test]
fn an_empty_directory_is_as_good_as_none() {
    let bench = Bench::new();
    std::fs::create_dir(bench.at("lang")).unwrap();
    bench.published("lang", "", &json!(1));
    assert_eq!(content(&bench.at("lang")), "1");
    assert_eq!(bench.names(""), ["lang"]);
}

#[test]
fn what_holds_no_work_is_not_left_behind() {
    let bench = Bench::new();
    let output = bench.begun("lang", "", &json!(1));
    output.resume_directory().unwrap();
    assert_eq!(bench.names(""), ["lang.partial"]);
    drop(output);
    assert!(bench.names("").is_empty());

    let output = bench.begun("lang", "", &json!(1));
    std::fs::write(output.resume_directory().unwrap().join("state"), "3 steps").unwrap();
    drop(output);
    assert!(matches!(
        bench.begin("lang", "resume", &json!(1)),
        Ok(Begin::Resumed(_))
    ));
}

#[test]
fn force_swaps_after_success() {
    let bench = Bench::new();
    bench.published("lang", "", &json!(1));
    let output = bench.begun("lang", "force", &json!(2));
    fill(&output, &json!(2));
    assert_eq!(
        content(&bench.at("lang")),
        "1",
        "the old one stays until the new one is whole"
    );
    output.publish(Value::Null).unwrap();
    assert_eq!(content(&bench.at("lang")), "2");
    assert_eq!(bench.names(""), ["lang"]);
}

#[test]
fn a_failed_force_leaves_the_old_output() {
    let bench = Bench::new();
    let fingerprint = bench.published("lang", "", &json!(1));
    let output = bench.begun("lang", "force", &json!(2));
    fill(&output, &json!(2));
    drop(output);
    let input = Input::open(&bench.at("lang"), Stage::Lang).unwrap();
    input.check_all().unwrap();
    assert_eq!(*input.fingerprint(), fingerprint);
}

#[test]
fn force_deletes_only_outputs_of_the_same_kind() {
    let bench = Bench::new();
    std::fs::create_dir(bench.at("home")).unwrap();
    std::fs::write(bench.at("home/thesis.tex"), "years of work").unwrap();
    assert_eq!(
        bench.refused(bench.begin("home", "force", &json!(1))),
        "home: expected a language directory written by lang-gen to replace, found a directory with \"thesis.tex\"; \
         --force deletes nothing else: choose another --out"
    );
    // Nor is it recommended where it would be refused.
    assert_eq!(
        bench.refused(bench.begin("home", "", &json!(1))),
        "home: expected nothing there, found a directory with \"thesis.tex\"; choose another --out"
    );
    // Other programs have a manifest.json as well.
    std::fs::write(
        bench.at("home/manifest.json"),
        "{ \"name\": \"a web page\" }",
    )
    .unwrap();
    bench.begin("home", "force", &json!(1)).unwrap_err();
    bench.published("tok", "", &json!(1));
    let refused = bench.refused(bench.begin_kind("tok", "force", &json!(1), Stage::Tok));
    assert!(refused.contains("found a language directory"), "{refused}");
    std::fs::write(bench.at("file"), "").unwrap();
    bench.begin("file", "force", &json!(1)).unwrap_err();
    assert_eq!(
        std::fs::read_to_string(bench.at("home/thesis.tex")).unwrap(),
        "years of work"
    );
    // Nor is a directory that happens to be called OUT.partial cleared.
    std::fs::create_dir(bench.at("mine.partial")).unwrap();
    std::fs::write(bench.at("mine.partial/notes"), "").unwrap();
    let refused = bench.refused(bench.begin("mine", "", &json!(1)));
    assert!(
        refused.contains("found \"notes\", which no stage of the lab left there"),
        "{refused}"
    );
    assert!(bench.at("mine.partial/notes").exists());
}

#[test]
fn two_writers_one_wins() {
    let bench = Bench::new();
    let first = bench.begun("lang", "", &json!(1));
    let refused = bench.begin("lang", "force", &json!(1)).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }));
    assert_eq!(
        bench.text(&refused),
        "lang: another process is writing it (lock held on lang.partial/lock); wait for it, or choose another --out"
    );
    fill(&first, &json!(1));
    first.publish(Value::Null).unwrap();
    assert!(matches!(
        bench.begin("lang", "resume", &json!(1)),
        Ok(Begin::AlreadyDone)
    ));
}

#[test]
fn many_writers_at_once_publish_once_each() {
    let bench = Bench::new();
    let published: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..20)
                        .filter(|_| match bench.begin("lang", "resume", &json!(1)) {
                            Ok(Begin::AlreadyDone) | Err(Error::Locked { .. }) => false,
                            Ok(Begin::Fresh(output)) => {
                                fill(&output, &json!(1));
                                output.publish(Value::Null).unwrap();
                                true
                            }
                            other => panic!("{other:?}"),
                        })
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(published, 1);
    assert_eq!(bench.names(""), ["lang"]);
}

#[test]
fn resume_goes_on_with_the_same_configuration_only() {
    let bench = Bench::new();
    assert!(
        matches!(
            bench.begin("lang", "resume", &json!(1)).unwrap(),
            Begin::Fresh(_)
        ),
        "nothing there"
    );
    let output = bench.begun("lang", "", &json!(1));
    crate::write_file(&output.resume_directory().unwrap().join("state"), b"step 5").unwrap();
    std::fs::write(output.path("shard"), "1").unwrap();
    drop(output);

    let Begin::Resumed(output) = bench.begin("lang", "resume", &json!(1)).unwrap() else {
        panic!("not resumed")
    };
    assert_eq!(
        std::fs::read(output.resume_directory().unwrap().join("state")).unwrap(),
        b"step 5"
    );
    assert!(output.path("shard").exists());
    drop(output);
    let Begin::Fresh(output) = bench.begin("lang", "resume", &json!(2)).unwrap() else {
        panic!("not fresh")
    };
    assert!(!output.path("shard").exists() && !output.path("resume").exists());
    std::fs::write(output.path("shard"), "2").unwrap();
    drop(output);
    let Begin::Fresh(output) = bench.begin("lang", "", &json!(2)).unwrap() else {
        panic!("not fresh")
    };
    assert!(
        !output.path("shard").exists(),
        "without --resume what is left is deleted"
    );
}

#[test]
fn resume_is_done_where_the_output_is_whole() {
    let bench = Bench::new();
    let fingerprint = bench.published("lang", "", &json!(1));
    for flags in ["resume", "resume force"] {
        assert!(
            matches!(
                bench.begin("lang", flags, &json!(1)),
                Ok(Begin::AlreadyDone)
            ),
            "{flags}"
        );
    }
    // A replacement that was begun goes on.
    fill(&bench.begun("lang", "force", &json!(1)), &json!(1));
    assert!(matches!(
        bench.begin("lang", "resume force", &json!(1)),
        Ok(Begin::Resumed(_))
    ));
    let input = Input::open(&bench.at("lang"), Stage::Lang).unwrap();
    assert_eq!(*input.fingerprint(), fingerprint);
    // A damaged output is not whole, of another length or not.
    for damaged in ["longer than before", "2\n"] {
        std::fs::write(bench.at("lang/world.json"), damaged).unwrap();
        let refused = bench.refused(bench.begin("lang", "resume", &json!(1)));
        assert!(refused.contains("found a damaged output"), "{refused}");
    }
}

/// A kill before it is noted what the partial output belongs to, beside an output that is done: nobody can go on with
/// it, and it goes. What belongs to something stays, and so does what no stage made.
#[test]
fn leavings_beside_a_done_output_go() {
    let bench = Bench::new();
    bench.published("lang", "", &json!(1));
    let done = |flags: &str| {
        let begin = bench.begin("lang", flags, &json!(1));
        assert!(matches!(begin, Ok(Begin::AlreadyDone)), "{flags}");
        bench.at("lang.partial").exists()
    };
    for flags in ["resume", "resume force"] {
        std::fs::create_dir(bench.at("lang.partial")).unwrap();
        assert!(!done(flags), "killed before the lock");
        std::fs::create_dir(bench.at("lang.partial")).unwrap();
        std::fs::write(bench.at("lang.partial/lock"), "").unwrap();
        std::fs::write(bench.at("lang.partial/shard"), "1").unwrap();
        assert!(!done(flags), "killed while older leavings were deleted");
    }
    std::fs::create_dir(bench.at("lang.partial")).unwrap();
    std::fs::write(bench.at("lang.partial/thesis.txt"), "somebody's").unwrap();
    assert!(done("resume") && bench.at("lang.partial/thesis.txt").exists());
    std::fs::remove_dir_all(bench.at("lang.partial")).unwrap();
    fill(&bench.begun("lang", "force", &json!(2)), &json!(2));
    assert!(done("resume") && bench.at("lang.partial/configuration.json").exists());
}

/// A kill after the manifest, before the rename: `--resume` publishes what is whole.
#[test]
fn killed_before_the_rename() {
    let bench = Bench::new();
    let fingerprint = bench.published("lang", "", &json!(1));
    std::fs::rename(bench.at("lang"), bench.at("lang.partial")).unwrap();
    std::fs::write(bench.at("lang.partial/lock"), "").unwrap();
    let configuration = Manifest::read(&bench.at("lang.partial"), Stage::Lang)
        .unwrap()
        .0
        .identity();
    std::fs::write(
        bench.at("lang.partial/configuration.json"),
        crate::canonical_json(&configuration),
    )
    .unwrap();
    std::fs::create_dir(bench.at("lang.partial/resume")).unwrap();
    assert!(matches!(
        bench.begin("lang", "resume", &json!(1)),
        Ok(Begin::AlreadyDone)
    ));
    let input = Input::open(&bench.at("lang"), Stage::Lang).unwrap();
    assert_eq!(*input.fingerprint(), fingerprint);
    assert_eq!(
        bench.names("lang"),
        ["checkpoints", "manifest.json", "run.json", "world.json"]
    );
    assert_eq!(bench.names(""), ["lang"]);
}

/// A kill after `resume/` and `configuration.json` were dropped, before the rename: `--resume` publishes it as well.
#[test]
fn killed_between_tidying_and_the_rename() {
    let bench = Bench::new();
    let fingerprint = bench.published("lang", "", &json!(1));
    std::fs::rename(bench.at("lang"), bench.at("lang.partial")).unwrap();
    std::fs::write(bench.at("lang.partial/lock"), "").unwrap();
    assert!(matches!(
        bench.begin("lang", "resume", &json!(1)),
        Ok(Begin::AlreadyDone)
    ));
    let input = Input::open(&bench.at("lang"), Stage::Lang).unwrap();
    assert_eq!(*input.fingerprint(), fingerprint);
}

/// A kill within the swap: first between its two renames, then before the old output was deleted.
#[test]
fn killed_within_a_swap() {
    let bench = Bench::new();
    let old = bench.published("lang", "", &json!(1));
    let new = bench.published("new", "", &json!(2));
    let fingerprint = || {
        *Input::open(&bench.at("lang"), Stage::Lang)
            .unwrap()
            .fingerprint()
    };

    // The new one is whole: the swap is completed.
    std::fs::rename(bench.at("lang"), bench.at("lang.replaced")).unwrap();
    std::fs::rename(bench.at("new"), bench.at("lang.partial")).unwrap();
    std::fs::write(bench.at("lang.partial/lock"), "").unwrap();
    let error = bench.text(&Input::open(&bench.at("lang"), Stage::Lang).unwrap_err());
    assert!(
        error.contains("an interrupted --force left the old one beside it"),
        "{error}"
    );
    assert!(matches!(
        bench.begin("lang", "resume", &json!(2)),
        Ok(Begin::AlreadyDone)
    ));
    assert_eq!(fingerprint(), new);
    assert_eq!(bench.names(""), ["lang"]);

    // The new one is not whole: the old one comes back.
    std::fs::rename(bench.at("lang"), bench.at("lang.replaced")).unwrap();
    let refused = bench.refused(bench.begin("lang", "", &json!(1)));
    assert!(refused.contains("pass --force"), "{refused}");
    assert_eq!(fingerprint(), new);

    // Both are there: the old one is deleted.
    bench.published("old", "", &json!(1));
    std::fs::rename(bench.at("old"), bench.at("lang.replaced")).unwrap();
    assert!(matches!(
        bench.begin("lang", "resume", &json!(2)),
        Ok(Begin::AlreadyDone)
    ));
    assert_eq!(bench.names(""), ["lang"]);
    assert_ne!(old, new);
}

#[test]
fn paths_without_a_name_are_refused() {
    for path in ["/", "..", "a/.."] {
        assert!(
            matches!(Places::of(Path::new(path)), Err(Error::BadPath { .. })),
            "{path}"
        );
    }
    let places = Places::of(Path::new("out/lang/")).unwrap();
    assert_eq!(places.out, Path::new("out/lang"));
    assert_eq!(places.partial, Path::new("out/lang.partial"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line_with_the_path() {
    // Every write to /dev/full fails as on a full disk.
    let bench = Bench::new();
    let path = bench.at("facts.parquet");
    std::os::unix::fs::symlink("/dev/full", bench.at("facts.parquet.tmp")).unwrap();
    let error = crate::write_rows::<crate::tables::FactRow>(&path, &[]).unwrap_err();
    let line = format!("{:#}", anyhow::Error::new(error));
    assert!(
        line.ends_with("facts.parquet.tmp: cannot write it: No space left on device (os error 28)"),
        "{line}"
    );
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn links_are_not_published() {
    let bench = Bench::new();
    let output = bench.begun("lang", "", &json!(1));
    std::os::unix::fs::symlink("/etc/passwd", output.path("link")).unwrap();
    let error = bench.text(&output.publish(Value::Null).unwrap_err());
    assert!(error.starts_with("lang.partial/link: expected"), "{error}");
    assert!(!bench.at("lang").exists());
}
