//! Settings that a scheduler needs from its client, where the user has given none. The same on every backend.

use crate::Duration;

/// What librdkafka's queues need where records are taken from split partition queues.
///
/// Split queues run dry one by one. With the client's defaults the others would then wait behind a fetch for the dry ones that is
/// parked at the broker (500 ms), or for the back-off of a full queue (1 s), and each queue would hold up to 100 000 messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitQueues {
    /// `fetch.wait.max.ms`.
    pub fetch_wait_max: Duration,
    /// `fetch.queue.backoff.ms`.
    pub fetch_queue_backoff: Duration,
    /// `queued.min.messages`, now a limit of each partition: enough for three hand-overs.
    pub queued_min_messages: u32,
    /// `fetch.max.bytes`: explicit, or it would follow a lowered queue limit down (librdkafka #1854).
    pub fetch_max_bytes: u32,
}

impl SplitQueues {
    /// For hand-overs of at most `cap` records.
    #[must_use]
    pub fn for_cap(cap: u32) -> Self {
        Self {
            fetch_wait_max: Duration::from_millis(10),
            fetch_queue_backoff: Duration::from_millis(10),
            queued_min_messages: cap.saturating_mul(3).max(100),
            fetch_max_bytes: 52_428_800,
        }
    }
}
