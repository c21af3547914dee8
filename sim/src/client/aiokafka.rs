//! aiokafka 0.14 (`AIOKafkaConsumer`).
//!
//! Models: the ordered buffer of at most one chunk a partition; greedy hand-out in insertion order, with the ghost that a cap hit
//! exactly on a chunk's end leaves behind; the background fetch loop with its 0.1 s window, one request a node, shuffled and grouped
//! by topic; parked fetches; the event loop shared with the application, so that nothing is fetched while the application does not
//! await; retry after transport errors; `getmany(*partitions)` for schedulers that take.
//!
//! Does not model: auto-commit (a group start is a delay, except in a fleet), seek, pause, isolation levels,
//! rack-aware fetching, out-of-range resets, the wake-up race of the loop's own 200 ms timeout (spec 3.5), contention of several
//! replies read at once. `Ready` reports that a chunk has been buffered, as a task that awaits `getmany` would learn it.
//!
//! Source: aiokafka 0.14.0, `consumer/fetcher.py` (F) and `consumer/consumer.py` (C); costs: recorded runs over loopback, C extension.

use std::collections::VecDeque;

use crate::broker::{Ask, SessionUse};
use crate::choice::Point;
use crate::client::Waiting;
use crate::client::costs::Costs;
use crate::config::Start;
use crate::output::Output;
use crate::record::{ConsumerId, Fill, LocalCause, Run, TopicId};
use crate::state::{ConnState, Core, Event, Timer, Work};
use crate::time::{Duration, Time};

pub(super) mod settings;

pub use settings::Settings;

/// For so long after a reply its node gets no new request while a chunk of it (or of a later one) is unfinished (F `__init__`,
/// `prefetch_backoff`; not exposed on the consumer).
const WINDOW: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Default)]
struct Partition {
    /// Next offset to hand out.
    position: i64,
    node: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No valid position yet.
    #[default]
    NeedOffset,
    /// Nothing buffered, in no request.
    Ready,
    /// Listed in the node's open request.
    Requested,
    /// This many records are buffered, from `position` on: perhaps none (a ghost). `stamp` tells its place in the order.
    Buffered { records: u32, stamp: u32 },
}

/// A place in the buffer's order; stale if the partition's chunk has another stamp.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: u32,
    stamp: u32,
    born: Time,
}

/// A running aiokafka consumer.
#[derive(Clone, Debug)]
pub(crate) struct Aiokafka {
    settings: Settings,
    consumer: u32,
    /// The consumer's partitions are the slots from here on.
    base: u32,
    partitions: Vec<Partition>,
    buffer: VecDeque<Place>,
    stamps: u32,
    /// Per node: the fetch loop considers a request in flight (also while it backs off after an error).
    in_flight: Vec<bool>,
    /// Per node: when the timer set for the end of its window is due.
    window: Vec<Time>,
    waiting: Option<Waiting>,
    /// A waiting poll is about to look again.
    resuming: bool,
    wake_posted: bool,
    started: bool,
    takes: bool,
}

impl Aiokafka {
    pub(super) const fn costs(&self) -> &Costs {
        &self.settings.costs
    }

    pub(crate) fn new(core: &Core, consumer: ConsumerId, settings: Settings) -> Self {
        let config = &core.plan.consumers[consumer.index()];
        let slots = core.plan.slots_of(consumer);
        let base = slots.start;
        let partitions =
            slots.map(|slot| Partition { node: core.plan.slots[slot as usize].node, ..Partition::default() }).collect();
        let nodes = core.nodes_down.len();
        Self {
            settings,
            consumer: consumer.0,
            base,
            partitions,
            buffer: VecDeque::new(),
            stamps: 0,
            in_flight: vec![false; nodes],
            window: vec![Time::ZERO; nodes],
            waiting: None,
            resuming: false,
            wake_posted: false,
            started: false,
            takes: config.takes,
        }
    }

    pub(crate) fn open(&mut self, core: &mut Core) {
        let (consumer, start) = (self.consumer, core.plan.consumers[self.consumer as usize].start);
        let (assigned, started) = match start {
            Start::Assign => (Duration::ZERO, self.settings.costs.start_assign),
            Start::Group => (self.settings.costs.start_group, self.settings.costs.start_group),
        };
        core.schedule(core.now + assigned, Event::Assigned { consumer });
        core.timer(core.now + started, consumer, Timer::Started);
    }

