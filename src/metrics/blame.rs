//! Where the waiting time of each topic went, to the nanosecond.
//!
//! Two kinds of causes. *Global* ones hold for (nearly) all topics at once: processing topic Y, barrier, backpressure. Each has a
//! clock that runs while it holds; one more clock runs while none does, so that the clocks together always show the time passed.
//! *Local* causes are a topic's own and count while no global one holds. A topic keeps what the clocks showed when its wait began:
//! its share is the difference at the end. So an event costs O(1), however many topics wait.
//!
//! Barrier and backpressure do not hold for the topics of a consumer that is polling just then: those wait for their own poll. Each
//! consumer therefore has two clocks of its own, which run while it polls *and* the global cause holds; its topics subtract them
//! from the global cause and add them to the local ones.
//!
//! Processing has one clock a topic, hence a row of n numbers for each of n topics that has waited: 8 n² bytes.

use super::Cause;
use crate::{ConsumerId, Duration, LocalCause, Time, TopicId};

/// The clocks, and each topic's account.
#[derive(Clone, Debug)]
pub(super) struct Blame {
    now: Time,
    /// Nanoseconds of each global cause: processing of topic 0 to n - 1, then barrier, backpressure, none.
    clocks: Vec<u64>,
    /// The clock that runs.
    running: usize,
    accounts: Vec<Account>,
    /// Row T, column Y: nanoseconds that T waited while Y was processed. Modulo 2^64 while T waits: what the clock showed when the
    /// wait began is subtracted first, what it shows at the end added later.
    processing: Vec<u64>,
    consumers: Vec<Own>,
    // What decides which clock runs.
    busy: Option<TopicId>,
    rounds: bool,
    polling: u32,
    outstanding: u32,
    credit: u32,
}

/// One topic's account.
#[derive(Clone, Debug)]
struct Account {
    consumer: ConsumerId,
    since: Option<Time>,
    wait: u64,
    cause: LocalCause,
    /// What the topic's clocks showed when its wait, or its present local cause, began.
    mark: Shown,
    barrier: u64,
    backpressure: u64,
    local: [u64; LOCAL.len()],
}

/// A consumer's own clocks.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    polling: bool,
    /// Nanoseconds of a barrier, and of backpressure, during which it was polling, up to the beginning of the present poll.
    passed: (u64, u64),
    /// What the global clocks showed when the present poll began.
    mark: (u64, u64),
}

/// What a topic sees of barrier, backpressure and neither.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    barrier: u64,
    backpressure: u64,
    local: u64,
}

/// What a local cause is called in a result; by `LocalCause as usize`.
const LOCAL: [Cause; 6] =
    [Cause::FetchInFlight, Cause::ParkedFetch, Cause::BackOff, Cause::Outage, Cause::Join, Cause::Idle];

impl Blame {
    /// Accounts of topics that belong to these consumers. `rounds`: while a consumer polls, the others wait for it. `credit`:
    /// batches in hand and polls together at which no further poll begins.
    pub(super) fn new(consumer_of: &[ConsumerId], rounds: bool, credit: u32) -> Self {
        let topics = consumer_of.len();
        let account = |&consumer| Account {
            consumer,
            since: None,
            wait: 0,
            cause: LocalCause::Idle,
            mark: Shown::default(),
            barrier: 0,
            backpressure: 0,
            local: [0; LOCAL.len()],
        };
        Self {
            now: Time::ZERO,
            clocks: vec![0; topics + 3],
            running: topics + 2,
            accounts: consumer_of.iter().map(account).collect(),
            processing: vec![0; topics * topics],
            consumers: vec![Own::default(); consumer_of.iter().map(|c| c.index() + 1).max().unwrap_or(0)],
            busy: None,
            rounds,
            polling: 0,
            outstanding: 0,
            credit,
        }
    }

    /// Time has come this far.
    pub(super) fn advance(&mut self, now: Time) {
        self.clocks[self.running] += now.since(self.now).as_nanos();
        self.now = now.max(self.now);
    }

    /// All workers are busy from now on, the longest-running with this topic; or one is free again.
    pub(super) fn set_busy(&mut self, topic: Option<TopicId>) {
        self.busy = topic;
        self.settle();
    }

    /// A poll begins.
    pub(super) fn begin_poll(&mut self, consumer: ConsumerId) {
        let mark = (self.clocks[self.barrier()], self.clocks[self.barrier() + 1]);
        let own = &mut self.consumers[consumer.index()];
        if !core::mem::replace(&mut own.polling, true) {
            own.mark = mark;
            self.polling += 1;
        }
        self.settle();
    }

