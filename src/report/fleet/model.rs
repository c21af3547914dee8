//! What a report holds of runs of several instances.

use serde::{Deserialize, Serialize};

use super::super::model::Ends;
use super::super::units::Micros;

/// One scenario with instances: the ways to share its partitions, under schedulers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetCompared {
    /// The scenario's short name.
    pub scenario: String,
    /// Its sentence.
    pub description: String,
    /// Digest of the resolved scenario.
    pub scenario_digest: String,
    /// The first seed.
    pub seed: u64,
    /// What there was to drain.
    pub topics: Vec<FleetLoad>,
    /// Who was there when.
    pub instances: Vec<InstancePlan>,
    /// One entry per client, scheduler, cap and assignment.
    pub rows: Vec<FleetRow>,
    /// What was not run because nothing keeps the records of a key together.
    pub refused: Vec<Refused>,
}

/// Combinations that were not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The schedulers.
    pub schedulers: Vec<String>,
    /// With which assignments.
    pub assignments: Vec<String>,
    /// Why, and what to write instead.
    pub reason: String,
}

/// A topic as loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetLoad {
    /// Its name.
    pub topic: String,
    /// Its partitions.
    pub partitions: u32,
    /// Its backlog.
    pub backlog_records: u64,
}

/// When an instance is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstancePlan {
    /// When it starts.
    pub joins_us: Micros,
    /// When it ends; null: it stays.
    pub leaves_us: Option<Micros>,
    /// `stop` or `crash`; null: it stays.
    pub how: Option<String>,
    /// When it is started again; null: never.
    pub returns_us: Option<Micros>,
}

/// One client, scheduler, cap and assignment, over all seeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetRow {
    /// The client model.
    pub client: String,
    /// The scheduler of each instance.
    pub scheduler: String,
    /// Most records of one poll.
    pub cap_records: u32,
    /// How partitions are shared.
    pub assignment: String,
    /// Whether that keeps the records of a key on one instance.
    pub copartitioned: bool,
    /// How many seeds ran: `seed`, `seed + 1`, and so on.
    pub seeds: u32,
    /// How the runs ended.
    pub ends: Ends,
    /// For each metric its median over the seeds (of two middle ones the better), exact.
    pub median: FleetMeasures,
    /// For each metric its worst value over the seeds; null if all agree.
    pub worst: Option<FleetMeasures>,
    /// Why a run failed, if one did.
    pub failure: Option<String>,
    /// The runs' fingerprints, folded.
    pub fingerprint: String,
}

impl FleetRow {
    /// Worst over the seeds, or the one value there is.
    #[must_use]
    pub fn worst(&self) -> &FleetMeasures {
        self.worst.as_ref().unwrap_or(&self.median)
    }
}

/// The numbers of one run, or one order statistic of each over several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetMeasures {
    /// When the run ended.
    pub ended_after_us: Micros,
    /// Zero to the first processing of the last record; null: never.
    pub drain_us: Option<Micros>,
    /// Time to complete input, first key; null: never.
    pub ttci_first_us: Option<Micros>,
    /// Half of the keys; null: never.
    pub ttci_p50_us: Option<Micros>,
    /// 95 % of the keys; null: never.
    pub ttci_p95_us: Option<Micros>,
    /// The last key; null: never.
    pub ttci_max_us: Option<Micros>,
    /// Keys whose input was never complete.
    pub ttci_never_keys: u32,
    /// Those of them whose records have all been processed, on different instances.
    pub split_keys: u32,
    /// Keys whose partitions were on different instances at the end.
    pub apart_keys: u32,
    /// Records delivered, repetitions included.
    pub delivered_records: u64,
    /// Records processed again.
    pub duplicate_records: u64,
    /// Records that nobody has processed.
    pub left_records: u64,
    /// Rebalances of all groups.
    pub rebalances: u64,
    /// Zero to the first assignment of any partition; null: never.
    pub first_assigned_us: Option<Micros>,
    /// Time in which no partition with records left had an owner.
    pub stopped_us: Micros,
    /// The longest stretch of that.
    pub stopped_max_us: Micros,
    /// The longest time for which a topic had a partition without owner.
    pub unowned_max_us: Micros,
    /// Commits that have failed.
    pub commits_refused: u64,
    /// Whether everything was committed at the end; null: nothing was to be.
    pub committed: Option<bool>,
    /// Poll and take calls.
    pub polls: u64,
    /// Those that returned nothing.
    pub polls_empty: u64,
    /// Per topic, in the scenario's order.
    pub topics: Vec<FleetTopicMeasures>,
    /// Per instance, in the scenario's order.
    pub instances: Vec<InstanceMeasures>,
}

/// One topic's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetTopicMeasures {
    /// Which.
    pub topic: String,
    /// Zero to the first processing of its last record; null: never.
    pub completion_us: Option<Micros>,
    /// Time in which a partition of it had lost its owner.
    pub unowned_us: Micros,
    /// The longest stretch of that.
    pub unowned_max_us: Micros,
    /// Records processed again.
    pub duplicate_records: u64,
    /// Records that nobody has processed.
    pub left_records: u64,
}

/// One instance's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceMeasures {
    /// Records processed, repetitions included.
    pub processed_records: u64,
    /// Poll and take calls.
    pub polls: u64,
    /// Partitions at the end.
    pub partitions: u32,
    /// How many times it was started.
    pub starts: u32,
}
