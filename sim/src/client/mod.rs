//! Client models: how a real client turns fetches into polls.
//!
//! One file a client, each beginning with what it does and does not model. A new client is one more file, and one more variant of
//! [`Settings`] and of `Client` with their arms below.

use crate::record::{ConsumerId, Fill, LocalCause, TopicId};
use crate::state::{Core, Timer};
use crate::time::Duration;

pub mod aiokafka;
pub(crate) mod costs;
pub mod ideal;
pub mod java;
pub mod kafka_python;
pub mod librdkafka;
mod metadata;
pub(crate) mod settings;

pub use costs::Costs;
pub use metadata::metadata_order;
pub use settings::Settings;

/// A call in progress that has not enough yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) cap: u32,
    pub(crate) fill: Fill,
}

/// A synchronous commit, from the call to the acknowledgement: 7.6 ms (6.4 to 25) through aiokafka, 6.9 ms (5.6 to 12.5) through
/// librdkafka, recorded over loopback (documented-group).
pub(crate) const COMMIT: Duration = Duration::from_micros(7_000);

/// A running client.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    Aiokafka(aiokafka::Aiokafka),
    Librdkafka(librdkafka::Librdkafka),
    Java(java::Java),
    KafkaPython(kafka_python::KafkaPython),
    Ideal(ideal::Ideal),
}

/// Calls the method of the same name on whichever client it is.
macro_rules! forward {
    ($self:ident.$method:ident($($arg:expr),*)) => {
        match $self {
            Client::Aiokafka(c) => c.$method($($arg),*),
            Client::Librdkafka(c) => c.$method($($arg),*),
            Client::Java(c) => c.$method($($arg),*),
            Client::KafkaPython(c) => c.$method($($arg),*),
            Client::Ideal(c) => c.$method($($arg),*),
        }
    };
}

impl Client {
    pub(crate) fn new(core: &Core, consumer: ConsumerId) -> Self {
        match &core.plan.consumers[consumer.index()].client {
            Settings::Aiokafka(s) => Self::Aiokafka(aiokafka::Aiokafka::new(core, consumer, s.clone())),
            Settings::Librdkafka(s) => Self::Librdkafka(librdkafka::Librdkafka::new(core, consumer, s.clone())),
            Settings::Java(s) => Self::Java(java::Java::new(core, consumer, s.clone())),
            Settings::KafkaPython(s) => Self::KafkaPython(kafka_python::KafkaPython::new(core, consumer, s.clone())),
            Settings::Ideal(s) => Self::Ideal(ideal::Ideal::new(core, consumer, s.clone())),
        }
    }

    /// Subscribe or assign.
    pub(crate) fn open(&mut self, core: &mut Core) {
        forward!(self.open(core));
    }

    // ---- groups (only in a fleet) ------------------------------------------------------------------------------------------------

    /// Begins as a member of a group, with no partitions yet.
    pub(crate) fn open_in_group(&mut self, core: &mut Core) {
        match self {
            Self::Java(c) => c.open_in_group(core),
            Self::KafkaPython(c) => c.open_in_group(),
            Self::Aiokafka(_) | Self::Librdkafka(_) | Self::Ideal(_) => {}
        }
    }

    /// From the start to the first request to the group's coordinator.
    pub(crate) fn group_start(&self) -> Duration {
        match self {
            Self::Aiokafka(c) => c.costs().start_group,
            Self::Librdkafka(c) => c.costs().start_group,
            Self::Java(c) => c.group_start(),
            Self::KafkaPython(c) => c.group_start(),
            Self::Ideal(_) => Duration::ZERO,
        }
    }

    /// From the answer about committed offsets to the start of fetching: with one, and without (the lookup by time not included).
    pub(crate) fn seek_delays(&self) -> (Duration, Duration) {
        match self {
            Self::Librdkafka(c) => (c.costs().offsets, c.costs().offsets + librdkafka::OFFSET_RESET),
            Self::KafkaPython(c) => (c.seek_delay(), c.seek_delay()),
            Self::Aiokafka(_) | Self::Java(_) | Self::Ideal(_) => (Duration::ZERO, Duration::ZERO),
        }
    }

    /// Whether rebalances are acted upon at once, and not only inside a poll.
    pub(crate) fn serves_its_group(&self) -> bool {
        match self {
            // Our application serves librdkafka's queue whether it wants records or not; aiokafka has a task for it.
            Self::Librdkafka(_) | Self::Aiokafka(_) | Self::Ideal(_) => true,
            // The application that fills queues of its own never stops polling.
            Self::Java(c) => c.takes(),
            Self::KafkaPython(_) => false,
        }
    }

