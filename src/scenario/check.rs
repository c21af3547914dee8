//! What no single value shows: values that contradict each other, add up to too much, or leave nothing to do.

use std::collections::BTreeMap;

use super::error::Diagnostic;
use super::group_parse::{check_group, check_instances};
use super::read::{Findings, Reader};
use super::units::{Problem, duration_text};
use super::{Client, Commit, FaultKind, Scenario};
use crate::Duration;

/// Bytes of a record besides key and value, at most (batch format v2: five varints and the attributes).
const RECORD_OVERHEAD: u128 = 42;
/// Partitions of one scenario; a bound on memory, beyond what a cluster of today has.
const PARTITIONS_MAX: u64 = 1_000_000;
/// Keys of one scenario, over all topics: when each had its first record is kept, in each of the runs done side by side.
const KEYS_MAX: u64 = 10_000_000;
/// Connections of one scenario, from each topic's consumer to each broker.
const CONNECTIONS_MAX: u64 = 4_000_000;
/// The shortest time from one arriving batch to the next. Times are whole nanoseconds: the rate would be off by more than 0.1 %.
const ARRIVAL_MIN: Duration = Duration::from_micros(1);
/// `message.max.bytes` of librdkafka, below which it refuses a `fetch.max.bytes` (`rd_kafka_conf_finalize`).
const LIBRDKAFKA_MESSAGE_MAX_BYTES: u32 = 1_000_000;

/// The shortest time of an empty fetch that the broker answers at once.
const ROUND_TRIP_MIN: Duration = Duration::from_micros(1);

/// The tables as read, for the places of their values.
pub(super) struct Read<'a> {
    pub(super) topics: &'a [Reader],
    /// Whether the file says anything of topics, rightly or wrongly.
    pub(super) topics_given: bool,
    /// For each topic of the scenario, its place in `topics`.
    pub(super) entry_of_topic: &'a [usize],
    pub(super) consumer: &'a Reader,
    pub(super) scheduler: &'a Reader,
    pub(super) network: &'a Reader,
    pub(super) brokers: &'a Reader,
    pub(super) faults: &'a [Reader],
    pub(super) limits: &'a Reader,
    pub(super) group: &'a Reader,
    pub(super) instances: &'a [Reader],
}

/// Adds what it finds; values that were wrong on their own have been reported and are left out.
pub(super) fn check(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    names(out, scenario, read);
    sizes(out, scenario, read);
    leaders(out, scenario, read);
    consumer(out, scenario, read);
    round_trip(out, scenario, read);
    check_group(out, scenario, read.group);
    check_instances(out, scenario, read);
    faults(out, scenario, read);
    limits(out, scenario, read);
    if !read.topics_given || (read.topics.is_empty() && out.errors.is_empty()) {
        out.error(
            None,
            Problem::new("no topics: there is nothing to drain").help("add a [[topics]] with a name and a backlog"),
        );
    } else if out.errors.is_empty() && scenario.topics.iter().all(|t| t.backlog == 0 && t.arrival.is_none()) {
        let problem = Problem::new("no topic has a backlog and nothing arrives: there is nothing to drain");
        out.error(read.topics[0].at("name"), problem.help("give a topic a backlog or an arrival"));
    }
    if read.scheduler.has("starvation_bound") && scenario.scheduler.starvation_bound.is_some_and(|b| b.is_zero()) {
        let problem = Problem::new("with a starvation_bound of zero every wait is starvation");
        out.error(read.scheduler.at("starvation_bound"), problem.help("leave it out, or write a longer time"));
    }
}

fn names(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    let mut entry_of_name: BTreeMap<&str, usize> = BTreeMap::new();
    let mut in_metrics: BTreeMap<String, &str> = BTreeMap::new();
    let at = |entry: usize| read.topics[entry].at("name");
    for (topic, entry) in scenario.topics.iter().zip(read.entry_of_topic) {
        if let Some(first) = entry_of_name.insert(&topic.name, *entry) {
            let error = Diagnostic::new(&out.source, at(*entry), format!("topic `{}` is there twice", topic.name));
            out.errors.push(match at(first) {
                Some(first) => error.also(first, "first here"),
                None => error,
            });
            continue;
        }
        // Kafka's metrics write '.' as '_' (`Topic.hasCollision`) and its tools warn of such pairs.
        if let Some(other) = in_metrics.insert(topic.name.replace('.', "_"), &topic.name) {
            out.warn(
                at(*entry),
                Problem::new(format!("topics `{other}` and `{}` have one name in Kafka's metrics", topic.name)),
            );
        }
    }
}

