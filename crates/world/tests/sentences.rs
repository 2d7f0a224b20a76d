//! Properties of sampled sentences over random worlds: they are true, well typed, and parse back to what
//! they mean in both languages and in every word order.

use proptest::prelude::*;
use seed::Seed;
use world::config::{RelationClass, WorldConfig};
use world::derivation;
use world::form::{Compounds, DivergenceKind, Script};
use world::mask::HeldOut;
use world::meaning::meaning;
use world::pieces::Text;
use world::sample::{Draft, Printer, Teller};
use world::{Recogniser, Side, World, WorldError};

const TINY: &str = include_str!("../../../data/worlds/tiny.toml");
const GRAMMAR: &str = include_str!("../../../data/grammars/core.grammar");

fn tiny() -> WorldConfig {
    toml::from_str(TINY).expect("the tiny world's configuration is read")
}

/// Samples `n` sentences of the world and checks each in both languages.
fn check_sentences(world: &World, n: u64) {
    let sampler = world.sampler();
    let recognisers = Side::ALL.map(|side| Recogniser::new(world, side));
    let linearizers = Side::ALL.map(|side| world.linearizer(side));
    let tellers = (linearizers.iter())
        .map(|linearizer| Teller::new(&sampler, linearizer))
        .collect::<Vec<Teller>>();
    let printer = Printer::new(&sampler, &world.grammar);
    let held_out = HeldOut::new(&world.mask, &world.ontology);
    let (mut written, mut ends) = (Text::default(), Vec::new());
    let mut draft = Draft::default();
    for index in 0..n {
        assert!(sampler.sentence(
            &mut world.seed.stream_at("test sentences", index),
            &mut draft,
        ));
        let nodes = sampler.nodes(&draft);
        let meant = meaning(&nodes, &world.grammar, &world.ontology, &world.concepts).normalised();
        let mut stated = draft.facts.clone();
        stated.sort_unstable();
        stated.dedup();
        assert_eq!(
            meant.facts, stated,
            "the sampler states what its derivation means"
        );
        assert!(meant.facts.iter().all(|fact| fact.is_true(&world.ontology)));
        assert_eq!(meant.types_broken, 0);
        assert!(meant.types_satisfied > 0);
        // The fast ways do what the plain ones do.
        written.clear();
        printer.print(&draft, &mut ends, &mut written);
        let plain = derivation::to_string(&nodes, &world.grammar, &world.concepts);
        assert_eq!(written.as_str(), format!(" {plain}"));
        for fact in &draft.facts {
            assert_eq!(
                held_out.contains(fact),
                world.mask.holds_out_fact(fact, &world.ontology)
            );
        }
        for ((recogniser, linearizer), teller) in recognisers.iter().zip(&linearizers).zip(&tellers)
        {
            let mut text = String::new();
            linearizer.tell(&nodes, &mut text);
            written.clear();
            teller.tell(&draft, &mut written);
            assert_eq!(written.as_str(), text);
            let sentence = text
                .strip_suffix(" .")
                .expect("a sentence ends with its full stop");
            let parses = recogniser.parses(sentence, 8);
            assert!(!parses.is_empty(), "{text}");
            for parse in &parses {
                assert_eq!(recogniser.meaning(parse).normalised(), meant, "{text}");
            }
            let verdict = recogniser.judge(&text);
            assert!(verdict.grammatical && verdict.types_broken == 0, "{text}");
        }
    }
}

#[test]
fn thousands_of_sentences_of_the_tiny_world_parse_back() {
    let world = World::build(tiny(), GRAMMAR, Seed(1)).unwrap();
    check_sentences(&world, 4000);
}

/// Every subset of the head-direction switches, in one language or the other.
#[test]
fn every_word_order_parses_back_to_one_meaning() {
    let orders = World::build(tiny(), GRAMMAR, Seed(1))
        .unwrap()
        .grammar
        .orders;
    let subset = |bits: usize| -> Vec<String> {
        orders
            .iter()
            .enumerate()
            .filter(|(i, _)| bits >> i & 1 == 1)
            .map(|(_, name)| name.clone())
            .collect()
    };
    let n: usize = 1 << orders.len();
    // Every subset stands once in A or in B.
    for bits in 0..n / 2 {
        let mut config = tiny();
        config.order.majority = subset(bits);
        config.order.minority = subset(n - 1 - bits);
        let world = World::build(config, GRAMMAR, Seed(bits as u64)).unwrap();
        check_sentences(&world, 60);
    }
}

