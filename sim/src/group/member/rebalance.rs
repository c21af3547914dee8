//! Rebalances: what is taken away, held, and taken on.

use super::super::Protocol;
use super::super::wire::Request;
use super::{Due, News, Phase, Revoking, Seek, Then, due};
use crate::output::Output;
use crate::record::ConsumerId;
use crate::time::Time;
use crate::world::World;

impl World {
    /// Acts upon the news, if the client is at a place where it does.
    pub(super) fn act(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let incremental = membership.config.is_incremental();
        let member = &mut membership.members[consumer as usize];
        if member.revoking.is_some() && !matches!(member.news, Some(News::Lost)) {
            // One thing after the other.
            return;
        }
        let served = self.clients[consumer as usize].serves_its_group() || member.polling || member.owned.is_empty();
        if !served || member.phase == Phase::Out {
            return;
        }
        match member.news.take() {
            None => {}
            Some(News::Assigned(target)) => {
                let revoked: Vec<u32> = member.owned.iter().copied().filter(|slot| !target.contains(slot)).collect();
                if revoked.is_empty() {
                    self.take_on(consumer, target);
                    self.acknowledge(consumer);
                } else {
                    self.begin_revocation(consumer, &revoked, Then::Adopt(target));
                }
            }
            Some(News::Rebalance) if incremental || member.owned.is_empty() => self.join(consumer),
            Some(News::Rebalance) => {
                let all = member.owned.clone();
                self.begin_revocation(consumer, &all, Then::Rejoin);
            }
            Some(News::Lost) => {
                self.lose(consumer);
                self.join(consumer);
            }
        }
    }

    /// All partitions are gone already.
    pub(super) fn lose(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        member.revoking = None;
        let lost = member.owned.clone();
        if !lost.is_empty() {
            let by = self.core.now;
            self.take_away(consumer, &lost, true, by);
        }
    }

    pub(super) fn begin_revocation(&mut self, consumer: u32, slots: &[u32], then: Then) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        // The coordinator's clock for this rebalance began after the last request that it answered well was sent.
        let by = (member.alive + membership.config.max_poll_interval).max(self.core.now);
        member.revoking = Some(Revoking { slots: slots.to_vec(), by, then });
        due(&mut self.core, by, consumer, Due::Deadline);
        self.take_away(consumer, slots, false, by);
    }

    /// The client drops these partitions, and the application is told.
    pub(super) fn take_away(&mut self, consumer: u32, slots: &[u32], lost: bool, by: Time) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let member = &mut membership.members[consumer as usize];
        member.owned.retain(|slot| !slots.contains(slot));
        member.seeks.retain(|seek| !slots.contains(&seek.slot));
        for &slot in slots {
            core.mine[slot as usize] = false;
            core.fingerprint.push(u64::from(slot) << 8 | 2);
        }
        self.clients[consumer as usize].revoke(core, slots);
        let partitions = slots.iter().map(|&slot| core.plan.slots[slot as usize].id).collect();
        core.outputs.push_back(Output::Revoking { consumer: ConsumerId(consumer), partitions, lost, by });
        self.update_causes(consumer);
    }

    pub(super) fn end_revocation(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        let Some(revoking) = member.revoking.take() else { return };
        let protocol = membership.config.protocol;
        match revoking.then {
            Then::Rejoin => self.join(consumer),
            Then::Adopt(target) => {
                self.take_on(consumer, target);
                if protocol == Protocol::Classic {
                    self.join(consumer);
                } else {
                    self.acknowledge(consumer);
                    self.act(consumer);
                }
            }
        }
    }

    /// Consumer protocol: tells the coordinator at once that the assignment has been taken on.
    pub(super) fn acknowledge(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        if membership.config.protocol == Protocol::Consumer {
            membership.members[consumer as usize].changed = true;
            self.beat(consumer);
        }
    }

    /// The consumer has exactly these partitions now; it has nothing else any more.
    pub(super) fn take_on(&mut self, consumer: u32, target: Vec<u32>) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let member = &mut membership.members[consumer as usize];
        let added: Vec<u32> = target.iter().copied().filter(|slot| !member.owned.contains(slot)).collect();
        member.owned = target;
        if added.is_empty() && core::mem::replace(&mut member.told, true) {
            return;
        }
        member.told = true;
        let partitions = added.iter().map(|&slot| core.plan.slots[slot as usize].id).collect();
        core.outputs.push_back(Output::Assigned { consumer: ConsumerId(consumer), partitions });
        for &slot in &added {
            core.mine[slot as usize] = true;
            core.fingerprint.push(u64::from(slot) << 8 | 3);
        }
        if !added.is_empty() {
            member.asked += 1;
            let ask = member.asked;
            member.seeks.extend(added.iter().map(|&slot| Seek { slot, ask, committed: None }));
            let partitions = added.iter().map(|&slot| membership.partition(core, slot)).collect();
            membership.send(core, consumer, Request::Offsets { partitions });
        }
        self.update_causes(consumer);
    }
}
