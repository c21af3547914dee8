//! Opening a broker on topics that exist: for one drain, or as one instance of a service.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::arrivals::Arrivals;
use super::cluster::{Cluster, Options, Target};
use super::conf::Member;
use super::consumer::Setup;
use super::content::Checker;
use super::error::Error;
use super::secrets::{Secrets, Shown};
use super::workers::Workers;
use super::{KafkaBroker, conf};
use crate::policy::Name;
use crate::scenario;
use crate::{ConsumerId, Duration, PartitionId, Run, TopicId};

/// What [`KafkaBroker::connect`] opens: the consumers of one instance, and who processes what they deliver.
///
/// Nothing is loaded, verified or deleted. Two brokers in one process are two members, exactly as two processes would be.
pub struct Consumers {
    /// Where.
    pub target: Target,
    /// The topics.
    pub topics: Vec<Topic>,
    /// How many consumers, and how they hand out.
    pub shape: Shape,
    /// The consumers' groups.
    pub groups: Groups,
    /// Which partitions they have.
    pub share: Share,
    /// Static membership (KIP-345): `group.instance.id`, the same after a restart and no other member's. Consumers that are together
    /// in one group get their number after it, `{instance}-{i}`. A static member that closes does not leave its group: it keeps its
    /// partitions until it is back, or its session has timed out.
    pub instance: Option<String>,
    /// How long a revocation waits for what is in hand to be processed and committed. `None`: 10 s, or half of
    /// `max.poll.interval.ms` where that is less: the group would not wait longer than that interval for this member.
    pub revoke_within: Option<Duration>,
    /// librdkafka's properties for every consumer. They override what the shape needs ([`SplitQueues`](crate::tuning::SplitQueues)).
    pub properties: Vec<(String, String)>,
    /// Who processes what is delivered.
    pub application: Application,
    /// How long to wait for a first answer of the cluster.
    pub connect_timeout: Duration,
    /// How long all brokers may be gone before [`BrokerError::Unreachable`](crate::broker::BrokerError::Unreachable) ends the run.
    pub outage_max: Duration,
    /// Set to true from outside, it makes [`Broker::next`](crate::broker::Broker::next) return a wake soon. What is being processed
    /// is processed to its end: nothing else may be committed.
    pub interrupt: Arc<AtomicBool>,
}

impl Consumers {
    /// Members of groups with librdkafka's defaults, and an application that takes no time.
    #[must_use]
    pub fn new(target: Target, topics: Vec<Topic>, shape: Shape, groups: Groups) -> Self {
        Self {
            target,
            topics,
            shape,
            groups,
            share: Share::Group,
            instance: None,
            revoke_within: None,
            properties: Vec::new(),
            application: Application::sleep(1, Duration::ZERO),
            connect_timeout: Duration::from_secs(10),
            outage_max: OUTAGE_MAX,
            interrupt: Arc::default(),
        }
    }
}

impl Consumers {
    /// The same as one of several instances (numbered from 0) in the group of a scenario: ids, protocol, assignor, intervals, static
    /// membership. What the broker decides of it (the initial delay, the retention of offsets) is the broker's.
    #[must_use]
    pub fn in_group(mut self, group: &scenario::Group, scheduler: Name, instance: u32) -> Self {
        self.groups = match group.ids(scheduler) {
            scenario::Ids::One => Groups::One(group.id.clone()),
            scenario::Ids::PerTopic => Groups::PerTopic(group.id.clone()),
        };
        self.share = Share::Group;
        self.instance = group.is_static.then(|| format!("{}-{instance}", group.id));
        let own = std::mem::take(&mut self.properties);
        self.properties = conf::of_group(group);
        self.properties.extend(own);
        self
    }
}

impl std::fmt::Debug for Consumers {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumers")
            .field("target", &self.target)
            .field("topics", &self.topics)
            .field("shape", &self.shape)
            .field("groups", &self.groups)
            .field("share", &self.share)
            .field("instance", &self.instance)
            .field("properties", &Shown(&self.properties))
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

/// How long all brokers may be gone, unless stated.
pub(super) const OUTAGE_MAX: Duration = Duration::from_secs(10);

/// A topic in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What it is called in a session.
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
}

