//! The real backend: librdkafka against a cluster, or against its in-process mock cluster, in wall time.
//!
//! [`run`] does the whole thing: it loads a scenario's backlog into topics of its own, drains it once with each scheduler, verifies
//! what has arrived, and deletes the topics. [`KafkaBroker`] is the [`Broker`] of one drain. Above it there is neither a payload nor
//! a type of librdkafka.
//!
//! | part | thread | owns |
//! |---|---|---|
//! | [`KafkaBroker`] | the caller's | batches that are not processed yet, as runs |
//! | `consumer` | one a consumer | its `rd_kafka_t`, its queues, its messages until they are delivered |
//! | `workers` | one a worker | the run it works on |
//! | `arrivals` | one, if records go on arriving | its producers |
//!
//! All of them report through one channel, which [`Broker::next`] waits on.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is where clocks and threads are real")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Action, Broker, BrokerError, Fact, Failure, Input, Signal};
use crate::{BatchId, ConsumerId, PartitionId, Run, Time, TopicId};
use arrivals::Arrivals;
use consumer::Command;
use content::Content;
use statistics::Board;
use workers::Workers;

pub use cluster::{Environment, Options, Target};
pub use connect::{Application, Consumers, Groups, Position, Shape, Share, Topic};
pub use error::Error;
pub use mock::{Api, Mock, Refusal};
pub use put::{NewTopic, Record, delete, put};
pub use record::{From, Layout, Recorded, Recording, backlog, record};
pub use run::{Drained, Outcome, Request, run};
pub use statistics::Statistics;
pub use verify::Verification;

/// Version of the librdkafka that this was built with, such as `2.12.1`.
#[must_use]
pub fn librdkafka_version() -> String {
    ffi::version()
}

mod arrivals;
mod cluster;
mod conf;
mod connect;
mod consumer;
mod content;
mod error;
mod ffi;
mod load;
mod mock;
mod producer;
mod put;
mod record;
mod run;
mod runs;
mod secrets;
mod statistics;
mod verify;
mod watch;
mod workers;

/// How often [`Broker::next`] looks whether it has been interrupted.
const SLICE: Duration = Duration::from_millis(50);
/// How long a consumer may take to be destroyed after its close deadline.
const DESTROY_GRACE: Duration = Duration::from_secs(2);

/// A topic as it is in the cluster.
#[derive(Clone, Debug)]
struct LoadedTopic {
    id: TopicId,
    name: String,
    partitions: u32,
    /// End offset of each partition.
    ends: Vec<i64>,
    content: Content,
}

impl LoadedTopic {
    fn topic(&self) -> Topic {
        Topic { id: self.id, name: self.name.clone(), partitions: self.partitions }
    }
}

/// The latest of what librdkafka has logged.
#[derive(Debug, Default)]
struct Log(VecDeque<String>);

impl Log {
    fn push(&mut self, line: String) {
        if self.0.len() == 50 {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }
}

/// What the threads report.
enum Event {
    Started(Result<(), String>),
    Closed(ConsumerId),
    Input(Instant, Input),
    Delivered {
        at: Instant,
        consumer: ConsumerId,
        runs: Vec<Run>,
        dry: Vec<TopicId>,
        wrong: u64,
    },
    Revoking {
        at: Instant,
        consumer: ConsumerId,
        partitions: Vec<PartitionId>,
        lost: bool,
        by: Instant,
    },
    /// No run: it was interrupted. `done`: the last run of this batch.
    Processed {
        run: Option<Run>,
        started: Instant,
        ended: Instant,
        done: Option<BatchId>,
    },
    Appended {
        at: Instant,
        topic: TopicId,
        records: u64,
    },
    Unreachable {
        servers: String,
        waited: Duration,
        reason: String,
    },
    Refused(String),
}

/// Dropped only by a panic: what its thread had in hand will never be done, and nobody may wait for it.
struct Panics {
    who: &'static str,
    events: Sender<Event>,
}

impl Drop for Panics {
    fn drop(&mut self) {
        let reason = format!("{} panicked; what it said is above", self.who);
        drop(self.events.send(Event::Refused(reason)));
    }
}

struct Consumer {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
    closed: bool,
}

/// One drain's other side: consumers, workers, and whatever goes on arriving.
pub struct KafkaBroker {
    /// The moment of the first action; time zero.
    origin: Option<Instant>,
    last: Time,
    consumers: Vec<Consumer>,
    events: Receiver<Event>,
    workers: Workers,
    arrivals: Option<Arrivals>,
    /// Delivered, not yet given to the application.
    batches: BTreeMap<BatchId, Vec<Run>>,
    next_batch: BatchId,
    inputs: VecDeque<(Time, Input)>,
    signals: Vec<Signal>,
    wake: Option<Time>,
    closing: Option<Time>,
    wrong: u64,
    interrupt: Arc<AtomicBool>,
    /// Moments at which the caller should look at the run even if nothing happens; earliest last.
    reminders: Vec<Time>,
    interrupted: bool,
    /// Lives as long as its clients.
    _mock: Option<Mock>,
    sender: Sender<Event>,
    board: Board,
}

/// Asks a running session for something, from any thread. It has no effect once the broker is gone.
#[derive(Clone, Debug)]
pub struct Handle {
    events: Sender<Event>,
    board: Board,
}

impl Handle {
    /// Commit what has been processed so far, now.
    pub fn commit(&self) {
        drop(self.events.send(Event::Input(Instant::now(), Input::Commit)));
    }

