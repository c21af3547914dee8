//! One consumer: a thread that owns an `rd_kafka_t`, its queues and its messages, and turns commands into events.
//!
//! The thread waits in one place, its command channel, where librdkafka's notifications arrive too. So it goes on serving
//! rebalances and errors whatever its session does: partitions never deliver into the consumer's own queue but into queues of
//! ours, and the former can be emptied at any time without taking a record. That also keeps `max.poll.interval.ms` satisfied while
//! there is no credit (rdkafka_queue.c: rd_kafka_q_serve_rkmessages marks every call as a poll).
//!
//! The queues: for polls one for all topics, which has the order and the thresholds of the shared queue that librdkafka has by
//! default; for takes one a partition, and a turn within each topic. One queue a topic would be cheaper by 0.2 us for each
//! partition and take, but within it librdkafka's fetch chunks of 1 MiB would make one partition wait for another.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connect::{Position, Share, Topic};
use super::content::Checker;
use super::ffi::{self, Call, Client, Conf, Message, Partitions, Queue};
use super::runs::Runs;
use super::secrets::Secrets;
use super::statistics::{Board, Statistics};
use super::{Event, Log};
use crate::broker::{Failure, Input};
use crate::{ConsumerId, Fill, PartitionId, TopicId};

use flow::Flow;
use trouble::Down;

mod flow;
mod trouble;

/// The longest time without serving the consumer's queue, unless `max.poll.interval.ms` asks for less.
const TICK: Duration = Duration::from_millis(200);
/// After which a commit without an answer counts as lost.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many records are dropped at a time.
const STALE_SLICE: u32 = 1_000;
/// How long a leaving consumer waits for its assignment to be taken back.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(500);

/// The consumer queue's number; a data queue's is the place of its topic in the consumer's list.
const CONSUMER_QUEUE: usize = usize::MAX;

/// What a consumer's thread is told.
pub(super) enum Command {
    Open,
    Poll { cap: u32, deadline: Instant, fill: Fill },
    Take(Vec<(TopicId, u32)>),
    Commit(Vec<(PartitionId, i64)>),
    RevokeDone,
    Close { by: Instant },
    Library(Call),
}

/// What it takes to start a consumer.
pub(super) struct Setup {
    pub(super) id: ConsumerId,
    pub(super) topics: Vec<Topic>,
    /// Whether records are taken topic by topic.
    pub(super) takes: bool,
    pub(super) share: Share,
    pub(super) conf: Conf,
    /// What must not be in anything that it reports.
    pub(super) secrets: Secrets,
    /// It has a `group.instance.id`.
    pub(super) is_static: bool,
    /// `max.poll.interval.ms`.
    pub(super) poll_interval: Duration,
    /// How long a revocation waits for the session.
    pub(super) revoke_within: Duration,
    pub(super) servers: String,
    /// What is delivered is compared with it, if there is one.
    pub(super) checker: Option<Checker>,
    /// How long all brokers may be gone before the run ends.
    pub(super) outage_max: Duration,
    pub(super) log: Arc<Mutex<Log>>,
}

struct Poll {
    cap: u32,
    deadline: Instant,
    fill: Fill,
}

struct Revocation {
    partitions: Partitions,
    by: Instant,
}

struct Consumer {
    setup: Setup,
    commands: Receiver<Command>,
    events: Sender<Event>,
    client: Client,
    queue: Queue,
    commits: Queue,
    /// All records of a consumer that polls.
    shared: Option<Queue>,
    flows: Vec<Flow>,
    /// Partition queues that are forwarded, by place of the topic and partition; held so that librdkafka keeps the partitions until
    /// they are assigned.
    forwarded: Vec<Vec<Queue>>,
    messages: Vec<Message>,
    poll: Option<Poll>,
    revocation: Option<Revocation>,
    /// When commits without an answer were sent, oldest first.
    commits_sent: VecDeque<Instant>,
    /// Commits that have been reported as lost; their answers may still come.
    commits_given_up: u32,
    assigned: usize,
    /// Places of topics that can't be fetched now.
    failing: Vec<bool>,
    down: Option<Down>,
}

