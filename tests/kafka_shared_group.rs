//! Several services with one group id and different topics, on a real broker: what is said of it, and what happens.
//!
//! `scripts/kafka run cargo test --test kafka_shared_group -- --ignored --nocapture` prints the table of docs/groups.md.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};

/// Different lengths, so that an offset of one topic used for another is out of range or plainly wrong.
const BACKLOGS: [(&str, u64); 5] = [("A", 3_500), ("B", 2_000), ("C", 1_500), ("D", 1_000), ("E", 500)];
/// Longer than any rebalance among five members on one machine takes.
const SETTLED_AFTER: Duration = Duration::from_millis(800);
/// One record of each service in so long: all are still at work when the last one starts.
const PACE: Duration = Duration::from_millis(4);
/// As `auto.commit.interval.ms` does, a commit now and then.
const COMMIT_EVERY: Duration = Duration::from_millis(500);
const GIVE_UP: Duration = Duration::from_secs(60);

fn servers() -> String {
    std::env::var("FAIRDRAIN_KAFKA").expect("FAIRDRAIN_KAFKA=host:port of a broker; scripts/kafka run sets it")
}

fn unique(what: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("shared-{}-{}-{what}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What a member has seen of its group.
#[derive(Debug, Default)]
struct Watch {
    assignments: AtomicU32,
    revocations: AtomicU32,
    /// Errors of the client, such as an offset out of range: with `auto.offset.reset=error` none can pass unseen.
    errors: Mutex<Vec<String>>,
}

#[derive(Clone, Default)]
struct Context(Arc<Watch>);

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.errors.lock().unwrap().push(format!("{error}: {reason}"));
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(_) => &self.0.assignments,
            Rebalance::Revoke(_) | Rebalance::Error(_) => &self.0.revocations,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}

/// A service: a process's consumer of one topic.
struct Service {
    topic: String,
    consumer: BaseConsumer<Context>,
    watch: Arc<Watch>,
    /// Offsets delivered, with how often.
    seen: BTreeMap<i64, u32>,
    foreign: u32,
    /// From losing its partition to having it again.
    away_since: Option<Instant>,
    away: Duration,
    committed: Instant,
    commits_refused: u32,
}

impl Service {
    fn start(topic: &str, group: &str, protocol: &[(&str, &str)]) -> Self {
        let context = Context::default();
        let watch = Arc::clone(&context.0);
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", servers())
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            // A position that is out of range is an error here, and never a silent jump.
            .set("auto.offset.reset", "error");
        for (key, value) in protocol {
            config.set(*key, *value);
        }
        let consumer = BaseConsumer::from_config_and_context(&config, context).unwrap();
        consumer.subscribe(&[topic]).unwrap();
        Self {
            topic: topic.to_owned(),
            consumer,
            watch,
            seen: BTreeMap::new(),
            foreign: 0,
            away_since: None,
            away: Duration::ZERO,
            committed: Instant::now(),
            commits_refused: 0,
        }
    }

    /// One poll, as a service's loop does them, and a commit now and then.
    fn poll(&mut self) {
        let polled = self.consumer.poll(Duration::ZERO);
        let owns = self.consumer.assignment().unwrap().count() > 0;
        match (owns, self.away_since) {
            (false, None) if !self.seen.is_empty() => self.away_since = Some(Instant::now()),
            (true, Some(since)) => {
                self.away += since.elapsed();
                self.away_since = None;
            }
            _ => {}
        }
        match polled {
            None => {}
            Some(Ok(message)) => {
                self.foreign += u32::from(message.topic() != self.topic);
                *self.seen.entry(message.offset()).or_default() += 1;
            }
            Some(Err(error)) => self.watch.errors.lock().unwrap().push(error.to_string()),
        }
        if self.committed.elapsed() >= COMMIT_EVERY {
            self.commit();
        }
    }

    fn commit(&mut self) {
        self.committed = Instant::now();
        match self.consumer.commit_consumer_state(CommitMode::Sync) {
            // Nothing new, or nothing that is ours.
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                self.commits_refused += 1;
                eprintln!("commit of {}: {error}", self.topic);
            }
        }
    }
}

