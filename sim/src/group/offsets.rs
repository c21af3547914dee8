//! Committed offsets of a group, and when they expire (`OffsetMetadataManager`).

use std::collections::BTreeMap;

use crate::record::PartitionId;
use crate::time::{Duration, Time};

/// `offsets.retention.check.interval.ms`.
const CHECK: Duration = Duration::from_secs(600);

/// Offset of the next record to read, and when it was committed, for each partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    committed: BTreeMap<PartitionId, (i64, Time)>,
    /// The check up to which expiry has been looked at.
    checked: u64,
}

impl Offsets {
    pub(super) fn get(&self, partition: PartitionId) -> Option<i64> {
        self.committed.get(&partition).map(|&(offset, _)| offset)
    }

    pub(super) fn commit(&mut self, now: Time, partition: PartitionId, offset: i64) {
        self.committed.insert(partition, (offset, now));
    }

    /// Drops what has expired at the last check before now. To be called before anything about the group changes: between two calls
    /// it has been `empty` since then, or has had members that want the topics for which `wanted` holds.
    pub(super) fn expire(&mut self, now: Time, retention: Duration, empty: Option<Time>, wanted: impl Fn(u32) -> bool) {
        let check = now.as_nanos() / CHECK.as_nanos();
        if check == self.checked || self.committed.is_empty() {
            self.checked = check;
            return;
        }
        self.checked = check;
        let at = Time::from_nanos(check * CHECK.as_nanos());
        let is_over = |since: Time| at >= since && at.since(since) >= retention;
        self.committed.retain(|partition, (_, committed)| match empty {
            // An empty group's offsets go all together, except those committed since by somebody who was no member.
            Some(since) => !is_over(since.max(*committed)),
            None => wanted(partition.topic.0) || !is_over(*committed),
        });
    }
}
