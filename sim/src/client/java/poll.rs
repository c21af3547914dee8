//! Handing out: `FetchCollector.collectFetch`, and the loop of a poll around it.

use super::Java;
use super::cost::SENSORS;
use crate::choice::Point;
use crate::client::Waiting;
use crate::record::{Fill, Run, TopicId};
use crate::seed::Stream;
use crate::state::{Core, Timer};
use crate::time::Duration;

/// Steps in which a first poll outlasts its timeout, where a script says that it returns records.
const OVERSHOOT: Duration = Duration::from_millis(10);

/// Period of the heartbeat thread's look at the network (`AbstractCoordinator.HeartbeatThread`, `retry.backoff.ms`).
const HEARTBEAT_LOOK: Duration = Duration::from_millis(100);

impl Java {
    /// `poll(Duration)`; with [`Fill::Full`] repeated until the cap is reached.
    pub(crate) fn poll(&mut self, core: &mut Core, cap: u32, wait: Duration, fill: Fill) {
        self.polls += 1;
        self.cost = Duration::ZERO;
        self.fresh = false;
        self.waiting = Some(Waiting { cap, fill });
        core.wait_until(self.consumer, core.now + wait);
        if !self.starting {
            self.start(core);
        }
        self.asleep = match &mut self.lead {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => self.stalls(core),
        };
        self.fire_behind_the_back(core);
        self.turn(core);
        self.update_causes(core);
    }

    /// Up to 3.9 in a group: the heartbeat thread may have fired an answer between two polls. (Later versions have nothing in flight
    /// while anything is buffered.)
    fn fire_behind_the_back(&mut self, core: &mut Core) {
        if !self.group || self.settings.version >= super::Version::V4_0 || !self.has_arrived() {
            return;
        }
        let since = self.nodes.iter().filter_map(|n| n.arrived).min().unwrap_or(core.now);
        let elapsed = core.now.since(since).as_nanos();
        let draw = |s: &mut Stream| u64::from(s.below(HEARTBEAT_LOOK.as_nanos()) < elapsed);
        if core.choices.number(Point::JavaFired, self.consumer, 2, draw) == 1 {
            self.fire_arrived(core);
            self.cost = Duration::ZERO;
            self.fresh = false;
        }
    }

    /// The loop of a poll (`ClassicKafkaConsumer.pollForFetches`). Each turn but the last fires an answer, and there is at most one a
    /// node.
    pub(super) fn turn(&mut self, core: &mut Core) {
        if !self.started || self.asleep {
            return;
        }
        loop {
            self.collect(core, usize::MAX);
            if self.joining.is_some() || self.finish(core) {
                return;
            }
            self.send_fetches(core);
            if !self.fire_arrived(core) {
                return;
            }
        }
    }

    /// Returns from the poll if it has what it wants.
    pub(super) fn finish(&mut self, core: &mut Core) -> bool {
        let some = !core.returning[self.consumer as usize].runs.is_empty();
        let Some(Waiting { cap, fill }) = self.waiting else { return true };
        if cap > 0 && !(some && fill == Fill::First) {
            return false;
        }
        self.end(core, self.settings.costs.call);
        true
    }

    fn end(&mut self, core: &mut Core, call: Duration) {
        self.waiting = None;
        if !core.returning[self.consumer as usize].runs.is_empty() {
            self.lead = None;
        }
        let handed = core.returning[self.consumer as usize].runs.iter().map(|r| u64::from(r.records)).sum();
        let warm = call + self.settings.costs.record.times(handed);
        let warm = match self.polls {
            2..=5 => warm.times(4),
            6..=15 => Duration::from_nanos(warm.as_nanos() / 2 * 3),
            _ => warm,
        };
        let fresh = if self.fresh { self.settings.costs.answer_record.times(handed) } else { Duration::ZERO };
        let cost = self.cost + warm + fresh;
        self.returned_at = core.now + cost;
        // What may be fetched ahead is asked for just before the call returns.
        self.ending = true;
        core.timer(self.returned_at, self.consumer, Timer::Node { node: 0 });
        core.return_after(self.consumer, cost);
    }

    /// The timeout of the poll in progress.
    pub(crate) fn deadline(&mut self, core: &mut Core) {
        if self.waiting.is_none() {
            return;
        }
        // A first poll that loads classes outlasts its timeout.
        if self.lead == Some(0) && !self.asleep && !self.answered {
            return core.wait_until(self.consumer, core.now + OVERSHOOT);
        }
        self.asleep = false;
        self.joining = None;
        if core.returning[self.consumer as usize].runs.is_empty() {
            self.waiting = None;
            core.return_after(self.consumer, self.settings.costs.empty);
        } else {
            self.end(core, self.settings.costs.call);
        }
    }