fn sizes(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    let too_many = |what: &str| Problem::new(format!("{what}: more than fit into 63 bits"));
    let limit = i64::MAX as u128;
    let mut total = 0_u128;
    let mut reported = None;
    for (topic, entry) in scenario.topics.iter().zip(read.entry_of_topic) {
        let reader = &read.topics[*entry];
        if reported == Some(*entry)
            || !reader.sound(&[
                "backlog",
                "value_bytes",
                "key_bytes",
                "batch_records",
                "arrival.rate",
                "arrival.batch_records",
                "arrival.until",
            ])
        {
            continue;
        }
        let record = u128::from(topic.value_bytes.max()) + u128::from(topic.key_bytes) + RECORD_OVERHEAD;
        let arriving = topic.arrival.map_or(0, |a| a.records());
        let bytes = (u128::from(topic.backlog) + arriving).saturating_mul(record);
        let batch = topic.batch_records.max(topic.arrival.map_or(0, |a| a.batch_records));
        if bytes > limit {
            reported = Some(*entry);
            let key = if arriving > u128::from(topic.backlog) { "arrival.rate" } else { "backlog" };
            out.error(reader.at(key), too_many(&format!("the bytes of topic `{}`", topic.name)));
        } else if u128::from(batch) * record > i32::MAX as u128 {
            reported = Some(*entry);
            let problem = Problem::new(format!(
                "a batch of {batch} records of up to {record} bytes is larger than Kafka's 2 GiB"
            ));
            out.error(reader.at("batch_records"), problem.help("fewer batch_records, or smaller values"));
        } else if topic.arrival.is_some_and(|a| a.until.is_zero()) {
            reported = Some(*entry);
            out.error(
                reader.at("arrival.until"),
                Problem::new("nothing arrives until 0 s").help("a later time, or no `arrival`"),
            );
        } else if let Some(arrival) = topic.arrival.filter(|a| a.every() < ARRIVAL_MIN) {
            reported = Some(*entry);
            let problem = Problem::new(format!(
                "a batch of {} arrives at `{}` more often than once in {}",
                arrival.batch_records,
                topic.name,
                duration_text(ARRIVAL_MIN)
            ));
            out.error(reader.at("arrival.rate"), problem.help("a lower rate, or more arrival.batch_records"));
        } else if let Some(arrival) = topic.arrival.filter(|a| a.every() > a.until) {
            reported = Some(*entry);
            let problem = Problem::new(format!(
                "nothing arrives until {}: the first batch would be there after {}",
                duration_text(arrival.until),
                duration_text(arrival.every())
            ));
            out.error(
                reader.at("arrival.until"),
                problem.help("a later time, a higher rate, fewer arrival.batch_records, or no `arrival`"),
            );
        } else {
            total += bytes;
        }
    }
    let first = scenario.topics.first().and(read.topics[..].first());
    let partitions: u64 = scenario.topics.iter().map(|t| u64::from(t.partitions)).sum();
    if total > limit {
        out.error(first.and_then(|t| t.at("backlog")), too_many("the bytes of all topics"));
    }
    if partitions > PARTITIONS_MAX {
        let problem = Problem::new(format!("{partitions} partitions in all; at most {PARTITIONS_MAX}"));
        out.error(first.and_then(|t| t.at("partitions")), problem);
    }
    let topics = scenario.topics.len();
    let connections = topics as u64 * u64::from(scenario.brokers.count);
    if connections > CONNECTIONS_MAX {
        let problem = Problem::new(format!(
            "{topics} topics on {} brokers: more than {CONNECTIONS_MAX} connections if each topic has its consumer",
            scenario.brokers.count
        ));
        out.error(read.brokers.at("count"), problem.help("fewer brokers, or fewer topics"));
    }
    // Where one topic alone has too many, the error is about that one.
    let keys = |topic: &super::Topic| u64::from(topic.keys);
    let all: u64 = scenario.topics.iter().map(keys).sum();
    if all > KEYS_MAX {
        let largest = scenario.topics.iter().zip(read.entry_of_topic).max_by_key(|(topic, _)| keys(topic));
        let problem = Problem::new(format!("{all} keys in all topics; at most {KEYS_MAX}"));
        out.error(largest.and_then(|(_, entry)| read.topics[*entry].at("keys")), problem);
    }
}

fn leaders(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    if !read.brokers.sound(&["count"]) {
        return;
    }
    let brokers = scenario.brokers.count;
    let there_are = |n: u32| {
        Problem::new(format!("no broker {n}")).help(format!("brokers count from 0, and [brokers] count is {brokers}"))
    };
    for reader in read.topics.iter().filter(|r| r.sound(&["leader"])) {
        let leader = reader.small("leader");
        if leader >= brokers {
            out.error(reader.at("leader"), there_are(leader));
        }
    }
    for reader in read.faults {
        if let Some(broker) = reader.small_given("broker").filter(|b| *b >= brokers) {
            out.error(reader.at("broker"), there_are(broker));
        }
    }
}

