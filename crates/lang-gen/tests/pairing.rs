//! Conditions are paired: corpora that differ in surface, share or mask tell the same derivations, and what is
//! requested is realised.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::tables::{DocumentRow, Language, read_rows};
use lang_gen::corpus_files::{Counts, write_train, write_validation};
use seed::Seed;
use world::config::{MaskConfig, WorldConfig};
use world::form::{Compounds, DivergenceKind, Script};
use world::{Side, World, WorldError};

fn tiny() -> WorldConfig {
    let text = include_str!("../../../data/worlds/tiny.toml");
    let mut config: WorldConfig =
        toml::from_str(text).expect("the tiny world's configuration is read");
    config.corpus.documents = 600;
    config.corpus.shard_documents = 250;
    config
}

fn build(config: WorldConfig) -> World {
    World::build(
        config,
        include_str!("../../../data/grammars/core.grammar"),
        Seed(5),
    )
    .expect("the world can be")
}

/// Writes the corpus with `threads` threads and returns its rows, shard by shard, and the counts.
fn corpus(config: WorldConfig, folder: &Path, threads: usize) -> (Vec<DocumentRow>, Counts) {
    let world = build(config);
    std::fs::create_dir_all(folder).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let counts = pool
        .install(|| write_train(&world, Seed(9), |name| folder.join(name)))
        .unwrap();
    (
        shards(folder)
            .iter()
            .flat_map(|path| read_rows::<DocumentRow>(path).unwrap())
            .collect(),
        counts,
    )
}

fn shards(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Derivation of each document of a language.
fn derivations(rows: &[DocumentRow], language: Language) -> BTreeMap<u64, String> {
    let of_language = rows.iter().filter(|row| row.language == language);
    let map: BTreeMap<u64, String> = of_language
        .clone()
        .map(|row| (row.document, row.derivation.clone()))
        .collect();
    assert_eq!(
        map.len(),
        of_language.count(),
        "document numbers are unique within a language"
    );
    map
}

type Change = fn(&mut WorldConfig);

/// What changes B's forms or order and nothing else.
const SURFACE: [(&str, Change); 7] = [
    ("distance", |config| config.divergence.distance = 0.7),
    ("divergence", |config| {
        config.divergence.kind = DivergenceKind::Substitution
    }),
    ("replacement", |config| {
        config.divergence.kind = DivergenceKind::Replacement
    }),
    ("script", |config| {
        config.divergence.script = Script::Disjoint
    }),
    ("shuffled", |config| {
        config.divergence.shuffled_pairing = true
    }),
    ("order", |config| {
        config.order.minority = vec!["object".into(), "adjective".into(), "subject".into()]
    }),
    ("all together", |config| {
        config.divergence.kind = DivergenceKind::Replacement;
        config.divergence.distance = 1.0;
        config.divergence.script = Script::Disjoint;
        config.divergence.shuffled_pairing = true;
        config.order.minority = vec!["copula".into(), "relative".into()];
    }),
];

/// Row by row the same documents of the same languages and derivations; how many texts of A and of B differ.
fn other_texts(rows: &[DocumentRow], plain: &[DocumentRow]) -> [usize; 2] {
    assert_eq!(rows.len(), plain.len());
    let mut others = [0, 0];
    for (row, plain) in rows.iter().zip(plain) {
        assert_eq!(
            (row.document, row.language, &row.derivation),
            (plain.document, plain.language, &plain.derivation)
        );
        let of_language = usize::from(row.language == Language::Minority);
        others[of_language] += usize::from(row.text != plain.text);
    }
    others
}

#[test]
fn surface_knobs_never_change_what_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let with_compounds = || {
        let mut config = tiny();
        config.form.compounds = Some(Compounds { morphemes: 24 });
        config
    };
    let (plain, _) = corpus(tiny(), &folder.path().join("plain"), 2);
    let (compounds, _) = corpus(with_compounds(), &folder.path().join("compounds"), 2);
    for (name, change) in SURFACE {
        for (mut config, plain) in [(tiny(), &plain), (with_compounds(), &compounds)] {
            change(&mut config);
            let out = folder
                .path()
                .join(format!("{name} {}", config.form.compounds.is_some()));
            let (rows, _) = corpus(config, &out, 2);
            let [a, b] = other_texts(&rows, plain);
            assert_eq!(a, 0, "{name} changes nothing of A");
            assert!(b > 0, "{name} changes B's text");
        }
    }
    // Compounds are other words of both languages, and say the same.
    let [a, b] = other_texts(&compounds, &plain);
    assert!(a > 0 && b > 0);
}

