//! The Java client (`org.apache.kafka:kafka-clients`, `KafkaConsumer`): the classic consumer of 3.0 to 4.3, and the async one
//! (`group.protocol=consumer`) of 4.0 to 4.3.
//!
//! Models: fetch sessions (KIP-227) with everything that makes partitions leave and enter them; the orders in which partitions are
//! assigned and asked for, hash orders included; the buffer of at most one entry a partition, drained greedily in order of arrival;
//! the entry that a cap used up exactly and that still counts as buffered; the prefetch that leaves with the poll that returns;
//! the fetch of idle partitions that parks (up to 3.9) and the rule that replaced it (KAFKA-17182); answers that a classic consumer
//! sees only in a blocking call; split answers, stale requests and stalls of the async consumer of 4.2 and 4.3.
//! Selective take: the application polls all that has arrived into its own queue of each topic and, before each hand-over, pauses
//! the topics that have a cap queued there, as Kafka Streams does with `buffered.records.per.partition`. The poll that returns
//! records has asked for more before they can be paused: what then arrives stays in the client until they are resumed.
//!
//! Does not model: auto-commit (a group start is a delay, except in a fleet), seek, isolation levels, out-of-range
//! resets, rack-aware fetching; the jitter of reconnect back-off; what the socket buffers read ahead of a
//! classic consumer's poll; sleeps of an async poll that a group's heartbeat ends. Versions up to 3.6 are made from source only.
//!
//! Source: Apache Kafka `clients/.../consumer/internals/` (below: the classes `AbstractFetch`, `FetchCollector`, `FetchBuffer`,
//! `ClassicKafkaConsumer`, `AsyncKafkaConsumer`) of 3.9.1, 4.1.1 and 4.3.1; costs: recorded runs over loopback, JVM 17.

use std::collections::VecDeque;

use crate::choice::Point;
use crate::client::Waiting;
use crate::client::costs::Costs;
use crate::config::Start;
use crate::record::{ConsumerId, LocalCause, TopicId};
use crate::seed::Stream;
use crate::state::{ConnState, Core, Event, Timer};
use crate::time::{Duration, Time};

mod cost;
mod fetch;
mod group;
mod hash;
mod poll;
mod settings;
mod twothreads;

pub use settings::{Protocol, Settings, Version};

#[derive(Clone, Copy, Debug)]
struct Partition {
    /// Next offset to hand out.
    position: i64,
    node: u32,
    /// `TopicPartition.hashCode`.
    hash: u32,
    topic: u32,
    /// It has an entry in the buffer (`FetchBuffer.bufferedPartitions`).
    buffered: bool,
    /// After an error, for `retry.backoff.ms`.
    failing_until: Time,
}

/// One partition of one answer (`CompletedFetch`).
#[derive(Clone, Copy, Debug)]
struct Entry {
    partition: u32,
    /// Next offset to hand out; stale if the partition's position is another.
    offset: i64,
    records: u32,
    /// It came with bytes.
    filled: bool,
    /// Of the consumer's first answer.
    first: bool,
}

/// What a consumer keeps for a node.
#[derive(Clone, Debug, Default)]
struct Node {
    /// `nodesWithPendingFetchRequests`.
    in_flight: bool,
    /// Classic: the answer is at the socket, no call has looked yet. Since when.
    arrived: Option<Time>,
    session: fetch::Session,
    reconnects: u32,
    reconnect_at: Time,
}

/// A running Java consumer.
#[derive(Clone, Debug)]
pub(crate) struct Java {
    settings: Settings,
    consumer: u32,
    /// The consumer's partitions are the slots from here on.
    base: u32,
    partitions: Vec<Partition>,
    /// The partitions in the order of `SubscriptionState`, which a drained entry rotates.
    assignment: Vec<u32>,
    /// `FetchBuffer.completedFetches` and `nextInLineFetch`.
    queue: VecDeque<Entry>,
    slot: Option<Entry>,
    nodes: Vec<Node>,
    /// `subscribe` instead of `assign`.
    group: bool,
    opened: Time,
    starting: bool,
    started: bool,
    waiting: Option<Waiting>,
    /// The poll in progress sleeps until its timeout, whatever comes.
    asleep: bool,
    /// Scripted: so many polls are empty, and then one waits for records beyond its timeout.
    lead: Option<u64>,
    /// The poll in progress waits for the first entries of the answer to a stale request.
    joining: Option<usize>,
    /// The last answer held nothing but a stale entry.
    stale_only: bool,
    answers: u32,
    /// The first fetch has come to something.
    answered: bool,
    /// Entries of the first answer that have not been drained.
    first_left: u32,
    polls: u32,
    /// What the poll in progress has cost, and whether it waited for its records.
    cost: Duration,
    fresh: bool,
    /// When the last poll returned or will return; until then, that its request has yet to leave.
    returned_at: Time,
    ending: bool,
    /// With `takes`: the application's queues, and what each take began with.
    takes: bool,
    local: Vec<VecDeque<(i64, u32)>>,
    turns: Vec<u32>,
    /// Records queued for a topic at which it is paused: a cap.
    enough: u64,
    /// By topic, whether the application had paused it when it polled last.
    paused: Vec<bool>,
}

