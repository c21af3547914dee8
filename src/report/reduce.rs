//! From runs to one report row: exact order statistics of each metric over the seeds.

use std::cmp::Ordering;

use indexmap::IndexMap;

use super::model::{Ends, FirstPoll, Measures, Starving, TopicMeasures, WorstRun};
use super::units::Micros;
use crate::metrics::{Cause, End, RunMetrics};

/// Which order statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The best value.
    Best,
    /// The median; of two, the better.
    Median,
    /// The worst value.
    Worst,
}

impl Pick {
    /// The place of the picked one among so many values, best first.
    fn rank(self, values: usize) -> usize {
        match self {
            Self::Best => 0,
            Self::Median => (values - 1) / 2,
            Self::Worst => values - 1,
        }
    }
}

impl Measures {
    /// The numbers of one run. `names` are the topics', in the scenario's order.
    #[must_use]
    pub fn of(run: &RunMetrics, names: &[String]) -> Self {
        let us = |d: Option<crate::Duration>| d.map(Micros);
        let drain = us(run.drain);
        let (p95, p95_bound) = (us(run.ttci.p95), us(run.bound.ttci.p95));
        Self {
            ended_after_us: run.ended_after.into(),
            ttci_first_us: us(run.ttci.first),
            ttci_p50_us: us(run.ttci.p50),
            ttci_p95_us: p95,
            ttci_max_us: us(run.ttci.max),
            ttci_never_keys: run.ttci.never,
            ttci_p95_bound_us: p95_bound,
            ttci_p95_bound_ratio: p95.zip(p95_bound).and_then(|(t, bound)| t.ratio_to(bound)),
            drain_us: drain,
            drain_bound_us: run.bound.drain.into(),
            drain_bound_ratio: drain.and_then(|t| t.ratio_to(run.bound.drain.into())),
            gap_max_us: us(run.gap_max.map(|(gap, _)| gap)),
            gap_max_topic: run.gap_max.map(|(_, topic)| names[topic].clone()),
            jain: run.jain,
            polls: run.polls,
            polls_empty: run.polls_empty,
            fetches: run.fetches,
            bytes_fetched: run.bytes_fetched,
            bytes_fetched_again: run.bytes_fetched_again,
            buffered_records_peak: run.buffered_records_peak,
            buffered_bytes_peak: run.buffered_bytes_peak,
            in_hand_bytes_peak: run.in_hand_bytes_peak,
            starved_topics: run.starved.len() as u64,
            duplicate_records: run.duplicates,
            left_records: left(&run.end).iter().sum(),
            topics: run
                .topics
                .iter()
                .zip(names)
                .map(|(t, name)| TopicMeasures {
                    topic: name.clone(),
                    first_record_us: us(t.first_record),
                    first_poll: t.first_poll,
                    completion_us: us(t.completion),
                    gap_max_us: t.gap_max.into(),
                    wait_us: t.wait.into(),
                    delivered_records: t.delivered,
                })
                .collect(),
        }
    }

