//! librdkafka 2.12 (and its bindings: confluent-kafka-python, -go, -dotnet, node-rdkafka, rust-rdkafka).
//!
//! Models: one broker thread a node with one sessionless fetch at a time, listing every fetchable partition in rotation; join order
//! (metadata order under `assign`, reverse-sorted segments in a group); the shared consumer queue as a FIFO of whole partition
//! results, or split partition queues; both queue thresholds, tested after each response and each back-off; the fixed
//! `fetch.queue.backoff.ms`, after which the rotation begins anew; partition results becoming visible one by one while a response is
//! parsed; the batch call that waits for all or the timeout; reconnect and error back-off; the derived `fetch.max.bytes`.
//!
//! Does not model: pause, seek, auto-commit, statistics, preferred replicas, `max.poll.interval.ms`; pops between two
//! partitions' threshold tests; the doubling of a partition's limit (a current broker never returns a torn first batch); records
//! that a call takes are gone from the queue at its beginning, as far as the thresholds can see.
//!
//! Source: librdkafka 2.12.1, `rdkafka_fetcher.c`, `rdkafka_broker.c`, `rdkafka_queue.c`, `rdkafka_assignment.c`; costs: recorded runs
//! and drains of a broker over loopback.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::broker::{Ask, SessionUse};
use crate::choice::Point;
use crate::client::Waiting;
use crate::client::costs::Costs;
use crate::config::Start;
use crate::output::Output;
use crate::record::{ConsumerId, Fill, LocalCause, Run, TopicId};
use crate::state::{ConnState, Core, Event, Timer};
use crate::time::{Duration, Time};

use join::join_order;

mod group;
mod join;
pub(super) mod settings;

pub use settings::Settings;

/// Wait before a start offset is looked up where none is committed (`rdkafka_offset.c: rd_kafka_offset_reset`).
pub(super) const OFFSET_RESET: Duration = Duration::from_millis(100);
/// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
const RECONNECT: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
struct Toppar {
    node: u32,
    /// Offset of the next fetch.
    fetch_position: i64,
    active: bool,
    listed: bool,
    backoff_until: Time,
    /// Its records that are in a queue.
    queued: u64,
}

/// What belongs to one broker thread.
#[derive(Clone, Debug, Default)]
struct Node {
    /// All partitions of the node in join order (`rkb_toppars`).
    toppars: Vec<u32>,
    /// The fetchable ones (`rkb_active_toppars`) and the place that the next request begins with.
    active: Vec<u32>,
    next: usize,
    in_flight: bool,
    /// When the timer for the earliest end of a back-off is due.
    tick_at: Time,
    reconnect_at: Time,
    reconnects: u32,
}

/// Part of one partition result.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    partition: u32,
    first: i64,
    records: u32,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    messages: u64,
    bytes: u64,
}

/// A running librdkafka consumer.
#[derive(Clone, Debug)]
pub(crate) struct Librdkafka {
    settings: Settings,
    consumer: u32,
    /// The consumer's partitions are the slots from here on.
    base: u32,
    toppars: Vec<Toppar>,
    nodes: Vec<Node>,
    /// The consumer queue; or, split, one a partition.
    queues: Vec<Queue>,
    split: bool,
    /// The partitions in join order: of the metadata response under `assign`, by name in a group.
    join: Arc<[u32]>,
    /// Group start: the reverse-sorted partitions, and the lengths of the segments that become active together.
    starting: Vec<u32>,
    segments: VecDeque<u64>,
    /// Split: per topic, the partition that the next take begins with.
    turns: Vec<u32>,
    waiting: Option<Waiting>,
}

impl Librdkafka {
    pub(super) const fn costs(&self) -> &Costs {
        &self.settings.costs
    }

