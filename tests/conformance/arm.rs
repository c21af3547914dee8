//! The arms, what is laid out on them, and who opens it.

use fairdrain::broker::Broker;
use fairdrain::policy::Name;
use fairdrain::{Duration, Time};

use crate::DIFFERENCES;
use crate::planted::{Defect, Planted};

/// Records' values have so many bytes.
pub(crate) const VALUE_BYTES: u64 = 100;

/// A backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arm {
    /// The simulated world, in virtual time.
    Sim,
    /// librdkafka on its mock cluster.
    Mock,
    /// librdkafka on the cluster in `FAIRDRAIN_KAFKA`.
    Real,
}

/// What may differ from arm to arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A fetch without data waits for its timeout even if data comes.
    ParkedFetchLasts,
    /// `group.protocol=consumer` is not there.
    NoConsumerProtocol,
    /// A rebalance waits for members that will not come.
    LeavingIsSlow,
    /// A group takes no commits from the moment at which somebody wants to join.
    NoCommitInRebalance,
    /// This can't be made to happen.
    No(Trouble),
}

/// A place to run a body: an arm, perhaps with a defect that the body has to find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) arm: Arm,
    defect: Option<Defect>,
}

impl Stage {
    pub(crate) fn on(arm: Arm) -> Self {
        Self { arm, defect: None }
    }

    pub(crate) fn with(self, defect: Defect) -> Self {
        Self { defect: Some(defect), ..self }
    }

    /// Whether this arm differs here; says why.
    pub(crate) fn differs(&self, point: Point) -> bool {
        let row = DIFFERENCES.iter().find(|(arm, p, _)| *arm == self.arm && *p == point);
        if let Some((arm, point, why)) = row {
            println!("{arm:?} differs, {point:?}: {why}");
        }
        row.is_some()
    }

    /// A cluster with this on it.
    pub(crate) fn lay_out(&self, layout: Layout) -> Cluster {
        let takes = layout.members.iter().map(|plan| plan.scheduler.takes()).collect();
        let inner: Box<dyn Open> = match self.arm {
            Arm::Sim => Box::new(crate::sim::SimCluster::new(layout)),
            #[cfg(feature = "kafka")]
            Arm::Mock => Box::new(crate::kafka::KafkaCluster::mock(layout)),
            #[cfg(feature = "kafka")]
            Arm::Real => Box::new(crate::kafka::KafkaCluster::real(layout)),
            #[cfg(not(feature = "kafka"))]
            arm => unreachable!("no test of {arm:?} is made without the feature kafka"),
        };
        Cluster { inner, defect: self.defect, takes }
    }
}

/// A cluster with topics, and members that may join.
pub(crate) struct Cluster {
    inner: Box<dyn Open>,
    defect: Option<Defect>,
    /// By member.
    takes: Vec<bool>,
}

/// What an arm provides.
pub(crate) trait Open {
    /// A member of the layout, not opened yet, and the time it begins at.
    fn join(&mut self, member: usize) -> (Box<dyn Broker>, Time);

    /// When the outage of the layout began and was over, in the first member's time, as far as it has come.
    fn outage(&self) -> (Option<Time>, Option<Time>);

    /// When the late records began to be written, and were; likewise. Waits for it.
    fn late(&mut self) -> (Time, Time);
}

impl Cluster {
    pub(crate) fn join(&mut self, member: usize) -> (Box<dyn Broker>, Time) {
        let (broker, now) = self.inner.join(member);
        match self.defect {
            None => (broker, now),
            Some(defect) => (Box::new(Planted::new(broker, defect)), now),
        }
    }

    /// Whether a member takes instead of polling.
    pub(crate) fn takes(&self, member: usize) -> bool {
        self.takes[member]
    }

    pub(crate) fn outage(&self) -> (Option<Time>, Option<Time>) {
        self.inner.outage()
    }

    pub(crate) fn late(&mut self) -> (Time, Time) {
        self.inner.late()
    }
}