    /// One order statistic of each metric by itself: the result need not be any single run. `runs` must not be empty.
    #[must_use]
    pub fn reduce(runs: &[Self], pick: Pick) -> Self {
        fn more_f64(a: &Option<f64>, b: &Option<f64>) -> Ordering {
            match (a, b) {
                (Some(a), Some(b)) => a.total_cmp(b),
                _ => a.is_none().cmp(&b.is_none()),
            }
        }
        let stat = Statistic { runs, pick };
        let (gap_max_us, gap_max_topic) = stat.of(|m| (m.gap_max_us, m.gap_max_topic.clone()), |a, b| a.0.cmp(&b.0));
        Self {
            ended_after_us: stat.of(|m| m.ended_after_us, Ord::cmp),
            ttci_first_us: stat.of(|m| m.ttci_first_us, more),
            ttci_p50_us: stat.of(|m| m.ttci_p50_us, more),
            ttci_p95_us: stat.of(|m| m.ttci_p95_us, more),
            ttci_max_us: stat.of(|m| m.ttci_max_us, more),
            ttci_never_keys: stat.of(|m| m.ttci_never_keys, Ord::cmp),
            ttci_p95_bound_us: stat.of(|m| m.ttci_p95_bound_us, more),
            ttci_p95_bound_ratio: stat.of(|m| m.ttci_p95_bound_ratio, more_f64),
            drain_us: stat.of(|m| m.drain_us, more),
            drain_bound_us: stat.of(|m| m.drain_bound_us, Ord::cmp),
            drain_bound_ratio: stat.of(|m| m.drain_bound_ratio, more_f64),
            gap_max_us,
            gap_max_topic,
            // Less is worse.
            jain: stat.of(|m| m.jain, |a, b| more_f64(b, a)),
            polls: stat.of(|m| m.polls, Ord::cmp),
            polls_empty: stat.of(|m| m.polls_empty, Ord::cmp),
            fetches: stat.of(|m| m.fetches, more),
            bytes_fetched: stat.of(|m| m.bytes_fetched, more),
            bytes_fetched_again: stat.of(|m| m.bytes_fetched_again, more),
            buffered_records_peak: stat.of(|m| m.buffered_records_peak, more),
            buffered_bytes_peak: stat.of(|m| m.buffered_bytes_peak, more),
            in_hand_bytes_peak: stat.of(|m| m.in_hand_bytes_peak, Ord::cmp),
            starved_topics: stat.of(|m| m.starved_topics, Ord::cmp),
            duplicate_records: stat.of(|m| m.duplicate_records, Ord::cmp),
            left_records: stat.of(|m| m.left_records, Ord::cmp),
            topics: (0..runs[0].topics.len())
                .map(|i| TopicMeasures {
                    topic: runs[0].topics[i].topic.clone(),
                    first_record_us: stat.of(|m| m.topics[i].first_record_us, more),
                    first_poll: stat.of(|m| m.topics[i].first_poll, more),
                    completion_us: stat.of(|m| m.topics[i].completion_us, more),
                    gap_max_us: stat.of(|m| m.topics[i].gap_max_us, Ord::cmp),
                    wait_us: stat.of(|m| m.topics[i].wait_us, Ord::cmp),
                    // Less is worse.
                    delivered_records: stat.of(|m| m.topics[i].delivered_records, |a, b| b.cmp(a)),
                })
                .collect(),
        }
    }
}

/// Null is worst: it stands for "never". (Where it stands for "not observed", it does so in every run.)
pub(super) fn more<T: Ord>(a: &Option<T>, b: &Option<T>) -> Ordering {
    a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(b))
}

/// An order statistic over the measures of several runs.
pub(super) struct Statistic<'a, M> {
    pub(super) runs: &'a [M],
    pub(super) pick: Pick,
}

impl<M> Statistic<'_, M> {
    /// The picked value of one metric, `badness` putting better before worse.
    pub(super) fn of<T>(&self, metric: impl Fn(&M) -> T, badness: impl Fn(&T, &T) -> Ordering) -> T {
        let mut values: Vec<T> = self.runs.iter().map(metric).collect();
        values.sort_by(badness);
        values.swap_remove(self.pick.rank(values.len()))
    }
}

impl Ends {
    /// Counts how runs ended.
    #[must_use]
    pub fn count<'a>(runs: impl IntoIterator<Item = &'a RunMetrics>) -> Self {
        let mut ends = Self::default();
        for run in runs {
            *match run.end {
                End::Complete => &mut ends.complete,
                End::LimitReached { .. } => &mut ends.limit_reached,
                End::Interrupted { .. } => &mut ends.interrupted,
                End::Failed(_) => &mut ends.failed,
            } += 1;
        }
        ends
    }
}

impl FirstPoll {
    /// The most frequent composition.
    #[must_use]
    pub fn most_frequent(seen: impl IntoIterator<Item = Vec<u64>>) -> Option<Self> {
        let mut counts: IndexMap<Vec<u64>, u32> = IndexMap::new();
        for records in seen {
            *counts.entry(records).or_default() += 1;
        }
        let distinct = counts.len() as u32;
        // `max_by_key` keeps the last of equals; the first one seen is wanted.
        let (records, seeds) = counts.into_iter().rev().max_by_key(|(_, n)| *n)?;
        Some(Self { records, seeds, distinct })
    }
}

