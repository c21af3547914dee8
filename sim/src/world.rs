//! The world: brokers, network, clients and the application, in virtual time, on one thread.

use std::sync::Arc;

use crate::broker;
use crate::choice::Choices;
use crate::client::Client;
use crate::config::{FaultKind, WorldConfig};
use crate::group::member::Membership;
use crate::output::Output;
use crate::record::{BatchId, ConsumerId, Fill, PartitionId, TopicId};
use crate::signal::Signal;
use crate::state::{ConnState, Core, Event, Work};
use crate::time::{Duration, Time};
use crate::timeout::Fired;

/// A simulated world.
///
/// Contract: call any of `open`, `poll`, `take`, `process`, `commit`, `wake` and `close`, then `next`, then again. The calls take no
/// time; `next` lets time pass until there is something to tell. A clone is a snapshot: it goes on exactly as the original would.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) core: Core,
    pub(crate) clients: Vec<Client>,
    /// What makes it an instance of a fleet.
    pub(crate) membership: Option<Box<Membership>>,
}

impl World {
    /// A world at time zero.
    ///
    /// # Panics
    /// If the configuration contradicts itself (a topic without a consumer, no broker).
    #[must_use]
    pub fn new(config: &WorldConfig) -> Self {
        let core = Core::new(config);
        let clients = Self::clients(&core);
        Self { core, clients, membership: None }
    }

    /// A copy that draws from another seed. What there is to drain stays the same. Only of a world at time zero.
    ///
    /// # Panics
    /// If this world has begun.
    #[must_use]
    pub fn reseeded(&self, seed: u64) -> Self {
        assert_eq!(self.core.now, Time::ZERO, "a world that has begun has drawn already");
        let mut world = self.clone();
        world.core.reseed(seed);
        world
    }

    pub(crate) fn clients(core: &Core) -> Vec<Client> {
        (0..core.plan.consumers.len()).map(|c| Client::new(core, ConsumerId(c as u32))).collect()
    }