    /// A poll has ended.
    pub(super) fn end_poll(&mut self, consumer: ConsumerId) {
        let barrier = self.barrier();
        let own = &mut self.consumers[consumer.index()];
        if core::mem::take(&mut own.polling) {
            own.passed.0 += self.clocks[barrier] - own.mark.0;
            own.passed.1 += self.clocks[barrier + 1] - own.mark.1;
            self.polling -= 1;
        }
        self.settle();
    }

    /// So many batches are delivered and not processed now.
    pub(super) fn set_outstanding(&mut self, batches: u32) {
        self.outstanding = batches;
        self.settle();
    }

    /// The process has died: nothing polls, nothing is in hand.
    pub(super) fn crash(&mut self) {
        for consumer in 0..self.consumers.len() {
            self.end_poll(ConsumerId(consumer as u32));
        }
        self.busy = None;
        self.set_outstanding(0);
    }

    /// A topic's local cause, from now on.
    pub(super) fn set_cause(&mut self, topic: TopicId, cause: LocalCause) {
        let shown = self.shown(topic.index());
        let account = &mut self.accounts[topic.index()];
        if account.since.is_some() {
            account.local[account.cause as usize] += shown.local - account.mark.local;
            account.mark.local = shown.local;
        }
        account.cause = cause;
    }

    /// A topic has lag from now on.
    pub(super) fn begin_wait(&mut self, topic: usize) {
        let n = self.accounts.len();
        self.accounts[topic].mark = self.shown(topic);
        self.accounts[topic].since = Some(self.now);
        // A wait that begins with the run has nothing to subtract (and its row of the matrix stays untouched memory).
        if self.now > Time::ZERO {
            for (sum, clock) in self.processing[topic * n..][..n].iter_mut().zip(&self.clocks) {
                *sum = sum.wrapping_sub(*clock);
            }
        }
    }

    /// A topic has no lag any more. Nothing happens if it had none.
    pub(super) fn end_wait(&mut self, topic: usize) {
        let (n, shown) = (self.accounts.len(), self.shown(topic));
        let account = &mut self.accounts[topic];
        let Some(since) = account.since.take() else { return };
        account.wait += self.now.since(since).as_nanos();
        account.barrier += shown.barrier - account.mark.barrier;
        account.backpressure += shown.backpressure - account.mark.backpressure;
        account.local[account.cause as usize] += shown.local - account.mark.local;
        for (sum, clock) in self.processing[topic * n..][..n].iter_mut().zip(&self.clocks) {
            *sum = sum.wrapping_add(*clock);
        }
    }

    /// How long a topic has waited, all waits that have ended together.
    pub(super) fn wait(&self, topic: usize) -> Duration {
        Duration::from_nanos(self.accounts[topic].wait)
    }

    /// What it waited for, longest first, without causes that never held. Sums to [`wait`](Self::wait).
    pub(super) fn causes(&self, topic: usize) -> Vec<(Cause, Duration)> {
        let (n, account) = (self.accounts.len(), &self.accounts[topic]);
        let processing = self.processing[topic * n..][..n].iter().enumerate();
        let local = LOCAL.into_iter().zip(account.local);
        let all = processing
            .map(|(y, nanos)| (Cause::Processing(y), *nanos))
            .chain([(Cause::Barrier, account.barrier), (Cause::Backpressure, account.backpressure)])
            .chain(local)
            .filter(|(_, nanos)| *nanos > 0)
            .map(|(cause, nanos)| (cause, Duration::from_nanos(nanos)));
        // Few of many: a vector that grows would be copied several times.
        let mut causes = Vec::with_capacity(8);
        causes.extend(all);
        causes.sort_by_key(|(cause, time)| (core::cmp::Reverse(*time), *cause));
        causes
    }

    /// Which clock runs from now on, by precedence.
    fn settle(&mut self) {
        self.running = if let Some(topic) = self.busy {
            topic.index()
        } else if self.rounds && self.polling > 0 {
            self.barrier()
        } else if self.outstanding > 0 && self.outstanding.saturating_add(self.polling) >= self.credit {
            self.barrier() + 1
        } else {
            self.barrier() + 2
        };
    }

    /// What a topic's clocks show now.
    fn shown(&self, topic: usize) -> Shown {
        let global = &self.clocks[self.barrier()..];
        let own = &self.consumers[self.accounts[topic].consumer.index()];
        let (mut barrier, mut backpressure) = own.passed;
        if own.polling {
            barrier += global[0] - own.mark.0;
            backpressure += global[1] - own.mark.1;
        }
        Shown {
            barrier: global[0] - barrier,
            backpressure: global[1] - backpressure,
            local: global[2] + barrier + backpressure,
        }
    }

    /// Place of the barrier's clock.
    fn barrier(&self) -> usize {
        self.accounts.len()
    }
}
