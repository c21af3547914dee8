//! What a world tells.

use crate::record::{BatchId, ConsumerId, PartitionId, Run, TopicId};

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
