//! Both lexicons end to end: divergences, uniqueness, pairing.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

mod controls;
mod divergences;
mod refusals;

/// A small world: `nouns` nouns over four types, the share `masked` of each type masked, plus 8 adjectives, 6 verbs,
/// 7 function words (two concepts of them agree, singular and plural) and two plural affixes. Noun tokens fall off as 1/rank.
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

fn make(
    lexemes: &[Lexeme],
    form: &FormConfig,
    divergence: &DivergenceConfig,
    seed: u64,
) -> LexiconPair {
    build(lexemes, form, divergence, Seed(seed)).expect("this world is feasible")
}

/// Base forms of both languages, by concept.
fn base_pairs(pair: &LexiconPair, category: Category) -> Vec<(u32, &str, &str)> {
    let bases = pair.majority.entries().iter();
    let bases =
        bases.filter(|entry| entry.category == category && entry.inflection == Inflection::Base);
    bases
        .map(|a| {
            let b = pair
                .minority
                .form(a.concept, a.inflection)
                .expect("both languages list the same");
            (a.concept, a.form.as_str(), b)
        })
        .collect()
}

fn is_vowel(letter: char) -> bool {
    "aeiou".contains(letter)
}

#[test]
fn distance_zero_is_the_same_language() {
    let lexemes = lexemes(64, 0.25);
    for kind in [
        DivergenceKind::Substitution,
        DivergenceKind::Correspondence,
        DivergenceKind::Replacement,
    ] {
        let pair = make(&lexemes, &FormConfig::default(), &divergence(kind, 0.0), 1);
        assert_eq!(pair.majority, pair.minority);
        let Identical {
            masked,
            masked_of,
            unmasked,
            unmasked_of,
        } = pair.realised.identical;
        // 16 of 64 nouns; 48 nouns, 8 adjectives, 6 verbs, 7 function words, 2 affixes.
        assert_eq!((masked, masked_of, unmasked, unmasked_of), (16, 16, 71, 71));
        assert!(pair.realised.accidental.is_empty());
    }
}

/// A does not know what B will be, which lemmas are masked, or in what order the lexemes came.
#[test]
fn the_majority_is_the_same_under_every_other_knob() {
    let form = with_compounds(24);
    let reference = make(
        &lexemes(64, 0.25),
        &form,
        &divergence(DivergenceKind::Substitution, 0.3),
        5,
    )
    .majority;
    let other = |lexemes: &[Lexeme], config| make(lexemes, &form, &config, 5).majority;
    let all = lexemes(64, 0.25);
    assert_eq!(
        reference,
        other(&all, divergence(DivergenceKind::Substitution, 0.9))
    );
    assert_eq!(
        reference,
        other(&all, divergence(DivergenceKind::Correspondence, 0.5))
    );
    assert_eq!(
        reference,
        other(&all, divergence(DivergenceKind::Replacement, 0.5))
    );
    assert_eq!(
        reference,
        other(
            &lexemes(64, 0.5),
            divergence(DivergenceKind::Substitution, 0.3)
        )
    );
    let control = DivergenceConfig {
        script: Script::Disjoint,
        shuffled_pairing: true,
        ..divergence(DivergenceKind::Substitution, 0.3)
    };
    assert_eq!(reference, other(&all, control));
    let mut reversed = all.clone();
    reversed.reverse();
    assert_eq!(
        reference,
        other(&reversed, divergence(DivergenceKind::Substitution, 0.3))
    );
    assert_ne!(
        reference,
        make(
            &all,
            &form,
            &divergence(DivergenceKind::Substitution, 0.3),
            6
        )
        .majority
    );
}

#[test]
fn plurals_are_stem_and_affix_in_both_languages() {
    let all = lexemes(32, 0.5);
    let pair = make(
        &all,
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.7),
        1,
    );
    for lexicon in [&pair.majority, &pair.minority] {
        let affix = |category| {
            let affix = all
                .iter()
                .find(|lexeme| lexeme.plural_of == Some(category))
                .expect("listed");
            lexicon
                .form(affix.concept, Inflection::Base)
                .expect("an affix has a form")
        };
        for lexeme in all.iter().filter(|lexeme| lexeme.inflects) {
            let stem = lexicon
                .form(lexeme.concept, Inflection::Base)
                .expect("a stem");
            let plural = lexicon
                .form(lexeme.concept, Inflection::Plural)
                .expect("a plural");
            assert_eq!(plural, format!("{stem}{}", affix(lexeme.category)));
        }
        // 32 nouns and 6 verbs have a plural more; 8 adjectives, 7 function words and 2 affixes do not.
        assert_eq!(lexicon.entries().len(), 2 * 38 + 17);
    }
    let without = FormConfig {
        inflection: false,
        ..FormConfig::default()
    };
    let pair = make(
        &all,
        &without,
        &divergence(DivergenceKind::Substitution, 0.7),
        1,
    );
    assert_eq!(pair.majority.entries().len(), 38 + 17);
}

/// The forms of seed 1 are part of the format: a change here changes every world.
#[test]
fn forms_are_fixed_by_the_seed() {
    let pair = make(
        &lexemes(32, 0.5),
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.4),
        1,
    );
    let first: Vec<String> = base_pairs(&pair, Category::Noun)
        .iter()
        .take(4)
        .map(|(_, a, b)| format!("{a} {b}"))
        .collect();
    assert_eq!(
        make(
            &lexemes(32, 0.5),
            &FormConfig::default(),
            &divergence(DivergenceKind::Substitution, 0.4),
            1
        ),
        pair
    );
    let regular = make(
        &lexemes(32, 0.5),
        &FormConfig::default(),
        &divergence(DivergenceKind::Correspondence, 0.4),
        1,
    );
    let table: String = regular
        .realised
        .correspondences
        .iter()
        .flat_map(|&(x, y)| [x, y, ' '])
        .collect();
    assert_eq!(
        (first, table.trim()),
        (FIRST_NOUNS.map(str::to_owned).to_vec(), CORRESPONDENCES)
    );
}

const FIRST_NOUNS: [&str; 4] = ["zida zidi", "sihi tuhi", "rapo tapo", "pumi pisu"];
const CORRESPONDENCES: &str = "bv dg eo gh hb jm ms oe rj sd vr";

#[test]
fn lexicons_survive_json_and_answer_lookups() {
    let pair = make(
        &lexemes(32, 0.5),
        &FormConfig::default(),
        &divergence(DivergenceKind::Correspondence, 0.4),
        1,
    );
    let text = serde_json::to_string(&pair).expect("plain data");
    let back: LexiconPair = serde_json::from_str(&text).expect("what was written");
    assert_eq!(back, pair);
    let by_form = back.minority.by_form();
    assert_eq!(by_form.len(), back.minority.entries().len());
    let entry = back
        .minority
        .get(3, Inflection::Plural)
        .expect("nouns inflect");
    assert_eq!(by_form[entry.form.as_str()], entry);
    assert_eq!(back.minority.form(3, Inflection::Singular), None);
}