    /// Whether somebody watches that there is a poll every `max.poll.interval.ms`, and polls are up to the scheduler.
    pub(crate) fn has_poll_interval(&self) -> bool {
        match self {
            Self::Aiokafka(_) | Self::KafkaPython(_) => true,
            Self::Java(c) => !c.takes(),
            Self::Librdkafka(_) | Self::Ideal(_) => false,
        }
    }

    /// Whether a commit in the middle of a rebalance fails without having been sent (`AbstractCoordinator.generationIfStable`).
    pub(crate) fn refuses_commits_in_rebalance(&self) -> bool {
        matches!(self, Self::Java(_) | Self::KafkaPython(_))
    }

    /// Whether a commit waits behind a join in progress: a broker reads a connection's next request after it has answered the last.
    pub(crate) fn shares_group_connection(&self) -> bool {
        !matches!(self, Self::Ideal(_))
    }

    /// The consumer has got these partitions, by slot, and is to begin at these offsets.
    pub(crate) fn assign(&mut self, core: &mut Core, positions: &[(u32, i64)]) {
        forward!(self.assign(core, positions));
    }

    /// These partitions are gone: what is buffered of them is dropped, what is on its way will be.
    pub(crate) fn revoke(&mut self, core: &mut Core, slots: &[u32]) {
        forward!(self.revoke(core, slots));
    }

    // ---- calls -------------------------------------------------------------------------------------------------------------------

    /// A poll call begins.
    pub(crate) fn poll(&mut self, core: &mut Core, cap: u32, wait: Duration, fill: Fill) {
        forward!(self.poll(core, cap, wait, fill));
    }

    /// Records are taken topic by topic.
    pub(crate) fn take(&mut self, core: &mut Core, plan: &[(TopicId, u32)]) {
        match self {
            Self::Aiokafka(c) => c.take(core, plan),
            Self::Librdkafka(c) => c.take(core, plan),
            Self::Java(c) => c.take(core, plan),
            Self::Ideal(c) => c.take(core, plan),
            Self::KafkaPython(_) => unreachable!("kafka-python has nothing to take from"),
        }
    }

    /// The timeout of the poll in progress is over.
    pub(crate) fn deadline(&mut self, core: &mut Core) {
        forward!(self.deadline(core));
    }

    /// A timer of the client's own.
    pub(crate) fn timer(&mut self, core: &mut Core, timer: Timer) {
        forward!(self.timer(core, timer));
    }

    /// The answer to the fetch on this connection has reached the client's socket; it is in `core.conns[conn].answers`.
    pub(crate) fn answer(&mut self, core: &mut Core, conn: u32) {
        match self {
            Self::Aiokafka(c) => c.answer(core, conn),
            Self::Librdkafka(c) => c.answer(core, conn),
            Self::Java(c) => c.answer(core, conn),
            Self::KafkaPython(c) => c.answer(core, conn),
            Self::Ideal(_) => unreachable!("the ideal client sends no fetches"),
        }
    }

    /// The connection broke, or was refused, while a fetch was out.
    pub(crate) fn broken(&mut self, core: &mut Core, conn: u32) {
        match self {
            Self::Aiokafka(c) => c.broken(core, conn),
            Self::Librdkafka(c) => c.broken(core, conn),
            Self::Java(c) => c.broken(core, conn),
            Self::KafkaPython(c) => c.broken(core, conn),
            Self::Ideal(_) => unreachable!("the ideal client sends no fetches"),
        }
    }

    /// A synchronous commit begins. Returns how long it takes.
    pub(crate) fn commit_begins(&mut self, core: &mut Core) -> Duration {
        if let Self::KafkaPython(c) = self {
            c.commit_begins(core);
        }
        match self {
            Self::Aiokafka(c) => c.costs().commit,
            Self::Librdkafka(c) => c.costs().commit,
            Self::Java(c) => c.costs().commit,
            Self::KafkaPython(c) => c.costs().commit,
            Self::Ideal(_) => COMMIT,
        }
    }

    /// A synchronous commit has returned. Only for clients whose calling thread gets on with fetches meanwhile.
    pub(crate) fn committed(&mut self, core: &mut Core) {
        match self {
            Self::Java(c) => c.committed(core),
            Self::KafkaPython(c) => c.released(core),
            _ => {}
        }
    }

    /// A poll has returned: the calling thread is the application's. Only for clients that read on the calling thread, or starve
    /// for it.
    pub(crate) fn returned(&mut self, core: &mut Core) {
        if let Self::KafkaPython(c) = self {
            c.released(core);
        }
    }

    /// A partition has got new records, or can be read again. Only for the ideal client: the others learn it from a fetch.
    pub(crate) fn appended(&mut self, core: &mut Core, slot: u32) {
        if let Self::Ideal(c) = self {
            c.appended(core, slot);
        }
    }

    /// Why the records of a partition do not move now.
    pub(crate) fn cause(&self, core: &Core, slot: u32) -> LocalCause {
        forward!(self.cause(core, slot))
    }
}
