//! Writing traces while a run goes on.

use std::collections::VecDeque;
use std::io::{self, Write};

use indexmap::IndexMap;

use super::{Asked, End, Handed, Header, Mode, Poll};
use crate::broker::{Action, Failure, Input, Signal};
use crate::drive::Observer;
use crate::{ConsumerId, Run, Time, TopicId, TopicSet};

/// An observer that writes a run as a trace.
///
/// Lines are written as soon as all polls that began earlier have returned (and their commits, if there are any, are
/// acknowledged): what is kept is what has been polled during the longest poll in progress. Call [`finish`](Self::finish) at the
/// end; errors of the output are reported there.
#[derive(Debug)]
pub struct TraceWriter<W: Write> {
    output: W,
    /// The first error of the output. Nothing is written after it.
    error: Option<io::Error>,
    topics: Vec<String>,
    /// Whether lines have a round.
    rounds: bool,
    /// Whether each poll with records is followed by a commit.
    commits: bool,
    /// Start of the first poll.
    zero: Option<Time>,
    /// First assignment.
    assigned: Option<Time>,
    /// Polls that can't be written yet, in order of their start.
    pending: VecDeque<Pending>,
    /// Polls written.
    written: u64,
    consumers: Vec<Consumer>,
    end: End,
}

#[derive(Debug)]
struct Pending {
    poll: Poll,
    started: Time,
    /// Nothing more will be known of it.
    closed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Consumer {
    polls: u64,
    /// Number (line) of its last poll.
    last: u64,
    commit_sent: Option<Time>,
}

impl<W: Write> TraceWriter<W> {
    /// Begins a trace with its header.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut output: W, header: &Header) -> io::Result<Self> {
        line(&mut output, header)?;
        Ok(Self {
            output,
            error: None,
            topics: header.scenario.topics.iter().map(|topic| topic.name.clone()).collect(),
            rounds: matches!(header.mode, Mode::MultiGather | Mode::MultiSequential | Mode::MultiIndependent),
            commits: header.commit == super::Commit::PerPollSync,
            zero: None,
            assigned: None,
            pending: VecDeque::new(),
            written: 0,
            consumers: Vec::new(),
            end: End {
                end: true,
                total: 0,
                partial: None,
                wall_us: 0,
                ttc: IndexMap::new(),
                assigned_us: None,
                requests: None,
                replies: None,
                received_bytes: None,
            },
        })
    }

