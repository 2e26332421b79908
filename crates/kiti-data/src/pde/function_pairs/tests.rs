use std::sync::Mutex;

use super::*;
use crate::pde::burgers::BurgersConfig;
use crate::pde::darcy::DarcyConfig;
use crate::pde::navier_stokes::NavierStokesConfig;

/// What every generator owes: the same bits for any number of threads, samples that do not depend
/// on how many follow, an observer that hears of each, and a cache that finds them again.
fn check<G: PairGenerator + Sync>(seven: &G, two: &G) {
    let heard = Mutex::new(Vec::new());
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let observer = |progress: Progress| {
            assert_eq!(progress.samples, 7);
            heard.lock().unwrap().push(progress.finished);
        };
        pool.install(|| seven.generate(&observer).unwrap())
    };
    let alone = with(1);
    assert_eq!(alone, with(3));
    let mut heard = heard.into_inner().unwrap();
    heard.sort_unstable();
    assert!(heard.into_iter().eq((1..=7).flat_map(|count| [count; 2])));

    let fewer = two.generate(&|_| {}).unwrap();
    for (all, first) in [
        (&alone.inputs, &fewer.inputs),
        (&alone.outputs, &fewer.outputs),
    ] {
        assert_eq!(all.shape()[1..], first.shape()[1..]);
        assert!(
            first
                .data()
                .iter_f64()
                .eq(all.data().iter_f64().take(first.data().len()))
        );
    }

    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::new(directory.path());
    let (made, first) = two.load_or_generate(&cache, &|_| {}).unwrap();
    let (found, second) = two
        .load_or_generate(&cache, &|_| panic!("made again"))
        .unwrap();
    assert_eq!((first, second), (Outcome::Generated, Outcome::Found));
    assert!(made == found && made == fewer);
}

#[test]
fn burgers_samples_depend_on_seed_and_number_alone() {
    let with = |samples| BurgersConfig {
        resolution: 64,
        solver_resolution: 128,
        samples,
        time: 0.1,
        ..BurgersConfig::default()
    };
    check(&with(7), &with(2));
}

#[test]
fn navier_stokes_samples_depend_on_seed_and_number_alone() {
    let with = |samples| NavierStokesConfig {
        resolution: 12,
        solver_resolution: 24,
        samples,
        snapshots: 3,
        snapshot_interval: 0.5,
        time_step: 0.05,
        ..NavierStokesConfig::default()
    };
    check(&with(7), &with(2));
}

#[test]
fn darcy_samples_depend_on_seed_and_number_alone() {
    let with = |samples| DarcyConfig {
        resolution: 9,
        solver_resolution: 33,
        samples,
        ..DarcyConfig::default()
    };
    check(&with(7), &with(2));
}
