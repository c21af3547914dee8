//! Consumer groups: who has which partition, and which offsets are committed.
//!
//! [`coordinator`] is the broker's side, a state machine without I/O; `member` is the client's side, inside a
//! [`World`](crate::World); [`Fleet`](crate::fleet::Fleet) carries requests and responses between several worlds and one coordinator.
//! A world without a fleet has none of this: its consumers get all their partitions after the delay of their client model.

use core::fmt;

use crate::time::Duration;

pub mod assignor;
mod classic;
pub mod coordinator;
pub(crate) mod member;
mod modern;
mod offsets;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

/// `group.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Join, sync and heartbeat; the leader's client assigns.
    #[default]
    Classic,
    /// KIP-848: heartbeats only; the coordinator assigns.
    Consumer,
}

/// Who gets which partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Topic by topic, neighbouring partitions together: partitions with the same number go to the same member where all members
    /// want all topics and these have equally many partitions. Eager under the classic protocol.
    #[default]
    Range,
    /// All partitions in turn. Eager; classic protocol only.
    RoundRobin,
    /// As balanced as can be with as few moves as possible; what moves is revoked first and handed over by a second rebalance.
    /// Classic protocol only.
    CooperativeSticky,
    /// The coordinator's default under the consumer protocol: as balanced as can be with as few moves as possible.
    Uniform,
}

impl Assignor {
    /// Whether a protocol has it.
    #[must_use]
    pub const fn is_of(self, protocol: Protocol) -> bool {
        match self {
            Self::Range => true,
            Self::RoundRobin | Self::CooperativeSticky => matches!(protocol, Protocol::Classic),
            Self::Uniform => matches!(protocol, Protocol::Consumer),
        }
    }
}

/// `auto.offset.reset`: where to begin without a committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// At the first record.
    #[default]
    Earliest,
    /// After the last record of that moment.
    Latest,
    /// Nowhere: it is an error.
    None,
}

/// What the groups of a fleet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.protocol`.
    pub protocol: Protocol,
    /// `partition.assignment.strategy`, or `group.remote.assignor`.
    pub assignor: Assignor,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`; the rebalance timeout too.
    pub max_poll_interval: Duration,
    /// The broker's `group.initial.rebalance.delay.ms`. Classic protocol only.
    pub initial_rebalance_delay: Duration,
    /// The broker's `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
}

impl GroupConfig {
    /// Kafka's defaults for a protocol: range and heartbeats every 3 s, or uniform and every 5 s. `earliest`, as whoever has a
    /// backlog to drain needs.
    #[must_use]
    pub const fn of(protocol: Protocol) -> Self {
        let (assignor, heartbeat) = match protocol {
            Protocol::Classic => (Assignor::Range, 3),
            Protocol::Consumer => (Assignor::Uniform, 5),
        };
        Self {
            protocol,
            assignor,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(heartbeat),
            max_poll_interval: Duration::from_secs(300),
            initial_rebalance_delay: Duration::from_secs(3),
            offsets_retention: Duration::from_secs(10_080 * 60),
            offset_reset: OffsetReset::Earliest,
        }
    }
}

impl GroupConfig {
    /// Whether a rebalance takes only what moves, instead of everything.
    #[must_use]
    pub const fn is_incremental(&self) -> bool {
        matches!(self.protocol, Protocol::Consumer) || matches!(self.assignor, Assignor::CooperativeSticky)
    }
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self::of(Protocol::Classic)
    }
}

/// Why a coordinator refuses a request; Kafka's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// `UNKNOWN_MEMBER_ID`.
    UnknownMember,
    /// `ILLEGAL_GENERATION`.
    IllegalGeneration,
    /// `REBALANCE_IN_PROGRESS`.
    RebalanceInProgress,
    /// `FENCED_INSTANCE_ID`: another process has this `group.instance.id` now.
    FencedInstance,
    /// `FENCED_MEMBER_EPOCH`.
    FencedEpoch,
    /// `STALE_MEMBER_EPOCH`.
    StaleEpoch,
    /// `UNRELEASED_INSTANCE_ID`: another process has this `group.instance.id` still.
    UnreleasedInstance,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownMember => "UNKNOWN_MEMBER_ID",
            Self::IllegalGeneration => "ILLEGAL_GENERATION",
            Self::RebalanceInProgress => "REBALANCE_IN_PROGRESS",
            Self::FencedInstance => "FENCED_INSTANCE_ID",
            Self::FencedEpoch => "FENCED_MEMBER_EPOCH",
            Self::StaleEpoch => "STALE_MEMBER_EPOCH",
            Self::UnreleasedInstance => "UNRELEASED_INSTANCE_ID",
        })
    }
}
