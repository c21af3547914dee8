//! A few words to say what is drained, by whom, and what the polls were.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]

use fairdrain_sim::choice::{Choice, Point};
use fairdrain_sim::client::{self, aiokafka, ideal, kafka_python, librdkafka};
use fairdrain_sim::config::{
    Application, Arrival, Brokers, ConsumerConfig, Fault, FaultKind, Network, Start, TopicConfig, WorldConfig,
};
use fairdrain_sim::event::Ties;
use fairdrain_sim::log::Log;
use fairdrain_sim::{ConsumerId, Duration, Fill, Output, PartitionId, Time, TopicId, World};

/// The documented backlog.
pub const DOCUMENTED: [(&str, u64); 5] = [("A", 10_000), ("B", 5_000), ("C", 100), ("D", 50), ("E", 10)];

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn aiokafka() -> client::Settings {
    client::Settings::Aiokafka(aiokafka::Settings::default())
}

pub fn librdkafka() -> client::Settings {
    client::Settings::Librdkafka(librdkafka::Settings::default())
}

pub fn kafka_python(version: kafka_python::Version) -> client::Settings {
    client::Settings::KafkaPython(kafka_python::Settings::of(version))
}

pub fn ideal() -> client::Settings {
    client::Settings::Ideal(ideal::Settings::default())
}

/// What is drained by one consumer that polls, processes, and polls again.
#[derive(Clone)]
pub struct Drain {
    pub config: WorldConfig,
    pub cap: u32,
    pub wait: Duration,
    pub commits: bool,
    pub choices: Vec<Choice>,
}

impl Drain {
    /// One-partition topics of 100-record batches, recorded layout: 10-byte keys, uncompressed.
    pub fn new(client: client::Settings, backlogs: &[(&str, u64)], value_bytes: u32, cap: u32) -> Self {
        let topics: Vec<TopicConfig> = backlogs
            .iter()
            .map(|(name, records)| TopicConfig {
                name: (*name).to_owned(),
                logs: vec![Log::new(*records, 100, fairdrain_sim::Sizes::Fixed(value_bytes), 10, 1000, 1)],
                leader: 0,
                per_record: Duration::ZERO,
                arrival: None,
            })
            .collect();
        let consumer = ConsumerConfig { topics: 0..topics.len() as u32, client, takes: false, start: Start::Assign };
        let config = WorldConfig {
            seed: 1,
            ties: Ties::Fifo,
            topics,
            consumers: vec![consumer],
            network: Network { latency: Duration::from_micros(50), jitter: Duration::ZERO, bandwidth: None },
            brokers: Brokers { count: 1, service: Duration::from_micros(200), fetch_max_bytes: 57_671_680 },
            application: Application { workers: 1, per_batch: Duration::ZERO, blocking: false },
            faults: vec![],
            alarms: vec![],
        };
        Self { config, cap, wait: ms(1000), commits: false, choices: vec![] }
    }

    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    pub fn group(mut self) -> Self {
        self.config.consumers[0].start = Start::Group;
        self
    }

    /// Work on one record, awaited.
    pub fn work(mut self, per_record: Duration) -> Self {
        self.config.topics.iter_mut().for_each(|t| t.per_record = per_record);
        self
    }

    pub fn blocking(mut self) -> Self {
        self.config.application.blocking = true;
        self
    }

    pub fn fault(mut self, from: u64, until: u64, kind: FaultKind) -> Self {
        self.config.faults.push(Fault { from: ms(from), until: ms(until), kind });
        self
    }

    pub fn arrival(mut self, topic: usize, every: Duration, until: Duration) -> Self {
        self.config.topics[topic].arrival = Some(Arrival { every, until, first_partition: 0 });
        self
    }

    /// The first fetch lists the topics in this order (by place).
    pub fn first_order(mut self, order: &[u64]) -> Self {
        let (point, value) = (Point::AiokafkaRequestOrder, order.to_vec());
        self.choices.push(Choice { point, entity: 0, value });
        self
    }

    pub fn world(&self) -> World {
        let mut world = World::new(&self.config);
        world.choices().play(self.choices.clone());
        world
    }

    pub fn total(&self) -> u64 {
        self.config.topics.iter().flat_map(|t| &t.logs).map(|log| log.end() as u64).sum()
    }

    pub fn run(&self) -> Drained {
        let mut world = self.world();
        world.open();
        Drained::default().go_on(self, &mut world, self.total())
    }
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Per poll: topic (place) and records, in the order handed out; and when it returned.
    pub polls: Vec<(Time, Vec<(u32, u32)>)>,
    pub delivered: u64,
    pub crashes: u32,
    pub failures: Vec<TopicId>,
    pub fingerprint: u64,
    /// Next offset to be delivered, per topic (of partition 0).
    pub positions: Vec<i64>,
}

impl Drained {
    /// Goes on polling until `total` records have been delivered in all, or 20 000 polls have not done it.
    pub fn go_on(mut self, drain: &Drain, world: &mut World, total: u64) -> Self {
        let c = ConsumerId(0);
        self.positions.resize(drain.config.topics.len(), 0);
        let poll = |world: &mut World| world.poll(c, drain.cap, drain.wait, native_fill(drain));
        while self.delivered < total && self.polls.len() < 20_000 {
            let (now, output) = world.next().expect("a polling consumer always gets an answer");
            match output {
                Output::Assigned { .. } | Output::Committed(_) => poll(world),
                Output::Delivered { batch, runs, .. } => {
                    self.polls.push((now, runs.iter().map(|r| (r.partition.topic.0, r.records)).collect()));
                    for run in &runs {
                        let position = &mut self.positions[run.partition.topic.index()];
                        if run.partition.partition == 0 && self.crashes == 0 {
                            assert_eq!(run.first, *position, "in order, each once");
                        }
                        *position = run.next;
                        self.delivered += u64::from(run.records);
                    }
                    if runs.is_empty() { poll(world) } else { world.process(batch) }
                }
                Output::Processed(_) if drain.commits => {
                    let partition = |t: usize| PartitionId { topic: TopicId(t as u32), partition: 0 };
                    let offsets: Vec<_> = self.positions.iter().enumerate().map(|(t, o)| (partition(t), *o)).collect();
                    world.commit(c, &offsets);
                }
                Output::Processed(_) => poll(world),
                Output::FetchFailed { topic, .. } => self.failures.push(topic),
                Output::Crashed => {
                    self.crashes += 1;
                    world.open();
                }
                output => panic!("{output:?}"),
            }
        }
        self.fingerprint = world.fingerprint();
        self
    }

    /// As `A500 B20`, one poll a line.
    pub fn lines(&self, names: &[(&str, u64)]) -> Vec<String> {
        let poll = |runs: &Vec<(u32, u32)>| {
            runs.iter().map(|(t, n)| format!("{}{n}", names[*t as usize].0)).collect::<Vec<_>>().join(" ")
        };
        self.polls.iter().map(|(_, runs)| poll(runs)).collect()
    }

    /// Records per topic and poll, whatever their order.
    pub fn counts(&self, topics: usize) -> Vec<Vec<u32>> {
        let poll = |runs: &Vec<(u32, u32)>| {
            (0..topics as u32).map(|t| runs.iter().filter(|r| r.0 == t).map(|r| r.1).sum()).collect()
        };
        self.polls.iter().map(|(_, runs)| poll(runs)).collect()
    }
}

fn native_fill(drain: &Drain) -> Fill {
    match drain.config.consumers[0].client {
        client::Settings::Librdkafka(_) => Fill::Full,
        _ => Fill::First,
    }
}
