//! The runs of a scenario, and what is measured in them.

use fairdrain::broker::{Action, Input, Signal};
use fairdrain::compare::{SEEDS_DEFAULT, is_random};
use fairdrain::drive::Observer;
use fairdrain::metrics::{Cause, RunMetrics};
use fairdrain::run::{RunSpec, Simulation};
use fairdrain::scenario::{Parsed, Scenario};
use fairdrain::{Duration, Time, TopicSet};

use super::NEVER;

/// Each poll: how long it took, and whether it returned anything.
#[derive(Default)]
pub(crate) struct Polls {
    begun: Vec<Option<Time>>,
    ended: Vec<(Duration, bool)>,
}

impl Observer for Polls {
    fn on_action(&mut self, now: Time, action: &Action) {
        if let Action::Poll { consumer, .. } = action {
            let at = consumer.0 as usize;
            self.begun.resize(self.begun.len().max(at + 1), None);
            self.begun[at] = Some(now);
        }
    }

    fn on_signal(&mut self, _: &Signal) {}

    fn on_input(&mut self, now: Time, input: &Input) {
        if let Input::Delivered { consumer, runs, .. } = input {
            let begun = self.begun.get_mut(consumer.0 as usize).and_then(Option::take);
            self.ended.extend(begun.map(|begun| (now.since(begun), !runs.is_empty())));
        }
    }

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        false
    }
}

/// The runs of a scenario.
pub(crate) struct Shown {
    scenario: Scenario,
    runs: Vec<(RunMetrics, Polls)>,
}

impl Shown {
    pub(crate) fn new(parsed: &Parsed) -> Self {
        let scenario = parsed.scenario.clone();
        let client = scenario.consumer.client;
        let scheduler = scenario.scheduler.names[0];
        let spec = RunSpec { client, scheduler, cap: scenario.cap(scheduler), seed: scenario.seed };
        let simulation = Simulation::new(&scenario, &spec).expect("the client can do the scheduler");
        let seeds = if is_random(client, &scenario) { u64::from(SEEDS_DEFAULT) } else { 1 };
        let runs = (0..seeds).map(|i| simulation.run_observed(spec.seed + i, Polls::default())).collect();
        Self { scenario, runs }
    }

    /// A measure, of the run in which it is largest.
    pub(crate) fn worst(&self, what: &str) -> u64 {
        self.runs.iter().map(|(run, polls)| self.measure(what, run, polls)).max().expect("there is a run")
    }

    fn measure(&self, what: &str, run: &RunMetrics, polls: &Polls) -> u64 {
        let ms = |duration: Duration| duration.as_nanos() / 1_000_000;
        let (what, topic) = what.split_once(' ').unwrap_or((what, ""));
        let topic = || {
            let place = self.scenario.topics.iter().position(|t| t.name == topic);
            &run.topics[place.unwrap_or_else(|| panic!("no topic {topic}"))]
        };
        let blame = |cause: Cause| {
            let of_topic = |t: &fairdrain::metrics::TopicMetrics| {
                t.blame.iter().flatten().find(|(c, _)| *c == cause).map_or(0, |(_, waited)| ms(*waited))
            };
            run.topics.iter().map(of_topic).max().expect("there is a topic")
        };
        match what {
            // When its first record was delivered, and by which poll; the longest time without a record while there were some.
            "wait_ms" => topic().first_record.map_or(NEVER, ms),
            "first_poll" => topic().first_poll.unwrap_or(NEVER),
            "gap_ms" => ms(topic().gap_max),
            "drain_ms" => run.drain.map_or(NEVER, ms),
            "fetches" => run.fetches.expect("a simulation sees fetches"),
            // Those that returned something.
            "polls" => run.polls - run.polls_empty,
            // After the first records, polls that took a quarter of a second or more.
            "stalls" => {
                let after_start = polls.ended.iter().skip_while(|(_, any)| !any).skip(1);
                after_start.filter(|(took, _)| *took >= Duration::from_millis(250)).count() as u64
            }
            // Time spent in polls that returned nothing.
            "empty_ms" => polls.ended.iter().filter(|(_, any)| !any).map(|(took, _)| ms(*took)).sum(),
            // How long the topic that suffers most has waited for this reason.
            "parked_ms" => blame(Cause::ParkedFetch),
            "backoff_ms" => blame(Cause::BackOff),
            _ => panic!("no measure {what}"),
        }
    }
}