impl Java {
    pub(super) const fn costs(&self) -> &Costs {
        &self.settings.costs
    }

    pub(crate) fn new(core: &Core, consumer: ConsumerId, settings: Settings) -> Self {
        let config = &core.plan.consumers[consumer.index()];
        let (first, last) = (config.topics.start as usize, config.topics.end as usize - 1);
        let base = core.plan.topics[first].first;
        let end = core.plan.topics[last].first + core.plan.topics[last].partitions;
        let partition = |slot: u32| {
            let place = &core.plan.slots[slot as usize];
            let name = &core.plan.config.topics[place.id.topic.index()].name;
            Partition {
                position: 0,
                node: place.node,
                hash: hash::partition_hash(name, place.id.partition),
                topic: place.id.topic.0,
                buffered: false,
                failing_until: Time::ZERO,
            }
        };
        let partitions: Vec<Partition> = (base..end).map(partition).collect();
        Self {
            settings,
            consumer: consumer.0,
            base,
            assignment: Vec::new(),
            queue: VecDeque::new(),
            slot: None,
            nodes: vec![Node::default(); core.nodes_down.len()],
            group: config.start == Start::Group,
            opened: Time::ZERO,
            starting: false,
            started: false,
            waiting: None,
            asleep: false,
            lead: None,
            joining: None,
            stale_only: false,
            answers: 0,
            answered: false,
            first_left: 0,
            polls: 0,
            cost: Duration::ZERO,
            fresh: false,
            returned_at: Time::ZERO,
            ending: false,
            takes: config.takes,
            local: vec![VecDeque::new(); if config.takes { partitions.len() } else { 0 }],
            turns: vec![0; config.topics.len()],
            enough: u64::MAX,
            paused: vec![false; config.topics.len()],
            partitions,
        }
    }

    pub(crate) fn open(&mut self, core: &mut Core) {
        let consumer = self.consumer;
        self.opened = core.now;
        self.put_in_order(core, (0..self.partitions.len() as u32).collect());
        // The poll that follows waits for connections, metadata and (in a group) the join.
        core.schedule(core.now, Event::Assigned { consumer });
        if self.takes {
            self.start(core);
        }
        // 4.0 and 4.1: the assignment of a group does not wake the poll that waits for it, in two of five recorded starts.
        let sleeps = self.is_two_threaded() && self.settings.version == Version::V4_0 && self.group;
        if sleeps || core.choices.mentions(Point::JavaLeadingEmpty, consumer) {
            let draw = |s: &mut Stream| if s.below(5) < 2 { 2 } else { 0 };
            self.lead = core.choices.number(Point::JavaLeadingEmpty, consumer, LEAD_MAX, draw).checked_sub(1);
        }
    }

    /// The order in which `SubscriptionState` has newly assigned partitions.
    fn put_in_order(&mut self, core: &mut Core, mut order: Vec<u32>) {
        let n = order.len();
        let hash = |i: u32| self.partitions[i as usize].hash;
        if self.group {
            if self.settings.version < Version::V4_2 {
                hash::table_order(&mut order, hash::capacity_reserved(n), hash);
            } else {
                // 4.2: `assignFromSubscribed` keeps the sorted order.
                let name = |i: u32| core.plan.config.topics[self.partitions[i as usize].topic as usize].name.as_str();
                order.sort_by_key(|&i| (name(i), i));
            }
        } else {
            if self.is_two_threaded() && self.collides(n) {
                // `AssignmentChangeEvent`: `Set.copyOf`, then a `HashSet`.
                let ways = hash::salted_orders(n);
                let which = core.choices.number(Point::JavaAssignOrder, self.consumer, ways, |s| s.below(ways));
                hash::salted_order(&mut order, hash, which);
                hash::table_order(&mut order, hash::capacity_copied(n), hash);
            }
            hash::table_order(&mut order, hash::capacity_grown(n), hash);
        }
        hash::group_by_topic(&mut order, |i| self.partitions[i as usize].topic);
        self.assignment = order;
    }