    pub(crate) fn timer(&mut self, core: &mut Core, timer: Timer) {
        match timer {
            Timer::Started => {
                self.started = true;
                for (i, p) in self.partitions.iter_mut().enumerate() {
                    p.position = core.committed[self.base as usize + i].unwrap_or(0);
                    p.state = State::Ready;
                }
                self.wake(core);
            }
            // A node's window or its back-off is over.
            Timer::Node { node } => {
                if core.conns[core.conn(self.consumer, node) as usize].state == ConnState::Idle {
                    self.in_flight[node as usize] = false;
                }
                self.wake(core);
            }
            Timer::Parsed { conn, generation, .. } => {
                if core.conns[conn as usize].generation == generation {
                    self.land(core, conn);
                }
            }
            Timer::Activate { .. } | Timer::Step { .. } => unreachable!("another client's timer"),
        }
    }

    /// Partitions come in a fleet: they are asked for as soon as their nodes are free.
    pub(crate) fn assign(&mut self, core: &mut Core, positions: &[(u32, i64)]) {
        self.started = true;
        for &(slot, offset) in positions {
            let p = &mut self.partitions[(slot - self.base) as usize];
            (p.position, p.state) = (offset, State::Ready);
        }
        self.wake(core);
        self.update_causes(core);
    }

    /// A new assignment forgets buffers and positions (`subscription_state.py: Subscription._assign`).
    pub(crate) fn revoke(&mut self, core: &mut Core, slots: &[u32]) {
        for &slot in slots {
            self.partitions[(slot - self.base) as usize].state = State::NeedOffset;
        }
        let withdrawn = core.withdraw(self.consumer, slots);
        if let Some(waiting) = &mut self.waiting {
            waiting.cap += withdrawn;
        }
    }

    // ---- handing out -----------------------------------------------------------------------------------------------------------

    /// `getmany(timeout_ms, max_records)` (C `getmany`, F `fetched_records`); with [`Fill::Full`] repeated until the cap is reached.
    pub(crate) fn poll(&mut self, core: &mut Core, cap: u32, wait: Duration, fill: Fill) {
        let mut runs = core::mem::take(&mut core.returning[self.consumer as usize].runs);
        let cost = self.hand_out(core, cap, &mut runs);
        let got: u32 = runs.iter().map(|r| r.records).sum();
        let enough = got == cap || (got > 0 && fill == Fill::First);
        core.returning[self.consumer as usize].runs = runs;
        if enough {
            core.return_after(self.consumer, cost);
        } else if wait.is_zero() {
            // No suspension at all: a loop of such calls starves the fetch task.
            core.return_after(self.consumer, self.settings.costs.call);
        } else {
            self.waiting = Some(Waiting { cap: cap - got, fill });
            core.wait_until(self.consumer, core.now + cost + wait);
            self.post_wake(core);
        }
    }

    /// A poll that waited looks again.
    pub(crate) fn resume(&mut self, core: &mut Core) {
        self.resuming = false;
        let Some(Waiting { cap, fill }) = self.waiting else { return };
        let mut runs = core::mem::take(&mut core.returning[self.consumer as usize].runs);
        let before = runs.len();
        let cost = self.hand_out(core, cap, &mut runs);
        let got: u32 = runs[before..].iter().map(|r| r.records).sum();
        core.returning[self.consumer as usize].runs = runs;
        if got == cap || (got > 0 && fill == Fill::First) {
            self.waiting = None;
            core.return_after(self.consumer, cost);
        } else {
            self.waiting = Some(Waiting { cap: cap - got, fill });
            self.post_wake(core);
        }
    }

    /// The timeout of a waiting poll: it returns without looking again.
    pub(crate) fn deadline(&mut self, core: &mut Core) {
        if self.waiting.take().is_some() {
            core.return_after(self.consumer, self.settings.costs.empty);
        }
    }

    /// One greedy pass over the buffer. Returns what it costs.
    fn hand_out(&mut self, core: &mut Core, mut cap: u32, runs: &mut Vec<Run>) -> Duration {
        let mut cost = self.settings.costs.call;
        while cap > 0
            && let Some(&place) = self.buffer.front()
        {
            let p = &mut self.partitions[place.partition as usize];
            let State::Buffered { records, stamp } = &mut p.state else {
                self.buffer.pop_front();
                continue;
            };
            if *stamp != place.stamp {
                self.buffer.pop_front();
                continue;
            }
            let taken = (*records).min(cap);
            if taken > 0 {
                let run = core.run(self.base + place.partition, p.position, taken);
                p.position = run.next;
                *records -= taken;
                cap -= taken;
                cost += self.settings.costs.handing_out(run.records, run.bytes);
                runs.push(run);
            }
            // With the cap reached the iterator is not known to be exhausted: an empty chunk stays, a ghost.
            if cap > 0 {
                self.buffer.pop_front();
                self.exhausted(core, place.partition);
            }
        }
        cost
    }

