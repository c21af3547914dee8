//! What is in a record: a pure function of seed, partition and offset, so that whoever reads it knows what it has to be.

use super::LoadedTopic;
use crate::scenario::{Sizes, Topic};
use crate::{Keys, PartitionId, TopicId};
use fairdrain_sim::seed::mix;
use fairdrain_sim::sizes_seed;

/// The records of one topic.
#[derive(Clone, Debug)]
pub(super) struct Content {
    topic: TopicId,
    seed: u64,
    keys: Keys,
    key_bytes: usize,
    sizes: Sizes,
    /// How many bytes of a thousand do not compress.
    noise_permille: usize,
}

impl Content {
    pub(super) fn new(seed: u64, id: TopicId, topic: &Topic) -> Self {
        Self {
            topic: id,
            seed,
            keys: Keys::new(seed, topic.keys),
            key_bytes: topic.key_bytes as usize,
            sizes: topic.value_bytes.clone(),
            noise_permille: 1_000_000 / topic.compression_millis.max(1000) as usize,
        }
    }

    /// Writes the record's key: its number in decimal, with leading zeros. Nothing if keys have no bytes.
    pub(super) fn write_key(&mut self, partition: u32, offset: i64, key: &mut Vec<u8>) {
        use std::io::Write;
        key.clear();
        if self.key_bytes > 0 {
            let number = self.keys.key(PartitionId { topic: self.topic, partition }, offset);
            write!(key, "{number:0width$}", width = self.key_bytes).expect("a vector takes every write");
        }
    }

    fn bits(&self, partition: u32, offset: i64) -> u64 {
        mix(mix(mix(self.seed ^ u64::from(self.topic.0) << 32) ^ u64::from(partition)) ^ offset.unsigned_abs())
    }

    /// Length of the record's value: that of the simulated one.
    pub(super) fn value_bytes(&self, partition: u32, offset: i64) -> u32 {
        let partition = PartitionId { topic: self.topic, partition };
        // A value of the table or of the bounds, which are u32.
        self.sizes.at(sizes_seed(self.seed, partition), offset) as u32
    }

    /// Writes the record's value: noise, and then as many zeros as the wanted compression leaves over.
    pub(super) fn write_value(&self, partition: u32, offset: i64, value: &mut Vec<u8>) {
        let bytes = self.value_bytes(partition, offset) as usize;
        let noise = bytes * self.noise_permille / 1000;
        let mut state = self.bits(partition, offset);
        value.clear();
        while value.len() < noise {
            state = mix(state);
            value.extend_from_slice(&state.to_le_bytes());
        }
        value.truncate(noise);
        value.resize(bytes, 0);
    }
}

/// Compares what has arrived with what was loaded.
#[derive(Clone, Debug)]
pub(super) struct Checker {
    contents: Vec<Content>,
    key: Vec<u8>,
}

impl Checker {
    /// For these topics of a consumer.
    pub(super) fn new(topics: &[LoadedTopic]) -> Self {
        Self { contents: topics.iter().map(|t| t.content.clone()).collect(), key: Vec::new() }
    }

    /// Whether the record at this place (of the consumer's list of topics) is the one that was loaded.
    pub(super) fn is_right(&mut self, place: usize, partition: u32, offset: i64, key: &[u8], bytes: usize) -> bool {
        let content = &mut self.contents[place];
        content.write_key(partition, offset, &mut self.key);
        key == self.key && bytes == content.value_bytes(partition, offset) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(value_bytes: Sizes, compression_millis: u32) -> Content {
        let topic = Topic { value_bytes, compression_millis, key_bytes: 6, ..Topic::example() };
        Content::new(7, TopicId(0), &topic)
    }

    #[test]
    fn a_key_is_its_number_with_leading_zeros_and_all_occur_in_turn() {
        let mut content = content(Sizes::Fixed(1), 1000);
        let mut key = Vec::new();
        let mut keys: Vec<String> = (0..10)
            .map(|offset| {
                content.write_key(0, offset, &mut key);
                String::from_utf8(key.clone()).unwrap()
            })
            .collect();
        keys.sort();
        assert_eq!((keys[0].as_str(), keys[9].as_str(), keys.len()), ("000000", "000009", 10));
    }

    #[test]
    fn a_value_has_as_much_noise_as_its_compression_leaves() {
        let mut value = Vec::new();
        content(Sizes::Fixed(1000), 4000).write_value(0, 3, &mut value);
        assert!(value.len() == 1000 && value[250..].iter().all(|&b| b == 0));
        assert!(value[..250].iter().filter(|&&b| b == 0).count() < 10);
    }
}
