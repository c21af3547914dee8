//! What differs between the lines of kafka-python: its rules, and its costs.

use crate::client::costs::Costs;
use crate::time::Duration;

/// A line of kafka-python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// 3.x: an I/O thread, fetch sessions, lazy decoding.
    V3_0,
    /// 2.1 to 2.3: fetch sessions and lazy decoding, without an I/O thread.
    V2_2,
    /// 2.0.2: sessionless fetches, shuffled twice; a chunk is decoded at once.
    V2_0,
}

impl Version {
    /// The line that a release such as `2.2.15` belongs to; `None` for one that there is no model of.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Self> {
        let mut parts = release.split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next()??, parts.next()??) {
            (3, _) => Some(Self::V3_0),
            (2, 1..=3) => Some(Self::V2_2),
            (2, 0) => Some(Self::V2_0),
            _ => None,
        }
    }

    pub(super) const fn rules(self) -> &'static Rules {
        match self {
            Self::V3_0 => &V3_0,
            Self::V2_2 => &V2_2,
            Self::V2_0 => &V2_0,
        }
    }
}

/// What is shuffled when a group's assignment arrives (`subscription_state.py: _apply_assignment`, `assign_from_subscribed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartShuffle {
    /// Each partition by itself.
    Partitions,
    /// Topics; the partitions of each stay together.
    Topics,
    /// Nothing: every request is shuffled instead.
    Nothing,
}

/// The rules and costs of a line.
#[derive(Debug)]
pub(super) struct Rules {
    /// KIP-227, `fetcher.py: FetchSessionHandler` (from 2.1).
    pub(super) sessions: bool,
    /// Records are decoded as they are handed out, so that the end of a chunk is found out only by asking for more (from 2.1).
    pub(super) lazy: bool,
    /// Replies are read by a thread of their own whenever the calling thread blocks (from 3.0), not only inside calls that wait.
    pub(super) io_thread: bool,
    pub(super) start_shuffle: StartShuffle,
    /// `random.shuffle` of each request's topics, and of each reply's topics and their partitions (2.0).
    pub(super) shuffles: bool,
    /// Step of the sleep in a poll while no leader is known: `retry_backoff_ms` (from 3.0; `group.py: _poll_once`).
    pub(super) leader_sleep: Option<Duration>,
    /// `record` and `kilobyte`: decoding. Lazy: as records are handed out; otherwise a chunk at a time.
    pub(super) costs: Costs,
}

// Costs: medians of recorded runs over loopback, without a C extension for CRC-32C: 6 us a record, 0.145 us a byte, of which a record
// has about 20 besides its value. A fetch wait of 3.4 ms (2.2) and 4.4 ms (3.0) for a mebibyte includes network and broker.

const V3_0: Rules = Rules {
    sessions: true,
    lazy: true,
    io_thread: true,
    start_shuffle: StartShuffle::Partitions,
    shuffles: false,
    leader_sleep: Some(Duration::from_millis(100)),
    costs: Costs {
        // Leaders are known a little more than one sleep after the start: the second sleep of a poll notices it.
        start_assign: Duration::from_micros(100_300),
        start_group: Duration::from_millis(28),
        offsets: Duration::from_millis(160),
        call: Duration::from_micros(500),
        record: Duration::from_nanos(8_900),
        kilobyte: Duration::from_micros(145),
        send: Duration::from_micros(1_200),
        answer: Duration::from_micros(700),
        answer_kilobyte: Duration::from_nanos(3_200),
        answer_record: Duration::ZERO,
        empty: Duration::from_micros(600),
        commit: Duration::from_micros(8_500),
    },
};

const V2_2: Rules = Rules {
    io_thread: false,
    start_shuffle: StartShuffle::Topics,
    leader_sleep: None,
    costs: Costs {
        start_assign: Duration::from_millis(12),
        start_group: Duration::from_millis(212),
        offsets: Duration::from_millis(30),
        answer: Duration::from_micros(400),
        answer_kilobyte: Duration::from_nanos(2_800),
        empty: Duration::from_micros(100),
        commit: Duration::from_micros(7_100),
        ..V3_0.costs
    },
    ..V3_0
};

const V2_0: Rules = Rules {
    sessions: false,
    lazy: false,
    start_shuffle: StartShuffle::Nothing,
    shuffles: true,
    costs: Costs {
        start_assign: Duration::from_millis(8),
        start_group: Duration::from_millis(90),
        offsets: Duration::from_millis(30),
        call: Duration::from_micros(50),
        // No CRC check of v2 batches.
        record: Duration::from_micros(6),
        kilobyte: Duration::ZERO,
        send: Duration::from_micros(600),
        answer: Duration::from_micros(200),
        answer_kilobyte: Duration::from_micros(4),
        answer_record: Duration::ZERO,
        empty: Duration::from_micros(500),
        commit: Duration::from_millis(7),
    },
    ..V2_2
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_belong_to_lines() {
        let lines = ["3.0.12", "3.1.0.dev", "2.3.2", "2.1.5", "2.0.2", "1.4.7", "2", "x.y"].map(Version::of_release);
        let (v3, v2, v0) = (Some(Version::V3_0), Some(Version::V2_2), Some(Version::V2_0));
        assert_eq!(lines, [v3, v3, v2, v2, v0, None, None, None]);
    }
}
