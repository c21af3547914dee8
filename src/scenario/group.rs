//! The consumer group and the instances of a service that share it: what a scenario says about them.

use super::{Client, Scenario, Start};
use crate::Duration;
use crate::policy::Name;

/// The consumer group, and how members share partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `group.id`; with a group for each topic the part before the topic's name: `{id}-{topic}`.
    pub id: String,
    /// One group or one for each topic; `None`: as the scheduler has it, see [`ids`](Self::ids).
    pub ids: Option<Ids>,
    /// `group.protocol`.
    pub protocol: Protocol,
    /// `partition.assignment.strategy`, or with the consumer protocol `group.remote.assignor`.
    pub assignor: Assignor,
    /// `session.timeout.ms`: a member that has not been heard of for so long is expelled.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: a member that has not polled for so long leaves.
    pub max_poll_interval: Duration,
    /// Whether each instance has a `group.instance.id` of its own, with which it comes back after a restart.
    pub is_static: bool,
    /// `group.initial.rebalance.delay.ms` of the broker: an empty group waits so long for further members.
    pub initial_rebalance_delay: Duration,
    /// `offsets.retention.minutes` of the broker: how long committed offsets outlive their use.
    pub offsets_retention: Duration,
    /// `auto.offset.reset`: where a partition without a committed offset begins.
    pub offset_reset: OffsetReset,
    /// Whether a combination is refused in which the records of one key may be spread over several instances.
    pub copartitioned: bool,
}

/// Group ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// One for all topics.
    One,
    /// One for each topic.
    PerTopic,
}

/// How members and coordinator agree on an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Join and sync; one of the members computes the assignment.
    Classic,
    /// KIP-848: the broker computes it, and each member follows on its own.
    Consumer,
}

/// Who gets which partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Topic by topic, consecutive partitions, members in one order: the same partition numbers of all topics on one member.
    Range,
    /// All partitions of all topics in turn.
    RoundRobin,
    /// Balanced, and as few moves as possible; partitions that stay are not revoked (classic protocol).
    CooperativeSticky,
    /// Balanced, and as few moves as possible (consumer protocol).
    Uniform,
}

/// Where a partition without a committed offset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the beginning of its log.
    Earliest,
    /// At its end.
    Latest,
    /// Nowhere: it is an error.
    None,
}

/// One instance of the service: a process with its own consumers and its own scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// When it starts.
    pub joins: Duration,
    /// When it ends before its work is done; `None`: it stays.
    pub leaves: Option<Leave>,
}

/// The end of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// When.
    pub at: Duration,
    /// How.
    pub how: Departure,
    /// When it is started again; `None`: never.
    pub returns: Option<Duration>,
}

/// How an instance ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// In order: it finishes what it has in hand, commits, and leaves its groups.
    Stop,
    /// Its process dies, and nobody is told.
    Crash,
}

/// Which partition a producer puts a key in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// The Java client's, kafka-python's and aiokafka's default; librdkafka's `murmur2_random`.
    Murmur2,
    /// CRC-32: librdkafka's default, `consistent_random`.
    Consistent,
    /// FNV-1a: the default of Sarama; librdkafka's `fnv1a_random`.
    Fnv1a,
    /// Anywhere: the key does not matter.
    Random,
}

impl Group {
    /// How many group ids a scheduler's consumers have: as the scenario says, else one for each topic where the scheduler has a
    /// consumer for each topic.
    #[must_use]
    pub fn ids(&self, scheduler: Name) -> Ids {
        self.ids.unwrap_or(if scheduler.has_consumer_a_topic() { Ids::PerTopic } else { Ids::One })
    }

    /// The group id of a topic's consumer.
    #[must_use]
    pub fn id(&self, scheduler: Name, topic: &str) -> String {
        match self.ids(scheduler) {
            Ids::One => self.id.clone(),
            Ids::PerTopic => format!("{}-{topic}", self.id),
        }
    }
}

impl Protocol {
    /// The one a client uses unless it is told otherwise.
    pub(super) const fn default_of(client: Client) -> Self {
        match client {
            Client::Java(_, fairdrain_sim::client::java::Protocol::Consumer) => Self::Consumer,
            _ => Self::Classic,
        }
    }

    /// As a scenario file has it, and Kafka's `group.protocol`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

impl Client {
    /// The assignors that it has under a protocol; none, if it has no such protocol.
    #[must_use]
    pub fn assignors(self, protocol: Protocol) -> &'static [Assignor] {
        use Assignor::{CooperativeSticky, Range, RoundRobin, Uniform};
        match (protocol, self.name()) {
            (Protocol::Consumer, "aiokafka" | "kafka-python" | "java") | (Protocol::Classic, "java-async") => &[],
            (Protocol::Consumer, _) => &[Range, Uniform],
            (Protocol::Classic, "aiokafka" | "kafka-python") => &[Range, RoundRobin],
            (Protocol::Classic, _) => &[Range, RoundRobin, CooperativeSticky],
        }
    }
}

impl Assignor {
    /// The one a client uses unless it is told otherwise. aiokafka's alone is not `range` with the classic protocol
    /// (`consumer.py`: `partition_assignment_strategy=(RoundRobinPartitionAssignor,)`); the broker's first is `uniform`.
    pub(super) const fn default_of(client: Client, protocol: Protocol) -> Self {
        match (protocol, client) {
            (Protocol::Consumer, _) => Self::Uniform,
            (Protocol::Classic, Client::Aiokafka) => Self::RoundRobin,
            (Protocol::Classic, _) => Self::Range,
        }
    }

    /// As a scenario file has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::CooperativeSticky => "cooperative-sticky",
            Self::Uniform => "uniform",
        }
    }
}

impl Ids {
    /// As a scenario file has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::PerTopic => "per-topic",
        }
    }
}

impl OffsetReset {
    /// As Kafka has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::None => "none",
        }
    }
}

impl Departure {
    /// As a scenario file has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Crash => "crash",
        }
    }
}

impl Partitioner {
    /// As a scenario file has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Consistent => "consistent",
            Self::Fnv1a => "fnv1a",
            Self::Random => "random",
        }
    }
}

impl Default for Group {
    /// As a file that says nothing about groups has it, with a client of the classic protocol whose assignor is `range`.
    fn default() -> Self {
        Self {
            id: "fairdrain".to_owned(),
            ids: None,
            protocol: Protocol::Classic,
            assignor: Assignor::Range,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            is_static: false,
            initial_rebalance_delay: Duration::from_secs(3),
            offsets_retention: Duration::from_secs(7 * 24 * 3600),
            offset_reset: OffsetReset::Earliest,
            copartitioned: true,
        }
    }
}

impl Scenario {
    /// Whether instances of a service share the work; without them a run is one process.
    #[must_use]
    pub fn has_instances(&self) -> bool {
        !self.instances.is_empty()
    }

    /// Whether instance i of n has the partitions p with p mod n = i, instead of what a group gives it.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.consumer.start == Start::Assign
    }
}
