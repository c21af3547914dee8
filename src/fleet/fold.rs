//! Folds a run of several instances into its metrics while it goes on. Memory does not grow with polls or records.

use std::sync::Arc;

use super::inputs::Assembly;
use super::keys::{PlacedKeys, partition_id, required};
use super::metrics::{FleetMetrics, FleetTopic, InstanceMetrics, Unowned};
use super::owners::{Owners, Stretch};
use super::ranges::Ranges;
use crate::assemble::done_at;
use crate::broker::{Fact, Failure, Input, Signal};
use crate::metrics::{End, Ttci};
use crate::scenario::{Commit, Limits, Scenario};
use crate::{Duration, PartitionId, Run, Time, TopicSet};

/// An observer of all instances.
///
/// Inputs: `on_signal`, `on_input`, [`begin`](Self::begin), [`crash`](Self::crash); each after everything that happened before it on
/// any instance. Outputs: [`demand`](Self::demand), [`end`](Self::end).
#[derive(Clone, Debug)]
pub(super) struct FleetFold {
    limits: Limits,
    now: Time,
    ended: Option<Time>,
    limit: Option<&'static str>,
    topics: Vec<Topic>,
    /// Records not processed, over all topics.
    left: u64,
    /// What has been processed has to be committed before the run is over.
    uncommitted: bool,
    instances: Vec<Instance>,
    owners: Owners,
    keys: Arc<[Option<PlacedKeys>]>,
    /// Keys on several instances at the end.
    apart: u32,
    /// By key; [`Time::MAX`]: not complete yet.
    completed: Vec<Time>,
    polls: u64,
    polls_empty: u64,
    delivered: u64,
    commits_refused: u64,
}

#[derive(Clone, Debug)]
struct Topic {
    partitions: Vec<Partition>,
    left: u64,
    /// The latest first processing of a record.
    done: Time,
    duplicates: u64,
}

#[derive(Clone, Debug)]
struct Partition {
    /// Offset after the last record there will be.
    end: i64,
    left: u64,
    /// Who has processed its last record, and has had it since: what is not committed of it is when that instance stops.
    finished_by: Option<u32>,
    processed: Ranges,
}

#[derive(Clone, Debug)]
struct Instance {
    assembly: Assembly,
    metrics: InstanceMetrics,
}

