use super::*;
use crate::config::WorldConfig;
use crate::meaning::Predicate;

fn ontology(file: &str, seed: u64) -> Ontology {
    let config: WorldConfig = toml::from_str(file).unwrap();
    Ontology::draw(&config.ontology, Seed(seed)).unwrap()
}

/// Four leaf types of 16 nouns; 6 verbs and 2 adpositions between halves of them.
fn tiny(seed: u64) -> Ontology {
    ontology(include_str!("../../../../data/worlds/tiny.toml"), seed)
}

fn draw(ontology: &Ontology, share: f64, held_out_share: f64) -> Result<Mask, MaskError> {
    let config = MaskConfig {
        share,
        held_out_share,
        stated: false,
    };
    Mask::draw(&config, ontology, Seed(1))
}

/// Of a type's 16 nouns, most frequent first: 4 masked are one of each 4; 5 masked (0.3 · 16 = 4.8) are one of 0–2, 3–5,
/// 6–8, 9–11 and 12–15.
#[test]
fn one_noun_of_each_stratum_is_masked() {
    let ontology = tiny(1);
    for (share, strata) in [
        (0.25, &[0_usize..4, 4..8, 8..12, 12..16][..]),
        (0.3, &[0..3, 3..6, 6..9, 9..12, 12..16]),
        (0.0, &[]),
    ] {
        let mask = draw(&ontology, share, 0.0).unwrap();
        for kind in ontology.leaves() {
            let mut nouns: Vec<NounId> = ontology.nouns_of(kind).collect();
            nouns.sort_by_key(|&noun| ontology.nouns[noun as usize].rank);
            let masked = |&&noun: &&NounId| mask.masked[noun as usize];
            for stratum in strata {
                assert_eq!(nouns[stratum.clone()].iter().filter(masked).count(), 1);
            }
            assert_eq!(nouns.iter().filter(masked).count(), strata.len());
        }
    }
}

