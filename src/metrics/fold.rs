//! The observer that folds a run into its metrics while it goes on.

use super::blame::Blame;
use super::gaps::Gaps;
use super::jain::Jain;
use super::progress::{Progress, records_from};
use super::starvation::starvation_bound;
use super::{End, LowerBound, RunMetrics, TopicMetrics, Ttci};
use crate::assemble::{RunAssembler, done_at};
use crate::broker::{Action, Fact, Failure, Input, Signal};
use crate::drive::Observer;
use crate::policy::Name;
use crate::scenario::{Limits, Scenario};
use crate::{BatchId, ConsumerId, Duration, Run, Time, TopicSet};

/// What metrics have to know of the scheduler and of the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// By topic, the consumer that reads it.
    pub consumers: Vec<ConsumerId>,
    /// Whether consumers wait for each other: polls are in rounds, or in turn.
    pub rounds: bool,
    /// Batches in hand and polls outstanding, together, at which the session begins no further poll.
    pub credit: u32,
    /// Whether the backend sees inside the client. If not, what it never reports is not known, instead of zero.
    pub simulated: bool,
}

impl Layout {
    /// The layout of a scheduler.
    #[must_use]
    pub fn of(scheduler: Name, topics: usize, credit: u32, simulated: bool) -> Self {
        let consumer = |topic| ConsumerId(if scheduler.has_consumer_a_topic() { topic } else { 0 });
        let consumers = (0..topics as u32).map(consumer).collect();
        Self { consumers, rounds: scheduler.in_rounds(), credit, simulated }
    }
}

/// Folds [`RunMetrics`] online.
///
/// Told everything by [`Observer`], which also says when the run is over: when backlog and arrivals have been processed and
/// no more can arrive, or a limit of the scenario is reached. Nothing after that counts. Then [`finish`](Self::finish).
#[derive(Clone, Debug)]
pub struct Fold {
    limits: Limits,
    /// Nothing arrives from this moment on.
    arrivals_until: Time,
    bound: LowerBound,
    starvation_bound: Duration,
    simulated: bool,

    now: Time,
    /// When the run ended, and the limit that ended it, if one did.
    ended: Option<(Time, Option<&'static str>)>,
    topics: Vec<Topic>,
    /// Of all topics' partitions, one topic after the other.
    partitions: Vec<Progress>,
    /// Backlog records not processed.
    backlog_left: u64,
    /// Records that have arrived (or were there), not processed. Negative where processing is reported earlier than arrival.
    unprocessed: i64,
    /// Topics with lag.
    backlogged: usize,
    polls: u64,
    polls_empty: u64,
    duplicates: u64,
    /// Topics of the poll being looked at.
    served: Vec<Served>,
    /// Batches delivered and not processed: as many as there is credit for.
    in_hand: Vec<(BatchId, u64)>,
    in_hand_bytes: u64,
    in_hand_bytes_peak: u64,
    has_delivered: bool,
    client: Client,

    assembler: RunAssembler,
    blame: Blame,
    gaps: Gaps,
    jain: Jain,
}

#[derive(Clone, Debug)]
struct Topic {
    /// Place of its first partition.
    partitions: usize,
    backlog: u64,
    backlog_processed: u64,
    /// The latest time at which a backlog record has been processed.
    backlog_processed_at: Time,
    /// Records not delivered. Negative where delivery is reported earlier than arrival.
    lag: i64,
    delivered: u64,
    arrived: u64,
    first_record: Option<Time>,
    first_poll: u64,
    /// Records in the run's first poll that returned any.
    first_poll_records: u64,
    /// The last poll that delivered some of it, and its place among that poll's topics.
    served: (u64, usize),
}

/// What a poll has delivered of a topic.
#[derive(Clone, Copy, Debug)]
struct Served {
    topic: usize,
    records: u64,
    /// Without records delivered before.
    new: u64,
}

/// What goes on inside the client, if the backend sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    tells_fetches: bool,
    tells_causes: bool,
    fetches: u64,
    bytes_fetched: u64,
    bytes_fetched_again: u64,
    buffered_records: u64,
    buffered_bytes: u64,
    buffered_records_peak: u64,
    buffered_bytes_peak: u64,
}

