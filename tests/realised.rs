//! What `manifest.json` says was realised, counted again from the tables, over a grid of what was requested.

use std::collections::BTreeMap;

use corpus::tables::{
    DocumentRow, FactKind, FactRow, Language, LexiconRow, ProbeRow, ProbeSet, read_rows,
};
use corpus::{Category, Condition, Input, Stage};
use end_to_end::Lab;
use serde_json::Value;

const DOCUMENTS: u64 = 200;
/// How far a mean LDN may lie from what was requested.
const TOLERANCE: f64 = 0.02;

/// A knob's value, as a number in the manifest.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("expected a number, found {value}"))
}

fn assert_same(realised: &Value, counted: f64, what: &str) {
    let realised = number(realised);
    assert!(
        (realised - counted).abs() < 1e-9,
        "{what}: the manifest says {realised}, the tables {counted}"
    );
}

fn assert_near(realised: f64, requested: f64, tolerance: f64, what: &str) {
    assert!(
        (realised - requested).abs() <= tolerance,
        "{what}: {realised} for {requested}"
    );
}

/// Levenshtein distance by its recurrence, row by row, over the longer word's length.
fn ldn(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let kept = above[j] + usize::from(x != y);
            row.push(kept.min(above[j + 1] + 1).min(row[j] + 1));
        }
        above = row;
    }
    above[b.len()] as f64 / a.len().max(b.len()) as f64
}

fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = numbers.fold((0.0, 0), |(sum, n), number| (sum + number, n + 1));
    assert!(n > 0);
    sum / f64::from(n)
}

/// A LANG and what its manifest measured.
struct Made {
    lab: Lab,
    measured: Value,
    stderr: String,
}

impl Made {
    fn read<R: corpus::Table>(&self, file: &str) -> Vec<R> {
        read_rows(&self.lab.path(&format!("lang/{file}"))).unwrap()
    }

    /// B's share of documents and of characters.
    fn check_minority_share(&self, requested: f64) {
        let (mut documents, mut characters) = ([0_u64; 2], [0_u64; 2]);
        for row in self.read::<DocumentRow>("train-00000-of-00001.parquet") {
            let side = usize::from(row.language == Language::Minority);
            documents[side] += 1;
            characters[side] += row.text.chars().count() as u64;
        }
        assert_eq!(documents.iter().sum::<u64>(), DOCUMENTS);
        let share = |[a, b]: [u64; 2]| b as f64 / (a + b) as f64;
        let measured = &self.measured["minority_share"];
        assert_same(&measured["requested"], requested, "minority share");
        assert_same(
            &measured["realised_documents"],
            share(documents),
            "by documents",
        );
        assert_same(
            &measured["realised_characters"],
            share(characters),
            "by characters",
        );
        assert_near(
            share(documents),
            requested,
            0.5 / DOCUMENTS as f64,
            "documents",
        );
        // B's sentences are shorter where much is masked: nouns are told of less.
        assert_near(share(characters), requested, 0.1, "characters");
        for (side, language) in ["majority", "minority"].into_iter().enumerate() {
            let counts = &self.measured["train"][language];
            assert_eq!(counts["documents"], documents[side]);
            assert_eq!(counts["characters"], characters[side]);
        }
    }

    /// The mask, and the distances over masked and unmasked lemmas.
    fn check_lexicon(&self, mask_share: f64, distance: f64) {
        let rows: Vec<LexiconRow> = self.read("lexicon.parquet");
        let mut pairs: BTreeMap<(u32, &str), [Option<&LexiconRow>; 2]> = BTreeMap::new();
        for row in &rows {
            let pair = pairs.entry((row.concept, &row.inflection)).or_default();
            pair[usize::from(row.language == Language::Minority)] = Some(row);
        }
        let pairs: Vec<[&LexiconRow; 2]> = pairs
            .into_values()
            .map(|pair| pair.map(|row| row.expect("both languages list the same forms")))
            .collect();
        // Lemmas: base forms, both forms of a function word that agrees, and affixes.
        let is_lemma = |row: &LexiconRow| {
            row.inflection != "plural"
                || matches!(row.category, Category::Function | Category::Affix)
        };
        let lemmas = || pairs.iter().filter(|[a, _]| is_lemma(a));

        let nouns = || lemmas().filter(|[a, _]| a.category == Category::Noun);
        let n_masked = nouns().filter(|[a, _]| a.masked).count();
        let measured = &self.measured["mask_share"];
        let share = n_masked as f64 / nouns().count() as f64;
        assert_same(&measured["requested"], mask_share, "mask share");
        assert_same(&measured["realised"], share, "mask share");
        assert_eq!(measured["masked_nouns"], n_masked);
        // 16 nouns a type: half a noun.
        assert_near(share, mask_share, 0.5 / 16.0, "mask share");

        let measured = &self.measured["distance"];
        assert_same(&measured["requested"], distance, "distance");
        for (masked, name) in [(true, "ldn_masked"), (false, "ldn_unmasked")] {
            let of_group = lemmas().filter(|[a, _]| a.masked == masked);
            let counted = mean(of_group.map(|[a, b]| ldn(&a.form, &b.form)));
            for forms in ["phonological", "surface"] {
                assert_same(&measured[forms][name], counted, name);
            }
            assert_near(counted, distance, TOLERANCE, name);
        }
        let content: Vec<&[&LexiconRow; 2]> = lemmas()
            .filter(|[a, _]| !matches!(a.category, Category::Function | Category::Affix))
            .collect();
        let same = mean(content.iter().map(|[a, b]| ldn(&a.form, &b.form)));
        let different = content.iter().enumerate().flat_map(|(i, [a, _])| {
            let others = content.iter().enumerate().filter(move |&(j, _)| j != i);
            others.map(move |(_, [_, b])| ldn(&a.form, &b.form))
        });
        assert_same(&measured["surface"]["ldnd"], same / mean(different), "LDND");
    }

