//! Traces: one run, poll by poll, as JSON lines of the format `fairdrain-trace/1`.
//!
//! Real clients' runs are recorded in the same format as simulated ones are written in, so that they can be compared line by line:
//! a [`Header`], one [`Poll`] a poll call, ordered by start time, and an [`End`]. Times are microseconds since the first poll
//! call. Keys that are not known are ignored on reading.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use read::{Trace, TraceError};
pub use write::TraceWriter;

mod header;
mod read;
mod write;

/// The format's name, in every header.
pub const FORMAT: &str = "fairdrain-trace/1";

/// First line: what was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The client library.
    pub client: Client,
    /// The cluster.
    pub broker: Broker,
    /// The backlog.
    pub scenario: Backlog,
    /// How consumers were polled.
    pub mode: Mode,
    /// How they got their partitions.
    pub subscribe: Subscribe,
    /// Every property that was set, under the client's own name.
    pub config: Map<String, Value>,
    /// The settings that matter for fetching, defaults included.
    pub effective: Map<String, Value>,
    /// Timeout passed to each poll, in milliseconds.
    pub poll_timeout_ms: u64,
    /// Pause after each poll that returned records: so many microseconds for each.
    pub processing_us_per_record: Number,
    /// How that pause was made.
    pub processing_how: String,
    /// When positions were committed.
    pub commit: Commit,
    /// Polls (rounds) made after everything was delivered.
    pub idle_rounds: u32,
    /// Most records of one hand-over, in `fair` and `complete-first`, where it is not a setting of the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u32>,
    /// Number of the repetition, from 1.
    pub repeat: u32,
    /// librdkafka, `single` with `assign`: the order of the client's partition list for the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_order: Option<Vec<Place>>,
    /// kafka-python with `group`: the order after the one shuffle at assignment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment_order: Option<Assignment>,
    /// Java only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jvm: Option<String>,
}

/// The order of an assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Assignment {
    /// kafka-python from 3.0: of partitions.
    Partitions(Vec<Place>),
    /// kafka-python 2: of topics.
    Topics(Vec<String>),
}

/// A client library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Group protocol: `classic` or `consumer`.
    pub protocol: String,
    /// Its name, such as `librdkafka`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The binding used, for librdkafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broker {
    /// Version of Kafka; `simulated` in a simulated run.
    pub version: String,
}

/// What there was to drain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// The scenario's name.
    pub name: String,
    /// Value bytes, if all topics have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_bytes: Option<u32>,
    /// Records in a full batch, if all topics have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_records: Option<u32>,
    /// How batches are spread over partitions, in words.
    pub spread: String,
    /// In subscription order.
    pub topics: Vec<TopicBacklog>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicBacklog {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// Records over all partitions.
    pub records: u64,
    /// Records by partition.
    pub partition_records: Vec<u64>,
    /// Value bytes of a record; the mean, rounded down, if they differ.
    pub value_bytes: u32,
    /// Records in a full batch.
    pub batch_records: u32,
    /// Least and most bytes of a full batch (of the short one, if there is no other; zeros if there is none).
    pub batch_bytes: [u32; 2],
    /// By partition, where the run began, if not at offset 0 everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_offsets: Option<Vec<i64>>,
    /// Offsets within the run's range that hold no record, if there are any: compacted away, or transaction markers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_offsets: Option<u64>,
    /// Per partition the layout in log order.
    pub batches: Vec<Vec<BatchRun>>,
}

/// Equal batches in a row: how many, records of each, bytes of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRun(pub u64, pub u32, pub u32);

/// How consumers were polled. All but `single`, `fair` and `complete-first` have one consumer a topic: consumer index = topic index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One consumer on all topics.
    Single,
    /// All polled together, the next round when all have returned.
    MultiGather,
    /// Polled in turn.
    MultiSequential,
    /// Each polled on its own.
    MultiIndependent,
    /// One consumer, deficit round robin over the topics' local queues.
    Fair,
    /// Likewise, topics that block incomplete inputs first.
    CompleteFirst,
}

/// How consumers got their partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subscribe {
    /// Manual assignment of all partitions in list order, from offset 0.
    Assign,
    /// Subscription with a fresh group, from the earliest offset.
    Group,
}

/// When positions were committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commit {
    /// Never.
    None,
    /// After each poll that returned records (and their processing), waiting for the answer.
    PerPollSync,
    /// Once, at the end.
    OnStop,
    /// From time to time, without waiting for the answer.
    Interval,
}

/// One poll call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Line number, from 0.
    pub i: u64,
    /// Consumer index.
    pub c: u32,
    /// Start of the call, in microseconds since the first.
    pub t: u64,
    /// Duration of the call in microseconds.
    pub d: u64,
    /// Calls joined in this line, where records were polled one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Duration of the commit after it, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_us: Option<u64>,
    /// Round, from 0, in modes with several consumers (independent ones: the consumer's own polls).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    /// What was asked of each topic, in the order of their turns, in `fair` and `complete-first`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<Vec<Asked>>,
    /// What it returned, in the order in which the client handed it out.
    pub r: Vec<Handed>,
}

/// Records of one partition handed out together: topic, partition, first offset, count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed(pub String, pub u32, pub i64, pub u32);

/// Records asked of a topic: its name, how many at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked(pub String, pub u32);

/// Last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Always `true`: what tells this line from a poll.
    pub end: bool,
    /// Records delivered.
    pub total: u64,
    /// Why not all that there was has been drained; left out if it has been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// End of the last poll, in microseconds since the start of the first.
    pub wall_us: u64,
    /// Per topic, when its last record had been returned, in microseconds.
    pub ttc: IndexMap<String, u64>,
    /// When the assignment was made, in microseconds after the first poll (negative: before).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_us: Option<i64>,
    /// aiokafka: each fetch request and its partitions in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Vec<Order>>,
    /// kafka-python 2.0: each reply and its partitions in the order in which they were buffered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<Vec<Order>>,
    /// kafka-python under `fair`: bytes that came over the wire, thrown away or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
}

/// The order of partitions in a request or reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Consumer index.
    pub c: u32,
    /// When, in microseconds after the start of the first poll.
    pub t: i64,
    /// The partitions.
    pub order: Vec<Place>,
}

/// A partition: topic and number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place(pub String, pub u32);
