//! Being a member: joins, syncs, heartbeats, and the poll interval.

use super::super::Protocol;
use super::super::assignor::assign;
use super::super::wire::{Beat, Joined, MemberId, Request, Subscription};
use super::{Due, News, Phase, due};
use crate::record::PartitionId;
use crate::world::World;

impl World {
    pub(super) fn join(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        if membership.config.protocol == Protocol::Consumer {
            let member = &mut membership.members[consumer as usize];
            member.phase = Phase::Joining;
            (member.generation, member.changed, member.news) = (0, true, None);
            member.void_beats += u32::from(core::mem::take(&mut member.beating));
            return self.beat(consumer);
        }
        let incremental = membership.config.is_incremental();
        let owned: &[u32] = if incremental { &membership.members[consumer as usize].owned } else { &[] };
        let mut owned: Vec<PartitionId> = owned.iter().map(|&slot| membership.partition(&self.core, slot)).collect();
        owned.sort_unstable();
        let member = &mut membership.members[consumer as usize];
        member.phase = Phase::Joining;
        member.heartbeat.clear();
        member.news = None;
        let generation = if incremental { member.generation } else { 0 };
        let subscription = Subscription { topics: member.topics.clone(), owned, generation };
        let (id, instance) = (member.id, member.instance);
        membership.send(&mut self.core, consumer, Request::Join { id, instance, subscription });
    }

    /// Manual assignment: the consumer has its share for as long as it lives, and is no member of anything.
    pub(super) fn take_share(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let (place, of) = membership.share.expect("it has a share");
        let member = &mut membership.members[consumer as usize];
        member.phase = Phase::Joined;
        let mine = |topic: u32| member.topics.contains(&membership.topics[topic as usize]);
        let slots = (0..).zip(&self.core.plan.slots);
        let target = slots.filter(|(_, s)| s.id.partition % of == place && mine(s.id.topic.0)).map(|(slot, _)| slot);
        let target = target.collect();
        self.take_on(consumer, target);
    }

    pub(super) fn sync(&mut self, consumer: u32, members: Option<Vec<Joined>>) {
        let Some(membership) = &mut self.membership else { return };
        let partitions: Vec<u32> = membership.names.topics.iter().map(|(_, n)| *n).collect();
        let assignments =
            members.map_or_else(Vec::new, |members| assign(membership.config.assignor, &members, &partitions));
        let member = &mut membership.members[consumer as usize];
        member.phase = Phase::Syncing;
        member.beat = self.core.now;
        let sender = member.sender().expect("it has just been given an id");
        membership.send(&mut self.core, consumer, Request::Sync { sender, assignments });
    }

    pub(super) fn synced(&mut self, consumer: u32, partitions: &[PartitionId]) {
        let Some(membership) = &mut self.membership else { return };
        let mut target: Vec<u32> = partitions.iter().filter_map(|&p| membership.slot(&self.core, p)).collect();
        target.sort_unstable();
        let next = self.core.now + membership.config.heartbeat_interval;
        let member = &mut membership.members[consumer as usize];
        member.phase = Phase::Joined;
        member.alive = member.beat;
        if let Some(at) = member.heartbeat.set(next) {
            due(&mut self.core, at, consumer, Due::Heartbeat);
        }
        member.news = Some(News::Assigned(target));
        self.flush_commit(consumer);
        self.act(consumer);
    }

    pub(super) fn beat(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let next = self.core.now + membership.config.heartbeat_interval;
        if membership.config.protocol == Protocol::Consumer {
            return self.beat_epoch(consumer);
        }
        let member = &mut membership.members[consumer as usize];
        let Some(sender) = member.sender().filter(|_| member.phase == Phase::Joined) else { return };
        member.beat = self.core.now;
        if let Some(at) = member.heartbeat.set(next) {
            due(&mut self.core, at, consumer, Due::Heartbeat);
        }
        membership.send(&mut self.core, consumer, Request::Heartbeat { sender });
    }

    /// A heartbeat of the consumer protocol; the first one joins.
    pub(super) fn beat_epoch(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let next = core.now + membership.config.heartbeat_interval;
        let member = &mut membership.members[consumer as usize];
        if member.beating {
            member.beat_again = true;
            return;
        }
        if member.phase == Phase::Joined && member.id.is_none() {
            return;
        }
        (member.beating, member.beat) = (true, core.now);
        if let Some(at) = member.heartbeat.set(next) {
            due(core, at, consumer, Due::Heartbeat);
        }
        // What is being revoked is had still: it is not the time to say anything about it.
        let tells = member.revoking.is_none() && core::mem::take(&mut member.changed);
        let (id, instance, epoch, topics) = (member.id, member.instance, member.generation, member.topics.clone());
        let owned = tells.then(|| {
            let owned = &membership.members[consumer as usize].owned;
            owned.iter().map(|&slot| membership.partition(core, slot)).collect()
        });
        membership.send(core, consumer, Request::Beat(Beat { id, instance, epoch, topics, owned }));
    }

    /// The coordinator has answered a heartbeat.
    pub(super) fn beaten(&mut self, consumer: u32, id: MemberId, epoch: i32, assignment: Option<&[PartitionId]>) {
        let Some(membership) = &mut self.membership else { return };
        let target = assignment.map(|partitions| {
            let mut target: Vec<u32> = partitions.iter().filter_map(|&p| membership.slot(&self.core, p)).collect();
            target.sort_unstable();
            target
        });
        let member = &mut membership.members[consumer as usize];
        member.beating = false;
        if member.phase == Phase::Joined && member.id.is_none() {
            return;
        }
        (member.id, member.generation, member.phase) = (Some(id), epoch, Phase::Joined);
        if member.news.is_none() && member.revoking.is_none() {
            member.alive = member.beat;
        }
        if let Some(target) = target {
            member.news = Some(News::Assigned(target));
        }
        if core::mem::take(&mut member.beat_again) {
            self.beat(consumer);
        }
        self.flush_commit(consumer);
        self.act(consumer);
    }

    /// No poll for `max.poll.interval.ms`: a dynamic member leaves, a static one falls silent. The application learns of it at its
    /// next poll.
    pub(super) fn poll_interval_over(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        if member.owned.is_empty() || member.phase == Phase::Out {
            return;
        }
        if member.phase != Phase::Joined {
            // The heartbeat thread rests while a join is out, and looks again after it.
            if let Some(at) = member.poll_interval.set(self.core.now + membership.config.heartbeat_interval) {
                due(&mut self.core, at, consumer, Due::PollInterval);
            }
            return;
        }
        member.heartbeat.clear();
        member.revoking = None;
        member.news = Some(News::Lost);
        membership.leave(&mut self.core, consumer);
        membership.members[consumer as usize].id = None;
    }
}