/// What there is, and who may read it.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) topics: Vec<Topic>,
    pub(crate) members: Vec<Plan>,
    pub(crate) outage: Option<Outage>,
    /// Small fetches and queues: what fails is seen to fail soon, because little has been fetched before.
    pub(crate) prefetches_little: bool,
    pub(crate) protocol: Protocol,
    pub(crate) max_poll_interval: Duration,
    /// A second less than this is how long a rebalance of the mock cluster lasts, and a revocation may at most.
    pub(crate) session_timeout_mock: Duration,
}

/// How partitions change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// All of them are given back first: `range`.
    Eager,
    /// Those that move: `cooperative-sticky`.
    Cooperative,
    /// Likewise, assigned by the broker: `group.protocol=consumer`.
    Consumer,
}

/// A topic with known records.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) partitions: u32,
    /// In each partition.
    pub(crate) records: u32,
    /// Records that come to partition 0 so long after the first member has joined.
    pub(crate) late: Option<(Duration, u32)>,
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scheduler: Name,
    pub(crate) cap: u32,
    /// The group; none: all partitions from the beginning, without a group.
    pub(crate) group: Option<&'static str>,
    /// Work on a record.
    pub(crate) per_record: Duration,
}

/// Something that keeps one topic from being read for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) kind: Trouble,
    /// Place of the topic.
    pub(crate) topic: usize,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// What it is that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The topic is deleted, and then made anew with the same number of records.
    Deleted,
    /// Reading it is forbidden.
    Unauthorised,
    /// Its leader is gone.
    LeaderGone,
    /// Fetches of it are answered with an error.
    FetchError,
    /// Not the topic's: the group's coordinator does not know the member any more.
    Expelled,
}

pub(crate) fn topic(name: &'static str, partitions: u32, records: u32) -> Topic {
    Topic { name, partitions, records, late: None }
}

impl Topic {
    pub(crate) fn late(self, after: Duration, records: u32) -> Self {
        Self { late: Some((after, records)), ..self }
    }
}

impl Plan {
    /// A member that takes no time for a record.
    pub(crate) fn new(scheduler: Name, cap: u32, group: Option<&'static str>) -> Self {
        Self { scheduler, cap, group, per_record: Duration::ZERO }
    }
}

impl Layout {
    pub(crate) fn new(topics: Vec<Topic>, members: Vec<Plan>) -> Self {
        let max_poll_interval = Duration::from_secs(10);
        let session_timeout_mock = Duration::from_secs(3);
        let protocol = Protocol::Cooperative;
        Self {
            topics,
            members,
            outage: None,
            prefetches_little: false,
            protocol,
            max_poll_interval,
            session_timeout_mock,
        }
    }

    pub(crate) fn protocol(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// One member without a group.
    pub(crate) fn alone(topics: Vec<Topic>, scheduler: Name, cap: u32) -> Self {
        Self::new(topics, vec![Plan::new(scheduler, cap, None)])
    }

    /// How many records there are, those that come late left out.
    pub(crate) fn records(&self) -> u64 {
        self.topics.iter().map(|t| u64::from(t.partitions) * u64::from(t.records)).sum()
    }
}

impl Layout {
    /// With `prefetches_little`: most bytes of a partition in a fetch, records in a queue, and how long a full one is left alone.
    /// Of every group.
    pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
    pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(300);
    pub(crate) const FETCH_BYTES: u32 = 12_000;
    pub(crate) const QUEUED: u32 = 100;
    pub(crate) const QUEUE_BACKOFF: Duration = Duration::from_millis(10);

    /// The broker, 0 or 1, that leads a topic's partitions, as far as it matters: the topic that is to fail has another than the
    /// rest.
    pub(crate) fn led_elsewhere(&self, topic: usize) -> u32 {
        u32::from(self.outage.is_some_and(|o| o.topic == topic))
    }
}
