//! What the coordinator says.

use super::super::Refusal;
use super::super::wire::Response;
use super::{News, Phase};
use crate::output::{Fatal, Output};
use crate::record::ConsumerId;
use crate::state::Event;
use crate::world::World;

impl World {
    pub(super) fn answer(&mut self, consumer: u32, response: Response) {
        if matches!(response, Response::Committed(Err(Refusal::StaleEpoch))) && self.commit_again(consumer) {
            return;
        }
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let member = &mut membership.members[consumer as usize];
        if let Some(leaving) = &mut membership.leaving {
            let left = match response {
                Response::Left => true,
                Response::Beat { id, .. } if member.id.is_none() && core::mem::take(&mut member.beating) => {
                    member.id = Some(id);
                    membership.leave(core, consumer);
                    return;
                }
                Response::Refused(_) => member.id.is_none() && core::mem::take(&mut member.beating),
                _ => false,
            };
            if left {
                *leaving -= 1;
                if *leaving == 0 {
                    core.schedule(core.now, Event::Closed);
                }
                return;
            }
        }
        if member.void_beats > 0 && matches!(response, Response::Beat { .. } | Response::Refused(_)) {
            member.void_beats -= 1;
            return;
        }
        if member.phase == Phase::Out && !matches!(response, Response::Committed(_)) {
            return;
        }
        match response {
            Response::IdRequired(id) => {
                member.id = Some(id);
                self.join(consumer);
            }
            Response::Joined { id, generation, members } => {
                if member.phase == Phase::Joining {
                    (member.id, member.generation) = (Some(id), generation);
                    self.sync(consumer, members);
                }
            }
            Response::Synced { partitions } => {
                if member.phase == Phase::Syncing {
                    self.synced(consumer, &partitions);
                }
            }
            Response::Refused(refusal) => {
                if core::mem::take(&mut member.beating) || matches!(member.phase, Phase::Joining | Phase::Syncing) {
                    self.flush_commit(consumer);
                    self.refused(consumer, refusal);
                }
            }
            Response::Beat { id, epoch, assignment } => self.beaten(consumer, id, epoch, assignment.as_deref()),
            Response::Alive(Ok(())) => member.alive = member.beat,
            // An answer from before the last rejoin is no news.
            Response::Alive(Err(refusal)) => {
                if member.phase == Phase::Joined {
                    self.refused(consumer, refusal);
                }
            }
            Response::Committed(result) => {
                self.clients[consumer as usize].committed(core);
                let id = ConsumerId(consumer);
                core.outputs.push_back(match result {
                    Ok(()) => Output::Committed(id),
                    Err(reason) => Output::CommitFailed { consumer: id, reason },
                });
                if let Err(refusal @ (Refusal::UnknownMember | Refusal::FencedInstance)) = result
                    && member.phase == Phase::Joined
                {
                    self.refused(consumer, refusal);
                }
            }
            Response::Offsets(offsets) => self.offsets(consumer, &offsets),
            Response::Left => {}
        }
    }

    /// The coordinator says no.
    pub(super) fn refused(&mut self, consumer: u32, refusal: Refusal) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        match refusal {
            Refusal::RebalanceInProgress => {
                if member.phase == Phase::Syncing {
                    // The group has begun another rebalance meanwhile.
                    return self.join(consumer);
                }
                if member.revoking.is_none() {
                    member.news.get_or_insert(News::Rebalance);
                }
            }
            Refusal::UnknownMember => {
                member.id = None;
                member.news = Some(News::Lost);
            }
            Refusal::IllegalGeneration | Refusal::FencedEpoch | Refusal::StaleEpoch => member.news = Some(News::Lost),
            Refusal::FencedInstance | Refusal::UnreleasedInstance => {
                member.id = None;
                self.lose(consumer);
                return self.fail(consumer, Fatal::FencedInstance);
            }
        }
        self.act(consumer);
    }

    /// The consumer can't go on.
    pub(super) fn fail(&mut self, consumer: u32, reason: Fatal) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        member.phase = Phase::Out;
        member.heartbeat.clear();
        member.poll_interval.clear();
        self.core.outputs.push_back(Output::Fatal { consumer: ConsumerId(consumer), reason });
    }
}
