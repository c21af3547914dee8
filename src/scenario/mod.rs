//! Scenarios: what is there to drain, by whom, at what cost, and what goes wrong meanwhile.
//!
//! A [`Scenario`] is a file after reading: parsed, checked and complete. What is in it is legal; nothing further down checks again.
//!
//! [`Scenario::load`] takes a path or the name of a bundled scenario, [`Scenario::from_toml`] a text. Both give a [`Parsed`]: the
//! scenario, the warnings, and where each value comes from. The format is described once, in the private module `tables`, from which
//! the parser, [`Parsed::resolved`], [`json_schema`] and the check of the [`TEMPLATE`] are made.

use fairdrain_sim::client::{Costs, java, kafka_python};

use crate::{Duration, Fill};

pub use fairdrain_sim::Sizes;

pub use client::UnknownClient;
pub use error::{Diagnostic, LoadError, Position, ScenarioErrors};
pub use group::{
    Assignor, Departure, Group, Ids, Instance, Leave, OffsetReset, Partitioner, Protocol as GroupProtocol,
};
#[cfg(feature = "kafka")]
pub(crate) use keys::is_secret;
pub use library::{Bundled, bundled, bundled_of_clients};
pub use parse::Parsed;
pub use provenance::Origin;
pub use schema::{TEMPLATE, json_schema};

mod check;
mod client;
mod error;
mod flatten;
mod group;
mod group_keys;
mod group_parse;
mod keys;
mod library;
mod names;
mod parse;
mod properties;
mod provenance;
mod read;
mod resolve;
mod schedulers;
mod schema;
mod sections;
mod tables;
mod topic;
mod units;
mod values;

/// A whole scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Short name, as in `scenario list`.
    pub name: String,
    /// One sentence: the effect that the scenario shows.
    pub description: String,
    /// Seed of everything drawn at random, unless the command line gives another.
    pub seed: u64,
    /// What there is to drain, in subscription order; at least one.
    pub topics: Vec<Topic>,
    /// The consumer.
    pub consumer: Consumer,
    /// The consumer group of several instances.
    pub group: Group,
    /// The instances of the service that share the work; none: a run is one process, without rebalances.
    pub instances: Vec<Instance>,
    /// Which schedulers to compare, and their settings.
    pub scheduler: Scheduler,
    /// What is done with the records.
    pub application: Application,
    /// Between clients and brokers.
    pub network: Network,
    /// The cluster.
    pub brokers: Brokers,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// When to give up.
    pub limits: Limits,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// A name that Kafka takes: 1 to 249 of `[a-zA-Z0-9._-]`, not `.` or `..`.
    pub name: String,
    /// Partitions, 1 or more. Batch k of the topic is in partition k mod partitions.
    pub partitions: u32,
    /// Records in the log at time zero, over all partitions.
    pub backlog: u64,
    /// Value bytes of a record.
    pub value_bytes: Sizes,
    /// Key bytes of a record.
    pub key_bytes: u32,
    /// Records in a full record batch.
    pub batch_records: u32,
    /// Uncompressed size of a batch divided by its compressed size, in thousandths: 1000 is uncompressed.
    pub compression_millis: u32,
    /// Records that go on arriving during the run.
    pub arrival: Option<Arrival>,
    /// Number of distinct keys (stations). Each key occurs once in every `keys` consecutive offsets of a partition, in seeded order.
    pub keys: u32,
    /// Share under the fair schedulers, relative to the other topics'.
    pub weight: u32,
    /// How its producers choose a record's partition; `None`: as those of the other topics.
    pub partitioner: Option<Partitioner>,
    /// Whether an input is incomplete without this topic.
    pub required: bool,
    /// The broker that leads partition 0 (partition p: `leader + p` modulo the number of brokers).
    pub leader: u32,
    /// Processing time a record, if other than the application's.
    pub processing_per_record: Option<Duration>,
}

/// Records that arrive during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Records in a thousand seconds, over all partitions; so that rates below one a second are whole numbers.
    pub records_per_kilosecond: u64,
    /// Records in a batch of them.
    pub batch_records: u32,
    /// Nothing arrives from this moment on; it ends the run together with the backlog.
    pub until: Duration,
}

