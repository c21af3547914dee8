//! Every scheduler against a broker that answers anything legal.

mod adversary;

use adversary::checks::Violation;
use adversary::worlds;
use fairdrain::policy::Name;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Fails with the rule that was broken; the world that did it is printed by proptest, shrunk.
fn kept(result: Result<adversary::Report, Violation>) -> Result<(), TestCaseError> {
    result.map(|_| ()).map_err(|v| TestCaseError::fail(format!("{:?}: {}", v.rule, v.detail)))
}

/// A failing case adds its seed to `tests/seeds.txt`, whose seeds are tried first by every test here.
fn cases(cases: u32) -> ProptestConfig {
    let seeds = FileFailurePersistence::Direct("tests/seeds.txt");
    ProptestConfig { failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn single_keeps_every_rule(world in worlds(&[Name::Single])) {
        kept(world.run())?;
    }

    #[test]
    fn multi_gather_keeps_every_rule(world in worlds(&[Name::MultiGather])) {
        kept(world.run())?;
    }

    #[test]
    fn multi_sequential_keeps_every_rule(world in worlds(&[Name::MultiSequential])) {
        kept(world.run())?;
    }

    #[test]
    fn multi_keeps_every_rule(world in worlds(&[Name::Multi])) {
        kept(world.run())?;
    }

    #[test]
    fn fair_keeps_every_rule(world in worlds(&[Name::Fair])) {
        kept(world.run())?;
    }

    #[test]
    fn complete_first_keeps_every_rule(world in worlds(&[Name::CompleteFirst])) {
        kept(world.run())?;
    }
}

/// A broker that never did the unpleasant things would prove nothing.
#[test]
fn the_broker_does_what_it_may() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = adversary::Report::default();
    for _ in 0..400 {
        let world = worlds(&Name::ALL).new_tree(&mut runner).expect("without filters").current();
        let report = world.run().unwrap_or_else(|v| panic!("{:?}: {} in {world:?}", v.rule, v.detail));
        seen.discards += report.discards;
        seen.commits += report.commits;
        seen.failures += report.failures;
        seen.deliveries.extend(report.deliveries);
    }
    println!(
        "{} batches, {} discards, {} commits, {} failures",
        seen.deliveries.len(),
        seen.discards,
        seen.commits,
        seen.failures
    );
    assert!(seen.deliveries.len() > 2_000 && seen.discards > 20 && seen.commits > 500 && seen.failures > 100);
}
