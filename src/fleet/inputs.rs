//! Inputs over several instances: a key's input is complete on the instance that has processed a record of it of every required
//! topic. What an instance has seen is in its memory: it goes with the process.

use std::sync::Arc;

use super::keys::PlacedKeys;
use crate::assemble::done_at;
use crate::{PartitionId, Run, Time, TopicId, TopicSet};

/// What one process has seen of the keys, and which topics its inputs still wait for.
///
/// It knows the keys of the partitions that it has; topics are in demand until each of these keys has had a record.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    plan: Arc<[Option<PlacedKeys>]>,
    /// By topic.
    topics: Vec<Option<Seen>>,
    /// By key: required topics without a record of it.
    missing: Vec<u32>,
    demand: TopicSet,
    demand_changed: bool,
}

#[derive(Clone, Debug)]
struct Seen {
    keys: PlacedKeys,
    /// By key: when its first record was done; [`Time::MAX`] if none was.
    first: Vec<Time>,
    /// By partition: whether this process has it.
    owned: Vec<bool>,
    /// By partition: keys without a record here.
    unseen: Vec<u32>,
    /// The latest time at which a key had its first record.
    settled: Time,
}

impl Assembly {
    /// Of a process that begins. `plan` is by topic; `partitions` are the topics' numbers of them.
    pub(super) fn new(plan: &Arc<[Option<PlacedKeys>]>, partitions: &[u32]) -> Self {
        let seen = |(keys, &n): (&Option<PlacedKeys>, &u32)| {
            keys.as_ref().map(|keys| Seen {
                first: vec![Time::MAX; keys.count() as usize],
                owned: vec![false; n as usize],
                unseen: (0..n).map(|p| keys.keys_in(p)).collect(),
                settled: Time::ZERO,
                keys: keys.clone(),
            })
        };
        let topics: Vec<_> = plan.iter().zip(partitions).map(seen).collect();
        let required = topics.iter().flatten().count() as u32;
        let keys = topics.iter().flatten().map(|t| t.keys.count()).max().unwrap_or(0);
        Self {
            plan: Arc::clone(plan),
            topics,
            missing: vec![required; keys as usize],
            demand: TopicSet::default(),
            demand_changed: false,
        }
    }

    /// The process has this partition, or has it no longer.
    pub(super) fn set_owned(&mut self, partition: PartitionId, owned: bool) {
        if let Some(topic) = &mut self.topics[partition.topic.index()] {
            topic.owned[partition.partition as usize] = owned;
            self.update_demand(partition.topic);
        }
    }

    /// The process has nothing any more.
    pub(super) fn disown_all(&mut self) {
        for i in 0..self.topics.len() {
            if let Some(topic) = &mut self.topics[i] {
                topic.owned.fill(false);
                self.update_demand(TopicId(i as u32));
            }
        }
    }

    /// The topics that inputs of this process wait for, if that has changed since the last call.
    pub(super) fn poll_demand(&mut self) -> Option<TopicSet> {
        core::mem::take(&mut self.demand_changed).then(|| self.demand.clone())
    }

    /// The records of a run have been processed one after the other, evenly from `started` to `at`. Tells `complete` of keys whose
    /// input is complete, with the time; of some again, at an earlier time.
    pub(super) fn handle_processed(&mut self, run: &Run, started: Time, at: Time, mut complete: impl FnMut(u32, Time)) {
        let partition = run.partition.partition as usize;
        for i in 0..run.records {
            let Some(topic) = &mut self.topics[run.partition.topic.index()] else { return };
            let done = done_at(run.records, i, started, at);
            // Most runs end here: nothing in them can be the first of its key, or earlier than the first.
            if topic.unseen[partition] == 0 && done >= topic.settled {
                break;
            }
            let key = topic.keys.key(run.partition, run.first + i64::from(i)) as usize;
            let first = &mut topic.first[key];
            if done >= *first {
                continue;
            }
            let new = core::mem::replace(first, done) == Time::MAX;
            if new {
                topic.settled = topic.settled.max(done);
                // A topic whose keys are anywhere has seen this one in all of them.
                let everywhere = topic.keys.keys_in(0) == topic.keys.count();
                let here = if everywhere { 0..topic.unseen.len() } else { partition..partition + 1 };
                topic.unseen[here].iter_mut().for_each(|unseen| *unseen -= 1);
                self.missing[key] -= 1;
            }
            if self.missing[key] == 0 {
                let times = self.topics.iter().flatten().map(|t| t.first[key]);
                complete(key as u32, times.max().unwrap_or(done));
            }
        }
        self.update_demand(run.partition.topic);
    }