impl WorstRun {
    /// Details of the run with the largest TTCI; of equals, the one that drained last, then the first. `runs` must not be empty.
    #[must_use]
    pub fn among(runs: &[(u64, RunMetrics)], names: &[String]) -> Self {
        let badness = |run: &RunMetrics| {
            (matches!(run.end, End::Failed(_)), run.ttci.max.is_none(), run.ttci.max, run.drain.is_none(), run.drain)
        };
        let (seed, run) =
            runs.iter().rev().max_by_key(|(_, run)| badness(run)).expect("the caller has at least one run");
        Self {
            seed: *seed,
            starved: run
                .starved
                .iter()
                .map(|s| Starving {
                    topic: names[s.topic].clone(),
                    waited_us: s.waited.into(),
                    // A topic with a backlog waits from time zero: any later gap is longer than the time to its first record.
                    for_first_record: run.topics[s.topic].first_record.is_none_or(|first| first >= s.waited),
                    served_instead: names[s.served_instead].clone(),
                    served_records: s.served_records,
                })
                .collect(),
            starvation_bound_us: run.starvation_bound.into(),
            limit: match &run.end {
                End::LimitReached { limit, .. } => Some((*limit).to_owned()),
                _ => None,
            },
            failure: match &run.end {
                End::Failed(reason) => Some(reason.clone()),
                _ => None,
            },
            left_records: names.iter().cloned().zip(left(&run.end).iter().copied()).filter(|(_, n)| *n > 0).collect(),
            blame_us: run
                .topics
                .iter()
                .zip(names)
                .map(|(t, name)| {
                    let causes = t.blame.as_ref()?.iter().map(|(cause, d)| (cause_label(*cause, names), Micros(*d)));
                    Some((name.clone(), causes.collect()))
                })
                .collect(),
        }
    }
}

fn left(end: &End) -> &[u64] {
    match end {
        End::LimitReached { left, .. } | End::Interrupted { left } => left,
        End::Complete | End::Failed(_) => &[],
    }
}

fn cause_label(cause: Cause, names: &[String]) -> String {
    match cause {
        Cause::Processing(topic) => format!("processing {}", names[topic]),
        Cause::Barrier => "barrier".into(),
        Cause::Backpressure => "backpressure".into(),
        Cause::FetchInFlight => "fetch in flight".into(),
        Cause::ParkedFetch => "parked fetch".into(),
        Cause::BackOff => "back-off".into(),
        Cause::Outage => "outage".into(),
        Cause::Join => "join".into(),
        Cause::Idle => "idle".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;

    fn drained_in(ms: Option<u64>) -> Measures {
        Measures { drain_us: ms.map(|ms| Micros(Duration::from_millis(ms))), ..Measures::default() }
    }

    fn ms(m: &Measures) -> Option<u64> {
        m.drain_us.map(|d| d.0.as_nanos() / 1_000_000)
    }

    #[test]
    fn the_median_is_a_value_that_occurred_and_never_is_the_worst() {
        let runs = [Some(3), None, Some(1), Some(2)].map(drained_in);
        assert_eq!(ms(&Measures::reduce(&runs, Pick::Best)), Some(1));
        assert_eq!(ms(&Measures::reduce(&runs, Pick::Median)), Some(2));
        assert_eq!(ms(&Measures::reduce(&runs, Pick::Worst)), None);
    }

    #[test]
    fn a_low_jain_index_is_the_worse_one() {
        let runs = [0.2, 0.9, 0.5].map(|jain| Measures { jain: Some(jain), ..Measures::default() });
        assert_eq!(Measures::reduce(&runs, Pick::Worst).jain, Some(0.2));
        assert_eq!(Measures::reduce(&runs, Pick::Best).jain, Some(0.9));
    }

    #[test]
    fn the_most_frequent_first_poll_wins_and_among_equals_the_first() {
        let poll = FirstPoll::most_frequent([vec![1, 0], vec![0, 1], vec![0, 1], vec![1, 0], vec![1, 1]]).unwrap();
        assert_eq!((poll.records, poll.seeds, poll.distinct), (vec![1, 0], 2, 3));
    }
}
