//! Tells a [`Fold`] what happens, event by event. Times are nanoseconds; records have 10 bytes.
#![allow(dead_code, reason = "each test file uses its part")]

use fairdrain::broker::{Action, Fact, Failure, Input, Signal};
use fairdrain::drive::Observer as _;
use fairdrain::metrics::{Fold, Layout, RunMetrics};
use fairdrain::policy::Name;
use fairdrain::scenario::{
    Application, Brokers, Client, Commit, Consumer, Group, Limits, Network, Scenario, Scheduler, Sizes, Start, Topic,
};
use fairdrain::{BatchId, ConsumerId, Duration, Fill, LocalCause, PartitionId, Run, Time, TopicId, TopicSet};

/// Topic, partition, first offset, records.
pub(crate) type Records = (usize, u32, i64, u32);

pub(crate) fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

pub(crate) fn at(n: u64) -> Time {
    Time::from_nanos(n)
}

/// A required topic of one partition.
pub(crate) fn topic(name: &str, backlog: u64, keys: u32) -> Topic {
    Topic {
        name: name.to_owned(),
        partitions: 1,
        backlog,
        value_bytes: Sizes::Fixed(10),
        key_bytes: 10,
        batch_records: 100,
        compression_millis: 1000,
        arrival: None,
        keys,
        weight: 1,
        partitioner: None,
        required: true,
        leader: 0,
        processing_per_record: None,
    }
}

/// A scenario in which everything but the topics costs nothing and lasts for ever.
pub(crate) fn scenario(topics: Vec<Topic>) -> Scenario {
    Scenario {
        name: "told".to_owned(),
        description: String::new(),
        seed: 7,
        topics,
        group: Group::default(),
        instances: Vec::new(),
        consumer: Consumer {
            client: Client::Ideal,
            max_poll_records: 500,
            poll_timeout: Duration::from_millis(100),
            fill: Some(Fill::First),
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
        scheduler: Scheduler { names: vec![Name::Single], max_poll_records: None, starvation_bound: None },
        application: Application { per_record: ns(0), per_batch: ns(0), workers: 1, blocking: false },
        network: Network { latency: ns(0), jitter: ns(0), bandwidth: None },
        brokers: Brokers { count: 1, service: ns(0), fetch_max_bytes: 50 << 20 },
        faults: Vec::new(),
        limits: Limits { time: Duration::MAX, polls: u64::MAX },
    }
}

/// A layout of a simulated run.
pub(crate) fn layout(consumer_of: &[u32], rounds: bool, credit: u32) -> Layout {
    let consumers = consumer_of.iter().map(|&c| ConsumerId(c)).collect();
    Layout { consumers, rounds, credit, simulated: true }
}

pub(crate) fn run((topic, partition, first, records): Records) -> Run {
    let partition = PartitionId { topic: TopicId(topic as u32), partition };
    Run { partition, first, next: first + i64::from(records), records, bytes: u64::from(records) * 10 }
}

pub(crate) struct Told {
    pub(crate) fold: Fold,
}

impl Told {
    pub(crate) fn new(scenario: &Scenario, layout: &Layout) -> Self {
        Self { fold: Fold::new(scenario, layout) }
    }

    pub(crate) fn poll(&mut self, t: u64, consumer: u32) -> &mut Self {
        let consumer = ConsumerId(consumer);
        self.fold.on_action(at(t), &Action::Poll { consumer, cap: 500, wait: ns(0), fill: Fill::First });
        self
    }

    pub(crate) fn delivered(&mut self, t: u64, consumer: u32, batch: u64, records: &[Records]) -> &mut Self {
        let runs = records.iter().map(|&records| run(records)).collect();
        self.input(t, Input::Delivered { consumer: ConsumerId(consumer), batch: BatchId(batch), runs, dry: vec![] })
    }

    pub(crate) fn poll_failed(&mut self, t: u64, consumer: u32) -> &mut Self {
        let failure = Failure::Poll("no".to_owned());
        self.input(t, Input::Failed { consumer: ConsumerId(consumer), topic: None, failure })
    }

    pub(crate) fn batch_done(&mut self, t: u64, batch: u64) -> &mut Self {
        self.input(t, Input::Processed(BatchId(batch)))
    }

    pub(crate) fn crashed(&mut self, t: u64) -> &mut Self {
        self.input(t, Input::Crashed)
    }

    pub(crate) fn processed(&mut self, started: u64, t: u64, records: Records) -> &mut Self {
        self.fact(t, Fact::Processed { run: run(records), started: at(started) })
    }

    pub(crate) fn busy(&mut self, t: u64, topic: Option<usize>) -> &mut Self {
        self.fact(t, Fact::Busy(topic.map(|topic| TopicId(topic as u32))))
    }

    pub(crate) fn cause(&mut self, t: u64, topic: usize, cause: LocalCause) -> &mut Self {
        self.fact(t, Fact::Cause(TopicId(topic as u32), cause))
    }

    pub(crate) fn fetch_sent(&mut self, t: u64) -> &mut Self {
        self.fact(t, Fact::FetchSent)
    }

    pub(crate) fn fetched(&mut self, t: u64, topic: usize, records: u64, wire_bytes: u64, again: bool) -> &mut Self {
        let topic = TopicId(topic as u32);
        self.fact(t, Fact::Fetched { topic, records, bytes: records * 10, wire_bytes, again })
    }

    pub(crate) fn appended(&mut self, t: u64, topic: usize, records: u64) -> &mut Self {
        self.fact(t, Fact::Appended { topic: TopicId(topic as u32), records })
    }

    pub(crate) fn demand(&mut self) -> Option<TopicSet> {
        self.fold.demand()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.fold.is_done(Time::ZERO)
    }

    pub(crate) fn finish(self, t: u64) -> RunMetrics {
        self.fold.finish(at(t), Some(7))
    }

    fn fact(&mut self, t: u64, fact: Fact) -> &mut Self {
        self.fold.on_signal(&Signal { at: at(t), fact });
        self
    }

    fn input(&mut self, t: u64, input: Input) -> &mut Self {
        self.fold.on_input(at(t), &input);
        self
    }
}
