//! Inside a poll call (G `poll`, `_poll_once`; F `fetched_records`, `_append`).

use super::{Chunk, KafkaPython};
use crate::client::Waiting;
use crate::record::{Fill, Run};
use crate::state::{Core, Timer};
use crate::time::Duration;

impl KafkaPython {
    /// A poll begins: drain; then the gate; then return, or wait.
    pub(crate) fn poll(&mut self, core: &mut Core, cap: u32, wait: Duration, fill: Fill) {
        self.unblock(core);
        self.call += 1;
        self.owed = Duration::ZERO;
        let (cost, got) = self.drain(core, cap);
        if got == cap || (got > 0 && fill == Fill::First) {
            // The gate comes after decoding, which takes time.
            let send = if self.may_send() { self.settings.costs.send } else { Duration::ZERO };
            core.timer(core.now + cost, self.consumer, Timer::Step { call: self.call });
            core.return_after(self.consumer, cost + self.settings.costs.call + send);
        } else {
            self.waiting = Some(Waiting { cap: cap - got, fill });
            core.wait_until(self.consumer, core.now + cost + wait);
            self.wait(core);
        }
    }

    /// A step of the poll in progress is due: the gate after the records have been decoded, or another look for a leader.
    pub(super) fn step(&mut self, core: &mut Core) {
        if self.waiting.is_some() {
            self.wait(core);
        } else {
            self.send_fetches(core);
            self.update_causes(core);
        }
    }

    /// Nothing is left to hand out: ask for more, and let the replies be read.
    fn wait(&mut self, core: &mut Core) {
        self.send_fetches(core);
        self.block(core);
        if let Some(step) = self.rules.leader_sleep.filter(|_| !self.started) {
            core.timer(core.now + step, self.consumer, Timer::Step { call: self.call });
        }
        self.update_causes(core);
    }

    /// A reply has been queued while a poll waits: the second drain. After it nothing is sent, unless the poll goes on waiting.
    pub(super) fn resume(&mut self, core: &mut Core) {
        let Some(Waiting { cap, fill }) = self.waiting else { return };
        let (cost, got) = self.drain(core, cap);
        if got == cap || (got > 0 && fill == Fill::First) {
            self.waiting = None;
            self.unblock(core);
            core.return_after(self.consumer, cost + self.settings.costs.call + self.owed);
        } else {
            self.waiting = Some(Waiting { cap: cap - got, fill });
            self.wait(core);
        }
    }

    /// The timeout of a waiting poll. Replies are read until it has returned: so polls with a timeout of 0, which never wait, get on.
    pub(crate) fn deadline(&mut self, core: &mut Core) {
        if self.waiting.take().is_some() {
            core.return_after(self.consumer, self.settings.costs.empty);
        }
    }

    /// One greedy pass over what is buffered, in the order of arrival. Returns what it costs and how many records it gave.
    fn drain(&mut self, core: &mut Core, cap: u32) -> (Duration, u32) {
        let mut runs = core::mem::take(&mut core.returning[self.consumer as usize].runs);
        let (mut left, mut cost) = (cap, Duration::ZERO);
        while left > 0 {
            let Some(chunk) = &mut self.in_line else {
                let Some(chunk) = self.queue.pop_front() else { break };
                if !self.rules.lazy {
                    cost += self.settings.costs.record.times(u64::from(chunk.records));
                }
                self.in_line = Some(chunk);
                continue;
            };
            let taken = chunk.records.min(left);
            chunk.records -= taken;
            // An iterator that has given all that was asked for does not know yet that it is exhausted: a ghost stays in line.
            let exhausted = if self.rules.lazy { taken < left } else { chunk.records == 0 };
            let chunk = *chunk;
            if taken > 0 {
                let p = &mut self.partitions[chunk.partition as usize];
                let run = core.run(self.base + chunk.partition, p.position, taken);
                p.position = run.next;
                left -= taken;
                cost += self.decode_cost(&run);
                runs.push(run);
            }
            if exhausted {
                self.in_line = None;
                self.drained(core, chunk);
            }
        }
        core.returning[self.consumer as usize].runs = runs;
        (cost, cap - left)
    }

    fn decode_cost(&self, run: &Run) -> Duration {
        if !self.rules.lazy {
            return Duration::ZERO;
        }
        self.settings.costs.handing_out(run.records, run.bytes)
    }

    /// A chunk is used up: its partition may be asked for again, after all others (F `_on_partition_records_drain`).
    fn drained(&mut self, core: &mut Core, chunk: Chunk) {
        self.partitions[chunk.partition as usize].buffered = false;
        if chunk.had_data
            && let Some(place) = self.assignment.iter().position(|&i| i == chunk.partition)
        {
            self.assignment[place..].rotate_left(1);
        }
        let topic = core.plan.slots[(self.base + chunk.partition) as usize].id.topic;
        core.update_cause(topic, |core, slot| self.cause(core, slot));
    }
}
