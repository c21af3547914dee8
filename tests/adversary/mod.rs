//! A broker that answers anything legal, and checks everything that a session owes it.
//!
//! What it does is drawn from a string of choices, one byte each; when they are used up it is as kind as can be: at once, complete,
//! without failure. So every run ends, and a shorter string is a simpler run.

// Each test file uses its own part.
#![allow(dead_code)]

pub(crate) mod checks;
mod inputs;
pub(crate) mod planted;
mod world;

use std::collections::{BTreeMap, VecDeque};

use fairdrain::broker::{Action, Input};
use fairdrain::policy::Policy;
use fairdrain::session::Session;
use fairdrain::{BatchId, Duration, PartitionId, Run, Time, TopicId};

use checks::{Checks, Rule, Violation};
pub(crate) use world::{World, worlds};

/// Something with the methods of a session.
pub(crate) trait Machine {
    fn handle(&mut self, now: Time, input: Input);
    fn poll_action(&mut self) -> Option<Action>;
}

impl<P: Policy> Machine for Session<P> {
    fn handle(&mut self, now: Time, input: Input) {
        Session::handle(self, now, input);
    }

    fn poll_action(&mut self) -> Option<Action> {
        Session::poll_action(self)
    }
}

/// What a run was like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// When each batch was delivered, and how many records of which topics it had, in its order.
    pub(crate) deliveries: Vec<(Time, Vec<(TopicId, u32)>)>,
    /// When the last record of a topic was processed.
    pub(crate) completion: BTreeMap<TopicId, Time>,
    pub(crate) discards: usize,
    pub(crate) commits: usize,
    pub(crate) failures: usize,
}

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) consumer: usize,
    pub(crate) assigned: bool,
    pub(crate) revoking: bool,
    /// Counts assignments.
    generation: u32,
    end: i64,
    /// Offset up to which records are in the client.
    fetched: i64,
    /// Offset up to which records have been delivered.
    read: i64,
    /// Offset up to which records have been given to the application.
    handed: i64,
    /// The processed prefix.
    pub(crate) done: i64,
    /// Runs that are with the application, and runs that are done behind one that is not.
    pub(crate) pending: VecDeque<(BatchId, i64, bool)>,
    pub(crate) committed: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Consumer {
    pub(crate) joined: bool,
    pub(crate) polling: Option<Asked>,
    pub(crate) committing: Option<Vec<(usize, u32, i64)>>,
    pub(crate) commit_failed: bool,
    /// The deadline, and whether nothing is owed because it was lost.
    pub(crate) revoking: Option<(Time, bool)>,
    pub(crate) has_assignment: bool,
    pub(crate) idle_from: Time,
    failures: u32,
    pub(crate) out: bool,
    pub(crate) outstanding: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Poll(u32),
    Take(Vec<Run>, Vec<TopicId>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Assign(usize, Vec<usize>),
    Arrive(usize, i64),
    Ready(TopicId),
    Answer(usize),
    Processed(BatchId),
    CommitAnswer(usize),
    Revoke(usize),
    Demand(u8),
    Stop,
}

/// The broker.
#[derive(Debug)]
pub(crate) struct Adversary<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: Time,
    choice: usize,
    happenings: BTreeMap<(Time, u64), Happening>,
    happened: u64,
    wake: Option<Time>,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) consumers: Vec<Consumer>,
    /// Whether a topic has been reported ready (or is about to be) since a take has left it empty.
    notified: Vec<bool>,
    batches: BTreeMap<BatchId, (usize, Vec<Run>, bool)>,
    batch_count: u64,
    pub(crate) stopped: bool,
    closing: bool,
    pub(crate) checks: Checks,
    report: Report,
}

/// Bounds the loop; hitting it is a violation of liveness.
const STEPS_MAX: u64 = 20_000;

impl<'a> Adversary<'a> {
    fn new(world: &'a World) -> Self {
        let consumers = world.name.consumers(world.topics.len());
        let mut broker = Self {
            world,
            now: Time::ZERO,
            choice: 0,
            happenings: BTreeMap::new(),
            happened: 0,
            wake: None,
            partitions: Vec::new(),
            consumers: consumers.iter().map(|_| Consumer::default()).collect(),
            notified: vec![false; world.topics.len()],
            batches: BTreeMap::new(),
            batch_count: 0,
            stopped: false,
            closing: false,
            checks: Checks::new(world),
            report: Report::default(),
        };
        for &topic in &world.order {
            let consumer = if consumers.len() == 1 { 0 } else { topic };
            for partition in 0..world.topics[topic].partitions {
                let id = PartitionId { topic: TopicId(topic as u32), partition };
                broker.partitions.push(Partition {
                    id,
                    consumer,
                    assigned: false,
                    revoking: false,
                    generation: 0,
                    end: world.topics[topic].backlog.into(),
                    fetched: 0,
                    read: 0,
                    handed: 0,
                    done: 0,
                    pending: VecDeque::new(),
                    committed: 0,
                });
            }
        }
        broker
    }

