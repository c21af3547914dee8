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
    /// It is not polled while a commit is in progress.
    pub(super) waits: bool,
    /// When the next commit is due, if commits go by the clock and there is something to commit.
    pub(super) commit_due: Option<Time>,
    /// A commit has been asked for while another was in progress.
    pub(super) commit_again: bool,
    /// Failed commits since the session began to stop.
    pub(super) commit_failures: u32,
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
    pub(super) busy: bool,
    pub(super) revoking: bool,
    pub(super) out: bool,
    pub(super) idle: bool,
}

impl Consumer {
    /// One that has not joined yet, and is not polled during its commits if it `waits`.
    pub(super) fn new(waits: bool) -> Self {
        Self { waits, ..Self::default() }
    }

    pub(super) fn activity(&self) -> Activity {
        let &Self { joined, assigned, polling, committing, waits, out, .. } = self;
        let revoking = self.revocation.is_some();
        let backing_off = self.backing_off_until.is_some();
        let busy = polling || (committing && waits);
        let idle = assigned && !busy && !revoking && !backing_off && !out;
        Activity { joining: !joined && !out, polling, committing, busy, revoking, out, idle }
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
