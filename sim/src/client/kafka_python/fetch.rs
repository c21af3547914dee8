//! Requests, fetch sessions, and the reading of replies (F `send_fetches`, `_fetchable_partitions`, `_handle_fetch_response`).

use super::{Chunk, GONE, KafkaPython};
use crate::broker::{Ask, SessionUse};
use crate::choice::Point;
use crate::client::aiokafka::group_by_topic;
use crate::seed::Stream;
use crate::state::{ConnState, Core, Timer};
use crate::time::Duration;

impl KafkaPython {
    /// Whether the gate is open and there is something to ask some node for.
    pub(super) fn may_send(&self) -> bool {
        self.started
            && self.queue.is_empty()
            && self.partitions.iter().any(|p| !p.buffered && p.position != GONE && !self.nodes[p.node as usize].pending)
    }

    /// Asks every node that owes nothing for all its partitions that are not buffered, if nothing at all is queued.
    pub(super) fn send_fetches(&mut self, core: &mut Core) {
        if !self.started || !self.queue.is_empty() {
            return;
        }
        for node in 0..self.nodes.len() as u32 {
            if !self.nodes[node as usize].pending {
                self.fetch(core, node);
            }
        }
    }

    fn fetch(&mut self, core: &mut Core, node: u32) {
        let wanted = |i: &&u32| {
            let p = &self.partitions[**i as usize];
            p.node == node && !p.buffered
        };
        let mut order: Vec<u32> = self.assignment.iter().filter(wanted).map(|i| self.base + i).collect();
        if order.is_empty() {
            return;
        }
        if self.rules.shuffles {
            order.sort_unstable();
            shuffle_topics(core, Point::KafkaPythonRequestOrder, self.consumer, &mut order, false);
        } else {
            group_by_topic(core, &mut order);
        }
        let conn = core.conn(self.consumer, node);
        let session = self.session_use(core, conn, node);
        let mut request = core::mem::take(&mut core.conns[conn as usize].request);
        request.asks.clear();
        request.forget.clear();
        for slot in order {
            let p = &mut self.partitions[(slot - self.base) as usize];
            let known = session == SessionUse::Incremental && p.in_session == Some(p.position);
            p.in_session = Some(p.position);
            if !known {
                request.asks.push(Ask { slot, offset: p.position, max_bytes: self.settings.max_partition_fetch_bytes });
            }
        }
        for (p, slot) in self.partitions.iter_mut().zip(self.base..) {
            let left_out = p.buffered || p.position == GONE;
            if p.node == node && left_out && p.in_session.take().is_some() && session == SessionUse::Incremental {
                request.forget.push(slot);
            }
        }
        request.session = session;
        request.min_bytes = self.settings.fetch_min_bytes;
        request.max_bytes = self.settings.fetch_max_bytes;
        request.max_wait = self.settings.fetch_max_wait;
        core.conns[conn as usize].request = request;
        let n = &mut self.nodes[node as usize];
        n.pending = true;
        n.session = session != SessionUse::None;
        self.owed += self.settings.costs.send;
        core.send_fetch(conn);
    }

    /// The first request begins a session. One that the broker has lost is begun anew.
    fn session_use(&self, core: &Core, conn: u32, node: u32) -> SessionUse {
        if !self.rules.sessions || !self.settings.enable_incremental_fetch_sessions {
            return SessionUse::None;
        }
        let listed = self.partitions.iter().any(|p| p.node == node && p.in_session.is_some());
        let lost = listed && core.conns[conn as usize].session.is_empty();
        if self.nodes[node as usize].session && !lost { SessionUse::Incremental } else { SessionUse::Full }
    }

    // ---- replies -----------------------------------------------------------------------------------------------------------------

    /// The calling thread blocks from now on: what is at the socket is read.
    pub(super) fn block(&mut self, core: &mut Core) {
        if !self.blocked {
            self.blocked = true;
            for node in 0..self.nodes.len() as u32 {
                self.read_on(core, node);
            }
        }
    }

    /// The calling thread computes from now on: nothing is read.
    pub(super) fn unblock(&mut self, core: &Core) {
        if !self.blocked {
            return;
        }
        self.blocked = false;
        for node in &mut self.nodes {
            if let Some((left, since)) = &mut node.reading {
                let spent = core.now.since(*since);
                *left = Duration::from_nanos(left.as_nanos().saturating_sub(spent.as_nanos()));
            }
            node.spell += 1;
        }
    }