#[test]
fn a_smaller_share_is_a_prefix_of_a_larger_one() {
    let folder = tempfile::tempdir().unwrap();
    let told = |share: f64| {
        let mut config = tiny();
        config.corpus.minority_share = share;
        let (rows, counts) = corpus(config, &folder.path().join(share.to_string()), 2);
        (
            derivations(&rows, Language::Majority),
            derivations(&rows, Language::Minority),
            counts,
        )
    };
    let (small_a, small_b, _) = told(0.1);
    let (large_a, large_b, _) = told(0.5);
    assert_eq!(
        (small_b.len(), large_b.len(), small_a.len(), large_a.len()),
        (60, 300, 540, 300)
    );
    assert!(
        small_b
            .iter()
            .all(|(document, derivation)| large_b[document] == *derivation)
    );
    assert!(
        large_a
            .iter()
            .all(|(document, derivation)| small_a[document] == *derivation)
    );
    for share in [0.0, 0.05, 0.25, 0.33, 1.0] {
        let (_, b, counts) = told(share);
        assert_eq!(b.len() as u64, counts.minority.documents);
        assert!((counts.minority.documents as f64 / 600.0 - share).abs() <= 0.5 / 600.0 + 1e-12);
    }
}

/// Derivations of B without the mask, in order, less the barred ones, begin with those under the mask.
#[test]
fn masked_and_unmasked_worlds_share_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let config = |mask: f64| {
        let mut config = tiny();
        config.mask.share = mask;
        config.mask.held_out_share = 0.0;
        config.corpus.minority_share = 1.0;
        // Alike in length, so that documents can be compared sentence by sentence.
        config.corpus.sentences = [3, 3];
        config
    };
    let masked_world = build(config(0.5));
    let is_masked = |derivation: &str| {
        derivation.split([' ', '(', ')']).any(|word| {
            let noun = word
                .strip_prefix("noun")
                .and_then(|rest| rest.trim_end_matches(".pl").parse::<usize>().ok());
            noun.is_some_and(|noun| masked_world.mask.masked[noun])
        })
    };
    let (open, _) = corpus(config(0.0), &folder.path().join("open"), 2);
    let (masked, _) = corpus(config(0.5), &folder.path().join("masked"), 2);
    let (open, masked) = (
        derivations(&open, Language::Minority),
        derivations(&masked, Language::Minority),
    );
    let mut shared = 0;
    for (document, told) in &masked {
        assert!(!is_masked(told));
        // Top-level brackets are sentences.
        let kept: Vec<&str> = sentences(&open[document])
            .into_iter()
            .filter(|sentence| !is_masked(sentence))
            .collect();
        let told = sentences(told);
        assert_eq!(kept, told[..kept.len()], "document {document}");
        shared += kept.len();
    }
    assert!(shared > 100, "{shared}");
}

/// B told what is masked: the mask, the words and A's text stay, and B's stream is the one without a mask.
#[test]
fn a_minority_that_states_what_is_masked_tells_all_but_held_out_facts() {
    let folder = tempfile::tempdir().unwrap();
    let config = |share: f64, stated: bool| {
        let mut config = tiny();
        config.mask.share = share;
        config.mask.stated = stated;
        config.mask.held_out_share = 0.0;
        config
    };
    let [masked_world, stated_world] = [false, true].map(|stated| build(config(0.5, stated)));
    assert_eq!(stated_world.mask, masked_world.mask);
    assert_eq!(stated_world.lexicons, masked_world.lexicons);
    let told = |name: &str, config| corpus(config, &folder.path().join(name), 2).0;
    let open = told("open", config(0.0, false));
    let masked = told("masked", config(0.5, false));
    let stated = told("stated", config(0.5, true));
    let texts = |rows: &[DocumentRow], language| -> Vec<String> {
        let of_language = rows.iter().filter(|row| row.language == language);
        of_language.map(|row| row.text.clone()).collect()
    };
    assert_eq!(
        texts(&stated, Language::Majority),
        texts(&masked, Language::Majority)
    );
    assert_eq!(
        derivations(&stated, Language::Minority),
        derivations(&open, Language::Minority)
    );
    let entries = masked_world.lexicon(Side::Minority).entries().iter();
    let forms: BTreeSet<&str> = entries
        .filter(|entry| masked_world.mask.masked.get(entry.concept as usize) == Some(&true))
        .map(|entry| entry.form.as_str())
        .collect();
    let count = |rows: &[DocumentRow]| -> usize {
        let texts = texts(rows, Language::Minority);
        let of_text = |text: &String| text.split(' ').filter(|word| forms.contains(word)).count();
        texts.iter().map(of_text).sum()
    };
    assert_eq!(count(&masked), 0);
    // 180 documents of two sentences on average, each with a noun at least, half of them masked.
    assert!(count(&stated) > 100, "{}", count(&stated));
}

