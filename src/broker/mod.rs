//! The seam: what a [`Session`](crate::session::Session) asks for ([`Action`]), what it is told ([`Input`]), and who stands on the
//! other side ([`Broker`]).
//!
//! Two backends implement [`Broker`]: [`sim::SimBroker`], a simulated world in virtual time with the application in it, and
//! `kafka::KafkaBroker`, librdkafka against a real or an in-process mock cluster in wall time. Neither a session nor a policy
//! can tell which one it is on. Payloads stay in the backend: above this line there are only batch ids and runs of offsets.

use crate::{BatchId, ConsumerId, Duration, Fill, PartitionId, Run, Time, TopicId, TopicSet};

pub use fairdrain_sim::{Fact, LocalCause, Signal};

#[cfg(feature = "kafka")]
pub mod kafka;
pub mod sim;

/// What a session asks its broker to do. Submitting never blocks; what comes of it arrives as an [`Input`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create every consumer and let it subscribe or assign. Answered by [`Input::Assigned`], once a consumer.
    Open,
    /// One poll of an idle consumer. Answered by exactly one [`Input::Delivered`] (perhaps empty) or [`Input::Failed`].
    Poll {
        /// Who polls.
        consumer: ConsumerId,
        /// At most this many records.
        cap: u32,
        /// At most this long.
        wait: Duration,
        /// Whether to wait for the whole cap.
        fill: Fill,
    },
    /// Hand out what is already there, topic by topic, without waiting. Answered by exactly one [`Input::Delivered`].
    Take {
        /// From whose queues.
        consumer: ConsumerId,
        /// At most so many records of each topic, taken in this order.
        plan: Vec<(TopicId, u32)>,
    },
    /// Give a delivered batch to the application. Answered by [`Input::Processed`].
    Process(BatchId),
    /// Throw away, unprocessed, what a delivered batch has of these partitions: they have been revoked. Comes before the batch's
    /// `Process`, if there is one at all: a batch with nothing else in it ends here. Not answered.
    Discard {
        /// Which batch.
        batch: BatchId,
        /// Which of its partitions.
        partitions: Vec<PartitionId>,
    },
    /// Commit these positions (offset of the next record to read). Answered by [`Input::Committed`] or [`Input::Failed`].
    Commit {
        /// The consumer that owns the partitions.
        consumer: ConsumerId,
        /// Partition and next offset.
        offsets: Vec<(PartitionId, i64)>,
    },
    /// Everything that had to happen before a revocation has happened: let the rebalance go on.
    RevokeDone {
        /// Whose revocation.
        consumer: ConsumerId,
    },
    /// Send [`Input::Wake`] at this moment, unless something else arrives earlier. A later `Wake` replaces an earlier one.
    Wake(Time),
    /// Leave groups and destroy the consumers, by this moment at the latest. Answered by [`Input::Closed`].
    Close {
        /// Deadline.
        by: Time,
    },
}

/// What a broker tells a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A consumer has been given these partitions, in addition to those it has.
    Assigned {
        /// Whose.
        consumer: ConsumerId,
        /// Which.
        partitions: Vec<PartitionId>,
    },
    /// Partitions are about to be taken away. The rebalance waits for [`Action::RevokeDone`] until `by`.
    Revoking {
        /// Whose.
        consumer: ConsumerId,
        /// Which.
        partitions: Vec<PartitionId>,
        /// They are gone already: nothing can be committed any more.
        lost: bool,
        /// Deadline.
        by: Time,
    },
    /// A topic has records in its local queue, where it had none when it was last taken from (or has been so from the start).
    Ready(TopicId),
    /// Result of a poll or a take.
    Delivered {
        /// Who polled.
        consumer: ConsumerId,
        /// Name of the batch; meaningless if `runs` is empty.
        batch: BatchId,
        /// What was handed out, in that order.
        runs: Vec<Run>,
        /// Topics of a take's plan whose local queue is empty now.
        dry: Vec<TopicId>,
    },
    /// The application is done with every record of a batch.
    Processed(BatchId),
    /// The topics that still block incomplete inputs have changed.
    Demand(TopicSet),
    /// Somebody wants what has been processed so far to be committed now, whatever the session's own commits are: each consumer
    /// commits its own topics.
    Commit,
    /// A commit has been acknowledged.
    Committed {
        /// Whose.
        consumer: ConsumerId,
    },
    /// Something asked for did not happen.
    Failed {
        /// Whose.
        consumer: ConsumerId,
        /// The one topic it is about; all of the consumer's if `None`.
        topic: Option<TopicId>,
        /// What failed.
        failure: Failure,
    },
    /// The moment asked for has come.
    Wake,
    /// The process died and has come up again: consumers, queues and batches of before are gone. A new session takes over.
    Crashed,
    /// Finish: no more polls, let the application end what it has, commit, close.
    Stop,
    /// All consumers are gone.
    Closed,
}

/// What kind of thing failed; the session's answer depends on no more than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The poll in progress ended without a result. It may be repeated after a back-off.
    Poll(String),
    /// A commit was refused or got lost.
    Commit(String),
    /// A topic could not be fetched. Reported once at the beginning of a period of failure; the consumer goes on with the others
    /// and retries by itself. No poll is answered by it.
    Fetch(String),
    /// The consumer can't go on.
    Fatal(String),
}

/// Why a backend can't go on at all.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Nothing answered.
    #[error("no Kafka broker answered at {servers} within {waited}: {reason}")]
    Unreachable {
        /// The servers tried.
        servers: String,
        /// How long it was tried.
        waited: Duration,
        /// The client library's reason.
        reason: String,
    },
    /// The cluster refused something that the run can't do without.
    #[error("{0}")]
    Refused(String),
    /// Nothing can happen any more, and nobody has stopped the session: a defect of the session or of the world.
    #[error("nothing is left to wait for, yet the session has not finished")]
    Stuck,
}

/// The other side of a session.
///
/// Contract: `submit` every action first, then call `next`, hand its input to the session, and begin again; as long as `has_input`
/// says so, call `next` again before that. `next` blocks (or advances virtual time) until there is an input. Times never decrease.
pub trait Broker {
    /// Takes an action on. Never blocks.
    ///
    /// # Errors
    /// [`BrokerError`] if the backend as a whole is gone; the failure of one consumer or topic is an [`Input::Failed`] instead.
    fn submit(&mut self, action: Action) -> Result<(), BrokerError>;

    /// The next thing that happens.
    ///
    /// # Errors
    /// [`BrokerError`] as above, and [`BrokerError::Stuck`] if nothing ever will.
    fn next(&mut self) -> Result<(Time, Input), BrokerError>;

    /// Whether another input is there already: `next` would return it without waiting. What is there together is handed to the
    /// session together, before it acts: a scheduler should not decide on the first of five topics that one answer has brought.
    fn has_input(&self) -> bool;

    /// What observers may know of the time up to the last input, oldest first. The caller drains it.
    fn signals(&mut self) -> &mut Vec<Signal>;
}
