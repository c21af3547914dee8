//! Assembly of inputs: which keys (stations) have had a record of every topic they need, and which topics still keep some waiting.
//!
//! [`Assembler`] is the core: told that a record of a topic and key has been processed, and nothing else. Keys are small numbers;
//! a service that learns its keys as it goes gives each new one a number by [`Assembler::add_key`]. [`RunAssembler`] feeds it from
//! runs of records whose keys are a function of their place, and leaves out all that can't change anything.
//!
//! It takes 8 bytes a key and required topic, however many records there are.

use crate::{Keys, Run, Time, TopicId, TopicSet};

/// Per key, which required topics have delivered, and when.
///
/// Inputs: [`handle_processed`](Self::handle_processed), [`add_key`](Self::add_key). Outputs:
/// [`poll_demand`](Self::poll_demand). Everything else only looks.
#[derive(Clone, Debug)]
pub struct Assembler {
    /// By topic; `None` where an input is complete without it.
    topics: Vec<Option<Required>>,
    /// Per key: required topics that have not had a record of it.
    missing: Vec<u32>,
    required: u32,
    demand: TopicSet,
    demand_changed: bool,
}

/// A topic that inputs need.
#[derive(Clone, Debug)]
struct Required {
    /// Per key: when its first record was done; [`Time::MAX`] if none was.
    first: Vec<Time>,
    /// Keys without a record.
    unseen: u32,
}

impl Assembler {
    /// An assembler of inputs that need these topics, each with the number of keys it is known to have (keys are shared: key 3 is
    /// the same station in every topic). A key that only some of the required topics have is never complete, but only topics that
    /// have it are in demand for it.
    pub fn new(required: impl IntoIterator<Item = (TopicId, u32)>) -> Self {
        let mut it = Self {
            topics: Vec::new(),
            missing: Vec::new(),
            required: 0,
            demand: TopicSet::default(),
            demand_changed: false,
        };
        for (topic, keys) in required {
            if it.topics.len() <= topic.index() {
                it.topics.resize(topic.index() + 1, None);
            }
            it.topics[topic.index()] = Some(Required { first: vec![Time::MAX; keys as usize], unseen: keys });
            it.required += 1;
            it.missing.resize(it.missing.len().max(keys as usize), 0);
            if keys > 0 {
                it.demand_changed |= it.demand.insert(topic);
            }
        }
        it.missing.fill(it.required);
        it
    }

    /// A new key, which no topic has delivered yet. Returns its number.
    pub fn add_key(&mut self) -> u32 {
        let key = self.missing.len();
        self.missing.push(self.required);
        for (i, topic) in self.topics.iter_mut().enumerate() {
            let Some(topic) = topic else { continue };
            topic.unseen += (key + 1 - topic.first.len()) as u32;
            topic.first.resize(key + 1, Time::MAX);
            self.demand_changed |= self.demand.insert(TopicId(i as u32));
        }
        key as u32
    }

    /// A record of this topic and key has been processed. Calls need not be in the order of `at`: of several records of the
    /// same topic and key the earliest counts. Returns whether this has completed the key's input.
    pub fn handle_processed(&mut self, topic: TopicId, key: u32, at: Time) -> bool {
        let Some(Some(required)) = self.topics.get_mut(topic.index()) else { return false };
        let first = &mut required.first[key as usize];
        let new = *first == Time::MAX;
        *first = at.min(*first);
        if !new {
            return false;
        }
        required.unseen -= 1;
        if required.unseen == 0 {
            self.demand_changed |= self.demand.remove(topic);
        }
        self.missing[key as usize] -= 1;
        self.missing[key as usize] == 0
    }

    /// The topics that at least one incomplete input still waits for, if that has changed since the last call.
    pub fn poll_demand(&mut self) -> Option<TopicSet> {
        core::mem::take(&mut self.demand_changed).then(|| self.demand.clone())
    }

    /// The topics that at least one incomplete input still waits for.
    #[must_use]
    pub const fn demand(&self) -> &TopicSet {
        &self.demand
    }

    /// How many keys there are.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.missing.len() as u32
    }

    /// Per key, when its input was complete: when the last of its required topics had had a record of it processed.
    pub fn completions(&self) -> impl Iterator<Item = Option<Time>> + '_ {
        (0..self.missing.len()).map(|key| {
            let required = self.topics.iter().flatten();
            (self.missing[key] == 0).then(|| required.map(|topic| topic.first[key]).max()).flatten()
        })
    }
}

/// An assembler fed with runs of records that lie in a log as [`Keys`] says.
#[derive(Clone, Debug)]
pub struct RunAssembler {
    assembler: Assembler,
    /// By topic; `None` where an input is complete without it.
    keys: Vec<Option<TopicKeys>>,
}

#[derive(Clone, Debug)]
struct TopicKeys {
    keys: Keys,
    /// The latest time at which a key had its first record: a run begun after it can't change anything once all keys are seen.
    settled: Time,
}

impl RunAssembler {
    /// An assembler for topics in the scenario's order: the number of keys of each that is required, `None` for the others.
    pub fn new(seed: u64, topics: impl IntoIterator<Item = Option<u32>>) -> Self {
        let keys: Vec<_> = topics
            .into_iter()
            .map(|n| n.map(|n| TopicKeys { keys: Keys::new(seed, n), settled: Time::ZERO }))
            .collect();
        let required = keys.iter().enumerate();
        let required = required.filter_map(|(i, k)| Some((TopicId(i as u32), k.as_ref()?.keys.count())));
        Self { assembler: Assembler::new(required), keys }
    }

