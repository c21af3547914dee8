//! The state of a world but for its clients, and what a client may do to it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::application::{Job, Workers, take};
use crate::broker::{self, Answer, FetchSession, Request};
use crate::choice::{Choices, Point};
use crate::config::{FaultKind, WorldConfig};
use crate::event::EventQueue;
use crate::fingerprint::Fingerprint;
use crate::log::{Log, Slice};
use crate::record::{BatchId, ConsumerId, LocalCause, PartitionId, Run, TopicId};
use crate::seed::mix;
use crate::signal::{Fact, Signal};
use crate::time::{Duration, Time};
use crate::timeout::Timeout;
use crate::world::Output;

/// What a world is made of and never changes: shared by its clones.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) topics: Vec<TopicPlan>,
    /// Per slot (partition, counted through all topics).
    pub(crate) slots: Vec<SlotPlan>,
    pub(crate) config: WorldConfig,
    pub(crate) consumers: Vec<crate::config::ConsumerConfig>,
    /// Client and application share one event loop.
    pub(crate) is_async: bool,
}

#[derive(Debug)]
pub(crate) struct TopicPlan {
    /// Its slots: `first..first + partitions`.
    pub(crate) first: u32,
    pub(crate) partitions: u32,
    /// The consumer that owns it.
    pub(crate) consumer: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotPlan {
    pub(crate) id: PartitionId,
    pub(crate) node: u32,
}

/// Timers that clients set for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Connected, assigned, with start offsets: fetching may begin.
    Started,
    /// librdkafka: the next segment of a group start becomes active.
    Activate { segment: u32 },
    /// Something about this node may have to be decided anew.
    Node { node: u32 },
    /// The answer on this connection has been read and decoded up to its partition number `part`.
    Parsed { conn: u32, generation: u32, part: u32 },
}

/// What is scheduled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Arrive { conn: u32, generation: u32 },
    Expire { conn: u32, generation: u32 },
    Answer { conn: u32, generation: u32 },
    Broken { conn: u32, generation: u32 },
    Append { topic: u32 },
    Appended { slot: u32 },
    Assigned { consumer: u32 },
    Timer { consumer: u32, timer: Timer },
    Returned { consumer: u32 },
    Deadline { consumer: u32 },
    JobDone { worker: u32 },
    Committed { consumer: u32 },
    Wake,
    Fault { index: u32, begins: bool },
    Alarm,
    Closed,
}

impl Event {
    /// Among simultaneous events: faults, then brokers, then clients, then the application.
    const fn class(self) -> u8 {
        match self {
            Self::Fault { .. } => 0,
            Self::Append { .. } | Self::Appended { .. } | Self::Arrive { .. } | Self::Expire { .. } => 1,
            Self::Answer { .. } | Self::Broken { .. } | Self::Timer { .. } | Self::Assigned { .. } => 2,
            Self::Returned { .. } | Self::JobDone { .. } | Self::Committed { .. } => 3,
            Self::Deadline { .. } => 4,
            Self::Wake | Self::Alarm | Self::Closed => 5,
        }
    }

    /// Whether it goes on when the consumer process dies.
    const fn outlives_crash(self) -> bool {
        matches!(self, Self::Append { .. } | Self::Fault { .. } | Self::Alarm)
    }
}

/// One consumer's connection to one broker: at most one fetch at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conn {
    pub(crate) request: Request,
    pub(crate) answers: Vec<Answer>,
    pub(crate) session: FetchSession,
    pub(crate) state: ConnState,
    /// Counts fetches and breaks, so that what belongs to an earlier one is recognised.
    pub(crate) generation: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ConnState {
    #[default]
    Idle,
    /// On its way to the broker, in its hands, or on the way back.
    Busy,
    /// At the broker, waiting for data.
    Parked,
}

/// The event loop that an asyncio client and its application share.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventLoop {
    /// Synchronous code is running; what becomes due meanwhile waits.
    pub(crate) held: bool,
    pub(crate) work: VecDeque<Work>,
}

