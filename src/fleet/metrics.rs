//! What is measured of several instances.
//!
//! Time zero is the moment at which the first instance starts. A run *ends* when every record has been processed and, if commits
//! are made during the run, committed (or at a limit); what happens while the instances close is not measured, but whether they have
//! committed everything is.
//!
//! | metric | definition |
//! |---|---|
//! | drain time | zero to the first processing of the last record |
//! | completion (topic) | zero to the first processing of its last record |
//! | TTCI | per key: zero to the moment at which one instance has processed a record of the key of every required topic. What an instance has seen goes with its process |
//! | split (keys) | never complete on any instance, though all records have been processed |
//! | apart (keys) | when the run ends, the partitions that a key is in belong to different instances: from then on no input of it would be complete |
//! | delivered | records that polls and takes have returned, on all instances |
//! | duplicates | records processed, minus those processed once: what has been processed again after a rebalance or a crash, by ranges of offsets |
//! | left | records that nobody has processed |
//! | rebalances | generations (classic) or epochs (consumer protocol) of all groups, until the end |
//! | first assignment | zero to the moment at which any instance has a partition |
//! | without owner (topic) | time in which at least one of its partitions with records left had lost its owner (from the revocation, or the crash) and had no new one yet: all of it, and the longest stretch. The time before a partition's first owner is not in it |
//! | stopped | time in which that was so of every partition with records left, of all topics |
//! | commits refused | commits that an instance was told have failed |
//! | committed | whether, after all instances have closed, each partition's committed position is the end of its log; n/a without commits |

use crate::Duration;
use crate::metrics::{End, Ttci};

/// Everything measured in one run of several instances. Times count from time zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetMetrics {
    /// How the run ended.
    pub end: End,
    /// When it ended.
    pub ended_after: Duration,
    /// Zero to the first processing of the last record; `None` if that did not happen.
    pub drain: Option<Duration>,
    /// Time to complete input, on whichever instance that was.
    pub ttci: Ttci,
    /// Keys that are complete nowhere although all records have been processed.
    pub split: u32,
    /// Keys whose partitions are on different instances when the run ends.
    pub apart: u32,
    /// Per topic, in the scenario's order.
    pub topics: Vec<FleetTopic>,
    /// Per instance, in the scenario's order.
    pub instances: Vec<InstanceMetrics>,
    /// Poll and take calls.
    pub polls: u64,
    /// Those that returned nothing.
    pub polls_empty: u64,
    /// Records delivered, repetitions included.
    pub delivered: u64,
    /// Records processed again.
    pub duplicates: u64,
    /// Rebalances of each group, by its id.
    pub rebalances: Vec<(String, u64)>,
    /// Zero to the first assignment; `None` if there was none.
    pub first_assigned: Option<Duration>,
    /// Time in which no partition with records left had an owner, and the longest stretch of it.
    pub stopped: Unowned,
    /// Commits that have failed.
    pub commits_refused: u64,
    /// Whether everything was committed at the end; `None` if nothing was to be.
    pub committed: Option<bool>,
    /// Hash of everything that has happened.
    pub fingerprint: u64,
}

/// One topic's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetTopic {
    /// Zero to the first processing of its last record; zero if it has none.
    pub completion: Option<Duration>,
    /// Records processed again.
    pub duplicates: u64,
    /// Records that nobody has processed.
    pub left: u64,
    /// Time in which a partition had lost its owner.
    pub unowned: Unowned,
}

/// Time without an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unowned {
    /// All of it.
    pub total: Duration,
    /// The longest stretch.
    pub longest: Duration,
}

/// One instance's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceMetrics {
    /// Records processed, repetitions included.
    pub processed: u64,
    /// Poll and take calls.
    pub polls: u64,
    /// Partitions it had when the run ended.
    pub partitions: u32,
    /// How many times it was started.
    pub starts: u32,
}

impl FleetMetrics {
    /// Records that nobody has processed, over all topics.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.topics.iter().map(|t| t.left).sum()
    }

    /// Rebalances of all groups.
    #[must_use]
    pub fn rebalances(&self) -> u64 {
        self.rebalances.iter().map(|(_, n)| n).sum()
    }
}
