//! The group coordinator: joins, syncs, heartbeats, sessions, commits.
//!
//! Does: the classic protocol with its states (Empty, PreparingRebalance, CompletingRebalance, Stable), the initial delay and its
//! extension, join and sync timeouts, sessions, generations, static members and their fencing, the validation of commits; offsets
//! by group and partition, and their expiry. A group that nobody has joined yet is Empty. The consumer protocol (KIP-848) with member
//! epochs, `uniform` and `range` on the server, revocation before hand-over, the rebalance timeout, static members that are away.
//!
//! Does not: the choice between several assignors or protocols of one group; moves of the coordinator to another broker, and its
//! outages (broker faults do not touch it); Dead as a state of its own (an empty group without offsets is as good as dead); quotas,
//! transactional commits, subscription patterns, topics that appear, disappear or grow, `group.max.size`; limits of the session
//! timeout; racks; the batching of target assignments in 4.3 and later (`group.consumer.assignment.interval.ms`); groups that change
//! their protocol.
//!
//! Source: Apache Kafka 4.x, `GroupMetadataManager`, `ClassicGroup`, `ConsumerGroup`, `OffsetMetadataManager`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::classic::{Classic, Context};
use super::modern::Modern;
use super::offsets::Offsets;
use super::wire::{Address, MemberId, Request, Response};
use super::{GroupConfig, Protocol};
use crate::choice::{Choices, Point};
use crate::fingerprint::Fingerprint;
use crate::record::{PartitionId, TopicId};
use crate::time::Time;

/// Names of the groups and of the topics, with the topics' partitions: what never changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) groups: Vec<String>,
    pub(crate) topics: Vec<(String, u32)>,
}

impl Names {
    /// A topic's number in the fleet.
    pub(crate) fn topic(&self, name: &str) -> Option<u32> {
        self.topics.iter().position(|(n, _)| n == name).map(|i| i as u32)
    }
}

#[derive(Clone, Debug)]
enum Members {
    Classic(Classic),
    Modern(Modern),
}

#[derive(Clone, Debug)]
struct Group {
    members: Members,
    offsets: Offsets,
    /// Since when it has had no members.
    empty: Option<Time>,
    refused_commits: u64,
}

/// The coordinator of all groups of a fleet.
///
/// Contract: `handle` what arrives and `tick` when `next_timer` says so, in order of time; after each, drain `poll_response`.
#[derive(Clone, Debug)]
pub struct Coordinator {
    config: GroupConfig,
    names: Arc<Names>,
    /// Of each topic.
    partitions: Vec<u32>,
    groups: Vec<Group>,
    responses: VecDeque<(Address, Response)>,
    ids: u32,
    choices: Choices,
    fingerprint: Fingerprint,
}

impl Coordinator {
    pub(crate) fn new(config: GroupConfig, names: Arc<Names>, seed: u64) -> Self {
        let group = Group {
            members: match config.protocol {
                Protocol::Classic => Members::Classic(Classic::default()),
                Protocol::Consumer => Members::Modern(Modern::default()),
            },
            offsets: Offsets::default(),
            empty: Some(Time::ZERO),
            refused_commits: 0,
        };
        Self {
            config,
            partitions: names.topics.iter().map(|(_, partitions)| *partitions).collect(),
            groups: vec![group; names.groups.len()],
            names,
            responses: VecDeque::new(),
            ids: 0,
            choices: Choices::seeded(seed),
            fingerprint: Fingerprint::default(),
        }
    }

    // ---- getters ---------------------------------------------------------------------------------------------------------------

    /// How many rebalances a group has been through: its generation, or its epoch. 0 for a group that there is not.
    #[must_use]
    pub fn rebalances(&self, group: &str) -> u64 {
        self.group(group).map_or(0, |g| g.members.generation())
    }

    /// How many members a group has now.
    #[must_use]
    pub fn members(&self, group: &str) -> usize {
        self.group(group).map_or(0, |g| g.members.len())
    }

    /// Whether everybody in a group has an assignment and nothing is about to change.
    #[must_use]
    pub fn is_stable(&self, group: &str) -> bool {
        self.group(group).is_some_and(|g| g.members.is_stable())
    }

    /// How many commits of a group have been refused.
    #[must_use]
    pub fn refused_commits(&self, group: &str) -> u64 {
        self.group(group).map_or(0, |g| g.refused_commits)
    }

    /// What has been committed of a partition: the offset of the next record to read. (Expired ones go when the group is next heard
    /// of.)
    #[must_use]
    pub fn committed(&self, group: &str, topic: &str, partition: u32) -> Option<i64> {
        let topic = TopicId(self.names.topic(topic)?);
        self.group(group)?.offsets.get(PartitionId { topic, partition })
    }

    fn group(&self, name: &str) -> Option<&Group> {
        let place = self.names.groups.iter().position(|n| n == name)?;
        Some(&self.groups[place])
    }

