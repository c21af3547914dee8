//! kafka-python (`KafkaConsumer`): 3.0 and 3.1, 2.1 to 2.3, and 2.0.2.
//!
//! Models: the queue of completed fetches and the one chunk in line, drained greedily in the order of arrival; the ghost that a cap
//! hit exactly on a chunk's end leaves in line (from 2.1); the gate: new fetches leave only inside a poll, and only if the queue is
//! empty, one a node; with it the parked-fetch stall; fetch sessions (from 2.1), so that the order of a reply is the broker's; the
//! shuffles of a group's assignment (partitions from 3.0, topics in 2.1 to 2.3) and of each request and reply (2.0.2); when the
//! socket is read: in 2.x only while a poll finds nothing or a commit waits, from 3.0 by a thread that gets on only while the
//! calling thread blocks; whole chunks decoded at once (2.0.2), or records as they are handed out.
//!
//! Does not model: auto-commit, seek, pause, the iterator interface, isolation levels, rack-aware fetching, out-of-range
//! resets; the limit of 1 000 000 bytes a reply that 2.2.20, 2.3.2 and 3.0.0 had; reads by the heartbeat thread of a group's member
//! (2.x); sends overtaken by a reply that the hand-over of the same poll completes (3.x: such a fetch is parked, the counts are the
//! same); the interpreter lock between several consumers in threads; the set order of a topic's partitions in a request of 2.0.2
//! (they come by number); a session lost with its broker is noticed at once; that 3.x keeps the
//! position of a partition that an eager rebalance gives back (our application goes back to what it has committed).
//!
//! Source: kafka-python 3.0.12, 2.2.15 and 2.0.2, `consumer/fetcher.py` (F), `consumer/group.py` (G),
//! `consumer/subscription_state.py` (S); costs: recorded runs over loopback.

use std::collections::VecDeque;

use crate::choice::Point;
use crate::client::Waiting;
use crate::client::costs::Costs;
use crate::config::Start;
use crate::record::{ConsumerId, LocalCause};
use crate::state::{ConnState, Core, Event, Timer};
use crate::time::{Duration, Time};

mod fetch;
mod poll;
mod version;

pub use version::Version;
use version::{Rules, StartShuffle};

/// The properties that decide what is fetched when, under kafka-python's names, and the line they are for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which line.
    pub version: Version,
    /// `fetch_min_bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch_max_bytes`.
    pub fetch_max_bytes: u32,
    /// `fetch_max_wait_ms`.
    pub fetch_max_wait: Duration,
    /// `max_partition_fetch_bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `retry_backoff_ms`.
    pub retry_backoff: Duration,
    /// `enable_incremental_fetch_sessions` (from 2.1).
    pub enable_incremental_fetch_sessions: bool,
    /// What its work costs.
    pub costs: Costs,
}

impl Settings {
    /// The defaults of a line.
    #[must_use]
    pub const fn of(version: Version) -> Self {
        Self {
            version,
            fetch_min_bytes: 1,
            fetch_max_bytes: 52_428_800,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1_048_576,
            retry_backoff: Duration::from_millis(100),
            enable_incremental_fetch_sessions: true,
            costs: version.rules().costs,
        }
    }
}

/// The position of a partition that the consumer does not have.
const GONE: i64 = -1;

#[derive(Clone, Copy, Debug, Default)]
struct Partition {
    /// Next offset to hand out.
    position: i64,
    node: u32,
    /// Its chunk is queued or in line.
    buffered: bool,
    /// The offset that the fetch session has for it, if it is in there.
    in_session: Option<i64>,
}

/// What a reply had for a partition: perhaps nothing.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    partition: u32,
    records: u32,
    /// It had records when it came.
    had_data: bool,
}

/// What the client knows of a broker.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// A fetch is out; after an error also until the back-off is over.
    pending: bool,
    /// The session has begun.
    session: bool,
    /// A reply is at the socket: so much of the reading is left, or was when it was begun or resumed at this time.
    reading: Option<(Duration, Time)>,
    /// Counts the spells of reading; the timer of an interrupted one is void.
    spell: u32,
}

/// A running kafka-python consumer.
#[derive(Clone, Debug)]
pub(crate) struct KafkaPython {
    settings: Settings,
    rules: &'static Rules,
    consumer: u32,
    /// The consumer's partitions are the slots from here on.
    base: u32,
    partitions: Vec<Partition>,
    /// The order of requests (S `assignment`): a partition whose chunk has been drained moves to the end.
    assignment: Vec<u32>,
    nodes: Vec<Node>,
    /// F `_completed_fetches`.
    queue: VecDeque<Chunk>,
    /// F `_next_partition_records`.
    in_line: Option<Chunk>,
    waiting: Option<Waiting>,
    /// Counts poll calls.
    call: u32,
    /// What the poll in progress has spent on sending.
    owed: Duration,
    /// The calling thread blocks, so that replies are read.
    blocked: bool,
    started: bool,
}

impl KafkaPython {
    pub(super) const fn costs(&self) -> &Costs {
        &self.settings.costs
    }

    pub(crate) fn new(core: &Core, consumer: ConsumerId, settings: Settings) -> Self {
        let config = &core.plan.consumers[consumer.index()];
        let (first, last) = (config.topics.start as usize, config.topics.end as usize - 1);
        let base = core.plan.topics[first].first;
        let end = core.plan.topics[last].first + core.plan.topics[last].partitions;
        let partitions: Vec<Partition> = (base..end)
            .map(|slot| Partition { node: core.plan.slots[slot as usize].node, ..Partition::default() })
            .collect();
        Self {
            rules: settings.version.rules(),
            settings,
            consumer: consumer.0,
            base,
            assignment: (0..partitions.len() as u32).collect(),
            partitions,
            nodes: vec![Node::default(); core.nodes_down.len()],
            queue: VecDeque::new(),
            in_line: None,
            waiting: None,
            call: 0,
            owed: Duration::ZERO,
            blocked: false,
            started: false,
        }
    }

