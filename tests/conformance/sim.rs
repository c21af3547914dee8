//! The simulated arm: librdkafka's model, on a network of a millisecond.

use fairdrain::broker::Broker;
use fairdrain::broker::sim::{SimBroker, world_config};
use fairdrain::scenario::{
    Application, Arrival, Brokers, Client, Commit, Consumer, Fault, FaultKind, Group, Limits, Network, Scenario,
    Scheduler, Sizes, Start,
};
use fairdrain::{Duration, Time};
use fairdrain_sim::World;

use crate::arm::{Layout, Open, Plan, Topic, Trouble, VALUE_BYTES};

pub(crate) struct SimCluster {
    layout: Layout,
    /// Of the first member; what has been joined is gone.
    waiting: Option<SimBroker>,
}

impl SimCluster {
    pub(crate) fn new(layout: Layout) -> Self {
        let plan = &layout.members[0];
        let config = world_config(&scenario(&layout, plan), Client::Librdkafka, plan.scheduler, plan.cap);
        Self { waiting: Some(SimBroker::new(World::new(&config))), layout }
    }
}

impl Open for SimCluster {
    fn join(&mut self, _: usize) -> (Box<dyn Broker>, Time) {
        (Box::new(self.waiting.take().expect("one member")), Time::ZERO)
    }

    fn outage(&self) -> (Option<Time>, Option<Time>) {
        let of = |at: fn(&crate::arm::Outage) -> Duration| self.layout.outage.as_ref().map(|o| Time::ZERO + at(o));
        (of(|o| o.from), of(|o| o.until))
    }

    fn late(&mut self) -> (Time, Time) {
        let after = self.layout.topics.iter().find_map(|t| t.late).expect("the layout has late records").0;
        (Time::ZERO + after, Time::ZERO + after)
    }
}

fn scenario(layout: &Layout, plan: &Plan) -> Scenario {
    let failing = layout.outage;
    Scenario {
        name: "conformance".to_owned(),
        description: String::new(),
        seed: 1,
        topics: layout.topics.iter().enumerate().map(|(i, t)| topic(t, layout.led_elsewhere(i))).collect(),
        group: Group::default(),
        instances: Vec::new(),
        consumer: Consumer {
            client: Client::Librdkafka,
            max_poll_records: plan.cap,
            poll_timeout: Duration::from_millis(100),
            fill: None,
            start: if plan.group.is_some() { Start::Group } else { Start::Assign },
            commit: Commit::PerBatch,
            fetch_min_bytes: 1,
            fetch_max_bytes: None,
            max_partition_fetch_bytes: if layout.prefetches_little { Layout::FETCH_BYTES } else { 1 << 20 },
            fetch_max_wait: None,
            queued_min_messages: layout.prefetches_little.then_some(Layout::QUEUED),
            queued_max_messages_kbytes: None,
            fetch_queue_backoff: layout.prefetches_little.then_some(Layout::QUEUE_BACKOFF),
        },
        scheduler: Scheduler { names: vec![plan.scheduler], max_poll_records: None, starvation_bound: None },
        application: Application {
            per_record: plan.per_record,
            per_batch: Duration::ZERO,
            workers: 1,
            blocking: false,
        },
        network: Network { latency: Duration::from_millis(1), jitter: Duration::ZERO, bandwidth: None },
        brokers: Brokers { count: 2, service: Duration::from_micros(200), fetch_max_bytes: 55 << 20 },
        faults: failing
            .iter()
            .map(|outage| Fault {
                from: outage.from,
                until: outage.until,
                kind: match outage.kind {
                    Trouble::LeaderGone => FaultKind::BrokerDown(1),
                    Trouble::FetchError | Trouble::Deleted | Trouble::Unauthorised => {
                        FaultKind::TopicFails(outage.topic as u32)
                    }
                },
            })
            .collect(),
        limits: Limits { time: Duration::from_secs(3_600), polls: 1_000_000 },
    }
}

fn topic(topic: &Topic, leader: u32) -> fairdrain::scenario::Topic {
    fairdrain::scenario::Topic {
        name: topic.name.to_owned(),
        partitions: topic.partitions,
        backlog: u64::from(topic.partitions) * u64::from(topic.records),
        value_bytes: Sizes::Fixed(VALUE_BYTES as u32),
        key_bytes: 4,
        batch_records: 100,
        compression_millis: 1000,
        // One batch: the next would come after the end.
        arrival: topic.late.map(|(after, records)| Arrival {
            records_per_kilosecond: (u128::from(records) * 1_000_000_000_000 / u128::from(after.as_nanos())) as u64,
            batch_records: records,
            until: after + Duration::from_millis(1),
        }),
        keys: 10,
        weight: 1,
        partitioner: None,
        required: true,
        leader,
        processing_per_record: None,
    }
}
