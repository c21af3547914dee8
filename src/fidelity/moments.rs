//! What of a run can be measured as well as compared: which poll, and which moment, brought each topic's first and last record.

use super::{Handed, Mode, Run, Trace};
use crate::{Duration, Time};

/// When a run had come how far, counted from the start of its first poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moments {
    /// In the order of the header.
    pub topics: Vec<TopicMoments>,
    /// When a quarter, half, three quarters and all of the records had been returned; `None`: never.
    pub quarters: [Option<Duration>; 4],
}

/// When a topic had come how far. `None`: never. The moment is the end of the poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicMoments {
    /// Its name.
    pub name: String,
    /// Records in its backlog.
    pub records: u64,
    /// The poll that returned its first record, counted from 1 among the compared polls of its consumer; and when.
    pub first: Option<(u64, Duration)>,
    /// Likewise its last record.
    pub completed: Option<(u64, Duration)>,
}

/// Records of one topic that a poll returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Return {
    pub(super) topic: usize,
    pub(super) records: u64,
    /// The polls that brought the first and the last of them, and when each had returned.
    pub(super) first: (u64, Duration),
    pub(super) last: (u64, Duration),
}

impl Moments {
    /// Drain time: until the last record had been returned.
    #[must_use]
    pub fn drain(&self) -> Option<Duration> {
        self.quarters[3]
    }

    /// Until a record of every topic had been returned: the time to complete the first input that needs all of them.
    #[must_use]
    pub fn ttci(&self) -> Option<Duration> {
        let firsts = self.topics.iter().filter(|t| t.records > 0).map(|t| t.first.map(|(_, at)| at));
        firsts.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Until the first record had been returned: connecting and starting, mostly.
    #[must_use]
    pub fn started(&self) -> Option<Duration> {
        self.topics.iter().filter_map(|t| t.first.map(|(_, at)| at)).min()
    }

    /// Those of a recorded run.
    #[must_use]
    pub fn recorded(trace: &Trace) -> Self {
        let with_empty = trace.header.mode == Mode::Single;
        let topics = &trace.header.scenario.topics;
        let mut polls = vec![0; topics.len()];
        let mut returns = Vec::new();
        for poll in trace.polls.iter().filter(|poll| with_empty || !poll.r.is_empty()) {
            let Some(before) = polls.get_mut(poll.c as usize) else { continue };
            let calls = u64::from(poll.n.unwrap_or(1));
            let mut handed = 0;
            for Handed(name, _, _, records) in &poll.r {
                let records = u64::from(*records);
                // Joined calls returned one record each.
                let place = |nth: u64| {
                    let call = if calls > 1 { nth.min(calls) } else { 1 };
                    let at = u128::from(poll.t) + u128::from(poll.d) * u128::from(call) / u128::from(calls.max(1));
                    (*before + call, Duration::from_micros(u64::try_from(at).unwrap_or(u64::MAX).min(MICROS_MAX)))
                };
                if let Some(topic) = topics.iter().position(|t| t.name == *name) {
                    returns.push(Return { topic, records, first: place(handed + 1), last: place(handed + records) });
                }
                handed += records;
            }
            *before += calls;
        }
        Self::of(trace, returns)
    }

    pub(super) fn of(trace: &Trace, mut returns: Vec<Return>) -> Self {
        returns.sort_by_key(|r| r.last.1);
        let topic = |t: &crate::trace::TopicBacklog| TopicMoments {
            name: t.name.clone(),
            records: t.records,
            ..TopicMoments::default()
        };
        let mut topics: Vec<TopicMoments> = trace.header.scenario.topics.iter().map(topic).collect();
        let mut got = vec![0; topics.len()];
        let all: u64 = topics.iter().map(|t| t.records).fold(0, u64::saturating_add);
        let (mut sum, mut quarters) = (0u64, [None; 4]);
        for one in returns.iter().filter(|r| r.records > 0) {
            let (topic, got) = (&mut topics[one.topic], &mut got[one.topic]);
            topic.first.get_or_insert(one.first);
            *got += one.records;
            if *got >= topic.records {
                topic.completed.get_or_insert(one.last);
            }
            sum = sum.saturating_add(one.records);
            for (k, quarter) in quarters.iter_mut().enumerate() {
                if u128::from(sum) * 4 >= u128::from(all) * (k as u128 + 1) {
                    quarter.get_or_insert(one.last.1);
                }
            }
        }
        Self { topics, quarters }
    }
}

/// About thirty years: beyond that a recorded time is a typing error.
const MICROS_MAX: u64 = 1_000_000_000_000_000;

/// What the model's polls returned, in the form that moments are made of.
pub(super) fn returned(number: u64, at: Time, runs: &[Run]) -> impl Iterator<Item = Return> {
    let at = (number, at.since(Time::ZERO));
    runs.iter().map(move |run| Return {
        topic: run.partition.topic.index(),
        records: u64::from(run.records),
        first: at,
        last: at,
    })
}