    pub(crate) fn new(core: &Core, consumer: ConsumerId, settings: Settings) -> Self {
        let config = &core.plan.consumers[consumer.index()];
        let slots = core.plan.slots_of(consumer);
        let base = slots.start;
        let toppars: Vec<Toppar> = slots
            .map(|slot| Toppar {
                node: core.plan.slots[slot as usize].node,
                fetch_position: 0,
                active: false,
                listed: false,
                backoff_until: Time::ZERO,
                queued: 0,
            })
            .collect();
        Self {
            settings,
            consumer: consumer.0,
            base,
            join: join_order(core, config, base),
            queues: vec![Queue::default(); if config.takes { toppars.len() } else { 1 }],
            toppars,
            nodes: vec![Node::default(); core.nodes_down.len()],
            split: config.takes,
            starting: Vec::new(),
            segments: VecDeque::new(),
            turns: vec![0; config.topics.len()],
            waiting: None,
        }
    }

    pub(crate) fn open(&mut self, core: &mut Core) {
        let consumer = self.consumer;
        for &i in self.join.iter() {
            let toppar = &mut self.toppars[i as usize];
            toppar.fetch_position = core.committed[(self.base + i) as usize].unwrap_or(0);
            self.nodes[toppar.node as usize].toppars.push(i);
        }
        match core.plan.consumers[consumer as usize].start {
            Start::Assign => {
                core.schedule(core.now, Event::Assigned { consumer });
                core.timer(core.now + self.settings.costs.start_assign, consumer, Timer::Started);
            }
            Start::Group => {
                let assigned = core.now + self.settings.costs.start_group;
                core.schedule(assigned, Event::Assigned { consumer });
                let fresh = self.join.iter().any(|&i| core.committed[(self.base + i) as usize].is_none());
                let reset = if fresh { OFFSET_RESET } else { Duration::ZERO };
                core.timer(assigned + self.settings.costs.offsets + reset, consumer, Timer::Activate { segment: 0 });
                self.starting = self.join.iter().rev().copied().collect();
            }
        }
    }

    pub(crate) fn timer(&mut self, core: &mut Core, timer: Timer) {
        match timer {
            Timer::Started => {
                self.toppars.iter_mut().for_each(|t| t.active = true);
                self.serve_all(core);
            }
            Timer::Activate { segment } => self.activate(core, segment),
            Timer::Node { node } => self.serve(core, node),
            Timer::Parsed { conn, generation, part } => {
                if core.conns[conn as usize].generation == generation {
                    self.splice(core, conn, part);
                }
            }
            Timer::Step { .. } => unreachable!("a timer of kafka-python's"),
        }
    }

    // ---- broker threads --------------------------------------------------------------------------------------------------------

    fn serve_all(&mut self, core: &mut Core) {
        for node in 0..self.nodes.len() as u32 {
            self.serve(core, node);
        }
    }

    /// One turn of a broker thread (`rd_kafka_broker_consumer_serve`): decide for every partition, then fetch if nothing is out.
    fn serve(&mut self, core: &mut Core, node: u32) {
        if core.now < self.nodes[node as usize].reconnect_at {
            return;
        }
        let mut earliest = Time::MAX;
        for k in 0..self.nodes[node as usize].toppars.len() {
            let i = self.nodes[node as usize].toppars[k];
            let fetchable = self.decide(core.now, i);
            let toppar = &mut self.toppars[i as usize];
            if toppar.backoff_until > core.now {
                earliest = earliest.min(toppar.backoff_until);
            }
            if toppar.listed != fetchable {
                toppar.listed = fetchable;
                self.nodes[node as usize].list(i, fetchable);
            }
        }
        let n = &mut self.nodes[node as usize];
        if earliest < Time::MAX && n.tick_at != earliest {
            n.tick_at = earliest;
            core.timer(earliest, self.consumer, Timer::Node { node });
        }
        if !n.in_flight && !n.active.is_empty() {
            self.fetch(core, node);
        }
        self.update_causes(core);
    }