    /// Held-out cells of both kinds.
    fn check_held_out(&self) {
        let facts: Vec<FactRow> = self.read("facts.parquet");
        let n = |kind| {
            facts
                .iter()
                .filter(|row| row.kind == kind && row.held_out)
                .count()
        };
        let measured = &self.measured["held_out_share"];
        assert_eq!(measured["attribute_cells"], n(FactKind::Attribute));
        assert_eq!(measured["relation_cells"], n(FactKind::Relation));
        assert!(n(FactKind::Attribute) > 0 && n(FactKind::Relation) > 0);
    }

    /// Contexts and candidates of B's primary sets, and a warning for what is short and only for that.
    fn check_clozes(&self) {
        let probes: Vec<ProbeRow> = self.read("probes.parquet");
        let primary = probes
            .iter()
            .filter(|row| row.set == ProbeSet::Primary && row.language == Language::Minority);
        let mut contexts: BTreeMap<Option<u32>, usize> = BTreeMap::new();
        let mut candidates = [usize::MAX; 2];
        for row in primary {
            *contexts.entry(row.concept).or_default() += 1;
            let fewest = &mut candidates[usize::from(row.condition == Condition::Minority)];
            *fewest = row.candidates.len().min(*fewest);
        }
        let measured = &self.measured["clozes"];
        assert_eq!(measured["contexts"]["requested"], 4);
        assert_eq!(
            measured["contexts"]["fewest"],
            *contexts.values().min().unwrap()
        );
        assert_eq!(measured["masked_candidates"]["requested"], 8);
        assert_eq!(measured["masked_candidates"]["fewest"], candidates[0]);
        assert_eq!(measured["seen_candidates"]["fewest"], candidates[1]);
        let is_short = candidates[0] < 8;
        assert_eq!(
            self.stderr.contains("fewer than 8 masked nouns"),
            is_short,
            "{}",
            self.stderr
        );
        let is_listed = measured["short_types"]
            .as_array()
            .is_some_and(|types| !types.is_empty());
        assert_eq!(!self.stderr.is_empty(), is_listed, "{}", self.stderr);
    }
}

#[test]
fn what_the_manifest_says_stands_in_the_tables() {
    for divergence in ["substitution", "correspondence"] {
        for mask in [0.25, 0.5] {
            for minority in [0.1, 0.5] {
                for distance in [0.0, 0.2, 0.5, 1.0] {
                    let lab = Lab::new();
                    let output = lab.run(
                        "lang-gen",
                        &format!(
                            "--world WORLDS/tiny.toml --documents {DOCUMENTS} --seed 5 --divergence {divergence} \
                             --mask-share {mask} --minority-share {minority} --lexical-distance {distance} --out lang \
                             --quiet"
                        ),
                    );
                    let stderr = String::from_utf8(output.stderr).unwrap();
                    let name = format!(
                        "{divergence}, mask {mask}, minority {minority}, distance {distance}"
                    );
                    assert!(output.status.success(), "{name}: {stderr}");
                    println!("{name}");
                    let input = Input::open(&lab.path("lang"), Stage::Lang).unwrap();
                    input.check_all().unwrap();
                    let measured = input.manifest().measured.clone();
                    let made = Made {
                        lab,
                        measured,
                        stderr,
                    };
                    made.check_minority_share(minority);
                    made.check_lexicon(mask, distance);
                    made.check_held_out();
                    made.check_clozes();
                }
            }
        }
    }
}
