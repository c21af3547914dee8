//! What a client's own work costs. Each client has values of its own, taken from recorded runs over loopback; another machine has
//! others.

use crate::time::Duration;

/// What a client's own work costs, and how long it takes to start. Where a client has no such work the cost is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Costs {
    /// From the start to the first fetch request, with manual assignment.
    pub start_assign: Duration,
    /// From the start to the assignment of a fresh group.
    pub start_group: Duration,
    /// In a group, from the assignment to the first start offset.
    pub offsets: Duration,
    /// A poll that hands out records, besides these.
    pub call: Duration,
    /// Handing out a record.
    pub record: Duration,
    /// Handing out 1000 bytes of values.
    pub kilobyte: Duration,
    /// Building and sending a fetch request.
    pub send: Duration,
    /// Reading a fetch answer, besides what is in it.
    pub answer: Duration,
    /// Reading 1000 bytes of a fetch answer.
    pub answer_kilobyte: Duration,
    /// A record of a fetch answer: when it is read (librdkafka), or handed out by the poll that waited for it (Java).
    pub answer_record: Duration,
    /// A poll that finds nothing outlasts its timeout by this.
    pub empty: Duration,
    /// A synchronous commit, from the call to the acknowledgement.
    pub commit: Duration,
}

impl Costs {
    /// Handing out so many records of so many bytes.
    pub(crate) fn handing_out(&self, records: u32, bytes: u64) -> Duration {
        self.record.times(u64::from(records)) + per_kilobyte(self.kilobyte, bytes)
    }

    /// Reading so many bytes of an answer.
    pub(crate) fn reading(&self, bytes: u64) -> Duration {
        per_kilobyte(self.answer_kilobyte, bytes)
    }
}

fn per_kilobyte(cost: Duration, bytes: u64) -> Duration {
    Duration::from_nanos(cost.as_nanos() * bytes / 1000)
}
