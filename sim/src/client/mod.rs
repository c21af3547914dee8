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
    pub(crate) fn commit_begins(&mut self, core: &mut Core, consumer: ConsumerId) -> Duration {
        if let Self::KafkaPython(c) = self {
            c.commit_begins(core);
        }
        core.plan.consumers[consumer.index()].client.costs().map_or(COMMIT, |costs| costs.commit)
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
