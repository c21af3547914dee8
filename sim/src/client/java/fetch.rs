//! What is asked for and when (`AbstractFetch`, `FetchSessionHandler`), and how answers enter the buffer.

use super::{Entry, Java, Version, hash};
use crate::broker::{Ask, Request, SessionUse};
use crate::output::Output;
use crate::state::{ConnState, Core, Timer};

/// A fetch session as the client keeps it (`FetchSessionHandler`).
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// What the session holds, in the order in which it entered.
    asks: Vec<Ask>,
    /// The broker knows it.
    established: bool,
}

impl Session {
    /// Fills in a request for exactly these partitions (`FetchSessionHandler.Builder.build`): all of them at first; later what is
    /// new, then what has moved, and what is to be forgotten.
    pub(super) fn build(&mut self, wanted: &[Ask], request: &mut Request) {
        request.asks.clear();
        request.forget.clear();
        if !self.established {
            request.session = SessionUse::Full;
            request.asks.extend_from_slice(wanted);
            self.asks.clear();
            self.asks.extend_from_slice(wanted);
            self.established = true;
            return;
        }
        request.session = SessionUse::Incremental;
        let is_new = |ask: &&Ask| !self.asks.iter().any(|known| known.slot == ask.slot);
        let new: Vec<Ask> = wanted.iter().filter(is_new).copied().collect();
        request.asks.extend_from_slice(&new);
        self.asks.retain_mut(|known| match wanted.iter().find(|ask| ask.slot == known.slot) {
            None => {
                request.forget.push(known.slot);
                false
            }
            Some(ask) => {
                if ask != known {
                    *known = *ask;
                    request.asks.push(*ask);
                }
                true
            }
        });
        self.asks.extend(new);
    }
}

impl Java {
    /// `AbstractFetch.prepareFetchRequests`: one request to each node that has something to be asked for and nothing out.
    pub(super) fn send_fetches(&mut self, core: &mut Core) {
        if !self.started {
            return;
        }
        let mut wanted: Vec<u32> = self
            .assignment
            .iter()
            .copied()
            .filter(|&i| !self.partitions[i as usize].buffered && self.is_fetchable(core, i))
            .collect();
        if wanted.is_empty() {
            return;
        }
        if (Version::V3_7..Version::V4_2).contains(&self.settings.version) {
            // `Set<TopicPartition> fetchable = new HashSet<>(subscriptions.fetchablePartitions(...))`, until KAFKA-19820.
            let capacity = hash::capacity_copied(wanted.len());
            hash::table_order(&mut wanted, capacity, |i| self.partitions[i as usize].hash);
        }
        for node in 0..self.nodes.len() as u32 {
            let n = &self.nodes[node as usize];
            if n.in_flight || n.reconnect_at > core.now {
                continue;
            }
            // KAFKA-17182: a request would have to leave the buffered ones out, and so forget them.
            let holds_back = self.settings.version >= Version::V4_0
                && self.partitions.iter().any(|p| {
                    // What is paused does not count (`AbstractFetch.bufferedNodes`).
                    p.node == node && p.buffered && !self.is_paused(core, p.topic)
                });
            if !holds_back {
                self.send_fetch(core, node, &wanted);
            }
        }
    }

    fn send_fetch(&mut self, core: &mut Core, node: u32, wanted: &[u32]) {
        let ask = |i: u32| Ask {
            slot: self.base + i,
            offset: self.partitions[i as usize].position,
            max_bytes: self.settings.max_partition_fetch_bytes,
        };
        let own = wanted.iter().copied().filter(|&i| self.partitions[i as usize].node == node);
        let asks: Vec<Ask> = own.map(ask).collect();
        if asks.is_empty() {
            return;
        }
        let conn = core.conn(self.consumer, node);
        let request = &mut core.conns[conn as usize].request;
        let n = &mut self.nodes[node as usize];
        n.session.build(&asks, request);
        n.in_flight = true;
        request.min_bytes = self.settings.fetch_min_bytes;
        request.max_bytes = self.settings.fetch_max_bytes;
        request.max_wait = self.settings.fetch_max_wait;
        core.send_fetch(conn);
    }

    /// `SubscriptionState.isFetchable`.
    fn is_fetchable(&self, core: &Core, i: u32) -> bool {
        let p = &self.partitions[i as usize];
        p.failing_until <= core.now && !self.is_paused(core, p.topic)
    }

    pub(super) fn is_paused(&self, core: &Core, topic: u32) -> bool {
        self.paused[(topic - core.plan.consumers[self.consumer as usize].topics.start) as usize]
    }