    /// The records of a run have been processed one after the other, evenly from `started` to `at`: record i of n was done at
    /// `started + (i + 1) * (at - started) / n`, in whole nanoseconds.
    pub fn handle_processed(&mut self, run: &Run, started: Time, at: Time) {
        let topic = run.partition.topic;
        let Some(Some(TopicKeys { keys, settled })) = self.keys.get_mut(topic.index()) else { return };
        // Most runs end here: told of a topic whose keys have all been seen long ago.
        if started >= *settled && !self.assembler.demand.contains(topic) {
            return;
        }
        for i in 0..run.records {
            let all_seen = !self.assembler.demand.contains(topic);
            let done = done_at(run.records, i, started, at);
            if all_seen && done >= *settled {
                return;
            }
            let key = keys.key(run.partition, run.first + i64::from(i));
            self.assembler.handle_processed(topic, key, done);
            if !all_seen {
                *settled = done.max(*settled);
            }
        }
    }

    /// What has been assembled.
    #[must_use]
    pub const fn assembler(&self) -> &Assembler {
        &self.assembler
    }

    /// The topics that at least one incomplete input still waits for, if that has changed since the last call.
    pub fn poll_demand(&mut self) -> Option<TopicSet> {
        self.assembler.poll_demand()
    }
}

/// When record `i` (from 0) of `n` was done that were processed one after the other, evenly from `started` to `at`.
#[must_use]
pub(crate) fn done_at(n: u32, i: u32, started: Time, at: Time) -> Time {
    if i + 1 == n {
        return at;
    }
    let span = u128::from(at.since(started).as_nanos());
    // Below `span`, which is a u64.
    Time::from_nanos(started.as_nanos() + ((u128::from(i) + 1) * span / u128::from(n)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PartitionId;

    const A: TopicId = TopicId(0);
    const B: TopicId = TopicId(1);
    const C: TopicId = TopicId(2);

    fn at(n: u64) -> Time {
        Time::from_nanos(n)
    }

    fn run(topic: TopicId, first: i64, records: u32) -> Run {
        let partition = PartitionId { topic, partition: 0 };
        Run { partition, first, next: first + i64::from(records), records, bytes: 0 }
    }

    #[test]
    fn a_key_is_complete_when_its_last_required_topic_has_delivered() {
        let mut it = Assembler::new([(A, 2), (C, 2)]);
        assert!(!it.handle_processed(A, 0, at(5)));
        assert!(!it.handle_processed(B, 0, at(6)), "nobody needs B");
        assert!(it.handle_processed(C, 0, at(7)));
        assert!(!it.handle_processed(C, 0, at(8)), "complete already");
        assert!(it.completions().eq([Some(at(7)), None]));
    }

    #[test]
    fn the_earliest_of_several_records_counts_in_whatever_order_they_are_told() {
        let mut it = Assembler::new([(A, 1)]);
        assert!(it.handle_processed(A, 0, at(9)));
        assert!(!it.handle_processed(A, 0, at(3)));
        assert!(it.completions().eq([Some(at(3))]));
    }

    #[test]
    fn a_topic_is_in_demand_until_it_has_had_every_key() {
        let mut it = Assembler::new([(A, 2), (B, 1)]);
        assert_eq!(it.poll_demand(), Some([A, B].into_iter().collect()));
        assert_eq!(it.poll_demand(), None);
        it.handle_processed(A, 0, at(1));
        assert_eq!(it.poll_demand(), None);
        it.handle_processed(A, 1, at(2));
        assert_eq!(it.poll_demand(), Some([B].into_iter().collect()));
        it.handle_processed(B, 0, at(3));
        assert!(it.poll_demand().is_some_and(|topics| topics.is_empty()));
        assert!(it.completions().eq([Some(at(3)), None]), "B has no key 1");
    }

    #[test]
    fn a_new_key_puts_every_required_topic_in_demand_again() {
        let mut it = Assembler::new([(A, 0), (C, 0)]);
        assert_eq!(it.poll_demand(), None);
        assert_eq!(it.add_key(), 0);
        assert_eq!(it.poll_demand(), Some([A, C].into_iter().collect()));
        it.handle_processed(A, 0, at(1));
        assert!(it.handle_processed(C, 0, at(1)));
        assert!(it.poll_demand().is_some_and(|topics| topics.is_empty()));
        assert_eq!(it.add_key(), 1);
        assert_eq!(it.poll_demand(), Some([A, C].into_iter().collect()));
    }

    #[test]
    fn a_run_is_processed_evenly() {
        let times: Vec<_> = (0..3).map(|i| done_at(3, i, at(100), at(110)).as_nanos()).collect();
        assert_eq!(times, [103, 106, 110]);
    }

    #[test]
    fn runs_complete_keys_at_the_moment_of_their_record() {
        let mut it = RunAssembler::new(7, [Some(4), None]);
        it.handle_processed(&run(B, 0, 4), at(0), at(4));
        it.handle_processed(&run(A, 0, 8), at(0), at(80));
        let mut times: Vec<_> = it.assembler().completions().collect();
        times.sort();
        assert_eq!(times, [10, 20, 30, 40].map(|n| Some(at(n))));
    }

    #[test]
    fn a_run_of_another_worker_that_began_earlier_still_counts() {
        let mut keys = Keys::new(7, 2);
        let p1 = PartitionId { topic: A, partition: 1 };
        let first = keys.key(p1, 0);
        let mut it = RunAssembler::new(7, [Some(2)]);
        it.handle_processed(&run(A, 0, 2), at(50), at(70));
        it.handle_processed(&Run { partition: p1, ..run(A, 0, 2) }, at(0), at(80));
        // Partition 0 had its keys at 60 and 70, partition 1 at 40 and 80.
        let times: Vec<_> = it.assembler().completions().collect();
        assert_eq!(times[first as usize], Some(at(40)));
        assert!(times[1 - first as usize] > Some(at(50)));
    }
}