    /// One `getmany(*partitions of the topic, max_records)` a topic of the plan, without waiting.
    pub(crate) fn take(&mut self, core: &mut Core, plan: &[(TopicId, u32)]) {
        let mut runs = Vec::new();
        let mut dry = Vec::new();
        let mut cost = Duration::ZERO;
        for &(topic, cap) in plan {
            cost += self.settings.costs.call;
            let slots = core.plan.topics[topic.index()].slots();
            let own = slots.start - self.base..slots.end - self.base;
            let mut cap = cap;
            while cap > 0
                && let Some(partition) = self.oldest_of(own.clone())
            {
                let p = &mut self.partitions[partition as usize];
                let State::Buffered { records, .. } = &mut p.state else { unreachable!("just looked up") };
                let taken = (*records).min(cap);
                if taken > 0 {
                    let run = core.run(self.base + partition, p.position, taken);
                    p.position = run.next;
                    *records -= taken;
                    cap -= taken;
                    cost += self.settings.costs.handing_out(run.records, run.bytes);
                    runs.push(run);
                }
                if cap > 0 {
                    self.exhausted(core, partition);
                }
            }
            if self.oldest_of(own).is_none() {
                dry.push(topic);
            }
        }
        let returning = &mut core.returning[self.consumer as usize];
        (returning.runs, returning.dry) = (runs, dry);
        core.return_after(self.consumer, cost);
    }

    fn oldest_of(&self, partitions: core::ops::Range<u32>) -> Option<u32> {
        partitions
            .filter_map(|i| match self.partitions[i as usize].state {
                State::Buffered { stamp, .. } => Some((stamp, i)),
                _ => None,
            })
            .min()
            .map(|(_, i)| i)
    }

    /// A chunk's iterator has run out: the partition may be fetched again, once the fetch loop gets to it.
    fn exhausted(&mut self, core: &mut Core, partition: u32) {
        self.partitions[partition as usize].state = State::Ready;
        let topic = core.plan.slots[(self.base + partition) as usize].id.topic;
        core.update_cause(topic, |core, slot| self.cause(core, slot));
        self.post_wake(core);
    }

    // ---- fetching --------------------------------------------------------------------------------------------------------------

    /// Lets the fetch loop look around once the application suspends. Notifications coalesce.
    fn post_wake(&mut self, core: &mut Core) {
        if !self.wake_posted {
            self.wake_posted = true;
            core.event_loop.work.push_back(Work::Wake { consumer: self.consumer });
        }
    }

    /// One turn of the fetch loop (F `_fetch_requests_routine`, `_get_actions_per_node`).
    pub(crate) fn wake(&mut self, core: &mut Core) {
        self.wake_posted = false;
        if !self.started {
            return;
        }
        for node in 0..self.in_flight.len() as u32 {
            if self.in_flight[node as usize] {
                continue;
            }
            if let Some(end) = self.window_end(node)
                && end > core.now
            {
                if self.window[node as usize] < end {
                    self.window[node as usize] = end;
                    core.timer(end, self.consumer, Timer::Node { node });
                }
                continue;
            }
            self.fetch(core, node);
        }
    }

    /// When the youngest unfinished chunk of a node becomes [`WINDOW`] old.
    fn window_end(&mut self, node: u32) -> Option<Time> {
        while let Some(place) = self.buffer.back()
            && !self.is_live(place)
        {
            self.buffer.pop_back();
        }
        let live = self.buffer.iter().rev().filter(|place| self.is_live(place));
        let mut own = live.filter(|place| self.partitions[place.partition as usize].node == node);
        own.next().map(|place| place.born + WINDOW)
    }

    fn is_live(&self, place: &Place) -> bool {
        matches!(self.partitions[place.partition as usize].state, State::Buffered { stamp, .. } if stamp == place.stamp)
    }