    /// `rdkafka_fetcher.c: rd_kafka_toppar_fetch_decide`.
    fn decide(&mut self, now: Time, i: u32) -> bool {
        let toppar = &self.toppars[i as usize];
        if !toppar.active || toppar.backoff_until > now {
            return false;
        }
        let queue = &self.queues[if self.split { i as usize } else { 0 }];
        let full = queue.messages >= u64::from(self.settings.queued_min_messages)
            || queue.bytes >= u64::from(self.settings.queued_max_messages_kbytes) * 1000;
        if full {
            // Without a back-off the thread looks again and again; a millisecond stands for that.
            let backoff = self.settings.fetch_queue_backoff.max(Duration::from_millis(1));
            self.toppars[i as usize].backoff_until = now + backoff;
        }
        !full
    }

    /// `rdkafka_fetcher.c: rd_kafka_broker_fetch_toppars`: one full turn of the list from the pointer, which then moves by one.
    fn fetch(&mut self, core: &mut Core, node: u32) {
        let n = &mut self.nodes[node as usize];
        n.in_flight = true;
        let conn = core.conn(self.consumer, node);
        let request = &mut core.conns[conn as usize].request;
        request.asks.clear();
        let (before, from) = n.active.split_at(n.next);
        request.asks.extend(from.iter().chain(before).map(|&i| Ask {
            slot: self.base + i,
            offset: self.toppars[i as usize].fetch_position,
            max_bytes: self.settings.fetch_message_max_bytes,
        }));
        n.next = (n.next + 1) % n.active.len();
        request.session = SessionUse::None;
        request.min_bytes = self.settings.fetch_min_bytes;
        request.max_bytes = self.settings.fetch_max_bytes();
        request.max_wait = self.settings.fetch_wait_max;
        core.send_fetch(conn);
    }

    /// A response has arrived: it is parsed partition by partition.
    pub(crate) fn answer(&mut self, core: &mut Core, conn: u32) {
        self.nodes[core.conn_node(conn) as usize].reconnects = 0;
        self.parse_next(core, conn, 0, self.settings.costs.answer);
    }

    /// Schedules the splice of the next partition with records from `part` on; without one the response is done.
    fn parse_next(&mut self, core: &mut Core, conn: u32, part: u32, cost: Duration) {
        let c = &core.conns[conn as usize];
        let generation = c.generation;
        let next = c.answers.iter().enumerate().skip(part as usize).find(|(_, a)| a.slice.records > 0);
        let Some((part, answer)) = next else { return self.parsed(core, conn) };
        let parsing = self.settings.costs.reading(answer.slice.wire_bytes)
            + self.settings.costs.answer_record.times(u64::from(answer.slice.records));
        let at = core.now + cost + parsing;
        core.timer(at, self.consumer, Timer::Parsed { conn, generation, part: part as u32 });
    }

    /// One partition's records become visible (`rd_kafka_q_concat0`).
    fn splice(&mut self, core: &mut Core, conn: u32, part: u32) {
        let answer = core.conns[conn as usize].answers[part as usize];
        let i = answer.slot - self.base;
        let toppar = &mut self.toppars[i as usize];
        if toppar.fetch_position != answer.offset {
            // Revoked while the fetch was out.
            return self.parse_next(core, conn, part + 1, Duration::ZERO);
        }
        let topic = core.plan.slots[answer.slot as usize].id.topic;
        toppar.fetch_position = answer.slice.next;
        toppar.queued += u64::from(answer.slice.records);
        let queue = &mut self.queues[if self.split { i as usize } else { 0 }];
        queue.chunks.push_back(Chunk { partition: i, first: answer.offset, records: answer.slice.records });
        queue.messages += u64::from(answer.slice.records);
        queue.bytes += answer.slice.value_bytes;
        core.fetched(answer.slot, &answer.slice);
        core.update_cause(topic, |core, slot| self.cause(core, slot));
        if self.split && self.queued(core, topic) == u64::from(answer.slice.records) {
            core.outputs.push_back(Output::Ready(topic));
        }
        if let Some(waiting) = self.waiting {
            self.collect(core, waiting.cap, waiting.fill, None);
        }
        self.parse_next(core, conn, part + 1, Duration::ZERO);
    }

