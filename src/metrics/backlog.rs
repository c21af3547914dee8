//! How a topic's backlog lies in its partitions, and how far each partition has got.

use crate::Run;
use crate::scenario::Topic;

/// Records of the backlog in one partition: batch k of the topic is in partition k mod partitions, and the last batch is short.
pub(crate) fn partition_backlog(topic: &Topic, partition: u32) -> u64 {
    let (batches, rest) = full_batches(topic, partition);
    batches * u64::from(topic.batch_records) + u64::from(rest)
}

/// Full batches of the backlog in one partition, and the records of the short one after them (0: there is none).
pub(crate) fn full_batches(topic: &Topic, partition: u32) -> (u64, u32) {
    let (per_batch, partitions) = (u64::from(topic.batch_records), u64::from(topic.partitions));
    let (full, rest) = (topic.backlog / per_batch, topic.backlog % per_batch);
    let here = full / partitions + u64::from(u64::from(partition) < full % partitions);
    (here, if full % partitions == u64::from(partition) { rest as u32 } else { 0 })
}

/// One partition's high marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Records of the backlog, which has offsets 0 to this.
    pub(super) backlog: i64,
    /// After the highest offset delivered.
    pub(super) delivered: i64,
    /// After the highest offset processed.
    pub(super) processed: i64,
}

/// How many records of a run have offsets of `mark` or above. In a run with gaps, the records are taken to be as low as they can.
pub(super) fn records_from(run: &Run, mark: i64) -> u32 {
    let below = mark.saturating_sub(run.first).clamp(0, i64::from(run.records));
    run.records - below as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartitionId, TopicId};

    #[test]
    fn batches_go_round_the_partitions() {
        let topic =
            |backlog| Topic { partitions: 3, backlog, batch_records: 100, ..super::super::tests::topic("a", 0) };
        let split = |backlog| [0, 1, 2].map(|p| partition_backlog(&topic(backlog), p));
        // As measured in `parts-3`: 100 batches in three partitions; half a batch.
        assert_eq!(split(10_000), [3400, 3300, 3300]);
        assert_eq!(split(50), [50, 0, 0]);
        assert_eq!(split(450), [200, 150, 100]);
        assert_eq!(split(0), [0, 0, 0]);
    }

    #[test]
    fn only_records_above_the_mark_are_new() {
        let partition = PartitionId { topic: TopicId(0), partition: 0 };
        let run = Run { partition, first: 10, next: 20, records: 10, bytes: 0 };
        assert_eq!([0, 10, 13, 20, 25].map(|mark| records_from(&run, mark)), [10, 10, 7, 0, 0]);
    }
}
