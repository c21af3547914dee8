//! Members that join, leave, die and freeze in the middle of a drain, on a real broker:
//! `scripts/kafka run cargo test --test kafka_rebalance -- --ignored --test-threads=1`.
//!
//! Whatever happens, nothing is lost, and nothing is processed again but what somebody had in hand and could not commit.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration as StdDuration, Instant, SystemTime, UNIX_EPOCH};

use fairdrain::Duration;
use fairdrain::broker::Failure;
use fairdrain::broker::kafka::{Application, Groups, NewTopic, Target, delete, put};
use fairdrain::policy::Name;
use kafka_member::{Member, Plan, Seen, join, tally};

mod kafka_member;

const PARTITIONS: u32 = 6;
/// Records a partition.
const RECORDS: u32 = 1_500;
const TOTAL: usize = 3 * PARTITIONS as usize * RECORDS as usize;

const EAGER: [(&str, &str); 3] =
    [("partition.assignment.strategy", "range"), ("session.timeout.ms", "2000"), ("heartbeat.interval.ms", "300")];
const ROUND_ROBIN: [(&str, &str); 3] =
    [("partition.assignment.strategy", "roundrobin"), ("session.timeout.ms", "2000"), ("heartbeat.interval.ms", "300")];
const COOPERATIVE: [(&str, &str); 3] = [
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("session.timeout.ms", "2000"),
    ("heartbeat.interval.ms", "300"),
];
const CONSUMER: [(&str, &str); 1] = [("group.protocol", "consumer")];
const CONSUMER_RANGE: [(&str, &str); 2] = [("group.protocol", "consumer"), ("group.remote.assignor", "range")];

static ALONE: Mutex<()> = Mutex::new(());

/// Topics of one test, deleted at its end.
struct Stand {
    names: Vec<String>,
    target: Target,
    group: String,
    _alone: std::sync::MutexGuard<'static, ()>,
}

impl Stand {
    fn new(what: &str, records: u32) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let servers =
            std::env::var("FAIRDRAIN_KAFKA").expect("FAIRDRAIN_KAFKA=host:port of a broker; scripts/kafka run sets it");
        let target = Target::Cluster(servers);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let group = format!("rebalance-{what}-{:x}", nanos as u64);
        let names: Vec<String> = ["A", "B", "C"].map(|name| format!("{group}-{name}")).into();
        let topics: Vec<_> = names.iter().map(|name| NewTopic::filled(name, PARTITIONS, records)).collect();
        put(&target, &[], &topics).unwrap();
        Self { names, target, group, _alone: alone }
    }

    fn plan(&self, scheduler: Name, properties: &[(&str, &str)]) -> Plan {
        let topics: Vec<_> = self.names.iter().map(|name| (name.as_str(), PARTITIONS)).collect();
        let mut plan = Plan::new(scheduler, &self.target, &topics, &self.group).properties(properties);
        plan.consumers.application = Application::sleep(1, Duration::from_micros(300));
        plan
    }

    /// The member of a test in a process of its own.
    fn process(&self, properties: &[(&str, &str)], instance: &str) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "a_member_in_a_process_of_its_own"]);
        let joined: Vec<String> = properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
        command.env("FAIRDRAIN_MEMBER", joined.join(",")).env("FAIRDRAIN_MEMBER_GROUP", &self.group);
        command.env("FAIRDRAIN_MEMBER_INSTANCE", instance);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (lines, into) = (BufReader::new(child.stdout.take().unwrap()), seen.clone());
        let reader = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut words = line.split(' ');
                if words.next() != Some("processed") {
                    continue;
                }
                let n: Vec<i64> = words.map(|word| word.parse().unwrap()).collect();
                let partition =
                    fairdrain::PartitionId { topic: fairdrain::TopicId(n[0] as u32), partition: n[1] as u32 };
                into.lock().unwrap().processed.push((partition, n[2], n[3]));
            }
        });
        Process { child, seen, reader: Some(reader) }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        drop(delete(&self.target, &[], &names, &[]));
    }
}

