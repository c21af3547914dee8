//! The application of a benchmark: threads that spend the stated time on every record by sleeping.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Event;
use crate::scenario::Scenario;
use crate::{BatchId, PartitionId, Run};

/// How often a sleeping worker looks whether it has been interrupted.
const SLICE: Duration = Duration::from_millis(50);

pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    per_batch: Duration,
    /// By topic.
    per_record: Vec<Duration>,
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

impl Workers {
    pub(super) fn new(scenario: &Scenario, events: Sender<Event>, interrupt: Arc<AtomicBool>) -> Self {
        let application = scenario.application;
        let real = |d: crate::Duration| Duration::from_nanos(d.as_nanos());
        let per_record: Vec<Duration> =
            scenario.topics.iter().map(|t| real(t.processing_per_record.unwrap_or(application.per_record))).collect();
        let per_batch = real(application.per_batch);
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), interrupt, stop: false.into() });
        // Work that costs nothing needs no thread: it is done as soon as it is submitted.
        let free = per_batch.is_zero() && per_record.iter().all(Duration::is_zero);
        let threads = (0..if free { 0 } else { application.workers })
            .map(|_| {
                let (shared, events) = (shared.clone(), events.clone());
                thread::spawn(move || shared.work(&events))
            })
            .collect();
        Self { shared, threads, per_batch, per_record, events }
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
            let records = self.per_record[run.partition.topic.index()] * run.records;
            let cost = if i == 0 { self.per_batch + records } else { records };
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

    fn work(&self, events: &Sender<Event>) {
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
            let finished = self.sleep(started + cost);
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
