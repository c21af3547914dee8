//! Recorded runs of real clients, replayed in the simulated world.
//!
//! A [`Trace`] says what was drained, by which client, with which settings; the model of that client drains the same. What was
//! random in the real run (a shuffle, which offset came first) is taken from the trace; everything else has to come out by itself,
//! poll for poll.

use fairdrain_sim::choice::{Choice, Choices};
use fairdrain_sim::{World, config as sim};

use crate::broker::sim::SimBroker;
use crate::broker::{Action, BrokerError, Input, Signal};
use crate::drive::{Observer, drive};
use crate::policy::{AnyPolicy, Name, Settings};
use crate::profile::Values;
use crate::scenario::{Client, Commit};
use crate::session::{Config, Session};
use crate::trace::{self, Handed, Mode, Trace};
use crate::{Duration, Fill, Run, Time, TopicSet};

use moments::{Return, returned};

pub use moments::{Moments, TopicMoments};

mod choices;
mod guide;
mod hand_overs;
mod kafka_python;
mod moments;
mod world;

/// A poll that takes as long has waited for something: a parked fetch, a back-off, its timeout.
pub const LONG: Duration = Duration::from_millis(250);

/// No replay makes more polls, whatever a trace says of itself.
const POLLS_MAX: usize = 10_000_000;

/// A recorded run and the model's, side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Recorded polls: all of them in `single` mode, those that returned records in the others (how many empty ones a consumer
    /// still makes at the end depends on when it is told to stop).
    pub polls: usize,
    /// How many of them the model's polls equal: topics, partitions, offsets, counts, and their order.
    pub polls_exact: usize,
    /// The first that differs.
    pub first_difference: Option<Difference>,
    /// How many matters of timing, found by trying, had another than their ordinary outcome (Java; empty polls at the start not counted).
    pub extraordinary: usize,
    /// Polls after the first, in `single` mode, that took [`LONG`] or more in the recording or in the model, and how many of them did
    /// in both.
    pub waits: (usize, usize),
    /// A recorded choice that was impossible in the model where it was due.
    pub refused: Option<Choice>,
    /// How far the model's run had come when.
    pub moments: Moments,
}

/// A poll that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose.
    pub consumer: u32,
    /// Its number among those compared of that consumer, from 1.
    pub number: usize,
    /// What the real client returned.
    pub recorded: Vec<Handed>,
    /// What the model returned; `None` if it was done by then.
    pub model: Option<Vec<Handed>>,
}

/// Why a trace can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no model of the client.
    #[error("there is no model of {0}")]
    Client(String),
    /// The trace lacks something the model needs, or has it in a form that is not understood.
    #[error("the header has no usable `{0}`")]
    Header(&'static str),
    /// A topic is named that the header does not list.
    #[error("topic {0} is not in the header")]
    Topic(String),
    /// A poll of a consumer that the mode does not have.
    #[error("poll {line} is of consumer {consumer}, which this mode does not have")]
    Consumer {
        /// The poll's number, `i`.
        line: u64,
        /// The consumer's, `c`.
        consumer: u32,
    },
    /// The model could not go on.
    #[error(transparent)]
    Model(#[from] BrokerError),
}

impl Replay {
    /// Replays a trace.
    ///
    /// # Errors
    /// [`ReplayError`] if there is no model for what was recorded.
    pub fn of(trace: &Trace) -> Result<Self, ReplayError> {
        Self::with(trace, None)
    }

    /// The same at other costs than the model's own.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn with(trace: &Trace, values: Option<&Values>) -> Result<Self, ReplayError> {
        let moved = from_zero(trace);
        let trace = moved.as_ref().unwrap_or(trace);
        let mut attempt = Attempt::new(trace, values)?;
        let mut script = choices::recorded(trace)?;
        // With one consumer a topic there is one partition an answer, or nothing to choose that shows in the polls compared.
        if attempt.is_guided && trace.header.mode == Mode::Single {
            script = guide::choices(&attempt, script)?;
        }
        if trace.header.mode == Mode::Fair {
            let exact = |waits: &[usize]| {
                attempt.waits = waits.to_vec();
                Ok(attempt.run(script.clone(), false)?.0)
            };
            attempt.waits = hand_overs::waits(exact)?;
        }
        attempt.run(script, false).map(|(replay, _)| replay)
    }

    /// Replays a trace with nothing of what was random in it: the model draws from this seed.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn free(trace: &Trace, values: Option<&Values>, seed: u64) -> Result<Self, ReplayError> {
        let moved = from_zero(trace);
        let mut attempt = Attempt::new(moved.as_ref().unwrap_or(trace), values)?;
        attempt.world = attempt.world.reseeded(seed);
        attempt.is_guided = false;
        attempt.run(Vec::new(), false).map(|(replay, _)| replay)
    }
}