impl Arrival {
    /// From one batch to the next, the first one so long after time zero.
    #[must_use]
    pub fn every(&self) -> Duration {
        let nanos = u128::from(self.batch_records) * 1_000_000_000_000 / u128::from(self.records_per_kilosecond);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The consumer and its settings. All byte and record limits are those of Kafka's property of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Which client library.
    pub client: Client,
    /// `max.poll.records`: the cap of one poll under `single`.
    pub max_poll_records: u32,
    /// Timeout passed to a poll call.
    pub poll_timeout: Duration,
    /// Whether a poll waits for the whole cap; `None`: as the client's own call does.
    pub fill: Option<Fill>,
    /// How consumers get their partitions.
    pub start: Start,
    /// When positions are committed.
    pub commit: Commit,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch.max.bytes`; `None`: the client's default (librdkafka derives it from other settings).
    pub fetch_max_bytes: Option<u32>,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `fetch.max.wait.ms`; `None`: 500 ms, or less where the scheduler needs less (librdkafka's split queues).
    pub fetch_max_wait: Option<Duration>,
    /// `queued.min.messages` (librdkafka); `None`: 100 000, or less where the scheduler needs less.
    pub queued_min_messages: Option<u32>,
    /// `queued.max.messages.kbytes` (librdkafka); `None`: 65 536.
    pub queued_max_messages_kbytes: Option<u32>,
    /// `fetch.queue.backoff.ms` (librdkafka); `None`: 1000 ms, or less where the scheduler needs less.
    pub fetch_queue_backoff: Option<Duration>,
    /// What the client's own work costs; `None`: what the model has of itself. No key of a file: a profile gives it.
    pub costs: Option<Costs>,
}

/// A client library that has a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// aiokafka 0.14.
    Aiokafka,
    /// librdkafka 2.12 and its bindings.
    Librdkafka,
    /// The Java client, by range of versions and `group.protocol`.
    Java(java::Version, java::Protocol),
    /// kafka-python.
    KafkaPython(kafka_python::Version),
    /// A client without a fetch machinery of its own: what the scheduler alone does.
    Ideal,
}

/// How consumers get their partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Manual assignment, no group: from offset 0; with several instances, instance i of n has the partitions p with p mod n = i,
    /// from what has been committed.
    Assign,
    /// Subscribe with a fresh group, `auto.offset.reset=earliest`.
    Group,
}

/// When positions are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Never.
    None,
    /// After each processed batch, waiting for the answer.
    PerBatch,
    /// Once, when the run stops.
    OnStop,
    /// As often as this, whatever has been processed, without waiting for the answer; and when the run stops.
    Interval(Duration),
}

/// Which schedulers, and their settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduler {
    /// Names to compare, in order; at least one.
    pub names: Vec<crate::policy::Name>,
    /// The cap of every scheduler but `single`; `None`: the consumer's.
    pub max_poll_records: Option<u32>,
    /// Waits of a topic longer than this, while others are served, are called starvation; `None`: three times what `fair`
    /// guarantees in this scenario.
    pub starvation_bound: Option<Duration>,
}

/// What is done with the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application {
    /// Work on one record.
    pub per_record: Duration,
    /// Work on one batch, besides its records.
    pub per_batch: Duration,
    /// Runs (of different partitions) worked on at a time; 1 or more.
    pub workers: u32,
    /// Whether work keeps the thread (CPU) instead of awaiting (I/O). An asyncio client fetches only while the application awaits.
    pub blocking: bool,
}

/// Between clients and brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One way, each direction.
    pub latency: Duration,
    /// Added to each latency: drawn evenly from zero to this.
    pub jitter: Duration,
    /// Bytes a second of a connection; `None`: without limit.
    pub bandwidth: Option<u64>,
}

/// The cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brokers {
    /// How many; 1 or more.
    pub count: u32,
    /// From a request's arrival to the answer's departure, if nothing has to be waited for.
    pub service: Duration,
    /// The broker's own `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
}

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub from: Duration,
    /// When it is over (for a crash: when the process is up again).
    pub until: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// This broker (from 0) answers nothing and its connections break.
    BrokerDown(u32),
    /// Fetches from this topic (place in the list) fail.
    TopicFails(u32),
    /// The consumer process dies and loses all it had in memory.
    Crash,
    /// This much is added to every network latency.
    LatencySpike(Duration),
}

/// When to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Virtual (or real) time.
    pub time: Duration,
    /// Poll and take calls.
    pub polls: u64,
}