impl Fold {
    /// An observer of a run of this scenario by a scheduler of this layout.
    #[must_use]
    pub fn new(scenario: &Scenario, layout: &Layout) -> Self {
        let mut partitions = Vec::new();
        let topic = |topic: &crate::scenario::Topic| {
            let first = partitions.len();
            partitions.extend((0..topic.partitions).map(|p| Progress {
                backlog: i64::try_from(topic.partition_backlog(p)).unwrap_or(i64::MAX),
                delivered: 0,
                processed: 0,
            }));
            Topic {
                partitions: first,
                backlog: topic.backlog,
                backlog_processed: 0,
                backlog_processed_at: Time::ZERO,
                lag: i64::try_from(topic.backlog).unwrap_or(i64::MAX),
                delivered: 0,
                arrived: 0,
                first_record: None,
                first_poll: 0,
                first_poll_records: 0,
                served: (0, 0),
            }
        };
        let topics: Vec<_> = scenario.topics.iter().map(topic).collect();
        let until = scenario.topics.iter().filter_map(|topic| topic.arrival).map(|arrival| arrival.until).max();
        let backlog = scenario.topics.iter().map(|topic| topic.backlog).sum();
        let starvation_bound = starvation_bound(scenario);
        let mut it = Self {
            limits: scenario.limits,
            arrivals_until: Time::ZERO + until.unwrap_or_default(),
            bound: LowerBound::of(scenario),
            starvation_bound,
            simulated: layout.simulated,
            now: Time::ZERO,
            ended: None,
            partitions,
            backlog_left: backlog,
            unprocessed: i64::try_from(backlog).unwrap_or(i64::MAX),
            backlogged: topics.iter().filter(|topic| topic.lag > 0).count(),
            polls: 0,
            polls_empty: 0,
            duplicates: 0,
            served: Vec::with_capacity(topics.len()),
            in_hand: Vec::with_capacity(8),
            in_hand_bytes: 0,
            in_hand_bytes_peak: 0,
            has_delivered: false,
            client: Client::default(),
            assembler: RunAssembler::new(scenario.seed, scenario.topics.iter().map(|t| t.required.then_some(t.keys))),
            blame: Blame::new(&layout.consumers, layout.rounds, layout.credit),
            gaps: Gaps::new(topics.len(), starvation_bound),
            jain: Jain::new(topics.iter().map(|topic| topic.backlog)),
            topics,
        };
        for topic in (0..it.topics.len()).filter(|&topic| it.topics[topic].lag > 0) {
            it.blame.begin_wait(topic);
            it.gaps.begin(topic, Time::ZERO);
        }
        it
    }

    /// The metrics of the run. `at` is when it was cut short, if it was; `fingerprint` is the backend's. A run that could not go on
    /// is for the caller to call so, in [`RunMetrics::end`].
    #[must_use]
    pub fn finish(mut self, at: Time, fingerprint: Option<u64>) -> RunMetrics {
        let left = || self.left().collect();
        let end = match self.ended {
            Some((_, None)) => End::Complete,
            Some((_, Some(limit))) => End::LimitReached { limit, left: left() },
            None => End::Interrupted { left: left() },
        };
        let ended = self.ended.map_or(at, |(ended, _)| ended);
        self.advance(ended);
        for topic in 0..self.topics.len() {
            self.gaps.end(topic, ended);
            self.blame.end_wait(topic);
        }

        let sees_causes = self.simulated || self.client.tells_causes;
        let topics: Vec<_> = self
            .topics
            .iter()
            .enumerate()
            .map(|(i, topic)| TopicMetrics {
                first_record: topic.first_record.map(|at| at.since(Time::ZERO)),
                first_poll: topic.first_record.map(|_| topic.first_poll),
                first_poll_records: topic.first_poll_records,
                completion: (topic.backlog_processed == topic.backlog)
                    .then(|| topic.backlog_processed_at.since(Time::ZERO)),
                gap_max: self.gaps.longest(i).0,
                gap_max_from: self.gaps.longest(i).1.since(Time::ZERO),
                delivered: topic.delivered,
                arrived: topic.arrived,
                wait: self.blame.wait(i),
                blame: sees_causes.then(|| self.blame.causes(i)),
            })
            .collect();
        let assembler = self.assembler.assembler();
        let mut completions = Vec::with_capacity(assembler.keys() as usize);
        completions.extend(assembler.completions().flatten().map(|at| at.since(Time::ZERO)));
        let sees_fetches = self.simulated || self.client.tells_fetches;
        let client = |n: u64| sees_fetches.then_some(n);
        RunMetrics {
            end,
            ended_after: ended.since(Time::ZERO),
            drain: topics.iter().map(|topic| topic.completion).try_fold(Duration::ZERO, |max, t| Some(max.max(t?))),
            ttci: Ttci::of(&mut completions, assembler.keys()),
            gap_max: topics
                .iter()
                .enumerate()
                .map(|(i, topic)| (topic.gap_max, i))
                .filter(|(gap, _)| !gap.is_zero())
                // The first of equals.
                .max_by_key(|(gap, i)| (*gap, core::cmp::Reverse(*i))),
            topics,
            jain: self.jain.mean(),
            polls: self.polls,
            polls_empty: self.polls_empty,
            fetches: client(self.client.fetches),
            bytes_fetched: client(self.client.bytes_fetched),
            bytes_fetched_again: client(self.client.bytes_fetched_again),
            buffered_records_peak: client(self.client.buffered_records_peak),
            buffered_bytes_peak: client(self.client.buffered_bytes_peak),
            in_hand_bytes_peak: self.in_hand_bytes_peak,
            bound: self.bound,
            starved: self.gaps.into_starved(),
            starvation_bound: self.starvation_bound,
            duplicates: self.duplicates,
            fingerprint,
        }
    }

