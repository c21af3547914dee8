//! What no scheduler can beat.

use super::{LowerBound, Ttci};
use crate::scenario::{Scenario, Topic};
use crate::{Duration, Keys, PartitionId, TopicId};

impl LowerBound {
    /// The bound of a scenario, from processing alone (fetching is taken to cost nothing).
    ///
    /// Before a key is complete, every required topic must have had its first record of the key processed, and therefore, as
    /// partitions are processed in order, all records before it in the partition where it comes soonest. That work, summed over the
    /// topics and divided by the workers, is the key's bound; but at least the largest topic's part, which is one partition's and so
    /// can't be divided. A topic without live arrivals in whose backlog the key does not occur makes it *never*. All bounds are
    /// zero where processing costs nothing.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let workers = u64::from(scenario.application.workers);
        let cost = |topic: &Topic| topic.processing_per_record.unwrap_or(scenario.application.per_record);
        let work: Duration =
            scenario.topics.iter().map(|t| cost(t).times(t.backlog)).fold(Duration::ZERO, |a, b| a + b);

        let required = || scenario.topics.iter().enumerate().filter(|(_, topic)| topic.required);
        let keys = required().map(|(_, topic)| topic.keys).max().unwrap_or(0);
        // Per key: sum and largest of the topics' parts; `None` once a topic never has it.
        let mut parts = vec![Some((Duration::ZERO, Duration::ZERO)); keys as usize];
        let mut records = vec![u64::MAX; keys as usize];
        for (i, topic) in required() {
            // Work that costs nothing, in a topic that has every key: neither the sum nor the largest part changes.
            if cost(topic).is_zero() && topic.keys == keys && topic.partition_backlog(0) >= u64::from(keys) {
                continue;
            }
            records.fill(u64::MAX);
            prefixes(topic, TopicId(i as u32), scenario.seed, &mut records);
            for (part, &records) in parts.iter_mut().zip(&records) {
                let work = cost(topic).times(records);
                *part = part.filter(|_| records < u64::MAX).map(|(sum, largest)| (sum + work, work.max(largest)));
            }
        }
        let bound = |(sum, largest): (Duration, Duration)| Duration::from_nanos(sum.as_nanos() / workers).max(largest);
        let mut times: Vec<_> = parts.into_iter().flatten().map(bound).collect();
        Self { ttci: Ttci::of(&mut times, keys), drain: Duration::from_nanos(work.as_nanos() / workers) }
    }
}

/// Per key, the records up to and with its first one, in the partition where they are fewest.
fn prefixes(topic: &Topic, id: TopicId, seed: u64, records: &mut [u64]) {
    let mut keys = Keys::new(seed, topic.keys);
    for partition in 0..topic.partitions {
        // Each key comes once in every `keys` offsets: no need to look beyond them.
        let live = topic.arrival.is_some_and(|arrival| arrival.records_per_kilosecond > 0);
        let end = if live { u64::MAX } else { topic.partition_backlog(partition) };
        let partition = PartitionId { topic: id, partition };
        for offset in 0..end.min(u64::from(topic.keys)) {
            let prefix = &mut records[keys.key(partition, offset as i64) as usize];
            *prefix = (offset + 1).min(*prefix);
        }
    }
}
