//! The members of a world: what each consumer does about its group, and how it tells the client and the application.
//!
//! Models: the join with its round for a member id, the leader's assignment, sync, heartbeats, leave; eager and cooperative
//! rebalances; revocations held until [`World::revoke_done`] or their deadline; start positions from committed offsets, else by
//! `auto.offset.reset`; `max.poll.interval.ms`; commits with the member's generation. A rebalance is acted upon where the client does:
//! librdkafka whenever its queue is served, which our application always does; aiokafka when the event loop is free; the Java client
//! and kafka-python inside a poll (of a consumer without partitions there is always one in progress: an application that waits for
//! its assignment polls).
//!
//! Does not model: auto-commit; several assignors in one group; retries of group requests (no answer gets lost: the coordinator has
//! no outages); FindCoordinator by itself (it is in the client's start delay); heartbeats while a join or sync is out (the
//! coordinator counts who waits for it as alive).

use std::collections::VecDeque;
use std::sync::Arc;

use super::assignor::assign;
use super::coordinator::Names;
use super::modern::{AWAY, GONE};
use super::wire::{Address, Beat, Joined, MemberId, Request, Response, Sender, Subscription};
use super::{GroupConfig, OffsetReset, Protocol, Refusal};
use crate::output::{Fatal, Output};
use crate::record::{ConsumerId, PartitionId, TopicId};
use crate::state::{Core, Event};
use crate::time::Time;
use crate::timeout::{Fired, Timeout};
use crate::world::World;

/// What becomes due in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The client has found its coordinator.
    Start,
    /// A response has arrived.
    Answer,
    Heartbeat,
    /// There has been no poll for `max.poll.interval.ms`.
    PollInterval,
    /// A revocation has been held for as long as it may be.
    Deadline,
    /// Start positions are known: of partitions with a committed offset, or of the others.
    Seek {
        fresh: bool,
    },
    /// A commit can't even be sent.
    CommitRefused,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) arrives: Time,
    pub(crate) from: Address,
    pub(crate) group: u32,
    pub(crate) request: Request,
}

/// What makes a world an instance of a fleet.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    config: GroupConfig,
    names: Arc<Names>,
    instance: u32,
    /// Per topic of the world: its number in the fleet.
    topics: Vec<u32>,
    members: Vec<Member>,
    /// The process runs.
    opened: bool,
    incarnation: u32,
    /// Leaves that have not been answered yet, when closing.
    leaving: Option<u32>,
    /// Instead of joining groups: place and number of instances that share the partitions out.
    share: Option<(u32, u32)>,
    /// Requests that the fleet has not picked up yet.
    pub(crate) outbox: VecDeque<Sent>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Not started, or out for good.
    #[default]
    Out,
    Starting,
    Joining,
    Syncing,
    /// Has an assignment, perhaps an empty one.
    Joined,
}

/// What has been learnt and not been acted upon.
#[derive(Clone, Debug)]
enum News {
    /// An assignment has come.
    Assigned(Vec<u32>),
    /// The group rebalances.
    Rebalance,
    /// The partitions are gone.
    Lost,
}

/// A revocation that the application has been told of.
#[derive(Clone, Debug)]
struct Revoking {
    slots: Vec<u32>,
    by: Time,
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    Rejoin,
    /// Take on what has been assigned; and rejoin or say so, so that others get what was revoked.
    Adopt(Vec<u32>),
}

/// A commit that is not sent yet: whose, and what.
type QueuedCommit = (Option<Sender>, Vec<(PartitionId, i64)>);