    /// Per topic, backlog records not processed yet.
    pub fn left(&self) -> impl Iterator<Item = u64> + '_ {
        self.topics.iter().map(|topic| topic.backlog - topic.backlog_processed)
    }

    /// Poll and take calls so far.
    #[must_use]
    pub const fn polls(&self) -> u64 {
        self.polls
    }

    /// Time has come this far (it never goes back).
    fn advance(&mut self, now: Time) {
        if self.backlogged >= 2 {
            self.jain.hold(now.since(self.now).as_nanos());
        }
        self.blame.advance(now);
        self.now = now.max(self.now);
    }

    fn handle_delivered(&mut self, batch: BatchId, runs: &[Run]) {
        let now = self.now;
        self.served.clear();
        let mut bytes = 0;
        for run in runs {
            let topic = &mut self.topics[run.partition.topic.index()];
            if topic.served.0 != self.polls {
                topic.served = (self.polls, self.served.len());
                self.served.push(Served { topic: run.partition.topic.index(), records: 0, new: 0 });
            }
            let progress = &mut self.partitions[topic.partitions + run.partition.partition as usize];
            let served = &mut self.served[topic.served.1];
            served.records += u64::from(run.records);
            served.new += u64::from(records_from(run, progress.delivered));
            progress.delivered = run.next.max(progress.delivered);
            bytes += run.bytes;
            self.client.buffered_records = self.client.buffered_records.saturating_sub(u64::from(run.records));
        }
        self.client.buffered_bytes = self.client.buffered_bytes.saturating_sub(bytes);
        self.in_hand.push((batch, bytes));
        self.in_hand_bytes += bytes;
        self.in_hand_bytes_peak = self.in_hand_bytes.max(self.in_hand_bytes_peak);
        self.blame.set_outstanding(self.in_hand.len() as u32);

        for &Served { topic, .. } in &self.served {
            self.gaps.end(topic, now);
        }
        let is_first = !core::mem::replace(&mut self.has_delivered, true);
        for &Served { topic, records, new } in &self.served {
            if is_first {
                self.topics[topic].first_poll_records = records;
            }
            self.gaps.count(topic, records);
            self.jain.serve(topic, new);
            self.duplicates += records - new;
            let state = &mut self.topics[topic];
            if state.first_record.is_none() {
                (state.first_record, state.first_poll) = (Some(now), self.polls);
            }
            state.delivered += new;
            let had_lag = state.lag > 0;
            state.lag -= new as i64;
            if had_lag && state.lag <= 0 {
                self.backlogged -= 1;
                self.blame.end_wait(topic);
            }
        }
        for &Served { topic, .. } in &self.served {
            if self.topics[topic].lag > 0 {
                self.gaps.begin(topic, now);
            }
        }
        self.jain.evaluate();
    }

    fn handle_processed(&mut self, run: &Run, started: Time, at: Time) {
        let topic = &mut self.topics[run.partition.topic.index()];
        let progress = &mut self.partitions[topic.partitions + run.partition.partition as usize];
        let new = records_from(run, progress.processed);
        let beyond = records_from(run, progress.backlog);
        let of_backlog = new - new.min(beyond);
        if of_backlog > 0 {
            let done = done_at(run.records, run.records - beyond - 1, started, at);
            topic.backlog_processed += u64::from(of_backlog);
            topic.backlog_processed_at = done.max(topic.backlog_processed_at);
            self.backlog_left -= u64::from(of_backlog);
        }
        progress.processed = run.next.max(progress.processed);
        self.unprocessed -= i64::from(new);
        self.assembler.handle_processed(run, started, at);
    }

    fn end_poll(&mut self, consumer: ConsumerId) {
        self.polls += 1;
        self.blame.end_poll(consumer);
    }
}

