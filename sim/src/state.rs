//! The state of a world but for its clients, and what a client may do to it.

use core::ops::Range;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::application::Workers;
use crate::broker::FetchSession;
use crate::choice::Choices;
use crate::config::{FaultKind, WorldConfig};
use crate::event::EventQueue;
use crate::fingerprint::Fingerprint;
use crate::group::member::Due;
use crate::log::Log;
use crate::output::Output;
use crate::record::{BatchId, ConsumerId, Fill, LocalCause, PartitionId, Run, TopicId};
use crate::signal::{Fact, Signal};
use crate::sizes::sizes_seed;
use crate::time::{Duration, Time};
use crate::timeout::Timeout;

use handing_out::Return;

mod fetch;
mod handing_out;
mod processing;

pub(crate) use fetch::{Conn, ConnState};

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
    /// The first of its slots.
    pub(crate) first: u32,
    pub(crate) partitions: u32,
    /// The consumer that owns it.
    pub(crate) consumer: u32,
}

impl TopicPlan {
    /// Its slots.
    pub(crate) fn slots(&self) -> Range<u32> {
        self.first..self.first + self.partitions
    }
}

impl Plan {
    /// The slots of a consumer's topics, which lie side by side.
    pub(crate) fn slots_of(&self, consumer: ConsumerId) -> Range<u32> {
        let topics = &self.consumers[consumer.index()].topics;
        self.topics[topics.start as usize].first..self.topics[topics.end as usize - 1].slots().end
    }
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
    /// kafka-python: poll call number `call` gets to its next step.
    Step { call: u32 },
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
    Group { consumer: u32, due: Due },
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
            Self::Answer { .. }
            | Self::Broken { .. }
            | Self::Timer { .. }
            | Self::Assigned { .. }
            | Self::Group { .. } => 2,
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
        fill: Fill,
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
    /// Per slot: whether this process has it. Without a fleet it has all of them.
    pub(crate) mine: Vec<bool>,
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
            mine: vec![true; slots.len()],
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
            log.reseed(sizes_seed(config.seed, slot.id));
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
}