impl Topic {
    /// Topics of these names and numbers of partitions; a topic's id is its place.
    #[must_use]
    pub fn list(topics: &[(&str, u32)]) -> Vec<Self> {
        let topic = |(id, &(name, partitions)): (usize, &(&str, u32))| Self {
            id: TopicId(id as u32),
            name: name.to_owned(),
            partitions,
        };
        topics.iter().enumerate().map(topic).collect()
    }
}

/// What a scheduler needs of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which topics each consumer has; no topic has two.
    pub consumers: Vec<Vec<TopicId>>,
    /// Whether records are taken topic by topic (split queues, one a partition) instead of polled (one queue a consumer).
    pub takes: bool,
    /// Most records of one hand-over: what the queues of a consumer that takes are tuned for.
    pub cap: u32,
}

impl Shape {
    /// What this scheduler needs for so many topics, whose ids are their places.
    #[must_use]
    pub fn of(scheduler: Name, topics: usize, cap: u32) -> Self {
        Self { consumers: scheduler.consumers(topics), takes: scheduler.takes(), cap }
    }
}

/// The groups in which consumers commit, and are members if they share partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// All consumers are in one group.
    One(String),
    /// Each consumer is in a group of its own topic, `{base}-{topic}`.
    PerTopic(String),
}

/// How consumers get their partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// They subscribe; the group hands partitions out. Consumption begins at the committed position, or else at
    /// `auto.offset.reset`, which is `earliest` unless the properties say otherwise.
    Group,
    /// These partitions and no others, for as long as the consumers live: no membership, no rebalance.
    Assign {
        /// Which.
        partitions: Vec<PartitionId>,
        /// Where to begin.
        from: Position,
    },
}

impl Share {
    /// All partitions of these topics.
    #[must_use]
    pub fn all(topics: &[Topic], from: Position) -> Self {
        let of = |t: &Topic| {
            let topic = t.id;
            (0..t.partitions).map(move |partition| PartitionId { topic, partition })
        };
        Self::Assign { partitions: topics.iter().flat_map(of).collect(), from }
    }

    /// What instance `instance` (from 0) of `instances` has: of every topic the partitions p with p mod `instances` = `instance`.
    /// So the records of one key are on one instance, if the topics are co-partitioned.
    ///
    /// # Panics
    /// If there are no instances.
    #[must_use]
    pub fn of_instance(topics: &[Topic], instance: u32, instances: u32, from: Position) -> Self {
        let of = |t: &Topic| {
            let topic = t.id;
            (0..t.partitions)
                .filter(move |p| p % instances == instance)
                .map(move |p| PartitionId { topic, partition: p })
        };
        Self::Assign { partitions: topics.iter().flat_map(of).collect(), from }
    }
}

/// Where an explicit assignment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// At offset 0; at `auto.offset.reset` where that is gone already.
    Beginning,
    /// At the group's committed position, or else at `auto.offset.reset`.
    Committed,
    /// At this offset of every partition; at `auto.offset.reset` where that is gone already, or not there yet.
    Offset(i64),
}

/// Who processes what is delivered. One run is processed by one worker, and a partition is with one worker at a time.
pub enum Application {
    /// Threads that sleep.
    Sleep {
        /// How many threads.
        workers: u32,
        /// For each batch.
        per_batch: Duration,
        /// For each record.
        per_record: Duration,
        /// For each record of these topics, instead of the former.
        of_topic: Vec<(TopicId, Duration)>,
    },
    /// A thread for each of these, which is called with every run it is to process. One that panics ends the run with
    /// [`BrokerError::Refused`](crate::broker::BrokerError::Refused).
    Callback(Vec<Box<dyn FnMut(Run) + Send>>),
}

impl Application {
    /// Threads that sleep as long for each record.
    #[must_use]
    pub fn sleep(workers: u32, per_record: Duration) -> Self {
        Self::Sleep { workers, per_batch: Duration::ZERO, per_record, of_topic: Vec::new() }
    }

