//! A group under the classic protocol, as the coordinator keeps it.
//!
//! Source: Apache Kafka, `GroupMetadataManager` (classic part) and `ClassicGroup`.

use std::collections::{BTreeMap, VecDeque};

use super::wire::{Address, Assignments, Joined, MemberId, Response, Sender, Subscription};
use super::{GroupConfig, Refusal};
use crate::record::PartitionId;
use crate::time::{Duration, Time};

/// `classicGroupNewMemberJoinTimeoutMs`: a new member that waits for its first join is given up after this.
const NEW_MEMBER_JOIN: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Empty,
    /// Members are to join until `by`. At first, while the group was empty: for the initial delay, which may be extended by it
    /// within what is `left` of the rebalance timeout.
    Preparing {
        by: Time,
        initial: Option<Initial>,
    },
    /// Waiting for the leader's assignment.
    Completing,
    Stable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Initial {
    delay: Duration,
    left: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaiting {
    Nothing,
    Join,
    Sync,
}

#[derive(Clone, Debug)]
struct Member {
    at: Address,
    instance: Option<u32>,
    subscription: Subscription,
    awaiting: Awaiting,
    /// It has never been through a join.
    is_new: bool,
    /// It has asked for its assignment in this generation.
    synced: bool,
    /// The last sign of life.
    seen: Time,
    assignment: Vec<PartitionId>,
}

/// What a group needs of its coordinator.
pub(super) struct Context<'a> {
    pub(super) now: Time,
    pub(super) config: &'a GroupConfig,
    pub(super) responses: &'a mut VecDeque<(Address, Response)>,
    /// The id of the next new member.
    pub(super) new_id: &'a mut dyn FnMut() -> MemberId,
}

