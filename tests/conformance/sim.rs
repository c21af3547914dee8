//! The simulated arm: librdkafka's model, on a network of a millisecond.

use std::cell::RefCell;
use std::rc::Rc;

use fairdrain::broker::Broker;
use fairdrain::broker::sim::{SimBroker, SimMember, world_config};
use fairdrain::scenario::{
    Application, Arrival, Brokers, Client, Commit, Consumer, Fault, FaultKind, Group, Limits, Network, Scenario,
    Scheduler, Sizes, Start,
};
use fairdrain::{Duration, Time};
use fairdrain_sim::World;
use fairdrain_sim::fleet::{Fleet, FleetConfig, InstanceConfig};
use fairdrain_sim::group::{self, Assignor, GroupConfig};

use crate::arm::{Layout, Open, Plan, Protocol, Topic, Trouble, VALUE_BYTES};

pub(crate) struct SimCluster {
    layout: Layout,
    members: Members,
}

enum Members {
    /// The only one, without a group; gone once it has joined.
    One(Option<Box<SimBroker>>),
    /// Members of groups.
    Fleet(Rc<RefCell<Fleet>>),
}

impl SimCluster {
    pub(crate) fn new(layout: Layout) -> Self {
        let world = |plan: &Plan| world_config(&scenario(&layout, plan), Client::Librdkafka, plan.scheduler, plan.cap);
        let members = if layout.members.iter().any(|plan| plan.group.is_some()) {
            let instance = |plan: &Plan| InstanceConfig {
                world: world(plan),
                group_ids: group_ids(&layout, plan),
                static_id: None,
            };
            let instances = layout.members.iter().map(instance).collect();
            Members::Fleet(Rc::new(RefCell::new(Fleet::new(&FleetConfig { group: group(&layout), instances }))))
        } else {
            assert_eq!(layout.members.len(), 1, "without a group there is nothing that members could share");
            Members::One(Some(Box::new(SimBroker::new(World::new(&world(&layout.members[0]))))))
        };
        Self { members, layout }
    }
}

fn group(layout: &Layout) -> GroupConfig {
    let (protocol, assignor) = match layout.protocol {
        Protocol::Eager => (group::Protocol::Classic, Assignor::Range),
        Protocol::Cooperative => (group::Protocol::Classic, Assignor::CooperativeSticky),
        Protocol::Consumer => (group::Protocol::Consumer, Assignor::Uniform),
    };
    GroupConfig {
        assignor,
        session_timeout: Layout::SESSION_TIMEOUT,
        heartbeat_interval: Layout::HEARTBEAT_INTERVAL,
        max_poll_interval: layout.max_poll_interval,
        initial_rebalance_delay: Duration::ZERO,
        ..GroupConfig::of(protocol)
    }
}

fn group_ids(layout: &Layout, plan: &Plan) -> Vec<String> {
    let base = plan.group.expect("all members are in groups, or none");
    match plan.scheduler.consumers(layout.topics.len()).as_slice() {
        [_] => vec![base.to_owned()],
        all => all.iter().map(|ids| format!("{base}-{}", layout.topics[ids[0].index()].name)).collect(),
    }
}

impl Open for SimCluster {
    fn join(&mut self, member: usize) -> (Box<dyn Broker>, Time) {
        match &mut self.members {
            Members::One(broker) => (broker.take().expect("it joins once"), Time::ZERO),
            Members::Fleet(fleet) => {
                let now = fleet.borrow().now();
                (Box::new(SimMember::new(Rc::clone(fleet), member as u32)), now)
            }
        }
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
            costs: None,
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
                    Trouble::FetchError => FaultKind::TopicFails(outage.topic as u32),
                    kind => panic!("{kind:?} can't be made to happen here"),
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
