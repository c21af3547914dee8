//! One simulated run, from scenario to metrics.

use crate::broker::sim::{SimBroker, world_config};
use crate::broker::{Action, BrokerError, Input, Signal};
use crate::drive::{Driven, Observer, drive};
use crate::metrics::{End, Fold, Layout, RunMetrics};
use crate::policy::{AnyPolicy, Incapable, Name, Settings};
use crate::scenario::{Client, Scenario};
use crate::session::{Config, Session};
use crate::{ConsumerId, Fill, Time, TopicSet};

/// Which run of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSpec {
    /// The client.
    pub client: Client,
    /// The scheduler.
    pub scheduler: Name,
    /// Most records of one poll.
    pub cap: u32,
    /// Seed of everything drawn at random.
    pub seed: u64,
}

/// Why there was nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The client can't do the scheduler.
    #[error(transparent)]
    Incapable(#[from] Incapable),
    /// The backend is gone.
    #[error(transparent)]
    Backend(#[from] BrokerError),
}

/// Simulates a run.
///
/// # Errors
/// [`RunError::Incapable`] if the client can't do the scheduler.
pub fn simulate(scenario: &Scenario, spec: &RunSpec) -> Result<RunMetrics, RunError> {
    simulate_with(scenario, spec, &mut Nobody)
}

/// Simulates a run that somebody else watches too, a trace writer for example.
///
/// # Errors
/// [`RunError::Incapable`] if the client can't do the scheduler.
pub fn simulate_with(scenario: &Scenario, spec: &RunSpec, watch: &mut impl Watch) -> Result<RunMetrics, RunError> {
    spec.scheduler.means(spec.client)?;
    let config = world_config(scenario, spec.client, spec.scheduler, spec.cap, spec.seed);
    let mut broker = SimBroker::new(fairdrain_sim::World::new(&config));
    let settings = settings(scenario, spec);
    let mut observer = Both { fold: Fold::new(scenario, &layout(scenario, spec, &settings, true)), watch };
    let mut session = session(scenario, spec, &settings, Time::ZERO);
    loop {
        match drive(&mut session, &mut broker, &mut observer) {
            // A new process: what the session knew is gone with the old one.
            Ok(Driven::Crashed(now)) => session = self::session(scenario, spec, &settings, now),
            Ok(Driven::Closed(now)) => {
                return Ok(observer.fold.finish(now, Some(broker.world().fingerprint())));
            }
            Err(error) => {
                let mut metrics = observer.fold.finish(broker.world().now(), Some(broker.world().fingerprint()));
                metrics.end = End::Failed(error.to_string());
                return Ok(metrics);
            }
        }
    }
}

/// What the policy of a run is told.
#[must_use]
pub fn settings(scenario: &Scenario, spec: &RunSpec) -> Settings {
    let own_call = match spec.client {
        Client::Librdkafka => Fill::Full,
        Client::Aiokafka | Client::Ideal => Fill::First,
    };
    Settings {
        cap: spec.cap,
        wait: scenario.consumer.poll_timeout,
        fill: scenario.consumer.fill.unwrap_or(own_call),
        weights: scenario.topics.iter().map(|t| t.weight).collect(),
        workers: scenario.application.workers,
    }
}

/// A session for a run, beginning at a moment.
#[must_use]
pub fn session(scenario: &Scenario, spec: &RunSpec, settings: &Settings, now: Time) -> Session<AnyPolicy> {
    let policy = AnyPolicy::new(spec.scheduler, settings);
    Session::new(policy, Config::new(spec.scheduler, settings, scenario.consumer.commit), now)
}

/// What metrics have to know of a run. `simulated`: the backend sees inside the client.
#[must_use]
pub fn layout(scenario: &Scenario, spec: &RunSpec, settings: &Settings, simulated: bool) -> Layout {
    let mut consumers = vec![ConsumerId(0); scenario.topics.len()];
    for (consumer, topics) in spec.scheduler.consumers(scenario.topics.len()).iter().enumerate() {
        for topic in topics {
            consumers[topic.index()] = ConsumerId(consumer as u32);
        }
    }
    Layout {
        consumers,
        rounds: matches!(spec.scheduler, Name::MultiGather | Name::MultiSequential),
        credit: settings.credit(spec.scheduler),
        simulated,
    }
}

/// Somebody who looks on and decides nothing.
pub trait Watch {
    /// The session asks for something.
    fn on_action(&mut self, now: Time, action: &Action);
    /// A fact that only observers may know.
    fn on_signal(&mut self, signal: &Signal);
    /// The session is about to be told something.
    fn on_input(&mut self, now: Time, input: &Input);
}

struct Nobody;

impl Watch for Nobody {
    fn on_action(&mut self, _: Time, _: &Action) {}
    fn on_signal(&mut self, _: &Signal) {}
    fn on_input(&mut self, _: Time, _: &Input) {}
}

/// The metrics, which decide when the run is over, and whoever else looks on.
struct Both<'a, W> {
    fold: Fold,
    watch: &'a mut W,
}

impl<W: Watch> Observer for Both<'_, W> {
    fn on_action(&mut self, now: Time, action: &Action) {
        self.fold.on_action(now, action);
        self.watch.on_action(now, action);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.fold.on_signal(signal);
        self.watch.on_signal(signal);
    }

    fn on_input(&mut self, now: Time, input: &Input) {
        self.fold.on_input(now, input);
        self.watch.on_input(now, input);
    }

    fn demand(&mut self) -> Option<TopicSet> {
        self.fold.demand()
    }

    fn is_done(&self, now: Time) -> bool {
        self.fold.is_done(now)
    }
}
