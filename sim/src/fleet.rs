//! Several instances of one service: worlds that share the coordinator of their groups.
//!
//! Fetches of different processes never meet in our world: a broker serves each as fast as if it were alone. Only groups do. So each
//! process is a [`World`] of its own, with its own view of the same logs, and the fleet carries group requests and responses between
//! them and one [`Coordinator`].
//!
//! All of them move in step: what happens next is the earliest of what is pending anywhere. Of what is simultaneous the coordinator
//! comes first, then the instances by number. So no message arrives in anybody's past, even without latency.

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::WorldConfig;
use crate::fingerprint::Fingerprint;
use crate::group::GroupConfig;
use crate::group::coordinator::{Coordinator, Names};
use crate::group::member::{Membership, Sent};
use crate::output::Output;
use crate::record::{PartitionId, TopicId};
use crate::seed::mix;
use crate::time::Time;
use crate::world::World;

/// A whole fleet.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// What all groups have in common.
    pub group: GroupConfig,
    /// The processes.
    pub instances: Vec<InstanceConfig>,
}

/// One process.
#[derive(Clone, Debug)]
pub struct InstanceConfig {
    /// The process, and the cluster as it sees it. Topics of one name are one topic, with the same logs and arrivals for everybody.
    /// How its consumers are said to start does not matter: they join their groups.
    pub world: WorldConfig,
    /// The group of each of its consumers.
    pub group_ids: Vec<String>,
    /// `group.instance.id`; each of several consumers adds its number.
    pub static_id: Option<String>,
}

/// A simulated fleet.
///
/// Contract: as that of a [`World`], for each instance: call what is to be called on [`world_mut`](Self::world_mut), then
/// [`next`](Self::next), and answer the instance whose output it gives. A process runs from [`World::open`] to [`Output::Closed`] or
/// [`crash`](Self::crash), and may be opened again after that; as long as it does not run it says nothing. A clone is a snapshot.
#[derive(Clone, Debug)]
pub struct Fleet {
    now: Time,
    worlds: Vec<World>,
    coordinator: Coordinator,
    names: Arc<Names>,
    /// Requests on their way, in order of arrival.
    requests: BTreeMap<(Time, u64), Sent>,
    sent: u64,
}

impl Fleet {
    /// A fleet at time zero, with no process running.
    ///
    /// # Panics
    /// If the configuration contradicts itself: the protocol does not have the assignor; there is no instance; a consumer has no group; two instances see a topic with
    /// different partitions.
    #[must_use]
    pub fn new(config: &FleetConfig) -> Self {
        assert!(config.group.assignor.is_of(config.group.protocol), "{:?}", config.group);
        let names = Arc::new(names(config));
        let seed = config.instances.first().expect("a fleet has an instance").world.seed;
        let mut statics: Vec<(u32, String)> = Vec::new();
        for instance in &config.instances {
            for (consumer, group) in instance.group_ids.iter().enumerate() {
                let Some(id) = &instance.static_id else { continue };
                statics.push((place(&names.groups, group), static_name(id, consumer, instance.group_ids.len())));
            }
        }
        statics.sort();
        statics.dedup();
        let world = |(i, instance): (usize, &InstanceConfig)| {
            let mut world = World::new(&instance.world);
            let consumers = &instance.world.consumers;
            assert_eq!(consumers.len(), instance.group_ids.len(), "each consumer has a group");
            let topics = instance.world.topics.iter().map(|t| names.topic(&t.name).expect("all topics are in there"));
            let member = |c: usize| -> (u32, Option<u32>, Range<u32>) {
                let group = place(&names.groups, &instance.group_ids[c]);
                let id = instance.static_id.as_ref().map(|id| (group, static_name(id, c, consumers.len())));
                let id = id.and_then(|id| statics.iter().position(|s| *s == id)).map(|place| place as u32);
                (group, id, consumers[c].topics.clone())
            };
            let members = (0..consumers.len()).map(member);
            let membership = Membership::new(config.group, Arc::clone(&names), i as u32, topics.collect(), members);
            world.join_fleet(membership);
            world
        };
        let worlds = config.instances.iter().enumerate().map(world).collect();
        let coordinator = Coordinator::new(config.group, Arc::clone(&names), seed);
        let mut fleet = Self { now: Time::ZERO, worlds, coordinator, names, requests: BTreeMap::new(), sent: 0 };
        fleet.reseed(seed);
        fleet
    }

