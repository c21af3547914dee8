//! The application: batches given to its workers, and who keeps its threads busy.

use std::sync::Arc;

use super::{Core, Event};
use crate::application::{Job, take};
use crate::output::Output;
use crate::record::{BatchId, Run};
use crate::signal::Fact;
use crate::time::Duration;

/// `asyncio.sleep` (or any awaited work) outlasts its time by this.
const SLEEP_OVERHEAD: Duration = Duration::from_micros(400);

impl Core {
    /// Gives a delivered batch to the workers.
    pub(crate) fn process(&mut self, batch: BatchId) {
        let place =
            self.delivered.iter().position(|(b, _)| *b == batch).expect("only a delivered batch is processed, once");
        let (_, mut runs) = take(&mut self.delivered, place).expect("just found");
        let plan = Arc::clone(&self.plan);
        let application = plan.config.application;
        let work = |i: usize, run: &Run| {
            let records = plan.config.topics[run.partition.topic.index()].per_record.times(u64::from(run.records));
            if i == 0 { application.per_batch + records } else { records }
        };
        if self.workers.is_idle() && runs.iter().enumerate().all(|(i, run)| work(i, run).is_zero()) {
            // Done as soon as begun: nobody has to queue for it.
            for &run in &runs {
                self.signal(Fact::Processed { run, started: self.now });
            }
            self.outputs.push_back(Output::Processed(batch));
        } else {
            let last = runs.len() - 1;
            let job = |(i, &run): (usize, &Run)| Job { batch, run, length: work(i, &run), last: i == last };
            self.workers.enqueue(batch, runs.iter().enumerate().map(job));
            self.start_jobs();
        }
        runs.clear();
        self.spare.push(runs);
    }

    fn start_jobs(&mut self) {
        while let Some((worker, job)) = self.workers.start(self.now) {
            if job.length.is_zero() {
                self.job_done(worker);
                continue;
            }
            let mut length = job.length;
            if self.plan.is_async {
                if self.plan.config.application.blocking {
                    self.event_loop.held = true;
                } else if job.last {
                    length += SLEEP_OVERHEAD;
                }
            }
            self.schedule(self.now + length, Event::JobDone { worker });
        }
    }

    /// A worker is done with a run.
    pub(crate) fn job_done(&mut self, worker: u32) {
        let (job, started, batch_done) = self.workers.finish(worker);
        if self.plan.is_async && self.plan.config.application.blocking {
            self.event_loop.held = false;
        }
        self.signal(Fact::Processed { run: job.run, started });
        if batch_done {
            self.outputs.push_back(Output::Processed(job.batch));
        }
        if !job.length.is_zero() {
            self.start_jobs();
        }
    }

    /// Reports who keeps the application's threads busy, once time is about to pass: changes that last no time are no news.
    pub(super) fn report_busy(&mut self) {
        let busy = self.handing_out.or_else(|| self.workers.all_busy_with());
        if busy != self.busy_reported {
            self.busy_reported = busy;
            self.signal(Fact::Busy(busy));
        }
    }
}