    /// Stop: process what is in hand, commit it, and close.
    pub fn stop(&self) {
        drop(self.events.send(Event::Input(Instant::now(), Input::Stop)));
    }

    /// What each consumer's librdkafka has counted; `None` of one that has not said anything (`statistics.interval.ms`).
    #[must_use]
    pub fn statistics(&self) -> Vec<Option<Statistics>> {
        self.board.get()
    }
}

impl KafkaBroker {
    /// Starts a thread for each consumer. Nothing is subscribed before [`Action::Open`].
    fn start(
        setups: Vec<consumer::Setup>,
        workers: impl FnOnce(Sender<Event>) -> Workers,
        arrivals: Option<Arrivals>,
        interrupt: Arc<AtomicBool>,
        mock: Option<Mock>,
    ) -> Result<Self, String> {
        let (sender, events) = mpsc::channel();
        let mut broker = Self {
            origin: None,
            last: Time::ZERO,
            consumers: Vec::new(),
            events,
            workers: workers(sender.clone()),
            arrivals,
            batches: BTreeMap::new(),
            next_batch: BatchId(0),
            inputs: VecDeque::new(),
            signals: Vec::new(),
            wake: None,
            closing: None,
            wrong: 0,
            interrupt,
            reminders: Vec::new(),
            interrupted: false,
            _mock: mock,
            sender: sender.clone(),
            board: Board::default(),
        };
        if let Some(arrivals) = &mut broker.arrivals {
            arrivals.report_to(sender.clone());
        }
        for setup in setups {
            let (commands, receiver) = mpsc::channel();
            let (to_self, events, board) = (commands.clone(), sender.clone(), broker.board.clone());
            let thread = thread::spawn(move || {
                let panics = Panics { who: "a consumer's thread", events: events.clone() };
                consumer::run(setup, receiver, to_self, events, board);
                std::mem::forget(panics);
            });
            broker.consumers.push(Consumer { commands, thread: Some(thread), closed: false });
        }
        for _ in 0..broker.consumers.len() {
            match broker.events.recv() {
                Ok(Event::Started(started)) => started?,
                _ => unreachable!("a consumer's first event, and nothing else happens before it is told to open"),
            }
        }
        Ok(broker)
    }

    /// A handle with which any thread can ask for a commit or a stop.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { events: self.sender.clone(), board: self.board.clone() }
    }

    /// How many records were not what had been loaded.
    fn wrong_records(&self) -> u64 {
        self.wrong
    }

    /// Makes [`Broker::next`] return an [`Input::Wake`] at this moment, or soon after, even if nothing happens: for an observer that
    /// ends a run at a time limit.
    pub fn remind(&mut self, at: Time) {
        self.reminders.push(at);
        self.reminders.sort_by(|a, b| b.cmp(a));
    }

    /// The run's time at a moment; never earlier than what has been said before.
    fn time(&mut self, at: Instant) -> Time {
        self.last = self.last.max(self.raw_time(at));
        self.last
    }