    // ---- getters ---------------------------------------------------------------------------------------------------------------

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.core.now
    }

    /// Hash of everything that has happened.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.core.fingerprint.get()
    }

    /// What observers may know of the time up to the last output, oldest first. The caller drains it.
    pub fn signals(&mut self) -> &mut Vec<Signal> {
        &mut self.core.signals
    }

    /// The source of decisions: to be set up before the first call, and read out at the end.
    pub fn choices(&mut self) -> &mut Choices {
        &mut self.core.choices
    }

    /// How many events are pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.core.queue.len()
    }

    // ---- commands --------------------------------------------------------------------------------------------------------------

    /// Creates the consumers. Each answers with [`Output::Assigned`].
    pub fn open(&mut self) {
        if self.membership.is_some() {
            return self.group_open();
        }
        for client in &mut self.clients {
            client.open(&mut self.core);
        }
    }

    /// Polls. Answered by one [`Output::Delivered`].
    pub fn poll(&mut self, consumer: ConsumerId, cap: u32, wait: Duration, fill: Fill) {
        if self.core.event_loop.held {
            return self.core.event_loop.work.push_back(Work::Poll { consumer: consumer.0, cap, wait, fill });
        }
        self.begin_poll(consumer.0, cap, wait, fill);
    }

    fn begin_poll(&mut self, consumer: u32, cap: u32, wait: Duration, fill: Fill) {
        self.group_poll(consumer);
        self.clients[consumer as usize].poll(&mut self.core, cap, wait, fill);
    }

    /// Takes what is there. Answered by one [`Output::Delivered`].
    pub fn take(&mut self, consumer: ConsumerId, plan: Vec<(TopicId, u32)>) {
        if self.core.event_loop.held {
            return self.core.event_loop.work.push_back(Work::Take { consumer: consumer.0, plan });
        }
        self.clients[consumer.index()].take(&mut self.core, &plan);
    }

    /// Gives a delivered batch to the application. Answered by [`Output::Processed`].
    pub fn process(&mut self, batch: BatchId) {
        let blocking = self.core.plan.config.application.blocking;
        if self.core.event_loop.held && blocking {
            return self.core.event_loop.work.push_back(Work::Process(batch));
        }
        self.core.process(batch);
    }

    /// Throws away what a delivered batch has of these partitions.
    pub fn discard(&mut self, batch: BatchId, partitions: &[PartitionId]) {
        let delivered = &mut self.core.delivered;
        let place = delivered.iter().position(|(b, _)| *b == batch).expect("only a delivered batch is discarded from");
        delivered[place].1.retain(|run| !partitions.contains(&run.partition));
        if delivered[place].1.is_empty() {
            delivered.remove(place);
        }
    }

    /// Commits positions, synchronously. Answered by [`Output::Committed`] or [`Output::CommitFailed`].
    pub fn commit(&mut self, consumer: ConsumerId, offsets: &[(PartitionId, i64)]) {
        for (partition, offset) in offsets {
            let slot = self.core.plan.topics[partition.topic.index()].first + partition.partition;
            self.core.fingerprint.push(u64::from(slot) << 48 ^ *offset as u64);
            if self.membership.is_none() {
                self.core.committed[slot as usize] = Some(*offset);
            }
        }
        if self.membership.is_some() {
            return self.group_commit(consumer.0, offsets);
        }
        let cost = self.clients[consumer.index()].commit_begins(&mut self.core);
        self.core.schedule(self.core.now + cost, Event::Committed { consumer: consumer.0 });
    }

    /// Asks for [`Output::Wake`] at this moment. Replaces an earlier request.
    pub fn wake(&mut self, at: Time) {
        if let Some(at) = self.core.wake.set(at.max(self.core.now)) {
            self.core.schedule(at, Event::Wake);
        }
    }

    /// Ends the consumers. Answered by [`Output::Closed`]. In a [fleet](crate::fleet) they leave their groups, and may be opened
    /// again.
    pub fn close(&mut self) {
        if self.membership.is_some() {
            return self.group_close();
        }
        self.core.schedule(self.core.now, Event::Closed);
    }

    // ---- time ------------------------------------------------------------------------------------------------------------------

    /// Whether there is something to tell now, without letting time pass.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.core.outputs.is_empty()
    }

    /// Lets time pass until there is something to tell; `None` if nothing will ever happen again.
    #[expect(clippy::should_implement_trait, reason = "an iterator would promise an end")]
    pub fn next(&mut self) -> Option<(Time, Output)> {
        loop {
            if let Some(output) = self.core.outputs.pop_front() {
                return Some((self.core.now, output));
            }
            if !self.step() {
                return None;
            }
        }
    }

    /// Whether something waits for the event loop, and it is free.
    pub(crate) fn has_work(&self) -> bool {
        !self.core.event_loop.held && !self.core.event_loop.work.is_empty()
    }

    /// One thing happens, once the last output has been answered. Returns whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        // Nothing has been asked for in answer to the last output: the application awaits, and what waited for the event loop
        // gets its turn, in the order in which it became due.
        if !self.core.event_loop.held
            && let Some(work) = self.core.event_loop.work.pop_front()
        {
            self.run(work);
            return true;
        }
        let Some((at, event)) = self.core.queue.pop() else { return false };
        self.core.advance(at);
        self.handle(event);
        true
    }

    /// Something becomes due. What needs the event loop queues for it while it is taken.
    fn handle(&mut self, event: Event) {
        let core = &mut self.core;
        core.fingerprint.push(core.now.as_nanos());
        match event {
            Event::Arrive { conn, generation } if core.conns[conn as usize].generation == generation => {
                core.arrive(conn);
                if core.conns[conn as usize].state == ConnState::Parked {
                    self.update_causes(self.core.conn_consumer(conn));
                }
            }
            Event::Expire { conn, generation } => {
                let c = &core.conns[conn as usize];
                if c.generation == generation && c.state == ConnState::Parked {
                    core.try_answer(conn, true);
                }
            }
            Event::Append { topic } => self.append(topic),
            Event::Returned { consumer } => {
                core.returned(consumer);
                self.clients[consumer as usize].returned(core);
                self.group_polled(consumer);
            }
            Event::JobDone { worker } if !core.plan.is_async || core.plan.config.application.blocking => {
                core.job_done(worker);
            }
            Event::Wake => match core.wake.fire(core.now) {
                Fired::Due => core.outputs.push_back(Output::Wake),
                Fired::Later(at) => core.schedule(at, Event::Wake),
                Fired::Stale => {}
            },
            Event::Alarm => core.outputs.push_back(Output::Wake),
            Event::Fault { index, begins } => self.fault(index, begins),
            Event::Closed => {
                if self.membership.is_some() {
                    self.end_process();
                }
                self.core.outputs.push_back(Output::Closed);
            }
            Event::Arrive { .. } => {}
            event => {
                let event_loop = &mut core.event_loop;
                if core.plan.is_async && (event_loop.held || !event_loop.work.is_empty()) {
                    event_loop.work.push_back(Work::Event(event));
                } else {
                    self.run(Work::Event(event));
                }
            }
        }
    }

    /// Client code runs.
    fn run(&mut self, work: Work) {
        let core = &mut self.core;
        match work {
            Work::Event(Event::Answer { conn, generation }) => {
                if core.conns[conn as usize].generation == generation {
                    let consumer = core.conn_consumer(conn);
                    self.clients[consumer as usize].answer(core, conn);
                }
            }
            Work::Event(Event::Broken { conn, generation }) => {
                if core.conns[conn as usize].generation == generation {
                    let consumer = core.conn_consumer(conn);
                    core.conns[conn as usize].state = ConnState::Idle;
                    self.clients[consumer as usize].broken(core, conn);
                }
            }
            Work::Event(Event::Assigned { consumer }) => {
                let plan = Arc::clone(&core.plan);
                let topics = &plan.consumers[consumer as usize].topics;
                let partitions = plan.slots.iter().map(|s| s.id).filter(|id| topics.contains(&id.topic.0)).collect();
                core.outputs.push_back(Output::Assigned { consumer: ConsumerId(consumer), partitions });
            }
            Work::Event(Event::Timer { consumer, timer }) => self.clients[consumer as usize].timer(core, timer),
            Work::Event(event @ Event::Deadline { consumer }) => {
                match core.deadlines[consumer as usize].fire(core.now) {
                    Fired::Due => self.clients[consumer as usize].deadline(core),
                    Fired::Later(at) => core.schedule(at, event),
                    Fired::Stale => {}
                }
            }
            Work::Event(Event::JobDone { worker }) => core.job_done(worker),
            Work::Event(Event::Appended { slot }) => {
                let topic = core.plan.slots[slot as usize].id.topic;
                let consumer = core.plan.topics[topic.index()].consumer;
                self.clients[consumer as usize].appended(core, slot);
            }
            Work::Event(Event::Committed { consumer }) => {
                self.clients[consumer as usize].committed(core);
                core.outputs.push_back(Output::Committed(ConsumerId(consumer)));
            }
            Work::Event(Event::Group { consumer, due }) => self.group_due(consumer, due),
            Work::Event(event) => unreachable!("{event:?} needs no event loop"),
            Work::Poll { consumer, cap, wait, fill } => self.begin_poll(consumer, cap, wait, fill),
            Work::Take { consumer, plan } => self.clients[consumer as usize].take(core, &plan),
            Work::Process(batch) => core.process(batch),
            Work::Resume { consumer } => {
                if let Client::Aiokafka(c) = &mut self.clients[consumer as usize] {
                    c.resume(core);
                }
            }
            Work::Wake { consumer } => {
                if let Client::Aiokafka(c) = &mut self.clients[consumer as usize] {
                    c.wake(core);
                }
            }
        }
    }

    fn append(&mut self, topic: u32) {
        let core = &mut self.core;
        let slot = core.append(topic);
        let (node, consumer) = (core.plan.slots[slot as usize].node, core.plan.topics[topic as usize].consumer);
        let conn = core.conn(consumer, node);
        let parked = &core.conns[conn as usize];
        if parked.state == ConnState::Parked && broker::concerns(&parked.request, &parked.session, slot) {
            core.try_answer(conn, false);
        }
        let at = core.now + core.plan.config.network.latency;
        if matches!(self.clients[consumer as usize], Client::Ideal(_)) {
            core.schedule(at, Event::Appended { slot });
        }
    }

    fn fault(&mut self, index: u32, begins: bool) {
        let core = &mut self.core;
        core.fault(index, begins);
        let plan = Arc::clone(&core.plan);
        match plan.config.faults[index as usize].kind {
            FaultKind::Crash if begins => self.end_process(),
            FaultKind::Crash => core.outputs.push_back(Output::Crashed),
            _ => {
                for consumer in 0..self.clients.len() as u32 {
                    self.update_causes(consumer);
                }
                if !begins {
                    for slot in 0..plan.slots.len() as u32 {
                        let consumer = plan.topics[plan.slots[slot as usize].id.topic.index()].consumer;
                        self.clients[consumer as usize].appended(&mut self.core, slot);
                    }
                }
            }
        }
    }

    /// Looks up anew why the topics of a consumer do not move.
    pub(crate) fn update_causes(&mut self, consumer: u32) {
        let client = &self.clients[consumer as usize];
        self.core.update_causes(consumer, |core, slot| client.cause(core, slot));
    }
}
