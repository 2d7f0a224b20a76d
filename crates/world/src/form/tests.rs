//! Both lexicons end to end: divergences, uniqueness, pairing.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A small world: `nouns` nouns over four types, the share `masked` of each type masked, plus 8 adjectives, 6 verbs,
/// 7 function words (two of them agreeing) and two plural affixes. Noun tokens fall off as 1/rank.
fn lexemes(nouns: u32, masked: f64) -> Vec<Lexeme> {
    let lexeme = |concept: u32, category: Category, rank: u32| Lexeme {
        concept,
        category,
        inflection: Inflection::Base,
        leaf_type: None,
        masked: false,
        frequency_rank: rank,
        tokens: 1.0 / f64::from(rank + 1),
        inflects: false,
        plural_of: None,
    };
    let mut all = Vec::new();
    for noun in 0..nouns {
        let in_type = noun / 4;
        let is_masked =
            libm::floor(f64::from(in_type + 1) * masked) > libm::floor(f64::from(in_type) * masked);
        all.push(Lexeme {
            leaf_type: Some((noun % 4) as u16),
            masked: is_masked,
            inflects: true,
            ..lexeme(noun, Category::Noun, noun)
        });
    }
    let mut concept = nouns;
    let mut next = || {
        concept += 1;
        concept - 1
    };
    all.extend((0..8).map(|rank| lexeme(next(), Category::Adjective, rank)));
    for rank in 0..6 {
        all.push(Lexeme {
            inflects: true,
            ..lexeme(next(), Category::Verb, rank)
        });
    }
    for rank in 0..5 {
        let concept = next();
        let inflections = if rank < 2 {
            &[Inflection::Singular, Inflection::Plural][..]
        } else {
            &[Inflection::Base]
        };
        all.extend(inflections.iter().map(|&inflection| Lexeme {
            inflection,
            tokens: 20.0,
            ..lexeme(concept, Category::Function, rank)
        }));
    }
    for (rank, category) in [Category::Noun, Category::Verb].into_iter().enumerate() {
        all.push(Lexeme {
            plural_of: Some(category),
            ..lexeme(next(), Category::Affix, rank as u32)
        });
    }
    all
}

fn divergence(kind: DivergenceKind, distance: f64) -> DivergenceConfig {
    DivergenceConfig {
        kind,
        distance,
        ..DivergenceConfig::default()
    }
}

fn with_compounds(morphemes: u32) -> FormConfig {
    FormConfig {
        compounds: Some(Compounds { morphemes }),
        ..FormConfig::default()
    }
}

fn assert_unique(lexicon: &Lexicon) {
    let forms: BTreeSet<&str> = lexicon
        .entries()
        .iter()
        .map(|entry| entry.form.as_str())
        .collect();
    assert_eq!(forms.len(), lexicon.entries().len(), "forms are unique");
}

fn assert_near(realised: &Realised, distance: f64, what: &str) {
    let Distances {
        ldn_masked,
        ldn_unmasked,
        ..
    } = realised.phonological;
    for (group, ldn) in [("masked", ldn_masked), ("unmasked", ldn_unmasked)] {
        let ldn = ldn.expect("both groups have lemmas");
        assert!(
            (ldn - distance).abs() <= 0.02,
            "{what}: {group} {ldn} for {distance}"
        );
    }
}

/// The promise of the design: realised LDN within 0.02 of the request, masked and unmasked, and unique forms.
#[test]
fn distances_are_met_over_the_grid() {
    use DivergenceKind::{Correspondence, Substitution};
    let mut worst = BTreeMap::new();
    for (nouns, masked, morphemes) in [
        (32, 0.5, 16),
        (64, 0.25, 24),
        (400, 0.2, 60),
        (1000, 0.1, 100),
    ] {
        let lexemes = lexemes(nouns, masked);
        let seeds = if nouns < 100 { 6 } else { 2 };
        for kind in [Substitution, Correspondence] {
            for compounds in [false, true] {
                let mut form = if compounds {
                    with_compounds(morphemes)
                } else {
                    FormConfig::default()
                };
                for (tenths, seed) in
                    (0..=10).flat_map(|tenths| (0..seeds).map(move |seed| (tenths, seed)))
                {
                    form.inflection = seed % 2 == 0;
                    let distance = f64::from(tenths) / 10.0;
                    let what = format!("{kind} nouns {nouns} compounds {compounds} seed {seed}");
                    let pair = build(&lexemes, &form, &divergence(kind, distance), Seed(seed));
                    let pair = pair.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_near(&pair.realised, distance, &what);
                    assert_unique(&pair.majority);
                    assert_unique(&pair.minority);
                    let d = pair.realised.phonological;
                    for ldn in [d.ldn_masked, d.ldn_unmasked].into_iter().flatten() {
                        let worst = worst
                            .entry((kind.to_string(), nouns, compounds))
                            .or_insert(0.0f64);
                        *worst = worst.max((ldn - distance).abs());
                    }
                }
            }
        }
    }
    eprintln!("{worst:#?}");
}
