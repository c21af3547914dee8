//! Partition logs: batches held as arithmetic, never as records.
//!
//! Does: any batch layout, compression, value sizes that vary, appends by live producers, reads under byte limits as a broker does
//! them. Does not: segments (a log is one), retention, compaction, transactions (high watermark = log end = last stable offset),
//! offsets with gaps.

use crate::batch;
use crate::sizes::Sizes;

/// Equal batches that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// How many.
    pub count: u64,
    /// Records in each; at least 1.
    pub records: u32,
    /// Bytes of each on the wire, header included.
    pub bytes: u64,
}

/// What a read returns: whole batches only, from the asked offset on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Offset after the last record.
    pub next: i64,
    /// Records from the asked offset to there.
    pub records: u32,
    /// Their value bytes.
    pub value_bytes: u64,
    /// Bytes as sent: from the start of the first batch, a torn last batch included. These count against the limits.
    pub wire_bytes: u64,
}

/// One partition's log.
#[derive(Clone, Debug)]
pub struct Log {
    seed: u64,
    sizes: Sizes,
    key_bytes: u32,
    compression_millis: u32,
    /// The backlog, as runs of equal batches, each with the offset of its first record. For varying sizes `bytes` is 0 and each
    /// batch is summed when it is read.
    backlog: Vec<(i64, Batches)>,
    backlog_end: i64,
    /// Batches appended during the run.
    arrival: Batches,
}

impl Log {
    /// A log whose batches are given with their sizes, as a recording states them.
    #[must_use]
    pub fn recorded(layout: &[Batches], value_bytes: u32) -> Self {
        Self::build(Sizes::Fixed(value_bytes), 0, 1000, layout.iter().copied(), 1)
    }

    /// A log of `records` records in batches of `batch_records` (the last one may be smaller), to which batches of
    /// `arrival_records` may be appended.
    #[must_use]
    pub fn new(
        records: u64,
        batch_records: u32,
        sizes: Sizes,
        key_bytes: u32,
        compression_millis: u32,
        arrival_records: u32,
    ) -> Self {
        let full = records / u64::from(batch_records);
        let rest = (records % u64::from(batch_records)) as u32;
        let bytes = |records| match sizes {
            Sizes::Fixed(value) => batch::compressed(batch::batch_bytes(records, value, key_bytes), compression_millis),
            _ => 0,
        };
        let layout = [
            Batches { count: full, records: batch_records, bytes: bytes(batch_records) },
            Batches { count: u64::from(rest > 0), records: rest.max(1), bytes: bytes(rest) },
        ];
        let arrival_bytes = bytes(arrival_records);
        let mut log = Self::build(sizes, key_bytes, compression_millis, layout.into_iter(), arrival_records);
        log.arrival.bytes = arrival_bytes;
        log
    }

    fn build(
        sizes: Sizes,
        key_bytes: u32,
        compression_millis: u32,
        layout: impl Iterator<Item = Batches>,
        arrival_records: u32,
    ) -> Self {
        let mut backlog = Vec::with_capacity(2);
        let mut end = 0;
        for batches in layout.filter(|b| b.count > 0) {
            backlog.push((end, batches));
            end += (batches.count * u64::from(batches.records)) as i64;
        }
        let arrival = Batches { count: 0, records: arrival_records.max(1), bytes: 0 };
        Self { seed: 0, sizes, key_bytes, compression_millis, backlog, backlog_end: end, arrival }
    }

    /// Sets the seed that decides the sizes, if they vary.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Appends a batch of the size that arriving ones have. Returns its number of records.
    pub fn append(&mut self) -> u32 {
        self.arrival.count += 1;
        self.arrival.records
    }

