//! How long each partition's log will be in the end: an observer of several instances sees several copies of one log grow.

use crate::scenario::Topic;

/// Per partition, the offset after the last record there will be: of the backlog, or arriving later.
pub(super) fn ends(topic: &Topic) -> Vec<i64> {
    let mut records: Vec<u64> = (0..topic.partitions).map(|p| topic.partition_backlog(p)).collect();
    if let Some(arrival) = topic.arrival {
        // The first batch comes after one interval; they go on round the partitions where the backlog's have ended.
        let batches = arrival.until.as_nanos() / arrival.every().as_nanos().max(1);
        let partitions = u64::from(topic.partitions);
        let first = topic.backlog_batches() % partitions;
        for (partition, records) in (0..).zip(&mut records) {
            let turn = (partition + partitions - first) % partitions;
            let here = batches / partitions + u64::from(turn < batches % partitions);
            *records += here * u64::from(arrival.batch_records);
        }
    }
    records.into_iter().map(|n| i64::try_from(n).unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;
    use crate::scenario::Arrival;

    #[test]
    fn arriving_batches_go_on_where_the_backlog_has_ended() {
        let backlog = Topic { partitions: 3, backlog: 450, ..Topic::example() };
        assert_eq!(ends(&backlog), [200, 150, 100]);
        // Five batches of two records, one a second, the first in the third partition: 2, 0, 1, 2, 0.
        let arrival = Arrival { records_per_kilosecond: 2_000, batch_records: 2, until: Duration::from_millis(5_500) };
        let both = Topic { arrival: Some(arrival), ..backlog };
        assert_eq!(ends(&both), [204, 152, 104]);
    }
}
