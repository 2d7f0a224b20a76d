//! Script, shuffled pairing and accidental equalities.

use super::*;

/// Nothing written is shared; underneath, the requested distance holds.
#[test]
fn disjoint_script_shares_no_letter() {
    let config = DivergenceConfig {
        script: Script::Disjoint,
        ..divergence(DivergenceKind::Substitution, 0.4)
    };
    let pair = make(&lexemes(64, 0.25), &FormConfig::default(), &config, 1);
    let letters = |lexicon: &Lexicon| -> BTreeSet<char> {
        lexicon
            .entries()
            .iter()
            .flat_map(|entry| entry.form.chars().collect::<Vec<_>>())
            .collect()
    };
    assert!(letters(&pair.majority).is_disjoint(&letters(&pair.minority)));
    assert_unique(&pair.minority);
    assert_near(&pair.realised, 0.4, "disjoint");
    assert_eq!(pair.realised.surface.ldn_all, Some(1.0));
    assert_eq!(pair.realised.surface.ldnd, Some(1.0));
    assert_eq!(
        pair.realised.identical.masked + pair.realised.identical.unmasked,
        0
    );
    assert!(pair.realised.accidental.is_empty());
    // The same forms as in the shared script, rewritten.
    let shared = make(
        &lexemes(64, 0.25),
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.4),
        1,
    );
    for (written, shared) in pair
        .minority
        .entries()
        .iter()
        .zip(shared.minority.entries())
    {
        assert_eq!(written.form, Script::Disjoint.write(shared.form.as_bytes()));
    }
}

/// Shuffled nouns: the same forms within type and mask status, of the same length where the type has another such,
/// and none with its own.
#[test]
fn shuffled_pairing_is_a_derangement_within_type_mask_and_length() {
    let all = lexemes(400, 0.2);
    let config = DivergenceConfig {
        shuffled_pairing: true,
        ..divergence(DivergenceKind::Substitution, 0.4)
    };
    let paired = make(
        &all,
        &FormConfig::default(),
        &divergence(DivergenceKind::Substitution, 0.4),
        1,
    );
    let shuffled = make(&all, &FormConfig::default(), &config, 1);
    assert_eq!(shuffled.realised.phonological, paired.realised.phonological);
    assert_eq!(shuffled.realised.unshuffled_nouns, Some(0));
    let mut before: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    let mut after: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    let mut same_length = 0;
    for lexeme in &all {
        let was = paired
            .minority
            .form(lexeme.concept, lexeme.inflection)
            .expect("listed");
        let is = shuffled
            .minority
            .form(lexeme.concept, lexeme.inflection)
            .expect("listed");
        if lexeme.category == Category::Noun {
            let stratum = (lexeme.leaf_type, lexeme.masked);
            before.entry(stratum).or_default().insert(was);
            after.entry(stratum).or_default().insert(is);
            assert_ne!(was, is, "concept {}", lexeme.concept);
            same_length += u32::from(was.len() == is.len());
        } else {
            assert_eq!(was, is);
        }
    }
    assert_eq!(before, after);
    assert!(
        same_length > 380,
        "{same_length} of 400 nouns exchange with one of their length"
    );
    // Meaning no longer tells: the shuffled pairs are about as far apart as any.
    let ldnd = shuffled.realised.surface.ldnd.expect("many meanings");
    assert!(
        ldnd > 0.8 && ldnd > paired.realised.surface.ldnd.expect("many meanings") + 0.3,
        "{ldnd}"
    );
}

/// One noun alone in its type and mask status has nothing to exchange with.
#[test]
fn a_noun_alone_in_its_type_is_counted() {
    let mut all = lexemes(64, 0.25);
    all[9].leaf_type = Some(77);
    let config = DivergenceConfig {
        shuffled_pairing: true,
        ..divergence(DivergenceKind::Substitution, 0.4)
    };
    let pair = make(&all, &FormConfig::default(), &config, 1);
    assert_eq!(pair.realised.unshuffled_nouns, Some(1));
}

/// Masked B-forms ta (no accident), kap (part of kapo) and kapo's own neighbour; equality outranks containment.
#[test]
fn accidental_equalities_are_listed() {
    let entry = |concept, form: &str| Entry {
        concept,
        category: Category::Noun,
        inflection: Inflection::Base,
        form: form.to_owned(),
    };
    let majority = Lexicon::from(vec![
        entry(0, "kapo"),
        entry(1, "kap"),
        entry(2, "sinu"),
        entry(3, "lope"),
    ]);
    let masked = [entry(0, "ta"), entry(2, "kap"), entry(3, "in")];
    let found = realised::accidental(&majority, masked.iter());
    let rows: Vec<_> = found
        .iter()
        .map(|row| (row.concept, row.majority_form.as_str(), row.equal))
        .collect();
    assert_eq!(rows, [(2, "kap", true), (3, "sinu", false)]);
}
