//! Keys: which station a record is about. A pure function of seed, partition and offset, so that no record has to be kept.

use crate::record::PartitionId;
use crate::seed::mix;

/// The keys of a topic's records: each of `keys` keys once in every `keys` consecutive offsets of a partition (aligned at multiples
/// of `keys`), in an order drawn anew for each such block.
#[derive(Clone, Debug)]
pub struct Keys {
    seed: u64,
    keys: u32,
    /// The block last asked for, and its order: consecutive offsets cost one array access each.
    block: Option<(PartitionId, u64)>,
    order: Vec<u32>,
}

impl Keys {
    /// The keys of a topic with `keys` (at least 1) distinct ones.
    #[must_use]
    pub fn new(seed: u64, keys: u32) -> Self {
        assert!(keys > 0, "a record has a key");
        Self { seed, keys, block: None, order: Vec::new() }
    }

    /// How many distinct keys there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.keys
    }

    /// The key, below [`count`](Self::count), of the record at an offset (0 or more) of a partition.
    pub fn key(&mut self, partition: PartitionId, offset: i64) -> u32 {
        let offset = offset.unsigned_abs();
        let (block, place) = (offset / u64::from(self.keys), offset % u64::from(self.keys));
        if self.block != Some((partition, block)) {
            self.block = Some((partition, block));
            self.order.clear();
            self.order.extend(0..self.keys);
            let mut state = mix(mix(mix(self.seed) ^ partition.entity()) ^ block);
            for i in (1..self.order.len()).rev() {
                state = mix(state);
                // Without redrawing, the bias is below keys / 2^32 and the same on every machine.
                let j = ((state >> 32) * (i as u64 + 1)) >> 32;
                self.order.swap(i, j as usize);
            }
        }
        self.order[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicId;

    #[test]
    fn each_key_comes_once_in_a_block_and_its_order_is_a_function_of_the_place() {
        let p = PartitionId { topic: TopicId(3), partition: 1 };
        let mut keys = Keys::new(7, 10);
        let forwards: Vec<u32> = (0..40).map(|o| keys.key(p, o)).collect();
        let backwards: Vec<u32> = (0..40).rev().map(|o| Keys::new(7, 10).key(p, o)).collect();
        assert!(forwards.iter().eq(backwards.iter().rev()));
        for block in forwards.chunks(10) {
            let mut sorted = block.to_vec();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..10), "{block:?}");
        }
        assert_ne!(forwards[..10], forwards[10..20]);
    }
}
