//! Simulated runs, from scenario to metrics.

use std::sync::atomic::{AtomicBool, Ordering};

use fairdrain_sim::World;

use crate::broker::sim::{SimBroker, world_config};
use crate::broker::{Action, BrokerError, Input, Signal};
use crate::copartition::Refusal;
use crate::drive::{Driven, Observer, drive};
use crate::metrics::{End, Fold, Layout, RunMetrics};
use crate::policy::{AnyPolicy, Incapable, Name, Settings};
use crate::scenario::{Client, Scenario};
use crate::session::{Config, Session};
use crate::{Time, TopicSet};

/// Which run of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSpec {
    /// The client.
    pub client: Client,
    /// The scheduler.
    pub scheduler: Name,
    /// Most records of one poll.
    pub cap: u32,
    /// Seed of what the client, the network and the order of simultaneous events draw. The data (keys, sizes that vary) are
    /// drawn from the scenario's own seed, so that runs with different seeds drain the same.
    pub seed: u64,
}

/// Why there was nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The client can't do the scheduler.
    #[error(transparent)]
    Incapable(#[from] Incapable),
    /// Some inputs might never be complete.
    #[error(transparent)]
    Split(#[from] Refusal),
    /// The backend can't do what was asked; says why.
    #[error("{0}")]
    Unsupported(String),
    /// The backend is gone.
    #[error(transparent)]
    Backend(#[from] BrokerError),
}

/// Simulates a run.
///
/// # Errors
/// [`RunError::Incapable`] if the client can't do the scheduler.
pub fn simulate(scenario: &Scenario, spec: &RunSpec) -> Result<RunMetrics, RunError> {
    Ok(Simulation::new(scenario, spec)?.run(spec.seed))
}

/// The same, cut short ([`End::Interrupted`]) once `stop` is true: one run may be 10^8 polls.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_until(scenario: &Scenario, spec: &RunSpec, stop: &AtomicBool) -> Result<RunMetrics, RunError> {
    Ok(Simulation::new(scenario, spec)?.run_observed(spec.seed, Until(stop)).0)
}

/// Ends a run when the flag is true.
struct Until<'a>(&'a AtomicBool);

impl Observer for Until<'_> {
    fn on_action(&mut self, _: Time, _: &Action) {}

    fn on_signal(&mut self, _: &Signal) {}

    fn on_input(&mut self, _: Time, _: &Input) {}

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn cuts_short(&self) -> bool {
        self.is_done(Time::ZERO)
    }
}

/// A scenario made ready to be run under one client, scheduler and cap with many seeds: the world is built once and copied.
#[derive(Debug)]
pub struct Simulation {
    scheduler: Name,
    world: World,
    fold: Fold,
    settings: Settings,
    config: Config,
}

impl Simulation {
    /// Prepares the runs of a spec; its seed is not used.
    ///
    /// # Errors
    /// [`RunError::Incapable`] if the client can't do the scheduler; [`RunError::Unsupported`] if the scenario has several instances,
    /// which [`FleetSimulation`](crate::fleet::FleetSimulation) runs.
    pub fn new(scenario: &Scenario, spec: &RunSpec) -> Result<Self, RunError> {
        if scenario.has_instances() {
            return Err(RunError::Unsupported(format!(
                "{} has [[instances]]: it is no run of one process",
                scenario.name
            )));
        }
        spec.scheduler.means(spec.client)?;
        let settings = scenario.settings(spec.client, spec.cap);
        let config = Config::new(spec.scheduler, &settings, scenario.consumer.commit);
        Ok(Self {
            scheduler: spec.scheduler,
            world: World::new(&world_config(scenario, spec.client, spec.scheduler, spec.cap)),
            fold: Fold::new(scenario, &layout(spec.scheduler, &config, true)),
            settings,
            config,
        })
    }

    /// Runs with a seed.
    #[must_use]
    pub fn run(&self, seed: u64) -> RunMetrics {
        self.run_observed(seed, ()).0
    }

    /// Runs with a seed while somebody else looks on, a trace writer for example. Gives back that observer.
    pub fn run_observed<O: Observer>(&self, seed: u64, observer: O) -> (RunMetrics, O) {
        let mut broker = SimBroker::new(self.world.reseeded(seed));
        let mut observers = (self.fold.clone(), observer);
        let mut session = self.session(Time::ZERO);
        let failure = loop {
            match drive(&mut session, &mut broker, &mut observers) {
                // A new process: what the session knew is gone with the old one.
                Ok(Driven::Crashed(now)) => session = self.session(now),
                Ok(Driven::Closed(_) | Driven::CutShort(_)) => break None,
                Err(error) => break Some(error),
            }
        };
        let (fold, observer) = observers;
        let mut metrics = fold.finish(broker.world().now(), Some(broker.world().fingerprint()));
        if let Some(error) = failure {
            metrics.end = End::Failed(error.to_string());
        }
        (metrics, observer)
    }

    fn session(&self, now: Time) -> Session<AnyPolicy> {
        Session::new(AnyPolicy::new(self.scheduler, &self.settings), self.config.clone(), now)
    }
}

/// What the metrics of a run have to know. `simulated`: the backend sees inside the client.
#[must_use]
pub fn layout(scheduler: Name, config: &Config, simulated: bool) -> Layout {
    // In rounds, the next poll waits for the whole last one to be processed.
    let credit = if scheduler.in_rounds() { 1 } else { config.credit };
    Layout::of(scheduler, config.topics as usize, credit, simulated)
}