/// A partition whose start position is being looked up.
#[derive(Clone, Copy, Debug)]
struct Seek {
    slot: u32,
    /// Number of the request that asks for it.
    ask: u32,
    /// Answered: the committed offset, if there is one.
    committed: Option<Option<i64>>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    group: u32,
    instance: Option<u32>,
    /// Fleet's numbers of its topics, sorted.
    topics: Vec<u32>,
    id: Option<MemberId>,
    generation: i32,
    phase: Phase,
    /// The application has been told of a first assignment.
    told: bool,
    /// The slots it has, sorted.
    owned: Vec<u32>,
    seeks: Vec<Seek>,
    asked: u32,
    answered: u32,
    news: Option<News>,
    revoking: Option<Revoking>,
    heartbeat: Timeout,
    /// When the last heartbeat or sync was sent, and the last one that said that nothing is to be given back.
    beat: Time,
    alive: Time,
    /// Consumer protocol: a heartbeat is out, and another one is due as soon as it is answered.
    beating: bool,
    beat_again: bool,
    /// Heartbeats that were out when it joined anew: their answers mean nothing.
    void_beats: u32,
    /// What it has has changed since the coordinator was last told.
    changed: bool,
    poll_interval: Timeout,
    polling: bool,
    /// A commit that waits behind a join on the same connection.
    queued_commit: Option<QueuedCommit>,
    /// Consumer protocol: the commit in progress, in case that it crosses a new epoch on its way.
    commit: Option<(i32, Vec<(PartitionId, i64)>)>,
    /// When the commit in progress may return at the earliest.
    commit_until: Time,
    commit_refusal: Option<Refusal>,
    inbox: VecDeque<Response>,
    last_arrival: Time,
}

impl Membership {
    pub(crate) fn new(
        config: GroupConfig,
        names: Arc<Names>,
        instance: u32,
        topics: Vec<u32>,
        members: impl Iterator<Item = (u32, Option<u32>, core::ops::Range<u32>)>,
    ) -> Self {
        let member = |(group, instance, range): (u32, Option<u32>, core::ops::Range<u32>)| {
            let mut own: Vec<u32> = range.map(|t| topics[t as usize]).collect();
            own.sort_unstable();
            Member { group, instance, topics: own, ..Member::default() }
        };
        let members = members.map(member).collect();
        Self {
            config,
            names,
            instance,
            members,
            topics,
            opened: false,
            incarnation: 0,
            leaving: None,
            share: None,
            outbox: VecDeque::new(),
        }
    }

    /// Its consumers join no groups, but take the partitions p with p mod `of` = `place`.
    pub(crate) fn set_share(&mut self, place: u32, of: u32) {
        self.share = Some((place, of));
    }

    /// The process is gone: nobody in it is a member any more. (The coordinator does not know yet.)
    fn forget(&mut self) {
        self.incarnation += 1;
        self.leaving = None;
        for member in &mut self.members {
            *member = Member {
                group: member.group,
                instance: member.instance,
                topics: core::mem::take(&mut member.topics),
                ..Member::default()
            };
        }
    }

    fn send(&mut self, core: &mut Core, consumer: u32, request: Request) {
        let from = Address { instance: self.instance, consumer, incarnation: self.incarnation };
        let group = self.members[consumer as usize].group;
        let arrives = core.now + core.group_latency(consumer);
        self.outbox.push_back(Sent { arrives, from, group, request });
    }

    /// Sends what a member that leaves sends. Returns whether there is anything to be sent.
    fn leave(&mut self, core: &mut Core, consumer: u32) -> bool {
        let member = &mut self.members[consumer as usize];
        let Some(sender) = member.sender() else { return false };
        member.id = None;
        // The answer to a heartbeat that is out comes before that to the leave, and is none to a join.
        member.void_beats += u32::from(core::mem::take(&mut member.beating));
        match (self.config.protocol, sender.instance) {
            (Protocol::Classic, Some(_)) => return false,
            (Protocol::Classic, None) => self.send(core, consumer, Request::Leave { sender }),
            (Protocol::Consumer, instance) => {
                let epoch = if instance.is_some() { AWAY } else { GONE };
                let beat = Beat { id: Some(sender.id), instance, epoch, topics: Vec::new(), owned: None };
                self.send(core, consumer, Request::Beat(beat));
            }
        }
        true
    }

    /// A slot as the fleet calls it.
    fn partition(&self, core: &Core, slot: u32) -> PartitionId {
        let id = core.plan.slots[slot as usize].id;
        PartitionId { topic: TopicId(self.topics[id.topic.index()]), partition: id.partition }
    }

