//! Scenarios and an observer for the tests of the real backend.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use fairdrain::broker::kafka::{Drained, Error, Options, Outcome, Request, Target, run};
use fairdrain::broker::{Action, Fact, Input, Signal};
use fairdrain::drive::Observer;
use fairdrain::policy::Name;
use fairdrain::scenario::{
    Application, Brokers, Client, Commit, Consumer, Group, Limits, Network, Scenario, Scheduler, Sizes, Start, Topic,
};
use fairdrain::{Duration, Time, TopicSet};

pub const SEED: u64 = 7;

pub fn topic(name: &str, backlog: u64) -> Topic {
    Topic {
        name: name.to_owned(),
        partitions: 1,
        backlog,
        value_bytes: Sizes::Fixed(200),
        key_bytes: 10,
        batch_records: 100,
        compression_millis: 1000,
        arrival: None,
        keys: 10,
        weight: 1,
        partitioner: None,
        required: true,
        leader: 0,
        processing_per_record: None,
    }
}

pub fn scenario(topics: Vec<Topic>) -> Scenario {
    Scenario {
        name: "test".to_owned(),
        description: String::new(),
        seed: SEED,
        topics,
        group: Group::default(),
        instances: Vec::new(),
        consumer: Consumer {
            client: Client::Librdkafka,
            max_poll_records: 3000,
            poll_timeout: Duration::from_millis(100),
            fill: None,
            start: Start::Assign,
            commit: Commit::None,
            fetch_min_bytes: 1,
            fetch_max_bytes: None,
            max_partition_fetch_bytes: 1 << 20,
            fetch_max_wait: None,
            queued_min_messages: None,
            queued_max_messages_kbytes: None,
            fetch_queue_backoff: None,
            costs: None,
        },
        scheduler: Scheduler { names: Name::ALL.to_vec(), max_poll_records: Some(500), starvation_bound: None },
        application: Application { per_record: Duration::ZERO, per_batch: Duration::ZERO, workers: 1, blocking: false },
        network: Network { latency: Duration::ZERO, jitter: Duration::ZERO, bandwidth: None },
        brokers: Brokers { count: 1, service: Duration::ZERO, fetch_max_bytes: 55 << 20 },
        faults: Vec::new(),
        limits: Limits { time: Duration::from_secs(30), polls: 100_000 },
    }
}

/// The documented backlog: 15 160 records.
pub fn documented() -> Scenario {
    scenario(vec![topic("A", 10_000), topic("B", 5_000), topic("C", 100), topic("D", 50), topic("E", 10)])
}

/// Sees when everything has been processed, and remembers what was delivered.
#[derive(Debug)]
pub struct Seen {
    left: u64,
    pub polls: u64,
    pub polls_empty: u64,
    /// Most records of one delivery.
    pub delivered_max: u32,
    /// Records by topic.
    pub delivered: Vec<u64>,
    pub appended: u64,
    pub failures: Vec<String>,
    /// When the last record was processed.
    pub drained: Option<Time>,
    /// Number of the poll that brought a topic's first record.
    pub first_poll: Vec<Option<u64>>,
    script: fn(&Input),
    /// Records that arrive during the run.
    late: u64,
}

impl Seen {
    pub fn new(scenario: &Scenario) -> Self {
        let live: u64 = scenario
            .topics
            .iter()
            .filter_map(|t| t.arrival)
            .map(|a| {
                let nanos = a.until.as_nanos() - 1;
                let batches = u128::from(nanos) * u128::from(a.records_per_kilosecond)
                    / (u128::from(a.batch_records) * 1_000_000_000_000);
                batches as u64 * u64::from(a.batch_records)
            })
            .sum();
        Self {
            left: scenario.topics.iter().map(|t| t.backlog).sum::<u64>() + live,
            polls: 0,
            polls_empty: 0,
            delivered_max: 0,
            delivered: vec![0; scenario.topics.len()],
            appended: 0,
            failures: Vec::new(),
            drained: None,
            first_poll: vec![None; scenario.topics.len()],
            script: |_| (),
            late: live,
        }
    }

    /// Does something at each input.
    pub fn script(mut self, script: fn(&Input)) -> Self {
        self.script = script;
        self
    }
}

impl Observer for Seen {
    fn on_action(&mut self, _: Time, action: &Action) {
        self.polls += u64::from(matches!(action, Action::Poll { .. } | Action::Take { .. }));
    }

    fn on_signal(&mut self, signal: &Signal) {
        match &signal.fact {
            Fact::Processed { run, started } => {
                assert!(*started <= signal.at);
                self.left = self.left.saturating_sub(u64::from(run.records));
                if self.left == 0 {
                    self.drained.get_or_insert(signal.at);
                }
            }
            Fact::Appended { records, .. } => self.appended += records,
            _ => {}
        }
    }

    fn on_input(&mut self, _: Time, input: &Input) {
        (self.script)(input);
        match input {
            Input::Delivered { runs, .. } => {
                self.polls_empty += u64::from(runs.is_empty());
                self.delivered_max = self.delivered_max.max(runs.iter().map(|r| r.records).sum());
                for run in runs {
                    let topic = run.partition.topic.index();
                    self.delivered[topic] += u64::from(run.records);
                    self.first_poll[topic].get_or_insert(self.polls);
                }
            }
            Input::Failed { failure, .. } => self.failures.push(format!("{failure:?}")),
            _ => {}
        }
    }

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        self.left == 0
    }
}

pub fn drain(scenario: &Scenario, schedulers: &[Name], target: &Target) -> Result<Outcome<Seen>, Error> {
    drain_with(scenario, schedulers, target, &Options::default())
}

pub fn drain_with(
    scenario: &Scenario,
    schedulers: &[Name],
    target: &Target,
    options: &Options,
) -> Result<Outcome<Seen>, Error> {
    run(&Request { scenario, schedulers, cap: None, seed: SEED, target, options }, |_| Seen::new(scenario))
}

/// Asserts that a drain was complete and exact.
pub fn assert_exact(drained: &Drained<Seen>, scenario: &Scenario) {
    let name = drained.scheduler;
    assert!(drained.verification.is_exact(), "{name}: {drained:?}");
    assert_eq!(drained.failure, None, "{name}");
    assert!(!drained.interrupted && drained.observer.drained.is_some(), "{name}: {drained:?}");
    assert_eq!(drained.observer.failures, [""; 0], "{name}");
    let backlog: u64 = scenario.topics.iter().map(|t| t.backlog).sum();
    assert_eq!(drained.verification.delivered, backlog + drained.observer.late, "{name}");
}