impl FleetFold {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let topic = |topic: &crate::scenario::Topic| {
            let ends = super::logs::ends(topic);
            let partitions: Vec<_> = ends
                .iter()
                .map(|&end| Partition {
                    end,
                    left: end.unsigned_abs(),
                    finished_by: None,
                    processed: Ranges::default(),
                })
                .collect();
            let left = partitions.iter().map(|p| p.left).sum();
            Topic { partitions, left, done: Time::ZERO, duplicates: 0 }
        };
        let topics: Vec<Topic> = scenario.topics.iter().map(topic).collect();
        let plan: Arc<[Option<PlacedKeys>]> = required(scenario.seed, &scenario.topics).into();
        let partitions: Vec<u32> = scenario.topics.iter().map(|t| t.partitions).collect();
        let assembly = Assembly::new(&plan, &partitions);
        let instance = Instance { assembly, metrics: InstanceMetrics::default() };
        let keys = plan.iter().flatten().map(PlacedKeys::count).max().unwrap_or(0);
        Self {
            limits: scenario.limits,
            now: Time::ZERO,
            ended: None,
            limit: None,
            left: topics.iter().map(|t| t.left).sum(),
            uncommitted: matches!(scenario.consumer.commit, Commit::PerBatch | Commit::Interval(_)),
            owners: Owners::new(topics.iter().map(|t| t.partitions.iter().map(|p| p.end > 0).collect())),
            topics,
            instances: vec![instance; scenario.instances.len()],
            keys: plan,
            apart: 0,
            completed: vec![Time::MAX; keys as usize],
            polls: 0,
            polls_empty: 0,
            delivered: 0,
            commits_refused: 0,
        }
    }

    /// An instance starts, for the first time or again.
    pub(super) fn begin(&mut self, instance: u32) {
        let it = &mut self.instances[instance as usize];
        if it.metrics.starts > 0 {
            it.assembly = it.assembly.restarted();
        }
        it.metrics.starts += 1;
    }

    /// An instance's process is gone: by a crash, or because it has closed.
    pub(super) fn gone(&mut self, now: Time, instance: u32) {
        self.advance(now);
        if self.ended.is_none() {
            self.owners.revoke_all(self.now, instance);
            for partition in self.topics.iter_mut().flat_map(|t| &mut t.partitions) {
                partition.finished_by = partition.finished_by.filter(|by| *by != instance);
            }
            self.instances[instance as usize].assembly.disown_all();
        }
    }

    pub(super) fn on_signal(&mut self, instance: u32, signal: &Signal) {
        if self.ended.is_some() {
            return;
        }
        if let Fact::Processed { run, started } = &signal.fact {
            self.advance(signal.at);
            self.on_processed(instance, run, *started, signal.at);
        }
    }

    fn on_processed(&mut self, instance: u32, run: &Run, started: Time, at: Time) {
        let topic = &mut self.topics[run.partition.topic.index()];
        let partition = &mut topic.partitions[run.partition.partition as usize];
        // A run's gaps hold no records: of a run that is known in part, its records are taken to be as low as they can.
        let new = partition.processed.add(run.first, run.first + i64::from(run.records));
        if run.next >= partition.end {
            partition.finished_by = Some(instance);
        }
        topic.duplicates += u64::from(run.records) - new;
        self.instances[instance as usize].metrics.processed += u64::from(run.records);
        if new > 0 {
            // The new ones are the last ones of the run, unless another instance has gone ahead.
            topic.done = topic.done.max(done_at(run.records, run.records - 1, started, at));
            topic.left -= new;
            partition.left -= new;
            self.left -= new;
            if partition.left == 0 {
                self.owners.drained(self.now, run.partition);
            }
        }
        let completed = &mut self.completed;
        let assembly = &mut self.instances[instance as usize].assembly;
        assembly.handle_processed(run, started, at, |key, at| {
            let known = &mut completed[key as usize];
            *known = at.min(*known);
        });
    }

    pub(super) fn on_input(&mut self, instance: u32, now: Time, input: &Input) {
        if self.ended.is_some() {
            return;
        }
        self.advance(now);
        let it = &mut self.instances[instance as usize];
        match input {
            Input::Assigned { partitions, .. } => {
                for &id in partitions {
                    it.assembly.set_owned(id, true);
                    self.owners.assign(self.now, id, instance);
                }
            }
            Input::Revoking { partitions, .. } => {
                for &id in partitions {
                    it.assembly.set_owned(id, false);
                    let partition = &mut self.topics[id.topic.index()].partitions[id.partition as usize];
                    partition.finished_by = partition.finished_by.filter(|by| *by != instance);
                    self.owners.revoke(self.now, id, instance);
                }
            }
            Input::Delivered { runs, .. } => {
                let records: u64 = runs.iter().map(|r| u64::from(r.records)).sum();
                self.delivered += records;
                self.count_poll(instance, records == 0);
            }
            Input::Failed { failure: Failure::Poll(_), .. } => self.count_poll(instance, true),
            Input::Failed { failure: Failure::Commit(_), .. } => self.commits_refused += 1,
            _ => {}
        }
        self.tick(now);
    }

    /// Time has come this far.
    pub(super) fn tick(&mut self, now: Time) {
        if self.ended.is_some() {
            return;
        }
        self.advance(now);
        if self.left == 0 && !self.uncommitted {
            self.finish(None);
        } else if self.polls >= self.limits.polls {
            self.finish(Some("polls"));
        } else if self.now.since(Time::ZERO) >= self.limits.time {
            self.finish(Some("time"));
        }
    }

    fn count_poll(&mut self, instance: u32, empty: bool) {
        self.polls += 1;
        self.polls_empty += u64::from(empty);
        self.instances[instance as usize].metrics.polls += 1;
    }

    fn advance(&mut self, now: Time) {
        self.now = now.max(self.now);
    }

    fn finish(&mut self, limit: Option<&'static str>) {
        self.ended = Some(self.now);
        self.limit = limit;
        self.apart = self.count_apart();
        for (i, it) in self.instances.iter_mut().enumerate() {
            it.metrics.partitions = self.owners.count(i as u32);
        }
        self.owners.end(self.now);
    }

    /// How many keys have partitions on different instances. Those that nobody has at the moment count with nobody.
    fn count_apart(&self) -> u32 {
        let mut home: Vec<Option<u32>> = vec![None; self.completed.len()];
        let mut apart = vec![false; self.completed.len()];
        for (topic, keys) in self.keys.iter().enumerate() {
            let Some(keys) = keys else { continue };
            for partition in 0..self.topics[topic].partitions.len() as u32 {
                let Some(owner) = self.owners.of(partition_id(topic, partition)) else { continue };
                for key in keys.of_partition(partition) {
                    apart[key as usize] |= *home[key as usize].get_or_insert(owner) != owner;
                }
            }
        }
        apart.into_iter().filter(|apart| *apart).count() as u32
    }

    /// The topics that an instance's inputs still wait for, if that has changed since the last call.
    pub(super) fn demand(&mut self, instance: u32) -> Option<TopicSet> {
        self.instances[instance as usize].assembly.poll_demand()
    }

    /// Whether the run is over as soon as everything is committed.
    pub(super) fn waits_for_commits(&self) -> bool {
        self.left == 0 && self.uncommitted && self.ended.is_none()
    }

    /// Whether a partition's last record has been processed by who has it now.
    pub(super) fn is_finished(&self, id: PartitionId) -> bool {
        let finished_by = self.topics[id.topic.index()].partitions[id.partition as usize].finished_by;
        finished_by.is_some() && self.owners.of(id) == finished_by
    }

    /// Everything has been committed by now, or will be when the instances stop.
    pub(super) fn set_committed(&mut self, now: Time) {
        self.uncommitted = false;
        self.tick(now);
    }

    /// Whether the run is over, and if so, by which limit.
    pub(super) fn end(&self) -> Option<Option<&'static str>> {
        self.ended.map(|_| self.limit)
    }

    /// Partitions with the offsets after their last records.
    pub(super) fn log_ends(&self) -> impl Iterator<Item = (PartitionId, i64)> + '_ {
        self.topics.iter().enumerate().flat_map(|(i, topic)| {
            topic.partitions.iter().enumerate().map(move |(p, it)| (partition_id(i, p as u32), it.end))
        })
    }

    /// The metrics; what the coordinator and the world know is for the caller to fill in. A run that has not ended was interrupted.
    pub(super) fn metrics(mut self) -> FleetMetrics {
        let interrupted = self.ended.is_none();
        if interrupted {
            self.finish(None);
        }
        let since = |at: Time| at.since(Time::ZERO);
        let unowned = |s: Stretch| Unowned { total: s.total, longest: s.longest };
        let topics: Vec<FleetTopic> = self
            .topics
            .iter()
            .enumerate()
            .map(|(i, t)| FleetTopic {
                completion: (t.left == 0).then(|| since(t.done)),
                duplicates: t.duplicates,
                left: t.partitions.iter().map(|p| p.processed.missing_below(p.end)).sum(),
                unowned: unowned(self.owners.without(i)),
            })
            .collect();
        let mut completions: Vec<Duration> =
            self.completed.iter().filter(|at| **at < Time::MAX).map(|at| since(*at)).collect();
        let ttci = Ttci::of(&mut completions, self.completed.len() as u32);
        let left = topics.iter().map(|t| t.left).collect();
        FleetMetrics {
            end: match self.limit {
                Some(limit) => End::LimitReached { limit, left },
                None if interrupted => End::Interrupted { left },
                None => End::Complete,
            },
            ended_after: since(self.ended.unwrap_or(self.now)),
            drain: topics.iter().map(|t| t.completion).try_fold(Duration::ZERO, |max, t| Some(max.max(t?))),
            split: if self.left == 0 { ttci.never } else { 0 },
            ttci,
            apart: self.apart,
            duplicates: topics.iter().map(|t| t.duplicates).sum(),
            topics,
            instances: self.instances.iter().map(|i| i.metrics).collect(),
            polls: self.polls,
            polls_empty: self.polls_empty,
            delivered: self.delivered,
            rebalances: Vec::new(),
            first_assigned: self.owners.first().map(since),
            stopped: unowned(self.owners.stopped()),
            commits_refused: self.commits_refused,
            committed: None,
            fingerprint: 0,
        }
    }
}