#[test]
fn masks_that_leave_a_type_next_to_empty_are_refused_with_the_numbers() {
    let ontology = tiny(1);
    let refused = |share, held_out_share, expected: &str| {
        let error = draw(&ontology, share, held_out_share).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let of_type = |share, masked| {
        format!(
            "mask.share {share} masks {masked} of the 16 nouns of type entity.1.1: expected none, or at least 2 masked \
             and 2 unmasked"
        )
    };
    refused(0.05, 0.0, &of_type("0.05", 1));
    refused(0.92, 0.0, &of_type("0.92", 15));
    refused(1.0, 0.0, &of_type("1", 16));
    refused(
        1.1,
        0.0,
        "mask.share: expected a number from 0 to 1, found 1.1",
    );
    refused(
        f64::NAN,
        0.0,
        "mask.share: expected a number from 0 to 1, found NaN",
    );
    refused(
        0.5,
        0.6,
        "mask.held_out_share: expected a number from 0 to 0.5, found 0.6",
    );
    // 2 masked of 16 and 14 of 16 are the ends.
    assert!(draw(&ontology, 0.125, 0.0).is_ok() && draw(&ontology, 0.875, 0.0).is_ok());
}

/// 12 of 16 nouns are unmasked; a quarter of them is 3 for each attribute of each leaf type.
#[test]
fn attribute_cells_have_their_share_of_each_type() {
    let ontology = tiny(2);
    let mask = draw(&ontology, 0.25, 0.25).unwrap();
    for kind in ontology.leaves() {
        for attribute in ontology.attributes_of(kind) {
            let held_out = ontology
                .nouns_of(kind)
                .filter(|&noun| mask.holds_out(noun, attribute));
            assert_eq!(held_out.count(), 3);
        }
    }
    // Three attributes apply to each of four leaf types.
    assert_eq!(mask.attribute_cells.len(), 3 * 3 * 4);
    let is_masked = |&(noun, _): &(NounId, u16)| mask.masked[noun as usize];
    assert!(!mask.attribute_cells.iter().any(is_masked));
}

/// Cells come in fours: two true pairs and the two crossed ones, which are false; how many are true.
fn check_relation_cells(mask: &Mask, ontology: &Ontology) -> usize {
    let cells = &mask.relation_cells;
    assert!(cells.is_sorted());
    let holds = |&(relation, s, o): &(u16, NounId, NounId)| ontology.holds(relation.into(), s, o);
    let is_held_out = |cell: &(u16, NounId, NounId)| cells.binary_search(cell).is_ok();
    let n_true = cells.iter().filter(|cell| holds(cell)).count();
    assert_eq!(2 * n_true, cells.len());
    for cell @ &(relation, s1, o1) in cells.iter().filter(|cell| holds(cell)) {
        assert!(!mask.masked[s1 as usize] && !mask.masked[o1 as usize]);
        let is_other = |other: &(u16, NounId, NounId)| {
            let &(other_relation, s2, o2) = other;
            let crossing = [(relation, s1, o2), (relation, s2, o1)];
            (other_relation, s2 != s1, o2 != o1) == (relation, true, true)
                && holds(other)
                && crossing
                    .iter()
                    .all(|cell| is_held_out(cell) && !holds(cell))
        };
        assert!(cells.iter().any(is_other), "{cell:?}");
    }
    n_true
}

#[test]
fn relation_cells_are_true_pairs_and_the_false_ones_that_cross_them() {
    for seed in 0..5 {
        let ontology = tiny(seed);
        let mask = draw(&ontology, 0.25, 0.2).unwrap();
        let n_true = check_relation_cells(&mask, &ontology);
        let is_open = |pair: &&(NounId, NounId)| {
            !mask.masked[pair.0 as usize] && !mask.masked[pair.1 as usize]
        };
        let open =
            |relation: &crate::ontology::Relation| relation.pairs.iter().filter(is_open).count();
        let wanted: f64 = ontology
            .relations
            .iter()
            .map(|r| 0.2 * open(r) as f64)
            .sum();
        // Rounded down to an even number, each of the 8 relations has at most 1.5 fewer.
        assert!(n_true as f64 >= wanted - 8.0 * 1.5, "{n_true} of {wanted}");
        assert!(n_true as f64 <= wanted + 8.0 * 0.5, "{n_true} of {wanted}");
    }
}

/// In the sample's world a tenth of each relation's open pairs is less than two: single relations have none, all together
/// have three, hence two.
#[test]
fn few_relation_cells_are_taken_of_all_relations_together() {
    let file = include_str!("../../../../tests/samples/world.toml");
    let mut n_taken = 0;
    for seed in 0..20 {
        let ontology = ontology(file, seed);
        let mask = draw(&ontology, 0.5, 0.1).unwrap();
        let is_open = |pair: &&(NounId, NounId)| {
            !mask.masked[pair.0 as usize] && !mask.masked[pair.1 as usize]
        };
        let can_be = ontology
            .relations
            .iter()
            .enumerate()
            .any(|(index, relation)| {
                let open: Vec<_> = relation.pairs.iter().filter(is_open).copied().collect();
                let mut pairs = open.iter().flat_map(|&a| open.iter().map(move |&b| (a, b)));
                pairs.any(|(a, b)| crossed(&ontology, index, a, b).is_some())
            });
        let n_true = check_relation_cells(&mask, &ontology);
        assert_eq!(n_true > 0, can_be, "seed {seed}");
        n_taken += usize::from(can_be);
        assert!(draw(&ontology, 0.5, 0.0).unwrap().relation_cells.is_empty());
    }
    assert!(n_taken > 10, "{n_taken} of 20 worlds");
}

/// 8 unmasked nouns a type: 0.05 of them is less than half a cell. Of all 6 · 8 cells it is 2.4: one attribute of one type
/// has two, with different values.
#[test]
fn few_attribute_cells_are_taken_of_all_attributes_together() {
    let ontology = ontology(include_str!("../../../../tests/samples/world.toml"), 1);
    let mask = draw(&ontology, 0.5, 0.05).unwrap();
    let [(u, first), (v, second)] = mask.attribute_cells[..] else {
        panic!("expected two cells, found {:?}", mask.attribute_cells);
    };
    assert_eq!(first, second);
    let noun = |noun: NounId| &ontology.nouns[noun as usize];
    assert_eq!(noun(u).kind, noun(v).kind);
    let value = |noun| ontology.value(noun, first.into());
    assert!(value(u).is_some() && value(v).is_some() && value(u) != value(v));
    assert!(!mask.masked[u as usize] && !mask.masked[v as usize]);
    assert!(
        draw(&ontology, 0.5, 0.0)
            .unwrap()
            .attribute_cells
            .is_empty()
    );
}

/// A cell is barred whatever is said of it, a masked noun on either side of whatever is said.
#[test]
fn facts_are_barred_in_both_polarities() {
    let ontology = tiny(3);
    let mask = draw(&ontology, 0.25, 0.2).unwrap();
    let barred = |subject, predicate| {
        let fact = |positive| Fact {
            subject,
            predicate,
            positive,
        };
        let both = [true, false].map(|positive| mask.bars_fact(&fact(positive), &ontology));
        assert_eq!(both[0], both[1]);
        both[0]
    };
    let mut n_barred = [0, 0];
    for (noun, entry) in (0..).zip(&ontology.nouns) {
        for &own in &entry.values {
            let attribute = ontology.attribute_of(own);
            let expected = mask.masked[noun as usize]
                || mask.attribute_cells.contains(&(noun, attribute as u16));
            let first = ontology.attributes[attribute].first_value;
            for value in first..first + u32::from(ontology.attributes[attribute].n_values) {
                assert_eq!(barred(noun, Predicate::Value(value)), expected);
            }
            n_barred[usize::from(expected)] += 1;
        }
    }
    assert!(n_barred[0] > 0 && n_barred[1] > 0);
    for subject in 0..ontology.nouns.len() as NounId {
        for object in 0..ontology.nouns.len() as NounId {
            let expected = mask.masked[subject as usize]
                || mask.masked[object as usize]
                || mask.relation_cells.contains(&(0, subject, object));
            assert_eq!(barred(subject, Predicate::Relation(0, object)), expected);
        }
    }
}

/// The worlds that studies use have at least 8 masked nouns a leaf type, and hold out cells of both kinds.
#[test]
fn the_shipped_worlds_mask_enough() {
    for file in [
        include_str!("../../../../data/worlds/tiny.toml"),
        include_str!("../../../../data/worlds/demo.toml"),
        include_str!("../../../../data/worlds/paper.toml"),
    ] {
        let config: WorldConfig = toml::from_str(file).unwrap();
        let ontology = ontology(file, 1);
        let mask = Mask::draw(&config.mask, &ontology, Seed(1)).unwrap();
        for kind in ontology.leaves() {
            let masked = ontology
                .nouns_of(kind)
                .filter(|&noun| mask.masked[noun as usize]);
            assert!(masked.count() >= 8, "{}", config.name);
        }
        assert!(!mask.attribute_cells.is_empty(), "{}", config.name);
        assert!(
            check_relation_cells(&mask, &ontology) > 0,
            "{}",
            config.name
        );
    }
}