    pub(crate) fn open(&mut self, core: &mut Core) {
        let (consumer, costs) = (self.consumer, self.settings.costs);
        let (assigned, started) = match core.plan.consumers[consumer as usize].start {
            Start::Assign => (Duration::ZERO, costs.start_assign),
            Start::Group => {
                self.shuffle_assignment(core);
                (costs.start_group, costs.start_group + costs.offsets)
            }
        };
        core.schedule(core.now + assigned, Event::Assigned { consumer });
        core.timer(core.now + started, consumer, Timer::Started);
    }

    /// Begins as a member of a group, with nothing assigned.
    pub(crate) fn open_in_group(&mut self) {
        self.partitions.iter_mut().for_each(|p| p.position = GONE);
        self.assignment.clear();
    }

    pub(crate) fn group_start(&self) -> Duration {
        self.settings.costs.start_group
    }

    /// From the assignment to the first fetch.
    pub(crate) fn seek_delay(&self) -> Duration {
        self.settings.costs.offsets
    }

    pub(crate) fn assign(&mut self, core: &mut Core, positions: &[(u32, i64)]) {
        self.started = true;
        for &(slot, offset) in positions {
            let i = slot - self.base;
            self.partitions[i as usize].position = offset;
            self.assignment.push(i);
        }
        self.shuffle_assignment(core);
        if self.waiting.is_some() {
            self.send_fetches(core);
        }
        self.update_causes(core);
    }

    /// What is buffered is dropped, what is on its way will be.
    pub(crate) fn revoke(&mut self, core: &mut Core, slots: &[u32]) {
        for &slot in slots {
            let i = slot - self.base;
            let p = &mut self.partitions[i as usize];
            (p.position, p.buffered) = (GONE, false);
            self.assignment.retain(|&a| a != i);
            self.queue.retain(|chunk| chunk.partition != i);
            self.in_line = self.in_line.filter(|chunk| chunk.partition != i);
        }
        let withdrawn = core.withdraw(self.consumer, slots);
        if let Some(waiting) = &mut self.waiting {
            waiting.cap += withdrawn;
        }
    }

    /// The one shuffle of a group's assignment.
    fn shuffle_assignment(&mut self, core: &mut Core) {
        let mut order: Vec<u32> = self.assignment.iter().map(|i| self.base + i).collect();
        match self.rules.start_shuffle {
            StartShuffle::Nothing => return,
            StartShuffle::Partitions => core.choices.order(Point::KafkaPythonStartOrder, self.consumer, &mut order),
            StartShuffle::Topics => {
                fetch::shuffle_topics(core, Point::KafkaPythonStartOrder, self.consumer, &mut order, false)
            }
        }
        self.assignment = order.into_iter().map(|slot| slot - self.base).collect();
    }

    pub(crate) fn timer(&mut self, core: &mut Core, timer: Timer) {
        match timer {
            Timer::Started => {
                self.started = true;
                for (i, p) in self.partitions.iter_mut().enumerate() {
                    p.position = core.committed[self.base as usize + i].unwrap_or(0);
                }
                // Without a sleep in steps, whoever waits for a leader goes on at once.
                if self.waiting.is_some() && self.rules.leader_sleep.is_none() {
                    self.send_fetches(core);
                }
                self.update_causes(core);
            }
            Timer::Step { call } => {
                if call == self.call {
                    self.step(core);
                }
            }
            Timer::Node { node } => {
                self.nodes[node as usize].pending = false;
                if self.waiting.is_some() {
                    self.send_fetches(core);
                }
                self.update_causes(core);
            }
            Timer::Parsed { conn, generation, part } => {
                let node = core.conn_node(conn);
                let current = core.conns[conn as usize].generation == generation;
                if current && self.nodes[node as usize].spell == part && self.blocked {
                    self.land(core, conn);
                }
            }
            Timer::Activate { .. } => unreachable!("another client's timer"),
        }
    }

    /// The calling thread waits for a commit.
    pub(crate) fn commit_begins(&mut self, core: &mut Core) {
        self.block(core);
    }

    /// A commit is acknowledged, or a poll has returned: the calling thread is the application's. An I/O thread gets on as long as
    /// that does not compute.
    pub(crate) fn released(&mut self, core: &mut Core) {
        if self.rules.io_thread && !core.plan.config.application.blocking {
            self.block(core);
        } else {
            self.unblock(core);
        }
    }

    fn update_causes(&self, core: &mut Core) {
        core.update_causes(self.consumer, |core, slot| self.cause(core, slot));
    }

    pub(crate) fn cause(&self, core: &Core, slot: u32) -> LocalCause {
        let p = &self.partitions[(slot - self.base) as usize];
        let conn = &core.conns[core.conn(self.consumer, p.node) as usize];
        match conn.state {
            _ if !self.started => LocalCause::Join,
            _ if p.buffered => LocalCause::Idle,
            ConnState::Parked => LocalCause::ParkedFetch,
            ConnState::Busy => LocalCause::FetchInFlight,
            ConnState::Idle if core.is_out(slot) => LocalCause::Outage,
            ConnState::Idle if self.nodes[p.node as usize].pending => LocalCause::BackOff,
            // It may be fetched, but nobody polls, or the gate is closed by what is queued.
            ConnState::Idle => LocalCause::Idle,
        }
    }
}
