//! A group under the consumer protocol (KIP-848), as the coordinator keeps it: there is no barrier. A change of members makes a new
//! target at once, and each member gets there by itself: revoke, acknowledge, receive.
//!
//! Source: Apache Kafka, `GroupMetadataManager` (`consumerGroupHeartbeat`), `CurrentAssignmentBuilder`, `ConsumerGroup`.

use std::collections::BTreeMap;

use super::assignor::assign;
use super::classic::Context;
use super::wire::{Address, Beat, Joined, MemberId, Response, Sender, Subscription};
use super::{GroupConfig, Refusal};
use crate::record::PartitionId;
use crate::time::Time;

/// A static member says goodbye for a while: its partitions are kept for it until its session is over.
pub(super) const AWAY: i32 = -2;
/// A member leaves.
pub(super) const GONE: i32 = -1;

#[derive(Clone, Debug)]
struct Member {
    instance: Option<u32>,
    topics: Vec<u32>,
    epoch: i32,
    /// What it may have, sorted.
    assigned: Vec<PartitionId>,
    /// What it is to give back and has not yet; nobody else gets it before.
    revoking: Vec<PartitionId>,
    /// Until when it has to.
    revoke_by: Option<Time>,
    /// What it has been told of.
    told: Option<Vec<PartitionId>>,
    seen: Time,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Modern {
    epoch: i32,
    members: BTreeMap<MemberId, Member>,
    statics: BTreeMap<u32, MemberId>,
    target: BTreeMap<MemberId, Vec<PartitionId>>,
}

impl Modern {
    // ---- getters ---------------------------------------------------------------------------------------------------------------