    /// One thread that calls this.
    #[must_use]
    pub fn callback(process: impl FnMut(Run) + Send + 'static) -> Self {
        Self::Callback(vec![Box::new(process)])
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sleep { workers, per_batch, per_record, of_topic } => f
                .debug_struct("Sleep")
                .field("workers", workers)
                .field("per_batch", per_batch)
                .field("per_record", per_record)
                .field("of_topic", of_topic)
                .finish(),
            Self::Callback(workers) => write!(f, "Callback({} workers)", workers.len()),
        }
    }
}

/// What only a benchmark has.
#[derive(Default)]
pub(super) struct Extras {
    /// One a consumer; none: what is delivered is not checked.
    pub(super) checkers: Vec<Checker>,
    pub(super) arrivals: Option<Arrivals>,
    /// An interrupt ends the sleeps of the application, as if the records had been processed.
    pub(super) cuts_sleeps: bool,
}

impl KafkaBroker {
    /// Opens consumers on topics that exist. They subscribe or assign at [`Action::Open`](crate::broker::Action::Open).
    ///
    /// Waits for a first answer of the cluster, and creates, deletes and verifies nothing.
    ///
    /// # Errors
    /// [`Error`] if shape, groups, share or properties contradict each other or are unknown, or the cluster does not answer.
    pub fn connect(consumers: Consumers) -> Result<Self, Error> {
        let secrets = Secrets::of(&consumers.properties);
        Self::try_connect(consumers).map_err(|error| secrets.redact_error(error))
    }

    fn try_connect(consumers: Consumers) -> Result<Self, Error> {
        check(&consumers)?;
        conf::check(&consumers.properties)?;
        let options = Options {
            properties: consumers.properties.clone(),
            keep: true,
            interrupt: consumers.interrupt.clone(),
            connect_timeout_ms: consumers.connect_timeout.as_nanos() / 1_000_000,
        };
        let cluster = Cluster::connect(&consumers.target, &options, 1)?;
        Self::open(&cluster, consumers, Extras::default())
    }

    /// As [`connect`](Self::connect), in a cluster that has answered.
    pub(super) fn open(cluster: &Cluster, consumers: Consumers, extras: Extras) -> Result<Self, Error> {
        let groups = consumers.group_ids();
        let takes = consumers.shape.takes.then_some(consumers.shape.cap);
        let mut checkers = extras.checkers.into_iter();
        let mut setups = Vec::new();
        for (i, (ids, group)) in consumers.shape.consumers.iter().zip(&groups).enumerate() {
            let topics: Vec<Topic> =
                ids.iter().filter_map(|id| consumers.topics.iter().find(|t| t.id == *id)).cloned().collect();
            let instance = consumers.instance.as_ref().map(|instance| match &consumers.groups {
                Groups::One(_) if groups.len() > 1 => format!("{instance}-{i}"),
                Groups::One(_) | Groups::PerTopic(_) => instance.clone(),
            });
            let member = Member { group, instance: instance.as_deref(), takes };
            let conf = conf::consumer(&cluster.servers, member, &consumers.properties)?;
            let poll_interval = conf.millis("max.poll.interval.ms").unwrap_or(DEFAULT_POLL_INTERVAL);
            setups.push(Setup {
                id: ConsumerId(i as u32),
                conf,
                is_static: instance.is_some(),
                secrets: Secrets::of(&consumers.properties),
                poll_interval,
                revoke_within: revoke_within(consumers.revoke_within, poll_interval)?,
                servers: cluster.servers.clone(),
                checker: checkers.next(),
                share: consumers.share.of(ids),
                topics,
                takes: takes.is_some(),
                outage_max: std::time::Duration::from_nanos(consumers.outage_max.as_nanos()),
                log: Arc::default(),
            });
        }
        let Consumers { application, interrupt, .. } = consumers;
        let cut = if extras.cuts_sleeps { interrupt.clone() } else { Arc::default() };
        let workers = |events| Workers::new(application, events, cut.clone());
        Self::start(setups, workers, extras.arrivals, interrupt.clone(), cluster.mock.clone())
            .map_err(|reason| Error::refused(format!("a consumer can't be started: {reason}")))
    }
}

