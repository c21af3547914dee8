//! What a world tells.

use core::fmt;

use crate::group::Refusal;
use crate::record::{BatchId, ConsumerId, PartitionId, Run, TopicId};
use crate::time::Time;

/// What a world tells whoever drives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A consumer has these partitions now.
    Assigned {
        /// Whose.
        consumer: ConsumerId,
        /// Which.
        partitions: Vec<PartitionId>,
    },
    /// Partitions are about to be taken away: nothing more of them is handed out. The rebalance waits for
    /// [`revoke_done`](crate::World::revoke_done) until `by`. Only in a [fleet](crate::fleet).
    Revoking {
        /// Whose.
        consumer: ConsumerId,
        /// Which.
        partitions: Vec<PartitionId>,
        /// They are gone already: nothing can be committed any more, and nobody waits.
        lost: bool,
        /// Deadline.
        by: Time,
    },
    /// A topic has records in its local queue. Only from consumers that take.
    Ready(TopicId),
    /// A poll or take has returned.
    Delivered {
        /// Whose.
        consumer: ConsumerId,
        /// Its number; meaningless without runs.
        batch: BatchId,
        /// What was handed out.
        runs: Vec<Run>,
        /// Topics of a take that have nothing left in the client.
        dry: Vec<TopicId>,
    },
    /// The application is done with a batch.
    Processed(BatchId),
    /// A commit has been acknowledged.
    Committed(ConsumerId),
    /// A commit has been refused. Only in a [fleet](crate::fleet).
    CommitFailed {
        /// Whose.
        consumer: ConsumerId,
        /// Why.
        reason: Refusal,
    },
    /// A consumer can't go on. Only in a [fleet](crate::fleet).
    Fatal {
        /// Which.
        consumer: ConsumerId,
        /// Why.
        reason: Fatal,
    },
    /// A topic's fetches have begun to fail.
    FetchFailed {
        /// Whose.
        consumer: ConsumerId,
        /// Which.
        topic: TopicId,
    },
    /// The moment asked for has come, or an alarm of the configuration.
    Wake,
    /// The process has died and is up again; it has no consumers yet.
    Crashed,
    /// The consumers are gone.
    Closed,
}

/// Why a consumer can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fatal {
    /// Another process has its `group.instance.id`.
    FencedInstance,
    /// No offset is committed, and `auto.offset.reset` is `none`.
    NoOffset,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FencedInstance => "another process has joined with the same group.instance.id (FENCED_INSTANCE_ID)",
            Self::NoOffset => "no offset is committed for a partition, and auto.offset.reset is none",
        })
    }
}
