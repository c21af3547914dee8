//! A run of several instances, from scenario to metrics.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use fairdrain_sim::Output;
use fairdrain_sim::fleet::Fleet;

use super::config::{fleet, topic_groups};
use super::fold::FleetFold;
use super::metrics::FleetMetrics;
use crate::broker::Input;
use crate::broker::sim::{input, submit};
use crate::copartition::{self, Means, Refusal};
use crate::metrics::End;
use crate::policy::{AnyPolicy, Name, Settings};
use crate::run::{RunError, RunSpec};
use crate::scenario::{Commit, Departure, Scenario};
use crate::session::{Config, Session};
use crate::{Duration, Time};

/// A scenario with instances made ready to be run under one client, scheduler and cap with many seeds: the worlds are built once and
/// copied.
#[derive(Debug)]
pub struct FleetSimulation {
    scheduler: Name,
    fleet: Fleet,
    fold: FleetFold,
    settings: Settings,
    config: Config,
    moments: VecDeque<Moment>,
    time_limit: Duration,
    /// By topic: its name, and the group that commits it.
    topics: Vec<(String, String)>,
    groups: Vec<String>,
    means: Result<Means, Refusal>,
}

/// Something that the scenario has happen to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    at: Time,
    /// Who leaves does so before somebody joins at the same time.
    what: What,
    instance: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Crash,
    Stop,
    Start,
}

/// Told of each input of each instance, before its session is: place of the instance, time, input.
pub type Watcher<'a> = &'a mut dyn FnMut(u32, Time, &Input);

/// Simulates a run, cut short ([`End::Interrupted`]) once `stop` is true.
///
/// # Errors
/// As [`FleetSimulation::new`].
pub fn simulate_fleet(scenario: &Scenario, spec: &RunSpec, stop: &AtomicBool) -> Result<FleetMetrics, RunError> {
    Ok(FleetSimulation::new(scenario, spec)?.run_watched(spec.seed, &mut |_, _, _| {}, stop))
}

impl FleetSimulation {
    /// Prepares the runs of a spec; its seed is not used.
    ///
    /// # Errors
    /// [`RunError::Incapable`] if the client can't do the scheduler; [`RunError::Split`] if nothing keeps the records of a key on one
    /// instance, and the scenario does not say `copartitioned = false`.
    ///
    /// # Panics
    /// If the scenario has no instances.
    pub fn new(scenario: &Scenario, spec: &RunSpec) -> Result<Self, RunError> {
        assert!(scenario.has_instances(), "a scenario without instances is run by `Simulation`");
        spec.scheduler.means(spec.client)?;
        let means = copartition::check(scenario, spec.scheduler);
        if let (Err(refusal), true) = (&means, scenario.group.copartitioned) {
            return Err(RunError::Split(refusal.clone()));
        }
        let settings = scenario.settings(spec.client, spec.cap);
        let topics = topic_groups(scenario, spec.scheduler);
        let mut groups: Vec<String> = topics.iter().map(|(_, group)| group.clone()).collect();
        groups.sort();
        groups.dedup();
        Ok(Self {
            scheduler: spec.scheduler,
            fleet: fleet(scenario, spec),
            fold: FleetFold::new(scenario),
            config: Config::new(spec.scheduler, &settings, scenario.consumer.commit),
            settings,
            moments: moments(scenario),
            time_limit: scenario.limits.time,
            topics,
            groups,
            means,
        })
    }

    /// What keeps the records of a key on one instance, or why nothing does.
    ///
    /// # Errors
    /// The [`Refusal`] that the scenario overrides.
    pub fn means(&self) -> Result<Means, &Refusal> {
        self.means.as_ref().copied()
    }

    /// Runs with a seed.
    #[must_use]
    pub fn run(&self, seed: u64) -> FleetMetrics {
        self.run_watched(seed, &mut |_, _, _| {}, &AtomicBool::new(false))
    }

    /// Runs with a seed while somebody looks on, until it ends by itself or `stop` is true.
    #[must_use]
    pub fn run_watched(&self, seed: u64, watcher: Watcher<'_>, stop: &AtomicBool) -> FleetMetrics {
        let mut run = Running {
            plan: self,
            fleet: self.fleet.reseeded(seed),
            fold: self.fold.clone(),
            sessions: (0..self.fleet.len()).map(|_| None).collect(),
            moments: self.moments.clone(),
            watcher,
        };
        let stopped = run.until_done(stop);
        let rebalances: Vec<(String, u64)> =
            self.groups.iter().map(|g| (g.clone(), run.fleet.coordinator().rebalances(g))).collect();
        let closed = if stopped == Stopped::Complete { run.close() } else { Ok(()) };
        let committed =
            (stopped == Stopped::Complete && self.config.commit != Commit::None).then(|| run.is_committed(false));
        let fingerprint = run.fleet.fingerprint();
        let mut metrics = run.fold.metrics();
        if let Err(instance) = closed {
            metrics.end = End::Failed(format!("instance {} has not closed within {}", instance + 1, self.time_limit));
        }
        FleetMetrics { rebalances, committed, fingerprint, ..metrics }
    }
}

/// Joins, leaves and returns, in order.
fn moments(scenario: &Scenario) -> VecDeque<Moment> {
    let mut moments = Vec::new();
    for (instance, it) in (0..).zip(&scenario.instances) {
        let at = |after: Duration, what| Moment { at: Time::ZERO + after, what, instance };
        moments.push(at(it.joins, What::Start));
        if let Some(leave) = it.leaves {
            let what = if leave.how == Departure::Crash { What::Crash } else { What::Stop };
            moments.push(at(leave.at, what));
            moments.extend(leave.returns.map(|back| at(back, What::Start)));
        }
    }
    moments.sort_unstable();
    moments.into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Everything has been processed, and committed unless that is done in the end.
    Complete,
    /// A limit was reached, or it was stopped from outside.
    Limit,
}

