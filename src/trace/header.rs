//! The header of a simulated run.

use fairdrain_sim::client::java;
use serde_json::{Map, Number, Value};

use super::{Backlog, BatchRun, Broker, Client, Commit, FORMAT, Header, Mode, Subscribe, TopicBacklog};
use crate::Duration;
use crate::policy::Name;
use crate::scenario::{self, Scenario, Topic};

impl Header {
    /// The header of a run of a scenario by a scheduler, `repeat` from 1, on a broker of this version (`simulated`, or Kafka's).
    ///
    /// Batch sizes are computed, not measured: message format v2, timestamps 1 ms apart, values of mean size where they differ,
    /// divided by the compression ratio.
    #[must_use]
    pub fn of(scenario: &Scenario, scheduler: Name, broker_version: &str, repeat: u32) -> Self {
        let Scenario { topics, consumer, application, .. } = scenario;
        // The protocol is a field of its own in a trace.
        let (name, protocol) = match consumer.client {
            scenario::Client::Java(_, java::Protocol::Classic) => ("java", "classic"),
            scenario::Client::Java(_, java::Protocol::Consumer) => ("java", "consumer"),
            other => (other.name(), "classic"),
        };
        let (config, effective) = properties(consumer, scenario.cap(scheduler));
        Self {
            format: FORMAT.to_owned(),
            client: Client {
                protocol: protocol.to_owned(),
                name: name.to_owned(),
                version: consumer.client.version().unwrap_or("1").to_owned(),
                via: None,
            },
            broker: Broker { version: broker_version.to_owned() },
            scenario: Backlog {
                name: scenario.name.clone(),
                value_bytes: all_alike(topics.iter().map(|topic| topic.value_bytes.mean())),
                batch_records: all_alike(topics.iter().map(|topic| topic.batch_records)),
                spread: "batch k of a topic goes to partition k mod partitions".to_owned(),
                topics: topics.iter().map(TopicBacklog::of).collect(),
            },
            mode: match scheduler {
                Name::Single => Mode::Single,
                Name::MultiGather => Mode::MultiGather,
                Name::MultiSequential => Mode::MultiSequential,
                Name::Multi => Mode::MultiIndependent,
                Name::Fair => Mode::Fair,
                Name::CompleteFirst => Mode::CompleteFirst,
            },
            subscribe: match consumer.start {
                scenario::Start::Assign => Subscribe::Assign,
                scenario::Start::Group => Subscribe::Group,
            },
            config,
            effective,
            poll_timeout_ms: millis(consumer.poll_timeout),
            processing_us_per_record: micros(application.per_record),
            processing_how: match (application.per_record.is_zero(), application.blocking) {
                (true, _) => "none".to_owned(),
                (false, true) => format!("{} worker(s), keeping the thread", application.workers),
                (false, false) => format!("{} worker(s), awaiting", application.workers),
            },
            commit: match consumer.commit {
                scenario::Commit::None => Commit::None,
                scenario::Commit::PerBatch => Commit::PerPollSync,
                scenario::Commit::OnStop => Commit::OnStop,
                scenario::Commit::Interval(_) => Commit::Interval,
            },
            idle_rounds: 0,
            cap: None,
            repeat,
            join_order: None,
            assignment_order: None,
            jvm: None,
        }
    }
}

impl TopicBacklog {
    fn of(topic: &Topic) -> Self {
        let value_bytes = topic.value_bytes.mean();
        let size = |records| {
            let bytes = fairdrain_sim::batch_bytes(records, value_bytes, topic.key_bytes);
            u32::try_from(bytes * 1000 / u64::from(topic.compression_millis.max(1))).unwrap_or(u32::MAX)
        };
        let layout = |partition| {
            let (full, rest) = topic.partition_batches(partition);
            let full = (full > 0).then(|| BatchRun(full, topic.batch_records, size(topic.batch_records)));
            full.into_iter().chain((rest > 0).then(|| BatchRun(1, rest, size(rest)))).collect()
        };
        let batches: Vec<Vec<BatchRun>> = (0..topic.partitions).map(layout).collect();
        // The first batch of all is a full one if there is any.
        let typical = batches[0].first().map_or(0, |batch| batch.2);
        Self {
            name: topic.name.clone(),
            partitions: topic.partitions,
            records: topic.backlog,
            partition_records: (0..topic.partitions).map(|p| topic.partition_backlog(p)).collect(),
            value_bytes,
            batch_records: topic.batch_records,
            batch_bytes: [typical, typical],
            first_offsets: None,
            missing_offsets: None,
            batches,
        }
    }
}

/// What is set, and what holds, under the client's own names.
fn properties(consumer: &scenario::Consumer, cap: u32) -> (Map<String, Value>, Map<String, Value>) {
    let librdkafka = consumer.client == scenario::Client::Librdkafka;
    let dotted = librdkafka || matches!(consumer.client, scenario::Client::Java(..));
    let name = |name: &str| if dotted { name.to_owned() } else { name.replace('.', "_") };
    let mut config = Map::new();
    config.insert(if librdkafka { "consume(num_messages)".to_owned() } else { name("max.poll.records") }, cap.into());
    config.insert(name("enable.auto.commit"), false.into());
    config.insert(name("auto.offset.reset"), "earliest".into());
    let partition_bytes = if librdkafka { "fetch.message.max.bytes" } else { "max.partition.fetch.bytes" };
    let fetch_wait = if librdkafka { "fetch.wait.max.ms" } else { "fetch.max.wait.ms" };
    let mut effective = config.clone();
    effective.insert(name("fetch.min.bytes"), consumer.fetch_min_bytes.into());
    effective.insert(name(partition_bytes), consumer.max_partition_fetch_bytes.into());
    let optional = [
        (name("fetch.max.bytes"), consumer.fetch_max_bytes.map(Value::from)),
        (name(fetch_wait), consumer.fetch_max_wait.map(|wait| millis(wait).into())),
        (name("queued.min.messages"), consumer.queued_min_messages.filter(|_| librdkafka).map(Value::from)),
        (
            name("queued.max.messages.kbytes"),
            consumer.queued_max_messages_kbytes.filter(|_| librdkafka).map(Value::from),
        ),
        (
            name("fetch.queue.backoff.ms"),
            consumer.fetch_queue_backoff.filter(|_| librdkafka).map(|wait| millis(wait).into()),
        ),
    ];
    for (name, value) in optional {
        let Some(value) = value else { continue };
        config.insert(name.clone(), value.clone());
        effective.insert(name, value);
    }
    (config, effective)
}

/// What all are, if they are all alike.
fn all_alike(mut numbers: impl Iterator<Item = u32>) -> Option<u32> {
    let first = numbers.next()?;
    numbers.all(|n| n == first).then_some(first)
}

fn millis(time: Duration) -> u64 {
    time.as_nanos() / 1_000_000
}

/// Microseconds: a whole number if it is one.
fn micros(time: Duration) -> Number {
    let nanos = time.as_nanos();
    match nanos % 1000 {
        0 => Number::from(nanos / 1000),
        // A finite number: never `None`.
        _ => Number::from_f64(nanos as f64 / 1000.0).unwrap_or_else(|| Number::from(0)),
    }
}