    fn slot(&self, core: &Core, id: PartitionId) -> Option<u32> {
        let topic = self.topics.iter().position(|t| *t == id.topic.0)?;
        Some(core.plan.topics[topic].first + id.partition)
    }
}

impl Member {
    fn sender(&self) -> Option<Sender> {
        self.id.map(|id| Sender { id, instance: self.instance, generation: self.generation })
    }
}

fn due(core: &mut Core, at: Time, consumer: u32, due: Due) {
    core.schedule(at, Event::Group { consumer, due });
}

impl World {
    // ---- from the fleet --------------------------------------------------------------------------------------------------------

    /// Makes this world an instance of a fleet. Its consumers have no partitions from now on but those that their groups give them.
    pub(crate) fn join_fleet(&mut self, membership: Membership) {
        self.membership = Some(Box::new(membership));
        self.core.mine.fill(false);
    }

    /// The process runs, in a fleet.
    pub(crate) fn is_open(&self) -> bool {
        self.membership.as_ref().is_some_and(|m| m.opened)
    }

    /// When something is due, if nothing is asked for any more.
    pub(crate) fn next_at(&self, now: Time) -> Option<Time> {
        if self.has_work() { Some(now) } else { self.core.queue.next_at() }
    }

    /// A request that is on its way.
    pub(crate) fn poll_request(&mut self) -> Option<Sent> {
        self.membership.as_mut()?.outbox.pop_front()
    }

    /// The process dies, and nobody listens any more.
    pub(crate) fn die(&mut self) {
        self.end_process();
        self.stop_listening();
    }

    pub(crate) fn stop_listening(&mut self) {
        if let Some(membership) = &mut self.membership {
            membership.opened = false;
        }
    }

    /// Drops what there is nobody to be told.
    pub(crate) fn keep_quiet(&mut self) {
        self.core.outputs.clear();
    }

    // ---- from the application --------------------------------------------------------------------------------------------------

    /// Everything that had to happen before a revocation has happened: the rebalance goes on. Without one in progress (it was over,
    /// or the partitions were lost) nothing happens.
    pub fn revoke_done(&mut self, consumer: ConsumerId) {
        self.core.fingerprint.push(u64::from(consumer.0) << 8 | 1);
        self.end_revocation(consumer.0);
    }

    pub(crate) fn group_open(&mut self) {
        let Some(membership) = &mut self.membership else { return };
        membership.opened = true;
        for consumer in 0..self.clients.len() as u32 {
            let client = &mut self.clients[consumer as usize];
            client.open_in_group(&mut self.core);
            let at = self.core.now + client.group_start();
            membership.members[consumer as usize].phase = Phase::Starting;
            due(&mut self.core, at, consumer, Due::Start);
        }
    }

    /// The process leaves its groups. Static members do not: they may be back soon.
    pub(crate) fn group_close(&mut self) {
        let Some(membership) = &mut self.membership else { return };
        let mut leaving = 0;
        for consumer in 0..membership.members.len() as u32 {
            let member = &mut membership.members[consumer as usize];
            member.phase = Phase::Out;
            member.heartbeat.clear();
            member.poll_interval.clear();
            member.revoking = None;
            // A member of the consumer protocol can't take a join back that is out: it leaves when that is answered.
            let joining = member.beating && member.id.is_none();
            leaving += u32::from(joining || membership.leave(&mut self.core, consumer));
        }
        membership.leaving = Some(leaving);
        if leaving == 0 {
            self.core.schedule(self.core.now, Event::Closed);
        }
    }

    /// The process is gone, with all that it had in memory.
    pub(crate) fn end_process(&mut self) {
        self.core.crash();
        self.clients = Self::clients(&self.core);
        if let Some(membership) = &mut self.membership {
            membership.forget();
            self.core.mine.fill(false);
        }
    }

    /// A poll begins: the client looks after its group first.
    pub(crate) fn group_poll(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        member.polling = true;
        member.poll_interval.clear();
        self.act(consumer);
    }

