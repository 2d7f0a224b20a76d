//! Infeasible requests, and random ones: unique forms at the requested distance, or a refusal.

use proptest::prelude::*;

use super::*;

#[test]
fn infeasible_requests_are_refused_with_the_numbers() {
    let all = lexemes(64, 0.25);
    let refusal = |lexemes: &[Lexeme], form: &FormConfig, config: &DivergenceConfig| {
        build(lexemes, form, config, Seed(1))
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        refusal(
            &all,
            &FormConfig::default(),
            &divergence(DivergenceKind::Substitution, 1.5)
        ),
        "divergence.distance: expected a number from 0 to 1, found 1.5"
    );

    // One vowel cannot be substituted: half of every CV word stays.
    let mut one_vowel = FormConfig::default();
    one_vowel.phonotactics.vowels = "a".to_owned();
    one_vowel.phonotactics.nuclei = BTreeMap::from([("a".to_owned(), 1)]);
    one_vowel.phonotactics.codas = BTreeMap::from([(String::new(), 1)]);
    for kind in [DivergenceKind::Substitution, DivergenceKind::Correspondence] {
        let error = build(&all, &one_vowel, &divergence(kind, 0.9), Seed(1))
            .expect_err("at most about a half");
        let FormError::DistanceUnreachable {
            masked,
            unmasked,
            n_masked,
            n_unmasked,
            ..
        } = error
        else {
            panic!("{error}");
        };
        assert!(
            (0.4..0.6).contains(&masked) && (0.4..0.6).contains(&unmasked),
            "{masked} {unmasked}"
        );
        assert_eq!((n_masked, n_unmasked), (16, 71));
    }

    let few = FormConfig {
        syllables: Syllables {
            noun: vec![1],
            ..Syllables::default()
        },
        ..FormConfig::default()
    };
    let error = refusal(
        &lexemes(1000, 0.2),
        &few,
        &divergence(DivergenceKind::Substitution, 0.5),
    );
    assert!(
        error.starts_with("1000 different noun forms are wanted"),
        "{error}"
    );
    assert!(error.contains("at most 800"), "{error}");

    let error = refusal(
        &all,
        &with_compounds(8),
        &divergence(DivergenceKind::Substitution, 0.5),
    );
    assert_eq!(
        error,
        "64 compound nouns are wanted, but 8 morphemes make 56 different pairs; raise form.compounds.morphemes"
    );

    let mut no_affix = all.clone();
    no_affix.retain(|lexeme| lexeme.plural_of != Some(Category::Verb));
    assert_eq!(
        refusal(
            &no_affix,
            &FormConfig::default(),
            &divergence(DivergenceKind::Substitution, 0.5)
        ),
        "verbs inflect, but there is no affix lexeme for their plural"
    );

    let mut twice = all.clone();
    twice[1].concept = 0;
    assert_eq!(
        refusal(
            &twice,
            &FormConfig::default(),
            &divergence(DivergenceKind::Substitution, 0.5)
        ),
        "concept 0 has two base lexemes; a concept has one of each inflection"
    );

    // A masked group of one lemma of five letters or so has LDN in steps of a fifth.
    let mut one_masked = all.clone();
    for lexeme in &mut one_masked {
        lexeme.masked = lexeme.concept == 5;
    }
    let error = refusal(
        &one_masked,
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.1),
    );
    assert!(error.contains("over 1 masked"), "{error}");
}

/// Replacement needs room for A's forms and as many again.
#[test]
fn replacement_refuses_when_the_forms_run_out() {
    let mut form = FormConfig::default();
    form.phonotactics.onsets = "ptkmnls"
        .chars()
        .map(|onset| (onset.to_string(), 1))
        .collect();
    form.phonotactics.codas = BTreeMap::from([(String::new(), 1)]);
    form.syllables.noun = vec![0, 1];
    form.inflection = false;
    // 7 · 5 = 35 syllables, 1225 words of two; 1000 nouns fit once.
    let all = lexemes(1000, 0.2);
    assert!(
        build(
            &all,
            &form,
            &divergence(DivergenceKind::Replacement, 0.0),
            Seed(1)
        )
        .is_ok()
    );
    let error = build(
        &all,
        &form,
        &divergence(DivergenceKind::Replacement, 1.0),
        Seed(1),
    )
    .expect_err("not twice");
    assert!(
        matches!(
            error,
            FormError::TooFewForms {
                what: "noun",
                at_most: 1225,
                ..
            }
        ),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked, forms are unique and the distance holds, or the request is refused; nothing panics.
    #[test]
    fn forms_are_unique_or_refused(
        nouns in 1u32..80,
        masked in 0.0f64..0.6,
        hundredths in 0u32..=100,
        kind in prop_oneof![
            Just(DivergenceKind::Substitution),
            Just(DivergenceKind::Correspondence),
            Just(DivergenceKind::Replacement),
        ],
        morphemes in proptest::option::of(2u32..30),
        inflection: bool,
        consonants in 2usize..10,
        vowels in 1usize..5,
        codas: bool,
        shuffled_pairing: bool,
        seed: u64,
    ) {
        let all = lexemes(nouns, masked);
        let letters = |letters: &str, n: usize| letters.chars().take(n).collect::<String>();
        let weights = |letters: &str| {
            letters.chars().enumerate().map(|(i, l)| (l.to_string(), 10 - i as u32)).collect::<BTreeMap<_, _>>()
        };
        let (consonants, vowels) = (letters("ptksmnlrdb", consonants), letters("aiueo", vowels));
        let mut coda_weights = BTreeMap::from([(String::new(), 5)]);
        if codas {
            coda_weights.extend(weights(&consonants));
        }
        let form = FormConfig {
            phonotactics: Phonotactics {
                onsets: weights(&consonants),
                nuclei: weights(&vowels),
                codas: coda_weights,
                vowels,
                consonants,
            },
            compounds: morphemes.map(|morphemes| Compounds { morphemes }),
            inflection,
            ..FormConfig::default()
        };
        let distance = f64::from(hundredths) / 100.0;
        let config = DivergenceConfig { shuffled_pairing, ..divergence(kind, distance) };
        if let Ok(pair) = build(&all, &form, &config, Seed(seed)) {
            assert_unique(&pair.majority);
            assert_unique(&pair.minority);
            let Distances { ldn_masked, ldn_unmasked, .. } = pair.realised.phonological;
            if kind != DivergenceKind::Replacement {
                for ldn in [ldn_masked, ldn_unmasked].into_iter().flatten() {
                    prop_assert!((ldn - distance).abs() <= 0.02, "{ldn} for {distance}");
                }
            }
        }
    }
}
