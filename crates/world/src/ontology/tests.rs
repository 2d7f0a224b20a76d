use super::*;
use crate::config::{AttributeConfig, RelationConfig};

/// Three attributes of two values: 2 · 2 · 2 = 8 vectors.
fn config(branching: &[u16], nouns_per_type: u32) -> OntologyConfig {
    OntologyConfig {
        branching: branching.to_vec(),
        nouns_per_type,
        zipf_exponent: 0.0,
        attributes: vec![AttributeConfig {
            level: 0,
            count: 3,
            values: 2,
        }],
        relations: vec![RelationConfig {
            class: RelationClass::Verb,
            count: 1,
            level: 0,
            objects_per_subject: 1,
        }],
    }
}

/// (2^8)^8 = 2^64 is 0 in 64 bits, and 65,535^5 is some number.
#[test]
fn trees_too_large_are_refused_whatever_their_product_wraps_to() {
    let refused: [Vec<u16>; 6] = [
        vec![256; 8],
        vec![65_535; 5],
        vec![2, 0],
        vec![1001],
        vec![1; 65],
        vec![1; 70_000],
    ];
    for branching in refused {
        let error = Ontology::draw(&config(&branching, 4), Seed(1)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("ontology.branching: expected 1 to 1000 leaf types"),
            "{text}"
        );
        assert!(text.len() < 300, "{text}");
    }
    let accepted: [Vec<u16>; 3] = [vec![], vec![1; 64], vec![2, 1, 3]];
    for branching in accepted {
        let ontology = Ontology::draw(&config(&branching, 4), Seed(1)).unwrap();
        let leaves: u16 = branching.iter().product();
        assert_eq!(ontology.leaves().count(), usize::from(leaves));
    }
}

