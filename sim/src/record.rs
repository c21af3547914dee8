//! What is counted: topics, partitions, and runs of records. No record is ever materialised.

/// A topic, by its place in the scenario's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u32);

impl TopicId {
    /// The place in the scenario's list, for indexing.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One partition of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic.
    pub topic: TopicId,
    /// The partition's number within its topic, from 0.
    pub partition: u32,
}

impl PartitionId {
    /// One number for both, for drawing.
    pub(crate) const fn entity(self) -> u64 {
        (self.topic.0 as u64) << 32 | self.partition as u64
    }
}

/// Records of one partition handed out together, in offset order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the records come from.
    pub partition: PartitionId,
    /// Offset of the first record.
    pub first: i64,
    /// Offset after the last record. `next - first` may exceed `records`: gaps (compaction, control records) are legal.
    pub next: i64,
    /// How many records.
    pub records: u32,
    /// Value bytes of the records, uncompressed.
    pub bytes: u64,
}

/// A consumer (client instance), by its place in the session's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub u32);

impl ConsumerId {
    /// The place in the session's list, for indexing.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A batch of records handed out by one poll or take; counts up from 0 over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Until when a poll call collects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Wait for the whole cap or the timeout, whichever is first: librdkafka's batch call, whose last partial batch costs the
    /// whole timeout.
    Full,
    /// Return as soon as there is at least one record: `getmany` of aiokafka, `poll` of the Java client.
    First,
}

/// Why a topic with records left is not being served at a moment, in order of precedence: where several hold, the first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalCause {
    /// A request for records of the topic is on its way, is being answered, or its reply is being parsed.
    FetchInFlight,
    /// The connection to the topic's leader is taken by a request that waits at the broker for new data.
    ParkedFetch,
    /// The client waits before it asks again (full queue, earlier failure).
    BackOff,
    /// The topic's leader is unavailable, or the topic fails.
    Outage,
    /// The consumer has no assignment or no start offset yet.
    Join,
    /// None of these: the records are in the client and nobody has asked for them, or nobody has asked the broker.
    Idle,
}
