//! Who has which partition, and for how long those with records left had nobody.

use crate::{Duration, PartitionId, Time};

/// All partitions of a run. Time never goes back.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    topics: Vec<Topic>,
    /// Partitions with records left that have an owner.
    served: u32,
    /// All topics together: when nothing that has records left had an owner any more.
    stopped: Stretch,
    /// When the first partition had an owner.
    first: Option<Time>,
}

#[derive(Clone, Debug)]
struct Topic {
    partitions: Vec<Partition>,
    /// Partitions with records left that have had an owner and have none.
    orphans: u32,
    without: Stretch,
}

#[derive(Clone, Debug)]
struct Partition {
    owner: Option<u32>,
    /// It has had one.
    begun: bool,
    /// It has records that have not been processed.
    has_left: bool,
}

/// Time spent in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    since: Option<Time>,
    /// All of it.
    pub(super) total: Duration,
    /// The longest without interruption.
    pub(super) longest: Duration,
}

impl Stretch {
    fn set(&mut self, now: Time, on: bool) {
        match (self.since, on) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                let length = now.since(since);
                self.total += length;
                self.longest = self.longest.max(length);
                self.since = None;
            }
            _ => {}
        }
    }
}

impl Owners {
    /// Nobody has anything yet. `has_left` is by topic and partition: whether there are records to process.
    pub(super) fn new(has_left: impl IntoIterator<Item = Vec<bool>>) -> Self {
        let topic = |partitions: Vec<bool>| Topic {
            partitions: partitions
                .into_iter()
                .map(|has_left| Partition { owner: None, begun: false, has_left })
                .collect(),
            orphans: 0,
            without: Stretch::default(),
        };
        Self { topics: has_left.into_iter().map(topic).collect(), served: 0, stopped: Stretch::default(), first: None }
    }

    /// An instance may process a partition from now on.
    pub(super) fn assign(&mut self, now: Time, id: PartitionId, instance: u32) {
        self.first.get_or_insert(now);
        self.change(now, id, |p| {
            p.owner = Some(instance);
            p.begun = true;
        });
    }

    /// An instance is not to process any more of a partition.
    pub(super) fn revoke(&mut self, now: Time, id: PartitionId, instance: u32) {
        self.change(now, id, |p| {
            if p.owner == Some(instance) {
                p.owner = None;
            }
        });
    }

    /// An instance is gone, with all it had.
    pub(super) fn revoke_all(&mut self, now: Time, instance: u32) {
        for topic in 0..self.topics.len() {
            for partition in 0..self.topics[topic].partitions.len() as u32 {
                self.revoke(now, super::keys::partition_id(topic, partition), instance);
            }
        }
    }

    /// Everything of a partition has been processed.
    pub(super) fn drained(&mut self, now: Time, id: PartitionId) {
        self.change(now, id, |p| p.has_left = false);
    }

    /// The run is over.
    pub(super) fn end(&mut self, now: Time) {
        self.stopped.set(now, false);
        self.topics.iter_mut().for_each(|t| t.without.set(now, false));
    }

    fn change(&mut self, now: Time, id: PartitionId, change: impl FnOnce(&mut Partition)) {
        let topic = &mut self.topics[id.topic.index()];
        let partition = &mut topic.partitions[id.partition as usize];
        let orphan = |p: &Partition| p.has_left && p.begun && p.owner.is_none();
        let served = |p: &Partition| p.has_left && p.owner.is_some();
        let before = (orphan(partition), served(partition));
        change(partition);
        topic.orphans = topic.orphans + u32::from(orphan(partition)) - u32::from(before.0);
        self.served = self.served + u32::from(served(partition)) - u32::from(before.1);
        topic.without.set(now, topic.orphans > 0);
        let orphans = self.topics.iter().any(|t| t.orphans > 0);
        self.stopped.set(now, self.served == 0 && orphans);
    }

    /// Of a topic: time in which a partition with records left had lost its owner and had no new one.
    pub(super) fn without(&self, topic: usize) -> Stretch {
        self.topics[topic].without
    }

    /// Time in which that was so of every partition with records left.
    pub(super) fn stopped(&self) -> Stretch {
        self.stopped
    }

    /// When the first partition had an owner.
    pub(super) fn first(&self) -> Option<Time> {
        self.first
    }

    /// Who has a partition.
    pub(super) fn of(&self, id: PartitionId) -> Option<u32> {
        self.topics[id.topic.index()].partitions[id.partition as usize].owner
    }

    /// How many partitions an instance has, over all topics.
    pub(super) fn count(&self, instance: u32) -> u32 {
        self.topics.iter().flat_map(|t| &t.partitions).filter(|p| p.owner == Some(instance)).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::partition_id;
    use super::*;

    fn ms(n: u64) -> Time {
        Time::ZERO + Duration::from_millis(n)
    }

    /// Total and longest, in milliseconds.
    fn lengths(stretch: Stretch) -> (u64, u64) {
        (stretch.total.as_nanos() / 1_000_000, stretch.longest.as_nanos() / 1_000_000)
    }

    #[test]
    fn time_without_owner_begins_when_the_first_one_is_lost() {
        let mut it = Owners::new([vec![true, true], vec![true]]);
        let [a0, a1, b0] = [partition_id(0, 0), partition_id(0, 1), partition_id(1, 0)];
        for p in [a0, a1, b0] {
            it.assign(ms(100), p, 0);
        }
        assert_eq!((it.first(), it.count(0)), (Some(ms(100)), 3));
        it.revoke(ms(200), a0, 0);
        it.assign(ms(230), a0, 1);
        it.revoke_all(ms(300), 0);
        it.assign(ms(310), a1, 1);
        it.revoke(ms(320), a0, 1);
        it.revoke(ms(320), a1, 1);
        it.assign(ms(350), a0, 1);
        it.assign(ms(360), a1, 1);
        it.assign(ms(400), b0, 1);
        it.end(ms(500));
        assert_eq!(lengths(it.without(0)), (30 + 10 + 40, 40));
        assert_eq!(lengths(it.without(1)), (100, 100));
        assert_eq!(lengths(it.stopped()), (30, 30), "from 320 to 350");
    }

    #[test]
    fn a_drained_partition_waits_for_nobody() {
        let mut it = Owners::new([vec![true]]);
        let p = partition_id(0, 0);
        it.assign(ms(0), p, 0);
        it.drained(ms(10), p);
        it.revoke_all(ms(20), 0);
        it.end(ms(30));
        assert_eq!((lengths(it.without(0)), lengths(it.stopped())), ((0, 0), (0, 0)));
    }

    #[test]
    fn an_instance_that_has_lost_a_partition_takes_it_from_nobody() {
        let mut it = Owners::new([vec![true]]);
        let p = partition_id(0, 0);
        it.assign(ms(0), p, 0);
        it.assign(ms(10), p, 1);
        it.revoke(ms(20), p, 0);
        assert_eq!(it.count(1), 1);
    }
}
