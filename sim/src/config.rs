//! What a world is made of. Everything in here has been checked by whoever made it; a world only asserts.

use crate::client::settings::Settings;
use crate::event::Ties;
use crate::log::Log;
use crate::time::Duration;

/// A whole world.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// Seed of everything drawn: of the data (sizes that vary), and of the run unless it is [reseeded](crate::World::reseeded).
    pub seed: u64,
    /// Order of simultaneous events.
    pub ties: Ties,
    /// Topics, in subscription order.
    pub topics: Vec<TopicConfig>,
    /// Consumers: client instances, each with a connection of its own to every broker.
    pub consumers: Vec<ConsumerConfig>,
    /// Between clients and brokers.
    pub network: Network,
    /// The cluster.
    pub brokers: Brokers,
    /// What is done with the records.
    pub application: Application,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Moments at which there is a [`Wake`](crate::Output::Wake) whatever happens: when somebody outside has to decide whether it
    /// is over.
    pub alarms: Vec<Duration>,
}

/// One topic.
#[derive(Clone, Debug)]
pub struct TopicConfig {
    /// Its name: some clients fetch in an order that depends on it.
    pub name: String,
    /// Its partitions' logs.
    pub logs: Vec<Log>,
    /// Leader of partition 0; partition p is led by broker `leader + p` modulo their number.
    pub leader: u32,
    /// Work on one record.
    pub per_record: Duration,
    /// Batches that arrive during the run.
    pub arrival: Option<Arrival>,
}

/// Batches that arrive during the run, in turn for each partition, going on from the last one of the backlog.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// From one batch to the next.
    pub every: Duration,
    /// The last one arrives at or before this long after time zero.
    pub until: Duration,
    /// The partition of the first one.
    pub first_partition: u32,
}

/// One consumer.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Its topics: a range of the list.
    pub topics: core::ops::Range<u32>,
    /// Which client, with which settings.
    pub client: Settings,
    /// Whether records are taken topic by topic from local queues (and `Ready` is reported), instead of by polls.
    pub takes: bool,
    /// How it gets its partitions.
    pub start: Start,
}

/// How a consumer gets its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Manual assignment with explicit offsets.
    Assign,
    /// Subscription with a group. (The group has no other members.)
    Group,
}

/// Between clients and brokers.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// One way.
    pub latency: Duration,
    /// Added to each trip, drawn evenly from zero to this.
    pub jitter: Duration,
    /// Bytes a second of one connection.
    pub bandwidth: Option<u64>,
}

/// The cluster.
#[derive(Clone, Copy, Debug)]
pub struct Brokers {
    /// How many.
    pub count: u32,
    /// From the arrival of a request that can be answered to the departure of the answer.
    pub service: Duration,
    /// The broker's own `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
}

/// What is done with the records.
#[derive(Clone, Copy, Debug)]
pub struct Application {
    /// Runs of different partitions worked on at a time.
    pub workers: u32,
    /// Work on one batch besides its records.
    pub per_batch: Duration,
    /// Work keeps the thread instead of awaiting.
    pub blocking: bool,
}

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// When it begins.
    pub from: Duration,
    /// When it is over.
    pub until: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum FaultKind {
    /// A broker is gone: its connections break, new ones are refused.
    BrokerDown(u32),
    /// Reads of a topic fail.
    TopicFails(u32),
    /// The consumer process dies at the beginning and is up again at the end.
    Crash,
    /// Every trip over the network takes this much longer.
    LatencySpike(Duration),
}
