//! Which offsets of a partition have been processed, and by how much more than once.

/// Offsets that have been processed, as disjoint ranges in order. There is one for each hole and one more, so that memory does not
/// grow with the records.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    ranges: Vec<(i64, i64)>,
}

impl Ranges {
    /// Adds the offsets from `first` to before `next`. Returns how many of them are new.
    pub(super) fn add(&mut self, first: i64, next: i64) -> u64 {
        if next <= first {
            return 0;
        }
        let from = self.ranges.partition_point(|r| r.1 < first);
        let to = self.ranges.partition_point(|r| r.0 <= next);
        let known: i64 = self.ranges[from..to].iter().map(|r| (r.1.min(next) - r.0.max(first)).max(0)).sum();
        let merged = match self.ranges.get(from..to) {
            Some([low, .., high]) => (low.0.min(first), high.1.max(next)),
            Some([only]) => (only.0.min(first), only.1.max(next)),
            _ => (first, next),
        };
        self.ranges.splice(from..to, [merged]);
        (next - first - known).unsigned_abs()
    }

    /// How many offsets below `end` are missing.
    pub(super) fn missing_below(&self, end: i64) -> u64 {
        let known: i64 = self.ranges.iter().map(|r| (r.1.min(end) - r.0.min(end)).max(0)).sum();
        (end - known).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_processed_again_is_not_new() {
        let mut it = Ranges::default();
        assert_eq!(it.add(0, 10), 10);
        assert_eq!(it.add(5, 15), 5);
        assert_eq!(it.add(0, 15), 0);
        assert_eq!(it.add(20, 30), 10);
        assert_eq!(it.missing_below(30), 5);
        assert_eq!(it.add(12, 22), 5, "15 to 20 was the hole");
        assert_eq!((it.missing_below(30), it.ranges.len()), (0, 1));
        assert_eq!(it.missing_below(35), 5);
        assert_eq!(it.add(3, 3), 0);
    }

    #[test]
    fn it_counts_as_a_set_of_offsets_does() {
        // Every order of these ranges, against the slow way.
        let ranges = [(0, 4), (2, 6), (8, 9), (6, 8), (1, 9), (12, 14)];
        for rotation in 0..ranges.len() {
            for step in [1, 5] {
                let (mut it, mut slow) = (Ranges::default(), std::collections::BTreeSet::new());
                for i in 0..ranges.len() {
                    let (first, next) = ranges[(rotation + i * step) % ranges.len()];
                    let new = (first..next).filter(|o| slow.insert(*o)).count() as u64;
                    assert_eq!(it.add(first, next), new);
                }
                let missing = (0..14).filter(|o| !slow.contains(o)).count() as u64;
                assert_eq!(it.missing_below(14), missing);
            }
        }
    }
}
