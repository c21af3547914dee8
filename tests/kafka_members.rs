//! Brokers opened by themselves, on librdkafka's mock cluster: several members in one process, commits and resuming.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::sync::atomic::Ordering;
use std::time::Instant;

use fairdrain::Duration;
use fairdrain::broker::Failure;
use fairdrain::broker::kafka::{Api, Groups, Mock, NewTopic, Refusal, Target, put};
use fairdrain::policy::Name;
use fairdrain::scenario::Commit;
use kafka_member::{Plan, Seen, join, tally};

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

fn commit_failures(seen: &Seen) -> Vec<u32> {
    seen.failures.iter().filter(|(_, f)| matches!(f, Failure::Commit(_))).map(|(consumer, _)| consumer.0).collect()
}

/// A mock cluster of two brokers, in which the second one only coordinates the group of topic B.
fn mock_with_a_coordinator_of_its_own(records: u32) -> (Mock, Target) {
    let mock = Mock::start(2).unwrap();
    let target = Target::Shared(mock.clone());
    put(&target, &[], &TOPICS.map(|(name, partitions)| NewTopic::filled(name, partitions, records))).unwrap();
    for (name, partitions) in TOPICS {
        (0..partitions).for_each(|partition| mock.lead(name, partition, 1).unwrap());
        mock.coordinate(&format!("g-{name}"), if name == "B" { 2 } else { 1 }).unwrap();
    }
    (mock, target)
}

#[test]
fn a_refused_commit_is_made_up_for_and_concerns_no_other_consumer() {
    let (mock, target) = mock(300);
    let member = join(Plan::new(Name::Multi, &target, &TOPICS, "g").quick()).unwrap();
    member.wait("commits", 20, |seen| seen.commits.len() == 3);
    mock.refuse(Api::OffsetCommit, &[Refusal::Code(29)]);
    member.wait("everything", 20, |seen| seen.records() == 3_600);
    let seen = member.stop().unwrap();
    assert_eq!(commit_failures(&seen).len(), 1, "{:?}", seen.failures);
    let next = join(Plan::new(Name::Multi, &target, &TOPICS, "g").quick()).unwrap();
    next.wait("assignments", 20, |seen| seen.assigned.len() == 12);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(next.stop().unwrap().records(), 0, "all of it had been committed");
}

#[test]
fn a_consumer_that_can_not_commit_on_stop_holds_no_other_up() {
    let (mock, target) = mock_with_a_coordinator_of_its_own(50);
    let mut plan = Plan::new(Name::Multi, &target, &TOPICS, "g").quick();
    plan.commit = Commit::OnStop;
    let member = join(plan).unwrap();
    member.wait("everything", 20, |seen| seen.records() == 600);
    mock.broker_down(2).unwrap();
    let began = Instant::now();
    let seen = member.stop().unwrap();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!((seen.commits.get(&0), seen.commits.get(&1), seen.commits.get(&2)), (Some(&1), None, Some(&1)));
    assert_eq!(commit_failures(&seen), [1], "{:?}", seen.failures);
    mock.broker_up(2).unwrap();
    let next = join(Plan::new(Name::Multi, &target, &TOPICS, "g").quick()).unwrap();
    next.wait("what was not committed", 30, |seen| seen.records() == 200);
    let next = next.stop().unwrap();
    assert!(next.processed.iter().all(|(partition, ..)| partition.topic.0 == 1), "{:?}", next.processed);
}

#[test]
fn at_an_interval_commits_go_by_the_clock() {
    let (_mock, target) = mock(400);
    let mut plan = Plan::new(Name::Fair, &target, &TOPICS, "g").quick();
    plan.commit = Commit::Interval(Duration::from_millis(200));
    plan.consumers.application = fairdrain::broker::kafka::Application::sleep(1, Duration::from_micros(250));
    let began = Instant::now();
    let member = join(plan).unwrap();
    member.wait("everything", 20, |seen| seen.records() == 4_800);
    let most = began.elapsed().as_millis() as u32 / 200 + 1;
    let seen = member.stop().unwrap();
    let (batches, commits) = (seen.delivered.len() as u32, seen.commits.values().sum::<u32>());
    // 1.2 s of work at least.
    assert!((4..=most).contains(&commits), "{commits} commits of {most}, {batches} runs");
}