    /// Asks for every partition of a node that has nothing buffered.
    fn fetch(&mut self, core: &mut Core, node: u32) {
        let ready = |p: &Partition| p.node == node && p.state == State::Ready;
        let mut order: Vec<u32> =
            (0..self.partitions.len() as u32).filter(|&i| ready(&self.partitions[i as usize])).collect();
        if order.is_empty() {
            return;
        }
        order.iter_mut().for_each(|i| *i += self.base);
        core.choices.order(Point::AiokafkaRequestOrder, self.consumer, &mut order);
        group_by_topic(core, &mut order);
        let conn = core.conn(self.consumer, node);
        let mut asks = core::mem::take(&mut core.conns[conn as usize].request.asks);
        asks.clear();
        for slot in order {
            let p = &mut self.partitions[(slot - self.base) as usize];
            p.state = State::Requested;
            asks.push(Ask { slot, offset: p.position, max_bytes: self.settings.max_partition_fetch_bytes });
        }
        let request = &mut core.conns[conn as usize].request;
        request.asks = asks;
        request.session = SessionUse::None;
        request.min_bytes = self.settings.fetch_min_bytes;
        request.max_bytes = self.settings.fetch_max_bytes;
        request.max_wait = self.settings.fetch_max_wait;
        self.in_flight[node as usize] = true;
        core.send_fetch(conn);
        self.update_causes(core);
    }

    /// The reply is at the socket: it takes the event loop a while to read it.
    pub(crate) fn answer(&mut self, core: &mut Core, conn: u32) {
        let c = &core.conns[conn as usize];
        let bytes: u64 = c.answers.iter().map(|a| a.slice.wire_bytes).sum();
        let generation = c.generation;
        let cost =
            if bytes == 0 { Duration::ZERO } else { self.settings.costs.answer + self.settings.costs.reading(bytes) };
        core.timer(core.now + cost, self.consumer, Timer::Parsed { conn, generation, part: 0 });
    }

    /// The reply is read (F `_proc_fetch_request`).
    fn land(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        self.in_flight[node as usize] = false;
        let answers = core::mem::take(&mut core.conns[conn as usize].answers);
        core.conns[conn as usize].state = ConnState::Idle;
        let mut appended = false;
        for answer in &answers {
            let partition = answer.slot - self.base;
            let p = &mut self.partitions[partition as usize];
            if p.state != State::Requested || p.position != answer.offset {
                // Revoked while the fetch was out.
                continue;
            }
            core.fetch_failed(self.consumer, answer.slot, answer.failed);
            if answer.slice.records == 0 {
                p.state = State::Ready;
                continue;
            }
            appended = true;
            self.stamps += 1;
            p.state = State::Buffered { records: answer.slice.records, stamp: self.stamps };
            self.buffer.push_back(Place { partition, stamp: self.stamps, born: core.now });
            core.fetched(answer.slot, &answer.slice);
            if self.takes {
                core.outputs.push_back(Output::Ready(core.plan.slots[answer.slot as usize].id.topic));
            }
        }
        core.conns[conn as usize].answers = answers;
        self.update_causes(core);
        // Replies without data do not wake a waiting poll.
        if appended && self.waiting.is_some() && !self.resuming {
            self.resuming = true;
            core.event_loop.work.push_back(Work::Resume { consumer: self.consumer });
        }
        self.post_wake(core);
    }

    /// A transport error: the node stays in flight for `retry_backoff_ms`.
    pub(crate) fn broken(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        for p in self.partitions.iter_mut().filter(|p| p.node == node && p.state == State::Requested) {
            p.state = State::Ready;
        }
        core.timer(core.now + self.settings.retry_backoff, self.consumer, Timer::Node { node });
        self.update_causes(core);
    }

    fn update_causes(&self, core: &mut Core) {
        core.update_causes(self.consumer, |core, slot| self.cause(core, slot));
    }

    pub(crate) fn cause(&self, core: &Core, slot: u32) -> LocalCause {
        let p = &self.partitions[(slot - self.base) as usize];
        let conn = core.conn(self.consumer, p.node);
        match (p.state, core.conns[conn as usize].state) {
            (State::NeedOffset, _) => LocalCause::Join,
            (State::Buffered { .. }, _) => LocalCause::Idle,
            (_, ConnState::Parked) => LocalCause::ParkedFetch,
            (_, ConnState::Busy) => LocalCause::FetchInFlight,
            _ if core.is_out(slot) => LocalCause::Outage,
            // The 0.1 s window of another partition's chunk, or the pause after an error.
            (State::Ready | State::Requested, ConnState::Idle) => LocalCause::BackOff,
        }
    }
}

/// Topics by first appearance, each with its partitions in the order drawn.
pub(super) fn group_by_topic(core: &Core, order: &mut [u32]) {
    if core.plan.slots.len() == core.plan.topics.len() {
        return;
    }
    let topic = |slot: u32| core.plan.slots[slot as usize].id.topic;
    let mut first = vec![usize::MAX; core.plan.topics.len()];
    for (i, &slot) in order.iter().enumerate() {
        let seen = &mut first[topic(slot).index()];
        *seen = (*seen).min(i);
    }
    order.sort_by_key(|&slot| first[topic(slot).index()]);
}