    /// The next choice out of `n`; 0 is the kind one.
    fn choose(&mut self, n: u8) -> u8 {
        self.choice += 1;
        self.world.choices.get(self.choice - 1).map_or(0, |byte| byte % n)
    }

    fn delay(&mut self) -> Duration {
        Duration::from_micros([0, 1, 100, 1_000, 10_000, 50_000, 100_000, 300_000][usize::from(self.choose(8))])
    }

    fn schedule(&mut self, after: Duration, happening: Happening) {
        self.happened += 1;
        self.happenings.insert((self.now + after, self.happened), happening);
    }

    fn submit(&mut self, action: Action) -> Result<(), Violation> {
        match action {
            Action::Open => self.open(),
            Action::Poll { consumer, cap, .. } => {
                self.check_poll(consumer.index(), cap)?;
                self.consumers[consumer.index()].polling = Some(Asked::Poll(cap));
                let late = self.delay();
                let idle = self.available(consumer.index()).next().is_none();
                let wait = if idle { Duration::from_millis(100) } else { late };
                self.schedule(wait, Happening::Answer(consumer.index()));
            }
            Action::Take { consumer, plan } => {
                self.check_take(consumer.index(), &plan)?;
                let (runs, dry) = self.take(consumer.index(), &plan);
                self.consumers[consumer.index()].polling = Some(Asked::Take(runs, dry));
                let late = self.delay();
                self.schedule(late, Happening::Answer(consumer.index()));
            }
            Action::Process(batch) => self.process(batch)?,
            Action::Discard { batch, partitions } => self.discard(batch, &partitions)?,
            Action::Commit { consumer, offsets } => {
                let offsets = self.check_commit(consumer.index(), &offsets)?;
                self.report.commits += 1;
                self.consumers[consumer.index()].committing = Some(offsets);
                let late = self.delay();
                self.schedule(late, Happening::CommitAnswer(consumer.index()));
            }
            Action::RevokeDone { consumer } => self.revoke_done(consumer.index())?,
            Action::Wake(at) => self.wake = Some(at),
            Action::Close { by } => {
                self.check_close(by)?;
                self.closing = true;
            }
        }
        Ok(())
    }

    fn open(&mut self) {
        for place in 0..self.partitions.len() {
            let end = self.partitions[place].end;
            let mut after = Duration::ZERO;
            for part in 1..=4 {
                after += self.delay();
                let to = if self.choose(3) == 0 || part == 4 { end } else { end * part / 4 };
                self.schedule(after, Happening::Arrive(place, to));
                if to == end {
                    break;
                }
            }
        }
        let consumers = if self.consumers.len() == 1 { vec![0] } else { self.world.order.clone() };
        for consumer in consumers {
            let theirs = (0..self.partitions.len()).filter(|&p| self.partitions[p].consumer == consumer).collect();
            let late = self.delay();
            self.schedule(late, Happening::Assign(consumer, theirs));
        }
        for _ in 0..self.world.revocations {
            let (after, consumer) = (self.delay() + self.delay(), usize::from(self.choose(255)) % self.consumers.len());
            self.schedule(after, Happening::Revoke(consumer));
        }
        if self.world.stops_early {
            let after = self.delay() + self.delay();
            self.schedule(after, Happening::Stop);
        }
        if !self.world.choices.is_empty() {
            for _ in 0..4 {
                let (after, topics) = (self.delay(), self.choose(255));
                self.schedule(after, Happening::Demand(topics));
            }
        }
    }

