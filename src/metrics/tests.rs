//! What the unit tests of the metrics share.

use crate::Duration;
use crate::scenario::{Sizes, Topic};

/// A required topic of one partition, with ten keys, in batches of 100.
pub(super) fn topic(name: &str, backlog: u64) -> Topic {
    Topic {
        name: name.to_owned(),
        partitions: 1,
        backlog,
        value_bytes: Sizes::Fixed(200),
        key_bytes: 10,
        batch_records: 100,
        compression_millis: 1000,
        arrival: None,
        keys: 10,
        weight: 1,
        required: true,
        leader: 0,
        processing_per_record: None,
    }
}