impl Observer for Fold {
    fn on_action(&mut self, now: Time, action: &Action) {
        if self.ended.is_some() {
            return;
        }
        if let Action::Poll { consumer, .. } | Action::Take { consumer, .. } = action {
            self.advance(now);
            self.blame.begin_poll(*consumer);
        }
    }

    fn on_signal(&mut self, signal: &Signal) {
        if self.ended.is_some() {
            return;
        }
        self.advance(signal.at);
        match &signal.fact {
            Fact::Processed { run, started } => self.handle_processed(run, *started, signal.at),
            Fact::Busy(topic) => self.blame.set_busy(*topic),
            Fact::Cause(topic, cause) => {
                self.client.tells_causes = true;
                self.blame.set_cause(*topic, *cause);
            }
            Fact::FetchSent => {
                self.client.tells_fetches = true;
                self.client.fetches += 1;
            }
            Fact::Fetched { records, bytes, wire_bytes, again, .. } => {
                let client = &mut self.client;
                client.tells_fetches = true;
                client.bytes_fetched += wire_bytes;
                client.bytes_fetched_again += if *again { *bytes } else { 0 };
                client.buffered_records += records;
                client.buffered_bytes += bytes;
                client.buffered_records_peak = client.buffered_records.max(client.buffered_records_peak);
                client.buffered_bytes_peak = client.buffered_bytes.max(client.buffered_bytes_peak);
            }
            Fact::Discarded { records, bytes, .. } => {
                self.client.buffered_records = self.client.buffered_records.saturating_sub(*records);
                self.client.buffered_bytes = self.client.buffered_bytes.saturating_sub(*bytes);
            }
            Fact::Appended { topic, records } => {
                let (i, topic) = (topic.index(), &mut self.topics[topic.index()]);
                topic.arrived += records;
                self.unprocessed += *records as i64;
                self.jain.demand(i, *records);
                let had_lag = topic.lag > 0;
                topic.lag += *records as i64;
                if !had_lag && topic.lag > 0 {
                    self.backlogged += 1;
                    self.blame.begin_wait(i);
                    self.gaps.begin(i, self.now);
                }
            }
        }
    }

    fn on_input(&mut self, now: Time, input: &Input) {
        if self.ended.is_some() {
            return;
        }
        self.advance(now);
        match input {
            Input::Delivered { consumer, batch, runs, .. } => {
                self.end_poll(*consumer);
                if runs.iter().all(|run| run.records == 0) {
                    self.polls_empty += 1;
                } else {
                    self.handle_delivered(*batch, runs);
                }
            }
            Input::Failed { consumer, failure: Failure::Poll(_), .. } => {
                self.end_poll(*consumer);
                self.polls_empty += 1;
            }
            Input::Processed(batch) => {
                if let Some(i) = self.in_hand.iter().position(|(id, _)| id == batch) {
                    self.in_hand_bytes -= self.in_hand.swap_remove(i).1;
                    self.blame.set_outstanding(self.in_hand.len() as u32);
                }
            }
            Input::Crashed => {
                self.in_hand.clear();
                self.in_hand_bytes = 0;
                (self.client.buffered_records, self.client.buffered_bytes) = (0, 0);
                self.blame.crash();
            }
            _ => {}
        }
        let done = self.backlog_left == 0 && self.unprocessed <= 0 && self.now >= self.arrivals_until;
        let limit = if done {
            None
        } else if self.polls >= self.limits.polls {
            Some("polls")
        } else if self.now.since(Time::ZERO) >= self.limits.time {
            Some("time")
        } else {
            return;
        };
        self.ended = Some((self.now, limit));
    }

    fn demand(&mut self) -> Option<TopicSet> {
        self.assembler.poll_demand()
    }

    fn is_done(&self, _now: Time) -> bool {
        self.ended.is_some()
    }

    fn cuts_short(&self) -> bool {
        self.simulated && matches!(self.ended, Some((_, Some(_))))
    }
}