    pub(super) fn epoch(&self) -> i32 {
        self.epoch
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_stable(&self) -> bool {
        let settled = |(id, m): (&MemberId, &Member)| m.revoking.is_empty() && m.told.as_ref() == self.target.get(id);
        !self.members.is_empty() && self.members.iter().all(settled)
    }

    pub(super) fn wants(&self, topic: u32) -> bool {
        self.members.values().any(|m| m.topics.contains(&topic))
    }

    pub(super) fn next_timer(&self, config: &GroupConfig) -> Option<Time> {
        self.members.values().map(|m| m.expires(config)).min()
    }

    // ---- requests --------------------------------------------------------------------------------------------------------------

    pub(super) fn heartbeat(&mut self, ctx: &mut Context<'_>, partitions: &[u32], from: Address, beat: Beat) {
        let response = match self.handle(ctx, partitions, beat) {
            Ok(response) => response,
            Err(refusal) => Response::Refused(refusal),
        };
        ctx.responses.push_back((from, response));
    }

    fn handle(&mut self, ctx: &mut Context<'_>, partitions: &[u32], beat: Beat) -> Result<Response, Refusal> {
        if beat.epoch < 0 {
            // Whoever is unknown is gone already.
            if let Some(id) = beat.id {
                match self.members.get_mut(&id) {
                    Some(member) if beat.epoch == AWAY => (member.epoch, member.seen) = (AWAY, ctx.now),
                    Some(_) => self.remove(ctx, partitions, id),
                    None => {}
                }
            }
            return Ok(Response::Left);
        }
        let id = if beat.epoch == 0 {
            self.join(ctx, partitions, &beat)?
        } else {
            let id = beat.id.ok_or(Refusal::UnknownMember)?;
            let member = self.members.get(&id).ok_or(Refusal::UnknownMember)?;
            if member.epoch != beat.epoch {
                return Err(Refusal::FencedEpoch);
            }
            id
        };
        self.reconcile(ctx, id, beat.owned.as_deref());
        let member = self.members.get_mut(&id).expect("it has been looked up");
        member.seen = ctx.now;
        let changed = member.told.as_ref() != Some(&member.assigned);
        let assignment = changed.then(|| member.assigned.clone());
        if changed {
            member.told.clone_from(&assignment);
        }
        Ok(Response::Beat { id, epoch: member.epoch, assignment })
    }

    /// A member begins, or begins again.
    fn join(&mut self, ctx: &mut Context<'_>, partitions: &[u32], beat: &Beat) -> Result<MemberId, Refusal> {
        let known = beat.id.filter(|id| self.members.contains_key(id));
        let id = match known {
            Some(id) => {
                // It has lost everything.
                let member = self.members.get_mut(&id).expect("just looked up");
                member.assigned.clear();
                member.revoking.clear();
                (member.revoke_by, member.told) = (None, None);
                return Ok(id);
            }
            None => (ctx.new_id)(),
        };
        if let Some(instance) = beat.instance
            && let Some(&old) = self.statics.get(&instance)
        {
            if self.members[&old].epoch != AWAY {
                return Err(Refusal::UnreleasedInstance);
            }
            // It is back, as another process: the same assignment, without a new epoch.
            let mut member = self.members.remove(&old).expect("a static member is a member");
            let target = self.target.remove(&old).unwrap_or_default();
            member.revoking.clear();
            (member.revoke_by, member.told, member.epoch) = (None, None, 0);
            self.target.insert(id, target);
            self.statics.insert(instance, id);
            let same = member.topics == beat.topics;
            member.topics.clone_from(&beat.topics);
            self.members.insert(id, member);
            if !same {
                self.retarget(ctx, partitions);
            }
            return Ok(id);
        }
        if let Some(instance) = beat.instance {
            self.statics.insert(instance, id);
        }
        let member = Member {
            instance: beat.instance,
            topics: beat.topics.clone(),
            epoch: 0,
            assigned: Vec::new(),
            revoking: Vec::new(),
            revoke_by: None,
            told: None,
            seen: ctx.now,
        };
        self.members.insert(id, member);
        self.retarget(ctx, partitions);
        Ok(id)
    }

    /// `ConsumerGroup.validateOffsetCommit`.
    pub(super) fn validate_commit(&self, sender: Option<Sender>) -> Result<(), Refusal> {
        let Some(sender) = sender else {
            return if self.members.is_empty() { Ok(()) } else { Err(Refusal::UnknownMember) };
        };
        let member = self.members.get(&sender.id).ok_or(Refusal::UnknownMember)?;
        if member.epoch == sender.generation { Ok(()) } else { Err(Refusal::StaleEpoch) }
    }

    // ---- time ------------------------------------------------------------------------------------------------------------------

    /// Members that have been silent, or have kept what they were to give back, for too long are out.
    pub(super) fn tick(&mut self, ctx: &mut Context<'_>, partitions: &[u32]) {
        let is_due = |m: &Member| m.expires(ctx.config) <= ctx.now;
        let due: Vec<MemberId> = self.members.iter().filter(|(_, m)| is_due(m)).map(|(id, _)| *id).collect();
        for id in due {
            self.remove(ctx, partitions, id);
        }
    }

    // ---- reconciliation --------------------------------------------------------------------------------------------------------

    fn remove(&mut self, ctx: &Context<'_>, partitions: &[u32], id: MemberId) {
        let Some(member) = self.members.remove(&id) else { return };
        self.target.remove(&id);
        if let Some(instance) = member.instance {
            self.statics.remove(&instance);
        }
        self.retarget(ctx, partitions);
    }

    /// A new epoch with a new target.
    fn retarget(&mut self, ctx: &Context<'_>, partitions: &[u32]) {
        self.epoch += 1;
        let member = |(&id, m): (&MemberId, &Member)| {
            let owned = self.target.get(&id).cloned().unwrap_or_default();
            let subscription = Subscription { topics: m.topics.clone(), owned, generation: 0 };
            Joined { id, instance: m.instance, subscription }
        };
        let members: Vec<Joined> = self.members.iter().map(member).collect();
        self.target = assign(ctx.config.assignor, &members, partitions).into_iter().collect();
        self.target.values_mut().for_each(|own| own.sort_unstable());
    }

    /// One step of a member towards its target (`CurrentAssignmentBuilder.build`).
    fn reconcile(&mut self, ctx: &Context<'_>, id: MemberId, owned: Option<&[PartitionId]>) {
        let target = self.target.get(&id).cloned().unwrap_or_default();
        let member = self.members.get_mut(&id).expect("a member is reconciled");
        if let Some(owned) = owned {
            member.revoking.retain(|p| owned.contains(p));
        }
        if !member.revoking.is_empty() {
            return;
        }
        let (kept, out): (Vec<_>, Vec<_>) = member.assigned.iter().partition(|p| target.contains(p));
        member.assigned = kept;
        member.revoking = out;
        if !member.revoking.is_empty() {
            // It stays in its epoch until it has given back what it is to give back.
            member.revoke_by = Some(ctx.now + ctx.config.max_poll_interval);
            return;
        }
        (member.revoke_by, member.epoch) = (None, self.epoch);
        let mut assigned = member.assigned.clone();
        let others = || self.members.iter().filter(|(other, _)| **other != id).map(|(_, m)| m);
        let is_free = |p: &PartitionId| !others().any(|m| m.assigned.contains(p) || m.revoking.contains(p));
        let mut added: Vec<_> = target.into_iter().filter(|p| !assigned.contains(p)).filter(is_free).collect();
        assigned.append(&mut added);
        assigned.sort_unstable();
        self.members.get_mut(&id).expect("a member is reconciled").assigned = assigned;
    }
}

impl Member {
    fn expires(&self, config: &GroupConfig) -> Time {
        let session = self.seen + config.session_timeout;
        self.revoke_by.map_or(session, |by| by.min(session))
    }
}
