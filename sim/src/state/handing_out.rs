//! What clients report: what they have fetched, why a topic does not move, and what their polls return.

use std::sync::Arc;

use super::{Core, Event};
use crate::log::Slice;
use crate::output::Output;
use crate::record::{BatchId, ConsumerId, LocalCause, Run, TopicId};
use crate::signal::Fact;
use crate::time::{Duration, Time};

/// What a poll in progress will return.
#[derive(Clone, Debug, Default)]
pub(crate) struct Return {
    pub(crate) runs: Vec<Run>,
    pub(crate) dry: Vec<TopicId>,
}

impl Core {
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
        let slots = self.plan.topics[topic.index()].slots();
        let mine = slots.filter(|&slot| self.mine[slot as usize]);
        let cause = mine.map(|slot| cause(self, slot)).min().unwrap_or(LocalCause::Join);
        self.set_cause(topic.0, cause);
    }

    /// Updates why the topics of a consumer do not move.
    pub(crate) fn update_causes(&mut self, consumer: u32, cause: impl Fn(&Self, u32) -> LocalCause) {
        for topic in self.plan.consumers[consumer as usize].topics.clone() {
            self.update_cause(TopicId(topic), &cause);
        }
    }

    pub(super) fn set_cause(&mut self, topic: u32, cause: LocalCause) {
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

    /// Takes records of these partitions out of what a consumer's poll in progress will return. Says how many.
    pub(crate) fn withdraw(&mut self, consumer: u32, slots: &[u32]) -> u32 {
        let plan = Arc::clone(&self.plan);
        let mut withdrawn = 0;
        self.returning[consumer as usize].runs.retain(|run| {
            let place = &plan.topics[run.partition.topic.index()];
            let out = slots.contains(&(place.first + run.partition.partition));
            withdrawn += if out { run.records } else { 0 };
            !out
        });
        withdrawn
    }

    /// Lets a poll wait for records.
    pub(crate) fn wait_until(&mut self, consumer: u32, deadline: Time) {
        if let Some(at) = self.deadlines[consumer as usize].set(deadline) {
            self.schedule(at, Event::Deadline { consumer });
        }
    }
}
