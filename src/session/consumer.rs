//! What a session knows of one consumer.

use crate::{Duration, PartitionId, Time};

/// How long a consumer is left alone after a failed poll.
pub const BACK_OFF_FIRST: Duration = Duration::from_millis(100);

/// How long it is left alone at most, after many failed polls in succession.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct Consumer {
    /// It has had an assignment once.
    pub(super) joined: bool,
    /// It has an assignment, though perhaps an empty one.
    pub(super) assigned: bool,
    /// How many partitions that is.
    pub(super) partitions: u32,
    /// A poll or take is in progress.
    pub(super) polling: bool,
    /// A commit is in progress.
    pub(super) committing: bool,
    pub(super) revocation: Option<Revocation>,
    pub(super) backing_off_until: Option<Time>,
    /// Failed polls in succession.
    pub(super) failures: u32,
    /// It can't go on.
    pub(super) out: bool,
    /// Its batches that have been delivered and not yet processed.
    pub(super) outstanding: u32,
    /// Partitions to be committed next time, each once.
    pub(super) dirty: Vec<PartitionId>,
    /// Partitions in the commit in progress.
    pub(super) in_commit: Vec<PartitionId>,
}

/// Partitions about to be taken away.
#[derive(Clone, Debug)]
pub(super) struct Revocation {
    pub(super) partitions: Vec<PartitionId>,
    pub(super) by: Time,
    /// Its commit has been asked for. There is one attempt.
    pub(super) committed: bool,
}

/// What a consumer is doing, as far as it is counted.
pub(super) struct Activity {
    pub(super) joining: bool,
    pub(super) polling: bool,
    pub(super) committing: bool,
    pub(super) revoking: bool,
    pub(super) out: bool,
    pub(super) idle: bool,
}

impl Consumer {
    pub(super) fn activity(&self) -> Activity {
        let &Self { joined, assigned, polling, committing, out, .. } = self;
        let revoking = self.revocation.is_some();
        let backing_off = self.backing_off_until.is_some();
        let idle = assigned && !polling && !committing && !revoking && !backing_off && !out;
        Activity { joining: !joined && !out, polling, committing, revoking, out, idle }
    }

    /// A poll has failed.
    pub(super) fn back_off(&mut self, now: Time) {
        let doubled = BACK_OFF_FIRST.times(1 << self.failures.min(20));
        self.backing_off_until = Some(now + doubled.min(BACK_OFF_MAX));
        self.failures += 1;
    }

    /// A partition is no longer part of a revocation in progress.
    pub(super) fn leave_out_of_revocation(&mut self, partition: PartitionId) {
        if let Some(revocation) = &mut self.revocation {
            revocation.partitions.retain(|p| *p != partition);
        }
    }
}
