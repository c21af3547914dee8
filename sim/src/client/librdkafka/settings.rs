//! What may be set.

use crate::client::costs::Costs;
use crate::time::Duration;

/// The batch call in C. An answer is parsed in the broker's thread. `offsets`: where there are committed ones. A call that is not
/// filled outlasts its timeout like one that finds nothing.
const COSTS: Costs = Costs {
    start_assign: Duration::from_millis(3),
    start_group: Duration::from_millis(62),
    offsets: Duration::from_millis(2),
    call: Duration::from_nanos(180),
    record: Duration::from_nanos(110),
    kilobyte: Duration::from_nanos(60),
    send: Duration::ZERO,
    answer: Duration::from_micros(60),
    answer_kilobyte: Duration::from_nanos(1_100),
    answer_record: Duration::from_nanos(260),
    empty: Duration::from_micros(220),
    commit: super::super::COMMIT,
};

/// The properties that decide what is fetched when, under librdkafka's names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch.max.bytes`; `None`: derived from `queued.max.messages.kbytes`.
    pub fetch_max_bytes: Option<u32>,
    /// `fetch.wait.max.ms`.
    pub fetch_wait_max: Duration,
    /// `fetch.message.max.bytes`.
    pub fetch_message_max_bytes: u32,
    /// `queued.min.messages`.
    pub queued_min_messages: u32,
    /// `queued.max.messages.kbytes`.
    pub queued_max_messages_kbytes: u32,
    /// `fetch.queue.backoff.ms`.
    pub fetch_queue_backoff: Duration,
    /// `fetch.error.backoff.ms`.
    pub fetch_error_backoff: Duration,
    /// What its work costs.
    pub costs: Costs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fetch_min_bytes: 1,
            fetch_max_bytes: None,
            fetch_wait_max: Duration::from_millis(500),
            fetch_message_max_bytes: 1_048_576,
            queued_min_messages: 100_000,
            queued_max_messages_kbytes: 65_536,
            fetch_queue_backoff: Duration::from_millis(1000),
            fetch_error_backoff: Duration::from_millis(500),
            costs: COSTS,
        }
    }
}

impl Settings {
    /// `rdkafka_conf.c: rd_kafka_conf_finalize`: lowering the queue limit silently lowers the fetch limit too.
    pub(super) fn fetch_max_bytes(&self) -> u32 {
        const MESSAGE_MAX_BYTES: u32 = 1_000_000;
        self.fetch_max_bytes.unwrap_or_else(|| {
            self.queued_max_messages_kbytes.saturating_mul(1024).clamp(MESSAGE_MAX_BYTES, 52_428_800)
        })
    }
}