/// librdkafka's default of `max.poll.interval.ms`.
const DEFAULT_POLL_INTERVAL: std::time::Duration = std::time::Duration::from_secs(300);

fn revoke_within(given: Option<Duration>, poll_interval: std::time::Duration) -> Result<std::time::Duration, Error> {
    let real = |d: Duration| std::time::Duration::from_nanos(d.as_nanos());
    match given.map(real) {
        None => Ok(REVOKE_WITHIN.min(poll_interval / 2)),
        Some(given) if given < poll_interval => Ok(given),
        Some(given) => Err(Error::Contradiction(format!(
            "a revocation can't be held for {given:?}: after max.poll.interval.ms, {poll_interval:?}, the group goes on without the \
             member; hold it for less, or make the interval longer"
        ))),
    }
}

/// How long a revocation is held unless something else is stated.
const REVOKE_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

impl Consumers {
    /// The group of each consumer.
    pub(super) fn group_ids(&self) -> Vec<String> {
        let of = |topics: &Vec<TopicId>| match &self.groups {
            Groups::One(id) => id.clone(),
            Groups::PerTopic(base) => {
                let names = topics.iter().filter_map(|id| self.topics.iter().find(|t| t.id == *id));
                names.fold(base.clone(), |group, topic| format!("{group}-{}", topic.name))
            }
        };
        self.shape.consumers.iter().map(of).collect()
    }
}

impl Share {
    /// What one consumer has of it.
    fn of(&self, topics: &[TopicId]) -> Self {
        match self {
            Self::Group => Self::Group,
            Self::Assign { partitions, from } => {
                let partitions = partitions.iter().filter(|p| topics.contains(&p.topic)).copied().collect();
                Self::Assign { partitions, from: *from }
            }
        }
    }
}

/// Refuses what contradicts itself.
fn check(consumers: &Consumers) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::Contradiction(reason));
    let Consumers { topics, shape, groups, share, application, .. } = consumers;
    if consumers.target == Target::Mock {
        return refuse(
            "a mock cluster of its own would have no topics: give the one that has them, Target::Shared".into(),
        );
    }
    let mut seen: Vec<TopicId> = Vec::new();
    for (i, ids) in shape.consumers.iter().enumerate() {
        if ids.is_empty() {
            return refuse(format!("consumer {i} has no topic: leave it out"));
        }
        for id in ids {
            if !topics.iter().any(|t| t.id == *id) {
                return refuse(format!("consumer {i} has topic number {}, which is not in the list of topics", id.0));
            }
            if seen.contains(id) {
                return refuse(format!("topic number {} has two consumers: give it one", id.0));
            }
            seen.push(*id);
        }
        if matches!(groups, Groups::PerTopic(_)) && ids.len() > 1 {
            return refuse(format!(
                "consumer {i} has {} topics, and a consumer is in one group: a group for each topic needs a scheduler with a \
                 consumer for each topic (multi, multi-gather, multi-sequential), or else one group for all",
                ids.len()
            ));
        }
    }
    if seen.is_empty() {
        return refuse("there is no consumer".into());
    }
    for (i, topic) in topics.iter().enumerate() {
        if topics[..i].iter().any(|t| t.id == topic.id || t.name == topic.name) {
            return refuse(format!("topic {} is in the list twice, by its name or its number", topic.name));
        }
    }
    let (Groups::One(id) | Groups::PerTopic(id)) = groups;
    if id.is_empty() {
        return refuse("the group id is empty".into());
    }
    if let Share::Assign { partitions, .. } = share {
        let unknown = |p: &&PartitionId| !topics.iter().any(|t| t.id == p.topic && p.partition < t.partitions);
        if let Some(p) = partitions.iter().find(unknown) {
            return refuse(format!("partition {} of topic number {} does not exist", p.partition, p.topic.0));
        }
    }
    match application {
        Application::Sleep { workers: 0, .. } => refuse("the application has no worker".into()),
        Application::Callback(workers) if workers.is_empty() => refuse("the application has no worker".into()),
        _ => Ok(()),
    }
}