/// Worlds that do not ask for it are described by the same bytes as before it could be asked.
#[test]
fn a_mask_that_is_not_stated_does_not_say_so() {
    let mut mask = tiny().mask;
    let plain = r#"{"share":0.5,"held_out_share":0.1}"#;
    assert_eq!(serde_json::to_string(&mask).unwrap(), plain);
    assert!(!serde_json::from_str::<MaskConfig>(plain).unwrap().stated);
    mask.stated = true;
    let stated = serde_json::to_string(&mask).unwrap();
    assert_eq!(serde_json::from_str::<MaskConfig>(&stated).unwrap(), mask);
}

fn sentences(derivations: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let mut start = 0;
    let mut found = Vec::new();
    for (index, letter) in derivations.char_indices() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth == 0 && letter == ')' {
            found.push(derivations[start..=index].trim());
            start = index + 1;
        }
    }
    found
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (one, three) = (folder.path().join("one"), folder.path().join("three"));
    corpus(tiny(), &one, 1);
    corpus(tiny(), &three, 3);
    let bytes = |folder: &Path| {
        shards(folder)
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(shards(&one).len(), 3);
    assert!(bytes(&one) == bytes(&three));
}

#[test]
fn validation_tells_the_same_derivations_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let world = build(tiny());
    let path = folder.path().join("validation.parquet");
    write_validation(&world, Seed(9), &path).unwrap();
    let rows: Vec<DocumentRow> = read_rows(&path).unwrap();
    assert_eq!(rows.len(), 100);
    for pair in rows.chunks(2) {
        assert_eq!(
            (pair[0].language, pair[1].language),
            (Language::Majority, Language::Minority)
        );
        assert_eq!(
            (pair[0].document, &pair[0].derivation),
            (pair[1].document, &pair[1].derivation)
        );
        assert_ne!(pair[0].text, pair[1].text);
    }
}

/// Mask share and distance are realised as requested over a grid, or refused with numbers.
#[test]
fn requests_are_realised_or_refused() {
    for share in [0.0, 0.125, 0.25, 0.5, 0.75] {
        for distance in [0.0, 0.2, 0.5, 1.0] {
            for kind in [DivergenceKind::Substitution, DivergenceKind::Correspondence] {
                let mut config = tiny();
                config.mask.share = share;
                config.divergence.distance = distance;
                config.divergence.kind = kind;
                let world = build(config);
                let masked = world.mask.masked.iter().filter(|&&masked| masked).count();
                assert_eq!(masked as f64 / 64.0, share);
                let distances = world.lexicons.realised.phonological;
                for realised in [distances.ldn_masked, distances.ldn_unmasked]
                    .into_iter()
                    .flatten()
                {
                    assert!(
                        (realised - distance).abs() <= 0.02,
                        "{kind} {distance}: {realised}"
                    );
                }
            }
        }
    }
    let refused = |change: fn(&mut WorldConfig), words: &str| {
        let mut config = tiny();
        change(&mut config);
        let grammar = include_str!("../../../data/grammars/core.grammar");
        let error = World::build(config, grammar, Seed(5)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(
        |config| config.mask.share = 0.95,
        "masks 15 of the 16 nouns of type entity.1.1",
    );
    refused(
        |config| config.ontology.nouns_per_type = 65,
        "has 65 nouns but only 64 different attribute vectors",
    );
    refused(
        |config| config.corpus.minority_share = 1.5,
        "corpus.minority_share: expected a number from 0 to 1, found 1.5",
    );
    refused(
        |config| config.order.majority = vec!["verb".into()],
        "no switch \"verb\"",
    );
    let error: Result<World, WorldError> = World::build(tiny(), "start S\n", Seed(1));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("grammar, line 1:")
    );
}
