//! What a report holds. All numbers carry their unit in their key; what could not be observed, or did not happen, is null.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::fleet::FleetCompared;
use super::units::Micros;

/// Version of the JSON form. Raised when a key changes its meaning or goes; new keys don't raise it.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of one invocation, in every format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The command that gives this result again, secrets redacted.
    pub command: String,
    /// False if the invocation was interrupted: what is here is right, but not all.
    pub complete: bool,
    /// Results of the simulation: the same for the same scenario, seed and version, on every machine.
    pub deterministic: Option<Results>,
    /// Results of a real backend, which are not. One of the two is there; both, if the simulation was asked for beside a real run.
    pub measured: Option<Results>,
    /// Where it ran; never compared.
    pub environment: Environment,
}

impl Report {
    /// The results: of the real runs if there were any, else of the simulation.
    #[must_use]
    pub fn results(&self) -> &[Compared] {
        self.measured.as_ref().or(self.deterministic.as_ref()).map_or(&[], |r| &r.scenarios)
    }

    /// What was simulated beside real runs.
    #[must_use]
    pub fn beside(&self) -> &[Compared] {
        match (&self.measured, &self.deterministic) {
            (Some(_), Some(simulated)) => &simulated.scenarios,
            _ => &[],
        }
    }

    /// The results of several instances.
    #[must_use]
    pub fn fleets(&self) -> &[FleetCompared] {
        self.deterministic.as_ref().or(self.measured.as_ref()).map_or(&[], |r| &r.fleets)
    }
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Digest of everything below, in 16 hexadecimal digits.
    pub fingerprint: String,
    /// One entry a scenario, in the order of the command line.
    pub scenarios: Vec<Compared>,
    /// One entry a scenario with instances, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fleets: Vec<FleetCompared>,
}

impl Results {
    /// Seals results with their digest.
    #[must_use]
    pub fn new(scenarios: Vec<Compared>) -> Self {
        let json = serde_json::to_vec(&scenarios).expect("a report has string keys and finite numbers only");
        Self { fingerprint: digest(&json), scenarios, fleets: Vec::new() }
    }

    /// The first seed of each scenario.
    pub(super) fn seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.scenarios.iter().map(|s| s.seed).chain(self.fleets.iter().map(|f| f.seed))
    }

    /// The same, with scenarios of several instances.
    #[must_use]
    pub fn with_fleets(scenarios: Vec<Compared>, fleets: Vec<FleetCompared>) -> Self {
        if fleets.is_empty() {
            return Self::new(scenarios);
        }
        let json =
            serde_json::to_vec(&(&scenarios, &fleets)).expect("a report has string keys and finite numbers only");
        Self { fingerprint: digest(&json), scenarios, fleets }
    }
}

/// Where a report comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// fairdrain's version.
    pub fairdrain_version: String,
    /// `sim`, `mock` or `kafka`.
    pub backend: String,
    /// Operating system and architecture.
    pub os: String,
    /// Processors this process may use.
    pub cpus: u32,
    /// librdkafka's version, where it took part.
    pub librdkafka_version: Option<String>,
    /// The brokers, where there were real ones.
    pub bootstrap_servers: Option<String>,
}

/// One scenario's comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The scenario's short name.
    pub scenario: String,
    /// Its sentence.
    pub description: String,
    /// Digest of the resolved scenario: the same file contents after defaults have the same digest.
    pub scenario_digest: String,
    /// The first seed.
    pub seed: u64,
    /// What there was to drain.
    pub topics: Vec<TopicLoad>,
    /// One entry per client, scheduler and cap.
    pub rows: Vec<Row>,
}

/// A topic as loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicLoad {
    /// Its name.
    pub topic: String,
    /// Its backlog.
    pub backlog_records: u64,
}

/// One client under one scheduler with one cap, over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The client model, or the real client.
    pub client: String,
    /// The scheduler.
    pub scheduler: String,
    /// Most records of one poll.
    pub cap_records: u32,
    /// Whether the client's behaviour depends on the seed.
    pub random: bool,
    /// How many seeds ran: `seed`, `seed + 1`, and so on.
    pub seeds: u32,
    /// Whether every seed gave the same numbers.
    pub seeds_agree: bool,
    /// How the runs ended.
    pub ends: Ends,
    /// For each metric its median over the seeds (of two middle ones the better), exact.
    pub median: Measures,
    /// For each metric its worst value over the seeds; null if all agree.
    pub worst: Option<Measures>,
    /// What the first poll that returned anything held.
    pub first_poll: Option<FirstPoll>,
    /// The run with the largest TTCI, in detail.
    pub worst_run: WorstRun,
    /// How the result changes with the topics' names, if that was asked for.
    pub names: Option<NameSpread>,
    /// The runs' fingerprints, folded; null on a real backend.
    pub fingerprint: Option<String>,
    /// What became of every single record, on a real backend.
    pub verification: Option<Verification>,
}

