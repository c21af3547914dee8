//! What every scheduler shares: opening, credit, the offset ledger, commits, revocations, back-off, stop.

use std::collections::{BinaryHeap, VecDeque};

use core::cmp::Reverse;

use crate::broker::{Action, Failure, Input};
use crate::policy::{ConsumerView, Event, Name, Policy, Settings, Step, View};
use crate::scenario::Commit;
use crate::{BatchId, ConsumerId, PartitionId, Run, Time, TopicId};

use batches::{Batch, Batches};
use consumer::Consumer;
use ledger::Ledger;

mod batches;
mod commit;
mod consumer;
mod ledger;
mod revoke;
mod stop;

pub use consumer::{BACK_OFF_FIRST, BACK_OFF_MAX};
pub use stop::{CLOSE_WITHIN, STOP_ATTEMPTS, STOP_RETRIES_WITHIN};

/// A session drains topics with a scheduler, without I/O of its own: it is told what has happened and asked what to do.
///
/// Its methods sort into
/// - a **getter**, [`now`](Self::now);
/// - an **input**, [`handle`](Self::handle): something has happened, at a moment no earlier than any before;
/// - an **output**, [`poll_action`](Self::poll_action): to be called after [`new`](Self::new) and after every input until it returns
///   `None`. Actions are to be taken on in the order in which they come out.
///
/// The first action is [`Action::Open`], and time zero is the moment of it; the last one is [`Action::Close`]. Each `Poll`, `Take`,
/// `Commit` and `Process` is answered as [`Action`] says, and of each consumer there is at most one poll or take and at most one
/// commit in progress. An answer to something that was never asked is a defect and panics; whatever else a broker may say is
/// coped with:
/// - **Credit**: no more than [`Config::credit`] batches are delivered and not yet processed, polls in progress counted in. The
///   policy is asked only while there is credit.
/// - **Order**: batches go to the application in the order of their delivery, held back while the policy says so.
/// - **Ledger**: what may be committed of a partition is the end of its processed prefix. Batches may be done in any order.
/// - **Commits**: [`Commit::PerBatch`] commits after each processed batch, and the consumer is not polled before the answer;
///   [`Commit::Interval`] so long after a record has been processed at the latest, and only there polls go on meanwhile; [`Commit::OnStop`] once, at
///   the end. [`Input::Commit`] commits at once besides, whatever the mode. What failed is committed with the next one; the last
///   one, on stop, is tried up to [`STOP_ATTEMPTS`] times, unless answers take longer than [`STOP_RETRIES_WITHIN`]. A consumer's failing commit concerns no other.
/// - **Revocations**: from [`Input::Revoking`] on no record of these partitions is given to the application, and the consumer is
///   not polled. The rebalance goes on ([`Action::RevokeDone`]) when what the application has of them is processed and committed,
///   or has failed to be, or at the deadline; if they are lost already, at once and without a commit. A second revocation of a
///   consumer before that joins the first, and one answer serves both. What a poll hands out of partitions that are not assigned
///   is discarded ([`Action::Discard`]); what it hands out after an assignment belongs to that assignment.
/// - **Back-off**: after a failed poll a consumer is left alone for [`BACK_OFF_FIRST`], twice as long after each further one, up
///   to [`BACK_OFF_MAX`]; a poll that returns resets it. The others go on.
/// - **Fatal failures** answer whatever their consumer had in progress; it is out from then on. When the last one is out the session
///   stops by itself.
/// - **Stop**: no more polls; those in progress are awaited, everything delivered is processed, positions are committed, and the
///   broker is told to close within [`CLOSE_WITHIN`].
#[derive(Clone, Debug)]
pub struct Session<P> {
    policy: P,
    config: Config,
    now: Time,
    phase: Phase,
    actions: VecDeque<Action>,
    /// The policy may have a step to take: it has not answered [`Step::Await`] since the last input.
    ask: bool,
    consumers: Vec<Consumer>,
    /// What the policy sees of `consumers`.
    views: Vec<ConsumerView>,
    batches: Batches,
    /// Delivered batches that the policy holds back, oldest first.
    held: VecDeque<BatchId>,
    ledger: Ledger,
    /// Ends of back-offs and deadlines of revocations; some may be obsolete.
    timers: BinaryHeap<Reverse<(Time, ConsumerId)>>,
    count: Counts,
}