#[test]
fn a_commit_is_made_when_somebody_asks_for_it() {
    let (_mock, target) = mock(100);
    let mut plan = Plan::new(Name::Multi, &target, &TOPICS, "g").quick();
    plan.commit = Commit::None;
    let member = join(plan).unwrap();
    member.wait("everything", 20, |seen| seen.records() == 1_200);
    member.handle.commit();
    member.wait("three commits", 5, |seen| seen.commits.len() == 3);
    member.handle.stop();
    member.end().unwrap();
    let next = join(Plan::new(Name::Multi, &target, &TOPICS, "g").quick()).unwrap();
    next.wait("assignments", 20, |seen| seen.assigned.len() == 12);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(next.stop().unwrap().records(), 0);
}

#[test]
fn contradictions_are_refused_before_anything_is_consumed() {
    let (_mock, target) = mock(1);
    let plan = || Plan::new(Name::Fair, &target, &TOPICS, "g");
    let refused = |plan: Plan| join(plan).err().unwrap().to_string();
    let said = refused(plan().property("partition.assignment.strategy", "fair"));
    assert!(said.contains("partition.assignment.strategy"), "{said}");
    let said = refused(plan().property("group.protocol", "consumer").property("session.timeout.ms", "6000"));
    assert!(said.contains("session.timeout.ms") && said.contains("group.protocol"), "{said}");
    let said = refused(plan().property("group.protocol", "modern"));
    assert!(said.contains("group.protocol") && said.contains("classic"), "{said}");
    let said = refused(plan().property("group.instance.id", "a"));
    assert!(said.contains("instance"), "{said}");
    let mut long = plan().property("max.poll.interval.ms", "10000").property("session.timeout.ms", "6000");
    long.consumers.revoke_within = Some(Duration::from_secs(10));
    let said = refused(long);
    assert!(said.contains("max.poll.interval.ms"), "{said}");
}

#[test]
fn an_application_that_panics_ends_the_run() {
    let (_mock, target) = mock(10);
    let mut plan = Plan::new(Name::Fair, &target, &TOPICS, "g").quick();
    plan.consumers.application = fairdrain::broker::kafka::Application::callback(|_| panic!("planted"));
    let error = join(plan).unwrap().end().unwrap_err().to_string();
    assert!(error.contains("the application panicked"), "{error}");
}

#[test]
fn a_callback_is_called_with_every_run() {
    let (_mock, target) = mock(100);
    let counted = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = counted.clone();
    let mut plan = Plan::new(Name::Fair, &target, &TOPICS, "g").quick();
    plan.consumers.application = fairdrain::broker::kafka::Application::callback(move |run| {
        counter.fetch_add(u64::from(run.records), Ordering::Relaxed);
    });
    let member = join(plan).unwrap();
    member.wait("everything", 20, |seen| seen.records() == 1_200);
    member.stop().unwrap();
    assert_eq!(counted.load(Ordering::Relaxed), 1_200);
}

#[test]
fn slow_work_neither_loses_the_group_nor_throws_away_what_was_fetched() {
    let (_mock, target) = mock(300);
    for scheduler in [Name::Single, Name::Fair] {
        let group = format!("g-{scheduler}");
        let mut plan = Plan::new(scheduler, &target, &TOPICS, &group).quick();
        plan = plan.properties(&[("max.poll.interval.ms", "2000"), ("statistics.interval.ms", "100")]);
        let mut first = true;
        plan.consumers.application = fairdrain::broker::kafka::Application::callback(move |_| {
            let slow = std::mem::take(&mut first);
            std::thread::sleep(std::time::Duration::from_millis(if slow { 6_000 } else { 0 }));
        });
        let member = join(plan).unwrap();
        member.wait("everything", 30, |seen| seen.records() == 3_600);
        std::thread::sleep(std::time::Duration::from_millis(300));
        let statistics = member.handle.statistics()[0].unwrap();
        let seen = member.stop().unwrap();
        assert_eq!((seen.assignments, seen.revocations, seen.lost), (1, 0, 0), "{scheduler}");
        assert_eq!(statistics.received_records, 3_600, "{scheduler}: fetched again");
        assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    }
}