/// Polls with records that the model makes of a trace's set-up when its choices are drawn from a seed: per consumer, as lists of
/// `[topic, partition, first offset, count]`.
///
/// # Errors
/// As [`Replay::of`].
pub fn drawn(trace: &Trace, seed: u64) -> Result<Vec<Vec<Vec<Handed>>>, ReplayError> {
    let mut attempt = Attempt::new(trace, None)?;
    attempt.world = attempt.world.reseeded(seed);
    attempt.is_guided = false;
    let (polls, _) = attempt.drive(Vec::new(), false)?;
    let with_records = |polls_of: &Vec<Vec<Run>>| {
        polls_of.iter().filter(|runs| !runs.is_empty()).map(|runs| polls.handed(core::slice::from_ref(runs))).collect()
    };
    Ok(polls.polls.iter().map(with_records).collect())
}

/// The recording that the model would have made of a `single` run at these costs: the same polls, at other times. For finding out
/// whether costs that are known are found again.
///
/// # Errors
/// As [`Replay::of`].
pub fn retimed(trace: &Trace, values: &Values) -> Result<Trace, ReplayError> {
    let attempt = Attempt::new(trace, Some(values))?;
    let mut script = choices::recorded(trace)?;
    if attempt.is_guided {
        script = guide::choices(&attempt, script)?;
    }
    let (model, _) = attempt.drive(script, false)?;
    let mut retimed = trace.clone();
    for (poll, (begin, duration)) in retimed.polls.iter_mut().zip(model.begins[0].iter().zip(&model.durations[0])) {
        (poll.t, poll.d) = (begin.as_nanos() / 1000, duration.as_nanos() / 1000);
    }
    Ok(retimed)
}

/// The client that a trace was recorded with, as a scenario would name its model.
///
/// # Errors
/// [`ReplayError::Client`]: there is no model of it.
pub fn model_of(trace: &Trace) -> Result<Client, ReplayError> {
    let client = &trace.header.client;
    let name = match (client.name.as_str(), client.protocol.as_str()) {
        ("java", "consumer") => "java-async",
        (name, _) => name,
    };
    // Releases of one line of kafka-python, and later ones of librdkafka, behave alike.
    let written = if name == "librdkafka" { name.to_owned() } else { format!("{name}@{}", client.version) };
    written.parse().map_err(|_| ReplayError::Client(format!("{} {}", client.name, client.version)))
}

/// The trace of a run that did not begin at offset 0, as if it had: a model's logs begin there.
fn from_zero(trace: &Trace) -> Option<Trace> {
    let topics = &trace.header.scenario.topics;
    topics.iter().find(|topic| topic.first_offsets.is_some())?;
    let mut moved = trace.clone();
    for Handed(name, partition, offset, _) in moved.polls.iter_mut().flat_map(|poll| &mut poll.r) {
        let topic = topics.iter().find(|topic| topic.name == *name);
        let firsts = topic.and_then(|topic| topic.first_offsets.as_ref());
        *offset -= firsts.and_then(|firsts| firsts.get(*partition as usize)).unwrap_or(&0);
    }
    Some(moved)
}

/// A trace made ready to be replayed with this or that script.
struct Attempt<'a> {
    trace: &'a Trace,
    set_up: world::SetUp,
    world: World,
    /// Choices are found by trying instead of being drawn.
    is_guided: bool,
    /// Under `fair`: the hand-overs before which the application waited.
    waits: Vec<usize>,
}

