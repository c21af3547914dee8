//! How far each partition has got.

use crate::Run;

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
    fn only_records_above_the_mark_are_new() {
        let partition = PartitionId { topic: TopicId(0), partition: 0 };
        let run = Run { partition, first: 10, next: 20, records: 10, bytes: 0 };
        assert_eq!([0, 10, 13, 20, 25].map(|mark| records_from(&run, mark)), [10, 10, 7, 0, 0]);
    }
}
