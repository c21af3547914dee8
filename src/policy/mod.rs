//! Schedulers: the part that differs from one to the next. Told what happens, asked what to do next.
//!
//! A policy is a plain state machine: no clock, no entropy, no I/O. What all schedulers share (opening, credit, the offset ledger,
//! commits, revocations, back-off, stop) is in [`Session`](crate::session::Session).
//!
//! A new policy is one file here, a variant of [`Name`] with its row in `name.rs`, and a variant of [`AnyPolicy`].

use crate::{ConsumerId, Duration, Fill, Run, Time, TopicId, TopicSet};

pub use any::{AnyPolicy, Settings};
pub use capability::Incapable;
pub use complete_first::CompleteFirst;
pub use fair::{Fair, Guarantee};
pub use multi::Multi;
pub use multi_gather::MultiGather;
pub use multi_sequential::MultiSequential;
pub use name::{Name, UnknownName};
pub use single::Single;

mod any;
mod capability;
mod complete_first;
mod drr;
mod fair;
mod multi;
mod multi_gather;
mod multi_sequential;
mod name;
mod single;

/// What a policy is told. Everything it is told has already happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A topic has records in its local queue.
    Ready(TopicId),
    /// A consumer may be asked from now on, and could not be before: it has been assigned something, its poll has returned, its
    /// commit has been answered, its back-off or revocation is over. Told so that nobody has to look through all consumers.
    Idle(ConsumerId),
    /// A poll or take has returned.
    Delivered {
        /// Who.
        consumer: ConsumerId,
        /// What; empty for an empty poll.
        runs: &'a [Run],
        /// Topics that a take has left empty.
        dry: &'a [TopicId],
    },
    /// A poll has ended in failure; the session holds the consumer back until its back-off is over.
    Failed(ConsumerId),
    /// The application is done with a batch of this consumer (or will never see it, because its partitions have been revoked).
    Processed(ConsumerId),
    /// The topics that still block incomplete inputs.
    Demand(&'a TopicSet),
    /// What was buffered for these topics is gone: none of their partitions is assigned any more.
    Emptied(&'a [TopicId]),
}

/// What a policy may look at when asked for its next step.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// How many more batches the application takes now, polls in progress counted as taken. A policy is not asked while it is 0.
    pub credit: u32,
    /// Batches of all consumers that have been delivered and not yet processed.
    pub outstanding: u32,
    /// Consumers with a poll, a take or a commit in progress.
    pub busy: u32,
    /// Consumers that have not had their first assignment yet.
    pub joining: u32,
    /// Per consumer: what it is doing.
    pub consumers: &'a [ConsumerView],
}

/// One consumer as a policy sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumerView {
    /// It has an assignment, no poll, take, commit or revocation in progress, and no back-off running: it may be asked.
    pub idle: bool,
    /// Its batches that have been delivered and not yet processed.
    pub outstanding: u32,
}

/// A policy's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Poll an idle consumer.
    Poll {
        /// Who.
        consumer: ConsumerId,
        /// At most this many records.
        cap: u32,
        /// At most this long.
        wait: Duration,
        /// Whether to wait for the whole cap.
        fill: Fill,
    },
    /// Take from the local queues of an idle consumer.
    Take {
        /// From whose.
        consumer: ConsumerId,
        /// How many of each topic, in this order. Not empty, no zeros.
        plan: Vec<(TopicId, u32)>,
    },
    /// Nothing until the next event.
    Await,
}

/// A scheduler.
pub trait Policy {
    /// Something has happened.
    fn on(&mut self, now: Time, event: &Event<'_>);

    /// What to do next. Asked again after every step but [`Step::Await`], and after every event, while there is credit.
    fn next(&mut self, now: Time, view: &View<'_>) -> Step;

    /// Whether delivered batches are held back from the application now, because the round they belong to has not closed (the
    /// barrier of `multi-gather`).
    fn holds(&self) -> bool {
        false
    }
}
