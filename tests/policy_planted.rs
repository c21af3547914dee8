//! Checks that find nothing may be blind: each defect put in on purpose has to be found, and soon.

mod adversary;

use adversary::checks::Rule;
use adversary::planted::{Bug, run};
use adversary::worlds;
use fairdrain::policy::Name;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Drains worlds of these schedulers until the bug is found: by one of these rules, within so many cases.
fn is_found(bug: Bug, names: &'static [Name], rules: &[Rule], cases_max: u32) {
    let mut runner = TestRunner::deterministic();
    for case in 1..=cases_max {
        let world = worlds(names).new_tree(&mut runner).expect("without filters").current();
        if let Err(violation) = run(&world, bug) {
            println!("{bug:?}: case {case}, {:?}: {}", violation.rule, violation.detail);
            assert!(rules.contains(&violation.rule), "{bug:?} is found by {violation:?}, not by {rules:?}");
            return;
        }
    }
    panic!("{bug:?} is not found in {cases_max} cases");
}

const TAKING: &[Name] = &[Name::Fair, Name::CompleteFirst];

#[test]
fn a_dropped_batch_is_found() {
    is_found(Bug::Drop, &Name::ALL, &[Rule::Conservation, Rule::Commits, Rule::Cap], 10);
}

#[test]
fn a_duplicated_batch_is_found() {
    is_found(Bug::Duplicate, &Name::ALL, &[Rule::Conservation], 10);
}

#[test]
fn a_reordered_batch_is_found() {
    is_found(Bug::Reorder, &Name::ALL, &[Rule::Conservation, Rule::Liveness], 10);
}

#[test]
fn a_starved_topic_is_found() {
    is_found(Bug::StarveLast, TAKING, &[Rule::Liveness, Rule::Fairness], 10);
}

#[test]
fn idling_is_found() {
    is_found(Bug::IdleWhenReady, &Name::ALL, &[Rule::WorkConservation], 10);
}

#[test]
fn an_exceeded_cap_is_found() {
    is_found(Bug::IgnoreCap, &Name::ALL, &[Rule::Cap], 10);
}

#[test]
fn a_commit_ahead_of_the_application_is_found() {
    is_found(Bug::CommitAhead, &Name::ALL, &[Rule::Commits], 10);
}

#[test]
fn an_unheeded_revocation_is_found() {
    is_found(Bug::IgnoreRevocation, &Name::ALL, &[Rule::Revoked], 20);
}