/// Whether every record arrived exactly once, in order per partition, as it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// It did.
    pub exact: bool,
    /// Records delivered, repetitions included.
    pub delivered_records: u64,
    /// Delivered again.
    pub duplicate_records: u64,
    /// Left out, though a later one of the partition was delivered.
    pub skipped_records: u64,
    /// Never delivered.
    pub undelivered_records: u64,
    /// Not as loaded.
    pub wrong_records: u64,
}

impl Row {
    /// Whether it ran on a real backend.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.fingerprint.is_none()
    }

    /// Worst over the seeds, or the one value there is.
    #[must_use]
    pub fn worst(&self) -> &Measures {
        self.worst.as_ref().unwrap_or(&self.median)
    }
}

/// How many runs ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Everything was processed.
    pub complete: u32,
    /// A limit came first.
    pub limit_reached: u32,
    /// Stopped from outside.
    pub interrupted: u32,
    /// Could not go on.
    pub failed: u32,
}

/// The numbers of one run, or one order statistic of each over several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// When the run ended.
    pub ended_after_us: Micros,
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
    /// The least that any scheduler could have had as `ttci_p95_us`.
    pub ttci_p95_bound_us: Option<Micros>,
    /// The one divided by the other; null if the bound is zero.
    pub ttci_p95_bound_ratio: Option<f64>,
    /// Zero to the processing of the last backlog record; null: never.
    pub drain_us: Option<Micros>,
    /// The least that any scheduler could have had.
    pub drain_bound_us: Micros,
    /// The one divided by the other; null if the bound is zero.
    pub drain_bound_ratio: Option<f64>,
    /// The longest time a topic had lag and nothing was delivered.
    pub gap_max_us: Option<Micros>,
    /// Whose.
    pub gap_max_topic: Option<String>,
    /// Jain's index of fairness; null with fewer than two backlogged topics.
    pub jain: Option<f64>,
    /// Poll and take calls.
    pub polls: u64,
    /// Those that returned nothing.
    pub polls_empty: u64,
    /// Fetch requests.
    pub fetches: Option<u64>,
    /// Bytes fetched, as sent.
    pub bytes_fetched: Option<u64>,
    /// Value bytes fetched more than once.
    pub bytes_fetched_again: Option<u64>,
    /// Most records fetched and not delivered at a time.
    pub buffered_records_peak: Option<u64>,
    /// Most value bytes fetched and not delivered at a time.
    pub buffered_bytes_peak: Option<u64>,
    /// Most value bytes delivered and not processed at a time.
    pub in_hand_bytes_peak: u64,
    /// Topics with a starvation verdict.
    pub starved_topics: u64,
    /// Records delivered more than once.
    pub duplicate_records: u64,
    /// Backlog records not processed at the end.
    pub left_records: u64,
    /// Per topic, in the scenario's order.
    pub topics: Vec<TopicMeasures>,
}

/// One topic's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicMeasures {
    /// Which.
    pub topic: String,
    /// Zero to first delivery; null: never.
    pub first_record_us: Option<Micros>,
    /// Number, from 1, of the poll that delivered it.
    pub first_poll: Option<u64>,
    /// Zero to the processing of its last backlog record; null: never.
    pub completion_us: Option<Micros>,
    /// Longest time with lag and nothing delivered.
    pub gap_max_us: Micros,
    /// All the time it had lag.
    pub wait_us: Micros,
    /// Records delivered.
    pub delivered_records: u64,
}

/// Composition of the first poll that returned anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstPoll {
    /// Records of each topic: the composition that most seeds saw (of equally frequent ones, the first).
    pub records: Vec<u64>,
    /// How many seeds saw it.
    pub seeds: u32,
    /// How many different ones there were.
    pub distinct: u32,
}

/// The run that was worst for the inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstRun {
    /// Its seed.
    pub seed: u64,
    /// Topics that waited longer than the bound, worst first.
    pub starved: Vec<Starving>,
    /// That bound.
    pub starvation_bound_us: Micros,
    /// Which limit ended it.
    pub limit: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Backlog records not processed, for the topics that have any.
    pub left_records: IndexMap<String, u64>,
    /// Where each topic's waiting time went, by cause, largest first; null where the backend can't see it.
    pub blame_us: Option<IndexMap<String, IndexMap<String, Micros>>>,
}

/// A starvation verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starving {
    /// The topic that waited.
    pub topic: String,
    /// How long in one go.
    pub waited_us: Micros,
    /// Whether it was its first record that it waited for.
    pub for_first_record: bool,
    /// The topic that was served most meanwhile.
    pub served_instead: String,
    /// How many of its records.
    pub served_records: u64,
}

/// The same row with the topics' names dealt out anew: what is luck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NameSpread {
    /// How many permutations of the names ran.
    pub permutations: u32,
    /// Best value of each metric over the permutations (each the median over its seeds).
    pub best: Measures,
    /// Median, likewise.
    pub median: Measures,
    /// Worst, likewise.
    pub worst: Measures,
}

/// FNV-1a, 64 bits, in 16 hexadecimal digits: for telling results apart, not against an adversary.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
