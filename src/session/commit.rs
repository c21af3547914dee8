//! Commits of processed positions, consumer by consumer.

use core::cmp::Reverse;

use super::consumer::BACK_OFF_FIRST;
use super::{Action, Commit, ConsumerId, Phase, Policy, STOP_ATTEMPTS, STOP_RETRIES_WITHIN, Session};

impl<P: Policy> Session<P> {
    /// Commits what a consumer has processed since the last time, unless a commit is in progress or there is nothing to commit.
    pub(super) fn commit(&mut self, id: ConsumerId) {
        let consumer = &self.consumers[id.index()];
        if !consumer.committing && !consumer.out && !consumer.dirty.is_empty() {
            self.submit_commit(id);
            self.change(id, |c| c.committing = true);
        }
    }

    /// As soon as it is possible: of a consumer whose commit is in progress, after that one.
    pub(super) fn commit_all_now(&mut self) {
        for id in (0..self.config.consumers).map(ConsumerId) {
            self.consumers[id.index()].commit_again = self.consumers[id.index()].committing;
            self.commit(id);
        }
    }

    /// Sees to it that what has become dirty is committed in time, if commits go by the clock.
    pub(super) fn arm_commit(&mut self, id: ConsumerId) {
        let Commit::Interval(interval) = self.config.commit else { return };
        self.arm_commit_at(id, self.now + interval);
    }

    fn arm_commit_at(&mut self, id: ConsumerId, at: crate::Time) {
        let consumer = &mut self.consumers[id.index()];
        if consumer.commit_due.is_none() && !consumer.committing && !consumer.dirty.is_empty() {
            consumer.commit_due = Some(at);
            self.timers.push(Reverse((at, id)));
        }
    }

    fn submit_commit(&mut self, id: ConsumerId) {
        let consumer = &mut self.consumers[id.index()];
        core::mem::swap(&mut consumer.dirty, &mut consumer.in_commit);
        consumer.commit_due = None;
        let offsets = consumer.in_commit.iter().map(|&partition| (partition, self.ledger.clean(partition))).collect();
        self.actions.push_back(Action::Commit { consumer: id, offsets });
    }

    pub(super) fn on_committed(&mut self, id: ConsumerId) {
        let consumer = &mut self.consumers[id.index()];
        if consumer.out {
            return;
        }
        assert!(consumer.committing, "{id:?} has committed, but was not asked to");
        consumer.in_commit.clear();
        let again = core::mem::take(&mut consumer.commit_again) || self.config.commit == Commit::PerBatch;
        if again && !consumer.dirty.is_empty() {
            // What has been processed meanwhile is committed before a consumer that waits polls again.
            self.submit_commit(id);
        } else {
            self.change(id, |c| c.committing = false);
            self.arm_commit(id);
        }
        self.advance_revocation(id);
    }

    /// What was in the commit goes into the next one. There is none at once: that would be a busy loop against a broker in need.
    pub(super) fn on_commit_failed(&mut self, id: ConsumerId) {
        let stopping = self.phase != Phase::Running;
        let consumer = &mut self.consumers[id.index()];
        assert!(consumer.committing, "{id:?} fails to commit, but was not asked to");
        let (ledger, dirty) = (&mut self.ledger, &mut consumer.dirty);
        dirty.extend(consumer.in_commit.drain(..).filter(|&partition| ledger.soil(partition, id)));
        consumer.commit_again = false;
        consumer.commit_failures += u32::from(stopping);
        let failures = consumer.commit_failures;
        self.change(id, |c| c.committing = false);
        if let Phase::Committing { since } = self.phase
            && failures < STOP_ATTEMPTS
            && self.now.since(since) < STOP_RETRIES_WITHIN
        {
            // There will be no later one to make up for it.
            self.arm_commit_at(id, self.now + BACK_OFF_FIRST.times(1 << failures.min(20)));
        } else if !stopping {
            self.arm_commit(id);
        }
        self.advance_revocation(id);
    }
}