    fn queued(&self, core: &Core, topic: TopicId) -> u64 {
        let slots = core.plan.topics[topic.index()].slots();
        slots.map(|slot| self.toppars[(slot - self.base) as usize].queued).sum()
    }

    /// The whole response is parsed: the thread goes round again at once.
    fn parsed(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        for k in 0..core.conns[conn as usize].answers.len() {
            let answer = core.conns[conn as usize].answers[k];
            if !core.mine[answer.slot as usize] {
                continue;
            }
            core.fetch_failed(self.consumer, answer.slot, answer.failed);
            if answer.failed {
                self.toppars[(answer.slot - self.base) as usize].backoff_until =
                    core.now + self.settings.fetch_error_backoff;
            }
        }
        core.conns[conn as usize].state = ConnState::Idle;
        self.nodes[node as usize].in_flight = false;
        self.serve(core, node);
    }

    /// The connection broke or was refused: next attempt after a back-off that doubles.
    pub(crate) fn broken(&mut self, core: &mut Core, conn: u32) {
        let nominal = {
            let n = &mut self.nodes[core.conn_node(conn) as usize];
            n.in_flight = false;
            n.reconnects += 1;
            RECONNECT.times(1 << (n.reconnects - 1).min(7)).min(RECONNECT_MAX)
        };
        // Between -25 % and +50 % of the nominal value, in thousandths.
        let jitter = core.choices.number(Point::LibrdkafkaReconnectJitter, conn, 1501, |s| 750 + s.below(751));
        let node = core.conn_node(conn);
        let at = core.now + Duration::from_nanos(nominal.as_nanos() / 1000 * jitter);
        self.nodes[node as usize].reconnect_at = at;
        core.timer(at, self.consumer, Timer::Node { node });
        self.update_causes(core);
    }

    // ---- handing out -----------------------------------------------------------------------------------------------------------

    /// `rd_kafka_consume_batch_queue` (`rdkafka_queue.c: rd_kafka_q_serve_rkmessages`): waits for the whole cap or the timeout. With
    /// [`Fill::First`]: timeout 0, and only if that finds nothing a wait for the first record.
    pub(crate) fn poll(&mut self, core: &mut Core, cap: u32, wait: Duration, fill: Fill) {
        self.collect(core, cap, fill, Some(wait));
    }

    fn collect(&mut self, core: &mut Core, cap: u32, fill: Fill, wait: Option<Duration>) {
        let mut runs = core::mem::take(&mut core.returning[self.consumer as usize].runs);
        let (got, cost) = self.pop(core, 0, cap, &mut runs);
        let some = !runs.is_empty();
        core.returning[self.consumer as usize].runs = runs;
        if got == cap || (some && fill == Fill::First) || wait.is_some_and(Duration::is_zero) {
            self.waiting = None;
            core.return_after(self.consumer, self.settings.costs.call + cost);
        } else {
            self.waiting = Some(Waiting { cap: cap - got, fill });
            if let Some(wait) = wait {
                core.wait_until(self.consumer, core.now + wait);
            }
        }
    }

    pub(crate) fn deadline(&mut self, core: &mut Core) {
        if self.waiting.take().is_some() {
            core.return_after(self.consumer, self.settings.costs.empty);
        }
    }

