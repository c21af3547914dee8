//! What the adversary is given.

use fairdrain::policy::{AnyPolicy, Name, Policy, Settings};
use fairdrain::scenario::Commit;
use fairdrain::session::{Config, Session};
use fairdrain::{Duration, Fill, Time};
use proptest::prelude::*;

use super::checks::Violation;
use super::{Adversary, Machine, Report};

/// What there is to drain, how, and what the broker does meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) name: Name,
    pub(crate) topics: Vec<TopicSpec>,
    pub(crate) cap: u32,
    pub(crate) workers: u32,
    pub(crate) commit: Commit,
    /// Every fifth offset is missing.
    pub(crate) gaps: bool,
    /// Polls, commits and consumers may fail.
    pub(crate) failures: bool,
    /// How often partitions are taken away.
    pub(crate) revocations: u32,
    /// The session is told to stop before it is done.
    pub(crate) stops_early: bool,
    /// Work on a record, besides what the choices add.
    pub(crate) per_record: Duration,
    /// The order in which the broker comes to its topics.
    pub(crate) order: Vec<usize>,
    pub(crate) choices: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicSpec {
    pub(crate) partitions: u32,
    /// Records of each partition.
    pub(crate) backlog: u32,
    pub(crate) weight: u32,
}

/// Any world of one of these schedulers.
pub(crate) fn worlds(names: &'static [Name]) -> impl Strategy<Value = World> {
    let topic = (1..=3u32, 0..60u32, 1..=4u32).prop_map(|(partitions, backlog, weight)| TopicSpec {
        partitions,
        backlog,
        weight,
    });
    let interval = Commit::Interval(Duration::from_millis(20));
    let commit = prop::sample::select(vec![Commit::None, Commit::PerBatch, Commit::OnStop, interval]);
    let topics = prop::collection::vec(topic, 1..6);
    let numbers = (1..20u32, 1..=3u32, 0..3u32);
    let choices = prop::collection::vec(any::<u8>(), 0..300);
    (prop::sample::select(names), topics, numbers, commit, any::<(bool, bool, bool, bool)>(), choices).prop_map(
        |(name, topics, (cap, workers, revocations), commit, (gaps, failures, early, stop), choices)| World {
            stops_early: early && stop,
            order: (0..topics.len()).collect(),
            per_record: Duration::ZERO,
            name,
            topics,
            cap,
            workers,
            commit,
            gaps,
            failures,
            revocations,
            choices,
        },
    )
}

impl World {
    /// A broker without a will of its own: everything is there from the start and answered at once; a record is 1 ms of work.
    pub(crate) fn ideal(name: Name, cap: u32, backlogs: &[u32]) -> Self {
        let topic = |&backlog: &u32| TopicSpec { partitions: 1, backlog, weight: 1 };
        Self {
            name,
            topics: backlogs.iter().map(topic).collect(),
            cap,
            workers: 1,
            commit: Commit::None,
            gaps: false,
            failures: false,
            revocations: 0,
            stops_early: false,
            per_record: Duration::from_millis(1),
            order: (0..backlogs.len()).collect(),
            choices: Vec::new(),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            cap: self.cap,
            wait: Duration::from_millis(100),
            fill: Fill::First,
            weights: self.topics.iter().map(|topic| topic.weight).collect(),
            workers: self.workers,
        }
    }

    /// A session with another policy in the place of the right one.
    pub(crate) fn session_with<P: Policy>(&self, policy: impl FnOnce(AnyPolicy) -> P) -> Session<P> {
        let settings = self.settings();
        let config = Config::new(self.name, &settings, self.commit);
        Session::new(policy(AnyPolicy::new(self.name, &settings)), config, Time::ZERO)
    }

    pub(crate) fn session(&self) -> Session<AnyPolicy> {
        self.session_with(|policy| policy)
    }

    /// Drains the world with a session of its own.
    pub(crate) fn run(&self) -> Result<Report, Violation> {
        self.run_with(self.session())
    }

    /// Drains the world with this session, until everything is processed and closed.
    pub(crate) fn run_with(&self, mut session: impl Machine) -> Result<Report, Violation> {
        let mut broker = Adversary::new(self);
        loop {
            while let Some(action) = session.poll_action() {
                broker.submit(action)?;
            }
            broker.check_rest()?;
            match broker.next()? {
                Some(input) => session.handle(broker.now, input),
                None => return Ok(broker.report),
            }
        }
    }
}
