//! Members of groups for the tests of the real backend: a session on a broker of its own, in a thread.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration as StdDuration, Instant};

use fairdrain::broker::kafka::{Application, Consumers, Error, Groups, Handle, KafkaBroker, Shape, Target, Topic};
use fairdrain::broker::{Action, BrokerError, Fact, Failure, Input, Signal};
use fairdrain::drive::{Observer, drive};
use fairdrain::policy::{AnyPolicy, Name, Settings};
use fairdrain::scenario::Commit;
use fairdrain::session::{Config, Session};
use fairdrain::{ConsumerId, Duration, Fill, PartitionId, Time, TopicSet};

/// What to run.
pub struct Plan {
    pub scheduler: Name,
    pub cap: u32,
    pub commit: Commit,
    /// It stops by itself after so many records were processed.
    pub records_max: u64,
    pub consumers: Consumers,
}

impl Plan {
    /// A member of one group, or of a group a topic, that commits after each batch and works a moment on each record.
    pub fn new(scheduler: Name, target: &Target, topics: &[(&str, u32)], group: &str) -> Self {
        let topics = Topic::list(topics);
        let shape = Shape::of(scheduler, topics.len(), 100);
        let groups =
            if shape.consumers.len() > 1 { Groups::PerTopic(group.to_owned()) } else { Groups::One(group.to_owned()) };
        let mut consumers = Consumers::new(target.clone(), topics, shape, groups);
        consumers.application = Application::sleep(1, Duration::from_micros(100));
        Self { scheduler, cap: 100, commit: Commit::PerBatch, records_max: u64::MAX, consumers }
    }

    /// For the mock cluster, whose groups wait nearly a session timeout for members to come back.
    pub fn quick(self) -> Self {
        self.properties(&[("session.timeout.ms", "1500"), ("heartbeat.interval.ms", "200")])
    }

    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.consumers.properties.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn properties(mut self, all: &[(&str, &str)]) -> Self {
        all.iter().for_each(|(key, value)| self.consumers.properties.push(((*key).to_owned(), (*value).to_owned())));
        self
    }
}

/// What a member has seen so far. Partitions and offsets are those of the log, so that members can be compared.
#[derive(Debug, Default)]
pub struct Seen {
    /// Processed runs: partition, first and next offset, in order.
    pub processed: Vec<(PartitionId, i64, i64)>,
    /// Delivered, likewise.
    pub delivered: Vec<(PartitionId, i64, i64)>,
    /// Partitions it has now.
    pub assigned: Vec<PartitionId>,
    pub assignments: u32,
    pub revocations: u32,
    pub lost: u32,
    pub failures: Vec<(ConsumerId, Failure)>,
    pub commits: BTreeMap<u32, u32>,
    pub revoke_held: Vec<Duration>,
    /// Runs processed of partitions that had been given back: the session has let the rebalance go on, or they were lost.
    pub strays: Vec<(PartitionId, i64)>,
    /// What happened to partitions, for whoever has to explain a failure.
    pub log: Vec<String>,
    /// What it has until it gives it back.
    pub owned: Vec<PartitionId>,
    pub revoking: BTreeMap<u32, Vec<PartitionId>>,
}

impl Seen {
    pub fn records(&self) -> u64 {
        self.processed.iter().map(|(_, first, next)| (next - first) as u64).sum()
    }
}

/// A running member.
pub struct Member {
    pub seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    pub interrupt: Arc<AtomicBool>,
    pub handle: Handle,
    thread: JoinHandle<Result<Time, BrokerError>>,
}

struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    records_max: u64,
    processed: AtomicU64,
    revoking_since: BTreeMap<ConsumerId, Time>,
}

impl Observer for Watch {
    fn on_action(&mut self, now: Time, action: &Action) {
        if let Action::Commit { .. } | Action::Discard { .. } | Action::Process(_) = action {
            self.seen.lock().unwrap().log.push(format!("{now} {action:?}"));
        }
        if let Action::RevokeDone { consumer } = action
            && let Some(since) = self.revoking_since.remove(consumer)
        {
            let mut seen = self.seen.lock().unwrap();
            seen.revoke_held.push(now.since(since));
            seen.log.push(format!("{now} {} done", consumer.0));
            let given_back = seen.revoking.remove(&consumer.0).unwrap_or_default();
            seen.owned.retain(|p| !given_back.contains(p));
        }
    }

