//! The three divergences: distances met, what each keeps, how edits spread.

use super::*;

/// The promise of the design: realised LDN within 0.02 of the request, masked and unmasked, and unique forms.
#[test]
fn distances_are_met_over_the_grid() {
    use DivergenceKind::{Correspondence, Substitution};
    for (nouns, masked, morphemes) in [
        (32, 0.5, 16),
        (64, 0.25, 24),
        (400, 0.2, 60),
        (1000, 0.1, 100),
    ] {
        let lexemes = lexemes(nouns, masked);
        let seeds = if nouns < 100 { 6 } else { 1 };
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
                }
            }
        }
    }
}

#[test]
fn substitution_keeps_length_and_class() {
    let pair = make(
        &lexemes(64, 0.25),
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.6),
        1,
    );
    for (a, b) in pair.majority.entries().iter().zip(pair.minority.entries()) {
        assert_eq!(a.form.len(), b.form.len());
        assert!(
            a.form
                .chars()
                .zip(b.form.chars())
                .all(|(x, y)| is_vowel(x) == is_vowel(y)),
            "{a:?} {b:?}"
        );
    }
}

/// At distance 0.2 edits are spread: some nouns have none, some one, some two or more.
#[test]
fn substitution_spreads_its_edits() {
    let pair = make(
        &lexemes(400, 0.2),
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.2),
        1,
    );
    let mut counts = [0u32; 4];
    for (_, a, b) in base_pairs(&pair, Category::Noun) {
        let edits = distance::levenshtein(a.as_bytes(), b.as_bytes());
        counts[edits.min(3)] += 1;
    }
    assert!(counts.iter().all(|&count| count > 10), "{counts:?}");
    let identical = pair.realised.identical;
    assert!(
        identical.masked > 0 && identical.masked < identical.masked_of / 2,
        "{identical:?}"
    );
}

/// A larger distance changes what a smaller one does and more: few nouns identical at .5 differ at .3.
#[test]
fn substitution_is_nearly_nested_in_distance() {
    let lexemes = lexemes(400, 0.2);
    let at = |distance| {
        make(
            &lexemes,
            &FormConfig::default(),
            &divergence(DivergenceKind::Substitution, distance),
            1,
        )
    };
    let (near, far) = (at(0.3), at(0.5));
    let (mut kept, mut changed) = (0u32, 0u32);
    for ((_, a, b), (_, _, c)) in base_pairs(&near, Category::Noun)
        .into_iter()
        .zip(base_pairs(&far, Category::Noun))
    {
        for ((x, y), z) in a.chars().zip(b.chars()).zip(c.chars()) {
            changed += u32::from(x != y);
            kept += u32::from(x != y && y == z);
        }
    }
    assert!(
        kept * 10 > changed * 9,
        "{kept} of {changed} changed segments are the same at the larger distance"
    );
}

/// A phoneme becomes the same phoneme everywhere, affixes and plurals included, and no two become one.
#[test]
fn correspondence_is_regular_and_without_mergers() {
    for form in [FormConfig::default(), with_compounds(24)] {
        let pair = make(
            &lexemes(64, 0.25),
            &form,
            &divergence(DivergenceKind::Correspondence, 0.5),
            2,
        );
        let mut becomes = BTreeMap::new();
        for (a, b) in pair.majority.entries().iter().zip(pair.minority.entries()) {
            for (x, y) in a.form.chars().zip(b.form.chars()) {
                assert_eq!(*becomes.entry(x).or_insert(y), y, "{x} in {}", a.form);
                assert_eq!(is_vowel(x), is_vowel(y));
            }
        }
        let images: BTreeSet<char> = becomes.values().copied().collect();
        assert_eq!(images.len(), becomes.len());
        let listed: BTreeMap<char, char> = pair.realised.correspondences.iter().copied().collect();
        assert!(becomes.iter().all(|(x, y)| listed.get(x).unwrap_or(x) == y));
    }
}

/// 400 nouns, 80 masked: round(.3 · 80) = 24; 343 others: round(102.9) = 103.
#[test]
fn replacement_replaces_the_share() {
    let lexemes = lexemes(400, 0.2);
    for form in [FormConfig::default(), with_compounds(60)] {
        let pair = make(
            &lexemes,
            &form,
            &divergence(DivergenceKind::Replacement, 0.3),
            3,
        );
        let Identical {
            masked,
            masked_of,
            unmasked,
            unmasked_of,
        } = pair.realised.identical;
        assert_eq!((masked_of - masked, masked_of), (24, 80));
        assert_eq!((unmasked_of - unmasked, unmasked_of), (103, 343));
        let replaced = pair.realised.replaced.expect("counted");
        assert_eq!((replaced.masked, replaced.masked_of), (24, 80));
        assert_eq!((replaced.unmasked, replaced.unmasked_of), (103, 343));
        assert_unique(&pair.minority);
        // Unrelated: what differs is as far apart as forms of different meanings.
        let all = make(
            &lexemes,
            &form,
            &divergence(DivergenceKind::Replacement, 1.0),
            3,
        );
        let ldnd = all.realised.phonological.ldnd.expect("many meanings");
        assert!((ldnd - 1.0).abs() < 0.03, "LDND {ldnd}");
        assert_eq!(all.realised.accidentally_equal(), 0);
    }
}

/// B's compounds are compounds: as many different morphemes as A has, each for one of A's.
#[test]
fn compounds_stay_compounds_in_the_minority() {
    let pair = make(
        &lexemes(64, 0.25),
        &with_compounds(12),
        &divergence(DivergenceKind::Substitution, 0.5),
        4,
    );
    let paradigm_lexemes = lexemes(64, 0.25);
    let paradigm = inflection::Paradigm::new(&paradigm_lexemes, true).expect("affixes are there");
    let form = with_compounds(12);
    let stems = stems::draw(&paradigm, &form, Seed(4)).expect("room enough");
    let mut becomes: BTreeMap<u32, &str> = BTreeMap::new();
    for noun in paradigm.range(Category::Noun) {
        let b = pair
            .minority
            .form(paradigm.lexemes[noun].concept, Inflection::Base)
            .expect("listed");
        let first = stems.parts[noun].first;
        let cut = stems.units[first as usize].len();
        assert_eq!(*becomes.entry(first).or_insert(&b[..cut]), &b[..cut]);
        let second = stems.parts[noun].second.expect("a compound");
        assert_eq!(*becomes.entry(second).or_insert(&b[cut..]), &b[cut..]);
    }
    assert_eq!(becomes.len(), 12);
}
