//! How a topic's records lie in its partitions: batch k is in partition k mod partitions, and the last batch of the backlog may be
//! short.

use super::{Arrival, Topic};

impl Topic {
    /// Batches of the backlog, over all partitions; those that arrive later go on from there.
    #[must_use]
    pub fn backlog_batches(&self) -> u64 {
        self.backlog.div_ceil(u64::from(self.batch_records))
    }

    /// Records of the backlog in one partition.
    #[must_use]
    pub fn partition_backlog(&self, partition: u32) -> u64 {
        let (batches, rest) = self.partition_batches(partition);
        batches * u64::from(self.batch_records) + u64::from(rest)
    }

    /// Full batches of the backlog in one partition, and the records of the short one after them (0: there is none).
    #[must_use]
    pub fn partition_batches(&self, partition: u32) -> (u64, u32) {
        let (per_batch, partitions) = (u64::from(self.batch_records), u64::from(self.partitions));
        let (full, rest) = (self.backlog / per_batch, self.backlog % per_batch);
        let here = full / partitions + u64::from(u64::from(partition) < full % partitions);
        (here, if full % partitions == u64::from(partition) { rest as u32 } else { 0 })
    }
}

impl Arrival {
    /// How many records arrive, over all partitions, the last batch not rounded to a whole one.
    pub(crate) fn records(&self) -> u128 {
        u128::from(self.records_per_kilosecond) * u128::from(self.until.as_nanos()) / 1_000_000_000_000
    }
}

#[cfg(test)]
impl Topic {
    /// A required topic of one partition, with ten keys, in batches of 100, for tests to change what they are about.
    pub(crate) fn example() -> Self {
        Self {
            name: "A".to_owned(),
            partitions: 1,
            backlog: 0,
            value_bytes: super::Sizes::Fixed(200),
            key_bytes: 10,
            batch_records: 100,
            compression_millis: 1000,
            arrival: None,
            keys: 10,
            weight: 1,
            partitioner: None,
            required: true,
            leader: 0,
            processing_per_record: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_go_round_the_partitions() {
        let topic = |backlog| Topic { partitions: 3, backlog, ..Topic::example() };
        let split = |backlog| [0, 1, 2].map(|p| topic(backlog).partition_backlog(p));
        // As measured in `parts-3`: 100 batches in three partitions; half a batch.
        assert_eq!(split(10_000), [3400, 3300, 3300]);
        assert_eq!(split(50), [50, 0, 0]);
        assert_eq!(split(450), [200, 150, 100]);
        assert_eq!(split(0), [0, 0, 0]);
    }
}