    fn on_signal(&mut self, signal: &Signal) {
        if let Fact::Processed { run, .. } = &signal.fact {
            self.processed.fetch_add(u64::from(run.records), Ordering::Relaxed);
            let mut seen = self.seen.lock().unwrap();
            if !seen.owned.contains(&run.partition) {
                seen.strays.push((run.partition, run.first));
            }
            seen.processed.push((run.partition, run.first, run.next));
        }
    }

    fn on_input(&mut self, now: Time, input: &Input) {
        let mut seen = self.seen.lock().unwrap();
        seen.log.push(format!("{now} {input:?}"));
        match input {
            Input::Assigned { partitions, .. } => {
                seen.assignments += 1;
                seen.assigned.extend(partitions);
                seen.owned.extend(partitions);
            }
            Input::Revoking { consumer, partitions, lost, .. } => {
                seen.revocations += 1;
                seen.lost += u32::from(*lost);
                seen.assigned.retain(|p| !partitions.contains(p));
                seen.revoking.entry(consumer.0).or_default().extend(partitions);
                self.revoking_since.insert(*consumer, now);
            }
            Input::Delivered { runs, .. } => {
                for run in runs {
                    seen.delivered.push((run.partition, run.first, run.next));
                }
            }
            Input::Committed { consumer } => *seen.commits.entry(consumer.0).or_default() += 1,
            Input::Failed { consumer, failure, .. } => seen.failures.push((*consumer, failure.clone())),
            _ => {}
        }
    }

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        self.stop.load(Ordering::Relaxed) || self.processed.load(Ordering::Relaxed) >= self.records_max
    }
}

/// Starts a member.
pub fn join(plan: Plan) -> Result<Member, Error> {
    let Plan { scheduler, cap, commit, records_max, consumers } = plan;
    let settings = Settings {
        cap,
        weights: vec![1; consumers.topics.len()],
        wait: Duration::from_millis(50),
        fill: Fill::First,
        workers: 1,
    };
    let interrupt = consumers.interrupt.clone();
    let mut broker = KafkaBroker::connect(consumers)?;
    let handle = broker.handle();
    let (seen, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let mut watch = Watch {
        seen: Arc::clone(&seen),
        stop: stop.clone(),
        records_max,
        processed: AtomicU64::new(0),
        revoking_since: BTreeMap::new(),
    };
    let thread = thread::spawn(move || {
        let config = Config::new(scheduler, &settings, commit);
        let mut session = Session::new(AnyPolicy::new(scheduler, &settings), config, Time::ZERO);
        drive(&mut session, &mut broker, &mut watch).map(|driven| match driven {
            fairdrain::drive::Driven::Closed(at) => at,
            other => panic!("{other:?}"),
        })
    });
    Ok(Member { seen, stop, interrupt, handle, thread })
}

impl Member {
    /// Waits until what it has seen is so; panics after this long.
    pub fn wait(&self, what: &str, seconds: u64, condition: impl Fn(&Seen) -> bool) {
        let until = Instant::now() + StdDuration::from_secs(seconds);
        while !condition(&self.seen.lock().unwrap()) {
            assert!(Instant::now() < until, "{what}: {:?}", self.seen.lock().unwrap());
            assert!(!self.thread.is_finished(), "{what}: ended; {:?}", self.seen.lock().unwrap());
            thread::sleep(StdDuration::from_millis(10));
        }
    }

    /// Waits until it has ended by itself.
    pub fn end(self) -> Result<Seen, BrokerError> {
        let until = Instant::now() + StdDuration::from_secs(60);
        while !self.thread.is_finished() {
            assert!(Instant::now() < until, "it does not end: {:?}", self.seen.lock().unwrap());
            thread::sleep(StdDuration::from_millis(5));
        }
        let ended = self.thread.join().unwrap();
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        ended.map(|_| seen)
    }

    /// Stops it in order, and says what it has seen.
    pub fn stop(self) -> Result<Seen, BrokerError> {
        self.stop.store(true, Ordering::Relaxed);
        self.interrupt.store(true, Ordering::Relaxed);
        self.end()
    }
}

/// How often each record was processed, over all members: partition and offset.
pub fn tally<'a>(members: impl IntoIterator<Item = &'a Seen>) -> BTreeMap<(PartitionId, i64), u32> {
    let mut all = BTreeMap::new();
    for &(partition, first, next) in members.into_iter().flat_map(|seen| &seen.processed) {
        (first..next).for_each(|offset| *all.entry((partition, offset)).or_default() += 1);
    }
    all
}