/// Grammars that no sentence comes of are refused, instead of being followed for ever.
#[test]
fn grammars_without_an_end_or_a_truth_are_refused() {
    let small = "function the and\nstatement S\nentity N[number type]\nproperty P[type]\nstart S\n\
                 rule s 1 S = N[n t] P[t] : assert 1 2\n\
                 rule n 1 N[n t] = the Noun[n t] : 2\n";
    let refused = |rules: &str| {
        let mut config = tiny();
        config
            .ontology
            .relations
            .retain(|relation| relation.class == RelationClass::Verb);
        let built = World::build(config, &format!("{small}{rules}"), Seed(1));
        matches!(built, Err(WorldError::Silent))
    };
    let adjective = "rule p 1 P[t] = Adjective[t] : 1\n";
    assert!(!refused(adjective));
    // A property, a joined entity and a statement that go on within themselves; and one that branches.
    let again = "rule v 1000000 P[t] = and P[t] : 2\n";
    assert!(refused(&format!("{adjective}{again}")));
    let joined = "rule j 1000000 N[plural t] = N[m t] and N[n t] : join 1 3\n\
                  rule k 1000000 N[singular t] = and N[singular t] : 2\n";
    assert!(refused(&format!("{adjective}{joined}")));
    let both = "rule b 1000000 S = S and S : both 1 3\n";
    assert!(refused(&format!("{adjective}{both}")));
    // Adpositions, of which this world has none.
    assert!(refused(
        "rule p 1 P[t] = Adposition[t u] N[n u] : relate 1 2\n"
    ));
}

/// In the core grammar every function word has the number of its category; here one has a number that is drawn.
#[test]
fn function_words_agree_with_drawn_numbers() {
    let grammar = "function the[number] be[number]\nstatement S\nentity N[number type]\nstart S\n\
                   rule s 1 S = N[n t] be[n] Adjective[t] : assert 1 3\n\
                   rule n 1 N[n t] = the[n] Noun[n t] : 2\n";
    let world = World::build(tiny(), grammar, Seed(1)).unwrap();
    check_sentences(&world, 200);
}

const KINDS: [DivergenceKind; 3] = [
    DivergenceKind::Substitution,
    DivergenceKind::Correspondence,
    DivergenceKind::Replacement,
];