    /// Hash of everything that has happened.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.get()
    }

    /// Draws from another seed from now on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.choices = Choices::seeded(seed);
    }

    // ---- inputs ----------------------------------------------------------------------------------------------------------------

    /// A commit from before the beginning: what an earlier run has left.
    pub(crate) fn preset(&mut self, group: u32, partition: PartitionId, offset: i64) {
        self.groups[group as usize].offsets.commit(Time::ZERO, partition, offset);
    }

    /// A request has arrived.
    pub(crate) fn handle(&mut self, now: Time, from: Address, group: u32, request: Request) {
        self.fingerprint.push(now.as_nanos() ^ u64::from(from.instance) << 56 ^ u64::from(from.consumer) << 48);
        let Self { config, groups, partitions, responses, ids, choices, .. } = self;
        let group = &mut groups[group as usize];
        group.expire(now, config);
        let mut new_id = || {
            let rank = choices.number(Point::GroupMemberOrder, 0, 1 << 32, |s| s.bits() >> 32) as u32;
            *ids += 1;
            MemberId { rank, number: *ids }
        };
        let mut ctx = Context { now, config, responses, new_id: &mut new_id };
        match (request, &mut group.members) {
            (Request::Join { id, instance, subscription }, Members::Classic(members)) => {
                members.join(&mut ctx, from, id, instance, subscription);
            }
            (Request::Sync { sender, assignments }, Members::Classic(members)) => {
                members.sync(&mut ctx, from, sender, assignments);
            }
            (Request::Heartbeat { sender }, Members::Classic(members)) => members.heartbeat(&mut ctx, from, sender),
            (Request::Leave { sender }, Members::Classic(members)) => members.leave(&mut ctx, from, sender),
            (Request::Beat(beat), Members::Modern(members)) => members.heartbeat(&mut ctx, partitions, from, beat),
            (Request::Commit { sender, offsets }, members) => {
                let result = match members {
                    Members::Classic(members) => members.validate_commit(now, sender),
                    Members::Modern(members) => members.validate_commit(sender),
                };
                let result = result.map(|()| group.commit(now, &offsets));
                group.refused_commits += u64::from(result.is_err());
                responses.push_back((from, Response::Committed(result)));
            }
            (Request::Offsets { partitions }, _) => {
                let offsets = partitions.into_iter().map(|p| (p, group.offsets.get(p))).collect();
                responses.push_back((from, Response::Offsets(offsets)));
            }
            (request, _) => unreachable!("{request:?} is of the other protocol"),
        }
        group.note_members(now);
    }

    // ---- time ------------------------------------------------------------------------------------------------------------------

    /// When something is due.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        self.groups.iter().filter_map(|g| g.members.next_timer(&self.config)).min()
    }

    /// Whatever is due by now happens.
    pub(crate) fn tick(&mut self, now: Time) {
        self.fingerprint.push(now.as_nanos());
        let Self { config, groups, partitions, responses, .. } = self;
        for group in groups {
            if group.members.next_timer(config).is_some_and(|at| at <= now) {
                group.expire(now, config);
                let mut new_id = || unreachable!("nobody joins by waiting");
                let mut ctx = Context { now, config, responses, new_id: &mut new_id };
                match &mut group.members {
                    Members::Classic(members) => members.tick(&mut ctx),
                    Members::Modern(members) => members.tick(&mut ctx, partitions),
                }
                group.note_members(now);
            }
        }
    }

    // ---- outputs ---------------------------------------------------------------------------------------------------------------

    /// The next response to be sent.
    pub(crate) fn poll_response(&mut self) -> Option<(Address, Response)> {
        self.responses.pop_front()
    }
}

impl Members {
    fn generation(&self) -> u64 {
        match self {
            Self::Classic(members) => members.generation() as u64,
            Self::Modern(members) => members.epoch() as u64,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Classic(members) => members.len(),
            Self::Modern(members) => members.len(),
        }
    }

    fn is_stable(&self) -> bool {
        match self {
            Self::Classic(members) => members.is_stable(),
            Self::Modern(members) => members.is_stable(),
        }
    }

    fn wants(&self, topic: u32) -> bool {
        match self {
            Self::Classic(members) => members.wants(topic),
            Self::Modern(members) => members.wants(topic),
        }
    }

    fn next_timer(&self, config: &GroupConfig) -> Option<Time> {
        match self {
            Self::Classic(members) => members.next_timer(config),
            Self::Modern(members) => members.next_timer(config),
        }
    }
}

impl Group {
    fn expire(&mut self, now: Time, config: &GroupConfig) {
        let members = &self.members;
        self.offsets.expire(now, config.offsets_retention, self.empty, |topic| members.wants(topic));
    }

    fn commit(&mut self, now: Time, offsets: &[(PartitionId, i64)]) {
        for &(partition, offset) in offsets {
            self.offsets.commit(now, partition, offset);
        }
    }

    fn note_members(&mut self, now: Time) {
        if self.members.len() > 0 {
            self.empty = None;
        } else {
            self.empty.get_or_insert(now);
        }
    }
}