    /// A batch call with timeout 0 on each topic's partition queues, beginning with the one after the last take's first.
    pub(crate) fn take(&mut self, core: &mut Core, plan: &[(TopicId, u32)]) {
        let mut runs = Vec::new();
        let mut dry = Vec::new();
        let mut cost = Duration::ZERO;
        let first_topic = core.plan.consumers[self.consumer as usize].topics.start;
        for &(topic, cap) in plan {
            let (first, partitions) = {
                let place = &core.plan.topics[topic.index()];
                (place.first - self.base, place.partitions)
            };
            let turn = &mut self.turns[(topic.0 - first_topic) as usize];
            let begin = *turn;
            *turn = (begin + 1) % partitions;
            let mut left = cap;
            for k in 0..partitions {
                if left == 0 {
                    break;
                }
                let queue = first + (begin + k) % partitions;
                let (got, popping) = self.pop(core, queue as usize, left, &mut runs);
                left -= got;
                cost += self.settings.costs.call + popping;
            }
            if self.queued(core, topic) == 0 {
                dry.push(topic);
            }
        }
        let returning = &mut core.returning[self.consumer as usize];
        (returning.runs, returning.dry) = (runs, dry);
        core.return_after(self.consumer, cost);
    }

    /// Pops up to `cap` messages of a queue. Returns how many, and what it costs. The broker thread does not notice.
    fn pop(&mut self, core: &mut Core, queue: usize, cap: u32, runs: &mut Vec<Run>) -> (u32, Duration) {
        let mut left = cap;
        let mut popped_bytes = 0;
        while left > 0
            && let Some(chunk) = self.queues[queue].chunks.front_mut()
        {
            let Chunk { partition, first, records } = *chunk;
            let taken = records.min(left);
            let run = core.run(self.base + partition, first, taken);
            (chunk.first, chunk.records) = (run.next, records - taken);
            if taken == records {
                self.queues[queue].chunks.pop_front();
            }
            let queue = &mut self.queues[queue];
            queue.messages -= u64::from(taken);
            queue.bytes -= run.bytes;
            left -= taken;
            popped_bytes += run.bytes;
            let toppar = &mut self.toppars[partition as usize];
            toppar.queued -= u64::from(taken);
            if toppar.queued == 0 {
                core.update_cause(run.partition.topic, |core, slot| self.cause(core, slot));
            }
            match runs.last_mut() {
                Some(last) if last.partition == run.partition && last.next == run.first => {
                    (last.next, last.records, last.bytes) = (run.next, last.records + taken, last.bytes + run.bytes);
                }
                _ => runs.push(run),
            }
        }
        let popped = cap - left;
        (popped, self.settings.costs.handing_out(popped, popped_bytes))
    }

    // ---- causes ----------------------------------------------------------------------------------------------------------------

    fn update_causes(&self, core: &mut Core) {
        core.update_causes(self.consumer, |core, slot| self.cause(core, slot));
    }

    pub(crate) fn cause(&self, core: &Core, slot: u32) -> LocalCause {
        let toppar = &self.toppars[(slot - self.base) as usize];
        let node = &self.nodes[toppar.node as usize];
        let backs_off = toppar.backoff_until > core.now || node.reconnect_at > core.now;
        if !toppar.active {
            return LocalCause::Join;
        }
        if toppar.queued > 0 {
            return LocalCause::Idle;
        }
        match core.conns[core.conn(self.consumer, toppar.node) as usize].state {
            ConnState::Parked => LocalCause::ParkedFetch,
            ConnState::Busy if toppar.listed => LocalCause::FetchInFlight,
            _ if backs_off => LocalCause::BackOff,
            _ if core.is_out(slot) => LocalCause::Outage,
            ConnState::Busy => LocalCause::FetchInFlight,
            ConnState::Idle => LocalCause::Idle,
        }
    }
}

impl Node {
    /// Adds a partition at the tail of the active list, or takes it out (`rd_kafka_broker_active_toppar_add`, `_del`): deleting the
    /// pointer's element moves the pointer to the successor.
    fn list(&mut self, i: u32, add: bool) {
        if add {
            self.active.push(i);
            return;
        }
        let place = self.active.iter().position(|&a| a == i).expect("a listed partition is in the list");
        self.active.remove(place);
        if place < self.next {
            self.next -= 1;
        }
        if self.next >= self.active.len() {
            self.next = 0;
        }
    }
}