    /// The application pauses the topics that it has enough of, resumes the others, and polls what has been kept for them.
    pub(super) fn pause_and_resume(&mut self, core: &mut Core) {
        let first = core.plan.consumers[self.consumer as usize].topics.start;
        for i in 0..self.paused.len() {
            self.paused[i] = self.queued(core, first + i as u32) >= self.enough;
        }
        for _ in 0..self.queue.len() {
            let Some(entry) = self.queue.pop_front() else { break };
            if self.is_paused(core, self.partitions[entry.partition as usize].topic) {
                // `FetchCollector.collectFetch` sets it aside, and puts it back at the end.
                self.queue.push_back(entry);
            } else {
                self.partitions[entry.partition as usize].buffered = false;
                self.keep(core, entry.partition, entry.offset, entry.records);
            }
        }
    }

    /// Fires all answers that have arrived. Returns whether there was one.
    pub(super) fn fire_arrived(&mut self, core: &mut Core) -> bool {
        let mut any = false;
        for node in 0..self.nodes.len() as u32 {
            if self.nodes[node as usize].arrived.is_some() {
                any = true;
                self.fire(core, node);
            }
        }
        any
    }

    /// Whether anything waits to be fired.
    pub(super) fn has_arrived(&self) -> bool {
        self.nodes.iter().any(|n| n.arrived.is_some())
    }

    /// `AbstractFetch.handleFetchSuccess`: all partitions of an answer enter the buffer, in its order. Returns how many.
    pub(super) fn fire(&mut self, core: &mut Core, node: u32) -> usize {
        let n = &mut self.nodes[node as usize];
        n.in_flight = false;
        n.arrived = None;
        self.answered = true;
        let conn = core.conn(self.consumer, node) as usize;
        core.conns[conn].state = ConnState::Idle;
        let answers = core::mem::take(&mut core.conns[conn].answers);
        self.answers += u32::from(!answers.is_empty());
        let mut entries = 0;
        for answer in &answers {
            let i = answer.slot - self.base;
            if !self.assignment.contains(&i) {
                // Revoked while the fetch was out.
                continue;
            }
            core.fetch_failed(self.consumer, answer.slot, answer.failed);
            if answer.failed {
                // Leader-ish errors wait for fresh metadata; an errored entry sends its partition to the end.
                let until = core.now + self.settings.retry_backoff;
                self.partitions[i as usize].failing_until = until;
                self.move_to_end(i);
                core.timer(until, self.consumer, Timer::Node { node });
                continue;
            }
            if answer.slice.records > 0 {
                core.fetched(answer.slot, &answer.slice);
            }
            if self.takes {
                // Paused since it was asked for: it stays in the buffer (KAFKA-7548).
                if !self.is_paused(core, self.partitions[i as usize].topic) {
                    self.keep(core, i, answer.offset, answer.slice.records);
                    continue;
                }
                if answer.slice.records == 0 {
                    continue;
                }
            }
            entries += 1;
            let first = self.answers == 1 && !self.takes;
            self.first_left += u32::from(first);
            self.partitions[i as usize].buffered = true;
            let filled = answer.slice.wire_bytes > 0;
            self.queue.push_back(Entry {
                partition: i,
                offset: answer.offset,
                records: answer.slice.records,
                filled,
                first,
            });
        }
        let bytes = answers.iter().map(|a| a.slice.wire_bytes).sum();
        if !self.is_two_threaded() {
            self.cost += self.settings.costs.reading(bytes);
        }
        self.fresh = bytes > 0;
        core.conns[conn].answers = answers;
        entries
    }

    /// The application polls a partition's records into its own queue.
    fn keep(&mut self, core: &mut Core, i: u32, offset: i64, records: u32) {
        let p = &mut self.partitions[i as usize];
        if records == 0 || offset != p.position {
            return;
        }
        p.position = offset + i64::from(records);
        let topic = p.topic;
        let was_empty = self.queued(core, topic) == 0;
        self.local[i as usize].push_back((offset, records));
        self.move_to_end(i);
        if was_empty {
            core.outputs.push_back(Output::Ready(crate::record::TopicId(topic)));
        }
    }

    /// `PartitionStates.moveToEnd`.
    pub(super) fn move_to_end(&mut self, i: u32) {
        let place = self.assignment.iter().position(|&a| a == i).expect("every partition is assigned");
        self.assignment[place..].rotate_left(1);
    }
}
