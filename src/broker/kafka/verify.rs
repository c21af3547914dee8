//! Whether every record has arrived, exactly once, in order, and as it was loaded.

use super::LoadedTopic;
use crate::{PartitionId, Run, TopicId};

/// What was wrong with what has arrived; all zero if nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Records delivered, repetitions included.
    pub delivered: u64,
    /// Records delivered again.
    pub duplicates: u64,
    /// Records left out, though a later one of their partition has been delivered.
    pub gaps: u64,
    /// Records of the backlog that were not delivered at all, for want of time or because of an error.
    pub undelivered: u64,
    /// Records whose key or size is not what was loaded.
    pub wrong: u64,
}

impl Verification {
    /// Whether every record of the backlog has arrived exactly once, in order per partition, as it was loaded.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let &Self { delivered: _, duplicates, gaps, undelivered, wrong } = self;
        duplicates == 0 && gaps == 0 && undelivered == 0 && wrong == 0
    }
}

/// Folds the runs of one drain.
#[derive(Debug)]
pub(super) struct Verifier {
    /// By topic and partition: the next offset to come, and the end of the backlog.
    partitions: Vec<Vec<(i64, i64)>>,
    result: Verification,
}

impl Verifier {
    /// For these topics, which are in the order of their ids.
    pub(super) fn new(topics: &[LoadedTopic]) -> Self {
        let partitions = topics.iter().map(|t| t.ends.iter().map(|&end| (0, end)).collect()).collect();
        Self { partitions, result: Verification::default() }
    }

    pub(super) fn handle_run(&mut self, run: &Run) {
        let PartitionId { topic: TopicId(topic), partition } = run.partition;
        let (next, _) = &mut self.partitions[topic as usize][partition as usize];
        let records = i64::from(run.records);
        let result = &mut self.result;
        result.delivered += u64::from(run.records);
        // What is loaded has no gaps: neither transactions nor compaction.
        let again = (run.next.min(*next) - run.first).clamp(0, records);
        result.duplicates += again as u64;
        let skipped = (run.first - *next).max(0) + (run.next - run.first - records);
        result.gaps += skipped.max(0) as u64;
        *next = run.next.max(*next);
    }

    /// The result, given how many records were not what had been loaded.
    pub(super) fn finish(mut self, wrong: u64) -> Verification {
        let left = self.partitions.iter().flatten().map(|&(next, end)| (end - next).max(0) as u64);
        self.result.undelivered = left.sum();
        self.result.wrong = wrong;
        self.result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(runs: &[(u32, i64, i64, u32)]) -> Verification {
        let mut verifier = Verifier { partitions: vec![vec![(0, 10), (0, 5)]], result: Verification::default() };
        for &(partition, first, next, records) in runs {
            let partition = PartitionId { topic: TopicId(0), partition };
            verifier.handle_run(&Run { partition, first, next, records, bytes: 0 });
        }
        verifier.finish(0)
    }

    #[test]
    fn every_record_once_and_in_order_is_exact() {
        let result = verify(&[(0, 0, 4, 4), (1, 0, 5, 5), (0, 4, 10, 6)]);
        assert!(result.is_exact() && result.delivered == 15, "{result:?}");
    }

    #[test]
    fn what_is_missing_or_repeated_is_counted() {
        let with = |runs: &[_]| {
            let result = verify(runs);
            assert!(!result.is_exact());
            (result.duplicates, result.gaps, result.undelivered)
        };
        assert_eq!(with(&[(0, 0, 10, 10)]), (0, 0, 5));
        assert_eq!(with(&[(0, 0, 6, 6), (0, 4, 10, 6), (1, 0, 5, 5)]), (2, 0, 0));
        assert_eq!(with(&[(0, 0, 6, 6), (0, 8, 10, 2), (1, 0, 5, 5)]), (0, 2, 0));
        assert_eq!(with(&[(0, 0, 10, 7), (1, 0, 5, 5)]), (0, 3, 0));
        assert_eq!(with(&[(0, 5, 10, 5), (0, 0, 5, 5), (1, 0, 5, 5)]), (5, 5, 0), "out of order is both");
    }
}