    /// Ends the trace and gives the output back, flushed. Polls still in progress are left out.
    ///
    /// # Errors
    /// The first error that the output had at any time.
    pub fn finish(mut self) -> io::Result<W> {
        for pending in &mut self.pending {
            // A poll that has returned is complete now, with or without its commit.
            pending.closed |= pending.poll.d < u64::MAX;
        }
        self.pending.retain(|pending| pending.closed);
        self.flush();
        if let Some(error) = self.error {
            return Err(error);
        }
        let zero = self.zero.unwrap_or_default();
        self.end.assigned_us = self.assigned.map(|at| signed_micros(zero, at));
        line(&mut self.output, &self.end)?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// Has the last line say that not all was drained, and why.
    pub fn mark_partial(&mut self, reason: &str) {
        self.end.partial = Some(reason.to_owned());
    }

    fn begin_poll(&mut self, now: Time, consumer: ConsumerId, plan: Option<&[(TopicId, u32)]>) {
        let zero = *self.zero.get_or_insert(now);
        if self.consumers.len() <= consumer.index() {
            self.consumers.resize(consumer.index() + 1, Consumer::default());
        }
        let number = self.written + self.pending.len() as u64;
        let last = self.consumers[consumer.index()];
        if last.polls > 0 {
            // Its commit, if there was one, was acknowledged or given up.
            self.close(last.last);
        }
        self.consumers[consumer.index()] = Consumer { polls: last.polls + 1, last: number, commit_sent: None };
        let asked = |(topic, records): &(TopicId, u32)| Asked(self.topics[topic.index()].clone(), *records);
        let asked = plan.map(|plan| plan.iter().map(asked).collect());
        self.pending.push_back(Pending {
            poll: Poll {
                i: 0,
                c: consumer.0,
                t: micros(zero, now),
                // Not returned yet.
                d: u64::MAX,
                n: None,
                commit_us: None,
                round: self.rounds.then_some(last.polls),
                p: asked,
                r: Vec::new(),
            },
            started: now,
            closed: false,
        });
    }

    fn end_poll(&mut self, now: Time, consumer: ConsumerId, runs: &[Run]) {
        let Some(&Consumer { polls: 1.., last, .. }) = self.consumers.get(consumer.index()) else { return };
        let since_zero = micros(self.zero.unwrap_or_default(), now);
        for run in runs {
            self.end.total += u64::from(run.records);
            self.end.ttc.insert(self.topics[run.partition.topic.index()].clone(), since_zero);
        }
        self.end.wall_us = since_zero;
        let handed = |run: &Run| {
            let name = self.topics[run.partition.topic.index()].clone();
            Handed(name, run.partition.partition, run.first, run.records)
        };
        let handed = runs.iter().map(handed).collect();
        if let Some(pending) = self.pending(last) {
            pending.poll.d = micros(pending.started, now);
            pending.poll.r = handed;
        }
        if !self.commits || runs.is_empty() {
            self.close(last);
        }
        self.flush();
    }

    fn begin_commit(&mut self, now: Time, consumer: ConsumerId) {
        if let Some(consumer) = self.consumers.get_mut(consumer.index()) {
            consumer.commit_sent = Some(now);
        }
    }

    fn end_commit(&mut self, now: Time, consumer: ConsumerId) {
        let Some(consumer) = self.consumers.get_mut(consumer.index()) else { return };
        let Some(sent) = consumer.commit_sent.take() else { return };
        let number = consumer.last;
        if let Some(pending) = self.pending(number).filter(|pending| pending.poll.d < u64::MAX) {
            pending.poll.commit_us = Some(micros(sent, now));
            pending.closed = true;
        }
        self.flush();
    }

    /// Nothing more will be known of this poll.
    fn close(&mut self, number: u64) {
        if let Some(pending) = self.pending(number) {
            pending.closed = true;
        }
    }

    /// The poll of this number, unless it has been written.
    fn pending(&mut self, number: u64) -> Option<&mut Pending> {
        number.checked_sub(self.written).and_then(|i| self.pending.get_mut(i as usize))
    }

    /// Writes what can be written.
    fn flush(&mut self) {
        while self.pending.front().is_some_and(|pending| pending.closed) {
            let Some(Pending { mut poll, .. }) = self.pending.pop_front() else { return };
            poll.i = self.written;
            self.written += 1;
            if self.error.is_none() {
                self.error = line(&mut self.output, &poll).err();
            }
        }
    }
}

impl<W: Write> Observer for TraceWriter<W> {
    fn on_action(&mut self, now: Time, action: &Action) {
        match action {
            Action::Poll { consumer, .. } => self.begin_poll(now, *consumer, None),
            Action::Take { consumer, plan } => self.begin_poll(now, *consumer, Some(plan)),
            Action::Commit { consumer, .. } => self.begin_commit(now, *consumer),
            _ => {}
        }
    }

    fn on_signal(&mut self, _signal: &Signal) {}

    fn on_input(&mut self, now: Time, input: &Input) {
        match input {
            Input::Assigned { .. } => self.assigned = self.assigned.or(Some(now)),
            Input::Delivered { consumer, runs, .. } => self.end_poll(now, *consumer, runs),
            Input::Failed { consumer, failure: Failure::Poll(_), .. } => self.end_poll(now, *consumer, &[]),
            Input::Committed { consumer } | Input::Failed { consumer, failure: Failure::Commit(_), .. } => {
                self.end_commit(now, *consumer);
            }
            Input::Crashed => {
                // Polls in progress have returned nothing, and nothing is committed any more.
                for pending in &mut self.pending {
                    if pending.poll.d == u64::MAX {
                        pending.poll.d = micros(pending.started, now);
                    }
                    pending.closed = true;
                }
                self.flush();
            }
            _ => {}
        }
    }

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _now: Time) -> bool {
        false
    }
}

fn line(output: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")
}

/// Whole microseconds between two moments.
fn micros(from: Time, to: Time) -> u64 {
    to.since(from).as_nanos() / 1000
}

/// Whole microseconds from one moment to another that may be earlier.
fn signed_micros(from: Time, to: Time) -> i64 {
    if to < from { -(micros(to, from) as i64) } else { micros(from, to) as i64 }
}
