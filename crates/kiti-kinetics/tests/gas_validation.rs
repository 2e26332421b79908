//! The gas solver against exact solutions: every case that is not nightly.

use std::collections::BTreeSet;

use kiti_kinetics::gas::validation::cases;

/// Runs a case with a fixed seed; all its checks must pass.
#[track_caller]
fn validate(name: &str) {
    let case = cases().into_iter().find(|case| case.name == name);
    let checks = case
        .expect("a case of that name")
        .run(1)
        .expect("a case that can be set up");
    assert!(!checks.is_empty());
    for check in &checks {
        println!("{check}");
    }
    let failed: Vec<String> = checks
        .iter()
        .filter(|check| !check.passes())
        .map(|check| format!("{check} ({})", check.reason))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// One test for each case, and a test that none is forgotten.
macro_rules! validate {
    ($($test:ident $name:literal)*) => {
        $(#[test]
        fn $test() {
            validate($name);
        })*

        #[test]
        fn every_case_is_tested() {
            let tested = BTreeSet::from([$($name),*]);
            let all: BTreeSet<&str> =
                cases().iter().filter(|case| !case.nightly).map(|case| case.name).collect();
            assert_eq!(tested, all);
        }
    };
}

validate! {
    conservation "conservation"
    restart "restart"
    collision_rate "collision-rate"
    maxwell_moments "maxwell-moments"
    bkw "bkw"
    stress_relaxation "stress-relaxation"
    equilibrium "equilibrium"
    free_molecular "free-molecular"
    bgk_plates "bgk-plates"
    sod "sod"
    waves "waves"
    particles_per_cell "particles-per-cell"
    rayleigh "rayleigh"
}
