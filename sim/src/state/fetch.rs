//! Connections: fetch requests on their way to a broker, in its hands, and their answers on the way back; and what live producers
//! append meanwhile.

use std::sync::Arc;

use super::{Core, Event};
use crate::broker::{self, Answer, FetchSession, Request};
use crate::choice::Point;
use crate::log::Log;
use crate::record::TopicId;
use crate::signal::Fact;
use crate::time::{Duration, Time};

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

    /// One trip between a consumer and its group's coordinator, over a connection of its own.
    pub(crate) fn group_latency(&mut self, consumer: u32) -> Duration {
        self.latency(self.conns.len() as u32 + consumer)
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

    pub(super) fn schedule_arrival(&mut self, topic: u32) {
        let Some(arrival) = self.plan.config.topics[topic as usize].arrival else { return };
        let at = arrival.every.times(self.arrivals[topic as usize] + 1);
        if at <= arrival.until {
            self.schedule(Time::ZERO + at, Event::Append { topic });
        }
    }
}