/// What waits for the event loop.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Event(Event),
    Poll {
        consumer: u32,
        cap: u32,
        wait: Duration,
        fill: crate::record::Fill,
    },
    Take {
        consumer: u32,
        plan: Vec<(TopicId, u32)>,
    },
    Process(BatchId),
    /// A waiting poll looks again.
    Resume {
        consumer: u32,
    },
    /// The client's background task looks around.
    Wake {
        consumer: u32,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) plan: Arc<Plan>,
    pub(crate) now: Time,
    pub(crate) queue: EventQueue<Event>,
    pub(crate) logs: Vec<Log>,
    /// Per slot: the next offset, as last committed.
    pub(crate) committed: Vec<Option<i64>>,
    /// Per slot: the end of what has ever been fetched.
    fetched: Vec<i64>,
    pub(crate) nodes_down: Vec<u32>,
    pub(crate) topics_failing: Vec<u32>,
    spike: Duration,
    pub(crate) conns: Vec<Conn>,
    pub(crate) event_loop: EventLoop,
    pub(crate) workers: Workers,
    /// Per consumer: what its poll in progress will return.
    pub(crate) returning: Vec<Return>,
    /// Per consumer: when its poll in progress gives up waiting.
    pub(crate) deadlines: Vec<Timeout>,
    /// Delivered, not yet given to the application; oldest first.
    pub(crate) delivered: VecDeque<(BatchId, Vec<Run>)>,
    /// Emptied vectors, to be filled again.
    spare: Vec<Vec<Run>>,
    pub(crate) batches: u64,
    /// Arrivals so far, per topic.
    pub(crate) arrivals: Vec<u64>,
    pub(crate) causes: Vec<LocalCause>,
    /// Per topic: reported as failing.
    reported: Vec<bool>,
    handing_out: Option<TopicId>,
    busy_reported: Option<TopicId>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) choices: Choices,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) wake: Timeout,
}

/// What a poll in progress will return.
#[derive(Clone, Debug, Default)]
pub(crate) struct Return {
    pub(crate) runs: Vec<Run>,
    pub(crate) dry: Vec<TopicId>,
}

/// What a broker sees of the world when it reads.
struct Logs<'a> {
    core: &'a Core,
}

impl broker::Partitions for Logs<'_> {
    fn log(&self, slot: u32) -> &Log {
        &self.core.logs[slot as usize]
    }

    fn fails(&self, slot: u32) -> bool {
        let topic = self.core.plan.slots[slot as usize].id.topic;
        self.core.topics_failing[topic.index()] > 0
    }
}

impl Core {
    pub(crate) fn new(config: &WorldConfig) -> Self {
        let mut slots = Vec::new();
        let mut topics = Vec::with_capacity(config.topics.len());
        let mut logs = Vec::new();
        for (t, topic) in config.topics.iter().enumerate() {
            let consumer = config.consumers.iter().position(|c| c.topics.contains(&(t as u32)));
            topics.push(TopicPlan {
                first: slots.len() as u32,
                partitions: topic.logs.len() as u32,
                consumer: consumer.expect("each topic belongs to a consumer") as u32,
            });
            for (p, log) in topic.logs.iter().enumerate() {
                let id = PartitionId { topic: TopicId(t as u32), partition: p as u32 };
                slots.push(SlotPlan { id, node: (topic.leader + p as u32) % config.brokers.count });
                logs.push(log.clone());
            }
        }
        let consumers = config.consumers.clone();
        let is_async = consumers.iter().any(|c| c.client.is_async());
        let nodes = config.brokers.count as usize;
        let mut core = Self {
            now: Time::ZERO,
            queue: EventQueue::new(config.ties, config.seed),
            committed: vec![None; slots.len()],
            fetched: vec![0; slots.len()],
            nodes_down: vec![0; nodes],
            topics_failing: vec![0; topics.len()],
            spike: Duration::ZERO,
            conns: vec![Conn::default(); consumers.len() * nodes],
            event_loop: EventLoop::default(),
            workers: Workers::new(config.application.workers),
            returning: vec![Return::default(); consumers.len()],
            deadlines: vec![Timeout::default(); consumers.len()],
            delivered: VecDeque::new(),
            spare: Vec::new(),
            batches: 0,
            arrivals: vec![0; topics.len()],
            causes: vec![LocalCause::Join; topics.len()],
            reported: vec![false; topics.len()],
            handing_out: None,
            busy_reported: None,
            outputs: VecDeque::new(),
            signals: Vec::new(),
            choices: Choices::seeded(config.seed),
            fingerprint: Fingerprint::default(),
            wake: Timeout::default(),
            logs,
            plan: Arc::new(Plan { topics, slots, config: config.clone(), consumers, is_async }),
        };
        for (log, slot) in core.logs.iter_mut().zip(&core.plan.slots) {
            let entity = u64::from(slot.id.topic.0) << 32 | u64::from(slot.id.partition);
            log.reseed(mix(config.seed ^ entity));
        }
        core.reseed(config.seed);
        core.start();
        core
    }