    /// The high watermark.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.backlog_end + (self.arrival.count * u64::from(self.arrival.records)) as i64
    }

    /// Value bytes of the records from `first` up to, not including, `next`.
    #[must_use]
    pub fn value_bytes(&self, first: i64, next: i64) -> u64 {
        match &self.sizes {
            Sizes::Fixed(bytes) => (next - first) as u64 * u64::from(*bytes),
            sizes => (first..next).map(|offset| sizes.at(self.seed, offset)).sum(),
        }
    }

    /// Reads from `offset` on, at most `limit` bytes; with `min_one` at least one whole batch if there is one (KIP-74).
    ///
    /// `ReplicaManager.readFromLog`, `LogSegment.read`: the slice begins with the batch that contains `offset`; a slice smaller than
    /// that batch is replaced by an empty one; otherwise a cut last batch stays in and is charged.
    #[must_use]
    pub fn read(&self, offset: i64, limit: u64, min_one: bool) -> Slice {
        let mut slice = Slice { next: offset, ..Slice::default() };
        let mut allowed = limit;
        let mut place = if offset < self.backlog_end {
            self.backlog.partition_point(|(first, _)| *first <= offset) - 1
        } else {
            self.backlog.len()
        };
        while place <= self.backlog.len() && slice.next < self.end() {
            let (first, batches) = self.backlog.get(place).copied().unwrap_or((self.backlog_end, self.arrival));
            let done = (slice.next - first) as u64 / u64::from(batches.records);
            let left = batches.count - done;
            let (whole, bytes, torn) = if self.is_fixed() {
                if min_one && slice.wire_bytes == 0 {
                    allowed = allowed.max(batches.bytes);
                }
                let whole = (allowed / batches.bytes).min(left);
                let bytes = whole * batches.bytes;
                (whole, bytes, if whole < left { allowed - bytes } else { 0 })
            } else {
                self.walk(first, batches, done, &mut allowed, min_one && slice.wire_bytes == 0)
            };
            if whole == 0 && slice.wire_bytes == 0 {
                return Slice { next: offset, ..Slice::default() };
            }
            if whole > 0 {
                slice.next = first + ((done + whole) * u64::from(batches.records)) as i64;
            }
            slice.wire_bytes += bytes + torn;
            allowed -= bytes + torn;
            if whole < left {
                break;
            }
            place += 1;
        }
        slice.records = (slice.next - offset) as u32;
        slice.value_bytes = self.value_bytes(offset, slice.next);
        slice
    }

    const fn is_fixed(&self) -> bool {
        matches!(self.sizes, Sizes::Fixed(_))
    }

    /// Batch by batch, for sizes that vary: how many whole ones fit, their bytes, and the bytes of the one that is cut.
    fn walk(&self, first: i64, batches: Batches, done: u64, allowed: &mut u64, min_one: bool) -> (u64, u64, u64) {
        let (mut whole, mut bytes) = (0, 0);
        for k in done..batches.count {
            let base = first + (k * u64::from(batches.records)) as i64;
            let size = self.batch_size(base, batches.records);
            if min_one && whole == 0 {
                *allowed = (*allowed).max(size);
            }
            if bytes + size > *allowed {
                return (whole, bytes, *allowed - bytes);
            }
            whole += 1;
            bytes += size;
        }
        (whole, bytes, 0)
    }

    fn batch_size(&self, base: i64, records: u32) -> u64 {
        let body: u64 = (0..records)
            .map(|i| {
                let value = self.sizes.at(self.seed, base + i64::from(i));
                batch::record_bytes(i, value as u32, self.key_bytes)
            })
            .sum();
        batch::compressed(batch::batch_bytes(0, 0, 0) + body, self.compression_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn documented() -> Log {
        Log::new(10_000, 100, Sizes::Fixed(200), 10, 1000, 1)
    }

    #[test]
    fn a_mebibyte_holds_47_recorded_batches_and_a_torn_one() {
        let slice = documented().read(0, MIB, false);
        assert_eq!((slice.records, slice.next, slice.value_bytes), (4700, 4700, 940_000));
        assert_eq!(slice.wire_bytes, MIB, "the torn 48th batch is charged");
    }

    #[test]
    fn the_end_of_the_log_is_not_torn() {
        let slice = documented().read(9_400, MIB, false);
        assert_eq!((slice.records, slice.wire_bytes), (600, 6 * 22_033));
        assert_eq!(documented().read(10_000, MIB, true), Slice { next: 10_000, ..Slice::default() });
    }

    #[test]
    fn a_batch_over_the_limit_is_empty_unless_it_may_be_the_first() {
        assert_eq!(documented().read(0, 22_032, false).wire_bytes, 0);
        assert_eq!(documented().read(0, 0, true).records, 100);
    }

    #[test]
    fn a_read_in_mid_batch_is_charged_for_the_whole_batch() {
        let slice = documented().read(50, 2 * 22_033, false);
        assert_eq!((slice.records, slice.next, slice.wire_bytes), (150, 200, 2 * 22_033));
    }

    #[test]
    fn compression_multiplies_the_records_of_a_chunk() {
        let log = Log::new(100_000, 100, Sizes::Fixed(200), 10, 4000, 1);
        // 61 + 21 972 / 4 = 5 554 bytes a batch: 188 of them in a mebibyte.
        assert_eq!(log.read(0, MIB, false).records, 18_800);
    }

    #[test]
    fn appended_batches_follow_the_backlog() {
        let mut log = Log::new(150, 100, Sizes::Fixed(200), 10, 1000, 3);
        assert_eq!(log.append() + log.append(), 6);
        let slice = log.read(100, MIB, false);
        assert_eq!((slice.records, slice.next, log.end()), (56, 156, 156));
    }

    #[test]
    fn varying_sizes_add_up_however_they_are_read() {
        let log = Log::new(1000, 10, Sizes::Table(vec![(100, 9), (10_000, 1)]), 10, 1000, 1);
        let all = log.read(0, u64::MAX, false);
        let (mut offset, mut wire, mut value) = (0, 0, 0);
        while offset < log.end() {
            let slice = log.read(offset, 1, true);
            (offset, wire, value) = (slice.next, wire + slice.wire_bytes, value + slice.value_bytes);
        }
        assert_eq!((all.wire_bytes, all.value_bytes), (wire, value));
        assert!((100 * 1000..10_000 * 1000).contains(&value));
    }
}