/// What came of five services that start one after another, drain, and stop one after another.
#[derive(Debug)]
struct Outcome {
    assignments: u32,
    revocations: u32,
    records: u64,
    delivered_again: u64,
    foreign: u32,
    errors: Vec<String>,
    commits_refused: u32,
    away_max: Duration,
    offsets_right: bool,
}

fn load(names: &[String]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", servers()).create().unwrap();
    for (name, (_, records)) in names.iter().zip(BACKLOGS) {
        for n in 0..records {
            producer.send(BaseRecord::<(), _>::to(name).payload(&n.to_be_bytes()[..])).unwrap();
        }
    }
    producer.flush(Duration::from_secs(20)).unwrap();
}

fn create(names: &[String]) {
    use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
    let admin: AdminClient<rdkafka::client::DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", servers()).create().unwrap();
    let topics: Vec<_> = names.iter().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1))).collect();
    drop(admin.create_topics(&topics, &AdminOptions::new()));
    let began = Instant::now();
    let probe: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers()).create().unwrap();
    while !names.iter().all(|name| {
        let metadata = probe.fetch_metadata(Some(name), Duration::from_secs(5)).unwrap();
        metadata.topics().iter().all(|t| t.error().is_none() && !t.partitions().is_empty())
    }) {
        assert!(began.elapsed() < GIVE_UP, "the topics did not come up");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Offsets that the groups start from: `auto.offset.reset=error` wants one.
fn commit_zero(topic: &str, group: &str) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers()).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(0)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

fn committed(topic: &str, group: &str) -> Offset {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers()).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let list = consumer.committed_offsets(list, Duration::from_secs(10)).unwrap();
    list.elements()[0].offset()
}

/// Polls all services in turn until the condition holds.
fn poll_until(services: &mut [Service], mut done: impl FnMut(&mut [Service]) -> bool) {
    let began = Instant::now();
    while !done(services) {
        assert!(began.elapsed() < GIVE_UP, "not done within {GIVE_UP:?}");
        services.iter_mut().for_each(Service::poll);
        std::thread::sleep(PACE);
    }
}

fn poll_for(services: &mut [Service], time: Duration) {
    let until = Instant::now() + time;
    poll_until(services, |_| Instant::now() >= until);
}

fn experiment(protocol: &[(&str, &str)], one_group: bool) -> Outcome {
    let names: Vec<String> = BACKLOGS.iter().map(|(name, _)| unique(name)).collect();
    create(&names);
    load(&names);
    let base = unique("group");
    let groups: Vec<String> =
        names.iter().map(|name| if one_group { base.clone() } else { format!("{base}-{name}") }).collect();
    for (name, group) in names.iter().zip(&groups) {
        commit_zero(name, group);
    }
    let mut services: Vec<Service> = Vec::new();
    // Each comes when those before it are at work, and has not yet finished when the next one comes.
    for (name, group) in names.iter().zip(&groups) {
        services.push(Service::start(name, group, protocol));
        poll_until(&mut services, |s| s.last().is_some_and(|s| !s.seen.is_empty()));
        poll_for(&mut services, SETTLED_AFTER);
    }
    let at_work = |s: &Service, records: u64| (s.seen.len() as u64) < records;
    assert!(at_work(&services[0], BACKLOGS[0].1), "too fast: the first has finished before the last has come");
    let drained = |s: &mut [Service]| s.iter().zip(BACKLOGS).all(|(s, (_, records))| s.seen.len() as u64 == records);
    poll_until(&mut services, drained);
    services.iter_mut().for_each(Service::commit);
    let commits_refused = services.iter().map(|s| s.commits_refused).sum();
    let offsets_right = names
        .iter()
        .zip(&groups)
        .zip(BACKLOGS)
        .all(|((name, group), (_, records))| committed(name, group) == Offset::Offset(records as i64));
    // And they stop, the first to come first.
    let mut stopped = Vec::new();
    while !services.is_empty() {
        let gone = services.remove(0);
        // A member of a cooperative group that is closed without this sends no LeaveGroup (librdkafka 2.12).
        gone.consumer.unsubscribe();
        gone.consumer.poll(Duration::from_millis(50));
        stopped.push((gone.watch, gone.seen, gone.foreign, gone.away));
        drop(gone.consumer);
        if !services.is_empty() {
            poll_for(&mut services, SETTLED_AFTER);
        }
    }
    let sum = |get: fn(&Watch) -> &AtomicU32| stopped.iter().map(|(w, ..)| get(w).load(Ordering::Relaxed)).sum();
    Outcome {
        assignments: sum(|w| &w.assignments),
        revocations: sum(|w| &w.revocations),
        records: stopped.iter().map(|(_, seen, ..)| seen.len() as u64).sum(),
        delivered_again: stopped.iter().flat_map(|(_, seen, ..)| seen.values()).map(|n| u64::from(n - 1)).sum(),
        foreign: stopped.iter().map(|(.., foreign, _)| foreign).sum(),
        errors: stopped.iter().flat_map(|(w, ..)| w.errors.lock().unwrap().clone()).collect(),
        commits_refused,
        away_max: stopped.iter().map(|(.., away)| *away).max().unwrap_or_default(),
        offsets_right,
    }
}

