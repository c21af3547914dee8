//! A few words to say who runs when, and what must be true of it.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use fairdrain_sim::client::{self, aiokafka, ideal, java, kafka_python, librdkafka};
use fairdrain_sim::config::{Application, Brokers, ConsumerConfig, Network, Start, TopicConfig, WorldConfig};
use fairdrain_sim::event::Ties;
use fairdrain_sim::fleet::{Fleet, FleetConfig, InstanceConfig};
use fairdrain_sim::group::{GroupConfig, Refusal};
use fairdrain_sim::log::Log;
use fairdrain_sim::{ConsumerId, Duration, Fatal, Fill, Output, PartitionId, Sizes, Time, TopicId};

pub const C: ConsumerId = ConsumerId(0);

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn at(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

pub fn clients() -> [client::Settings; 5] {
    [ideal(), librdkafka(), aiokafka(), java(), kafka_python()]
}

pub fn ideal() -> client::Settings {
    client::Settings::Ideal(ideal::Settings::default())
}

pub fn librdkafka() -> client::Settings {
    client::Settings::Librdkafka(librdkafka::Settings::default())
}

pub fn aiokafka() -> client::Settings {
    client::Settings::Aiokafka(aiokafka::Settings::default())
}

pub fn java() -> client::Settings {
    client::Settings::Java(java::Settings::new(java::Version::V4_0, java::Protocol::Classic))
}

pub fn kafka_python() -> client::Settings {
    client::Settings::KafkaPython(kafka_python::Settings::of(kafka_python::Version::V3_0))
}

pub fn p(topic: u32, partition: u32) -> PartitionId {
    PartitionId { topic: TopicId(topic), partition }
}

/// One consumer with all of these topics.
pub fn world(client: client::Settings, topics: &[(&str, u32, u64)]) -> WorldConfig {
    let topic = |(name, partitions, backlog): &(&str, u32, u64)| TopicConfig {
        name: (*name).to_owned(),
        logs: vec![Log::new(*backlog, 100, Sizes::Fixed(200), 10, 1000, 1); *partitions as usize],
        leader: 0,
        per_record: Duration::ZERO,
        arrival: None,
    };
    let topics: Vec<TopicConfig> = topics.iter().map(topic).collect();
    WorldConfig {
        seed: 1,
        ties: Ties::Fifo,
        consumers: vec![ConsumerConfig { topics: 0..topics.len() as u32, client, takes: false, start: Start::Group }],
        topics,
        network: Network { latency: Duration::from_micros(50), jitter: Duration::ZERO, bandwidth: None },
        brokers: Brokers { count: 1, service: Duration::from_micros(200), fetch_max_bytes: 57_671_680 },
        application: Application { workers: 1, per_batch: Duration::ZERO, blocking: false },
        faults: vec![],
        alarms: vec![],
    }
}

/// Instances that differ in nothing, all in group `g`.
pub fn fleet(
    group: GroupConfig,
    client: &client::Settings,
    instances: u32,
    topics: &[(&str, u32, u64)],
) -> FleetConfig {
    let instance =
        |_| InstanceConfig { world: world(client.clone(), topics), group_ids: vec!["g".to_owned()], static_id: None };
    FleetConfig { group, instances: (0..instances).map(instance).collect() }
}

/// What a test does, and when.
#[derive(Clone, Copy, Debug)]
pub enum Do {
    Open(u32),
    Close(u32),
    Crash(u32),
}

/// What has been seen of one instance.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub owned: Vec<PartitionId>,
    /// What it may go on processing although it is being taken away, until when.
    pub held: Option<(Vec<PartitionId>, Time)>,
    /// Per partition: the next offset to be processed.
    pub processed: BTreeMap<PartitionId, i64>,
    /// Processed, and not committed yet.
    pub dirty: BTreeMap<PartitionId, i64>,
    pub delivered: u64,
    pub commits: u32,
    pub refused: Vec<Refusal>,
    pub fatal: Option<Fatal>,
    pub lost: u32,
    pub revoked: Vec<(Time, Vec<PartitionId>)>,
    pub assigned: Vec<(Time, Vec<PartitionId>)>,
    batches: BTreeMap<u64, Vec<fairdrain_sim::Run>>,
    busy: bool,
    committing: bool,
    polling: bool,
    polled: Time,
}

