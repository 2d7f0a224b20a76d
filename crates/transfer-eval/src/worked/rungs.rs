//! Ladders of sentences of two words, which a shuffle can only exchange.

use super::*;

#[test]
fn ladders_by_hand() {
    let words = ["x", "u", "v"];
    let table = [
        ("#", "x", 0.6),
        ("#", "u", 0.3),
        ("#", "v", 0.1),
        ("x", "u", 0.5),
        ("x", "v", 0.2),
        ("x", "#", 0.3),
        ("u", "x", 0.1),
        ("u", "v", 0.2),
        ("u", "#", 0.4),
        ("v", "u", 0.05),
        ("v", "x", 0.05),
        ("v", "#", 0.9),
    ];
    // x u: .6·.5·.4 = .12      u x: .3·.1·.3 = .009
    // x v: .6·.2·.9 = .108     v x: .1·.05·.3 = .0015
    // v u: .1·.05·.4 = .002    u v: .3·.2·.9 = .054
    //
    // normal      type violated   pair unseen   shuffled
    // x u .12     x v .108        v u .002      u x .009
    // v u .002    x v .108        x u .12       u v .054
    // x v .108    x u .12         x u .12       v x .0015
    // x u .12     x v .108        x u .12       u x .009
    let probes = vec![
        ladder_row(0, ["x u", "x v", "v u"]),
        ladder_row(1, ["v u", "x v", "x u"]),
        ladder_row(2, ["x v", "x u", "x u"]),
        ladder_row(3, ["x u", "x v", "x u"]),
    ];
    let model = Bigram::new(&words, &table);
    let rows = evaluate_probes(&model, &words, probes, &lexicon(), Vec::new());
    let found = |metric, rung| row(&rows, "ladder", metric, Condition::Minority, Some(rung));
    let nats = |rung| found("log_probability_nats", rung).value.unwrap();
    let mean_ln = |p: [f64; 4]| p.iter().map(|p| p.ln()).sum::<f64>() / 4.0;
    close(nats("normal"), mean_ln([0.12, 0.002, 0.108, 0.12]));
    close(nats("type_violating"), mean_ln([0.108, 0.108, 0.12, 0.108]));
    close(nats("unseen_pair"), mean_ln([0.002, 0.12, 0.12, 0.12]));
    close(
        nats("token_shuffled"),
        mean_ln([0.009, 0.054, 0.0015, 0.009]),
    );

    // the normal sentence is likelier, row by row: yes, no, no, yes; yes, no, no, tie; yes, no, yes, yes
    let preferred = |rung| found("preferred", rung).value.unwrap();
    close(preferred("type_violating"), 2.0 / 4.0);
    close(preferred("unseen_pair"), 1.5 / 4.0);
    close(preferred("token_shuffled"), 3.0 / 4.0);
    for rung in ["type_violating", "unseen_pair", "token_shuffled"] {
        close(found("preferred", rung).chance.unwrap(), 0.5);
        assert_eq!(found("preferred", rung).n_items, 4);
    }
}