    fn update_demand(&mut self, id: TopicId) {
        let Some(topic) = &self.topics[id.index()] else { return };
        let wanted = topic.owned.iter().zip(&topic.unseen).any(|(owned, unseen)| *owned && *unseen > 0);
        self.demand_changed |= if wanted { self.demand.insert(id) } else { self.demand.remove(id) };
    }

    /// The same process begins again, without its memory.
    pub(super) fn restarted(&self) -> Self {
        let partitions: Vec<u32> = self.topics.iter().map(|t| t.as_ref().map_or(0, |t| t.owned.len() as u32)).collect();
        Self::new(&self.plan, &partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::partition_id;
    use super::*;
    use crate::scenario::Topic;

    fn assembly(topics: &[Topic]) -> Assembly {
        let plan: Arc<[_]> = super::super::keys::required(7, topics).into();
        Assembly::new(&plan, &topics.iter().map(|t| t.partitions).collect::<Vec<_>>())
    }

    fn topics() -> [Topic; 2] {
        let topic = Topic { partitions: 2, keys: 4, ..Topic::example() };
        [topic.clone(), topic]
    }

    fn run(topic: usize, partition: u32, records: u32) -> Run {
        Run { partition: partition_id(topic, partition), first: 0, next: i64::from(records), records, bytes: 0 }
    }

    fn at(n: u64) -> Time {
        Time::from_nanos(n)
    }

    #[test]
    fn a_key_is_complete_when_every_required_topic_has_been_processed_here() {
        let mut it = assembly(&topics());
        let mut complete = Vec::new();
        it.handle_processed(&run(0, 1, 2), at(0), at(20), |key, at| complete.push((key, at)));
        assert_eq!(complete, []);
        it.handle_processed(&run(1, 0, 2), at(20), at(40), |key, at| complete.push((key, at)));
        assert_eq!(complete, [], "partition 0 has other keys than partition 1");
        it.handle_processed(&run(1, 1, 2), at(40), at(60), |key, at| complete.push((key, at)));
        complete.sort_unstable();
        assert!(complete.iter().map(|c| c.0).eq([1, 3]) && complete.iter().any(|c| c.1 == at(60)), "{complete:?}");
    }

    #[test]
    fn a_topic_is_in_demand_while_a_partition_that_is_here_lacks_a_key() {
        let mut it = assembly(&topics());
        assert_eq!(it.poll_demand(), None, "it has no partitions yet");
        it.set_owned(partition_id(0, 1), true);
        it.set_owned(partition_id(1, 1), true);
        assert_eq!(it.poll_demand(), Some([TopicId(0), TopicId(1)].into_iter().collect()));
        it.handle_processed(&run(0, 1, 2), at(0), at(20), |_, _| {});
        assert_eq!(it.poll_demand(), Some([TopicId(1)].into_iter().collect()));
        it.disown_all();
        assert_eq!(it.poll_demand(), Some(TopicSet::default()));
        assert_eq!(it.restarted().missing, [2; 4]);
    }

    #[test]
    fn what_is_told_later_and_was_done_earlier_counts() {
        let mut it = assembly(&[Topic { keys: 1, ..Topic::example() }]);
        let mut complete = Vec::new();
        it.handle_processed(&run(0, 0, 1), at(0), at(50), |_, at| complete.push(at));
        it.handle_processed(&run(0, 0, 2), at(0), at(60), |_, at| complete.push(at));
        assert_eq!(complete, [at(50), at(30)]);
    }
}
