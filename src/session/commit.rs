//! Commits of processed positions, consumer by consumer.

use super::{Action, Commit, ConsumerId, Policy, Session};

impl<P: Policy> Session<P> {
    /// Commits what a consumer has processed since the last time, unless a commit is in progress or there is nothing to commit.
    pub(super) fn commit(&mut self, id: ConsumerId) {
        let consumer = &self.consumers[id.index()];
        if !consumer.committing && !consumer.out && !consumer.dirty.is_empty() {
            self.submit_commit(id);
            self.change(id, |c| c.committing = true);
        }
    }

    fn submit_commit(&mut self, id: ConsumerId) {
        let consumer = &mut self.consumers[id.index()];
        core::mem::swap(&mut consumer.dirty, &mut consumer.in_commit);
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
        if self.config.commit == Commit::PerBatch && !consumer.dirty.is_empty() {
            // What has been processed meanwhile is committed before the consumer polls again.
            self.submit_commit(id);
        } else {
            self.change(id, |c| c.committing = false);
        }
        self.advance_revocation(id);
    }

    /// What was in the commit goes into the next one. There is none at once: that would be a busy loop against a broker in need.
    pub(super) fn on_commit_failed(&mut self, id: ConsumerId) {
        let consumer = &mut self.consumers[id.index()];
        assert!(consumer.committing, "{id:?} fails to commit, but was not asked to");
        let (ledger, dirty) = (&mut self.ledger, &mut consumer.dirty);
        dirty.extend(consumer.in_commit.drain(..).filter(|&partition| ledger.soil(partition, id)));
        self.change(id, |c| c.committing = false);
        self.advance_revocation(id);
    }
}