/// Every way in which words come about, with all the others: compounds or not, each divergence, either script, nouns
/// paired as they diverged or shuffled.
#[test]
fn every_way_of_making_words_parses_back() {
    for compounds in [None, Some(Compounds { morphemes: 24 })] {
        for kind in KINDS {
            for script in [Script::Shared, Script::Disjoint] {
                for shuffled_pairing in [false, true] {
                    let mut config = tiny();
                    config.form.compounds = compounds;
                    config.divergence.kind = kind;
                    config.divergence.distance = 0.5;
                    config.divergence.script = script;
                    config.divergence.shuffled_pairing = shuffled_pairing;
                    let world = World::build(config, GRAMMAR, Seed(1)).unwrap();
                    check_sentences(&world, 100);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sentences_of_random_worlds_parse_back(
        seed in any::<u64>(),
        branching in prop::sample::select(vec![vec![1], vec![3], vec![2, 2], vec![2, 1, 2]]),
        nouns in 8_u32..24,
        inflection in any::<bool>(),
        depth in 1_u8..4,
        distance in 0.0..1.0_f64,
        kind in prop::sample::select(KINDS.to_vec()),
        morphemes in prop::option::of(12_u32..30),
        is_disjoint in any::<bool>(),
        shuffled_pairing in any::<bool>(),
    ) {
        let mut config = tiny();
        let levels = branching.len();
        config.ontology.branching = branching;
        config.ontology.nouns_per_type = nouns;
        for (level, attribute) in config.ontology.attributes.iter_mut().enumerate() {
            attribute.level = level.min(levels);
            attribute.values = 5;
        }
        config.ontology.relations.iter_mut().for_each(|relation| relation.level = 1);
        config.form.inflection = inflection;
        config.corpus.max_depth = depth;
        config.form.compounds = morphemes.map(|morphemes| Compounds { morphemes });
        config.divergence.kind = kind;
        config.divergence.distance = distance;
        config.divergence.script = if is_disjoint { Script::Disjoint } else { Script::Shared };
        config.divergence.shuffled_pairing = shuffled_pairing;
        match World::build(config, GRAMMAR, Seed(seed)) {
            Ok(world) => check_sentences(&world, 150),
            // So small a world may not have the distance within the tolerance; then it must say so.
            Err(error) => prop_assert!(matches!(error, world::WorldError::Form(_)), "{error}"),
        }
    }
}

#[test]
fn a_world_survives_its_json() {
    let world = World::build(tiny(), GRAMMAR, Seed(7)).unwrap();
    let text = world.to_json().unwrap();
    let again = World::from_json(&text).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
    assert_eq!(again.lexicons, world.lexicons);
    let broken = text.replacen("\"kind\":", "\"kind\":9", 1);
    assert!(World::from_json(&broken).is_err());
    // A form of a concept far beyond the last.
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["lexicons"]["minority"][0]["concept"] = 4_294_967_295_u32.into();
    let error = World::from_json(&value.to_string()).unwrap_err();
    assert!(error.to_string().contains("the world lacks"), "{error}");
}

/// Words swapped or agreement broken is ungrammatical; a type clash is grammatical and counted.
#[test]
fn the_recogniser_tells_grammar_from_types() {
    let world = World::build(tiny(), GRAMMAR, Seed(1)).unwrap();
    let recogniser = Recogniser::new(&world, Side::Majority);
    let word = |concept, number| {
        let id = world.concepts.id(concept);
        world::linearize::running_form(&world.lexicons.majority, id, number).unwrap()
    };
    use world::concept::Concept::{Function, Noun, Relation, Value};
    use world::grammar::Number::{Plural, Singular};
    let function =
        |name: &str, number| word(Function(world.grammar.function(name).unwrap()), number);
    let (the, be, bes) = (
        function("the", Singular),
        function("be", Singular),
        function("be", Plural),
    );
    let noun = word(Noun(0), Singular);
    let own = word(Value(world.ontology.nouns[0].values[2]), Singular);
    // A value of an attribute that belongs to the last leaf type, not to noun 0's.
    let foreign = word(Value(world.ontology.n_values() - 1), Singular);
    let check = |text: String, grammatical, satisfied, broken| {
        let verdict = recogniser.judge(&text);
        assert_eq!(
            (
                verdict.grammatical,
                verdict.types_satisfied,
                verdict.types_broken
            ),
            (grammatical, satisfied, broken),
            "{text}"
        );
    };
    check(format!("{the} {noun} {be} {own} ."), true, 1, 0);
    check(format!("{the} {own} {noun} {be} {own} ."), true, 2, 0);
    check(format!("{the} {noun} {be} {foreign} ."), true, 0, 1);
    check(format!("{the} {noun} {bes} {own} ."), false, 0, 0);
    check(format!("{noun} {the} {be} {own} ."), false, 0, 0);
    check(format!("{the} {noun} {be} {own}"), false, 0, 0);
    check(
        format!("{the} {noun} {be} {own} . {the} {noun} ."),
        false,
        1,
        0,
    );
    check("unheard of .".to_owned(), false, 0, 0);
    check(String::new(), false, 0, 0);
    let verb = word(Relation(0), Singular);
    let signature = &world.ontology.relations[0];
    let outside = (0..world.ontology.nouns.len() as u32)
        .find(|&noun| {
            !world
                .ontology
                .is_a(world.ontology.nouns[noun as usize].kind, signature.object)
        })
        .unwrap();
    let subject = signature.pairs[0].0;
    let (subject, outside) = (word(Noun(subject), Singular), word(Noun(outside), Singular));
    check(
        format!("{the} {subject} {verb} {the} {outside} ."),
        true,
        1,
        1,
    );
}