    fn read_on(&mut self, core: &mut Core, node: u32) {
        let n = &mut self.nodes[node as usize];
        if let Some((left, since)) = &mut n.reading {
            *since = core.now;
            let (at, part) = (core.now + *left, n.spell);
            let conn = core.conn(self.consumer, node);
            let generation = core.conns[conn as usize].generation;
            core.timer(at, self.consumer, Timer::Parsed { conn, generation, part });
        }
    }

    /// A reply is at the socket.
    pub(crate) fn answer(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        let bytes: u64 = core.conns[conn as usize].answers.iter().map(|a| a.slice.wire_bytes).sum();
        let cost = self.settings.costs.answer + self.settings.costs.reading(bytes);
        self.nodes[node as usize].reading = Some((cost, core.now));
        if self.blocked {
            self.read_on(core, node);
        }
    }

    /// A reply has been read: its partitions are queued, those without records too.
    pub(super) fn land(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        let n = &mut self.nodes[node as usize];
        n.pending = false;
        n.reading = None;
        let mut answers = core::mem::take(&mut core.conns[conn as usize].answers);
        core.conns[conn as usize].state = ConnState::Idle;
        if self.rules.shuffles {
            let mut order: Vec<u32> = answers.iter().map(|a| a.slot).collect();
            order.sort_unstable();
            shuffle_topics(core, Point::KafkaPythonReplyOrder, self.consumer, &mut order, true);
            let mut place = vec![0; self.partitions.len()];
            for (i, slot) in order.iter().enumerate() {
                place[(slot - self.base) as usize] = i;
            }
            answers.sort_unstable_by_key(|a| place[(a.slot - self.base) as usize]);
        }
        for answer in &answers {
            let partition = answer.slot - self.base;
            if self.partitions[partition as usize].position != answer.offset {
                // Revoked while the fetch was out.
                continue;
            }
            core.fetch_failed(self.consumer, answer.slot, answer.failed);
            self.partitions[partition as usize].buffered = true;
            let records = answer.slice.records;
            // A failed partition is asked for after all others, like one that had data.
            self.queue.push_back(Chunk { partition, records, had_data: records > 0 || answer.failed });
            if records > 0 {
                core.fetched(answer.slot, &answer.slice);
            }
        }
        core.conns[conn as usize].answers = answers;
        self.update_causes(core);
        self.resume(core);
    }

    /// A transport error: the node is left alone for `retry_backoff_ms`, and the session is begun anew.
    pub(crate) fn broken(&mut self, core: &mut Core, conn: u32) {
        let node = core.conn_node(conn);
        let n = &mut self.nodes[node as usize];
        n.pending = true;
        n.session = false;
        n.reading = None;
        n.spell += 1;
        for p in self.partitions.iter_mut().filter(|p| p.node == node) {
            p.in_session = None;
        }
        core.timer(core.now + self.settings.retry_backoff, self.consumer, Timer::Node { node });
        self.update_causes(core);
    }
}

/// Shuffles the topics of `order` (given by slot), and if `partitions` is set, each topic's partitions too.
pub(super) fn shuffle_topics(core: &mut Core, point: Point, consumer: u32, order: &mut Vec<u32>, partitions: bool) {
    let mut expected = order.clone();
    expected.sort_unstable();
    let valid = |values: &[u64]| {
        let mut given = values.to_vec();
        given.sort_unstable();
        given.iter().copied().eq(expected.iter().map(|&slot| u64::from(slot)))
    };
    let slots = &core.plan.slots;
    let draw = |stream: &mut Stream| {
        let mut topics: Vec<Vec<u64>> = Vec::new();
        let mut last = None;
        for &slot in &expected {
            let topic = slots[slot as usize].id.topic;
            if last != Some(topic) {
                last = Some(topic);
                topics.push(Vec::new());
            }
            topics.last_mut().expect("just pushed").push(u64::from(slot));
        }
        stream.shuffle(&mut topics);
        if partitions {
            topics.iter_mut().for_each(|topic| stream.shuffle(topic));
        }
        topics.concat()
    };
    let chosen = core.choices.values(point, consumer, valid, draw);
    order.clear();
    order.extend(chosen.into_iter().map(|slot| slot as u32));
}
