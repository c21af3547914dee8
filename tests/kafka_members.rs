//! Brokers opened by themselves, on librdkafka's mock cluster: several members in one process, commits and resuming.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use fairdrain::broker::kafka::{Groups, Mock, NewTopic, Target, put};
use fairdrain::policy::Name;
use kafka_member::{Plan, join, tally};

mod kafka_member;

const TOPICS: [(&str, u32); 3] = [("A", 4), ("B", 4), ("C", 4)];

/// A mock cluster with topics of so many records a partition.
fn mock(records: u32) -> (Mock, Target) {
    let mock = Mock::start(1).unwrap();
    let target = Target::Shared(mock.clone());
    put(&target, &[], &TOPICS.map(|(name, partitions)| NewTopic::filled(name, partitions, records))).unwrap();
    (mock, target)
}

#[test]
fn a_member_goes_on_where_the_one_before_has_committed() {
    for scheduler in [Name::Single, Name::Multi, Name::Fair] {
        let (_mock, target) = mock(500);
        let mut first = Plan::new(scheduler, &target, &TOPICS, "g").quick();
        first.records_max = 2_000;
        let first = join(first).unwrap().end().unwrap();
        let second = join(Plan::new(scheduler, &target, &TOPICS, "g").quick()).unwrap();
        let left = 6_000 - first.records();
        second.wait("the rest", 20, |seen| seen.records() >= left);
        let second = second.stop().unwrap();
        let tally = tally([&first, &second]);
        assert_eq!(tally.len(), 6_000, "{scheduler}");
        assert!(tally.values().all(|&n| n == 1), "{scheduler}: a record was processed twice");
        assert!(first.failures.is_empty() && second.failures.is_empty(), "{first:?}");
    }
}

#[test]
fn two_members_of_one_group_share_the_partitions() {
    let (_mock, target) = mock(2_000);
    let [a, b] = [0; 2].map(|_| join(Plan::new(Name::Fair, &target, &TOPICS, "g").quick()).unwrap());
    a.wait("both have drained", 30, |seen| seen.records() + b.seen.lock().unwrap().records() >= 24_000);
    let (a, b) = (a.stop().unwrap(), b.stop().unwrap());
    assert!(a.records() > 2_000 && b.records() > 2_000, "{} and {}", a.records(), b.records());
    let tally = tally([&a, &b]);
    assert_eq!(tally.len(), 24_000);
    assert!(tally.values().all(|&n| n == 1));
}

#[test]
fn a_group_for_each_topic_needs_a_consumer_for_each_topic() {
    let (_mock, target) = mock(1);
    let mut plan = Plan::new(Name::Fair, &target, &TOPICS, "g");
    plan.consumers.groups = Groups::PerTopic("g".to_owned());
    let error = join(plan).err().unwrap().to_string();
    assert!(error.contains("a consumer is in one group") && error.contains("multi"), "{error}");
}
