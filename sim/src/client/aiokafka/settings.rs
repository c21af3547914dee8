//! What may be set.

use crate::client::costs::Costs;
use crate::time::Duration;

/// `getmany` as recorded with the C extension. Reading an answer is besides network and broker. A group's start offsets come with its
/// assignment.
const COSTS: Costs = Costs {
    start_assign: Duration::from_micros(2_600),
    start_group: Duration::from_micros(13_000),
    offsets: Duration::ZERO,
    call: Duration::from_micros(40),
    record: Duration::from_nanos(1_700),
    kilobyte: Duration::from_nanos(1_150),
    send: Duration::ZERO,
    answer: Duration::from_micros(700),
    answer_kilobyte: Duration::from_nanos(1_900),
    answer_record: Duration::ZERO,
    empty: Duration::from_micros(800),
    commit: super::super::COMMIT,
};

/// The properties that decide what is fetched when, under aiokafka's names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `fetch_min_bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch_max_bytes`.
    pub fetch_max_bytes: u32,
    /// `fetch_max_wait_ms`.
    pub fetch_max_wait: Duration,
    /// `max_partition_fetch_bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `retry_backoff_ms`.
    pub retry_backoff: Duration,
    /// What its work costs.
    pub costs: Costs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fetch_min_bytes: 1,
            fetch_max_bytes: 52_428_800,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1_048_576,
            retry_backoff: Duration::from_millis(100),
            costs: COSTS,
        }
    }
}