impl Context<'_> {
    fn respond(&mut self, to: Address, response: Response) {
        self.responses.push_back((to, response));
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Classic {
    state: State,
    generation: i32,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    /// Ids that have been given out and not been used yet; until when they are good.
    pending: BTreeMap<MemberId, Time>,
    statics: BTreeMap<u32, MemberId>,
    /// Until when members are to ask for their assignment.
    sync_by: Option<Time>,
    /// Somebody has joined during the initial delay.
    somebody_joined: bool,
}

impl Classic {
    // ---- getters ---------------------------------------------------------------------------------------------------------------

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_stable(&self) -> bool {
        self.state == State::Stable
    }

    pub(super) fn wants(&self, topic: u32) -> bool {
        self.members.values().any(|m| m.subscription.topics.contains(&topic))
    }

    pub(super) fn next_timer(&self, config: &GroupConfig) -> Option<Time> {
        let state = match self.state {
            State::Preparing { by, .. } => Some(by),
            _ => None,
        };
        let sessions = self.members.values().filter_map(|m| m.expires(config));
        sessions.chain(self.pending.values().copied()).chain(state).chain(self.sync_by).min()
    }

    // ---- requests --------------------------------------------------------------------------------------------------------------

    pub(super) fn join(
        &mut self,
        ctx: &mut Context<'_>,
        from: Address,
        id: Option<MemberId>,
        instance: Option<u32>,
        subscription: Subscription,
    ) {
        let Some(id) = id else {
            let id = (ctx.new_id)();
            match instance {
                None => {
                    self.pending.insert(id, ctx.now + ctx.config.session_timeout);
                    ctx.respond(from, Response::IdRequired(id));
                }
                Some(instance) => match self.statics.insert(instance, id) {
                    Some(old) => self.replace_static(ctx, from, old, id, subscription),
                    None => self.add(ctx, from, id, Some(instance), subscription),
                },
            }
            return;
        };
        if let Err(refusal) = self.validate(id, instance) {
            if self.pending.remove(&id).is_some() {
                self.add(ctx, from, id, instance, subscription);
            } else {
                ctx.respond(from, Response::Refused(refusal));
            }
            return;
        }
        let is_leader = self.leader == Some(id);
        let member = self.members.get_mut(&id).expect("validated");
        let unchanged = member.subscription == subscription;
        member.seen = ctx.now;
        member.at = from;
        match self.state {
            // The join response has got lost, or a follower has nothing new to say: the current generation again.
            State::Completing if unchanged => self.respond_joined(ctx, id),
            State::Stable if unchanged && !is_leader => self.respond_joined(ctx, id),
            _ => {
                member.subscription = subscription;
                member.awaiting = Awaiting::Join;
                self.prepare_or_complete(ctx);
            }
        }
    }

    pub(super) fn sync(&mut self, ctx: &mut Context<'_>, from: Address, sender: Sender, assignments: Assignments) {
        if let Err(refusal) = self.validate_generation(sender) {
            return ctx.respond(from, Response::Refused(refusal));
        }
        let member = self.members.get_mut(&sender.id).expect("validated");
        member.seen = ctx.now;
        match self.state {
            State::Empty => ctx.respond(from, Response::Refused(Refusal::UnknownMember)),
            State::Preparing { .. } => ctx.respond(from, Response::Refused(Refusal::RebalanceInProgress)),
            State::Stable => {
                member.synced = true;
                let partitions = member.assignment.clone();
                ctx.respond(from, Response::Synced { partitions });
            }
            State::Completing => {
                member.synced = true;
                member.awaiting = Awaiting::Sync;
                if self.leader == Some(sender.id) {
                    self.distribute(ctx, assignments);
                }
            }
        }
        if self.members.values().all(|m| m.synced) {
            self.sync_by = None;
        }
    }

    fn distribute(&mut self, ctx: &mut Context<'_>, assignments: Assignments) {
        for (id, partitions) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = partitions;
            }
        }
        self.state = State::Stable;
        for member in self.members.values_mut().filter(|m| m.awaiting == Awaiting::Sync) {
            member.awaiting = Awaiting::Nothing;
            member.seen = ctx.now;
            ctx.respond(member.at, Response::Synced { partitions: member.assignment.clone() });
        }
    }

    pub(super) fn heartbeat(&mut self, ctx: &mut Context<'_>, from: Address, sender: Sender) {
        let result = self.validate_generation(sender).and_then(|()| {
            self.members.get_mut(&sender.id).expect("validated").seen = ctx.now;
            match self.state {
                State::Preparing { .. } => Err(Refusal::RebalanceInProgress),
                _ => Ok(()),
            }
        });
        ctx.respond(from, Response::Alive(result));
    }

    pub(super) fn leave(&mut self, ctx: &mut Context<'_>, from: Address, sender: Sender) {
        if self.pending.remove(&sender.id).is_some() {
            self.maybe_complete(ctx);
        } else if self.validate(sender.id, sender.instance).is_ok() {
            self.remove(ctx, sender.id);
        }
        ctx.respond(from, Response::Left);
    }

    /// `ClassicGroup.validateOffsetCommit`.
    pub(super) fn validate_commit(&mut self, now: Time, sender: Option<Sender>) -> Result<(), Refusal> {
        let Some(sender) = sender else {
            return if self.state == State::Empty { Ok(()) } else { Err(Refusal::UnknownMember) };
        };
        self.validate_generation(sender)?;
        self.members.get_mut(&sender.id).expect("validated").seen = now;
        if self.state == State::Completing { Err(Refusal::RebalanceInProgress) } else { Ok(()) }
    }

    fn validate_generation(&self, sender: Sender) -> Result<(), Refusal> {
        self.validate(sender.id, sender.instance)?;
        if sender.generation == self.generation { Ok(()) } else { Err(Refusal::IllegalGeneration) }
    }

    fn validate(&self, id: MemberId, instance: Option<u32>) -> Result<(), Refusal> {
        if let Some(current) = instance.and_then(|instance| self.statics.get(&instance))
            && *current != id
        {
            return Err(Refusal::FencedInstance);
        }
        if self.members.contains_key(&id) { Ok(()) } else { Err(Refusal::UnknownMember) }
    }

    // ---- time ------------------------------------------------------------------------------------------------------------------

    /// Whatever is due by now.
    pub(super) fn tick(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now;
        let pending = self.pending.len();
        self.pending.retain(|_, until| *until > now);
        if self.pending.len() < pending {
            self.maybe_complete(ctx);
        }
        match self.state {
            State::Preparing { by, initial: Some(Initial { delay, left }) } if by <= now => {
                if core::mem::take(&mut self.somebody_joined) && !left.is_zero() {
                    let more = ctx.config.initial_rebalance_delay.min(left);
                    let left = Duration::from_nanos(left.as_nanos().saturating_sub(delay.as_nanos()));
                    self.state = State::Preparing { by: now + more, initial: Some(Initial { delay: more, left }) };
                } else {
                    self.complete(ctx);
                }
            }
            State::Preparing { by, initial: None } if by <= now => self.complete(ctx),
            _ => {}
        }
        // After that: who has just been through a join is alive.
        let is_due = |m: &Member| m.expires(ctx.config).is_some_and(|at| at <= now);
        let expired: Vec<MemberId> = self.members.iter().filter(|(_, m)| is_due(m)).map(|(id, _)| *id).collect();
        for id in expired {
            self.remove(ctx, id);
        }
        if self.sync_by.is_some_and(|by| by <= now) {
            self.sync_by = None;
            let silent: Vec<MemberId> = self.members.iter().filter(|(_, m)| !m.synced).map(|(id, _)| *id).collect();
            for id in silent {
                self.remove(ctx, id);
            }
        }
    }

    // ---- rebalances ------------------------------------------------------------------------------------------------------------

    fn add(
        &mut self,
        ctx: &mut Context<'_>,
        at: Address,
        id: MemberId,
        instance: Option<u32>,
        subscription: Subscription,
    ) {
        if matches!(self.state, State::Preparing { .. }) && self.generation == 0 {
            self.somebody_joined = true;
        }
        self.leader.get_or_insert(id);
        let member = Member {
            at,
            instance,
            subscription,
            awaiting: Awaiting::Join,
            is_new: true,
            synced: true,
            seen: ctx.now,
            assignment: Vec::new(),
        };
        self.members.insert(id, member);
        self.prepare_or_complete(ctx);
    }

    /// A process with a known `group.instance.id` joins with no member id: it takes the place of the one before, which is fenced.
    fn replace_static(
        &mut self,
        ctx: &mut Context<'_>,
        at: Address,
        old: MemberId,
        id: MemberId,
        subscription: Subscription,
    ) {
        let mut member = self.members.remove(&old).expect("a static member is a member");
        if member.awaiting != Awaiting::Nothing {
            ctx.respond(member.at, Response::Refused(Refusal::FencedInstance));
        }
        // What it owned is its process's business; what it wants decides.
        let same = member.subscription.topics == subscription.topics;
        (member.at, member.seen) = (at, ctx.now);
        member.subscription = subscription;
        if self.leader == Some(old) {
            self.leader = Some(id);
        }
        if self.state == State::Stable && same {
            // No rebalance: it gets the assignment that is there, even if it leads.
            member.awaiting = Awaiting::Nothing;
            self.members.insert(id, member);
            let generation = self.generation;
            return ctx.respond(at, Response::Joined { id, generation, members: None });
        }
        member.awaiting = Awaiting::Join;
        self.members.insert(id, member);
        self.prepare_or_complete(ctx);
    }

    fn prepare_or_complete(&mut self, ctx: &mut Context<'_>) {
        if matches!(self.state, State::Preparing { .. }) {
            self.maybe_complete(ctx);
        } else {
            self.prepare(ctx);
        }
    }

    fn prepare(&mut self, ctx: &mut Context<'_>) {
        for member in self.members.values_mut().filter(|m| m.awaiting == Awaiting::Sync) {
            member.awaiting = Awaiting::Nothing;
            ctx.respond(member.at, Response::Refused(Refusal::RebalanceInProgress));
        }
        self.sync_by = None;
        let (delay, timeout) = (ctx.config.initial_rebalance_delay, ctx.config.max_poll_interval);
        if self.state == State::Empty {
            self.somebody_joined = false;
            let left = Duration::from_nanos(timeout.as_nanos().saturating_sub(delay.as_nanos()));
            self.state = State::Preparing { by: ctx.now + delay, initial: Some(Initial { delay, left }) };
        } else {
            self.state = State::Preparing { by: ctx.now + timeout, initial: None };
            self.maybe_complete(ctx);
        }
    }

    /// Goes on once everybody has joined. The initial delay is waited for in any case.
    fn maybe_complete(&mut self, ctx: &mut Context<'_>) {
        let everybody = self.members.values().all(|m| m.awaiting == Awaiting::Join) && self.pending.is_empty();
        if everybody && matches!(self.state, State::Preparing { initial: None, .. }) {
            self.complete(ctx);
        }
    }

    /// Whoever has joined by now makes the next generation. Absent dynamic members are dropped.
    fn complete(&mut self, ctx: &mut Context<'_>) {
        self.members.retain(|_, m| m.awaiting == Awaiting::Join || m.instance.is_some());
        let joined = |m: &&MemberId| self.members[m].awaiting == Awaiting::Join;
        let first = self.members.keys().find(joined).copied();
        if first.is_none() && !self.members.is_empty() {
            // All are static and away: their assignments are kept, and the join goes on.
            let by = ctx.now + ctx.config.max_poll_interval;
            self.state = State::Preparing { by, initial: None };
            return;
        }
        if !self.leader.as_ref().is_some_and(|id| self.members.contains_key(id) && joined(&id)) {
            self.leader = first;
        }
        self.generation += 1;
        if self.members.is_empty() {
            self.state = State::Empty;
            return;
        }
        self.state = State::Completing;
        self.sync_by = Some(ctx.now + ctx.config.max_poll_interval);
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        for id in ids {
            let member = self.members.get_mut(&id).expect("it is a key");
            let waits = core::mem::replace(&mut member.awaiting, Awaiting::Nothing) == Awaiting::Join;
            member.synced = false;
            member.assignment.clear();
            if waits {
                (member.is_new, member.seen) = (false, ctx.now);
                self.respond_joined(ctx, id);
            }
        }
    }

    fn respond_joined(&self, ctx: &mut Context<'_>, id: MemberId) {
        let joined =
            |(&id, m): (&MemberId, &Member)| Joined { id, instance: m.instance, subscription: m.subscription.clone() };
        let leads = self.leader == Some(id) && self.state == State::Completing;
        let members = leads.then(|| self.members.iter().map(joined).collect());
        ctx.respond(self.members[&id].at, Response::Joined { id, generation: self.generation, members });
    }

    /// A member is gone.
    fn remove(&mut self, ctx: &mut Context<'_>, id: MemberId) {
        let Some(member) = self.members.remove(&id) else { return };
        if let Some(instance) = member.instance {
            self.statics.remove(&instance);
        }
        if self.leader == Some(id) {
            self.leader = self.members.keys().next().copied();
        }
        match self.state {
            State::Stable | State::Completing => self.prepare(ctx),
            State::Preparing { .. } => self.maybe_complete(ctx),
            State::Empty => {}
        }
    }
}

impl Member {
    /// When the coordinator gives it up. Who waits for the coordinator is alive.
    fn expires(&self, config: &GroupConfig) -> Option<Time> {
        match self.awaiting {
            Awaiting::Nothing => Some(self.seen + config.session_timeout),
            Awaiting::Join if self.is_new => Some(self.seen + NEW_MEMBER_JOIN),
            Awaiting::Join | Awaiting::Sync => None,
        }
    }
}