    /// A copy that draws from another seed. What there is to drain stays the same. Only of a fleet at time zero.
    ///
    /// # Panics
    /// If this fleet has begun.
    #[must_use]
    pub fn reseeded(&self, seed: u64) -> Self {
        assert_eq!(self.now, Time::ZERO, "a fleet that has begun has drawn already");
        let mut fleet = self.clone();
        fleet.reseed(seed);
        fleet
    }

    fn reseed(&mut self, seed: u64) {
        // Each process has luck of its own. The first one's is that of a world by itself.
        for (i, world) in self.worlds.iter_mut().enumerate() {
            world.core.reseed(if i == 0 { seed } else { mix(seed ^ mix(i as u64)) });
        }
        self.coordinator.reseed(seed);
    }

    // ---- getters ---------------------------------------------------------------------------------------------------------------

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many instances there are, running or not.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.worlds.len() as u32
    }

    /// Whether there are none: never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.worlds.is_empty()
    }

    /// Hash of everything that has happened.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut all = Fingerprint::default();
        self.worlds.iter().for_each(|world| all.push(world.fingerprint()));
        all.push(self.coordinator.fingerprint());
        all.get()
    }

    /// The coordinator of all groups.
    #[must_use]
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// Whether an instance runs.
    #[must_use]
    pub fn is_open(&self, instance: u32) -> bool {
        self.worlds[instance as usize].is_open()
    }

    /// An instance.
    #[must_use]
    pub fn world(&self, instance: u32) -> &World {
        &self.worlds[instance as usize]
    }

    // ---- commands --------------------------------------------------------------------------------------------------------------

    /// An instance, to be told what to do now.
    pub fn world_mut(&mut self, instance: u32) -> &mut World {
        let world = &mut self.worlds[instance as usize];
        world.core.advance(self.now);
        world
    }

    /// Manual assignment instead of groups: instance i of n has the partitions p with p mod n = i of every topic, from what is
    /// committed under its consumers' group ids. Only at time zero.
    ///
    /// # Panics
    /// If the fleet has begun.
    pub fn share_out(&mut self) {
        assert_eq!(self.now, Time::ZERO, "the fleet has begun");
        let of = self.len();
        for (place, world) in (0..).zip(&mut self.worlds) {
            world.membership.as_mut().expect("all worlds of a fleet have one").set_share(place, of);
        }
    }

    /// What an earlier run has committed. Only at time zero.
    ///
    /// # Panics
    /// If there is no such group or topic, or the fleet has begun.
    pub fn preset(&mut self, group: &str, topic: &str, partition: u32, offset: i64) {
        assert_eq!(self.now, Time::ZERO, "the fleet has begun");
        let topic = TopicId(self.names.topic(topic).expect("the topic is of this fleet"));
        self.coordinator.preset(place(&self.names.groups, group), PartitionId { topic, partition }, offset);
    }

    /// The process dies now. It does not leave its groups: the coordinator finds out when its sessions time out. It may be opened
    /// again.
    pub fn crash(&mut self, instance: u32) {
        // What it has sent is on its way.
        self.collect();
        self.world_mut(instance).die();
    }

    // ---- time ------------------------------------------------------------------------------------------------------------------

    /// Lets time pass until an instance has something to tell: what was told first, and at the same moment what the instance with
    /// the lowest number tells. `None` if nothing will ever happen again.
    #[expect(clippy::should_implement_trait, reason = "an iterator would promise an end")]
    pub fn next(&mut self) -> Option<(Time, u32, Output)> {
        loop {
            if let Some(i) = self.worlds.iter().position(World::has_output) {
                let output = self.output_of(i as u32).expect("it has one");
                return Some((self.now, i as u32, output));
            }
            if !self.step() {
                return None;
            }
        }
    }

    /// As [`next`](Self::next), but only up to this moment: `None` once everything that is due by then has happened and been told. It
    /// is that moment then.
    pub fn next_before(&mut self, end: Time) -> Option<(Time, u32, Output)> {
        loop {
            if self.worlds.iter().any(World::has_output) {
                return self.next();
            }
            self.collect();
            if self.next_step().is_none_or(|(at, _)| at > end) {
                self.now = self.now.max(end);
                return None;
            }
            self.step();
        }
    }

    /// Lets time pass for everybody until this instance has something to tell. Outputs of others wait in their worlds; until somebody
    /// takes them, these others go on as processes whose application has nothing to say.
    pub fn next_of(&mut self, instance: u32) -> Option<(Time, Output)> {
        loop {
            if let Some(output) = self.output_of(instance) {
                return Some((self.now, output));
            }
            if !self.step() {
                return None;
            }
        }
    }

    fn output_of(&mut self, instance: u32) -> Option<Output> {
        let world = self.world_mut(instance);
        let output = world.core.outputs.pop_front()?;
        if output == Output::Closed {
            world.stop_listening();
        }
        Some(output)
    }

    /// When something is due, and where: at the coordinator by itself, from a request, or in an instance.
    fn next_step(&self) -> Option<(Time, usize)> {
        let coordinator = self.coordinator.next_timer().map(|at| (at.max(self.now), 0));
        let request = self.requests.first_key_value().map(|((at, _), _)| (*at, 1));
        let due = |(i, world): (usize, &World)| world.next_at(self.now).map(|at| (at, 2 + i));
        let worlds = self.worlds.iter().enumerate().filter_map(due).min();
        [coordinator, request, worlds].into_iter().flatten().min()
    }

    /// The next thing happens, wherever it does. Returns whether there was one.
    fn step(&mut self) -> bool {
        self.collect();
        let Some((at, who)) = self.next_step() else { return false };
        self.now = at;
        match who {
            0 => self.coordinator.tick(at),
            1 => {
                let (_, sent) = self.requests.pop_first().expect("it is the next");
                self.coordinator.handle(at, sent.from, sent.group, sent.request);
            }
            i => {
                let world = &mut self.worlds[i - 2];
                world.core.advance(at);
                world.step();
                if !world.is_open() {
                    // Logs grow and brokers fail, but there is nobody to tell.
                    world.keep_quiet();
                }
            }
        }
        while let Some((to, response)) = self.coordinator.poll_response() {
            self.worlds[to.instance as usize].group_response(at, to, response);
        }
        true
    }

    /// Picks up what the instances have sent.
    fn collect(&mut self) {
        for world in &mut self.worlds {
            while let Some(sent) = world.poll_request() {
                self.sent += 1;
                self.requests.insert((sent.arrives, self.sent), sent);
            }
        }
    }
}

fn place(names: &[String], name: &str) -> u32 {
    names.iter().position(|n| n == name).expect("the group is of this fleet") as u32
}

fn static_name(id: &str, consumer: usize, consumers: usize) -> String {
    if consumers == 1 { id.to_owned() } else { format!("{id}-{consumer}") }
}

/// Groups and topics of all instances, in the order in which they come up.
fn names(config: &FleetConfig) -> Names {
    let mut names = Names::default();
    for instance in &config.instances {
        for group in &instance.group_ids {
            if !names.groups.contains(group) {
                names.groups.push(group.clone());
            }
        }
        for topic in &instance.world.topics {
            let partitions = topic.logs.len() as u32;
            match names.topic(&topic.name) {
                Some(known) => {
                    let (name, known) = &names.topics[known as usize];
                    assert_eq!(*known, partitions, "{name} has the same partitions for everybody");
                }
                None => names.topics.push((topic.name.clone(), partitions)),
            }
        }
    }
    names
}
