//! Several instances of one service on a real broker: do the records of one key stay together, and does nothing get lost?
//!
//! `scripts/kafka run cargo test --test kafka_instances -- --ignored`
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fairdrain::broker::kafka::{NewTopic, Position, Share, Target, delete, put};
use fairdrain::policy::Name;
use fairdrain::{PartitionId, TopicId};
use kafka_member::{Member, Plan, Seen, join, tally};

mod kafka_member;

const PARTITIONS: u32 = 6;
const RECORDS: u32 = 1_500;

fn target() -> Target {
    let servers = std::env::var("FAIRDRAIN_KAFKA");
    Target::Cluster(servers.expect("FAIRDRAIN_KAFKA=host:port of a broker; scripts/kafka run sets it"))
}

/// Three co-partitioned topics with records, and a group; both are deleted at the end.
struct Service {
    topics: Vec<String>,
    group: String,
}

impl Service {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("instances-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let topics: Vec<String> = ["A", "B", "C"].iter().map(|topic| format!("{name}-{topic}")).collect();
        let new: Vec<_> = topics.iter().map(|topic| NewTopic::filled(topic, PARTITIONS, RECORDS)).collect();
        put(&target(), &[], &new).unwrap();
        Self { topics, group: name }
    }

    fn plan(&self, scheduler: Name, properties: &[(&str, &str)]) -> Plan {
        let topics: Vec<_> = self.topics.iter().map(|name| (name.as_str(), PARTITIONS)).collect();
        Plan::new(scheduler, &target(), &topics, &self.group).properties(properties)
    }

    /// Every record has been processed; how many more than once.
    fn processed_again(&self, all: &[Seen]) -> u64 {
        let tally = tally(all);
        let mut left = BTreeMap::new();
        for topic in 0..self.topics.len() as u32 {
            for partition in 0..PARTITIONS {
                let id = PartitionId { topic: TopicId(topic), partition };
                let missing = (0..i64::from(RECORDS)).filter(|offset| !tally.contains_key(&(id, *offset)));
                let missing: Vec<i64> = missing.collect();
                if let [first, .., last] = missing[..] {
                    left.insert((topic, partition), (first, last, missing.len()));
                }
            }
        }
        assert!(left.is_empty(), "never processed (topic, partition: first, last, how many): {left:?}");
        tally.values().map(|&n| u64::from(n - 1)).sum()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let deleted = delete(&target(), &[], &topics, &[&self.group]);
        if !thread::panicking() {
            deleted.unwrap();
        }
    }
}

/// Of each topic, the partition numbers that a member has.
fn numbers(seen: &Seen) -> [BTreeSet<u32>; 3] {
    [0, 1, 2].map(|topic| seen.assigned.iter().filter(|p| p.topic.0 == topic).map(|p| p.partition).collect())
}

/// Waits until the members have all partitions between them, each once, and the same numbers of each topic.
fn settle(members: &[&Member]) {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        let shares: Vec<_> = members.iter().map(|m| numbers(&m.seen.lock().unwrap())).collect();
        let together = shares.iter().all(|[a, b, c]| a == b && b == c && !a.is_empty());
        let count: usize = shares.iter().map(|[a, ..]| a.len()).sum();
        let all: BTreeSet<u32> = shares.iter().flat_map(|[a, ..]| a).copied().collect();
        if together && count == PARTITIONS as usize && all.len() == count {
            return;
        }
        assert!(Instant::now() < until, "a key's partitions are on different instances: {shares:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Up to four instances join one by one and leave one by one, while there is work.
fn come_and_go(scheduler: Name, properties: &[(&str, &str)]) -> u64 {
    let service = Service::new();
    let start = || join(service.plan(scheduler, properties)).unwrap();
    let mut members = vec![start()];
    settle(&members.iter().collect::<Vec<_>>());
    while members.len() < 4 {
        members.push(start());
        settle(&members.iter().collect::<Vec<_>>());
    }
    let mut ended = Vec::new();
    while members.len() > 1 {
        ended.push(members.remove(0).stop().unwrap());
        settle(&members.iter().collect::<Vec<_>>());
    }
    let last = members.remove(0);
    let total = u64::from(3 * PARTITIONS * RECORDS);
    let before: u64 = ended.iter().map(Seen::records).sum();
    let drained = Instant::now() + Duration::from_secs(60);
    while before + last.seen.lock().unwrap().records() < total && Instant::now() < drained {
        thread::sleep(Duration::from_millis(20));
    }
    ended.push(last.stop().unwrap());
    for seen in &ended {
        assert!(seen.strays.is_empty(), "handed out after it was revoked: {:?}", seen.strays);
    }
    service.processed_again(&ended)
}

const QUICK: (&str, &str) = ("heartbeat.interval.ms", "500");

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_instances -- --ignored"]
fn range_gives_the_same_partition_numbers_to_one_instance_while_instances_come_and_go() {
    let again = come_and_go(Name::Fair, &[("partition.assignment.strategy", "range"), QUICK]);
    println!("fair, range: {again} records processed again");
    assert_eq!(again, 0, "what is processed is committed before a partition goes");
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_instances -- --ignored"]
fn the_consumer_protocols_range_does_so_too() {
    let again = come_and_go(Name::Fair, &[("group.protocol", "consumer"), ("group.remote.assignor", "range")]);
    println!("fair, group.protocol=consumer, range: {again} records processed again");
    assert_eq!(again, 0, "what is processed is committed before a partition goes");
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_instances -- --ignored"]
fn explicit_assignment_does_so_under_every_scheduler_and_resumes() {
    for scheduler in Name::ALL {
        for instances in [1, 3] {
            let service = Service::new();
            let start = |instance, records_max| {
                let mut plan = service.plan(scheduler, &[]);
                plan.records_max = records_max;
                plan.consumers.share =
                    Share::of_instance(&plan.consumers.topics, instance, instances, Position::Committed);
                join(plan).unwrap()
            };
            // Each is stopped half way, and another one goes on where it has committed.
            let share = u64::from(3 * PARTITIONS * RECORDS / instances);
            let halves: Vec<Seen> = (0..instances)
                .map(|i| start(i, share / 2))
                .collect::<Vec<_>>()
                .into_iter()
                .map(|m| m.end().unwrap())
                .collect();
            let rest = (0..instances).map(|i| start(i, share - halves[i as usize].records())).collect::<Vec<_>>();
            let rest: Vec<Seen> = rest.into_iter().map(|m| m.end().unwrap()).collect();
            for (first, second) in halves.iter().zip(&rest) {
                assert_eq!(numbers(first), numbers(second));
                let [a, b, c] = numbers(first);
                assert!(a == b && b == c && a.len() as u32 == PARTITIONS / instances, "{scheduler}: {a:?} {b:?} {c:?}");
            }
            let all: Vec<Seen> = halves.into_iter().chain(rest).collect();
            assert_eq!(service.processed_again(&all), 0, "{scheduler}, {instances} instances");
        }
    }
}
