//! What the Java client costs, as recorded over loopback on two cores. The JVM is still compiling in all of these runs.

use crate::time::Duration;

/// A poll that hands something out, and each record of it: 0.5 ms + 0.7 us a record once the JVM is warm, four times that in polls 2
/// to 5, one and a half times in polls 6 to 15.
pub(super) const CALL: Duration = Duration::from_micros(500);
pub(super) const RECORD: Duration = Duration::from_nanos(700);
/// Reading an answer (socket, CRC, copying), a MiB; and each record handed out by the poll that waited for it.
pub(super) const READ_MEBIBYTE: Duration = Duration::from_micros(6_500);
pub(super) const FRESH_RECORD: Duration = Duration::from_nanos(1_300);
/// Registering the metrics of a topic, at the end of the first answer (`FetchMetricsAggregator`).
pub(super) const SENSORS: Duration = Duration::from_millis(3);
/// A poll that finds nothing outlasts its timeout by this.
pub(super) const EMPTY: Duration = Duration::from_micros(500);
/// A consumer's start in a JVM that has loaded and compiled nothing yet: classic; async of 4.0, of 4.2; with a group.
pub(super) const START_CLASSIC: Duration = Duration::from_millis(440);
pub(super) const START_ASYNC_4_0: Duration = Duration::from_millis(90);
pub(super) const START_ASYNC_4_2: Duration = Duration::from_millis(75);
pub(super) const START_CLASSIC_GROUP: Duration = Duration::from_millis(500);
pub(super) const START_ASYNC_4_0_GROUP: Duration = Duration::from_millis(510);
pub(super) const START_ASYNC_4_2_GROUP: Duration = Duration::from_millis(230);
/// A further consumer of the same JVM: from its first poll to its first request.
pub(super) const CONNECT: Duration = Duration::from_millis(30);
/// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
pub(super) const RECONNECT: Duration = Duration::from_millis(50);
pub(super) const RECONNECT_MAX: Duration = Duration::from_millis(1000);

/// Reading an answer of so many bytes.
pub(super) fn reading(bytes: u64) -> Duration {
    Duration::from_nanos(READ_MEBIBYTE.as_nanos() * bytes / (1 << 20))
}