fn consumer(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    let consumer = &scenario.consumer;
    if read.consumer.sound(&["commit", "auto.commit.interval.ms"]) {
        let place = read.consumer.at("auto.commit.interval.ms");
        match consumer.commit {
            Commit::Interval(every) if every.is_zero() => {
                let problem = Problem::new("commits every 0 s are no interval");
                out.error(place, problem.help("a longer auto.commit.interval.ms, or commit = \"per-batch\""));
            }
            Commit::None | Commit::PerBatch | Commit::OnStop if read.consumer.has("auto.commit.interval.ms") => {
                let problem = Problem::new("`auto.commit.interval.ms` changes nothing without commit = \"interval\"");
                out.warn(place, problem.help("write commit = \"interval\", or take it out"));
            }
            _ => {}
        }
    }
    if !read.consumer.sound(&["client"]) {
        return;
    }
    let below = consumer.fetch_max_bytes.filter(|n| *n < LIBRDKAFKA_MESSAGE_MAX_BYTES);
    if let (Client::Librdkafka, Some(bytes)) = (consumer.client, below) {
        let problem = Problem::new(format!("librdkafka refuses a fetch.max.bytes of {bytes}"));
        let help = format!(
            "it must be at least message.max.bytes, {LIBRDKAFKA_MESSAGE_MAX_BYTES}; max.partition.fetch.bytes may be smaller"
        );
        out.error(read.consumer.at("fetch.max.bytes"), problem.help(help));
    }
    if consumer.client == Client::Aiokafka
        && consumer.poll_timeout.is_zero()
        && read.consumer.sound(&["poll.timeout.ms"])
    {
        // Spec of aiokafka's getmany: an empty call with timeout 0 never suspends, and the fetcher runs only while it does.
        let problem = Problem::new("aiokafka does not fetch while polls with a timeout of 0 find nothing");
        out.warn(read.consumer.at("poll.timeout.ms"), problem.help("write 1 or more"));
    }
}

/// A client that fetches again at once must not do so at the same moment for ever: virtual time would stand still.
fn round_trip(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    if !read.network.sound(&["latency"])
        || !read.brokers.sound(&["service"])
        || !read.consumer.sound(&["fetch.max.wait.ms", "fetch.min.bytes"])
    {
        return;
    }
    let consumer = &scenario.consumer;
    let waits = consumer.fetch_max_wait.is_none_or(|wait| !wait.is_zero()) && consumer.fetch_min_bytes > 0;
    let round_trip = scenario.network.latency + scenario.network.latency + scenario.brokers.service;
    if !waits && round_trip < ROUND_TRIP_MIN {
        let problem = Problem::new(format!(
            "an empty fetch that waits for nothing takes {}: at least {}",
            duration_text(round_trip),
            duration_text(ROUND_TRIP_MIN)
        ));
        let place = read.network.at("latency").or_else(|| read.brokers.at("service"));
        out.error(place, problem.help("a longer latency or brokers.service, or a fetch.max.wait.ms above 0"));
    }
}

fn faults(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    let mut crashes = Vec::new();
    for reader in read.faults.iter().filter(|r| r.sound(&["kind", "from", "until"])) {
        let (from, until) = (reader.duration("from"), reader.duration("until"));
        if until <= from {
            let problem = Problem::new(format!(
                "a fault from {} until {} is over before it begins",
                duration_text(from),
                duration_text(until)
            ));
            out.error(reader.at("until"), problem.help(format!("a time after {}", duration_text(from))));
        } else if reader.text("kind") == "crash" {
            crashes.push((from, until, reader.at("from")));
        }
        if reader.text("kind") == "latency-spike" && reader.duration_given("add").is_some_and(|d| d.is_zero()) {
            out.error(reader.at("add"), Problem::new("a spike of zero is none").help("a longer time"));
        }
        if read.limits.sound(&["time"]) && from >= scenario.limits.time {
            let problem = Problem::new(format!(
                "the fault begins after the limit of {}: it never happens",
                duration_text(scenario.limits.time)
            ));
            out.warn(reader.at("from"), problem);
        }
    }
    crashes.sort_by_key(|c| (c.0, c.1));
    for pair in crashes.windows(2) {
        if pair[1].0 < pair[0].1 {
            let error = Diagnostic::new(
                &out.source,
                pair[1].2.clone(),
                "a process that is down can't crash: the two windows overlap",
            );
            out.errors.push(match pair[0].2.clone() {
                Some(first) => error.also(first, "the first crash"),
                None => error,
            });
        }
    }
    let crash = scenario.faults.iter().any(|f| f.kind == FaultKind::Crash);
    if crash && scenario.consumer.commit == Commit::None {
        let problem = Problem::new("a crash without commits: the restarted process begins again at the start");
        out.warn(read.consumer.at("commit"), problem.help("commit = \"per-batch\" keeps what was done"));
    }
}

fn limits(out: &mut Findings, scenario: &Scenario, read: &Read<'_>) {
    if !read.limits.sound(&["time"]) {
        return;
    }
    let time = scenario.limits.time;
    if time.is_zero() {
        out.error(
            read.limits.at("time"),
            Problem::new("a limit of zero ends a run before it begins").help("a longer time"),
        );
        return;
    }
    let late =
        scenario.topics.iter().zip(read.entry_of_topic).find(|(t, _)| t.arrival.is_some_and(|a| a.until >= time));
    if let Some((topic, entry)) = late {
        let problem = Problem::new(format!(
            "records of `{}` arrive until after the limit of {}: no run completes",
            topic.name,
            duration_text(time)
        ));
        out.warn(read.topics[*entry].at("arrival.until"), problem);
    }
}