/// The thread's main function. Reports `Event::Started` first, whether it can start or not.
pub(super) fn run(
    mut setup: Setup,
    commands: Receiver<Command>,
    to_self: Sender<Command>,
    events: Sender<Event>,
    board: Board,
) {
    let (id, shared) = (setup.id, !setup.takes);
    let (log, secrets) = (setup.log.clone(), setup.secrets.clone());
    let conf = std::mem::replace(&mut setup.conf, Conf::new());
    let hook = Box::new(move |call| match call {
        Call::Log(line) => log.lock().unwrap_or_else(PoisonError::into_inner).push(secrets.redact(line)),
        Call::Statistics(json) => {
            Statistics::read(&json, shared).into_iter().for_each(|s| board.put(id.index(), s));
        }
        // Fails only when the thread is on its way out.
        call => drop(to_self.send(Command::Library(call))),
    });
    let consumer = Client::new(conf, hook).and_then(|client| Consumer::new(setup, client, commands, events.clone()));
    let (started, consumer) = match consumer {
        Ok(consumer) => (Ok(()), Some(consumer)),
        Err(reason) => (Err(reason), None),
    };
    drop(events.send(Event::Started(started)));
    if let Some(consumer) = consumer {
        consumer.serve();
    }
    drop(events.send(Event::Closed(id)));
}

impl Consumer {
    fn new(setup: Setup, client: Client, commands: Receiver<Command>, events: Sender<Event>) -> Result<Self, String> {
        let mut queue = client.consumer_queue().ok_or("a consumer needs a group.id")?;
        queue.notify(CONSUMER_QUEUE);
        let mut commits = client.new_queue();
        commits.notify(CONSUMER_QUEUE);
        let shared = (!setup.takes).then(|| {
            let mut shared = client.new_queue();
            shared.notify(CONSUMER_QUEUE);
            shared
        });
        let (mut flows, mut forwarded) = (Vec::new(), Vec::new());
        for (place, topic) in setup.topics.iter().enumerate() {
            let (mut queues, mut forwards) = (Vec::new(), Vec::new());
            for partition in 0..topic.partitions {
                // Before subscribing or assigning, or what arrives first would go to the consumer's queue.
                let mut queue = client.partition_queue(&topic.name, partition).ok_or("no queue for a partition")?;
                if let Some(shared) = &shared {
                    queue.forward(shared);
                    forwards.push(queue);
                } else {
                    queue.split();
                    queue.notify(place);
                    queues.push(queue);
                }
            }
            flows.push(Flow::new(queues));
            forwarded.push(forwards);
        }
        Ok(Self {
            failing: vec![false; setup.topics.len()],
            setup,
            commands,
            events,
            queue,
            commits,
            shared,
            flows,
            forwarded,
            client,
            messages: Vec::new(),
            poll: None,
            revocation: None,
            commits_sent: VecDeque::new(),
            commits_given_up: 0,
            assigned: 0,
            down: None,
        })
    }

    fn serve(mut self) {
        loop {
            self.serve_consumer_queue();
            self.serve_commits();
            self.advance_poll();
            self.expire();
            match self.commands.recv_timeout(self.wait()) {
                Ok(Command::Close { by }) => return self.close(by),
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {}
                // Whoever held the other end is gone without closing.
                Err(RecvTimeoutError::Disconnected) => return self.close(Instant::now()),
            }
        }
    }

