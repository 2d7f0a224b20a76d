//! A small slice of `torture corruption`: every kind of file between the stages, damaged in a few ways.

use end_to_end::Lab;
use end_to_end::corruption::Torture;
use seed::Seed;

#[test]
fn damaged_files_are_refused_by_name() {
    let lab = Lab::new();
    let torture = Torture {
        binaries: lab.binaries(),
        scratch: &lab.path("torture"),
        only: &[],
        number: 3,
        seed: Seed(8),
        workers: 2,
    };
    let outcomes = torture.run().unwrap();
    let findings: Vec<&String> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.findings)
        .collect();
    assert!(findings.is_empty(), "{findings:#?}");
    let refused: u64 = outcomes.iter().map(|outcome| outcome.refused).sum();
    let all: u64 = outcomes.iter().map(|outcome| outcome.mutations).sum();
    assert!(2 * refused > all, "only {refused} of {all} were refused");
}
