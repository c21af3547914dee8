//! Facts for observers.

use crate::record::{LocalCause, Run, TopicId};
use crate::time::Time;

/// A fact for observers. Nothing a session decides may depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub fact: Fact,
}

/// What a [`Signal`] reports. A backend that can't observe a fact does not send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Records of a run have been processed one after the other, evenly spread over this interval.
    Processed {
        /// Which records.
        run: Run,
        /// When work on the first one began. (`at` of the signal is when the last one was done.)
        started: Time,
    },
    /// All of the application's workers (or, where application and client share one thread, that thread) are busy from now on, the
    /// longest-running with records of this topic; `None`: one is free again.
    Busy(Option<TopicId>),
    /// Why the topic's consumer does not move, from now on.
    Cause(TopicId, LocalCause),
    /// A fetch request has been sent.
    FetchSent,
    /// Records have arrived in the client. Bytes are value bytes; `again`: these offsets had been fetched before.
    Fetched {
        /// Of which topic.
        topic: TopicId,
        /// How many records.
        records: u64,
        /// How many bytes.
        bytes: u64,
        /// Bytes as sent, compressed, torn tail included.
        wire_bytes: u64,
        /// Whether these offsets had been fetched before.
        again: bool,
    },
    /// Fetched records were thrown away undelivered.
    Discarded {
        /// Of which topic.
        topic: TopicId,
        /// How many records.
        records: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// A live producer has appended records.
    Appended {
        /// To which topic.
        topic: TopicId,
        /// How many records.
        records: u64,
    },
}
