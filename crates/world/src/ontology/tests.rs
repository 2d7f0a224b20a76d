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

/// Attributes and relations have 16-bit numbers; 2 · 40,000 of them would begin again at 0.
#[test]
fn more_attributes_or_relations_than_numbers_are_refused() {
    let refused = |change: fn(&mut OntologyConfig), words: &str| {
        let mut config = config(&[2], 4);
        change(&mut config);
        let error = Ontology::draw(&config, Seed(1)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(
        |config| {
            config.attributes[0].level = 1;
            config.attributes[0].count = 40_000;
        },
        "found 80000 attributes and 160000 values",
    );
    refused(
        |config| {
            config.attributes[0].count = 30_000;
            config.attributes[0].values = 65_535;
        },
        "found 30000 attributes and 1966050000 values",
    );
    refused(
        |config| {
            config.relations[0].count = 40_000;
            let again = config.relations[0].clone();
            config.relations.push(again);
        },
        "at most 65535 relations, found 80000",
    );
}