struct Process {
    child: Child,
    seen: Arc<Mutex<Seen>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Process {
    fn wait(&self, what: &str, records: u64) {
        let until = Instant::now() + StdDuration::from_secs(30);
        while self.seen.lock().unwrap().records() < records {
            assert!(Instant::now() < until, "{what}");
            thread::sleep(StdDuration::from_millis(10));
        }
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Kills it as a power failure would.
    fn kill(mut self) -> Seen {
        self.child.kill().unwrap();
        self.finish()
    }

    fn finish(&mut self) -> Seen {
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until the members have processed everything together, besides what others had.
fn drain(members: &[&Member], others: &[&Seen], seconds: u64) {
    let until = Instant::now() + StdDuration::from_secs(seconds);
    loop {
        let seen: Vec<_> = members.iter().map(|m| m.seen.lock().unwrap()).collect();
        let all = tally(seen.iter().map(|s| &**s).chain(others.iter().copied()));
        if all.len() >= TOTAL {
            return;
        }
        if Instant::now() >= until {
            let mut left: BTreeMap<_, u32> = BTreeMap::new();
            for topic in 0..3 {
                for partition in 0..PARTITIONS {
                    let id = fairdrain::PartitionId { topic: fairdrain::TopicId(topic), partition };
                    let n = (0..i64::from(RECORDS)).filter(|&offset| !all.contains_key(&(id, offset))).count();
                    *left.entry(id).or_default() += n as u32;
                }
            }
            left.retain(|_, n| *n > 0);
            let assigned: Vec<_> = seen.iter().map(|s| s.assigned.clone()).collect();
            let failures: Vec<_> = seen.iter().map(|s| s.failures.clone()).collect();
            drop(seen);
            panic!("{} of {TOTAL}; left {left:?}; assigned {assigned:?}; {failures:?}", all.len());
        }
        drop(seen);
        thread::sleep(StdDuration::from_millis(30));
    }
}

/// What everybody has seen: nothing lost, nothing from partitions that were not theirs. How many records were processed again.
fn account(all: &[Seen]) -> u64 {
    for seen in all {
        assert!(seen.strays.is_empty(), "handed out after the revocation: {:?}", seen.strays);
        in_order(seen);
    }
    let tally = tally(all);
    assert_eq!(tally.len(), TOTAL, "records are lost");
    tally.values().map(|&n| u64::from(n - 1)).sum()
}

/// Who processed what again.
fn twice(all: &[Seen]) -> String {
    let tally = tally(all);
    let again = |&&(partition, first, _): &&(fairdrain::PartitionId, i64, i64)| tally[&(partition, first)] > 1;
    let of = |(i, seen): (usize, &Seen)| {
        let runs: Vec<_> = seen.processed.iter().filter(again).collect();
        format!("member {i}: {runs:?}, log {:?}\n", seen.log)
    };
    all.iter().enumerate().map(of).collect()
}

/// Within a member a partition's offsets go back only where it had been given away in between.
fn in_order(seen: &Seen) {
    let mut next: BTreeMap<_, i64> = BTreeMap::new();
    let mut back = 0;
    for &(partition, first, end) in &seen.processed {
        back += u32::from(next.insert(partition, end).is_some_and(|before| first < before));
    }
    assert!(back == 0 || seen.assignments > 1, "out of order: {:?}", seen.processed);
}

/// Two members drain; a third and a fourth join, one after the other; two leave in order.
fn members_come_and_go(scheduler: Name, name: &str, properties: &[(&str, &str)]) {
    let stand = Stand::new(name, RECORDS);
    let plan = || stand.plan(scheduler, properties);
    let pause = || thread::sleep(StdDuration::from_millis(600));
    let began = Instant::now();
    let a = join(plan()).unwrap();
    a.wait("the first records", 30, |seen| seen.records() > 200);
    let b = join(plan()).unwrap();
    b.wait("its share", 30, |seen| seen.records() > 200);
    let c = join(plan()).unwrap();
    pause();
    let d = join(plan()).unwrap();
    d.wait("its share", 30, |seen| seen.records() > 0);
    let a = a.stop().unwrap();
    pause();
    let c = c.stop().unwrap();
    drain(&[&b, &d], &[&a, &c], 30);
    let all = [a, b.stop().unwrap(), c, d.stop().unwrap()];
    let duplicates = account(&all);
    let revocations: u32 = all.iter().map(|s| s.revocations).sum();
    let held = all.iter().flat_map(|s| &s.revoke_held).max().copied().unwrap_or(Duration::ZERO);
    let failed: Vec<_> = all.iter().flat_map(|s| &s.failures).collect();
    println!(
        "{name} {scheduler}: {duplicates} of {TOTAL} twice, {revocations} revocations held up to {held}, {} commits failed, {:?}",
        failed.len(),
        began.elapsed()
    );
    assert!(revocations > 0 && all.iter().all(|s| s.lost == 0), "{revocations}");
    assert!(failed.iter().all(|(_, f)| matches!(f, Failure::Commit(_))), "{failed:?}");
    // Everybody could commit before it gave anything back.
    assert_eq!(duplicates, 0, "{}", twice(&all));
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn nothing_is_lost_or_done_twice_in_an_eager_group() {
    members_come_and_go(Name::Fair, "eager-fair", &EAGER);
    members_come_and_go(Name::Single, "eager-single", &EAGER);
    members_come_and_go(Name::Fair, "roundrobin-fair", &ROUND_ROBIN);
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn nothing_is_lost_or_done_twice_in_an_eager_group_a_topic() {
    members_come_and_go(Name::Multi, "eager-multi", &EAGER);
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn nothing_is_lost_or_done_twice_in_a_cooperative_group() {
    members_come_and_go(Name::Fair, "cooperative-fair", &COOPERATIVE);
    members_come_and_go(Name::Single, "cooperative-single", &COOPERATIVE);
    members_come_and_go(Name::Multi, "cooperative-multi", &COOPERATIVE);
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn nothing_is_lost_or_done_twice_with_the_consumer_protocol() {
    members_come_and_go(Name::Fair, "consumer-fair", &CONSUMER);
    members_come_and_go(Name::Single, "consumer-single", &CONSUMER);
    members_come_and_go(Name::Multi, "consumer-multi", &CONSUMER);
    members_come_and_go(Name::Fair, "consumer-range-fair", &CONSUMER_RANGE);
}

/// Not a test by itself: a member that others start, and that tells what it has processed.
#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn a_member_in_a_process_of_its_own() {
    let Ok(properties) = std::env::var("FAIRDRAIN_MEMBER") else { return };
    let (group, servers) =
        (std::env::var("FAIRDRAIN_MEMBER_GROUP").unwrap(), std::env::var("FAIRDRAIN_KAFKA").unwrap());
    let names = ["A", "B", "C"].map(|name| format!("{group}-{name}"));
    let topics: Vec<_> = names.iter().map(|name| (name.as_str(), PARTITIONS)).collect();
    let properties: Vec<(&str, &str)> = properties.split(',').map(|p| p.split_once('=').unwrap()).collect();
    let mut plan = Plan::new(Name::Fair, &Target::Cluster(servers), &topics, &group).properties(&properties);
    let instance = std::env::var("FAIRDRAIN_MEMBER_INSTANCE").unwrap();
    plan.consumers.instance = (!instance.is_empty()).then_some(instance);
    plan.consumers.application = Application::callback(|run| {
        use std::io::Write;
        thread::sleep(StdDuration::from_micros(300) * run.records);
        let id = run.partition;
        // In one piece: it may be killed at any moment.
        let line = format!("processed {} {} {} {}\n", id.topic.0, id.partition, run.first, run.next);
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    });
    let ended = join(plan).unwrap().end();
    println!("ended: {:?}", ended.map(|seen| seen.failures));
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn a_killed_member_costs_no_more_than_what_it_had_in_hand() {
    for (name, properties) in
        [("killed-eager", &EAGER[..]), ("killed-coop", &COOPERATIVE), ("killed-consumer", &CONSUMER)]
    {
        let stand = Stand::new(name, RECORDS);
        let a = join(stand.plan(Name::Fair, properties)).unwrap();
        let doomed = stand.process(properties, "");
        doomed.wait("its share", 1_000);
        let killed = Instant::now();
        let doomed = doomed.kill();
        let had = a.seen.lock().unwrap().assignments;
        a.wait("the partitions of the dead", 30, |seen| seen.assignments > had);
        let noticed = killed.elapsed();
        drain(&[&a], &[&doomed], 60);
        let all = [a.stop().unwrap(), doomed];
        let duplicates = account(&all);
        println!("{name}: noticed after {noticed:?}, {duplicates} records twice");
        // A batch that was processed and not committed, and no more: one worker, commits after each batch.
        assert!(duplicates <= 100, "{duplicates}");
        assert!(noticed < StdDuration::from_secs(10), "{noticed:?}");
    }
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn a_frozen_member_loses_its_partitions_and_comes_back() {
    for (name, properties) in
        [("frozen-eager", &EAGER[..]), ("frozen-coop", &COOPERATIVE), ("frozen-consumer", &CONSUMER)]
    {
        let stand = Stand::new(name, RECORDS);
        let a = join(stand.plan(Name::Fair, properties)).unwrap();
        let mut frozen = stand.process(properties, "");
        frozen.wait("its share", 1_000);
        frozen.signal("-STOP");
        let had = a.seen.lock().unwrap().assignments;
        a.wait("the partitions of the frozen", 30, |seen| seen.assignments > had);
        let before = frozen.seen.lock().unwrap().records();
        frozen.signal("-CONT");
        frozen.wait("that it works again", before + 100);
        let until = Instant::now() + StdDuration::from_secs(60);
        while tally([&*a.seen.lock().unwrap(), &*frozen.seen.lock().unwrap()]).len() < TOTAL {
            assert!(Instant::now() < until, "not everything is processed");
            thread::sleep(StdDuration::from_millis(50));
        }
        frozen.child.kill().unwrap();
        let all = [a.stop().unwrap(), frozen.finish()];
        let strays = all[0].strays.len();
        let duplicates = account(&[Seen { assignments: 2, ..Seen::default() }, clone(&all[0]), clone(&all[1])]);
        println!("{name}: {duplicates} records twice, {strays} strays");
        // The batch it had in hand when it froze; all that it had not been given to process was dropped.
        assert!(duplicates <= 100, "{duplicates}");
    }
}

fn clone(seen: &Seen) -> Seen {
    // One that lives in another process does not tell its assignments.
    Seen { processed: seen.processed.clone(), assignments: 2, ..Seen::default() }
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn a_static_member_comes_back_without_a_rebalance() {
    for (name, properties) in [("static-eager", &EAGER[..]), ("static-consumer", &CONSUMER)] {
        let stand = Stand::new(name, RECORDS);
        let member = |instance: &str| {
            let mut plan = stand.plan(Name::Fair, properties);
            plan.consumers.instance = Some(instance.to_owned());
            join(plan).unwrap()
        };
        let (a, b) = (member("a"), member("b"));
        b.wait("its share", 30, |seen| seen.records() > 200);
        a.wait("its share", 30, |seen| seen.records() > 200 && seen.assigned.len() == 9);
        let before = a.seen.lock().unwrap().assignments;
        let b = b.stop().unwrap();
        let back = member("b");
        back.wait("its old share", 30, |seen| seen.assigned.len() == 9);
        assert_eq!(a.seen.lock().unwrap().assignments, before, "{name}: the others had a rebalance");
        drain(&[&a, &back], &[&b], 60);
        let all = [a.stop().unwrap(), b, back.stop().unwrap()];
        assert_eq!(account(&all), 0, "{name}");
    }
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn a_static_member_whose_id_is_taken_is_out_with_that_reason() {
    let stand = Stand::new("fenced", RECORDS);
    let member = || {
        let mut plan = stand.plan(Name::Fair, &EAGER);
        plan.consumers.instance = Some("the-same".to_owned());
        join(plan).unwrap()
    };
    let a = member();
    a.wait("the first records", 30, |seen| seen.records() > 200);
    let b = member();
    let until = Instant::now() + StdDuration::from_secs(20);
    let a = a.end().unwrap();
    assert!(Instant::now() < until);
    let fatal = a.failures.iter().find_map(|(_, f)| if let Failure::Fatal(reason) = f { Some(reason) } else { None });
    assert!(fatal.is_some_and(|reason| reason.contains("fenced")), "{:?}", a.failures);
    drain(&[&b], &[&a], 60);
    let all = [a, b.stop().unwrap()];
    let duplicates = account(&all);
    println!("fenced: {duplicates} records twice");
    assert!(duplicates <= 100, "{duplicates}");
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn consumers_of_one_service_may_share_one_group() {
    let stand = Stand::new("one-group", RECORDS);
    let mut plan = stand.plan(Name::Multi, &COOPERATIVE);
    plan.consumers.groups = Groups::One(stand.group.clone());
    let member = join(plan).unwrap();
    drain(&[&member], &[], 60);
    let seen = member.stop().unwrap();
    println!("one group: {} assignments, {} revocations", seen.assignments, seen.revocations);
    assert_eq!(account(&[seen]), 0);
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn work_of_three_poll_intervals_costs_neither_the_group_nor_what_was_fetched() {
    for (name, scheduler, properties) in [
        ("slow-eager", Name::Fair, &EAGER[..]),
        ("slow-coop", Name::Single, &COOPERATIVE),
        ("slow-consumer", Name::Fair, &CONSUMER),
    ] {
        let stand = Stand::new(name, RECORDS);
        let mut plan = stand.plan(scheduler, properties);
        plan = plan.properties(&[("max.poll.interval.ms", "6000"), ("statistics.interval.ms", "200")]);
        let mut first = true;
        plan.consumers.application = Application::callback(move |_| {
            if std::mem::take(&mut first) {
                thread::sleep(StdDuration::from_secs(20));
            }
        });
        let member = join(plan).unwrap();
        drain(&[&member], &[], 90);
        thread::sleep(StdDuration::from_millis(500));
        let statistics = member.handle.statistics()[0].unwrap();
        let seen = member.stop().unwrap();
        println!("{name}: {statistics:?}");
        assert_eq!((seen.revocations, seen.lost), (0, 0), "{name}");
        assert_eq!(statistics.received_records, TOTAL as u64, "{name}: fetched again");
        assert_eq!(account(&[seen]), 0, "{name}");
    }
}

/// 24 MB of backlog, and nobody takes it.
#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_rebalance -- --ignored"]
fn what_waits_in_the_client_stays_within_the_stated_bound() {
    const VALUE: u64 = 1_000;
    let stand = Stand::new("memory", 0);
    let records = (0..4_000 * PARTITIONS).map(|n| fairdrain::broker::kafka::Record {
        partition: n % PARTITIONS,
        key: Vec::new(),
        value: vec![b'x'; VALUE as usize],
    });
    let topic = NewTopic {
        name: stand.names[0].clone(),
        partitions: PARTITIONS,
        batch_records: 100,
        records: records.collect(),
    };
    put(&stand.target, &[], &[topic]).unwrap();
    // The threshold of a hand-over of 100, and one answer on its way. The shared queue: the same for all partitions together.
    let split = u64::from(PARTITIONS) * (300 * VALUE + (1 << 20));
    let shared = 2_000 * VALUE + u64::from(PARTITIONS) * (1 << 20);
    for (scheduler, bound) in [(Name::Fair, split), (Name::Single, shared)] {
        let mut plan = stand.plan(scheduler, &COOPERATIVE).property("statistics.interval.ms", "50");
        if scheduler == Name::Single {
            plan = plan.property("queued.min.messages", "2000");
        }
        plan.consumers.groups = Groups::One(format!("{}-{scheduler}", stand.group));
        plan.consumers.application = Application::callback(|_| thread::sleep(StdDuration::from_millis(1_500)));
        let member = join(plan).unwrap();
        let (began, mut most) = (Instant::now(), 0);
        while began.elapsed() < StdDuration::from_secs(6) {
            let statistics = member.handle.statistics();
            most = most.max(statistics.first().copied().flatten().map_or(0, |s| s.queued_bytes));
            thread::sleep(StdDuration::from_millis(20));
        }
        member.stop().unwrap();
        println!("{scheduler}: {most} bytes waited, {bound} is the bound");
        assert!(most > 100 * VALUE && most <= bound, "{scheduler}: {most} of {bound}");
    }
}
