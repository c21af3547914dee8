//! From runs to one row: exact order statistics of each metric over the seeds.

use super::super::reduce::{Pick, Statistic, more};
use super::super::units::Micros;
use super::model::{FleetMeasures, FleetTopicMeasures, InstanceMeasures};
use crate::fleet::FleetMetrics;

impl FleetMeasures {
    /// The numbers of one run. `names` are the topics', in the scenario's order.
    #[must_use]
    pub fn of(run: &FleetMetrics, names: &[String]) -> Self {
        let us = |d: Option<crate::Duration>| d.map(Micros);
        Self {
            ended_after_us: run.ended_after.into(),
            drain_us: us(run.drain),
            ttci_first_us: us(run.ttci.first),
            ttci_p50_us: us(run.ttci.p50),
            ttci_p95_us: us(run.ttci.p95),
            ttci_max_us: us(run.ttci.max),
            ttci_never_keys: run.ttci.never,
            split_keys: run.split,
            apart_keys: run.apart,
            delivered_records: run.delivered,
            duplicate_records: run.duplicates,
            left_records: run.left(),
            rebalances: run.rebalances(),
            first_assigned_us: us(run.first_assigned),
            stopped_us: run.stopped.total.into(),
            stopped_max_us: run.stopped.longest.into(),
            unowned_max_us: run.topics.iter().map(|t| t.unowned.longest).max().unwrap_or_default().into(),
            commits_refused: run.commits_refused,
            committed: run.committed,
            polls: run.polls,
            polls_empty: run.polls_empty,
            topics: run
                .topics
                .iter()
                .zip(names)
                .map(|(t, name)| FleetTopicMeasures {
                    topic: name.clone(),
                    completion_us: us(t.completion),
                    unowned_us: t.unowned.total.into(),
                    unowned_max_us: t.unowned.longest.into(),
                    duplicate_records: t.duplicates,
                    left_records: t.left,
                })
                .collect(),
            instances: run
                .instances
                .iter()
                .map(|i| InstanceMeasures {
                    processed_records: i.processed,
                    polls: i.polls,
                    partitions: i.partitions,
                    starts: i.starts,
                })
                .collect(),
        }
    }

    /// One order statistic of each metric by itself: the result need not be any single run. `runs` must not be empty.
    #[must_use]
    pub fn reduce(runs: &[Self], pick: Pick) -> Self {
        let stat = Statistic { runs, pick };
        Self {
            ended_after_us: stat.of(|m| m.ended_after_us, Ord::cmp),
            drain_us: stat.of(|m| m.drain_us, more),
            ttci_first_us: stat.of(|m| m.ttci_first_us, more),
            ttci_p50_us: stat.of(|m| m.ttci_p50_us, more),
            ttci_p95_us: stat.of(|m| m.ttci_p95_us, more),
            ttci_max_us: stat.of(|m| m.ttci_max_us, more),
            ttci_never_keys: stat.of(|m| m.ttci_never_keys, Ord::cmp),
            split_keys: stat.of(|m| m.split_keys, Ord::cmp),
            apart_keys: stat.of(|m| m.apart_keys, Ord::cmp),
            delivered_records: stat.of(|m| m.delivered_records, Ord::cmp),
            duplicate_records: stat.of(|m| m.duplicate_records, Ord::cmp),
            left_records: stat.of(|m| m.left_records, Ord::cmp),
            rebalances: stat.of(|m| m.rebalances, Ord::cmp),
            first_assigned_us: stat.of(|m| m.first_assigned_us, more),
            stopped_us: stat.of(|m| m.stopped_us, Ord::cmp),
            stopped_max_us: stat.of(|m| m.stopped_max_us, Ord::cmp),
            unowned_max_us: stat.of(|m| m.unowned_max_us, Ord::cmp),
            commits_refused: stat.of(|m| m.commits_refused, Ord::cmp),
            // False is worse than true, and than null.
            committed: stat.of(|m| m.committed, |a, b| (*a == Some(false)).cmp(&(*b == Some(false)))),
            polls: stat.of(|m| m.polls, Ord::cmp),
            polls_empty: stat.of(|m| m.polls_empty, Ord::cmp),
            topics: (0..runs[0].topics.len())
                .map(|i| FleetTopicMeasures {
                    topic: runs[0].topics[i].topic.clone(),
                    completion_us: stat.of(|m| m.topics[i].completion_us, more),
                    unowned_us: stat.of(|m| m.topics[i].unowned_us, Ord::cmp),
                    unowned_max_us: stat.of(|m| m.topics[i].unowned_max_us, Ord::cmp),
                    duplicate_records: stat.of(|m| m.topics[i].duplicate_records, Ord::cmp),
                    left_records: stat.of(|m| m.topics[i].left_records, Ord::cmp),
                })
                .collect(),
            instances: (0..runs[0].instances.len())
                .map(|i| InstanceMeasures {
                    // Nothing of it is better or worse by itself: the number that is in the middle, or the largest.
                    processed_records: stat.of(|m| m.instances[i].processed_records, Ord::cmp),
                    polls: stat.of(|m| m.instances[i].polls, Ord::cmp),
                    partitions: stat.of(|m| m.instances[i].partitions, Ord::cmp),
                    starts: stat.of(|m| m.instances[i].starts, Ord::cmp),
                })
                .collect(),
        }
    }
}
