//! From a trace's header to the world that it was recorded in.

use fairdrain_sim::client::{self, aiokafka, java, kafka_python, librdkafka};
use fairdrain_sim::event::Ties;
use fairdrain_sim::log::{Batches, Log};
use serde_json::{Map, Value};

use super::{Commit, Duration, Fill, Mode, Name, ReplayError, Settings, sim, trace};
use crate::profile::Values;
use crate::scenario::Client;
use crate::trace::{Header, Subscribe, TopicBacklog, Trace};

/// What a recorded run is replayed with.
pub(super) struct SetUp {
    pub(super) world: sim::WorldConfig,
    pub(super) scheduler: Name,
    pub(super) settings: Settings,
    pub(super) commit: Commit,
}

/// A replay that goes on for longer has gone astray: ten times what was recorded, and a minute.
pub(super) fn time_max(trace: &Trace) -> Duration {
    let recorded = trace.polls.last().map_or(0, |poll| poll.t + poll.d);
    Duration::from_micros(10 * recorded + 60_000_000)
}

impl SetUp {
    pub(super) fn of(header: &Header, values: Option<&Values>) -> Result<Self, ReplayError> {
        let (mut client, cap, fill) = client(header)?;
        let cap = header.cap.unwrap_or(cap);
        let values = values.copied().or_else(|| Values::of_settings(&client)).unwrap_or_default();
        if let Some(costs) = client.costs_mut() {
            *costs = values.costs;
        }
        let topics = &header.scenario.topics;
        check_backlog(topics)?;
        let micros = header.processing_us_per_record.as_f64().filter(|n| (0.0..=MICROS_MAX as f64).contains(n));
        let micros = micros.ok_or(ReplayError::Header("processing_us_per_record"))?;
        let per_record = Duration::from_nanos((micros * 1000.0).round() as u64);
        if cap == 0 {
            return Err(ReplayError::Header("max_poll_records"));
        }
        if header.poll_timeout_ms > MICROS_MAX {
            return Err(ReplayError::Header("poll_timeout_ms"));
        }
        let scheduler = match header.mode {
            Mode::Single => Name::Single,
            Mode::MultiGather => Name::MultiGather,
            Mode::MultiSequential => Name::MultiSequential,
            Mode::MultiIndependent => Name::Multi,
            Mode::Fair => Name::Fair,
            Mode::CompleteFirst => Name::CompleteFirst,
        };
        if scheduler.takes() && header.client.name == "kafka-python" {
            return Err(ReplayError::Client(format!("kafka-python {} under `{scheduler}`", header.client.version)));
        }
        let start = match header.subscribe {
            Subscribe::Assign => sim::Start::Assign,
            Subscribe::Group => sim::Start::Group,
        };
        let consumer = |(first, last): (usize, usize)| sim::ConsumerConfig {
            topics: first as u32..last as u32 + 1,
            client: client.clone(),
            takes: scheduler.takes(),
            start,
        };
        let owned = scheduler.consumers(topics.len());
        let owned = owned.iter().map(|topics| (topics[0].index(), topics[topics.len() - 1].index()));
        let world = sim::WorldConfig {
            seed: 0,
            ties: Ties::Fifo,
            topics: topics.iter().map(|topic| topic_config(topic, per_record)).collect(),
            consumers: owned.map(consumer).collect(),
            network: sim::Network { latency: values.latency(), jitter: Duration::ZERO, bandwidth: None },
            brokers: sim::Brokers { count: 1, service: values.service, fetch_max_bytes: 57_671_680 },
            application: sim::Application { workers: 1, per_batch: Duration::ZERO, blocking: false },
            faults: Vec::new(),
            alarms: Vec::new(),
        };
        let wait = Duration::from_millis(header.poll_timeout_ms);
        let settings = Settings { cap, wait, fill, weights: vec![1; topics.len()], workers: 1 };
        let commit = match header.commit {
            trace::Commit::None => Commit::None,
            trace::Commit::PerPollSync => Commit::PerBatch,
            // Nobody waits for these, so that polls are the same with one commit at the end.
            trace::Commit::OnStop | trace::Commit::Interval => Commit::OnStop,
        };
        Ok(Self { world, scheduler, settings, commit })
    }
}

/// Beyond that, a time or a number of records in a header is a typing error, and would overflow.
const MICROS_MAX: u64 = 1_000_000_000;
const RECORDS_MAX: u64 = 1 << 40;

/// Whether the layouts are ones that a log can have, and hold the records that the header says.
fn check_backlog(topics: &[TopicBacklog]) -> Result<(), ReplayError> {
    let twice = |(i, topic): (usize, &TopicBacklog)| topics[..i].iter().any(|other| other.name == topic.name);
    if topics.is_empty() || topics.iter().enumerate().any(twice) {
        return Err(ReplayError::Header("topics"));
    }
    for topic in topics {
        let runs = || topic.batches.iter().flatten();
        let sum =
            runs().try_fold(0u64, |sum, run| run.0.checked_mul(u64::from(run.1)).and_then(|n| sum.checked_add(n)));
        let partitions = topic.batches.len() == topic.partitions as usize && topic.partitions > 0;
        let sound = runs().all(|run| run.1 > 0 && run.2 > 0);
        if !partitions || !sound || sum != Some(topic.records) || topic.records > RECORDS_MAX {
            return Err(ReplayError::Header("batches"));
        }
    }
    Ok(())
}