/// A fleet whose instances poll, process, commit and poll again.
#[derive(Clone, Debug)]
pub struct Team {
    pub fleet: Fleet,
    pub seen: Vec<Seen>,
    pub cap: u32,
    pub wait: Duration,
    pub commits: bool,
    /// Holds each revocation until its deadline.
    pub holds: bool,
    /// The clients' poll interval, if they watch it.
    pub interval: Option<Duration>,
    /// Whether what has failed for good is started again.
    pub restarts: bool,
    /// Two may have a partition at a time.
    pub may_overlap: bool,
    script: Vec<(Time, Do)>,
    /// Per partition: the ends of what has been processed by anybody.
    pub all: BTreeMap<PartitionId, i64>,
    pub again: u64,
    names: Vec<String>,
}

impl Team {
    pub fn new(config: &FleetConfig) -> Self {
        let instances = config.instances.len();
        use client::Settings::{Aiokafka, Java, KafkaPython};
        let watches = matches!(config.instances[0].world.consumers[0].client, Aiokafka(_) | Java(_) | KafkaPython(_));
        Self {
            fleet: Fleet::new(config),
            seen: vec![Seen::default(); instances],
            cap: 50,
            wait: ms(100),
            commits: true,
            holds: false,
            restarts: false,
            may_overlap: false,
            interval: watches.then_some(config.group.max_poll_interval),
            script: Vec::new(),
            all: BTreeMap::new(),
            again: 0,
            names: config.instances[0].world.topics.iter().map(|t| t.name.clone()).collect(),
        }
    }

    pub fn then(mut self, ms: u64, what: Do) -> Self {
        self.script.push((at(ms), what));
        self.script.sort_by_key(|(at, _)| *at);
        self
    }

    /// All of them, at once.
    pub fn open_all(mut self) -> Self {
        for i in 0..self.seen.len() as u32 {
            self = self.then(0, Do::Open(i));
        }
        self
    }

    pub fn committed(&self, partition: PartitionId) -> Option<i64> {
        self.fleet.coordinator().committed("g", &self.names[partition.topic.index()], partition.partition)
    }

    /// Goes on until this time.
    pub fn until(mut self, end: u64) -> Self {
        let end = at(end);
        loop {
            let due = self.script.first().copied().filter(|(at, _)| *at <= end);
            let stop = due.map_or(end, |(at, _)| at);
            match self.fleet.next_before(stop) {
                Some((now, i, output)) => self.answer(now, i, output),
                None => match due {
                    Some((_, what)) => {
                        self.script.remove(0);
                        self.perform(what);
                    }
                    None => return self,
                },
            }
        }
    }

    fn perform(&mut self, what: Do) {
        match what {
            Do::Open(i) if !self.fleet.is_open(i) => {
                self.reset(i);
                self.fleet.world_mut(i).open();
            }
            Do::Close(i) if self.fleet.is_open(i) => self.fleet.world_mut(i).close(),
            Do::Crash(i) if self.fleet.is_open(i) => {
                self.fleet.crash(i);
                self.reset(i);
            }
            _ => {}
        }
    }

    fn reset(&mut self, i: u32) {
        let seen = &mut self.seen[i as usize];
        seen.fatal = None;
        seen.owned.clear();
        seen.held = None;
        seen.processed.clear();
        seen.dirty.clear();
        seen.batches.clear();
        (seen.busy, seen.committing, seen.polling) = (false, false, false);
    }