    /// Whether two partitions share a bucket.
    fn collides(&self, n: usize) -> bool {
        let mut buckets: Vec<u32> =
            self.partitions.iter().map(|p| (p.hash ^ (p.hash >> 16)) & (hash::capacity_grown(n) - 1)).collect();
        buckets.sort_unstable();
        buckets.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn is_two_threaded(&self) -> bool {
        self.settings.protocol == Protocol::Consumer
    }

    /// The async consumer of 4.2 and 4.3, which posts its events without waiting for them.
    fn is_racy(&self) -> bool {
        self.is_two_threaded() && self.settings.version == Version::V4_2
    }

    /// Connecting begins, with the first poll.
    fn start(&mut self, core: &mut Core) {
        self.starting = true;
        let at = (self.opened + self.cold()).max(core.now + cost::CONNECT);
        core.timer(at, self.consumer, Timer::Started);
    }

    /// From the start to the first request.
    fn cold(&self) -> Duration {
        let costs = &self.settings.costs;
        if self.group { costs.start_group } else { costs.start_assign }
    }

    pub(crate) fn timer(&mut self, core: &mut Core, timer: Timer) {
        match timer {
            Timer::Started => {
                self.started = true;
                for (i, p) in self.partitions.iter_mut().enumerate() {
                    p.position = core.committed[self.base as usize + i].unwrap_or(0);
                }
                self.go_on(core);
            }
            // A poll is about to return, or a back-off is over.
            Timer::Node { .. } => {
                if self.ending && core.now >= self.returned_at {
                    self.ending = false;
                    self.send_fetches(core);
                }
                self.go_on(core);
            }
            Timer::Parsed { conn, generation, .. } => {
                if core.conns[conn as usize].generation == generation {
                    self.land(core, core.conn_node(conn));
                }
            }
            Timer::Activate { .. } | Timer::Step { .. } => unreachable!("another client's timer"),
        }
        self.update_causes(core);
    }

    /// Whoever drives the client has another look: the poll in progress, or the application that fills its own queues.
    fn go_on(&mut self, core: &mut Core) {
        if self.takes {
            self.send_fetches(core);
        } else if self.waiting.is_some() {
            self.turn(core);
        }
    }

    /// The answer is at the socket.
    pub(crate) fn answer(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        let c = &core.conns[conn as usize];
        let reading = self.settings.costs.reading(c.answers.iter().map(|a| a.slice.wire_bytes).sum());
        self.nodes[node as usize].reconnects = 0;
        if self.is_two_threaded() || self.takes {
            let generation = c.generation;
            core.timer(core.now + reading, self.consumer, Timer::Parsed { conn, generation, part: 0 });
        } else {
            // `ConsumerNetworkClient.firePendingCompletedRequests` runs in blocking calls only.
            self.nodes[node as usize].arrived = Some(core.now);
            if self.waiting.is_some() {
                self.turn(core);
            }
        }
        self.update_causes(core);
    }

    /// A blocking commit has returned: it has fired what arrived meanwhile (`ConsumerNetworkClient.poll`).
    pub(crate) fn committed(&mut self, core: &mut Core) {
        if self.fire_arrived(core) {
            // It was read while the commit waited.
            self.cost = Duration::ZERO;
            self.update_causes(core);
        }
    }

    /// The connection broke or was refused (`FetchSessionHandler.handleError`: the next request is a full one).
    pub(crate) fn broken(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        self.answered = true;
        let n = &mut self.nodes[node as usize];
        let backoff = cost::RECONNECT.times(1 << n.reconnects.min(8)).min(cost::RECONNECT_MAX);
        let at = core.now + backoff;
        *n = Node { reconnects: n.reconnects + 1, reconnect_at: at, ..Node::default() };
        core.timer(at, self.consumer, Timer::Node { node });
        self.update_causes(core);
    }

    // ---- causes ----------------------------------------------------------------------------------------------------------------

    fn update_causes(&self, core: &mut Core) {
        for topic in core.plan.consumers[self.consumer as usize].topics.clone() {
            core.update_cause(TopicId(topic), |core, slot| self.cause(core, slot));
        }
    }

    pub(crate) fn cause(&self, core: &Core, slot: u32) -> LocalCause {
        let i = slot - self.base;
        let p = &self.partitions[i as usize];
        let node = &self.nodes[p.node as usize];
        let queued = p.buffered || self.local.get(i as usize).is_some_and(|queue| !queue.is_empty());
        if !self.started {
            return LocalCause::Join;
        }
        if queued || node.arrived.is_some() {
            return LocalCause::Idle;
        }
        match core.conns[core.conn(self.consumer, p.node) as usize].state {
            ConnState::Parked => LocalCause::ParkedFetch,
            ConnState::Busy => LocalCause::FetchInFlight,
            ConnState::Idle if core.is_out(slot) => LocalCause::Outage,
            ConnState::Idle if p.failing_until > core.now || node.reconnect_at > core.now => LocalCause::BackOff,
            ConnState::Idle => LocalCause::Idle,
        }
    }
}

/// One more than the number of empty polls that a script may ask for, plus one for "as it comes".
const LEAD_MAX: u64 = 100_001;

#[cfg(test)]
mod tests;
