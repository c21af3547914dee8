//! A client without a fetch machinery: shows what a scheduler does by itself.
//!
//! Models: every record that a broker has is at hand one trip over the network later; a poll shares its cap evenly among the
//! partitions that have records, going on where the last one stopped; no buffer, no byte limits, no cost. Does not model anything
//! of a real client, by intention.

use std::collections::VecDeque;

use crate::client::Waiting;
use crate::log::Slice;
use crate::output::Output;
use crate::record::{ConsumerId, Fill, LocalCause, Run, TopicId};
use crate::state::{Core, Event, Timer};
use crate::time::Duration;

pub(super) mod settings;

pub use settings::Settings;

/// A running ideal consumer.
#[derive(Clone, Debug)]
pub(crate) struct Ideal {
    consumer: u32,
    base: u32,
    positions: Vec<i64>,
    /// Partitions that have records, next one to be served first; and which are in there.
    ready: VecDeque<u32>,
    is_ready: Vec<bool>,
    waiting: Option<Waiting>,
    started: bool,
    takes: bool,
}

impl Ideal {
    pub(crate) fn new(core: &Core, consumer: ConsumerId, _settings: Settings) -> Self {
        let slots = core.plan.slots_of(consumer);
        let count = slots.len();
        Self {
            consumer: consumer.0,
            base: slots.start,
            // Without a fleet all of them are there from the start.
            positions: vec![0; count],
            ready: VecDeque::new(),
            is_ready: vec![false; count],
            waiting: None,
            started: false,
            takes: core.plan.consumers[consumer.index()].takes,
        }
    }

    pub(crate) fn open(&mut self, core: &mut Core) {
        core.schedule(core.now, Event::Assigned { consumer: self.consumer });
        let there_and_back = core.plan.config.network.latency.times(2) + core.plan.config.brokers.service;
        core.timer(core.now + there_and_back, self.consumer, Timer::Started);
    }

    pub(crate) fn timer(&mut self, core: &mut Core, timer: Timer) {
        debug_assert_eq!(timer, Timer::Started, "the ideal client has no other timer");
        self.started = true;
        for i in 0..self.positions.len() as u32 {
            self.positions[i as usize] = core.committed[(self.base + i) as usize].unwrap_or(0);
            self.note(core, self.base + i);
        }
        self.serve_waiting(core);
        core.update_causes(self.consumer, |core, slot| self.cause(core, slot));
    }

    pub(crate) fn assign(&mut self, core: &mut Core, positions: &[(u32, i64)]) {
        self.started = true;
        for &(slot, offset) in positions {
            self.positions[(slot - self.base) as usize] = offset;
            self.note(core, slot);
        }
        self.serve_waiting(core);
    }

    pub(crate) fn revoke(&mut self, core: &mut Core, slots: &[u32]) {
        for &slot in slots {
            let i = slot - self.base;
            // Nothing is there to be read.
            self.positions[i as usize] = i64::MAX;
            self.is_ready[i as usize] = false;
            self.ready.retain(|&r| r != i);
        }
        let withdrawn = core.withdraw(self.consumer, slots);
        if let Some(waiting) = &mut self.waiting {
            waiting.cap += withdrawn;
        }
    }

    /// A partition may have records.
    pub(crate) fn appended(&mut self, core: &mut Core, slot: u32) {
        self.note(core, slot);
        self.serve_waiting(core);
    }

    fn note(&mut self, core: &mut Core, slot: u32) {
        let i = slot - self.base;
        let nothing_new = core.logs[slot as usize].end() <= self.positions[i as usize];
        if !self.started || nothing_new || self.is_ready[i as usize] || core.is_out(slot) {
            return;
        }
        self.is_ready[i as usize] = true;
        self.ready.push_back(i);
        if self.takes {
            core.outputs.push_back(Output::Ready(core.plan.slots[slot as usize].id.topic));
        }
    }

    fn serve_waiting(&mut self, core: &mut Core) {
        if let Some(Waiting { cap, fill }) = self.waiting
            && !self.ready.is_empty()
        {
            self.collect(core, cap, fill, None);
        }
    }

    pub(crate) fn poll(&mut self, core: &mut Core, cap: u32, wait: Duration, fill: Fill) {
        self.collect(core, cap, fill, Some(wait));
    }

    /// Hands out what there is; returns, or waits (for `wait` if the call has just begun).
    fn collect(&mut self, core: &mut Core, cap: u32, fill: Fill, wait: Option<Duration>) {
        let mut left = cap;
        while left > 0 && !self.ready.is_empty() {
            let share = left.div_ceil(self.ready.len() as u32);
            let i = self.ready.pop_front().expect("not empty");
            let run = self.hand_out(core, i, share);
            left -= run.records;
            core.returning[self.consumer as usize].runs.extend((run.records > 0).then_some(run));
        }
        let got = !core.returning[self.consumer as usize].runs.is_empty();
        if left == 0 || (got && fill == Fill::First) || wait.is_some_and(Duration::is_zero) {
            self.waiting = None;
            core.return_after(self.consumer, Duration::ZERO);
        } else {
            self.waiting = Some(Waiting { cap: left, fill });
            if let Some(wait) = wait {
                core.wait_until(self.consumer, core.now + wait);
            }
        }
    }

    pub(crate) fn deadline(&mut self, core: &mut Core) {
        if self.waiting.take().is_some() {
            core.return_after(self.consumer, Duration::ZERO);
        }
    }

    pub(crate) fn take(&mut self, core: &mut Core, plan: &[(TopicId, u32)]) {
        let mut runs = Vec::new();
        let mut dry = Vec::new();
        for &(topic, cap) in plan {
            let slots = core.plan.topics[topic.index()].slots();
            let own = slots.start - self.base..slots.end - self.base;
            let mut left = cap;
            for i in own.clone() {
                if left > 0 && self.is_ready[i as usize] {
                    self.ready.retain(|&r| r != i);
                    let run = self.hand_out(core, i, left);
                    left -= run.records;
                    runs.extend((run.records > 0).then_some(run));
                }
            }
            if own.clone().all(|i| !self.is_ready[i as usize]) {
                dry.push(topic);
            }
        }
        let returning = &mut core.returning[self.consumer as usize];
        (returning.runs, returning.dry) = (runs, dry);
        core.return_after(self.consumer, Duration::ZERO);
    }

    /// Up to `cap` records of a partition that has just been taken off the ready list; puts it back if there are more.
    fn hand_out(&mut self, core: &mut Core, i: u32, cap: u32) -> Run {
        let slot = self.base + i;
        let position = self.positions[i as usize];
        let there = if core.is_out(slot) { 0 } else { (core.logs[slot as usize].end() - position) as u64 };
        let records = there.min(u64::from(cap)) as u32;
        let run = core.run(slot, position, records);
        self.positions[i as usize] = run.next;
        let more = there > u64::from(records);
        self.is_ready[i as usize] = more;
        if more {
            self.ready.push_back(i);
        }
        if records > 0 {
            let slice = Slice { next: run.next, records, value_bytes: run.bytes, wire_bytes: run.bytes };
            core.fetched(slot, &slice);
        }
        run
    }

    pub(crate) fn cause(&self, core: &Core, slot: u32) -> LocalCause {
        if !self.started {
            LocalCause::Join
        } else if core.is_out(slot) {
            LocalCause::Outage
        } else {
            LocalCause::Idle
        }
    }
}
