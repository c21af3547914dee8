//! Every scheduler against a broker that answers anything legal.

mod adversary;

use adversary::checks::Violation;
use adversary::worlds;
use fairdrain::policy::Name;
use proptest::prelude::*;

/// Fails with the rule that was broken; the world that did it is printed by proptest, shrunk.
fn kept(result: Result<adversary::Report, Violation>) -> Result<(), TestCaseError> {
    result.map(|_| ()).map_err(|v| TestCaseError::fail(format!("{:?}: {}", v.rule, v.detail)))
}

/// Seeds live in `tests/seeds.txt`, with a reason each, not in proptest's own files.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
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