    fn wait(&self) -> Duration {
        let poll = self.poll.as_ref().map(|p| p.deadline);
        let revocation = self.revocation.as_ref().map(|r| r.by);
        let now = Instant::now();
        [poll, revocation]
            .into_iter()
            .flatten()
            .map(|at| at.saturating_duration_since(now))
            .fold(TICK.min(self.setup.poll_interval / 4), Duration::min)
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Open => self.open(),
            Command::Poll { cap, deadline, fill } => self.poll = Some(Poll { cap, deadline, fill }),
            Command::Take(plan) => self.take(&plan),
            Command::Commit(offsets) => self.commit(&offsets),
            Command::RevokeDone => self.give_back(),
            Command::Close { .. } => unreachable!("handled by the loop"),
            Command::Library(Call::Rebalance { assign: true, partitions }) => self.accept(&partitions),
            Command::Library(Call::Rebalance { assign: false, partitions }) => self.revoke(partitions),
            Command::Library(Call::Nonempty(CONSUMER_QUEUE) | Call::Log(_) | Call::Statistics(_)) => {}
            Command::Library(Call::Nonempty(place)) => self.look(place),
            Command::Library(Call::Error { code, reason }) => self.handle_topic_error("", code, reason),
        }
    }

    fn send(&self, input: Input) {
        // Nobody listens any more only when the run is over.
        drop(self.events.send(Event::Input(Instant::now(), input)));
    }

    fn fail(&self, topic: Option<TopicId>, failure: Failure) {
        let redact = |reason| self.setup.secrets.redact(reason);
        let failure = match failure {
            Failure::Poll(reason) => Failure::Poll(redact(reason)),
            Failure::Commit(reason) => Failure::Commit(redact(reason)),
            Failure::Fetch(reason) => Failure::Fetch(redact(reason)),
            Failure::Fatal(reason) => Failure::Fatal(redact(reason)),
        };
        self.send(Input::Failed { consumer: self.setup.id, topic, failure });
    }

    fn open(&mut self) {
        let mut list = Partitions::new();
        let result = match &self.setup.share {
            Share::Group => {
                self.setup.topics.iter().for_each(|t| list.add(&t.name, -1, 0));
                self.client.subscribe(&list)
            }
            Share::Assign { partitions, from } => {
                let offset = match from {
                    // Without a request for the log's beginning.
                    Position::Beginning => 0,
                    Position::Committed => ffi::COMMITTED,
                    Position::Offset(offset) => *offset,
                };
                for id in partitions {
                    if let Some(topic) = self.setup.topics.iter().find(|t| t.id == id.topic) {
                        list.add(&topic.name, id.partition as i32, offset);
                    }
                }
                let partitions = partitions.clone();
                self.client.assign(Some(&list)).map(|()| {
                    self.assigned = partitions.len();
                    self.send(Input::Assigned { consumer: self.setup.id, partitions });
                })
            }
        };
        if let Err(reason) = result {
            self.fail(None, Failure::Fatal(reason));
        }
    }

    // --- records ---

    fn advance_poll(&mut self) {
        let (Some(poll), Some(shared)) = (&self.poll, &self.shared) else { return };
        let (cap, deadline, fill) = (poll.cap, poll.deadline, poll.fill);
        let had = self.messages.len();
        shared.take(cap.saturating_sub(had as u32), &mut self.messages);
        self.sift(had);
        let full = self.messages.len() as u32 >= cap;
        let enough = full || (fill == Fill::First && !self.messages.is_empty());
        if enough || Instant::now() >= deadline {
            self.poll = None;
            self.deliver(Vec::new());
        }
    }

    fn take(&mut self, plan: &[(TopicId, u32)]) {
        let mut dry = Vec::new();
        for &(topic, quota) in plan {
            let Some(place) = self.setup.topics.iter().position(|t| t.id == topic) else { continue };
            let had = self.messages.len();
            self.flows[place].take(quota, &mut self.messages);
            self.sift(had);
            self.flows[place].dry = !self.flows[place].peek();
            if self.flows[place].dry {
                dry.push(topic);
            }
        }
        self.deliver(dry);
    }

    /// Takes errors out of the messages from a place on: librdkafka puts them among the records.
    fn sift(&mut self, from: usize) {
        if self.messages[from..].iter().all(|m| m.error().is_none()) {
            return;
        }
        for message in self.messages.split_off(from) {
            match message.error() {
                None => self.messages.push(message),
                Some((code, reason)) => self.handle_topic_error(&message.topic(), code, reason),
            }
        }
    }

    /// Reports what has been collected, and lets go of it.
    fn deliver(&mut self, dry: Vec<TopicId>) {
        let at = Instant::now();
        let mut runs = Runs::new(&self.setup.topics, self.setup.checker.as_mut());
        self.messages.iter().for_each(|message| runs.push(message));
        let (runs, wrong) = runs.finish();
        self.messages.clear();
        for (topic, failing) in self.setup.topics.iter().zip(&mut self.failing) {
            *failing &= !runs.iter().any(|run| run.partition.topic == topic.id);
        }
        drop(self.events.send(Event::Delivered { at, consumer: self.setup.id, runs, dry, wrong }));
    }

    /// A flow may have something: say so if the session waits for it.
    fn look(&mut self, place: usize) {
        while self.flows.get(place).is_some_and(|flow| flow.dry) && self.flows[place].peek() {
            match self.flows[place].peeked.take_if(|m| m.error().is_some()) {
                Some(message) => {
                    let (code, reason) = message.error().expect("just seen");
                    self.handle_topic_error(&message.topic(), code, reason);
                }
                None => {
                    self.flows[place].dry = false;
                    self.send(Input::Ready(self.setup.topics[place].id));
                }
            }
        }
    }

    // --- group ---

    fn serve_consumer_queue(&mut self) {
        let mut errors = Vec::new();
        self.queue.take(64, &mut errors);
        for message in &errors {
            if let Some((code, reason)) = message.error() {
                self.handle_topic_error(&message.topic(), code, reason);
            }
        }
    }

    fn ids(&self, partitions: &Partitions) -> Vec<PartitionId> {
        let id = |(name, partition): (String, u32)| {
            let topic = self.setup.topics.iter().find(|t| t.name == name)?.id;
            Some(PartitionId { topic, partition })
        };
        partitions.iter().filter_map(id).collect()
    }

    fn accept(&mut self, partitions: &Partitions) {
        let ids = self.ids(partitions);
        self.renew(&ids);
        let result = if self.client.is_cooperative() {
            self.client.incremental_assign(partitions)
        } else {
            self.client.assign(Some(partitions))
        };
        match result {
            Ok(()) => {
                self.assigned += ids.len();
                self.send(Input::Assigned { consumer: self.setup.id, partitions: ids });
            }
            Err(reason) => self.fail(None, Failure::Fatal(reason)),
        }
    }

    /// Makes the queues of partitions ready that are about to be assigned.
    ///
    /// They are got anew: a partition whose topic was missing from the metadata for a while is another object in the client, with a
    /// queue of its own (rdkafka_topic.c: rd_kafka_topic_partition_cnt_update), and its records would go to the consumer's queue.
    ///
    /// What is in them is of an earlier assignment. librdkafka would drop it, but only once the partition is fetched again
    /// (rdkafka_partition.c: rd_kafka_toppar_op_fetch_start has the version that outdates it), which is after we have begun to look.
    ///
    /// And a partition that was taken away has lost its forwarding to the shared queue, and does not get librdkafka's own back
    /// (rd_kafka_toppar_fetch_stop): its records would pile up where nobody looks.
    fn renew(&mut self, ids: &[PartitionId]) {
        let mut stale = Vec::new();
        for id in ids {
            let Some(place) = self.setup.topics.iter().position(|t| t.id == id.topic) else { continue };
            let queue = self.client.partition_queue(&self.setup.topics[place].name, id.partition);
            // None: it is about to be gone again, and its assignment will fail or be taken back.
            let Some(queue) = queue else { continue };
            // Its own, not what is behind the forwarding.
            queue.split();
            while queue.take(STALE_SLICE, &mut stale) > 0 {
                stale.clear();
            }
            let partition = id.partition as usize;
            if let Some(shared) = &self.shared {
                if let Some(forwarded) = self.forwarded[place].get_mut(partition) {
                    queue.forward(shared);
                    *forwarded = queue;
                }
            } else {
                self.flows[place].renew(partition, queue, place);
            }
        }
    }

    fn revoke(&mut self, partitions: Partitions) {
        // librdkafka asks a second time only if the first has been overtaken by the loss of the assignment.
        self.give_back();
        let ids = self.ids(&partitions);
        let lost = self.client.is_assignment_lost();
        let by = Instant::now() + if lost { Duration::ZERO } else { self.setup.revoke_within };
        let consumer = self.setup.id;
        drop(self.events.send(Event::Revoking { at: Instant::now(), consumer, partitions: ids, lost, by }));
        self.revocation = Some(Revocation { partitions, by });
        if lost {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let Some(Revocation { partitions, .. }) = self.revocation.take() else { return };
        let ids = self.ids(&partitions);
        let result = if self.client.is_cooperative() {
            self.client.incremental_unassign(&partitions)
        } else {
            self.client.assign(None)
        };
        self.assigned = self.assigned.saturating_sub(ids.len());
        self.forget_messages(&partitions);
        if let Err(reason) = result {
            self.fail(None, Failure::Fatal(reason));
        }
        for place in 0..self.flows.len() {
            let topic = self.setup.topics[place].id;
            let gone = |p: u32| ids.contains(&PartitionId { topic, partition: p });
            let flow = &mut self.flows[place];
            if flow.peeked.as_ref().is_some_and(|m| gone(m.partition())) {
                flow.peeked = None;
            }
            // What is left of the topic announces itself anew: no queue notifies twice.
            if ids.iter().any(|id| id.topic == topic) {
                flow.dry = true;
                self.look(place);
            }
        }
    }

    /// What a poll in progress has collected of partitions that are gone. If they come back, it is from the committed position on,
    /// and this must not come before that.
    fn forget_messages(&mut self, gone: &Partitions) {
        if !self.messages.is_empty() {
            let gone: Vec<_> = gone.iter().collect();
            self.messages.retain(|m| !gone.contains(&(m.topic(), m.partition())));
        }
    }

    fn commit(&mut self, offsets: &[(PartitionId, i64)]) {
        let mut list = Partitions::new();
        for &(partition, offset) in offsets {
            if let Some(topic) = self.setup.topics.iter().find(|t| t.id == partition.topic) {
                list.add(&topic.name, partition.partition as i32, offset);
            }
        }
        match self.client.commit(&list, &self.commits) {
            Ok(()) => self.commits_sent.push_back(Instant::now()),
            Err(reason) => self.fail(None, Failure::Commit(reason)),
        }
    }

    fn serve_commits(&mut self) {
        while let Some(reply) = self.commits.commit_reply() {
            if self.commits_given_up > 0 {
                self.commits_given_up -= 1;
                continue;
            }
            self.commits_sent.pop_front();
            match reply {
                Ok(()) => self.send(Input::Committed { consumer: self.setup.id }),
                Err(reason) => self.fail(None, Failure::Commit(reason)),
            }
        }
    }

    // --- the end ---

    fn close(mut self, by: Instant) {
        // First of all, what holds memory of the client.
        self.messages.clear();
        for flow in &mut self.flows {
            flow.peeked = None;
        }
        // A static member keeps its place (KIP-345); unsubscribing would give it up.
        if self.setup.share == Share::Group && !self.setup.is_static {
            // Closing a cooperative member that has not begun to leave sends no LeaveGroup (2.12.1), and the others wait for its
            // session to time out. It has begun when its member id is gone (rdkafka_cgrp.c: rd_kafka_cgrp_leave), and from then on
            // the close waits for the answer.
            self.client.unsubscribe();
            self.serve_until(by.min(Instant::now() + LEAVE_TIMEOUT), |c| c.assigned == 0 && !c.client.is_member());
        }
        if self.client.close(&self.queue).is_ok() {
            self.serve_until(by, |c| c.client.is_closed());
        }
    }

    /// Gives every revocation back at once.
    fn serve_until(&mut self, by: Instant, done: impl Fn(&Self) -> bool) {
        self.give_back();
        while !done(self) && Instant::now() < by {
            self.serve_consumer_queue();
            match self.commands.recv_timeout(Duration::from_millis(5)) {
                Ok(Command::Library(Call::Rebalance { assign: false, partitions })) => {
                    self.revocation = Some(Revocation { partitions, by });
                    self.give_back();
                }
                // librdkafka goes on only when it has its answer; they will be taken back at once.
                Ok(Command::Library(Call::Rebalance { assign: true, partitions })) => self.accept(&partitions),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