    /// `FetchCollector.collectFetch`, with the first `visible` entries of the queue.
    pub(super) fn collect(&mut self, core: &mut Core, mut visible: usize) {
        let Some(mut waiting) = self.waiting else { return };
        let mut runs = core::mem::take(&mut core.returning[self.consumer as usize].runs);
        let leftovers = self.slot.is_some_and(|entry| entry.records > 0) || !self.queue.is_empty();
        let may_race = leftovers && runs.is_empty() && visible == usize::MAX && !self.fresh;
        while waiting.cap > 0 {
            let Some(entry) = self.slot.as_mut() else {
                if visible == 0 {
                    break;
                }
                let Some(entry) = self.queue.pop_front() else { break };
                visible -= 1;
                let p = &mut self.partitions[entry.partition as usize];
                if entry.offset == p.position {
                    self.slot = Some(entry);
                } else {
                    // `initialize` drops what is stale.
                    p.buffered = false;
                    self.first_left -= u32::from(entry.first);
                }
                continue;
            };
            let taken = entry.records.min(waiting.cap);
            let old = entry.offset;
            if taken > 0 {
                let run = core.run(self.base + entry.partition, entry.offset, taken);
                entry.offset = run.next;
                entry.records -= taken;
                waiting.cap -= taken;
                push(&mut runs, run);
            }
            let entry = *entry;
            if waiting.cap == 0 {
                // Whether the entry is at its end shows only when one record more is asked for: a used-up one stays buffered.
                self.partitions[entry.partition as usize].position = entry.offset;
                break;
            }
            self.slot = None;
            self.partitions[entry.partition as usize].buffered = false;
            self.first_left -= u32::from(entry.first);
            let first_ends = entry.first && self.first_left == 0;
            if first_ends {
                let topics = core.plan.consumers[self.consumer as usize].topics.len() as u64;
                self.cost += SENSORS.times(topics);
            }
            if may_race && taken > 0 && self.queue.is_empty() {
                // The position has not moved yet.
                self.partitions[entry.partition as usize].position = old;
                self.race(core, first_ends);
            }
            self.partitions[entry.partition as usize].position = entry.offset;
            if entry.filled {
                self.move_to_end(entry.partition);
            }
        }
        self.waiting = Some(waiting);
        core.returning[self.consumer as usize].runs = runs;
    }

    // ---- selective take --------------------------------------------------------------------------------------------------------

    /// Hands out of the application's own queues. It fills them with polls, and pauses a topic that has a cap queued.
    pub(crate) fn take(&mut self, core: &mut Core, plan: &[(TopicId, u32)]) {
        let (mut runs, mut dry) = (Vec::new(), Vec::new());
        let first_topic = core.plan.consumers[self.consumer as usize].topics.start;
        // A plan is always of a whole cap.
        self.enough = plan.iter().map(|(_, records)| u64::from(*records)).sum();
        for &(topic, cap) in plan {
            let place = &core.plan.topics[topic.index()];
            let (first, partitions) = (place.first - self.base, place.partitions);
            let turn = &mut self.turns[(topic.0 - first_topic) as usize];
            let begin = *turn;
            *turn = (begin + 1) % partitions;
            let mut left = cap;
            for k in 0..partitions {
                let i = first + (begin + k) % partitions;
                while left > 0
                    && let Some((offset, records)) = self.local[i as usize].front_mut()
                {
                    let taken = (*records).min(left);
                    let run = core.run(self.base + i, *offset, taken);
                    (*offset, *records) = (run.next, *records - taken);
                    left -= taken;
                    if *records == 0 {
                        self.local[i as usize].pop_front();
                    }
                    push(&mut runs, run);
                }
            }
            if self.queued(core, topic.0) == 0 {
                dry.push(topic);
            }
        }
        self.pause_and_resume(core);
        self.send_fetches(core);
        self.update_causes(core);
        let handed: u64 = runs.iter().map(|r: &Run| u64::from(r.records)).sum();
        let returning = &mut core.returning[self.consumer as usize];
        (returning.runs, returning.dry) = (runs, dry);
        core.return_after(self.consumer, self.settings.costs.call + self.settings.costs.record.times(handed));
    }

    /// Records in the application's queue of a topic.
    pub(super) fn queued(&self, core: &Core, topic: u32) -> u64 {
        let place = &core.plan.topics[topic as usize];
        let first = (place.first - self.base) as usize;
        self.local[first..first + place.partitions as usize].iter().flatten().map(|(_, n)| u64::from(*n)).sum()
    }
}

/// Adds a run, to the last one if it goes on where that ends.
fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.partition == run.partition && last.next == run.first => {
            (last.next, last.records, last.bytes) = (run.next, last.records + run.records, last.bytes + run.bytes);
        }
        _ => runs.push(run),
    }
}
