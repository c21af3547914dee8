//! Which key (station) a record is about, where keys have partitions of their own.
//!
//! A scenario of one process lets every key occur in every partition: nothing depends on it there. With several instances it does,
//! so here a key lives in one partition of each topic, as a producer's partitioner has it: key k in partition k mod n. Another
//! partitioner is another arrangement of the same keys, as even as this one: which partition a key is in matters to nobody, only
//! whether it is the same one in two topics.

use crate::scenario::{Partitioner, Topic};
use crate::{Keys, PartitionId, TopicId};

/// The keys of a topic's records.
#[derive(Clone, Debug)]
pub struct PlacedKeys {
    keys: u32,
    partitions: u32,
    /// `None`: every key is in every partition.
    arrangement: Option<Arrangement>,
    /// By number of keys: those of a partition, numbered from 0, come once in as many consecutive offsets.
    orders: Vec<Keys>,
}

/// How far each block of n keys, where n is the number of partitions, is turned against the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrangement {
    Straight,
    ByOne,
    EverySecondByOne,
}

impl PlacedKeys {
    /// The keys of a topic with at least as many keys as partitions.
    #[must_use]
    pub fn new(seed: u64, topic: &Topic) -> Self {
        assert!(topic.keys >= topic.partitions, "each partition has a key");
        let arrangement = match topic.partitioner {
            None | Some(Partitioner::Murmur2) => Some(Arrangement::Straight),
            Some(Partitioner::Consistent) => Some(Arrangement::ByOne),
            Some(Partitioner::Fnv1a) => Some(Arrangement::EverySecondByOne),
            Some(Partitioner::Random) => None,
        };
        let (keys, partitions) = (topic.keys, topic.partitions);
        let orders = match arrangement {
            None => vec![Keys::new(seed, keys)],
            // With one partition these are the keys of a scenario of one process.
            Some(_) => {
                let (few, many) = (keys / partitions, keys.div_ceil(partitions));
                vec![Keys::new(seed, few), Keys::new(seed, many)]
            }
        };
        Self { keys, partitions, arrangement, orders }
    }

    /// How many distinct keys the topic has.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.keys
    }

    /// The keys that a partition's records can have.
    pub fn of_partition(&self, partition: u32) -> impl Iterator<Item = u32> + '_ {
        (0..self.keys_in(partition)).map(move |nth| self.nth(partition, nth))
    }

    /// The key of the record at an offset.
    pub fn key(&mut self, partition: PartitionId, offset: i64) -> u32 {
        let here = self.keys_in(partition.partition);
        let order = self.orders.iter_mut().find(|o| o.count() == here).expect("there are two numbers of keys at most");
        let nth = order.key(partition, offset);
        self.nth(partition.partition, nth)
    }

    /// How many different keys a partition has.
    #[must_use]
    pub fn keys_in(&self, partition: u32) -> u32 {
        let Some(arrangement) = self.arrangement else { return self.keys };
        let (blocks, rest) = (self.keys / self.partitions, self.keys % self.partitions);
        blocks + u32::from(self.place_in_block(arrangement, partition, blocks) < rest)
    }

    /// The key that is a partition's `nth`.
    fn nth(&self, partition: u32, nth: u32) -> u32 {
        match self.arrangement {
            None => nth,
            Some(arrangement) => nth * self.partitions + self.place_in_block(arrangement, partition, nth),
        }
    }

    /// Which key of a block is in a partition.
    fn place_in_block(&self, arrangement: Arrangement, partition: u32, block: u32) -> u32 {
        let n = u64::from(self.partitions);
        let turn = match arrangement {
            Arrangement::Straight => 0,
            Arrangement::ByOne => u64::from(block) + 1,
            Arrangement::EverySecondByOne => u64::from(block) / 2 + 1,
        };
        // Below n, which is a u32.
        ((u64::from(partition) + n - turn % n) % n) as u32
    }
}

/// The keys of all topics that inputs need; `None` for the others.
pub(super) fn required(seed: u64, topics: &[Topic]) -> Vec<Option<PlacedKeys>> {
    topics.iter().map(|t| t.required.then(|| PlacedKeys::new(seed, t))).collect()
}

/// A partition of a topic, by places in lists.
pub(super) fn partition_id(topic: usize, partition: u32) -> PartitionId {
    PartitionId { topic: TopicId(topic as u32), partition }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(keys: u32, partitions: u32, partitioner: Option<Partitioner>) -> PlacedKeys {
        PlacedKeys::new(7, &Topic { keys, partitions, partitioner, ..Topic::example() })
    }

    const ALL: [Option<Partitioner>; 4] =
        [None, Some(Partitioner::Murmur2), Some(Partitioner::Consistent), Some(Partitioner::Fnv1a)];

    #[test]
    fn each_key_is_in_one_partition() {
        for partitioner in ALL {
            for (keys, partitions) in [(10, 1), (10, 4), (4, 4), (7, 2), (100, 3)] {
                let it = placed(keys, partitions, partitioner);
                let mut found: Vec<u32> =
                    (0..partitions).flat_map(|p| it.of_partition(p).collect::<Vec<_>>()).collect();
                found.sort_unstable();
                assert!(
                    found.iter().copied().eq(0..keys),
                    "{partitioner:?} {keys} keys, {partitions} partitions: {found:?}"
                );
            }
        }
    }

    #[test]
    fn a_partitions_keys_come_once_in_as_many_offsets() {
        let mut it = placed(10, 4, Some(Partitioner::Consistent));
        for partition in 0..4 {
            let n = i64::from(it.keys_in(partition));
            let mut seen: Vec<u32> = (n..2 * n).map(|o| it.key(partition_id(0, partition), o)).collect();
            let mut own: Vec<u32> = it.of_partition(partition).collect();
            seen.sort_unstable();
            own.sort_unstable();
            assert_eq!(seen, own);
        }
    }

    #[test]
    fn another_partitioner_has_some_keys_elsewhere() {
        let home = |partitioner, partitions| {
            let it = placed(12, partitions, partitioner);
            let mut home = vec![0; 12];
            (0..partitions).for_each(|p| it.of_partition(p).for_each(|k| home[k as usize] = p));
            home
        };
        for partitions in [2, 3, 4] {
            assert_eq!(home(None, partitions), home(Some(Partitioner::Murmur2), partitions));
            for (a, b) in [(1, 2), (1, 3), (2, 3)] {
                assert_ne!(home(ALL[a], partitions), home(ALL[b], partitions), "{partitions} partitions");
            }
        }
    }

    #[test]
    fn with_one_partition_the_keys_are_those_of_a_single_process() {
        let (mut placed, mut plain) = (placed(10, 1, None), Keys::new(7, 10));
        let p = partition_id(0, 0);
        assert!((0..40).all(|offset| placed.key(p, offset) == plain.key(p, offset)));
    }
}