    /// A poll has returned.
    pub(crate) fn group_polled(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        member.polling = false;
        if membership.share.is_none()
            && self.clients[consumer as usize].has_poll_interval()
            && let Some(at) = member.poll_interval.set(self.core.now + membership.config.max_poll_interval)
        {
            due(&mut self.core, at, consumer, Due::PollInterval);
        }
    }

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

    // ---- from the coordinator --------------------------------------------------------------------------------------------------

    /// A response leaves the coordinator at this time.
    pub(crate) fn group_response(&mut self, departs: Time, to: Address, response: Response) {
        let Some(membership) = &mut self.membership else { return };
        if to.incarnation != membership.incarnation {
            return;
        }
        let member = &mut membership.members[to.consumer as usize];
        let mut at = departs + self.core.plan.config.brokers.service + self.core.group_latency(to.consumer);
        if matches!(response, Response::Committed(_)) {
            at = at.max(member.commit_until);
        }
        // One connection: in order.
        at = at.max(member.last_arrival);
        member.last_arrival = at;
        member.inbox.push_back(response);
        due(&mut self.core, at, to.consumer, Due::Answer);
    }

    /// Something becomes due in a member.
    pub(crate) fn group_due(&mut self, consumer: u32, what: Due) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let member = &mut membership.members[consumer as usize];
        match what {
            Due::Start => {
                if member.phase != Phase::Starting {
                } else if membership.share.is_some() {
                    self.take_share(consumer);
                } else {
                    self.join(consumer);
                }
            }
            Due::Answer => {
                let response = member.inbox.pop_front().expect("an answer has been put there");
                self.answer(consumer, response);
            }
            Due::Heartbeat => match member.heartbeat.fire(core.now) {
                Fired::Due => self.beat(consumer),
                Fired::Later(at) => due(core, at, consumer, what),
                Fired::Stale => {}
            },
            Due::PollInterval => match member.poll_interval.fire(core.now) {
                Fired::Due => self.poll_interval_over(consumer),
                Fired::Later(at) => due(core, at, consumer, what),
                Fired::Stale => {}
            },
            Due::Deadline => {
                if member.revoking.as_ref().is_some_and(|r| r.by <= core.now) {
                    self.end_revocation(consumer);
                }
            }
            Due::Seek { fresh } => self.seek(consumer, fresh),
            Due::CommitRefused => {
                if let Some(refusal) = member.commit_refusal.take() {
                    self.clients[consumer as usize].committed(core);
                    core.outputs.push_back(Output::CommitFailed { consumer: ConsumerId(consumer), reason: refusal });
                }
            }
        }
    }

    fn answer(&mut self, consumer: u32, response: Response) {
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
    fn refused(&mut self, consumer: u32, refusal: Refusal) {
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
    fn fail(&mut self, consumer: u32, reason: Fatal) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        member.phase = Phase::Out;
        member.heartbeat.clear();
        member.poll_interval.clear();
        self.core.outputs.push_back(Output::Fatal { consumer: ConsumerId(consumer), reason });
    }

    // ---- membership ------------------------------------------------------------------------------------------------------------

    fn join(&mut self, consumer: u32) {
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
    fn take_share(&mut self, consumer: u32) {
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

    fn sync(&mut self, consumer: u32, members: Option<Vec<Joined>>) {
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

    fn synced(&mut self, consumer: u32, partitions: &[PartitionId]) {
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

    /// A commit that waited behind a join goes out, with the generation of before.
    fn flush_commit(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        if let Some((sender, offsets)) = membership.members[consumer as usize].queued_commit.take() {
            membership.send(&mut self.core, consumer, Request::Commit { sender, offsets });
        }
    }

    fn beat(&mut self, consumer: u32) {
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
    fn beat_epoch(&mut self, consumer: u32) {
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
    fn beaten(&mut self, consumer: u32, id: MemberId, epoch: i32, assignment: Option<&[PartitionId]>) {
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

    /// A commit that has crossed a new epoch on its way goes out again, for what the member has still
    /// (`CommitRequestManager.OffsetCommitRequestState`). Returns whether it does.
    fn commit_again(&mut self, consumer: u32) -> bool {
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

    /// No poll for `max.poll.interval.ms`: a dynamic member leaves, a static one falls silent. The application learns of it at its
    /// next poll.
    fn poll_interval_over(&mut self, consumer: u32) {
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

    // ---- rebalances ------------------------------------------------------------------------------------------------------------

    /// Acts upon the news, if the client is at a place where it does.
    fn act(&mut self, consumer: u32) {
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
    fn lose(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        member.revoking = None;
        let lost = member.owned.clone();
        if !lost.is_empty() {
            let by = self.core.now;
            self.take_away(consumer, &lost, true, by);
        }
    }

    fn begin_revocation(&mut self, consumer: u32, slots: &[u32], then: Then) {
        let Some(membership) = &mut self.membership else { return };
        let member = &mut membership.members[consumer as usize];
        // The coordinator's clock for this rebalance began after the last request that it answered well was sent.
        let by = (member.alive + membership.config.max_poll_interval).max(self.core.now);
        member.revoking = Some(Revoking { slots: slots.to_vec(), by, then });
        due(&mut self.core, by, consumer, Due::Deadline);
        self.take_away(consumer, slots, false, by);
    }

    /// The client drops these partitions, and the application is told.
    fn take_away(&mut self, consumer: u32, slots: &[u32], lost: bool, by: Time) {
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

    fn end_revocation(&mut self, consumer: u32) {
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
    fn acknowledge(&mut self, consumer: u32) {
        let Some(membership) = &mut self.membership else { return };
        if membership.config.protocol == Protocol::Consumer {
            membership.members[consumer as usize].changed = true;
            self.beat(consumer);
        }
    }

    /// The consumer has exactly these partitions now; it has nothing else any more.
    fn take_on(&mut self, consumer: u32, target: Vec<u32>) {
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

    // ---- positions -------------------------------------------------------------------------------------------------------------

    /// Committed offsets have come; where there is none, `auto.offset.reset` asks the broker.
    fn offsets(&mut self, consumer: u32, offsets: &[(PartitionId, Option<i64>)]) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let answered = membership.members[consumer as usize].answered + 1;
        membership.members[consumer as usize].answered = answered;
        let (mut some, mut none) = (false, false);
        for &(partition, committed) in offsets {
            let slot = membership.slot(core, partition);
            let seeks = &mut membership.members[consumer as usize].seeks;
            if let Some(seek) = seeks.iter_mut().find(|s| Some(s.slot) == slot && s.ask == answered) {
                seek.committed = Some(committed);
                some |= committed.is_some();
                none |= committed.is_none();
            }
        }
        if none && membership.config.offset_reset == OffsetReset::None {
            self.lose(consumer);
            return self.fail(consumer, Fatal::NoOffset);
        }
        let (known, fresh) = self.clients[consumer as usize].seek_delays();
        if some {
            due(core, core.now + known, consumer, Due::Seek { fresh: false });
        }
        if none {
            let trip = core.plan.config.network.latency.times(2) + core.plan.config.brokers.service;
            due(core, core.now + fresh + trip, consumer, Due::Seek { fresh: true });
        }
    }

    /// Fetching begins at the positions found.
    fn seek(&mut self, consumer: u32, fresh: bool) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let reset = membership.config.offset_reset;
        let mut found = Vec::new();
        membership.members[consumer as usize].seeks.retain(|seek| {
            match seek.committed {
                Some(Some(offset)) if !fresh => found.push((seek.slot, offset)),
                Some(None) if fresh && reset == OffsetReset::Latest => {
                    found.push((seek.slot, core.logs[seek.slot as usize].end()));
                }
                Some(None) if fresh => found.push((seek.slot, 0)),
                _ => return true,
            }
            false
        });
        if !found.is_empty() {
            self.clients[consumer as usize].assign(core, &found);
            self.update_causes(consumer);
        }
    }
}