/// A third of the default: members learn of a rebalance by their next heartbeat, and a test should not wait for it that long.
const HEARTBEAT: (&str, &str) = ("heartbeat.interval.ms", "1000");
const EAGER: &[(&str, &str)] = &[("partition.assignment.strategy", "range"), HEARTBEAT];
const COOPERATIVE: &[(&str, &str)] = &[("partition.assignment.strategy", "cooperative-sticky"), HEARTBEAT];
const CONSUMER: &[(&str, &str)] = &[("group.protocol", "consumer")];

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_shared_group -- --ignored"]
fn one_group_id_for_different_topics_mixes_no_offsets_up_and_costs_rebalances() {
    let total: u64 = BACKLOGS.iter().map(|(_, records)| records).sum();
    println!(
        "| group | protocol | assignments | revocations | delivered again | longest away | errors |\n|---|---|---|---|---|---|---|"
    );
    let settings = [
        ("eager", EAGER, true),
        ("cooperative", COOPERATIVE, true),
        ("consumer", CONSUMER, true),
        ("eager", EAGER, false),
    ];
    let outcomes = settings.map(|(protocol, settings, one_group)| {
        let outcome = experiment(settings, one_group);
        println!(
            "| {} | {protocol} | {} | {} | {} | {} ms | {} |",
            if one_group { "one" } else { "one a topic" },
            outcome.assignments,
            outcome.revocations,
            outcome.delivered_again,
            outcome.away_max.as_millis(),
            outcome.errors.len(),
        );
        // The claim: an offset of one topic is used for another, and is out of range.
        assert_eq!(outcome.errors, [""; 0], "{protocol}, one group: {one_group}");
        assert_eq!((outcome.foreign, outcome.records), (0, total), "{outcome:?}");
        assert!(outcome.offsets_right, "{outcome:?}");
        assert_eq!(outcome.commits_refused, 0, "{outcome:?}");
        outcome
    });
    let [eager, cooperative, consumer, apart] = outcomes;
    let services = BACKLOGS.len() as u32;
    // Alone in its group a member is assigned once, whatever the others do.
    assert_eq!((apart.assignments, apart.delivered_again), (services, 0), "{apart:?}");
    // What one group does cost: with an eager protocol every start and stop takes everybody's partitions away, and what was not
    // committed is read again.
    assert!(eager.assignments > 3 * services && eager.delivered_again > 0, "{eager:?}");
    // The protocols that take nothing from those who keep theirs don't.
    for gentle in [cooperative, consumer] {
        assert_eq!(gentle.delivered_again, 0, "{gentle:?}");
        assert!(gentle.away_max < eager.away_max, "{gentle:?}");
    }
}
