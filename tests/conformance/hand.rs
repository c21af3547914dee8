//! A member driven by hand, and what holds of all it is told.

use std::collections::BTreeMap;

use fairdrain::broker::{Action, Broker, Fact, Input};
use fairdrain::{BatchId, ConsumerId, Duration, Fill, PartitionId, Run, Time, TopicId};

use crate::arm::{Cluster, VALUE_BYTES};

/// Longer than anything that is waited for takes, on any arm.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// The consumer of members with one.
pub(crate) const ONLY: ConsumerId = ConsumerId(0);

/// A member of a cluster. Every delivery is checked: assigned partitions only, no gap, no repetition, whole records.
pub(crate) struct Hand {
    broker: Box<dyn Broker>,
    takes: bool,
    pub(crate) now: Time,
    pub(crate) assigned: Vec<PartitionId>,
    /// The offset that has to come next.
    pub(crate) expected: BTreeMap<PartitionId, i64>,
    /// Records delivered.
    pub(crate) records: u64,
    /// Topics that have said to be ready and have not been taken dry since.
    pub(crate) ready: Vec<TopicId>,
    /// Where partitions begin that nothing has been said of.
    pub(crate) begins: i64,
}

/// What a poll or a take has come to.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) batch: BatchId,
    pub(crate) runs: Vec<Run>,
    pub(crate) dry: Vec<TopicId>,
    pub(crate) took: Duration,
}

impl Handed {
    pub(crate) fn records(&self) -> u32 {
        self.runs.iter().map(|run| run.records).sum()
    }

    pub(crate) fn of(&self, topic: TopicId) -> u32 {
        self.runs.iter().filter(|run| run.partition.topic == topic).map(|run| run.records).sum()
    }
}

impl Hand {
    /// Joins and opens.
    pub(crate) fn open(cluster: &mut Cluster, member: usize) -> Self {
        let takes = cluster.takes(member);
        let (broker, now) = cluster.join(member);
        let mut hand = Self {
            broker,
            takes,
            now,
            assigned: Vec::new(),
            expected: BTreeMap::new(),
            records: 0,
            ready: Vec::new(),
            begins: 0,
        };
        hand.ask(Action::Open);
        hand
    }

    /// The same, and has so many partitions.
    pub(crate) fn assigned(cluster: &mut Cluster, member: usize, partitions: usize) -> Self {
        let mut hand = Self::open(cluster, member);
        hand.await_partitions(partitions);
        hand
    }

    pub(crate) fn await_partitions(&mut self, partitions: usize) {
        while self.assigned.len() < partitions {
            self.until("its partitions", LONG, |input| matches!(input, Input::Assigned { .. }).then_some(()));
        }
        assert_eq!(self.assigned.len(), partitions, "{:?}", self.assigned);
    }

    /// Waits until it has any.
    pub(crate) fn await_some(&mut self) {
        while self.assigned.is_empty() {
            self.until("partitions", LONG, |input| matches!(input, Input::Assigned { .. }).then_some(()));
        }
    }

    pub(crate) fn ask(&mut self, action: Action) {
        self.broker.submit(action).unwrap();
    }

    /// The next input, if there is one within this time.
    pub(crate) fn next(&mut self, within: Duration) -> Option<Input> {
        let by = self.now + within;
        loop {
            self.ask(Action::Wake(by));
            let (now, input) = self.broker.next().unwrap();
            assert!(now >= self.now, "time went back from {} to {now}", self.now);
            self.now = now;
            self.check_signals();
            if input == Input::Wake {
                if now >= by {
                    return None;
                }
                continue;
            }
            self.check(&input);
            return Some(input);
        }
    }

    /// Goes on until an input has something that is looked for.
    pub(crate) fn until<T>(&mut self, what: &str, within: Duration, mut find: impl FnMut(&Input) -> Option<T>) -> T {
        let by = self.now + within;
        let mut seen = Vec::new();
        while self.now < by {
            let Some(input) = self.next(by.since(self.now)) else { break };
            if let Some(found) = find(&input) {
                return found;
            }
            seen.push(input);
        }
        panic!("{what}: not within {within}; there was {seen:?}");
    }

    /// Lets time pass, in which nothing but `Ready` may be said.
    pub(crate) fn rest(&mut self, time: Duration) {
        let by = self.now + time;
        while self.now < by {
            match self.next(by.since(self.now)) {
                None | Some(Input::Ready(_)) => {}
                Some(input) => panic!("{input:?}, though nothing was asked for"),
            }
        }
    }

    pub(crate) fn poll(&mut self, cap: u32, wait: Duration, fill: Fill) -> Handed {
        self.poll_of(ONLY, cap, wait, fill)
    }

