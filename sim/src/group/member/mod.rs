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

use super::coordinator::Names;
use super::modern::{AWAY, GONE};
use super::wire::{Address, Beat, MemberId, Request, Response, Sender};
use super::{GroupConfig, Protocol, Refusal};
use crate::output::Output;
use crate::record::{ConsumerId, PartitionId, TopicId};
use crate::state::{Core, Event};
use crate::time::Time;
use crate::timeout::{Fired, Timeout};
use crate::world::World;

mod answers;
mod commit;
mod joining;
mod positions;
mod rebalance;

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
}