/// What a session is to know besides its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many consumers there are.
    pub consumers: u32,
    /// How many topics there are.
    pub topics: u32,
    /// How many batches may be delivered and not yet processed; 1 or more.
    pub credit: u32,
    /// When positions are committed.
    pub commit: Commit,
}

impl Config {
    /// What fits a scheduler with these settings.
    #[must_use]
    pub fn new(name: Name, settings: &Settings, commit: Commit) -> Self {
        let topics = settings.weights.len();
        let consumers = name.consumers(topics).len() as u32;
        Self { consumers, topics: topics as u32, credit: settings.credit(name), commit }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Waiting for polls, the application, commits and revocations in progress.
    Finishing,
    /// Waiting for the last commits.
    Committing {
        since: Time,
    },
    Closing,
    /// Closed, or crashed: nothing is wanted any more.
    Over,
}

/// How many consumers are in a state, so that nobody has to look through all of them.
#[derive(Clone, Debug, Default)]
struct Counts {
    joining: u32,
    polling: u32,
    committing: u32,
    /// Polling, or waiting for a commit before the next poll.
    busy: u32,
    revoking: u32,
    out: u32,
}

impl<P: Policy> Session<P> {
    /// A session that begins now, with [`Action::Open`].
    #[must_use]
    pub fn new(policy: P, config: Config, now: Time) -> Self {
        assert!(config.consumers > 0 && config.topics > 0 && config.credit > 0, "{config:?}");
        let consumers = config.consumers as usize;
        Self {
            policy,
            now,
            phase: Phase::Running,
            actions: VecDeque::from([Action::Open]),
            ask: false,
            consumers: vec![Consumer::new(!matches!(config.commit, Commit::Interval(_))); consumers],
            views: vec![ConsumerView::default(); consumers],
            batches: Batches::default(),
            held: VecDeque::new(),
            ledger: Ledger::new(config.topics as usize),
            timers: BinaryHeap::new(),
            count: Counts { joining: config.consumers, ..Counts::default() },
            config,
        }
    }

    /// The time of the last input (at first: the time the session was made with).
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Takes an input in.
    ///
    /// # Panics
    /// If the input answers something that was not asked, or time goes backwards: defects on either side of the seam.
    pub fn handle(&mut self, now: Time, input: Input) {
        assert!(now >= self.now, "time went back from {} to {now}", self.now);
        self.now = now;
        if self.phase == Phase::Over {
            return;
        }
        self.run_timers();
        match input {
            Input::Assigned { consumer, partitions } => self.on_assigned(consumer, &partitions),
            Input::Revoking { consumer, partitions, lost, by } => self.on_revoking(consumer, partitions, lost, by),
            Input::Ready(topic) => self.policy.on(now, &Event::Ready(topic)),
            Input::Delivered { consumer, batch, runs, dry } => self.on_delivered(consumer, batch, runs, &dry),
            Input::Processed(batch) => self.on_processed(batch),
            Input::Commit => self.commit_all_now(),
            Input::Demand(topics) => self.policy.on(now, &Event::Demand(&topics)),
            Input::Committed { consumer } => self.on_committed(consumer),
            Input::Failed { consumer, topic: _, failure } => self.on_failed(consumer, &failure),
            Input::Wake => {}
            Input::Stop => self.begin_stop(),
            Input::Crashed | Input::Closed => {
                self.phase = Phase::Over;
                self.actions.clear();
                return;
            }
        }
        self.release_held();
        self.advance_stop();
        self.ask = self.phase == Phase::Running;
        self.arm_wake();
    }

