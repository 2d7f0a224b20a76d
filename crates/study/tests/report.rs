//! Plan, status and report over directories that these tests write with invented numbers.

mod invented;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::tables::{ClaimRow, InterventionRow};
use corpus::{Input, Verdict, read_rows};
use invented::{build, planned, tok};
use study::artifact::Stage;
use study::knobs::Setting;
use study::plan::runs::read;
use study::report::data::names;
use study::report::gather::gather;
use study::report::summary::{main_runs, shown_value};
use study::{plan, report, status};

fn report_on(input: &Path, out: &Path, force: bool) -> anyhow::Result<String> {
    report::report(&[input.to_owned()], out, force)
}

const GRID: &str = r#"
description = "Invented numbers: a test of the report, no result."
[base.lang]
world = "w.toml"
[grid.lang]
world_seed = [1, 2, 3, 4, 5, 6]
lexical_distance = [0.2, 0.4]
[grid.tok]
regime = ["balanced", "proportional"]
vocab_size = [64, 512, 2048]
[[control]]
name = "char"
tok.algorithm = "char"
tok.regime = "balanced"
[claims]
min_world_seeds = 6
"#;

#[test]
fn a_whole_study_becomes_a_report_that_draws_itself_again() {
    let study = planned("whole", GRID);
    build(&study, |_, _| true);
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.trim_end().ends_with("index.html"), "{text}");
    assert!(text.contains("2048 (1391)"), "{text}");
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    for outside in ["<script", "src=", "url(", "@import", "<link"] {
        assert!(
            !page.contains(outside),
            "the page is self-contained, but has {outside}"
        );
    }
    for figure in [
        "stages",
        "reachability",
        "bridge-heat",
        "curves",
        "stage-order",
        "bridge-runs",
        "bridge-concepts",
        "importance",
        "controls",
        "tokenizers",
    ] {
        assert!(
            out.join(format!("figures/{figure}.svg")).exists(),
            "no {figure}"
        );
        assert!(
            page.contains(&format!("id=\"{figure}\"")),
            "{figure} is not on the page"
        );
    }
    let rows: Vec<ClaimRow> = read_rows(&out.join("claims.parquet")).unwrap();
    let verdict = |statistic: &str| {
        rows.iter()
            .find(|row| row.statistic == statistic)
            .unwrap()
            .verdict
    };
    // The invented outcome falls with vocabulary and rises with the bridge; positions come first.
    assert_eq!(verdict("vocabulary_outcome_spearman"), Some(Verdict::Holds));
    assert_eq!(
        verdict("vocabulary_atom_share_spearman"),
        Some(Verdict::Holds)
    );
    assert_eq!(verdict("bridge_outcome_spearman"), Some(Verdict::Holds));
    assert_eq!(
        verdict("position_before_other_type_p"),
        Some(Verdict::Holds)
    );
    assert!(rows.iter().all(|row| row.n_world_seeds == 6), "{rows:?}");

    let before = std::fs::read(out.join("manifest.json")).unwrap();
    assert_eq!(
        report_on(&study, &out, true).unwrap(),
        text,
        "the same runs: nothing is written"
    );
    assert_eq!(std::fs::read(out.join("manifest.json")).unwrap(), before);
    let again = study.join("again");
    report_on(&out, &again, false).unwrap();
    let (drawn, redrawn) = (files(&out), files(&again));
    assert_eq!(
        drawn.keys().collect::<Vec<_>>(),
        redrawn.keys().collect::<Vec<_>>()
    );
    assert!(drawn.contains_key("claims.parquet") && drawn.contains_key("figures/curves.svg"));
    for (file, bytes) in &drawn {
        assert!(redrawn[file] == *bytes, "{file} differs when drawn again");
    }
}

