//! Services: sessions on members of a cluster, stepped side by side on one thread.

use std::collections::BTreeMap;

use fairdrain::broker::{Action, Broker, Fact, Failure, Input};
use fairdrain::policy::{AnyPolicy, Name, Settings};
use fairdrain::scenario::Commit;
use fairdrain::session::{Config, Session};
use fairdrain::{Duration, Fill, PartitionId, Run, Time, TopicId};

use crate::arm::{Cluster, Plan};

/// How long one service may wait while the others stand still.
const SLICE: Duration = Duration::from_millis(5);

/// One instance of a service, and what has happened to it.
pub(crate) struct Service {
    session: Session<AnyPolicy>,
    broker: Box<dyn Broker>,
    /// What the session wants to be woken at.
    wake: Option<Time>,
    pub(crate) now: Time,
    pub(crate) closed: bool,
    pub(crate) seen: Seen,
}

/// In the order in which it happened.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) assigned: Vec<PartitionId>,
    pub(crate) assignments: u32,
    pub(crate) revocations: Vec<(Time, Vec<PartitionId>, bool)>,
    pub(crate) delivered: Vec<(Time, Run)>,
    pub(crate) processed: Vec<(Time, Run)>,
    pub(crate) failures: Vec<(Time, Option<TopicId>, Failure)>,
    pub(crate) commits: u32,
    /// Partitions whose records came although they had been revoked.
    strays: Vec<(Time, Run)>,
}

impl Seen {
    pub(crate) fn records(&self) -> u64 {
        self.processed.iter().map(|(_, run)| u64::from(run.records)).sum()
    }
}

impl Service {
    /// Joins. The session's poll timeout is 100 ms, and it takes what is there.
    pub(crate) fn start(cluster: &mut Cluster, member: usize, plan: &Plan, topics: usize, commit: Commit) -> Self {
        let (broker, now) = cluster.join(member);
        let settings = Settings {
            cap: plan.cap,
            weights: vec![1; topics],
            wait: Duration::from_millis(100),
            fill: Fill::First,
            workers: 1,
        };
        let config = Config::new(plan.scheduler, &settings, commit);
        let session = Session::new(AnyPolicy::new(plan.scheduler, &settings), config, now);
        Self { session, broker, wake: None, now, closed: false, seen: Seen::default() }
    }

    /// Does what there is to do, for a slice of time.
    fn step(&mut self) {
        if self.closed {
            return;
        }
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Wake(at) => self.wake = Some(at),
                action => self.broker.submit(action).unwrap(),
            }
        }
        let by = self.now + SLICE;
        self.broker.submit(Action::Wake(self.wake.map_or(by, |at| at.min(by)))).unwrap();
        loop {
            let (now, input) = self.broker.next().unwrap();
            self.now = now;
            for signal in self.broker.signals().drain(..) {
                if let Fact::Processed { run, .. } = signal.fact {
                    self.seen.processed.push((signal.at, run));
                }
            }
            self.note(&input);
            // An input cancels the wake; the session asks again.
            self.wake = None;
            self.closed = input == Input::Closed;
            self.session.handle(now, input);
            if self.closed || !self.broker.has_input() {
                return;
            }
        }
    }

    fn note(&mut self, input: &Input) {
        let (now, seen) = (self.now, &mut self.seen);
        match input {
            Input::Assigned { partitions, .. } => {
                seen.assignments += 1;
                seen.assigned.extend(partitions);
            }
            Input::Revoking { partitions, lost, .. } => {
                seen.assigned.retain(|p| !partitions.contains(p));
                seen.revocations.push((now, partitions.clone(), *lost));
            }
            Input::Delivered { runs, .. } => {
                for run in runs {
                    seen.delivered.push((now, *run));
                    if !seen.assigned.contains(&run.partition) {
                        seen.strays.push((now, *run));
                    }
                }
            }
            Input::Committed { .. } => seen.commits += 1,
            Input::Failed { topic, failure, .. } => seen.failures.push((now, *topic, failure.clone())),
            _ => {}
        }
    }

    /// Tells the session something.
    pub(crate) fn tell(&mut self, input: Input) {
        self.session.handle(self.now, input);
    }

    pub(crate) fn assert_no_strays(&self) {
        assert!(self.seen.strays.is_empty(), "handed out after they were revoked: {:?}", self.seen.strays);
    }

    /// Leaves without a word to the session: nothing more is committed.
    pub(crate) fn walk_out(mut self) -> Seen {
        self.broker.submit(Action::Close { by: self.now + Duration::from_secs(10) }).unwrap();
        loop {
            let (_, input) = self.broker.next().unwrap();
            if input == Input::Closed {
                return self.seen;
            }
        }
    }
}

/// Lets all of them go on until something is so.
pub(crate) fn until(team: &mut [Service], what: &str, within: Duration, condition: impl Fn(&[Service]) -> bool) {
    let began: Vec<Time> = team.iter().map(|service| service.now).collect();
    while !condition(team) {
        let passed = team.iter().zip(&began).map(|(service, began)| service.now.since(*began)).max();
        assert!(
            passed.is_none_or(|passed| passed < within),
            "{what}: not within {within}; records: {:?}, failures: {:?}",
            team.iter().map(|service| service.seen.records()).collect::<Vec<_>>(),
            team.iter().map(|service| &service.seen.failures).collect::<Vec<_>>()
        );
        team.iter_mut().for_each(Service::step);
    }
}

/// Stops all of them in order.
pub(crate) fn stop(team: &mut [Service]) {
    team.iter_mut().filter(|service| !service.closed).for_each(|service| service.tell(Input::Stop));
    until(team, "the end", Duration::from_secs(30), |team| team.iter().all(|service| service.closed));
}

/// How often each record was processed by all of these.
pub(crate) fn tally<'a>(seen: impl IntoIterator<Item = &'a Seen>) -> BTreeMap<(PartitionId, i64), u32> {
    let mut tally = BTreeMap::new();
    for (_, run) in seen.into_iter().flat_map(|seen| &seen.processed) {
        (run.first..run.next).for_each(|offset| *tally.entry((run.partition, offset)).or_default() += 1);
    }
    tally
}

/// Schedulers that differ in how they use consumers: one that polls, one a topic (with and without rounds), one that takes.
pub(crate) const SCHEDULERS: [Name; 4] = [Name::Single, Name::Multi, Name::MultiGather, Name::Fair];