    fn raw_time(&self, at: Instant) -> Time {
        let since = self.origin.map_or(Duration::ZERO, |origin| at.saturating_duration_since(origin));
        Time::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment of a time of the run; `None` if it is beyond what a clock can say.
    fn instant(&self, time: Time) -> Option<Instant> {
        self.origin?.checked_add(Duration::from_nanos(time.as_nanos()))
    }

    fn command(&self, consumer: ConsumerId, command: Command) {
        // A consumer that is gone has said why.
        drop(self.consumers[consumer.index()].commands.send(command));
    }

    fn absorb(&mut self, event: Event) -> Result<(), BrokerError> {
        let (at, input) = match event {
            Event::Input(at, input) => {
                if let Input::Failed { failure: Failure::Fetch(_), .. } = &input {
                    self.remind(self.raw_time(at) + watch::TOPIC_FAILS_MAX);
                }
                (at, input)
            }
            Event::Delivered { at, consumer, runs, dry, wrong } => {
                self.wrong += wrong;
                let batch = self.next_batch;
                if !runs.is_empty() {
                    self.next_batch.0 += 1;
                    self.batches.insert(batch, runs.clone());
                }
                (at, Input::Delivered { consumer, batch, runs, dry })
            }
            Event::Revoking { at, consumer, partitions, lost, by } => {
                let by = self.raw_time(by);
                (at, Input::Revoking { consumer, partitions, lost, by })
            }
            Event::Processed { run, started, ended, done } => {
                let started = self.raw_time(started);
                let at = self.time(ended);
                if let Some(run) = run {
                    self.signals.push(Signal { at, fact: Fact::Processed { run, started } });
                }
                match done {
                    Some(batch) => (ended, Input::Processed(batch)),
                    None => return Ok(()),
                }
            }
            Event::Appended { at, topic, records } => {
                let at = self.time(at);
                self.signals.push(Signal { at, fact: Fact::Appended { topic, records } });
                return Ok(());
            }
            Event::Unreachable { servers, waited, reason } => {
                let waited = crate::Duration::from_nanos(waited.as_nanos() as u64);
                return Err(BrokerError::Unreachable { servers, waited, reason });
            }
            Event::Refused(reason) => return Err(BrokerError::Refused(reason)),
            Event::Closed(consumer) => {
                self.consumers[consumer.index()].closed = true;
                if self.closing.is_none() || !self.consumers.iter().all(|c| c.closed) {
                    return Ok(());
                }
                (Instant::now(), Input::Closed)
            }
            Event::Started(_) => unreachable!("awaited by `start`"),
        };
        let at = self.time(at);
        self.inputs.push_back((at, input));
        Ok(())
    }

    /// An input that nobody has caused: the wake asked for, the end of waiting for a close, or a reminder to look at the run.
    fn due(&mut self) -> Option<(Time, Input)> {
        let now = self.time(Instant::now());
        let grace = crate::Duration::from_nanos(DESTROY_GRACE.as_nanos() as u64);
        if self.closing.is_some_and(|by| now >= by + grace) {
            return Some((now, Input::Closed));
        }
        let mut due = self.wake.take_if(|at| now >= *at).is_some();
        while self.reminders.last().is_some_and(|&at| now >= at) {
            self.reminders.pop();
            due = true;
        }
        if !self.interrupted && self.interrupt.load(Ordering::Relaxed) {
            self.interrupted = true;
            due = true;
        }
        due.then_some((now, Input::Wake))
    }
}

impl Broker for KafkaBroker {
    fn submit(&mut self, action: Action) -> Result<(), BrokerError> {
        let now = Instant::now();
        self.origin.get_or_insert(now);
        match action {
            Action::Open => {
                for consumer in &self.consumers {
                    drop(consumer.commands.send(Command::Open));
                }
                if let Some(arrivals) = &mut self.arrivals {
                    arrivals.begin(now);
                }
            }
            Action::Poll { consumer, cap, wait, fill } => {
                let wait = Duration::from_nanos(wait.as_nanos());
                let deadline = now.checked_add(wait).unwrap_or_else(|| now + Duration::from_secs(1 << 30));
                self.command(consumer, Command::Poll { cap, deadline, fill });
            }
            Action::Take { consumer, plan } => self.command(consumer, Command::Take(plan)),
            Action::Process(batch) => {
                let runs = self.batches.remove(&batch).expect("a session processes what has been delivered, once");
                self.workers.submit(batch, runs);
            }
            Action::Discard { batch, partitions } => {
                if let Some(runs) = self.batches.get_mut(&batch) {
                    runs.retain(|run| !partitions.contains(&run.partition));
                    if runs.is_empty() {
                        self.batches.remove(&batch);
                    }
                }
            }
            Action::Commit { consumer, offsets } => self.command(consumer, Command::Commit(offsets)),
            Action::RevokeDone { consumer } => self.command(consumer, Command::RevokeDone),
            Action::Wake(at) => self.wake = Some(at),
            Action::Close { by } => {
                self.closing = Some(by);
                let by = self.instant(by).unwrap_or(now);
                for consumer in &self.consumers {
                    drop(consumer.commands.send(Command::Close { by }));
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(Time, Input), BrokerError> {
        loop {
            // What has come together is handed over together.
            while let Ok(event) = self.events.try_recv() {
                self.absorb(event)?;
            }
            if let Some(input) = self.inputs.pop_front() {
                // Whatever arrives earlier stands for the wake.
                self.wake = None;
                return Ok(input);
            }
            let wake = self.wake.and_then(|at| self.instant(at)).map(|at| at.saturating_duration_since(Instant::now()));
            match self.events.recv_timeout(wake.unwrap_or(SLICE).min(SLICE)) {
                Ok(event) => self.absorb(event)?,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(due) = self.due() {
                        return Ok(due);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(BrokerError::Stuck),
            }
        }
    }

    fn has_input(&self) -> bool {
        !self.inputs.is_empty()
    }

    fn signals(&mut self) -> &mut Vec<Signal> {
        &mut self.signals
    }
}

impl Drop for KafkaBroker {
    fn drop(&mut self) {
        self.arrivals = None;
        let by = Instant::now() + DESTROY_GRACE;
        let all_told = self.closing.is_some();
        for consumer in &self.consumers {
            if !all_told {
                drop(consumer.commands.send(Command::Close { by }));
            }
        }
        while self.consumers.iter().any(|c| !c.closed) {
            match self.events.recv_timeout((by + DESTROY_GRACE).saturating_duration_since(Instant::now())) {
                Ok(Event::Closed(consumer)) => self.consumers[consumer.index()].closed = true,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        // One that is not closed by now hangs in librdkafka; waiting for it would hang as well.
        for thread in self.consumers.iter_mut().filter(|c| c.closed).filter_map(|c| c.thread.take()) {
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for KafkaBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaBroker").field("consumers", &self.consumers.len()).field("last", &self.last).finish()
    }
}
