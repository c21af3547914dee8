//! What the Java client costs, as recorded over loopback on two cores. The JVM is still compiling in all of these runs.

use super::settings::{Protocol, Version};
use crate::client::costs::Costs;
use crate::time::Duration;

/// Registering the metrics of a topic, at the end of the first answer (`FetchMetricsAggregator`).
pub(super) const SENSORS: Duration = Duration::from_millis(3);
/// A further consumer of the same JVM: from its first poll to its first request.
pub(super) const CONNECT: Duration = Duration::from_millis(30);
/// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
pub(super) const RECONNECT: Duration = Duration::from_millis(50);
pub(super) const RECONNECT_MAX: Duration = Duration::from_millis(1000);

/// A poll that hands something out: 0.5 ms + 0.7 us a record once the JVM is warm, four times that in polls 2 to 5, one and a half
/// times in polls 6 to 15. Reading an answer (socket, CRC, copying): 6.5 ms a MiB. The start is that of a consumer in a JVM that has
/// loaded and compiled nothing yet.
pub(super) const fn of(version: Version, protocol: Protocol) -> Costs {
    let (start_assign, start_group) = match (protocol, version) {
        (Protocol::Classic, _) => (440, 500),
        (Protocol::Consumer, Version::V4_2) => (75, 230),
        (Protocol::Consumer, _) => (90, 510),
    };
    Costs {
        start_assign: Duration::from_millis(start_assign),
        start_group: Duration::from_millis(start_group),
        offsets: Duration::ZERO,
        call: Duration::from_micros(500),
        record: Duration::from_nanos(700),
        kilobyte: Duration::ZERO,
        send: Duration::ZERO,
        answer: Duration::ZERO,
        answer_kilobyte: Duration::from_nanos(6_199),
        answer_record: Duration::from_nanos(1_300),
        empty: Duration::from_micros(500),
        commit: super::super::COMMIT,
    }
}