    /// Replaces the seed of all that is drawn during the run. Only before anything has been drawn.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.choices = Choices::seeded(seed);
        self.queue.reseed(self.plan.config.ties, seed);
    }

    /// Schedules what happens whatever the consumers do.
    fn start(&mut self) {
        for t in 0..self.causes.len() {
            self.signal(Fact::Cause(TopicId(t as u32), self.causes[t]));
            self.schedule_arrival(t as u32);
        }
        let plan = Arc::clone(&self.plan);
        for alarm in &plan.config.alarms {
            self.schedule(Time::ZERO + *alarm, Event::Alarm);
        }
        for (index, fault) in plan.config.faults.iter().enumerate() {
            let index = index as u32;
            self.schedule(Time::ZERO + fault.from, Event::Fault { index, begins: true });
            self.schedule(Time::ZERO + fault.until, Event::Fault { index, begins: false });
        }
    }

    pub(crate) fn schedule(&mut self, at: Time, event: Event) {
        self.queue.schedule(at, event.class(), event);
    }

    pub(crate) fn timer(&mut self, at: Time, consumer: u32, timer: Timer) {
        self.schedule(at, Event::Timer { consumer, timer });
    }

    pub(crate) fn signal(&mut self, fact: Fact) {
        self.signals.push(Signal { at: self.now, fact });
    }

    pub(crate) fn advance(&mut self, to: Time) {
        debug_assert!(to >= self.now, "time never runs backwards");
        if to > self.now {
            self.report_busy();
            self.now = to;
        }
    }

    /// Reports who keeps the application's threads busy, once time is about to pass: changes that last no time are no news.
    fn report_busy(&mut self) {
        let busy = self.handing_out.or_else(|| self.workers.all_busy_with());
        if busy != self.busy_reported {
            self.busy_reported = busy;
            self.signal(Fact::Busy(busy));
        }
    }

    // ---- network and brokers -------------------------------------------------------------------------------------------------

    /// Index of a consumer's connection to a node.
    pub(crate) fn conn(&self, consumer: u32, node: u32) -> u32 {
        consumer * self.nodes_down.len() as u32 + node
    }

    pub(crate) fn conn_consumer(&self, conn: u32) -> u32 {
        conn / self.nodes_down.len() as u32
    }

    pub(crate) fn conn_node(&self, conn: u32) -> u32 {
        conn % self.nodes_down.len() as u32
    }

    /// One trip between a client and a broker.
    fn latency(&mut self, conn: u32) -> Duration {
        let network = self.plan.config.network;
        let jitter = if network.jitter.is_zero() {
            0
        } else {
            let n = network.jitter.as_nanos() + 1;
            self.choices.number(Point::NetworkJitter, conn, n, |s| s.below(n))
        };
        network.latency + self.spike + Duration::from_nanos(jitter)
    }

    /// Sends the request that has been put into the connection.
    pub(crate) fn send_fetch(&mut self, conn: u32) {
        let at = self.now + self.latency(conn);
        let c = &mut self.conns[conn as usize];
        debug_assert_eq!(c.state, ConnState::Idle, "one fetch at a time");
        c.state = ConnState::Busy;
        c.generation += 1;
        let generation = c.generation;
        self.fingerprint.push(u64::from(conn) << 32 | u64::from(generation));
        self.signal(Fact::FetchSent);
        self.schedule(at, Event::Arrive { conn, generation });
    }

    /// A request has reached its broker.
    pub(crate) fn arrive(&mut self, conn: u32) {
        if self.nodes_down[self.conn_node(conn) as usize] > 0 {
            let at = self.now + self.latency(conn);
            let generation = self.conns[conn as usize].generation;
            return self.schedule(at, Event::Broken { conn, generation });
        }
        let c = &mut self.conns[conn as usize];
        broker::update_session(&mut c.session, &c.request);
        if !self.try_answer(conn, false) {
            let c = &mut self.conns[conn as usize];
            c.state = ConnState::Parked;
            let (at, generation) = (self.now + c.request.max_wait, c.generation);
            self.schedule(at, Event::Expire { conn, generation });
        }
    }

    /// Reads for a request, and answers if the answer may go out now. Returns whether it did.
    pub(crate) fn try_answer(&mut self, conn: u32, expired: bool) -> bool {
        let mut c = core::mem::take(&mut self.conns[conn as usize]);
        let logs = Logs { core: self };
        let max_bytes = self.plan.config.brokers.fetch_max_bytes;
        let answered = broker::read(&c.request, &mut c.session, &logs, max_bytes, expired, &mut c.answers);
        let generation = c.generation;
        let bytes: u64 = c.answers.iter().map(|a| a.slice.wire_bytes).sum();
        if answered {
            c.state = ConnState::Busy;
        }
        self.conns[conn as usize] = c;
        if answered {
            let config = &self.plan.config;
            let transfer = config
                .network
                .bandwidth
                .map_or(0, |per_second| (u128::from(bytes) * 1_000_000_000 / u128::from(per_second)) as u64);
            let service = config.brokers.service;
            let at = self.now + service + Duration::from_nanos(transfer) + self.latency(conn);
            self.schedule(at, Event::Answer { conn, generation });
        }
        answered
    }

    /// The next batch of a topic arrives.
    pub(crate) fn append(&mut self, topic: u32) -> u32 {
        let plan = Arc::clone(&self.plan);
        let (place, config) = (&plan.topics[topic as usize], &plan.config.topics[topic as usize]);
        let arrival = config.arrival.expect("only a topic with arrivals is appended to");
        let count = &mut self.arrivals[topic as usize];
        let slot = place.first + ((u64::from(arrival.first_partition) + *count) % u64::from(place.partitions)) as u32;
        *count += 1;
        let records = u64::from(self.logs[slot as usize].append());
        self.signal(Fact::Appended { topic: TopicId(topic), records });
        self.schedule_arrival(topic);
        slot
    }

    fn schedule_arrival(&mut self, topic: u32) {
        let Some(arrival) = self.plan.config.topics[topic as usize].arrival else { return };
        let at = arrival.every.times(self.arrivals[topic as usize] + 1);
        if at <= arrival.until {
            self.schedule(Time::ZERO + at, Event::Append { topic });
        }
    }

    /// A fault begins or ends: counts it, and breaks the connections that it breaks.
    pub(crate) fn fault(&mut self, index: u32, begins: bool) {
        let step = |n: &mut u32| *n = if begins { *n + 1 } else { *n - 1 };
        match self.plan.config.faults[index as usize].kind {
            FaultKind::TopicFails(topic) => step(&mut self.topics_failing[topic as usize]),
            FaultKind::LatencySpike(extra) => self.spike = if begins { self.spike + extra } else { self.spike - extra },
            FaultKind::BrokerDown(node) => {
                step(&mut self.nodes_down[node as usize]);
                for conn in (node..self.conns.len() as u32).step_by(self.nodes_down.len()) {
                    if !begins {
                        break;
                    }
                    let c = &mut self.conns[conn as usize];
                    c.session = FetchSession::default();
                    if c.state != ConnState::Idle {
                        c.generation += 1;
                        c.state = ConnState::Busy;
                        let generation = c.generation;
                        self.schedule(self.now, Event::Broken { conn, generation });
                    }
                }
            }
            FaultKind::Crash => {}
        }
    }

    /// The process dies: all that it had in memory is gone.
    pub(crate) fn crash(&mut self) {
        self.queue.retain(|e| e.outlives_crash());
        for conn in &mut self.conns {
            *conn = Conn { generation: conn.generation + 1, ..Conn::default() };
        }
        self.event_loop = EventLoop::default();
        self.workers.clear();
        self.handing_out = None;
        self.returning.iter_mut().for_each(|r| *r = Return::default());
        self.deadlines.fill(Timeout::default());
        self.wake = Timeout::default();
        self.delivered.clear();
        self.outputs.clear();
        self.reported.fill(false);
        for topic in 0..self.causes.len() {
            self.set_cause(topic as u32, LocalCause::Join);
        }
    }

    // ---- what clients report --------------------------------------------------------------------------------------------------

    /// Records have arrived in the client.
    pub(crate) fn fetched(&mut self, slot: u32, slice: &Slice) {
        let topic = self.plan.slots[slot as usize].id.topic;
        let seen = &mut self.fetched[slot as usize];
        let again = slice.next <= *seen;
        *seen = (*seen).max(slice.next);
        let (records, bytes, wire_bytes) = (u64::from(slice.records), slice.value_bytes, slice.wire_bytes);
        self.fingerprint.push(u64::from(slot) << 40 ^ slice.next as u64);
        self.signal(Fact::Fetched { topic, records, bytes, wire_bytes, again });
    }

    /// A fetch of this partition has failed, or worked: reported once at the beginning of a period of failure.
    pub(crate) fn fetch_failed(&mut self, consumer: u32, slot: u32, failed: bool) {
        let topic = self.plan.slots[slot as usize].id.topic;
        let reported = &mut self.reported[topic.index()];
        if failed && !*reported {
            self.outputs.push_back(Output::FetchFailed { consumer: ConsumerId(consumer), topic });
        }
        *reported = failed;
    }

    /// Updates why a topic does not move; `cause` is asked for each of its partitions.
    pub(crate) fn update_cause(&mut self, topic: TopicId, cause: impl Fn(&Self, u32) -> LocalCause) {
        let place = &self.plan.topics[topic.index()];
        let slots = place.first..place.first + place.partitions;
        if let Some(cause) = slots.map(|slot| cause(self, slot)).min() {
            self.set_cause(topic.0, cause);
        }
    }

    fn set_cause(&mut self, topic: u32, cause: LocalCause) {
        if self.causes[topic as usize] != cause {
            self.causes[topic as usize] = cause;
            self.signal(Fact::Cause(TopicId(topic), cause));
        }
    }

    /// Whether records of this partition can't be had now for want of a broker.
    pub(crate) fn is_out(&self, slot: u32) -> bool {
        let plan = self.plan.slots[slot as usize];
        self.nodes_down[plan.node as usize] > 0 || self.topics_failing[plan.id.topic.index()] > 0
    }

    /// The run of the next `records` records of a partition.
    pub(crate) fn run(&self, slot: u32, first: i64, records: u32) -> Run {
        let next = first + i64::from(records);
        Run {
            partition: self.plan.slots[slot as usize].id,
            first,
            next,
            records,
            bytes: self.logs[slot as usize].value_bytes(first, next),
        }
    }

    /// Ends a consumer's poll after `cost`: what is in `returning` goes out. With one thread for everything, that thread is busy
    /// until then.
    pub(crate) fn return_after(&mut self, consumer: u32, cost: Duration) {
        self.deadlines[consumer as usize].clear();
        self.event_loop.held = self.plan.is_async;
        if self.plan.is_async || self.plan.consumers.len() == 1 {
            self.handing_out = self.returning[consumer as usize].runs.first().map(|r| r.partition.topic);
        }
        self.schedule(self.now + cost, Event::Returned { consumer });
    }

    /// The poll call returns.
    pub(crate) fn returned(&mut self, consumer: u32) {
        self.event_loop.held = false;
        self.handing_out = None;
        let Return { runs, dry } = core::mem::take(&mut self.returning[consumer as usize]);
        let batch = BatchId(self.batches);
        for run in &runs {
            self.fingerprint
                .push(run.first as u64 ^ u64::from(run.records) << 40 ^ u64::from(run.partition.topic.0) << 20);
        }
        if !runs.is_empty() {
            self.batches += 1;
            let mut kept = self.spare.pop().unwrap_or_default();
            kept.extend_from_slice(&runs);
            self.delivered.push_back((batch, kept));
        }
        self.outputs.push_back(Output::Delivered { consumer: ConsumerId(consumer), batch, runs, dry });
    }

    /// Lets a poll wait for records.
    pub(crate) fn wait_until(&mut self, consumer: u32, deadline: Time) {
        if let Some(at) = self.deadlines[consumer as usize].set(deadline) {
            self.schedule(at, Event::Deadline { consumer });
        }
    }

    // ---- application -----------------------------------------------------------------------------------------------------------

    /// Gives a delivered batch to the workers.
    pub(crate) fn process(&mut self, batch: BatchId) {
        let place =
            self.delivered.iter().position(|(b, _)| *b == batch).expect("only a delivered batch is processed, once");
        let (_, mut runs) = take(&mut self.delivered, place).expect("just found");
        let plan = Arc::clone(&self.plan);
        let application = plan.config.application;
        let work = |i: usize, run: &Run| {
            let records = plan.config.topics[run.partition.topic.index()].per_record.times(u64::from(run.records));
            if i == 0 { application.per_batch + records } else { records }
        };
        if self.workers.is_idle() && runs.iter().enumerate().all(|(i, run)| work(i, run).is_zero()) {
            // Done as soon as begun: nobody has to queue for it.
            for &run in &runs {
                self.signal(Fact::Processed { run, started: self.now });
            }
            self.outputs.push_back(Output::Processed(batch));
        } else {
            let last = runs.len() - 1;
            let job = |(i, &run): (usize, &Run)| Job { batch, run, length: work(i, &run), last: i == last };
            self.workers.enqueue(batch, runs.iter().enumerate().map(job));
            self.start_jobs();
        }
        runs.clear();
        self.spare.push(runs);
    }

    fn start_jobs(&mut self) {
        while let Some((worker, job)) = self.workers.start(self.now) {
            if job.length.is_zero() {
                self.job_done(worker);
                continue;
            }
            let mut length = job.length;
            if self.plan.is_async {
                if self.plan.config.application.blocking {
                    self.event_loop.held = true;
                } else if job.last {
                    length += crate::client::aiokafka::SLEEP_OVERHEAD;
                }
            }
            self.schedule(self.now + length, Event::JobDone { worker });
        }
    }

    /// A worker is done with a run.
    pub(crate) fn job_done(&mut self, worker: u32) {
        let (job, started, batch_done) = self.workers.finish(worker);
        if self.plan.is_async && self.plan.config.application.blocking {
            self.event_loop.held = false;
        }
        self.signal(Fact::Processed { run: job.run, started });
        if batch_done {
            self.outputs.push_back(Output::Processed(job.batch));
        }
        if !job.length.is_zero() {
            self.start_jobs();
        }
    }
}
