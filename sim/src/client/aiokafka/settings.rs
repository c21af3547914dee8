//! What may be set.

use crate::time::Duration;

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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fetch_min_bytes: 1,
            fetch_max_bytes: 52_428_800,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1_048_576,
            retry_backoff: Duration::from_millis(100),
        }
    }
}
