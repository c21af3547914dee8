//! What the adversary tells the session.

use fairdrain::broker::{Failure, Input};
use fairdrain::session::{BACK_OFF_FIRST, BACK_OFF_MAX};
use fairdrain::{BatchId, ConsumerId, Duration, Run, TopicId};

use super::checks::Violation;
use super::{Adversary, Asked, Happening, Partition};

impl Adversary<'_> {
    pub(super) fn happen(&mut self, happening: Happening) -> Result<Option<Input>, Violation> {
        Ok(match happening {
            Happening::Assign(consumer, places) => self.assign(consumer, places),
            Happening::Arrive(place, to) => {
                self.partitions[place].fetched = to;
                self.notify(self.partitions[place].id.topic);
                None
            }
            Happening::Ready(topic) => {
                self.checks.on_ready(topic);
                Some(Input::Ready(topic))
            }
            Happening::Answer(consumer) => self.answer(consumer)?,
            Happening::Processed(batch) => Some(self.processed(batch)),
            Happening::CommitAnswer(consumer) => self.answer_commit(consumer),
            Happening::Revoke(consumer) => self.revoke(consumer),
            Happening::Stop if self.stopped => None,
            Happening::Stop => {
                self.stopped = true;
                Some(Input::Stop)
            }
            Happening::Demand(bits) => {
                let topics = (0..self.world.topics.len()).filter(|topic| bits >> (topic % 8) & 1 == 1);
                Some(Input::Demand(topics.map(|topic| TopicId(topic as u32)).collect()))
            }
        })
    }

    fn assign(&mut self, consumer: usize, places: Vec<usize>) -> Option<Input> {
        if self.consumers[consumer].out || self.closing {
            return None;
        }
        if let Some(Asked::Take(runs, _)) = &self.consumers[consumer].polling
            && runs.iter().any(|run| places.iter().any(|&place| self.partitions[place].id == run.partition))
        {
            // These records belong to the earlier assignment, so they have to come first.
            self.schedule(Duration::from_millis(1), Happening::Assign(consumer, places));
            return None;
        }
        for &place in &places {
            let partition = &mut self.partitions[place];
            (partition.assigned, partition.revoking) = (true, false);
            for position in [&mut partition.read, &mut partition.handed, &mut partition.done] {
                *position = partition.committed;
            }
        }
        for &place in &places {
            self.notify(self.partitions[place].id.topic);
        }
        (self.consumers[consumer].joined, self.consumers[consumer].has_assignment) = (true, true);
        let partitions = places.iter().map(|&p| self.partitions[p].id).collect();
        Some(Input::Assigned { consumer: ConsumerId(consumer as u32), partitions })
    }

    /// Reports a topic as ready, sooner or later, if that has not been done since it was last empty.
    fn notify(&mut self, topic: TopicId) {
        let has = |p: &Partition| p.id.topic == topic && p.assigned && p.read < p.fetched;
        if !self.notified[topic.index()] && self.partitions.iter().any(has) {
            self.notified[topic.index()] = true;
            let late = self.delay();
            self.schedule(late, Happening::Ready(topic));
        }
    }

    fn answer(&mut self, consumer: usize) -> Result<Option<Input>, Violation> {
        let Some(asked) = self.consumers[consumer].polling.take() else { return Ok(None) };
        let id = ConsumerId(consumer as u32);
        let failed = |failure| Some(Input::Failed { consumer: id, topic: None, failure });
        let fate = self.choose(32);
        let (runs, dry) = match asked {
            Asked::Take(runs, dry) => (runs, dry),
            Asked::Poll(_) if self.world.failures && fate == 31 => {
                self.consumers[consumer].out = true;
                self.consumers[consumer].committing = None;
                self.consumers[consumer].revoking = None;
                self.report.failures += 1;
                // With nobody left a session stops by itself.
                self.stopped |= self.consumers.iter().all(|c| c.out);
                return Ok(failed(Failure::Fatal("out".into())));
            }
            Asked::Poll(_) if self.world.failures && fate >= 26 => {
                let state = &mut self.consumers[consumer];
                let back_off = BACK_OFF_FIRST.times(1 << state.failures.min(10)).min(BACK_OFF_MAX);
                state.failures += 1;
                state.idle_from = self.now + back_off;
                self.report.failures += 1;
                return Ok(failed(Failure::Poll("poll".into())));
            }
            Asked::Poll(_) if self.world.failures && fate == 25 => {
                // A failing topic is reported while the poll goes on.
                self.consumers[consumer].polling = Some(asked);
                self.schedule(Duration::from_millis(1), Happening::Answer(consumer));
                return Ok(failed(Failure::Fetch("fetch".into())));
            }
            Asked::Poll(cap) => (self.poll_runs(consumer, if fate > 20 { 0 } else { cap }, fate), Vec::new()),
        };
        self.consumers[consumer].failures = 0;
        let batch = BatchId(self.batch_count);
        self.checks.on_delivered(&runs, &dry)?;
        if !runs.is_empty() {
            self.batch_count += 1;
            self.consumers[consumer].outstanding += 1;
            let shares = runs.iter().map(|run| (run.partition.topic, run.records)).collect();
            self.report.deliveries.push((self.now, shares));
            self.batches.insert(batch, (consumer, runs.clone(), false));
        }
        Ok(Some(Input::Delivered { consumer: id, batch, runs, dry }))
    }

    /// What a poll returns: all there is up to the cap, or something less.
    fn poll_runs(&mut self, consumer: usize, cap: u32, fate: u8) -> Vec<Run> {
        let mut left = if fate == 0 { cap } else { cap.div_ceil(1 + u32::from(fate % 3)) };
        let mut runs = Vec::new();
        for place in self.available(consumer).collect::<Vec<_>>() {
            if left > 0
                && let Some(run) = self.hand_out(place, left)
            {
                left -= run.records;
                runs.push(run);
            }
        }
        runs
    }

    fn processed(&mut self, id: BatchId) -> Input {
        let (consumer, runs, _) = self.batches.remove(&id).expect("it is being processed");
        self.consumers[consumer].outstanding -= 1;
        for run in runs {
            let place = self.place(run.partition);
            let partition = &mut self.partitions[place];
            partition.pending.iter_mut().filter(|entry| entry.0 == id).for_each(|entry| entry.2 = true);
            while let Some(&(_, next, true)) = partition.pending.front() {
                partition.done = next;
                partition.pending.pop_front();
            }
            self.report.completion.insert(run.partition.topic, self.now);
        }
        Input::Processed(id)
    }

    fn answer_commit(&mut self, consumer: usize) -> Option<Input> {
        let offsets = self.consumers[consumer].committing.take()?;
        let failed = self.world.failures && self.choose(4) == 3;
        self.consumers[consumer].commit_failed = failed;
        let consumer = ConsumerId(consumer as u32);
        if failed {
            self.report.failures += 1;
            return Some(Input::Failed { consumer, topic: None, failure: Failure::Commit("commit".into()) });
        }
        for (place, generation, offset) in offsets {
            if self.partitions[place].generation == generation {
                self.partitions[place].committed = offset;
            }
        }
        Some(Input::Committed { consumer })
    }

    fn revoke(&mut self, consumer: usize) -> Option<Input> {
        let state = &self.consumers[consumer];
        if self.closing || state.out || state.revoking.is_some() || !state.has_assignment {
            return None;
        }
        let (kind, late) = (self.choose(6), self.delay());
        let lost = kind == 5;
        let by = self.now + late;
        let theirs = |p: &Partition| p.consumer == consumer && p.assigned;
        let mut places: Vec<usize> = (0..self.partitions.len()).filter(|&p| theirs(&self.partitions[p])).collect();
        places.truncate(1 + usize::from(kind));
        for &place in &places {
            self.partitions[place].revoking = true;
            if lost {
                self.unassign(place);
            }
        }
        for topic in 0..self.world.topics.len() {
            let stays = |p: &Partition| p.id.topic.index() == topic && p.assigned && !p.revoking;
            if places.iter().any(|&p| self.partitions[p].id.topic.index() == topic)
                && !self.partitions.iter().any(stays)
            {
                self.notified[topic] = false;
                self.checks.on_emptied(TopicId(topic as u32));
            }
        }
        self.consumers[consumer].revoking = Some((by, lost));
        let partitions = places.iter().map(|&p| self.partitions[p].id).collect();
        Some(Input::Revoking { consumer: ConsumerId(consumer as u32), partitions, lost, by })
    }
}