    /// The next thing the session wants done; `None` until the next input.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        let credit = self.credit();
        if !self.ask || credit == 0 {
            return None;
        }
        let outstanding = self.batches.len() as u32;
        let (busy, joining) = (self.count.busy, self.count.joining);
        let view = View { credit, outstanding, busy, joining, consumers: &self.views };
        match self.policy.next(self.now, &view) {
            Step::Poll { consumer, cap, wait, fill } => {
                assert!(cap > 0, "the policy polls for nothing");
                self.begin_poll(consumer);
                Some(Action::Poll { consumer, cap, wait, fill })
            }
            Step::Take { consumer, plan } => {
                assert!(!plan.is_empty(), "the policy takes nothing");
                self.begin_poll(consumer);
                Some(Action::Take { consumer, plan })
            }
            Step::Await => {
                self.ask = false;
                None
            }
        }
    }

    fn credit(&self) -> u32 {
        self.config.credit - self.batches.len() as u32 - self.count.polling
    }

    fn begin_poll(&mut self, consumer: ConsumerId) {
        assert!(self.views[consumer.index()].idle, "the policy asks {consumer:?}, which is not idle");
        self.change(consumer, |c| c.polling = true);
    }

    /// Changes what a consumer is doing, and keeps counts and the policy's view in step.
    fn change(&mut self, id: ConsumerId, change: impl FnOnce(&mut Consumer)) {
        let consumer = &mut self.consumers[id.index()];
        let before = consumer.activity();
        change(consumer);
        let after = consumer.activity();
        let count = &mut self.count;
        for (tally, was, is) in [
            (&mut count.joining, before.joining, after.joining),
            (&mut count.polling, before.polling, after.polling),
            (&mut count.committing, before.committing, after.committing),
            (&mut count.busy, before.busy, after.busy),
            (&mut count.revoking, before.revoking, after.revoking),
            (&mut count.out, before.out, after.out),
        ] {
            *tally = *tally + u32::from(is) - u32::from(was);
        }
        self.views[id.index()] = ConsumerView { idle: after.idle, outstanding: consumer.outstanding };
        if after.idle && !before.idle {
            self.policy.on(self.now, &Event::Idle(id));
        }
    }

    fn on_assigned(&mut self, consumer: ConsumerId, partitions: &[PartitionId]) {
        if self.consumers[consumer.index()].out {
            return;
        }
        for &partition in partitions {
            if let Some(owner) = self.ledger.owner(partition) {
                // It has been taken away without a word that we have heard: what we knew of it is void.
                self.forget(owner, partition);
                self.consumers[owner.index()].leave_out_of_revocation(partition);
            }
            self.ledger.assign(partition, consumer);
        }
        self.change(consumer, |c| {
            c.joined = true;
            c.assigned = true;
            c.partitions += partitions.len() as u32;
        });
    }

    fn on_delivered(&mut self, consumer: ConsumerId, id: BatchId, mut runs: Vec<Run>, dry: &[TopicId]) {
        let out = self.consumers[consumer.index()].out;
        assert!(out || self.consumers[consumer.index()].polling, "{consumer:?} delivers, but was not polled");
        if !out {
            self.policy.on(self.now, &Event::Delivered { consumer, runs: &runs, dry });
        }
        let ledger = &self.ledger;
        let refuses = |run: &Run| out || !ledger.accepts(run.partition, consumer);
        if runs.iter().any(refuses) {
            let partitions = extract(&mut runs, refuses);
            self.actions.push_back(Action::Discard { batch: id, partitions });
        }
        let filled = !runs.is_empty();
        if filled {
            for run in &runs {
                self.ledger.deliver(run, id);
            }
            self.batches.insert(Batch { id, consumer, runs });
            self.held.push_back(id);
        }
        if !out {
            self.change(consumer, |c| {
                c.polling = false;
                c.failures = 0;
                c.outstanding += u32::from(filled);
            });
        }
    }