/// Every file of a report by its path but `run.json`, which holds the clock.
fn files(report: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for directory in ["", "figures/"] {
        for entry in std::fs::read_dir(report.join(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = report.join(directory).join(&name);
            if path.is_file() && name != "run.json" {
                files.insert(format!("{directory}{name}"), std::fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn missing_runs_leave_claims_undecided_and_are_listed() {
    let study = planned("missing", GRID);
    build(&study, |index, _| index != 3);
    let state = status::status(&study).unwrap();
    assert_eq!(
        state.stages.last().unwrap().1.counts[3],
        1,
        "one evaluation is left: {state:?}"
    );
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.contains("1 of 84 runs are missing"), "{text}");
    let rows: Vec<ClaimRow> = read_rows(&out.join("claims.parquet")).unwrap();
    assert!(rows.iter().all(|row| {
        let judged_nothing = row
            .verdict
            .is_none_or(|verdict| verdict == Verdict::Undecided);
        let says_so = || {
            row.missing
                .as_deref()
                .is_some_and(|text| text.contains("1 of 72 runs"))
        };
        judged_nothing
            && row.claim_verdict == Verdict::Undecided
            && (row.verdict.is_none() || says_so())
    }));
    // More runs: the report is another one, which --force writes.
    build(&study, |_, _| true);
    assert!(report_on(&study, &out, false).is_err());
    report_on(&study, &out, true).unwrap();
}

#[test]
fn one_seed_and_single_evaluations_are_reported() {
    let study = planned(
        "demo",
        "[base.lang]\nworld = \"w.toml\"\n[grid.tok]\nvocab_size = [64, 512, 2048]\n",
    );
    build(&study, |_, _| true);
    let text = report_on(&study, &study.join("report"), false).unwrap();
    assert!(
        text.contains("lexical MRR") && text.contains("minority, masked"),
        "{text}"
    );
    let run = &read(&study).unwrap().unwrap()[0];
    let eval = study.join("artifacts").join(&run.artifacts[&Stage::Eval]);
    report_on(&eval, &study.join("single"), false).unwrap();
    let input = Input::open(&study.join("single"), corpus::Stage::Report).unwrap();
    assert_eq!(input.manifest().measured["finished"], 1);
}

/// The same bytes wherever the inputs lie and whatever they are called.
#[test]
fn a_report_does_not_say_where_its_inputs_are() {
    let study = planned(
        "moved",
        "[base.lang]\nworld = \"w.toml\"\n[grid.tok]\nvocab_size = [64, 512]\n",
    );
    build(&study, |_, _| true);
    let evals: Vec<PathBuf> = read(&study)
        .unwrap()
        .unwrap()
        .iter()
        .map(|run| study.join("artifacts").join(&run.artifacts[&Stage::Eval]))
        .collect();
    let before = study.join("before");
    report::report(&evals, &before, false).unwrap();
    let moved = study.join("elsewhere");
    std::fs::rename(study.join("artifacts"), &moved).unwrap();
    let moved_eval = |eval: &PathBuf, name: &str| {
        let path = moved.join(name);
        std::fs::rename(moved.join(eval.file_name().unwrap()), &path).unwrap();
        path
    };
    // The other way round, and one of them twice.
    let mut inputs = vec![moved_eval(&evals[1], "one"), moved_eval(&evals[0], "two")];
    inputs.push(inputs[0].clone());
    let after = study.join("after");
    report::report(&inputs, &after, false).unwrap();
    assert!(
        files(&before) == files(&after),
        "a report tells its inputs' paths"
    );
}

/// A study of some world seeds: two distances, two vocabularies and a control.
fn of_seeds(name: &str, seeds: &str) -> PathBuf {
    let text = format!(
        "[base.lang]\nworld = \"w.toml\"\n[grid.lang]\nworld_seed = [{seeds}]\nlexical_distance = [0.2, 0.4]\n\
         [grid.tok]\nvocab_size = [512, 64]\n[[control]]\nname = \"char\"\ntok.algorithm = \"char\"\n"
    );
    planned(name, &text)
}

/// By seeds or run by run, as studies or as reports, in any order: the bytes of the whole.
#[test]
fn a_study_in_parts_is_the_whole() {
    let all = "1, 2, 3, 4";
    let whole = of_seeds("parts-whole", all);
    build(&whole, |_, _| true);
    let report_of = |parts: &[&PathBuf], name: &str| {
        let inputs: Vec<PathBuf> = parts.iter().copied().cloned().collect();
        let out = whole.join("reports").join(name);
        report::report(&inputs, &out, false).unwrap();
        out
    };
    let expected = files(&report_of(&[&whole], "whole"));
    let early = of_seeds("parts-early", "2, 1");
    let late = of_seeds("parts-late", "3, 4");
    build(&early, |_, _| true);
    build(&late, |_, _| true);
    let (even, odd) = (of_seeds("parts-even", all), of_seeds("parts-odd", all));
    build(&even, |index, _| index % 2 == 0);
    build(&odd, |index, _| index % 2 == 1 && index != 3);
    let of_early = report_of(&[&early], "early");
    let of_late = report_of(&[&late], "late");
    let short = report_of(&[&even, &odd], "short");
    for (number, parts) in [
        vec![&of_early, &of_late],
        vec![&of_late, &of_early],
        vec![&of_late, &early],
        vec![&late, &whole, &of_early],
        vec![&early, &short, &late],
    ]
    .into_iter()
    .enumerate()
    {
        let found = files(&report_of(&parts, &number.to_string()));
        let names: Vec<&String> = found.keys().collect();
        assert_eq!(names, expected.keys().collect::<Vec<_>>());
        for (file, bytes) in &found {
            assert!(expected[file] == *bytes, "{file} differs: {parts:?}");
        }
    }
    // What nobody has built is missing in the same words.
    let lacking = of_seeds("parts-lacking", all);
    build(&lacking, |index, _| index != 3);
    let lacking = files(&report_of(&[&lacking], "lacking"));
    assert!(lacking != expected);
    assert!(files(&short) == lacking && files(&report_of(&[&odd, &even], "again")) == lacking);
}

#[test]
fn other_studies_and_single_directories_are_not_mixed_in() {
    let study = of_seeds("mixed", "1");
    build(&study, |_, _| true);
    let run = &read(&study).unwrap().unwrap()[0];
    let eval = study.join("artifacts").join(&run.artifacts[&Stage::Eval]);
    let refused = |inputs: &[&PathBuf]| {
        let inputs: Vec<PathBuf> = inputs.iter().copied().cloned().collect();
        format!("{:#}", gather(&inputs).unwrap_err())
    };
    let error = refused(&[&eval, &study]);
    assert!(error.contains("expected planned studies and reports alone, found eval-"));
    // The same file, but another world behind it.
    let other = of_seeds("mixed-other", "2");
    let root = other.parent().unwrap();
    let world = std::fs::read_to_string(root.join("w.toml")).unwrap();
    let world = world.replace(
        "distance = 0.2",
        "distance = 0.2\nkind = \"correspondence\"",
    );
    std::fs::write(root.join("w.toml"), world).unwrap();
    plan::plan(
        &root.join("invented.toml"),
        &other,
        Path::new("bin"),
        false,
        false,
    )
    .unwrap();
    let error = refused(&[&study, &other]);
    assert!(error.contains("expected a part of the study in"), "{error}");
    assert!(error.contains("lang.world = w-"), "{error}");
}

/// Model knobs make runs of their own although a study of tokenizers ends before them: two runs, one artifact.
#[test]
fn runs_that_end_with_one_artifact_stay_apart() {
    let study = planned(
        "shared",
        "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n[grid.model]\nseed = [1, 2]\n",
    );
    build(&study, |_, _| true);
    let out = study.join("report");
    report_on(&study, &out, false).unwrap();
    let (first, again) = (gather(&[study]).unwrap(), gather(&[out]).unwrap());
    assert_eq!(first.runs[0].run, first.runs[1].run);
    assert!(!first.concepts_of(0).is_empty() && !first.concepts_of(1).is_empty());
    assert_eq!(first.concepts, again.concepts);
}

/// The shipped study, on an invented world.
#[test]
fn controls_show_interventions_beside_the_correlation() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/studies/controls.toml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let study = planned("controls", &text.replace("../worlds/demo.toml", "w.toml"));
    build(&study, |_, _| true);
    let out = study.join("report");
    let printed = report_on(&study, &out, false).unwrap();
    for beside in ["b-only floor", "b-unmasked ceiling", "frequency baseline"] {
        assert!(printed.contains(&format!("masked: {beside}")), "{printed}");
    }
    let rows: Vec<InterventionRow> = read_rows(&out.join("interventions.parquet")).unwrap();
    let shown: Vec<(&str, &str, u32)> = rows
        .iter()
        .map(|row| {
            (
                row.intervention.as_str(),
                row.vocabulary.as_str(),
                row.n_world_seeds,
            )
        })
        .collect();
    let expected: Vec<(&str, &str, u32)> = [
        "ids split by language − by document",
        "disjoint script − shared",
        "BPE dropout − none (at 0.1)",
    ]
    .into_iter()
    .flat_map(|name| ["64", "256", "1024"].map(|size| (name, size, 3)))
    .collect();
    assert_eq!(shown, expected);
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("id=\"interventions\""));
    let (_, section) = page.split_once("<section id=\"made-and-unmade\">").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    let claims: Vec<ClaimRow> = read_rows(&out.join("claims.parquet")).unwrap();
    let correlations: Vec<&ClaimRow> = claims.iter().filter(|row| row.claim == 5).collect();
    assert_eq!(correlations.len(), 3);
    for row in correlations {
        let estimate = row.estimate.unwrap();
        let cells = format!(
            "<code>{}</code></td><td class=\"n\">{estimate:.3}</td>",
            row.statistic
        );
        assert!(section.contains(&cells), "{cells} is not in {section}");
    }
    for verdict in ["holds", "fails", "undecided"] {
        assert!(!section.contains(verdict), "{section}");
    }
    let figure = std::fs::read_to_string(out.join("figures/controls.svg")).unwrap();
    assert!(
        figure.contains("b-only floor of main") && figure.contains("b-unmasked ceiling of main")
    );
}

#[test]
fn tokenizers_alone_are_reported() {
    let text = "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n[grid.lang]\nlexical_distance = [0.2, 0.4]\n[grid.tok]\nvocab_size = [64, 512, 2048]\n";
    let study = planned("tokenizers", text);
    build(&study, |_, _| true);
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.contains("bridge"), "{text}");
    assert!(
        out.join("figures/tokenizers.svg").exists() && out.join("figures/bridge-heat.svg").exists()
    );
    assert!(!out.join("figures/stages.svg").exists());
}

/// 2 distances × (64, and 2048 and 4096 which the text does not fill): 4 tokenizers.
#[test]
fn sizes_that_lead_to_one_tokenizer_count_once() {
    let text = "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n[grid.lang]\nlexical_distance = [0.2, 0.4]\n[grid.tok]\nvocab_size = [4096, 2048, 64]\n";
    let study = planned("unfilled", text);
    build(&study, |_, _| true);
    let out = study.join("report");
    let text = report_on(&study, &out, false).unwrap();
    assert!(text.contains("2048–4096 (1391)"), "{text}");
    assert!(!text.contains("2048 (1391)"), "{text}");
    let figure = std::fs::read_to_string(out.join("figures/tokenizers.svg")).unwrap();
    assert!(figure.contains("vocabulary 2048–4096 (1391)"));
    assert!(!figure.contains("vocabulary 4096"));
    // The study and its report say the same.
    for input in [&study, &out] {
        let data = gather(std::slice::from_ref(input)).unwrap();
        let runs = main_runs(&data);
        let bridge = shown_value(&data, &runs, names::BRIDGE).unwrap();
        assert_eq!((runs.len(), bridge.runs), (6, 4));
    }
}

/// The same tokenizer.json three times, its ids split by language, by document, and by document again.
#[test]
fn tokenizers_whose_ids_are_split_otherwise_count_each() {
    let text = "last_stage = \"tok\"\n[base.lang]\nworld = \"w.toml\"\n";
    let study = planned("split", text);
    build(&study, |_, _| true);
    let planned = read(&study).unwrap().unwrap().remove(0);
    let toks = ["language", "document", "document"];
    let paths: Vec<PathBuf> = toks
        .into_iter()
        .enumerate()
        .map(|(index, by)| {
            let mut run = planned.clone();
            let name = format!("tok-{index}");
            run.knobs
                .insert("tok.split_ids".into(), Setting::Text(by.into()));
            run.artifacts.insert(Stage::Tok, name.clone());
            tok(&study, &run);
            study.join("artifacts").join(name)
        })
        .collect();
    let data = gather(&paths).unwrap();
    assert_eq!(data.runs.len(), 2, "equal directories are one run");
    assert_eq!(data.runs[0].tokenizer, data.runs[1].tokenizer);
    let bridge = shown_value(&data, &main_runs(&data), names::BRIDGE).unwrap();
    assert_eq!(bridge.runs, 2);
}

#[test]
fn bad_input_is_one_clear_line() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let error = |path: &Path| {
        format!(
            "{:#}",
            report::report(&[path.to_owned()], &root.join("never"), false).unwrap_err()
        )
    };
    assert!(error(&root.join("nowhere")).contains("expected a planned study"));
    let study = planned("empty", GRID);
    assert!(error(&study).contains("no run has finished (84 planned)"));
    std::fs::write(study.join("runs.parquet"), "no table").unwrap();
    assert!(error(&study).ends_with("was it written by study plan?"));
    let error = plan::plan(
        Path::new("nowhere.toml"),
        &root.join("never"),
        Path::new("bin"),
        false,
        false,
    )
    .unwrap_err();
    assert!(format!("{error:#}").starts_with("nowhere.toml: cannot read the study"));
}
