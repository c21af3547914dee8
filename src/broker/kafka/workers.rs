//! The application: threads that sleep, or that call whoever processes the records.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::connect::Application;
use super::{Event, Panics};
use crate::{BatchId, PartitionId, Run, TopicId};

/// How often a sleeping worker looks whether it has been interrupted.
const SLICE: Duration = Duration::from_millis(50);

pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    cost: Cost,
    events: Sender<Event>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    interrupt: Arc<AtomicBool>,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Partitions that a worker is at: a partition's records are processed in order.
    busy: BTreeSet<PartitionId>,
    /// Runs left of each batch.
    left: BTreeMap<BatchId, usize>,
}

struct Job {
    batch: BatchId,
    run: Run,
    cost: Duration,
}

/// Processes a run.
type Process = Box<dyn FnMut(Run) + Send>;

/// What records cost that are slept for.
#[derive(Default)]
struct Cost {
    per_batch: Duration,
    per_record: Duration,
    of_topic: BTreeMap<TopicId, Duration>,
}

impl Cost {
    fn is_nothing(&self) -> bool {
        self.per_batch.is_zero() && self.per_record.is_zero() && self.of_topic.values().all(Duration::is_zero)
    }

    fn of(&self, run: &Run) -> Duration {
        *self.of_topic.get(&run.partition.topic).unwrap_or(&self.per_record) * run.records
    }
}

impl Workers {
    pub(super) fn new(application: Application, events: Sender<Event>, interrupt: Arc<AtomicBool>) -> Self {
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), interrupt, stop: false.into() });
        let (cost, processors): (_, Vec<Option<Process>>) = match application {
            Application::Sleep { workers, per_batch, per_record, of_topic } => {
                let real = |d: crate::Duration| Duration::from_nanos(d.as_nanos());
                let of_topic = of_topic.into_iter().map(|(topic, d)| (topic, real(d))).collect();
                let cost = Cost { per_batch: real(per_batch), per_record: real(per_record), of_topic };
                // Work that costs nothing needs no thread: it is done as soon as it is submitted.
                let workers = if cost.is_nothing() { 0 } else { workers };
                (cost, (0..workers).map(|_| None).collect())
            }
            Application::Callback(processors) => (Cost::default(), processors.into_iter().map(Some).collect()),
        };
        let threads = processors
            .into_iter()
            .map(|process| {
                let (shared, events) = (shared.clone(), events.clone());
                thread::spawn(move || {
                    let panics = Panics { who: "the application", events: events.clone() };
                    shared.work(process, &events);
                    std::mem::forget(panics);
                })
            })
            .collect();
        Self { shared, threads, cost, events }
    }

    /// Begins to process a batch of at least one run.
    pub(super) fn submit(&self, batch: BatchId, runs: Vec<Run>) {
        if self.threads.is_empty() {
            let now = Instant::now();
            let last = runs.len().saturating_sub(1);
            for (i, run) in runs.into_iter().enumerate() {
                let done = (i == last).then_some(batch);
                drop(self.events.send(Event::Processed { run: Some(run), started: now, ended: now, done }));
            }
            return;
        }
        let mut state = self.shared.lock();
        state.left.insert(batch, runs.len());
        for (i, run) in runs.into_iter().enumerate() {
            let records = self.cost.of(&run);
            let cost = if i == 0 { self.cost.per_batch + records } else { records };
            state.waiting.push_back(Job { batch, run, cost });
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Under the lock, or a worker about to wait would miss it.
        let state = self.shared.lock();
        self.shared.stop.store(true, Ordering::Relaxed);
        drop(state);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut process: Option<Process>, events: &Sender<Event>) {
        let mut state = self.lock();
        while !self.stop.load(Ordering::Relaxed) {
            let Some(i) = state.waiting.iter().position(|job| !state.busy.contains(&job.run.partition)) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let Some(Job { batch, run, cost }) = state.waiting.remove(i) else { continue };
            state.busy.insert(run.partition);
            drop(state);
            let started = Instant::now();
            let finished = match &mut process {
                Some(process) => {
                    process(run);
                    true
                }
                None => self.sleep(started + cost),
            };
            state = self.lock();
            state.busy.remove(&run.partition);
            let left = state.left.get_mut(&batch).map_or(0, |left| {
                *left -= 1;
                *left
            });
            let done = (left == 0).then_some(batch);
            if left == 0 {
                state.left.remove(&batch);
            }
            // Sent under the lock, so that a partition's runs are reported in order.
            let run = finished.then_some(run);
            drop(events.send(Event::Processed { run, started, ended: Instant::now(), done }));
            self.changed.notify_all();
        }
    }

    /// Sleeps until a moment. Returns early, with false, once interrupted or stopped.
    fn sleep(&self, until: Instant) -> bool {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if self.interrupt.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed) {
                return false;
            }
            thread::sleep(left.min(SLICE));
        }
    }
}
