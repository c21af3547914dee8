//! Commits of members.

use super::super::wire::Request;
use super::super::{Protocol, Refusal};
use super::{Due, Phase, due};
use crate::record::{PartitionId, TopicId};
use crate::world::World;

impl World {
    pub(crate) fn group_commit(&mut self, consumer: u32, offsets: &[(PartitionId, i64)]) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let local = |(p, offset): &(PartitionId, i64)| {
            (PartitionId { topic: TopicId(membership.topics[p.topic.index()]), partition: p.partition }, *offset)
        };
        let offsets: Vec<_> = offsets.iter().map(local).collect();
        let client = &mut self.clients[consumer as usize];
        let cost = client.commit_begins(core);
        let member = &mut membership.members[consumer as usize];
        member.commit_until = core.now + cost;
        let sender = member.sender();
        let in_rebalance = matches!(member.phase, Phase::Joining | Phase::Syncing);
        if (sender.is_none() && membership.share.is_none()) || (in_rebalance && client.refuses_commits_in_rebalance()) {
            member.commit_refusal =
                Some(if sender.is_none() { Refusal::UnknownMember } else { Refusal::RebalanceInProgress });
            due(core, core.now, consumer, Due::CommitRefused);
        } else if in_rebalance && client.shares_group_connection() {
            member.queued_commit = Some((sender, offsets));
        } else {
            if membership.config.protocol == Protocol::Consumer {
                member.commit = Some((member.generation, offsets.clone()));
            }
            membership.send(core, consumer, Request::Commit { sender, offsets });
        }
    }

    /// A commit that has crossed a new epoch on its way goes out again, for what the member has still
    /// (`CommitRequestManager.OffsetCommitRequestState`). Returns whether it does.
    pub(super) fn commit_again(&mut self, consumer: u32) -> bool {
        let Some(membership) = &mut self.membership else { return false };
        let Some((epoch, offsets)) = membership.members[consumer as usize].commit.take() else { return false };
        let member = &membership.members[consumer as usize];
        let sender = member.sender();
        if sender.is_none() || member.generation == epoch {
            return false;
        }
        let had = |slot: &u32| {
            member.owned.contains(slot) || member.revoking.as_ref().is_some_and(|r| r.slots.contains(slot))
        };
        let still = |p: PartitionId| membership.slot(&self.core, p).is_some_and(|slot| had(&slot));
        let offsets: Vec<_> = offsets.into_iter().filter(|(p, _)| still(*p)).collect();
        membership.send(&mut self.core, consumer, Request::Commit { sender, offsets });
        true
    }

    /// A commit that waited behind a join goes out, with the generation of before.
    pub(super) fn flush_commit(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        if let Some((sender, offsets)) = membership.members[consumer as usize].queued_commit.take() {
            membership.send(&mut self.core, consumer, Request::Commit { sender, offsets });
        }
    }
}