    fn answer(&mut self, now: Time, i: u32, output: Output) {
        let seen = &mut self.seen[i as usize];
        match output {
            Output::Assigned { partitions, .. } => {
                for p in &partitions {
                    assert!(!seen.owned.contains(p), "assigned twice");
                }
                seen.owned.extend(&partitions);
                seen.assigned.push((now, partitions.clone()));
                for (j, other) in self.seen.iter().enumerate() {
                    let holds = |p: &PartitionId| {
                        other.owned.contains(p)
                            || other.held.as_ref().is_some_and(|(held, by)| *by > now && held.contains(p))
                    };
                    // Who has not polled for too long is out, and does not know it yet.
                    let late = self.interval.is_some_and(|interval| other.busy && other.polled + interval <= now);
                    if j != i as usize && self.fleet.is_open(j as u32) && !late && !self.may_overlap {
                        assert!(!partitions.iter().any(holds), "{now}: {i} is given what {j} still has");
                    }
                }
                self.poll(i);
            }
            Output::Revoking { partitions, lost, by, .. } => {
                seen.owned.retain(|p| !partitions.contains(p));
                seen.revoked.push((now, partitions.clone()));
                for p in &partitions {
                    seen.processed.remove(p);
                    seen.dirty.remove(p);
                }
                for runs in seen.batches.values_mut() {
                    runs.retain(|run| !partitions.contains(&run.partition));
                }
                if lost {
                    seen.lost += 1;
                    seen.held = None;
                } else {
                    seen.held = Some((partitions, by));
                    if !self.holds {
                        self.release(i);
                    }
                }
            }
            Output::Delivered { batch, runs, .. } => {
                (seen.polling, seen.polled) = (false, now);
                for run in &runs {
                    assert!(seen.owned.contains(&run.partition), "{now}: {i} is handed what it does not have");
                    if let Some(next) = seen.processed.insert(run.partition, run.next) {
                        assert_eq!(next, run.first, "in order, each once");
                    }
                    seen.delivered += u64::from(run.records);
                }
                if runs.is_empty() {
                    self.commit(i);
                } else {
                    seen.batches.insert(batch.0, runs);
                    seen.busy = true;
                    self.fleet.world_mut(i).process(batch);
                }
            }
            Output::Processed(batch) => {
                seen.busy = false;
                let runs = seen.batches.remove(&batch.0).unwrap_or_default();
                for run in &runs {
                    let end = self.all.entry(run.partition).or_insert(0);
                    assert!(run.first <= *end, "{now}: a gap: nobody has processed what is before {run:?}");
                    self.again += (*end - run.first).clamp(0, i64::from(run.records)) as u64;
                    *end = (*end).max(run.next);
                }
                seen.dirty.extend(runs.iter().map(|run| (run.partition, run.next)));
                self.commit(i);
            }
            Output::Committed(_) => {
                seen.committing = false;
                seen.commits += 1;
                seen.dirty.clear();
                self.poll(i);
            }
            Output::CommitFailed { reason, .. } => {
                seen.committing = false;
                seen.refused.push(reason);
                self.poll(i);
            }
            Output::Fatal { reason, .. } => {
                // Whoever looks after the service starts it again.
                seen.fatal = Some(reason);
                self.fleet.world_mut(i).close();
                if self.restarts {
                    self.script.push((now + secs(10), Do::Open(i)));
                    self.script.sort_by_key(|(at, _)| *at);
                }
            }
            Output::Closed => {
                let fatal = self.seen[i as usize].fatal;
                self.reset(i);
                self.seen[i as usize].fatal = fatal;
            }
            output => panic!("{output:?}"),
        }
        self.check();
    }

    /// The application lets go of what is revoked.
    pub fn release(&mut self, i: u32) {
        self.seen[i as usize].held = None;
        self.fleet.world_mut(i).revoke_done(C);
    }

    /// Commits what has been processed and is not committed, or goes on.
    fn commit(&mut self, i: u32) {
        let seen = &mut self.seen[i as usize];
        let offsets: Vec<_> = seen.dirty.iter().map(|(p, next)| (*p, *next)).collect();
        if self.commits && !offsets.is_empty() {
            seen.committing = true;
            self.fleet.world_mut(i).commit(C, &offsets);
        } else {
            self.poll(i);
        }
    }

    fn poll(&mut self, i: u32) {
        let seen = &mut self.seen[i as usize];
        if !(seen.polling || seen.busy || seen.committing || seen.owned.is_empty() || seen.fatal.is_some()) {
            seen.polling = true;
            self.fleet.world_mut(i).poll(C, self.cap, self.wait, Fill::First);
        }
    }

    /// Nothing is committed that nobody has processed.
    fn check(&self) {
        for (&partition, &end) in &self.all {
            let committed = self.committed(partition).unwrap_or(0);
            assert!(committed <= end, "{partition:?}: {committed} is committed, {end} processed");
        }
    }

    pub fn total(&self) -> i64 {
        self.all.values().sum()
    }
}