    /// Places of this consumer's partitions that have something to hand out.
    fn available(&self, consumer: usize) -> impl Iterator<Item = usize> + '_ {
        let has = move |p: &Partition| p.consumer == consumer && p.assigned && p.read < p.fetched;
        (0..self.partitions.len()).filter(move |&place| has(&self.partitions[place]))
    }

    fn is_gap(&self, offset: i64) -> bool {
        self.world.gaps && offset % 5 == 3
    }

    /// Up to `most` records of a partition.
    fn hand_out(&mut self, place: usize, most: u32) -> Option<Run> {
        let (from, to) = (self.partitions[place].read, self.partitions[place].fetched);
        let offsets: Vec<i64> = (from..to).filter(|&o| !self.is_gap(o)).take(most as usize).collect();
        let all = (from..to).filter(|&o| !self.is_gap(o)).count() == offsets.len();
        let next = if all { to } else { offsets.last().map_or(from, |last| last + 1) };
        self.partitions[place].read = next;
        let records = offsets.len() as u32;
        let partition = self.partitions[place].id;
        offsets.first().map(|&first| Run { partition, first, next, records, bytes: u64::from(records) })
    }

    fn take(&mut self, consumer: usize, plan: &[(TopicId, u32)]) -> (Vec<Run>, Vec<TopicId>) {
        let (mut runs, mut dry) = (Vec::new(), Vec::new());
        for &(topic, records) in plan {
            let mut left = records;
            let places: Vec<usize> =
                self.available(consumer).filter(|&p| self.partitions[p].id.topic == topic).collect();
            for place in places {
                if let Some(run) = self.hand_out(place, left) {
                    left -= run.records;
                    runs.push(run);
                }
                if left == 0 {
                    break;
                }
            }
            if self.available(consumer).all(|p| self.partitions[p].id.topic != topic) {
                dry.push(topic);
                self.notified[topic.index()] = false;
            }
        }
        (runs, dry)
    }

    fn process(&mut self, id: BatchId) -> Result<(), Violation> {
        let known = self.batches.get_mut(&id).filter(|batch| !batch.2);
        let Some((_, runs, processing)) = known else {
            return Err(Violation::new(Rule::Conservation, format!("{id:?} processed twice, or never delivered")));
        };
        *processing = true;
        let runs = runs.clone();
        let mut work = self.delay();
        for run in runs {
            let place = self.place(run.partition);
            let expected = (self.partitions[place].handed..).find(|&o| !self.is_gap(o)).expect("without end");
            let partition = &mut self.partitions[place];
            if partition.revoking || !partition.assigned {
                return Err(Violation::new(Rule::Revoked, format!("{run:?} processed after its revocation")));
            }
            if run.first != expected {
                return Err(Violation::new(Rule::Conservation, format!("{run:?} processed, not {expected}")));
            }
            partition.handed = run.next;
            partition.pending.push_back((id, run.next, false));
            work += self.world.per_record.times(run.records.into());
        }
        self.schedule(work, Happening::Processed(id));
        Ok(())
    }

    fn discard(&mut self, id: BatchId, discarded: &[PartitionId]) -> Result<(), Violation> {
        self.report.discards += 1;
        for &partition in discarded {
            let partition = &self.partitions[self.place(partition)];
            if partition.assigned && !partition.revoking && !self.consumers[partition.consumer].out {
                return Err(Violation::new(Rule::Conservation, format!("{:?} discarded, but ours", partition.id)));
            }
        }
        let Some((consumer, runs, false)) = self.batches.get_mut(&id) else {
            return Err(Violation::new(Rule::Conservation, format!("{id:?} discarded, but not there")));
        };
        runs.retain(|run| !discarded.contains(&run.partition));
        if runs.is_empty() {
            self.consumers[*consumer].outstanding -= 1;
            self.batches.remove(&id);
        }
        Ok(())
    }

    pub(crate) fn place(&self, id: PartitionId) -> usize {
        self.partitions.iter().position(|p| p.id == id).expect("a partition of this world")
    }

    fn revoke_done(&mut self, consumer: usize) -> Result<(), Violation> {
        self.check_revoke_done(consumer)?;
        let places: Vec<usize> = (0..self.partitions.len())
            .filter(|&p| self.partitions[p].consumer == consumer && self.partitions[p].revoking)
            .collect();
        self.consumers[consumer].revoking = None;
        for &place in &places {
            self.unassign(place);
            self.partitions[place].revoking = false;
        }
        self.consumers[consumer].has_assignment = self.partitions.iter().any(|p| p.consumer == consumer && p.assigned);
        let late = self.delay();
        self.schedule(late, Happening::Assign(consumer, places));
        Ok(())
    }

    fn unassign(&mut self, place: usize) {
        let partition = &mut self.partitions[place];
        partition.assigned = false;
        partition.generation += 1;
        partition.pending.clear();
    }

    /// Whether everything that can be processed has been.
    fn is_drained(&self) -> bool {
        let settled = |p: &Partition| (p.done..p.end).all(|o| self.is_gap(o)) || self.consumers[p.consumer].out;
        self.batches.is_empty() && self.partitions.iter().all(settled)
    }

    /// The next input; `None` when all is over.
    fn next(&mut self) -> Result<Option<Input>, Violation> {
        for _ in 0..STEPS_MAX {
            if self.closing {
                return Ok(None);
            }
            if !self.stopped && self.is_drained() {
                return self.happen(Happening::Stop);
            }
            let first = self.happenings.keys().next().copied();
            if let Some(at) = self.wake
                && first.is_none_or(|(time, _)| at <= time)
            {
                (self.wake, self.now) = (None, self.now.max(at));
                return Ok(Some(Input::Wake));
            }
            let Some((key, happening)) = self.happenings.pop_first() else {
                return Err(Violation::new(Rule::Liveness, "nothing is left to happen".into()));
            };
            self.checks.steps += 1;
            if self.checks.steps > STEPS_MAX {
                break;
            }
            self.now = key.0;
            if let Some(input) = self.happen(happening)? {
                // Anything that arrives cancels the wake-up, as a session must expect.
                self.wake = None;
                return Ok(Some(input));
            }
        }
        Err(Violation::new(Rule::Liveness, format!("not done after {STEPS_MAX} steps")))
    }

    /// Batches delivered and not processed, and polls in progress.
    pub(crate) fn in_hand(&self) -> u32 {
        let polls = self.consumers.iter().filter(|c| c.polling.is_some()).count();
        (self.batches.len() + polls) as u32
    }
}