/// Virtual time after which a run in which nothing is told looks whether it has been stopped.
const SLICE: Duration = Duration::from_secs(30);

/// One run.
struct Running<'a> {
    plan: &'a FleetSimulation,
    fleet: Fleet,
    fold: FleetFold,
    /// Of the instances that run.
    sessions: Vec<Option<Session<AnyPolicy>>>,
    moments: VecDeque<Moment>,
    watcher: Watcher<'a>,
}

impl Running<'_> {
    /// Until the fold says that it is over.
    fn until_done(&mut self, stop: &AtomicBool) -> Stopped {
        let limit = Time::ZERO + self.plan.time_limit;
        loop {
            self.take_moments();
            let until = self.moments.front().map_or(limit, |m| m.at.min(limit)).min(self.fleet.now() + SLICE);
            match self.fleet.next_before(until) {
                Some((now, instance, output)) => self.tell(instance, now, output),
                // Nobody runs, and nothing is on its way: time passes until the next moment.
                None => self.fold.tick(self.fleet.now()),
            }
            if self.fold.waits_for_commits() && self.is_committed(true) {
                self.fold.set_committed(self.fleet.now());
            }
            match self.fold.end() {
                Some(None) => return Stopped::Complete,
                Some(Some(_)) => return Stopped::Limit,
                None if stop.load(Ordering::Relaxed) => return Stopped::Limit,
                None => {}
            }
        }
    }

    /// What is due by now happens to instances.
    fn take_moments(&mut self) {
        while let Some(&Moment { at, what, instance }) = self.moments.front()
            && at <= self.fleet.now()
        {
            let now = self.fleet.now();
            let place = instance as usize;
            self.moments.pop_front();
            match what {
                // Whoever is still closing comes back when that is done.
                What::Start if self.sessions[place].is_some() => {
                    let again = Moment { at: now + RETRY, what, instance };
                    self.moments.insert(self.moments.partition_point(|m| *m < again), again);
                }
                What::Start => {
                    let policy = AnyPolicy::new(self.plan.scheduler, &self.plan.settings);
                    self.fold.begin(instance);
                    self.sessions[place] = Some(Session::new(policy, self.plan.config.clone(), now));
                    self.submit(instance);
                }
                What::Stop => {
                    if let Some(session) = &mut self.sessions[place] {
                        session.handle(now, Input::Stop);
                        self.submit(instance);
                    }
                }
                What::Crash => {
                    self.drain_signals();
                    if self.sessions[place].take().is_some() {
                        self.fleet.crash(instance);
                        self.fold.gone(now, instance);
                    }
                }
            }
        }
    }

    /// Tells an instance all that is there for it, and does what it wants then.
    fn tell(&mut self, instance: u32, now: Time, output: Output) {
        let mut next = Some((now, output));
        while let Some((now, output)) = next {
            self.tell_one(instance, now, input(output));
            // What is there together is handed over together, as in `drive`.
            let more = self.fleet.world(instance).has_output();
            next = if more { self.fleet.next_of(instance) } else { None };
        }
        self.submit(instance);
    }

    fn tell_one(&mut self, instance: u32, now: Time, input: Input) {
        self.drain_signals();
        let Some(session) = &mut self.sessions[instance as usize] else { return };
        (self.watcher)(instance, now, &input);
        self.fold.on_input(instance, now, &input);
        if input == Input::Closed {
            self.sessions[instance as usize] = None;
            self.fold.gone(now, instance);
            return;
        }
        session.handle(now, input);
        if let Some(demand) = self.fold.demand(instance) {
            session.handle(now, Input::Demand(demand));
        }
    }

    fn drain_signals(&mut self) {
        for instance in 0..self.fleet.len() {
            for signal in self.fleet.world_mut(instance).signals().drain(..) {
                self.fold.on_signal(instance, &signal);
            }
        }
    }

    fn submit(&mut self, instance: u32) {
        while let Some(action) = self.sessions[instance as usize].as_mut().and_then(Session::poll_action) {
            submit(self.fleet.world_mut(instance), action);
        }
    }

    /// Stops whoever runs, and waits until all have closed; else says who has not.
    fn close(&mut self) -> Result<(), u32> {
        let now = self.fleet.now();
        let by = now + self.plan.time_limit;
        for instance in 0..self.fleet.len() {
            if let Some(session) = &mut self.sessions[instance as usize] {
                session.handle(now, Input::Stop);
                self.submit(instance);
            }
        }
        while let Some(open) = self.sessions.iter().position(Option::is_some) {
            match self.fleet.next_before(by) {
                Some((now, instance, output)) => self.tell(instance, now, output),
                None => return Err(open as u32),
            }
        }
        Ok(())
    }

    /// Whether the committed position of every partition is the end of its log; `or_finished`: or will be, when the instance that has
    /// processed it stops.
    fn is_committed(&self, or_finished: bool) -> bool {
        self.fold.log_ends().filter(|(_, end)| *end > 0).all(|(id, end)| {
            let (topic, group) = &self.plan.topics[id.topic.index()];
            self.fleet.coordinator().committed(group, topic, id.partition) == Some(end)
                || (or_finished && self.fold.is_finished(id))
        })
    }
}

/// How often an instance that is still closing is looked at when it is to be started again.
const RETRY: Duration = Duration::from_millis(100);