impl<'a> Attempt<'a> {
    fn new(trace: &'a Trace, values: Option<&Values>) -> Result<Self, ReplayError> {
        let mut set_up = world::SetUp::of(&trace.header, values)?;
        set_up.world.alarms.push(world::time_max(trace));
        if let Some(poll) = trace.polls.iter().find(|poll| poll.c as usize >= set_up.world.consumers.len()) {
            return Err(ReplayError::Consumer { line: poll.i, consumer: poll.c });
        }
        let is_guided = trace.header.client.name == "java";
        Ok(Self { trace, world: World::new(&set_up.world), set_up, is_guided, waits: Vec::new() })
    }

    /// Partitions in this world.
    fn slots(&self) -> u64 {
        self.trace.header.scenario.topics.iter().map(|t| u64::from(t.partitions)).sum()
    }

    fn until_it_differs(&self, script: Vec<Choice>) -> Result<(Replay, Vec<Choice>), ReplayError> {
        self.run(script, true)
    }

    /// The result, and all choices that were taken.
    fn run(&self, script: Vec<Choice>, until_it_differs: bool) -> Result<(Replay, Vec<Choice>), ReplayError> {
        let (model, choices) = self.drive(script, until_it_differs)?;
        let mut replay = model.compare(self.trace);
        replay.refused = choices.refused().cloned();
        let timing = |c: &&Choice| c.point.is_timing_of_java() && c.value != [0];
        replay.extraordinary = choices.recorded().iter().filter(timing).count();
        Ok((replay, choices.recorded().to_vec()))
    }

    fn drive(&self, script: Vec<Choice>, until_it_differs: bool) -> Result<(Polls<'_>, Choices), ReplayError> {
        let Self { trace, set_up, world, is_guided, waits } = self;
        let mut world = world.clone();
        world.choices().play(script);
        world.choices().start_recording();
        if *is_guided {
            world.choices().calm();
        }
        let mut broker = SimBroker::new(world);
        let config = Config::new(set_up.scheduler, &set_up.settings, set_up.commit);
        let policy = AnyPolicy::new(set_up.scheduler, &set_up.settings);
        let mut session = Session::new(policy, config, Time::ZERO);
        let mut model = Polls::new(trace);
        model.until = until_it_differs.then_some(trace);
        match hand_overs::recorded(trace, waits)? {
            Some(plans) => {
                let mut paced = hand_overs::Paced::new(broker, plans);
                drive(&mut session, &mut paced, &mut model)?;
                broker = paced.into_inner();
            }
            None => drop(drive(&mut session, &mut broker, &mut model)?),
        }
        Ok((model, broker.world_mut().choices().clone()))
    }
}

/// Collects the model's polls.
struct Polls<'a> {
    names: Vec<&'a str>,
    /// Per consumer.
    polls: Vec<Vec<Vec<Run>>>,
    /// Likewise, when the call in progress began and how long each took.
    begun: Vec<Time>,
    durations: Vec<Vec<Duration>>,
    begins: Vec<Vec<Time>>,
    /// What has been returned, and when.
    returns: Vec<Return>,
    with_empty: bool,
    /// The client hands out a hash map: the order inside a poll means nothing.
    as_sets: bool,
    /// One consumer: the run may end with the first poll that differs from this trace.
    until: Option<&'a Trace>,
    differs: bool,
    left: u64,
    /// A run that goes on for so many polls has gone astray.
    polls_left: usize,
    /// So has one that goes on for so long. It is left as it stands.
    until_time: Time,
    astray: bool,
}

impl<'a> Polls<'a> {
    fn new(trace: &'a Trace) -> Self {
        let topics = &trace.header.scenario.topics;
        Self {
            names: topics.iter().map(|t| t.name.as_str()).collect(),
            polls: vec![Vec::new(); topics.len()],
            begun: vec![Time::ZERO; topics.len()],
            durations: vec![Vec::new(); topics.len()],
            begins: vec![Vec::new(); topics.len()],
            returns: Vec::new(),
            with_empty: trace.header.mode == Mode::Single,
            as_sets: trace.header.client.name == "java",
            until: None,
            differs: false,
            left: topics.iter().map(|t| t.records).sum(),
            polls_left: (10 * trace.polls.iter().map(|p| p.n.unwrap_or(1) as usize).sum::<usize>() + 1000)
                .min(POLLS_MAX),
            until_time: Time::ZERO + world::time_max(trace),
            astray: false,
        }
    }

