//! Which Java client, and its properties.

use super::cost;
use crate::client::costs::Costs;
use crate::time::Duration;

/// Versions that behave alike, by the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Up to 3.6. From source only: no recording.
    V3_0,
    /// 3.7 to 3.9: requests in hash order.
    V3_7,
    /// 4.0 and 4.1: no fetch from a node of which something is buffered.
    V4_0,
    /// 4.2 and later: requests in assignment order.
    V4_2,
}

/// `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `classic`: everything happens on the thread that polls.
    Classic,
    /// `consumer`: a background thread does the network. From 4.0.
    Consumer,
}

/// The properties that decide what is fetched when.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which versions.
    pub version: Version,
    /// `group.protocol`.
    pub protocol: Protocol,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Duration,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// What its work costs.
    pub costs: Costs,
}

impl Settings {
    /// Defaults of a version and protocol.
    #[must_use]
    pub const fn new(version: Version, protocol: Protocol) -> Self {
        Self {
            version,
            protocol,
            fetch_min_bytes: 1,
            fetch_max_bytes: 52_428_800,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1_048_576,
            retry_backoff: Duration::from_millis(100),
            costs: cost::of(version, protocol),
        }
    }
}