fn topic_config(topic: &TopicBacklog, per_record: Duration) -> sim::TopicConfig {
    let log = |runs: &Vec<trace::BatchRun>| {
        let batches = runs.iter().map(|run| Batches { count: run.0, records: run.1, bytes: u64::from(run.2) });
        Log::recorded(&batches.collect::<Vec<_>>(), topic.value_bytes)
    };
    let logs = topic.batches.iter().map(log).collect();
    sim::TopicConfig { name: topic.name.clone(), logs, leader: 0, per_record, arrival: None }
}

/// The client's settings, the cap of a poll, and until when its call collects.
fn client(header: &Header) -> Result<(client::Settings, u32, Fill), ReplayError> {
    let effective = |key| number(&header.effective, key);
    let millis = |key| effective(key).map(|n| Duration::from_millis(u64::from(n)));
    match header.client.name.as_str() {
        "aiokafka" => {
            let settings = aiokafka::Settings {
                fetch_min_bytes: effective("fetch_min_bytes")?,
                fetch_max_bytes: effective("fetch_max_bytes")?,
                fetch_max_wait: millis("fetch_max_wait_ms")?,
                max_partition_fetch_bytes: effective("max_partition_fetch_bytes")?,
                retry_backoff: millis("retry_backoff_ms")?,
                ..aiokafka::Settings::default()
            };
            Ok((client::Settings::Aiokafka(settings), effective("max_poll_records")?, Fill::First))
        }
        "librdkafka" => {
            // With 0 nothing is ever fetched.
            let positive =
                |key| effective(key).and_then(|n: u32| if n > 0 { Ok(n) } else { Err(ReplayError::Header(key)) });
            let queued_max_messages_kbytes = positive("queued.max.messages.kbytes")?;
            let fetch_max_bytes = number(&header.config, "fetch.max.bytes").ok();
            let settings = librdkafka::Settings {
                fetch_min_bytes: effective("fetch.min.bytes")?,
                fetch_max_bytes,
                fetch_wait_max: millis("fetch.wait.max.ms")?,
                fetch_message_max_bytes: effective("fetch.message.max.bytes")?,
                queued_min_messages: positive("queued.min.messages")?,
                queued_max_messages_kbytes,
                fetch_queue_backoff: millis("fetch.queue.backoff.ms")?,
                ..librdkafka::Settings::default()
            };
            let cap = number(&header.config, "consume(num_messages)")?;
            Ok((client::Settings::Librdkafka(settings), cap, Fill::Full))
        }
        "java" => {
            let (version, protocol) = java_version(header)?;
            let settings = java::Settings {
                fetch_min_bytes: effective("fetch.min.bytes")?,
                fetch_max_bytes: effective("fetch.max.bytes")?,
                fetch_max_wait: millis("fetch.max.wait.ms")?,
                max_partition_fetch_bytes: effective("max.partition.fetch.bytes")?,
                retry_backoff: millis("retry.backoff.ms")?,
                ..java::Settings::new(version, protocol)
            };
            Ok((client::Settings::Java(settings), effective("max.poll.records")?, Fill::First))
        }
        "kafka-python" => {
            let version = kafka_python::Version::of_release(&header.client.version);
            let unknown = || ReplayError::Client(format!("kafka-python {}", header.client.version));
            let sessions = header.effective.get("enable_incremental_fetch_sessions").and_then(Value::as_bool);
            let settings = kafka_python::Settings {
                fetch_min_bytes: effective("fetch_min_bytes")?,
                fetch_max_bytes: effective("fetch_max_bytes")?,
                fetch_max_wait: millis("fetch_max_wait_ms")?,
                max_partition_fetch_bytes: effective("max_partition_fetch_bytes")?,
                retry_backoff: millis("retry_backoff_ms")?,
                enable_incremental_fetch_sessions: sessions.unwrap_or(true),
                ..kafka_python::Settings::of(version.ok_or_else(unknown)?)
            };
            Ok((client::Settings::KafkaPython(settings), effective("max_poll_records")?, Fill::First))
        }
        other => Err(ReplayError::Client(format!("{other} {}", header.client.version))),
    }
}

/// The range that a version is in, and the group protocol.
fn java_version(header: &Header) -> Result<(java::Version, java::Protocol), ReplayError> {
    let client = &header.client;
    let name = if client.protocol == "consumer" { "java-async" } else { "java" };
    match format!("{name}@{}", client.version).parse() {
        Ok(Client::Java(version, protocol)) => Ok((version, protocol)),
        _ => Err(ReplayError::Client(format!("java {} with group.protocol={}", client.version, client.protocol))),
    }
}

fn number(map: &Map<String, Value>, key: &'static str) -> Result<u32, ReplayError> {
    let value = spellings(key).into_iter().find_map(|name| map.get(&name));
    // Configurations are text in some clients.
    let number = value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()));
    number.and_then(|n| u32::try_from(n).ok()).ok_or(ReplayError::Header(key))
}

/// A setting's name, in Python's spelling and in Java's, and librdkafka's aliases (`rdkafka_conf.c`).
fn spellings(key: &str) -> Vec<String> {
    let alias = match key {
        "fetch.message.max.bytes" => Some("max.partition.fetch.bytes"),
        "fetch.wait.max.ms" => Some("fetch.max.wait.ms"),
        "consume(num_messages)" => Some("max.poll.records"),
        _ => None,
    };
    let names = [Some(key), alias].into_iter().flatten();
    names.flat_map(|name| [name.to_owned(), name.replace('.', "_"), name.replace('_', ".")]).collect()
}