    fn compare(&self, trace: &Trace) -> Replay {
        let mut replay = Replay {
            polls: 0,
            polls_exact: 0,
            first_difference: None,
            extraordinary: 0,
            waits: self.waits(trace),
            refused: None,
            moments: Moments::of(trace, self.returns.clone()),
        };
        let mut next = vec![0; self.polls.len()];
        for poll in trace.polls.iter().filter(|p| self.with_empty || !p.r.is_empty()) {
            let c = poll.c as usize;
            let (from, calls) = (next[c], poll.n.unwrap_or(1) as usize);
            next[c] += calls;
            let model = self.polls[c].get(from..from + calls).map(|polls| self.handed(polls));
            replay.polls += 1;
            if model.as_ref() == Some(&self.comparable(&poll.r)) {
                replay.polls_exact += 1;
            } else if replay.first_difference.is_none() {
                let recorded = poll.r.clone();
                replay.first_difference = Some(Difference { consumer: poll.c, number: from + 1, recorded, model });
            }
        }
        replay
    }

    fn waits(&self, trace: &Trace) -> (usize, usize) {
        let Some(model) = self.durations.first().filter(|_| self.with_empty) else { return (0, 0) };
        let long = |(poll, model): (&trace::Poll, &Duration)| (Duration::from_micros(poll.d) >= LONG, *model >= LONG);
        let both: Vec<(bool, bool)> = trace.polls.iter().zip(model).skip(1).map(long).collect();
        let count = |f: fn(&(bool, bool)) -> bool| both.iter().filter(|pair| f(pair)).count();
        (count(|(a, b)| *a || *b), count(|(a, b)| *a && *b))
    }

    /// What a poll is compared by.
    fn comparable(&self, handed: &[Handed]) -> Vec<Handed> {
        let mut handed = handed.to_vec();
        if self.as_sets {
            handed.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
            handed.dedup_by(|next, last| {
                let adjacent = last.0 == next.0 && last.1 == next.1 && last.2 + i64::from(last.3) == next.2;
                let joined = last.3.checked_add(next.3).filter(|_| adjacent);
                last.3 = joined.unwrap_or(last.3);
                joined.is_some()
            });
        }
        handed
    }

    /// What these polls handed out together.
    fn handed(&self, polls: &[Vec<Run>]) -> Vec<Handed> {
        let mut handed: Vec<Handed> = Vec::new();
        for run in polls.iter().flatten() {
            let (topic, partition) = (self.names[run.partition.topic.index()], run.partition.partition);
            match handed.last_mut() {
                Some(last) if last.0 == topic && last.1 == partition && last.2 + i64::from(last.3) == run.first => {
                    last.3 += run.records;
                }
                _ => handed.push(Handed(topic.to_owned(), partition, run.first, run.records)),
            }
        }
        self.comparable(&handed)
    }
}

impl Observer for Polls<'_> {
    fn on_action(&mut self, now: Time, action: &Action) {
        if let Action::Poll { consumer, .. } = action {
            self.begun[consumer.index()] = now;
        }
    }

    fn on_signal(&mut self, _: &Signal) {}

    fn on_input(&mut self, now: Time, input: &Input) {
        self.astray |= now >= self.until_time;
        if let Input::Delivered { consumer, runs, .. } = input {
            self.polls_left = self.polls_left.saturating_sub(1);
            self.left -= runs.iter().map(|r| u64::from(r.records)).sum::<u64>();
            self.durations[consumer.index()].push(now.since(self.begun[consumer.index()]));
            self.begins[consumer.index()].push(self.begun[consumer.index()]);
            if self.with_empty || !runs.is_empty() {
                let polls = &mut self.polls[consumer.index()];
                polls.push(runs.clone());
                self.returns.extend(returned(polls.len() as u64, now, runs));
                if let Some(trace) = self.until {
                    let recorded = trace.polls.get(polls.len() - 1).map(|poll| self.comparable(&poll.r));
                    self.differs |= recorded != Some(self.handed(core::slice::from_ref(runs)));
                }
            }
        }
    }

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        self.left == 0 || self.polls_left == 0 || self.differs || self.astray
    }

    fn cuts_short(&self) -> bool {
        self.astray
    }
}