/// A type may have as many nouns as there are vectors, and no more.
#[test]
fn only_impossible_numbers_of_nouns_are_refused() {
    for nouns in 2..=8 {
        for seed in 0..5 {
            let ontology = Ontology::draw(&config(&[2], nouns), Seed(seed)).unwrap();
            for kind in ontology.leaves() {
                let vectors: FxHashSet<_> = ontology
                    .nouns_of(kind)
                    .map(|noun| ontology.nouns[noun as usize].values.clone())
                    .collect();
                assert_eq!(vectors.len(), nouns as usize);
                for (place, attribute) in ontology.attributes.iter().enumerate() {
                    let values = attribute.first_value..attribute.first_value + 2;
                    assert!(vectors.iter().all(|vector| values.contains(&vector[place])));
                }
            }
        }
    }
    let error = Ontology::draw(&config(&[2], 9), Seed(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "type entity.1 has 9 nouns but only 8 different attribute vectors: add attributes or values, or take fewer \
             nouns_per_type"
    );
}

/// With twice as many vectors as nouns, values are drawn one after another until a vector is new: worlds so drawn
/// stay as they are.
#[test]
fn worlds_with_room_draw_until_unseen() {
    let ontology = Ontology::draw(&config(&[2], 4), Seed(3)).unwrap();
    let mut rng = Seed(3).stream("ontology nouns");
    for kind in ontology.leaves() {
        let mut expected: Vec<Vec<ValueId>> = Vec::new();
        while expected.len() < 4 {
            let values: Vec<ValueId> = [0, 2, 4]
                .into_iter()
                .map(|first| first + rng.random_range(0..2_u32))
                .collect();
            if !expected.contains(&values) {
                expected.push(values);
            }
        }
        let nouns = ontology.nouns_of(kind);
        let found: Vec<_> = nouns
            .map(|noun| ontology.nouns[noun as usize].values.clone())
            .collect();
        assert_eq!(found, expected);
    }
}

/// Their values, 2 · 65,535² of them, are more than 32 bits hold.
#[test]
fn attributes_too_many_to_number_are_refused() {
    let with = |branching: &[u16], level, count, values| {
        let mut config = config(branching, 4);
        config.attributes = vec![AttributeConfig {
            level,
            count,
            values,
        }];
        Ontology::draw(&config, Seed(1))
    };
    let error = with(&[2], 1, 65_535, 65_535).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ontology.attributes: expected at most 65536 attributes with 1000000 values in all (each type of a level has \
         count of its own), found 131070 attributes with 8589672450 values"
    );
    // 16 · 62,500 values are a million.
    assert_eq!(with(&[], 0, 16, 62_500).unwrap().n_values(), 1_000_000);
    assert!(with(&[], 0, 16, 62_501).is_err());
    let mut relations = config(&[], 4);
    relations.relations = vec![
        RelationConfig {
            class: RelationClass::Verb,
            count: 40_000,
            level: 0,
            objects_per_subject: 1,
        };
        2
    ];
    let error = Ontology::draw(&relations, Seed(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ontology.relations: expected at most 65536 in all, found 80000"
    );
}

/// entity; entity.1, entity.2; entity.1.1, entity.1.2, entity.2.1, entity.2.2, with four nouns each.
#[test]
fn the_type_tree_knows_what_is_below_what() {
    let mut config = config(&[2, 2], 4);
    // One attribute for all, one for each half, one for each leaf.
    config.attributes = (0..3)
        .map(|level| AttributeConfig {
            level,
            count: 1,
            values: 3,
        })
        .collect();
    let ontology = Ontology::draw(&config, Seed(1)).unwrap();
    let names: Vec<&str> = ontology.types.iter().map(|node| &*node.name).collect();
    assert_eq!(
        names,
        [
            "entity",
            "entity.1",
            "entity.2",
            "entity.1.1",
            "entity.1.2",
            "entity.2.1",
            "entity.2.2"
        ]
    );
    assert_eq!(ontology.leaves().collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert!(ontology.is_a(3, 3) && ontology.is_a(3, 1) && ontology.is_a(3, 0));
    assert!(!ontology.is_a(3, 2) && !ontology.is_a(3, 4) && !ontology.is_a(1, 3));
    assert_eq!(
        [(3, 4), (3, 5), (3, 3), (3, 1)].map(|(a, b)| ontology.join(a, b)),
        [1, 0, 3, 1]
    );
    let nouns = |kind| ontology.nouns_of(kind).collect::<Vec<_>>();
    assert_eq!(nouns(4), [4, 5, 6, 7]);
    assert_eq!(nouns(2), (8..16).collect::<Vec<_>>());
    assert_eq!(nouns(0).len(), 16);

    // Attributes by level, then type: 0; 1, 2; 3, 4, 5, 6; three values each.
    assert_eq!(ontology.attributes_of(5).collect::<Vec<_>>(), [0, 2, 5]);
    assert_eq!(ontology.n_values(), 7 * 3);
    assert_eq!(
        [0, 2, 3, 20].map(|v| ontology.attribute_of(v)),
        [0, 0, 1, 6]
    );
    for (noun, entry) in (0..).zip(&ontology.nouns) {
        let applies = |attribute: &usize| ontology.value(noun, *attribute).is_some();
        let own: Vec<usize> = (0..7).filter(applies).collect();
        assert_eq!(own, ontology.attributes_of(entry.kind).collect::<Vec<_>>());
        let values = own.iter().map(|&a| ontology.value(noun, a).unwrap());
        assert_eq!(values.collect::<Vec<_>>(), entry.values);
    }
}

/// Ranks are all different, and at exponent 1 the third in rank is a third as frequent as the first.
#[test]
fn noun_frequencies_follow_the_law() {
    let mut config = config(&[2], 4);
    for (exponent, expected) in [(0.0, [1.0; 3]), (1.0, [1.0, 1.0 / 2.0, 1.0 / 3.0])] {
        config.zipf_exponent = exponent;
        let ontology = Ontology::draw(&config, Seed(1)).unwrap();
        let mut nouns: Vec<NounId> = (0..8).collect();
        nouns.sort_by_key(|&noun| ontology.nouns[noun as usize].rank);
        let ranks = nouns.iter().map(|&noun| ontology.nouns[noun as usize].rank);
        assert!(ranks.eq(0..8));
        for (&noun, expected) in nouns.iter().zip(expected) {
            assert!((ontology.frequency(noun) - expected).abs() < 1e-12);
        }
    }
}

/// Verbs stand before adpositions however they are configured, subjects' types take turns, every subject of the type
/// has its objects, and nothing stands in a relation to itself.
#[test]
fn relations_keep_their_signatures() {
    let mut config = config(&[2], 4);
    let group = |class, count, objects_per_subject| RelationConfig {
        class,
        count,
        level: 1,
        objects_per_subject,
    };
    config.relations = vec![
        group(RelationClass::Adposition, 2, 1),
        group(RelationClass::Verb, 3, 2),
    ];
    let ontology = Ontology::draw(&config, Seed(1)).unwrap();
    use RelationClass::{Adposition, Verb};
    let relations = &ontology.relations;
    let classes: Vec<RelationClass> = relations.iter().map(|relation| relation.class).collect();
    assert_eq!(classes, [Verb, Verb, Verb, Adposition, Adposition]);
    let subjects: Vec<TypeId> = relations.iter().map(|relation| relation.subject).collect();
    assert_eq!(subjects, [1, 2, 1, 1, 2]);
    for (index, relation) in relations.iter().enumerate() {
        let n_objects = if relation.class == Verb { 2 } else { 1 };
        let by_subject: Vec<NounId> = relation.pairs.iter().map(|pair| pair.0).collect();
        let expected = ontology.nouns_of(relation.subject);
        let expected: Vec<NounId> = expected.flat_map(|noun| vec![noun; n_objects]).collect();
        assert_eq!(by_subject, expected);
        let mut different = relation.pairs.clone();
        different.dedup();
        assert_eq!(different, relation.pairs);
        for &(subject, object) in &relation.pairs {
            assert!(subject != object && ontology.holds(index, subject, object));
            assert!(ontology.is_a(ontology.nouns[object as usize].kind, relation.object));
        }
        let n_true = (0..8)
            .flat_map(|subject| (0..8).map(move |object| (subject, object)))
            .filter(|&(subject, object)| ontology.holds(index, subject, object));
        assert_eq!(n_true.count(), relation.pairs.len());
    }
    // Three of four objects are more than half.
    config.relations[0].objects_per_subject = 3;
    let error = Ontology::draw(&config, Seed(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ontology.relations.objects_per_subject: expected at most half of the 4 nouns of an object type, found 3"
    );
}
