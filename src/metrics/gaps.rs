//! Service gaps, and the verdict of starvation.

use std::sync::Arc;

use super::Starved;
use crate::{Duration, Time};

/// Up to this many topics, what has been delivered to whom is noted at the beginning of every gap.
const TOPICS_NOTED_EXACTLY: usize = 64;

/// Beyond that, gaps that begin within this part of the starvation bound share one note.
const NOTES_A_BOUND: u64 = 8;

/// Per topic the interval in which it has lag and nothing is delivered.
#[derive(Clone, Debug)]
pub(super) struct Gaps {
    bound: Duration,
    /// When the present gap began; `None` without lag.
    since: Vec<Option<Time>>,
    /// The longest gap so far, and when it began.
    longest: Vec<(Duration, Time)>,
    starved: Vec<Option<Starved>>,
    /// Records delivered since time zero.
    delivered: Vec<u64>,
    notes: Notes,
}

/// What had been delivered when a gap began.
#[derive(Clone, Debug)]
enum Notes {
    /// One row a topic.
    Exact(Vec<u64>),
    /// The latest note and when it was made, and the one that each topic's gap refers to: at most an eighth of the bound older than
    /// the gap.
    Shared { latest: (Time, Arc<[u64]>), of: Vec<Arc<[u64]>> },
}

impl Gaps {
    pub(super) fn new(topics: usize, bound: Duration) -> Self {
        let notes = if topics <= TOPICS_NOTED_EXACTLY {
            Notes::Exact(vec![0; topics * topics])
        } else {
            let zero: Arc<[u64]> = vec![0; topics].into();
            Notes::Shared { latest: (Time::ZERO, zero.clone()), of: vec![zero; topics] }
        };
        Self {
            bound,
            since: vec![None; topics],
            longest: vec![(Duration::ZERO, Time::ZERO); topics],
            starved: vec![None; topics],
            delivered: vec![0; topics],
            notes,
        }
    }

    /// From now on the topic has lag and nothing is delivered.
    pub(super) fn begin(&mut self, topic: usize, now: Time) {
        self.since[topic] = Some(now);
        match &mut self.notes {
            Notes::Exact(rows) => {
                rows[topic * self.delivered.len()..][..self.delivered.len()].copy_from_slice(&self.delivered);
            }
            Notes::Shared { latest, of } => {
                if now.since(latest.0).times(NOTES_A_BOUND) > self.bound {
                    *latest = (now, self.delivered.as_slice().into());
                }
                of[topic] = latest.1.clone();
            }
        }
    }

    /// Something of the topic is being delivered (or the run ends). To be told before any record delivered at this moment is
    /// [counted](Self::count): what is delivered together was not delivered meanwhile.
    pub(super) fn end(&mut self, topic: usize, now: Time) {
        let Some(since) = self.since[topic].take() else { return };
        let gap = now.since(since);
        if gap > self.longest[topic].0 {
            self.longest[topic] = (gap, since);
        }
        if gap <= self.bound || self.starved[topic].as_ref().is_some_and(|worst| gap <= worst.waited) {
            return;
        }
        let n = self.delivered.len();
        let then: &[u64] = match &self.notes {
            Notes::Exact(rows) => &rows[topic * n..][..n],
            Notes::Shared { of, .. } => &of[topic],
        };
        let meanwhile = self.delivered.iter().zip(then).map(|(now, then)| now - then).enumerate();
        // Of equals the first in the scenario's order.
        let most = meanwhile.filter(|(other, _)| *other != topic).rev().max_by_key(|(_, records)| *records);
        if let Some((served_instead, served_records @ 1..)) = most {
            self.starved[topic] = Some(Starved { topic, waited: gap, served_instead, served_records });
        }
    }

    /// Records of the topic have been delivered.
    pub(super) fn count(&mut self, topic: usize, records: u64) {
        self.delivered[topic] += records;
    }

    /// The longest gap that has ended, and when it began.
    pub(super) fn longest(&self, topic: usize) -> (Duration, Time) {
        self.longest[topic]
    }

    /// The verdicts, worst first.
    pub(super) fn into_starved(self) -> Vec<Starved> {
        let mut starved: Vec<_> = self.starved.into_iter().flatten().collect();
        starved.sort_by_key(|s| (core::cmp::Reverse(s.waited), s.topic));
        starved
    }
}