    /// Gives the application what the policy does not hold back (any more).
    fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        // When stopping, the last poll to return closes the round, whatever the policy thinks.
        let closed = self.phase != Phase::Running && self.count.polling == 0;
        if closed || !self.policy.holds() {
            while let Some(id) = self.held.pop_front() {
                self.actions.push_back(Action::Process(id));
            }
        }
    }

    fn on_processed(&mut self, id: BatchId) {
        assert!(!self.held.contains(&id), "{id:?} is processed, but was not released");
        let batch = self.batches.remove(id);
        let consumer = batch.consumer;
        for run in &batch.runs {
            if self.ledger.process(run.partition, id) {
                self.consumers[consumer.index()].dirty.push(run.partition);
            }
        }
        self.end_batch(consumer);
        match self.config.commit {
            Commit::PerBatch => self.commit(consumer),
            Commit::Interval(_) => self.arm_commit(consumer),
            Commit::None | Commit::OnStop => {}
        }
        self.advance_revocation(consumer);
    }

    /// A batch of this consumer is no longer outstanding.
    fn end_batch(&mut self, consumer: ConsumerId) {
        self.change(consumer, |c| c.outstanding -= 1);
        self.policy.on(self.now, &Event::Processed(consumer));
    }

    fn on_failed(&mut self, id: ConsumerId, failure: &Failure) {
        if self.consumers[id.index()].out {
            return;
        }
        match failure {
            Failure::Poll(_) => {
                assert!(self.consumers[id.index()].polling, "{id:?} fails to poll, but was not polled");
                self.policy.on(self.now, &Event::Failed(id));
                let now = self.now;
                self.change(id, |c| {
                    c.polling = false;
                    c.back_off(now);
                });
                let until = self.consumers[id.index()].backing_off_until.expect("it has just been set");
                self.timers.push(Reverse((until, id)));
            }
            Failure::Commit(_) => self.on_commit_failed(id),
            // The client goes on with its other topics and retries by itself.
            Failure::Fetch(_) => {}
            Failure::Fatal(_) => self.on_fatal(id),
        }
    }

    fn on_fatal(&mut self, id: ConsumerId) {
        if self.consumers[id.index()].polling {
            self.policy.on(self.now, &Event::Failed(id));
        }
        self.change(id, |c| {
            c.out = true;
            (c.polling, c.committing, c.revocation) = (false, false, None);
            (c.commit_due, c.commit_again) = (None, false);
            c.dirty.clear();
            c.in_commit.clear();
        });
        if self.count.out == self.config.consumers {
            self.begin_stop();
        }
    }

    /// Ends what was to end by now.
    fn run_timers(&mut self) {
        while let Some(&Reverse((at, id))) = self.timers.peek()
            && at <= self.now
        {
            self.timers.pop();
            if self.consumers[id.index()].backing_off_until == Some(at) {
                self.change(id, |c| c.backing_off_until = None);
            }
            if self.consumers[id.index()].commit_due == Some(at) {
                self.consumers[id.index()].commit_due = None;
                self.commit(id);
            }
            if self.consumers[id.index()].revocation.as_ref().is_some_and(|r| r.by <= at) {
                self.finish_revocation(id);
            }
        }
    }

    /// Asks to be woken for the first timer, again after every input, because an input cancels it.
    fn arm_wake(&mut self) {
        while let Some(&Reverse((at, id))) = self.timers.peek() {
            let consumer = &self.consumers[id.index()];
            let backing_off = self.phase == Phase::Running && consumer.backing_off_until == Some(at);
            if backing_off
                || consumer.commit_due == Some(at)
                || consumer.revocation.as_ref().is_some_and(|r| r.by == at)
            {
                self.actions.push_back(Action::Wake(at));
                return;
            }
            self.timers.pop();
        }
    }
}

/// Takes out the runs that a condition holds for, and says of which partitions they are.
fn extract(runs: &mut Vec<Run>, mut condition: impl FnMut(&Run) -> bool) -> Vec<PartitionId> {
    let mut partitions = Vec::new();
    runs.retain(|run| {
        let out = condition(run);
        if out && !partitions.contains(&run.partition) {
            partitions.push(run.partition);
        }
        !out
    });
    partitions
}
