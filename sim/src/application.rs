//! The application: workers that spend a known time on every record.

use std::collections::VecDeque;

use crate::record::{BatchId, PartitionId, Run, TopicId};
use crate::time::{Duration, Time};

/// Work on one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) batch: BatchId,
    pub(crate) run: Run,
    pub(crate) length: Duration,
    /// The last run of its batch.
    pub(crate) last: bool,
}

/// The workers and what waits for them. A run is worked on by one worker, a partition by one at a time, and the runs of a partition
/// in order.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    busy: Vec<Option<(Job, Time)>>,
    free: u32,
    queue: VecDeque<Job>,
    /// Batches with runs not done yet, oldest first, and how many.
    open: VecDeque<(BatchId, u32)>,
}

impl Workers {
    pub(crate) fn new(count: u32) -> Self {
        Self { busy: vec![None; count as usize], free: count, queue: VecDeque::new(), open: VecDeque::new() }
    }

    pub(crate) fn enqueue(&mut self, batch: BatchId, jobs: impl Iterator<Item = Job>) {
        let before = self.queue.len();
        for job in jobs {
            self.queue.push_back(job);
        }
        self.open.push_back((batch, (self.queue.len() - before) as u32));
    }

    /// Whether every worker is free and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Gives a free worker something to do, if there is anything it may do. Returns the worker and the job.
    pub(crate) fn start(&mut self, now: Time) -> Option<(u32, Job)> {
        if self.free == 0 || self.queue.is_empty() {
            return None;
        }
        let place = if self.busy.len() == 1 { 0 } else { self.first_startable()? };
        let job = take(&mut self.queue, place)?;
        let worker = self.busy.iter().position(Option::is_none)?;
        self.busy[worker] = Some((job, now));
        self.free -= 1;
        Some((worker as u32, job))
    }

    /// The first queued run whose partition nobody works on and that no earlier queued run of the same partition precedes.
    fn first_startable(&self) -> Option<usize> {
        let taken = |p: PartitionId| self.busy.iter().flatten().any(|(job, _)| job.run.partition == p);
        (0..self.queue.len()).find(|&i| {
            let p = self.queue[i].run.partition;
            !taken(p) && !self.queue.iter().take(i).any(|earlier| earlier.run.partition == p)
        })
    }

    /// A worker is done. Returns its job, when that began, and whether the whole batch is done with it.
    pub(crate) fn finish(&mut self, worker: u32) -> (Job, Time, bool) {
        let (job, started) = self.busy[worker as usize].take().expect("only a busy worker finishes");
        self.free += 1;
        let place = self.open.iter().position(|(b, _)| *b == job.batch).expect("a job's batch is open");
        self.open[place].1 -= 1;
        let done = self.open[place].1 == 0;
        if done {
            take(&mut self.open, place);
        }
        (job, started, done)
    }

    /// If no worker is free: the topic of the run that has been worked on longest.
    pub(crate) fn all_busy_with(&self) -> Option<TopicId> {
        if self.free > 0 {
            return None;
        }
        self.busy.iter().flatten().min_by_key(|(_, started)| *started).map(|(job, _)| job.run.partition.topic)
    }

    /// Forgets everything: the process has died.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.busy.len() as u32);
    }
}

/// Removes an element, which is nearly always the first.
pub(crate) fn take<T>(queue: &mut VecDeque<T>, place: usize) -> Option<T> {
    if place == 0 { queue.pop_front() } else { queue.remove(place) }
}
