//! Partitions that are taken away.

use core::cmp::Reverse;

use super::consumer::Revocation;
use super::{Action, Commit, ConsumerId, Event, PartitionId, Policy, Session, Time, TopicId, extract};

impl<P: Policy> Session<P> {
    pub(super) fn on_revoking(&mut self, id: ConsumerId, mut partitions: Vec<PartitionId>, lost: bool, by: Time) {
        if self.consumers[id.index()].out {
            return;
        }
        partitions.retain(|&partition| self.ledger.owner(partition) == Some(id));
        for &partition in &partitions {
            self.ledger.close(partition);
        }
        self.discard_held(&partitions);
        let mut gone: Vec<TopicId> = partitions.iter().map(|p| p.topic).filter(|t| self.ledger.is_gone(*t)).collect();
        gone.dedup();
        if !gone.is_empty() {
            self.policy.on(self.now, &Event::Emptied(&gone));
        }
        if lost {
            for &partition in &partitions {
                self.forget(id, partition);
                self.consumers[id.index()].leave_out_of_revocation(partition);
            }
            partitions.clear();
        }
        self.change(id, |c| match &mut c.revocation {
            Some(earlier) => {
                partitions.retain(|p| !earlier.partitions.contains(p));
                earlier.partitions.append(&mut partitions);
                earlier.by = earlier.by.min(by);
                earlier.committed = false;
            }
            none => *none = Some(Revocation { partitions, by, committed: false }),
        });
        let by = self.consumers[id.index()].revocation.as_ref().map_or(by, |r| r.by);
        if by <= self.now {
            self.finish_revocation(id);
        } else {
            if by < Time::MAX {
                self.timers.push(Reverse((by, id)));
            }
            self.advance_revocation(id);
        }
    }

    /// Goes as far with a revocation as is possible now.
    pub(super) fn advance_revocation(&mut self, id: ConsumerId) {
        let consumer = &mut self.consumers[id.index()];
        let Some(revocation) = &mut consumer.revocation else { return };
        if revocation.partitions.is_empty() {
            return self.finish_revocation(id);
        }
        if consumer.committing || !revocation.partitions.iter().all(|&p| self.ledger.is_settled(p)) {
            return;
        }
        let first_time = !core::mem::replace(&mut revocation.committed, true);
        // Committed in `OnStop` too: after this there is no other chance.
        if first_time && self.config.commit != Commit::None {
            self.commit(id);
        }
        if !self.consumers[id.index()].committing {
            self.finish_revocation(id);
        }
    }

    pub(super) fn finish_revocation(&mut self, id: ConsumerId) {
        let Some(revocation) = &mut self.consumers[id.index()].revocation else { return };
        for partition in core::mem::take(&mut revocation.partitions) {
            self.forget(id, partition);
        }
        self.actions.push_back(Action::RevokeDone { consumer: id });
        self.change(id, |c| {
            c.revocation = None;
            c.assigned = c.partitions > 0;
        });
    }

    /// A partition belongs to nobody any more: nothing of it will be committed.
    pub(super) fn forget(&mut self, id: ConsumerId, partition: PartitionId) {
        self.ledger.release(partition);
        let consumer = &mut self.consumers[id.index()];
        consumer.partitions -= 1;
        consumer.dirty.retain(|p| *p != partition);
    }

    /// What the application has not been given of these partitions, it never will be.
    fn discard_held(&mut self, partitions: &[PartitionId]) {
        for id in core::mem::take(&mut self.held) {
            let batch = self.batches.get_mut(id);
            let consumer = batch.consumer;
            let taken = extract(&mut batch.runs, |run| partitions.contains(&run.partition));
            let emptied = batch.runs.is_empty();
            if !taken.is_empty() {
                for &partition in &taken {
                    self.ledger.withdraw(partition, id);
                }
                self.actions.push_back(Action::Discard { batch: id, partitions: taken });
            }
            if emptied {
                self.batches.remove(id);
                self.end_batch(consumer);
            } else {
                self.held.push_back(id);
            }
        }
    }
}