    pub(crate) fn poll_of(&mut self, consumer: ConsumerId, cap: u32, wait: Duration, fill: Fill) -> Handed {
        self.sync();
        let asked = self.now;
        self.ask(Action::Poll { consumer, cap, wait, fill });
        let handed = self.delivered(asked);
        assert!(handed.records() <= cap, "a poll with cap {cap} handed out {} records", handed.records());
        handed
    }

    pub(crate) fn take(&mut self, plan: &[(TopicId, u32)]) -> Handed {
        self.sync();
        let asked = self.now;
        self.ask(Action::Take { consumer: ONLY, plan: plan.to_vec() });
        let handed = self.delivered(asked);
        for run in &handed.runs {
            let quota = plan.iter().filter(|(t, _)| *t == run.partition.topic).map(|(_, n)| n).sum::<u32>();
            let got = handed.of(run.partition.topic);
            assert!(quota > 0, "{:?} was not in the plan {plan:?}", run.partition);
            assert!(got <= quota, "{got} records of {:?}, whose quota was {quota}", run.partition.topic);
        }
        self.ready.retain(|topic| !handed.dry.contains(topic));
        handed
    }

    /// Some records, by a poll or a take, whichever this member does.
    pub(crate) fn some(&mut self, cap: u32) -> Handed {
        if !self.takes {
            return self.poll(cap, LONG, Fill::First);
        }
        loop {
            while self.ready.is_empty() {
                self.until("a topic to be ready", LONG, |input| matches!(input, Input::Ready(_)).then_some(()));
            }
            let topic = self.ready[0];
            self.ready.rotate_left(1);
            let handed = self.take(&[(topic, cap)]);
            if handed.records() > 0 {
                return handed;
            }
        }
    }

    /// Brings `now` up to date; what comes meanwhile is dealt with.
    pub(crate) fn sync(&mut self) {
        while self.next(Duration::ZERO).is_some() {}
    }

    fn delivered(&mut self, asked: Time) -> Handed {
        let (batch, runs, dry) = self.until("an answer to a poll or take", LONG.times(2), |input| match input {
            Input::Delivered { batch, runs, dry, .. } => Some((*batch, runs.clone(), dry.clone())),
            _ => None,
        });
        Handed { batch, runs, dry, took: self.now.since(asked) }
    }

    /// Has the application work on it, to the end.
    pub(crate) fn process(&mut self, handed: &Handed) {
        if handed.runs.is_empty() {
            return;
        }
        let batch = handed.batch;
        self.ask(Action::Process(batch));
        self.until("a batch processed", LONG, |input| (*input == Input::Processed(batch)).then_some(()));
    }

    /// Commits everything delivered so far.
    pub(crate) fn commit(&mut self) {
        let offsets: Vec<(PartitionId, i64)> = self.expected.iter().map(|(p, o)| (*p, *o)).collect();
        self.ask(Action::Commit { consumer: ONLY, offsets });
        self.until("a commit", LONG, |input| matches!(input, Input::Committed { .. }).then_some(()));
    }

    pub(crate) fn close(mut self) {
        self.sync();
        let by = self.now + Duration::from_secs(10);
        self.ask(Action::Close { by });
        self.until("the end", LONG, |input| (*input == Input::Closed).then_some(()));
    }

    fn check(&mut self, input: &Input) {
        match input {
            Input::Assigned { partitions, .. } => {
                for partition in partitions {
                    assert!(!self.assigned.contains(partition), "{partition:?} is assigned twice");
                    self.assigned.push(*partition);
                }
            }
            Input::Revoking { partitions, .. } => {
                self.assigned.retain(|p| !partitions.contains(p));
                self.expected.retain(|p, _| !partitions.contains(p));
                self.ready.clear();
            }
            Input::Delivered { runs, .. } => runs.iter().for_each(|run| self.check_run(run)),
            Input::Ready(topic) => self.ready.push(*topic),
            _ => {}
        }
    }

    fn check_run(&mut self, run: &Run) {
        assert!(self.assigned.contains(&run.partition), "{:?} is handed out, but not assigned", run.partition);
        let expected = self.expected.entry(run.partition).or_insert(self.begins);
        assert_eq!(run.first, *expected, "{:?}: a gap, or a repetition", run.partition);
        assert_eq!(run.next - run.first, i64::from(run.records), "{run:?}: offsets and records differ");
        assert_eq!(run.bytes, u64::from(run.records) * VALUE_BYTES, "{run:?}: records of another size");
        *expected = run.next;
        self.records += u64::from(run.records);
    }

    /// What observers are told of the application is what it was given.
    fn check_signals(&mut self) {
        for signal in self.broker.signals().drain(..) {
            if let Fact::Processed { run, .. } = signal.fact {
                assert!(run.records > 0, "{run:?} was processed, and there is nothing in it");
            }
        }
    }
}
